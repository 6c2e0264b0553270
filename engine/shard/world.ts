// What a shard needs of its node, as an interface: ports, limits, counters, and the few calls that concern the whole node.
import type { Decision, RefusalCode } from "../core/decision.ts";
import type { AuctionId, Instant, Shard as ShardNumber } from "../core/ids.ts";
import type { TenureRecord } from "../core/validity.ts";
import type { AppendOutcome, Clock, DecisionLog, Nonces, RecordCodec, SnapshotStore, TimeReason, Timers, UpdateSink } from "../ports.ts";
import type { Actor } from "./actor.ts";
import type { Deadlines } from "./deadlines.ts";

/** What an owner sends beside frames. */
export interface Control {
  /** A CLAIM: sent alone, before this shard has an epoch, and judged by whoever reads it back. */
  readonly alone: boolean;
  /** Called when it is sent. `record` is what the judge will see of it (its offset is filled in); null for a CLAIM. */
  readonly build: () => { readonly bytes: Uint8Array; readonly record: TenureRecord | null };
  /** Hears the outcome after the judge has seen the record. */
  readonly landed: (outcome: AppendOutcome) => void;
}

/** What stands between the expected offset and the one where a record landed: nothing that counts; another owner's claim; or nobody
 *  knows, because it could not be read in time. */
export type Gap = "void" | "claimed" | "unread";

/** A shard as its node names it; the node gets its own kind back. */
export interface SomeShard {
  readonly number: ShardNumber;
}

/** Every bound of the path of a bid, each with its behaviour: mailboxMax `auction_busy`, waitingMax `overloaded`, answersMax
 *  `auction_busy` for bids; of turnDecisionsMax and snapshotSliceMax the rest waits for the next turn. */
export interface ShardLimits {
  readonly mailboxMax: number;
  readonly waitingMax: number;
  readonly turnDecisionsMax: number;
  readonly answersMax: number;
  readonly timeIdleMs: number;
  readonly clockOffsetMaxMs: number;
  /** How often an owner shows that it lives. */
  readonly heartbeatMs: number;
  /** An owner from which nothing came for so long, and for three times of everything that makes it write, counts as gone. */
  readonly leaseMs: number;
  /** Auctions captured in one turn. */
  readonly snapshotSliceMax: number;
  readonly closedKeptMs: number;
}

/** The defaults of the settings of the same names. */
export const SHARD_LIMITS: ShardLimits = Object.freeze({
  mailboxMax: 1_024,
  waitingMax: 16_384,
  turnDecisionsMax: 512,
  answersMax: 4_000_000,
  timeIdleMs: 10_000,
  clockOffsetMaxMs: 500,
  heartbeatMs: 1_000,
  leaseMs: 3_000,
  // About a millisecond.
  snapshotSliceMax: 200,
  closedKeptMs: 86_400_000,
});

/** What is counted when it happens; some with a label: why a tenure ended, which invariant stopped a shard. */
export type CountedEvent =
  | "claims_effective"
  | "claims_lost"
  | "claims_refused"
  | "tenures_ended"
  | "records_valid"
  | "records_void"
  | "records_unknown"
  | "snapshots"
  | "snapshot_failures"
  | "shards_stopped";

/** Cheap counts of the hot path; engine/metrics.ts turns them into metrics when asked. */
export interface ShardCounters {
  repeats: number;
  decided(decision: Decision): void;
  refused(code: RefusalCode): void;
  frame(decisions: number, bytes: number): void;
  /** Ms from sending to landing. */
  appended(ms: number): void;
  /** Ms from the first decision of a frame until its answers left. */
  committed(ms: number): void;
  /** Ms that a command waited in its mailbox: one of each turn. */
  waited(ms: number): void;
  /** Ms that deciding some commands took: once a turn and shard. */
  deciding(ms: number, decisions: number): void;
  /** An auction was sold, for minor units of its currency. */
  sold(currency: string, price: number): void;
  count(event: CountedEvent, label?: string): void;
  observe(what: "recovery_ms" | "snapshot_ms", value: number): void;
}

/** One line of the log of a node, with an event name; never a secret, never per bid. */
export type Say = (level: "info" | "warn" | "error", event: string, fields: Readonly<Record<string, unknown>>) => void;

export interface ShardWorld {
  readonly log: DecisionLog;
  readonly codec: RecordCodec;
  readonly store: SnapshotStore;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly nonces: Nonces;
  readonly sink: UpdateSink;
  readonly deadlines: Deadlines<Actor>;
  readonly limits: ShardLimits;
  readonly counters: ShardCounters;
  readonly say: Say;
  /** Of the log, 16 bytes. */
  readonly lifeId: Uint8Array;
  readonly nodeId: string;
  readonly processId: string;
  /** Shards of the log. */
  readonly shards: number;
  /** Monotonic ms, read once per turn. */
  turnAt(): number;
  /** The wall clock, read once per turn. A step of it is not believed before the shards have been given up and taken again. */
  now(): Instant;
  /** Asks for a turn soon. */
  wake(): void;
  /** The actor of an auction that may be asleep in the snapshot store, its fetch begun; `then` hears when it is in memory or known
   *  to be nowhere (with a code when the store is away). null: too many are being fetched. */
  wakeAuction(shard: SomeShard, auctionId: AuctionId, then: ((code: RefusalCode | null) => void) | null): Actor | null;
  /** Hands every auction due at `now` to its shard. */
  fireDue(now: Instant): void;
  /** Runs a step of a shard; what it throws stops that shard and no other. */
  guard(shard: SomeShard, step: () => void): void;
  timeControl(shard: SomeShard, reason: TimeReason): Control;
  appendRefused(shard: SomeShard, detail: string): void;
  appendUnknown(shard: SomeShard, cause: string): void;
  /** Another owner's claim is effective. */
  deposed(shard: SomeShard, cause: string): void;
  broken(shard: SomeShard, invariant: string, message: string): void;
  /** Reads and judges what landed before `offset`. Never rejects. */
  judgeGap(shard: SomeShard, offset: number): Promise<Gap>;
  /** Tells gateways that a shard's status changed. */
  statusChanged(shard: SomeShard): void;
}
