// Closed auctions that had left memory, fetched back from the snapshot store when somebody asks for one.
//
// Owns: which fetches are under way, and the readers that wait for them. Must not: decide, or say of an auction what the store did not.
//
// E1. An auction is fetched once at a time, whoever asks: commands wait in its mailbox, readers here.
// E2. What comes back is believed only by the actor that asked for it, if it is still the shard's and has no state by then. Meanwhile
//     the shard may have been read anew, or a replay may have fetched the same auction and gone on.
// E3. At most FETCHES_MAX at once, over all shards; then `overloaded`.
import type { RefusalCode } from "../core/decision.ts";
import type { AuctionId } from "../core/ids.ts";
import type { Actor } from "./actor.ts";
import { causeOf, LogBroken } from "./reading-errors.ts";
import { putBack } from "./recovery.ts";
import type { Shard } from "./shard.ts";

/** Sleeping auctions fetched at once. More wait too long anyway: strangers who make up ids must not keep the store busy. */
const FETCHES_MAX = 64;
/** Readers of one sleeping auction; then `overloaded`. */
const READERS_MAX = 1_024;

type Tell = (code: RefusalCode | null) => void;

export class Sleepers {
  readonly #readers = new Map<Actor, Tell[]>();

  /** The actor of an auction that is not in memory, its fetch begun or under way; null when too many are. `tell` hears when its state is
   *  there or known to be nowhere, or with a code why nobody can say. */
  wake(shard: Shard, auctionId: AuctionId, tell: Tell | null): Actor | null {
    const known = shard.actors.get(auctionId);
    const readers = known === undefined ? undefined : this.#readers.get(known);
    if (known !== undefined && readers !== undefined) {
      if (tell !== null && readers.length >= READERS_MAX) return null;
      if (tell !== null) readers.push(tell);
      return known;
    }
    if (this.#readers.size >= FETCHES_MAX) return null;
    const actor = shard.addActor(auctionId, null);
    actor.loading = true;
    this.#readers.set(actor, tell === null ? [] : [tell]);
    void this.#fetch(shard, actor);
    return actor;
  }

  async #fetch(shard: Shard, actor: Actor): Promise<void> {
    const code = await fetchInto(shard, actor);
    const readers = this.#readers.get(actor) ?? [];
    this.#readers.delete(actor);
    shard.awake(actor, code);
    for (const tell of readers) tell(code);
  }
}

async function fetchInto(shard: Shard, actor: Actor): Promise<RefusalCode | null> {
  const { store, say } = shard.world;
  try {
    const stored = await store.auction(shard.number, actor.auctionId);
    if (shard.actors.get(actor.auctionId) !== actor) return "shard_unowned";
    if (stored !== null) putBack(shard, actor, stored);
    return null;
  } catch (error) {
    if (error instanceof LogBroken) say("error", error.invariant, { shard: shard.number, auctionId: actor.auctionId, cause: causeOf(error) });
    return "overloaded";
  }
}
