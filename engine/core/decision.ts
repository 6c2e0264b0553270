// A ruling on one command: accepted or rejected with a code, and its effects. Rejections are values and are logged.
import type { Command } from "./command.ts";
import type { AuctionId, Epoch, Instant, Minor, Sequence } from "./ids.ts";

export const PHASE_CODES = ["not_open", "paused", "ended", "withdrawn", "already_open", "already_paused", "not_paused", "not_due", "already_exists"] as const;
export const WHO_CODES = ["not_permitted", "seller_may_not_bid", "associate_may_not_bid", "bidder_blocked", "not_registered", "over_authorised_limit"] as const;
export const AMOUNT_CODES = ["wrong_currency", "amount_invalid", "amount_off_step", "below_asking_price", "limit_invalid"] as const;
export const BID_CODES = [
  "kind_not_allowed",
  "already_leading",
  "not_leading",
  "not_above_own_maximum",
  "equals_maximum",
  "no_such_bid",
  "bid_already_removed",
] as const;
export const RETRACTION_CODES = ["retraction_not_allowed", "reason_not_allowed", "leader_may_not_retract", "too_late_to_retract"] as const;
export const RESERVE_CODES = [
  "no_reserve",
  "reserve_lowering_not_allowed",
  "reserve_not_lower",
  "reserve_already_met",
  "too_late_to_lower",
  "reserve_below_asking_price",
] as const;
export const BUY_NOW_CODES = ["no_buy_now", "buy_now_gone", "buy_now_price_differs"] as const;
export const END_CODES = [
  "end_not_later",
  "end_in_past",
  "time_invalid",
  "too_late_to_withdraw",
  "no_leader",
  "reserve_not_met",
  "nothing_to_give_back",
] as const;
export const SETTINGS_CODES = [
  "format_invalid",
  "currency_invalid",
  "step_invalid",
  "opening_invalid",
  "increments_invalid",
  "reserve_invalid",
  "buy_now_invalid",
  "bidding_invalid",
  "soft_close_invalid",
  "retraction_invalid",
  "reserve_lowering_invalid",
  "seller_rights_invalid",
  "bidder_rules_invalid",
  "outage_invalid",
  "times_invalid",
  "ids_invalid",
] as const;
export const ACCEPTED_CODES = ["leading", "outbid", "ok"] as const;

/** Every code a decision can bear. The position in this list is the stored number of the code (16 bits), so the list only
 *  grows at its end: later formats append theirs. */
export const DECISION_CODES = [
  ...ACCEPTED_CODES,
  ...PHASE_CODES,
  ...WHO_CODES,
  ...AMOUNT_CODES,
  ...BID_CODES,
  ...RETRACTION_CODES,
  ...RESERVE_CODES,
  ...BUY_NOW_CODES,
  ...END_CODES,
  ...SETTINGS_CODES,
] as const;

export type AcceptedCode = (typeof ACCEPTED_CODES)[number];
export type DecisionCode = (typeof DECISION_CODES)[number];
export type RejectionCode = Exclude<DecisionCode, AcceptedCode>;
export type Verdict = "accepted" | "rejected";

/** Turned away before any decision: not logged, no effect, binds no key. `outcome_unknown` alone may have had an effect. */
export const REFUSAL_CODES = [
  "key_reused",
  "no_such_auction",
  "auction_busy",
  "overloaded",
  "shard_moving",
  "shard_unowned",
  "log_unavailable",
  "draining",
  "outcome_unknown",
] as const;
export type RefusalCode = (typeof REFUSAL_CODES)[number];

export type Phase = "draft" | "scheduled" | "open" | "paused" | "closed";
export type Outcome = "sold" | "passed" | "withdrawn";
export type EndedBy = "close_due" | "end_early" | "buy_now" | "withdraw";
export type RemovalKind = "retracted" | "voided";

export interface Ended {
  readonly outcome: Outcome;
  readonly hammerPrice: Minor | null;
  /** Bidder id. */
  readonly winner: string | null;
  readonly endedAt: Instant;
  readonly by: EndedBy;
}

/** What an accepted decision changed, each part null unless it happened. All values are those after the decision. */
export interface Effects {
  /** `open_auction`, `open_due`, and the times in force from then on. */
  readonly opened: { readonly opensAt: Instant; readonly endsAt: Instant; readonly scheduledCloseAt: Instant } | null;
  readonly bidTaken: { readonly bidderId: string; readonly kind: "maximum" | "flat"; readonly amount: Minor } | null;
  readonly bidsRemoved: { readonly bidIds: readonly Sequence[]; readonly gone: RemovalKind } | null;
  /** `cutTo`: what the leader's maximums above it became, or null. Secret. */
  readonly reserveLowered: { readonly reserve: Minor; readonly cutTo: Minor | null } | null;
  readonly bidderSet: { readonly bidderId: string; readonly blocked: boolean; readonly authorisedLimit: Minor | null | undefined } | null;
  readonly standing: { readonly price: Minor | null; readonly leader: string | null; readonly reserveMet: boolean | null } | null;
  readonly buyNow: { readonly available: boolean } | null;
  /** Soft close only. */
  readonly extended: { readonly from: Instant; readonly to: Instant; readonly bidId: Sequence } | null;
  readonly endMoved: { readonly from: Instant; readonly to: Instant; readonly why: "extend" | "resume" | "give_back" } | null;
  readonly paused: { readonly at: Instant } | null;
  readonly resumed: { readonly at: Instant } | null;
  readonly ended: Ended | null;
}

/** Shared by every rejection: one object, compared by identity nowhere. */
export const NO_EFFECTS: Effects = Object.freeze({
  opened: null,
  bidTaken: null,
  bidsRemoved: null,
  reserveLowered: null,
  bidderSet: null,
  standing: null,
  buyNow: null,
  extended: null,
  endMoved: null,
  paused: null,
  resumed: null,
  ended: null,
});

/** One ruling. `epoch` is that of the record that holds (or will hold) it; everything else is decided by the rules. */
export interface Decision {
  readonly auctionId: AuctionId;
  readonly sequence: Sequence;
  readonly at: Instant;
  readonly epoch: Epoch;
  readonly command: Command;
  readonly verdict: Verdict;
  readonly code: DecisionCode;
  readonly effects: Effects;
}

/** The fixed-width answer remembered under a key: all values as they are after the decision. */
export interface Answer {
  readonly verdict: Verdict;
  readonly code: DecisionCode;
  readonly sequence: Sequence;
  readonly epoch: Epoch;
  readonly at: Instant;
  /** Of the issuer: leading; outbid with a live bid that does not lead; else null. */
  readonly standing: "leading" | "outbid" | null;
  readonly price: Minor | null;
  readonly askingPrice: Minor | null;
  readonly reserveMet: boolean | null;
  /** null in a draft without an end. */
  readonly endsAt: Instant | null;
}
