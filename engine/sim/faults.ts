// What goes wrong with processes, clocks, membership, the store and the log of a simulated cluster, and when: put into the heap before
// anything happens. Faults of single calls are drawn where the calls are (sim-log.ts, sim-store.ts, sim-link.ts).
//
// Owns: who is told to own what, which is also how a shard moves. Must not: touch what a process has sent.
import type { Shard } from "../core/ids.ts";
import type { Cluster } from "./cluster.ts";
import { LostTail } from "./lost-tail.ts";
import type { AwayKind } from "./sim-log.ts";
import type { Belief, Machine, NodeProcess } from "./sim-node.ts";

const AWAY_MS_MAX = 1_500;
const LIE_MS_MAX = 1_000;
/** A gateway gives up a connection on which nothing was heard for so long. */
const SILENT_MS = 800;
/** How often those who live are told again what they own, once the faults have ended. */
const HEARTBEAT_MS = 500;

export class Faults {
  readonly #cluster: Cluster;
  /** Which machine should own each shard; the truth. */
  readonly #homes: number[];
  /** Shards whose home was changed by a move, which may be under way. */
  readonly #moved = new Set<Shard>();

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
    const { options } = cluster;
    this.#homes = Array.from({ length: options.shards }, (_, shard) => shard % options.nodes);
  }

  /** Starts everybody, and draws all that will go wrong. */
  schedule(): void {
    const cluster = this.#cluster;
    const { options, machines } = cluster;
    for (const machine of machines) cluster.startNode(machine, this.#truth(machine));
    for (let n = 0; n < options.gateways; n += 1) cluster.startGateway(n, `gate-${n}`);
    this.#times(options.kills, () => this.#kill());
    this.#times(options.stops, () => this.#stop());
    this.#times(options.pauses, () => this.#pause());
    this.#times(options.moves, () => this.#move());
    this.#times(options.lies, () => this.#lie());
    this.#times(options.clockSteps, () => this.#stepClock());
    this.#times(options.cuts, () => this.#cut());
    this.#times(options.gatewayKills, () => cluster.killGateway(cluster.random.between(0, options.gateways - 1)));
    this.#times(options.outages, () => this.#outage());
    this.#times(options.storeAway, () => {
      cluster.storeAwayUntil = cluster.heap.now + AWAY_MS_MAX * cluster.random.fraction();
    });
    this.#times(options.snapshots, () => this.#snapshot());
    this.#times(options.trims, () => this.#trim());
    this.#times(options.lostTails, () => this.#loseTail());
    this.#times(options.lowRoom, () => {
      cluster.count("low_room");
      cluster.broker.lowUntil = cluster.heap.now + AWAY_MS_MAX * cluster.random.fraction();
    });
    this.#times(options.strangers, () => {
      cluster.broker.store(cluster.random.between(0, options.shards - 1), new Uint8Array([1, 2, 3]));
    });
  }

  #times(count: number, happen: () => void): void {
    const { heap, random, options } = this.#cluster;
    for (let n = 0; n < count; n += 1) heap.after(random.between(50, options.faultsMs), null, happen);
  }

  #owned(machine: Machine): readonly Shard[] {
    return this.#homes.flatMap((home, shard) => (home === machine.index ? [shard] : []));
  }

  #truth(machine: Machine): Belief {
    return this.#belief(this.#owned(machine), (shard) => this.#orderFrom(this.#homes[shard] ?? 0));
  }

  #belief(assigned: readonly Shard[], nodesOf: (shard: Shard) => readonly string[]): Belief {
    const { options, logs } = this.#cluster;
    return { assigned, nodes: options.placed ? logs.map(({ shard }) => nodesOf(shard)) : null };
  }

  // All machines, one of them first.
  #orderFrom(first: number): readonly string[] {
    const { machines } = this.#cluster;
    return machines.map((_, n) => (machines[(first + n) % machines.length] as Machine).name);
  }

  #tellAll(): void {
    const { heap, processes } = this.#cluster;
    for (const process of processes) {
      if (process === null) continue;
      const truth = this.#truth(process.machine);
      heap.after(0, process, () => process.place(truth));
    }
  }

  #someProcess(): NodeProcess | null {
    const living = this.#cluster.processes.filter((process) => process !== null);
    return living.length === 0 ? null : this.#cluster.random.pick(living);
  }

  // Whoever is seen to live gets what the others had.
  #detect(machine: Machine): void {
    const { processes, random } = this.#cluster;
    const process = processes[machine.index] ?? null;
    if (process !== null && process.frozen === null) return;
    const living = processes.filter((other) => other !== null && other.frozen === null);
    if (living.length === 0) return;
    for (const [shard, home] of this.#homes.entries()) if (home === machine.index) this.#homes[shard] = (random.pick(living) as NodeProcess).machine.index;
    this.#cluster.count("takeover");
    this.#tellAll();
  }

  #down({ machine, node }: NodeProcess): void {
    const { heap, options, count } = this.#cluster;
    for (const shard of this.#moved) {
      const phase = node.all()[shard]?.phase;
      const isGoing = this.#homes[shard] !== machine.index && (phase === "serving" || phase === "sealed");
      const isComing = this.#homes[shard] === machine.index && phase !== "serving";
      if (isGoing || isComing) count("down_in_move");
    }
    heap.after(options.detectMs, null, () => this.#detect(machine));
  }

  #restart(machine: Machine): void {
    const { processes } = this.#cluster;
    if (processes[machine.index] !== null) return;
    this.#cluster.startNode(machine, this.#truth(machine));
  }

  #kill(): void {
    const process = this.#someProcess();
    if (process === null) return;
    const { heap, random, options } = this.#cluster;
    this.#cluster.killNode(process);
    this.#down(process);
    heap.after(options.restartMsMax * random.fraction(), null, () => this.#restart(process.machine));
  }

  #stop(): void {
    const process = this.#someProcess();
    if (process === null || process.frozen !== null) return;
    const { heap, random, options, count, trace } = this.#cluster;
    count("stop");
    trace.add("stop", process.name);
    heap.after(0, process, () => void process.node.stop());
    heap.after(random.between(100, 1_000), null, () => {
      this.#cluster.killNode(process);
      heap.after(options.restartMsMax * random.fraction(), null, () => this.#restart(process.machine));
    });
    this.#down(process);
  }

  #pause(): void {
    const process = this.#someProcess();
    if (process === null || process.frozen !== null) return;
    const { heap, random, options, count, trace } = this.#cluster;
    count("pause");
    trace.add("freeze", process.name);
    heap.freeze(process);
    this.#down(process);
    heap.after(SILENT_MS, null, () => {
      if (process.frozen !== null) for (const link of [...process.links]) link.cut();
    });
    heap.after(options.pauseMsMax * random.fraction(), null, () => this.#thaw(process));
  }

  #thaw(process: NodeProcess): void {
    if (process.frozen === null || process.dead) return;
    this.#cluster.trace.add("thaw", process.name);
    this.#cluster.heap.thaw(process);
  }

  #move(): void {
    const { random, options, count, trace } = this.#cluster;
    const shard = random.between(0, options.shards - 1);
    const from = this.#homes[shard];
    this.#homes[shard] = random.between(0, options.nodes - 1);
    if (this.#homes[shard] !== from) {
      this.#moved.add(shard);
      count("move");
    }
    trace.add("move", `shard ${shard} to`, this.#homes[shard] ?? null);
    this.#tellAll();
  }

  // For a while nobody owns a shard, or two do.
  #lie(): void {
    const { heap, random, options, processes, count, trace } = this.#cluster;
    const shard = random.between(0, options.shards - 1);
    const nobody = random.chance(0.3);
    count(nobody ? "lie_nobody" : "lie_two");
    trace.add("lie", `shard ${shard}`, nobody ? "nobody" : "everybody");
    for (const process of processes) {
      if (process === null) continue;
      const others = process.belief.assigned.filter((owned) => owned !== shard);
      const self = this.#orderFrom(process.machine.index);
      const lied = this.#belief(nobody ? others : [...others, shard], (other) =>
        other === shard ? (nobody ? [] : self) : (process.belief.nodes?.[other] ?? []),
      );
      heap.after(random.between(0, 50), process, () => process.place(lied));
    }
    heap.after(LIE_MS_MAX * random.fraction(), null, () => this.#tellAll());
  }

  #stepClock(): void {
    const { random, options, machines, trace } = this.#cluster;
    const machine = random.pick(machines);
    machine.clockOffsetMs += Math.round((random.fraction() * 2 - 1) * options.clockStepMs);
    trace.add("clock", machine.name, machine.clockOffsetMs);
  }

  #cut(): void {
    const { random } = this.#cluster;
    const links = this.#cluster.gateways().flatMap((gateway) => gateway.links());
    if (links.length > 0) random.pick(links).cut();
  }

  // For one node, or for all.
  #outage(): void {
    const { heap, random, machines, broker, trace, count } = this.#cluster;
    const kind = random.pick<AwayKind>(["refuses", "closed", "silent"]);
    const until = heap.now + AWAY_MS_MAX * random.fraction();
    const some = random.chance(0.5) ? machines : [random.pick(machines)];
    count(`outage_${kind}`);
    for (const { name } of some) {
      trace.add("away", name, kind, until);
      broker.away.set(name, { kind, until });
    }
  }

  #snapshot(): void {
    const process = this.#someProcess();
    if (process !== null) this.#cluster.heap.after(0, process, () => void process.node.snapshotAll());
  }

  // As an operator would: below the lowest checkpoint that is kept.
  #trim(): void {
    const { random, options, rows, broker, stir, count } = this.#cluster;
    const shard = random.between(0, options.shards - 1);
    stir();
    void rows.checkpoints(shard).then((checkpoints) => {
      const lowest = checkpoints.at(-1);
      if (lowest === undefined) return;
      count("trim");
      broker.trim(shard, lowest.offset);
    });
  }

  // The power of everything is cut, and when it is back the log is shorter. Once in a run: a second time says nothing more.
  #loseTail(): void {
    const { heap, random, options, processes, machines } = this.#cluster;
    if (this.#cluster.lostTail !== null) return;
    for (const process of [...processes]) if (process !== null) this.#cluster.killNode(process);
    this.#cluster.lostTail = new LostTail(this.#cluster);
    for (const machine of machines) heap.after(options.restartMsMax * random.fraction(), null, () => this.#restart(machine));
  }

  /** Every fault ends: everybody lives, and is told the truth. */
  heal(): void {
    const { options, machines, broker, processes, random } = this.#cluster;
    this.#cluster.faultsOn = false;
    this.#cluster.storeAwayUntil = 0;
    broker.away.clear();
    broker.lowUntil = 0;
    for (const machine of machines) machine.clockOffsetMs = machine.steadyOffsetMs;
    for (const process of [...processes]) {
      if (process === null) continue;
      this.#thaw(process);
      if (options.restartAll) this.#cluster.killNode(process);
    }
    for (const machine of machines) this.#restart(machine);
    for (const [shard, home] of this.#homes.entries()) if (processes[home] === null) this.#homes[shard] = random.pick(machines).index;
    this.#heartbeat();
  }

  #heartbeat(): void {
    this.#tellAll();
    this.#cluster.heap.after(HEARTBEAT_MS, null, () => this.#heartbeat());
  }
}
