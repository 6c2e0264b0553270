// Server time from the client's own clock plus a measured offset. It only draws countdowns; it decides nothing.
//
// T1. The sample with the shortest round trip of the last 8 holds: its error is at most half that round trip.
// T2. Two samples of clocks that both ran evenly differ by at most half the sum of their round trips. One that differs by more
//     says that the local clock was set or slept, so the samples before it are worth nothing and go.

const SAMPLES_KEPT = 8;
/** Drift between two samples that is no sign of a clock being set: 500 parts per million over ten minutes. */
const DRIFT_MS = 300;

interface Sample {
  readonly offsetMs: number;
  readonly roundTripMs: number;
}

export interface Exchange {
  /** Local times at which the question left and its answer came. */
  readonly sentAtMs: number;
  readonly receivedAtMs: number;
  readonly serverTimeMs: number;
}

export class ServerClock {
  #samples: Sample[] = [];
  #best: Sample = { offsetMs: 0, roundTripMs: 0 };
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Server time minus local time; 0 before the first sample. */
  get offsetMs(): number {
    return this.#best.offsetMs;
  }

  /** Of the sample in use; 0 before the first. */
  get roundTripMs(): number {
    return this.#best.roundTripMs;
  }

  serverNow(): number {
    return this.#now() + this.#best.offsetMs;
  }

  /** Takes one exchange in. A negative round trip (the clock was set between) is dropped. */
  sample(exchange: Exchange): void {
    const roundTripMs = exchange.receivedAtMs - exchange.sentAtMs;
    if (roundTripMs < 0 || !Number.isFinite(exchange.serverTimeMs)) return;
    const fresh = { offsetMs: exchange.serverTimeMs - (exchange.sentAtMs + exchange.receivedAtMs) / 2, roundTripMs };
    const apart = Math.abs(fresh.offsetMs - this.#best.offsetMs);
    if (this.#samples.length > 0 && apart > (fresh.roundTripMs + this.#best.roundTripMs) / 2 + DRIFT_MS) this.#samples = [];
    this.#samples = [...this.#samples.slice(1 - SAMPLES_KEPT), fresh];
    this.#best = this.#samples.reduce((best, each) => (each.roundTripMs < best.roundTripMs ? each : best), fresh);
  }
}
