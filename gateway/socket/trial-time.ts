// Time for tests of the socket side: it stands still until told to go on. The end of a turn is the real one.
import type { SocketTime } from "./time.ts";

const WALL_START = 1_795_428_000_000;

export class TrialTime implements SocketTime {
  #elapsed = 0;
  readonly #waiting = new Set<{ readonly at: number; readonly callback: () => void }>();

  now(): number {
    return WALL_START + this.#elapsed;
  }

  monotonic(): number {
    return this.#elapsed;
  }

  after(delayMs: number, callback: () => void): () => void {
    const entry = { at: this.#elapsed + delayMs, callback };
    this.#waiting.add(entry);
    return () => {
      this.#waiting.delete(entry);
    };
  }

  soon(callback: () => void): void {
    setImmediate(callback);
  }

  get timers(): number {
    return this.#waiting.size;
  }

  /** Calls back what falls due, in order of time. */
  advance(ms: number): void {
    const end = this.#elapsed + ms;
    for (let next = this.#next(end); next !== null; next = this.#next(end)) {
      this.#waiting.delete(next);
      this.#elapsed = Math.max(this.#elapsed, next.at);
      next.callback();
    }
    this.#elapsed = end;
  }

  #next(end: number): { readonly at: number; readonly callback: () => void } | null {
    let first: { readonly at: number; readonly callback: () => void } | null = null;
    for (const entry of this.#waiting) if (entry.at <= end && (first === null || entry.at < first.at)) first = entry;
    return first;
  }
}
