// What a process of ours tells of itself on /metrics: read before and after, and taken apart by difference.

export type Figures = ReadonlyMap<string, number>;

/** The samples of a Prometheus text, by name with labels. Empty when nobody answers: a figure of the side is no reason to end a run. */
export async function scrape(url: string): Promise<Figures> {
  try {
    const response = await fetch(url);
    return parseFigures(await response.text());
  } catch {
    return new Map();
  }
}

/** The same out of a text. */
export function parseFigures(text: string): Figures {
  const figures = new Map<string, number>();
  for (const line of text.split("\n")) {
    if (line === "" || line.startsWith("#")) continue;
    const blank = line.lastIndexOf(" ");
    figures.set(line.slice(0, blank), Number(line.slice(blank + 1)));
  }
  return figures;
}

/** Sum over all labels of one name; null when it is not told. */
export function figure(figures: Figures, name: string): number | null {
  let sum: number | null = null;
  for (const [key, value] of figures) if (key === name || key.startsWith(`${name}{`)) sum = (sum ?? 0) + value;
  return sum;
}

/** How much a sum grew; null when it is not told. */
export function growth(before: Figures, after: Figures, name: string): number | null {
  const [from, to] = [figure(before, name), figure(after, name)];
  return from === null || to === null ? null : to - from;
}
