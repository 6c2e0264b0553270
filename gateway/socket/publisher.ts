// The fan-out's turns and its one timer: what is due is published at the end of a turn, and what waits is looked at when it is due.
//
// Must not: decide what is due (fanout.ts).
import type { Update } from "../../engine/protocol.ts";
import type { ServerFrame } from "./client-frames.ts";
import { type Channel, Fanout } from "./fanout.ts";
import type { Payload } from "./frame-encode.ts";
import type { SocketLimits } from "./limits.ts";
import type { SocketMetrics } from "./metrics.ts";
import type { SocketTime } from "./time.ts";

/** The conflation timer is not set finer than this: 500 turns a second at most. */
const WAIT_MS_MIN = 2;

export interface PublisherOptions {
  readonly limits: SocketLimits;
  readonly time: SocketTime;
  readonly metrics: SocketMetrics;
  /** To all sockets of a topic. */
  readonly publish: (topic: string, payload: Payload) => void;
}

export class Publisher {
  readonly #time: SocketTime;
  readonly #fanout: Fanout;
  #pumping = false;
  #timer: { readonly at: number; readonly cancel: () => void } | null = null;

  constructor({ limits, time, metrics, publish }: PublisherOptions) {
    this.#time = time;
    this.#fanout = new Fanout(limits, {
      publish,
      now: () => time.now(),
      published: ({ deliveries, bytes }) => {
        metrics.sent(deliveries, bytes);
      },
      gathered: ({ merged, ageMs }) => {
        if (merged > 0) metrics.updatesConflated(merged);
        metrics.updateAge(Math.max(0, ageMs) / 1_000);
      },
    });
  }

  /** An update of committed state, now or conflated with those that follow. */
  tell(channel: Channel, update: Update): void {
    if (this.#fanout.updated(channel, update, this.#time.monotonic())) this.#wake();
    else this.#arm();
  }

  /** A frame that is no update, with the next publication, which is now. Those who come later are told by their snapshot. */
  announce(channel: Channel, frame: ServerFrame): void {
    if (channel.audience.size === 0 && channel.lagging.size === 0) return;
    if (this.#fanout.announce(channel, frame, this.#time.monotonic())) this.#wake();
  }

  forget(channel: Channel): void {
    this.#fanout.forget(channel);
  }

  sweep(): void {
    this.#fanout.sweep(this.#time.monotonic());
  }

  close(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }

  #wake(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    this.#time.soon(() => {
      this.#pumping = false;
      const now = this.#time.monotonic();
      this.#fanout.due(now);
      if (this.#fanout.pump(now)) this.#wake();
      this.#arm();
    });
  }

  /** For the auction whose wait ends first. */
  #arm(): void {
    const dueAt = this.#fanout.nextDueAt();
    if (dueAt === null || (this.#timer !== null && this.#timer.at <= dueAt)) return;
    this.#timer?.cancel();
    const cancel = this.#time.after(Math.max(WAIT_MS_MIN, dueAt - this.#time.monotonic()), () => {
      this.#timer = null;
      if (this.#fanout.due(this.#time.monotonic())) this.#wake();
      this.#arm();
    });
    this.#timer = { at: dueAt, cancel };
  }
}
