// When an auction ends: the end in force, soft close in its dimensions, pause and outage given back.
//
// Every window includes its edge; only the end itself excludes it. The end never moves earlier but by a decision that ends the
// auction. Nothing moves it beyond the year 9999.
import type { Instant } from "./ids.ts";
import { invariant } from "./invariant.ts";
import { INSTANT_MAX } from "./money.ts";
import type { SoftClose } from "./settings.ts";
import type { AuctionState } from "./state.ts";

/** What the trigger of a soft close asks about an accepted bid. */
export interface BidOutcome {
  /** Whether its bidder led before it. A raise of one's own maximum triggers neither `accepted_bid` nor `rank`. */
  readonly own: boolean;
  /** Whether its bidder leads after it. */
  readonly leads: boolean;
  readonly priceRose: boolean;
}

/** The new end that an accepted bid brings about, or null when it does not extend. */
export function softCloseTo(state: AuctionState, outcome: BidOutcome, now: Instant): Instant | null {
  const soft = state.settings?.softClose ?? null;
  const endsAt = state.endsAt;
  if (soft === null || endsAt === null || !isTriggered(soft, outcome)) return null;
  if (endsAt - now > soft.windowMs) return null;
  const { count, totalMs, hardStop } = soft.cap;
  if (count !== null && state.extensions.count >= count) return null;
  let to = (soft.base === "end" ? endsAt : now) + soft.amountMs;
  if (totalMs !== null) to = Math.min(to, endsAt + totalMs - state.extensions.totalMs);
  if (hardStop !== null) to = Math.min(to, "at" in hardStop ? hardStop.at : (state.scheduledCloseAt ?? endsAt) + hardStop.afterScheduledMs);
  to = Math.min(to, INSTANT_MAX);
  return to > endsAt ? to : null;
}

function isTriggered(soft: SoftClose, outcome: BidOutcome): boolean {
  switch (soft.trigger.on) {
    case "accepted_bid":
      return !outcome.own;
    case "price_rise":
      return outcome.priceRose;
    case "rank":
      // An accepted bid is at the asking price or above, so its bidder is first or second.
      return !outcome.own && (outcome.leads || soft.trigger.rank > 1);
  }
}

/** Time left before the end in force; in a pause it stands still. */
export function leftMs(state: AuctionState, now: Instant): number {
  const endsAt = state.endsAt;
  return endsAt === null ? Number.POSITIVE_INFINITY : endsAt - (state.phase === "paused" ? (state.pausedAt ?? now) : now);
}

/** The end after a pause: paused time is given back to the millisecond, and at least `leaveAtLeastMs` is left. */
export function resumedEnd(state: AuctionState, leaveAtLeastMs: number, now: Instant): Instant {
  const { endsAt, pausedAt } = state;
  invariant(endsAt !== null && pausedAt !== null, "a paused auction has an end and an instant of its pause");
  return Math.min(Math.max(endsAt + now - pausedAt, now + leaveAtLeastMs), INSTANT_MAX);
}

/** How much of an outage from `from` to `to` the auction gets back; 0 for nothing. */
export function givenBackMs(state: AuctionState, from: Instant, to: Instant): number {
  const { settings, opensAt, endsAt } = state;
  if (settings === null || opensAt === null || endsAt === null) return 0;
  const { policy, lostMsMin, givenMsMax } = settings.outage;
  const start = Math.max(from, opensAt);
  const lost = to - start;
  if (policy !== "give_back" || start >= endsAt || lost <= 0 || lost < lostMsMin) return 0;
  return Math.min(lost, givenMsMax ?? lost, INSTANT_MAX - endsAt);
}
