// The engine's clock, timers and chance as this machine has them. The only engine file that reads them.
import { randomBytes } from "node:crypto";
import type { Clock, Nonces, Timers } from "./ports.ts";

/** Wall clock and monotonic clock of this process. */
export const machineClock: Clock = { now: () => Date.now(), monotonic: () => performance.now() };

/** Node's timers. They keep the process alive: a node that waits for a deadline is at work. */
export const machineTimers: Timers = {
  after: (delayMs, callback) => {
    const timer = setTimeout(callback, delayMs);
    return () => clearTimeout(timer);
  },
  soon: (callback) => {
    setImmediate(callback);
  },
};

const FRACTION_BITS = 0x1_0000_0000;

/** Random bytes of the operating system. */
export const machineNonces: Nonces = {
  bytes: (count) => new Uint8Array(randomBytes(count)),
  fraction: () => randomBytes(4).readUInt32LE(0) / FRACTION_BITS,
};
