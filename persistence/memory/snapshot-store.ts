// SnapshotStore in memory: for tests, for the simulator, and for a system that keeps nothing. With faults to inject.
//
// Written to be read, as the model of the one in Postgres: every save is kept as it came, and a read applies them in order.
import type { AuctionId, Instant, Offset, Shard } from "../../engine/core/ids.ts";
import { addHash, ZERO_HASH } from "../../engine/core/state-hash.ts";
import type { AsleepAuctions, AuctionSnapshot, Checkpoint, RowKind, RowSegment, SnapshotStore, StoredAuction } from "../../engine/ports.ts";

export interface MemorySnapshotStoreOptions {
  /** Bytes of one row of each kind. */
  readonly rowBytes: Readonly<Record<RowKind, number>>;
  /** Auctions closed longer than this at the time of a checkpoint are not among its live ones. */
  readonly closedKeptMs: number;
  /** Gets the catalogue columns of every saved auction. */
  readonly onColumns?: (auctions: readonly AuctionSnapshot[], time: Instant) => void;
}

const CHECKPOINTS_KEPT = 3;
/** Auctions of one list. */
const LIST_MAX = 1_000;

/** What a test makes the store do. `away`: every call rejects. */
export interface SnapshotFaults {
  away: boolean;
}

interface Version extends StoredAuction {
  /** Time of the checkpoint that found this version closed; infinite while it is not. */
  readonly closedAt: Instant;
}

interface Saved {
  readonly checkpoint: Checkpoint;
  readonly auctions: ReadonlyMap<AuctionId, Version>;
}

export class MemorySnapshotStore implements SnapshotStore {
  readonly faults: SnapshotFaults = { away: false };
  readonly #options: MemorySnapshotStoreOptions;
  /** Per shard, oldest first. The first one stands for everything before it as well. */
  readonly #saves = new Map<Shard, Saved[]>();

  constructor(options: MemorySnapshotStoreOptions) {
    this.#options = options;
  }

  async save(checkpoint: Checkpoint, auctions: readonly AuctionSnapshot[]): Promise<"saved" | "superseded"> {
    this.#answer();
    const saves = this.#saves.get(checkpoint.shard) ?? [];
    const newest = saves.at(-1)?.checkpoint;
    if (newest !== undefined && hex(newest.lifeId) !== hex(checkpoint.lifeId)) {
      throw new Error(`The snapshots of shard ${checkpoint.shard} belong to another log`);
    }
    if (newest !== undefined && newest.offset >= checkpoint.offset) return "superseded";
    saves.push({ checkpoint, auctions: new Map(auctions.map((auction) => [auction.auctionId, versionOf(auction, checkpoint.time)])) });
    if (saves.length > CHECKPOINTS_KEPT) saves.splice(0, 2, this.#joined(saves));
    this.#saves.set(checkpoint.shard, saves);
    this.#options.onColumns?.(auctions, checkpoint.time);
    return "saved";
  }

  async checkpoints(shard: Shard): Promise<readonly Checkpoint[]> {
    this.#answer();
    return (this.#saves.get(shard) ?? []).map((saved) => saved.checkpoint).reverse();
  }

  async *auctions(checkpoint: Checkpoint, liveOnly: boolean): AsyncGenerator<readonly StoredAuction[], void, undefined> {
    const saves = this.#kept(checkpoint);
    const closedAfter = liveOnly ? this.#closedAfter(checkpoint) : Number.NEGATIVE_INFINITY;
    let list: StoredAuction[] = [];
    for (const auctionId of new Set(saves.flatMap((saved) => [...saved.auctions.keys()]))) {
      const auction = this.#read(saves, auctionId);
      if (auction !== null && auction.closedAt > closedAfter) list.push(stored(auction));
      if (list.length < LIST_MAX) continue;
      yield list;
      list = [];
    }
    if (list.length > 0) yield list;
  }

  async asleep(checkpoint: Checkpoint): Promise<AsleepAuctions> {
    const saves = this.#kept(checkpoint);
    const closedAfter = this.#closedAfter(checkpoint);
    let count = 0;
    let hashSum: Uint8Array = ZERO_HASH;
    for (const auctionId of new Set(saves.flatMap((saved) => [...saved.auctions.keys()]))) {
      const auction = this.#read(saves, auctionId);
      if (auction === null || auction.closedAt > closedAfter) continue;
      count += 1;
      hashSum = addHash(hashSum, auction.stateHash);
    }
    return { count, hashSum };
  }

  #kept(checkpoint: Checkpoint): readonly Saved[] {
    this.#answer();
    const saves = this.#upTo(checkpoint.shard, checkpoint.offset);
    const newest = saves.at(-1)?.checkpoint;
    if (newest === undefined || newest.offset !== checkpoint.offset || hex(newest.lifeId) !== hex(checkpoint.lifeId)) {
      throw new Error(`Shard ${checkpoint.shard} has no checkpoint of this log at offset ${checkpoint.offset} any more`);
    }
    return saves;
  }

  #closedAfter({ time }: Checkpoint): Instant {
    return time - this.#options.closedKeptMs;
  }

  async auction(shard: Shard, auctionId: AuctionId): Promise<StoredAuction | null> {
    this.#answer();
    const auction = this.#read(this.#saves.get(shard) ?? [], auctionId);
    return auction === null ? null : stored(auction);
  }

  healthy(): boolean {
    return !this.faults.away;
  }

  async close(): Promise<void> {}

  #answer(): void {
    if (this.faults.away) throw new Error("The snapshot store is away");
  }

  #upTo(shard: Shard, offset: Offset): readonly Saved[] {
    return (this.#saves.get(shard) ?? []).filter((saved) => saved.checkpoint.offset <= offset);
  }

  #read(saves: readonly Saved[], auctionId: AuctionId): Version | null {
    const versions = saves.flatMap((saved) => saved.auctions.get(auctionId) ?? []);
    const newest = versions.at(-1);
    if (newest === undefined) return null;
    return { ...newest, segments: applied(versions, this.#options.rowBytes) };
  }

  /** The two oldest saves as one, which stands at the second one's checkpoint. */
  #joined(saves: readonly Saved[]): Saved {
    const [first, second] = saves;
    if (first === undefined || second === undefined) throw new Error("Two saves are needed to be joined");
    const auctions = new Map(first.auctions);
    for (const [auctionId, auction] of second.auctions) {
      const before = first.auctions.get(auctionId);
      auctions.set(auctionId, before === undefined ? auction : { ...auction, segments: applied([before, auction], this.#options.rowBytes) });
    }
    return { checkpoint: second.checkpoint, auctions };
  }
}

/** All segments of these versions, each kind laid over one growing buffer, oldest first. */
function applied(versions: readonly StoredAuction[], rowBytes: MemorySnapshotStoreOptions["rowBytes"]): RowSegment[] {
  const rows = new Map<RowKind, Uint8Array>();
  for (const { kind, from, bytes } of versions.flatMap((version) => version.segments)) {
    const before = rows.get(kind) ?? new Uint8Array(0);
    const at = from * rowBytes[kind];
    if (at > before.length) throw new Error(`Rows of ${kind} before row ${from} are missing`);
    const after = new Uint8Array(Math.max(before.length, at + bytes.length));
    after.set(before);
    after.set(bytes, at);
    rows.set(kind, after);
  }
  return [...rows].filter(([, bytes]) => bytes.length > 0).map(([kind, bytes]) => ({ kind, from: 0, bytes }));
}

/** A copy: what was handed over may change after the save. */
function versionOf({ auctionId, sequence, stateHash, head, segments, catalogue }: AuctionSnapshot, time: Instant): Version {
  const copies = segments.map((segment) => ({ ...segment, bytes: segment.bytes.slice() }));
  const closedAt = catalogue.phase === "closed" ? time : Number.POSITIVE_INFINITY;
  return { auctionId, sequence, stateHash: stateHash.slice(), head: head.slice(), segments: copies, closedAt };
}

function stored({ auctionId, sequence, stateHash, head, segments }: Version): StoredAuction {
  return { auctionId, sequence, stateHash, head, segments };
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
