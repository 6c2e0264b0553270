// Counts in windows of fixed length, each beginning with the first count: bids an hour, requests a minute.
//
// Must not: read a clock or set a timer. Memory is bounded: at keysMax live windows a stranger is refused (limits fail towards
// refusing), and windows that are over are dropped as new ones come.

interface Window {
  count: number;
  readonly endsAt: number;
  /** Marks counted in this window, so that their repeats pass; null until one was. A list, because every bid adds one and only a
   *  bidder at the end of the quota has them looked through, which takes a microsecond; a set made the gateway a fifth dearer. */
  marks: number[] | null;
}

export interface WindowStanding {
  readonly quota: number;
  readonly remaining: number;
  /** Ms until the window begins anew; the whole length when none has begun. */
  readonly resetMs: number;
}

/** 200,000 callers in one window take about 20 MB. */
const WINDOW_KEYS_MAX = 200_000;
/** Above any usual quota of a window; beyond it a repeat counts like a new command. */
const MARKS_MAX = 1_000;

export class Windows {
  readonly #lengthMs: number;
  readonly #keysMax: number;
  /** In order of their begin, which is that of their end. */
  readonly #windows = new Map<string, Window>();

  constructor(lengthMs: number, keysMax: number = WINDOW_KEYS_MAX) {
    this.#lengthMs = lengthMs;
    this.#keysMax = keysMax;
  }

  get size(): number {
    return this.#windows.size;
  }

  standing(key: string, quota: number, now: number): WindowStanding {
    const window = this.#live(key, now);
    if (window !== null) return { quota, remaining: Math.max(0, quota - window.count), resetMs: Math.max(1, window.endsAt - now) };
    this.#dropEnded(now);
    if (this.#windows.size >= this.#keysMax) return { quota, remaining: 0, resetMs: this.#firstEndMs(now) };
    return { quota, remaining: quota, resetMs: this.#lengthMs };
  }

  /** Counts one, whatever the quota. A mark (a safe integer, each once) makes its repeats known. */
  count(key: string, now: number, mark: number | null): void {
    let window = this.#live(key, now);
    if (window === null) {
      this.#dropEnded(now);
      if (this.#windows.size >= this.#keysMax) return;
      window = { count: 0, endsAt: now + this.#lengthMs, marks: null };
      this.#windows.set(key, window);
    }
    window.count += 1;
    if (mark === null) return;
    window.marks ??= [];
    if (window.marks.length < MARKS_MAX) window.marks.push(mark);
  }

  /** Whether this mark was counted in the present window. */
  knows(key: string, mark: number, now: number): boolean {
    return this.#live(key, now)?.marks?.includes(mark) ?? false;
  }

  #live(key: string, now: number): Window | null {
    const window = this.#windows.get(key);
    if (window === undefined) return null;
    if (window.endsAt > now) return window;
    this.#windows.delete(key);
    return null;
  }

  #dropEnded(now: number): void {
    for (const [key, window] of this.#windows) {
      if (window.endsAt > now) return;
      this.#windows.delete(key);
    }
  }

  #firstEndMs(now: number): number {
    for (const window of this.#windows.values()) return Math.max(1, window.endsAt - now);
    return this.#lengthMs;
  }
}
