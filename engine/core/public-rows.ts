// The public rows that a decision adds to the bid list. Rows of removed bids are marked when read, never erased.
//
// Each row names the bid on whose strength it stands: the bid itself, or, for a proxy bid, the bid that holds that bidder's maximum.
import { NOBODY } from "./auction-fields.ts";
import type { Minor, Sequence } from "./ids.ts";
import { invariant } from "./invariant.ts";
import type { Book } from "./proxy.ts";
import type { AuctionState } from "./state.ts";

/** Kinds by their stored number. */
export const ROW_KINDS = ["bid", "proxy", "recomputed"] as const;

const BID = 0;
const PROXY = 1;
const RECOMPUTED = 2;

/** A bid that does not lead: the bid up to the new price, then the leader's answer to it. */
export function addLosingRows(state: AuctionState, bidder: number, amount: Minor): void {
  const price = priceOf(state);
  add(state, { row: 0, bidder, bidId: state.sequence, amount: Math.min(amount, price), kind: BID });
  add(state, { row: 1, bidder: state.leader, bidId: bestBidId(state, state.leader), amount: price, kind: PROXY });
}

/** A bid that takes the lead: first the old leader driven to that bidder's maximum, if the price was under it. */
export function addLeadingRows(state: AuctionState, before: Book): void {
  const overtaken = before.leader !== NOBODY && before.price < before.maximum;
  if (overtaken) add(state, { row: 0, bidder: before.leader, bidId: bestBidId(state, before.leader), amount: before.maximum, kind: PROXY });
  add(state, { row: overtaken ? 1 : 0, bidder: state.leader, bidId: state.sequence, amount: priceOf(state), kind: BID });
}

/** A raise that moved the price. */
export function addRaiseRow(state: AuctionState): void {
  add(state, { row: 0, bidder: state.leader, bidId: bestBidId(state, state.leader), amount: priceOf(state), kind: PROXY });
}

/** The price after a recompute; nothing when no bid is left. */
export function addRecomputedRow(state: AuctionState): void {
  if (state.leader === NOBODY) return;
  add(state, { row: 0, bidder: state.leader, bidId: bestBidId(state, state.leader), amount: priceOf(state), kind: RECOMPUTED });
}

function bestBidId(state: AuctionState, bidder: number): Sequence {
  const row = state.bidder(bidder).bestRow;
  invariant(row >= 0, "a bidder who leads or led has a bid");
  return state.ledger.bidSequence(row);
}

function priceOf(state: AuctionState): Minor {
  invariant(state.price !== null, "a leader has a price");
  return state.price;
}

function add(state: AuctionState, entry: { row: number; bidder: number; bidId: Sequence; amount: Minor; kind: number }): void {
  const { row, bidder, bidId, amount, kind } = entry;
  const bidderNumber = state.bidder(bidder).number;
  state.ledger.putRow(state.rowCount, { bidderNumber, kind, row, sequence: state.sequence, bidId, amount, at: state.lastAt });
  state.rowCount += 1;
}
