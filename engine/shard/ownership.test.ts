// Several nodes on one log: who owns a shard, how it passes from one to another, and what everybody hears meanwhile.
import { expect, test } from "vitest";
import type { DecisionLog, Membership } from "../ports.ts";
import { commandOf, FakeTime, OneNode, type OneNodeOptions } from "../sim/one-node.ts";
import { AUCTION, audited, bidOf, HOUR, opened, SECOND, said } from "../sim/scenes.ts";
import { stateHashNow } from "./state-hash-now.ts";

/** A placement that changes when the test says so; all nodes see it at once. */
class Placed {
  nodes: readonly string[];
  #version = 1;
  readonly #listeners = new Set<() => void>();

  constructor(...nodes: readonly string[]) {
    this.nodes = nodes;
  }

  of(nodeId: string): Membership {
    return {
      assigned: () => (this.nodes[0] === nodeId ? [0] : []),
      nodesOf: () => this.nodes,
      version: () => this.#version,
      onChange: (listener) => {
        this.#listeners.add(listener);
        return () => this.#listeners.delete(listener);
      },
    };
  }

  change(...nodes: readonly string[]): void {
    this.nodes = nodes;
    this.#version += 1;
    for (const listener of this.#listeners) listener();
  }
}

/** Nodes on one log and one clock. */
class Cluster {
  readonly time = new FakeTime();
  readonly placed: Placed | null;
  #before: OneNode | null = null;

  constructor(...nodes: readonly string[]) {
    this.placed = nodes.length === 0 ? null : new Placed(...nodes);
  }

  make(nodeId: string, options: OneNodeOptions = {}): OneNode {
    const node = new OneNode({
      ...options,
      nodeId,
      time: this.time,
      limits: { timeIdleMs: SECOND, ...options.limits },
      ...(this.placed === null ? {} : { membership: this.placed.of(nodeId) }),
      ...(this.#before === null ? {} : { before: this.#before }),
    });
    this.#before ??= node;
    return node;
  }

  start(nodeId: string, options: OneNodeOptions = {}): Promise<OneNode> {
    return this.make(nodeId, options).start();
  }
}

function shardOf(world: OneNode) {
  const [shard] = world.node.all();
  if (shard === undefined) throw new Error("one shard");
  return shard;
}

const standing = (world: OneNode): string => shardOf(world).standing;
const hashOf = (world: OneNode): string => Buffer.from(stateHashNow(shardOf(world))).toString("hex");
const events = (world: OneNode, event: string): number => world.lines.filter((line) => line.event === event).length;

test("ownership: the first node serves, a node that starts later stands by for it and says so", async () => {
  const cluster = new Cluster("ash", "birch");
  const ash = await cluster.start("ash");
  const birch = await cluster.start("birch");
  await opened(ash);
  await cluster.time.pass(HOUR / 60);
  expect([standing(ash), standing(birch)]).toEqual(["serving", "standby"]);
  expect(birch.lines.find(({ event }) => event === "shard_standby")?.fields).toMatchObject({ shard: 0 });
  expect([events(ash, "shard_claimed"), events(birch, "shard_claimed")]).toEqual([1, 0]);
});

test("ownership: the first node that comes back finds another owner alive, and becomes its standby", async () => {
  const cluster = new Cluster("ash", "birch");
  const ash = await cluster.start("ash");
  const birch = await cluster.start("birch");
  await opened(ash);
  ash.kill();
  await cluster.time.pass(5 * SECOND);
  expect(standing(birch)).toBe("serving");
  const back = await cluster.start("ash");
  await cluster.time.pass(60 * SECOND);
  expect([standing(back), standing(birch), events(back, "shard_claimed")]).toEqual(["standby", "serving", 0]);
  expect(shardOf(back).owner?.nodeId).toBe("birch");
});

test("ownership: a node killed and started again within the lease goes on under its name at once", async () => {
  const cluster = new Cluster("ash", "birch");
  const ash = await cluster.start("ash");
  const birch = await cluster.start("birch");
  await opened(ash);
  ash.kill();
  await cluster.time.pass(SECOND);
  const again = await cluster.start("ash");
  await cluster.time.pass(10 * SECOND);
  expect([standing(again), standing(birch)]).toEqual(["serving", "standby"]);
});

const SILENCES: readonly (readonly [silentMs: number, standings: readonly string[]])[] = [
  [2_900, ["standby", "standby"]],
  [3_100, ["serving", "standby"]],
  [60_000, ["serving", "standby"]],
];

for (const [silentMs, standings] of SILENCES) {
  test(`ownership: of two standbys the first one takes over, and only that one: ${silentMs} ms after the owner fell silent`, async () => {
    const cluster = new Cluster("ash", "birch", "cedar");
    const ash = await cluster.start("ash");
    const others = [await cluster.start("birch"), await cluster.start("cedar")];
    await opened(ash);
    await cluster.time.pass(10 * SECOND);
    ash.kill();
    await cluster.time.pass(silentMs);
    expect(others.map(standing)).toEqual(standings);
  });
}

test("ownership: both silent: the last standby takes over a step later", async () => {
  const cluster = new Cluster("ash", "birch", "cedar");
  const ash = await cluster.start("ash");
  const birch = await cluster.start("birch");
  const cedar = await cluster.start("cedar");
  await opened(ash);
  ash.kill();
  birch.kill();
  await cluster.time.pass(3_900);
  expect(standing(cedar)).toBe("standby");
  await cluster.time.pass(SECOND);
  expect(standing(cedar)).toBe("serving");
});

test("ownership: an owner that stops gives the shard to the next one at once, with no time lost", async () => {
  const cluster = new Cluster("ash", "birch", "cedar");
  const ash = await cluster.start("ash");
  const others = [await cluster.start("birch"), await cluster.start("cedar")];
  await opened(ash);
  void ash.node.stop();
  await cluster.time.settle();
  expect(others.map(standing)).toEqual(["serving", "standby"]);
});

test("both configured: the later one has the shard, the other stops serving it, says whose it is, and neither takes it back", async () => {
  const cluster = new Cluster();
  const ash = await cluster.start("ash");
  await opened(ash);
  const birch = await cluster.start("birch");
  expect(standing(birch)).toBe("serving");
  await cluster.time.pass(120 * SECOND);
  expect([standing(ash), standing(birch)]).toEqual(["standby", "serving"]);
  expect(shardOf(ash).note).toBe("claimed by birch");
  expect(ash.lines.find(({ event }) => event === "tenure_over")?.fields).toMatchObject({ by: "birch" });
  expect([events(ash, "shard_claimed"), events(birch, "shard_claimed")]).toEqual([1, 1]);
});

test("both configured: of two that start together one serves, and the log is not flooded with claims", async () => {
  const cluster = new Cluster();
  const ash = cluster.make("ash");
  const birch = cluster.make("birch");
  void ash.node.start();
  void birch.node.start();
  await cluster.time.settle();
  await cluster.time.pass(120 * SECOND);
  expect([standing(ash), standing(birch)].sort()).toEqual(["serving", "standby"]);
  const claims = (await audited(ash)).records.filter(({ kind }) => kind === "claim");
  expect(claims.length).toBeLessThan(3);
});

test("both configured: when the winner dies the loser takes over", async () => {
  const cluster = new Cluster();
  const ash = await cluster.start("ash");
  const birch = await cluster.start("birch");
  await opened(birch);
  await cluster.time.pass(5 * SECOND);
  birch.kill();
  await cluster.time.pass(5 * SECOND);
  expect(standing(ash)).toBe("serving");
  expect(said(await ash.ask(bidOf("ann", "k1", 500)))).toMatch(/^leading/);
});

test("planned move: the old owner gives the shard up for the new one, which claims on reading that and has the same state", async () => {
  const cluster = new Cluster("ash", "birch");
  const ash = await cluster.start("ash");
  const birch = await cluster.start("birch");
  await opened(ash);
  await ash.ask(bidOf("ann", "k1", 500));
  cluster.placed?.change("birch", "ash");
  await cluster.time.pass(1_900);
  expect([standing(ash), standing(birch)]).toEqual(["serving", "standby"]);
  await cluster.time.pass(200);
  expect([standing(ash), standing(birch)]).toEqual(["standby", "serving"]);
  const { records, violations } = await audited(ash);
  expect(violations).toEqual([]);
  expect(records.find(({ kind }) => kind === "release")).toMatchObject({ reason: "move", target: "birch" });
  expect(records.filter(({ kind }) => kind === "claim").at(-1)).toMatchObject({ reason: "move", nodeId: "birch" });
  await cluster.time.settle();
  expect(hashOf(ash)).toBe(hashOf(birch));
});

test("planned move: bids meanwhile are each answered once, and none is lost", async () => {
  const cluster = new Cluster("ash", "birch");
  const ash = await cluster.start("ash");
  const birch = await cluster.start("birch");
  await opened(ash);
  cluster.placed?.change("birch", "ash");
  const answers = new Map<string, string>();
  const waiting = new Set<number>();
  for (let step = 0; step < 60; step += 1) {
    waiting.add(step);
    for (const n of [...waiting]) {
      // A gateway asks whoever serves, and asks again under the same key after a refusal.
      const owner = [ash, birch].find((node) => standing(node) === "serving");
      const told = owner === undefined ? undefined : await owner.ask(bidOf(`bidder${n}`, `k${n}`, 500 + n * 100));
      if (told?.kind !== "answer") continue;
      expect(answers.has(`k${n}`)).toBe(false);
      answers.set(`k${n}`, told.bytes);
      waiting.delete(n);
    }
    await cluster.time.pass(100);
  }
  expect([standing(birch), answers.size]).toEqual(["serving", 60]);
  for (const n of [0, 15, 40]) {
    const again = await birch.ask(bidOf(`bidder${n}`, `k${n}`, 500 + n * 100));
    expect(again).toMatchObject({ kind: "answer", replayed: true, bytes: answers.get(`k${n}`) });
  }
  const { placed, violations } = await audited(ash);
  expect([placed.filter(({ decision }) => decision.command.body.type === "place_bid").length, violations]).toEqual([60, []]);
});

test("planned move: when the RELEASE never comes the new owner claims without it", async () => {
  const cluster = new Cluster("ash", "birch");
  let down = false;
  const ash = await cluster.start("ash", { log: { fate: () => (down ? { kind: "refused", code: "not_authorised" } : { kind: "done" }) } });
  const birch = await cluster.start("birch");
  await opened(ash);
  down = true;
  await ash.time.pass(1_500);
  cluster.placed?.change("birch", "ash");
  await cluster.time.pass(6 * SECOND);
  expect(standing(birch)).toBe("serving");
  expect(said(await birch.ask(bidOf("ann", "k1", 500)))).toMatch(/^leading/);
});

test("planned move: when the target is not there another standby takes the shard after the lease, the old owner last", async () => {
  const cluster = new Cluster("ash", "cedar");
  const ash = await cluster.start("ash");
  const cedar = await cluster.start("cedar");
  await opened(ash);
  cluster.placed?.change("birch", "cedar", "ash");
  await cluster.time.pass(2_100);
  expect([standing(ash), standing(cedar)]).toEqual(["standby", "standby"]);
  await cluster.time.pass(5 * SECOND);
  expect([standing(ash), standing(cedar)]).toEqual(["standby", "serving"]);
});

test("planned move: a change that leaves the first node alone moves nothing, whoever serves", async () => {
  const cluster = new Cluster("ash", "birch");
  const ash = await cluster.start("ash");
  const birch = await cluster.start("birch");
  ash.kill();
  await cluster.time.pass(5 * SECOND);
  cluster.placed?.change("ash", "birch", "cedar");
  await cluster.time.pass(20 * SECOND);
  expect([standing(birch), events(birch, "shard_released")]).toEqual(["serving", 0]);
});

test("planned move: called back before the RELEASE: nothing moves", async () => {
  const cluster = new Cluster("ash", "birch");
  const ash = await cluster.start("ash");
  const birch = await cluster.start("birch");
  cluster.placed?.change("birch", "ash");
  await cluster.time.pass(SECOND);
  cluster.placed?.change("ash", "birch");
  await cluster.time.pass(20 * SECOND);
  expect([standing(ash), standing(birch), events(ash, "shard_released")]).toEqual(["serving", "standby", 0]);
});

test("planned move: a node that is not named any more keeps nothing of the shard", async () => {
  const cluster = new Cluster("ash", "birch");
  const ash = await cluster.start("ash");
  const birch = await cluster.start("birch");
  await opened(ash);
  cluster.placed?.change("birch");
  await cluster.time.pass(5 * SECOND);
  expect([standing(ash), standing(birch), shardOf(ash).actors.size]).toEqual(["unowned", "serving", 0]);
});

test("frozen: an owner that wakes after another took over answers nobody, publishes nothing, and stands by", async () => {
  const cluster = new Cluster("ash", "birch");
  const ash = await cluster.start("ash");
  const birch = await cluster.start("birch");
  await opened(ash);
  await ash.ask(bidOf("ann", "k1", 500));
  ash.dead = true;
  await cluster.time.pass(5 * SECOND);
  expect(standing(birch)).toBe("serving");
  await birch.ask(bidOf("bob", "k2", 900));
  ash.dead = false;
  const updates = ash.sink.updates.length;
  const ids = [ash.send(bidOf("cyn", "k3", 2_000)), ash.send(bidOf("ann", "k4", 3_000))];
  ash.node.turn();
  await cluster.time.pass(5 * SECOND);
  expect(ids.map((id) => said(ash.caller.told.get(id)))).toEqual(["outcome_unknown", "outcome_unknown"]);
  expect([standing(ash), standing(birch), ash.sink.updates.length]).toEqual(["standby", "serving", updates]);
  expect(hashOf(ash)).toBe(hashOf(birch));
  expect((await audited(birch)).violations).toEqual([]);
});

/** Gives each record a time of the broker, which is `offMs` ahead of this node's clock. */
function timed(log: DecisionLog, time: FakeTime, offMs: () => number): DecisionLog {
  const append = log.append.bind(log);
  log.append = (appends, done) => {
    append(appends, (outcomes) => done(outcomes.map((outcome) => (outcome.kind === "done" ? { ...outcome, storedAt: time.now() + offMs() } : outcome))));
  };
  return log;
}

for (const offMs of [-501, 501, 60_000]) {
  test(`clock: a claim that the log stored ${offMs} ms away from the own clock is given up, and the next node serves`, async () => {
    const cluster = new Cluster("ash", "birch");
    const ash = cluster.make("ash", { wrapLog: (log) => timed(log, cluster.time, () => offMs) });
    void ash.node.start();
    await cluster.time.settle();
    const birch = await cluster.start("birch");
    await cluster.time.pass(5 * SECOND);
    expect([standing(ash), standing(birch)]).toEqual(["standby", "serving"]);
    expect(shardOf(ash).note).toBe(`clock off by ${offMs} ms`);
    const { records, violations } = await audited(ash);
    expect(violations).toEqual([]);
    expect(records.filter(({ kind }) => kind === "release")).toMatchObject([{ reason: "clock" }]);
    expect(events(ash, "shard_serving")).toBe(0);
  });
}

test("clock: within its bound nothing is given up", async () => {
  const cluster = new Cluster("ash");
  const ash = await cluster.start("ash", { wrapLog: (log) => timed(log, cluster.time, () => 500) });
  expect(standing(ash)).toBe("serving");
});

test("clock: alone, a node with a wrong clock claims again after 5 s, 10 s, 20 s; and serves when its clock is right", async () => {
  const cluster = new Cluster("ash");
  let offMs = 2_000;
  const ash = cluster.make("ash", { wrapLog: (log) => timed(log, cluster.time, () => offMs) });
  void ash.node.start();
  await cluster.time.settle();
  const counts: number[] = [];
  for (const ms of [0, 4_900, 5_000, 5_000, 15_000, 10_000]) {
    await cluster.time.pass(ms);
    counts.push(events(ash, "shard_claimed"));
  }
  expect(counts).toEqual([1, 1, 2, 2, 3, 4]);
  offMs = 0;
  await cluster.time.pass(41 * SECOND);
  expect(standing(ash)).toBe("serving");
});

test("clock: a wrong clock that is ahead leaves no logged time in the future behind", async () => {
  const cluster = new Cluster("ash", "birch");
  const ash = await cluster.start("ash");
  await opened(ash);
  ash.kill();
  const birch = await cluster.start("birch", { wrapLog: (log) => timed(log, cluster.time, () => -60_000) });
  const { time } = shardOf(birch).judge;
  await cluster.time.pass(4 * SECOND);
  expect(events(birch, "clock_off")).toBe(1);
  expect((await audited(birch)).records.filter(({ kind }) => kind === "release")).toMatchObject([{ timeLast: time }]);
});

test("ownership: a seller's word given before a takeover holds after it", async () => {
  const cluster = new Cluster("ash", "birch");
  const ash = await cluster.start("ash");
  const birch = await cluster.start("birch");
  await opened(ash);
  const told = await ash.ask(commandOf("seller", "sue", AUCTION, "w", { type: "withdraw", reason: "r" }));
  ash.kill();
  await cluster.time.pass(4 * SECOND);
  const again = await birch.ask(commandOf("seller", "sue", AUCTION, "w", { type: "withdraw", reason: "r" }));
  expect(again).toMatchObject({ kind: "answer", replayed: true, bytes: told.kind === "answer" ? told.bytes : "" });
});
