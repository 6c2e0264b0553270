// Reads the rows of auctions whose heads are known, in lists of bounded size. Must not choose which auctions: snapshot-store.ts does.
import type { AuctionId, Instant, Offset, Sequence, Shard } from "../../engine/core/ids.ts";
import type { StoredAuction } from "../../engine/ports.ts";
import type { Queries, Statement } from "./pool.ts";
import { CHUNK_ROWS, joinParts, ROW_KINDS, type RowBytes, SnapshotDamaged, type StoredPart, unpackPieces } from "./row-pieces.ts";

/** A head in force at the checkpoint that is read. */
export interface HeadRow {
  readonly auctionId: AuctionId;
  readonly sequence: Sequence;
  readonly stateHash: Uint8Array;
  readonly head: Uint8Array;
  /** 0 while it is not closed. */
  readonly closedAt: Instant;
}

/** A place in the versions of a shard. */
export interface ReadPoint {
  readonly shard: Shard;
  readonly offset: Offset;
}

export interface ChunkRow {
  readonly auctionId: AuctionId;
  readonly kind: number;
  readonly chunk: number;
  readonly offset: Offset;
  readonly rows: Uint8Array;
}

/** Chunks in one answer of the database: 8 MiB. */
const CHUNKS_READ_MAX = 128;
const BEFORE_ALL = "00000000-0000-0000-0000-000000000000";

const SELECT_PIECES: Statement = {
  name: "select_pieces",
  text: `select auction_id as "auctionId", string_agg(int8send("offset") || int4send(octet_length(rows)) || rows, ''::bytea order by "offset") as strung
    from snapshot_pieces where shard = $1 and auction_id = any($3::uuid[]) and "offset" <= $2 group by auction_id`,
};

const COUNT_CHUNKS: Statement = {
  name: "count_chunks",
  text: `select auction_id as "auctionId", count(*) as chunks from snapshot_chunks
    where shard = $1 and auction_id = any($3::uuid[]) and "offset" <= $2 group by auction_id`,
};

const SELECT_CHUNKS: Statement = {
  name: "select_chunks",
  text: `select auction_id as "auctionId", kind, chunk, "offset", rows from snapshot_chunks
    where shard = $1 and auction_id = any($3::uuid[]) and "offset" <= $2 and (auction_id, kind, chunk, "offset") > ($4, $5, $6, $7)
    order by auction_id, kind, chunk, "offset" limit ${CHUNKS_READ_MAX}`,
};

/** The auctions with these heads, whole. A list holds as many auctions as have CHUNKS_READ_MAX chunks together, at least one. */
export async function* readAuctions(
  queries: Queries,
  at: ReadPoint,
  heads: readonly HeadRow[],
  rowBytes: RowBytes,
): AsyncGenerator<readonly StoredAuction[], void, undefined> {
  if (heads.length === 0) return;
  const pieces = await readPieces(queries, at, heads);
  for (const group of await groupHeads(queries, at, heads)) {
    const chunks = group.chunks === 0 ? new Map<AuctionId, StoredPart[]>() : await readChunks(queries, at, group.heads);
    yield group.heads.map((head) => {
      const { auctionId, sequence, stateHash } = head;
      const strung = pieces.get(auctionId);
      const parts = strung === undefined ? [] : unpackPieces(strung);
      return { auctionId, sequence, stateHash, head: head.head, segments: joinParts([...(chunks.get(auctionId) ?? []), ...parts], rowBytes) };
    });
  }
}

async function readPieces(queries: Queries, at: ReadPoint, heads: readonly HeadRow[]): Promise<ReadonlyMap<AuctionId, Uint8Array>> {
  type PiecesRow = { readonly auctionId: AuctionId; readonly strung: Uint8Array };
  const rows = await queries.query<PiecesRow>(SELECT_PIECES, [at.shard, at.offset, ids(heads)]);
  return new Map(rows.map((row) => [row.auctionId, row.strung]));
}

interface HeadGroup {
  readonly heads: HeadRow[];
  chunks: number;
}

async function groupHeads(queries: Queries, at: ReadPoint, heads: readonly HeadRow[]): Promise<readonly HeadGroup[]> {
  type CountRow = { readonly auctionId: AuctionId; readonly chunks: number };
  const counted = await queries.query<CountRow>(COUNT_CHUNKS, [at.shard, at.offset, ids(heads)]);
  const counts = new Map(counted.map((row) => [row.auctionId, row.chunks]));
  const groups: HeadGroup[] = [];
  for (const head of heads) {
    const chunks = counts.get(head.auctionId) ?? 0;
    const last = groups.at(-1);
    if (last === undefined || (last.chunks > 0 && last.chunks + chunks > CHUNKS_READ_MAX)) groups.push({ heads: [head], chunks });
    else {
      last.heads.push(head);
      last.chunks += chunks;
    }
  }
  return groups;
}

async function readChunks(queries: Queries, at: ReadPoint, heads: readonly HeadRow[]): Promise<ReadonlyMap<AuctionId, StoredPart[]>> {
  const found = new Map<AuctionId, StoredPart[]>();
  let after: readonly [string, number, number, number] = [BEFORE_ALL, -1, -1, -1];
  for (;;) {
    const rows = await queries.query<ChunkRow>(SELECT_CHUNKS, [at.shard, at.offset, ids(heads), ...after]);
    for (const row of rows) {
      const own = found.get(row.auctionId);
      if (own === undefined) found.set(row.auctionId, [chunkPart(row)]);
      else own.push(chunkPart(row));
    }
    const last = rows.at(-1);
    if (last === undefined || rows.length < CHUNKS_READ_MAX) return found;
    after = [last.auctionId, last.kind, last.chunk, last.offset];
  }
}

/** A stored chunk as a part. */
export function chunkPart(row: ChunkRow): StoredPart {
  const kind = ROW_KINDS[row.kind];
  if (kind === undefined) throw new SnapshotDamaged(`A chunk is of the unknown kind ${row.kind}`);
  return { kind, from: row.chunk * CHUNK_ROWS, bytes: row.rows, offset: row.offset };
}

function ids(heads: readonly HeadRow[]): readonly string[] {
  return heads.map((head) => head.auctionId);
}
