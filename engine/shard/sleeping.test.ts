// Closed auctions that left memory: asked for, fetched, replayed into, by several at once.
import { expect, test } from "vitest";
import { MemorySnapshotStore } from "../../persistence/memory/snapshot-store.ts";
import { HeldStore } from "../sim/held.ts";
import { auctionIdOf, commandOf, OneNode } from "../sim/one-node.ts";
import { AUCTION, audited, bidOf, create, finished, hashesOf, opened, SECOND, said } from "../sim/scenes.ts";
import { SNAPSHOT_ROW_BYTES } from "./snapshots.ts";

const KEPT_MS = 10 * SECOND;

function heldStore(): HeldStore {
  return new HeldStore(new MemorySnapshotStore({ rowBytes: SNAPSHOT_ROW_BYTES, closedKeptMs: KEPT_MS }));
}

/** A world in which AUCTION was sold to ann and has left memory. */
async function asleep(store: HeldStore, world = new OneNode({ snapshots: store, limits: { closedKeptMs: KEPT_MS } })): Promise<OneNode> {
  await world.start();
  await opened(world, { durationMs: 10 * SECOND });
  await world.ask(bidOf("ann", "k1", 500));
  await world.time.pass(60 * SECOND);
  await finished(world, world.node.snapshotAll());
  expect(world.node.all()[0]).toMatchObject({ evicted: 1, actors: new Map() });
  return world;
}

const VIEW = { kind: "view", auctionId: AUCTION, fresh: false, history: 5, bidderId: null } as const;

test("sleeping: a repeat of a key gets its first bytes, another bid is decided", async () => {
  const world = await asleep(heldStore());
  expect(said(await world.ask(bidOf("ann", "k1", 500)))).toBe("leading 3 replayed");
  expect(said(await world.ask(bidOf("bob", "k2", 900)))).toBe("ended 5");
  expect(said(await world.ask(commandOf("seller", "sue", AUCTION, "c2", create())))).toBe("already_exists 6");
});

test("sleeping: a command and reads that come together are served by one fetch, and all see the auction", async () => {
  const store = heldStore();
  const world = await asleep(store);
  store.fetching.close();
  const before = world.read(VIEW);
  const command = world.send(bidOf("bob", "k2", 900));
  const after = world.read(VIEW);
  const fresh = world.read({ ...VIEW, fresh: true });
  world.node.turn();
  await world.time.settle();
  expect(store.fetching.waiting).toBe(1);
  store.fetching.open();
  await world.time.settle();
  expect([before, command, after, fresh].map((id) => said(world.caller.told.get(id)))).toEqual(["read", "ended 5", "read", "read"]);
  expect(world.node.all()[0]?.evicted).toBe(0);
});

test("sleeping: a fresh read finds it", async () => {
  const world = await asleep(heldStore());
  const id = world.read({ ...VIEW, fresh: true });
  world.node.turn();
  await world.time.settle();
  expect(said(world.caller.told.get(id))).toBe("read");
});

test("sleeping: with the store away nothing is said of it", async () => {
  const store = heldStore();
  const world = await asleep(store);
  store.fails = () => true;
  const read = world.read(VIEW);
  expect(said(await world.ask(bidOf("bob", "k2", 900)))).toBe("overloaded");
  expect(said(world.caller.told.get(read))).toBe("overloaded");
  store.fails = () => false;
  expect(said(await world.ask(bidOf("bob", "k2", 900)))).toBe("ended 5");
});

test("sleeping: a fetch that comes back after the shard was read anew changes nothing", async () => {
  const store = heldStore();
  const world = await asleep(store);
  const [shard] = world.node.all();
  if (shard === undefined) throw new Error("one shard");
  store.fetching.close();
  const waiting = world.send(bidOf("bob", "k2", 900));
  const read = world.read(VIEW);
  world.node.turn();
  await world.time.settle();
  world.node.broken(shard, "test", "an invariant broke");
  await world.time.pass(5 * SECOND);
  store.fetching.open();
  await world.time.settle();
  expect([waiting, read].map((id) => said(world.caller.told.get(id)))).toEqual(["shard_unowned", "shard_unowned"]);
  expect(said(await world.ask(bidOf("bob", "k2", 900)))).toBe("ended 5");
  await finished(world, world.node.stop());
  expect((await audited(world)).violations).toEqual([]);
});

test("sleeping: a replay fetches what somebody else is waiting for, and the older answer of the store is dropped", async () => {
  const store = heldStore();
  let lose = false;
  const first = new OneNode({ snapshots: store, limits: { closedKeptMs: KEPT_MS }, log: { fate: () => ({ kind: lose ? "answer_lost" : "done" }) } });
  const world = await asleep(store, first);
  // A bid on it is decided, its outcome unknown; then it leaves memory again before the log is read.
  await world.ask(bidOf("bob", "k2", 900));
  await world.time.pass(30 * SECOND);
  lose = true;
  const unknown = world.send(bidOf("cyn", "k3", 900));
  world.node.turn();
  await world.time.settle();
  lose = false;
  await world.time.pass(5 * SECOND);
  expect(said(world.caller.told.get(unknown))).toBe("ended 6 replayed");
  await finished(world, world.node.snapshotAll());
  const second = await new OneNode({ before: world, limits: { closedKeptMs: KEPT_MS } }).start();
  expect(said(await second.ask(bidOf("cyn", "k3", 900)))).toBe("ended 6 replayed");
  expect(said(await second.ask(bidOf("dan", "k4", 900)))).toBe("ended 7");
  await finished(second, second.node.stop());
  expect((await audited(second)).violations).toEqual([]);
});

test("sleeping: checkpoints go on counting it, and a node that starts again finds it", async () => {
  const world = await asleep(heldStore());
  await opened(world, {}, auctionIdOf(2));
  await world.ask(bidOf("bob", "k2", 900));
  await finished(world, world.node.snapshotAll());
  await world.time.pass(60 * SECOND);
  await world.ask(bidOf("ann", "k5", 500, auctionIdOf(2)));
  await finished(world, world.node.stop());
  const second = await new OneNode({ before: world, limits: { closedKeptMs: KEPT_MS } }).start();
  expect(second.lines).toContainEqual(expect.objectContaining({ event: "shard_claimed", fields: expect.objectContaining({ from: "checkpoint" }) }));
  expect(said(await second.ask(bidOf("bob", "k2", 900)))).toBe("ended 5 replayed");
  await finished(second, second.node.stop());
  expect(hashesOf(second)).toEqual(hashesOf(world));
  expect((await audited(second)).violations).toEqual([]);
});

test("sleeping: nothing leaves memory while the shard is being read", async () => {
  const store = heldStore();
  const world = await asleep(store);
  await opened(world, {}, auctionIdOf(2));
  await world.ask(bidOf("bob", "k2", 900));
  await finished(world, world.node.stop());
  const second = new OneNode({ before: world, limits: { closedKeptMs: 0 } });
  store.loading.close();
  void second.node.start();
  await second.time.settle();
  store.loading.open();
  // The first list of the checkpoint is in memory, the reading goes on.
  for (let n = 0; n < 8; n += 1) {
    await Promise.resolve();
    void second.node.snapshotAll();
  }
  await second.time.settle();
  await finished(second, second.node.snapshotAll());
  await second.ask(bidOf("bob", "k3", 900, auctionIdOf(2)));
  await finished(second, second.node.stop());
  const third = await new OneNode({ before: second, limits: { closedKeptMs: 0 } }).start();
  expect(third.lines.filter((line) => line.event === "snapshot_unfit")).toEqual([]);
  expect(said(await third.ask(bidOf("bob", "k2", 900)))).toBe("ended 5 replayed");
  await finished(third, third.node.stop());
  expect((await audited(third)).violations).toEqual([]);
});

test("sleeping: an unknown id is looked for, then refused; with a create it begins", async () => {
  const world = await asleep(heldStore());
  expect(said(await world.ask(bidOf("ann", "k1", 500, auctionIdOf(9))))).toBe("no_such_auction");
  expect(said(await opened(world, {}, auctionIdOf(9)))).toBe("ok 1");
});

test("sleeping: more fetches at once than the store should bear are refused", async () => {
  const store = heldStore();
  const world = await asleep(store);
  store.fetching.close();
  const ids = Array.from({ length: 70 }, (_, n) => world.send(bidOf("ann", "k1", 500, auctionIdOf(100 + n))));
  world.node.turn();
  await world.time.settle();
  expect(ids.map((id) => said(world.caller.told.get(id))).filter((word) => word === "overloaded")).toHaveLength(6);
  store.fetching.open();
  await world.time.settle();
  expect(new Set(ids.slice(0, 64).map((id) => said(world.caller.told.get(id))))).toEqual(new Set(["no_such_auction"]));
  expect(world.node.all()[0]?.actors.size).toBe(0);
});
