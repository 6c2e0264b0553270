// `fairwarning log verify`: every shard of a log, from its first record, through the judge and the auditor.
//
// Owns: the walk over the shards, the progress, the verdict. Must not: open a log (log.ts does) or know how it is stored.
// The first violation ends it: what stands behind a broken place proves nothing.

import type { DecisionLog, RecordCodec } from "../../engine/ports.ts";
import { ShardAudit, type Violation } from "../../engine/sim/audit.ts";
import { readShard } from "../../persistence/log-reader.ts";

/** What a whole log amounts to. `violation` null: everything a log can show holds. */
export interface LogVerdict {
  readonly shards: number;
  readonly records: number;
  readonly voids: number;
  readonly decisions: number;
  readonly accepted: number;
  readonly auctions: number;
  readonly hammers: number;
  readonly bytes: number;
  readonly durationMs: number;
  readonly violation: Violation | null;
}

export interface VerifyProgress {
  /** Records seen of all there are. */
  readonly records: number;
  readonly recordsTotal: number;
}

/** Told this often, in records. */
const PROGRESS_EVERY = 256;

/** What is needed of a log to look into it: a live one, or one at rest. */
export type ReadableLog = Pick<DecisionLog, "read" | "tail" | "ends">;

/** Verifies the given shards one after the other. Memory holds the auctions of one shard, never the log. */
export async function verifyLog(options: {
  readonly log: ReadableLog;
  readonly codec: RecordCodec;
  readonly shards: readonly number[];
  /** Monotonic ms. */
  readonly now: () => number;
  readonly progress?: (progress: VerifyProgress) => void;
}): Promise<LogVerdict> {
  const { log, codec, shards } = options;
  const begun = options.now();
  let total = 0;
  for (const shard of shards) {
    const ends = await log.ends(shard);
    total += ends.end - ends.start;
  }
  const sum = { records: 0, voids: 0, decisions: 0, accepted: 0, auctions: 0, hammers: 0, bytes: 0 };
  let violation: Violation | null = null;
  for (const shard of shards) {
    const audit = new ShardAudit(shard, codec.hash);
    violation = await trimmed(log, shard);
    if (violation !== null) break;
    for await (const { record, verdict, bytes } of readShard(log, codec, shard)) {
      sum.bytes += bytes;
      sum.records += 1;
      violation = audit.record(record, verdict, (frame) => codec.decisions(frame));
      if (sum.records % PROGRESS_EVERY === 0) options.progress?.({ records: sum.records, recordsTotal: total });
      if (violation !== null) break;
    }
    sum.voids += audit.voids;
    sum.decisions += audit.decisions;
    sum.accepted += audit.accepted;
    sum.auctions += audit.auctions;
    sum.hammers += audit.hammers;
    if (violation !== null) break;
  }
  options.progress?.({ records: sum.records, recordsTotal: total });
  return { ...sum, shards: shards.length, durationMs: Math.round(options.now() - begun), violation };
}

async function trimmed(log: ReadableLog, shard: number): Promise<Violation | null> {
  const { start } = await log.ends(shard);
  if (start === 0) return null;
  return {
    invariant: "trimmed",
    shard,
    offset: start,
    lsn: 0,
    auctionId: null,
    sequence: null,
    message: "the log is trimmed: it cannot be verified from its first record",
  };
}
