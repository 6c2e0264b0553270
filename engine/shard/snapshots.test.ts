// Checkpoints under way while everything else goes on: what is saved stands at one lsn, or is not used.
import { expect, test } from "vitest";
import { MemorySnapshotStore } from "../../persistence/memory/snapshot-store.ts";
import { createRecordCodec } from "../../persistence/record.ts";
import type { Offset } from "../core/ids.ts";
import { addHash, ZERO_HASH } from "../core/state-hash.ts";
import type { AuctionSnapshot, Checkpoint, StoredAuction } from "../ports.ts";
import { HeldStore } from "../sim/held.ts";
import { auctionIdOf, commandOf, OneNode } from "../sim/one-node.ts";
import { audited, bidOf, create, finished, hashesOf, opened, SECOND, said } from "../sim/scenes.ts";
import type { Shard } from "./shard.ts";
import { SNAPSHOT_ROW_BYTES, takeSnapshot } from "./snapshots.ts";

/** Captured in six slices. */
const MANY = 6;
const LIMITS = { snapshotSliceMax: 1 };
const FOREIGN = new Uint8Array([1, 2, 3]);
/** More void records than are looked at behind the newest that counted. */
const FLOOD = 1_000;

function memoryStore(): MemorySnapshotStore {
  return new MemorySnapshotStore({ rowBytes: SNAPSHOT_ROW_BYTES, closedKeptMs: 86_400_000 });
}

/** Creates auctions 0 to `count` - 1, all at once. */
async function manyOpened(world: OneNode, count: number): Promise<void> {
  for (let n = 0; n < count; n += 1) {
    world.send(commandOf("seller", "sue", auctionIdOf(n), "create", create()));
  }
  world.node.turn();
  await world.time.settle();
}

function only(world: OneNode): Shard {
  const [shard] = world.node.all();
  if (shard === undefined) throw new Error("one shard");
  return shard;
}

/** A turn that waits until it is let go. */
function heldTurn(): { readonly turn: () => Promise<void>; go(): void } {
  let go: () => void = () => undefined;
  return {
    turn: () =>
      new Promise((resolve) => {
        go = resolve;
      }),
    go: () => go(),
  };
}

/** Every checkpoint of the store: the sum of its auctions' hashes, and the one it says. */
async function sums(world: OneNode): Promise<readonly (readonly [string, string])[]> {
  const all: (readonly [string, string])[] = [];
  for (const checkpoint of await world.snapshots.checkpoints(0)) {
    let sum = ZERO_HASH;
    for await (const list of world.snapshots.auctions(checkpoint, false)) for (const auction of list) sum = addHash(sum, auction.stateHash);
    all.push([Buffer.from(sum).toString("hex"), Buffer.from(checkpoint.stateHash).toString("hex")]);
  }
  return all;
}

async function sameAfterRestart(world: OneNode): Promise<OneNode> {
  const second = await new OneNode({ before: world }).start();
  await finished(second, second.node.stop());
  expect(second.lines.filter((line) => line.event === "snapshot_unfit" || line.event === "shard_stopped")).toEqual([]);
  expect((await audited(second)).violations).toEqual([]);
  return second;
}

test("snapshot: a node that stops while one is under way releases the right state hash, and both are usable", async () => {
  const world = await new OneNode({ limits: LIMITS }).start();
  await manyOpened(world, MANY);
  const snapshot = world.node.snapshotAll();
  // Auction 0 is captured last, the newest one first.
  const early = world.send(bidOf("ann", "k1", 500, auctionIdOf(MANY - 1)));
  const late = world.send(bidOf("ann", "k2", 500, auctionIdOf(0)));
  world.node.turn();
  await Promise.resolve();
  await Promise.resolve();
  expect([early, late].map((id) => said(world.caller.told.get(id)))).toEqual(["leading 3", "leading 3"]);
  const stopped = world.node.stop();
  await finished(world, snapshot);
  await finished(world, stopped);
  expect((await audited(world)).violations).toEqual([]);
  const checkpoints = await sums(world);
  expect(checkpoints).toHaveLength(2);
  for (const [sum, told] of checkpoints) expect(told).toBe(sum);
  const second = await sameAfterRestart(world);
  expect(hashesOf(second)).toEqual(hashesOf(world));
  expect(second.lines).toContainEqual(expect.objectContaining({ event: "shard_claimed", fields: expect.objectContaining({ from: "checkpoint" }) }));
});

test("snapshot: what the log brings while one is under way is not in it", async () => {
  let lose = false;
  const world = await new OneNode({ limits: LIMITS, log: { fate: () => ({ kind: lose ? "answer_lost" : "done" }) } }).start();
  await manyOpened(world, MANY);
  // Auction 0 is captured last.
  const held = heldTurn();
  const snapshot = takeSnapshot(only(world), held.turn);
  await world.time.settle();
  lose = true;
  const id = world.send(bidOf("ann", "k1", 500, auctionIdOf(0)));
  world.node.turn();
  await world.time.settle();
  lose = false;
  await world.time.pass(2 * SECOND);
  expect(said(world.caller.told.get(id))).toBe("leading 3 replayed");
  for (let n = 0; n < 8; n += 1) {
    held.go();
    await world.time.settle();
  }
  expect(await snapshot).toBe(true);
  const second = await sameAfterRestart(world);
  const third = await new OneNode({ before: second }).start();
  expect(said(await third.ask(bidOf("ann", "k1", 500, auctionIdOf(0))))).toBe("leading 3 replayed");
});

test("snapshot: one that is under way when the shard is read anew is not saved, and spoils no hash", async () => {
  const world = await new OneNode({ limits: LIMITS }).start();
  await manyOpened(world, MANY);
  const held = heldTurn();
  const snapshot = takeSnapshot(only(world), held.turn);
  await world.time.settle();
  world.node.broken(only(world), "test", "an invariant broke");
  await world.time.pass(5 * SECOND);
  for (let n = 0; n < 8; n += 1) {
    held.go();
    await world.time.settle();
  }
  expect(await snapshot).toBe(false);
  await world.ask(bidOf("ann", "k1", 500, auctionIdOf(0)));
  await finished(world, world.node.stop());
  expect((await audited(world)).violations).toEqual([]);
  await sameAfterRestart(world);
});

test("snapshot: a last one does not begin before the store's word on the one under way", async () => {
  const store = new HeldStore(memoryStore());
  const world = await new OneNode({ snapshots: store }).start();
  await opened(world);
  store.saving.close();
  const first = world.node.snapshotAll();
  await world.time.settle();
  await world.ask(bidOf("ann", "k1", 500));
  const stopped = world.node.stop();
  await world.time.settle();
  // The first save fails, the last one goes through.
  let fails = 1;
  store.fails = (call) => call === "save" && fails-- > 0;
  store.saving.open();
  expect(await finished(world, first)).toBe(1);
  await finished(world, stopped);
  const second = await sameAfterRestart(world);
  expect(hashesOf(second)).toEqual(hashesOf(world));
  expect(second.lines).toContainEqual(expect.objectContaining({ event: "shard_claimed", fields: expect.objectContaining({ from: "checkpoint" }) }));
});

test("snapshot: what the store did not take because it has a newer one does not count as saved", async () => {
  const first = await new OneNode().start();
  await opened(first);
  const second = await new OneNode({ before: first }).start();
  await second.ask(bidOf("ann", "k1", 500));
  await finished(second, second.node.snapshotAll());
  const marks = [...only(first).actors.values()].map((actor) => actor.saved);
  expect(await finished(first, first.node.snapshotAll())).toBe(1);
  expect([...only(first).actors.values()].map((actor) => actor.saved)).toEqual(marks);
  expect(only(first).dirty.size).toBe(1);
});

/** A store whose newest checkpoint has bytes of an open auction that nobody can read. */
class TornStore extends HeldStore {
  torn = false;
  override async save(checkpoint: Checkpoint, auctions: readonly AuctionSnapshot[]): Promise<"saved" | "superseded"> {
    const torn = (auction: AuctionSnapshot): AuctionSnapshot =>
      this.torn && auction.catalogue.phase === "open" ? { ...auction, head: new Uint8Array([0xc1, 1, 2]) } : auction;
    return super.save(checkpoint, auctions.map(torn));
  }
}

test("recovery: a checkpoint that cannot be read is passed over for the one before", async () => {
  const store = new TornStore(memoryStore());
  const world = await new OneNode({ snapshots: store }).start();
  await opened(world);
  await finished(world, world.node.snapshotAll());
  await world.ask(bidOf("ann", "k1", 500));
  store.torn = true;
  await finished(world, world.node.snapshotAll());
  store.torn = false;
  const second = await new OneNode({ before: world }).start();
  expect(second.lines.map((line) => line.event)).toEqual(["snapshot_unfit", "shard_claimed", "shard_serving"]);
  expect(said(await second.ask(bidOf("ann", "k1", 500)))).toBe("leading 3 replayed");
  await finished(second, second.node.stop());
  expect((await audited(second)).violations).toEqual([]);
});

test("recovery: an auction that the store lost is not taken for one asleep: the log is read from its beginning", async () => {
  class Losing extends MemorySnapshotStore {
    override async *auctions(): AsyncGenerator<readonly StoredAuction[], void, undefined> {}
  }
  const store = new Losing({ rowBytes: SNAPSHOT_ROW_BYTES, closedKeptMs: 86_400_000 });
  const first = await new OneNode({ snapshots: store }).start();
  await manyOpened(first, MANY);
  await first.node.snapshotAll();
  first.kill();
  const second = await new OneNode({ before: first, snapshots: store }).start();
  expect(second.lines.map((line) => line.event)).toContain("snapshot_unfit");
  expect(only(second).actors.size).toBe(MANY);
});

test("recovery: behind an older checkpoint nothing is left asleep, because the store gives single auctions as they are now", async () => {
  const kept = { closedKeptMs: 10 * SECOND };
  const store = new TornStore(new MemorySnapshotStore({ rowBytes: SNAPSHOT_ROW_BYTES, ...kept }));
  const world = await new OneNode({ snapshots: store, limits: kept }).start();
  const [sold, other] = [auctionIdOf(1), auctionIdOf(2)];
  await opened(world, { durationMs: 5 * SECOND }, sold);
  await opened(world, {}, other);
  await finished(world, world.node.snapshotAll());
  await world.time.pass(60 * SECOND);
  // Closed when this checkpoint was taken, and left memory.
  await finished(world, world.node.snapshotAll());
  await world.time.pass(60 * SECOND);
  await world.ask(bidOf("ann", "k1", 500, other));
  await finished(world, world.node.snapshotAll());
  expect(only(world).evicted).toBe(1);
  expect(said(await world.ask(bidOf("bob", "k2", 900, sold)))).toBe("ended 4");
  store.torn = true;
  await world.ask(bidOf("ann", "k3", 700, other));
  await finished(world, world.node.snapshotAll());
  store.torn = false;
  const second = await new OneNode({ before: world, limits: kept }).start();
  expect(second.lines.map((line) => line.event)).toEqual(["snapshot_unfit", "shard_claimed", "shard_serving"]);
  expect(only(second).evicted).toBe(0);
  expect(said(await second.ask(bidOf("bob", "k2", 900, sold)))).toBe("ended 4 replayed");
  await finished(second, second.node.stop());
  expect((await audited(second)).violations).toEqual([]);
});

test("recovery: a store that goes away while it is read is asked again, then the log is read from its beginning", async () => {
  const store = new HeldStore(memoryStore());
  const world = await new OneNode({ snapshots: store }).start();
  await opened(world);
  await world.ask(bidOf("ann", "k1", 500));
  await finished(world, world.node.stop());
  store.fails = (call) => call === "load";
  const second = new OneNode({ before: world });
  void second.node.start();
  await second.time.pass(20 * SECOND);
  expect(second.lines.map((line) => line.event)).toEqual(["snapshots_away", "shard_claimed", "shard_serving"]);
  expect(said(await second.ask(bidOf("ann", "k1", 500)))).toBe("leading 3 replayed");
});

test("recovery: a store that comes back while it is waited for is used", async () => {
  const store = new HeldStore(memoryStore());
  const world = await new OneNode({ snapshots: store }).start();
  await opened(world);
  await finished(world, world.node.stop());
  store.fails = (call) => call === "load";
  const second = new OneNode({ before: world });
  void second.node.start();
  await second.time.pass(3 * SECOND);
  store.fails = () => false;
  await second.time.pass(2 * SECOND);
  expect(second.lines).toContainEqual(expect.objectContaining({ event: "shard_claimed", fields: expect.objectContaining({ from: "checkpoint" }) }));
});

test("snapshot: what a broken rule left in memory is never saved, what is read anew is", async () => {
  const world = await new OneNode().start();
  await opened(world);
  await world.ask(bidOf("ann", "k1", 500));
  const shard = only(world);
  world.node.broken(shard, "test", "an invariant broke");
  expect(shard.dirty.size).toBeGreaterThan(0);
  await finished(world, world.node.snapshotAll());
  expect(await world.snapshots.checkpoints(0)).toEqual([]);
  await world.time.pass(2 * SECOND);
  expect([shard.phase, shard.unfit]).toEqual(["serving", false]);
  await finished(world, world.node.snapshotAll());
  expect((await world.snapshots.checkpoints(0)).length).toBe(1);
});

test("snapshot: one that is under way when a rule breaks is not saved", async () => {
  const world = await new OneNode({ limits: LIMITS }).start();
  await manyOpened(world, MANY);
  let slices = 0;
  const taken = takeSnapshot(only(world), async () => {
    slices += 1;
    if (slices === 1) world.node.broken(only(world), "test", "an invariant broke");
  });
  expect(await finished(world, taken)).toBe(false);
  expect(await world.snapshots.checkpoints(0)).toEqual([]);
});

/** A world with two checkpoints that was killed, and the newer one's offset. */
async function saved(): Promise<{ readonly world: OneNode; readonly offset: Offset }> {
  const world = await new OneNode().start();
  await opened(world);
  await finished(world, world.node.snapshotAll());
  await world.ask(bidOf("ann", "k1", 500));
  await world.ask(bidOf("bob", "k2", 900));
  await finished(world, world.node.snapshotAll());
  world.kill();
  return { world, offset: world.records.ends(0).end };
}

function events(world: OneNode): readonly string[] {
  return world.lines.map(({ event }) => event);
}

function stopOf(world: OneNode): unknown {
  return world.lines.find(({ event }) => event === "shard_stopped")?.fields;
}

/** Loses everything from `end` on, and gets what a stranger writes. */
function grownAgain(world: OneNode, end: Offset): void {
  world.records.cutTail(0, end);
  for (let n = 0; n < 3; n += 1) world.records.store(0, FOREIGN);
}

test("recovery: a log that lost its tail and grew past a checkpoint again is served by no fresh node", async () => {
  const { world, offset } = await saved();
  grownAgain(world, offset - 1);
  const second = await new OneNode({ before: world, nodeId: "birch" }).start();
  await second.time.pass(600 * SECOND);
  expect(second.lines.find(({ event }) => event === "checkpoint_unfit")?.fields).toEqual({ shard: 0, offset });
  expect(stopOf(second)).toMatchObject({ shard: 0, invariant: "log_shorter" });
  expect(events(second)).not.toContain("shard_claimed");
});

test("recovery: the same where the log was trimmed to the older checkpoint, which nothing can be asked of", async () => {
  const { world, offset } = await saved();
  const [, older] = await world.snapshots.checkpoints(0);
  grownAgain(world, offset - 1);
  await world.records.connect().trim(0, older?.offset ?? 0);
  const second = await new OneNode({ before: world, nodeId: "birch" }).start();
  await second.time.pass(600 * SECOND);
  expect(events(second)).not.toContain("shard_claimed");
  expect(stopOf(second)).toMatchObject({ shard: 0, invariant: "log_shorter" });
});

test("recovery: the same where no other checkpoint is left, and the log begins behind GENESIS", async () => {
  const { world, offset } = await saved();
  const [newest] = await world.snapshots.checkpoints(0);
  if (newest === undefined) throw new Error("a checkpoint");
  const place = { shard: 0, epoch: newest.claim as number, firstLsn: newest.lsn + 1, prevHash: newest.runningHash, at: newest.time };
  world.records.cutTail(0, offset - 1);
  world.records.store(0, createRecordCodec(world.lifeId).time(place, "idle").bytes);
  await world.records.connect().trim(0, offset - 1);
  const second = await new OneNode({ before: world, nodeId: "birch" }).start();
  await second.time.pass(600 * SECOND);
  expect(events(second)).not.toContain("shard_claimed");
  expect(stopOf(second)).toMatchObject({ shard: 0, invariant: "log_shorter" });
});

test("recovery: a checkpoint in doubt is decided by a replay from further back, and the shard is served", async () => {
  const { world } = await saved();
  for (let n = 0; n < FLOOD; n += 1) world.records.store(0, FOREIGN);
  const [newest] = await world.snapshots.checkpoints(0);
  if (newest === undefined) throw new Error("a checkpoint");
  const { end } = world.records.ends(0);
  world.snapshots.checkpoints = async () => [{ ...newest, offset: end }];
  const second = await new OneNode({ before: world, nodeId: "birch" }).start();
  expect(events(second).filter((event) => event !== "foreign_record")).toEqual(["checkpoint_unfit", "shard_claimed", "shard_serving"]);
  expect(said(await second.ask(bidOf("bob", "k2", 900)))).toMatch(/replayed$/);
});
