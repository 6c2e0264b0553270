// The icon of the tab: a paddle with the lot's number.

/** An SVG as a data address. `number` is digits only, or empty. */
export function paddleIcon(number: string): string {
  const size = number.length > 3 ? 9 : 12;
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><path d="M16 1c9 0 13 5 13 11s-5 10-10 11l-.6 7a2.4 2.4 0 0 1-4.8 0L13 23C8 22 3 18 3 12S7 1 16 1z" fill="#b3261e"/><text x="16" y="16" text-anchor="middle" font-family="Georgia,serif" font-size="${size}" fill="#fff">${number}</text></svg>`;
  return `data:image/svg+xml,${encodeURIComponent(svg)}`;
}
