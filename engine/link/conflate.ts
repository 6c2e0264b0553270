// Two updates of one auction as one: the newest state, and all that happened in between.
import type { Update, UpdateEvent } from "../protocol.ts";

/** A client frame shows no more; the others are counted. */
const ROWS_MAX = 50;

/** Extensions of one merged update; above it the oldest two become one that spans both. A gateway is cut after 2 s, but an update that
 *  grew with every bid of them would be larger than a message may be, and lost. */
export const EXTENSIONS_MAX = 1_024;

/** The update a viewer can be given instead of `older` and then `newer`. Extensions are kept, up to EXTENSIONS_MAX. A row of `older`
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
    extensions: boundExtensions([...older.extensions, ...newer.extensions]),
  };
}

function boundExtensions(extensions: Update["extensions"]): Update["extensions"] {
  const excess = extensions.length - EXTENSIONS_MAX;
  const [first] = extensions;
  const last = extensions[excess];
  if (excess <= 0 || first === undefined || last === undefined) return extensions;
  return [{ ...last, from: first.from }, ...extensions.slice(excess + 1)];
}

function mergeEvents(older: readonly UpdateEvent[], newer: readonly UpdateEvent[]): readonly UpdateEvent[] {
  return [...new Set([...older, ...newer])];
}
