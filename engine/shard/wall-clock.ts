// The wall clock as a node believes it: compared with the monotonic clock at each look, so that a step is noticed before anything is
// decided by it.
//
// Owns: the difference of the two clocks that is believed. Must not: act on a step (node.ts does).
//
// states     entered when              left when                        there
// steady     start; believe()          a step of more than the bound    small differences are taken over (a clock that is being slewed)
// stepped    a step was seen           believe()                        time goes on by the monotonic clock, as if nothing had happened
import type { Instant } from "../core/ids.ts";
import type { Clock } from "../ports.ts";

export class WallClock {
  readonly #clock: Clock;
  readonly #stepMaxMs: number;
  /** Wall minus monotonic, as believed. */
  #base = 0;
  /** By how much the clock differs from what is believed; 0 while steady. */
  stepMs = 0;
  /** Whether somebody is acting on a step. */
  stepping = false;

  constructor(clock: Clock, stepMaxMs: number) {
    this.#clock = clock;
    this.#stepMaxMs = stepMaxMs;
    this.believe();
  }

  /** Takes the clock as it is. */
  believe(): void {
    this.#base = this.#clock.now() - this.#clock.monotonic();
    this.stepMs = 0;
    this.stepping = false;
  }

  /** The time to decide by. */
  now(): Instant {
    const wall = this.#clock.now();
    const monotonic = this.#clock.monotonic();
    const difference = wall - monotonic - this.#base;
    if (Math.abs(difference) > this.#stepMaxMs) {
      this.stepMs = difference;
      return Math.floor(monotonic + this.#base);
    }
    if (this.stepping) return Math.floor(monotonic + this.#base);
    this.stepMs = 0;
    this.#base = wall - monotonic;
    return wall;
  }
}
