// The shard loop in a small deterministic world: what is told to whom, and when.
import { expect, test } from "vitest";
import type { CommandBody } from "../core/command.ts";
import { auctionIdOf, commandOf, DAY_ONE, OneNode, type Told } from "../sim/one-node.ts";

const HOUR = 3_600_000;
const AUCTION = auctionIdOf(1);

function create(settings: Record<string, unknown> = {}): CommandBody {
  return { type: "create", settings: { currency: "USD", opening: 100, opensAt: DAY_ONE, durationMs: HOUR, sellerId: "sue", ...settings } };
}

function bid(amount: number): CommandBody {
  return { type: "place_bid", kind: "maximum", amount, currency: "USD" };
}

async function opened(world: OneNode, settings: Record<string, unknown> = {}): Promise<void> {
  await world.ask(commandOf("seller", "sue", AUCTION, "create", create(settings)));
}

function said(told: Told | undefined): string {
  if (told === undefined) return "nothing";
  return told.kind === "answer"
    ? `${told.answer.code} ${told.answer.sequence}${told.replayed ? " replayed" : ""}`
    : told.kind === "refusal"
      ? told.code
      : "read";
}

test("shard loop: a bid: the answer comes after the record is durable, with the state after it", async () => {
  const world = await new OneNode().start();
  await opened(world);
  const told = await world.ask(commandOf("bidder", "ann", AUCTION, "k1", bid(500)));
  expect(told).toMatchObject({ kind: "answer", replayed: false, answer: { code: "leading", price: 100, askingPrice: 125, standing: "leading" } });
});

test("shard loop: nothing leaves before the append is done", async () => {
  const held: (() => void)[] = [];
  let hold = false;
  const world = await new OneNode({ log: { soon: (callback) => (hold ? held.push(callback) : queueMicrotask(callback)) } }).start();
  await opened(world);
  hold = true;
  const id = world.send(commandOf("bidder", "ann", AUCTION, "k1", bid(500)));
  world.node.turn();
  await world.time.settle();
  expect(said(world.caller.told.get(id))).toBe("nothing");
  expect(world.sink.updates.filter((update) => update.events.includes("bid_placed"))).toEqual([]);
  hold = false;
  for (const callback of held.splice(0)) callback();
  await world.time.settle();
  expect(said(world.caller.told.get(id))).toBe("leading 3");
});

test("shard loop: what the open frame holds does not leave with the one in flight", async () => {
  const held: (() => void)[] = [];
  let hold = false;
  const world = await new OneNode({ log: { soon: (callback) => (hold ? held.push(callback) : queueMicrotask(callback)) } }).start();
  await opened(world);
  hold = true;
  const sent = world.send(commandOf("bidder", "ann", AUCTION, "k1", bid(500)));
  world.node.turn();
  const open = world.send(commandOf("bidder", "bob", AUCTION, "k2", bid(900)));
  world.node.turn();
  // Stored, then told; then the next frame is on its way.
  for (let n = 0; n < 2; n += 1) held.shift()?.();
  await world.time.settle();
  expect([sent, open].map((id) => said(world.caller.told.get(id)))).toEqual(["leading 3", "nothing"]);
  expect(world.sink.updates.at(-1)?.sequence).toBe(3);
  hold = false;
  for (const callback of held.splice(0)) callback();
  await world.time.settle();
  expect(said(world.caller.told.get(open))).toBe("leading 4");
});

test("shard loop: an unknown auction is refused by an owner whose last record was sent within a second, else after the next one", async () => {
  const held: (() => void)[] = [];
  let hold = false;
  const world = await new OneNode({ log: { soon: (callback) => (hold ? held.push(callback) : queueMicrotask(callback)) } }).start();
  await opened(world);
  hold = true;
  world.send(commandOf("bidder", "ann", AUCTION, "k1", bid(500)));
  world.node.turn();
  await world.time.pass(1_500);
  // It lands now, but it was sent a second and a half ago: meanwhile somebody else may have claimed.
  for (let n = 0; n < 2; n += 1) held.shift()?.();
  const strange = world.send(commandOf("bidder", "ann", auctionIdOf(9), "k1", bid(500)));
  world.node.turn();
  await world.time.settle();
  expect(said(world.caller.told.get(strange))).toBe("nothing");
  hold = false;
  for (const callback of held.splice(0)) callback();
  await world.time.settle();
  expect(said(world.caller.told.get(strange))).toBe("no_such_auction");
});

test("shard loop: a repeated key: the same bytes, at once, without a record", async () => {
  const world = await new OneNode().start();
  await opened(world);
  const first = await world.ask(commandOf("bidder", "ann", AUCTION, "k1", bid(500)));
  await world.ask(commandOf("bidder", "bob", AUCTION, "k1", bid(800)));
  const { end } = await world.log.ends(0);
  const again = await world.ask(commandOf("bidder", "ann", AUCTION, "k1", bid(500)));
  expect(again).toMatchObject({ kind: "answer", replayed: true });
  expect(again.kind === "answer" && first.kind === "answer" && again.bytes === first.bytes).toBe(true);
  expect(await world.log.ends(0)).toMatchObject({ end });
});

test("shard loop: a key with another command is refused key_reused", async () => {
  const world = await new OneNode().start();
  await opened(world);
  await world.ask(commandOf("bidder", "ann", AUCTION, "k1", bid(500)));
  expect(said(await world.ask(commandOf("bidder", "ann", AUCTION, "k1", bid(600))))).toBe("key_reused");
});

test("shard loop: two sendings of one key in one frame: one decision, both get its answer", async () => {
  const world = await new OneNode().start();
  await opened(world);
  const one = world.send(commandOf("bidder", "ann", AUCTION, "k1", bid(500)));
  const two = world.send(commandOf("bidder", "ann", AUCTION, "k1", bid(500)));
  const other = world.send(commandOf("bidder", "ann", AUCTION, "k1", bid(700)));
  world.node.turn();
  await world.time.settle();
  expect([one, two, other].map((id) => said(world.caller.told.get(id)))).toEqual(["leading 3", "leading 3 replayed", "key_reused"]);
});

test("shard loop: an unknown auction is refused, and binds no key", async () => {
  const world = await new OneNode().start();
  const strange = commandOf("bidder", "ann", auctionIdOf(9), "k1", bid(500));
  expect(said(await world.ask(strange))).toBe("no_such_auction");
  await world.ask(commandOf("seller", "sue", auctionIdOf(9), "create", create()));
  expect(said(await world.ask(strange))).toBe("leading 3");
});

test("shard loop: a rejected create takes the id: the same key the same answer, everything else no_such_auction", async () => {
  const world = await new OneNode().start();
  const wrong = commandOf("seller", "sue", AUCTION, "create", create({ opening: 0 }));
  expect(said(await world.ask(wrong))).toBe("opening_invalid 1");
  expect(said(await world.ask(wrong))).toBe("opening_invalid 1 replayed");
  expect(said(await world.ask(commandOf("seller", "sue", AUCTION, "other", create())))).toBe("no_such_auction");
});

test("shard loop: opening and close are decided when due, by the engine itself", async () => {
  const world = await new OneNode().start();
  await opened(world, { opensAt: DAY_ONE + 1_000 });
  await world.time.pass(1_000);
  await world.ask(commandOf("bidder", "ann", AUCTION, "k1", bid(500)));
  await world.time.pass(HOUR);
  const hammer = world.sink.updates.at(-1);
  expect(hammer).toMatchObject({
    events: ["ended"],
    at: DAY_ONE + 1_000 + HOUR,
    state: { phase: "closed", outcome: "sold", hammer: { price: 100, winnerNumber: 1 } },
  });
});

test("shard loop: an auction due at its creation opens after its create is durable", async () => {
  const world = await new OneNode().start();
  const ids = [1, 2, 3].map((n) =>
    world.send(commandOf("seller", "sue", auctionIdOf(n), "create", create({ opensAt: DAY_ONE - 1, endsAt: DAY_ONE + HOUR, durationMs: undefined }))),
  );
  world.node.turn();
  await world.time.settle();
  expect(ids.map((id) => said(world.caller.told.get(id)))).toEqual(["ok 1", "ok 1", "ok 1"]);
  expect(world.node.all()[0]?.phase).toBe("serving");
  expect(world.sink.updates.filter((update) => update.events.includes("opened"))).toHaveLength(3);
});

test("shard loop: a bid that comes at the end is decided after the hammer", async () => {
  const world = await new OneNode().start();
  await opened(world);
  world.time.jump(HOUR);
  expect(said(await world.ask(commandOf("bidder", "ann", AUCTION, "k1", bid(500))))).toBe("ended 4");
});

test("shard loop: outbid is told to the bidder who lost the lead", async () => {
  const world = await new OneNode().start();
  await opened(world);
  await world.ask(commandOf("bidder", "ann", AUCTION, "a", bid(500)));
  await world.ask(commandOf("bidder", "bob", AUCTION, "b", bid(900)));
  expect(world.sink.notices).toMatchObject([{ kind: "outbid", bidderId: "ann", yourBid: 500, price: 550, askingPrice: 600 }]);
});

test("shard loop: one update for all decisions of one commit", async () => {
  const world = await new OneNode().start();
  await opened(world);
  const before = world.sink.updates.length;
  for (let n = 0; n < 5; n += 1) world.send(commandOf("bidder", n % 2 === 0 ? "ann" : "bob", AUCTION, `k${n}`, bid(500 + n * 100)));
  world.node.turn();
  await world.time.settle();
  expect(world.sink.updates.slice(before)).toMatchObject([{ sequence: 7, previousSequence: 2, events: ["bid_placed"], state: { totalBids: 5, bidders: 2 } }]);
});

test("shard loop: a refused append: the head is thrown away, every command refused, nothing had an effect", async () => {
  let down = false;
  const world = await new OneNode({ log: { fate: () => (down ? { kind: "refused", code: "disk_full" } : { kind: "done" }) } }).start();
  await opened(world);
  down = true;
  expect(said(await world.ask(commandOf("bidder", "ann", AUCTION, "k1", bid(500))))).toBe("log_unavailable");
  expect(said(await world.ask(commandOf("bidder", "bob", AUCTION, "k2", bid(500))))).toBe("log_unavailable");
  expect(world.node.statuses()[0]).toMatchObject({ state: "log_down" });
  down = false;
  await world.time.pass(3_000);
  expect(world.node.statuses()[0]).toMatchObject({ state: "serving" });
  expect(said(await world.ask(commandOf("bidder", "bob", AUCTION, "k2", bid(500))))).toBe("leading 3");
});

test("shard loop: an unknown outcome that was stored: the tenure ends, replay finds it, its sender hears the answer", async () => {
  let lose = 0;
  const world = await new OneNode({ log: { fate: () => (lose-- === 1 ? { kind: "answer_lost" } : { kind: "done" }) } }).start();
  await opened(world);
  lose = 1;
  const id = world.send(commandOf("bidder", "ann", AUCTION, "k1", bid(500)));
  world.node.turn();
  await world.time.pass(5_000);
  expect(said(world.caller.told.get(id))).toBe("leading 3 replayed");
});

test("shard loop: an unknown outcome that was not stored is told as unknown, and the key is free", async () => {
  let lose = 0;
  const world = await new OneNode({ log: { fate: () => (lose-- === 1 ? { kind: "lost" } : { kind: "done" }) } }).start();
  await opened(world);
  lose = 1;
  const command = commandOf("bidder", "ann", AUCTION, "k1", bid(500));
  const id = world.send(command);
  world.node.turn();
  await world.time.pass(5_000);
  expect(said(world.caller.told.get(id))).toBe("outcome_unknown");
  expect(said(await world.ask(command))).toBe("leading 3");
});

test("shard loop: a full mailbox is auction_busy, a full shard overloaded", async () => {
  const world = await new OneNode({ limits: { mailboxMax: 2, waitingMax: 3 } }).start();
  await opened(world);
  await world.ask(commandOf("seller", "sue", auctionIdOf(2), "create", create()));
  const ids = [1, 2, 3].map((n) => world.send(commandOf("bidder", "ann", AUCTION, `k${n}`, bid(500 * n))));
  const other = [1, 2].map((n) => world.send(commandOf("bidder", "ann", auctionIdOf(2), `k${n}`, bid(500 * n))));
  world.node.turn();
  await world.time.settle();
  expect([...ids, ...other].map((id) => said(world.caller.told.get(id)))).toEqual(["leading 3", "leading 4", "auction_busy", "leading 3", "overloaded"]);
});

test("shard loop: an idle shard logs its time", async () => {
  const world = await new OneNode({ limits: { timeIdleMs: 10_000 } }).start();
  const { end } = await world.log.ends(0);
  await world.time.pass(60_000);
  expect((await world.log.ends(0)).end - end).toBeGreaterThanOrEqual(5);
});

test("recovery: a node that starts again from log alone answers as before", async () => {
  const first = await new OneNode().start();
  await opened(first);
  const before = await first.ask(commandOf("bidder", "ann", AUCTION, "k1", bid(500)));
  const second = await new OneNode({ before: first }).start();
  const after = await second.ask(commandOf("bidder", "ann", AUCTION, "k1", bid(500)));
  expect(after).toMatchObject({ kind: "answer", replayed: true });
  expect(before.kind === "answer" && after.kind === "answer" && before.bytes === after.bytes).toBe(true);
});

test("recovery: checkpoint and tail give the state of the log alone", async () => {
  const first = await new OneNode({ shards: 4 }).start();
  for (let n = 0; n < 20; n += 1) {
    await first.ask(commandOf("seller", "sue", auctionIdOf(n * 100), "create", create()));
    await first.ask(commandOf("bidder", "ann", auctionIdOf(n * 100), "k1", bid(500)));
    if (n === 10) await settled(first, first.node.snapshotAll());
  }
  await settled(first, first.node.stop());
  const hashes = first.node.all().map((shard) => Buffer.from(shard.hashes.sum).toString("hex"));
  const second = await new OneNode({ shards: 4, before: first }).start();
  await settled(second, second.node.stop());
  expect(second.node.all().map((shard) => Buffer.from(shard.hashes.sum).toString("hex"))).toEqual(hashes);
  expect(second.lines.filter((line) => line.event === "shard_claimed").map((line) => line.fields.from)).toEqual([
    "checkpoint",
    "checkpoint",
    "checkpoint",
    "checkpoint",
  ]);
});

test("recovery: snapshots of another log are refused, and nothing is served from them", async () => {
  const first = await new OneNode().start();
  await opened(first);
  await settled(first, first.node.snapshotAll());
  const other = await new OneNode({ time: first.time, snapshots: first.snapshots, lifeId: new Uint8Array(16).fill(9) }).start();
  expect(other.node.all()[0]?.phase).toBe("stopped");
  expect(other.lines).toContainEqual(expect.objectContaining({ event: "shard_stopped", fields: expect.objectContaining({ invariant: "other_life" }) }));
});

test("recovery: an end that fell into the outage stands, and is decided before any bid", async () => {
  const first = await new OneNode().start();
  await opened(first);
  await first.ask(commandOf("bidder", "ann", AUCTION, "k1", bid(500)));
  first.time.jump(2 * HOUR);
  const second = await new OneNode({ before: first }).start();
  expect(said(await second.ask(commandOf("bidder", "bob", AUCTION, "k2", bid(900))))).toBe("ended 5");
});

test("recovery: lost time is given back where the auction's outage policy says so", async () => {
  const first = await new OneNode().start();
  await opened(first, { outage: { policy: "give_back" } });
  await first.time.pass(HOUR - 60_000);
  first.time.jump(10 * 60_000);
  const second = await new OneNode({ before: first }).start();
  const told = await second.ask(commandOf("bidder", "bob", AUCTION, "k2", bid(900)));
  expect(told).toMatchObject({ kind: "answer", answer: { code: "leading", endsAt: DAY_ONE + HOUR + 10 * 60_000 } });
});

test("ownership: a second node claims, and the first stops serving and says why", async () => {
  const first = await new OneNode().start();
  await opened(first);
  const second = await new OneNode({ before: first }).start();
  expect(said(await second.ask(commandOf("bidder", "bob", AUCTION, "k2", bid(900))))).toBe("leading 3");
  const told = await first.ask(commandOf("bidder", "ann", AUCTION, "k1", bid(500)));
  expect(told.kind).toBe("refusal");
  expect(first.lines.map((line) => line.event)).toContain("tenure_over");
});

async function settled<T>(world: OneNode, promise: Promise<T>): Promise<T> {
  let done = false;
  void promise.then(() => {
    done = true;
  });
  for (let n = 0; n < 50 && !done; n += 1) await world.time.settle();
  return promise;
}
