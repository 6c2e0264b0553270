// Opens the local decision log of a folder for its one writer, and makes it where there is none.
//
// Owns: the order of checks: file system (L7), holder (L6), what is there (recovery.ts), settings, GENESIS of every shard.
// Must not: give up the folder while anything may still be written.
import { randomBytes } from "node:crypto";
import { resolve } from "node:path";
import type { Instant, Shard } from "../../engine/core/ids.ts";
import type { GenesisRecord } from "../../engine/core/validity.ts";
import type { Append, AppendOutcome, DecisionLog, Timers } from "../../engine/ports.ts";
import { appendLimitMsDefault, processTimers } from "../log-defaults.ts";
import { createRecordCodec, decodeRecord } from "../record.ts";
import { DiskRoom, refusedFileSystem } from "./disk.ts";
import { LogFileSystemRefused, LogFull, LogMismatch, LogMissing } from "./errors.ts";
import { type Files, nodeFiles } from "./files.ts";
import { type Holder, holdFolder } from "./holder.ts";
import { createSegments, type OpenedLog, recoverLog } from "./recovery.ts";
import { SegmentLog } from "./segment-log.ts";

/** 256 MiB: a trim frees that much at a time, and a start walks over at most that much. */
export const segmentBytesDefault = 268_435_456;
/** What GENESIS says of a log that is made. */
export interface NewLog {
  readonly slotDigest: Uint8Array;
  readonly madeAt: Instant;
  /** Product version. */
  readonly version: string;
  /** Default: 16 random bytes. */
  readonly lifeId?: Uint8Array;
}

export interface LocalLogOptions {
  /** The folder of the log alone. */
  readonly dir: string;
  readonly shards: number;
  /** Called once after a disk error: what is on the disk is unknown and the process must stop (L8). */
  readonly onFatal: (error: Error) => void;
  /** How to make a log where there is none; absent: LogMissing. With a log there, its slot digest must be the same. */
  readonly create?: NewLog;
  readonly segmentBytes?: number;
  /** Below this much free space the room is `low`. Default: two segments. */
  readonly reserveBytes?: number;
  /** false: nothing is durable, for tests. */
  readonly sync?: boolean;
  readonly appendLimitMs?: number;
  /** What was cut off at start, for a log line. */
  readonly onCut?: (cut: NonNullable<OpenedLog["cut"]>) => void;
  readonly files?: Files;
  readonly hold?: (folder: string) => Promise<Holder>;
  readonly timers?: Timers;
}

export interface LocalLog extends DecisionLog {
  readonly lifeId: Uint8Array;
  readonly shards: number;
  /** As GENESIS of shard 0 says; null once that is trimmed away. */
  readonly slotDigest: Uint8Array | null;
  /** Answers of the disk that came after the append limit, and were dropped. */
  readonly lateAnswers: number;
}

/** Opens the log, or makes it if told how. Throws LogFolderHeld, LogFileSystemRefused, LogDamaged, LogMissing, LogMismatch or LogFull;
 *  it has then changed nothing but what a power cut would have left as well. */
export async function openLocalLog(options: LocalLogOptions): Promise<LocalLog> {
  const folder = resolve(options.dir);
  const files = options.files ?? nodeFiles;
  await files.makeFolder(folder);
  const refused = refusedFileSystem((await files.space(folder)).fileSystem);
  if (refused !== null) throw new LogFileSystemRefused(folder, refused);
  const holder = await (options.hold ?? holdFolder)(folder);
  try {
    return await openHeld(options, { folder, files, holder });
  } catch (error) {
    await holder.release();
    throw error;
  }
}

async function openHeld(options: LocalLogOptions, held: { folder: string; files: Files; holder: Holder }): Promise<LocalLog> {
  const { folder, files } = held;
  const opened = (await recoverLog(files, folder)) ?? (await createLog(options, folder, files));
  if (opened.cut !== null) options.onCut?.(opened.cut);
  const segmentBytes = options.segmentBytes ?? segmentBytesDefault;
  const room = new DiskRoom({ files, folder, reserveBytes: options.reserveBytes ?? 2 * segmentBytes, now: () => performance.now() });
  await room.check();
  const log = new SegmentLog({
    ...held,
    opened,
    room,
    segmentBytes,
    timers: options.timers ?? processTimers,
    appendLimitMs: options.appendLimitMs ?? appendLimitMsDefault,
    sync: options.sync ?? true,
    onFatal: options.onFatal,
  });
  try {
    if (log.shards !== options.shards) throw new LogMismatch(folder, `was made for ${log.shards} shards, not ${options.shards}: the number never changes`);
    const genesis = await completeGenesis(log, folder, { lifeId: opened.lifeId, create: options.create });
    return Object.assign(log, { lifeId: opened.lifeId, slotDigest: genesis?.slotDigest ?? null });
  } catch (error) {
    await opened.file.close();
    throw error;
  }
}

async function createLog(options: LocalLogOptions, folder: string, files: Files): Promise<OpenedLog> {
  if (options.create === undefined) throw new LogMissing(folder);
  try {
    return await createSegments(files, folder, { lifeId: options.create.lifeId ?? randomBytes(16), shards: options.shards });
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOSPC") throw new LogFull(folder);
    throw error;
  }
}

/** Writes GENESIS to every shard that has no record yet, all with one life id: those of a new log, and those that a power cut left
 *  without while it was made. Returns that of shard 0, or null if it was trimmed away. */
async function completeGenesis(log: SegmentLog, folder: string, made: { lifeId: Uint8Array; create: NewLog | undefined }): Promise<GenesisRecord | null> {
  const found = await readGenesis(log);
  const create = made.create;
  const genesis = found ?? create;
  if (found !== null && create !== undefined && Buffer.compare(found.slotDigest, create.slotDigest) !== 0) {
    throw new LogMismatch(folder, "sends auctions to other shards than this program: their slot tables differ");
  }
  const appends: Append[] = [];
  for (let shard = 0; shard < log.shards; shard++) {
    if ((await log.ends(shard)).end > 0) continue;
    if (genesis === undefined) throw new LogMissing(folder);
    const { slotDigest, madeAt, version } = genesis;
    appends.push({ shard, bytes: createRecordCodec(made.lifeId).genesis({ shard, shards: log.shards, slotDigest, madeAt, version }) });
  }
  if (appends.length === 0) return found;
  await appendGenesis(log, folder, appends);
  return readGenesis(log);
}

async function appendGenesis(log: SegmentLog, folder: string, appends: readonly Append[]): Promise<void> {
  const outcomes = await new Promise<readonly AppendOutcome[]>((done) => log.append(appends, done));
  for (const outcome of outcomes) {
    if (outcome.kind === "refused" && outcome.code === "disk_full") throw new LogFull(folder);
    if (outcome.kind !== "done") throw new Error(`GENESIS could not be written: ${outcome.kind === "refused" ? outcome.detail : outcome.cause}`);
  }
}

const GENESIS_SHARD: Shard = 0;

async function readGenesis(log: Pick<DecisionLog, "read" | "ends">): Promise<GenesisRecord | null> {
  const { start, end } = await log.ends(GENESIS_SHARD);
  if (start > 0 || end === 0) return null;
  for await (const list of log.read(GENESIS_SHARD, 0, 1)) {
    for (const stored of list) {
      const record = decodeRecord(stored, GENESIS_SHARD);
      if (record.kind === "genesis") return record;
    }
  }
  return null;
}
