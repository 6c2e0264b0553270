// One engine node: its shards, the turn that decides what waits, the rounds of appending, the one heap of deadlines.
//
// Owns: routing of commands to shards by the slot table, the cap of work per turn, the only timers of the shards.
// Must not: rule, judge, or hold anything that decides a bid.
//
// N1. At most turnDecisionsMax commands are decided in a turn, over all shards, so that durable answers do not wait long.
// N2. One timer stands on the earliest due time; waits are cut into pieces of at most a day.
// N3. What a shard throws stops that shard; the others go on.
import { dueCommand } from "../core/auction.ts";
import type { Command } from "../core/command.ts";
import type { RefusalCode } from "../core/decision.ts";
import type { AuctionId, Instant } from "../core/ids.ts";
import { type SlotTable, shardOf } from "../core/slots.ts";
import type { AuctionState } from "../core/state.ts";
import type { Caller, Membership, ReadCaller, TimeReason } from "../ports.ts";
import type { Read, ShardStatus } from "../protocol.ts";
import type { Actor } from "./actor.ts";
import { Deadlines } from "./deadlines.ts";
import { answerRead } from "./reads.ts";
import { catchUp, fetchAsleep, LogBroken } from "./recovery.ts";
import { Rounds } from "./rounds.ts";
import { Shard } from "./shard.ts";
import { evictClosed, stateHashNow, takeSnapshot } from "./snapshots.ts";
import { Tenure, timeControl } from "./tenure.ts";
import type { Control, ShardWorld } from "./world.ts";

/** Longest wait given to a timer. */
const TIMER_MAX_MS = 86_400_000;
/** How often idle shards and the clock are looked at. */
const TICK_MS = 1_000;
/** Sleeping auctions fetched at once. More wait too long anyway: strangers who make up ids must not keep the store busy. */
const FETCHES_MAX = 64;
/** A gap that cannot be read within this ends the tenure (C6). */
const GAP_READ_MAX_MS = 2_000;

/** What a node is made from: the ports and settings of ShardWorld that come from outside. */
export type NodeParts = Pick<
  ShardWorld,
  "log" | "codec" | "store" | "clock" | "timers" | "nonces" | "sink" | "limits" | "counters" | "say" | "lifeId" | "nodeId" | "processId" | "shards"
> & {
  readonly slots: SlotTable;
  readonly membership: Membership;
  readonly statusChanged: (status: ShardStatus) => void;
};

/** What stands behind a link (its LinkNode), and the world of its shards. */
export class EngineNode implements ShardWorld {
  readonly log: ShardWorld["log"];
  readonly codec: ShardWorld["codec"];
  readonly store: ShardWorld["store"];
  readonly clock: ShardWorld["clock"];
  readonly timers: ShardWorld["timers"];
  readonly nonces: ShardWorld["nonces"];
  readonly sink: ShardWorld["sink"];
  readonly limits: ShardWorld["limits"];
  readonly counters: ShardWorld["counters"];
  readonly say: ShardWorld["say"];
  readonly lifeId: Uint8Array;
  readonly nodeId: string;
  readonly processId: string;
  readonly shards: number;
  readonly deadlines = new Deadlines<Actor>();
  readonly #parts: NodeParts;
  readonly #rounds: Rounds;
  readonly #owned: Shard[] = [];
  readonly #tenures: Tenure[] = [];
  #turnAt = 0;
  #stamped = false;
  #awake = false;
  #next = 0;
  #timerAt = Number.POSITIVE_INFINITY;
  #cancelTimer: (() => void) | null = null;
  #cancelTick: (() => void) | null = null;
  #clockBase = 0;
  #stopping = false;
  #fetches = 0;

  constructor(parts: NodeParts) {
    this.#parts = parts;
    this.log = parts.log;
    this.codec = parts.codec;
    this.store = parts.store;
    this.clock = parts.clock;
    this.timers = parts.timers;
    this.nonces = parts.nonces;
    this.sink = parts.sink;
    this.limits = parts.limits;
    this.counters = parts.counters;
    this.say = parts.say;
    this.lifeId = parts.lifeId;
    this.nodeId = parts.nodeId;
    this.processId = parts.processId;
    this.shards = parts.shards;
    this.#rounds = new Rounds(parts.log, () => this.turn());
    for (let number = 0; number < parts.shards; number += 1) {
      const shard = new Shard(number, this);
      this.#owned.push(shard);
      this.#tenures.push(new Tenure(shard));
      this.#rounds.add(shard);
    }
  }

  /** Takes every assigned shard; resolves when each is served, or has stopped. */
  async start(): Promise<void> {
    this.#clockBase = this.clock.now() - this.clock.monotonic();
    this.#tick();
    this.#parts.membership.onChange(() => {
      for (const number of this.#parts.membership.assigned()) void this.#tenures[number]?.take("takeover");
    });
    await Promise.all(this.#parts.membership.assigned().map((number) => this.#tenures[number]?.take("start")));
  }

  /** Every shard of the log, owned or not. */
  all(): readonly Shard[] {
    return this.#owned;
  }

  // Taking in (LinkNode)

  command(caller: Caller, requestId: number, deadlineMs: number, command: Command): void {
    this.#stamp();
    this.#shardOf(command.auctionId).command(caller, requestId, deadlineMs, command);
  }

  read(caller: ReadCaller, requestId: number, read: Read): void {
    this.#stamp();
    answerRead(this.#shardOf(read.auctionId), read, (result) => {
      if (typeof result === "string") caller.refuse(requestId, read.auctionId, result, 100);
      else caller.result(requestId, result);
    });
  }

  statuses(): readonly ShardStatus[] {
    return this.#owned.map((shard) => shard.status());
  }

  closed(_caller: Caller): void {
    // What a closed connection asked is decided all the same: its bidder may ask again under the same key.
  }

  #shardOf(auctionId: AuctionId): Shard {
    return this.#owned[shardOf(this.#parts.slots, auctionId)] as Shard;
  }

  // The turn

  turnAt(): number {
    return this.#turnAt;
  }

  #stamp(): void {
    if (this.#stamped) return;
    this.#stamped = true;
    this.#turnAt = this.clock.monotonic();
  }

  wake(): void {
    if (this.#awake) return;
    this.#awake = true;
    this.timers.soon(() => {
      this.#awake = false;
      this.turn();
    });
  }

  /** Decides what waits, within the turn's budget, and starts what appends can start. */
  turn(): void {
    this.#stamped = false;
    this.#stamp();
    const now = this.clock.now();
    if (this.deadlines.top <= now) this.fireDue(now);
    let budget = this.limits.turnDecisionsMax;
    const count = this.#owned.length;
    let more = false;
    for (let step = 0; step < count; step += 1) {
      const shard = this.#owned[(this.#next + step) % count] as Shard;
      if (!shard.hasWork && shard.openingDone === null) continue;
      if (budget <= 0) {
        more = true;
        continue;
      }
      this.guard(shard, () => {
        budget -= shard.decideSome(budget);
      });
      more ||= shard.hasWork;
    }
    this.#next = (this.#next + 1) % count;
    this.#rounds.start();
    this.#stamped = false;
    if (more) this.wake();
    this.#armTimer();
  }

  fireDue(now: Instant): void {
    for (let actor = this.deadlines.takeDue(now); actor !== undefined; actor = this.deadlines.takeDue(now)) {
      if (actor.head === null || actor.head.phase === null) continue;
      this.counters.closeLate(now - actor.due);
      actor.shard.engineCommand(dueCommand(actor.head));
    }
  }

  #armTimer(): void {
    const top = this.deadlines.top;
    if (top === this.#timerAt || this.#stopping) return;
    this.#cancelTimer?.();
    this.#timerAt = top;
    this.#cancelTimer = null;
    if (top === Number.POSITIVE_INFINITY) return;
    const delay = Math.min(TIMER_MAX_MS, Math.max(0, top - this.clock.now()));
    this.#cancelTimer = this.timers.after(delay, () => {
      this.#timerAt = Number.POSITIVE_INFINITY;
      this.turn();
    });
  }

  // Once a second: idle shards log their time, and a wall clock that stepped gives its shards up.
  #tick(): void {
    if (this.#stopping) return;
    this.#cancelTick = this.timers.after(TICK_MS, () => this.#tick());
    const now = this.clock.monotonic();
    const base = this.clock.now() - now;
    if (Math.abs(base - this.#clockBase) > this.limits.clockOffsetMaxMs) this.#clockStepped(base - this.#clockBase);
    this.#clockBase = base;
    for (const shard of this.#owned) {
      const idleMs = shard.givesBack ? TICK_MS : this.limits.timeIdleMs;
      if (shard.phase === "serving" && now - shard.lastRecordAt >= idleMs && shard.quiet) shard.send(timeControl(shard, "idle", () => undefined));
    }
  }

  #clockStepped(byMs: number): void {
    this.say("error", "clock_step", { byMs: Math.round(byMs) });
    for (const shard of this.#owned) {
      const tenure = this.#tenures[shard.number];
      if (shard.phase !== "serving" || tenure === undefined) continue;
      void tenure.release("clock", () => stateHashNow(shard)).then(() => tenure.take("again"));
    }
  }

  // What happens to shards

  guard(shard: Shard, step: () => void): void {
    try {
      step();
    } catch (error) {
      this.broken(shard, "invariant", error instanceof Error ? (error.stack ?? error.message) : String(error));
    }
  }

  broken(shard: Shard, invariant: string, message: string): void {
    this.#tenures[shard.number]?.broken(invariant, message);
  }

  appendRefused(shard: Shard, detail: string): void {
    this.#tenures[shard.number]?.refused(detail);
  }

  appendUnknown(shard: Shard, cause: string): void {
    this.#tenures[shard.number]?.over(cause);
  }

  deposed(shard: Shard, cause: string): void {
    this.#tenures[shard.number]?.deposed(cause);
  }

  timeControl(shard: Shard, reason: TimeReason): Control {
    return timeControl(shard, reason, () => undefined);
  }

  statusChanged(shard: Shard): void {
    this.#parts.statusChanged(shard.status());
  }

  async judgeGap(shard: Shard, offset: number): Promise<boolean> {
    const claim = shard.judge.claim;
    const lsn = shard.judge.lsn;
    const read = catchUp(shard, offset);
    const late = new Promise<"late">((resolve) => {
      this.timers.after(GAP_READ_MAX_MS, () => resolve("late"));
    });
    try {
      if ((await Promise.race([read, late])) === "late") return false;
    } catch (error) {
      if (error instanceof LogBroken) this.broken(shard, error.invariant, error.message);
      return false;
    }
    return shard.judge.next === offset && shard.judge.claim === claim && shard.judge.lsn === lsn;
  }

  wakeAuction(shard: Shard, actor: Actor): void {
    this.#fetch(shard, actor.auctionId).then(
      (state) => shard.awake(actor, state),
      () => shard.asleepAway(actor),
    );
  }

  wakeForRead(shard: Shard, auctionId: AuctionId, then: (code: RefusalCode | null) => void): void {
    this.#fetch(shard, auctionId).then(
      () => then(null),
      () => then("overloaded"),
    );
  }

  async #fetch(shard: Shard, auctionId: AuctionId): Promise<AuctionState | null> {
    if (this.#fetches >= FETCHES_MAX) throw new Error("too many sleeping auctions are being fetched");
    this.#fetches += 1;
    try {
      return await fetchAsleep(shard, auctionId);
    } finally {
      this.#fetches -= 1;
    }
  }

  // Snapshots and stopping

  /** Snapshots every shard that changed, one after the other. Returns how many could not be saved. */
  async snapshotAll(): Promise<number> {
    let failed = 0;
    for (const shard of this.#owned) {
      if (shard.dirty.size === 0 && shard.snapshotAt > 0) continue;
      if (!(await takeSnapshot(shard, () => this.#turnPassed()))) failed += 1;
      else evictClosed(shard, this.clock.now() - this.limits.closedKeptMs);
    }
    return failed;
  }

  #turnPassed(): Promise<void> {
    return new Promise((resolve) => {
      this.timers.soon(resolve);
    });
  }

  /** Seals every shard, lets what is in flight land, snapshots, and releases. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#cancelTimer?.();
    this.#cancelTick?.();
    await Promise.all(this.#owned.map((shard) => this.#tenures[shard.number]?.release("stop", () => stateHashNow(shard))));
    await this.snapshotAll();
  }
}
