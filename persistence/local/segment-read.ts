// Reading one shard out of the stream of segments that holds all of them.
import type { Offset, Shard } from "../../engine/core/ids.ts";
import type { StoredRecord } from "../../engine/ports.ts";
import { LogPositionGone } from "../log-errors.ts";
import { LogDamaged } from "./errors.ts";
import type { Files } from "./files.ts";
import { MARK, segmentName } from "./segment-file.ts";
import { addWaypoint, findPlace, openSegment, type Segment, SegmentWalk } from "./segment-walk.ts";

export interface ReadRange {
  readonly segments: readonly Segment[];
  /** Everything below this position is durable, so it must be good. */
  readonly durable: number;
  readonly seed: number;
  readonly shard: Shard;
  readonly from: Offset;
  /** Up to and excluding this offset, which is at most the end. */
  readonly to: Offset;
}

/** The records of a shard in lists: those of one piece of the stream, about 1 MiB. Throws LogDamaged on a bad entry, and
 *  LogPositionGone if the first record wanted has been trimmed away. */
export async function* readSegments(files: Files, range: ReadRange): AsyncGenerator<readonly StoredRecord[]> {
  const { shard, from, to, durable } = range;
  if (from >= to) return;
  // A trim meanwhile takes segments out of the list; this read keeps its own.
  const segments = [...range.segments];
  const place = findPlace(segments, shard, from);
  if (place === null) throw new LogPositionGone({ shard, from, start: segments[0]?.waypoints[0]?.next[shard] ?? 0, end: to });
  const next = Float64Array.from(place.waypoint.next);
  for (let index = place.index; index < segments.length; index++) {
    const segment = segments[index] as Segment;
    const start = index === place.index ? place.waypoint.position : (segment.waypoints[0]?.position ?? segment.first);
    const limit = segments[index + 1]?.first ?? durable;
    for await (const list of walkSegment(files, range, { segment, start, limit, next })) {
      yield list;
      if ((next[shard] as number) >= to) return;
    }
  }
}

interface SegmentPart {
  readonly segment: Segment;
  readonly start: number;
  readonly limit: number;
  /** Counted on. */
  readonly next: Float64Array;
}

async function* walkSegment(files: Files, range: ReadRange, part: SegmentPart): AsyncGenerator<readonly StoredRecord[]> {
  const { segment, limit, next } = part;
  const { shard, from, to } = range;
  const file = await openSegment(files, segment);
  try {
    const walk = new SegmentWalk({ file, first: segment.first, seed: range.seed, from: part.start, wanted: (named) => named === shard });
    for (;;) {
      const { entries, stop } = await walk.next(limit);
      const list: StoredRecord[] = [];
      for (const entry of entries) {
        if (entry.shard !== MARK) {
          const offset = next[entry.shard] as number;
          next[entry.shard] = offset + 1;
          if (entry.shard === shard && offset >= from && offset < to) list.push({ offset, bytes: entry.record });
        }
        addWaypoint(segment, entry.end, next);
      }
      if (list.length > 0) yield list;
      if (walk.at === limit || (next[shard] as number) >= to) return;
      if (stop !== null) throw new LogDamaged(segmentName(segment.first), walk.at, "an entry is bad that was durable");
    }
  } finally {
    await file.close();
  }
}
