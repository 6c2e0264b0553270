// Maximum bids -> leader and current price: the runner-up's maximum plus one increment there, never more than the leader's own.
//
// Owns: what one more bid makes of the book, and the book of all live bids. Must not: judge a bid; it was accepted.
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
  const price = priceOf(settings, book, { own, maximum, runnerUp, flatLead });
  return { leader, maximum, price: reserve !== null && maximum >= reserve ? Math.max(price, reserve) : price, runnerUp };
}

function priceOf(settings: Settings, book: Book, after: { own: boolean; maximum: Minor; runnerUp: Minor; flatLead: Minor }): Minor {
  if (after.own && !settings.bidding.ownRaiseMovesPrice) return Math.max(book.price, after.flatLead);
  const step = after.runnerUp === 0 ? settings.opening : after.runnerUp + increment(settings.increments, after.runnerUp);
  return Math.min(after.maximum, Math.max(settings.opening, step, after.flatLead));
}

// A leader who is overtaken is the runner-up, unless short steps are refused and a rival stood above the leader by less than a step.
function runnerUpBehind(book: Book, leader: number, bests: Bests): Minor {
  return book.maximum >= book.runnerUp ? book.maximum : Math.max(book.maximum, bests.highestBut(leader));
}

/** The book of an auction as it stands. */
export function bookOf(state: AuctionState): Book {
  return { leader: state.leader, maximum: state.maximum, price: state.price ?? 0, runnerUp: state.runnerUp };
}

/** What a recompute finds: the book, and per bidder index what the live bids come to. */
export class Tally implements Bests {
  book: Book = EMPTY_BOOK;
  /** Public bids that count. */
  totalBids = 0;
  readonly best: Float64Array;
  readonly flatBest: Float64Array;
  readonly placedBest: Float64Array;
  readonly live: Uint32Array;
  readonly bestRow: Int32Array;

  constructor(bidders: number) {
    this.best = new Float64Array(bidders);
    this.flatBest = new Float64Array(bidders);
    this.placedBest = new Float64Array(bidders);
    this.live = new Uint32Array(bidders);
    this.bestRow = new Int32Array(bidders).fill(-1);
  }

  bestOf(bidder: number): Minor {
    return this.best[bidder] ?? 0;
  }

  flatBestOf(bidder: number): Minor {
    return this.flatBest[bidder] ?? 0;
  }

  highestBut(bidder: number): Minor {
    return this.best.reduce((highest, best, index) => (index === bidder ? highest : Math.max(highest, best)), 0);
  }
}

/** All live bids but those in `without`, taken again in their order. No bid is judged again; the reserve and the maximums are
 *  those in force now. Looks at every bid: removals are rare, and a bid never comes here. */
export function recompute(settings: Settings, state: AuctionState, without: ReadonlySet<number>): Tally {
  const tally = new Tally(state.bidderCount);
  for (let row = 0; row < state.bidCount; row += 1) {
    const bid = state.bid(row);
    if (bid.gone !== null || without.has(row)) continue;
    const flat = bid.kind === "flat";
    tally.book = take(settings, state.reserve, tally.book, { bidder: bid.bidder, maximum: bid.maximum, flat }, tally);
    if (bid.maximum > tally.bestOf(bid.bidder)) {
      tally.best[bid.bidder] = bid.maximum;
      tally.bestRow[bid.bidder] = row;
    }
    if (flat) tally.flatBest[bid.bidder] = Math.max(tally.flatBestOf(bid.bidder), bid.maximum);
    tally.placedBest[bid.bidder] = Math.max(tally.placedBest[bid.bidder] ?? 0, bid.amount);
    tally.live[bid.bidder] = (tally.live[bid.bidder] ?? 0) + 1;
    if (bid.counted) tally.totalBids += 1;
  }
  return tally;
}
