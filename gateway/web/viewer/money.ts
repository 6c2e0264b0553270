// Money for people: minor units to text and typed text to minor units. No price is computed here, only the next steps are read
// from the increment table.
import type { Increments } from "../../client/client.ts";

/** Digits of the minor unit by ISO 4217, where they are not 2. Intl follows common use instead for some currencies. */
const DIGITS = ["BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF", "", "", "BHD IQD JOD KWD LYD OMR TND", "CLF UYW"];
const DIGITS_USUAL = 2;
/** The largest amount of an auction, in minor units. */
const AMOUNT_MAX = 1e12;

/** Digits of the minor unit: 2 for USD, 0 for JPY, 3 for KWD. */
export function digitsOf(currency: string): number {
  const listed = currency.length === 3 ? DIGITS.findIndex((currencies) => currencies.includes(currency)) : -1;
  return listed < 0 ? DIGITS_USUAL : listed;
}

const formats = new Map<string, Intl.NumberFormat>();

/** "$102.50", "¥5,000", "KWD 12.500" as the reader's language writes them. */
export function moneyText(minor: number, currency: string): string {
  const digits = digitsOf(currency);
  let format = formats.get(currency);
  if (format === undefined) {
    format = makeFormat(currency, digits);
    formats.set(currency, format);
  }
  return format.format(minor / 10 ** digits);
}

function makeFormat(currency: string, digits: number): Intl.NumberFormat {
  const fraction = { minimumFractionDigits: digits, maximumFractionDigits: digits };
  try {
    return new Intl.NumberFormat(undefined, { style: "currency", currency, ...fraction });
  } catch {
    return new Intl.NumberFormat(undefined, fraction);
  }
}

/** The decimal mark of the reader's language. */
function decimalMark(): string {
  return new Intl.NumberFormat().formatToParts(1.5).find((part) => part.type === "decimal")?.value ?? ".";
}

/** What a person typed as an amount, in minor units, or null. A currency may stand before or after, thousands may be marked. The
 *  language's own mark is the decimal one; the other mark means thousands before three digits and is else taken as decimal.
 *  What could be meant in two ways is null: an amount a thousand times too high is worse than a question. */
export function parseMoney(text: string, currency: string, mark: string = decimalMark()): number | null {
  const bare = text.replace(/^[\p{Sc}\p{L}\s]+|[\p{Sc}\p{L}\s]+$/gu, "").replace(/(?<=\d)[\s'’](?=\d{3})/g, "");
  const usual = mark === "," ? /^(\d{1,3}(?:\.\d{3})+|\d+)(?:,(\d+))?$/ : /^(\d{1,3}(?:,\d{3})+|\d+)(?:\.(\d+))?$/;
  const foreign = mark === "," ? /^(\d+)\.(\d+)$/ : /^(\d+),(\d+)$/;
  const [, whole, fraction = ""] = usual.exec(bare) ?? foreign.exec(bare) ?? [];
  const digits = digitsOf(currency);
  if (whole === undefined || fraction.length > digits) return null;
  return sized(Number(whole.replace(/[.,]/g, "")) * 10 ** digits + Number(fraction.padEnd(digits, "0") || 0));
}

function sized(minor: number): number | null {
  return Number.isSafeInteger(minor) && minor >= 1 && minor <= AMOUNT_MAX ? minor : null;
}

export type Bands = readonly { readonly fromMinor: number; readonly stepMinor: number }[];

/** Bands of an auction's table, or null while a named one is not known. */
export function bandsOf(increments: Increments, named: ReadonlyMap<string, Bands>): Bands | null {
  return typeof increments === "string" ? (named.get(increments) ?? null) : increments.bands;
}

/** The asking price (or what is least here) and the two steps after it. Without a table only the first. */
export function nextAmounts(leastMinor: number, bands: Bands | null): readonly number[] {
  if (bands === null) return [leastMinor];
  const second = leastMinor + stepAt(leastMinor, bands);
  return [leastMinor, second, second + stepAt(second, bands)];
}

/** The step of the band that a price is in. */
export function stepAt(minor: number, bands: Bands): number {
  return bands.findLast((band) => band.fromMinor <= minor)?.stepMinor ?? bands[0]?.stepMinor ?? 1;
}
