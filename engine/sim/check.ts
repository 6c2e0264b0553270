// What askers were told, held against the records of a log, whoever wrote them: a simulated cluster, real processes that were killed, or
// a customer's system. Pure: asks and records in, violations out.
//
// Independent of the engine: the records are judged by the model judge (model-judge.ts), which reads their fields by itself, each decision
// is ruled on again by the model of the rules (model.ts), and the history is checked against what they amount to (history.ts).
// Shared with the engine, so that an error there is seen on neither side: the record codec's reading of decisions; apply and stateHash,
// which build and hash the states; answerRow and answerChunk, which give the stored answers that texts are compared with; publicState,
// which gives what a view should show. Of apply and publicState the phase, outcome, prices, leader, reserve, ends, buy-now, extensions and
// hammer are held against the model's facts behind each decision (audit.ts); bid lists, counts and bidders' numbers are not.
import { createRecordCodec } from "../../persistence/record.ts";
import type { Shard } from "../core/ids.ts";
import type { StoredRecord } from "../ports.ts";
import { type Ask, checkHistory } from "./history.ts";
import { readModelRecord, ZERO_HEX } from "./model-judge.ts";
import { TrueLog } from "./true-log.ts";

/** Something that is wrong, by the number of what it breaks. */
export interface Violation {
  readonly invariant: string;
  readonly message: string;
}

/** All records of one shard, from its first one on, void ones too. */
export interface ShardRecords {
  readonly shard: Shard;
  readonly records: readonly StoredRecord[];
}

export interface RunToCheck {
  /** Times are of one clock that never goes back; of processes on several machines, widened by what their clocks may differ. */
  readonly asks: readonly Ask[];
  readonly log: readonly ShardRecords[];
  /** How an asker would have received a stored answer of 64 bytes, where its text is to be compared byte for byte. */
  readonly textOf?: (row: Uint8Array) => string;
}

/** Everything that is wrong, the log first; at most some dozens. Nothing when all is well. */
export function checkRun({ asks, log, textOf }: RunToCheck): readonly Violation[] {
  const violations: Violation[] = [];
  const tell = (invariant: string, message: string): void => {
    violations.push({ invariant, message });
  };
  const logs = log.map((records) => replayed(records, tell));
  for (const message of checkHistory(
    asks,
    logs.flatMap(({ placed }) => placed),
  ).violations)
    tell("history", message);
  if (textOf !== undefined) checkTexts(asks, logs, textOf, tell);
  return violations;
}

function replayed({ shard, records }: ShardRecords, tell: (invariant: string, message: string) => void): TrueLog {
  const [first] = records;
  const life = first === undefined ? ZERO_HEX : readModelRecord(first.bytes).life;
  const log = new TrueLog(shard, createRecordCodec(Buffer.from(life || ZERO_HEX, "hex")), life, tell);
  for (const { offset, bytes } of records) {
    if (offset !== log.end) {
      tell("J1", `shard ${shard}: the record at ${offset} stands where ${log.end} should`);
      break;
    }
    log.store(bytes, null);
    // Behind a broken record nobody goes on.
    if (log.judged[offset]?.verdict === "broken") break;
  }
  return log;
}

function checkTexts(
  asks: readonly Ask[],
  logs: readonly TrueLog[],
  textOf: (row: Uint8Array) => string,
  tell: (invariant: string, message: string) => void,
): void {
  const rows = new Map(logs.flatMap((log) => [...log.answers]));
  for (const { auctionId, issuerId, key, outcome } of asks) {
    const row = rows.get(`${auctionId} ${issuerId} ${key}`);
    if (outcome.kind !== "answer" || row === undefined || textOf(row) === outcome.text) continue;
    tell("I9", `${issuerId} ${key} of ${auctionId} was told ${outcome.text}, the log says ${textOf(row)}`);
  }
}
