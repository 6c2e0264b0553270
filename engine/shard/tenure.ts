// Taking and giving up a shard: claim, check that the claim is effective, the opening pass, serve, release, lose.
//
// Owns: the steps T1 to T8 and what ends a tenure. Must not: believe a lease, or tell anybody "failed".
//
// T1. The clock is within its bound, or the shard is not taken.
// T2. Catch up to the log's end before claiming.
// T3. CLAIM names the previous effective claim and a nonce, and goes alone.
// T4. Read up to the claim; go on only if the effective claim is one's own, told apart by its nonce.
// T6. Committed state is the replayed one; epoch = offset of the claim.
// T7. give_back, then closes that fell due, in the order of the rules, before any bid; TIME(first) ends the pass.
// T8. When that is committed, serve.
// C8. An unknown outcome ends the tenure: the log is read again. Commands found in it get their answer; the others get
//     outcome_unknown, never "failed".
// C9. A refusal opens "log down": a TIME(probe) goes out after 100 ms, doubling to 2 s; its commit begins the pass of T7.
import { answerChunk, answerOffset, answerRow, sameCommand } from "../core/auction.ts";
import { engineCommand } from "../core/command.ts";
import type { Instant } from "../core/ids.ts";
import type { TimeRecord } from "../core/validity.ts";
import type { AppendOutcome, ClaimReason, ReleaseReason, TimeReason } from "../ports.ts";
import { armDeadlines, catchUp, LogBroken, recover, sameBytes } from "./recovery.ts";
import type { Shard } from "./shard.ts";
import type { Control, ShardWorld } from "./world.ts";

const PROBE_FIRST_MS = 100;
const PROBE_MAX_MS = 2_000;
const BACKOFF_FIRST_MS = 50;
const BACKOFF_MAX_MS = 5_000;
/** Tries to read the checkpoints before replaying the whole log instead: 10 s. */
const STORE_TRIES = 20;
const STORE_PAUSE_MS = 500;
/** A broken shard is taken again this often in ten minutes; then it stays stopped until an operator acts. */
const TAKES_MAX = 3;
const TAKES_WINDOW_MS = 600_000;

/** Resolves after a delay, through the node's timers. */
export function pause(world: ShardWorld, delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    world.timers.after(delayMs, resolve);
  });
}

/** A TIME record of this shard, stamped when it is sent. */
export function timeControl(shard: Shard, reason: TimeReason, landed: (outcome: AppendOutcome) => void): Control {
  return {
    alone: false,
    landed,
    build: () => {
      const { lsn, hash: prevHash, lifeId } = shard.judge;
      const at = shard.stamp();
      const place = { shard: shard.number, epoch: shard.epoch, firstLsn: lsn + 1, prevHash, at };
      const { bytes, hash } = shard.world.codec.time(place, reason);
      const record: TimeRecord = {
        kind: "time",
        offset: 0,
        shard: shard.number,
        lifeId: lifeId ?? new Uint8Array(16),
        epoch: shard.epoch,
        firstLsn: lsn + 1,
        count: 1,
        timeFirst: at,
        timeLast: at,
        prevHash,
        hash,
        reason,
      };
      return { bytes, record };
    },
  };
}

export class Tenure {
  readonly #shard: Shard;
  #recovered = false;
  #taking = false;
  #probeMs = PROBE_FIRST_MS;
  #brokenAt: number[] = [];
  #passOver: () => void = () => undefined;

  constructor(shard: Shard) {
    this.#shard = shard;
  }

  /** Takes the shard, with back-off; resolves when it is served, lost again, or broken. At most one attempt runs at a time. */
  async take(reason: ClaimReason): Promise<void> {
    if (this.#taking || this.#shard.phase !== "unowned") return;
    this.#taking = true;
    let backoffMs = BACKOFF_FIRST_MS;
    try {
      while (!(await this.#try(reason))) {
        const { nonces } = this.#shard.world;
        await pause(this.#shard.world, backoffMs * (1 + 9 * nonces.fraction()));
        backoffMs = Math.min(BACKOFF_MAX_MS, backoffMs * 2);
      }
    } catch (error) {
      this.#taking = false;
      const invariant = error instanceof LogBroken ? error.invariant : "recovery";
      this.broken(invariant, error instanceof Error ? error.message : String(error));
      return;
    }
    this.#taking = false;
    if (!this.#opening) return;
    await new Promise<void>((resolve) => {
      this.#passOver = resolve;
    });
  }

  get #opening(): boolean {
    return this.#shard.phase === "opening";
  }

  async #try(reason: ClaimReason): Promise<boolean> {
    const shard = this.#shard;
    const { world } = shard;
    const begun = world.clock.monotonic();
    const from = await this.#catchUp();
    this.#checkClock();
    const nonce = world.nonces.bytes(16);
    const outcome = await this.#claim(nonce, reason);
    if (outcome.kind === "refused") return false;
    if (outcome.kind === "done" && outcome.offset < shard.judge.next) {
      throw new LogBroken("log_shorter", `shard ${shard.number}: a claim landed at ${outcome.offset}, below ${shard.judge.next}`);
    }
    await catchUp(shard, outcome.kind === "done" ? outcome.offset + 1 : undefined);
    const own = sameBytes(shard.judge.nonce, nonce) && (outcome.kind !== "done" || shard.judge.claim === outcome.offset);
    world.counters.count(own ? "claims_effective" : "claims_lost");
    if (!own) return false;
    world.counters.observe("recovery_ms", world.clock.monotonic() - begun);
    world.say("info", "shard_claimed", {
      shard: shard.number,
      epoch: shard.judge.claim,
      lsn: shard.judge.lsn,
      from,
      durationMs: Math.round(world.clock.monotonic() - begun),
    });
    this.#answerOrphans();
    this.#open();
    return true;
  }

  async #catchUp(): Promise<string> {
    const shard = this.#shard;
    if (this.#recovered) {
      await catchUp(shard);
      return "memory";
    }
    const from = await recover(shard, await this.#checkpoints());
    this.#recovered = true;
    return from;
  }

  async #checkpoints(): Promise<Awaited<ReturnType<ShardWorld["store"]["checkpoints"]>> | null> {
    const { store, say } = this.#shard.world;
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await store.checkpoints(this.#shard.number);
      } catch (error) {
        const cause = error instanceof Error ? error.message : String(error);
        if (error instanceof Error && error.name === "SnapshotsForeign") throw error;
        if (attempt === STORE_TRIES) {
          say("warn", "snapshots_away", { shard: this.#shard.number, cause, instead: "replaying the whole log" });
          return null;
        }
        await pause(this.#shard.world, STORE_PAUSE_MS);
      }
    }
  }

  // A last logged time in the future means that this clock, or the one that wrote it, is wrong: no end may be judged by it.
  #checkClock(): void {
    const { judge, world } = this.#shard;
    const ahead = judge.time - world.clock.now();
    if (ahead > world.limits.clockOffsetMaxMs) {
      throw new LogBroken("clock", `the last logged time is ${ahead} ms ahead of this machine's clock; set the clock right, or wait until it has caught up`);
    }
  }

  #claim(nonce: Uint8Array, reason: ClaimReason): Promise<AppendOutcome> {
    const shard = this.#shard;
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

  // Whoever asked under an unknown outcome hears what the log says.
  #answerOrphans(): void {
    const shard = this.#shard;
    for (const { caller, requestId, command } of shard.orphans.splice(0)) {
      const state = shard.actors.get(command.auctionId)?.committed ?? null;
      const row = state === null || command.keyDigest === null ? -1 : answerRow(state, command.keyDigest);
      if (state !== null && row >= 0 && sameCommand(state, row, command)) {
        caller.answer(requestId, command.auctionId, answerChunk(state, row), answerOffset(row), true);
      } else {
        shard.world.counters.refused("outcome_unknown");
        caller.refuse(requestId, command.auctionId, "outcome_unknown", 100);
      }
    }
  }

  // T6 and T7. The give-backs stand first in the queue of due commands, so each end is judged after its time was given back.
  #open(): void {
    const shard = this.#shard;
    const { world } = shard;
    const claimedAt: number = shard.judge.claim;
    shard.epoch = claimedAt;
    shard.time = Math.max(shard.judge.time, shard.time);
    shard.phase = "opening";
    shard.openingDone = () => {
      shard.openingDone = null;
      shard.send(timeControl(shard, "first", (outcome) => this.#passEnded(outcome)));
    };
    this.#giveBack(shard.stamp());
    armDeadlines(shard);
    world.fireDue(shard.stamp());
    world.statusChanged(shard);
    world.wake();
  }

  #giveBack(to: Instant): void {
    const shard = this.#shard;
    const outageFrom = shard.judge.outageFrom;
    if (outageFrom === 0) return;
    const ids = [...shard.actors.keys()].sort();
    for (const auctionId of ids) {
      const state = shard.actors.get(auctionId)?.committed ?? null;
      if (state?.settings?.outage.policy !== "give_back" || (state.phase !== "open" && state.phase !== "scheduled")) continue;
      // From its own last give-back, when an earlier pass died half-way: nothing else was decided since.
      const from = Math.max(outageFrom, state.lastAt);
      const start = Math.max(from, state.opensAt ?? from);
      const lost = to - start;
      if (state.endsAt === null || start >= state.endsAt || lost <= 0 || lost < state.settings.outage.lostMsMin) continue;
      shard.engineCommand(engineCommand(auctionId, { type: "give_back", from, to }));
    }
  }

  #passEnded(outcome: AppendOutcome): void {
    const shard = this.#shard;
    this.#passOver();
    if (outcome.kind !== "done" || shard.phase !== "opening") return;
    shard.phase = "serving";
    this.#probeMs = PROBE_FIRST_MS;
    shard.world.say("info", "shard_serving", { shard: shard.number, epoch: shard.epoch, lsn: shard.judge.lsn, auctions: shard.actors.size });
    shard.world.statusChanged(shard);
    shard.world.wake();
  }

  /** C9: the log said no. Nothing of the head happened. */
  refused(detail: string): void {
    const shard = this.#shard;
    if (shard.phase === "stopped") return;
    if (shard.phase !== "log_down") shard.world.say("error", "log_refused", { shard: shard.number, detail });
    shard.phase = "log_down";
    shard.openingDone = null;
    this.#passOver();
    shard.dropHead("log_unavailable");
    shard.world.statusChanged(shard);
    const delay = this.#probeMs;
    this.#probeMs = Math.min(PROBE_MAX_MS, delay * 2);
    shard.world.timers.after(delay, () => this.#probe());
  }

  #probe(): void {
    const shard = this.#shard;
    if (shard.phase !== "log_down") return;
    shard.send(
      timeControl(shard, "probe", (outcome) => {
        if (outcome.kind !== "done" || shard.phase !== "log_down") return;
        shard.world.say("info", "log_back", { shard: shard.number });
        this.#open();
      }),
    );
  }

  /** C8: the outcome is unknown. The shard is claimed again at once. */
  over(cause: string): void {
    if (this.#lose(cause)) void this.take("again");
  }

  /** Another claim became effective. Whoever asked hears what the log says; the shard is left to its owner. */
  deposed(cause: string): void {
    if (!this.#lose(cause)) return;
    catchUp(this.#shard).then(
      () => this.#answerOrphans(),
      (error: unknown) => this.broken("recovery", error instanceof Error ? error.message : String(error)),
    );
  }

  #lose(cause: string): boolean {
    const shard = this.#shard;
    if (shard.phase === "stopped") return false;
    shard.world.counters.count("tenures_ended");
    shard.world.say("warn", "tenure_over", { shard: shard.number, epoch: shard.epoch, cause });
    shard.phase = "unowned";
    shard.openingDone = null;
    this.#passOver();
    shard.dropHead("shard_unowned");
    shard.world.statusChanged(shard);
    return true;
  }

  /** Replay is the repair: everything in memory is thrown away and read again, three times in ten minutes at most. */
  broken(invariant: string, message: string): void {
    const shard = this.#shard;
    const { world } = shard;
    if (shard.phase === "stopped") return;
    world.counters.count("shards_stopped");
    world.say("error", "shard_stopped", { shard: shard.number, invariant, message });
    shard.phase = "stopped";
    shard.openingDone = null;
    this.#passOver();
    shard.dropHead("shard_unowned");
    world.statusChanged(shard);
    const now = world.clock.monotonic();
    this.#brokenAt = [...this.#brokenAt.filter((at) => now - at < TAKES_WINDOW_MS), now];
    if (this.#brokenAt.length > TAKES_MAX) return;
    this.#recovered = false;
    world.timers.after(BACKOFF_FIRST_MS * 10 ** this.#brokenAt.length, () => {
      shard.phase = "unowned";
      void this.take("again");
    });
  }

  /** Seals the shard, lets what is in flight land, and closes the epoch with a RELEASE. Resolves when nothing is owned. */
  async release(reason: ReleaseReason, stateHash: () => Uint8Array): Promise<void> {
    const shard = this.#shard;
    const { world } = shard;
    if (shard.phase !== "serving") return;
    shard.phase = "sealed";
    world.statusChanged(shard);
    await new Promise<void>((resolve) => shard.send(timeControl(shard, "barrier", () => resolve())));
    if ((shard.phase as string) !== "sealed") return;
    await new Promise<void>((resolve) => {
      shard.send({
        alone: false,
        landed: () => resolve(),
        build: () => {
          const { lsn, hash: prevHash, lifeId } = shard.judge;
          const at = shard.stamp();
          const hashNow = stateHash();
          const place = { shard: shard.number, epoch: shard.epoch, firstLsn: lsn + 1, prevHash, at };
          const { bytes, hash } = world.codec.release(place, { stateHash: hashNow, reason, target: null });
          const record = {
            kind: "release",
            offset: 0,
            shard: shard.number,
            lifeId: lifeId ?? new Uint8Array(16),
            epoch: shard.epoch,
            firstLsn: lsn + 1,
            count: 1,
            timeFirst: at,
            timeLast: at,
            prevHash,
            hash,
            stateHash: hashNow,
            reason,
            target: null,
          } as const;
          return { bytes, record };
        },
      });
    });
    if ((shard.phase as string) !== "sealed") return;
    shard.phase = "unowned";
    world.say("info", "shard_released", { shard: shard.number, epoch: shard.epoch, lsn: shard.judge.lsn, reason });
    world.statusChanged(shard);
  }
}
