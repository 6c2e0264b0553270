// Which demo auctions to open, from what runs. Pure: time and numbers are arguments.
//
// D1. Auction number n of the demo is always the same lot under the same key, so a repeat opens nothing twice.
// D2. Some auctions end within minutes, some within hours, some within days, at any time; never more than RUNNING_MAX run.
import { DEMO_LOTS, type DemoLot } from "./demo-lots.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

interface Spread {
  /** An auction counts here when at most so much time is left, and it is in no narrower one. */
  readonly withinMs: number;
  readonly wanted: number;
  /** Taken in turn by the auction's number. */
  readonly durationsMs: readonly number[];
}

const SPREADS: readonly Spread[] = [
  { withinMs: 15 * MINUTE, wanted: 4, durationsMs: [3 * MINUTE, 6 * MINUTE, 9 * MINUTE, 14 * MINUTE, 5 * MINUTE, 11 * MINUTE] },
  { withinMs: 2 * HOUR, wanted: 3, durationsMs: [35 * MINUTE, 80 * MINUTE, 115 * MINUTE, 55 * MINUTE] },
  { withinMs: DAY, wanted: 3, durationsMs: [5 * HOUR, 11 * HOUR, 22 * HOUR, 8 * HOUR] },
  { withinMs: Number.POSITIVE_INFINITY, wanted: 4, durationsMs: [2 * DAY, 3 * DAY + 4 * HOUR, 5 * DAY, 7 * DAY] },
];

/** A page that shows more is no longer leafed through. */
export const RUNNING_MAX = 24;

/** Durations to open now, given the time left of each demo auction that runs. Never more than fit under RUNNING_MAX. */
export function missingDurations(leftMs: readonly number[], firstNumber: number): number[] {
  const missing: number[] = [];
  let from = 0;
  for (const spread of SPREADS) {
    const running = leftMs.filter((left) => left > from && left <= spread.withinMs).length;
    for (let place = running; place < spread.wanted; place += 1) {
      const turn = (firstNumber + missing.length) % spread.durationsMs.length;
      missing.push(spread.durationsMs[turn] ?? spread.withinMs);
    }
    from = spread.withinMs;
  }
  return missing.slice(0, Math.max(0, RUNNING_MAX - leftMs.length));
}

/** Soft closes as houses have them; null is a hard end. A short auction gets a short window, or it would never end. */
function softCloseOf(number: number, durationMs: number): object | null {
  const window = durationMs <= 15 * MINUTE ? 30_000 : 2 * MINUTE;
  const kinds = [
    { windowMs: window, amountMs: window, base: "bid", cap: { count: 10 } },
    { windowMs: window, amountMs: window, base: "end", trigger: { on: "price_rise" }, cap: { count: 5 } },
    { windowMs: window * 2, amountMs: window, base: "end", cap: { totalMs: 10 * window } },
    { windowMs: window, amountMs: window * 2, base: "bid", cap: { hardStop: { afterScheduledMs: 10 * window } } },
    null,
  ];
  return kinds[number % kinds.length] ?? null;
}

/** Steps that suit yen, where there is no smaller unit. */
const YEN_BANDS = [
  { fromMinor: 0, stepMinor: 500 },
  { fromMinor: 20_000, stepMinor: 1_000 },
  { fromMinor: 100_000, stepMinor: 5_000 },
];

export interface DemoAuction {
  readonly key: string;
  readonly body: Readonly<Record<string, unknown>>;
}

/** Auction number `number` (D1), open from `atMs` on for `durationMs`. */
export function demoAuction(number: number, durationMs: number, atMs: number): DemoAuction {
  const lot = lotOf(number);
  const softClose = softCloseOf(number, durationMs);
  return {
    key: `demo-${number}`,
    body: {
      lot: { title: lot.title, description: lot.description, category: lot.category },
      currency: lot.currency,
      openingPriceMinor: lot.openingMinor,
      increments: incrementsOf(lot),
      ...(lot.reserveMinor === undefined ? {} : { reserveMinor: lot.reserveMinor }),
      ...(lot.buyNowMinor === undefined ? {} : { buyNow: { priceMinor: lot.buyNowMinor } }),
      ...(softClose === null ? {} : { softClose }),
      bidding: { kinds: ["maximum", "flat"] },
      outage: { policy: "give_back" },
      opensAtMs: atMs,
      durationMs,
    },
  };
}

function lotOf(number: number): DemoLot {
  const lot = DEMO_LOTS[number % DEMO_LOTS.length];
  if (lot === undefined) throw new Error("the demo has no lots");
  return lot;
}

function incrementsOf(lot: DemoLot): unknown {
  if (lot.currency === "JPY") return { bands: YEN_BANDS };
  return lot.currency === "GBP" ? "ebay_uk" : "ebay_us";
}
