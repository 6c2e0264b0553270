// The WebSocket listener, and the only file that knows uWebSockets.js: its callbacks become inputs of connections, and what they
// ask for becomes calls on its sockets.
//
// Owns: the listener, the one sweep timer, the drain. Must not: decide what is sent to whom.
//
// Z1. Every callback is wrapped: an exception that leaves one would end the process. It closes that one socket, 1011.
// Z2. A socket is never touched after its close callback.
// Z3. The transport's own backpressure limit is four times our hard limit, so ours is met first. What it still drops comes to
//     `dropped`, and that viewer is owed everything.
// Z4. No compression: strangers' bytes are never inflated.
import uWS from "uWebSockets.js";
import { v7 } from "uuid";
import type { AuctionId } from "../../engine/core/ids.ts";
import type { Notice } from "../../engine/protocol.ts";
import { familyOf, type TrustedProxies } from "../address.ts";
import type { Admission } from "../admission.ts";
import type { Catalogue, Engine, Identities, Identity, Lot, Presence } from "../ports.ts";
import type { Protocol } from "./client-frames.ts";
import { Connection, type SendResult, type SharedParts, type Transport } from "./connection.ts";
import { BidderSockets, Door } from "./door.ts";
import { EncodedOnce, encodedFrame, type Payload } from "./frame-encode.ts";
import { socketGauges } from "./gauges.ts";
import type { SocketLimits } from "./limits.ts";
import type { SocketGauges, SocketMetrics } from "./metrics.ts";
import { Turn } from "./outbox.ts";
import { headerOf, refuse, respond } from "./plain-http.ts";
import { guardedTime, type SocketTime } from "./time.ts";
import { Watching } from "./watching.ts";

export interface SocketServerOptions {
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  readonly engine: Engine;
  readonly catalogue: Catalogue;
  readonly identities: Identities;
  readonly admission: Admission;
  /** Believed when they say for whom they ask. */
  readonly proxies: TrustedProxies;
  /** Origins whose pages may connect; `own` stands for every page of the host that was asked. */
  readonly origins: readonly string[];
  readonly limits: SocketLimits;
  readonly metrics: SocketMetrics;
  readonly time: SocketTime;
  readonly version: string;
  /** For GET /ready on this port. */
  readonly ready: () => boolean;
  /** Something of ours threw, or a client knew more than is committed. */
  readonly failed: (fault: unknown) => void;
  /** A random number from 0 up to but excluding 1: spreads the closes of a drain. */
  readonly fraction: () => number;
}

export interface SocketServer {
  readonly port: number;
  readonly presence: Presence;
  gauges(): SocketGauges;
  /** The seller edited the text of the lot. */
  lotChanged(auctionId: AuctionId, lot: Lot): void;
  /** Closes every socket of this identity for good. */
  revoke(userId: string): void;
  /** Takes no more sockets, tells all to go elsewhere, and closes them in waves; resolves when the last is gone. */
  drain(): Promise<void>;
  /** At once. */
  close(): Promise<void>;
}

/** uWebSockets' name for "fail if another process listens there", which its types leave out of the form with a host. */
const LISTEN_EXCLUSIVE = 1;
const SWEEP_MS = 250;
const PATH = "/v1/socket";
const TRANSPORT_BUFFER_FACTOR = 4;
const IDLE_FACTOR = 2;
/** What the transport takes; it ends the process over anything else. */
const IDLE_S_MIN = 8;
const IDLE_S_MAX = 960;
const SECOND_MS = 1_000;
/** Hints of a drain are spread up to this: by then a successor listens. */
const DRAIN_RETRY_MS = 1_500;

interface Opened {
  readonly protocol: Protocol;
  readonly address: string;
  readonly hasOrigin: boolean;
  /** Of the ticket in the address; undefined when there was none. */
  readonly ticketOf: Identity | null | undefined;
  connection: Connection | null;
}

type Socket = uWS.WebSocket<Opened>;

/** Rejects when the port is taken. */
export function startSocketServer(options: SocketServerOptions): Promise<SocketServer> {
  const server = new Server(options);
  return server.listen();
}

class Server implements SocketServer {
  readonly #options: SocketServerOptions;
  readonly #app: uWS.TemplatedApp;
  readonly #door: Door;
  readonly #bidders: BidderSockets;
  readonly #watching: Watching;
  readonly #parts: SharedParts;
  readonly #connections = new Set<Connection>();
  /** While draining: when each socket is closed. Spread over the whole drain, so that they do not all come to others at once. */
  readonly #closeAt = new Map<Connection, number>();
  #listening: uWS.us_listen_socket | null = null;
  #lifeId: string | null;
  #cancelSweep: () => void = () => {};
  #emptied: (() => void) | null = null;
  port = 0;

  constructor(options: SocketServerOptions) {
    const { engine, limits, time, metrics, admission, identities, version } = options;
    this.#options = options;
    this.#app = uWS.App();
    this.#door = new Door(options.origins, limits, time.monotonic());
    this.#bidders = new BidderSockets(limits.socketsPerBidder);
    this.#lifeId = engine.lifeId();
    const guarded = guardedTime(time, (step) => this.#guarded(step));
    this.#watching = new Watching({ ...options, time: guarded, publish: (topic, payload) => this.#publish(topic, payload), newId: v7 });
    this.#parts = {
      watching: this.#watching,
      bidders: this.#bidders,
      turn: new Turn<Connection>(
        (flush) => guarded.soon(flush),
        (connection, fault) => this.#guarded(() => connection.failed(fault)),
      ),
      bids: { engine, admission, metrics, time, deadlineMs: limits.requestTimeoutMs },
      identities,
      limits,
      time,
      metrics,
      version,
      lifeId: () => engine.lifeId() ?? "",
      newId: v7,
      failed: options.failed,
    };
    engine.listen({
      update: (update) => this.#guarded(() => this.#watching.update(update)),
      notice: (notice) => this.#guarded(() => this.#notify(notice)),
      stale: (auctionIds, stale) => this.#guarded(() => this.#watching.ownersStale(auctionIds, stale)),
      newLife: (lifeId) => this.#guarded(() => this.#newLife(lifeId)),
    });
  }

  get presence(): Presence {
    return this.#watching;
  }

  listen(): Promise<SocketServer> {
    const { host, port } = this.#options;
    this.#route();
    return new Promise((resolve, reject) => {
      const listen = this.#app.listen as unknown as (host: string, port: number, options: number, done: (socket: uWS.us_listen_socket | false) => void) => void;
      listen.call(this.#app, host, port, LISTEN_EXCLUSIVE, (socket) => {
        if (socket === false) {
          reject(new Error(`Cannot listen on ${host}:${port}: the port is taken or not allowed.`));
          return;
        }
        this.#listening = socket;
        this.port = uWS.us_socket_local_port(socket as unknown as uWS.us_socket);
        this.#sweepLater();
        resolve(this);
      });
    });
  }

  gauges(): SocketGauges {
    const viewers = [...this.#connections].map((connection) => connection.viewer);
    return socketGauges(viewers, this.#watching);
  }

  lotChanged(auctionId: AuctionId, lot: Lot): void {
    this.#watching.lotChanged(auctionId, lot);
  }

  revoke(userId: string): void {
    for (const viewer of [...this.#bidders.of(userId)]) viewer.peer.close("revoked", 0);
  }

  drain(): Promise<void> {
    const { limits, time, fraction } = this.#options;
    const now = time.monotonic();
    this.#door.draining = true;
    const closeInMs = limits.drainMs;
    const frame = encodedFrame({ type: "drain", retryAfterMs: DRAIN_RETRY_MS, closeInMs });
    for (const connection of this.#connections) {
      connection.send(frame.for(connection.protocol));
      this.#closeAt.set(connection, now + fraction() * closeInMs);
    }
    return this.#whenEmpty();
  }

  async close(): Promise<void> {
    this.#door.draining = true;
    this.#cancelSweep();
    this.#watching.close();
    if (this.#listening !== null) uWS.us_listen_socket_close(this.#listening);
    this.#listening = null;
    const empty = this.#whenEmpty();
    for (const connection of [...this.#connections]) connection.close("draining", DRAIN_RETRY_MS);
    await empty;
    this.#app.close();
  }

  #whenEmpty(): Promise<void> {
    if (this.#connections.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const before = this.#emptied;
      this.#emptied = () => {
        before?.();
        resolve();
      };
    });
  }

  // Routes.

  #route(): void {
    const { limits } = this.#options;
    const bufferMax = limits.bufferHardBytes * TRANSPORT_BUFFER_FACTOR;
    this.#app.ws<Opened>(PATH, {
      compression: uWS.DISABLED,
      maxPayloadLength: limits.transportBytes,
      maxBackpressure: bufferMax,
      // Silence is ours to judge (4000), with pings of our own. This one frees a socket whose peer never takes our close frame.
      idleTimeout: Math.min(IDLE_S_MAX, Math.max(IDLE_S_MIN, Math.ceil((IDLE_FACTOR * limits.idleMs) / SECOND_MS))),
      sendPingsAutomatically: false,
      upgrade: (res, req, context) => this.#answered(res, () => this.#upgrade(res, req, context)),
      open: (ws) => this.#guarded(() => this.#opened(ws)),
      message: (ws, bytes, isBinary) => this.#on(ws, (connection) => connection.received(bytes, isBinary)),
      dropped: (ws) => this.#on(ws, (connection) => connection.skipped()),
      drain: (ws) => this.#on(ws, (connection) => connection.drained()),
      ping: (ws) => this.#on(ws, (connection) => connection.session.heard(this.#options.time.monotonic(), true)),
      pong: (ws) => this.#on(ws, (connection) => connection.session.heard(this.#options.time.monotonic(), false)),
      close: (ws) => this.#guarded(() => this.#closed(ws)),
    });
    this.#app.get("/health", (res) => respond(res, "200 OK", { status: "ok" }));
    this.#app.get("/ready", (res) =>
      this.#answered(res, () => {
        const ready = !this.#door.draining && this.#options.ready();
        respond(res, ready ? "200 OK" : "503 Service Unavailable", { status: ready ? "ready" : "not_ready" });
      }),
    );
    for (const path of ["/health", "/ready"]) {
      this.#app.any(path, (res) => refuse(res, { status: "405 Method Not Allowed", code: "method_not_allowed", retryAfterS: null }, { Allow: "GET" }));
    }
    this.#app.any("/*", (res) => refuse(res, { status: "404 Not Found", code: "not_found", retryAfterS: null }));
  }

  #upgrade(res: uWS.HttpResponse, req: uWS.HttpRequest, context: uWS.us_socket_context_t): void {
    const { time, metrics, identities, proxies } = this.#options;
    const origin = req.getHeader("origin");
    const ticket = req.getQuery("ticket") ?? "";
    const address = proxies.callerOf(Buffer.from(res.getRemoteAddressAsText()).toString(), headerOf(req, "x-forwarded-for"));
    const asked = { origin, host: req.getHeader("host"), protocols: req.getHeader("sec-websocket-protocol"), hasTicket: ticket !== "", address };
    const answer = this.#door.ask(asked, time.monotonic());
    if ("code" in answer) {
      if (answer.code === "too_many_sockets") metrics.rateLimited("sockets");
      else if (answer.retryAfterS !== null) metrics.rateLimited("accepts");
      metrics.refused(answer.code);
      refuse(res, answer);
      return;
    }
    const ticketOf = ticket === "" ? undefined : identities.spendTicket(ticket, familyOf(address));
    const opened: Opened = { protocol: answer.protocol, address, hasOrigin: origin !== "", ticketOf, connection: null };
    res.upgrade(opened, req.getHeader("sec-websocket-key"), answer.name, "", context);
  }

  #opened(ws: Socket): void {
    const opened = ws.getUserData();
    this.#door.entered(opened.address);
    const bufferMax = this.#options.limits.bufferHardBytes * TRANSPORT_BUFFER_FACTOR;
    const connection = new Connection(transportOf(ws, opened.protocol, bufferMax), this.#parts, opened);
    opened.connection = connection;
    this.#connections.add(connection);
    if (opened.ticketOf !== undefined) connection.openedWithTicket(opened.ticketOf);
  }

  #closed(ws: Socket): void {
    const { address, connection } = ws.getUserData();
    this.#door.left(address);
    if (connection === null) return;
    this.#connections.delete(connection);
    this.#closeAt.delete(connection);
    connection.gone();
    if (this.#connections.size > 0) return;
    this.#emptied?.();
    this.#emptied = null;
  }

  // From the engine.

  #notify(notice: Notice): void {
    let frame: EncodedOnce | null = null;
    for (const viewer of this.#bidders.of(notice.bidderId)) {
      frame ??= new EncodedOnce((encoding) => encoding.notice(notice, this.#options.time.now()));
      viewer.peer.send(frame.for(viewer.peer.protocol));
    }
  }

  /** Pairs of the old log mean nothing in the new one: all sockets start over. */
  #newLife(lifeId: string): void {
    const before = this.#lifeId;
    this.#lifeId = lifeId;
    if (before === null || before === lifeId) return;
    for (const connection of [...this.#connections]) connection.close("resubscribe", 0);
    this.#watching.forgetAll();
  }

  #publish(topic: string, payload: Payload): void {
    this.#app.publish(topic, payload, typeof payload !== "string");
  }

  // The sweep.

  #sweepLater(): void {
    this.#cancelSweep = this.#options.time.after(SWEEP_MS, () => {
      this.#guarded(() => this.#sweep());
      this.#sweepLater();
    });
  }

  #sweep(): void {
    const now = this.#options.time.monotonic();
    for (const connection of [...this.#connections]) this.#guarded(() => connection.sweep(now));
    for (const [connection, at] of [...this.#closeAt]) {
      if (at <= now) this.#guarded(() => connection.close("draining", this.#options.fraction() * DRAIN_RETRY_MS));
    }
    this.#watching.sweep();
  }

  // Guards (Z1).

  #guarded(step: () => void): void {
    try {
      step();
    } catch (fault) {
      this.#options.failed(fault);
    }
  }

  /** A request that is left without an answer would end the process too. Steps do what can throw before they answer. */
  #answered(res: uWS.HttpResponse, step: () => void): void {
    try {
      step();
    } catch (fault) {
      this.#options.failed(fault);
      refuse(res, { status: "500 Internal Server Error", code: "internal", retryAfterS: null });
    }
  }

  #on(ws: Socket, step: (connection: Connection) => void): void {
    const { connection } = ws.getUserData();
    if (connection === null) return;
    try {
      step(connection);
    } catch (fault) {
      this.#guarded(() => connection.failed(fault));
    }
  }
}

const SEND_RESULTS: readonly SendResult[] = ["buffered", "sent", "dropped"];

function transportOf(ws: Socket, protocol: Protocol, bufferMax: number): Transport {
  const isBinary = protocol === "msgpack";
  return {
    send: (payload) => SEND_RESULTS[ws.send(payload, isBinary)] ?? "dropped",
    cork: (sends) => {
      ws.cork(sends);
    },
    join: (topic) => {
      ws.subscribe(topic);
    },
    leave: (topic) => {
      ws.unsubscribe(topic);
    },
    bufferedBytes: () => ws.getBufferedAmount(),
    ping: () => {
      ws.ping();
    },
    // Above its limit the transport would drop the close frame too, and the socket would stay half closed: then it is cut.
    end: (code, reason) => (ws.getBufferedAmount() > bufferMax ? ws.close() : ws.end(code, reason)),
  };
}
