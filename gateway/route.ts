// Which engine serves an auction now: auction -> slot -> shard by table, shard -> link by what the engines say of themselves.
//
// Must not: compute a placement, or ask anybody. What an engine says may be late, which costs a refusal and a repeat, never a bid:
// the owner is decided by the log.
//
// R1. Of two engines that both say they serve a shard, the one with the higher epoch does.
// R2. An engine out of reach serves nothing.
import { type AuctionId, type Epoch, type Shard, slotOf } from "../engine/core/ids.ts";
import type { ShardStatus } from "../engine/protocol.ts";

/** No link, no shard. */
export const NONE = -1;

/** What a gateway knows of a shard. `away`: no engine within reach says anything of it. */
export type ShardState = ShardStatus["state"] | "away";

export class Route {
  /** Slot -> shard, and for each shard what each link last said. Empty before the first welcome. */
  #slots: Uint16Array = new Uint16Array(0);
  #said: (ShardStatus | null)[][] = [];
  readonly #links: number;

  /** `links`: how many engine addresses there are. */
  constructor(links: number) {
    this.#links = links;
  }

  /** The table for another number of shards; everything heard before is forgotten. */
  rebuild(slots: Uint16Array, shards: number): void {
    this.#slots = slots;
    this.#said = Array.from({ length: shards }, () => new Array<ShardStatus | null>(this.#links).fill(null));
  }

  shardCount(): number {
    return this.#said.length;
  }

  /** NONE before the first welcome. The id must be one (isAuctionId). */
  shardOf(auctionId: AuctionId): Shard {
    return this.#slots[slotOf(auctionId)] ?? NONE;
  }

  heard(link: number, status: ShardStatus): void {
    const said = this.#said[status.shard];
    if (said !== undefined) said[link] = status;
  }

  /** Forgets all that this link said. */
  lost(link: number): void {
    for (const said of this.#said) said[link] = null;
  }

  /** The link whose engine serves the shard, log down included, or NONE. */
  ownerOf(shard: Shard): number {
    const said = this.#said[shard];
    if (said === undefined) return NONE;
    let owner = NONE;
    let epoch: Epoch = -1;
    for (let link = 0; link < said.length; link += 1) {
      const status = said[link];
      if (status && status.epoch > epoch && serves(status)) {
        owner = link;
        epoch = status.epoch;
      }
    }
    return owner;
  }

  /** The owner's word; without one the word of whoever owned it last. null: nobody within reach knows the shard. */
  statusOf(shard: Shard): ShardStatus | null {
    const said = this.#said[shard] ?? [];
    const owner = this.ownerOf(shard);
    if (owner !== NONE) return said[owner] ?? null;
    let latest: ShardStatus | null = null;
    for (const status of said) {
      if (status !== null && (latest === null || outranks(status, latest))) latest = status;
    }
    return latest;
  }

  stateOf(shard: Shard): ShardState {
    return this.statusOf(shard)?.state ?? "away";
  }
}

function serves(status: ShardStatus): boolean {
  return status.state === "serving" || status.state === "log_down";
}

/** Moving says more than unowned, which every engine says of what it does not own. */
const WORDS = { serving: 3, log_down: 3, moving: 2, stopped: 1, unowned: 0 } as const;

function outranks(status: ShardStatus, other: ShardStatus): boolean {
  const difference = WORDS[status.state] - WORDS[other.state];
  return difference === 0 ? status.epoch > other.epoch : difference > 0;
}
