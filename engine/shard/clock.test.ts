// Time: how often an idle shard logs it, and what becomes of a wall clock that steps.
import { expect, test } from "vitest";
import { HeldLog } from "../sim/held.ts";
import { auctionIdOf, DAY_ONE, FakeTime, OneNode } from "../sim/one-node.ts";
import { AUCTION, audited, bidOf, HOUR, opened, SECOND, said } from "../sim/scenes.ts";

const GIVES_BACK = { outage: { policy: "give_back" } };

async function timesOf(world: OneNode, from: number): Promise<readonly number[]> {
  const { records } = await audited(world);
  return records.flatMap((record) => (record.kind === "time" && record.timeFirst >= from ? [record.timeFirst] : []));
}

test("idle: one round of TIME for all shards, every ten seconds", async () => {
  const held = new HeldLog();
  const world = await new OneNode({ shards: 8, wrapLog: (log) => held.wrap(log) }).start();
  // Their last records lie seconds apart.
  for (let n = 0; n < 8; n += 1) {
    await opened(world, {}, auctionIdOf(n * 512));
    await world.time.pass(SECOND);
  }
  await world.time.pass(20 * SECOND);
  const before = held.requests;
  await world.time.pass(60 * SECOND);
  expect(held.requests - before).toBe(6);
  expect((await timesOf(world, world.time.now() - 60 * SECOND)).length).toBe(6 * 8);
});

test("idle: a shard's logged time is never older than eleven seconds", async () => {
  const world = await new OneNode({ shards: 2 }).start();
  await world.time.pass(3_400);
  await opened(world);
  for (let n = 0; n < 40; n += 1) {
    await world.time.pass(1_300);
    for (const shard of world.node.all()) expect(world.time.now() - shard.judge.time).toBeLessThanOrEqual(11 * SECOND);
  }
});

test("idle: every second while an open auction gives lost time back, however long a record takes to land", async () => {
  const time = new FakeTime();
  const world = new OneNode({ time, log: { soon: (callback) => void time.after(3, callback) } });
  void world.node.start();
  await time.pass(SECOND);
  const id = world.send({ ...bidOf("ann", "c", 1), role: "seller", issuerId: "sue", body: { type: "create", settings: createOpen() } });
  world.node.turn();
  await time.pass(5 * SECOND);
  expect(said(world.caller.told.get(id))).toBe("ok 1");
  const from = time.now();
  await time.pass(60 * SECOND);
  expect((await timesOf(world, from)).length).toBeGreaterThanOrEqual(59);
});

function createOpen(): Readonly<Record<string, unknown>> {
  return { currency: "USD", opening: 100, opensAt: DAY_ONE, durationMs: HOUR, sellerId: "sue", ...GIVES_BACK };
}

test("idle: once that auction is closed, every ten seconds again; before it opens, too", async () => {
  const world = await new OneNode().start();
  await opened(world, { ...GIVES_BACK, opensAt: DAY_ONE + 60 * SECOND, durationMs: 60 * SECOND });
  await world.time.pass(130 * SECOND);
  const times = await timesOf(world, 0);
  const within = (from: number, to: number): number => times.filter((at) => at > DAY_ONE + from * SECOND && at <= DAY_ONE + to * SECOND).length;
  expect(within(5, 55)).toBeLessThanOrEqual(6);
  expect(within(65, 115)).toBeGreaterThanOrEqual(48);
  await world.time.pass(60 * SECOND);
  const later = (await timesOf(world, DAY_ONE + 130 * SECOND)).length;
  expect(later).toBeLessThanOrEqual(7);
});

test("clock: a step forward is an outage: lost time is given back before anything closes", async () => {
  const world = await new OneNode().start();
  await opened(world, { durationMs: 60 * SECOND, ...GIVES_BACK });
  await world.time.pass(30 * SECOND);
  world.time.step(10 * 60 * SECOND);
  const told = world.send(bidOf("ann", "k1", 500));
  world.node.turn();
  await world.time.pass(2 * SECOND);
  expect(said(world.caller.told.get(told))).toBe("shard_moving");
  const again = await world.ask(bidOf("ann", "k1", 500));
  expect(again).toMatchObject({ kind: "answer", answer: { code: "leading", endsAt: DAY_ONE + 60 * SECOND + 10 * 60 * SECOND } });
  const { violations, records } = await audited(world);
  expect(violations).toEqual([]);
  expect(records.filter((record) => record.kind === "release")).toMatchObject([{ reason: "clock" }]);
});

test("clock: after a step forward an end without give-back is decided by the new clock, by the next tenure", async () => {
  const world = await new OneNode().start();
  await opened(world, { durationMs: 60 * SECOND });
  world.time.step(10 * 60 * SECOND);
  await world.time.pass(3 * SECOND);
  const { placed, records } = await audited(world);
  expect(placed.at(-1)?.decision.command.body.type).toBe("close_due");
  const release = records.find((record) => record.kind === "release");
  expect(placed.at(-1)?.decision.epoch).toBeGreaterThan(release?.offset ?? Number.POSITIVE_INFINITY);
});

test("clock: a step back: nothing is served until the clock has caught up, then it goes on by itself", async () => {
  const world = await new OneNode().start();
  await opened(world);
  world.time.step(-60 * SECOND);
  await world.time.pass(5 * SECOND);
  expect(said(await world.ask(bidOf("ann", "k1", 500)))).toBe("shard_unowned");
  expect(world.lines).toContainEqual(expect.objectContaining({ event: "shard_stopped", fields: expect.objectContaining({ invariant: "clock" }) }));
  await world.time.pass(120 * SECOND);
  expect(said(await world.ask(bidOf("ann", "k1", 500)))).toBe("leading 3");
  const { violations } = await audited(world);
  expect(violations).toEqual([]);
});

test("clock: a step within the bound, and a clock that is slewed, stop nothing", async () => {
  const world = await new OneNode().start();
  await opened(world);
  for (let n = 0; n < 20; n += 1) {
    world.time.step(n % 3 === 0 ? -200 : 150);
    expect(said(await world.ask(bidOf("ann", `k${n}`, 500 + n * 100)))).toMatch(/^leading/);
    await world.time.pass(1_500);
  }
  expect(world.lines.map((line) => line.event)).not.toContain("clock_step");
  expect((await audited(world)).violations).toEqual([]);
});

test("clock: a frozen process that wakes is no step of the clock", async () => {
  const world = await new OneNode().start();
  await opened(world);
  world.time.jump(30 * SECOND);
  expect(said(await world.ask(bidOf("ann", "k1", 500)))).toBe("leading 3");
  expect(world.lines.map((line) => line.event)).not.toContain("clock_step");
});

test("clock: a start behind the last logged time waits, says so, and serves when the clock has caught up", async () => {
  const first = await new OneNode().start();
  await opened(first);
  const time = new FakeTime(DAY_ONE - 30 * SECOND);
  const second = new OneNode({ before: first, time });
  void second.node.start();
  await time.pass(10 * SECOND);
  expect(second.node.all()[0]?.phase).not.toBe("serving");
  await time.pass(30 * SECOND);
  expect(second.node.all()[0]?.phase).toBe("serving");
  expect(said(await second.ask(bidOf("ann", "k1", 500, AUCTION)))).toBe("leading 3");
});
