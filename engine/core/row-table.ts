// Rows of fixed width in chunks of 1,024: the form of all append-only tables of an auction.
//
// Owns: the chunks, which of them changed in place, and the kept hashes of full ones. Must not: know what a row means.
// Nothing is allocated before the first row; empty parts are shared constants.
import { cutBytes } from "./bytes.ts";
import type { Sequence } from "./ids.ts";
import { invariant } from "./invariant.ts";

/** Rows of a chunk: 64 KiB of answers. A full chunk never changes again but by a removal, so a snapshot writes it once. */
export const CHUNK_ROWS = 1_024;

/** The first chunk begins with four rows and doubles: one bid must not cost 64 KiB. */
const FIRST_ROWS = 4;

const NO_BYTES = new Uint8Array(0);
const NO_CHUNKS: Uint8Array[] = [];
const NO_NUMBERS: number[] = [];
const NO_HASHES: (Uint8Array | null)[] = [];

/** Rows of one kind. */
export class RowTable {
  readonly width: number;
  /** Rows written, by the head or by committed. */
  count = 0;
  #first: Uint8Array = NO_BYTES;
  #rest: Uint8Array[] = NO_CHUNKS;
  /** Per chunk, the sequence whose apply last changed a row that stood there before; sparse. */
  #changedAt: number[] = NO_NUMBERS;
  /** Per full chunk, its hash until it changes; sparse. */
  #hashes: (Uint8Array | null)[] = NO_HASHES;

  constructor(width: number) {
    this.width = width;
  }

  /** The chunk that holds a row. */
  chunk(row: number): Uint8Array {
    return row < CHUNK_ROWS ? this.#first : (this.#rest[Math.floor(row / CHUNK_ROWS) - 1] as Uint8Array);
  }

  /** Byte at which a row begins in its chunk. */
  at(row: number): number {
    return (row % CHUNK_ROWS) * this.width;
  }

  /** Makes room for row `count` and counts it. */
  add(): void {
    const row = this.count;
    if (row < CHUNK_ROWS) this.#growFirst(row);
    else if (row % CHUNK_ROWS === 0 && this.#rest.length < row / CHUNK_ROWS) {
      if (this.#rest === NO_CHUNKS) this.#rest = [];
      this.#rest.push(new Uint8Array(CHUNK_ROWS * this.width));
    }
    this.count = row + 1;
  }

  #growFirst(row: number): void {
    if ((row + 1) * this.width <= this.#first.length) return;
    const grown = cutBytes(Math.max(FIRST_ROWS, row * 2) * this.width);
    grown.set(this.#first);
    this.#first = grown;
  }

  /** Cuts off the rows from `count` on. Their bytes are written over by the rows that take their place. */
  truncate(count: number): void {
    if (count >= this.count) return;
    this.count = count;
    this.#rest.length = Math.min(this.#rest.length, Math.max(0, Math.ceil(count / CHUNK_ROWS) - 1));
    if (this.#hashes.length > Math.floor(count / CHUNK_ROWS)) this.#hashes.length = Math.floor(count / CHUNK_ROWS);
  }

  /** Notes that a row which committed had before was changed in place by the decision of that sequence (G3). */
  changed(row: number, sequence: Sequence): void {
    const chunk = Math.floor(row / CHUNK_ROWS);
    if (this.#changedAt === NO_NUMBERS) this.#changedAt = [];
    while (this.#changedAt.length <= chunk) this.#changedAt.push(0);
    this.#changedAt[chunk] = sequence;
    if (chunk < this.#hashes.length) this.#hashes[chunk] = null;
  }

  /** Sequence of the last change in place within a chunk; 0 when there was none. */
  changedAt(chunk: number): Sequence {
    return this.#changedAt[chunk] ?? 0;
  }

  /** The kept hash of a full chunk, or null. */
  hashOf(chunk: number): Uint8Array | null {
    return this.#hashes[chunk] ?? null;
  }

  /** Keeps the hash of a full chunk until the chunk changes. */
  keepHash(chunk: number, hash: Uint8Array): void {
    if (this.#hashes === NO_HASHES) this.#hashes = [];
    while (this.#hashes.length <= chunk) this.#hashes.push(null);
    this.#hashes[chunk] = hash;
  }

  /** Copies of the rows from `from` up to `count`, and of the whole chunks before them that changed in place after `since`; at
   *  most a chunk each, in row order, none twice. */
  changes(wanted: { readonly from: number; readonly count: number; readonly since: Sequence }): { from: number; bytes: Uint8Array }[] {
    const parts: { from: number; bytes: Uint8Array }[] = [];
    const firstNew = Math.floor(wanted.from / CHUNK_ROWS);
    for (let chunk = 0; chunk < this.#changedAt.length && chunk <= firstNew; chunk += 1) {
      if (this.changedAt(chunk) > wanted.since && chunk * CHUNK_ROWS < wanted.from) parts.push(this.#copy(chunk * CHUNK_ROWS, wanted.count));
    }
    const last = parts.at(-1);
    let row = last === undefined ? wanted.from : Math.max(wanted.from, last.from + last.bytes.length / this.width);
    while (row < wanted.count) {
      parts.push(this.#copy(row, wanted.count));
      row = (Math.floor(row / CHUNK_ROWS) + 1) * CHUNK_ROWS;
    }
    return parts;
  }

  // The rows of one chunk from `from` on, as far as they are below `count`.
  #copy(from: number, count: number): { from: number; bytes: Uint8Array } {
    const end = Math.min(count, (Math.floor(from / CHUNK_ROWS) + 1) * CHUNK_ROWS);
    const at = this.at(from);
    return { from, bytes: this.chunk(from).slice(at, at + (end - from) * this.width) };
  }

  /** Puts stored rows in, from row `count` on. */
  load(bytes: Uint8Array): void {
    invariant(bytes.length % this.width === 0, "stored rows are whole");
    for (let at = 0; at < bytes.length; at += this.width) {
      this.add();
      const row = this.count - 1;
      this.chunk(row).set(bytes.subarray(at, at + this.width), this.at(row));
    }
  }
}
