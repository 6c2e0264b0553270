// Snapshots of shards in Postgres, and the catalogue columns that go with them.
//
// Owns: the checkpoint transaction, reading a shard or an auction back, forgetting what no kept checkpoint needs.
// Must not: look into a head or a row, decide when to snapshot, or mend what is damaged.
//
// N1. One transaction a checkpoint. Its first statement locks the guard row of the shard; nothing is written unless the offset is
//     above the guard's, in the same life of the log. A zombie that wakes up late finds a higher offset and writes nothing.
// N2. An auction is stored as versions: a head for each checkpoint that found it changed, and the rows that were new then. The
//     cost of a checkpoint follows what changed. What an auction was at a checkpoint is read from the versions not above it.
// N3. The newest 3 checkpoints stay readable. A version goes in the transaction that makes the last checkpoint needing it go.
// N4. Pieces are merged to full chunks only when every kept checkpoint sees them, so merging changes no checkpoint. It follows the
//     checkpoint in a transaction of its own; if that fails, the checkpoint stands and the next one merges.
// N5. Reading happens in one picture of the database, whatever is saved meanwhile.
import type { AuctionId, Instant, Offset, Shard } from "../../engine/core/ids.ts";
import { HASH_BYTES } from "../../engine/core/state-hash.ts";
import type { AsleepAuctions, AuctionSnapshot, Checkpoint, SnapshotStore, StoredAuction } from "../../engine/ports.ts";
import { type Database, PostgresAway, type Queries, type Statement } from "./pool.ts";
import { type RowBytes, SnapshotDamaged } from "./row-pieces.ts";
import { mergeFull } from "./snapshot-merge.ts";
import { type HeadRow, readAuctions } from "./snapshot-reader.ts";
import { writeAuctions } from "./snapshot-writer.ts";

export interface SnapshotStoreOptions {
  /** Bytes of one row of each kind. The same for the life of a database. */
  readonly rowBytes: RowBytes;
  /** Auctions in one statement. */
  readonly statementAuctionsMax: number;
  /** Auctions closed longer than this at the time of a checkpoint are not among its live ones. */
  readonly closedKeptMs: number;
  /** Told when pieces could not be merged because of what they hold. The checkpoint itself was saved. */
  readonly onMergeFailed: (shard: Shard, error: Error) => void;
}

/** 3: a checkpoint that does not match its hash has two before it. */
export const CHECKPOINTS_KEPT = 3;

/** The database holds snapshots of another log. Never overwritten: they may be the only trace of the log they belong to. */
export class OtherLife extends Error {
  override readonly name = "OtherLife";

  constructor(shard: Shard, stored: Uint8Array, own: Uint8Array) {
    super(
      `The snapshots of shard ${shard} belong to the log ${hex(stored)}, and this log is ${hex(own)}. Put the log that belongs to this database back, ` +
        `or give this log a database of its own. If the old log is given up for good, empty the snapshots first: ${FORGET_ALL.text}`,
    );
  }
}

/** The checkpoint is not, or no longer, among the kept ones. */
export class CheckpointGone extends Error {
  override readonly name = "CheckpointGone";
}

const FORGET_ALL: Statement = {
  name: "forget_all",
  text: "truncate snapshot_guards, checkpoints, snapshot_heads, snapshot_pieces, snapshot_chunks, snapshot_merges, catalogue",
};

/** Forgets all snapshots of all shards and the catalogue's columns, for a log that is given up for good. Lots and sellers stay. */
export async function forgetSnapshots(database: Database): Promise<void> {
  await database.query(FORGET_ALL, []);
}

const LOCK_GUARD: Statement = {
  name: "lock_guard",
  text: `insert into snapshot_guards as g (shard, life_id, "offset") values ($1, $2, -1)
    on conflict (shard) do update set shard = g.shard returning life_id, "offset"`,
};

const MOVE_GUARD: Statement = { name: "move_guard", text: `update snapshot_guards set "offset" = $2 where shard = $1` };

const INSERT_CHECKPOINT: Statement = {
  name: "insert_checkpoint",
  text: `insert into checkpoints (shard, "offset", life_id, lsn, running_hash, claim, nonce, open, time, outage_from, state_hash, auctions)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
};

const SELECT_CHECKPOINTS: Statement = {
  name: "select_checkpoints",
  text: `select shard, "offset", life_id as "lifeId", lsn, running_hash as "runningHash", claim, nonce, open, time, outage_from as "outageFrom",
      state_hash as "stateHash", auctions
    from checkpoints where shard = $1 order by "offset" desc limit ${CHECKPOINTS_KEPT}`,
};

/** Returns the oldest kept offset when an older checkpoint went, and only then. */
const PRUNE_CHECKPOINTS: Statement = {
  name: "prune_checkpoints",
  text: `with oldest as (select "offset" from checkpoints where shard = $1 order by "offset" desc offset ${CHECKPOINTS_KEPT - 1} limit 1),
      gone as (delete from checkpoints c using oldest o where c.shard = $1 and c."offset" < o."offset")
    select "offset" from oldest`,
};

/** What changed at the checkpoint that became the oldest kept has older heads that nobody needs; all others have none. */
const PRUNE_HEADS: Statement = {
  name: "prune_heads",
  text: `delete from snapshot_heads h using snapshot_heads n
    where n.shard = $1 and n."offset" = $2 and h.shard = $1 and h.auction_id = n.auction_id and h."offset" < $2`,
};

/** A version is in force at a checkpoint when it is not above it and no other version stands between them. */
const IN_FORCE = `v."offset" <= $2 and not exists (
      select from snapshot_heads n where n.shard = $1 and n.auction_id = v.auction_id and n."offset" > v."offset" and n."offset" <= $2)`;
const HEAD_COLUMNS = `v.auction_id as "auctionId", v.sequence, v.state_hash as "stateHash", v.head, coalesce(v.closed_at, 0) as "closedAt"`;

const SELECT_OPEN: Statement = {
  name: "select_open",
  text: `select ${HEAD_COLUMNS} from snapshot_heads v
    where v.shard = $1 and v.closed_at is null and v.auction_id > $3 and ${IN_FORCE} order by v.auction_id limit $4`,
};

const SELECT_CLOSED: Statement = {
  name: "select_closed",
  text: `select ${HEAD_COLUMNS} from snapshot_heads v
    where v.shard = $1 and v.closed_at is not null and (v.closed_at, v.auction_id) > ($5, $3) and ${IN_FORCE}
    order by v.closed_at, v.auction_id limit $4`,
};

/** Their number and, of each byte of their hashes, the sum: carrying over is done here. */
const SUM_ASLEEP: Statement = {
  name: "sum_asleep",
  text: `select count(*) as count, concat_ws(' ', ${Array.from({ length: HASH_BYTES }, (_, at) => `sum(get_byte(v.state_hash, ${at}))`).join(", ")}) as sums
    from snapshot_heads v where v.shard = $1 and v.closed_at <= $3 and ${IN_FORCE}`,
};

const SELECT_NEWEST: Statement = {
  name: "select_newest",
  text: `select ${HEAD_COLUMNS}, v."offset" from snapshot_heads v where v.shard = $1 and v.auction_id = $2 order by v."offset" desc limit 1`,
};

const BYTE = 256;
const LOWEST_ID = "00000000-0000-0000-0000-000000000000";
const HIGHEST_ID = "ffffffff-ffff-ffff-ffff-ffffffffffff";
/** Auctions of one page: enough that a page's round trips do not count; fewer once their rows are large. */
const PAGE_MAX = 1_000;
const PAGE_MIN = 16;
/** A page above this is followed by one of half its length, so that a list stays near it whatever the auctions weigh. */
const PAGE_BYTES_MAX = 8 * 1_024 * 1_024;

/** SnapshotStore over a database that `migrate` brought up to date. The store closes the database with itself. */
export class PostgresSnapshotStore implements SnapshotStore {
  readonly #database: Database;
  readonly #options: SnapshotStoreOptions;

  constructor(database: Database, options: SnapshotStoreOptions) {
    this.#database = database;
    this.#options = options;
  }

  /** Rejects with PostgresAway, or with OtherLife when the database holds another log's snapshots. */
  async save(checkpoint: Checkpoint, auctions: readonly AuctionSnapshot[]): Promise<"saved" | "superseded"> {
    const { shard } = checkpoint;
    const saved = await this.#database.transaction("write", async (transaction) => {
      if (!(await lockGuard(transaction, checkpoint))) return null;
      await writeAuctions(transaction, checkpoint, auctions, this.#options);
      await insertCheckpoint(transaction, checkpoint);
      return { oldest: await prune(transaction, shard) };
    });
    if (saved === null) return "superseded";
    if (saved.oldest !== null) await this.#merge(shard, saved.oldest);
    return "saved";
  }

  async checkpoints(shard: Shard): Promise<readonly Checkpoint[]> {
    return await this.#database.query<Checkpoint>(SELECT_CHECKPOINTS, [shard]);
  }

  /** Rejects with CheckpointGone, with SnapshotDamaged, or when the store goes away on the way. */
  async *auctions(checkpoint: Checkpoint, liveOnly: boolean): AsyncGenerator<readonly StoredAuction[], void, undefined> {
    const transaction = await this.#database.begin("read");
    try {
      await checkKept(transaction, checkpoint);
      yield* this.#pages(transaction, checkpoint, SELECT_OPEN, -1);
      yield* this.#pages(transaction, checkpoint, SELECT_CLOSED, liveOnly ? checkpoint.time - this.#options.closedKeptMs : -1);
    } finally {
      await transaction.end("rollback");
    }
  }

  /** Rejects with CheckpointGone, or when the store goes away on the way. */
  async asleep(checkpoint: Checkpoint): Promise<AsleepAuctions> {
    return await this.#database.transaction("read", async (transaction) => {
      await checkKept(transaction, checkpoint);
      const { shard, offset, time } = checkpoint;
      const [row] = await transaction.query<{ readonly count: number; readonly sums: string }>(SUM_ASLEEP, [shard, offset, time - this.#options.closedKeptMs]);
      return { count: row?.count ?? 0, hashSum: carried(row?.sums ?? "") };
    });
  }

  async auction(shard: Shard, auctionId: AuctionId): Promise<StoredAuction | null> {
    return await this.#database.transaction("read", async (transaction) => {
      const [head] = await transaction.query<HeadRow & { readonly offset: Offset }>(SELECT_NEWEST, [shard, auctionId]);
      if (head === undefined) return null;
      for await (const list of readAuctions(transaction, { shard, offset: head.offset }, [head], this.#options.rowBytes)) return list[0] ?? null;
      return null;
    });
  }

  healthy(): boolean {
    return this.#database.healthy();
  }

  async close(): Promise<void> {
    await this.#database.close();
  }

  /** Pages of heads in the order of (closed time, id), each read on from the last head of the one before. */
  async *#pages(queries: Queries, at: Checkpoint, statement: Statement, closedAfter: Instant): AsyncGenerator<readonly StoredAuction[], void, undefined> {
    const closed = statement === SELECT_CLOSED;
    let limit = PAGE_MAX;
    let from = { auctionId: closed ? HIGHEST_ID : LOWEST_ID, closedAt: closedAfter };
    for (;;) {
      const heads = await queries.query<HeadRow>(statement, [at.shard, at.offset, from.auctionId, limit, ...(closed ? [from.closedAt] : [])]);
      let bytes = 0;
      for await (const list of readAuctions(queries, at, heads, this.#options.rowBytes)) {
        bytes += list.reduce((sum, auction) => sum + weigh(auction), 0);
        yield list;
      }
      const last = heads.at(-1);
      if (last === undefined || heads.length < limit) return;
      from = last;
      limit = bytes > PAGE_BYTES_MAX ? Math.max(PAGE_MIN, Math.floor(limit / 2)) : limit;
    }
  }

  async #merge(shard: Shard, oldest: Offset): Promise<void> {
    try {
      await mergeFull(this.#database, shard, oldest, this.#options.rowBytes);
    } catch (error) {
      // The checkpoint is durable, and what is not merged is merged after the next one (N4). That the store is away, healthy() says.
      if (error instanceof PostgresAway) return;
      if (!(error instanceof SnapshotDamaged)) throw error;
      this.#options.onMergeFailed(shard, error);
    }
  }
}

// Sums of bytes, the lowest first, as one number modulo 2^128; nothing is zero.
function carried(sums: string): Uint8Array {
  const out = new Uint8Array(HASH_BYTES);
  let carry = 0;
  for (const [at, sum] of sums.split(" ").entries()) {
    carry += Number(sum);
    out[at] = carry % BYTE;
    carry = Math.floor(carry / BYTE);
  }
  return out;
}

function weigh(auction: StoredAuction): number {
  return auction.segments.reduce((sum, segment) => sum + segment.bytes.length, auction.head.length);
}

/** False when the stored checkpoint is at or above this one. */
async function lockGuard(queries: Queries, { shard, lifeId, offset }: Checkpoint): Promise<boolean> {
  const [guard] = await queries.query<{ readonly life_id: Uint8Array; readonly offset: Offset }>(LOCK_GUARD, [shard, lifeId]);
  if (guard === undefined) throw new SnapshotDamaged("The guard row was locked and not returned");
  if (hex(guard.life_id) !== hex(lifeId)) throw new OtherLife(shard, guard.life_id, lifeId);
  return offset > guard.offset;
}

async function insertCheckpoint(queries: Queries, checkpoint: Checkpoint): Promise<void> {
  const { shard, offset, lifeId, lsn, runningHash, claim, nonce, open, time, outageFrom, stateHash, auctions } = checkpoint;
  await queries.query(INSERT_CHECKPOINT, [shard, offset, lifeId, lsn, runningHash, claim, nonce, open, time, outageFrom, stateHash, auctions]);
  await queries.query(MOVE_GUARD, [shard, offset]);
}

/** The offset of the oldest kept checkpoint once there are as many as are kept, else null. */
async function prune(queries: Queries, shard: Shard): Promise<Offset | null> {
  const [oldest] = await queries.query<{ readonly offset: Offset }>(PRUNE_CHECKPOINTS, [shard]);
  if (oldest === undefined) return null;
  await queries.query(PRUNE_HEADS, [shard, oldest.offset]);
  return oldest.offset;
}

async function checkKept(queries: Queries, { shard, offset, lifeId }: Checkpoint): Promise<void> {
  const kept = await queries.query<Checkpoint>(SELECT_CHECKPOINTS, [shard]);
  const same = kept.find((checkpoint) => checkpoint.offset === offset && hex(checkpoint.lifeId) === hex(lifeId));
  if (same === undefined) throw new CheckpointGone(`Shard ${shard} has no checkpoint of this log at offset ${offset} any more`);
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
