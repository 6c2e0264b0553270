// CPU time and age of other processes, from /proc. On systems without it every figure is null, and reports say "not measured".
import { readFileSync } from "node:fs";

/** Clock ticks a second, which Linux fixes for programs at 100. */
const TICKS_PER_SECOND = 100;
const PAGE_BYTES = 4_096;
/** Fields behind the name in /proc/PID/stat, counted from 0. */
const USER = 11;
const SYSTEM = 12;
const STARTED = 19;
const RESIDENT_PAGES = 21;

interface ProcessFacts {
  readonly cpuSeconds: number;
  /** Since the machine started. */
  readonly startedS: number;
  readonly residentBytes: number;
}

/** Facts of a process of this machine; null when it is gone or cannot be looked at. */
export function processFacts(pid: number): ProcessFacts | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "latin1");
    // The name stands in brackets and may hold blanks.
    const fields = text
      .slice(text.lastIndexOf(")") + 2)
      .split(" ")
      .map(Number);
    const field = (index: number): number => fields[index] ?? 0;
    return {
      cpuSeconds: (field(USER) + field(SYSTEM)) / TICKS_PER_SECOND,
      startedS: field(STARTED) / TICKS_PER_SECOND,
      residentBytes: field(RESIDENT_PAGES) * PAGE_BYTES,
    };
  } catch {
    return null;
  }
}

/** Seconds since the machine started: the clock of `startedS`. */
export function machineUptimeS(): number {
  return Number(readFileSync("/proc/uptime", "latin1").split(" ")[0]);
}
