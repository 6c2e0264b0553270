// What one simulated bidder does. Pure: the same seed and the same sights give the same bids.
//
// B1. A bidder has a worth for each lot and never bids above it, so prices settle as at a real sale.
// B2. A bidder thinks for seconds, like a person: thinkMs is the pause before the next look.

/** patient: one maximum bid near the worth, early. climber: the asking price, again and again. sniper: only in the last seconds.
 *  browser: looks more than it bids. */
export type Temper = "patient" | "climber" | "sniper" | "browser";

export interface Bidder {
  readonly id: string;
  readonly name: string;
  readonly temper: Temper;
  readonly random: () => number;
  /** Share of the lot's opening price that this bidder pays at most, by auction. */
  worthOf(auctionId: string): number;
}

/** What a bidder sees of an auction. */
export interface Sight {
  readonly auctionId: string;
  readonly openingPriceMinor: number;
  readonly askingPriceMinor: number | null;
  readonly leading: boolean;
  readonly remainingMs: number;
  readonly phase: string;
  readonly stale: boolean;
}

export interface Intent {
  readonly amountMinor: number;
  readonly kind: "maximum" | "flat";
}

const TEMPERS: readonly Temper[] = ["climber", "patient", "climber", "sniper", "browser"];
const NAMES = [
  "Ada",
  "Bo",
  "Cleo",
  "Dov",
  "Esi",
  "Finn",
  "Gia",
  "Hugo",
  "Ines",
  "Jun",
  "Kaya",
  "Levi",
  "Mina",
  "Noor",
  "Otis",
  "Pia",
  "Quin",
  "Rui",
  "Suri",
  "Tove",
];

/** A sniper bids within this of the end. */
const SNIPE_MS = 12_000;

/** Bidder number `number`; the same seed gives the same bidder. */
export function makeBidder(seed: number, number: number): Bidder {
  const random = seededRandom(hash(`${seed}/${number}`));
  return {
    id: `demo-bidder-${number}`,
    name: NAMES[number % NAMES.length] ?? "Ada",
    temper: TEMPERS[number % TEMPERS.length] ?? "climber",
    random,
    // Most lots are worth two to three openings to somebody, few are worth six: the product of two throws leans low.
    worthOf: (auctionId) => {
      const throwOf = seededRandom(hash(`${seed}/${number}/${auctionId}`));
      return 1 + 5 * throwOf() * throwOf();
    },
  };
}

/** The bid this bidder makes now, or null. A stale price is never bid on, nor is one's own lead raised. */
export function intentOf(bidder: Bidder, sight: Sight): Intent | null {
  const { askingPriceMinor: asking } = sight;
  if (sight.phase !== "open" || sight.stale || sight.leading || asking === null || sight.remainingMs <= 0) return null;
  const worth = Math.floor(sight.openingPriceMinor * bidder.worthOf(sight.auctionId));
  if (asking > worth) return null;
  const chance = bidder.random();
  switch (bidder.temper) {
    case "patient":
      return chance < 0.4 ? { amountMinor: between(asking, worth, 0.6 + 0.4 * bidder.random()), kind: "maximum" } : null;
    case "climber":
      return chance < 0.6 ? { amountMinor: asking, kind: chance < 0.1 ? "flat" : "maximum" } : null;
    case "sniper":
      return sight.remainingMs <= SNIPE_MS ? { amountMinor: between(asking, worth, bidder.random()), kind: "maximum" } : null;
    case "browser":
      return chance < 0.08 ? { amountMinor: asking, kind: "maximum" } : null;
  }
}

/** Pause before the next look: 4 to 20 s, shorter near an end that this bidder watches for. */
export function thinkMs(bidder: Bidder, nearestEndMs: number): number {
  const pause = 4_000 + 16_000 * bidder.random();
  return bidder.temper === "sniper" ? Math.min(pause, Math.max(800, nearestEndMs - SNIPE_MS * (0.2 + 0.7 * bidder.random()))) : pause;
}

function between(low: number, high: number, share: number): number {
  return Math.min(high, Math.floor(low + (high - low) * share));
}

/** FNV-1a, 32 bits: only to spread seeds. */
export function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) value = Math.imul(value ^ text.charCodeAt(index), 0x01000193);
  return value >>> 0;
}

/** Mulberry32: 0 up to, not including, 1. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}
