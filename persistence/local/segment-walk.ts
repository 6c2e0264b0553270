// Walking through a segment, entry by entry, in pieces of bounded size; and finding a place in a log of many segments.
//
// Must not: decide what a bad entry means. Whoever walks knows which positions must be good (recovery.ts, segment-read.ts).
import { join } from "node:path";
import type { Files, LogFile } from "./files.ts";
import { ENTRY_HEADER_BYTES, ENTRY_OVERHEAD_BYTES, MARK, readEntryHeader, recordFits, segmentHeaderBytes, segmentName } from "./segment-file.ts";

/** A place from which a walk can begin: the next offset of each shard is known there. */
export interface Waypoint {
  readonly position: number;
  /** Per shard. */
  readonly next: Float64Array;
}

/** One file of the log as it is known. */
export interface Segment {
  readonly path: string;
  /** Position of its first byte. */
  readonly first: number;
  /** In rising order, the first behind the header. More are added as the segment is written or walked. */
  readonly waypoints: Waypoint[];
}

export interface Entry {
  /** MARK for a mark. */
  readonly shard: number;
  readonly position: number;
  readonly end: number;
  readonly durableTo: number;
  /** A view; empty if the record was not wanted. */
  readonly record: Uint8Array;
}

export interface WalkList {
  readonly entries: readonly Entry[];
  /** Where the walk stands behind them. */
  readonly at: number;
  /** Why it cannot go on, or null: `end` at the limit or at the end of a shorter file, `bad` where no good entry begins. */
  readonly stop: "end" | "bad" | null;
}

/** Bytes read at once. One read costs about 0.2 ms, and a reader holds one piece at a time. */
const PIECE_BYTES = 1024 * 1024;
/** Distance of waypoints: to begin anywhere, at most this much is walked over. 16 shards cost 128 bytes each, so a log of
 *  100 GB has 13 MB of them. */
export const WAYPOINT_BYTES = 1024 * 1024;

const EMPTY = new Uint8Array(0);

/** A segment that was just opened or made. `next`: offsets at its start. */
export function segmentOf(folder: string, first: number, next: readonly number[]): Segment {
  const position = first + segmentHeaderBytes(next.length);
  return { path: join(folder, segmentName(first)), first, waypoints: [{ position, next: Float64Array.from(next) }] };
}

/** Remembers a place behind the last waypoint if it is far enough from it. */
export function addWaypoint(segment: Segment, position: number, next: ArrayLike<number>): void {
  const last = segment.waypoints[segment.waypoints.length - 1] as Waypoint;
  if (position - last.position >= WAYPOINT_BYTES) segment.waypoints.push({ position, next: Float64Array.from(next) });
}

/** The last place at or before the wanted offset of a shard, and the segment it is in. null below the first segment. */
export function findPlace(segments: readonly Segment[], shard: number, offset: number): { readonly index: number; readonly waypoint: Waypoint } | null {
  const index = lastAtOrBelow(segments.length, (i) => ((segments[i] as Segment).waypoints[0] as Waypoint).next[shard] as number, offset);
  if (index < 0) return null;
  const { waypoints } = segments[index] as Segment;
  const place = lastAtOrBelow(waypoints.length, (i) => (waypoints[i] as Waypoint).next[shard] as number, offset);
  return { index, waypoint: waypoints[place] as Waypoint };
}

// The values never fall. Of several equal ones the last is right: the record of that offset still lies ahead of it.
function lastAtOrBelow(count: number, valueAt: (i: number) => number, wanted: number): number {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (valueAt(middle) <= wanted) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** Walks over one segment from a place to a limit. */
export class SegmentWalk {
  readonly #file: LogFile;
  readonly #first: number;
  readonly #seed: number;
  /** Which records are wanted; the others are passed over by their headers. */
  readonly #wanted: (shard: number) => boolean;
  at: number;

  constructor(options: { file: LogFile; first: number; seed: number; from: number; wanted: (shard: number) => boolean }) {
    this.#file = options.file;
    this.#first = options.first;
    this.#seed = options.seed;
    this.#wanted = options.wanted;
    this.at = options.from;
  }

  /** The next entries that end at or below `limit`. */
  async next(limit: number): Promise<WalkList> {
    let want = PIECE_BYTES;
    for (;;) {
      const length = Math.min(want, limit - this.at);
      if (length <= 0) return { entries: [], at: this.at, stop: "end" };
      const piece = Buffer.allocUnsafeSlow(length);
      const filled = await this.#file.read(piece, this.at - this.#first);
      // A file that ends early ends the walk: no larger piece would hold more.
      const { entries, stop, needed } = this.#parse(piece.subarray(0, filled), filled < length ? this.at + filled : limit);
      if (entries.length > 0 || stop !== null) return { entries, at: this.at, stop };
      want = needed;
    }
  }

  #parse(piece: Buffer, limit: number): { entries: Entry[]; stop: WalkList["stop"]; needed: number } {
    const entries: Entry[] = [];
    const base = this.at;
    const isAll = base + piece.length === limit;
    for (let at = 0; ; ) {
      const left = piece.length - at;
      if (left === 0 && isAll) return { entries, stop: entries.length > 0 ? null : "end", needed: 0 };
      if (left < ENTRY_HEADER_BYTES) return this.#short(entries, base + at + ENTRY_OVERHEAD_BYTES, limit, PIECE_BYTES);
      const header = readEntryHeader(piece, at, this.#seed);
      if (header === null || header.durableTo > base + at) return { entries, stop: "bad", needed: 0 };
      const end = at + ENTRY_OVERHEAD_BYTES + header.length;
      if (end > piece.length) return this.#short(entries, base + end, limit, end - at);
      const wanted = header.shard !== MARK && this.#wanted(header.shard);
      if ((wanted || header.shard === MARK) && !recordFits(piece, at, header.length, this.#seed)) return { entries, stop: "bad", needed: 0 };
      const record = wanted ? piece.subarray(at + ENTRY_HEADER_BYTES, end - 4) : EMPTY;
      entries.push({ shard: header.shard, position: base + at, end: base + end, durableTo: header.durableTo, record });
      at = end;
      this.at = base + end;
    }
  }

  // An entry does not end within the piece. With others before it the next piece begins with it; alone it needs a larger piece;
  // beyond the limit there is none.
  #short(entries: Entry[], end: number, limit: number, needed: number): { entries: Entry[]; stop: WalkList["stop"]; needed: number } {
    if (end > limit) return { entries, stop: "bad", needed: 0 };
    return { entries, stop: null, needed };
  }
}

/** Opens a segment to read it; a file that is gone is said by its name. */
export function openSegment(files: Files, segment: Segment): Promise<LogFile> {
  return files.open(segment.path, "read");
}
