// Time for unit tests: it passes when the test says so.
import type { Timers } from "../../engine/ports.ts";

/** Timers that stand still until told, and nothing else. */
export class FakeTimers implements Timers {
  #now = 0;
  readonly #due = new Set<{ at: number; callback: () => void }>();

  after(delayMs: number, callback: () => void): () => void {
    const entry = { at: this.#now + delayMs, callback };
    this.#due.add(entry);
    return () => this.#due.delete(entry);
  }

  soon(callback: () => void): void {
    queueMicrotask(callback);
  }

  async pass(ms: number): Promise<void> {
    this.#now += ms;
    for (const entry of [...this.#due].filter(({ at }) => at <= this.#now)) {
      this.#due.delete(entry);
      entry.callback();
    }
    await settled();
  }
}

/** Lets everything run that waits for nothing but its turn. */
export async function settled(): Promise<void> {
  for (let i = 0; i < 50; i += 1) await Promise.resolve();
}
