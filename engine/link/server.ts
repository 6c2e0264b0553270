// The engine's end of the links: accepts gateways, keeps who watches what, and sends each what concerns it, once per turn.
//
// Must not: decide, wait for a gateway, or process a byte of a peer that has not proved the link key.
//
// K1. All that a turn adds for a gateway leaves in one write at the end of that turn.
// K2. An update is encoded once, whatever the number of gateways.
// K3. A gateway hears `welcome`, then the status of every shard, then anything else.
import { createServer, type Server, type Socket } from "node:net";
import type { AuctionId } from "../core/ids.ts";
import type { Clock, Nonces, Timers, UpdateSink } from "../ports.ts";
import type { Notice, ShardStatus, Update } from "../protocol.ts";
import { encodeEngineMessage } from "../protocol-codec.ts";
import { NONCE_BYTES } from "../protocol-handshake.ts";
import { type CloseReason, type ConnectionHost, GatewayConnection } from "./connection.ts";
import type { LinkIdentity, LinkLog, LinkNode } from "./node.ts";

/** Gateways of one engine. Far above any sensible cluster; each costs an encoded update. */
export const LINKS_MAX = 1_024;
/** Peers that have not proved their key yet; more are cut at once, so strangers cannot use up descriptors. */
export const STRANGERS_MAX = 128;
/** How often time limits are looked at: a tenth of the shortest. */
const CHECK_MS = 200;
/** A check this late means that this process stood still, and the silence was its own. */
const LATE_CHECK_MS = 1_000;

export interface LinkServerOptions {
  readonly host: string;
  /** 0 picks a free one; listen() tells. */
  readonly port: number;
  /** Shared with the gateways. */
  readonly linkKey: string;
  readonly identity: LinkIdentity;
  readonly node: LinkNode;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly nonces: Nonces;
  readonly log?: LinkLog;
}

export interface LinkCounts {
  readonly links: number;
  readonly strangers: number;
  readonly watchedAuctions: number;
  /** Connections closed, by reason. */
  readonly closed: ReadonlyMap<CloseReason, number>;
  readonly conflatedUpdates: number;
}

export interface LinkServer extends UpdateSink {
  /** Listens and returns the port. Rejects when the address is not to be had. */
  listen(): Promise<number>;
  /** Tells every gateway, and those that link later. */
  publishStatus(status: ShardStatus): void;
  counts(): LinkCounts;
  /** Cuts every link and stops listening. */
  close(): Promise<void>;
}

/** The server is an UpdateSink from the start, so that shards can be made with it before it listens. */
export function createLinkServer(options: LinkServerOptions): LinkServer {
  return new Links(options);
}

class Links implements LinkServer, ConnectionHost {
  readonly node: LinkNode;
  readonly clock: Clock;
  readonly linkKey: string;
  readonly #options: LinkServerOptions;
  readonly #server: Server;
  readonly #strangers = new Set<GatewayConnection>();
  readonly #linked = new Set<GatewayConnection>();
  readonly #watchers = new Map<AuctionId, Set<GatewayConnection>>();
  readonly #closed = new Map<CloseReason, number>();
  #woken: GatewayConnection[] = [];
  #conflatedBefore = 0;
  #checkedAt = 0;
  #stopChecks: () => void = () => undefined;

  constructor(options: LinkServerOptions) {
    this.#options = options;
    this.node = options.node;
    this.clock = options.clock;
    this.linkKey = options.linkKey;
    this.#server = createServer({ noDelay: true }, (socket) => this.#accept(socket));
  }

  listen(): Promise<number> {
    const { host, port } = this.#options;
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen({ host, port }, () => {
        this.#server.off("error", reject);
        // After listening an error is one accept that failed (no descriptors): the next may work.
        this.#server.on("error", (error) => this.#log("link_refused", "server", error.message));
        this.#checkedAt = this.clock.monotonic();
        this.#checkLater();
        const address = this.#server.address();
        resolve(typeof address === "object" && address !== null ? address.port : port);
      });
    });
  }

  watched(auctionId: AuctionId): boolean {
    return this.#watchers.has(auctionId);
  }

  update(update: Update): void {
    const watchers = this.#watchers.get(update.auctionId);
    if (watchers === undefined) return;
    const encoded = encodeEngineMessage({ kind: "update", update });
    if (encoded === null) return;
    for (const connection of watchers) connection.update(update, encoded);
  }

  notice(notice: Notice): void {
    this.#tellAll({ kind: "notice", notice });
  }

  publishStatus(status: ShardStatus): void {
    this.#tellAll({ kind: "shard", status });
  }

  counts(): LinkCounts {
    let conflatedUpdates = this.#conflatedBefore;
    for (const connection of this.#linked) conflatedUpdates += connection.conflatedTotal();
    return { links: this.#linked.size, strangers: this.#strangers.size, watchedAuctions: this.#watchers.size, closed: this.#closed, conflatedUpdates };
  }

  close(): Promise<void> {
    this.#stopChecks();
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const connection of [...this.#strangers, ...this.#linked]) connection.close("stopping");
    return closed;
  }

  // ConnectionHost, for connections

  linked(connection: GatewayConnection): void {
    if (this.#linked.size >= LINKS_MAX) {
      connection.close("overflow");
      return;
    }
    this.#strangers.delete(connection);
    this.#linked.add(connection);
    connection.send({ kind: "welcome", ...this.#options.identity });
    for (const status of this.node.statuses()) connection.send({ kind: "shard", status });
    this.#log("link_up", connection.address, "linked");
  }

  closed(connection: GatewayConnection, reason: CloseReason, wasLinked: boolean): void {
    this.#strangers.delete(connection);
    this.#closed.set(reason, (this.#closed.get(reason) ?? 0) + 1);
    if (this.#linked.delete(connection)) this.#conflatedBefore += connection.conflatedTotal();
    this.unwatch(connection, connection.watched);
    if (wasLinked) this.node.closed(connection);
    this.#log(wasLinked ? "link_down" : "link_refused", connection.address, reason);
  }

  wake(connection: GatewayConnection): void {
    this.#woken.push(connection);
    if (this.#woken.length === 1) this.#options.timers.soon(() => this.#flush());
  }

  watch(connection: GatewayConnection, auctionIds: Iterable<AuctionId>): void {
    for (const auctionId of auctionIds) {
      connection.watched.add(auctionId);
      const watchers = this.#watchers.get(auctionId);
      if (watchers === undefined) this.#watchers.set(auctionId, new Set([connection]));
      else watchers.add(connection);
    }
  }

  unwatch(connection: GatewayConnection, auctionIds: Iterable<AuctionId>): void {
    for (const auctionId of auctionIds) {
      connection.watched.delete(auctionId);
      const watchers = this.#watchers.get(auctionId);
      if (watchers?.delete(connection) && watchers.size === 0) this.#watchers.delete(auctionId);
    }
  }

  #accept(socket: Socket): void {
    if (this.#strangers.size >= STRANGERS_MAX) {
      socket.destroy();
      return;
    }
    this.#strangers.add(new GatewayConnection(this, socket, this.#options.nonces.bytes(NONCE_BYTES)));
  }

  #tellAll(message: { kind: "notice"; notice: Notice } | { kind: "shard"; status: ShardStatus }): void {
    if (this.#linked.size === 0) return;
    const encoded = encodeEngineMessage(message);
    if (encoded === null) return;
    for (const connection of this.#linked) connection.sendEncoded(encoded);
  }

  #flush(): void {
    const woken = this.#woken;
    this.#woken = [];
    for (const connection of woken) connection.flush();
  }

  #checkLater(): void {
    this.#stopChecks = this.#options.timers.after(CHECK_MS, () => this.#check());
  }

  #check(): void {
    const now = this.clock.monotonic();
    const stoodStill = now - this.#checkedAt > LATE_CHECK_MS;
    this.#checkedAt = now;
    for (const connection of [...this.#strangers, ...this.#linked]) {
      // Timers run before sockets are read, so after a standstill everybody looks silent.
      if (stoodStill) connection.excuse(now);
      else connection.check(now);
    }
    this.#checkLater();
  }

  #log(event: Parameters<LinkLog>[0], address: string, reason: string): void {
    this.#options.log?.(event, { address, reason });
  }
}
