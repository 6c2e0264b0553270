// One round of snapshots over the shards of a node.
//
// N5. Snapshots are an owner's: a shard that is followed is never saved from here. It learns what its owner saved instead.
// N6. What a broken rule left in memory is not saved: replay is the repair, and must not begin with it.

import type { Ownership } from "./ownership.ts";
import type { Shard } from "./shard.ts";
import { evictClosed, foldIdle, takeSnapshot } from "./snapshots.ts";
import type { ShardWorld } from "./world.ts";

/** What a round needs of its node. */
type Saving = Pick<ShardWorld, "clock" | "timers" | "limits"> & { readonly stopping: boolean };

/** Snapshots every owned shard that changed, one after the other, and lets leave memory what may. Resolves with how many could not be
 *  saved. */
export async function saveAll(ownerships: readonly Ownership[], node: Saving): Promise<number> {
  const turnPassed = (): Promise<void> => new Promise((resolve) => node.timers.soon(resolve));
  let failed = 0;
  for (const ownership of ownerships) {
    const { shard, standsBy } = ownership;
    if (standsBy) await ownership.slim();
    else if (shard.reading === 0 && !shard.unfit) {
      // Whoever stops saves its RELEASE too, so that the next start has nothing to replay.
      const isDue = shard.dirty.size > 0 || shard.snapshotAt === 0 || (node.stopping && shard.judge.next > shard.savedTo);
      if (isDue && !(await saveOne(shard, node, turnPassed))) failed += 1;
    }
    if (!node.stopping) await foldIdle(shard, turnPassed);
  }
  return failed;
}

async function saveOne(shard: Shard, { clock, limits }: Saving, turnPassed: () => Promise<void>): Promise<boolean> {
  if (!(await takeSnapshot(shard, turnPassed))) return false;
  if (shard.reading === 0) evictClosed(shard, clock.now() - limits.closedKeptMs);
  return true;
}
