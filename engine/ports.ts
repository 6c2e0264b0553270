// What the engine needs of the world. Types only; adapters are in persistence, the simulator has its own.
//
// Three kinds of errors never mix here: an append has an outcome (done, refused, unknown), never an exception; a rejection is
// a decision; a broken invariant throws and stops the shard.
import type { Decision, RefusalCode } from "./core/decision.ts";
import type { AuctionId, Epoch, Instant, Lsn, Offset, Sequence, Shard } from "./core/ids.ts";
import type { JudgedRecord } from "./core/validity.ts";
import type { Notice, ReadResult, Update } from "./protocol.ts";

// the decision log (log-protocol rules P1 to P8)

export interface Append {
  readonly shard: Shard;
  /** One whole record. The log keeps no reference to it after the outcome. */
  readonly bytes: Uint8Array;
}

export type AppendRefusal = "disk_full" | "not_sent" | "too_large" | "not_enough_replicas" | "not_authorised" | "invalid";

export type AppendOutcome =
  /** Durable, and standing at `offset`. `storedAt`: the log's own clock when it took the record, where it has one (a broker's
   *  append time); a new owner compares its clock with it. */
  | { readonly kind: "done"; readonly offset: Offset; readonly storedAt?: Instant }
  /** No byte of it is in the log and none will ever be. */
  | { readonly kind: "refused"; readonly code: AppendRefusal; readonly detail: string }
  /** Everything else, and every doubt. Never turned into "failed". */
  | { readonly kind: "unknown"; readonly cause: string };

export interface StoredRecord {
  readonly offset: Offset;
  readonly bytes: Uint8Array;
  /** As in AppendOutcome. Never business time. */
  readonly storedAt?: Instant;
}

/** What a log throws when it only cannot be reached now. Whoever asked asks again; everything else it throws means that something is
 *  wrong with what it holds, or with who asks. */
export interface LogAway extends Error {
  readonly logAway: true;
}

/** A log of many shards. Offsets of a shard are 0, 1, 2, ... without gap; only durable records are ever read. */
export interface DecisionLog {
  /** For people: "fdatasync per group commit", "no durability (memory)", "acks=all, RF 3, min ISR 2". */
  readonly durability: string;
  /** Whether an acknowledged decision survives the process. false is said loudly by /ready, doctor and the bench. */
  readonly durable: boolean;
  /** Shards of one lane share a request: one append request per lane is in flight, and carries all ready records of its shards. */
  laneOf(shard: Shard): number;
  /** Appends at most one record per shard, all of one lane. Calls back exactly once, later, with one outcome per append and in
   *  the same order. Never throws, never retries. */
  append(appends: readonly Append[], done: (outcomes: readonly AppendOutcome[]) => void): void;
  /** Durable records from `from` up to and excluding `to` (default: the end when called), in order, in lists of bounded size. */
  read(shard: Shard, from: Offset, to?: Offset): AsyncIterable<readonly StoredRecord[]>;
  /** The same without end; ends when the signal is aborted. */
  tail(shard: Shard, from: Offset, signal: AbortSignal): AsyncIterable<readonly StoredRecord[]>;
  /** `end` = offset the next record will get. */
  ends(shard: Shard): Promise<{ readonly start: Offset; readonly end: Offset }>;
  /** Forgets records below that offset, as far as the log can (segments go whole). */
  trim(shard: Shard, below: Offset): Promise<void>;
  /** `low`: below the disk reserve. New bids are refused, closes may still be logged. */
  room(): "ok" | "low";
  close(): Promise<void>;
}

// records (persistence/record.ts implements these)

export type ClaimReason = "start" | "takeover" | "move" | "again";
export type ReleaseReason = "move" | "drain" | "stop" | "clock";
export type TimeReason = "first" | "idle" | "probe" | "barrier";

/** What every record of a tenure bears: who writes, where, at what time, behind which hash. */
export interface RecordPlace {
  readonly shard: Shard;
  readonly epoch: Epoch;
  readonly firstLsn: Lsn;
  /** Running hash before this record, 16 bytes. */
  readonly prevHash: Uint8Array;
  /** Decision time, epoch ms; not below the shard's last logged time. */
  readonly at: Instant;
}

/** Encodes the decisions of one group commit straight into one buffer. Two buffers alternate, so a closed frame stays intact
 *  until the frame after next is opened: with one append in flight that is always long enough. */
export interface FrameWriter {
  readonly count: number;
  readonly bytes: number;
  /** Adds a decision; false when a cap (262,144 bytes, 1,024 decisions) would be passed, and then nothing is added. The first
   *  decision of an empty frame always fits. */
  add(decision: Decision): boolean;
  /** Closes the frame and returns it with its hash, the next record's prevHash. The writer is then empty. */
  close(place: Omit<RecordPlace, "at">): { readonly bytes: Uint8Array; readonly hash: Uint8Array };
  /** Forgets what was added since the last close. */
  clear(): void;
}

export interface RecordCodec {
  frameWriter(): FrameWriter;
  genesis(genesis: { shard: Shard; shards: number; slotDigest: Uint8Array; madeAt: Instant; version: string }): Uint8Array;
  claim(claim: {
    shard: Shard;
    previous: Offset;
    nonce: Uint8Array;
    nodeId: string;
    processId: string;
    reason: ClaimReason;
    shards: number;
    at: Instant;
  }): Uint8Array;
  release(place: RecordPlace, release: { stateHash: Uint8Array; reason: ReleaseReason; target: string | null }): { bytes: Uint8Array; hash: Uint8Array };
  time(place: RecordPlace, reason: TimeReason): { bytes: Uint8Array; hash: Uint8Array };
  /** Never throws: damage and strangers are kinds of their own, for the judge. */
  decode(record: StoredRecord, shard: Shard): JudgedRecord;
  /** The decisions of a frame that the judge found effective, in lsn order. Throws only if a checked frame does not parse. */
  decisions(frame: JudgedRecord): Decision[];
  /** SHA-256, first 16 bytes. */
  hash(bytes: Uint8Array): Uint8Array;
  /** Plain data (engine/core/state.ts, HeadRecord) to the opaque `head` of a snapshot, and back. */
  packHead(head: unknown): Uint8Array;
  unpackHead(bytes: Uint8Array): unknown;
}

// snapshots

/** The judge state of a shard at one lsn. All of it, or the tail cannot be judged. */
export interface Checkpoint {
  readonly shard: Shard;
  readonly lifeId: Uint8Array;
  /** Offset of the next record to read. */
  readonly offset: Offset;
  readonly lsn: Lsn;
  readonly runningHash: Uint8Array;
  readonly claim: Offset;
  readonly nonce: Uint8Array;
  readonly open: boolean;
  readonly time: Instant;
  /** Last logged time before the first claim whose opening pass was not finished; -1 (NO_PASS_OPEN) when no pass is open.
   *  Made and read by judgeCheckpoint and judgeFromCheckpoint (core/validity.ts), opaque to everybody else. */
  readonly outageFrom: Instant;
  /** Sum modulo 2^128 of the state hashes of the shard's auctions. */
  readonly stateHash: Uint8Array;
  readonly auctions: number;
}

export type RowKind = "answers" | "bids" | "rows";

/** Fixed-width rows of one auction, from row `from` on. A full chunk (1,024 rows) never changes again but by a removal. */
export interface RowSegment {
  readonly kind: RowKind;
  readonly from: number;
  readonly bytes: Uint8Array;
}

/** Columns that lists and search read. Public values only. */
export interface CatalogueColumns {
  readonly phase: string | null;
  readonly outcome: string | null;
  readonly currency: string | null;
  readonly sellerId: string | null;
  readonly lotId: string | null;
  readonly opening: number | null;
  readonly price: number | null;
  readonly askingPrice: number | null;
  readonly totalBids: number;
  readonly bidders: number;
  readonly leaderNumber: number | null;
  readonly reserveMet: boolean | null;
  readonly buyNow: number | null;
  readonly opensAt: Instant | null;
  readonly endsAt: Instant | null;
}

/** One auction at the checkpoint's lsn: its small head whole, and the rows that are new or changed since its last snapshot. */
export interface AuctionSnapshot {
  readonly auctionId: AuctionId;
  readonly sequence: Sequence;
  readonly stateHash: Uint8Array;
  /** Opaque to the store. */
  readonly head: Uint8Array;
  readonly segments: readonly RowSegment[];
  readonly catalogue: CatalogueColumns;
}

/** One auction as a store gives it back: segments of each kind in row order, without gap or overlap, from row 0. */
export interface StoredAuction {
  readonly auctionId: AuctionId;
  readonly sequence: Sequence;
  readonly stateHash: Uint8Array;
  readonly head: Uint8Array;
  readonly segments: readonly RowSegment[];
}

/** Auctions that a list of live ones leaves out. */
export interface AsleepAuctions {
  readonly count: number;
  /** Sum of their state hashes, modulo 2^128. */
  readonly hashSum: Uint8Array;
}

export interface SnapshotStore {
  /** One transaction: the guard row is locked first, and nothing is written unless `offset` is above the stored one of the same
   *  life (a zombie cannot overwrite a newer row). Rejects when the store is away. The last 3 checkpoints stay readable. */
  save(checkpoint: Checkpoint, auctions: readonly AuctionSnapshot[]): Promise<"saved" | "superseded">;
  /** Newest first, at most 3. */
  checkpoints(shard: Shard): Promise<readonly Checkpoint[]>;
  /** Every auction of the shard as it was at that checkpoint, in lists of bounded size. Closed auctions that left memory are
   *  not among them when `liveOnly`. */
  auctions(checkpoint: Checkpoint, liveOnly: boolean): AsyncIterable<readonly StoredAuction[]>;
  /** What `liveOnly` leaves out of that checkpoint, so that nothing that was lost passes for asleep. */
  asleep(checkpoint: Checkpoint): Promise<AsleepAuctions>;
  /** One auction at the newest checkpoint, or null. */
  auction(shard: Shard, auctionId: AuctionId): Promise<StoredAuction | null>;
  /** For /ready: whether the store answered last time it was asked. */
  healthy(): boolean;
  close(): Promise<void>;
}

// outward

/** One gateway's connection as a shard sees it. Both calls only append to an outbox; the link flushes once per turn. */
export interface Caller {
  /** The stored answer for the command that came as `requestId`: 64 bytes of `rows` from byte `at` on (engine/core/answers.ts).
   *  Copied before the call returns. */
  answer(requestId: number, auctionId: AuctionId, rows: Uint8Array, at: number, replayed: boolean): void;
  refuse(requestId: number, auctionId: AuctionId, code: RefusalCode, retryAfterMs: number): void;
}

/** A connection that also takes the results of reads. One object per connection for its whole life, so it can be a key. */
export interface ReadCaller extends Caller {
  result(requestId: number, result: ReadResult): void;
}

export interface UpdateSink {
  /** Whether any gateway has watchers for it; false spares making the update. */
  watched(auctionId: AuctionId): boolean;
  update(update: Update): void;
  /** To every linked gateway: outbid, leading_again, bid_needed. */
  notice(notice: Notice): void;
}

// time and chance

export interface Clock {
  /** Wall clock, epoch ms. */
  now(): Instant;
  /** Monotonic, ms, fractional. */
  monotonic(): number;
}

export interface Timers {
  /** Calls back once, not before `delayMs`; the returned function cancels. Delays above a day are cut by the caller. */
  after(delayMs: number, callback: () => void): () => void;
  /** Calls back at the end of this turn of the event loop. */
  soon(callback: () => void): void;
}

export interface Nonces {
  /** Random bytes. */
  bytes(count: number): Uint8Array;
  /** A random number from 0 up to but excluding 1, for back-off jitter. */
  fraction(): number;
}

// membership (liveness only: it may lie without harm)

export interface Membership {
  /** Shards this node should try to own now, and a call whenever that changes. */
  assigned(): readonly Shard[];
  onChange(listener: () => void): () => void;
  /** Nodes of a shard in order: the first owns it, the others stand by. Empty: none does. Absent or null: no order is known, and every
   *  node to which a shard is assigned may own it. */
  nodesOf?(shard: Shard): readonly string[] | null;
  /** Version of the placement in force; absent where placements have none. */
  version?(): number;
}
