// What a `create` asked for, with the defaults filled in, as the naive model reads it. Written from the table of settings alone;
// it believes that an accepted `create` was valid.

const HOUR_MS = 3_600_000;

/** The settings the model rules by. */
export interface Terms {
  readonly currency: string;
  readonly amountStep: number;
  readonly opening: number;
  readonly bands: readonly { readonly from: number; readonly step: number }[];
  readonly subIncrement: boolean;
  readonly reserve: number | null;
  readonly buyNow: { readonly price: number; readonly until: string; readonly returns: boolean } | null;
  readonly kinds: readonly string[];
  readonly equalMaximum: string;
  readonly ownRaiseMovesPrice: boolean;
  readonly softClose: {
    readonly windowMs: number;
    readonly amountMs: number;
    readonly base: string;
    readonly on: string;
    readonly rank: number;
    readonly cap: { readonly count: number | null; readonly totalMs: number | null; readonly stopAt: number | null; readonly stopAfterMs: number | null };
  } | null;
  readonly retraction: { readonly earlyMs: number; readonly lateGraceMs: number; readonly reasons: readonly string[]; readonly leaderMay: boolean } | null;
  readonly reserveLowering: { readonly leftMsMin: number; readonly coveredLeader: string; readonly cutBelow: number } | null;
  readonly sellerFreeMs: number;
  readonly sellerMayVoid: boolean;
  readonly registration: string;
  readonly defaultLimit: number | null;
  readonly associatesMayBuyNow: boolean;
  readonly outage: { readonly policy: string; readonly lostMsMin: number; readonly givenMsMax: number | null };
  readonly opensAt: number | null;
  readonly endsAt: number | null;
  readonly durationMs: number | null;
  readonly sellerId: string;
  readonly associates: readonly string[];
}

type Loose = Readonly<Record<string, unknown>>;

const STEPS: Readonly<Record<string, readonly (readonly [number, number])[]>> = {
  ebay_us: [
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
  ],
  ebay_uk: [
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
  ],
};

function part(value: unknown): Loose {
  return typeof value === "object" && value !== null ? (value as Loose) : {};
}

function or<T>(value: unknown, otherwise: T): T {
  return value === undefined ? otherwise : (value as T);
}

/** Fills in the defaults of the table of settings. */
export function readTerms(input: Loose): Terms {
  const table = or<unknown>(input.increments, "ebay_us");
  const named = typeof table === "string" ? STEPS[table] : undefined;
  const custom = part(table).bands as readonly { from: number; step: number }[] | undefined;
  const bidding = part(input.bidding);
  const seller = part(input.sellerRights);
  const people = part(input.bidderRules);
  const outage = part(input.outage);
  return {
    currency: String(input.currency),
    amountStep: or(input.amountStep, 1),
    opening: Number(input.opening),
    bands: named === undefined ? (custom ?? []) : named.map(([from, step]) => ({ from, step })),
    subIncrement: or(part(table).allowSubIncrementOutbid, true),
    reserve: or(input.reserve, null),
    buyNow: readBuyNow(or(input.buyNow, null)),
    kinds: or(bidding.kinds, ["maximum"]),
    equalMaximum: or(bidding.equalMaximum, "accept"),
    ownRaiseMovesPrice: or(bidding.ownRaiseMovesPrice, true),
    softClose: readSoftClose(or(input.softClose, null)),
    retraction: readRetraction(input.retraction),
    reserveLowering: readLowering(input.reserveLowering),
    sellerFreeMs: or(seller.freeMs, 12 * HOUR_MS),
    sellerMayVoid: or(seller.mayVoid, true),
    registration: or(people.registration, "open"),
    defaultLimit: or(people.defaultLimit, null),
    associatesMayBuyNow: or(people.associatesMayBuyNow, true),
    outage: { policy: or(outage.policy, "none"), lostMsMin: or(outage.lostMsMin, 0), givenMsMax: or(outage.givenMsMax, null) },
    opensAt: or(input.opensAt, null),
    endsAt: or(input.endsAt, null),
    durationMs: or(input.durationMs, null),
    sellerId: String(input.sellerId),
    associates: or(input.associates, []),
  };
}

function readBuyNow(value: unknown): Terms["buyNow"] {
  if (value === null) return null;
  const buyNow = part(value);
  return { price: Number(buyNow.price), until: or(buyNow.until, "first_bid_or_reserve"), returns: or(buyNow.returns, false) };
}

function readSoftClose(value: unknown): Terms["softClose"] {
  if (value === null) return null;
  const rule = part(value);
  const trigger = part(rule.trigger);
  const cap = part(rule.cap);
  const stop = part(cap.hardStop);
  return {
    windowMs: Number(rule.windowMs),
    amountMs: Number(rule.amountMs),
    base: or(rule.base, "bid"),
    on: or(trigger.on, "accepted_bid"),
    rank: or(trigger.rank, 1),
    cap: { count: or(cap.count, null), totalMs: or(cap.totalMs, null), stopAt: or(stop.at, null), stopAfterMs: or(stop.afterScheduledMs, null) },
  };
}

function readRetraction(value: unknown): Terms["retraction"] {
  if (value === null) return null;
  const rule = part(value);
  return {
    earlyMs: or(rule.earlyMs, 12 * HOUR_MS),
    lateGraceMs: or(rule.lateGraceMs, HOUR_MS),
    reasons: or(rule.reasons, ["mistyped_amount", "description_changed"]),
    leaderMay: or(rule.leaderMay, true),
  };
}

function readLowering(value: unknown): Terms["reserveLowering"] {
  if (value === null) return null;
  const rule = part(value);
  return { leftMsMin: or(rule.leftMsMin, 12 * HOUR_MS), coveredLeader: or(rule.coveredLeader, "cut"), cutBelow: or(rule.cutBelow, 100) };
}
