// Amounts and durations as people type and read them. Amounts in major units ("12.50"), never through a floating number.

/** Digits of the currency's minor unit: USD 2, JPY 0, KWD 3. null for an unknown currency. */
export function exponentOf(currency: string): number | null {
  if (!Intl.supportedValuesOf("currency").includes(currency)) return null;
  return new Intl.NumberFormat("en", { style: "currency", currency }).resolvedOptions().maximumFractionDigits ?? null;
}

/** "12.5" in USD is 1250 minor units. null when it is no plain decimal, has more digits than the currency, or is not a safe integer. */
export function parseAmount(text: string, currency: string): number | null {
  const exponent = exponentOf(currency);
  const match = /^(\d{1,15})(?:\.(\d+))?$/.exec(text);
  if (exponent === null || match === null) return null;
  const [, whole = "", fraction = ""] = match;
  if (fraction.length > exponent) return null;
  const minor = Number(whole + fraction.padEnd(exponent, "0"));
  return Number.isSafeInteger(minor) && minor > 0 ? minor : null;
}

/** 1250 in USD is "12.50 USD"; null is "-". An unknown currency is shown in minor units. */
export function amountText(minor: number | null | undefined, currency: string): string {
  if (minor === null || minor === undefined) return "-";
  const exponent = exponentOf(currency);
  if (exponent === null) return `${minor} minor units of ${currency}`;
  if (exponent === 0) return `${minor} ${currency}`;
  const digits = String(minor).padStart(exponent + 1, "0");
  return `${digits.slice(0, -exponent)}.${digits.slice(-exponent)} ${currency}`;
}

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** "90s", "10m", "1h30m", "2d" in ms; null when it is none of that or zero. */
export function parseDuration(text: string): number | null {
  if (!/^(\d{1,9}(ms|s|m|h|d))+$/.test(text)) return null;
  let total = 0;
  for (const [, count = "0", unit = "ms"] of text.matchAll(/(\d+)(ms|s|m|h|d)/g)) total += Number(count) * (UNITS[unit] ?? 0);
  return total > 0 && Number.isSafeInteger(total) ? total : null;
}

/** 93,000 ms as "1m 33s"; two units at most. */
export function durationText(ms: number): string {
  if (ms < 1_000) return "0s";
  const parts: string[] = [];
  let left = Math.floor(ms / 1_000);
  for (const [unit, size] of [
    ["d", 86_400],
    ["h", 3_600],
    ["m", 60],
    ["s", 1],
  ] as const) {
    const count = Math.floor(left / size);
    left -= count * size;
    if (count > 0) parts.push(`${count}${unit}`);
  }
  return parts.slice(0, 2).join(" ");
}
