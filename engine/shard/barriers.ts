// Who waits until a record appended from now on has landed: what is read then is exact.
//
// B1. Records are counted as they are started. Who came after n of them waits for the landing of a later one; one record serves all
//     who wait.
// B2. At most waitingMax wait; then `overloaded`, so memory does not follow the log's delay.
import type { RefusalCode } from "../core/decision.ts";

interface Waiter {
  readonly after: number;
  readonly tell: (code: RefusalCode | null) => void;
}

export class Barriers {
  #started = 0;
  #waiters: Waiter[] = [];
  /** Whether somebody waits for whom no record has been started. */
  wanted = false;

  /** How many wait. */
  get size(): number {
    return this.#waiters.length;
  }

  add(tell: (code: RefusalCode | null) => void): void {
    this.#waiters.push({ after: this.#started, tell });
    this.wanted = true;
  }

  /** A record is handed to the log. */
  started(): void {
    this.#started += 1;
    this.wanted = false;
  }

  /** A record has landed. `inFlight`: a later one has been started already. */
  landed(inFlight: boolean): void {
    if (this.#waiters.length === 0) return;
    const landed = this.#started - (inFlight ? 1 : 0);
    const due = this.#waiters.filter((waiter) => waiter.after < landed);
    this.#waiters = this.#waiters.filter((waiter) => waiter.after >= landed);
    // Those who came after the record in flight was started have one coming; those after it want another.
    if (this.#waiters.some((waiter) => waiter.after >= this.#started)) this.wanted = true;
    for (const waiter of due) waiter.tell(null);
  }

  /** Nothing more will land: everybody is told why. */
  drop(code: RefusalCode): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    this.wanted = false;
    for (const waiter of waiters) waiter.tell(code);
  }
}
