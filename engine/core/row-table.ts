// Rows of fixed width in chunks of 1,024: the form of all append-only tables of an auction.
//
// Owns: the chunks, which of them changed in place, and the kept hashes of full ones. Must not: know what a row means.
// Nothing is allocated before the first row; empty parts are shared constants.
import { currentSlab, cutPart, SLAB_PART_MAX } from "./bytes.ts";
import type { Sequence } from "./ids.ts";
import { invariant } from "./invariant.ts";

/** Rows of a chunk: 64 KiB of answers. A full chunk never changes again but by a removal, so a snapshot writes it once. */
export const CHUNK_ROWS = 1_024;
const CHUNK_SHIFT = 10;

/** The first chunk begins with four rows and doubles: one bid must not cost 64 KiB. */
const FIRST_ROWS = 4;

const NO_BYTES = new Uint8Array(0);
const NO_CHUNKS: Uint8Array[] = [];

/** What is noted of chunks, per chunk. */
class ChunkNotes {
  /** Sequence whose apply last changed a row that stood there before; 0 for none. */
  readonly changedAt: number[] = [];
  /** Hash of a full chunk until it changes. */
  readonly hashes: (Uint8Array | null)[] = [];
}

const NO_NOTES = new ChunkNotes();

/** Rows of one kind. */
export class RowTable {
  readonly width: number;
  /** Rows written, by the head or by committed. */
  count = 0;
  /** The first chunk: a slab while it is small, then an array of its own. */
  #first: Uint8Array = NO_BYTES;
  /** Where the first chunk begins there. */
  #base = 0;
  /** Rows it has room for. */
  #room = 0;
  #rest: Uint8Array[] = NO_CHUNKS;
  #notes = NO_NOTES;

  constructor(width: number) {
    this.width = width;
  }

  /** The bytes among which a row stands, from `at` on. */
  bytes(row: number): Uint8Array {
    return row < CHUNK_ROWS ? this.#first : (this.#rest[(row >>> CHUNK_SHIFT) - 1] as Uint8Array);
  }

  /** Where a row begins in its `bytes`. */
  at(row: number): number {
    return row < CHUNK_ROWS ? this.#base + row * this.width : (row & (CHUNK_ROWS - 1)) * this.width;
  }

  /** The chunk that holds a row, from its first row on. */
  chunk(row: number): Uint8Array {
    const bytes = this.bytes(row);
    const length = this.#room * this.width;
    return row >= CHUNK_ROWS || length > SLAB_PART_MAX ? bytes : bytes.subarray(this.#base, this.#base + length);
  }

  /** Makes room for row `count` and counts it. */
  add(): void {
    const row = this.count;
    if (row < CHUNK_ROWS) this.#growFirst(row);
    else if ((row & (CHUNK_ROWS - 1)) === 0 && this.#rest.length < row >>> CHUNK_SHIFT) {
      if (this.#rest === NO_CHUNKS) this.#rest = [];
      this.#rest.push(new Uint8Array(CHUNK_ROWS * this.width));
    }
    this.count = row + 1;
  }

  #growFirst(row: number): void {
    if (row < this.#room) return;
    const room = Math.max(FIRST_ROWS, row * 2);
    const small = room * this.width <= SLAB_PART_MAX;
    const base = small ? cutPart(room * this.width) : 0;
    const grown = small ? currentSlab() : new Uint8Array(room * this.width);
    if (row > 0) grown.set(this.#first.subarray(this.#base, this.#base + row * this.width), base);
    this.#first = grown;
    this.#base = base;
    this.#room = room;
  }

  /** Cuts off the rows from `count` on. Their bytes are written over by the rows that take their place. */
  truncate(count: number): void {
    if (count >= this.count) return;
    this.count = count;
    if (this.#rest.length > 0) this.#rest.length = Math.min(this.#rest.length, Math.max(0, Math.ceil(count / CHUNK_ROWS) - 1));
    const { hashes } = this.#notes;
    hashes.length = Math.min(hashes.length, count >>> CHUNK_SHIFT);
  }

  #ownNotes(): ChunkNotes {
    if (this.#notes === NO_NOTES) this.#notes = new ChunkNotes();
    return this.#notes;
  }

  /** Notes that a row which committed had before was changed in place by the decision of that sequence (G3). */
  changed(row: number, sequence: Sequence): void {
    const chunk = row >>> CHUNK_SHIFT;
    const { changedAt, hashes } = this.#ownNotes();
    while (changedAt.length <= chunk) changedAt.push(0);
    changedAt[chunk] = sequence;
    if (chunk < hashes.length) hashes[chunk] = null;
  }

  /** The kept hash of a full chunk, or null. */
  hashOf(chunk: number): Uint8Array | null {
    return this.#notes.hashes[chunk] ?? null;
  }

  /** Keeps the hash of a full chunk until the chunk changes. */
  keepHash(chunk: number, hash: Uint8Array): void {
    const { hashes } = this.#ownNotes();
    while (hashes.length <= chunk) hashes.push(null);
    hashes[chunk] = hash;
  }

  /** Copies of the rows from `from` up to `count`, and of the whole chunks before them that changed in place after `since`; at
   *  most a chunk each, in row order, none twice. */
  changes(wanted: { readonly from: number; readonly count: number; readonly since: Sequence }): { from: number; bytes: Uint8Array }[] {
    const parts: { from: number; bytes: Uint8Array }[] = [];
    const firstNew = wanted.from >>> CHUNK_SHIFT;
    for (const [chunk, changedAt] of this.#notes.changedAt.entries()) {
      if (changedAt > wanted.since && chunk <= firstNew && chunk * CHUNK_ROWS < wanted.from) parts.push(this.#copy(chunk * CHUNK_ROWS, wanted.count));
    }
    const last = parts.at(-1);
    let row = last === undefined ? wanted.from : Math.max(wanted.from, last.from + last.bytes.length / this.width);
    while (row < wanted.count) {
      parts.push(this.#copy(row, wanted.count));
      row = ((row >>> CHUNK_SHIFT) + 1) * CHUNK_ROWS;
    }
    return parts;
  }

  // The rows of one chunk from `from` on, as far as they are below `count`.
  #copy(from: number, count: number): { from: number; bytes: Uint8Array } {
    const end = Math.min(count, ((from >>> CHUNK_SHIFT) + 1) * CHUNK_ROWS);
    const at = this.at(from);
    return { from, bytes: this.bytes(from).slice(at, at + (end - from) * this.width) };
  }

  /** Puts stored rows in, from row `count` on. */
  load(bytes: Uint8Array): void {
    invariant(bytes.length % this.width === 0, "stored rows are whole");
    for (let at = 0; at < bytes.length; at += this.width) {
      this.add();
      const row = this.count - 1;
      this.bytes(row).set(bytes.subarray(at, at + this.width), this.at(row));
    }
  }
}
