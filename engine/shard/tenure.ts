// One shard's tenures: taking it, serving, and every way in which that ends.
//
// Owns: the phase of the shard, and what ends a tenure. Must not: believe a lease, or tell anybody "failed".
//
// T8. When the opening pass is committed, serve.
// C8. An unknown outcome ends the tenure: the log is read again. Commands found in it get their answer; the others get
//     outcome_unknown, never "failed".
// C9. A refusal opens "log down": a TIME(probe) goes out after 100 ms, doubling to 2 s; its commit begins the pass of T7.
// T9. (own clock) A claim that the log stored at a time which this machine's clock did not have is given up at once, at the last logged
//     time: no end may be judged by such a clock.
// T11. (own) A claim that the log refuses says the same as C9: whoever asks meanwhile is refused log_unavailable at once.
// D1. Whoever gave the shard up for good (stop) takes it no more.
import { answerChunk, answerOffset, answerRow, sameCommand } from "../core/auction.ts";
import type { AppendOutcome, ClaimReason } from "../ports.ts";
import { type Attempt, type Claiming, clockBehindMs, NOT_OWN, pause } from "./claim.ts";
import type { Orphan } from "./commit.ts";
import { type Reason, releaseControl, timeControl } from "./controls.ts";
import { queueOpeningPass } from "./opening.ts";
import { causeOf, invariantOf, isLogAway, LogBroken, mayBeReadAgain, StoredAhead } from "./reading-errors.ts";
import { catchUp } from "./recovery.ts";
import type { Shard } from "./shard.ts";
import { stateHashNow } from "./state-hash-now.ts";
import type { Control } from "./world.ts";

const PROBE_FIRST_MS = 100;
const PROBE_MAX_MS = 2_000;
const BACKOFF_FIRST_MS = 50;
/** The random part: up to ten times the first. */
const BACKOFF_SPREAD = 9;
const BACKOFF_MAX_MS = 5_000;
/** A broken shard is taken again this often in ten minutes; then it stays stopped until an operator acts. */
const TAKES_MAX = 3;
const TAKES_WINDOW_MS = 600_000;
/** A wrong clock is looked at again this often, for as long as it takes. */
const CLOCK_PAUSE_MS = 5_000;
/** No gateway holds a bid longer, so nobody waits longer for the log to be read. */
const ORPHAN_MAX_MS = 5_000;
const ORPHAN_RETRY_MS = 100;

/** Who decides whether the shard is to be this node's (ownership.ts). */
export interface TenureKeeper {
  /** Asked when the log has been read, right before a claim. */
  mayClaim(): boolean;
  /** The shard is not this node's for now: lost, or not to be claimed. */
  left(): void;
  /** This machine's clock and the log's differ by that much. */
  clockOff(offMs: number): void;
}

export class Tenure {
  readonly shard: Shard;
  readonly #keeper: TenureKeeper;
  readonly #claiming: Claiming;
  #taking = false;
  #retired = false;
  /** Attempts since the shard was last served. */
  #attempts = 0;
  #probeMs = PROBE_FIRST_MS;
  #brokenAt: number[] = [];
  #breaks = 0;
  #passOver: () => void = () => undefined;
  #sealing: Promise<boolean> = Promise.resolve(false);

  constructor(shard: Shard, claiming: Claiming, keeper: TenureKeeper) {
    this.shard = shard;
    this.#claiming = claiming;
    this.#keeper = keeper;
  }

  /** Whether it is being claimed, or was given up for good. */
  get busy(): boolean {
    return this.#taking || this.#retired;
  }

  /** Takes the shard, with back-off; resolves when it is served, lost again, left to somebody else, or broken. At most one attempt runs at
   *  a time. */
  async take(reason: ClaimReason): Promise<void> {
    if (this.busy || this.shard.phase !== "unowned") return;
    this.#taking = true;
    this.shard.pursuit = "claiming";
    let own = false;
    try {
      own = await this.#claimed(reason);
      if (own) this.#open();
    } catch (error) {
      this.broken((await invariantOf(this.shard, error)) ?? "recovery", causeOf(error));
      return;
    } finally {
      this.#taking = false;
      this.shard.pursuit = "none";
      this.#tellRefused(false);
    }
    if (own) {
      await new Promise<void>((resolve) => {
        this.#passOver = resolve;
      });
    } else if (!this.#retired && this.shard.phase === "unowned") {
      // Whoever keeps this shard waits before the next time, and longer the more often it was lost.
      this.#attempts = 0;
      this.#keeper.left();
    }
  }

  // Tries until the shard is claimed. False when it is not to be claimed any more, or stopped meanwhile. One that broke under way and may be taken
  // again is read again first, whatever was claimed.
  async #claimed(reason: ClaimReason): Promise<boolean> {
    for (;;) {
      const breaks = this.#breaks;
      const { own, barred, clockOffMs } = await this.#attempt(reason);
      if (this.#retired || barred || this.shard.phase !== "unowned") return false;
      if (!own || breaks !== this.#breaks) continue;
      if (Math.abs(clockOffMs) <= this.shard.world.limits.clockOffsetMaxMs) return true;
      await this.#giveBackForClock(clockOffMs);
      return false;
    }
  }

  // The first attempt after a time of serving is made at once; those after it wait, so that a log in trouble is not flooded with claims.
  async #attempt(reason: ClaimReason): Promise<Attempt> {
    if (this.#attempts > 0) {
      const { world } = this.shard;
      const spread = BACKOFF_FIRST_MS * (1 + BACKOFF_SPREAD * world.nonces.fraction());
      await pause(world, Math.min(BACKOFF_MAX_MS, spread * 2 ** (this.#attempts - 1)));
      if (this.#retired) return NOT_OWN;
    }
    const attempt = await this.#claiming.attempt(reason, () => this.#keeper.mayClaim()).catch((error: unknown) => this.#outOfReach(error));
    if (!attempt.barred) this.#attempts += 1;
    this.#tellRefused(attempt.refused);
    if (attempt.settled) this.#answerOrphans();
    return attempt;
  }

  // T11. Nobody need wait for an owner to hear that the log takes nothing.
  #tellRefused(refused: boolean): void {
    const { shard } = this;
    if (shard.claimRefused === refused) return;
    shard.claimRefused = refused;
    shard.world.statusChanged(shard);
  }

  // Log and store are asked again for as long as it takes.
  #outOfReach(error: unknown): Attempt {
    if (!this.#mayBeReadAgain(error)) throw error;
    const { shard } = this;
    shard.note = isLogAway(error) ? "the log cannot be reached" : "waiting for the snapshot store";
    shard.world.say("warn", isLogAway(error) ? "log_away" : "store_away", { shard: shard.number, cause: causeOf(error) });
    return NOT_OWN;
  }

  #mayBeReadAgain(error: unknown): boolean {
    if (error instanceof StoredAhead) this.#claiming.forget();
    return mayBeReadAgain(error);
  }

  // T9. Nothing was decided under this claim, so the state is the one that was read.
  async #giveBackForClock(offMs: number): Promise<void> {
    const { shard } = this;
    const { world, judge } = shard;
    shard.epoch = judge.claim as number;
    world.say("error", "clock_off", { shard: shard.number, epoch: shard.epoch, offMs: Math.round(offMs), maxMs: world.limits.clockOffsetMaxMs });
    this.#keeper.clockOff(offMs);
    const reason: Reason = { reason: "clock", target: null, at: judge.time };
    const stateHash = (): Uint8Array => stateHashNow(shard);
    await this.#sent((landed) => releaseControl(shard, reason, stateHash, landed));
    this.#markReleased(reason, stateHash);
  }

  #markReleased({ reason, target }: Reason, stateHash: () => Uint8Array): void {
    const { shard } = this;
    if (!shard.judge.open) shard.released = { reason, target, stateHash: stateHash(), checked: true };
  }

  #open(): void {
    const shard = this.shard;
    shard.epoch = shard.judge.claim as number;
    shard.time = Math.max(shard.judge.time, shard.time);
    shard.phase = "opening";
    shard.openingDone = () => {
      shard.openingDone = null;
      shard.send(timeControl(shard, "first", (outcome) => this.#passEnded(outcome)));
    };
    queueOpeningPass(shard);
    shard.world.statusChanged(shard);
    shard.world.wake();
  }

  #passEnded(outcome: AppendOutcome): void {
    const shard = this.shard;
    this.#passOver();
    if (outcome.kind !== "done" || shard.phase !== "opening") return;
    shard.phase = "serving";
    shard.note = null;
    this.#attempts = 0;
    this.#probeMs = PROBE_FIRST_MS;
    shard.world.say("info", "shard_serving", { shard: shard.number, epoch: shard.epoch, lsn: shard.judge.lsn, auctions: shard.actors.size });
    shard.world.statusChanged(shard);
    shard.world.wake();
  }

  // Whoever asked under an unknown outcome hears what the log says.
  #answerOrphans(): void {
    const shard = this.shard;
    for (const { caller, requestId, command, since } of shard.takeOrphans()) {
      const state = shard.actors.get(command.auctionId)?.committed ?? null;
      const row = state === null || command.keyDigest === null ? -1 : answerRow(state, command.keyDigest);
      if (state === null || row < 0) this.#tellUnknown({ caller, requestId, command, since });
      else if (sameCommand(state, row, command)) caller.answer(requestId, command.auctionId, answerChunk(state, row), answerOffset(row), true);
      else caller.refuse(requestId, command.auctionId, "key_reused", 0);
    }
  }

  #tellUnknown({ caller, requestId, command }: Orphan): void {
    this.shard.world.counters.refused("outcome_unknown");
    caller.refuse(requestId, command.auctionId, "outcome_unknown", ORPHAN_RETRY_MS);
  }

  #giveUpOrphans(olderThanMs: number): void {
    const sinceMax = this.shard.world.clock.monotonic() - olderThanMs;
    for (const orphan of this.shard.takeOrphans(sinceMax)) this.#tellUnknown(orphan);
  }

  /** C9: the log said no. Nothing of the head happened. */
  refused(detail: string): void {
    const shard = this.shard;
    if (shard.phase === "stopped" || shard.phase === "unowned") return;
    if (shard.phase !== "log_down") shard.world.say("error", "log_refused", { shard: shard.number, detail });
    this.#end("log_down", "log_unavailable");
    const delay = this.#probeMs;
    this.#probeMs = Math.min(PROBE_MAX_MS, delay * 2);
    if (!this.#retired) shard.world.timers.after(delay, () => this.#probe());
  }

  #probe(): void {
    const shard = this.shard;
    if (shard.phase !== "log_down" || this.#retired) return;
    const behind = clockBehindMs(shard);
    if (behind > 0) {
      this.broken("clock", `the last logged time is ${behind} ms ahead of this machine's clock`);
      return;
    }
    shard.send(
      timeControl(shard, "probe", (outcome) => {
        if (outcome.kind !== "done" || shard.phase !== "log_down") return;
        shard.world.say("info", "log_back", { shard: shard.number });
        this.#open();
      }),
    );
  }

  /** C8: the outcome is unknown. The shard is claimed again. */
  over(cause: string): void {
    if (this.#lose("unknown", cause)) void this.take("again");
  }

  /** Another claim became effective. Whoever asked hears what the log says; the shard is left to its owner. */
  deposed(cause: string): void {
    if (!this.#lose("deposed", cause)) return;
    this.shard.note = this.#claimant();
    catchUp(this.shard).then(
      (whole) => {
        if (whole) this.#answerOrphans();
        this.#keeper.left();
      },
      (error: unknown) => {
        if (this.#mayBeReadAgain(error)) this.#keeper.left();
        else this.broken(error instanceof LogBroken ? error.invariant : "recovery", causeOf(error));
      },
    );
  }

  #lose(reason: "unknown" | "deposed", cause: string): boolean {
    const shard = this.shard;
    const { world } = shard;
    if (shard.phase === "stopped" || shard.phase === "unowned") return false;
    world.counters.count("tenures_ended", reason);
    const by = reason === "deposed" ? { by: shard.owner?.nodeId ?? "unknown" } : {};
    world.say("warn", "tenure_over", { shard: shard.number, epoch: shard.epoch, cause, ...by });
    this.#end("unowned", "shard_unowned");
    if (shard.orphanCount > 0) world.timers.after(ORPHAN_MAX_MS, () => this.#giveUpOrphans(ORPHAN_MAX_MS));
    return true;
  }

  #end(phase: "unowned" | "log_down" | "stopped", code: "shard_unowned" | "log_unavailable" | "shard_moving"): void {
    const shard = this.shard;
    shard.phase = phase;
    shard.openingDone = null;
    this.#passOver();
    shard.dropHead(code);
    shard.world.statusChanged(shard);
  }

  /** Replay is the repair: everything in memory is thrown away and read again, three times in ten minutes at most. */
  broken(invariant: string, message: string): void {
    const shard = this.shard;
    const { world } = shard;
    if (shard.phase === "stopped") return;
    this.#breaks += 1;
    world.counters.count("shards_stopped", invariant);
    world.say("error", "shard_stopped", { shard: shard.number, invariant, message });
    this.#end("stopped", "shard_unowned");
    shard.note = `stopped by ${invariant}`;
    // Nobody knows when the log will be read again.
    this.#giveUpOrphans(0);
    if (invariant !== "clock") {
      this.#claiming.forget();
      shard.spoil();
    }
    const pauseMs = invariant === "clock" ? CLOCK_PAUSE_MS : this.#pauseBroken(world.clock.monotonic());
    if (pauseMs === null) return;
    world.timers.after(pauseMs, () => {
      if (shard.phase !== "stopped") return;
      shard.phase = "unowned";
      void this.take("again");
    });
  }

  #pauseBroken(now: number): number | null {
    this.#brokenAt = [...this.#brokenAt.filter((at) => now - at < TAKES_WINDOW_MS), now];
    return this.#brokenAt.length > TAKES_MAX ? null : BACKOFF_FIRST_MS * 10 ** this.#brokenAt.length;
  }

  /** Seals the shard, lets what is in flight land, and closes the epoch with a RELEASE; whoever stops then leaves nobody without a word.
   *  Resolves when nothing is owned; with whether it was given up, and not lost to somebody else. */
  async release(reason: Reason, stateHash: () => Uint8Array): Promise<boolean> {
    const { phase } = this.shard;
    if (reason.reason === "stop") this.#retired = true;
    // Who stops while the clock is the reason already waits for that.
    if (phase === "serving") this.#sealing = this.#seal(reason, stateHash);
    const given = phase === "serving" || phase === "sealed" ? await this.#sealing : phase === "opening" || (phase === "log_down" && this.#retired);
    if (given && (phase === "opening" || phase === "log_down")) this.#end("unowned", "shard_moving");
    if (this.#retired || phase === "opening") this.#giveUpOrphans(0);
    return given;
  }

  async #seal(reason: Reason, stateHash: () => Uint8Array): Promise<boolean> {
    const { shard } = this;
    const { world } = shard;
    shard.phase = "sealed";
    shard.dropMail("shard_moving");
    world.statusChanged(shard);
    // Behind everything that was decided; and what it closes is applied when the RELEASE is made, with its state hash.
    await this.#sent((landed) => timeControl(shard, "barrier", landed));
    if (!this.#sealed) return false;
    await this.#sent((landed) => releaseControl(shard, reason, stateHash, landed));
    if (!this.#sealed) return false;
    this.#markReleased(reason, stateHash);
    world.say("info", "shard_released", { shard: shard.number, epoch: shard.epoch, lsn: shard.judge.lsn, ...reason });
    this.#end("unowned", "shard_moving");
    return true;
  }

  #claimant(): string {
    return `claimed by ${this.shard.owner?.nodeId ?? "another node"}`;
  }

  get #sealed(): boolean {
    return this.shard.phase === "sealed";
  }

  #sent(control: (landed: () => void) => Control): Promise<void> {
    return new Promise((resolve) => this.shard.send(control(resolve)));
  }
}
