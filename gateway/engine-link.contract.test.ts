// Both ends of the link over real TCP on loopback, with a node of the test's own behind it and time in the test's hands.
import { afterEach, expect, test } from "vitest";
import type { Command } from "../engine/core/command.ts";
import type { RefusalCode } from "../engine/core/decision.ts";
import type { LinkNode, ReadCaller } from "../engine/link/node.ts";
import { createLinkServer, type LinkServer } from "../engine/link/server.ts";
import type { Caller } from "../engine/ports.ts";
import type { Read, ShardStatus, Update } from "../engine/protocol.ts";
import { makeCommand } from "./commands.ts";
import { connectEngines, type EngineLinks } from "./engine-link.ts";

const KEY = "a link key of the test";
const AUCTION = "0017f0e0-6d0a-8a51-8f0e-2d4f8b9f6a10";
const SHARDS = 4;
const TURNS_MAX = 200_000;

/** Time that moves when told to; the end of a turn is real. */
class World {
  #now = 0;
  #timers: { readonly at: number; readonly callback: () => void }[] = [];
  #nonces = 0;
  readonly clock = { now: () => 1_700_000_000_000 + this.#now, monotonic: () => this.#now };
  readonly timers = {
    after: (delayMs: number, callback: () => void) => {
      const timer = { at: this.#now + delayMs, callback };
      this.#timers.push(timer);
      return () => {
        this.#timers = this.#timers.filter((other) => other !== timer);
      };
    },
    soon: (callback: () => void) => {
      setImmediate(callback);
    },
  };
  readonly nonces = {
    bytes: (count: number) => {
      this.#nonces += 1;
      return new Uint8Array(count).fill(this.#nonces);
    },
    fraction: () => 0.5,
  };

  advance(ms: number): void {
    const end = this.#now + ms;
    for (;;) {
      const next = this.#timers.filter((timer) => timer.at <= end).sort((left, right) => left.at - right.at)[0];
      if (next === undefined) break;
      this.#timers = this.#timers.filter((timer) => timer !== next);
      this.#now = Math.max(this.#now, next.at);
      next.callback();
    }
    this.#now = end;
  }
}

interface Asked {
  readonly caller: Caller;
  readonly requestId: number;
  readonly command: Command;
}

/** Answers everything at once, unless told otherwise. */
class ScriptedNode implements LinkNode {
  readonly commands: Asked[] = [];
  readonly reads: { readonly caller: ReadCaller; readonly requestId: number; readonly read: Read }[] = [];
  turns = 0;
  gone = 0;
  reply: "answer" | "nothing" | RefusalCode = "answer";
  state: ShardStatus["state"] = "serving";
  epoch = 5;

  command(caller: Caller, requestId: number, _deadlineMs: number, command: Command): void {
    this.commands.push({ caller, requestId, command });
    if (this.reply === "answer") caller.answer(requestId, command.auctionId, new Uint8Array(64).fill(this.commands.length), 0, false);
    else if (this.reply !== "nothing") caller.refuse(requestId, command.auctionId, this.reply, 12);
  }

  read(caller: ReadCaller, requestId: number, read: Read): void {
    this.reads.push({ caller, requestId, read });
    if (this.reply === "answer") caller.result(requestId, { kind: "rows", rows: [], more: false, sequence: 9 });
  }

  statuses(): readonly ShardStatus[] {
    return Array.from({ length: SHARDS }, (_, shard) => ({ shard, state: this.state, epoch: this.epoch, lsn: 1, offset: 1 }));
  }

  turn(): void {
    this.turns += 1;
  }

  closed(): void {
    this.gone += 1;
  }
}

const opened: { close(): Promise<void> | void }[] = [];
afterEach(async () => {
  for (const one of opened.splice(0).reverse()) await one.close();
});

/** Lets the event loop turn until it is so; time stands still meanwhile. */
async function until(what: string, isSo: () => boolean): Promise<void> {
  for (let turn = 0; turn < TURNS_MAX; turn += 1) {
    if (isSo()) return;
    await new Promise((resolve) => setImmediate(resolve));
  }
  throw new Error(`waited in vain for: ${what}`);
}

interface Stand {
  readonly world: World;
  readonly node: ScriptedNode;
  readonly server: LinkServer;
  readonly port: number;
}

async function serve(world: World, node: ScriptedNode, port = 0, lifeId = "life-1"): Promise<Stand> {
  const identity = { nodeId: "e-1", lifeId, shards: SHARDS, version: "1" };
  const server = createLinkServer({ host: "127.0.0.1", port, linkKey: KEY, identity, node, clock: world.clock, timers: world.timers, nonces: world.nonces });
  opened.push(server);
  return { world, node, server, port: await server.listen() };
}

function gateway(
  { world, port }: { readonly world: World; readonly port: number },
  linkKey = KEY,
  roundTrip?: (address: string, ms: number) => void,
): EngineLinks {
  const engine = connectEngines({
    ...(roundTrip === undefined ? {} : { roundTrip }),
    addresses: [`127.0.0.1:${port}`],
    linkKey,
    fillSlots: (shards) => Uint16Array.from({ length: 4096 }, (_, slot) => slot % shards),
    holdMs: 5_000,
    heldMax: 1_000,
    clock: world.clock,
    timers: world.timers,
    nonces: world.nonces,
  });
  opened.push(engine);
  return engine;
}

const isUp = (engine: EngineLinks) => engine.links().every((link) => link.up) && engine.shards().length === SHARDS && engine.staleMs(AUCTION) === 0;

async function linked(): Promise<Stand & { readonly engine: EngineLinks }> {
  const stand = await serve(new World(), new ScriptedNode());
  const engine = gateway(stand);
  await until("the link", () => isUp(engine));
  return { ...stand, engine };
}

/** Places bids and lists what is heard of each. */
function bidder(engine: EngineLinks) {
  const heard: string[] = [];
  const bid = (key: string, deadlineMs = 5_000) => {
    const command = makeCommand({ role: "bidder", issuerId: "ann", auctionId: AUCTION, key, body: { type: "buy_now", amount: 100, currency: "USD" } });
    engine.command(command, deadlineMs, {
      answer: (auctionId, rows, at, replayed) => heard.push(`${key} ${auctionId === AUCTION ? "" : "elsewhere "}${replayed ? "replayed " : ""}${rows[at]}`),
      refused: (code) => heard.push(`${key} ${code}`),
    });
  };
  return { heard, bid };
}

const update: Update = {
  auctionId: AUCTION,
  epoch: 5,
  sequence: 2,
  previousSequence: 1,
  at: 1,
  events: ["bid_placed"],
  state: {
    phase: "open",
    outcome: null,
    price: 100,
    askingPrice: 125,
    totalBids: 1,
    bidders: 1,
    leaderNumber: 1,
    reserveMet: null,
    buyNow: null,
    opensAt: 1,
    endsAt: 2,
    scheduledCloseAt: 2,
    pausedAt: null,
    extensionCount: 0,
    extensionTotalMs: 0,
    hammer: null,
  },
  rows: [],
  rowsOmitted: 0,
  removed: [],
  extensions: [],
};

test("link: a command is answered with the row the node gave, and nothing stays behind", async () => {
  const { engine, node } = await linked();
  const { heard, bid } = bidder(engine);
  bid("k1");
  await until("the answer", () => heard.length === 1);
  expect(heard).toEqual(["k1 1"]);
  expect(node.commands[0]?.command).toMatchObject({ auctionId: AUCTION, issuerId: "ann", key: "k1", body: { type: "buy_now", amount: 100 } });
  expect([engine.inFlight(), engine.held()]).toEqual([0, 0]);
  expect(engine.lifeId()).toBe("life-1");
});

test("link: batches: a thousand bids of one turn reach the node in a few turns, in their order, and all are answered", async () => {
  const { engine, node } = await linked();
  const { heard, bid } = bidder(engine);
  node.turns = 0;
  for (let index = 1; index <= 1_000; index += 1) bid(`k${index}`);
  await until("a thousand answers", () => heard.length === 1_000);
  expect(node.turns).toBeLessThan(20);
  expect(node.commands.map((asked) => asked.command.key)).toEqual(Array.from({ length: 1_000 }, (_, index) => `k${index + 1}`));
});

test("link: refusals and reads come back to whoever asked", async () => {
  const { engine, node, world } = await linked();
  const { heard, bid } = bidder(engine);
  const read: Read = { kind: "rows_after", auctionId: AUCTION, sequence: 1, limit: 10 };
  expect(await engine.read(read, 1_000)).toEqual({ kind: "ok", result: { kind: "rows", rows: [], more: false, sequence: 9 } });
  node.reply = "auction_busy";
  bid("k1");
  await until("the refusal", () => heard.length === 1);
  expect(heard).toEqual(["k1 auction_busy"]);
  const slow = engine.read(read, 1_000);
  world.advance(1_020);
  expect(await slow).toEqual({ kind: "refused", code: "overloaded", retryAfterMs: 1_000 });
});

test("link: what is no auction id is refused at once", async () => {
  const { engine } = await linked();
  const refused: string[] = [];
  const command = makeCommand({ role: "bidder", issuerId: "ann", auctionId: "zzz", key: "k", body: { type: "open_auction" } });
  engine.command(command, 1_000, { answer: () => undefined, refused: (code) => refused.push(code) });
  expect(refused).toEqual(["no_such_auction"]);
});

test("link: another key is cut and counted, and nothing of that gateway reaches the node", async () => {
  const stand = await serve(new World(), new ScriptedNode());
  const engine = gateway(stand, "another key");
  const { heard, bid } = bidder(engine);
  bid("k1", 1_000);
  await until("the cut", () => (stand.server.counts().closed.get("wrong_key") ?? 0) === 1);
  expect(stand.server.counts().links).toBe(0);
  stand.world.advance(1_020);
  expect(heard).toEqual(["k1 shard_unowned"]);
  expect(stand.node.commands).toEqual([]);
});

test("link: cut in the middle: commands without an answer are repeated under their keys to the next owner, and each is answered once", async () => {
  const { engine, node, server, world, port } = await linked();
  const { heard, bid } = bidder(engine);
  bid("k0");
  await until("the first answer", () => heard.length === 1);
  node.reply = "nothing";
  for (let index = 1; index <= 20; index += 1) bid(`k${index}`);
  await until("the bids at the first owner", () => node.commands.length === 21);
  await server.close();
  await until("the loss", () => engine.held() === 20);
  bid("k21");
  const next = new ScriptedNode();
  next.epoch = 9;
  await serve(world, next, port);
  await until("every answer", () => {
    world.advance(10);
    return heard.length === 22;
  });
  expect(next.commands.map((asked) => asked.command.key)).toEqual(Array.from({ length: 21 }, (_, index) => `k${index + 1}`));
  expect(next.commands[0]?.command).toEqual(node.commands[1]?.command);
  expect([engine.inFlight(), engine.held(), engine.repeatedTotal()]).toEqual([0, 0, 20]);
});

test("link: deadline: sent and unanswered is unknown, also when the link is gone since", async () => {
  const { engine, node, server, world } = await linked();
  const { heard, bid } = bidder(engine);
  node.reply = "nothing";
  bid("k1", 1_000);
  bid("k2", 2_000);
  await until("the bids at the node", () => node.commands.length === 2);
  world.advance(1_020);
  expect(heard).toEqual(["k1 outcome_unknown"]);
  await server.close();
  await until("the loss", () => engine.held() === 1);
  bid("k3", 500);
  world.advance(1_020);
  expect(heard).toEqual(["k1 outcome_unknown", "k3 shard_unowned", "k2 outcome_unknown"]);
  expect([engine.inFlight(), engine.held()]).toEqual([0, 0]);
});

test("link: an answer that comes after the deadline is dropped", async () => {
  const { engine, node, world } = await linked();
  const { heard, bid } = bidder(engine);
  node.reply = "nothing";
  bid("k1", 1_000);
  await until("the bid at the node", () => node.commands.length === 1);
  world.advance(1_020);
  const asked = node.commands[0];
  asked?.caller.answer(asked.requestId, AUCTION, new Uint8Array(64), 0, false);
  node.reply = "answer";
  bid("k2");
  await until("the next answer", () => heard.length === 2);
  expect(heard).toEqual(["k1 outcome_unknown", "k2 2"]);
});

test("link: log down: bids are refused at once, and pass again when the status says so", async () => {
  const { engine, node, server } = await linked();
  const { heard, bid } = bidder(engine);
  for (const status of node.statuses()) server.publishStatus({ ...status, state: "log_down" });
  await until("the status", () => engine.shards()[1]?.state === "log_down");
  node.reply = "log_unavailable";
  bid("k1");
  await until("the refusal", () => heard.length === 1);
  expect(heard).toEqual(["k1 log_unavailable"]);
  for (const status of node.statuses()) server.publishStatus(status);
  await until("the status", () => engine.shards()[1]?.state === "serving");
  node.reply = "answer";
  bid("k2");
  await until("the answer", () => heard.length === 2);
  expect(heard[1]).toBe("k2 2");
});

test("link: a shard on its way: bids are held, and sent the moment somebody serves it", async () => {
  const { engine, node, server } = await linked();
  const { heard, bid } = bidder(engine);
  for (const status of node.statuses()) server.publishStatus({ ...status, state: "moving" });
  await until("the status", () => engine.shards()[1]?.state === "moving");
  bid("k1");
  expect(engine.held()).toBe(1);
  for (const status of node.statuses()) server.publishStatus({ ...status, epoch: 8 });
  await until("the answer", () => heard.length === 1);
  expect(heard).toEqual(["k1 1"]);
});

/** What a listener hears, as text. */
function listen(engine: EngineLinks): string[] {
  const heard: string[] = [];
  engine.listen({
    update: (told) => heard.push(`update ${told.sequence}`),
    notice: (told) => heard.push(`${told.kind} ${told.bidderId}`),
    stale: (auctionIds, stale) => heard.push(`${stale ? "stale" : "live"} ${auctionIds.length}`),
    newLife: (lifeId) => heard.push(`life ${lifeId}`),
  });
  return heard;
}

test("link: updates come for watched auctions only, notices always", async () => {
  const { engine, server } = await linked();
  const heard = listen(engine);
  server.update(update);
  expect(server.watched(AUCTION)).toBe(false);
  engine.watch(AUCTION);
  engine.watch(AUCTION);
  await until("the interest", () => server.watched(AUCTION));
  server.update({ ...update, sequence: 3 });
  server.notice({
    kind: "outbid",
    why: null,
    bidderId: "ann",
    auctionId: AUCTION,
    epoch: 5,
    sequence: 3,
    at: 1,
    price: 1,
    askingPrice: 2,
    yourBid: 1,
    endsAt: 2,
  });
  await until("both", () => heard.length === 2);
  expect(heard).toEqual(["update 3", "outbid ann"]);
  engine.unwatch(AUCTION);
  engine.unwatch(AUCTION);
  await until("the end of the interest", () => !server.watched(AUCTION));
});

test("link: cut: watched auctions are stale at once, and live, watched and to be read anew when the engine is back", async () => {
  const { engine, server, world, port } = await linked();
  const heard = listen(engine);
  engine.watch(AUCTION);
  await until("the interest", () => server.watched(AUCTION));
  await server.close();
  await until("staleness", () => heard.length === 1);
  world.advance(700);
  expect(engine.staleMs(AUCTION)).toBe(700);
  const again = await serve(world, new ScriptedNode(), port);
  await until("the return", () => {
    world.advance(10);
    return heard.length === 2;
  });
  expect(heard).toEqual(["stale 1", "live 1"]);
  expect(engine.staleMs(AUCTION)).toBe(0);
  await until("the interest again", () => again.server.watched(AUCTION));
});

test("link: silence: an engine not heard for 3 s is cut, one that answers pings is not", async () => {
  const { engine, world, server } = await linked();
  const heard = listen(engine);
  engine.watch(AUCTION);
  await until("the interest", () => server.watched(AUCTION));
  for (let second = 0; second < 5; second += 1) {
    for (let step = 0; step < 10; step += 1) world.advance(100);
    await until("a pong", () => engine.links()[0]?.roundTripMs !== null);
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(heard).toEqual([]);
  // Time runs, but no turn of the event loop in which a pong could be read.
  for (let step = 0; step < 31; step += 1) world.advance(100);
  expect(heard).toEqual(["stale 1"]);
  expect(engine.links()[0]?.up).toBe(false);
});

test("link: round trip: every ping that comes back is told, with the engine it went to", async () => {
  const stand = await serve(new World(), new ScriptedNode());
  const told: string[] = [];
  const engine = gateway(stand, KEY, (address, ms) => told.push(`${address} ${ms}`));
  await until("the first", () => told.length === 1);
  stand.world.advance(1_000);
  await until("the second", () => told.length === 2);
  expect(told[1]).toBe(`127.0.0.1:${stand.port} ${engine.links()[0]?.roundTripMs}`);
});

test("link: a process that stood still blames itself, not the engine", async () => {
  const { engine, world, server } = await linked();
  const heard = listen(engine);
  engine.watch(AUCTION);
  await until("the interest", () => server.watched(AUCTION));
  const standStill = world.clock.monotonic();
  world.clock.monotonic = () => standStill + 60_000;
  world.advance(20);
  expect(heard).toEqual([]);
  expect(engine.links()[0]?.up).toBe(true);
});

test("link: another life is told once, and what is held goes to it", async () => {
  const { engine, server, world, port } = await linked();
  const heard = listen(engine);
  await server.close();
  await until("the loss", () => engine.links()[0]?.up === false);
  const bids = bidder(engine);
  bids.bid("k1");
  await serve(world, new ScriptedNode(), port, "life-2");
  await until("the answer", () => {
    world.advance(10);
    return bids.heard.length === 1;
  });
  expect(heard).toEqual(["life life-2"]);
  expect(engine.lifeId()).toBe("life-2");
});

test("link: close: what was sent is unknown, what was not is refused, and new commands are refused", async () => {
  const { engine, node, server } = await linked();
  const { heard, bid } = bidder(engine);
  node.reply = "nothing";
  bid("k1");
  await until("the bid at the node", () => node.commands.length === 1);
  await engine.close();
  bid("k2");
  expect(heard).toEqual(["k1 outcome_unknown", "k2 draining"]);
  await until("the end of the link", () => server.counts().links === 0 && node.gone === 1);
});

test("link: two engines: bids go to the one that serves, and to the other when it takes over", async () => {
  const world = new World();
  const first = new ScriptedNode();
  const second = new ScriptedNode();
  second.state = "unowned";
  const one = await serve(world, first);
  const two = await serve(world, second);
  const engine = connectEngines({
    addresses: [`127.0.0.1:${one.port}`, `127.0.0.1:${two.port}`],
    linkKey: KEY,
    fillSlots: (shards) => Uint16Array.from({ length: 4096 }, (_, slot) => slot % shards),
    holdMs: 5_000,
    heldMax: 1_000,
    clock: world.clock,
    timers: world.timers,
    nonces: world.nonces,
  });
  opened.push(engine);
  await until("both links", () => isUp(engine));
  const { heard, bid } = bidder(engine);
  first.reply = "nothing";
  bid("k1");
  await until("the bid at the first", () => first.commands.length === 1);
  for (const status of second.statuses()) two.server.publishStatus({ ...status, state: "serving", epoch: 20 });
  await until("the answer of the second", () => heard.length === 1);
  expect(heard).toEqual(["k1 1"]);
  expect(second.commands[0]?.command).toEqual(first.commands[0]?.command);
});

test("link: an address without a port is refused when made", () => {
  const world = new World();
  const make = (address: string) => () =>
    connectEngines({ addresses: [address], linkKey: KEY, fillSlots: () => new Uint16Array(4096), holdMs: 1, heldMax: 1, ...world });
  for (const address of ["localhost", "localhost:", ":7400", "localhost:0", "localhost:70000", "localhost:x"]) expect(make(address)).toThrow(RangeError);
});
