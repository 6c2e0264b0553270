// How a client behaves: frames against its rate, and frames that could not be understood. Pure.
import type { Identity } from "../ports.ts";
import { type Rate, TokenBucket } from "../token-bucket.ts";
import type { SocketLimits } from "./limits.ts";

type ConductLimits = Pick<
  SocketLimits,
  "badFramesPerMinute" | "excessMs" | "framesPerSecond" | "framesBurst" | "enterpriseFramesPerSecond" | "enterpriseFramesBurst"
>;

const MINUTE_MS = 60_000;
/** A pause this long between two refusals ends a stretch of excess. */
const EXCESS_PAUSE_MS = 1_000;

export class Conduct {
  readonly #limits: ConductLimits;
  readonly #bucket: TokenBucket;
  /** When the latest bad frames came, at most as many as close the socket. */
  readonly #badAt: number[] = [];
  #excessSince = Number.NEGATIVE_INFINITY;
  #excessAt = Number.NEGATIVE_INFINITY;

  /** `now`, here and below: monotonic ms. */
  constructor(limits: ConductLimits, now: number) {
    this.#limits = limits;
    this.#bucket = new TokenBucket(rateOf(limits, null), now);
  }

  /** One more frame. `excess`: over the rate; `too_much`: over it for so long that the socket is closed. */
  frame(now: number): "pass" | "excess" | "too_much" {
    if (this.#bucket.take(now)) return "pass";
    if (now - this.#excessAt > EXCESS_PAUSE_MS) this.#excessSince = now;
    this.#excessAt = now;
    return now - this.#excessSince >= this.#limits.excessMs ? "too_much" : "excess";
  }

  /** Ms until a frame would pass again. */
  waitMs(): number {
    return this.#bucket.waitMs();
  }

  /** A frame was not understood. True: too many within a minute. */
  bad(now: number): boolean {
    const { badFramesPerMinute } = this.#limits;
    this.#badAt.push(now);
    if (this.#badAt.length > badFramesPerMinute) this.#badAt.shift();
    const [first] = this.#badAt;
    return this.#badAt.length === badFramesPerMinute && first !== undefined && now - first < MINUTE_MS;
  }

  /** From now on the rate of this identity's tier. */
  became(identity: Identity | null): void {
    this.#bucket.change(rateOf(this.#limits, identity));
  }
}

function rateOf(limits: ConductLimits, identity: Identity | null): Rate {
  return identity?.tier === "enterprise"
    ? { perSecond: limits.enterpriseFramesPerSecond, burst: limits.enterpriseFramesBurst }
    : { perSecond: limits.framesPerSecond, burst: limits.framesBurst };
}
