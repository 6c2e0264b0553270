// The auctions whose updates this gateway wants: counted, and found by shard when a shard comes or goes.
import type { AuctionId, Shard } from "../engine/core/ids.ts";

export class Watched {
  readonly #counts = new Map<AuctionId, number>();
  #shards = new Map<Shard, Set<AuctionId>>();

  /** true: it was not watched before. */
  add(auctionId: AuctionId, shard: Shard): boolean {
    const count = this.#counts.get(auctionId) ?? 0;
    this.#counts.set(auctionId, count + 1);
    if (count > 0) return false;
    this.#place(auctionId, shard);
    return true;
  }

  /** true: nobody watches it any more. A remove without its add changes nothing. */
  remove(auctionId: AuctionId, shard: Shard): boolean {
    const count = this.#counts.get(auctionId);
    if (count === undefined) return false;
    if (count > 1) {
      this.#counts.set(auctionId, count - 1);
      return false;
    }
    this.#counts.delete(auctionId);
    const auctions = this.#shards.get(shard);
    if (auctions?.delete(auctionId) && auctions.size === 0) this.#shards.delete(shard);
    return true;
  }

  all(): readonly AuctionId[] {
    return [...this.#counts.keys()];
  }

  ofShard(shard: Shard): readonly AuctionId[] {
    return [...(this.#shards.get(shard) ?? [])];
  }

  /** Finds every auction's shard again, by another slot table. */
  reroute(shardOf: (auctionId: AuctionId) => Shard): void {
    this.#shards = new Map();
    for (const auctionId of this.#counts.keys()) this.#place(auctionId, shardOf(auctionId));
  }

  #place(auctionId: AuctionId, shard: Shard): void {
    const auctions = this.#shards.get(shard);
    if (auctions === undefined) this.#shards.set(shard, new Set([auctionId]));
    else auctions.add(auctionId);
  }
}
