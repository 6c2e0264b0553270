// For tests: a gateway played by the test, over a socket, a fetch and a clock that only move when they are told to.
import { connect } from "./client.ts";
import type { Environment } from "./environment.ts";
import type { ClientFrame } from "./frames.ts";
import type { Client, ConnectionState, ConnectOptions, SocketLike } from "./types.ts";

interface Timer {
  readonly atMs: number;
  readonly run: () => void;
}

/** A clock of the test's own. `random` is what jitter draws. */
export class ScriptedEnvironment implements Environment {
  nowMs = 1_000_000;
  drawn = 0.5;
  #keys = 0;
  readonly #timers = new Set<Timer>();
  readonly #wakers = new Set<() => void>();

  now(): number {
    return this.nowMs;
  }

  random(): number {
    return this.drawn;
  }

  key(): string {
    return `key-${++this.#keys}`;
  }

  after(ms: number, run: () => void): () => void {
    const timer = { atMs: this.nowMs + ms, run };
    this.#timers.add(timer);
    return () => void this.#timers.delete(timer);
  }

  onWake(run: () => void): () => void {
    this.#wakers.add(run);
    return () => void this.#wakers.delete(run);
  }

  wake(): void {
    for (const run of this.#wakers) run();
  }

  /** Lets time pass, timer by timer, and everything that follows from each settle. */
  async pass(ms: number): Promise<void> {
    const untilMs = this.nowMs + ms;
    await settled();
    for (;;) {
      const due = [...this.#timers].filter((timer) => timer.atMs <= untilMs).sort((a, b) => a.atMs - b.atMs)[0];
      if (due === undefined) break;
      this.nowMs = Math.max(this.nowMs, due.atMs);
      this.#timers.delete(due);
      due.run();
      await settled();
    }
    this.nowMs = untilMs;
    await settled();
  }
}

const TURNS = 50;

/** Long enough for every chain of promises of the client. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < TURNS; turn++) await Promise.resolve();
}

export class ScriptedSocket implements SocketLike {
  binaryType = "";
  onopen: SocketLike["onopen"] = null;
  onmessage: SocketLike["onmessage"] = null;
  onclose: SocketLike["onclose"] = null;
  onerror: SocketLike["onerror"] = null;
  readonly url: string;
  readonly protocols: readonly string[];
  readonly sent: ClientFrame[] = [];
  closed = false;

  constructor(url: string, protocols: readonly string[]) {
    this.url = url;
    this.protocols = protocols;
  }

  send(data: string | Uint8Array): void {
    this.sent.push(JSON.parse(String(data)) as ClientFrame);
  }

  close(): void {
    this.closed = true;
  }

  /** The last frame sent of a type. Throws when there is none. */
  last(type: string): ClientFrame {
    const found = this.sent.findLast((frame) => frame.type === type);
    if (found === undefined) throw new Error(`no ${type} was sent, only ${this.sent.map((frame) => frame.type).join(", ")}`);
    return found;
  }

  count(type: string): number {
    return this.sent.filter((frame) => frame.type === type).length;
  }

  say(frame: object): void {
    this.onmessage?.({ data: JSON.stringify(frame) });
  }

  cut(code: number, reason = ""): void {
    this.onclose?.({ code, reason });
  }
}

export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body: unknown;
}

export interface Told {
  readonly status: number;
  readonly body: unknown;
  readonly headers?: Record<string, string>;
}

/** One gateway: its sockets as they are opened, its HTTP by a function of the test. */
export class ScriptedGateway {
  readonly environment = new ScriptedEnvironment();
  readonly sockets: ScriptedSocket[] = [];
  readonly asked: Asked[] = [];
  http: (asked: Asked) => Told | null = () => ({ status: 404, body: { code: "not_found" } });

  get socket(): ScriptedSocket {
    const last = this.sockets.at(-1);
    if (last === undefined) throw new Error("no socket was opened");
    return last;
  }

  options(more: Partial<ConnectOptions> = {}): ConnectOptions {
    const { sockets } = this;
    const webSocket = class extends ScriptedSocket {
      constructor(url: string, protocols: string[]) {
        super(url, protocols);
        sockets.push(this);
      }
    };
    return { url: "http://gateway", environment: this.environment, webSocket, fetch: (url, init) => this.#answer(String(url), init ?? {}), ...more };
  }

  /** From the start to a welcome on a fresh socket. */
  async welcome(more: object = {}): Promise<void> {
    await settled();
    this.socket.onopen?.({});
    this.socket.say(this.welcomeFrame(more));
    await settled();
  }

  welcomeFrame(more: object = {}): object {
    const limits = { subscriptions: 500, frameBytes: 16_384, bidsInFlight: 32, bidsLeft: null };
    return {
      type: "welcome",
      serverTimeMs: this.environment.nowMs,
      sessionId: "s",
      lifeId: "life-1",
      you: null,
      expiresAtMs: null,
      pingEveryMs: 15_000,
      pongWithinMs: 10_000,
      limits,
      version: "1",
      ...more,
    };
  }

  async #answer(url: string, init: RequestInit): Promise<Response> {
    const { pathname, search } = new URL(url);
    const asked = {
      method: init.method ?? "GET",
      path: pathname + search,
      headers: { ...(init.headers as Record<string, string>) },
      body: typeof init.body === "string" ? (JSON.parse(init.body) as unknown) : null,
    };
    this.asked.push(asked);
    const told = pathname === "/v1/about" ? { status: 200, body: { socketUrl: "ws://gateway/v1/socket" } } : this.http(asked);
    if (told === null) throw new TypeError("connection refused");
    const headers = new Map(Object.entries((told as Told).headers ?? {}));
    const response = {
      ok: told.status < 300,
      status: told.status,
      headers: { get: (name: string) => headers.get(name) ?? null },
      json: () => Promise.resolve(told.body),
    };
    return response as unknown as Response;
  }
}

/** A client of a scripted gateway with a token, and the states it has been in. */
export function begin(more: Partial<ConnectOptions> = {}): { readonly gateway: ScriptedGateway; readonly client: Client; readonly states: ConnectionState[] } {
  const gateway = new ScriptedGateway();
  const client = connect(gateway.options({ token: "t", ...more }));
  const states: ConnectionState[] = [client.state];
  client.on("state", ({ now }) => states.at(-1) !== now && states.push(now));
  return { gateway, client, states };
}

export const AUCTION = "3a7c1f0e-6d0a-8a51-8f0e-2d4f8b9f6a10";

export const BID = { auctionId: AUCTION, amountMinor: 15_000, currency: "USD" };

/** A public state with the members a test cares about. */
export function stateFrame(more: object = {}): object {
  return {
    phase: "open",
    outcome: null,
    currentPriceMinor: 10_000,
    askingPriceMinor: 10_250,
    totalBids: 31,
    bidders: 6,
    leaderNumber: 4,
    reserveMet: true,
    buyNowMinor: null,
    endsAtMs: 2_000_000,
    pausedAtMs: null,
    extensionCount: 0,
    ...more,
  };
}

export interface PlaceInit {
  readonly epoch?: number;
  readonly sequence: number;
}

/** A first snapshot of AUCTION at a place, epoch 7 unless told otherwise. */
export function snapshotFrame(place: PlaceInit, more: object = {}): object {
  return {
    type: "snapshot",
    auctionId: AUCTION,
    epoch: 7,
    serverTimeMs: 1_000_000,
    why: "first",
    state: stateFrame(),
    bids: [],
    you: null,
    watchers: 3,
    timeRemainingMs: null,
    auction: {
      currency: "USD",
      format: "english",
      lot: null,
      seller: { sellerId: "s", name: "S" },
      openingPriceMinor: 100,
      increments: "ebay_us",
      softClose: null,
      scheduledCloseAtMs: null,
    },
    ...place,
    ...more,
  };
}

/** An update of AUCTION at a place, epoch 7 unless told otherwise. */
export function updateFrame(place: PlaceInit & { readonly previousSequence: number }, more: object = {}): object {
  return {
    type: "update",
    auctionId: AUCTION,
    epoch: 7,
    serverTimeMs: 1_000_000,
    events: ["bid_placed"],
    state: stateFrame(),
    bids: [],
    bidsOmitted: 0,
    watchers: 3,
    timeRemainingMs: null,
    ...place,
    ...more,
  };
}

/** A public row by bidder 4; its bid id is its sequence. */
export function rowOf(place: PlaceInit & { readonly row?: number }, more: object = {}): object {
  return {
    row: 0,
    bidId: place.sequence,
    bidderNumber: 4,
    amountMinor: 10_000,
    kind: "bid",
    atMs: 1_000_000,
    gone: null,
    sequence: place.sequence,
    ...(place.row === undefined ? {} : { row: place.row }),
    ...more,
  };
}

/** An accepted answer that leads, as a socket carries it. */
export function answerFields(more: object = {}): object {
  return {
    verdict: "accepted",
    code: "leading",
    auctionId: AUCTION,
    sequence: 1_882,
    epoch: 7,
    decidedAtMs: 1_000_100,
    standing: "leading",
    currentPriceMinor: 10_250,
    askingPriceMinor: 10_500,
    reserveMet: true,
    endsAtMs: 2_000_000,
    ...more,
  };
}
