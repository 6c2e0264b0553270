// Steps T1 to T6: from whatever is in memory to an effective claim of one's own and the state it stands on.
//
// Owns: where the shard is read from, and the CLAIM. Must not: serve, or decide anything.
//
// T1. The clock is within its bound, or the shard is not taken.
// T2. Catch up to the log's end before claiming.
// T3. CLAIM names the previous effective claim and a nonce, and goes alone.
//     Between the two it is asked whether the shard is still to be claimed: the log may have shown that somebody else serves it.
// T4. Read up to the claim; go on only if the effective claim is one's own, told apart by its nonce.
// T6. Committed state is the replayed one; epoch = offset of the claim.
// T10. (own) Whoever catches up later overtakes who began before: that one, which may have waited for the store, touches nothing any more.
import type { Instant } from "../core/ids.ts";
import type { AppendOutcome, Checkpoint, ClaimReason } from "../ports.ts";
import { causeOf, LogBroken, StoreAway, StoredAhead } from "./reading-errors.ts";
import { catchUp, learnOwner, recover } from "./recovery.ts";
import { sameBytes } from "./same-bytes.ts";
import type { Shard } from "./shard.ts";
import type { ShardWorld } from "./world.ts";

/** Tries to read the checkpoints before replaying the whole log instead: 10 s. */
const STORE_TRIES = 20;
const STORE_PAUSE_MS = 500;

/** Resolves after a delay, through the node's timers. */
export function pause(world: ShardWorld, delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    world.timers.after(delayMs, resolve);
  });
}

/** How far the last logged time is ahead of this machine's clock, if that is more than it may be; else 0. */
export function clockBehindMs(shard: Shard): number {
  const { judge, world } = shard;
  const ahead = judge.time - world.clock.now();
  return ahead > world.limits.clockOffsetMaxMs ? ahead : 0;
}

/** What became of one attempt. `settled`: what was unknown before it is known now, because a claim stands behind it. `barred`: no claim was
 *  made, the shard is somebody else's. `refused`: the log takes nothing, and said so. `clockOffMs`: by how much this machine's clock and the log's differ, where the log has one. */
export interface Attempt {
  readonly own: boolean;
  readonly settled: boolean;
  readonly barred: boolean;
  readonly refused: boolean;
  readonly clockOffMs: number;
}

/** Nothing came of it. */
export const NOT_OWN: Attempt = { own: false, settled: false, barred: false, refused: false, clockOffMs: 0 };
/** Claims of this process that are told apart from others': one whose outcome stayed unknown may become effective after a few more. */
const NONCES_KEPT = 8;

export class Claiming {
  readonly #shard: Shard;
  #recovered = false;
  /** Counts those who catch up; only the newest goes on (T10). */
  #calls = 0;
  #nonces: readonly Uint8Array[] = [];

  constructor(shard: Shard) {
    this.#shard = shard;
  }

  /** Whether the effective claim was made here. */
  get ownsClaim(): boolean {
    return this.#nonces.some((nonce) => sameBytes(nonce, this.#shard.judge.nonce));
  }

  /** Nothing in memory is believed any more: the next attempt reads everything again. */
  forget(): void {
    this.#calls += 1;
    this.#recovered = false;
  }

  /** One attempt to take the shard. `mayClaim` is asked when the log has been read. Rejects with LogBroken, or with what the log throws. */
  async attempt(reason: ClaimReason, mayClaim: () => boolean): Promise<Attempt> {
    const shard = this.#shard;
    const { world } = shard;
    const begun = world.clock.monotonic();
    const from = await this.catchUp();
    if (from === null) return NOT_OWN;
    if (!mayClaim()) return { ...NOT_OWN, barred: true, settled: shard.judge.claim !== (shard.epoch as number) };
    checkClock(shard);
    const nonce = world.nonces.bytes(16);
    this.#nonces = [...this.#nonces.slice(1 - NONCES_KEPT), nonce];
    const sentAt = world.clock.now();
    const outcome = await claim(shard, nonce, reason);
    if (outcome.kind === "refused") {
      world.counters.count("claims_refused");
      return { ...NOT_OWN, refused: true };
    }
    if (outcome.kind === "done" && outcome.offset < shard.judge.next) {
      throw new LogBroken("log_shorter", `shard ${shard.number}: a claim landed at ${outcome.offset}, below ${shard.judge.next}`);
    }
    if (!(await catchUp(shard, outcome.kind === "done" ? outcome.offset + 1 : undefined))) return NOT_OWN;
    const own = sameBytes(shard.judge.nonce, nonce) && (outcome.kind !== "done" || shard.judge.claim === outcome.offset);
    world.counters.count(own ? "claims_effective" : "claims_lost");
    if (!own) return { ...NOT_OWN, settled: outcome.kind === "done" };
    const durationMs = world.clock.monotonic() - begun;
    world.counters.observe("recovery_ms", durationMs);
    const { claim: epoch, lsn } = shard.judge;
    world.say("info", "shard_claimed", { shard: shard.number, epoch, lsn, from, durationMs: Math.round(durationMs) });
    const storedAt = (outcome.kind === "done" ? outcome.storedAt : undefined) ?? shard.owner?.storedAt ?? null;
    return { ...NOT_OWN, own, settled: true, clockOffMs: storedAt === null ? 0 : outsideMs(storedAt, sentAt, world.clock.now()) };
  }

  /** T2, from memory where that is possible; and who owns the shard now. Returns where the reading began, or null when another
   *  overtook it. Rejects as attempt does. */
  async catchUp(): Promise<string | null> {
    this.#calls += 1;
    const from = await this.#catchUp(this.#calls);
    if (from !== null) await learnOwner(this.#shard);
    return from;
  }

  // A store that does not answer is asked again for a while; then the whole log is read instead, if all of it is still there.
  async #catchUp(call: number): Promise<string | null> {
    const { world, number } = this.#shard;
    for (let tries = 1; call === this.#calls; tries += 1) {
      try {
        return await this.#read(true, call);
      } catch (error) {
        if (call !== this.#calls) break;
        if (error instanceof StoredAhead && tries < STORE_TRIES) {
          this.#recovered = false;
          continue;
        }
        if (!(error instanceof StoreAway)) throw error;
        if (tries >= STORE_TRIES && (await world.log.ends(number)).start === 0) {
          world.say("warn", "snapshots_away", { shard: number, cause: error.message, instead: "replaying the whole log" });
          this.#shard.note = "replaying the whole log";
          return this.#read(false, call);
        }
        this.#shard.note = "waiting for the snapshot store";
        await pause(world, STORE_PAUSE_MS);
      }
    }
    return null;
  }

  async #read(withStore: boolean, call: number): Promise<string | null> {
    const shard = this.#shard;
    if (call !== this.#calls) return null;
    if (this.#recovered && withStore) return (await catchUp(shard)) ? "memory" : null;
    this.#recovered = false;
    const stored = withStore ? await checkpoints(shard) : null;
    if (call !== this.#calls) return null;
    const from = await recover(shard, stored);
    if (call !== this.#calls) return null;
    this.#recovered = from !== null;
    return from;
  }
}

// How far an instant lies outside of a span, either way; 0 within.
function outsideMs(at: Instant, from: Instant, to: Instant): number {
  if (at < from) return at - from;
  return at > to ? at - to : 0;
}

async function checkpoints(shard: Shard): Promise<readonly Checkpoint[]> {
  try {
    return await shard.world.store.checkpoints(shard.number);
  } catch (error) {
    throw new StoreAway(causeOf(error));
  }
}

// A last logged time in the future means that this clock, or the one that wrote it, is wrong: no end may be judged by it.
function checkClock(shard: Shard): void {
  const ahead = clockBehindMs(shard);
  if (ahead > 0) {
    throw new LogBroken("clock", `the last logged time is ${ahead} ms ahead of this machine's clock; set the clock right, or wait until it has caught up`);
  }
}

function claim(shard: Shard, nonce: Uint8Array, reason: ClaimReason): Promise<AppendOutcome> {
  const { codec, clock, nodeId, processId, shards } = shard.world;
  return new Promise((resolve) => {
    shard.send({
      alone: true,
      landed: resolve,
      build: () => ({
        record: null,
        bytes: codec.claim({ shard: shard.number, previous: shard.judge.claim, nonce, nodeId, processId, reason, shards, at: clock.now() }),
      }),
    });
  });
}
