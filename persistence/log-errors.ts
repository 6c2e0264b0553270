// What a decision log throws when it cannot give what was asked. Appends never throw: their outcome is a value.
import type { Offset, Shard } from "../engine/core/ids.ts";

/** Records were asked for that the log does not hold: trimmed away below `start`, or beyond `end`, which means that the log got
 *  shorter. Never mended by reading from somewhere else. */
export class LogPositionGone extends Error {
  readonly shard: Shard;
  readonly from: Offset;
  readonly start: Offset;
  readonly end: Offset;

  constructor(place: { shard: Shard; from: Offset; start: Offset; end: Offset }) {
    const side = place.from < place.start ? "trimmed away" : "beyond the end: the log got shorter";
    super(`offset ${place.from} of shard ${place.shard} is ${side} (the log holds ${place.start} to ${place.end - 1})`);
    this.name = "LogPositionGone";
    this.shard = place.shard;
    this.from = place.from;
    this.start = place.start;
    this.end = place.end;
  }
}

/** A second append while one is in flight on the same lane (P6): the caller has lost count, and must stop. */
export class AppendInFlight extends Error {
  constructor(lane: number) {
    super(`an append is in flight on lane ${lane}: a second one would let a later record stand without the earlier`);
    this.name = "AppendInFlight";
  }
}
