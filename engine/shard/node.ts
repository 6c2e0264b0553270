// One engine node: its shards, the turn that decides what waits, the rounds of appending, the one heap of deadlines.
//
// Owns: routing of commands to shards by the slot table, the cap of work per turn, the only timers of the shards.
// Must not: rule, judge, or hold anything that decides a bid.
//
// N1. At most turnDecisionsMax commands are decided in a turn, over all shards, so that durable answers do not wait long.
// N2. One timer stands on the earliest due time; waits are cut into pieces of at most a day.
// N4. A wall clock that stepped is not believed while any shard is owned: decisions go on by the old one until every shard has been
//     given up, and the time lost or won is an outage for whoever takes them.
// N3. What a shard throws stops that shard; the others go on.
import type { Command } from "../core/command.ts";
import type { RefusalCode } from "../core/decision.ts";
import type { AuctionId, Instant } from "../core/ids.ts";
import { type SlotTable, shardOf } from "../core/slots.ts";
import type { Caller, Membership, ReadCaller, TimeReason } from "../ports.ts";
import type { Read, ShardStatus } from "../protocol.ts";
import type { Actor } from "./actor.ts";
import { saveAll } from "./checkpoints.ts";
import { timeControl } from "./controls.ts";
import { Deadlines } from "./deadlines.ts";
import { judgeGap } from "./gap.ts";
import { queueGiveBacks } from "./give-back.ts";
import { Ownership } from "./ownership.ts";
import { answerRead } from "./reads.ts";
import { Rounds } from "./rounds.ts";
import { Shard } from "./shard.ts";
import { Sleepers } from "./sleepers.ts";
import { stateHashNow } from "./state-hash-now.ts";
import { WallClock } from "./wall-clock.ts";
import type { Control, Gap, ShardWorld } from "./world.ts";

/** Longest wait given to a timer. */
const TIMER_MAX_MS = 86_400_000;
/** How often idle shards and the clock are looked at. */
const TICK_MS = 1_000;
/** How often the lag of standbys is measured, one after the other: one question to the log for each. */
const LAG_EVERY_MS = 5_000;

/** What a node is made from: the ports and settings of ShardWorld that come from outside. */
export type NodeParts = Pick<
  ShardWorld,
  "log" | "codec" | "store" | "clock" | "timers" | "nonces" | "sink" | "limits" | "counters" | "say" | "lifeId" | "nodeId" | "processId" | "shards"
> & {
  readonly slots: SlotTable;
  /** Whether shards that this node would take are followed (default), or read when they are taken. */
  readonly standby?: boolean;
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
  readonly #ownerships: Ownership[] = [];
  readonly #sleepers = new Sleepers();
  readonly #wall: WallClock;
  #turnAt = 0;
  #stamped = false;
  /** The wall clock of the turn that is running; null between turns. */
  #turnNow: Instant | null = null;
  #awake = false;
  #next = 0;
  #timerAt = Number.POSITIVE_INFINITY;
  #cancelTimer: (() => void) | null = null;
  #cancelTick: (() => void) | null = null;
  #stopping = false;
  #low = false;
  #measuredAt = Number.NEGATIVE_INFINITY;
  /** Snapshots are taken one after the other, also when stopping asks for a last one while some are under way. */
  #snapshots: Promise<unknown> = Promise.resolve();

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
    this.#wall = new WallClock(parts.clock, parts.limits.clockOffsetMaxMs);
    this.#rounds = new Rounds(parts.log, () => this.turn());
    for (let number = 0; number < parts.shards; number += 1) {
      const shard = new Shard(number, this);
      this.#owned.push(shard);
      this.#ownerships.push(new Ownership(shard, parts.membership, parts.standby ?? true));
      this.#rounds.add(shard);
    }
  }

  /** Takes the shards that are its own and follows those it stands by for; resolves when each is served or followed, or has stopped. */
  async start(): Promise<void> {
    this.#wall.believe();
    this.#tick();
    this.#parts.membership.onChange(() => {
      for (const ownership of this.#ownerships) ownership.placed();
    });
    await Promise.all(this.#ownerships.map((ownership) => ownership.start()));
  }

  /** What this node does about a shard of the log. Throws RangeError for a number that is none. */
  ownershipOf(shard: number): Ownership {
    const ownership = this.#ownerships[shard];
    if (ownership === undefined) throw new RangeError(`a log of ${this.shards} shards has no shard ${shard}`);
    return ownership;
  }

  /** Version of the placement in force; null where placements have none. */
  placementVersion(): number | null {
    return this.#parts.membership.version?.() ?? null;
  }

  /** Whether this node is being stopped. */
  get stopping(): boolean {
    return this.#stopping;
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

  now(): Instant {
    return this.#turnNow ?? this.#wall.now();
  }

  /** Decides what waits, within the turn's budget, and starts what appends can start. */
  turn(): void {
    this.#stamped = false;
    this.#stamp();
    const now = this.#wall.now();
    if (this.#wall.stepMs !== 0) this.#clockStepped();
    this.#turnNow = now;
    try {
      this.#lookAtRoom();
      if (this.deadlines.top <= now) this.fireDue(now);
      const more = this.#decide();
      this.#rounds.start();
      if (more) this.wake();
    } finally {
      this.#turnNow = null;
      this.#stamped = false;
    }
    this.#armTimer();
  }

  #decide(): boolean {
    let budget = this.limits.turnDecisionsMax;
    const count = this.#owned.length;
    let more = false;
    for (let step = 0; step < count; step += 1) {
      const shard = this.#owned[(this.#next + step) % count] as Shard;
      if (!shard.hasWork && shard.openingDone === null) continue;
      if (budget <= 0) {
        more = true;
        break;
      }
      const begun = this.clock.monotonic();
      let taken = 0;
      this.guard(shard, () => {
        taken = shard.decideSome(budget);
      });
      if (taken > 0) this.counters.deciding(this.clock.monotonic() - begun, taken);
      budget -= taken;
      more ||= shard.hasWork;
    }
    this.#next = (this.#next + 1) % count;
    return more;
  }

  fireDue(now: Instant): void {
    for (let actor = this.deadlines.takeDue(now); actor !== undefined; actor = this.deadlines.takeDue(now)) actor.shard.fire(actor);
  }

  #armTimer(): void {
    const top = this.deadlines.top;
    if (top === this.#timerAt || this.#stopping) return;
    this.#cancelTimer?.();
    this.#timerAt = top;
    this.#cancelTimer = null;
    if (top === Number.POSITIVE_INFINITY) return;
    const delay = Math.min(TIMER_MAX_MS, Math.max(0, top - this.#wall.now()));
    this.#cancelTimer = this.timers.after(delay, () => {
      this.#timerAt = Number.POSITIVE_INFINITY;
      this.turn();
    });
  }

  // Once a second: idle shards log their time, and the clock is looked at.
  #tick(): void {
    if (this.#stopping) return;
    this.#cancelTick = this.timers.after(Math.min(TICK_MS, this.limits.heartbeatMs), () => this.#tick());
    this.#wall.now();
    if (this.#wall.stepMs !== 0) this.#clockStepped();
    this.#lookAtRoom();
    const now = this.clock.monotonic();
    this.#logIdleTime(now);
    if (now - this.#measuredAt >= LAG_EVERY_MS) void this.#measure(now);
  }

  async #measure(now: number): Promise<void> {
    this.#measuredAt = Number.POSITIVE_INFINITY;
    for (const ownership of this.#ownerships) await ownership.measure();
    this.#measuredAt = now;
  }

  // One round of TIME records for all shards: when one has been idle long enough, all quiet ones go along in its request. A shard with an
  // open auction that gives lost time back goes every second. Half a tick early, or a record that landed a moment after a tick would
  // make it two.
  #logIdleTime(now: number): void {
    const tickMs = Math.min(TICK_MS, this.limits.heartbeatMs);
    const idleFor = (shard: Shard): number => now - shard.lastRecordAt + tickMs / 2;
    const serving = this.#owned.filter((shard) => shard.phase === "serving" && shard.quiet);
    const isRound = serving.some((shard) => idleFor(shard) >= this.limits.timeIdleMs);
    for (const shard of serving) {
      const often = isRound || shard.phases.givingBack > 0;
      if (often && idleFor(shard) >= tickMs) shard.send(timeControl(shard, "idle", () => undefined));
    }
  }

  // Time in which bids are refused for want of disk space counts as an outage.
  #lookAtRoom(): void {
    const low = this.log.room() === "low";
    if (!low && !this.#low) return;
    this.#low = low;
    for (const shard of this.#owned) {
      if (shard.phase !== "serving") continue;
      if (low) shard.refusingSince ??= shard.stamp();
      else if (shard.refusingSince !== null) {
        queueGiveBacks(shard, shard.refusingSince, shard.stamp());
        shard.refusingSince = null;
        this.wake();
      }
    }
  }

  // The shards are given up by the old clock, which then is believed no longer; the time between is an outage for their next owner.
  #clockStepped(): void {
    if (this.#wall.stepping) return;
    this.#wall.stepping = true;
    this.say("error", "clock_step", { byMs: Math.round(this.#wall.stepMs) });
    const owned = this.#ownerships.filter(({ shard }) => shard.phase === "serving" || shard.phase === "opening");
    const reason = { reason: "clock", target: null } as const;
    const released = owned.map(async (ownership) => ({
      ownership,
      given: await ownership.tenure.release(reason, () => stateHashNow(ownership.shard)),
    }));
    void Promise.all(released).then((results) => {
      this.#wall.believe();
      // Who lost a shard to somebody else leaves it there.
      for (const { ownership, given } of results) if (given) ownership.again();
    });
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
    this.#ownerships[shard.number]?.broken(invariant, message);
  }

  appendRefused(shard: Shard, detail: string): void {
    this.#ownerships[shard.number]?.tenure.refused(detail);
  }

  appendUnknown(shard: Shard, cause: string): void {
    this.#ownerships[shard.number]?.tenure.over(cause);
  }

  deposed(shard: Shard, cause: string): void {
    this.#ownerships[shard.number]?.tenure.deposed(cause);
  }

  timeControl(shard: Shard, reason: TimeReason): Control {
    return timeControl(shard, reason, () => undefined);
  }

  statusChanged(shard: Shard): void {
    this.#parts.statusChanged(shard.status());
  }

  async judgeGap(shard: Shard, offset: number): Promise<Gap> {
    const gap = await judgeGap(shard, offset);
    if (gap.kind === "broken") this.broken(shard, gap.error.invariant, gap.error.message);
    return gap.kind === "broken" ? "unread" : gap.kind;
  }

  wakeAuction(shard: Shard, auctionId: AuctionId, then: ((code: RefusalCode | null) => void) | null): Actor | null {
    return this.#sleepers.wake(shard, auctionId, then);
  }

  // Snapshots and stopping

  /** Snapshots every shard that changed, one after the other. Resolves with how many could not be saved. */
  snapshotAll(): Promise<number> {
    const snapshots = this.#snapshots.then(() => saveAll(this.#ownerships, this));
    this.#snapshots = snapshots.catch(() => undefined);
    return snapshots;
  }

  /** Seals every shard, lets what is in flight land, snapshots, and releases. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#cancelTimer?.();
    this.#cancelTick?.();
    for (const ownership of this.#ownerships) ownership.stop();
    const reason = { reason: "stop", target: null } as const;
    await Promise.all(this.#ownerships.map(({ tenure, shard }) => tenure.release(reason, () => stateHashNow(shard))));
    await this.snapshotAll();
  }
}
