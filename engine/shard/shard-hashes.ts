// The state hash of a shard: the sum modulo 2^128 of its auctions' hashes. Its cost follows what changed.
//
// Owns: one slab of 16 bytes an auction, and the sum. A hash is exchanged, never looked for.
import { addHash, subtractHash, ZERO_HASH } from "../core/state-hash.ts";

const HASH_BYTES = 16;
const ROOM_FIRST = 64;

export class ShardHashes {
  #sum: Uint8Array = ZERO_HASH;
  #slab = new Uint8Array(ROOM_FIRST * HASH_BYTES);

  /** Sum of all auctions, also of those that left memory. */
  get sum(): Uint8Array {
    return this.#sum;
  }

  /** Begins anew from a sum that is known (a checkpoint's, or zero). */
  begin(sum: Uint8Array): void {
    this.#sum = sum;
  }

  /** Remembers a hash that the sum already holds. */
  keep(index: number, hash: Uint8Array): void {
    this.#grow(index);
    this.#slab.set(hash, index * HASH_BYTES);
  }

  /** Puts a new hash in the place of the remembered one, in the sum too. */
  exchange(index: number, hash: Uint8Array): void {
    this.#grow(index);
    const old = this.#slab.slice(index * HASH_BYTES, (index + 1) * HASH_BYTES);
    this.#sum = addHash(subtractHash(this.#sum, old), hash);
    this.#slab.set(hash, index * HASH_BYTES);
  }

  /** Forgets a place for its next user; the sum keeps what it had. */
  free(index: number): void {
    if (index * HASH_BYTES < this.#slab.length) this.#slab.fill(0, index * HASH_BYTES, (index + 1) * HASH_BYTES);
  }

  #grow(index: number): void {
    if ((index + 1) * HASH_BYTES <= this.#slab.length) return;
    const larger = new Uint8Array(Math.max(this.#slab.length * 2, (index + 1) * HASH_BYTES));
    larger.set(this.#slab);
    this.#slab = larger;
  }
}
