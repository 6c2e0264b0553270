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
