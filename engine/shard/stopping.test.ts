// Giving a shard up: nobody is left without a word, and nothing is claimed afterwards.
import { expect, test } from "vitest";
import { OneNode } from "../sim/one-node.ts";
import { AUCTION, audited, bidOf, finished, opened, SECOND, said } from "../sim/scenes.ts";

test("stopping: a deposed owner that had not noticed stops in order", async () => {
  const first = await new OneNode().start();
  await opened(first);
  await new OneNode({ before: first }).start();
  await finished(first, first.node.stop());
  expect(first.lines.map((line) => line.event)).toContain("tenure_over");
});

test("stopping: commands that wait undecided are refused shard_moving, and so is what comes later", async () => {
  const world = await new OneNode().start();
  await opened(world);
  const waiting = world.send(bidOf("ann", "k1", 500));
  const stopped = world.node.stop();
  const late = world.send(bidOf("bob", "k2", 900));
  world.node.turn();
  await finished(world, stopped);
  expect([waiting, late].map((id) => said(world.caller.told.get(id)))).toEqual(["shard_moving", "shard_moving"]);
});

test("stopping: a fresh read that comes while the shard is given up is answered or refused", async () => {
  const held: (() => void)[] = [];
  let hold = false;
  const world = await new OneNode({ log: { soon: (callback) => (hold ? held.push(callback) : queueMicrotask(callback)) } }).start();
  await opened(world);
  hold = true;
  const stopped = world.node.stop();
  await world.time.settle();
  const ids: number[] = [];
  for (let n = 0; n < 6; n += 1) {
    ids.push(world.read({ kind: "view", auctionId: AUCTION, fresh: true, history: 0, bidderId: null }));
    held.shift()?.();
    await world.time.settle();
  }
  await finished(world, stopped);
  expect(ids.map((id) => said(world.caller.told.get(id))).filter((word) => word === "nothing")).toEqual([]);
});

test("stopping: an append of unknown outcome ends it, and nothing is claimed again", async () => {
  let fate: "done" | "answer_lost" = "done";
  const world = await new OneNode({ log: { fate: () => ({ kind: fate }) } }).start();
  await opened(world);
  fate = "answer_lost";
  await finished(world, world.node.stop());
  fate = "done";
  const { end } = await world.log.ends(0);
  await world.time.pass(20 * SECOND);
  expect((await world.log.ends(0)).end).toBe(end);
});

test("stopping: while a step of the clock is the reason already: it waits for that release", async () => {
  const held: (() => void)[] = [];
  let hold = false;
  const world = await new OneNode({ log: { soon: (callback) => (hold ? held.push(callback) : queueMicrotask(callback)) } }).start();
  await opened(world);
  hold = true;
  const read = world.read({ kind: "view", auctionId: AUCTION, fresh: true, history: 0, bidderId: null });
  world.time.step(2 * SECOND);
  world.node.turn();
  await world.time.settle();
  expect(world.node.all()[0]?.phase).toBe("sealed");
  const stopped = world.node.stop();
  await world.time.settle();
  hold = false;
  for (const callback of held.splice(0)) callback();
  await finished(world, stopped);
  expect(said(world.caller.told.get(read))).toBe("read");
  expect((await audited(world)).records.at(-1)).toMatchObject({ kind: "release", reason: "clock" });
  await world.time.pass(5 * SECOND);
  expect(world.node.all()[0]?.phase).toBe("unowned");
});

test("stopping: whoever waits for the log to be read again is told unknown", async () => {
  let fate: "done" | "lost" | "refused" = "done";
  const world = await new OneNode({ log: { fate: () => (fate === "refused" ? { kind: "refused", code: "disk_full" } : { kind: fate }) } }).start();
  await opened(world);
  fate = "lost";
  const id = world.send(bidOf("ann", "k1", 500));
  world.node.turn();
  await Promise.resolve();
  fate = "refused";
  await world.time.settle();
  expect(said(world.caller.told.get(id))).toBe("nothing");
  await finished(world, world.node.stop());
  expect(said(world.caller.told.get(id))).toBe("outcome_unknown");
});

test("stopping: while the log refuses, no probe opens the shard again", async () => {
  let down = false;
  const world = await new OneNode({ log: { fate: () => (down ? { kind: "refused", code: "disk_full" } : { kind: "done" }) } }).start();
  await opened(world);
  down = true;
  expect(said(await world.ask(bidOf("ann", "k1", 500)))).toBe("log_unavailable");
  await finished(world, world.node.stop());
  down = false;
  await world.time.pass(20 * SECOND);
  expect(world.node.all()[0]?.phase).not.toBe("serving");
});

test("stop: the last checkpoint stands behind the RELEASE, though nothing changed since the one before", async () => {
  const world = await new OneNode().start();
  await opened(world);
  await world.ask(bidOf("ann", "k1", 500));
  await finished(world, world.node.snapshotAll());
  await finished(world, world.node.stop());
  const [newest] = await world.snapshots.checkpoints(0);
  expect([newest?.offset, newest?.open]).toEqual([world.records.ends(0).end, false]);
});
