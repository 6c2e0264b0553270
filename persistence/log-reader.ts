// Reads a shard's log through the one judge: recovery, standby, sink, `log read` and `log verify` all come this way.
//
// Owns: the order decode, judge, advance; and the second look at a damaged record. Must not: apply a decision, skip a record,
// or go on behind a broken one.
import type { Offset, Shard } from "../engine/core/ids.ts";
import { advance, initialJudge, type JudgedRecord, type JudgeState, judge, type Verdict } from "../engine/core/validity.ts";
import type { DecisionLog, RecordCodec, StoredRecord } from "../engine/ports.ts";

type Decoder = Pick<RecordCodec, "decode" | "hash">;

export interface ReadRecord {
  readonly record: JudgedRecord;
  readonly verdict: Verdict;
  /** The judge's state behind this record (before it, if it is broken). The same object each time: copy what must last. */
  readonly judge: JudgeState;
  /** Size of the stored record. */
  readonly bytes: number;
}

export interface ReadOptions {
  /** Where to begin, as a checkpoint says; it is advanced in place. Default: before the first record. */
  readonly from?: JudgeState;
  /** Reads up to and excluding this offset. Default: the end when called. */
  readonly to?: Offset;
  /** Goes on waiting for records until this is aborted. */
  readonly tail?: AbortSignal;
}

/** Every record with its verdict, in offset order. A broken record is the last one given: nobody may go on behind it. Throws
 *  what the log throws, and on a list that does not go on where the last one ended. */
export async function* readShard(log: Pick<DecisionLog, "read" | "tail">, codec: Decoder, shard: Shard, options: ReadOptions = {}): AsyncGenerator<ReadRecord> {
  const state = options.from ?? initialJudge(shard);
  const lists = options.tail === undefined ? log.read(shard, state.next, options.to) : log.tail(shard, state.next, options.tail);
  for await (const list of lists) {
    for (const stored of list) {
      const first = codec.decode(stored, shard);
      const record = first.kind === "damaged" ? await lookAgain(log, codec, shard, stored) : first;
      const verdict = judge(state, record);
      if (verdict.kind === "broken") {
        yield { record, verdict, judge: state, bytes: stored.bytes.length };
        return;
      }
      advance(state, record, verdict, codec.hash);
      yield { record, verdict, judge: state, bytes: stored.bytes.length };
    }
  }
}

// J4: a record that only came damaged over the way, and would be voided or broken here, must not be a second truth.
async function lookAgain(log: Pick<DecisionLog, "read">, codec: Decoder, shard: Shard, stored: StoredRecord): Promise<JudgedRecord> {
  for await (const list of log.read(shard, stored.offset, stored.offset + 1)) {
    for (const again of list) return codec.decode(again, shard);
  }
  return codec.decode(stored, shard);
}
