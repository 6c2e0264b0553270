// Canonical form and hash of an auction's state. Live, replayed and restored states at one sequence hash alike.
//
// Owns: which bytes stand for a state. Must not: know a hash function; it is passed in and returns at least 16 bytes.
// The hash is over a small head and the hashes of full chunks, which are kept until a chunk changes; so its cost follows what
// changed and not the size of the auction. What follows from the bids (the bests of each bidder) is not in it.
import { writeUint32, writeUint48 } from "./bytes.ts";
import type { Ended } from "./decision.ts";
import { invariant } from "./invariant.ts";
import { writeMark } from "./ledger.ts";
import { PEOPLE_HASHED } from "./people.ts";
import { CHUNK_ROWS, type RowTable } from "./row-table.ts";
import type { Settings } from "./settings.ts";
import { rulesMark } from "./settings-share.ts";
import type { AuctionState } from "./state.ts";

/** Length of a state hash. */
export const HASH_BYTES = 16;

/** The sum over no auctions. */
export const ZERO_HASH: Uint8Array = new Uint8Array(HASH_BYTES);

export type Hash = (bytes: Uint8Array) => Uint8Array;

/** Raised whenever the canonical form changes: hashes of two forms cannot be compared. */
const FORM = 1;

class CanonicalWriter {
  #bytes = new Uint8Array(1_024);
  #length = 0;

  begin(): void {
    this.#length = 0;
  }

  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  #room(length: number): number {
    const at = this.#length;
    this.#length += length;
    if (this.#length > this.#bytes.length) {
      const larger = new Uint8Array(this.#length * 2);
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    return at;
  }

  number(value: number | null): void {
    const at = this.#room(7);
    this.#bytes[at] = value === null ? 0 : 1;
    writeUint48(this.#bytes, at + 1, value ?? 0);
  }

  flag(value: boolean): void {
    this.number(value ? 1 : 0);
  }

  text(value: string | null): void {
    this.number(value === null ? null : value.length);
    if (value === null) return;
    const at = this.#room(value.length * 2);
    for (let unit = 0; unit < value.length; unit += 1) {
      const code = value.charCodeAt(unit);
      this.#bytes[at + unit * 2] = code;
      this.#bytes[at + unit * 2 + 1] = code >>> 8;
    }
  }

  block(value: Uint8Array): void {
    const at = this.#room(value.length);
    this.#bytes.set(value, at);
  }

  word(value: number): void {
    const at = this.#room(4);
    writeUint32(this.#bytes, at, value);
  }
}

// One buffer for every hash: each is made and finished within one call.
const headWriter = new CanonicalWriter();
const groupWriter = new CanonicalWriter();

/** Hash of a state, 16 bytes. */
export function stateHash(state: AuctionState, hash: Hash): Uint8Array {
  headWriter.begin();
  writeHead(headWriter, state);
  if (state.settings !== null) writeSettings(headWriter, state.settings);
  writeHammer(headWriter, state.hammer);
  const { answers, bids, rows } = state.ledger;
  writeTable(state, { table: answers, count: state.answerCount, marked: false }, hash);
  writeTable(state, { table: bids, count: state.bidCount, marked: true }, hash);
  writeTable(state, { table: rows, count: state.rowCount, marked: false }, hash);
  writePeople(state, hash);
  return hash(headWriter.bytes).slice(0, HASH_BYTES);
}

function writeHead(out: CanonicalWriter, state: AuctionState): void {
  out.number(FORM);
  out.text(state.auctionId);
  out.text(state.phase);
  for (const value of [state.sequence, state.lastAt, state.opensAt, state.endsAt, state.scheduledCloseAt, state.pausedAt, state.givenBackTo]) out.number(value);
  for (const value of [state.reserve, state.leader + 1, state.maximum, state.price, state.runnerUp]) out.number(value);
  out.flag(state.buyNowAvailable);
  const { count, totalMs, last } = state.extensions;
  for (const value of [count, totalMs, last?.from ?? null, last?.to ?? null, last?.bidId ?? null]) out.number(value);
  for (const value of [state.publicSequence, state.publicEpoch, state.totalBids, state.numbered]) out.number(value);
  for (const value of [state.bidderCount, state.bidCount, state.rowCount, state.answerCount]) out.number(value);
}

function writeSettings(out: CanonicalWriter, settings: Settings): void {
  const { buyNow, opening, reserve, opensAt, endsAt, durationMs } = settings;
  const [first, second] = rulesMark(settings);
  out.text(settings.format);
  out.word(first);
  out.word(second);
  for (const value of [opening, reserve, opensAt, endsAt, durationMs]) out.number(value);
  out.number(buyNow === null ? null : buyNow.price);
  if (buyNow !== null) {
    out.number(buyNow.minOverOpeningPercent);
    out.text(buyNow.until);
    out.flag(buyNow.returns);
  }
  out.text(settings.sellerId);
  out.text(settings.lotId);
  out.number(settings.associates.length);
  for (const associate of settings.associates) out.text(associate);
}

function writeHammer(out: CanonicalWriter, hammer: Ended | null): void {
  out.text(hammer === null ? null : hammer.outcome);
  if (hammer === null) return;
  out.number(hammer.hammerPrice);
  out.text(hammer.winner);
  out.number(hammer.endedAt);
  out.text(hammer.by);
}

function writeTable(state: AuctionState, rows: { readonly table: RowTable; readonly count: number; readonly marked: boolean }, hash: Hash): void {
  const { table, count } = rows;
  for (let chunk = 0; chunk * CHUNK_ROWS < count; chunk += 1) {
    const end = Math.min(count, (chunk + 1) * CHUNK_ROWS);
    const bytes = table.chunk(chunk * CHUNK_ROWS).subarray(0, (end - chunk * CHUNK_ROWS) * table.width);
    const own = rows.marked ? withMarks(state, table, chunk, bytes) : null;
    const full = end === (chunk + 1) * CHUNK_ROWS;
    const kept = own === null && full ? table.hashOf(chunk) : null;
    const made = kept ?? hash(own ?? bytes).slice(0, HASH_BYTES);
    if (kept === null && own === null && full) table.keepHash(chunk, made);
    headWriter.block(made);
  }
}

// A copy of a chunk of bids with the head's marks in it; null when the head has none there.
function withMarks(state: AuctionState, table: RowTable, chunk: number, bytes: Uint8Array): Uint8Array | null {
  let copy: Uint8Array | null = null;
  for (const [row, mark] of state.overlay?.marks ?? []) {
    if (Math.floor(row / CHUNK_ROWS) !== chunk) continue;
    copy ??= bytes.slice();
    writeMark(copy, (row % CHUNK_ROWS) * table.width, mark);
  }
  return copy;
}

function writePeople(state: AuctionState, hash: Hash): void {
  const people = state.ledger.people;
  const own = state.overlay !== null && state.overlay.bidders.size > 0;
  for (let group = 0; group * PEOPLE_HASHED < state.bidderCount; group += 1) {
    const end = Math.min(state.bidderCount, (group + 1) * PEOPLE_HASHED);
    const full = end === (group + 1) * PEOPLE_HASHED;
    const kept = full && !own ? people.hashOf(group) : null;
    const made = kept ?? hashOfGroup(state, group * PEOPLE_HASHED, end, hash);
    if (kept === null && full && !own) people.keepHash(group, made);
    headWriter.block(made);
  }
}

function hashOfGroup(state: AuctionState, from: number, end: number, hash: Hash): Uint8Array {
  groupWriter.begin();
  for (let index = from; index < end; index += 1) {
    const { number, blocked, listed, authorisedLimit } = state.bidder(index);
    groupWriter.text(state.idOf(index));
    groupWriter.number(number);
    groupWriter.flag(blocked);
    groupWriter.flag(listed);
    groupWriter.flag(authorisedLimit === undefined);
    groupWriter.number(authorisedLimit ?? null);
  }
  return hash(groupWriter.bytes).slice(0, HASH_BYTES);
}

/** A shard's sum with one auction's hash added, modulo 2^128. */
export function addHash(sum: Uint8Array, hash: Uint8Array): Uint8Array {
  invariant(sum.length === HASH_BYTES && hash.length === HASH_BYTES, "a state hash has 16 bytes");
  const out = new Uint8Array(HASH_BYTES);
  let carry = 0;
  for (let at = 0; at < HASH_BYTES; at += 1) {
    carry += (sum[at] as number) + (hash[at] as number);
    out[at] = carry;
    carry >>= 8;
  }
  return out;
}

/** A shard's sum with one auction's hash taken out, modulo 2^128. */
export function subtractHash(sum: Uint8Array, hash: Uint8Array): Uint8Array {
  invariant(sum.length === HASH_BYTES && hash.length === HASH_BYTES, "a state hash has 16 bytes");
  const out = new Uint8Array(HASH_BYTES);
  let borrow = 0;
  for (let at = 0; at < HASH_BYTES; at += 1) {
    const left = (sum[at] as number) - (hash[at] as number) - borrow;
    out[at] = left;
    borrow = left < 0 ? 1 : 0;
  }
  return out;
}
