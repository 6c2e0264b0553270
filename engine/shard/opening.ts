// The opening pass (T7): what has to be decided before any bid when a shard is served again, in the order of the rules: lost time is
// given back, then openings and closes that fell due. Each end is judged after its time was given back.
import { queueGiveBacks } from "./give-back.ts";
import { armDeadlines } from "./recovery.ts";
import type { Shard } from "./shard.ts";

/** Queues all of it. What was queued before, without a tenure, is forgotten: it would come before the give-backs. */
export function queueOpeningPass(shard: Shard): void {
  shard.dropDue();
  const now = shard.stamp();
  const { outageFrom } = shard.judge;
  if (outageFrom > 0) queueGiveBacks(shard, Math.min(outageFrom, shard.refusingSince ?? outageFrom), now);
  shard.refusingSince = null;
  armDeadlines(shard);
  shard.world.fireDue(now);
}
