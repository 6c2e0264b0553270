// What every log that is opened without a word on it is given.
import type { Timers } from "../engine/ports.ts";

/** An append that takes longer is unknown (P8). With Kafka this stands above the request's own time-out, which kafkajs takes by the wall clock. */
export const appendLimitMsDefault = 3_500;

/** Timers of the process: real time. */
export const processTimers: Timers = {
  after(delayMs, callback) {
    const timer = setTimeout(callback, delayMs);
    return () => clearTimeout(timer);
  },
  soon(callback) {
    setImmediate(callback);
  },
};
