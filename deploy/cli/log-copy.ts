// Carrying a whole decision log from one place to another, record by record, so that nobody can tell the two apart.
//
// Owns: the checks before, the order of appending, the comparison afterwards. Must not: know what either log is made of
// (log-places.ts), print, or go on behind a doubt.
//
// Y1. Every record goes over, void ones too, at its own offset: an epoch is the offset of a claim, and checkpoints bear offsets.
// Y2. The source holds its first record and nobody owns a shard of it: the last effective record of a tenure is its RELEASE. A log
//     whose beginning is trimmed away is refused; Kafka has no way to begin at an offset above 0, and records made up to fill
//     the place would be a history that never was.
// Y3. An append whose outcome is unknown ends the run. What stands in the target then is a beginning of the source, and a later run
//     goes on there only after it has compared every byte.
// Y4. At the end both sides are read back and compared by SHA-256, shard by shard, with each other and with what was judged. Only then are
//     the ends of every shard of both sides looked at once more: neither may have grown meanwhile.
import { createHash } from "node:crypto";
import type { DecisionLog, RecordCodec, StoredRecord } from "../../engine/ports.ts";
import { readShard } from "../../persistence/log-reader.ts";
import { appendAll, nextRecords, SourceShard } from "./log-copy-feed.ts";
import { CopyStopped, type CopyTargetLog } from "./log-copy-stopped.ts";
import type { ReadableLog } from "./log-verify.ts";

/** One shard as the source holds it. */
export interface ShardSurvey {
  readonly shard: number;
  /** Records, and the offset the next one would get. */
  readonly end: number;
  readonly bytes: number;
  readonly sha256: string;
}

/** One shard after the copy. */
export interface ShardCopied extends ShardSurvey {
  readonly targetSha256: string;
}

export type CopyStep = "reading the source" | "comparing what is there" | "copying" | "comparing both sides";

export interface CopyProgress {
  readonly step: CopyStep;
  readonly records: number;
  readonly recordsTotal: number;
}

type Tell = (progress: CopyProgress) => void;

/** Records of so many shards go with one request at most: readers hold one list of each in memory. */
const SHARDS_AT_ONCE = 16;
/** Told this often, in records. */
const PROGRESS_EVERY = 512;

/** Reads the whole source, judges it, and refuses what cannot be carried (Y2). Changes nothing. */
export async function surveySource(options: {
  readonly log: ReadableLog;
  readonly codec: RecordCodec;
  readonly shards: number;
  readonly tell?: Tell;
}): Promise<readonly ShardSurvey[]> {
  const { log, codec, shards } = options;
  const count = counter("reading the source", await recordsOf(log, shards), options.tell);
  const surveys: ShardSurvey[] = [];
  for (let shard = 0; shard < shards; shard += 1) {
    const { start } = await log.ends(shard);
    if (start > 0) throw new CopyStopped("trimmed", trimmedText(shard, start));
    const hash = createHash("sha256");
    let [bytes, end, open] = [0, 0, false];
    const looked = new Map<number, StoredRecord>();
    for await (const { record, verdict, judge } of readShard(rememberingLog(log, looked), codec, shard)) {
      if (verdict.kind === "broken") throw new CopyStopped("broken", brokenText(shard, record.offset, verdict.reason));
      const stored = looked.get(record.offset);
      if (stored === undefined) throw new CopyStopped("interrupted", `the source did not give offset ${record.offset} of shard ${shard}`);
      looked.delete(record.offset);
      addRecord(hash, stored);
      [bytes, end, open] = [bytes + stored.bytes.length, judge.next, judge.open];
      count.one();
    }
    if (end === 0) throw new CopyStopped("broken", brokenText(shard, 0, "no_genesis"));
    if (open) throw new CopyStopped("owned", ownedText(shard));
    surveys.push({ shard, end, bytes, sha256: hash.digest("hex") });
  }
  count.end();
  return surveys;
}

// What was judged is what is hashed. A damaged record is read a second time (J4), so the newest look at each offset counts; no more than one
// list of the log and that record are remembered at a time.
function rememberingLog(log: ReadableLog, looked: Map<number, StoredRecord>): ReadableLog {
  return {
    ends: (shard) => log.ends(shard),
    tail: (shard, from, signal) => log.tail(shard, from, signal),
    async *read(shard, from, to) {
      for await (const list of log.read(shard, from, to)) {
        for (const record of list) looked.set(record.offset, record);
        yield list;
      }
    },
  };
}

/** Appends to the target what it lacks of the source. `goOn`: the target holds a beginning of it, which is compared first (Y3). */
export async function copyRecords(options: {
  readonly source: ReadableLog;
  readonly target: CopyTargetLog;
  readonly surveys: readonly ShardSurvey[];
  readonly goOn: boolean;
  readonly tell?: Tell;
}): Promise<void> {
  const { source, target, surveys, tell } = options;
  const starts = await placesToBegin(options);
  const missing = surveys.reduce((sum, { shard, end }) => sum + end - (starts.get(shard) ?? 0), 0);
  const count = counter("copying", missing, tell);
  const waiting = surveys
    .filter(({ shard, end }) => end > (starts.get(shard) ?? 0))
    .map(({ shard, end }) => new SourceShard(source, shard, starts.get(shard) ?? 0, end));
  const active: SourceShard[] = [];
  try {
    while (waiting.length > 0 || active.length > 0) {
      active.push(...waiting.splice(0, SHARDS_AT_ONCE - active.length));
      const ready = await nextRecords(active);
      await appendAll(target, ready);
      count.add(ready.length);
      // Those that waited because the request was full come first next time.
      for (const { feed } of ready) active.push(...active.splice(active.indexOf(feed), 1));
      for (const feed of active.filter((each) => each.finished)) {
        active.splice(active.indexOf(feed), 1);
        await feed.close();
      }
    }
  } finally {
    for (const feed of active) await feed.close();
  }
  count.end();
}

async function placesToBegin(options: Parameters<typeof copyRecords>[0]): Promise<ReadonlyMap<number, number>> {
  const { source, target, surveys, goOn } = options;
  const starts = new Map<number, number>();
  for (const { shard, end } of surveys) {
    const there = await target.ends(shard);
    if (there.end === 0) continue;
    if (!goOn) throw new CopyStopped("not_empty", `the target already holds ${there.end} records of shard ${shard}: a log is copied into an empty place only`);
    if (there.start > 0 || there.end > end) throw new CopyStopped("differs", notBeginningText(shard));
    starts.set(shard, there.end);
  }
  const count = counter(
    "comparing what is there",
    [...starts.values()].reduce((sum, each) => sum + each, 0),
    options.tell,
  );
  for (const [shard, end] of starts) {
    const [from, to] = [await hashOf(source, shard, end), await hashOf(target, shard, end)];
    if (from !== to) throw new CopyStopped("differs", notBeginningText(shard));
    count.add(end);
  }
  count.end();
  return starts;
}

/** Reads both sides again and compares them by hash, shard by shard (Y4), each with the other and with what was judged. Throws on the first
 *  shard that differs, and when any shard of either side has another end before or after. */
export async function compareBoth(options: {
  readonly source: ReadableLog;
  readonly target: CopyTargetLog;
  readonly surveys: readonly ShardSurvey[];
  readonly tell?: Tell;
}): Promise<readonly ShardCopied[]> {
  const { source, target, surveys } = options;
  const count = counter(
    "comparing both sides",
    surveys.reduce((sum, { end }) => sum + end, 0),
    options.tell,
  );
  await checkEnds(options);
  const copied: ShardCopied[] = [];
  for (const survey of surveys) {
    const { shard, end, sha256 } = survey;
    const [from, to] = [await hashOf(source, shard, end), await hashOf(target, shard, end)];
    if (from !== to) throw new CopyStopped("differs", `shard ${shard}: SHA-256 ${from} in the source, ${to} in the target`);
    if (from !== sha256) throw new CopyStopped("differs", `shard ${shard}: SHA-256 ${sha256} when the source was judged, ${from} on both sides now`);
    copied.push({ ...survey, targetSha256: to });
    count.add(end);
  }
  // A shard that was compared first may have grown while the others were.
  await checkEnds(options);
  count.end();
  return copied;
}

async function checkEnds({ source, target, surveys }: Pick<Parameters<typeof compareBoth>[0], "source" | "target" | "surveys">): Promise<void> {
  for (const { shard, end } of surveys) {
    const [from, to] = [await source.ends(shard), await target.ends(shard)];
    if (from.end !== end) throw new CopyStopped("grew", grewText(shard));
    if (to.start !== 0 || to.end !== end) {
      throw new CopyStopped("differs", `shard ${shard} has ${end} records in the source and ${to.start} to ${to.end - 1} in the target`);
    }
  }
}

/** SHA-256 over the records 0 to `end` - 1 of a shard: of each its length as 4 bytes, little-endian, and its bytes. Hexadecimal. */
export async function hashOf(log: Pick<DecisionLog, "read">, shard: number, end: number): Promise<string> {
  const hash = createHash("sha256");
  for await (const list of log.read(shard, 0, end)) for (const record of list) addRecord(hash, record);
  return hash.digest("hex");
}

function addRecord(hash: ReturnType<typeof createHash>, record: StoredRecord): void {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(record.bytes.length);
  hash.update(length).update(record.bytes);
}

async function recordsOf(log: ReadableLog, shards: number): Promise<number> {
  let sum = 0;
  for (let shard = 0; shard < shards; shard += 1) sum += (await log.ends(shard)).end;
  return sum;
}

function counter(step: CopyStep, recordsTotal: number, tell: Tell | undefined) {
  let [records, told] = [0, 0];
  const add = (more: number): void => {
    records += more;
    if (records - told < PROGRESS_EVERY) return;
    told = records;
    tell?.({ step, records, recordsTotal });
  };
  return { add, one: () => add(1), end: () => tell?.({ step, records, recordsTotal }) };
}

function trimmedText(shard: number, start: number): string {
  return (
    `the log is trimmed: shard ${shard} begins at offset ${start}. Offsets must stay what they are, since epochs and checkpoints bear them, and a log ` +
    "is only ever begun at 0. Bring back the untrimmed log from a backup, or stay where you are; what has ended can be kept by log read --json"
  );
}

function brokenText(shard: number, offset: number, reason: string): string {
  return `shard ${shard} is broken at offset ${offset} (${reason}): nothing behind that place can be trusted. See fairwarning log verify`;
}

function ownedText(shard: number): string {
  return (
    `shard ${shard} is owned: its last tenure was not ended by a RELEASE. Stop the system in order (SIGTERM, or Ctrl-C) and wait for its end. ` +
    "If it was killed, start it once more and stop it in order"
  );
}

function grewText(shard: number): string {
  return `shard ${shard} of the source grew while it was copied: an engine was started on it. The copy is behind and worth nothing`;
}

function notBeginningText(shard: number): string {
  return `what the target holds of shard ${shard} is not a beginning of the source`;
}
