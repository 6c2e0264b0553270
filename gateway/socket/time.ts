// Time as the socket side sees it. Passed in, so that tests own it.
import type { Instant } from "../../engine/core/ids.ts";

export interface SocketTime {
  /** Wall clock, epoch ms: told to clients, decides nothing. */
  now(): Instant;
  /** Monotonic, ms, fractional: for every limit and wait. */
  monotonic(): number;
  /** Calls back once, not before `delayMs`; the returned function cancels. */
  after(delayMs: number, callback: () => void): () => void;
  /** Calls back at the end of this turn of the event loop. */
  soon(callback: () => void): void;
}

/** The same time, with every callback run inside `guard`. */
export function guardedTime(time: SocketTime, guard: (step: () => void) => void): SocketTime {
  return {
    now: () => time.now(),
    monotonic: () => time.monotonic(),
    after: (delayMs, callback) => time.after(delayMs, () => guard(callback)),
    soon: (callback) => time.soon(() => guard(callback)),
  };
}
