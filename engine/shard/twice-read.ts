// A record that came damaged is read once more before anybody judges it.
import type { Shard } from "../core/ids.ts";
import type { JudgedRecord } from "../core/validity.ts";
import type { StoredRecord } from "../ports.ts";
import type { ShardWorld } from "./world.ts";

/** A shard of which nothing but its log is looked at. */
export interface LogOfShard {
  readonly number: Shard;
  readonly world: Pick<ShardWorld, "log" | "codec">;
}

/** Whether a record as it came says nothing of the one that stands in the log. */
export function isDoubtful({ kind }: JudgedRecord): boolean {
  return kind === "damaged" || kind === "foreign";
}

/** J4: a record that only came damaged over the way must not stop the shard, nor be void here and count elsewhere. Rejects with what the
 *  log throws. */
export async function lookAgain(shard: LogOfShard, { offset, bytes }: StoredRecord): Promise<JudgedRecord> {
  const { log, codec } = shard.world;
  for await (const list of log.read(shard.number, offset, offset + 1)) {
    for (const again of list) return codec.decode(again, shard.number);
  }
  return codec.decode({ offset, bytes }, shard.number);
}
