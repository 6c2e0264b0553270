// A rate with a burst, for one connection or one door. No timer, no clock: the caller brings the time.

export interface Rate {
  readonly perSecond: number;
  readonly burst: number;
}

export class TokenBucket {
  #rate: Rate;
  #tokens: number;
  #at: number;

  /** Begins full. `now` in ms, of any clock that does not go back. */
  constructor(rate: Rate, now: number) {
    this.#rate = rate;
    this.#tokens = rate.burst;
    this.#at = now;
  }

  /** Takes one; false when none is there. */
  take(now: number): boolean {
    const { perSecond, burst } = this.#rate;
    if (now > this.#at) {
      this.#tokens = Math.min(burst, this.#tokens + ((now - this.#at) * perSecond) / 1_000);
      this.#at = now;
    }
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }

  /** Ms until the next one is there, at least 1. */
  waitMs(): number {
    return Math.max(1, Math.ceil(((1 - this.#tokens) * 1_000) / this.#rate.perSecond));
  }

  /** Another rate from now on. What is left stays, so that a change is no way to get more. */
  change(rate: Rate): void {
    this.#rate = rate;
    this.#tokens = Math.min(this.#tokens, rate.burst);
  }
}
