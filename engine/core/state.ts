// What an auction is: everything that decides its future, and nothing else.
//
// Owns: the fields, the head as an overlay over committed, and the form of a snapshot. Must not: hold a rule.
//
// Z1. Head and committed share one ledger (ledger.ts). Each has its own counts and sees no row beyond them.
// Z2. What the head changes of things committed has too (a bidder's entry, the mark of an earlier bid) stands in its overlay and
//     falls through to committed otherwise. An entry bears the sequence that last set it and goes when committed gets there, so
//     the overlay follows what is in flight and not the size of the auction.
// Z3. Parting a head costs a fixed number of fields; dropping it costs what was in flight.
import { AuctionFields, copyFields, fieldsOf, NOBODY, NOT_EXTENDED } from "./auction-fields.ts";
import type { BidKind } from "./command.ts";
import type { Outcome, RemovalKind } from "./decision.ts";
import type { AuctionId, Minor, Sequence } from "./ids.ts";
import { invariant } from "./invariant.ts";
import { type BidRow, Ledger } from "./ledger.ts";
import { type Bidder, copyBidder, countBid, NO_PEOPLE, People, STRANGER } from "./people.ts";
import { sharedSettings } from "./settings-share.ts";

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

/** One auction, as head or as committed. */
export class AuctionState extends AuctionFields {
  readonly auctionId: AuctionId;
  readonly ledger: Ledger;
  /** Not null in a head. */
  readonly overlay: Overlay | null;

  constructor(auctionId: AuctionId, ledger: Ledger, overlay: Overlay | null) {
    super();
    this.auctionId = auctionId;
    this.ledger = ledger;
    this.overlay = overlay;
  }

  /** null until closed. */
  get outcome(): Outcome | null {
    return this.hammer === null ? null : this.hammer.outcome;
  }

  get extensionCount(): number {
    return this.extensions.count;
  }

  get extensionTotalMs(): number {
    return this.extensions.totalMs;
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

  /** Says that a bidder's number, block or limit changed, for the kept hashes. For apply only. */
  bidderMarked(index: number): void {
    if (this.overlay === null) this.ledger.people.marked(index);
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
  copyFields(head, committed);
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

/** Raised when an older program could misread a head record. */
const HEAD_VERSION = 1;

/** The small part of a snapshot: plain data. What follows from the bids of a bidder is not in it. */
export interface HeadRecord extends Readonly<AuctionFields> {
  readonly version: number;
  /** Bidder ids by index. */
  readonly bidderIds: readonly string[];
  /** Public numbers by index; 0 for none. */
  readonly bidderNumbers: readonly number[];
  /** Of each bidder that a set_bidder or void_bidder named. A limit of "default" was never set. */
  readonly listed: readonly { readonly index: number; readonly blocked: boolean; readonly limit: Minor | null | "default" }[];
}

/** How far an auction's rows are in the last snapshot. */
export interface SavedMarks {
  readonly sequence: Sequence;
  readonly answers: number;
  readonly bids: number;
  readonly rows: number;
}

/** Marks of an auction that no snapshot holds. */
export const NOTHING_SAVED: SavedMarks = Object.freeze({ sequence: 0, answers: 0, bids: 0, rows: 0 });

/** Rows of one kind, copied. */
export interface Segment {
  readonly kind: "answers" | "bids" | "rows";
  readonly from: number;
  readonly bytes: Uint8Array;
}

/** A committed state as a snapshot keeps it: the head whole, and of the rows those that are new since `marks` and the whole
 *  chunks in which earlier ones changed. `marks` of the result are those to pass next time. */
export function capture(
  state: AuctionState,
  marks: SavedMarks,
): { readonly head: HeadRecord; readonly segments: readonly Segment[]; readonly marks: SavedMarks } {
  invariant(state.overlay === null, "snapshots are of committed state");
  const { ids, entries } = state.ledger.people;
  const listed = entries.flatMap(({ listed: named, blocked, authorisedLimit }, index) =>
    named ? [{ index, blocked, limit: authorisedLimit === undefined ? ("default" as const) : authorisedLimit }] : [],
  );
  const head: HeadRecord = {
    version: HEAD_VERSION,
    ...fieldsOf(state),
    bidderIds: ids.slice(0, state.bidderCount),
    bidderNumbers: entries.map((entry) => entry.number),
    listed,
  };
  const { answers, bids, rows } = state.ledger;
  const since = marks.sequence;
  const segments: Segment[] = [
    ...answers.changes({ from: marks.answers, count: state.answerCount, since }).map((part) => ({ kind: "answers" as const, ...part })),
    ...bids.changes({ from: marks.bids, count: state.bidCount, since }).map((part) => ({ kind: "bids" as const, ...part })),
    ...rows.changes({ from: marks.rows, count: state.rowCount, since }).map((part) => ({ kind: "rows" as const, ...part })),
  ];
  return { head, segments, marks: { sequence: state.sequence, answers: state.answerCount, bids: state.bidCount, rows: state.rowCount } };
}

/** A committed state from a snapshot: its head record and all its rows, segments of each kind in row order from row 0. What
 *  does not fit together breaks an invariant; the state hash finds the rest. */
export function restore(auctionId: AuctionId, head: HeadRecord, segments: readonly Segment[]): AuctionState {
  invariant(head.version === HEAD_VERSION, "a snapshot's head is of a known version");
  const ledger = new Ledger();
  for (const { kind, from, bytes } of segments) ledger.load(kind, from, bytes);
  const state = new AuctionState(auctionId, ledger, null);
  const extensions = head.extensions.count === 0 ? NOT_EXTENDED : head.extensions;
  copyFields(state, { ...head, extensions, settings: head.settings === null ? null : sharedSettings(head.settings) });
  const counts = [ledger.answers.count, ledger.bids.count, ledger.rows.count, head.bidderIds.length, head.bidderNumbers.length];
  const wanted = [state.answerCount, state.bidCount, state.rowCount, state.bidderCount, state.bidderCount];
  invariant(
    counts.every((count, index) => count === wanted[index]),
    "a snapshot's rows are as many as its head says",
  );
  restoreBidders(state, head);
  return state;
}

function restoreBidders(state: AuctionState, head: HeadRecord): void {
  if (head.bidderIds.length === 0) return;
  const people = new People();
  state.ledger.people = people;
  for (const id of head.bidderIds) people.add(id);
  for (const number of head.bidderNumbers) people.entries.push({ ...copyBidder(STRANGER, head.sequence), number });
  for (const { index, blocked, limit } of head.listed) {
    const entry = people.entries[index];
    invariant(entry !== undefined, "a listed bidder is known");
    entry.listed = true;
    entry.blocked = blocked;
    entry.authorisedLimit = limit === "default" ? undefined : limit;
  }
  for (let row = 0; row < state.bidCount; row += 1) {
    const bid = state.bid(row);
    const entry = people.entries[bid.bidder];
    invariant(entry !== undefined, "a bid is of a known bidder");
    entry.lastRow = row;
    if (bid.gone === null) countBid(entry, row, bid);
  }
}
