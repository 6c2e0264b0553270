// One engine process of a simulated cluster: a real EngineNode over simulated ports, with a clock of its own, which can be killed,
// frozen and started again.
//
// Owns: the process and its ports. Must not: decide what goes wrong (faults.ts), or what is right (port-check.ts, node-check.ts).

import type { AuctionId, Instant, Shard } from "../core/ids.ts";
import { slotOf } from "../core/ids.ts";
import type { SlotTable } from "../core/slots.ts";
import type { Clock, Membership, RecordCodec, SnapshotStore, Timers, UpdateSink } from "../ports.ts";
import { EngineNode } from "../shard/node.ts";
import { type Say, SHARD_LIMITS } from "../shard/world.ts";
import type { EventHeap, Owner } from "./heap.ts";
import type { SimOptions } from "./options.ts";
import { PortCheck } from "./port-check.ts";
import { QuietCounters } from "./quiet-counters.ts";
import type { Random } from "./random.ts";
import type { SimLink } from "./sim-link.ts";
import { type SimBroker, SimLog } from "./sim-log.ts";
import type { Trace } from "./trace.ts";
import type { TrueLog } from "./true-log.ts";

/** What a process is made in. */
export interface NodeWorld {
  readonly heap: EventHeap;
  readonly random: Random;
  readonly options: SimOptions;
  readonly trace: Trace;
  readonly codec: RecordCodec;
  readonly lifeId: Uint8Array;
  readonly slots: SlotTable;
  readonly logs: readonly TrueLog[];
  readonly broker: SimBroker;
  readonly storeOf: (process: NodeProcess) => SnapshotStore;
  readonly tell: (invariant: string, message: string) => void;
  readonly count: (what: string) => void;
  readonly said: (process: NodeProcess, event: string, fields: Readonly<Record<string, unknown>>) => void;
}

/** A machine: it keeps its name and its clock when the process on it dies. */
export interface Machine {
  readonly name: string;
  /** Place in the list of nodes. */
  readonly index: number;
  /** By how much its clock is wrong now, and when nothing steps it. */
  clockOffsetMs: number;
  readonly steadyOffsetMs: number;
  /** Processes it had. */
  starts: number;
}

/** What a process believes of the placement. `nodes`: by shard, in order; null: no order is known. */
export interface Belief {
  readonly assigned: readonly Shard[];
  readonly nodes: readonly (readonly string[])[] | null;
}

export class NodeProcess implements Owner {
  readonly machine: Machine;
  readonly name: string;
  dead = false;
  frozen: Owner["frozen"] = null;
  readonly node: EngineNode;
  readonly check: PortCheck;
  readonly links = new Set<SimLink>();
  belief: Belief;
  readonly #world: NodeWorld;
  readonly #listeners: (() => void)[] = [];

  constructor(world: NodeWorld, machine: Machine, belief: Belief) {
    this.#world = world;
    this.machine = machine;
    machine.starts += 1;
    this.name = `${machine.name}-${machine.starts}`;
    this.belief = belief;
    this.check = new PortCheck(this.name, world.logs, world.tell, world.count);
    const { options, codec, lifeId, slots } = world;
    this.node = new EngineNode({
      log: new SimLog(world.broker, this, machine.name, this.check),
      codec,
      store: world.storeOf(this),
      clock: this.#clock(),
      timers: this.#timers(),
      nonces: { bytes: (count) => world.random.bytes(count), fraction: () => world.random.fraction() },
      sink: this.#sink(),
      limits: {
        ...SHARD_LIMITS,
        mailboxMax: 16,
        waitingMax: options.waitingMax,
        turnDecisionsMax: options.turnDecisionsMax,
        timeIdleMs: options.timeIdleMs,
        heartbeatMs: options.heartbeatMs,
        leaseMs: options.leaseMs,
        snapshotSliceMax: 1,
        closedKeptMs: options.closedKeptMs,
      },
      counters: new QuietCounters(),
      say: this.#say(),
      lifeId,
      nodeId: machine.name,
      processId: this.name,
      shards: options.shards,
      slots,
      standby: options.standby,
      membership: this.#membership(),
      statusChanged: (status) => {
        for (const link of this.links) link.sendToGateway({ kind: "shard", status });
      },
    });
  }

  /** Takes what it is assigned. */
  start(): void {
    void this.node.start();
  }

  /** Tells it another placement. */
  place(belief: Belief): void {
    this.belief = belief;
    for (const listener of this.#listeners) listener();
  }

  /** What it said in this event leaves. */
  flush(): void {
    for (const link of this.links) link.flushToGateway();
  }

  shardOf(auctionId: AuctionId): Shard {
    return this.#world.slots[slotOf(auctionId)] as Shard;
  }

  #clock(): Clock {
    const { heap } = this.#world;
    return { now: (): Instant => Math.floor(EPOCH + heap.now + this.machine.clockOffsetMs), monotonic: () => heap.now };
  }

  #timers(): Timers {
    const { heap } = this.#world;
    return {
      after: (delayMs, callback) => {
        const event = heap.after(delayMs, this, callback);
        return () => {
          event.cancelled = true;
        };
      },
      soon: (callback) => {
        heap.after(0, this, callback);
      },
    };
  }

  #sink(): UpdateSink {
    return {
      watched: () => this.links.size > 0,
      update: (update) => {
        this.check.updated(this.shardOf(update.auctionId), update);
        for (const link of this.links) link.sendToGateway({ kind: "update", update });
      },
      notice: () => undefined,
    };
  }

  #say(): Say {
    const world = this.#world;
    return (_level, event, fields) => {
      world.trace.add("said", this.name, event, JSON.stringify(fields));
      world.said(this, event, fields);
    };
  }

  #membership(): Membership {
    return {
      assigned: () => this.belief.assigned,
      nodesOf: (shard) => this.belief.nodes?.[shard] ?? null,
      onChange: (listener) => {
        this.#listeners.push(listener);
        return () => {
          this.#listeners.splice(this.#listeners.indexOf(listener), 1);
        };
      },
    };
  }
}

/** Wall clock at the beginning of every simulated world. */
export const EPOCH: Instant = 1_795_428_000_000;
