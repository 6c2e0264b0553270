// A simulated gateway process: the gateway's own book of unanswered commands (gateway/pending.ts) over simulated links, and what its
// viewers are shown.
//
// Owns: its links, what each engine last said of its shards, the pair each auction is shown at. Must not: rule, or know the log.
//
// G1. Of two engines that both say they serve a shard, the one with the higher epoch does.
// G2. A pair lower than the last one shown is dropped. When an owner changed a new view is taken, since updates between were sent to
//     nobody.
import { type Ask, Pending, type PendingPort } from "../../gateway/pending.ts";
import type { Command } from "../core/command.ts";
import { type AuctionId, type Shard, slotOf } from "../core/ids.ts";
import type { SlotTable } from "../core/slots.ts";
import type { PublicState } from "../core/view.ts";
import type { Read, ReadResult, ShardStatus } from "../protocol.ts";
import type { Owner } from "./heap.ts";
import { type LinkWorld, SimLink, type ToGateway } from "./sim-link.ts";
import type { NodeProcess } from "./sim-node.ts";

/** How often deadlines and waits are looked at while anything is pending. */
const BEAT_MS = 50;
const HOLD_MS = 5_000;
const HELD_MAX = 1_000;
const RECONNECT_MS = 100;
/** Before a view that was refused is asked for again. */
const VIEW_PAUSE_MS = 200;
const VIEW_DEADLINE_MS = 2_000;
const NONE = -1;

export type CommandReply = Extract<Ask, { kind: "command" }>["reply"];

export interface GatewayWorld extends LinkWorld {
  readonly slots: SlotTable;
  readonly auctions: readonly AuctionId[];
  /** The living process of each machine, or null. */
  readonly processes: readonly (NodeProcess | null)[];
  readonly tell: (invariant: string, message: string) => void;
  readonly viewed: (gateway: SimGateway, read: Read, result: ReadResult) => void;
}

/** What a viewer of an auction sees. */
export interface ShownPair {
  readonly epoch: number;
  readonly sequence: number;
  readonly state: PublicState;
}

export class SimGateway implements Owner, PendingPort {
  readonly name: string;
  dead = false;
  frozen: Owner["frozen"] = null;
  readonly shown = new Map<AuctionId, ShownPair>();
  readonly pending: Pending;
  readonly #world: GatewayWorld;
  readonly #links: (SimLink | null)[];
  readonly #said: (ShardStatus | null)[][];
  readonly #owners: { link: number; epoch: number }[];
  readonly #viewing = new Set<AuctionId>();
  /** The last pair that each link told of each auction. */
  readonly #told = new WeakMap<SimLink, Map<AuctionId, number>>();
  #beating = false;

  constructor(world: GatewayWorld, name: string) {
    this.#world = world;
    this.name = name;
    this.pending = new Pending({ port: this, holdMs: HOLD_MS, heldMax: HELD_MAX });
    this.#links = world.processes.map(() => null);
    this.#said = Array.from({ length: world.options.shards }, () => world.processes.map(() => null));
    this.#owners = Array.from({ length: world.options.shards }, () => ({ link: NONE, epoch: NONE }));
  }

  start(): void {
    for (const place of this.#links.keys()) this.#connect(place);
  }

  #connect(place: number): void {
    const process = this.#world.processes[place] ?? null;
    if (process === null || process.dead) {
      this.#world.heap.after(RECONNECT_MS, this, () => this.#connect(place));
      return;
    }
    const link = new SimLink(this.#world, this, process);
    this.#links[place] = link;
    link.sendToNode({ kind: "hello" });
    link.flushToNode();
  }

  links(): readonly SimLink[] {
    return this.#links.filter((link) => link !== null);
  }

  // Asking

  command(command: Command, deadlineMs: number, reply: CommandReply): void {
    this.pending.ask({ kind: "command", command, reply }, this.#shardOf(command.auctionId), deadlineMs, this.#now);
    this.#flush();
  }

  /** Reads, and hears the result, or null when it was refused. */
  read(read: Read, deadlineMs: number, done: (result: ReadResult | null) => void): void {
    const ask: Ask = { kind: "read", read, done: (outcome) => done(outcome.kind === "ok" ? outcome.result : null) };
    this.pending.ask(ask, this.#shardOf(read.auctionId), deadlineMs, this.#now);
    this.#flush();
  }

  get #now(): number {
    return this.#world.heap.now;
  }

  #shardOf(auctionId: AuctionId): Shard {
    return this.#world.slots[slotOf(auctionId)] as Shard;
  }

  #flush(): void {
    for (const link of this.#links) link?.flushToNode();
    if (this.#beating || this.pending.inFlight() + this.pending.held() === 0) return;
    this.#beating = true;
    this.#world.heap.after(BEAT_MS, this, () => {
      this.#beating = false;
      this.pending.pass(this.#now);
      this.#flush();
    });
  }

  // PendingPort

  linkFor(shard: Shard): number {
    const { link } = this.#owners[shard] ?? { link: NONE };
    return link !== NONE && this.#links[link]?.open === true ? link : NONE;
  }

  stateOf(shard: Shard): ReturnType<PendingPort["stateOf"]> {
    const said = (this.#said[shard] ?? []).filter((status) => status !== null);
    const owner = this.#said[shard]?.[this.#owners[shard]?.link ?? NONE];
    if (owner) return owner.state;
    return said.find((status) => status.state === "moving")?.state ?? said[0]?.state ?? "away";
  }

  send(place: number, requestId: number, deadlineMs: number, ask: Ask): boolean {
    const link = this.#links[place];
    if (!link) return false;
    if (ask.kind === "read") link.sendToNode({ kind: "read", requestId, read: ask.read });
    else link.sendToNode({ kind: "command", requestId, deadlineMs, command: ask.command, sending: this.#world.sendings.sent(ask.command) });
    return true;
  }

  fraction(): number {
    return this.#world.random.fraction();
  }

  // Hearing (LinkEnd)

  heard(link: SimLink, messages: readonly ToGateway[]): void {
    for (const message of messages) this.#hear(link, message);
    this.#flush();
  }

  #hear(link: SimLink, message: ToGateway): void {
    const place = this.#links.indexOf(link);
    switch (message.kind) {
      case "answer":
        this.pending.answered(message.requestId, message.auctionId, message.row, 0, message.replayed, this.#now);
        break;
      case "refusal":
        this.pending.refused(place, message.requestId, message.code, message.retryAfterMs, this.#now);
        break;
      case "result":
        this.pending.resulted(place, message.requestId, message.result, this.#now);
        break;
      case "welcome":
        for (const status of message.statuses) this.#status(place, status);
        break;
      case "shard":
        this.#status(place, message.status);
        break;
      case "update":
        this.#updated(link, message.update);
        break;
    }
  }

  lost(link: SimLink): void {
    const place = this.#links.indexOf(link);
    if (place === NONE) return;
    this.#links[place] = null;
    for (const [shard, said] of this.#said.entries()) {
      said[place] = null;
      this.#review(shard);
    }
    this.pending.linkLost(place, this.#now);
    this.#world.heap.after(RECONNECT_MS * this.#world.random.fraction(), this, () => this.#connect(place));
    this.#flush();
  }

  #status(place: number, status: ShardStatus): void {
    const said = this.#said[status.shard];
    if (place === NONE || said === undefined) return;
    said[place] = status;
    this.#review(status.shard);
  }

  #review(shard: Shard): void {
    const before = this.#owners[shard];
    let link = NONE;
    let epoch = NONE;
    for (const [place, status] of (this.#said[shard] ?? []).entries()) {
      if (status === null || (status.state !== "serving" && status.state !== "log_down") || status.epoch <= epoch) continue;
      link = place;
      epoch = status.epoch;
    }
    this.#owners[shard] = { link, epoch };
    if (link === NONE || (before?.link === link && before.epoch === epoch)) return;
    this.pending.ownerChanged(shard, link, this.#now);
    for (const auctionId of this.#world.auctions) if (this.#shardOf(auctionId) === shard) this.#view(auctionId);
  }

  // Showing

  #updated(link: SimLink, update: Extract<ToGateway, { kind: "update" }>["update"]): void {
    const { auctionId, epoch, sequence, state } = update;
    const told = this.#told.get(link) ?? new Map<AuctionId, number>();
    this.#told.set(link, told);
    const last = told.get(auctionId) ?? 0;
    if (sequence <= last) this.#world.tell("I20", `${link.name} told an update of ${auctionId} at ${sequence} after one at ${last}`);
    told.set(auctionId, sequence);
    this.#show(auctionId, { epoch, sequence, state });
  }

  #show(auctionId: AuctionId, pair: ShownPair): void {
    const shown = this.shown.get(auctionId);
    if (shown !== undefined && (pair.epoch < shown.epoch || (pair.epoch === shown.epoch && pair.sequence <= shown.sequence))) return;
    if (shown !== undefined && pair.sequence <= shown.sequence) {
      this.#world.tell("I20", `${this.name} is shown ${auctionId} at (${pair.epoch}, ${pair.sequence}) after (${shown.epoch}, ${shown.sequence})`);
    }
    this.shown.set(auctionId, pair);
  }

  #view(auctionId: AuctionId): void {
    if (this.#viewing.has(auctionId)) return;
    this.#viewing.add(auctionId);
    const read: Read = { kind: "view", auctionId, fresh: false, history: 0, bidderId: null };
    const ask: Ask = { kind: "read", read, done: (outcome) => this.#viewed(auctionId, read, outcome) };
    this.pending.ask(ask, this.#shardOf(auctionId), VIEW_DEADLINE_MS, this.#now);
  }

  #viewed(auctionId: AuctionId, read: Read, outcome: Parameters<Extract<Ask, { kind: "read" }>["done"]>[0]): void {
    this.#viewing.delete(auctionId);
    if (outcome.kind === "ok" && outcome.result.kind === "view") {
      this.#world.viewed(this, read, outcome.result);
      const { epoch, sequence, state } = outcome.result.view;
      this.#show(auctionId, { epoch, sequence, state });
    } else if (outcome.kind === "refused" && outcome.code !== "no_such_auction") {
      this.#world.heap.after(VIEW_PAUSE_MS, this, () => {
        this.#view(auctionId);
        this.#flush();
      });
    }
  }
}
