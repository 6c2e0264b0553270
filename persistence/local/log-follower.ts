// Reading the local log of a folder from another process, live or at rest, without the holder and without writing a byte.
//
// L3. Only entries are given that end at or below the highest durable position seen: written ones may still be cut off. What lies
//     above it is looked at anew each time, for a full disk may have taken it back and put other entries there.
// L3a. A later segment proves that everything before it was durable.
import { resolve } from "node:path";
import type { Offset, Shard } from "../../engine/core/ids.ts";
import type { DecisionLog, StoredRecord, Timers } from "../../engine/ports.ts";
import { LogPositionGone } from "../log-errors.ts";
import { decodeRecord } from "../record.ts";
import { LogDamaged, LogMissing } from "./errors.ts";
import { type Files, type LogFile, nodeFiles } from "./files.ts";
import { listSegments, provesDurable } from "./recovery.ts";
import { entrySeed, MARK, segmentName, segmentPosition } from "./segment-file.ts";
import { readSegments } from "./segment-read.ts";
import { addWaypoint, openSegment, type Segment, SegmentWalk, type WalkList } from "./segment-walk.ts";

/** How often a tail looks for more. The writer marks what is durable 50 ms after it falls silent. */
const POLL_MS = 25;

const DURABLE_BUT_BAD = "an entry is bad that was durable";

export interface LocalLogReader extends Pick<DecisionLog, "read" | "tail" | "ends" | "close"> {
  readonly lifeId: Uint8Array;
  readonly shards: number;
  /** As GENESIS of shard 0 says; null if it is trimmed away, or not yet known to be durable. */
  readonly slotDigest: Uint8Array | null;
}

/** Opens the log of a folder to read it. Throws LogMissing if there is none, LogDamaged if its segments do not fit together. */
export async function openLocalLogReader(options: { dir: string; files?: Files; timers?: Pick<Timers, "after"> }): Promise<LocalLogReader> {
  const folder = resolve(options.dir);
  const files = options.files ?? nodeFiles;
  const listed = await listSegments(files, folder);
  if (listed === null || listed.segments.length === 0) throw new LogMissing(folder);
  const after = options.timers?.after ?? afterTimeout;
  const follower = new LogFollower({ files, folder, lifeId: listed.lifeId, segments: listed.segments, after });
  await follower.refresh();
  return Object.assign(follower, { slotDigest: await slotDigestOf(follower) });
}

function afterTimeout(delayMs: number, callback: () => void): () => void {
  const timer = setTimeout(callback, delayMs);
  return () => clearTimeout(timer);
}

interface Known {
  readonly segments: Segment[];
  /** Entries up to here are counted in `next`. */
  durable: number;
  readonly next: Float64Array;
}

class LogFollower {
  readonly lifeId: Uint8Array;
  readonly shards: number;
  readonly #files: Files;
  readonly #folder: string;
  readonly #seed: number;
  readonly #after: Timers["after"];
  readonly #known: Known;
  #refreshing: Promise<void> | null = null;
  #closed = false;

  constructor(options: { files: Files; folder: string; lifeId: Uint8Array; segments: Segment[]; after: Timers["after"] }) {
    this.#files = options.files;
    this.#folder = options.folder;
    this.lifeId = options.lifeId;
    this.#seed = entrySeed(options.lifeId);
    this.#after = options.after;
    // Everything before the last segment is durable (L3a), and its header counts it.
    const last = options.segments[options.segments.length - 1] as Segment;
    const start = last.waypoints[0] ?? { position: last.first, next: new Float64Array(0) };
    this.shards = start.next.length;
    this.#known = { segments: options.segments, durable: start.position, next: Float64Array.from(start.next) };
  }

  /** Looks how far the log is durable by now. Throws LogDamaged if what must be good is not. */
  async refresh(): Promise<void> {
    this.#refreshing ??= this.#look().finally(() => {
      this.#refreshing = null;
    });
    await this.#refreshing;
  }

  async #look(): Promise<void> {
    const known = this.#known.segments;
    const firsts = (await this.#files.list(this.#folder)).map(segmentPosition).filter((first) => first !== null);
    if (firsts.length === 0) throw new LogMissing(this.#folder);
    const oldest = Math.min(...firsts);
    while (known.length > 1 && (known[0] as Segment).first < oldest) known.shift();
    const newest = (known[known.length - 1] as Segment).first;
    // The headers of all segments are read only when there is a new one.
    const isNew = Math.max(...firsts) > newest;
    const following = isNew ? ((await listSegments(this.#files, this.#folder))?.segments ?? []).filter(({ first }) => first > newest) : [];
    await this.#walkLast(following[0]?.first ?? null);
    for (const [i, segment] of following.entries()) {
      known.push(segment);
      this.#known.durable = segment.waypoints[0]?.position ?? segment.first;
      await this.#walkLast(following[i + 1]?.first ?? null);
    }
  }

  // `limit`: where the next segment begins, up to which all is durable; null for the last one.
  async #walkLast(limit: number | null): Promise<void> {
    const segment = this.#known.segments[this.#known.segments.length - 1] as Segment;
    const file = await openSegment(this.#files, segment);
    try {
      const stoppedAt = await this.#walk(segment, file, limit);
      if (stoppedAt === null || !(await provesDurable(file, { first: segment.first, seed: this.#seed, position: stoppedAt }))) return;
      // The writer may have finished that entry and more between the two looks; what is bad stays bad.
      if ((await this.#walk(segment, file, limit)) === stoppedAt) throw new LogDamaged(segmentName(segment.first), stoppedAt, DURABLE_BUT_BAD);
    } finally {
      await file.close();
    }
  }

  /** Counts what is durable. Returns where a bad entry begins that may be one not yet written, or null. */
  async #walk(segment: Segment, file: LogFile, limit: number | null): Promise<number | null> {
    const end = limit ?? segment.first + (await file.size());
    const walk = new SegmentWalk({ file, first: segment.first, seed: this.#seed, from: this.#known.durable, wanted: () => true });
    const waiting: WalkList["entries"][number][] = [];
    let durable = limit ?? this.#known.durable;
    for (;;) {
      const { entries, stop } = await walk.next(end);
      for (const entry of entries) {
        waiting.push(entry);
        durable = Math.max(durable, entry.durableTo);
      }
      this.#count(segment, waiting, durable);
      if (stop === null) continue;
      if (walk.at < durable) throw new LogDamaged(segmentName(segment.first), walk.at, DURABLE_BUT_BAD);
      return stop === "bad" ? walk.at : null;
    }
  }

  #count(segment: Segment, waiting: WalkList["entries"][number][], durable: number): void {
    const { next } = this.#known;
    let counted = 0;
    for (const entry of waiting) {
      if (entry.end > durable) break;
      if (entry.shard !== MARK) next[entry.shard] = (next[entry.shard] as number) + 1;
      this.#known.durable = entry.end;
      addWaypoint(segment, entry.end, next);
      counted += 1;
    }
    waiting.splice(0, counted);
  }

  async *read(shard: Shard, from: Offset, to?: Offset): AsyncGenerator<readonly StoredRecord[]> {
    await this.refresh();
    const { start, end } = this.#endsOf(shard);
    if (from < start || from > end) throw new LogPositionGone({ shard, from, start, end });
    const { segments, durable } = this.#known;
    yield* readSegments(this.#files, { segments, durable, seed: this.#seed, shard, from, to: Math.min(to ?? end, end) });
  }

  async *tail(shard: Shard, from: Offset, signal: AbortSignal): AsyncGenerator<readonly StoredRecord[]> {
    for (let next = from; !signal.aborted && !this.#closed; ) {
      const before = next;
      for await (const list of this.read(shard, next)) {
        yield list;
        next += list.length;
        if (signal.aborted) return;
      }
      if (next === before) await this.#pause(signal);
    }
  }

  #pause(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.resolve();
    return new Promise((resolveNow) => {
      const end = (): void => {
        cancel();
        signal.removeEventListener("abort", end);
        resolveNow();
      };
      const cancel = this.#after(POLL_MS, end);
      signal.addEventListener("abort", end);
    });
  }

  async ends(shard: Shard): Promise<{ readonly start: Offset; readonly end: Offset }> {
    await this.refresh();
    return this.#endsOf(shard);
  }

  #endsOf(shard: Shard): { readonly start: Offset; readonly end: Offset } {
    const end = this.#known.next[shard];
    if (end === undefined) throw new RangeError(`shard ${shard} is none of ${this.shards}`);
    return { start: this.#known.segments[0]?.waypoints[0]?.next[shard] ?? 0, end };
  }

  close(): Promise<void> {
    this.#closed = true;
    return Promise.resolve();
  }
}

async function slotDigestOf(log: LogFollower): Promise<Uint8Array | null> {
  const { start, end } = await log.ends(0);
  if (start > 0 || end === 0) return null;
  for await (const list of log.read(0, 0, 1)) {
    for (const stored of list) {
      const record = decodeRecord(stored, 0);
      if (record.kind === "genesis") return record.slotDigest;
    }
  }
  return null;
}
