// Two engines on one log behind one gateway, over real links and a real socket: what bidders and viewers notice of a move and of a death.
import { expect, onTestFinished, test } from "vitest";
import { WebSocket } from "ws";
import { fillSlots, slotDigest } from "../engine/cluster/ring.ts";
import { slotOf } from "../engine/core/ids.ts";
import { createLinkServer, type LinkServer } from "../engine/link/server.ts";
import { EngineCounters } from "../engine/metrics.ts";
import type { DecisionLog, Membership } from "../engine/ports.ts";
import { EngineNode } from "../engine/shard/node.ts";
import { SNAPSHOT_ROW_BYTES } from "../engine/shard/snapshots.ts";
import { SHARD_LIMITS } from "../engine/shard/world.ts";
import { auctionIdOf, commandOf } from "../engine/sim/one-node.ts";
import { MemoryStore } from "../persistence/memory/decision-log.ts";
import { MemorySnapshotStore } from "../persistence/memory/snapshot-store.ts";
import { createRecordCodec } from "../persistence/record.ts";
import { TrustedProxies } from "./address.ts";
import { ADMISSION_LIMITS, Admission } from "./admission.ts";
import { connectEngines, type EngineLinks } from "./engine-link.ts";
import { machineClock, machineNonces, machineTimers } from "./runtime.ts";
import { JSON_PROTOCOL } from "./socket/client-frames.ts";
import { SOCKET_LIMITS } from "./socket/limits.ts";
import { startSocketServer } from "./socket/server.ts";
import { TrialCatalogue, TrialMetrics } from "./socket/trial-ports.ts";
import { type Frame, TrialClient, TrialIdentities } from "./socket/trial-server.ts";

const KEY = "a link key of the test";
const LIFE = new Uint8Array(16).fill(7);
const SHARDS = 2;
const AUCTION = auctionIdOf(1);
const LIMITS = { ...SHARD_LIMITS, timeIdleMs: 100, heartbeatMs: 100, leaseMs: 300 };
const HOLD_MS = 5_000;
/** More than any increment, so that every bid that comes in its order is accepted. */
const RISE = 20_000;

/** Placement that all nodes see at once. */
class Placed {
  nodes: readonly string[] = ["ash", "birch"];
  readonly #listeners = new Set<() => void>();

  of(nodeId: string): Membership {
    return {
      assigned: () => (this.nodes[0] === nodeId ? [0, 1] : []),
      nodesOf: () => this.nodes,
      onChange: (listener) => {
        this.#listeners.add(listener);
        return () => this.#listeners.delete(listener);
      },
    };
  }

  change(...nodes: readonly string[]): void {
    this.nodes = nodes;
    for (const listener of this.#listeners) listener();
  }
}

/** What both engines share. */
class Ground {
  readonly codec = createRecordCodec(LIFE);
  readonly slots = fillSlots(SHARDS);
  readonly records = new MemoryStore(SHARDS);
  readonly snapshots = new MemorySnapshotStore({ rowBytes: SNAPSHOT_ROW_BYTES, closedKeptMs: LIMITS.closedKeptMs });
  readonly placed = new Placed();

  constructor() {
    for (let shard = 0; shard < SHARDS; shard += 1) {
      this.records.store(shard, this.codec.genesis({ shard, shards: SHARDS, slotDigest: slotDigest(this.slots), madeAt: 1, version: "test" }));
    }
  }
}

/** An engine process: a node and the engine end of its links. Killed it does nothing any more. */
class Engine {
  readonly node: EngineNode;
  readonly link: LinkServer;
  #dead = false;

  constructor(ground: Ground, nodeId: string) {
    const timers = {
      after: (delayMs: number, callback: () => void) => machineTimers.after(delayMs, () => this.#alive(callback)),
      soon: (callback: () => void) => machineTimers.soon(() => this.#alive(callback)),
    };
    this.node = new EngineNode({
      log: this.#mortal(ground.records.connect()),
      codec: ground.codec,
      store: ground.snapshots,
      clock: machineClock,
      timers,
      nonces: machineNonces,
      sink: {
        watched: (auctionId) => this.link.watched(auctionId),
        update: (update) => this.link.update(update),
        notice: (notice) => this.link.notice(notice),
      },
      limits: LIMITS,
      counters: new EngineCounters(),
      say: () => undefined,
      lifeId: LIFE,
      nodeId,
      processId: nodeId,
      shards: SHARDS,
      slots: ground.slots,
      membership: ground.placed.of(nodeId),
      statusChanged: (status) => this.link.publishStatus(status),
    });
    const identity = { nodeId, lifeId: Buffer.from(LIFE).toString("hex"), shards: SHARDS, version: "1" };
    this.link = createLinkServer({ host: "127.0.0.1", port: 0, linkKey: KEY, identity, node: this.node, clock: machineClock, timers, nonces: machineNonces });
  }

  async kill(): Promise<void> {
    this.#dead = true;
    await this.link.close();
  }

  #alive(callback: () => void): void {
    if (!this.#dead) callback();
  }

  #mortal(log: DecisionLog): DecisionLog {
    const append = log.append.bind(log);
    log.append = (appends, done) => {
      if (!this.#dead) append(appends, (outcomes) => this.#alive(() => done(outcomes)));
    };
    return log;
  }
}

/** Resolves when it is so; the test's own time limit is the deadline. */
async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setImmediate(resolve));
}

interface Stand {
  readonly ground: Ground;
  readonly ash: Engine;
  readonly birch: Engine;
  readonly gateway: EngineLinks;
  readonly viewer: TrialClient;
}

async function stand(): Promise<Stand> {
  const ground = new Ground();
  const ash = new Engine(ground, "ash");
  const birch = new Engine(ground, "birch");
  const addresses = [`127.0.0.1:${await ash.link.listen()}`, `127.0.0.1:${await birch.link.listen()}`];
  await ash.node.start();
  await birch.node.start();
  const time = { ...machineClock, ...machineTimers };
  const gateway = connectEngines({
    addresses,
    linkKey: KEY,
    fillSlots,
    holdMs: HOLD_MS,
    heldMax: 1_000,
    clock: machineClock,
    timers: machineTimers,
    nonces: machineNonces,
  });
  const server = await startSocketServer({
    host: "127.0.0.1",
    port: 0,
    engine: gateway,
    catalogue: new TrialCatalogue(),
    identities: new TrialIdentities(),
    admission: new Admission(ADMISSION_LIMITS, time),
    proxies: new TrustedProxies([]),
    origins: [],
    limits: SOCKET_LIMITS,
    metrics: new TrialMetrics(),
    time,
    version: "1",
    ready: () => true,
    failed: (fault) => expect(fault).toBeUndefined(),
    fraction: machineNonces.fraction,
  });
  const socket = new WebSocket(`ws://127.0.0.1:${server.port}/v1/socket`, [JSON_PROTOCOL]);
  const viewer = new TrialClient(socket, false);
  onTestFinished(async () => {
    socket.terminate();
    await server.close();
    await gateway.close();
    await Promise.all([ash.kill(), birch.kill()]);
  });
  await new Promise((resolve) => socket.on("open", resolve));
  await until(() => gateway.links().every(({ up }) => up));
  const create = { type: "create", settings: { currency: "USD", opening: 100, opensAt: null, durationMs: 3_600_000, sellerId: "sue" } } as const;
  await asked(gateway, commandOf("seller", "sue", AUCTION, "create", create));
  await asked(gateway, commandOf("seller", "sue", AUCTION, "open", { type: "open_auction" }));
  viewer.send({ type: "auth", anonymous: true }, { type: "subscribe", id: 2, auctions: [{ auctionId: AUCTION }] });
  await viewer.next("snapshot");
  return { ground, ash, birch, gateway, viewer };
}

/** What somebody hears: "answer", "replayed", or the code of the refusal. */
function asked(gateway: EngineLinks, command: Parameters<EngineLinks["command"]>[0]): Promise<string> {
  return new Promise((resolve) => {
    gateway.command(command, HOLD_MS, {
      answer: (_auctionId, _rows, _at, replayed) => resolve(replayed ? "replayed" : "answer"),
      refused: (code) => resolve(code),
    });
  });
}

function bid(gateway: EngineLinks, n: number): Promise<string> {
  const body = { type: "place_bid", kind: "maximum", amount: 500 + n * RISE, currency: "USD" } as const;
  return asked(gateway, commandOf("bidder", `bidder${n}`, AUCTION, `k${n}`, body));
}

/** A bid each few turns, and what was heard of each, until it is so. */
async function bidsUntil(gateway: EngineLinks, isSo: () => boolean): Promise<readonly string[]> {
  const heard: Promise<string>[] = [];
  while (!isSo()) {
    if (gateway.held() + gateway.inFlight() < 50) heard.push(bid(gateway, heard.length));
    for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  }
  heard.push(bid(gateway, heard.length));
  return Promise.all(heard);
}

function serves(engine: Engine): boolean {
  return engine.node.all().every(({ standing }) => standing === "serving");
}

function shardOf(ground: Ground): number {
  return ground.slots[slotOf(AUCTION)] ?? 0;
}

/** Of the auction's public state, as the new owner has it. */
function sequenceAt({ ground, birch }: Stand): number | undefined {
  return birch.node.all()[shardOf(ground)]?.actors.get(AUCTION)?.committed?.publicSequence;
}

/** Keys of the bids in the log, in order. */
function loggedKeys({ ground }: Stand): readonly string[] {
  const shard = shardOf(ground);
  const keys: string[] = [];
  for (let from = 0; from < ground.records.ends(shard).end; ) {
    const list = ground.records.list(shard, from, Number.MAX_SAFE_INTEGER);
    for (const stored of list) {
      const record = ground.codec.decode(stored, shard);
      if (record.kind !== "frame") continue;
      for (const { command } of ground.codec.decisions(record)) if (command.body.type === "place_bid") keys.push(command.key ?? "");
    }
    from += list.length;
  }
  return keys;
}

/** Pairs a viewer was shown, in the order in which they came. */
function pairs(viewer: TrialClient): readonly (readonly [epoch: number, sequence: number])[] {
  return viewer.frames.filter(({ type }) => type === "snapshot" || type === "update").map((frame: Frame) => [Number(frame.epoch), Number(frame.sequence)]);
}

function isRising(shown: readonly (readonly [number, number])[]): boolean {
  return shown.every(([epoch, sequence], n) => {
    const [before, last] = shown[n - 1] ?? [0, 0];
    return epoch > before ? sequence >= last : epoch === before && sequence >= last;
  });
}

test("two engines: a planned move under bids: each is answered once, none twice decided, and viewers never see a lower pair", async () => {
  const stage = await stand();
  const { gateway, ground, ash, birch, viewer } = stage;
  ground.placed.change("birch", "ash");
  const heard = await bidsUntil(gateway, () => serves(birch));
  expect(new Set(heard)).toEqual(new Set(["answer"]));
  expect(ash.node.all().map(({ standing }) => standing)).toEqual(["standby", "standby"]);
  await until(() => pairs(viewer).at(-1)?.[1] === heard.length + 2);
  expect(pairs(viewer).at(-1)?.[0]).toBe(birch.node.all()[shardOf(ground)]?.epoch);
  expect(isRising(pairs(viewer))).toBe(true);
  const keys = loggedKeys(stage);
  expect([keys.length, new Set(keys).size]).toEqual([heard.length, heard.length]);
  expect([gateway.held(), gateway.inFlight()]).toEqual([0, 0]);
}, 20_000);

test("two engines: the owner dies under bids: those in flight and held are repeated to the standby, and each is answered once", async () => {
  const stage = await stand();
  const { gateway, ash, birch, viewer } = stage;
  const before = gateway.repeatedTotal();
  const first = [bid(gateway, 1_000), bid(gateway, 1_001)];
  await new Promise((resolve) => setImmediate(resolve));
  await ash.kill();
  const heard = await bidsUntil(gateway, () => serves(birch));
  const all = [...heard, ...(await Promise.all(first))];
  expect(all.filter((word) => word !== "answer" && word !== "replayed")).toEqual([]);
  expect(gateway.repeatedTotal()).toBeGreaterThan(before);
  const keys = loggedKeys(stage);
  expect([keys.length, new Set(keys).size]).toEqual([all.length, all.length]);
  await until(() => pairs(viewer).at(-1)?.[1] === sequenceAt(stage));
  expect(isRising(pairs(viewer))).toBe(true);
  expect(viewer.frames.some(({ type }) => type === "stale")).toBe(true);
}, 20_000);

test("two engines: whoever stands by answers nobody, and the gateway asks the owner", async () => {
  const { gateway, ash, birch } = await stand();
  expect(await bid(gateway, 1)).toBe("answer");
  const states = gateway.shards().map(({ state }) => state);
  expect([states, serves(ash), birch.node.statuses().map(({ state }) => state)]).toEqual([["serving", "serving"], true, ["unowned", "unowned"]]);
});
