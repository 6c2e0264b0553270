// Two updates of one auction as one: the newest state, and all that happened in between.
import type { Update, UpdateEvent } from "../protocol.ts";

/** A client frame shows no more; the others are counted. */
const ROWS_MAX = 50;

/** The update a viewer can be given instead of `older` and then `newer`. Extensions are all kept: each is told. A row of `older`
 *  that `newer` removed stays as it was told; its sequence is in `removed`. */
export function mergeUpdates(older: Update, newer: Update): Update {
  const rows = [...older.rows, ...newer.rows];
  const omitted = Math.max(0, rows.length - ROWS_MAX);
  return {
    ...newer,
    previousSequence: older.previousSequence,
    events: mergeEvents(older.events, newer.events),
    rows: rows.slice(omitted),
    rowsOmitted: older.rowsOmitted + newer.rowsOmitted + omitted,
    removed: [...older.removed, ...newer.removed],
    extensions: [...older.extensions, ...newer.extensions],
  };
}

function mergeEvents(older: readonly UpdateEvent[], newer: readonly UpdateEvent[]): readonly UpdateEvent[] {
  return [...new Set([...older, ...newer])];
}
