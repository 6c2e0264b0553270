// Maximum bids -> leader and current price: the runner-up's maximum plus one increment there, never more than the leader's own.
//
// Owns: what one more bid makes of the book. Must not: judge a bid; it was accepted.
// Source: eBay, help page on bid increments; ties by time; a reserve that is reached lifts the price to it.
import { NOBODY } from "./auction-fields.ts";
import type { Minor } from "./ids.ts";
import { increment } from "./increments.ts";
import type { Settings } from "./settings.ts";
import type { AuctionState } from "./state.ts";

/** Who leads, up to what, at what price; `runnerUp` is the highest maximum of everybody else. Amounts are 0 for none. */
export interface Book {
  readonly leader: number;
  readonly maximum: Minor;
  readonly price: Minor;
  readonly runnerUp: Minor;
}

/** The book before the first bid. */
export const EMPTY_BOOK: Book = Object.freeze({ leader: NOBODY, maximum: 0, price: 0, runnerUp: 0 });

/** The maximums of the bidders of a book, before the bid that is taken. */
export interface Bests {
  bestOf(bidder: number): Minor;
  flatBestOf(bidder: number): Minor;
  highestBut(bidder: number): Minor;
}

export interface TakenBid {
  /** Index of the bidder. A bidder never mentioned before gets the index that is next. */
  readonly bidder: number;
  readonly maximum: Minor;
  readonly flat: boolean;
}

/** Whether a maximum takes the lead from another. */
export function beats(settings: Settings, maximum: Minor, leading: Minor): boolean {
  const { increments } = settings;
  return increments.allowSubIncrementOutbid ? maximum > leading : maximum >= leading + increment(increments, leading);
}

/** The book after one more bid. The same for a bid just placed and for a bid counted again in a recompute. */
export function take(settings: Settings, reserve: Minor | null, book: Book, bid: TakenBid, bests: Bests): Book {
  const own = book.leader === bid.bidder;
  const best = Math.max(bests.bestOf(bid.bidder), bid.maximum);
  const leads = own || book.leader === NOBODY || beats(settings, bid.maximum, book.maximum);
  const leader = leads ? bid.bidder : book.leader;
  const maximum = leads ? best : book.maximum;
  const runnerUp = own ? book.runnerUp : leads ? runnerUpBehind(book, bid.bidder, bests) : Math.max(book.runnerUp, best);
  const flatBest = bests.flatBestOf(leader);
  const flatLead = leads && bid.flat ? Math.max(flatBest, bid.maximum) : flatBest;
  const stays = own && !settings.bidding.ownRaiseMovesPrice;
  const price = stays ? Math.max(book.price, flatLead) : steppedPrice(settings, { maximum, runnerUp, flatLead });
  return { leader, maximum, price: liftedPrice(reserve, maximum, price), runnerUp };
}

/** One step above the runner-up's maximum, not below the opening price and the leader's own flat bid, not above the leader's
 *  maximum. */
export function steppedPrice(settings: Settings, after: { readonly maximum: Minor; readonly runnerUp: Minor; readonly flatLead: Minor }): Minor {
  const step = after.runnerUp === 0 ? settings.opening : after.runnerUp + increment(settings.increments, after.runnerUp);
  return Math.min(after.maximum, Math.max(settings.opening, step, after.flatLead));
}

/** The price once a reserve that the leader's maximum reaches has lifted it. */
export function liftedPrice(reserve: Minor | null, maximum: Minor, price: Minor): Minor {
  return reserve !== null && maximum >= reserve ? Math.max(price, reserve) : price;
}

// A leader who is overtaken is the runner-up, unless short steps are refused and a rival stood above the leader by less than a step.
function runnerUpBehind(book: Book, leader: number, bests: Bests): Minor {
  return book.maximum >= book.runnerUp ? book.maximum : Math.max(book.maximum, bests.highestBut(leader));
}

/** The book of an auction as it stands. */
export function bookOf(state: AuctionState): Book {
  return { leader: state.leader, maximum: state.maximum, price: state.price ?? 0, runnerUp: state.runnerUp };
}
