// Which records `log read` shows: those that stand between two lsns of a shard, void ones where they stand, each judged.
//
// Owns: the choice of records. Must not: open a log (log-open.ts), print (log-lines.ts), or judge by itself: every record comes
// through the one reader from the first one on, since a verdict depends on everything before it.
import type { Decision } from "../../engine/core/decision.ts";
import type { JudgedRecord, Verdict } from "../../engine/core/validity.ts";
import type { RecordCodec } from "../../engine/ports.ts";
import { readShard } from "../../persistence/log-reader.ts";
import type { ShownRecord } from "./log-lines.ts";
import type { ReadableLog } from "./log-verify.ts";

/** Both ends are included. */
export interface LsnRange {
  readonly from: number;
  readonly to: number;
}

/** The records of a shard in that range, in the order of the log. An effective record of a tenure stands at its own lsns; a claim,
 *  a GENESIS and a void record stand behind the lsn before them. Records of a trimmed log are shown without a judgement. */
export async function* shownRecords(options: {
  readonly log: ReadableLog;
  readonly codec: RecordCodec;
  readonly shard: number;
  readonly range: LsnRange;
}): AsyncGenerator<ShownRecord> {
  const { log, codec, shard, range } = options;
  const { start } = await log.ends(shard);
  if (start > 0) {
    yield* unjudged(options, start);
    return;
  }
  for await (const { record, verdict, judge } of readShard(log, codec, shard)) {
    const first = verdict.kind === "effective" && "firstLsn" in record ? record.firstLsn : judge.lsn;
    if (first > range.to) return;
    if (judge.lsn < range.from - (takesLsn(record, verdict) ? 0 : 1)) continue;
    yield { record, verdict, decisions: decisionsIn(codec, record, verdict), lsn: judge.lsn };
  }
}

/** Whether the record moved the shard's lsn, so that its place is its own. */
function takesLsn(record: JudgedRecord, verdict: Verdict): boolean {
  return verdict.kind === "effective" && "firstLsn" in record;
}

// What a checkpoint knows of the records before the start is not at hand here, so nothing can be said of those behind it.
async function* unjudged(options: Parameters<typeof shownRecords>[0], start: number): AsyncGenerator<ShownRecord> {
  const { log, codec, shard, range } = options;
  for await (const list of log.read(shard, start)) {
    for (const stored of list) {
      const record = codec.decode(stored, shard);
      if ("firstLsn" in record && (record.firstLsn > range.to || record.firstLsn + record.count <= range.from)) continue;
      yield { record, verdict: null, decisions: decisionsIn(codec, record, null), lsn: null };
    }
  }
}

// A void frame is shown with what it wanted: that is what somebody who looks for a lost bid needs to see.
function decisionsIn(codec: RecordCodec, record: JudgedRecord, verdict: Verdict | null): readonly Decision[] {
  if (record.kind !== "frame") return [];
  if (verdict?.kind === "effective") return codec.decisions(record);
  try {
    return codec.decisions(record);
  } catch {
    // A frame that does not count need not parse: its checksums fit, but its writer may have been another program.
    return [];
  }
}
