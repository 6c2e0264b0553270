// Banded increment tables as data, and the step at a price.

import type { Minor } from "./ids.ts";
import { AMOUNT_MAX, isAmount, isIntegerIn, isOnStep } from "./money.ts";
import type { IncrementBand, IncrementTable } from "./settings.ts";

/** A table of more bands than this is refused; the houses' own have about ten. */
export const BANDS_MAX = 64;

function table(name: string, bands: readonly (readonly [from: Minor, step: Minor])[]): IncrementTable {
  return Object.freeze({
    name,
    bands: Object.freeze(bands.map(([from, step]) => Object.freeze({ from, step }))),
    allowSubIncrementOutbid: true,
  });
}

/** USD cents. Source: eBay, help page on bid increments (US table). */
export const EBAY_US = table("ebay_us", [
  [0, 5],
  [100, 25],
  [500, 50],
  [2500, 100],
  [10000, 250],
  [25000, 500],
  [50000, 1000],
  [100000, 2500],
  [250000, 5000],
  [500000, 10000],
]);

/** GBP pence. Source: eBay, help page on bid increments (UK table). */
export const EBAY_UK = table("ebay_uk", [
  [0, 5],
  [100, 20],
  [500, 50],
  [1500, 100],
  [6000, 200],
  [15000, 500],
  [30000, 1000],
  [60000, 2000],
  [150000, 5000],
  [300000, 10000],
]);

const NAMED: readonly IncrementTable[] = [EBAY_US, EBAY_UK];

/** Step of the band the price is in, in minor units, even if price plus step lands in the next band. Never throws: bands are
 *  checked when a table is made. */
export function increment(increments: IncrementTable, price: Minor): Minor {
  const bands = increments.bands;
  let band = bands.length - 1;
  while (band > 0 && (bands[band] as IncrementBand).from > price) band -= 1;
  return (bands[band] as IncrementBand).step;
}

/** Least acceptable next bid, in minor units. The band is that of the current price, not of the bidder's maximum. Before the
 *  first bid it is the opening price. Nothing is rounded, and the reserve never raises it. */
export function askingAbove(increments: IncrementTable, opening: Minor, price: Minor | null): Minor {
  return price === null ? opening : price + increment(increments, price);
}

/** A table from a name or `{ bands, allowSubIncrementOutbid }`, checked against the auction's step; null when it is none. Equal
 *  to a named table, it is that table. Steps may fall from band to band, so that the 0-2-5-8 ladder of the rooms can be written. */
export function parseIncrements(input: unknown, amountStep: number): IncrementTable | null {
  const increments = typeof input === "string" ? (NAMED.find((named) => named.name === input) ?? null) : customTable(input);
  if (increments === null || !increments.bands.every((band) => isOnStep(band.step, amountStep))) return null;
  return NAMED.find((named) => isSameTable(named, increments)) ?? increments;
}

function customTable(input: unknown): IncrementTable | null {
  if (typeof input !== "object" || input === null) return null;
  const { bands, allowSubIncrementOutbid = true } = input as { readonly bands?: unknown; readonly allowSubIncrementOutbid?: unknown };
  if (!Array.isArray(bands) || bands.length === 0 || bands.length > BANDS_MAX || typeof allowSubIncrementOutbid !== "boolean") return null;
  const checked: IncrementBand[] = [];
  for (const band of bands as readonly unknown[]) {
    if (typeof band !== "object" || band === null) return null;
    const { from, step } = band as { readonly from?: unknown; readonly step?: unknown };
    const previous = checked.at(-1);
    if (previous === undefined ? from !== 0 : !isIntegerIn(from, previous.from + 1, AMOUNT_MAX)) return null;
    if (!isAmount(step)) return null;
    checked.push({ from: from as Minor, step });
  }
  return { name: "custom", bands: checked, allowSubIncrementOutbid };
}

function isSameTable(left: IncrementTable, right: IncrementTable): boolean {
  return (
    left.allowSubIncrementOutbid === right.allowSubIncrementOutbid &&
    left.bands.length === right.bands.length &&
    left.bands.every((band, index) => band.from === right.bands[index]?.from && band.step === right.bands[index]?.step)
  );
}
