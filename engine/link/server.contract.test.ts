// The engine's end of the link as strangers and slow gateways meet it: raw sockets on loopback, time in the test's hands.
import { connect, type Socket } from "node:net";
import { Packr } from "msgpackr";
import { afterEach, expect, test } from "vitest";
import type { Command } from "../core/command.ts";
import type { Caller } from "../ports.ts";
import type { Update } from "../protocol.ts";
import { GatewayWriter } from "../protocol-codec.ts";
import { CHALLENGE_BYTES, ENGINE_PROOF_BYTES, REPLY_BYTES, replyTo } from "../protocol-handshake.ts";
import type { LinkNode } from "./node.ts";
import { createLinkServer, type LinkServer, STRANGERS_MAX } from "./server.ts";

const KEY = "a link key of the test";
const AUCTION = "0017f0e0-6d0a-8a51-8f0e-2d4f8b9f6a10";
const TURNS_MAX = 200_000;
const PROVED_BYTES = CHALLENGE_BYTES + ENGINE_PROOF_BYTES;

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

/** Counts, and answers nothing. */
class CountingNode implements LinkNode {
  readonly commands: Command[] = [];
  gone = 0;

  command(_caller: Caller, _requestId: number, _deadlineMs: number, command: Command): void {
    this.commands.push(command);
  }

  read(): void {}

  statuses(): readonly [] {
    return [];
  }

  turn(): void {}

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
  readonly node: CountingNode;
  readonly server: LinkServer;
  readonly port: number;
}

async function serve(): Promise<Stand> {
  const world = new World();
  const node = new CountingNode();
  const identity = { nodeId: "e-1", lifeId: "life-1", shards: 4, version: "1" };
  const server = createLinkServer({ host: "127.0.0.1", port: 0, linkKey: KEY, identity, node, clock: world.clock, timers: world.timers, nonces: world.nonces });
  opened.push(server);
  return { world, node, server, port: await server.listen() };
}

/** A socket that speaks for itself. */
async function stranger(port: number): Promise<{ readonly socket: Socket; readonly received: () => Buffer; readonly isClosed: () => boolean }> {
  const socket = connect({ host: "127.0.0.1", port });
  let bytes = Buffer.alloc(0);
  let closed = false;
  socket.on("data", (chunk: Buffer) => {
    bytes = Buffer.concat([bytes, chunk]);
  });
  socket.on("error", () => undefined);
  socket.on("close", () => {
    closed = true;
  });
  opened.push({ close: () => void socket.destroy() });
  await until("the challenge", () => bytes.length === CHALLENGE_BYTES);
  return { socket, received: () => bytes, isClosed: () => closed };
}

function replyBytes(received: Buffer): Buffer {
  const reply = replyTo(received.subarray(0, CHALLENGE_BYTES), KEY, Buffer.alloc(32, 9));
  if (typeof reply === "string") throw new Error(reply);
  return reply;
}

/** A socket that has proved the key. */
async function linked(port: number) {
  const peer = await stranger(port);
  peer.socket.write(replyBytes(peer.received()));
  await until("the proof", () => peer.received().length >= PROVED_BYTES);
  return peer;
}

const DIGEST = { a: 1, b: 2, c: 3, d: 4 };
const COMMAND: Command = {
  auctionId: AUCTION,
  role: "bidder",
  issuerId: "ann",
  key: "k",
  keyDigest: DIGEST,
  fingerprint: { a: 1, b: 2 },
  body: { type: "buy_now", amount: 1, currency: "USD" },
};

function commandBytes(): Buffer {
  const writer = new GatewayWriter();
  writer.command(1, 100, COMMAND);
  return writer.take() ?? Buffer.alloc(0);
}

const UPDATE: Update = {
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

test("link server: a recorded handshake is cut and counted", async () => {
  const { server, port } = await serve();
  const first = await stranger(port);
  const recorded = replyBytes(first.received());
  first.socket.write(recorded);
  await until("the first link", () => server.counts().links === 1);
  const second = await stranger(port);
  second.socket.write(recorded);
  await until("the cut", second.isClosed);
  expect(server.counts().closed.get("wrong_key")).toBe(1);
  expect(server.counts().links).toBe(1);
});

test("link server: a command after the proof reaches the node, one sent along with the reply does not", async () => {
  const { server, port, node } = await serve();
  const hasty = await stranger(port);
  hasty.socket.write(Buffer.concat([replyBytes(hasty.received()), commandBytes()]));
  await until("the cut", hasty.isClosed);
  expect(node.commands).toEqual([]);
  expect(server.counts().closed.get("early_bytes")).toBe(1);
  const peer = await linked(port);
  peer.socket.write(commandBytes());
  await until("the command", () => node.commands.length === 1);
  expect(node.commands).toEqual([COMMAND]);
});

test("link server: a command of the engine's own, or one without a key, is malformed", async () => {
  const { server, port, node } = await serve();
  const engineOwn = { ...COMMAND, role: "engine", issuerId: "engine", key: null, keyDigest: null, fingerprint: null, body: { type: "close_due" } };
  for (const command of [engineOwn, { ...COMMAND, body: { type: "close_due" } }, { ...COMMAND, key: null }]) {
    const peer = await linked(port);
    const packed = new Packr({ useRecords: false }).pack({ kind: "command", requestId: 1, deadlineMs: 100, command });
    const batch = Buffer.alloc(8 + packed.length);
    batch.writeUInt32LE(4 + packed.length, 0);
    batch.writeUInt32LE((packed.length << 8) | 2, 4);
    packed.copy(batch, 8);
    peer.socket.write(batch);
    await until("the cut", peer.isClosed);
  }
  expect(server.counts().closed.get("malformed_message")).toBe(3);
  expect(node.commands).toEqual([]);
});

test("link server: garbage is cut, before and after the handshake, and harms no other link", async () => {
  const { server, port, node } = await serve();
  const sound = await linked(port);
  const before = await stranger(port);
  before.socket.write(Buffer.alloc(REPLY_BYTES, 0x47));
  await until("the first cut", before.isClosed);
  const after = await linked(port);
  after.socket.write(Buffer.alloc(4_000, 0xff));
  await until("the second cut", after.isClosed);
  expect([...server.counts().closed]).toEqual([
    ["not_a_link", 1],
    ["batch_too_large", 1],
  ]);
  sound.socket.write(commandBytes());
  await until("the command", () => node.commands.length === 1);
});

test("link server: a stranger who says nothing is cut when the handshake takes too long", async () => {
  const { server, port, world } = await serve();
  const { isClosed } = await stranger(port);
  for (let step = 0; step < 17; step += 1) world.advance(200);
  await until("the cut", isClosed);
  expect(server.counts().closed.get("handshake_too_slow")).toBe(1);
});

test("link server: a gateway that says nothing for 10 s is cut", async () => {
  const { server, port, world, node } = await serve();
  const { isClosed } = await linked(port);
  for (let step = 0; step < 51; step += 1) world.advance(200);
  await until("the cut", isClosed);
  expect(server.counts().closed.get("silent")).toBe(1);
  expect(node.gone).toBe(1);
});

test("link server: no more strangers than the limit are let in at once", async () => {
  const { server, port } = await serve();
  for (let index = 0; index < STRANGERS_MAX; index += 1) await stranger(port);
  const late = connect({ host: "127.0.0.1", port });
  late.on("error", () => undefined);
  opened.push({ close: () => void late.destroy() });
  let closed = false;
  late.on("close", () => {
    closed = true;
  });
  await until("the cut", () => closed);
  expect(server.counts().strangers).toBe(STRANGERS_MAX);
});

test("link server: a port in use is told to whoever asked for it", async () => {
  const { port, world } = await serve();
  const identity = { nodeId: "e-2", lifeId: "life-1", shards: 4, version: "1" };
  const node = new CountingNode();
  const second = createLinkServer({ host: "127.0.0.1", port, linkKey: KEY, identity, node, clock: world.clock, timers: world.timers, nonces: world.nonces });
  await expect(second.listen()).rejects.toThrow(/EADDRINUSE/);
});

test("link server: a gateway that reads nothing gets its updates conflated, then is cut, and others go on", async () => {
  const { server, port, node, world } = await serve();
  const slow = await linked(port);
  const writer = new GatewayWriter();
  writer.message({ kind: "watch", auctionIds: [AUCTION] });
  slow.socket.write(writer.take() ?? Buffer.alloc(0));
  await until("the interest", () => server.watched(AUCTION));
  slow.socket.pause();
  const wide = { ...UPDATE, events: Array.from({ length: 4_000 }, () => "bid_placed" as const) };
  let sequence = 3;
  await until("conflation", () => {
    sequence += 1;
    server.update({ ...wide, sequence, previousSequence: sequence - 1 });
    return server.counts().conflatedUpdates > 100;
  });
  const other = await linked(port);
  other.socket.write(commandBytes());
  await until("the command of another", () => node.commands.length === 1);
  for (let step = 0; step < 12; step += 1) world.advance(200);
  await until("the cut", () => server.counts().links === 1 && node.gone === 1);
  expect(server.counts().closed.get("overflow")).toBe(1);
  expect(server.watched(AUCTION)).toBe(false);
  expect(other.isClosed()).toBe(false);
});
