// The state hash that a RELEASE bears, and that whoever reads one compares its own state with.
import { stateHash } from "../core/state-hash.ts";
import type { ShardState } from "./shard-state.ts";

/** The state hash of a shard at its committed lsn, with nothing in flight. */
export function stateHashNow(shard: ShardState): Uint8Array {
  // A run under way has auctions that are changed and not yet captured; and it wants the sum as it was at its own lsn.
  shard.snapshot.run?.finish();
  for (const actor of shard.dirty) {
    if (actor.committed !== null) shard.hashes.exchange(actor.index, stateHash(actor.committed, shard.world.codec.hash));
  }
  return shard.hashes.sum;
}
