// The append-only tables of one auction (remembered answers, bids, public rows), shared by its head and its committed state.
//
// Owns: rows of fixed width in chunks of 1,024, and how they are laid out. Must not: know which rows a state may see; each
// AuctionState has its own counts and reads no row at or beyond them.
//
// G1. Row n is written first by the head's apply and later by committed's. The second writing finds it there and leaves it: both
//     apply the same decision.
// G2. Rows at or beyond committed's counts belong to the head alone and are cut off when the head is thrown away.
// G3. A row below committed's count changes only by a removal or a cut of a maximum, and only when committed applies it.
// G4. An auction without rows of a kind has no table of it: one shared empty table stands there.
import { AnswerIndex } from "./answer-index.ts";
import { ANSWER_BYTES } from "./answers.ts";
import { readUint32, readUint48, writeUint32, writeUint48 } from "./bytes.ts";
import type { BidKind, KeyDigest } from "./command.ts";
import type { RemovalKind } from "./decision.ts";
import type { Instant, Minor, Sequence } from "./ids.ts";
import { invariant } from "./invariant.ts";
import { NO_PEOPLE, type People } from "./people.ts";
import { RowTable } from "./row-table.ts";

/** Below this many answers a scan is as fast as an index and costs no memory. */
export const ANSWERS_SCANNED_MAX = 32;

/** Length of one bid: 0-3 bidder index, 4-7 the same bidder's bid before it plus one, 8 kind and whether it counts, 9 gone,
 *  10-15 sequence, 16-21 amount as placed, 22-27 maximum as it now stands, 28-33 decision time. */
export const BID_BYTES = 34;

/** Length of one public row: 0-3 bidder number, 4 kind, 5 row, 6-11 sequence, 12-17 bid id, 18-23 amount, 24-29 decision time. */
export const ROW_BYTES = 30;

/** Width of a row of each kind. */
export const BYTES_OF_ROW = Object.freeze({ answers: ANSWER_BYTES, bids: BID_BYTES, rows: ROW_BYTES });

const GONE: readonly (RemovalKind | null)[] = [null, "retracted", "voided"];
const FLAT = 1;
const COUNTED = 2;

export const NO_ANSWERS = new RowTable(ANSWER_BYTES);
export const NO_BIDS = new RowTable(BID_BYTES);
export const NO_ROWS = new RowTable(ROW_BYTES);

/** One accepted bid as it is stored. */
export interface BidRow {
  readonly bidder: number;
  /** Row of the same bidder's bid before it, or -1. */
  readonly previous: number;
  readonly kind: BidKind;
  /** Whether it counts among the public bids: every bid but a raise that nobody could see. */
  readonly counted: boolean;
  readonly gone: RemovalKind | null;
  readonly sequence: Sequence;
  readonly amount: Minor;
  readonly maximum: Minor;
  readonly at: Instant;
}

/** The tables of one auction. */
export class Ledger {
  answers: RowTable = NO_ANSWERS;
  bids: RowTable = NO_BIDS;
  rows: RowTable = NO_ROWS;
  people: People = NO_PEOPLE;
  answerIndex: AnswerIndex | null = null;

  /** Row of the answer under that key among the first `count`, or -1. */
  findAnswer(key: KeyDigest, count: number): number {
    const table = this.answers;
    if (this.answerIndex !== null) {
      const row = this.answerIndex.find(table, key);
      return row < count ? row : -1;
    }
    for (let row = 0; row < count; row += 1) if (AnswerIndex.isKey(table, row, key)) return row;
    return -1;
  }

  /** Makes room for an answer row; the caller writes it, then calls answerAdded. */
  addAnswer(): void {
    this.#own("answers").add();
  }

  /** Lets the newest answer be found by its key. */
  answerAdded(): void {
    if (this.answerIndex === null && this.answers.count > ANSWERS_SCANNED_MAX) this.answerIndex = new AnswerIndex();
    this.answerIndex?.cover(this.answers);
  }

  /** Appends a bid as row `row`, or finds it there (G1). */
  putBid(row: number, bid: Omit<BidRow, "gone" | "maximum">): void {
    if (row < this.bids.count) {
      invariant(readUint48(this.bids.bytes(row), this.bids.at(row) + 10) === bid.sequence, "head and committed write the same bids");
      return;
    }
    invariant(row === this.bids.count, "bids are appended without gap");
    this.#own("bids").add();
    const bytes = this.bids.bytes(row);
    const at = this.bids.at(row);
    writeUint32(bytes, at, bid.bidder);
    writeUint32(bytes, at + 4, bid.previous + 1);
    bytes[at + 8] = (bid.kind === "flat" ? FLAT : 0) | (bid.counted ? COUNTED : 0);
    bytes[at + 9] = 0;
    writeUint48(bytes, at + 10, bid.sequence);
    writeUint48(bytes, at + 16, bid.amount);
    writeUint48(bytes, at + 22, bid.amount);
    writeUint48(bytes, at + 28, bid.at);
  }

  /** One bid as stored; the head's marks are not in it. */
  bid(row: number): BidRow {
    const bytes = this.bids.bytes(row);
    const at = this.bids.at(row);
    const flags = bytes[at + 8] as number;
    return {
      bidder: readUint32(bytes, at),
      previous: readUint32(bytes, at + 4) - 1,
      kind: (flags & FLAT) !== 0 ? "flat" : "maximum",
      counted: (flags & COUNTED) !== 0,
      gone: GONE[bytes[at + 9] as number] ?? null,
      sequence: readUint48(bytes, at + 10),
      amount: readUint48(bytes, at + 16),
      maximum: readUint48(bytes, at + 22),
      at: readUint48(bytes, at + 28),
    };
  }

  /** Sequence of a bid, which is its bid id. */
  bidSequence(row: number): Sequence {
    return readUint48(this.bids.bytes(row), this.bids.at(row) + 10);
  }

  /** Marks a bid removed or cut, in place (G3). */
  markBid(row: number, mark: { readonly gone: RemovalKind | null; readonly maximum: Minor }, sequence: Sequence): void {
    writeMark(this.bids.bytes(row), this.bids.at(row), mark);
    this.bids.changed(row, sequence);
  }

  /** Appends a public row as row `row`, or finds it there (G1). */
  putRow(row: number, entry: { bidderNumber: number; kind: number; row: number; sequence: Sequence; bidId: Sequence; amount: Minor; at: Instant }): void {
    if (row < this.rows.count) {
      invariant(this.rowSequence(row) === entry.sequence, "head and committed write the same public rows");
      return;
    }
    invariant(row === this.rows.count, "public rows are appended without gap");
    this.#own("rows").add();
    const bytes = this.rows.bytes(row);
    const at = this.rows.at(row);
    writeUint32(bytes, at, entry.bidderNumber);
    bytes[at + 4] = entry.kind;
    bytes[at + 5] = entry.row;
    writeUint48(bytes, at + 6, entry.sequence);
    writeUint48(bytes, at + 12, entry.bidId);
    writeUint48(bytes, at + 18, entry.amount);
    writeUint48(bytes, at + 24, entry.at);
  }

  /** Sequence of the decision that added a public row. */
  rowSequence(row: number): Sequence {
    return readUint48(this.rows.bytes(row), this.rows.at(row) + 6);
  }

  /** Puts stored rows of one kind in; each segment goes on where the one before ended. */
  load(kind: "answers" | "bids" | "rows", from: number, bytes: Uint8Array): void {
    const table = this.#own(kind);
    invariant(table.count === from, "stored segments follow each other");
    table.load(bytes);
    if (kind === "answers") this.answerAdded();
  }

  // The table of a kind, made if there was none.
  #own(kind: "answers" | "bids" | "rows"): RowTable {
    if (this.answers === NO_ANSWERS && kind === "answers") this.answers = new RowTable(ANSWER_BYTES);
    if (this.bids === NO_BIDS && kind === "bids") this.bids = new RowTable(BID_BYTES);
    if (this.rows === NO_ROWS && kind === "rows") this.rows = new RowTable(ROW_BYTES);
    return this[kind];
  }

  /** Cuts off what the head alone had (G2). */
  truncate(counts: { readonly answers: number; readonly bids: number; readonly rows: number; readonly bidders: number }): void {
    this.answerIndex?.forget(this.answers, counts.answers);
    this.answers.truncate(counts.answers);
    this.bids.truncate(counts.bids);
    this.rows.truncate(counts.rows);
    this.people.truncate(counts.bidders);
  }
}

/** Writes what a removal or a cut changes of a bid into its bytes. */
export function writeMark(bytes: Uint8Array, at: number, mark: { readonly gone: RemovalKind | null; readonly maximum: Minor }): void {
  bytes[at + 9] = GONE.indexOf(mark.gone);
  writeUint48(bytes, at + 22, mark.maximum);
}
