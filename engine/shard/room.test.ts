// Little disk space left: bids are refused, closes are logged, and the time is given back where the auction says so.
import { expect, test } from "vitest";
import { DAY_ONE, OneNode } from "../sim/one-node.ts";
import { audited, bidOf, opened, SECOND, said } from "../sim/scenes.ts";

const GIVES_BACK = { outage: { policy: "give_back" } };

/** The disk fills up, and somebody notices. */
function fill(world: OneNode): void {
  world.records.room = "low";
  world.node.turn();
}

async function decided(world: OneNode, type: string): Promise<readonly number[]> {
  const { placed, violations } = await audited(world);
  expect(violations).toEqual([]);
  return placed.flatMap(({ decision }) => (decision.command.body.type === type ? [decision.at - DAY_ONE] : []));
}

test("room: below the reserve bids are refused at once, and closes are logged", async () => {
  const world = await new OneNode().start();
  await opened(world, { durationMs: 10 * SECOND });
  fill(world);
  expect(said(await world.ask(bidOf("ann", "k1", 500)))).toBe("log_unavailable");
  await world.time.pass(11 * SECOND);
  expect(await decided(world, "close_due")).toEqual([10 * SECOND]);
});

test("room: the time in which bids were refused is given back, in one piece when it ends before the auction does", async () => {
  const world = await new OneNode().start();
  await opened(world, { durationMs: 60 * SECOND, ...GIVES_BACK });
  await world.time.pass(10 * SECOND);
  fill(world);
  await world.time.pass(20 * SECOND);
  world.records.room = "ok";
  const told = await world.ask(bidOf("ann", "k1", 500));
  expect(told).toMatchObject({ kind: "answer", answer: { code: "leading", endsAt: DAY_ONE + 80 * SECOND } });
  expect(await decided(world, "give_back")).toEqual([30 * SECOND]);
});

test("room: an auction that gives lost time back does not close on bidders who are turned away", async () => {
  const world = await new OneNode().start();
  await opened(world, { durationMs: 10 * SECOND + 300, ...GIVES_BACK });
  await world.time.pass(10 * SECOND);
  fill(world);
  await world.time.pass(40 * SECOND);
  world.records.room = "ok";
  expect(said(await world.ask(bidOf("ann", "k1", 500)))).toMatch(/^leading/);
  // At most one record a second, and the end is where it was when the bids were last taken.
  expect((await decided(world, "give_back")).length).toBeLessThanOrEqual(42);
  await world.time.pass(5 * SECOND);
  const closed = await decided(world, "close_due");
  expect(closed).toHaveLength(1);
  expect(closed[0]).toBeGreaterThanOrEqual(50 * SECOND);
  expect(closed[0]).toBeLessThanOrEqual(52 * SECOND);
});

test("room: with a bound on what is given back, it is given once", async () => {
  const world = await new OneNode().start();
  await opened(world, { durationMs: 10 * SECOND, outage: { policy: "give_back", givenMsMax: 5 * SECOND } });
  await world.time.pass(2 * SECOND);
  fill(world);
  await world.time.pass(60 * SECOND);
  expect(await decided(world, "close_due")).toEqual([15 * SECOND]);
});

test("room: a seller's command that comes when the end is due is decided behind the give-back", async () => {
  const world = await new OneNode().start();
  await opened(world, { durationMs: 10 * SECOND, ...GIVES_BACK });
  await world.time.pass(9_800);
  fill(world);
  await world.time.pass(100);
  world.time.jump(150);
  const { auctionId } = bidOf("ann", "k", 1);
  const told = await world.ask({ ...bidOf("sue", "w", 1), role: "seller", auctionId, body: { type: "withdraw", reason: "r" } });
  expect(told).toMatchObject({ kind: "answer", answer: { code: "ok" } });
  expect(await decided(world, "give_back")).toHaveLength(1);
});
