// The decision log of a data folder, read whole, for tests of whole processes. Reads only; works beside a running engine too.
import { join } from "node:path";
import type { Placed } from "../../engine/sim/history.ts";
import { openLocalLogReader } from "../../persistence/local/log-follower.ts";
import { readShard } from "../../persistence/log-reader.ts";
import { createRecordCodec } from "../../persistence/record.ts";
import { type LogVerdict, verifyLog } from "../cli/log-verify.ts";

/** How one shard's log ends. */
export interface ShardEnd {
  /** Offset the next record will get. */
  readonly end: number;
  /** Of the last decision; 0 when there is none. */
  readonly decidedLsn: number;
  /** Kind of the last effective record. */
  readonly last: string;
  /** Of the last record when that is a RELEASE, as hex. */
  readonly stateHash: string | null;
}

export interface LogAtRest {
  readonly placed: readonly Placed[];
  readonly ends: readonly ShardEnd[];
  readonly verdict: LogVerdict;
}

/** Every effective decision with its place, the end of every shard, and the verdict of `log verify`. */
export async function logAtRest(dataDir: string): Promise<LogAtRest> {
  const log = await openLocalLogReader({ dir: join(dataDir, "log") });
  const codec = createRecordCodec(log.lifeId);
  const placed: Placed[] = [];
  const ends: ShardEnd[] = [];
  for (let shard = 0; shard < log.shards; shard += 1) {
    let end: ShardEnd = { end: 0, decidedLsn: 0, last: "none", stateHash: null };
    for await (const { record, verdict } of readShard(log, codec, shard)) {
      end = { ...end, end: record.offset + 1 };
      if (verdict.kind !== "effective") continue;
      end = { ...end, last: record.kind, stateHash: record.kind === "release" ? Buffer.from(record.stateHash).toString("hex") : null };
      if (record.kind !== "frame") continue;
      let lsn = record.firstLsn;
      for (const decision of codec.decisions(record)) placed.push({ shard, lsn: lsn++, decision });
      end = { ...end, decidedLsn: lsn - 1 };
    }
    ends.push(end);
  }
  const verdict = await verifyLog({ log, codec, shards: ends.map((_, shard) => shard), now: () => performance.now() });
  await log.close();
  return { placed, ends, verdict };
}
