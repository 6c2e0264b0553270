// What an engine tells of itself when it is scraped, and of its readiness.
import { expect, test } from "vitest";
import { MemorySnapshotStore } from "../persistence/memory/snapshot-store.ts";
import { EngineCounters, engineRegistry } from "./metrics.ts";
import { SNAPSHOT_ROW_BYTES } from "./shard/snapshots.ts";
import { HeldLog } from "./sim/held.ts";
import { auctionIdOf, OneNode } from "./sim/one-node.ts";
import { bidOf, finished, HOUR, opened, SECOND } from "./sim/scenes.ts";
import { readyChecks } from "./status.ts";

/** Values by name and labels, as a scrape gives them. */
async function scraped(world: OneNode): Promise<ReadonlyMap<string, number>> {
  const { counters } = world.node;
  if (!(counters instanceof EngineCounters)) throw new Error("a world counts with EngineCounters");
  const text = await engineRegistry(counters, world.node, { version: "1", mode: "single" }).metrics();
  const lines = text.split("\n").filter((line) => line.startsWith("fairwarning_"));
  return new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(" ")), Number(line.slice(line.lastIndexOf(" ")))]));
}

test("metrics: auctions by phase, hammer prices by currency, decisions by command and verdict", async () => {
  const world = await new OneNode({ shards: 2 }).start();
  await opened(world, { durationMs: 10 * SECOND }, auctionIdOf(0));
  await opened(world, { durationMs: HOUR / 2 }, auctionIdOf(683));
  await opened(world, { durationMs: 2 * HOUR }, auctionIdOf(1366));
  await opened(world, { opensAt: null, durationMs: HOUR }, auctionIdOf(2049));
  await world.ask(bidOf("ann", "k1", 500, auctionIdOf(0)));
  await world.ask(bidOf("ann", "k2", 100, auctionIdOf(0)));
  await world.time.pass(11 * SECOND);
  const values = await scraped(world);
  const phases = ["draft", "scheduled", "open", "paused", "closed"].map((phase) => values.get(`fairwarning_engine_auctions{phase="${phase}"}`));
  expect(phases).toEqual([1, 0, 2, 0, 1]);
  expect(values.get("fairwarning_engine_auctions_ending_next_hour")).toBe(1);
  expect(values.get('fairwarning_engine_hammer_price_minor_total{currency="USD"}')).toBe(100);
  expect(values.get('fairwarning_engine_decisions_total{kind="place_bid",verdict="accepted"}')).toBe(1);
  expect(values.get('fairwarning_engine_decisions_total{kind="place_bid",verdict="rejected"}')).toBe(1);
  expect(values.get('fairwarning_engine_rejections_total{code="not_above_own_maximum"}')).toBe(1);
  expect(values.get('fairwarning_engine_auctions_ended_total{outcome="sold"}')).toBe(1);
  expect(values.get("fairwarning_engine_close_lateness_seconds_count")).toBe(1);
});

test("metrics: phases are counted again after a restart, those asleep too", async () => {
  const first = await new OneNode({ limits: { closedKeptMs: SECOND } }).start();
  await opened(first, { durationMs: 10 * SECOND });
  await opened(first, {}, auctionIdOf(2));
  await first.time.pass(20 * SECOND);
  await finished(first, first.node.stop());
  const second = await new OneNode({ before: first, limits: { closedKeptMs: SECOND } }).start();
  const values = await scraped(second);
  expect(values.get('fairwarning_engine_auctions{phase="open"}')).toBe(1);
  expect(values.get('fairwarning_engine_auctions{phase="closed"}')).toBe(1);
});

test("metrics: the path of a bid in histograms of turns and frames, records by what became of them", async () => {
  const world = await new OneNode().start();
  await opened(world);
  for (let n = 0; n < 5; n += 1) world.send(bidOf("ann", `k${n}`, 500 + n * 100));
  world.node.turn();
  await world.time.settle();
  world.records.store(0, new Uint8Array([1, 2, 3]));
  await world.ask(bidOf("bob", "k", 5_000));
  const values = await scraped(world);
  expect(values.get("fairwarning_engine_frame_decisions_count")).toBe(values.get("fairwarning_engine_frame_bytes_count"));
  expect(values.get("fairwarning_engine_frame_decisions_sum")).toBe(8);
  expect(values.get("fairwarning_engine_commit_seconds_count")).toBe(values.get("fairwarning_engine_frame_decisions_count"));
  expect(values.get("fairwarning_engine_queue_wait_seconds_count")).toBeLessThan(8);
  expect(values.get("fairwarning_engine_decide_seconds_count")).toBeLessThan(8);
  expect(values.get('fairwarning_engine_log_records_total{result="valid"}')).toBe(5);
  expect(values.get('fairwarning_engine_log_records_total{result="void"}')).toBe(1);
  expect(values.get('fairwarning_engine_claims_total{result="effective"}')).toBe(1);
});

test("metrics: why tenures ended and shards stopped, and how far the clock is behind", async () => {
  let lose = 0;
  const world = await new OneNode({ log: { fate: () => ({ kind: lose-- > 0 ? "answer_lost" : "done" }) } }).start();
  await opened(world);
  lose = 1;
  world.send(bidOf("ann", "k", 500));
  world.node.turn();
  await world.time.settle();
  await world.time.pass(2 * SECOND);
  world.time.step(-60 * SECOND);
  await world.time.pass(2 * SECOND);
  const values = await scraped(world);
  expect(values.get('fairwarning_engine_tenures_ended_total{reason="unknown"}')).toBe(1);
  expect(values.get('fairwarning_engine_shards_stopped_total{invariant="clock"}')).toBe(1);
  expect(values.get('fairwarning_engine_log_records_total{result="unknown"}')).toBe(1);
  expect(values.get("fairwarning_engine_clock_offset_seconds")).toBeGreaterThan(50);
  expect(values.get('fairwarning_engine_shards{state="stopped"}')).toBe(1);
});

test("ready: decided by shards, log and draining; a stopped shard is named with why", async () => {
  const world = await new OneNode({ shards: 2 }).start();
  const failing = (draining = false): readonly string[] => readyChecks(world.node, draining).flatMap((check) => (check.ok ? [] : [check.name]));
  expect(failing()).toEqual(["durable"]);
  world.records.room = "low";
  expect(failing()).toEqual(["log", "durable"]);
  world.records.room = "ok";
  const [shard] = world.node.all();
  if (shard !== undefined) world.node.broken(shard, "hash_chain", "a record is damaged");
  expect(failing(true)).toEqual(["shards", "durable", "draining"]);
  expect(readyChecks(world.node, false)[0]?.detail).toBe("1 of 2 served; stopped by hash_chain: shard 0");
});

test("ready: while the snapshot store is waited for, and while the whole log is read instead, it says so", async () => {
  const held = new HeldLog();
  const first = await new OneNode().start();
  await opened(first);
  const store = new MemorySnapshotStore({ rowBytes: SNAPSHOT_ROW_BYTES, closedKeptMs: HOUR });
  store.faults.away = true;
  const world = new OneNode({ before: first, snapshots: store, wrapLog: (log) => held.wrap(log) });
  held.reading.close();
  void world.node.start();
  await world.time.pass(5 * SECOND);
  expect(readyChecks(world.node, false)[0]?.detail).toBe("0 of 1 served; waiting for the snapshot store: shard 0");
  await world.time.pass(10 * SECOND);
  expect(readyChecks(world.node, false)[0]?.detail).toBe("0 of 1 served; replaying the whole log: shard 0");
  held.reading.open();
  await world.time.settle();
  expect(readyChecks(world.node, false)[0]?.detail).toBe("1 of 1 served");
});
