// What every SnapshotStore must do. An adapter's test hands in a factory; each test works on a shard of its own.
import { createHash, randomBytes, randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import type { AuctionId, Instant } from "../../engine/core/ids.ts";
import { addHash, ZERO_HASH } from "../../engine/core/state-hash.ts";
import type { AuctionSnapshot, CatalogueColumns, Checkpoint, RowKind, RowSegment, SnapshotStore, StoredAuction } from "../../engine/ports.ts";

/** Row widths that the stores under test are made with: unequal, so that one taken for another shows. */
export const ROW_BYTES = { answers: 64, bids: 24, rows: 40 } as const;
/** How long closed auctions count as live in the stores under test. */
export const CLOSED_KEPT_MS = 60_000;
const KINDS: readonly RowKind[] = ["answers", "bids", "rows"];

let shards = 0;

/** A shard no other test uses. */
export function freshShard(): number {
  shards += 1;
  return shards;
}

/** A well-formed auction id for the n-th auction of a test. */
export function auctionIdOf(random = randomUUID()): AuctionId {
  return `${random.slice(0, 14)}8${random.slice(15, 19)}a${random.slice(20)}`;
}

export const LIFE = new Uint8Array(16).fill(7);

/** A checkpoint of the common life at this offset, all else derived from it. */
export function checkpointAt(shard: number, offset: number, more: Partial<Checkpoint> = {}): Checkpoint {
  return {
    shard,
    lifeId: LIFE,
    offset,
    lsn: offset * 3,
    runningHash: filled(16, offset),
    claim: 2,
    nonce: filled(16, 9),
    open: true,
    time: timeOf(offset),
    outageFrom: timeOf(offset),
    stateHash: filled(16, offset + 1),
    auctions: 1,
    ...more,
  };
}

/** Decision time of the n-th checkpoint of a test. */
export function timeOf(offset: number): Instant {
  return 1_795_000_000_000 + offset * 1_000;
}

/** Rows filled with one byte. */
export function filled(length: number, value: number): Uint8Array {
  return new Uint8Array(length).fill(value % 256);
}

export const COLUMNS: CatalogueColumns = {
  phase: "open",
  outcome: null,
  currency: "USD",
  sellerId: "s-1",
  lotId: "lot-1",
  opening: 100,
  price: 150,
  askingPrice: 175,
  totalBids: 3,
  bidders: 2,
  leaderNumber: 1,
  reserveMet: null,
  buyNow: null,
  opensAt: 1_795_000_000_000,
  endsAt: 1_795_000_600_000,
};

/** A snapshot of a test auction. */
export function snapshotOf(
  auctionId: AuctionId,
  sequence: number,
  segments: readonly RowSegment[] = [],
  columns: Partial<CatalogueColumns> = {},
): AuctionSnapshot {
  return {
    auctionId,
    sequence,
    stateHash: filled(16, sequence),
    head: filled(100 + (sequence % 7), sequence),
    segments,
    catalogue: { ...COLUMNS, ...columns },
  };
}

/** `count` random rows of a kind from row `from` on. */
export function rowsOf(kind: RowKind, from: number, count: number): RowSegment {
  return { kind, from, bytes: new Uint8Array(randomBytes(count * ROW_BYTES[kind])) };
}

/** Length and digest of the rows of each kind: to be compared, which long lists of bytes are slow at. */
export type Picture = Record<RowKind, string>;

function pictureOf(rows: Readonly<Record<RowKind, Buffer>>): Picture {
  const short = (bytes: Buffer): string => `${bytes.length} bytes ${createHash("sha256").update(bytes).digest("hex").slice(0, 16)}`;
  return { answers: short(rows.answers), bids: short(rows.bids), rows: short(rows.rows) };
}

/** The rows of an auction, after checking that its segments have neither gap nor overlap. null: there is no such auction. */
export function picture(auction: StoredAuction | null | undefined): Picture | null {
  if (auction === null || auction === undefined) return null;
  const whole = { answers: Buffer.alloc(0), bids: Buffer.alloc(0), rows: Buffer.alloc(0) };
  for (const { kind, from, bytes } of auction.segments) {
    expect(from * ROW_BYTES[kind]).toBe(whole[kind].length);
    whole[kind] = Buffer.concat([whole[kind], bytes]);
  }
  return pictureOf(whole);
}

/** All auctions of a checkpoint, in one list. */
export async function readAll(store: SnapshotStore, checkpoint: Checkpoint, liveOnly = false): Promise<Map<AuctionId, StoredAuction>> {
  const found = new Map<AuctionId, StoredAuction>();
  for await (const list of store.auctions(checkpoint, liveOnly)) {
    for (const auction of list) {
      expect(found.has(auction.auctionId)).toBe(false);
      found.set(auction.auctionId, auction);
    }
  }
  return found;
}

/** Rows written over each other in memory: what a store must give back. */
export class Rows {
  readonly #rows: Record<RowKind, Buffer> = { answers: Buffer.alloc(0), bids: Buffer.alloc(0), rows: Buffer.alloc(0) };

  write({ kind, from, bytes }: RowSegment): void {
    const at = from * ROW_BYTES[kind];
    const after = Buffer.alloc(Math.max(this.#rows[kind].length, at + bytes.length));
    after.set(this.#rows[kind]);
    after.set(bytes, at);
    this.#rows[kind] = after;
  }

  count(kind: RowKind): number {
    return this.#rows[kind].length / ROW_BYTES[kind];
  }

  picture(): Picture {
    return pictureOf(this.#rows);
  }
}

/** Registers the tests. `open` gives the store under test, the same each time or a new one. */
export function snapshotStoreContract(name: string, open: () => Promise<SnapshotStore>): void {
  checkpointTests(name, open);
  rowTests(name, open);
  listTests(name, open);
}

function checkpointTests(name: string, open: () => Promise<SnapshotStore>): void {
  test(`${name}: save: an auction is read back at its checkpoint as it was saved`, async () => {
    const store = await open();
    const at = checkpointAt(freshShard(), 10, { open: false, outageFrom: timeOf(4) });
    const snapshot = snapshotOf(auctionIdOf(), 5, [rowsOf("answers", 0, 4), rowsOf("bids", 0, 2)]);
    expect(await store.save(at, [snapshot])).toBe("saved");
    expect(await store.checkpoints(at.shard)).toEqual([at]);
    const auction = (await readAll(store, at)).get(snapshot.auctionId);
    expect(auction).toMatchObject({ sequence: 5, stateHash: snapshot.stateHash, head: snapshot.head });
    expect(auction?.segments).toEqual(snapshot.segments);
    expect(await store.auction(at.shard, snapshot.auctionId)).toEqual(auction);
    expect(store.healthy()).toBe(true);
  });

  test(`${name}: save: a checkpoint at or below the stored one writes nothing, for a zombie cannot overwrite`, async () => {
    const store = await open();
    const at = checkpointAt(freshShard(), 10);
    const auctionId = auctionIdOf();
    await store.save(at, [snapshotOf(auctionId, 5)]);
    for (const offset of [10, 9, 0]) {
      expect(await store.save(checkpointAt(at.shard, offset), [snapshotOf(auctionId, 4), snapshotOf(auctionIdOf(), 1)])).toBe("superseded");
    }
    expect(await store.checkpoints(at.shard)).toEqual([at]);
    expect([...(await readAll(store, at)).values()].map((auction) => auction.sequence)).toEqual([5]);
  });

  test(`${name}: save: the snapshots of another log are never overwritten`, async () => {
    const store = await open();
    const at = checkpointAt(freshShard(), 10);
    const auctionId = auctionIdOf();
    await store.save(at, [snapshotOf(auctionId, 5)]);
    await expect(store.save(checkpointAt(at.shard, 20, { lifeId: filled(16, 8) }), [snapshotOf(auctionId, 1)])).rejects.toThrow(
      /another log|belong to the log/,
    );
    expect(await store.checkpoints(at.shard)).toEqual([at]);
  });

  test(`${name}: checkpoints: the newest three stay readable, each as it was`, async () => {
    const store = await open();
    const shard = freshShard();
    const [still, changing, late] = [auctionIdOf(), auctionIdOf(), auctionIdOf()];
    await store.save(checkpointAt(shard, 1), [snapshotOf(still, 1), snapshotOf(changing, 1)]);
    for (const offset of [2, 3, 4, 5])
      await store.save(checkpointAt(shard, offset), [snapshotOf(changing, offset), ...(offset === 5 ? [snapshotOf(late, 1)] : [])]);
    const kept = await store.checkpoints(shard);
    expect(kept.map((checkpoint) => checkpoint.offset)).toEqual([5, 4, 3]);
    for (const checkpoint of kept) {
      const auctions = await readAll(store, checkpoint);
      expect(auctions.get(still)?.sequence).toBe(1);
      expect(auctions.get(changing)).toMatchObject({ sequence: checkpoint.offset, head: snapshotOf(changing, checkpoint.offset).head });
      expect(auctions.has(late)).toBe(checkpoint.offset === 5);
    }
    await expect(readAll(store, checkpointAt(shard, 2))).rejects.toThrow(/any more/);
  });

  test(`${name}: checkpoints: a checkpoint without changed auctions is one all the same`, async () => {
    const store = await open();
    const shard = freshShard();
    const auctionId = auctionIdOf();
    await store.save(checkpointAt(shard, 1), [snapshotOf(auctionId, 1, [rowsOf("rows", 0, 3)])]);
    for (const offset of [2, 3, 4, 5]) expect(await store.save(checkpointAt(shard, offset), [])).toBe("saved");
    const [newest] = await store.checkpoints(shard);
    expect(newest?.offset).toBe(5);
    expect((await readAll(store, checkpointAt(shard, 5))).get(auctionId)?.segments).toHaveLength(1);
  });

  test(`${name}: checkpoints: a shard without any has none, and none of its auctions`, async () => {
    const store = await open();
    const shard = freshShard();
    expect(await store.checkpoints(shard)).toEqual([]);
    expect(await store.auction(shard, auctionIdOf())).toBeNull();
  });
}

function rowTests(name: string, open: () => Promise<SnapshotStore>): void {
  test(`${name}: rows: pieces of many checkpoints join without gap, over the border of a chunk`, async () => {
    const store = await open();
    const shard = freshShard();
    const auctionId = auctionIdOf();
    const rows = new Rows();
    for (let offset = 1; offset <= 12; offset += 1) {
      const segments = KINDS.map((kind) => rowsOf(kind, rows.count(kind), kind === "rows" ? 1 : 331));
      for (const segment of segments) rows.write(segment);
      await store.save(checkpointAt(shard, offset), [snapshotOf(auctionId, offset, segments)]);
      expect(picture(await store.auction(shard, auctionId))).toEqual(rows.picture());
    }
  });

  test(`${name}: rows: many thousand in one save come back whole`, async () => {
    const store = await open();
    const at = checkpointAt(freshShard(), 1);
    const snapshot = snapshotOf(auctionIdOf(), 1, [rowsOf("answers", 0, 5_000), rowsOf("bids", 0, 1_024), rowsOf("rows", 0, 2_049)]);
    await store.save(at, [snapshot]);
    const rows = new Rows();
    for (const segment of snapshot.segments) rows.write(segment);
    expect(picture((await readAll(store, at)).get(snapshot.auctionId))).toEqual(rows.picture());
  });

  test(`${name}: rows: a changed row holds at its own checkpoint and not at the one before`, async () => {
    const store = await open();
    const shard = freshShard();
    const auctionId = auctionIdOf();
    const rows = new Rows();
    const pictures = new Map<number, Picture>();
    const saves: RowSegment[][] = [
      [rowsOf("bids", 0, 2_500)],
      [rowsOf("bids", 7, 1)],
      [rowsOf("bids", 1_020, 9), rowsOf("bids", 2_499, 3)],
      [rowsOf("bids", 0, 1_024)],
      [rowsOf("bids", 2_502, 570)],
      [rowsOf("bids", 3, 2), rowsOf("bids", 3_000, 1)],
      [rowsOf("bids", 3_072, 1)],
      [rowsOf("bids", 5, 1)],
    ];
    for (const [index, segments] of saves.entries()) {
      const offset = index + 1;
      for (const segment of segments) rows.write(segment);
      pictures.set(offset, rows.picture());
      await store.save(checkpointAt(shard, offset), [snapshotOf(auctionId, offset, segments)]);
      for (const checkpoint of await store.checkpoints(shard)) {
        expect(picture((await readAll(store, checkpoint)).get(auctionId))).toEqual(pictures.get(checkpoint.offset));
      }
    }
  });

  test(`${name}: rows: rows saved again at a later checkpoint, as after a lost answer, stay the same rows`, async () => {
    const store = await open();
    const shard = freshShard();
    const auctionId = auctionIdOf();
    const first = rowsOf("answers", 0, 10);
    await store.save(checkpointAt(shard, 1), [snapshotOf(auctionId, 1, [first])]);
    const more: RowSegment = { kind: first.kind, from: 4, bytes: Buffer.concat([first.bytes.subarray(4 * ROW_BYTES.answers), rowsOf("answers", 10, 3).bytes]) };
    await store.save(checkpointAt(shard, 2), [snapshotOf(auctionId, 2, [more])]);
    const rows = new Rows();
    for (const segment of [first, more] as const) rows.write(segment);
    expect(picture(await store.auction(shard, auctionId))).toEqual(rows.picture());
  });
}

function listTests(name: string, open: () => Promise<SnapshotStore>): void {
  test(`${name}: auctions: several lists hold each auction once`, async () => {
    const store = await open();
    const at = checkpointAt(freshShard(), 1);
    const snapshots = Array.from({ length: 2_300 }, (_, index) =>
      snapshotOf(auctionIdOf(), index + 1, [rowsOf("answers", 0, index % 3)], { phase: index % 2 === 0 ? "open" : "closed" }),
    );
    await store.save(at, snapshots);
    const found = await readAll(store, at);
    expect(found.size).toBe(snapshots.length);
    for (const { auctionId, sequence, segments } of snapshots) {
      const auction = found.get(auctionId);
      expect(auction?.sequence).toBe(sequence);
      expect(auction?.segments).toEqual(segments.filter((segment) => segment.bytes.length > 0));
    }
  });

  test(`${name}: auctions: those closed long before the checkpoint are not among the live ones, and can be read one by one`, async () => {
    const store = await open();
    const shard = freshShard();
    const [open1, old, recent, taken] = [auctionIdOf(), auctionIdOf(), auctionIdOf(), auctionIdOf()];
    await store.save(checkpointAt(shard, 1), [snapshotOf(open1, 1), snapshotOf(old, 1), snapshotOf(recent, 1), snapshotOf(taken, 1, [], { phase: null })]);
    await store.save(checkpointAt(shard, 2), [snapshotOf(old, 2, [rowsOf("answers", 0, 2)], { phase: "closed", outcome: "sold" })]);
    const later = 3 + CLOSED_KEPT_MS / 1_000;
    const at = checkpointAt(shard, later);
    await store.save(at, [snapshotOf(recent, 2, [], { phase: "closed", outcome: "passed" })]);
    expect(new Set((await readAll(store, at, true)).keys())).toEqual(new Set([open1, recent, taken]));
    expect(new Set((await readAll(store, at, false)).keys())).toEqual(new Set([open1, old, recent, taken]));
    expect(new Set((await readAll(store, checkpointAt(shard, 1), true)).keys())).toEqual(new Set([open1, old, recent, taken]));
    expect(await store.auction(shard, old)).toMatchObject({ sequence: 2 });
  });

  test(`${name}: asleep: those that the live ones leave out are counted, and their hashes summed as of that checkpoint`, async () => {
    const store = await open();
    const shard = freshShard();
    const ids = [auctionIdOf(), auctionIdOf(), auctionIdOf()];
    await store.save(
      checkpointAt(shard, 1),
      ids.map((auctionId) => snapshotOf(auctionId, 1, [], { phase: "closed", outcome: "sold" })),
    );
    expect(await store.asleep(checkpointAt(shard, 1))).toEqual({ count: 0, hashSum: ZERO_HASH });
    const at = checkpointAt(shard, 3 + CLOSED_KEPT_MS / 1_000);
    await store.save(at, [snapshotOf(auctionIdOf(), 1)]);
    const hashes = [...(await readAll(store, at, false))].filter(([auctionId]) => ids.includes(auctionId)).map(([, { stateHash }]) => stateHash);
    expect(await store.asleep(at)).toEqual({ count: ids.length, hashSum: Uint8Array.from(hashes.reduce<Uint8Array>(addHash, ZERO_HASH)) });
  });

  test(`${name}: auctions: a save in the middle of a read does not change what is read`, async () => {
    const store = await open();
    const shard = freshShard();
    const ids = Array.from({ length: 2_100 }, () => auctionIdOf());
    const at = checkpointAt(shard, 1);
    await store.save(
      at,
      ids.map((auctionId) => snapshotOf(auctionId, 1, [rowsOf("rows", 0, 1)])),
    );
    const sequences: number[] = [];
    for await (const list of store.auctions(at, false)) {
      sequences.push(...list.map((auction) => auction.sequence));
      const next = 1 + sequences.length;
      await store.save(
        checkpointAt(shard, next),
        ids.map((auctionId) => snapshotOf(auctionId, next, [rowsOf("rows", 0, 1)])),
      );
    }
    expect(sequences).toHaveLength(ids.length);
    expect(new Set(sequences)).toEqual(new Set([1]));
  });
}
