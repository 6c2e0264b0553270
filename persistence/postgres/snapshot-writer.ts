// Writes the changed auctions of one checkpoint. Must run within the transaction that holds the shard's guard row.
//
// Bytes of many auctions travel as one value, cut apart by the database: an array of bytea would travel as text of twice the size.
import type { AuctionSnapshot, Checkpoint } from "../../engine/ports.ts";
import type { Queries, Statement } from "./pool.ts";
import { chunkOf, type Part, packPieces, ROW_KINDS, type RowBytes, type SplitRows, splitSegments } from "./row-pieces.ts";

export interface WriterOptions {
  readonly rowBytes: RowBytes;
  readonly statementAuctionsMax: number;
}

/** Heads and pieces of one statement, so that it stays far from its time limit. One auction alone may be larger. */
const STATEMENT_BYTES_MAX = 8 * 1_024 * 1_024;

const INSERT_HEADS: Statement = {
  name: "insert_heads",
  text: `insert into snapshot_heads (shard, auction_id, "offset", sequence, closed_at, state_hash, head)
    select $1, a.id, $2, a.sequence, a.closed_at, substring($3::bytea from a.hash_at for a.hash_length), substring($3::bytea from a.head_at for a.head_length)
    from json_to_recordset($4::json)
      as a(id uuid, sequence bigint, closed_at bigint, hash_at integer, hash_length integer, head_at integer, head_length integer)`,
};

const INSERT_PIECES: Statement = {
  name: "insert_pieces",
  text: `insert into snapshot_pieces (shard, auction_id, "offset", rows)
    select $1, a.id, $2, substring($3::bytea from a.at for a.length) from json_to_recordset($4::json) as a(id uuid, at integer, length integer)`,
};

/** A merged chunk may meet one that the same checkpoint wrote whole: it holds that one already. */
const INSERT_CHUNKS: Statement = {
  name: "insert_chunks",
  text: `insert into snapshot_chunks (shard, auction_id, kind, chunk, "offset", rows)
    select $1, a.id, a.kind, a.chunk, $2, substring($3::bytea from a.at for a.length)
    from json_to_recordset($4::json) as a(id uuid, kind smallint, chunk integer, at integer, length integer)
    on conflict (shard, auction_id, kind, chunk, "offset") do update set rows = excluded.rows`,
};

const INSERT_MERGES: Statement = {
  name: "insert_merges",
  text: `insert into snapshot_merges (shard, "offset", auction_id) select $1, $2, id from unnest($3::uuid[]) as a(id)`,
};

/** A tombstone (no phase) is no auction to be listed. At an equal sequence the engine's columns replace those of the gateway. */
const UPSERT_CATALOGUE: Statement = {
  name: "upsert_catalogue",
  text: `insert into catalogue as c (auction_id, sequence, phase, outcome, currency, seller_id, lot_id, opening, price, asking_price, total_bids, bidders,
      leader_number, reserve_met, buy_now, opens_at, ends_at)
    select id, sequence, phase, outcome, currency, "sellerId", "lotId", opening, price, "askingPrice", "totalBids", bidders,
      "leaderNumber", "reserveMet", "buyNow", "opensAt", "endsAt"
    from json_to_recordset($1::json) as a(id uuid, sequence bigint, phase text, outcome text, currency text, "sellerId" text, "lotId" text, opening bigint,
      price bigint, "askingPrice" bigint, "totalBids" bigint, bidders bigint, "leaderNumber" bigint, "reserveMet" boolean, "buyNow" bigint,
      "opensAt" bigint, "endsAt" bigint)
    where phase is not null
    on conflict (auction_id) do update set (sequence, phase, outcome, currency, seller_id, lot_id, opening, price, asking_price, total_bids, bidders,
      leader_number, reserve_met, buy_now, opens_at, ends_at) = (excluded.sequence, excluded.phase, excluded.outcome, excluded.currency,
      excluded.seller_id, excluded.lot_id, excluded.opening, excluded.price, excluded.asking_price, excluded.total_bids, excluded.bidders,
      excluded.leader_number, excluded.reserve_met, excluded.buy_now, excluded.opens_at, excluded.ends_at)
    where c.sequence <= excluded.sequence`,
};

/** Writes heads, rows and catalogue columns of all auctions at the checkpoint's offset. */
export async function writeAuctions(queries: Queries, at: Checkpoint, auctions: readonly AuctionSnapshot[], options: WriterOptions): Promise<void> {
  let batch: AuctionSnapshot[] = [];
  let bytes = 0;
  // In the order of their ids, which is the order of every index here and of a load: what is read together stands together.
  for (const auction of [...auctions].sort((a, b) => (a.auctionId < b.auctionId ? -1 : 1))) {
    batch.push(auction);
    bytes += auction.segments.reduce((sum, segment) => sum + segment.bytes.length, auction.head.length);
    if (batch.length < options.statementAuctionsMax && bytes < STATEMENT_BYTES_MAX) continue;
    await writeBatch(queries, at, batch, options.rowBytes);
    batch = [];
    bytes = 0;
  }
  if (batch.length > 0) await writeBatch(queries, at, batch, options.rowBytes);
}

async function writeBatch(queries: Queries, at: Checkpoint, auctions: readonly AuctionSnapshot[], rowBytes: RowBytes): Promise<void> {
  await insertHeads(queries, at, auctions);
  const splits = auctions.map((auction) => ({ auctionId: auction.auctionId, ...splitSegments(auction.segments, rowBytes) }));
  await insertPieces(queries, at, splits);
  await insertChunks(
    queries,
    at,
    splits.flatMap(({ auctionId, chunks }) => chunks.map((part) => ({ auctionId, part }))),
  );
  const filled = splits.filter((split) => split.fills).map((split) => split.auctionId);
  if (filled.length > 0) await queries.query(INSERT_MERGES, [at.shard, at.offset, filled]);
  const columns = auctions.map(({ auctionId, sequence, catalogue }) => ({ id: auctionId, sequence, ...catalogue }));
  await queries.query(UPSERT_CATALOGUE, [JSON.stringify(columns)]);
}

async function insertHeads(queries: Queries, at: Checkpoint, auctions: readonly AuctionSnapshot[]): Promise<void> {
  const blob = new Gathered();
  const heads = auctions.map(({ auctionId, sequence, stateHash, head, catalogue }) => ({
    id: auctionId,
    sequence,
    closed_at: catalogue.phase === "closed" ? at.time : null,
    hash_at: blob.add(stateHash),
    hash_length: stateHash.length,
    head_at: blob.add(head),
    head_length: head.length,
  }));
  await queries.query(INSERT_HEADS, [at.shard, at.offset, blob.bytes(), JSON.stringify(heads)]);
}

/** Where parts are written: the shard, and the checkpoint whose offset they get. */
export interface WritePoint {
  readonly shard: number;
  readonly offset: number;
}

/** One row for each auction that has pieces. */
export async function insertPieces(
  queries: Queries,
  at: WritePoint,
  auctions: readonly ({ readonly auctionId: string } & Pick<SplitRows, "pieces">)[],
): Promise<void> {
  const blob = new Gathered();
  const rows: { id: string; at: number; length: number }[] = [];
  for (const { auctionId, pieces } of auctions) {
    if (pieces.length === 0) continue;
    const packed = packPieces(pieces);
    rows.push({ id: auctionId, at: blob.add(packed), length: packed.length });
  }
  if (rows.length > 0) await queries.query(INSERT_PIECES, [at.shard, at.offset, blob.bytes(), JSON.stringify(rows)]);
}

/** Full chunks, in statements of bounded size. */
export async function insertChunks(queries: Queries, at: WritePoint, chunks: readonly { readonly auctionId: string; readonly part: Part }[]): Promise<void> {
  for (let from = 0; from < chunks.length; ) {
    const blob = new Gathered();
    const rows: { id: string; kind: number; chunk: number; at: number; length: number }[] = [];
    for (; from < chunks.length && blob.length < STATEMENT_BYTES_MAX; from += 1) {
      const chunk = chunks[from];
      if (chunk === undefined) break;
      const { kind, from: first, bytes } = chunk.part;
      rows.push({ id: chunk.auctionId, kind: ROW_KINDS.indexOf(kind), chunk: chunkOf(first), at: blob.add(bytes), length: bytes.length });
    }
    await queries.query(INSERT_CHUNKS, [at.shard, at.offset, blob.bytes(), JSON.stringify(rows)]);
  }
}

/** Byte strings end to end, with their places as Postgres counts them. */
class Gathered {
  readonly #parts: Uint8Array[] = [];
  length = 0;

  /** Returns the place of its first byte, from 1 on. */
  add(bytes: Uint8Array): number {
    this.#parts.push(bytes);
    const at = this.length + 1;
    this.length += bytes.length;
    return at;
  }

  bytes(): Uint8Array {
    return Buffer.concat(this.#parts);
  }
}
