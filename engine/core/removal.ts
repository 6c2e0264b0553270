// Taking bids back: which bids go with a retraction or a void, and why not.

import { leftMs } from "./closing.ts";
import type { Command } from "./command.ts";
import type { RejectionCode } from "./decision.ts";
import type { Instant, Sequence } from "./ids.ts";
import type { Settings } from "./settings.ts";
import type { AuctionState } from "./state.ts";

/** Rows of the bids that go, ascending; or the code that says why none does. */
export type Removal = readonly number[] | RejectionCode;

/** A raise is a bid of its own: when only the newest goes, the earlier maximum stands again. Source: eBay, policy on retracting
 *  bids (12 hours and 1 hour). */
export function removalByBidder(settings: Settings, state: AuctionState, command: Command, reason: string, now: Instant): Removal {
  const retraction = settings.retraction;
  if (retraction === null) return "retraction_not_allowed";
  if (!retraction.reasons.includes(reason)) return "reason_not_allowed";
  const bidder = state.indexOf(command.issuerId);
  const rows = liveRows(state, bidder);
  const newest = rows.at(-1);
  if (newest === undefined) return "no_such_bid";
  if (bidder === state.leader && !retraction.leaderMay) return "leader_may_not_retract";
  if (leftMs(state, now) >= retraction.earlyMs) return rows;
  return now - state.bid(newest).at <= retraction.lateGraceMs ? [newest] : "too_late_to_retract";
}

/** One bid that an operator strikes. */
export function removalOfBid(state: AuctionState, bidId: Sequence): Removal {
  const row = state.bidRow(bidId);
  if (row < 0) return "no_such_bid";
  return state.bid(row).gone === null ? [row] : "bid_already_removed";
}

/** All live bids of one bidder. */
export function removalOfBidder(state: AuctionState, bidderId: string): Removal {
  const rows = liveRows(state, state.indexOf(bidderId));
  return rows.length === 0 ? "no_such_bid" : rows;
}

/** Rows of a bidder's live bids, ascending. Looks back no further than the oldest of them. */
export function liveRows(state: AuctionState, bidder: number): number[] {
  const rows: number[] = [];
  const { live, lastRow } = state.bidder(bidder);
  for (let row = lastRow; rows.length < live; ) {
    const bid = state.bid(row);
    if (bid.gone === null) rows.push(row);
    row = bid.previous;
  }
  return rows.reverse();
}
