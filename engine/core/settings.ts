// What an auction is fixed to by its `create`: shapes only. A format's `validate` turns SettingsInput into Settings or a code.
import type { Instant, Minor } from "./ids.ts";

export interface IncrementBand {
  readonly from: Minor;
  readonly step: Minor;
}

/** A band holds for prices from its `from` up to, not including, the next `from`; the last has no end. */
export interface IncrementTable {
  /** `ebay_us`, `ebay_uk`, or `custom`. */
  readonly name: string;
  readonly bands: readonly IncrementBand[];
  readonly allowSubIncrementOutbid: boolean;
}

export type BuyNowUntil = "first_bid_or_reserve" | "first_bid" | "price_reached";

export interface BuyNow {
  readonly price: Minor;
  readonly minOverOpeningPercent: number;
  readonly until: BuyNowUntil;
  readonly returns: boolean;
}

export interface Bidding {
  readonly kinds: readonly ("maximum" | "flat")[];
  readonly equalMaximum: "accept" | "refuse";
  readonly ownRaiseMovesPrice: boolean;
}

export interface SoftClose {
  readonly windowMs: number;
  readonly amountMs: number;
  readonly base: "end" | "bid";
  readonly trigger: { readonly on: "accepted_bid" | "price_rise" | "rank"; readonly rank: number };
  readonly scope: "lot";
  readonly cap: {
    readonly count: number | null;
    readonly totalMs: number | null;
    readonly hardStop: { readonly at: Instant } | { readonly afterScheduledMs: number } | null;
  };
}

export interface Retraction {
  readonly earlyMs: number;
  readonly lateGraceMs: number;
  readonly reasons: readonly string[];
  readonly leaderMay: boolean;
}

export interface ReserveLowering {
  readonly leftMsMin: number;
  readonly coveredLeader: "cut" | "jump";
  readonly cutBelow: Minor;
}

export interface SellerRights {
  readonly freeMs: number;
  readonly mayVoid: boolean;
}

export interface BidderRules {
  readonly registration: "open" | "required";
  readonly defaultLimit: Minor | null;
  readonly associatesMayBuyNow: boolean;
}

export interface Outage {
  readonly policy: "none" | "give_back";
  readonly lostMsMin: number;
  readonly givenMsMax: number | null;
}

/** Complete and checked: every default filled in. Never changes after `create`. Equal parts may be shared between auctions. */
export interface Settings {
  readonly format: "english";
  readonly currency: string;
  readonly amountStep: number;
  readonly opening: Minor;
  readonly increments: IncrementTable;
  readonly reserve: Minor | null;
  readonly buyNow: BuyNow | null;
  readonly bidding: Bidding;
  readonly softClose: SoftClose | null;
  readonly retraction: Retraction | null;
  readonly reserveLowering: ReserveLowering | null;
  readonly sellerRights: SellerRights;
  readonly bidderRules: BidderRules;
  readonly outage: Outage;
  /** null = draft. */
  readonly opensAt: Instant | null;
  /** Exactly one of endsAt and durationMs is set. */
  readonly endsAt: Instant | null;
  readonly durationMs: number | null;
  readonly sellerId: string;
  readonly associates: readonly string[];
  readonly lotId: string | null;
  readonly groupId: string | null;
  readonly saleId: string | null;
}

/** Settings as asked for: any member may be absent (its default holds) or wrong (its code answers). `increments` is a
 *  name or `{ bands, allowSubIncrementOutbid? }`; the other members are named as in Settings. Plain data, as it is logged. */
export type SettingsInput = { readonly [member: string]: unknown };
