// Turns pieces that filled a chunk into that chunk, once every kept checkpoint sees them (N4 of snapshot-store.ts).
//
// Must not touch a version above the oldest kept checkpoint.
import type { AuctionId, Offset, Shard } from "../../engine/core/ids.ts";
import type { Database, Queries, Statement } from "./pool.ts";
import { chunkOf, mergeParts, ROW_KINDS, type RowBytes, type StoredPart, unpackPieces } from "./row-pieces.ts";
import { type ChunkRow, chunkPart } from "./snapshot-reader.ts";
import { insertChunks, insertPieces } from "./snapshot-writer.ts";

/** Auctions of one transaction: their pieces together are at most some 10 MB, and the guard row is held for milliseconds. */
const MERGE_AUCTIONS_MAX = 32;
/** Transactions after one checkpoint. What is left waits for the next one. */
const MERGE_ROUNDS_MAX = 32;

const LOCK_GUARD: Statement = { name: "lock_guard_to_merge", text: "select shard from snapshot_guards where shard = $1 for update" };

const TAKE_MERGES: Statement = {
  name: "take_merges",
  text: `with due as (select distinct auction_id from
        (select auction_id from snapshot_merges where shard = $1 and "offset" <= $2 order by "offset" limit ${MERGE_AUCTIONS_MAX}) as first)
    delete from snapshot_merges m using due where m.shard = $1 and m."offset" <= $2 and m.auction_id = due.auction_id
    returning m.auction_id as "auctionId"`,
};

const TAKE_PIECES: Statement = {
  name: "take_pieces",
  text: `with taken as (delete from snapshot_pieces where shard = $1 and "offset" <= $2 and auction_id = any($3::uuid[]) returning auction_id, "offset", rows)
    select auction_id as "auctionId", string_agg(int8send("offset") || int4send(octet_length(rows)) || rows, ''::bytea order by "offset") as strung
    from taken group by auction_id`,
};

const SELECT_BASES: Statement = {
  name: "select_bases",
  text: `select c.auction_id as "auctionId", c.kind, c.chunk, c."offset", c.rows
    from snapshot_chunks c join json_to_recordset($3::json) as a(id uuid, kind smallint, chunk integer)
      on c.auction_id = a.id and c.kind = a.kind and c.chunk = a.chunk
    where c.shard = $1 and c."offset" <= $2`,
};

const PRUNE_CHUNKS: Statement = {
  name: "prune_chunks",
  text: `delete from snapshot_chunks c using snapshot_chunks n
    where n.shard = $1 and n.auction_id = any($3::uuid[]) and n."offset" <= $2 and c.shard = $1 and c.auction_id = n.auction_id and c.kind = n.kind
      and c.chunk = n.chunk and c."offset" < n."offset"`,
};

/** Merges what became mergeable at `oldest`, the offset of the oldest kept checkpoint. */
export async function mergeFull(database: Database, shard: Shard, oldest: Offset, rowBytes: RowBytes): Promise<void> {
  for (let round = 0; round < MERGE_ROUNDS_MAX; round += 1) {
    const merged = await database.transaction("write", (transaction) => mergeSome(transaction, shard, oldest, rowBytes));
    if (merged === 0) return;
  }
}

/** Returns how many auctions it took. */
async function mergeSome(queries: Queries, shard: Shard, oldest: Offset, rowBytes: RowBytes): Promise<number> {
  await queries.query(LOCK_GUARD, [shard]);
  const taken = await queries.query<{ readonly auctionId: AuctionId }>(TAKE_MERGES, [shard, oldest]);
  if (taken.length === 0) return 0;
  const auctionIds = [...new Set(taken.map((row) => row.auctionId))];
  type PiecesRow = { readonly auctionId: AuctionId; readonly strung: Uint8Array };
  const strung = await queries.query<PiecesRow>(TAKE_PIECES, [shard, oldest, auctionIds]);
  const pieces = strung.map((row) => ({ auctionId: row.auctionId, parts: unpackPieces(row.strung) }));
  const bases = await readBases(queries, shard, oldest, pieces);
  const merged = pieces.map(({ auctionId, parts }) => ({ auctionId, ...mergeParts(bases.get(auctionId) ?? [], parts, rowBytes) }));
  const at = { shard, offset: oldest };
  await insertPieces(
    queries,
    at,
    merged.map(({ auctionId, rest }) => ({ auctionId, pieces: rest })),
  );
  await insertChunks(
    queries,
    at,
    merged.flatMap(({ auctionId, full }) => full.map((part) => ({ auctionId, part }))),
  );
  await queries.query(PRUNE_CHUNKS, [shard, oldest, auctionIds]);
  return auctionIds.length;
}

/** The full chunks that stand under these pieces. */
async function readBases(
  queries: Queries,
  shard: Shard,
  oldest: Offset,
  pieces: readonly { readonly auctionId: AuctionId; readonly parts: readonly StoredPart[] }[],
): Promise<ReadonlyMap<AuctionId, StoredPart[]>> {
  const wanted = new Map<string, { id: string; kind: number; chunk: number }>();
  for (const { auctionId, parts } of pieces) {
    for (const { kind, from } of parts) {
      const chunk = chunkOf(from);
      wanted.set(`${auctionId} ${kind} ${chunk}`, { id: auctionId, kind: ROW_KINDS.indexOf(kind), chunk });
    }
  }
  const bases = new Map<AuctionId, StoredPart[]>();
  if (wanted.size === 0) return bases;
  for (const row of await queries.query<ChunkRow>(SELECT_BASES, [shard, oldest, JSON.stringify([...wanted.values()])])) {
    const own = bases.get(row.auctionId);
    if (own === undefined) bases.set(row.auctionId, [chunkPart(row)]);
    else own.push(chunkPart(row));
  }
  return bases;
}
