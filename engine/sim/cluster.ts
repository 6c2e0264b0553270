// A whole cluster in one process: engine nodes, gateways, clients, one log, one snapshot store, and everything that can go wrong with
// them, in virtual time. A function of one seed.
//
// Owns: the world and its one loop. Must not: rule, judge, or draw what goes wrong (options.ts, faults.ts).
//
// L1. Nothing happens but by an event of the heap; chance comes from one generator.
// L2. After an event that ran a process, every promise that can run has run before the next event is taken. Ports settle theirs only
//     from events, so what runs, and in what order, is a function of the heap.
// L3. The first thing that is found wrong ends the run.
import { MemorySnapshotStore } from "../../persistence/memory/snapshot-store.ts";
import { createRecordCodec } from "../../persistence/record.ts";
import { fillSlots, slotDigest } from "../cluster/ring.ts";
import { dueAt } from "../core/auction.ts";
import { type AuctionId, slotOf } from "../core/ids.ts";
import type { SlotTable } from "../core/slots.ts";
import type { Checkpoint, RecordCodec } from "../ports.ts";
import type { ReadResult } from "../protocol.ts";
import { SNAPSHOT_ROW_BYTES } from "../shard/snapshots.ts";
import type { Violation } from "./check.ts";
import { EventHeap, type Owner } from "./heap.ts";
import { ASKED_OF_LOST, type LostTail } from "./lost-tail.ts";
import { checkPlaces } from "./node-check.ts";
import { auctionIdOf } from "./one-node.ts";
import type { SimOptions } from "./options.ts";
import type { Random } from "./random.ts";
import { Sendings } from "./sendings.ts";
import { SimClients } from "./sim-client.ts";
import { type GatewayWorld, SimGateway } from "./sim-gateway.ts";
import { SimBroker } from "./sim-log.ts";
import { type Belief, EPOCH, type Machine, NodeProcess, type NodeWorld } from "./sim-node.ts";
import { SimStore, type SimStoreWorld } from "./sim-store.ts";
import { isExcused } from "./stops.ts";
import { Trace } from "./trace.ts";
import { TrueLog } from "./true-log.ts";

const LIFE_ID = new Uint8Array(16).fill(7);
const LIFE_HEX = "07".repeat(16);
/** Auctions whose slots lie apart are spread over the shards. */
const SLOTS_APART = 683;
const NODE_NAMES = ["ash", "birch", "cedar"] as const;

/** Told of one run: the first ones say enough. */
const VIOLATIONS_MAX = 20;

/** A state hash that a node vouched for, at its place in the log. */
interface Vouched {
  readonly checkpoint: Checkpoint;
  readonly by: string;
}

const slotTables = new Map<number, { readonly table: SlotTable; readonly digest: Uint8Array }>();

// A table is a function of the number of shards, and costs more than a whole run.
function slotsOf(shards: number): { readonly table: SlotTable; readonly digest: Uint8Array } {
  const known = slotTables.get(shards);
  if (known !== undefined) return known;
  const table = fillSlots(shards);
  const made = { table, digest: slotDigest(table) };
  slotTables.set(shards, made);
  return made;
}

export class Cluster implements NodeWorld, SimStoreWorld, GatewayWorld {
  readonly options: SimOptions;
  readonly random: Random;
  readonly heap = new EventHeap();
  readonly trace = new Trace(() => this.heap.now);
  readonly codec: RecordCodec = createRecordCodec(LIFE_ID);
  readonly lifeId = LIFE_ID;
  readonly slots: SlotTable;
  readonly auctions: readonly AuctionId[];
  readonly logs: readonly TrueLog[];
  readonly broker: SimBroker;
  readonly rows: MemorySnapshotStore;
  readonly machines: readonly Machine[];
  readonly processes: (NodeProcess | null)[];
  readonly sendings: Sendings;
  readonly clients: SimClients;
  readonly vouched: Vouched[] = [];
  /** What happened how often: shows that a run came by the places it was made for. */
  readonly counts = new Map<string, number>();
  /** Until when the snapshot store is away. */
  storeAwayUntil = 0;
  faultsOn = true;
  /** What the log lost; null while it is a log. */
  lostTail: LostTail | null = null;
  /** What was found wrong in the event that ended the run. */
  readonly violations: Violation[] = [];
  readonly #gateways: SimGateway[] = [];
  #moment = 0;
  #stirred = false;

  constructor(options: SimOptions, random: Random) {
    this.options = options;
    this.random = random;
    const { table, digest } = slotsOf(options.shards);
    this.slots = table;
    this.auctions = Array.from({ length: options.auctions }, (_, n) => auctionIdOf(n * SLOTS_APART + 1));
    this.logs = Array.from({ length: options.shards }, (_, shard) => new TrueLog(shard, this.codec, LIFE_HEX, this.tell));
    this.broker = new SimBroker(this);
    for (let shard = 0; shard < options.shards; shard += 1) {
      const genesis = this.codec.genesis({ shard, shards: options.shards, slotDigest: digest, madeAt: EPOCH, version: "simulated" });
      this.broker.store(shard, Uint8Array.from(genesis));
    }
    this.rows = new MemorySnapshotStore({ rowBytes: SNAPSHOT_ROW_BYTES, closedKeptMs: options.closedKeptMs });
    this.machines = NODE_NAMES.slice(0, options.nodes).map((name, index) => this.#machine(name, index));
    this.processes = this.machines.map(() => null);
    this.sendings = new Sendings(this.moment);
    this.clients = new SimClients(this);
  }

  #machine(name: string, index: number): Machine {
    const steadyOffsetMs = Math.round((this.random.fraction() * 2 - 1) * this.options.clockOffsetMs);
    return { name, index, clockOffsetMs: steadyOffsetMs, steadyOffsetMs, starts: 0 };
  }

  readonly tell = (invariant: string, message: string): void => {
    if (this.options.unheeded.includes(invariant)) return;
    // What holds of a log does not hold of one that loses its tail.
    if (this.lostTail !== null && !ASKED_OF_LOST.has(invariant)) return;
    this.trace.add("VIOLATION", invariant, message);
    if (this.violations.length < VIOLATIONS_MAX) this.violations.push({ invariant, message });
  };

  readonly count = (what: string): void => {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
  };

  /** The next moment of the one logical clock: whatever happened before has a lower one. */
  readonly moment = (): number => {
    this.#moment += 1;
    return this.#moment;
  };

  readonly wall = (): number => Math.floor(EPOCH + this.heap.now);
  readonly faulty = (): boolean => this.faultsOn;
  readonly stir = (): void => {
    this.#stirred = true;
  };

  logOf(auctionId: AuctionId): TrueLog {
    return this.logs[this.slots[slotOf(auctionId)] as number] as TrueLog;
  }

  /** Whether anything was found wrong. */
  get failed(): boolean {
    return this.violations.length > 0;
  }

  // Processes

  startNode(machine: Machine, belief: Belief): NodeProcess {
    const process = new NodeProcess(this, machine, belief);
    this.processes[machine.index] = process;
    this.trace.add("start", process.name, `assigned ${belief.assigned.join(",")}`);
    this.heap.after(0, process, () => process.start());
    return process;
  }

  /** The process is gone at once; what it sent before takes its course. */
  killNode(process: NodeProcess): void {
    if (process.dead) return;
    process.dead = true;
    this.trace.add("kill", process.name);
    this.count("kill");
    if (this.processes[process.machine.index] === process) this.processes[process.machine.index] = null;
    for (const link of [...process.links]) link.cut();
    for (const gateway of this.#gateways) for (const link of gateway.links()) if (link.node === process) link.cut();
  }

  gateways = (): readonly SimGateway[] => this.#gateways;

  startGateway(place: number, name: string): void {
    const gateway = new SimGateway(this, name);
    this.#gateways[place] = gateway;
    this.trace.add("start", name);
    gateway.start();
  }

  killGateway(place: number): void {
    const gateway = this.#gateways[place];
    if (gateway === undefined) return;
    gateway.dead = true;
    this.trace.add("kill", gateway.name);
    for (const link of gateway.links()) link.cut();
    this.startGateway(place, `${gateway.name}'`);
  }

  // Ports' words

  storeOf(process: NodeProcess): SimStore {
    return new SimStore(this, this.rows, process, process.check, () => this.storeAwayUntil);
  }

  said(process: NodeProcess, event: string, fields: Readonly<Record<string, unknown>>): void {
    const { shard, invariant, message, from } = fields;
    this.count(event === "shard_stopped" ? `${event} ${invariant}` : event === "shard_claimed" ? `${event} ${from}` : event);
    switch (event) {
      case "shard_claimed":
        process.check.claimed(Number(shard));
        if (this.#isDue(Number(shard))) this.count("takeover_while_due");
        break;
      case "shard_stopped":
        if (!isExcused(this.options, String(invariant), String(message))) this.tell("F5", `${process.name} stops shard ${shard}: ${invariant}: ${message}`);
        break;
      case "tenure_over":
        // Reads that fail are a reason of their own.
        if (!this.options.readsFail) process.check.over(Number(shard), this.heap.now);
        break;
      default:
        break;
    }
    this.lostTail?.said(process.name, event, fields);
  }

  #isDue(shard: number): boolean {
    return [...(this.logs[shard] as TrueLog).states()].some((state) => dueAt(state) <= this.wall());
  }

  saved(checkpoint: Checkpoint, owner: Owner): void {
    this.vouched.push({ checkpoint, by: owner.name });
    this.count("saved");
    this.trace.add("saved", owner.name, `shard ${checkpoint.shard} at ${checkpoint.offset}`);
    const log = this.logs[checkpoint.shard] as TrueLog;
    if (checkpoint.offset < log.start)
      this.tell("I19", `${owner.name} saved shard ${checkpoint.shard} at ${checkpoint.offset}, the log begins at ${log.start}`);
    if (checkpoint.offset > log.end) this.tell("I18", `${owner.name} saved shard ${checkpoint.shard} at ${checkpoint.offset}, the log ends at ${log.end}`);
  }

  viewed(gateway: SimGateway, _read: unknown, result: ReadResult): void {
    this.checkView(gateway.name, result, 0);
  }

  /** A view shows what was so at its sequence; a fresh one nothing older than what had been told. */
  checkView(reader: string, result: ReadResult, told: number): void {
    if (result.kind !== "view") return;
    const { auctionId, sequence, state } = result.view;
    const log = this.logOf(auctionId);
    const text = JSON.stringify(state);
    const shown = log.shown.get(`${auctionId} ${sequence}`);
    if (shown?.text !== text) this.tell("I20", `${reader} reads ${auctionId} at ${sequence} as ${text}, the log says ${shown?.text}`);
    const atLeast = (log.changes.get(auctionId) ?? []).findLast((change) => change <= told) ?? 0;
    if (sequence < atLeast) this.tell("I24", `${reader} reads ${auctionId} afresh at ${sequence} after ${atLeast} was told`);
  }

  // The loop

  /** Lets everything happen up to a time. */
  async play(until: number): Promise<void> {
    while (!this.failed) {
      const event = this.heap.take(until);
      if (event === undefined) return;
      event.run();
      if (event.owner === null && !this.#stirred) continue;
      this.#stirred = false;
      await new Promise<void>((resolve) => setImmediate(resolve));
      if (event.owner instanceof NodeProcess) this.#looked(event.owner);
    }
  }

  #looked(process: NodeProcess): void {
    process.flush();
    checkPlaces(process, this.logs, this.tell);
  }
}
