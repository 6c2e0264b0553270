// What happened in a run, event by event: compared byte for byte when a seed is run twice, and told when one fails.

export type Detail = string | number | null;

interface Entry {
  readonly at: number;
  readonly what: string;
  readonly details: readonly Detail[];
}

export class Trace {
  readonly #entries: Entry[] = [];
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  add(what: string, ...details: readonly Detail[]): void {
    this.#entries.push({ at: this.#now(), what, details });
  }

  /** One line an entry, oldest first; the newest `last` of them. */
  lines(last = Number.POSITIVE_INFINITY): readonly string[] {
    return this.#entries.slice(-last).map(({ at, what, details }) => `${at.toFixed(3).padStart(10)} ${what} ${details.join(" ")}`);
  }
}
