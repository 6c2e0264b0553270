// The parts of the system on one machine: started in order, restarted when they die, stopped in the reverse order.
//
// Owns: order, restart pauses, the state of each part. Must not: know what a part is (parts.ts) or print (screen.ts).
//
// U1. A part starts only after those before it are ready; it stops only after those behind it have ended.
// U2. A part that dies is started again after a pause that grows with each death in a row. Nobody else is touched: the others
//     ride it out by their own reconnecting.
// U3. Once stopping has begun nothing is started again.
//
// State of a part   entered when                        left when
// starting          start() was called                  it is ready, or failed
// running           it said ready                       it ended
// pausing           it died                             the pause is over, or stopping began
// over              it ended while stopping             never
import { restartPauseMs, WELL_AFTER_MS } from "./backoff.ts";

/** What a part tells when it is ready, ports among it. */
export type Facts = Readonly<Record<string, unknown>>;

export interface Running {
  readonly facts: Facts;
  /** Resolves with the reason when the part is gone. Never rejects. */
  readonly ended: Promise<string>;
  /** Asks it to stop in order; after the limit it is killed. Resolves when it is gone. */
  stop(limitMs: number): Promise<void>;
  kill(): void;
}

/** Why a part did not start. `final`: trying again cannot help (wrong settings, a taken port). */
export class StartFailed extends Error {
  readonly final: boolean;

  constructor(reason: string, final: boolean) {
    super(reason);
    this.final = final;
  }
}

export interface Part {
  readonly name: string;
  /** Whether the system is worth starting without it. One that is not essential is tried again later and fails nobody. */
  readonly essential: boolean;
  /** Whether start() waits until it is ready. Only what is not essential may come later. */
  readonly awaited: boolean;
  /** Rejects with StartFailed, soon after the signal too: a start that nobody waits for any more is given up. */
  start(abandoned: AbortSignal): Promise<Running>;
}

export type PartEvent =
  | { readonly kind: "starting"; readonly part: string }
  | { readonly kind: "ready"; readonly part: string; readonly tookMs: number; readonly facts: Facts; readonly again: boolean }
  | { readonly kind: "died"; readonly part: string; readonly reason: string; readonly pauseMs: number }
  | { readonly kind: "stopping"; readonly part: string }
  | { readonly kind: "stopped"; readonly part: string; readonly tookMs: number };

export interface ChildrenOptions {
  readonly parts: readonly Part[];
  readonly restartMs: number;
  /** Per part, then it is killed. */
  readonly stopLimitMs: number;
  /** How often a part may fail in its first start before the system gives up: covers a predecessor that is still ending. */
  readonly firstTriesMax: number;
  readonly tell: (event: PartEvent) => void;
  /** Monotonic ms. */
  readonly elapsed: () => number;
  readonly wait: (ms: number, signal: AbortSignal) => Promise<void>;
}

interface Entry {
  readonly part: Part;
  running: Running | null;
  deaths: number;
  /** Of its last start, by options.elapsed. */
  readyAt: number;
  /** Ends when supervision of this part has ended. */
  supervision: Promise<void>;
}

export class Children {
  readonly #options: ChildrenOptions;
  readonly #entries: Entry[] = [];
  readonly #stopping = new AbortController();
  #starting: Promise<void> = Promise.resolve();

  constructor(options: ChildrenOptions) {
    this.#options = options;
  }

  /** Starts all parts in order (U1). Rejects with the StartFailed of the first that would not start; what runs is left to stop(). */
  start(): Promise<void> {
    const starting = this.#startAll();
    this.#starting = starting.catch(() => {});
    return starting;
  }

  async #startAll(): Promise<void> {
    for (const part of this.#options.parts) {
      if (this.#stopping.signal.aborted) return;
      const entry: Entry = { part, running: null, deaths: 0, readyAt: 0, supervision: Promise.resolve() };
      this.#entries.push(entry);
      if (part.essential) entry.supervision = this.#supervise(entry, await this.#firstStart(entry));
      else if (part.awaited) entry.supervision = this.#supervise(entry, await this.#startOrNull(entry, false));
      else entry.supervision = this.#startOrNull(entry, false).then((running) => this.#supervise(entry, running));
    }
  }

  /** Stops what runs, last started first, once a start that is under way was given up. Resolves when all are gone. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#starting;
    for (const entry of [...this.#entries].reverse()) {
      const { running, part } = entry;
      if (running !== null) {
        this.#options.tell({ kind: "stopping", part: part.name });
        const from = this.#options.elapsed();
        await running.stop(this.#options.stopLimitMs);
        this.#options.tell({ kind: "stopped", part: part.name, tookMs: this.#options.elapsed() - from });
      }
      await entry.supervision;
    }
  }

  /** Ends everything at once. Nothing acknowledged is lost by it: decisions are durable before they are told. */
  kill(): void {
    this.#stopping.abort();
    for (const entry of this.#entries) entry.running?.kill();
  }

  async #firstStart(entry: Entry): Promise<Running | null> {
    for (let tries = 1; ; tries += 1) {
      try {
        return await this.#startOnce(entry, false);
      } catch (error) {
        if (this.#stopping.signal.aborted) return null;
        const failure = error instanceof StartFailed ? error : new StartFailed(String(error), false);
        if (failure.final || tries >= this.#options.firstTriesMax) throw failure;
        await this.#pause(entry, failure.message);
        if (this.#stopping.signal.aborted) return null;
      }
    }
  }

  async #startOnce(entry: Entry, again: boolean): Promise<Running> {
    const part = entry.part.name;
    const from = this.#options.elapsed();
    this.#options.tell({ kind: "starting", part });
    const running = await entry.part.start(this.#stopping.signal);
    entry.running = running;
    entry.readyAt = this.#options.elapsed();
    this.#options.tell({ kind: "ready", part, tookMs: this.#options.elapsed() - from, facts: running.facts, again });
    return running;
  }

  async #supervise(entry: Entry, first: Running | null): Promise<void> {
    let running = first;
    while (!this.#stopping.signal.aborted) {
      if (running !== null) {
        const reason = await running.ended;
        entry.running = null;
        if (this.#stopping.signal.aborted) return;
        if (this.#options.elapsed() - entry.readyAt >= WELL_AFTER_MS) entry.deaths = 0;
        await this.#pause(entry, reason);
        if (this.#stopping.signal.aborted) return;
      }
      running = await this.#startOrNull(entry, true);
    }
    // Stopping began while it started: stop() had nothing to stop then, so it is stopped here (U3).
    if (running !== null) await running.stop(this.#options.stopLimitMs);
  }

  async #startOrNull(entry: Entry, again: boolean): Promise<Running | null> {
    try {
      return await this.#startOnce(entry, again);
    } catch (error) {
      await this.#pause(entry, error instanceof Error ? error.message : String(error));
      return null;
    }
  }

  async #pause(entry: Entry, reason: string): Promise<void> {
    entry.deaths += 1;
    const pauseMs = restartPauseMs(this.#options.restartMs, entry.deaths);
    this.#options.tell({ kind: "died", part: entry.part.name, reason, pauseMs });
    await this.#options.wait(pauseMs, this.#stopping.signal);
  }
}
