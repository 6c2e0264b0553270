// What snapshots and catalogue do when Postgres is killed, away, slow, or held by a process that froze; and what a save costs.
import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import type { SnapshotStore } from "../../engine/ports.ts";
import { CatalogueUnavailable } from "../../gateway/ports.ts";
import { entryOf } from "../contract/catalogue.ts";
import { type OwnServer, ownServer } from "../contract/postgres-server.ts";
import { auctionIdOf, CLOSED_KEPT_MS, checkpointAt, freshShard, picture, ROW_BYTES, Rows, readAll, rowsOf, snapshotOf } from "../contract/snapshot-store.ts";
import { PostgresCatalogue } from "./catalogue.ts";
import { DATABASE_DEFAULTS, Database, PostgresAway, StatementFailed, UnsafeInteger } from "./pool.ts";
import { SnapshotDamaged } from "./row-pieces.ts";
import { CheckpointGone, forgetSnapshots, OtherLife, PostgresSnapshotStore } from "./snapshot-store.ts";

let server: OwnServer;
beforeAll(async () => {
  server = await ownServer();
});
afterAll(() => server.stop());

function storeOver(database: Database, onMergeFailed: (shard: number, error: Error) => void = fail): PostgresSnapshotStore {
  return new PostgresSnapshotStore(database, { rowBytes: ROW_BYTES, statementAuctionsMax: 500, closedKeptMs: CLOSED_KEPT_MS, onMergeFailed });
}

function fail(_shard: number, error: Error): void {
  throw error;
}

/** A database with one number in it: bytes written to the server's log so far. */
async function walBytes(database: Database): Promise<number> {
  const text = "select (pg_current_wal_insert_lsn() - '0/0')::bigint as bytes";
  const [row] = await database.query<{ readonly bytes: number }>({ name: "wal", text }, []);
  return row?.bytes ?? 0;
}

test("postgres snapshots: kill: a server killed in the middle of a save has the checkpoint before it, whole, and takes the next", async () => {
  const own = await ownServer();
  onTestFinished(() => own.stop());
  const shard = freshShard();
  const ids = Array.from({ length: 3_000 }, () => auctionIdOf());
  const snapshots = (sequence: number) => ids.map((auctionId) => snapshotOf(auctionId, sequence, [rowsOf("answers", sequence - 1, 1)]));
  let batches = 0;
  const database = own.open({
    onStatement: (name) => {
      if (name !== "insert_heads") return;
      batches += 1;
      if (batches === 9) own.kill("SIGKILL");
    },
  });
  const store = storeOver(database);
  expect(await store.save(checkpointAt(shard, 1), snapshots(1))).toBe("saved");
  await expect(store.save(checkpointAt(shard, 2), snapshots(2))).rejects.toBeInstanceOf(PostgresAway);
  expect(batches).toBe(9);
  expect(store.healthy()).toBe(false);
  await own.restart();
  expect((await store.checkpoints(shard)).map((checkpoint) => checkpoint.offset)).toEqual([1]);
  const found = [...(await readAll(store, checkpointAt(shard, 1))).values()];
  expect([found.length, new Set(found.map((auction) => auction.sequence))]).toEqual([ids.length, new Set([1])]);
  expect(await store.save(checkpointAt(shard, 2), snapshots(2))).toBe("saved");
  expect(store.healthy()).toBe(true);
});

test("postgres snapshots: zombie: a process that froze while it held the guard does not keep the new owner from saving", async () => {
  const shard = freshShard();
  const frozen = server.open({ transactionIdleMs: 300 });
  const next = storeOver(server.open());
  const auctionId = auctionIdOf();
  expect(await next.save(checkpointAt(shard, 1), [snapshotOf(auctionId, 1)])).toBe("saved");
  const held = await frozen.begin("write");
  await held.query({ name: "hold", text: "select shard from snapshot_guards where shard = $1 for update" }, [shard]);
  expect(await next.save(checkpointAt(shard, 5), [snapshotOf(auctionId, 5)])).toBe("saved");
  // It wakes up: its transaction is gone, and a save of its own finds a higher offset.
  await expect(held.query({ name: "move", text: 'update snapshot_guards set "offset" = 2 where shard = $1' }, [shard])).rejects.toBeInstanceOf(PostgresAway);
  await held.end("rollback");
  expect(await storeOver(frozen).save(checkpointAt(shard, 2), [snapshotOf(auctionId, 2)])).toBe("superseded");
  expect(await next.auction(shard, auctionId)).toMatchObject({ sequence: 5 });
});

test("postgres snapshots: two savers at once: one lands, and the lower offset never over the higher", async () => {
  const auctionId = auctionIdOf();
  const [one, two] = [storeOver(server.open()), storeOver(server.open())];
  for (let round = 0; round < 10; round += 1) {
    const shard = freshShard();
    const saves = await Promise.all([
      one.save(checkpointAt(shard, 8), [snapshotOf(auctionId, 8)]),
      two.save(checkpointAt(shard, 7), [snapshotOf(auctionId, 7)]),
    ]);
    expect(saves[0]).toBe("saved");
    expect((await one.checkpoints(shard))[0]?.offset).toBe(8);
    expect(await two.auction(shard, auctionId)).toMatchObject({ sequence: 8 });
  }
});

test("postgres snapshots: cost: one new answer in an auction of 100,000 writes a few KB, and a chunk that fills its 64 KB once", async () => {
  const database = server.open();
  const store = storeOver(database);
  const shard = freshShard();
  const auctionId = auctionIdOf();
  const rows = new Rows();
  const first = [rowsOf("answers", 0, 100_330)];
  for (const segment of first) rows.write(segment);
  await store.save(checkpointAt(shard, 1), [snapshotOf(auctionId, 1, first)]);
  // Pages that the server's own checkpoint left clean are logged whole when they are first changed; that is once, not once a save.
  await store.save(checkpointAt(shard, 2), [snapshotOf(auctionId, 2)]);
  const before = await walBytes(database);
  const saves = 40;
  const saveBytesMax = 8_000;
  const chunkBytesMax = 100_000;
  for (let offset = 3; offset < 3 + saves; offset += 1) {
    const segment = rowsOf("answers", rows.count("answers"), 1);
    rows.write(segment);
    await store.save(checkpointAt(shard, offset), [snapshotOf(auctionId, offset, [segment])]);
  }
  expect((await walBytes(database)) - before).toBeLessThan(saves * saveBytesMax + chunkBytesMax);
  expect(picture(await store.auction(shard, auctionId))).toEqual(rows.picture());
});

test("postgres snapshots: merge: pieces of a full chunk become one row, and nothing older is kept for longer than three checkpoints need it", async () => {
  const database = server.open();
  const store = storeOver(database);
  const shard = freshShard();
  const auctionId = auctionIdOf();
  const rows = new Rows();
  for (let offset = 1; offset <= 40; offset += 1) {
    const segments = [rowsOf("answers", rows.count("answers"), 60), ...(offset === 30 ? [rowsOf("answers", 5, 2)] : [])];
    for (const segment of segments) rows.write(segment);
    await store.save(checkpointAt(shard, offset), [snapshotOf(auctionId, offset, segments)]);
  }
  type Counts = { readonly heads: number; readonly pieces: number; readonly chunks: number; readonly merges: number };
  const text = `select (select count(*) from snapshot_heads where shard = $1) as heads, (select count(*) from snapshot_pieces where shard = $1) as pieces,
    (select count(*) from snapshot_chunks where shard = $1) as chunks, (select count(*) from snapshot_merges where shard = $1) as merges`;
  const [counts] = await database.query<Counts>({ name: "counts", text }, [shard]);
  // 2,400 answers: two full chunks, and the pieces since the second filled at checkpoint 35.
  expect(counts).toEqual({ heads: 3, pieces: 6, chunks: 2, merges: 0 });
  expect(picture(await store.auction(shard, auctionId))).toEqual(rows.picture());
});

test("postgres snapshots: damage: rows that do not fit together are refused, never mended", async () => {
  const database = server.open();
  const failed: Error[] = [];
  const store = storeOver(database, (_shard, error) => failed.push(error));
  const shard = freshShard();
  const snapshot = snapshotOf(auctionIdOf(), 1, [rowsOf("answers", 0, 4)]);
  await store.save(checkpointAt(shard, 1), [snapshot]);
  await store.save(checkpointAt(shard, 2), [snapshotOf(snapshot.auctionId, 2, [rowsOf("answers", 4, 1_020)])]);
  await database.query({ name: "harm", text: 'delete from snapshot_pieces where shard = $1 and "offset" = 1' }, [shard]);
  await expect(readAll(store, checkpointAt(shard, 2))).rejects.toBeInstanceOf(SnapshotDamaged);
  await expect(store.auction(shard, snapshot.auctionId)).rejects.toBeInstanceOf(SnapshotDamaged);
  expect((await readAll(store, checkpointAt(shard, 1))).get(snapshot.auctionId)?.segments).toEqual([]);
  for (const offset of [3, 4]) expect(await store.save(checkpointAt(shard, offset), [])).toBe("saved");
  expect(failed).toEqual([expect.any(SnapshotDamaged)]);
});

test("postgres snapshots: another life: the refusal says what to do, and doing it lets the new log begin", async () => {
  const own = await ownServer();
  onTestFinished(() => own.stop());
  const database = own.open();
  const store: SnapshotStore = storeOver(database);
  const shard = freshShard();
  const other = checkpointAt(shard, 3, { lifeId: new Uint8Array(randomBytes(16)) });
  await store.save(checkpointAt(shard, 10), [snapshotOf(auctionIdOf(), 1)]);
  await expect(store.save(other, [])).rejects.toThrow(OtherLife);
  await expect(store.save(other, [])).rejects.toThrow(/a database of its own.*truncate snapshot_guards/);
  await expect(readAll(store, other)).rejects.toBeInstanceOf(CheckpointGone);
  await forgetSnapshots(database);
  expect(await store.save(other, [])).toBe("saved");
  expect(await store.checkpoints(shard)).toEqual([other]);
});

test("postgres: away: nobody listens, so every call is refused by its own kind of error", async () => {
  const database = new Database({ ...DATABASE_DEFAULTS, url: "postgres://nobody:x@127.0.0.1:1/postgres" });
  onTestFinished(() => database.close());
  const store = storeOver(database);
  await expect(store.save(checkpointAt(1, 1), [])).rejects.toBeInstanceOf(PostgresAway);
  await expect(readAll(store, checkpointAt(1, 1))).rejects.toBeInstanceOf(PostgresAway);
  const catalogue = new PostgresCatalogue(database);
  await expect(catalogue.add(entryOf())).rejects.toBeInstanceOf(CatalogueUnavailable);
  await expect(catalogue.list({ sort: "newest", limit: 1 })).rejects.toBeInstanceOf(CatalogueUnavailable);
  expect([store.healthy(), catalogue.healthy()]).toEqual([false, false]);
});

test("postgres: shutdown: a server that ends its sessions costs the statement in flight, and the next call connects anew", async () => {
  const own = await ownServer();
  onTestFinished(() => own.stop());
  const database = own.open();
  const one = { name: "one", text: "select 1 as one" };
  await Promise.all(Array.from({ length: 4 }, () => database.query(one, [])));
  const asleep = await database.begin("read");
  const cut = expect(asleep.query({ name: "sleep", text: "select pg_sleep(30)::text" }, [])).rejects.toBeInstanceOf(PostgresAway);
  own.kill("SIGINT");
  await cut;
  await asleep.end("rollback");
  expect(database.healthy()).toBe(false);
  await own.restart();
  expect(await database.query(one, [])).toEqual([{ one: 1 }]);
  expect(database.healthy()).toBe(true);
});

test("postgres: health: looking at it is enough to learn that an idle database is back", async () => {
  const own = await ownServer();
  onTestFinished(() => own.stop());
  let seen: (name: string) => void = () => undefined;
  const database = own.open({ onStatement: (name) => seen(name) });
  await database.query({ name: "one", text: "select 1 as one" }, []);
  own.kill("SIGKILL");
  await own.restart();
  const looked = new Promise<void>((resolve) => {
    seen = (name) => name === "look" && resolve();
  });
  expect(database.healthy()).toBe(false);
  await looked;
  expect(database.healthy()).toBe(true);
});

test("postgres: limits: a slow statement is cut off and counted, a refused one is not the database being away", async () => {
  const seen: [string, boolean][] = [];
  const database = server.open({ statementLimitMs: 1_200, onStatement: (name, _ms, slow) => seen.push([name, slow]) });
  await expect(database.query({ name: "sleep", text: "select pg_sleep(30)::text" }, [])).rejects.toBeInstanceOf(PostgresAway);
  expect(database.healthy()).toBe(false);
  await expect(database.query({ name: "nonsense", text: "select nothing from nowhere" }, [])).rejects.toBeInstanceOf(StatementFailed);
  expect(database.healthy()).toBe(true);
  expect(seen.filter(([name]) => name !== "look")).toEqual([
    ["sleep", true],
    ["nonsense", false],
  ]);
});

test("postgres: limits: callers beyond the waiting room are refused at once", async () => {
  const database = server.open({ max: 1 });
  const held = await database.begin("read");
  const waiting = Array.from({ length: 40 }, () => database.query({ name: "one", text: "select 1 as one" }, []));
  const answers = Promise.allSettled(waiting);
  await held.end("rollback");
  const refused = (await answers).filter((answer) => answer.status === "rejected");
  expect(refused).toHaveLength(8);
  expect(refused.every((answer) => answer.reason instanceof PostgresAway)).toBe(true);
  expect(database.connections()).toMatchObject({ active: 0, waiting: 0 });
});

test("postgres: values: an int8 that is no safe integer, and a type nobody reads, are refused", async () => {
  const database = server.open();
  const ask = (text: string) => database.query({ name: "ask", text, oneShot: true }, []);
  expect(await ask("select 9007199254740991 as big, -9007199254740991 as small")).toEqual([{ big: 9_007_199_254_740_991, small: -9_007_199_254_740_991 }]);
  await expect(ask("select 9007199254740992 as big")).rejects.toBeInstanceOf(UnsafeInteger);
  await expect(ask("select now() as at")).rejects.toThrow(/type 1184/);
  expect(await ask("select 1 as one")).toEqual([{ one: 1 }]);
});

test("postgres: pooler: without named statements the stores work the same", async () => {
  const store = storeOver(server.open({ named: false }));
  const shard = freshShard();
  const snapshot = snapshotOf(auctionIdOf(), 1, [rowsOf("rows", 0, 3)]);
  expect(await store.save(checkpointAt(shard, 1), [snapshot])).toBe("saved");
  expect((await store.auction(shard, snapshot.auctionId))?.segments).toEqual(snapshot.segments);
});
