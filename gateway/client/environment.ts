// The client's adapter of clock, timers, randomness and the page it may run in. The only file of the client that touches them.

export type Cancel = () => void;

export interface Environment {
  /** Local wall clock, epoch ms. It may be wrong by hours and may jump; clock.ts copes. */
  now(): number;
  /** 0 up to, not including, 1. */
  random(): number;
  /** A fresh idempotency key. */
  key(): string;
  after(ms: number, run: () => void): Cancel;
  /** Calls back when a page becomes visible again or the network returns. */
  onWake(run: () => void): Cancel;
}

interface Listening {
  addEventListener?(type: string, run: () => void): void;
  removeEventListener?(type: string, run: () => void): void;
}

const KEY_BYTES = 16;

/** The machine's own. Keys come from getRandomValues, as randomUUID is absent from pages served without TLS. */
export const machine: Environment = {
  now: () => Date.now(),
  random: () => Math.random(),
  key: () => Array.from(crypto.getRandomValues(new Uint8Array(KEY_BYTES)), (byte) => byte.toString(16).padStart(2, "0")).join(""),
  after: (ms, run) => {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
  onWake: (run) => {
    const world = globalThis as unknown as Listening & { document?: Listening & { visibilityState: string } };
    const visible = (): void => {
      if (world.document?.visibilityState === "visible") run();
    };
    world.document?.addEventListener?.("visibilitychange", visible);
    world.addEventListener?.("online", run);
    return () => {
      world.document?.removeEventListener?.("visibilitychange", visible);
      world.removeEventListener?.("online", run);
    };
  },
};
