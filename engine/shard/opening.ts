// The opening pass (T7): what has to be decided before any bid when a shard is served again, in the order of the rules: lost time is
// given back, then openings and closes that fell due. Each end is judged after its time was given back.
import { givenBackMs } from "../core/closing.ts";
import { engineCommand } from "../core/command.ts";
import type { Instant } from "../core/ids.ts";
import type { AuctionState } from "../core/state.ts";
import { armDeadlines } from "./recovery.ts";
import type { Shard } from "./shard.ts";

/** Queues all of it. What was queued before, without a tenure, is forgotten: it would come before the give-backs. */
export function queueOpeningPass(shard: Shard): void {
  shard.dropDue();
  const now = shard.stamp();
  if (shard.judge.outageFrom > 0) queueGiveBacks(shard, shard.judge.outageFrom, now);
  armDeadlines(shard);
  shard.world.fireDue(now);
}

/** Queues a give-back for every auction that gets something of the time from `from` to `to`, in the order of auction ids. */
export function queueGiveBacks(shard: Shard, from: Instant, to: Instant): void {
  const given = [...shard.actors.values()].flatMap(({ auctionId, committed }) => {
    if (committed === null || !mayGetBack(committed)) return [];
    // From its own last give-back, when an earlier pass died half-way.
    const start = Math.max(from, committed.givenBackTo ?? 0);
    return givenBackMs(committed, start, to) > 0 ? [engineCommand(auctionId, { type: "give_back", from: start, to })] : [];
  });
  given.sort((left, right) => (left.auctionId < right.auctionId ? -1 : 1));
  for (const command of given) shard.giveBack(command);
}

function mayGetBack(state: AuctionState): boolean {
  return state.settings?.outage.policy === "give_back" && (state.phase === "open" || state.phase === "scheduled");
}
