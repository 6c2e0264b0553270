// A shard that another node owns, kept warm here: everything its owner logs is judged and applied, so that taking it over needs one claim
// and the last records.
//
// Owns: the reading that follows the log, and how far behind it is. Must not: answer anybody, decide, claim, append, or save anything.
//
// Y1. One state: what was applied. There is no head, no mailbox and no deadline here.
// Y2. A gap, a reset or a shorter log is never read over: the shard stops here and says so. A log that only cannot be reached is asked
//     again, with back-off.
// Y3. At a RELEASE its state hash has to be the one this state has (recovery.ts, R5).
// Y4. Memory is bounded as an owner's: what the owner's newest checkpoint holds counts as saved, and auctions that closed long ago leave.
//     Both happen between two records only, so that no record finds half of what it needs.
import type { Instant } from "../core/ids.ts";
import { stateHash } from "../core/state-hash.ts";
import type { Checkpoint } from "../ports.ts";
import { type Claiming, pause } from "./claim.ts";
import { causeOf, invariantOf, StoredAhead } from "./reading-errors.ts";
import { follow } from "./recovery.ts";
import { sameBytes } from "./same-bytes.ts";
import type { Shard } from "./shard.ts";
import { evictClosed } from "./snapshots.ts";

const RETRY_FIRST_MS = 100;
const RETRY_MAX_MS = 5_000;

/** Who is told of it (ownership.ts). */
export interface StandbyHost {
  /** The end of the log was reached; from here on records are live. */
  caughtUp(): void;
  /** Something came. */
  heard(): void;
  broken(invariant: string, message: string): void;
}

/** What ownership needs of whatever watches a shard that is not owned. */
export interface Watching {
  /** Records behind the end of the log when last measured. */
  readonly lag: number;
  /** By how much this machine's clock differs from the log's, as live records show it; null while none did. */
  readonly clockOffMs: number | null;
  start(): void;
  stop(): void;
  /** Measures the lag, and that the log did not get shorter. Never rejects. */
  measure(): Promise<void>;
  /** The owner's newest checkpoint may be newer. Never rejects. */
  slim(): Promise<void>;
}

/** Live records looked at for the clock: one that came late says nothing of it, so the least of them counts. */
const CLOCK_LOOKS = 8;

export class Standby implements Watching {
  lag = 0;
  readonly #shard: Shard;
  readonly #claiming: Claiming;
  readonly #host: StandbyHost;
  #run: AbortController | null = null;
  /** The owner's checkpoint that this state has yet to be compared with. */
  #saved: Checkpoint | null = null;
  /** Place of the last record that counted. */
  #place = -1;
  #clockLooks: readonly number[] = [];

  constructor(shard: Shard, claiming: Claiming, host: StandbyHost) {
    this.#shard = shard;
    this.#claiming = claiming;
    this.#host = host;
  }

  get clockOffMs(): number | null {
    if (this.#clockLooks.length === 0) return null;
    return this.#clockLooks.reduce((least, off) => (Math.abs(off) < Math.abs(least) ? off : least));
  }

  start(): void {
    if (this.#run !== null) return;
    const run = new AbortController();
    this.#run = run;
    this.#clockLooks = [];
    void this.#follow(run.signal);
  }

  stop(): void {
    this.#run?.abort();
    this.#run = null;
    this.#saved = null;
    this.lag = 0;
  }

  async measure(): Promise<void> {
    const { judge, number, world } = this.#shard;
    if (this.#run === null) return;
    const { signal } = this.#run;
    const { next } = judge;
    try {
      const { end } = await world.log.ends(number);
      if (signal.aborted) return;
      this.lag = Math.max(0, end - this.#shard.judge.next);
      if (end < next) this.#break("log_shorter", `shard ${number}: the log ends at ${end}, and ${next - 1} was read from it`);
    } catch {
      // Whoever follows the log says so, and asks again (Y2).
    }
  }

  async slim(): Promise<void> {
    const { world, number } = this.#shard;
    if (this.#run === null) return;
    const { signal } = this.#run;
    try {
      const [newest] = await world.store.checkpoints(number);
      if (!signal.aborted && newest !== undefined && sameBytes(newest.lifeId, world.lifeId)) this.#saved = newest;
    } catch {
      // A store that is away lets nothing leave memory, here as at the owner.
    }
  }

  async #follow(signal: AbortSignal): Promise<void> {
    for (let pauseMs = RETRY_FIRST_MS; !signal.aborted; pauseMs = Math.min(RETRY_MAX_MS, pauseMs * 2)) {
      try {
        const isRead = (await this.#claiming.catchUp()) !== null;
        if (signal.aborted) return;
        if (isRead)
          await this.#followOn(signal, () => {
            pauseMs = RETRY_FIRST_MS;
          });
      } catch (error) {
        if (!signal.aborted) await this.#failed(signal, error);
      }
      if (!signal.aborted) await pause(this.#shard.world, pauseMs);
    }
  }

  async #followOn(signal: AbortSignal, heard: () => void): Promise<void> {
    this.#place = this.#placeNow();
    this.#host.caughtUp();
    await follow(this.#shard, signal, (storedAt) => {
      heard();
      this.#taken(signal, storedAt);
    });
  }

  // What comes while one listens was written just now, whatever the two clocks say. What is void says nothing of the owner.
  #taken(signal: AbortSignal, storedAt: Instant | null): void {
    if (signal.aborted) return;
    const { clock } = this.#shard.world;
    const place = this.#placeNow();
    if (place !== this.#place) this.#shard.heardAt = clock.monotonic();
    this.#place = place;
    if (storedAt !== null) this.#clockLooks = [...this.#clockLooks.slice(1 - CLOCK_LOOKS), clock.now() - storedAt];
    this.#slimSome();
    this.#host.heard();
  }

  #placeNow(): number {
    const { lsn, claim } = this.#shard.judge;
    return lsn + claim;
  }

  async #failed(signal: AbortSignal, error: unknown): Promise<void> {
    const { world, number } = this.#shard;
    const invariant = await invariantOf(this.#shard, error);
    if (signal.aborted) return;
    if (error instanceof StoredAhead) this.#claiming.forget();
    if (invariant === null) world.say("warn", "standby_reading_failed", { shard: number, cause: causeOf(error) });
    else this.#break(invariant, causeOf(error));
  }

  #break(invariant: string, message: string): void {
    this.stop();
    this.#host.broken(invariant, message);
  }

  // An auction whose last decision is older than the checkpoint's time stands in the store as it is here (Y4).
  #slimSome(): void {
    const shard = this.#shard;
    const saved = this.#saved;
    if (saved === null || shard.judge.next < saved.offset || shard.snapshot.run !== null) return;
    const { codec, clock, limits } = shard.world;
    let left = limits.snapshotSliceMax;
    for (const actor of shard.dirty) {
      const state = actor.committed;
      if (state === null || state.lastAt >= saved.time) continue;
      if (left === 0) return;
      left -= 1;
      shard.hashes.exchange(actor.index, stateHash(state, codec.hash));
      actor.saved = { sequence: state.sequence, answers: state.answerCount, bids: state.bidCount, rows: state.rowCount };
      actor.dirty = false;
      shard.dirty.delete(actor);
    }
    this.#saved = null;
    evictClosed(shard, Math.min(saved.time - 1, clock.now() - limits.closedKeptMs));
  }
}

/** Watches a shard without reading it: whether its log grows. Whoever takes it over reads it then. */
export class ColdWatch implements Watching {
  readonly lag = 0;
  readonly clockOffMs = null;
  readonly #shard: Shard;
  readonly #host: StandbyHost;
  #end = -1;
  #run: AbortController | null = null;

  constructor(shard: Shard, host: StandbyHost) {
    this.#shard = shard;
    this.#host = host;
  }

  start(): void {
    if (this.#run !== null) return;
    const run = new AbortController();
    this.#run = run;
    void this.#look(run.signal);
    this.#host.caughtUp();
  }

  stop(): void {
    this.#run?.abort();
    this.#run = null;
  }

  measure(): Promise<void> {
    return Promise.resolve();
  }

  slim(): Promise<void> {
    return Promise.resolve();
  }

  async #look(signal: AbortSignal): Promise<void> {
    const { world, number } = this.#shard;
    while (!signal.aborted) {
      try {
        const { end } = await world.log.ends(number);
        if (end > this.#end && this.#end >= 0) this.#shard.heardAt = world.clock.monotonic();
        this.#end = end;
        if (!signal.aborted) this.#host.heard();
      } catch {
        // A log out of reach says nothing of its owner, and cannot be claimed either.
      }
      await pause(world, world.limits.heartbeatMs);
    }
  }
}
