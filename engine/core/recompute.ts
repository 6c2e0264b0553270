// The book of the bids that remain when some are taken away.
//
// Owns: leader, price and runner-up without certain bids, and what is left to each bidder. Must not: mark bids, or judge one again;
// a bid once accepted is not judged twice. The reserve and the maximums are those in force now.
//
// Under the default settings the book follows from the highest maximum of each bidder alone, whatever the order of the bids. Then
// only the bids of the one bidder concerned are looked at, and the other bidders' entries at most once: anybody may retract, so a
// retraction must not cost as much as the auction is long. With short steps refused, or raises that leave the price, the order
// matters and every live bid is taken again.
import { NOBODY } from "./auction-fields.ts";
import type { Minor } from "./ids.ts";
import { invariant } from "./invariant.ts";
import { type Bidder, countBid } from "./people.ts";
import { type Bests, type Book, EMPTY_BOOK, liftedPrice, steppedPrice, take } from "./proxy.ts";
import { liveRows } from "./removal.ts";
import type { Settings } from "./settings.ts";
import type { AuctionState } from "./state.ts";

/** What the live bids of one bidder come to. */
export type LiveBids = Pick<Bidder, "best" | "flatBest" | "placedBest" | "live" | "bestRow">;

/** What remains: the book, the public count of bids, and the bidders whose entries may differ from before. */
export interface Remaining {
  readonly book: Book;
  readonly totalBids: number;
  readonly changed: ReadonlyMap<number, Readonly<LiveBids>>;
}

const NO_BIDS: Readonly<LiveBids> = Object.freeze({ best: 0, flatBest: 0, placedBest: 0, live: 0, bestRow: -1 });

/** The book without some live bids of one bidder, given by their rows. */
export function bookWithout(settings: Settings, state: AuctionState, rows: readonly number[]): Remaining {
  const orderMatters = !settings.increments.allowSubIncrementOutbid || !settings.bidding.ownRaiseMovesPrice;
  return orderMatters ? recompute(settings, state, new Set(rows)) : bookByBests(settings, state, rows);
}

/** All live bids but those in `without`, taken again in their order. Looks at every bid. */
export function recompute(settings: Settings, state: AuctionState, without: ReadonlySet<number>): Remaining {
  const tally = new Tally(state.bidderCount);
  let book = EMPTY_BOOK;
  let totalBids = 0;
  for (let row = 0; row < state.bidCount; row += 1) {
    const bid = state.bid(row);
    if (bid.gone !== null || without.has(row)) continue;
    book = take(settings, state.reserve, book, { bidder: bid.bidder, maximum: bid.maximum, flat: bid.kind === "flat" }, tally);
    countBid(tally.own(bid.bidder), row, bid);
    if (bid.counted) totalBids += 1;
  }
  return { book, totalBids, changed: tally.bidders };
}

// Every bidder is in it, those without a live bid too.
class Tally implements Bests {
  readonly bidders = new Map<number, LiveBids>();

  constructor(bidders: number) {
    for (let index = 0; index < bidders; index += 1) this.bidders.set(index, { ...NO_BIDS });
  }

  own(bidder: number): LiveBids {
    const bids = this.bidders.get(bidder);
    invariant(bids !== undefined, "a bid is of a known bidder");
    return bids;
  }

  bestOf(bidder: number): Minor {
    return this.own(bidder).best;
  }

  flatBestOf(bidder: number): Minor {
    return this.own(bidder).flatBest;
  }

  highestBut(bidder: number): Minor {
    let highest = 0;
    for (const [other, { best }] of this.bidders) if (other !== bidder) highest = Math.max(highest, best);
    return highest;
  }
}

function bookByBests(settings: Settings, state: AuctionState, rows: readonly number[]): Remaining {
  const first = rows[0];
  invariant(first !== undefined, "a removal takes at least one bid");
  const bidder = state.bid(first).bidder;
  const left: LiveBids = { ...NO_BIDS };
  let totalBids = state.totalBids;
  const without = new Set(rows);
  for (const row of liveRows(state, bidder)) {
    const bid = state.bid(row);
    if (!without.has(row)) countBid(left, row, bid);
    else if (bid.counted) totalBids -= 1;
  }
  return { book: rankedBook(settings, state, bidder, left), totalBids, changed: new Map([[bidder, left]]) };
}

// The leader holds the highest maximum, of equal ones the one placed first.
function rankedBook(settings: Settings, state: AuctionState, bidder: number, left: Readonly<LiveBids>): Book {
  const lost = state.bidder(bidder).best;
  const untouched = bidder !== state.leader && lost < state.runnerUp;
  const { leader, maximum, runnerUp } = untouched ? state : ranked(state, bidder, left);
  if (leader === NOBODY) return EMPTY_BOOK;
  const flatLead = leader === bidder ? left.flatBest : state.flatBestOf(leader);
  return { leader, maximum, runnerUp, price: liftedPrice(state.reserve, maximum, steppedPrice(settings, { maximum, runnerUp, flatLead })) };
}

function ranked(state: AuctionState, bidder: number, left: Readonly<LiveBids>): { leader: number; maximum: Minor; runnerUp: Minor } {
  let leader = NOBODY;
  let leading = NO_BIDS;
  let runnerUp = 0;
  for (let index = 0; index < state.bidderCount; index += 1) {
    const bids: Readonly<LiveBids> = index === bidder ? left : state.bidder(index);
    if (bids.live === 0) continue;
    if (leader === NOBODY || bids.best > leading.best || (bids.best === leading.best && bids.bestRow < leading.bestRow)) {
      runnerUp = Math.max(runnerUp, leading.best);
      leader = index;
      leading = bids;
    } else runnerUp = Math.max(runnerUp, bids.best);
  }
  return { leader, maximum: leading.best, runnerUp };
}
