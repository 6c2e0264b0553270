// What one shard holds: its auctions, the judge's place in its log, its head time. Data and their bookkeeping, no decisions.
//
// phase      entered when                       commands                            left when
// unowned    start; tenure over                 refused shard_unowned, log_unavailable where the log refuses the claim    take() runs
// opening    own claim is effective             wait in mailboxes                   TIME(first) is committed
// serving    opening pass done                  decided                             release, refusal, over
// log_down   an append was refused              refused log_unavailable             a TIME(probe) is committed: opening
// sealed     stop or move                       refused shard_moving, those that wait too    RELEASE is committed: unowned
// stopped    a broken invariant                 refused shard_unowned               an operator acts
import type { RefusalCode } from "../core/decision.ts";
import type { AuctionId, Epoch, Instant, Offset, Shard as ShardNumber } from "../core/ids.ts";
import type { AuctionState } from "../core/state.ts";
import { initialJudge, type JudgeState } from "../core/validity.ts";
import type { ReleaseReason } from "../ports.ts";
import { Actor, type Home, type Waiting } from "./actor.ts";
import { PhaseCounts } from "./phase-counts.ts";
import { ShardHashes } from "./shard-hashes.ts";
import type { ShardWorld } from "./world.ts";

export type ShardPhase = "unowned" | "opening" | "serving" | "log_down" | "sealed" | "stopped";

/** What people are told of a shard: its phase, and of one that is not owned what this node does about it. */
export type ShardStanding = Exclude<ShardPhase, "opening"> | "claiming" | "standby";

/** Who made the effective claim, as its record says. */
export interface ShardOwner {
  readonly nodeId: string;
  /** The claimant's wall clock. */
  readonly claimedAt: Instant;
  /** The log's own clock when it took the claim, where it has one. */
  readonly storedAt: Instant | null;
}

/** What closed the epoch. */
export interface ShardRelease {
  readonly reason: ReleaseReason;
  readonly target: string | null;
  /** Of the shard at that lsn, as its owner had it. */
  readonly stateHash: Uint8Array;
  /** Whether this node's state was found to be the same. */
  readonly checked: boolean;
}

/** Hints to callers, by what stands in the way: a full queue empties in tens of milliseconds, a log comes back in seconds. */
const RETRY_FULL_MS = 50;
const RETRY_LOG_MS = 500;
const RETRY_OWNER_MS = 100;

/** When a refused caller may ask again. */
export function retryAfterMs(code: RefusalCode): number {
  if (code === "overloaded" || code === "auction_busy") return RETRY_FULL_MS;
  return code === "log_unavailable" ? RETRY_LOG_MS : RETRY_OWNER_MS;
}

/** A snapshot that is being captured. */
export interface Capturing {
  capture(actor: Actor): void;
  /** Captures the rest at once. */
  finish(): void;
  /** The shard is thrown away and read again: nothing of this may be saved. */
  abort(): void;
}

export abstract class ShardState implements Home {
  readonly number: ShardNumber;
  readonly world: ShardWorld;
  readonly actors = new Map<AuctionId, Actor>();
  phase: ShardPhase = "unowned";
  /** What is done about it while it is not owned. */
  pursuit: "none" | "claiming" | "standby" = "none";
  /** Whether the log refused the last claim of it. What is in memory was read to the end of the log right before. */
  claimRefused = false;
  /** Whoever made the effective claim; null before the first, and behind a checkpoint until somebody asks (learnOwner). */
  owner: ShardOwner | null = null;
  /** The RELEASE that closed the epoch; null while it is open. */
  released: ShardRelease | null = null;
  /** Monotonic time at which the last record that counts was written, as far as this node can tell. */
  heardAt = Number.NEGATIVE_INFINITY;
  /** For people: why it is not served (a broken invariant, or what its recovery waits for), or null. */
  note: string | null = null;
  judge: JudgeState;
  epoch: Epoch = 0;
  /** Time of the last decision taken; never below the last logged time. */
  time: Instant = 0;
  /** Commands in mailboxes. */
  mail = 0;
  /** Monotonic time at which the last record that landed was sent: until then at least this shard was owned. */
  lastRecordAt = 0;
  /** The snapshot that is being captured: an auction is captured before it changes. */
  readonly snapshot: { run: Capturing | null } = { run: null };
  /** Monotonic time of the last saved snapshot. */
  snapshotAt = 0;
  /** Offset of the newest checkpoint that was saved from here. */
  savedTo: Offset = 0;
  readonly hashes = new ShardHashes();
  /** Auctions changed since the last snapshot began. */
  readonly dirty = new Set<Actor>();
  /** Closed auctions that are in the snapshot store only. */
  evicted = 0;
  readonly phases = new PhaseCounts();
  /** Since when bids are refused because little disk space is left; null while they are not. */
  refusingSince: Instant | null = null;
  /** The furthest place at which this process, or a checkpoint that does not fit, has seen the log, and the running hash there; kept when
   *  everything else is forgotten. */
  witness: { readonly next: Offset; readonly hash: Uint8Array } | null = null;
  /** A rule was broken over what is in memory, so it may not be what the log says: it is never saved. Ends when all of it is read anew. */
  unfit = false;
  /** Counts the readings of the log into this shard. A reading that is not the newest ends at the next record. */
  readings = 0;
  /** The reading that is under way, or 0. Meanwhile nothing is saved of this shard and nothing leaves its memory. */
  reading = 0;
  #indexNext = 0;
  readonly #indexFree: number[] = [];

  constructor(number: ShardNumber, world: ShardWorld) {
    this.number = number;
    this.world = world;
    this.judge = initialJudge(number);
  }

  /** Whether the log is known to take nothing: bids are refused at once, and what was committed can still be read. */
  get logDown(): boolean {
    return this.phase === "log_down" || (this.phase === "unowned" && this.claimRefused);
  }

  get standing(): ShardStanding {
    if (this.phase === "opening") return "claiming";
    if (this.phase !== "unowned" || this.pursuit === "none") return this.phase;
    return this.pursuit;
  }

  /** An auction of this shard by its id, made from a state or (null) about to be created. */
  addActor(auctionId: AuctionId, state: AuctionState | null): Actor {
    const index = this.#indexFree.pop() ?? this.#indexNext++;
    const actor = new Actor(this, auctionId, index, state);
    this.actors.set(auctionId, actor);
    return actor;
  }

  /** Forgets an auction; one that is no longer this shard's own (the log was read again meanwhile) is none of its business. */
  removeActor(actor: Actor): void {
    if (this.actors.get(actor.auctionId) !== actor) return;
    this.world.deadlines.set(actor, Number.POSITIVE_INFINITY);
    this.dirty.delete(actor);
    this.hashes.free(actor.index);
    this.actors.delete(actor.auctionId);
    this.#indexFree.push(actor.index);
  }

  /** A time for a decision: never below the last one, nor below the wall clock. */
  stamp(): Instant {
    const wall = this.world.now();
    if (wall > this.time) this.time = wall;
    return this.time;
  }

  /** What is in memory may not be what the log says. */
  spoil(): void {
    this.unfit = true;
    this.snapshot.run?.abort();
  }

  /** The log was seen up to `next`, with that hash there. The furthest place is enough: its hash covers every record before it. */
  witnessed(next: Offset, hash: Uint8Array): void {
    if (next > (this.witness?.next ?? 0)) this.witness = { next, hash };
  }

  markChanged(actor: Actor): void {
    if (actor.dirty) return;
    actor.dirty = true;
    this.dirty.add(actor);
  }

  /** Turns one command away: no effect, no key bound. */
  refuse(waiting: Pick<Waiting, "caller" | "requestId" | "command">, code: RefusalCode): void {
    this.world.counters.refused(code);
    waiting.caller.refuse(waiting.requestId, waiting.command.auctionId, code, retryAfterMs(code));
  }

  abstract fire(actor: Actor): void;

  /** Refuses a command for an auction that nobody created, as soon as this owner may say so. */
  abstract refuseStrange(waiting: Waiting): void;
}
