// How long to wait before a dead process is started again.

/** A process that lived this long is well again, so its next death starts from the shortest pause. */
export const WELL_AFTER_MS = 60_000;

/** Half a minute: long enough not to burn a core on a part that cannot start, short enough that a repaired cause is noticed. */
export const PAUSE_MAX_MS = 30_000;

/** Pause before restart number `deaths` (1 for the first death in a row): `firstMs`, doubled each time, at most PAUSE_MAX_MS. */
export function restartPauseMs(firstMs: number, deaths: number): number {
  return Math.min(PAUSE_MAX_MS, firstMs * 2 ** Math.min(deaths - 1, 20));
}
