// What of one shard waits in a gateway, in the order it will be sent: first what was sent before, then what never was, each oldest
// first. Entries end while they wait; they are dropped when they come to the front, or by `sweep`.

/** What a lane needs of an entry. Ids rise with age, but for one wrap in 2^31. */
export interface Waiting {
  readonly id: number;
  /** Whether it still waits. */
  held: boolean;
}

/** Beyond this many spent places a list is moved to its front. */
const SPENT_MAX = 1_024;

class Fifo<T extends Waiting> {
  #entries: T[] = [];
  #head = 0;

  push(entry: T): void {
    this.#entries.push(entry);
  }

  /** The oldest that still waits. */
  first(): T | undefined {
    while (this.#head < this.#entries.length && this.#entries[this.#head]?.held === false) this.#spend();
    return this.#entries[this.#head];
  }

  shift(): void {
    this.#spend();
  }

  sort(): void {
    this.sweep();
    this.#entries.sort((left, right) => left.id - right.id);
  }

  sweep(): void {
    this.#entries = this.#entries.filter((entry, index) => index >= this.#head && entry.held);
    this.#head = 0;
  }

  rest(): readonly T[] {
    this.sweep();
    return this.#entries;
  }

  #spend(): void {
    this.#head += 1;
    if (this.#head === this.#entries.length) {
      this.#entries = [];
      this.#head = 0;
    } else if (this.#head > SPENT_MAX && this.#head * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#head);
      this.#head = 0;
    }
  }
}

export class Lane<T extends Waiting> {
  readonly #again = new Fifo<T>();
  readonly #fresh = new Fifo<T>();
  outstanding = 0;
  /** Refusals in a row; sets the wait. */
  attempt = 0;
  /** Nothing is sent before it. */
  resumeAt = 0;

  /** `sentBefore`: it goes ahead of what never was sent. */
  push(entry: T, sentBefore: boolean): void {
    (sentBefore ? this.#again : this.#fresh).push(entry);
  }

  /** Brings what was sent before into its old order, after many were pushed. */
  sort(): void {
    this.#again.sort();
  }

  first(): T | undefined {
    return this.#again.first() ?? this.#fresh.first();
  }

  /** Takes the entry first() gave. */
  shift(): void {
    if (this.#again.first() === undefined) this.#fresh.shift();
    else this.#again.shift();
  }

  isEmpty(): boolean {
    return this.first() === undefined;
  }

  /** Forgets what no longer waits, wherever it stands. */
  sweep(): void {
    this.#again.sweep();
    this.#fresh.sweep();
  }

  /** All that waits, in sending order. */
  rest(): readonly T[] {
    return [...this.#again.rest(), ...this.#fresh.rest()];
  }
}
