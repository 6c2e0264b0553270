// Durable decisions a second through the in-process loop: the real shards over the real local log, no sockets, no gateway. With the
// memory log it is the limit D: what deciding, encoding, judging and applying cost.
//
// The load is a closed loop in the same process and on the same cores: `outstanding` bids wait at any time, each answer sends the
// next bid. Bids always rise, so every one is accepted. Key digests are a gateway's work and are made here by a counter.
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { fillSlots, slotDigest } from "../engine/cluster/ring.ts";
import type { Command } from "../engine/core/command.ts";
import type { AuctionId } from "../engine/core/ids.ts";
import { EngineCounters } from "../engine/metrics.ts";
import type { Caller, DecisionLog, UpdateSink } from "../engine/ports.ts";
import { machineClock, machineNonces, machineTimers } from "../engine/runtime.ts";
import { EngineNode } from "../engine/shard/node.ts";
import { SNAPSHOT_ROW_BYTES } from "../engine/shard/snapshots.ts";
import { SHARD_LIMITS } from "../engine/shard/world.ts";
import { openLocalLog } from "../persistence/local/open-log.ts";
import { createMemoryLog } from "../persistence/memory/decision-log.ts";
import { MemorySnapshotStore } from "../persistence/memory/snapshot-store.ts";
import { createRecordCodec } from "../persistence/record.ts";
import { inventedAuctionIds } from "./auctions.ts";
import { now, pause } from "./clock.ts";
import { type CountPair, DurationCounts, histogramOf } from "./counts.ts";
import { makeFolder, removeFolder } from "./folders.ts";

const SHARDS = 16;
const US_PER_MS = 1_000;
const DAY_MS = 86_400_000;
const DEADLINE_MS = 30_000;
/** All that the load keeps outstanding may wait in one auction. */
const WAITING_MAX = 65_536;
const SERVING_CHECK_MS = 10;

export interface InProcessResult {
  readonly auctions: number;
  readonly outstanding: number;
  readonly decisionsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly decisionsPerFrame: number;
  readonly framesPerSecond: number;
  /** [us, count]: every duration of the measured time. */
  readonly latency: readonly CountPair[];
  readonly seconds: number;
  readonly answered: number;
  readonly durability: string;
  /** CPU of the process, load included. */
  readonly cpuSeconds: number;
}

const SILENT: UpdateSink = { watched: () => false, update: () => undefined, notice: () => undefined };

/** Auction `n`, its slot spread over all of them. */
export function benchAuctionId(n: number): AuctionId {
  return inventedAuctionIds(n + 1)[n] as AuctionId;
}

// Spreads a counter over 32 bits, so that digests look like digests to the index of answers.
function spread(n: number): number {
  let x = Math.imul(n ^ (n >>> 16), 0x45d9f3b);
  x = Math.imul(x ^ (x >>> 16), 0x45d9f3b);
  return (x ^ (x >>> 16)) | 0;
}

class Load implements Caller {
  readonly #node: EngineNode;
  readonly #auctionIds: readonly AuctionId[];
  readonly #sentAt: Float64Array;
  readonly latency = new DurationCounts();
  #count = 0;
  answered = 0;
  refused = 0;
  running = true;
  measuring = false;

  constructor(node: EngineNode, auctionIds: readonly AuctionId[], outstanding: number) {
    this.#node = node;
    this.#auctionIds = auctionIds;
    this.#sentAt = new Float64Array(outstanding);
  }

  bid(slot: number): void {
    this.#count += 1;
    const n = this.#count;
    const command: Command = {
      auctionId: this.#auctionIds[n % this.#auctionIds.length] as AuctionId,
      role: "bidder",
      // Two bidders that take the lead from each other in every auction, whatever the number of auctions.
      issuerId: Math.floor(n / this.#auctionIds.length) % 2 === 0 ? "bidder-even" : "bidder-odd",
      key: `bench-key-${n}`,
      keyDigest: { a: n, b: spread(n), c: spread(n + 1), d: spread(n + 2) },
      fingerprint: { a: n, b: 7 },
      body: { type: "place_bid", kind: "maximum", amount: 1_000 + n * 2, currency: "USD" },
    };
    this.#sentAt[slot] = performance.now();
    this.#node.command(this, slot, DEADLINE_MS, command);
  }

  answer(requestId: number): void {
    this.answered += 1;
    if (this.measuring) this.latency.add((performance.now() - (this.#sentAt[requestId] as number)) * US_PER_MS);
    if (this.running) this.bid(requestId);
  }

  refuse(requestId: number): void {
    this.refused += 1;
    if (this.running) this.bid(requestId);
  }
}

async function openBenchLog(kind: "local" | "memory", dir: string): Promise<{ log: DecisionLog; lifeId: Uint8Array }> {
  const digest = slotDigest(fillSlots(SHARDS));
  if (kind === "local") {
    const log = await openLocalLog({
      dir: join(dir, "log"),
      shards: SHARDS,
      create: { slotDigest: digest, madeAt: now(), version: "bench" },
      reserveBytes: 0,
      onFatal: (error) => {
        throw error;
      },
    });
    return { log, lifeId: log.lifeId };
  }
  const lifeId = new Uint8Array(randomBytes(16));
  const { log, store } = createMemoryLog(SHARDS, { soon: (callback) => setImmediate(callback) });
  const codec = createRecordCodec(lifeId);
  for (let shard = 0; shard < SHARDS; shard += 1) {
    store.store(shard, codec.genesis({ shard, shards: SHARDS, slotDigest: digest, madeAt: now(), version: "bench" }));
  }
  return { log, lifeId };
}

class Once implements Caller {
  left: number;
  readonly #done: () => void;
  constructor(count: number, done: () => void) {
    this.left = count;
    this.#done = done;
  }
  answer(): void {
    this.left -= 1;
    if (this.left === 0) this.#done();
  }
  refuse(_requestId: number, auctionId: AuctionId, code: string): void {
    throw new Error(`auction ${auctionId} could not be made: ${code}`);
  }
}

function openAuctions(node: EngineNode, ids: readonly AuctionId[]): Promise<void> {
  return new Promise((resolve) => {
    const once = new Once(ids.length, resolve);
    const at = now();
    ids.forEach((auctionId, n) => {
      const settings = {
        currency: "USD",
        opening: 100,
        increments: { bands: [{ from: 0, step: 1 }] },
        opensAt: at - 1,
        endsAt: at + DAY_MS,
        sellerId: "seller-1",
      };
      node.command(once, n, DEADLINE_MS, {
        auctionId,
        role: "seller",
        issuerId: "seller-1",
        key: "create",
        keyDigest: { a: 1, b: 2, c: 3, d: spread(n) },
        fingerprint: { a: 1, b: 1 },
        body: { type: "create", settings },
      });
    });
    node.turn();
  });
}

async function startNode(log: DecisionLog, lifeId: Uint8Array, counters: EngineCounters): Promise<EngineNode> {
  const node = new EngineNode({
    log,
    lifeId,
    codec: createRecordCodec(lifeId),
    store: new MemorySnapshotStore({ rowBytes: SNAPSHOT_ROW_BYTES, closedKeptMs: DAY_MS }),
    clock: machineClock,
    timers: machineTimers,
    nonces: machineNonces,
    sink: SILENT,
    limits: { ...SHARD_LIMITS, mailboxMax: WAITING_MAX, waitingMax: WAITING_MAX },
    counters,
    say: (level, event, fields) => level === "error" && process.stderr.write(`${event} ${JSON.stringify(fields)}\n`),
    nodeId: "bench",
    processId: "bench",
    shards: SHARDS,
    slots: fillSlots(SHARDS),
    membership: { assigned: () => Array.from({ length: SHARDS }, (_, shard) => shard), onChange: () => () => undefined },
    statusChanged: () => undefined,
  });
  await node.start();
  while (node.all().some((shard) => shard.phase !== "serving")) await pause(SERVING_CHECK_MS);
  return node;
}

export interface InProcessOptions {
  readonly log: "local" | "memory";
  readonly auctions: number;
  readonly outstanding: number;
  readonly warmUpSeconds: number;
  readonly seconds: number;
  readonly parent: string;
}

/** Runs one measurement: warm-up, then `seconds` counted. The folder is removed afterwards. Rejects when a bid was refused or
 *  rejected: then the figure would not be one of accepted bids. */
export async function runInProcess(options: InProcessOptions): Promise<InProcessResult> {
  const dir = makeFolder(options.parent);
  const { log, lifeId } = await openBenchLog(options.log, dir);
  const counters = new EngineCounters();
  const node = await startNode(log, lifeId, counters);
  const ids = inventedAuctionIds(options.auctions);
  await openAuctions(node, ids);
  const load = new Load(node, ids, options.outstanding);
  for (let slot = 0; slot < options.outstanding; slot += 1) load.bid(slot);
  node.turn();
  await pause(options.warmUpSeconds * 1_000);
  const result = await measure(options, { load, counters, durability: log.durability });
  load.running = false;
  if (load.refused > 0) throw new Error(`${load.refused} bids were refused: the figure would not be one of decisions`);
  if (counters.rejected > 0) throw new Error(`${counters.rejected} bids were rejected: the figure would not be one of accepted bids`);
  await node.stop();
  await log.close();
  removeFolder(dir);
  return result;
}

async function measure(
  options: InProcessOptions,
  running: { readonly load: Load; readonly counters: EngineCounters; readonly durability: string },
): Promise<InProcessResult> {
  const { load, counters, durability } = running;
  load.measuring = true;
  const begun = performance.now();
  const cpu = process.cpuUsage();
  const before = { answered: load.answered, frames: counters.frames, decisions: counters.frameDecisions };
  await pause(options.seconds * 1_000);
  const seconds = (performance.now() - begun) / 1_000;
  const { user, system } = process.cpuUsage(cpu);
  load.measuring = false;
  const answered = load.answered - before.answered;
  const latency = load.latency.pairs();
  const histogram = histogramOf([latency]);
  return {
    auctions: options.auctions,
    outstanding: options.outstanding,
    decisionsPerSecond: Math.round(answered / seconds),
    p50Ms: histogram.getValueAtPercentile(50) / US_PER_MS,
    p99Ms: histogram.getValueAtPercentile(99) / US_PER_MS,
    decisionsPerFrame: Math.round((counters.frameDecisions - before.decisions) / Math.max(1, counters.frames - before.frames)),
    framesPerSecond: Math.round((counters.frames - before.frames) / seconds),
    latency,
    seconds,
    answered,
    durability,
    cpuSeconds: (user + system) / 1_000_000,
  };
}
