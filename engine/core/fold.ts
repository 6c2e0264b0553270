// A committed state folded into few bytes, for as long as nobody asks for the auction.
//
// Most open auctions wait for most of their life, and as objects they take four times the bytes of what they hold. A folded one is
// its snapshot in short: unfolding goes through `restore`, as reading a snapshot does.
//
// F1. unfold(fold(state)) has the state hash, the answers and the future of `state`.
// F2. Nothing of a folded state can be changed or read in place.
// F3. Only small auctions fold: from some dozens of answers on the rows themselves are most of what an auction takes.
import { dueAt } from "./auction.ts";
import type { Phase } from "./decision.ts";
import type { AuctionId, Instant } from "./ids.ts";
import { invariant } from "./invariant.ts";
import { BYTES_OF_ROW } from "./ledger.ts";
import { foldableSettings, NO_ASSOCIATES, type Particulars, type SharedRules, unfoldedSettings } from "./settings-share.ts";
import { type AuctionState, capture, type HeadRecord, NOTHING_SAVED, restore, type Segment } from "./state.ts";

/** Bytes as a string, one character each: a string costs 16 bytes beyond its length, a byte array about 200. */
export interface Folded {
  readonly bytes: string;
  readonly rules: SharedRules;
  /** For those who count auctions, and for their timers (dueAt, Infinity for none). */
  readonly phase: Phase | null;
  readonly due: Instant;
}

/** Answers, bids, public rows or bidders beyond which an auction is left as it is (F3). */
export const FOLD_ROWS_MAX = 64;

/** 64 of each kind of row are 8 KiB; the rest is for ids and what is rarely there. What does not fit is not folded. */
const SCRATCH_BYTES = 65_536;
const scratch = Buffer.alloc(SCRATCH_BYTES);
/** A number, at most: 8 groups of 7 bits. */
const NUMBER_BYTES_MAX = 8;

const KINDS = ["answers", "bids", "rows"] as const;
const PHASES: readonly Phase[] = ["draft", "scheduled", "open", "paused", "closed"];

/** Where the next byte of the scratch is written or read. Folding is never interrupted. */
let at = 0;

/** A committed state in few bytes, or null when it is too large for that to save anything, or was never created. */
export function fold(state: AuctionState): Folded | null {
  const { settings } = state;
  if (settings === null || Math.max(state.answerCount, state.bidCount, state.rowCount, state.bidderCount) > FOLD_ROWS_MAX) return null;
  const { head, segments } = capture(state, NOTHING_SAVED);
  const { rules, own } = foldableSettings(settings);
  at = 0;
  const fits = writeHead(head) && writeOwn(own) && writeBidders(head) && writeText(rareText(head, own)) && writeRows(segments);
  return fits ? { bytes: scratch.toString("latin1", 0, at), rules, phase: state.phase, due: dueAt(state) } : null;
}

/** The state that was folded. */
export function unfold(auctionId: AuctionId, { bytes, rules }: Pick<Folded, "bytes" | "rules">): AuctionState {
  scratch.write(bytes, "latin1");
  at = 0;
  const numbers = readHead();
  const own = readOwn();
  const { bidderIds, bidderNumbers } = readBidders(numbers.bidderCount);
  const rare = JSON.parse(readText()) as Rare;
  const settings = unfoldedSettings(rules, { ...own, buyNow: rare.buyNow ?? null, associates: rare.associates ?? NO_ASSOCIATES });
  const { extensions = { count: 0, totalMs: 0, last: null }, hammer = null, listed = [] } = rare;
  const segments = readRows([numbers.answerCount, numbers.bidCount, numbers.rowCount]);
  invariant(at === bytes.length, "a folded state is read to its end");
  return restore(auctionId, { ...numbers, settings, extensions, hammer, bidderIds, bidderNumbers, listed }, segments);
}

// what few auctions have, as text

type Rare = Partial<Pick<HeadRecord, "extensions" | "hammer" | "listed"> & Pick<Particulars, "buyNow" | "associates">>;

function rareText({ extensions, hammer, listed }: HeadRecord, { buyNow, associates }: Particulars): string {
  const rare: Rare = {
    ...(extensions.count > 0 && { extensions }),
    ...(hammer !== null && { hammer }),
    ...(listed.length > 0 && { listed }),
    ...(buyNow !== null && { buyNow }),
    ...(associates.length > 0 && { associates }),
  };
  return JSON.stringify(rare);
}

// the parts, each written and read in one order

function writeHead(head: HeadRecord): boolean {
  writeNumber(head.version);
  writeNumber(head.phase === null ? 0 : PHASES.indexOf(head.phase) + 1);
  for (const number of [head.sequence, head.lastAt]) writeNumber(number);
  for (const instant of [head.opensAt, head.endsAt, head.scheduledCloseAt, head.pausedAt, head.givenBackTo]) writeMaybe(instant);
  writeMaybe(head.reserve);
  writeNumber(head.leader + 1);
  writeNumber(head.maximum);
  writeMaybe(head.price);
  writeNumber(head.runnerUp);
  writeNumber(head.buyNowAvailable ? 1 : 0);
  for (const number of [head.publicSequence, head.publicEpoch, head.totalBids, head.numbered]) writeNumber(number);
  for (const number of [head.bidderCount, head.bidCount, head.rowCount, head.answerCount]) writeNumber(number);
  return true;
}

function readHead() {
  const version = readNumber();
  const phase = PHASES[readNumber() - 1] ?? null;
  const [sequence, lastAt] = [readNumber(), readNumber()];
  const [opensAt, endsAt, scheduledCloseAt, pausedAt, givenBackTo] = [readMaybe(), readMaybe(), readMaybe(), readMaybe(), readMaybe()];
  const reserve = readMaybe();
  const leader = readNumber() - 1;
  const maximum = readNumber();
  const price = readMaybe();
  const runnerUp = readNumber();
  const buyNowAvailable = readNumber() === 1;
  const [publicSequence, publicEpoch, totalBids, numbered] = [readNumber(), readNumber(), readNumber(), readNumber()];
  const [bidderCount, bidCount, rowCount, answerCount] = [readNumber(), readNumber(), readNumber(), readNumber()];
  const times = { lastAt, opensAt, endsAt, scheduledCloseAt, pausedAt, givenBackTo };
  const amounts = { reserve, leader, maximum, price, runnerUp, buyNowAvailable };
  const counts = { publicSequence, publicEpoch, totalBids, numbered, bidderCount, bidCount, rowCount, answerCount };
  return { version, phase, sequence, ...times, ...amounts, ...counts };
}

function writeOwn(own: Particulars): boolean {
  writeNumber(own.opening);
  for (const number of [own.reserve, own.opensAt, own.endsAt, own.durationMs]) writeMaybe(number);
  writeNumber(own.lotId === null ? 0 : 1);
  return writeText(own.sellerId) && writeText(own.lotId ?? "");
}

function readOwn(): Omit<Particulars, "buyNow" | "associates"> {
  const opening = readNumber();
  const [reserve, opensAt, endsAt, durationMs] = [readMaybe(), readMaybe(), readMaybe(), readMaybe()];
  const lot = readNumber() === 1;
  const [sellerId, lotId] = [readText(), readText()];
  return { opening, reserve, opensAt, endsAt, durationMs, sellerId, lotId: lot ? lotId : null };
}

function writeBidders({ bidderIds, bidderNumbers }: HeadRecord): boolean {
  for (const number of bidderNumbers) writeNumber(number);
  return bidderIds.every(writeText);
}

function readBidders(count: number): Pick<HeadRecord, "bidderIds" | "bidderNumbers"> {
  const bidderNumbers = Array.from({ length: count }, readNumber);
  return { bidderNumbers, bidderIds: Array.from({ length: count }, readText) };
}

function writeRows(segments: readonly Segment[]): boolean {
  for (const { bytes } of segments) {
    if (at + bytes.length > SCRATCH_BYTES) return false;
    scratch.set(bytes, at);
    at += bytes.length;
  }
  return true;
}

function readRows(counts: readonly [number, number, number]): Segment[] {
  const segments: Segment[] = [];
  for (const [index, kind] of KINDS.entries()) {
    const length = (counts[index] as number) * BYTES_OF_ROW[kind];
    if (length > 0) segments.push({ kind, from: 0, bytes: scratch.subarray(at, at + length) });
    at += length;
  }
  return segments;
}

// numbers and text

/** A safe integer from 0 on, seven bits a byte, the lowest first. */
function writeNumber(value: number): void {
  let rest = value;
  while (rest >= 128) {
    scratch[at] = (rest % 128) | 128;
    rest = Math.floor(rest / 128);
    at += 1;
  }
  scratch[at] = rest;
  at += 1;
}

function readNumber(): number {
  let value = 0;
  for (let scale = 1; ; scale *= 128) {
    const byte = scratch[at] as number;
    at += 1;
    value += (byte & 127) * scale;
    if (byte < 128) return value;
  }
}

function writeMaybe(value: number | null): void {
  writeNumber(value === null ? 0 : value + 1);
}

function readMaybe(): number | null {
  const value = readNumber();
  return value === 0 ? null : value - 1;
}

function writeText(text: string): boolean {
  const length = Buffer.byteLength(text);
  if (at + length + 2 * NUMBER_BYTES_MAX > SCRATCH_BYTES) return false;
  writeNumber(length);
  at += scratch.write(text, at);
  return true;
}

function readText(): string {
  const length = readNumber();
  at += length;
  return scratch.toString("utf8", at - length, at);
}
