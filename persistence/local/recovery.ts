// Opening a log that is there: which segments belong to it, where it ends, and what of the last write can be believed.
//
// L5. Torn tail. At the first bad entry, at position p, look on. A later entry that knows a durable position above p, or a later
//     segment, proves that p was durable once: the log is damaged, nothing is cut, the place is named. Otherwise p lies in the last
//     write, which never finished and was never acknowledged: cut at p, sync, tell the length. Space made ahead is zero and no tear.
// L5a. What the last write left is written again and synced before it is believed. After a failed sync the kernel may hold pages
//     as clean that never reached the disk; a new sync alone would bless them (see L8).
// L4a. A last segment whose header is torn never got an entry, since its header is synced first: it is removed.
import { LogDamaged } from "./errors.ts";
import { errorCode, type Files, type LogFile, syncFile, writeAll } from "./files.ts";
import {
  type BadHeader,
  decodeSegmentHeader,
  ENTRY_HEADER_BYTES,
  ENTRY_MAGIC_BYTES,
  encodeSegmentHeader,
  entrySeed,
  MARK,
  readEntryHeader,
  type SegmentHeader,
  segmentHeaderBytes,
  segmentName,
  segmentPosition,
} from "./segment-file.ts";
import { addWaypoint, type Segment, SegmentWalk, segmentOf } from "./segment-walk.ts";

/** Enough for the header of 8,000 shards. */
const HEADER_READ_BYTES = 65_536;
/** Bytes looked through at once for entries behind a bad one. */
const SEARCH_BYTES = 1024 * 1024;

export interface OpenedLog {
  readonly lifeId: Uint8Array;
  /** In order; the last is the one that is written. */
  readonly segments: Segment[];
  /** The last segment, open for writing. */
  readonly file: LogFile;
  /** Next offset of each shard. */
  readonly next: Float64Array;
  /** Position behind the last entry; everything before it is durable. */
  readonly end: number;
  /** The unfinished write that was cut off, or null. */
  readonly cut: { readonly segment: string; readonly position: number; readonly bytes: number } | null;
}

/** The segments of a folder as their headers tell, in order. Reads only. */
export interface ListedLog {
  readonly lifeId: Uint8Array;
  readonly segments: Segment[];
  /** A last segment with a torn header, which holds nothing yet. */
  readonly unfinished: Segment | null;
}

/** Opens the log of a folder for its one writer; null if there is none. Throws LogDamaged, and then has changed nothing. */
export async function recoverLog(files: Files, folder: string): Promise<OpenedLog | null> {
  const listed = await listSegments(files, folder);
  if (listed === null) return null;
  const last = listed.segments[listed.segments.length - 1];
  if (last === undefined) {
    await removeUnfinished(files, folder, listed.unfinished);
    return null;
  }
  const file = await files.open(last.path, "write");
  try {
    return await recoverLast(files, folder, { listed, last, file });
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function removeUnfinished(files: Files, folder: string, unfinished: Segment | null): Promise<void> {
  if (unfinished === null) return;
  await files.remove(unfinished.path);
  await files.syncFolder(folder);
}

/** Makes the first segment of a new log. */
export async function createSegments(files: Files, folder: string, log: { lifeId: Uint8Array; shards: number }): Promise<OpenedLog> {
  const next = new Array<number>(log.shards).fill(0);
  const { segment, file } = await createSegment(files, folder, { lifeId: log.lifeId, first: 0, next });
  return { lifeId: log.lifeId, segments: [segment], file, next: Float64Array.from(next), end: segmentHeaderBytes(log.shards), cut: null };
}

/** Makes a segment whose header is durable, and whose name is: without the folder's sync the file may be missing after a power
 *  cut (L4). Rejects with the operating system's error. */
export async function createSegment(files: Files, folder: string, header: SegmentHeader): Promise<{ segment: Segment; file: LogFile }> {
  const segment = segmentOf(folder, header.first, header.next);
  const file = await files.open(segment.path, "create");
  try {
    await writeAll(file, encodeSegmentHeader(header), 0);
    await syncFile(file);
    await files.syncFolder(folder);
  } catch (error) {
    await file.close();
    throw error;
  }
  return { segment, file };
}

/** Reads the headers of all segments and checks that they belong together. null if there are none. */
export async function listSegments(files: Files, folder: string): Promise<ListedLog | null> {
  const firsts = (await files.list(folder)).map(segmentPosition).filter((first) => first !== null);
  firsts.sort((a, b) => a - b);
  const segments: Segment[] = [];
  let life: SegmentHeader | null = null;
  let unfinished: Segment | null = null;
  for (const [i, first] of firsts.entries()) {
    const file = await openListed(files, `${folder}/${segmentName(first)}`);
    if (file === null) continue;
    try {
      const header = await readSegmentHeader(file);
      if ("wrong" in header) {
        if (i < firsts.length - 1) throw new LogDamaged(segmentName(first), first, header.wrong);
        await checkUnfinished(file, first, header, life);
        unfinished = segmentOf(folder, first, []);
      } else {
        checkBelongs(header, first, life);
        const following = firsts[i + 1];
        if (following !== undefined && (await file.size()) < following - first) {
          throw new LogDamaged(segmentName(first), first + (await file.size()), `the segment ends before the next one begins, at ${following}`);
        }
        life ??= header;
        segments.push(segmentOf(folder, first, header.next));
      }
    } finally {
      await file.close();
    }
  }
  if (life !== null) return { lifeId: life.lifeId, segments, unfinished };
  return unfinished === null ? null : { lifeId: new Uint8Array(16), segments: [], unfinished };
}

/** null for a file that was there when the folder was listed and is not now: the writer trims, and readers look on. A file missing
 *  between two others shows as a gap. */
async function openListed(files: Files, path: string): Promise<LogFile | null> {
  try {
    return await files.open(path, "read");
  } catch (error) {
    if (errorCode(error) === "ENOENT") return null;
    throw error;
  }
}

async function readSegmentHeader(file: LogFile): Promise<SegmentHeader | BadHeader> {
  const bytes = Buffer.allocUnsafe(HEADER_READ_BYTES);
  const filled = await file.read(bytes, 0);
  return decodeSegmentHeader(bytes.subarray(0, filled));
}

function checkBelongs(header: SegmentHeader, first: number, life: SegmentHeader | null): void {
  if (header.first !== first) throw new LogDamaged(segmentName(first), first, `its header says that it begins at ${header.first}`);
  if (life === null) return;
  if (Buffer.compare(header.lifeId, life.lifeId) !== 0) throw new LogDamaged(segmentName(first), first, "it belongs to another life of the log");
  if (header.next.length !== life.next.length) throw new LogDamaged(segmentName(first), first, `it was made for ${header.next.length} shards`);
}

// L4a. Without a life id to start the crcs from (no earlier segment) the bare magic of an entry is taken as proof.
async function checkUnfinished(file: LogFile, first: number, header: BadHeader, life: SegmentHeader | null): Promise<void> {
  if (!header.torn) throw new LogDamaged(segmentName(first), first, header.wrong);
  const size = await file.size();
  const found = await searchEntry(file, { from: 0, size, fits: (piece, at) => life === null || readEntryHeader(piece, at, entrySeed(life.lifeId)) !== null });
  if (found) throw new LogDamaged(segmentName(first), first, header.wrong);
}

async function recoverLast(files: Files, folder: string, open: { listed: ListedLog; last: Segment; file: LogFile }): Promise<OpenedLog> {
  const { listed, last, file } = open;
  const { lifeId, segments } = listed;
  const seed = entrySeed(lifeId);
  const size = await file.size();
  const start = last.waypoints[0]?.position ?? last.first;
  const next = Float64Array.from(last.waypoints[0]?.next ?? []);
  const walk = new SegmentWalk({ file, first: last.first, seed, from: start, wanted: () => true });
  // Where the last write may have begun: everything before it was durable when its first entry was written.
  let believed = last.first;
  for (;;) {
    const list = await walk.next(last.first + size);
    for (const entry of list.entries) {
      if (entry.shard !== MARK) {
        if (entry.shard >= next.length) throw new LogDamaged(segmentName(last.first), entry.position, `an entry names shard ${entry.shard}`);
        next[entry.shard] = (next[entry.shard] as number) + 1;
      }
      believed = Math.max(believed, entry.durableTo);
      addWaypoint(last, entry.end, next);
    }
    if (list.stop !== null) break;
  }
  const end = walk.at;
  if (listed.unfinished !== null && end !== listed.unfinished.first) {
    throw new LogDamaged(segmentName(last.first), end, `an entry is bad, and a later segment begins at ${listed.unfinished.first}`);
  }
  await removeUnfinished(files, folder, listed.unfinished);
  const cut = await cutTornTail(file, { last, seed, end, size });
  await writeAgain(file, believed - last.first, end - last.first);
  await files.syncFolder(folder);
  return { lifeId, segments, file, next, end, cut };
}

async function cutTornTail(file: LogFile, tail: { last: Segment; seed: number; end: number; size: number }): Promise<OpenedLog["cut"]> {
  const { last, seed, end, size } = tail;
  const from = end - last.first;
  if (await isZero(file, from, size)) return null;
  const proof = await provesDurable(file, { first: last.first, seed, position: end });
  if (proof) throw new LogDamaged(segmentName(last.first), end, "an entry is bad, and a later one proves that it was durable");
  await file.truncate(from);
  await syncFile(file);
  return { segment: segmentName(last.first), position: end, bytes: size - from };
}

/** Whether an entry behind a bad one says that the bad one's place was durable (L5). */
export async function provesDurable(file: LogFile, bad: { first: number; seed: number; position: number }): Promise<boolean> {
  const { first, seed, position } = bad;
  return searchEntry(file, {
    from: position - first,
    size: await file.size(),
    fits: (piece, at, byte) => {
      const header = readEntryHeader(piece, at, seed);
      return header !== null && header.durableTo > position && header.durableTo <= first + byte;
    },
  });
}

async function writeAgain(file: LogFile, from: number, to: number): Promise<void> {
  const bytes = Buffer.alloc(to - from);
  const filled = await file.read(bytes, from);
  if (filled !== bytes.length) throw new Error(`the segment shrank from ${to} to ${from + filled} bytes while it was opened`);
  await writeAll(file, bytes, from);
  await syncFile(file);
}

async function isZero(file: LogFile, from: number, size: number): Promise<boolean> {
  const piece = Buffer.allocUnsafe(Math.min(SEARCH_BYTES, size - from));
  for (let at = from; at < size; ) {
    const filled = await file.read(piece, at);
    if (filled === 0) return true;
    for (let i = 0; i < filled; i++) if (piece[i] !== 0) return false;
    at += filled;
  }
  return true;
}

interface Search {
  readonly from: number;
  readonly size: number;
  /** Whether the entry that may begin at `at` in the piece, byte `position` of the file, is one. */
  readonly fits: (piece: Buffer, at: number, position: number) => boolean;
}

/** Whether an entry begins anywhere behind a byte of the file, however it is aligned. */
async function searchEntry(file: LogFile, search: Search): Promise<boolean> {
  const piece = Buffer.allocUnsafe(Math.max(0, Math.min(SEARCH_BYTES, search.size - search.from)));
  for (let base = search.from; base + ENTRY_HEADER_BYTES <= search.size; base += SEARCH_BYTES - ENTRY_HEADER_BYTES + 1) {
    const filled = await file.read(piece, base);
    const seen = piece.subarray(0, filled);
    for (let at = seen.indexOf(ENTRY_MAGIC_BYTES); at >= 0 && at + ENTRY_HEADER_BYTES <= filled; at = seen.indexOf(ENTRY_MAGIC_BYTES, at + 1)) {
      if (search.fits(seen, at, base + at)) return true;
    }
  }
  return false;
}
