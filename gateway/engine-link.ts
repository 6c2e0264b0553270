// The engine as the gateway sees it, over its links: commands out and answers in, reads, interest in updates, and what is out of reach.
//
// Must not: decide which engine owns a shard (the engines say), or tell anybody that a bid failed when that is not known (pending.ts).
//
// G1. All that a turn sends to an engine leaves in one write at the end of that turn.
// G2. Every engine knows every auction this gateway watches, so a new owner's first update is not missed while ownership travels.
// G3. An auction is stale at once when the link of its owner is lost, and after 3 s when its owner only stopped serving. It is
//     fresh again when a link that serves its shard is up, and then the listener is told to take a new view: updates between were
//     sent to nobody. A new epoch without a loss tells so too.
import type { Command } from "../engine/core/command.ts";
import type { RefusalCode } from "../engine/core/decision.ts";
import { type AuctionId, type Epoch, isAuctionId, type Shard } from "../engine/core/ids.ts";
import type { Read, ShardStatus } from "../engine/protocol.ts";
import {
  type EngineAddress,
  EngineConnection,
  type EngineConnectionHost,
  type LinkLoss,
  type LinkWorld,
  SILENT_MS,
  type Welcome,
} from "./engine-connection.ts";
import { type Ask, Pending, type PendingPort } from "./pending.ts";
import type { CommandReply, Engine, EngineListener, ReadOutcome } from "./ports.ts";
import { NONE, Route, type ShardState } from "./route.ts";
import { Watched } from "./watched.ts";

/** How often deadlines, waits and silences are looked at; a tenth of the shortest deadline a bidder may set is 10 ms. */
const BEAT_MS = 20;
/** A beat this late means that this process stood still. */
const LATE_BEAT_MS = 1_000;
/** Hint with a refusal while closing. */
const RETRY_AFTER_MS = 1_000;

export interface EngineLinkOptions extends LinkWorld {
  /** `host:port` of each engine, at most a few dozen. */
  readonly addresses: readonly string[];
  /** Shared with the engines. */
  readonly linkKey: string;
  /** The slot table of that many shards (engine/cluster/ring.ts), 4,096 entries. */
  readonly fillSlots: (shards: number) => Uint16Array;
  /** How long a command is held while nobody serves its shard (GATEWAY_HOLD_MS), and how many at once (GATEWAY_HELD_BIDS_MAX). */
  readonly holdMs: number;
  readonly heldMax: number;
  /** A ping to that engine came back, about once a second. */
  readonly roundTrip?: (address: string, ms: number) => void;
  readonly log?: (event: "link_up" | "link_down", detail: { readonly address: string; readonly reason: string }) => void;
}

export interface EngineLinks extends Engine {
  /** Commands and reads sent again, since the beginning. */
  repeatedTotal(): number;
}

/** Connects to every engine and keeps trying. Throws RangeError for an address that is not `host:port`. */
export function connectEngines(options: EngineLinkOptions): EngineLinks {
  const links = new Links(options);
  links.start();
  return links;
}

/** What was last known of a shard. */
interface Reach {
  owner: number;
  state: ShardState;
  /** Epoch it was last served under, or NEVER. */
  epoch: Epoch;
  /** When its owner was lost or stopped serving; LIVE while it serves. */
  awaySince: number;
  stale: boolean;
}

const NEVER = -1;
const LIVE = -1;

class Links implements EngineLinks, EngineConnectionHost, PendingPort {
  readonly #options: EngineLinkOptions;
  readonly #connections: readonly EngineConnection[];
  readonly #route: Route;
  readonly #pending: Pending;
  readonly #watched = new Watched();
  readonly #listeners: EngineListener[] = [];
  readonly #startedAt: number;
  #reaches: Reach[] = [];
  #lifeId: string | null = null;
  #woken: EngineConnection[] = [];
  /** Time of this turn while something waits to be flushed, else NEVER: one clock read a turn, not one a bid. */
  #turnAt = NEVER;
  #beatAt = 0;
  #stopBeat: () => void = () => undefined;
  #closed = false;

  constructor(options: EngineLinkOptions) {
    this.#options = options;
    this.#connections = options.addresses.map((address, index) => new EngineConnection(index, parseAddress(address), options.linkKey, options, this));
    this.#route = new Route(this.#connections.length);
    this.#pending = new Pending({ port: this, holdMs: options.holdMs, heldMax: options.heldMax });
    this.#startedAt = options.clock.monotonic();
  }

  start(): void {
    for (const connection of this.#connections) connection.open();
    this.#beatAt = this.#startedAt;
    this.#beatLater();
  }

  // Engine

  command(command: Command, deadlineMs: number, reply: CommandReply): void {
    this.#ask({ kind: "command", command, reply }, command.auctionId, deadlineMs);
  }

  read(read: Read, deadlineMs: number): Promise<ReadOutcome> {
    return new Promise((done) => this.#ask({ kind: "read", read, done }, read.auctionId, deadlineMs));
  }

  watch(auctionId: AuctionId): void {
    if (!this.#watched.add(auctionId, this.#route.shardOf(auctionId))) return;
    for (const connection of this.#connections) connection.watch([auctionId]);
  }

  unwatch(auctionId: AuctionId): void {
    if (!this.#watched.remove(auctionId, this.#route.shardOf(auctionId))) return;
    for (const connection of this.#connections) connection.send({ kind: "unwatch", auctionIds: [auctionId] });
  }

  listen(listener: EngineListener): void {
    this.#listeners.push(listener);
  }

  staleMs(auctionId: AuctionId): number {
    const reach = this.#reaches[this.#route.shardOf(auctionId)];
    if (reach !== undefined && !reach.stale) return 0;
    return Math.max(1, this.#options.clock.monotonic() - (reach?.awaySince ?? this.#startedAt));
  }

  lifeId(): string | null {
    return this.#lifeId;
  }

  shards(): readonly ShardStatus[] {
    return this.#reaches.map((_, shard) => this.#route.statusOf(shard) ?? { shard, state: "unowned", epoch: 0, lsn: 0, offset: 0 });
  }

  links(): ReturnType<Engine["links"]> {
    return this.#connections.map((connection) => ({ address: connection.address, up: connection.isUp(), roundTripMs: connection.roundTripMs() }));
  }

  inFlight(): number {
    return this.#pending.inFlight();
  }

  held(): number {
    return this.#pending.held();
  }

  repeatedTotal(): number {
    return this.#pending.repeatedTotal();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#stopBeat();
    this.#pending.stop();
    await Promise.all(this.#connections.map((connection) => connection.close()));
  }

  // PendingPort

  linkFor(shard: Shard): number {
    const owner = this.#route.ownerOf(shard);
    return owner !== NONE && this.#connections[owner]?.canTake() ? owner : NONE;
  }

  stateOf(shard: Shard): ShardState {
    return this.#route.stateOf(shard);
  }

  send(link: number, requestId: number, deadlineMs: number, ask: Ask): boolean {
    const writer = this.#connections[link]?.writer();
    if (writer === undefined) return false;
    if (ask.kind === "command") return writer.command(requestId, deadlineMs, ask.command);
    return writer.message({ kind: "read", requestId, read: ask.read });
  }

  fraction(): number {
    return this.#options.nonces.fraction();
  }

  // EngineConnectionHost

  answer(requestId: number, auctionId: AuctionId, rows: Uint8Array, at: number, replayed: boolean): void {
    this.#pending.answered(requestId, auctionId, rows, at, replayed, this.#now());
  }

  refused(connection: EngineConnection, requestId: number, code: RefusalCode, retryAfterMs: number): void {
    this.#pending.refused(connection.index, requestId, code, retryAfterMs, this.#now());
  }

  welcomed(connection: EngineConnection, welcome: Welcome): boolean {
    if (!this.#isOurLife(connection, welcome)) return false;
    if (this.#lifeId !== welcome.lifeId || this.#route.shardCount() !== welcome.shards) this.#begin(welcome);
    connection.watch(this.#watched.all());
    this.#options.log?.("link_up", { address: connection.address, reason: welcome.nodeId });
    return true;
  }

  told(connection: EngineConnection, message: Parameters<EngineConnectionHost["told"]>[1]): void {
    switch (message.kind) {
      case "read_result":
        this.#pending.resulted(connection.index, message.requestId, message.result, this.#now());
        break;
      case "shard":
        this.#route.heard(connection.index, message.status);
        this.#review(message.status.shard, false);
        break;
      case "update":
        for (const listener of this.#listeners) listener.update(message.update);
        break;
      case "notice":
        for (const listener of this.#listeners) listener.notice(message.notice);
        break;
      default:
        message satisfies never;
    }
  }

  lost(connection: EngineConnection, reason: LinkLoss, wasUp: boolean): void {
    this.#options.log?.("link_down", { address: connection.address, reason });
    if (!wasUp) return;
    // First the route, so that what was in flight is not sent to the link it was lost with.
    this.#route.lost(connection.index);
    this.#pending.linkLost(connection.index, this.#now());
    this.#reaches.forEach((reach, shard) => {
      this.#review(shard, reach.owner === connection.index);
    });
  }

  measured(connection: EngineConnection, roundTripMs: number): void {
    this.#options.roundTrip?.(connection.address, roundTripMs);
  }

  wake(connection: EngineConnection): void {
    this.#woken.push(connection);
    if (this.#woken.length > 1) return;
    this.#turnAt = this.#options.clock.monotonic();
    this.#options.timers.soon(() => this.#flush());
  }

  #ask(ask: Ask, auctionId: AuctionId, deadlineMs: number): void {
    const shard = this.#route.shardOf(auctionId);
    // Before a message is written its id is looked at anyway; here it costs 8 % of a bid, so only what has no slot is looked at.
    const isNone = shard === NONE && !isAuctionId(auctionId);
    const refusal: RefusalCode | null = this.#closed ? "draining" : isNone ? "no_such_auction" : null;
    if (refusal === null) this.#pending.ask(ask, shard, deadlineMs, this.#now());
    else if (ask.kind === "command") ask.reply.refused(refusal, RETRY_AFTER_MS);
    else ask.done({ kind: "refused", code: refusal, retryAfterMs: RETRY_AFTER_MS });
  }

  /** Two lives cannot both be right: while a link of this one is up, another's engine is not used. */
  #isOurLife(connection: EngineConnection, welcome: Welcome): boolean {
    if (this.#lifeId === null || this.#lifeId === welcome.lifeId) return true;
    return !this.#connections.some((other) => other !== connection && other.isUp());
  }

  #begin(welcome: Welcome): void {
    const before = this.#lifeId;
    this.#lifeId = welcome.lifeId;
    this.#route.rebuild(this.#options.fillSlots(welcome.shards), welcome.shards);
    this.#reaches = Array.from({ length: welcome.shards }, () => ({ owner: NONE, state: "away", epoch: NEVER, awaySince: this.#startedAt, stale: true }));
    this.#pending.reroute((auctionId) => this.#route.shardOf(auctionId));
    this.#watched.reroute((auctionId) => this.#route.shardOf(auctionId));
    if (before === null || before === welcome.lifeId) return;
    for (const listener of this.#listeners) listener.newLife(welcome.lifeId);
  }

  /** Takes what the route says now. `cut`: the link of the owner was lost. */
  #review(shard: Shard, cut: boolean): void {
    const reach = this.#reaches[shard];
    if (reach === undefined) return;
    const owner = this.#route.ownerOf(shard);
    const status = this.#route.statusOf(shard);
    const changed = reach.owner !== owner || reach.state !== (status?.state ?? "away");
    reach.state = status?.state ?? "away";
    if (owner === NONE || status === null) {
      this.#away(reach, shard, cut);
      return;
    }
    const epochChanged = reach.epoch !== NEVER && reach.epoch !== status.epoch;
    const wasStale = reach.stale;
    reach.owner = owner;
    reach.epoch = status.epoch;
    reach.awaySince = LIVE;
    reach.stale = false;
    if (changed || epochChanged) this.#pending.ownerChanged(shard, owner, this.#now());
    if (wasStale || epochChanged) this.#tellStale(shard, false);
  }

  #away(reach: Reach, shard: Shard, cut: boolean): void {
    if (reach.awaySince === LIVE) reach.awaySince = this.#connections[reach.owner]?.heardAt() ?? this.#now();
    reach.owner = NONE;
    if (cut) this.#goStale(reach, shard);
  }

  #goStale(reach: Reach, shard: Shard): void {
    if (reach.stale) return;
    reach.stale = true;
    this.#tellStale(shard, true);
  }

  #tellStale(shard: Shard, stale: boolean): void {
    const auctionIds = this.#watched.ofShard(shard);
    if (auctionIds.length === 0) return;
    for (const listener of this.#listeners) listener.stale(auctionIds, stale);
  }

  #beatLater(): void {
    this.#stopBeat = this.#options.timers.after(BEAT_MS, () => this.#beat());
  }

  #beat(): void {
    const now = this.#options.clock.monotonic();
    // Timers run before sockets are read, so after a standstill every engine looks silent.
    const stoodStill = now - this.#beatAt > LATE_BEAT_MS;
    this.#beatAt = now;
    for (const connection of this.#connections) connection.beat(now, stoodStill);
    this.#pending.pass(now);
    this.#reaches.forEach((reach, shard) => {
      if (reach.awaySince !== LIVE && now - reach.awaySince > SILENT_MS) this.#goStale(reach, shard);
    });
    this.#beatLater();
  }

  #flush(): void {
    this.#turnAt = NEVER;
    const woken = this.#woken;
    this.#woken = [];
    for (const connection of woken) connection.flush();
  }

  #now(): number {
    return this.#turnAt === NEVER ? this.#options.clock.monotonic() : this.#turnAt;
  }
}

function parseAddress(address: string): EngineAddress {
  const colon = address.lastIndexOf(":");
  const port = Number(address.slice(colon + 1));
  if (colon < 1 || !Number.isInteger(port) || port < 1 || port > 65_535) throw new RangeError(`an engine's address is host:port, not "${address}"`);
  return { host: address.slice(0, colon).replace(/^\[(.*)\]$/, "$1"), port };
}
