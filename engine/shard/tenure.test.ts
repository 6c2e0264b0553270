// How a tenure ends, and what everybody hears of it: each test is one way in which an answer, an end or a promise could be lost.
import { expect, test } from "vitest";
import { createRecordCodec } from "../../persistence/record.ts";
import { HeldLog } from "../sim/held.ts";
import { commandOf, DAY_ONE, OneNode } from "../sim/one-node.ts";
import { AUCTION, audited, bidOf, create, HOUR, opened, SECOND, said } from "../sim/scenes.ts";

test("log down: an end that fell due meanwhile is decided after its time was given back", async () => {
  let down = false;
  const world = await new OneNode({ log: { fate: () => (down ? { kind: "refused", code: "disk_full" } : { kind: "done" }) } }).start();
  await opened(world, { durationMs: 10 * SECOND, outage: { policy: "give_back" } });
  await world.time.pass(5 * SECOND);
  down = true;
  await world.time.pass(20 * SECOND);
  down = false;
  await world.time.pass(3 * SECOND);
  const told = await world.ask(bidOf("ann", "k1", 500));
  expect(said(told)).toMatch(/^leading/);
  expect((await audited(world)).violations).toEqual([]);
});

test("unknown outcome: an end that falls due before the shard is taken again is decided after its time was given back", async () => {
  let fate: "done" | "lost" | "refused" = "done";
  const world = await new OneNode({ log: { fate: () => (fate === "refused" ? { kind: "refused", code: "disk_full" } : { kind: fate }) } }).start();
  await opened(world, { durationMs: 20 * SECOND, outage: { policy: "give_back" } });
  await world.time.pass(5 * SECOND);
  fate = "lost";
  const id = world.send(bidOf("ann", "k1", 500));
  world.node.turn();
  await world.time.settle();
  fate = "refused";
  await world.time.pass(20 * SECOND);
  fate = "done";
  await world.time.pass(10 * SECOND);
  expect(said(world.caller.told.get(id))).toBe("outcome_unknown");
  expect(said(await world.ask(bidOf("ann", "k1", 500)))).toMatch(/^leading/);
});

test("unknown outcome: whoever waits hears so within seconds, also when the log stays away", async () => {
  let fate: "done" | "lost" | "refused" = "done";
  const world = await new OneNode({ log: { fate: () => (fate === "refused" ? { kind: "refused", code: "disk_full" } : { kind: fate }) } }).start();
  await opened(world);
  fate = "lost";
  const id = world.send(bidOf("ann", "k1", 500));
  world.node.turn();
  await world.time.settle();
  fate = "refused";
  await world.time.pass(10 * SECOND);
  expect(said(world.caller.told.get(id))).toBe("outcome_unknown");
});

test("log down: a claim that the log refuses: bids are refused log_unavailable at once, what is committed can be read, both open with the log", async () => {
  let fate: "done" | "lost" | "refused" = "done";
  const world = await new OneNode({ log: { fate: () => (fate === "refused" ? { kind: "refused", code: "not_enough_replicas" } : { kind: fate }) } }).start();
  await opened(world);
  fate = "lost";
  world.send(bidOf("ann", "k1", 500));
  world.node.turn();
  await world.time.settle();
  fate = "refused";
  await world.time.pass(10 * SECOND);
  expect(world.node.all()[0]?.status().state).toBe("log_down");
  expect(said(await world.ask(bidOf("bob", "k2", 900)))).toBe("log_unavailable");
  const read = world.read({ kind: "view", auctionId: AUCTION, history: 0, fresh: false, bidderId: null });
  expect(world.caller.told.get(read)).toMatchObject({ kind: "read" });
  fate = "done";
  await world.time.pass(10 * SECOND);
  expect(said(await world.ask(bidOf("bob", "k3", 900)))).toMatch(/^leading/);
});

test("unknown outcome: a repeat that waited for a decision in that frame hears what the log says of it", async () => {
  let fate: "done" | "answer_lost" = "done";
  const held: (() => void)[] = [];
  let hold = false;
  const world = await new OneNode({
    log: { fate: () => ({ kind: fate }), soon: (callback) => (hold ? held.push(callback) : queueMicrotask(callback)) },
  }).start();
  await opened(world);
  fate = "answer_lost";
  hold = true;
  const first = world.send(bidOf("ann", "k1", 500));
  world.node.turn();
  await world.time.settle();
  const again = world.send(bidOf("ann", "k1", 500));
  const reused = world.send(bidOf("ann", "k1", 700));
  world.node.turn();
  await world.time.settle();
  hold = false;
  const [store] = held.splice(0);
  store?.();
  await world.time.settle();
  fate = "done";
  await world.time.pass(5 * SECOND);
  expect([first, again, reused].map((id) => said(world.caller.told.get(id)))).toEqual(["leading 3 replayed", "leading 3 replayed", "key_reused"]);
});

test("ownership: what the new owner decided does not trip the old one's timers", async () => {
  const first = await new OneNode().start();
  await opened(first);
  const second = await new OneNode({ before: first, nodeId: "birch" }).start();
  await second.ask(commandOf("seller", "sue", AUCTION, "w", { type: "withdraw", reason: "r" }));
  expect(said(await first.ask(bidOf("ann", "k1", 500)))).toMatch(/unowned|unknown/);
  await first.time.pass(2 * HOUR);
  expect(first.node.all()[0]?.phase).toBe("unowned");
});

test("gap: one that cannot be read in time ends the tenure, and the shard is taken again", async () => {
  const held = new HeldLog();
  const world = await new OneNode({ wrapLog: (log) => held.wrap(log) }).start();
  await opened(world);
  world.records.store(0, new Uint8Array([1, 2, 3]));
  held.reading.close();
  const id = world.send(bidOf("ann", "k1", 500));
  world.node.turn();
  await world.time.pass(3 * SECOND);
  held.reading.open();
  await world.time.pass(5 * SECOND);
  expect(said(world.caller.told.get(id))).toBe("leading 3 replayed");
  expect(said(await world.ask(bidOf("bob", "k2", 900)))).toBe("leading 4");
  expect(world.lines.map((line) => line.event)).not.toContain("shard_stopped");
});

test("gap: void records only: the tenure goes on", async () => {
  const world = await new OneNode().start();
  await opened(world);
  world.records.store(0, new Uint8Array([1, 2, 3]));
  expect(said(await world.ask(bidOf("ann", "k1", 500)))).toBe("leading 3");
  expect(world.lines.map((line) => line.event)).not.toContain("tenure_over");
});

test("broken: a command whose frame is in the log's hands is told unknown, never refused", async () => {
  const held: (() => void)[] = [];
  let hold = false;
  const world = await new OneNode({ log: { soon: (callback) => (hold ? held.push(callback) : queueMicrotask(callback)) } }).start();
  await opened(world);
  hold = true;
  const sent = world.send(bidOf("ann", "k1", 500));
  world.node.turn();
  await world.time.settle();
  const open = world.send(bidOf("bob", "k2", 900));
  world.node.turn();
  const [shard] = world.node.all();
  if (shard === undefined) throw new Error("one shard");
  world.node.broken(shard, "test", "an invariant broke");
  expect([sent, open].map((id) => said(world.caller.told.get(id)))).toEqual(["outcome_unknown", "shard_unowned"]);
});

test("broken: a frame that lands while the shard is read again is read, not believed", async () => {
  const held: (() => void)[] = [];
  let hold = false;
  const world = await new OneNode({ log: { soon: (callback) => (hold ? held.push(callback) : queueMicrotask(callback)) } }).start();
  await opened(world);
  hold = true;
  world.send(bidOf("ann", "k1", 500));
  world.node.turn();
  await world.time.settle();
  const [shard] = world.node.all();
  if (shard === undefined) throw new Error("one shard");
  world.node.broken(shard, "test", "an invariant broke");
  await world.time.pass(2 * SECOND);
  hold = false;
  for (const callback of held.splice(0)) callback();
  await world.time.pass(5 * SECOND);
  expect(said(await world.ask(bidOf("ann", "k1", 500)))).toBe("leading 3 replayed");
  expect(said(await world.ask(bidOf("bob", "k2", 900)))).toBe("leading 4");
  expect((await audited(world)).violations).toEqual([]);
});

test("broken: while it is being taken: it is read again first, once, and nothing is served in between", async () => {
  const held: (() => void)[] = [];
  let hold = false;
  const first = await new OneNode().start();
  await opened(first);
  first.kill();
  const world = new OneNode({ before: first, log: { soon: (callback) => (hold ? held.push(callback) : queueMicrotask(callback)) } });
  hold = true;
  void world.node.start();
  await world.time.settle();
  const [shard] = world.node.all();
  if (shard === undefined) throw new Error("one shard");
  world.node.broken(shard, "test", "an invariant broke");
  hold = false;
  for (const callback of held.splice(0)) callback();
  await world.time.settle();
  expect(shard.phase).toBe("stopped");
  await world.time.pass(2 * SECOND);
  expect(shard.phase).toBe("serving");
  expect(world.lines.filter((line) => line.event === "shard_serving")).toHaveLength(1);
  expect(said(await world.ask(bidOf("ann", "k1", 500)))).toBe("leading 3");
});

test("broken: while its claim is under way for longer than the pause: what it claimed is read again before it serves", async () => {
  const held: (() => void)[] = [];
  let hold = false;
  const first = await new OneNode().start();
  await opened(first);
  first.kill();
  const world = new OneNode({ before: first, log: { soon: (callback) => (hold ? held.push(callback) : queueMicrotask(callback)) } });
  hold = true;
  void world.node.start();
  await world.time.settle();
  const [shard] = world.node.all();
  if (shard === undefined) throw new Error("one shard");
  world.node.broken(shard, "test", "an invariant broke");
  await world.time.pass(2 * SECOND);
  hold = false;
  for (const callback of held.splice(0)) callback();
  await world.time.pass(2 * SECOND);
  expect(shard.phase).toBe("serving");
  expect(world.lines.flatMap((line) => (line.event === "shard_claimed" ? [line.fields.from] : []))).toEqual(["zero", "zero"]);
});

test("broken: a record that cannot be made stops its shard and no other, and nobody waits for it", async () => {
  const world = await new OneNode({ shards: 2 }).start();
  await opened(world);
  const [first, second] = world.node.all();
  if (first === undefined || second === undefined) throw new Error("two shards");
  let heard = "nothing";
  first.send({
    alone: false,
    landed: (outcome) => {
      heard = outcome.kind;
    },
    build: () => {
      throw new Error("it cannot be made");
    },
  });
  await world.time.settle();
  expect([first.phase, second.phase, heard]).toEqual(["stopped", "serving", "unknown"]);
  await world.time.pass(2 * SECOND);
  expect(first.phase).toBe("serving");
});

test("broken: three times in ten minutes it is taken again, then it stays stopped", async () => {
  const world = await new OneNode().start();
  const [shard] = world.node.all();
  if (shard === undefined) throw new Error("one shard");
  for (let n = 0; n < 3; n += 1) {
    world.node.broken(shard, "test", "an invariant broke");
    await world.time.pass(60 * SECOND);
    expect(shard.phase).toBe("serving");
  }
  world.node.broken(shard, "test", "an invariant broke");
  await world.time.pass(60 * SECOND);
  expect(shard.phase).toBe("stopped");
});

test("claiming: a claim that lost to another names the new owner and waits", async () => {
  const first = await new OneNode().start();
  await opened(first);
  const codec = createRecordCodec(first.lifeId);
  const { claim } = first.node.all()[0]?.judge ?? { claim: 0 };
  first.records.store(
    0,
    codec.claim({ shard: 0, previous: claim, nonce: new Uint8Array(16).fill(3), nodeId: "birch", processId: "b", reason: "takeover", shards: 1, at: DAY_ONE }),
  );
  expect(said(await first.ask(bidOf("ann", "k1", 500)))).toBe("outcome_unknown");
  expect(first.node.statuses()[0]).toMatchObject({ state: "unowned" });
});

test("claiming: a claim that another one overtook serves nothing, and is made again later", async () => {
  const first = await new OneNode().start();
  await opened(first);
  first.kill();
  const codec = createRecordCodec(first.lifeId);
  const { claim } = first.node.all()[0]?.judge ?? { claim: 0 };
  let appends = 0;
  const overtaken = (): void => {
    appends += 1;
    if (appends > 1) return;
    const nonce = new Uint8Array(16).fill(3);
    first.records.store(0, codec.claim({ shard: 0, previous: claim, nonce, nodeId: "birch", processId: "b", reason: "takeover", shards: 1, at: DAY_ONE }));
  };
  const world = new OneNode({
    before: first,
    log: {
      fate: () => {
        overtaken();
        return { kind: "done" };
      },
    },
  });
  void world.node.start();
  await world.time.settle();
  expect(world.node.all()[0]?.phase).toBe("unowned");
  // Nothing comes from whoever claimed: three times the idle time later it counts as gone.
  await world.time.pass(31 * SECOND);
  expect(said(await world.ask(bidOf("ann", "k1", 500)))).toBe("leading 3");
  expect((await audited(world)).violations).toEqual([]);
});

test("log down: a clock that was set back meanwhile is waited for", async () => {
  let down = false;
  const world = await new OneNode({ log: { fate: () => (down ? { kind: "refused", code: "disk_full" } : { kind: "done" }) } }).start();
  await opened(world);
  down = true;
  await world.ask(bidOf("ann", "k1", 500));
  world.time.step(-60 * SECOND);
  await world.time.pass(5 * SECOND);
  down = false;
  await world.time.pass(5 * SECOND);
  expect(world.node.all()[0]?.phase).toBe("stopped");
  await world.time.pass(60 * SECOND);
  expect(said(await world.ask(bidOf("ann", "k1", 500)))).toBe("leading 3");
});

test("creating: an id whose create is in flight when the log refuses can be created again", async () => {
  let down = false;
  const world = await new OneNode({ log: { fate: () => (down ? { kind: "refused", code: "disk_full" } : { kind: "done" }) } }).start();
  down = true;
  const first = world.send(commandOf("seller", "sue", AUCTION, "c", create()));
  const second = world.send(commandOf("seller", "sue", AUCTION, "c2", create()));
  world.node.turn();
  await world.time.settle();
  expect([first, second].map((id) => said(world.caller.told.get(id)))).toEqual(["log_unavailable", "log_unavailable"]);
  down = false;
  await world.time.pass(3 * SECOND);
  expect(said(await opened(world))).toBe("ok 1");
});
