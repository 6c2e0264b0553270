// A shard that another node owns, followed here: the same state as its owner's, and never a word to anybody.
import { expect, test } from "vitest";
import { createRecordCodec } from "../../persistence/record.ts";
import { EngineCounters, engineRegistry } from "../metrics.ts";
import type { DecisionLog, StoredRecord } from "../ports.ts";
import { auctionIdOf, OneNode, type OneNodeOptions } from "../sim/one-node.ts";
import { AUCTION, audited, bidOf, finished, hashesOf, opened, SECOND, said } from "../sim/scenes.ts";
import { readyChecks, shardReports } from "../status.ts";
import { stateHashNow } from "./state-hash-now.ts";

const LIMITS = { timeIdleMs: SECOND };
const ORDER = { assigned: () => [], onChange: () => () => undefined, nodesOf: () => ["ash", "birch"] };

/** Ash serves one shard, Birch stands by for it. */
async function pair(options: OneNodeOptions = {}): Promise<{ readonly ash: OneNode; readonly birch: OneNode }> {
  const ash = await new OneNode({ nodeId: "ash", limits: LIMITS, membership: ORDER }).start();
  const birch = await new OneNode({ ...options, nodeId: "birch", limits: { ...LIMITS, ...options.limits }, membership: ORDER, before: ash }).start();
  return { ash, birch };
}

function shardOf(world: OneNode) {
  const [shard] = world.node.all();
  if (shard === undefined) throw new Error("one shard");
  return shard;
}

function hashOf(world: OneNode): string {
  return Buffer.from(stateHashNow(shardOf(world))).toString("hex");
}

function events(world: OneNode): readonly string[] {
  return world.lines.map(({ event }) => event);
}

async function bids(world: OneNode, count: number): Promise<void> {
  for (let n = 1; n <= count; n += 1) await world.ask(bidOf(n % 2 === 0 ? "ann" : "bob", `k${n}`, 500 + n * 100));
}

test("standby: has its owner's state after every decision, and says nothing to anybody", async () => {
  const { ash, birch } = await pair();
  await opened(ash);
  await bids(ash, 20);
  await birch.time.settle();
  expect(hashOf(birch)).toBe(hashOf(ash));
  expect([shardOf(birch).judge.lsn, shardOf(birch).standing]).toEqual([shardOf(ash).judge.lsn, "standby"]);
  expect(said(await birch.ask(bidOf("cyn", "k", 9_000)))).toBe("shard_unowned");
  const read = birch.read({ kind: "view", auctionId: AUCTION, fresh: false, history: 0, bidderId: null });
  await birch.time.settle();
  expect(said(birch.caller.told.get(read))).toBe("shard_unowned");
  expect([birch.sink.updates.length, birch.sink.notices.length]).toEqual([0, 0]);
});

test("standby: due ends are its owner's: its own clock closes nothing", async () => {
  const { ash, birch } = await pair();
  await opened(ash, { durationMs: 10 * SECOND });
  await ash.time.pass(2 * SECOND);
  ash.kill();
  birch.time.jump(60 * SECOND);
  await birch.time.settle();
  expect(shardOf(birch).actors.get(AUCTION)?.committed?.phase).toBe("open");
});

test("standby: a warm takeover reads no record twice and has the state of a cold one", async () => {
  const reads: number[] = [];
  const { ash, birch } = await pair({ wrapLog: (log) => watched(log, reads) });
  await opened(ash, { durationMs: 60 * SECOND });
  await bids(ash, 30);
  await birch.time.settle();
  const { next } = shardOf(birch).judge;
  reads.length = 0;
  ash.kill();
  await birch.time.pass(5 * SECOND);
  expect(shardOf(birch).standing).toBe("serving");
  expect(Math.min(...reads)).toBeGreaterThanOrEqual(next);
  const cold = await new OneNode({ nodeId: "cedar", before: birch, limits: LIMITS, membership: { ...ORDER, nodesOf: () => ["cedar"] } }).start();
  expect(said(await birch.ask(bidOf("bob", "k1", 600)))).toMatch(/replayed$/);
  expect([hashOf(cold), shardOf(cold).judge.lsn]).toEqual([hashOf(birch), shardOf(birch).judge.lsn]);
  expect((await audited(birch)).violations).toEqual([]);
});

/** Notes which offsets are read. */
function watched(log: DecisionLog, offsets: number[]): DecisionLog {
  const read = log.read.bind(log);
  log.read = async function* (shard, from, to) {
    for await (const list of read(shard, from, to)) {
      offsets.push(...list.map(({ offset }) => offset));
      yield list;
    }
  };
  return log;
}

test("standby: lag is measured, and none is left once it has caught up", async () => {
  const { ash, birch } = await pair();
  await opened(ash);
  await ash.time.pass(6 * SECOND);
  expect(birch.node.ownershipOf(0).lag).toBe(0);
  expect(shardOf(birch).judge.next).toBe(birch.records.ends(0).end);
});

test("standby: a RELEASE with another state hash than its own stops the shard here, and it claims nothing", async () => {
  const { ash, birch } = await pair();
  await opened(ash);
  await bids(ash, 3);
  ash.kill();
  const { judge, epoch } = shardOf(ash);
  const place = { shard: 0, epoch, firstLsn: judge.lsn + 1, prevHash: judge.hash, at: judge.time };
  const codec = createRecordCodec(ash.lifeId);
  ash.records.store(0, codec.release(place, { stateHash: new Uint8Array(16).fill(9), reason: "move", target: "birch" }).bytes);
  await birch.time.settle();
  expect([shardOf(birch).standing, shardOf(birch).note]).toEqual(["stopped", "stopped by release_hash"]);
  await birch.time.pass(600 * SECOND);
  expect(shardOf(birch).standing).toBe("stopped");
  expect(events(birch)).not.toContain("shard_claimed");
});

test("standby: a RELEASE with its own state hash is its owner's word, and it serves", async () => {
  const { ash, birch } = await pair();
  await opened(ash);
  await bids(ash, 3);
  void ash.node.stop();
  await ash.time.settle();
  await birch.time.settle();
  expect([shardOf(ash).standing, shardOf(birch).standing]).toEqual(["unowned", "serving"]);
});

test("standby: a log that got shorter stops it, loudly, and it is not served from here again", async () => {
  const { ash, birch } = await pair();
  await opened(ash);
  await bids(ash, 5);
  await birch.time.settle();
  ash.kill();
  const { end } = birch.records.ends(0);
  birch.records.cutTail(0, end - 2);
  await birch.time.pass(600 * SECOND);
  expect(shardOf(birch).standing).toBe("stopped");
  expect(birch.lines.find(({ event }) => event === "shard_stopped")?.fields).toMatchObject({ invariant: "log_shorter" });
  expect(events(birch)).not.toContain("shard_claimed");
});

test("standby: a gap in what it is given stops it", async () => {
  const { ash, birch } = await pair({ wrapLog: (log) => holed(log, 4) });
  await opened(ash);
  await bids(ash, 5);
  await birch.time.settle();
  expect(birch.lines.find(({ event }) => event === "shard_stopped")?.fields).toMatchObject({ invariant: "offset_gap" });
});

/** Its tail leaves one record out. */
function holed(log: DecisionLog, hole: number): DecisionLog {
  const tail = log.tail.bind(log);
  log.tail = (shard, from, signal) => without(tail(shard, from, signal), hole);
  return log;
}

async function* without(lists: AsyncIterable<readonly StoredRecord[]>, hole: number): AsyncGenerator<readonly StoredRecord[]> {
  for await (const list of lists) yield list.filter(({ offset }) => offset !== hole);
}

test("standby: a log that cannot be reached is asked again, and nothing is stopped", async () => {
  let away = true;
  const { ash, birch } = await pair({
    wrapLog: (log) => {
      const tail = log.tail.bind(log);
      log.tail = (shard, from, signal) => {
        if (away) throw new Error("the connection was cut");
        return tail(shard, from, signal);
      };
      return log;
    },
  });
  await opened(ash);
  await ash.time.pass(2 * SECOND);
  expect(events(birch)).toContain("standby_reading_failed");
  away = false;
  await bids(ash, 3);
  await ash.time.pass(5 * SECOND);
  expect([hashOf(birch), events(birch).includes("shard_stopped")]).toEqual([hashOf(ash), false]);
});

test("standby: a tail that hears nothing does not depose an owner who lives: the log is read before a claim", async () => {
  const { ash, birch } = await pair({ wrapLog: (log) => deaf(log) });
  await opened(ash);
  await ash.time.pass(60 * SECOND);
  expect([shardOf(ash).standing, shardOf(birch).standing]).toEqual(["serving", "standby"]);
  expect(events(birch)).not.toContain("shard_claimed");
});

/** Its tail gives nothing. */
function deaf(log: DecisionLog): DecisionLog {
  log.tail = async function* (_shard, _from, signal) {
    await new Promise<void>((resolve) => {
      signal.addEventListener("abort", () => resolve());
    });
  };
  return log;
}

test("standby: what its owner's checkpoint holds counts as saved here, and auctions that closed long ago leave memory", async () => {
  const { ash, birch } = await pair({ limits: { closedKeptMs: 5 * SECOND } });
  await opened(ash, { durationMs: 2 * SECOND });
  await opened(ash, {}, auctionIdOf(2));
  await ash.time.pass(20 * SECOND);
  await ash.node.snapshotAll();
  await birch.node.snapshotAll();
  await ash.time.pass(3 * SECOND);
  expect([...shardOf(birch).actors.keys()]).toEqual([auctionIdOf(2)]);
  expect([shardOf(birch).evicted, shardOf(birch).dirty.size]).toEqual([1, 0]);
  expect(hashOf(birch)).toBe(hashOf(ash));
  ash.kill();
  await birch.time.pass(5 * SECOND);
  expect(said(await birch.ask(bidOf("ann", "k1", 500)))).toMatch(/^auction_closed|ended|leading/);
  expect(shardOf(birch).actors.has(AUCTION)).toBe(true);
});

test("standby: only owners save: a node that stands by writes no checkpoint", async () => {
  const { ash, birch } = await pair();
  await opened(ash);
  await birch.node.snapshotAll();
  expect(await birch.snapshots.checkpoints(0)).toEqual([]);
  await ash.node.snapshotAll();
  expect(await birch.snapshots.checkpoints(0)).toHaveLength(1);
});

test("standby: a log that lost records and got others in their place stops it, once it is read again", async () => {
  const { ash, birch } = await pair();
  await opened(ash);
  await bids(ash, 5);
  await birch.time.settle();
  ash.kill();
  const { end } = birch.records.ends(0);
  birch.records.cutTail(0, end - 2);
  for (let n = 0; n < 4; n += 1) birch.records.store(0, new Uint8Array([1, 2, 3]));
  birch.node.broken(shardOf(birch), "test", "read it again");
  await birch.time.pass(600 * SECOND);
  expect([shardOf(birch).standing, shardOf(birch).note]).toEqual(["stopped", "stopped by log_shorter"]);
});

test("standby: a node that is stopped saves nothing of what it followed", async () => {
  const { ash, birch } = await pair();
  await opened(ash);
  await finished(birch, birch.node.stop());
  expect(await birch.snapshots.checkpoints(0)).toEqual([]);
});

test("claiming: a log that cannot be reached for ten minutes is asked again, and the shard is served when it is back", async () => {
  let away = true;
  const world = new OneNode({
    wrapLog: (log) => {
      const ends = log.ends.bind(log);
      log.ends = (shard) => (away ? Promise.reject(Object.assign(new Error("no broker answered"), { logAway: true })) : ends(shard));
      return log;
    },
  });
  void world.node.start();
  await world.time.pass(600 * SECOND);
  expect([shardOf(world).standing, shardOf(world).note, events(world).includes("shard_stopped")]).toEqual(["claiming", "the log cannot be reached", false]);
  away = false;
  await world.time.pass(6 * SECOND);
  expect(shardOf(world).standing).toBe("serving");
});

test("status: a standby counts as ready, and says whose the shard is; its owner says that it serves", async () => {
  const { ash, birch } = await pair();
  await opened(ash);
  await birch.time.settle();
  const [mine] = shardReports(birch.node);
  expect(mine).toMatchObject({ shard: 0, state: "standby", rank: 1, owner: "ash", lagRecords: 0, lsn: shardOf(ash).judge.lsn });
  expect(readyChecks(birch.node, false)[0]).toMatchObject({ ok: true, detail: "0 of 1 served, 1 stood by for" });
  expect(shardReports(ash.node)[0]).toMatchObject({ state: "serving", rank: 0, owner: "ash", reason: null });
  const metrics = await engineRegistry(new EngineCounters(), birch.node, { version: "1", mode: "cluster" }).metrics();
  expect(metrics).toContain('fairwarning_engine_standby_lag_records{shard="0"} 0');
  expect(metrics).toContain('fairwarning_engine_shards{state="standby"} 1');
});

test("standby: switched off, nothing is read until the shard is taken, and it is taken all the same", async () => {
  const { ash, birch } = await pair({ standby: false });
  await opened(ash);
  await bids(ash, 3);
  await ash.time.pass(10 * SECOND);
  expect([shardOf(birch).judge.next, shardOf(birch).standing]).toEqual([0, "standby"]);
  ash.kill();
  await birch.time.pass(6 * SECOND);
  expect(shardOf(birch).standing).toBe("serving");
  expect(said(await birch.ask(bidOf("bob", "k1", 600)))).toMatch(/replayed$/);
  expect(hashesOf(birch)).toHaveLength(1);
});

test("standby: what its owner saved and nobody asks for is folded here too, and a takeover goes on from it", async () => {
  const { ash, birch } = await pair();
  await opened(ash);
  await bids(ash, 4);
  await ash.time.pass(2 * SECOND);
  await finished(ash, ash.node.snapshotAll());
  await finished(birch, birch.node.snapshotAll());
  await ash.time.pass(2 * SECOND);
  await finished(birch, birch.node.snapshotAll());
  await finished(birch, birch.node.snapshotAll());
  expect(shardOf(birch).actors.get(AUCTION)?.folded).toBe(true);
  expect(hashOf(birch)).toBe(hashOf(ash));
  ash.kill();
  await birch.time.pass(5 * SECOND);
  expect([shardOf(birch).standing, shardOf(birch).actors.get(AUCTION)?.folded]).toEqual(["serving", true]);
  expect(said(await birch.ask(bidOf("bob", "k1", 600)))).toMatch(/replayed$/);
  expect((await audited(birch)).violations).toEqual([]);
});
