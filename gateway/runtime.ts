// The gateway's clock, timers and chance as this machine has them. The only gateway file that reads them.
import { randomBytes } from "node:crypto";
import type { Instant } from "../engine/core/ids.ts";

/** Wall clock, epoch ms; and a monotonic one, fractional ms. */
export const machineClock = {
  now: (): Instant => Date.now(),
  monotonic: (): number => performance.now(),
};

/** Node's timers. */
export const machineTimers = {
  /** Calls back once, not before `delayMs`; the returned function cancels. */
  after: (delayMs: number, callback: () => void): (() => void) => {
    const timer = setTimeout(callback, delayMs);
    return () => clearTimeout(timer);
  },
  /** Calls back at the end of this turn of the event loop. */
  soon: (callback: () => void): void => {
    setImmediate(callback);
  },
};

const FRACTION_RANGE = 0x1_0000_0000;

/** Random bytes of the operating system. */
export const machineNonces = {
  bytes: (count: number): Uint8Array => new Uint8Array(randomBytes(count)),
  /** From 0 up to but excluding 1. */
  fraction: (): number => randomBytes(4).readUInt32LE(0) / FRACTION_RANGE,
};
