// Opens a folder to take the copy of a whole log, and puts the finished copy where a system will look for it.
//
// Owns: the folder of an unfinished copy. Must not: write GENESIS or any other record of its own: every record comes from the source.
//
// U1. An unfinished copy never has the name of a log, so no engine can start on the beginning of a history. It is made in a folder
//     beside, and renamed when it is whole.
// U2. A copy that is gone on with is recovered first, as a log is at start (L5): what the last run was told to be durable, is.
import { readdir, rename } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import type { DecisionLog } from "../../engine/ports.ts";
import { appendLimitMsDefault, processTimers } from "../log-defaults.ts";
import { DiskRoom, refusedFileSystem } from "./disk.ts";
import { LogFileSystemRefused, LogMismatch } from "./errors.ts";
import { errorCode, nodeFiles } from "./files.ts";
import { type Holder, holdFolder } from "./holder.ts";
import { segmentBytesDefault } from "./open-log.ts";
import { createSegments, listSegments, recoverLog } from "./recovery.ts";
import { SegmentLog } from "./segment-log.ts";

export interface LocalCopy {
  readonly log: DecisionLog;
  /** Gives up the folder and, once both are durable, gives it the name of a log. Throws LogMismatch if something has that name. */
  finish(): Promise<void>;
  /** Gives up the folder; what is in it stays for another run. */
  close(): Promise<void>;
}

export interface LocalCopyOptions {
  /** The folder the finished log will have. */
  readonly dir: string;
  readonly lifeId: Uint8Array;
  readonly shards: number;
  readonly segmentBytes?: number;
}

/** Where the unfinished copy of a log stands. */
export function unfinishedFolder(dir: string): string {
  return `${resolve(dir)}.copying`;
}

/** What stands at the place of a log: nothing, an unfinished copy, or anything else. */
export async function localCopyState(dir: string): Promise<"empty" | "unfinished" | "taken"> {
  if ((await namesIn(resolve(dir))).length > 0) return "taken";
  return (await namesIn(unfinishedFolder(dir))).length > 0 ? "unfinished" : "empty";
}

async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (errorCode(error) === "ENOENT") return [];
    throw error;
  }
}

/** Opens the unfinished copy, or begins one. Throws LogFolderHeld while another run holds it, LogFileSystemRefused, LogDamaged, and
 *  LogMismatch when the unfinished copy is one of another log. */
export async function openLocalCopy(options: LocalCopyOptions): Promise<LocalCopy> {
  const folder = unfinishedFolder(options.dir);
  await nodeFiles.makeFolder(folder);
  const refused = refusedFileSystem((await nodeFiles.space(folder)).fileSystem);
  if (refused !== null) throw new LogFileSystemRefused(folder, refused);
  const holder = await holdFolder(folder);
  try {
    const log = await openHeld(options, folder, holder);
    return { log, close: () => log.close(), finish: () => finish(log, folder, resolve(options.dir)) };
  } catch (error) {
    await holder.release();
    throw error;
  }
}

async function openHeld(options: LocalCopyOptions, folder: string, holder: Holder): Promise<SegmentLog> {
  const { lifeId, shards } = options;
  const listed = await listSegments(nodeFiles, folder);
  if (listed !== null && listed.segments.length > 0 && Buffer.compare(listed.lifeId, lifeId) !== 0) throw otherLog(folder);
  const opened = (await recoverLog(nodeFiles, folder)) ?? (await createSegments(nodeFiles, folder, { lifeId, shards }));
  if (opened.next.length !== shards) {
    await opened.file.close();
    throw otherLog(folder);
  }
  const segmentBytes = options.segmentBytes ?? segmentBytesDefault;
  const room = new DiskRoom({ files: nodeFiles, folder, reserveBytes: 2 * segmentBytes, now: () => performance.now() });
  return new SegmentLog({
    files: nodeFiles,
    folder,
    holder,
    opened,
    room,
    segmentBytes,
    timers: processTimers,
    appendLimitMs: appendLimitMsDefault,
    sync: true,
    // A disk error makes the outcome of that append unknown, and whoever copies stops at it.
    onFatal: () => undefined,
  });
}

function otherLog(folder: string): LogMismatch {
  return new LogMismatch(folder, "is an unfinished copy of another log: remove the folder, or finish that copy from its own source");
}

async function finish(log: SegmentLog, folder: string, dir: string): Promise<void> {
  await log.close();
  try {
    await rename(folder, dir);
  } catch (error) {
    const code = errorCode(error);
    if (code === "ENOTEMPTY" || code === "EEXIST" || code === "ENOTDIR")
      throw new LogMismatch(dir, `was made meanwhile; the copy is whole and stands in ${folder}`);
    throw error;
  }
  await nodeFiles.syncFolder(dirname(dir));
}
