// What an auction is: everything that decides its future, and nothing else.
//
// Owns: the fields, the head as an overlay over committed, and the form of a snapshot. Must not: hold a rule.
//
// Z1. Head and committed share one ledger (ledger.ts). Each has its own counts and sees no row beyond them.
// Z2. What the head changes of things committed has too (a bidder's entry, the mark of an earlier bid) stands in its overlay and
//     falls through to committed otherwise. An entry bears the sequence that last set it and goes when committed gets there, so
//     the overlay follows what is in flight and not the size of the auction.
// Z3. Parting a head costs a fixed number of fields; dropping it costs what was in flight.
import type { BidKind } from "./command.ts";
import type { Ended, Outcome, Phase, RemovalKind } from "./decision.ts";
import type { AuctionId, Epoch, Instant, Minor, Sequence } from "./ids.ts";
import { invariant } from "./invariant.ts";
import { type BidRow, Ledger } from "./ledger.ts";
import { type Bidder, copyBidder, NO_PEOPLE, People, STRANGER } from "./people.ts";
import type { Settings } from "./settings.ts";

/** Index of nobody. */
export const NOBODY = -1;

/** What a removal or a cut changed of an earlier bid. */
export interface BidMark {
  readonly gone: RemovalKind | null;
  readonly maximum: Minor;
  readonly setAt: Sequence;
}

interface Overlay {
  bidders: Map<number, Bidder>;
  marks: Map<number, BidMark>;
}

const NO_BIDDERS: Map<number, Bidder> = new Map();
const NO_MARKS: Map<number, BidMark> = new Map();

/** The newest soft-close extension. */
export interface LastExtension {
  readonly from: Instant;
  readonly to: Instant;
  readonly bidId: Sequence;
}

export class AuctionState {
  readonly auctionId: AuctionId;
  readonly ledger: Ledger;
  /** Not null in a head. */
  readonly overlay: Overlay | null;
  /** null only in the tombstone of a rejected create, as is `phase`. */
  settings: Settings | null = null;
  phase: Phase | null = null;
  outcome: Outcome | null = null;
  sequence: Sequence = 0;
  lastAt: Instant = 0;
  opensAt: Instant | null = null;
  endsAt: Instant | null = null;
  scheduledCloseAt: Instant | null = null;
  pausedAt: Instant | null = null;
  /** `to` of the last outage that was given back. */
  givenBackTo: Instant | null = null;
  /** Secret. */
  reserve: Minor | null = null;
  /** Index of the leading bidder, or NOBODY. */
  leader = NOBODY;
  /** The leader's maximum, secret; 0 without a leader. */
  maximum: Minor = 0;
  /** Current price; null without a leader. */
  price: Minor | null = null;
  /** Highest maximum of every bidder but the leader; 0 when there is none. */
  runnerUp: Minor = 0;
  buyNowAvailable = false;
  /** Soft close only. */
  extensionCount = 0;
  extensionTotalMs = 0;
  extensionLast: LastExtension | null = null;
  hammer: Ended | null = null;
  /** Pair of the last decision that changed the public state. */
  publicSequence: Sequence = 0;
  publicEpoch: Epoch = 0;
  /** Live bids but for raises that nobody could see. */
  totalBids = 0;
  /** Bidders with a public number. */
  numbered = 0;
  /** Bidders ever mentioned: indexes below it are known. */
  bidderCount = 0;
  /** Accepted bids, removed ones too. */
  bidCount = 0;
  /** Public rows. */
  rowCount = 0;
  answerCount = 0;

  constructor(auctionId: AuctionId, ledger: Ledger, overlay: Overlay | null) {
    this.auctionId = auctionId;
    this.ledger = ledger;
    this.overlay = overlay;
  }

  /** Index of a bidder, or NOBODY when no decision has mentioned that bidder. */
  indexOf(bidderId: string): number {
    const index = this.ledger.people.find(bidderId);
    return index < this.bidderCount ? index : NOBODY;
  }

  /** Id of the bidder with that index. */
  idOf(index: number): string {
    const id = this.ledger.people.ids[index];
    invariant(id !== undefined && index < this.bidderCount, "an index belongs to a bidder");
    return id;
  }

  /** Entry of a bidder, to be read; NOBODY reads as a stranger. */
  bidder(index: number): Readonly<Bidder> {
    if (index === NOBODY) return STRANGER;
    return this.overlay?.bidders.get(index) ?? this.ledger.people.entries[index] ?? STRANGER;
  }

  bestOf(index: number): Minor {
    return this.bidder(index).best;
  }

  flatBestOf(index: number): Minor {
    return this.bidder(index).flatBest;
  }

  /** Highest maximum of every bidder but one. Looks at every bidder: never on the way of a bid under default settings. */
  highestBut(index: number): Minor {
    let highest = 0;
    for (let other = 0; other < this.bidderCount; other += 1) if (other !== index) highest = Math.max(highest, this.bidder(other).best);
    return highest;
  }

  /** Index of a bidder, given now if there was none. For apply only. */
  mention(bidderId: string): number {
    const ledger = this.ledger;
    const index = ledger.people.find(bidderId);
    if (index >= 0 && index < this.bidderCount) return index;
    if (index < 0) {
      if (ledger.people === NO_PEOPLE) ledger.people = new People();
      invariant(ledger.people.ids.length === this.bidderCount, "bidders are mentioned without gap");
      ledger.people.add(bidderId);
    } else invariant(index === this.bidderCount, "head and committed mention bidders in one order");
    this.bidderCount += 1;
    return this.bidderCount - 1;
  }

  /** Entry of a bidder, to be changed by the decision that `sequence` now names. For apply only. */
  changeBidder(index: number): Bidder {
    const entries = this.ledger.people.entries;
    const overlay = this.overlay;
    if (overlay === null) {
      invariant(index <= entries.length, "entries are made without gap");
      const entry = entries[index] ?? copyBidder(STRANGER, this.sequence);
      if (index === entries.length) entries.push(entry);
      entry.setAt = this.sequence;
      return entry;
    }
    const own = overlay.bidders.get(index);
    if (own !== undefined && own.setAt === this.sequence) return own;
    if (overlay.bidders === NO_BIDDERS) overlay.bidders = new Map();
    const entry = copyBidder(own ?? entries[index] ?? STRANGER, this.sequence);
    // Put in anew, so that the overlay stands in the order of setAt (settle).
    if (own !== undefined) overlay.bidders.delete(index);
    overlay.bidders.set(index, entry);
    return entry;
  }

  /** One bid as it stands in this state. */
  bid(row: number): BidRow {
    const bid = this.ledger.bid(row);
    const mark = this.overlay?.marks.get(row);
    return mark === undefined ? bid : { ...bid, gone: mark.gone, maximum: mark.maximum };
  }

  /** Marks a bid removed or cut. For apply only. */
  markBid(row: number, gone: RemovalKind | null, maximum: Minor): void {
    const overlay = this.overlay;
    if (overlay === null) {
      this.ledger.markBid(row, { gone, maximum }, this.sequence);
      return;
    }
    if (overlay.marks === NO_MARKS) overlay.marks = new Map();
    overlay.marks.delete(row);
    overlay.marks.set(row, { gone, maximum, setAt: this.sequence });
  }

  /** Row of the bid with that id, or -1. */
  bidRow(bidId: Sequence): number {
    const row = firstAtOrAfter(this.bidCount, bidId, (candidate) => this.ledger.bidSequence(candidate));
    return row < this.bidCount && this.ledger.bidSequence(row) === bidId ? row : -1;
  }

  /** Appends a bid and returns its row. For apply only. */
  addBid(bid: { bidder: number; previous: number; kind: BidKind; counted: boolean; amount: Minor }): number {
    const { bidder, previous, kind, counted, amount } = bid;
    this.ledger.putBid(this.bidCount, { bidder, previous, kind, counted, amount, sequence: this.sequence, at: this.lastAt });
    this.bidCount += 1;
    return this.bidCount - 1;
  }
}

/** First of `count` ascending rows whose sequence is not below `sequence`; `count` when there is none. */
export function firstAtOrAfter(count: number, sequence: Sequence, sequenceOf: (row: number) => Sequence): number {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (sequenceOf(middle) < sequence) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** A state of a new auction, before its create is applied. */
export function emptyState(auctionId: AuctionId): AuctionState {
  return new AuctionState(auctionId, new Ledger(), null);
}

/** A head over committed, equal to it. At most one head of a committed state may be in use. */
export function fork(committed: AuctionState): AuctionState {
  invariant(committed.overlay === null, "a head is parted from committed");
  const head = new AuctionState(committed.auctionId, committed.ledger, { bidders: NO_BIDDERS, marks: NO_MARKS });
  head.settings = committed.settings;
  head.phase = committed.phase;
  head.outcome = committed.outcome;
  head.sequence = committed.sequence;
  head.lastAt = committed.lastAt;
  head.opensAt = committed.opensAt;
  head.endsAt = committed.endsAt;
  head.scheduledCloseAt = committed.scheduledCloseAt;
  head.pausedAt = committed.pausedAt;
  head.givenBackTo = committed.givenBackTo;
  head.reserve = committed.reserve;
  head.leader = committed.leader;
  head.maximum = committed.maximum;
  head.price = committed.price;
  head.runnerUp = committed.runnerUp;
  head.buyNowAvailable = committed.buyNowAvailable;
  head.extensionCount = committed.extensionCount;
  head.extensionTotalMs = committed.extensionTotalMs;
  head.extensionLast = committed.extensionLast;
  head.hammer = committed.hammer;
  head.publicSequence = committed.publicSequence;
  head.publicEpoch = committed.publicEpoch;
  head.totalBids = committed.totalBids;
  head.numbered = committed.numbered;
  head.bidderCount = committed.bidderCount;
  head.bidCount = committed.bidCount;
  head.rowCount = committed.rowCount;
  head.answerCount = committed.answerCount;
  return head;
}

/** To be called after committed applied decisions while others of its head are in flight: drops from the overlay what committed
 *  now has itself (Z2). Over time a fixed cost per decision. Once nothing is in flight the head may simply be let go. */
export function settle(head: AuctionState, committed: AuctionState): void {
  const overlay = head.overlay;
  invariant(overlay !== null && committed.sequence <= head.sequence, "a head is never behind committed");
  for (const [index, entry] of overlay.bidders) {
    if (entry.setAt > committed.sequence) break;
    overlay.bidders.delete(index);
  }
  for (const [row, mark] of overlay.marks) {
    if (mark.setAt > committed.sequence) break;
    overlay.marks.delete(row);
  }
}

/** Throws a head away: what it appended to the shared ledger beyond committed is cut off. The head must not be used again. */
export function discard(head: AuctionState, committed: AuctionState): void {
  invariant(head.overlay !== null && head.ledger === committed.ledger, "a head is discarded against its own committed state");
  committed.ledger.truncate({ answers: committed.answerCount, bids: committed.bidCount, rows: committed.rowCount, bidders: committed.bidderCount });
}
