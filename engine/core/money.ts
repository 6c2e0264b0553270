// Amounts and instants: what counts as one. Integer minor units of one currency, milliseconds since the Unix epoch.
import type { Instant, Minor } from "./ids.ts";

/** 10^12 minor units. A price, a step above it and a percentage of it all stay safe integers. */
export const AMOUNT_MAX: Minor = 1_000_000_000_000;

/** 9999-12-31T23:59:59.999Z: the last instant that every date format can write. It fits 48 bits. */
export const INSTANT_MAX: Instant = 253_402_300_799_999;

/** Any other number of the settings: an integer from 0 to 10^15. */
export const NUMBER_MAX = 1_000_000_000_000_000;

/** Whether it is an integer from `from` to `to`, both included. */
export function isIntegerIn(value: unknown, from: number, to: number): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= from && value <= to;
}

/** Whether it is an amount: an integer from 1 to 10^12. */
export function isAmount(value: unknown): value is Minor {
  return isIntegerIn(value, 1, AMOUNT_MAX);
}

/** Whether an amount is a multiple of the auction's step. */
export function isOnStep(amount: Minor, amountStep: number): boolean {
  return amount % amountStep === 0;
}

/** Whether it is an instant that may be set: an integer from 0 to the end of the year 9999. */
export function isInstant(value: unknown): value is Instant {
  return isIntegerIn(value, 0, INSTANT_MAX);
}
