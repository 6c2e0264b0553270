// The course of an auction through its phases, the same for every format: opening, pause, a later end, outage given back,
// withdrawal, and what a bidder may do.
import { givenBackMs, leftMs, resumedEnd } from "./closing.ts";
import type { Command, CommandBody } from "./command.ts";
import type { Decision, Effects } from "./decision.ts";
import { ok, type Ruling } from "./format.ts";
import type { Instant } from "./ids.ts";
import { invariant } from "./invariant.ts";
import { INSTANT_MAX, isAmount, isIntegerIn, NUMBER_MAX } from "./money.ts";
import type { Settings } from "./settings.ts";
import type { AuctionState } from "./state.ts";

/** The ruling on a command that is the same in every format; null when the format has to rule. */
export function decideCourse(settings: Settings, state: AuctionState, command: Command, now: Instant): Ruling | null {
  const body = command.body;
  switch (body.type) {
    case "open_auction":
      return decideOpen(settings, state, now);
    case "open_due":
      return opened(state.opensAt, state.endsAt, state.scheduledCloseAt);
    case "set_bidder":
      return decideBidder(state, body);
    case "extend":
      return decideExtend(state, body.endsAt);
    case "pause":
      return ok({ paused: { at: now } });
    case "resume":
      return decideResume(state, body.leaveAtLeastMs, now);
    case "give_back":
      return decideGiveBack(state, body);
    case "withdraw":
      return decideWithdraw(settings, state, command, now);
    default:
      return null;
  }
}

function opened(opensAt: Instant | null, endsAt: Instant | null, scheduledCloseAt: Instant | null): Ruling {
  invariant(opensAt !== null && endsAt !== null && scheduledCloseAt !== null, "an auction that opens has its times");
  return ok({ opened: { opensAt, endsAt, scheduledCloseAt } });
}

function decideOpen(settings: Settings, state: AuctionState, now: Instant): Ruling {
  const endsAt = state.endsAt ?? Math.min(now + (settings.durationMs ?? 0), INSTANT_MAX);
  return endsAt <= now ? "end_in_past" : opened(now, endsAt, endsAt);
}

function decideBidder(state: AuctionState, body: CommandBody & { type: "set_bidder" }): Ruling {
  const { bidderId, blocked, authorisedLimit } = body;
  if (authorisedLimit !== undefined && authorisedLimit !== null && !isAmount(authorisedLimit)) return "limit_invalid";
  const before = state.bidder(state.indexOf(bidderId));
  const after = { blocked: blocked ?? before.blocked, authorisedLimit: authorisedLimit === undefined ? before.authorisedLimit : authorisedLimit };
  return ok({ bidderSet: { bidderId, ...after } });
}

function decideExtend(state: AuctionState, endsAt: Instant): Ruling {
  if (!Number.isSafeInteger(endsAt) || endsAt > INSTANT_MAX) return "time_invalid";
  const from = endOf(state);
  return endsAt <= from ? "end_not_later" : ok({ endMoved: { from, to: endsAt, why: "extend" } });
}

function decideResume(state: AuctionState, leaveAtLeastMs: number, now: Instant): Ruling {
  if (!isIntegerIn(leaveAtLeastMs, 0, NUMBER_MAX)) return "time_invalid";
  const from = endOf(state);
  const to = resumedEnd(state, leaveAtLeastMs, now);
  return ok({ resumed: { at: now }, endMoved: to === from ? null : { from, to, why: "resume" } });
}

function decideGiveBack(state: AuctionState, body: CommandBody & { type: "give_back" }): Ruling {
  const given = givenBackMs(state, body.from, body.to);
  if (given <= 0) return "nothing_to_give_back";
  const from = endOf(state);
  return ok({ endMoved: { from, to: from + given, why: "give_back" } });
}

function decideWithdraw(settings: Settings, state: AuctionState, command: Command, now: Instant): Ruling {
  // Bids count even when they are gone: a seller must not take a lot back because of how the bidding went.
  const late = command.role === "seller" && state.bidCount > 0 && leftMs(state, now) < settings.sellerRights.freeMs;
  if (late) return "too_late_to_withdraw";
  return ok({ ended: { outcome: "withdrawn", hammerPrice: null, winner: null, endedAt: now, by: "withdraw" } });
}

function endOf(state: AuctionState): Instant {
  invariant(state.endsAt !== null, "an end can only be moved when there is one");
  return state.endsAt;
}

/** Applies the effects that are the same in every format, in the order in which a decision lists them after the format's own. */
export function applyCourse(state: AuctionState, decision: Decision): void {
  const effects = decision.effects;
  if (effects.bidderSet !== null) applyBidder(state, effects.bidderSet);
  if (effects.opened !== null) {
    applyOpened(state, effects.opened);
  }
  if (effects.extended !== null) {
    const { from, to, bidId } = effects.extended;
    state.endsAt = to;
    state.extensions = { count: state.extensions.count + 1, totalMs: state.extensions.totalMs + to - from, last: { from, to, bidId } };
  }
  if (effects.endMoved !== null) applyEndMoved(state, decision, effects.endMoved);
  if (effects.paused !== null) {
    state.phase = "paused";
    state.pausedAt = effects.paused.at;
  }
  if (effects.resumed !== null) {
    state.phase = "open";
    state.pausedAt = null;
  }
  if (effects.ended !== null) {
    state.phase = "closed";
    state.endsAt = effects.ended.endedAt;
    state.pausedAt = null;
    state.buyNowAvailable = false;
    state.hammer = effects.ended;
  }
}

// What stays as it was is not written again: a number that stands in two fields is then one object in memory, and a million
// auctions wait with theirs.
function applyOpened(state: AuctionState, opened: NonNullable<Effects["opened"]>): void {
  state.phase = "open";
  if (state.opensAt !== opened.opensAt) state.opensAt = opened.opensAt;
  if (state.endsAt !== opened.endsAt) state.endsAt = opened.endsAt;
  if (state.scheduledCloseAt !== opened.scheduledCloseAt) state.scheduledCloseAt = opened.scheduledCloseAt;
}

function applyBidder(state: AuctionState, set: NonNullable<Effects["bidderSet"]>): void {
  const index = state.mention(set.bidderId);
  const entry = state.changeBidder(index);
  state.bidderMarked(index);
  entry.listed = true;
  entry.blocked = set.blocked;
  entry.authorisedLimit = set.authorisedLimit;
}

function applyEndMoved(state: AuctionState, decision: Decision, moved: NonNullable<Effects["endMoved"]>): void {
  state.endsAt = moved.to;
  if (state.scheduledCloseAt !== null) state.scheduledCloseAt += moved.to - moved.from;
  if (decision.command.body.type === "give_back") state.givenBackTo = decision.command.body.to;
}
