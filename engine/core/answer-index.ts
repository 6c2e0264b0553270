// Finds a remembered answer by its key: open addressing over the rows, split into segments that grow one at a time.
//
// Owns: key digest -> row. Must not: hold keys; a slot names a row and the row holds the digest.
// A Map ends at 16,777,216 entries and costs 30 bytes more an entry; one large table would stop the shard for a tenth of a second
// each time it doubles. 256 segments keep the longest stop at the 4,000,000th answer below a millisecond.
//
// A row that is taken out leaves no gap in a run of taken slots: those behind it move up. So a probe may end at a free slot.
import { isKeyAt } from "./answers.ts";
import { readInt32 } from "./bytes.ts";
import type { KeyDigest } from "./command.ts";
import type { RowTable } from "./row-table.ts";

/** Up to 8,192 answers there is one segment; then 256. */
const SPLIT_ROWS = 8_192;
const SEGMENTS = 256;

/** Slots a segment begins with. A segment doubles when half its slots are taken, so probes stay short. */
const SEGMENT_SLOTS_MIN = 128;

class Segment {
  slots = new Int32Array(SEGMENT_SLOTS_MIN);
  used = 0;
}

export class AnswerIndex {
  #segments: Segment[] = [new Segment()];
  /** Rows put in so far: 0 up to it. */
  #covered = 0;

  /** Row of the answer under that key, or -1. */
  find(table: RowTable, key: KeyDigest): number {
    const { slots } = this.#segmentOf(key.b);
    const mask = slots.length - 1;
    for (let slot = key.a & mask; ; slot = (slot + 1) & mask) {
      const row = (slots[slot] as number) - 1;
      if (row < 0) return -1;
      if (AnswerIndex.isKey(table, row, key)) return row;
    }
  }

  /** Puts in the rows of the table that are not in yet. */
  cover(table: RowTable): void {
    while (this.#covered < table.count) {
      if (this.#covered === SPLIT_ROWS && this.#segments.length === 1) this.#split(table);
      this.#put(table, this.#covered);
      this.#covered += 1;
    }
  }

  /** Takes out the rows from `count` on. */
  forget(table: RowTable, count: number): void {
    while (this.#covered > count) {
      this.#covered -= 1;
      const segment = this.#segmentOf(digestB(table, this.#covered));
      remove(segment.slots, table, this.#covered);
      segment.used -= 1;
    }
  }

  static isKey(table: RowTable, row: number, key: KeyDigest): boolean {
    return isKeyAt(table.bytes(row), table.at(row), key);
  }

  #segmentOf(digest: number): Segment {
    return this.#segments[(digest >>> 0) % this.#segments.length] as Segment;
  }

  #put(table: RowTable, row: number): void {
    const segment = this.#segmentOf(digestB(table, row));
    if ((segment.used + 1) * 2 > segment.slots.length) grow(segment, table);
    insert(segment.slots, table, row);
    segment.used += 1;
  }

  #split(table: RowTable): void {
    this.#segments = Array.from({ length: SEGMENTS }, () => new Segment());
    for (let row = 0; row < this.#covered; row += 1) this.#put(table, row);
  }
}

function digestA(table: RowTable, row: number): number {
  return readInt32(table.bytes(row), table.at(row));
}

function digestB(table: RowTable, row: number): number {
  return readInt32(table.bytes(row), table.at(row) + 4);
}

function insert(slots: Int32Array, table: RowTable, row: number): void {
  const mask = slots.length - 1;
  let slot = digestA(table, row) & mask;
  while (slots[slot] !== 0) slot = (slot + 1) & mask;
  slots[slot] = row + 1;
}

function remove(slots: Int32Array, table: RowTable, row: number): void {
  const mask = slots.length - 1;
  let free = digestA(table, row) & mask;
  while (slots[free] !== row + 1) free = (free + 1) & mask;
  for (let slot = (free + 1) & mask; slots[slot] !== 0; slot = (slot + 1) & mask) {
    const home = digestA(table, (slots[slot] as number) - 1) & mask;
    // Only a row whose own place is not between the free slot and itself may move up.
    if (((slot - home) & mask) < ((slot - free) & mask)) continue;
    slots[free] = slots[slot] as number;
    free = slot;
  }
  slots[free] = 0;
}

function grow(segment: Segment, table: RowTable): void {
  const before = segment.slots;
  segment.slots = new Int32Array(before.length * 2);
  for (let slot = 0; slot < before.length; slot += 1) {
    const row = before[slot] as number;
    if (row !== 0) insert(segment.slots, table, row - 1);
  }
}
