// The client: one connection, many auctions, one typed outcome per command. Wires the parts; each part's file says what it keeps.
//
// Runs in browsers and in Node. Imports nothing of the server; msgpackr is loaded only when that sub-protocol is chosen.
import { Calls, type OwnedCommand } from "./calls.ts";
import { ServerClock } from "./clock.ts";
import { Connection } from "./connection.ts";
import { type Environment, machine } from "./environment.ts";
import { FairwarningError } from "./errors.ts";
import type { NoticeFrame, ServerFrame, WelcomeFrame } from "./frames.ts";
import { bodyOf, createHttp, errorOf, type Http, queryOf, withInstants } from "./http.ts";
import { Poller } from "./poll.ts";
import { applyAnswer, applyRead, applyRows, applyStanding } from "./resume.ts";
import type {
  AmountRequest,
  Answer,
  Auction,
  AuctionView,
  Bid,
  BidAnswer,
  BidRequest,
  BidsQuery,
  CallOptions,
  Client,
  ClientEvents,
  ConnectOptions,
  DebugEntry,
  ListQuery,
  NewAuction,
  RetractRequest,
  SearchQuery,
  Standing,
  StandingNotice,
  Watch,
  WatchOptions,
  WebSocketConstructor,
} from "./types.ts";
import { Watches } from "./watches.ts";

// biome-ignore-start lint/performance/noBarrelFile: this file is the entry of a package, so that programs name one file only
export { FairwarningError } from "./errors.ts";
export { OutcomeUnknown } from "./outcome-unknown.ts";
export type * from "./types.ts";

// biome-ignore-end lint/performance/noBarrelFile: end of the entry

const DEADLINE_MS = 5_000;
const DELAY_MIN_MS = 250;
const DELAY_MAX_MS = 15_000;
/** Fills of one auction's missing rows are this far apart, so that a hot auction does not turn into reads. */
const FILL_EVERY_MS = 5_000;
const FILL_ROWS = 100;

/** Opens a client and begins to connect at once. Throws only when the platform has no WebSocket and none was passed. */
export function connect(options: ConnectOptions): Client {
  const webSocket = options.webSocket ?? (globalThis as { WebSocket?: unknown }).WebSocket;
  if (typeof webSocket !== "function") throw new TypeError("This platform has no WebSocket: pass one as `webSocket`, in Node 20 that of the package `ws`.");
  const client = new LiveClient(options, webSocket as WebSocketConstructor);
  client.start();
  return client;
}

class LiveClient implements Client {
  readonly clock: ServerClock;
  readonly auctions: Client["auctions"];
  readonly #options: ConnectOptions;
  readonly #environment: Environment;
  readonly #base: string;
  readonly #http: Http;
  readonly #connection: Connection;
  readonly #watches: Watches;
  readonly #calls: Calls;
  readonly #poller: Poller;
  readonly #listeners = new Map<keyof ClientEvents, Set<(value: never) => void>>();
  readonly #lastFillAtMs = new Map<string, number>();
  #token: Promise<string | null> | null = null;
  #socketUrl: string | null = null;
  /** Of the log; empty while no gateway has named it. */
  #lifeId = "";
  #stopWaking: () => void = () => undefined;

  constructor(options: ConnectOptions, webSocket: WebSocketConstructor) {
    const environment = options.environment ?? machine;
    this.#options = options;
    this.#environment = environment;
    this.#base = options.url.replace(/\/+$/, "");
    this.#socketUrl = options.socketUrl ?? null;
    this.clock = new ServerClock(() => environment.now());
    this.#http = createHttp({
      base: this.#base,
      fetch: options.fetch ?? ((...request) => fetch(...request)),
      clock: this.clock,
      now: () => environment.now(),
      token: (fresh) => this.#currentToken(fresh),
      debug: (detail) => this.#debug("http", detail),
    });
    this.#connection = this.#makeConnection(webSocket);
    this.#watches = this.#makeWatches();
    this.#calls = this.#makeCalls();
    this.#poller = this.#makePoller();
    this.auctions = auctionsOver(this.#http, this.#base, environment);
  }

  start(): void {
    this.#stopWaking = this.#environment.onWake(() => this.#connection.probe());
    queueMicrotask(() => this.#connection.start());
  }

  get state(): Client["state"] {
    return this.#connection.state;
  }

  placeBid(bid: BidRequest, call?: CallOptions): Promise<BidAnswer> {
    const { amountMinor, currency, kind } = bid;
    return this.#call("place_bid", bid, kind === undefined ? { amountMinor, currency } : { amountMinor, currency, kind }, call);
  }

  raiseMaximum(raise: AmountRequest, call?: CallOptions): Promise<BidAnswer> {
    return this.#call("raise", raise, { amountMinor: raise.amountMinor, currency: raise.currency }, call);
  }

  retract(retraction: RetractRequest, call?: CallOptions): Promise<BidAnswer> {
    return this.#call("retract", retraction, { reason: retraction.reason }, call);
  }

  buyNow(purchase: AmountRequest, call?: CallOptions): Promise<BidAnswer> {
    return this.#call("buy_now", purchase, { amountMinor: purchase.amountMinor, currency: purchase.currency }, call);
  }

  watch(auctionId: string, listener?: (view: AuctionView) => void, options: WatchOptions = {}): Watch {
    return this.#watches.watch(auctionId, listener, options);
  }

  on<E extends keyof ClientEvents>(event: E, listener: (value: ClientEvents[E]) => void): () => void {
    const held = this.#listeners.get(event) ?? new Set();
    this.#listeners.set(event, held.add(listener));
    return () => held.delete(listener);
  }

  close(): Promise<void> {
    this.#stopWaking();
    this.#connection.close();
    this.#calls.pump();
    return Promise.resolve();
  }

  #call(
    type: OwnedCommand["type"],
    on: { readonly auctionId: string; readonly key?: string },
    members: OwnedCommand["members"],
    call: CallOptions | undefined,
  ): Promise<BidAnswer> {
    return this.#calls.call({ type, auctionId: on.auctionId, key: on.key ?? this.#environment.key(), members }, call);
  }

  #emit<E extends keyof ClientEvents>(event: E, value: ClientEvents[E]): void {
    for (const listener of [...(this.#listeners.get(event) ?? [])]) (listener as (value: ClientEvents[E]) => void)(value);
  }

  #debug(what: DebugEntry["what"], detail: unknown): void {
    this.#options.debug?.({ atMs: this.#environment.now(), what, detail });
  }

  /** The token in use. A text cannot be renewed: when it has run out, the connection has failed. */
  #currentToken(fresh: boolean): Promise<string | null> {
    const { token } = this.#options;
    if (token === undefined) return Promise.resolve(null);
    if (typeof token === "function") {
      if (fresh || this.#token === null) {
        const asked: Promise<string | null> = token();
        this.#token = asked;
        asked.catch(() => {
          if (this.#token === asked) this.#token = null;
        });
      }
      return this.#token;
    }
    if (fresh) this.#connection.fail("token_expired");
    return fresh ? Promise.reject(new Error("token_expired")) : Promise.resolve(token);
  }

  async #findSocket(): Promise<string> {
    if (this.#socketUrl !== null) return this.#socketUrl;
    const about = bodyOf(await this.#http({ method: "GET", path: "/v1/about" }), this.#base) as { readonly socketUrl?: unknown };
    if (typeof about.socketUrl !== "string") throw new FairwarningError({ code: "bad_answer", message: "/v1/about names no socketUrl." }, this.#base);
    this.#socketUrl = about.socketUrl;
    return about.socketUrl;
  }

  #makeConnection(webSocket: WebSocketConstructor): Connection {
    const { reconnect, protocol, fallback } = this.#options;
    return new Connection(
      {
        environment: this.#environment,
        clock: this.clock,
        webSocket,
        protocol: protocol ?? "json",
        fallback: fallback ?? "poll",
        delayMinMs: reconnect?.delayMinMs ?? DELAY_MIN_MS,
        delayMaxMs: reconnect?.delayMaxMs ?? DELAY_MAX_MS,
        attemptsMax: reconnect?.attemptsMax ?? Number.POSITIVE_INFINITY,
        debug: (what, detail) => this.#debug(what, detail),
      },
      {
        socketUrl: () => this.#findSocket(),
        token: (fresh) => this.#currentToken(fresh),
        welcome: (frame, forgetPairs) => this.#welcome(frame, forgetPairs),
        frame: (frame) => this.#frame(frame),
        lost: () => {
          this.#watches.lost();
          this.#calls.lost();
          this.#poller.wake();
        },
        state: (change) => {
          this.#emit("state", change);
          if (change.now !== change.before) this.#calls.pump();
        },
      },
    );
  }

  #makeWatches(): Watches {
    const connection = this.#connection;
    return new Watches({
      now: () => this.#environment.now(),
      serverNow: () => this.clock.serverNow(),
      live: () => connection.live,
      heardAtMs: () => connection.heardAtMs,
      ready: () => connection.ready,
      subscribe: (auctions, history) => connection.send({ type: "subscribe", id: this.#calls.requestId(), auctions, history }),
      unsubscribe: (auctionIds) => connection.send({ type: "unsubscribe", id: this.#calls.requestId(), auctionIds }),
      settled: () => connection.settled(),
      gap: (auctionId, sinceSequence) => this.#fill(auctionId, sinceSequence),
      standingChanged: (auctionId) => void this.#readStanding(auctionId),
      discontinuity: (auctionId, why) => this.#emit("discontinuity", { auctionId, why }),
    });
  }

  #makeCalls(): Calls {
    const connection = this.#connection;
    return new Calls({
      environment: this.#environment,
      http: this.#http,
      base: this.#base,
      deadlineMs: this.#options.deadlineMs ?? DEADLINE_MS,
      way: () => {
        if (connection.state === "closed") return "over";
        if (connection.ready) return "socket";
        return connection.state === "polling" || connection.state === "failed" ? "http" : "none";
      },
      send: (frame) => connection.send(frame),
      slow: () => connection.probe(),
      answered: (command, answer) => {
        const { amountMinor, kind } = command.members;
        this.#watches.apply(command.auctionId, "update", (followed) =>
          applyAnswer(followed, { type: command.type, kind: kind ?? null, amountMinor: amountMinor ?? null }, answer),
        );
        if (command.type === "retract" && answer.verdict === "accepted") void this.#readStanding(command.auctionId);
      },
    });
  }

  #makePoller(): Poller {
    return new Poller({
      environment: this.#environment,
      http: this.#http,
      wanted: () => this.#connection.wantsPolling,
      auctionIds: () => this.#watches.ids(),
      read: (auctionId, auction) => {
        this.#watches.confirmed(auctionId);
        if (auction !== null) this.#watches.apply(auctionId, "update", (followed) => applyRead(followed, auction));
      },
      rows: (auctionId, rows) => this.#watches.apply(auctionId, "update", (followed) => applyRows(followed, rows, true)),
      reached: (works) => this.#connection.polled(works),
    });
  }

  #welcome(frame: WelcomeFrame, forgetPairs: boolean): void {
    const newLife = this.#lifeId !== "" && frame.lifeId !== "" && frame.lifeId !== this.#lifeId;
    this.#lifeId = frame.lifeId || this.#lifeId;
    this.#watches.welcome(forgetPairs || newLife);
    this.#calls.opened(frame.limits.bidsInFlight);
  }

  #frame(frame: ServerFrame): void {
    if (frame.type === "bid_answer") this.#calls.answered(frame);
    else if (frame.type === "outbid" || frame.type === "leading_again" || frame.type === "bid_needed") this.#notice(frame);
    else if (frame.type === "drain") this.#connection.leave("draining", frame.retryAfterMs ?? 0);
    else if (frame.type === "error") {
      if (!this.#calls.refused(frame)) this.#emit("error", new FairwarningError(frame, this.#base));
    } else {
      this.#watches.frame(frame);
      if (frame.type === "subscribed") this.#tellRefused(frame.results);
    }
  }

  #tellRefused(results: readonly { readonly auctionId: string; readonly code?: string }[]): void {
    for (const { auctionId, code } of results) {
      if (code !== undefined)
        this.#emit("error", new FairwarningError({ code, message: `Auction ${auctionId} cannot be watched: ${code}.`, auctionId }, this.#base));
    }
  }

  #notice(frame: NoticeFrame): void {
    this.#watches.notice(frame);
    const { auctionId, epoch, sequence, currentPriceMinor, askingPriceMinor, yourBidMinor, endsAtMs } = frame;
    const notice: StandingNotice = { auctionId, epoch, sequence, currentPriceMinor, askingPriceMinor, yourBidMinor, endsAtMs, why: frame.why ?? null };
    const names = { outbid: "outbid", leading_again: "leadingAgain", bid_needed: "bidNeeded" } as const;
    this.#emit(names[frame.type], notice);
  }

  /** Reads the newest rows of an auction; at most one read per FILL_EVERY_MS, the next one when it is over. */
  #fill(auctionId: string, sinceSequence: number): void {
    const now = this.#environment.now();
    const last = this.#lastFillAtMs.get(auctionId) ?? Number.NEGATIVE_INFINITY;
    if (last > now) return;
    const inMs = Math.max(0, last + FILL_EVERY_MS - now);
    this.#lastFillAtMs.set(auctionId, now + inMs);
    this.#environment.after(inMs, () => void this.#readRows(auctionId, sinceSequence));
  }

  async #readRows(auctionId: string, sinceSequence: number): Promise<void> {
    if (this.#watches.followed(auctionId) === null) {
      this.#lastFillAtMs.delete(auctionId);
      return;
    }
    const result = await this.#http({ method: "GET", path: `${pathOf(auctionId)}/bids?limit=${FILL_ROWS}` });
    if (result.kind !== "ok") return;
    const { bids, next } = result.body as { readonly bids: readonly Bid[]; readonly next: string | null };
    const complete = next === null || (bids.at(-1)?.sequence ?? 0) <= sinceSequence;
    this.#watches.apply(auctionId, "update", (followed) => applyRows(followed, bids, complete));
  }

  async #readStanding(auctionId: string): Promise<void> {
    const result = await this.#http({ method: "GET", path: `${pathOf(auctionId)}/me` });
    if (result.kind === "ok") this.#watches.apply(auctionId, "update", (followed) => applyStanding(followed, result.body as Standing));
  }
}

function pathOf(auctionId: string): string {
  return `/v1/auctions/${encodeURIComponent(auctionId)}`;
}

function auctionsOver(http: Http, base: string, environment: Environment): Client["auctions"] {
  return {
    get: async (id) => bodyOf(await http({ method: "GET", path: pathOf(id) }), base) as Auction,
    list: (query: ListQuery = {}) => pages<Auction>(http, base, "/v1/auctions", query, "auctions"),
    search: (query: SearchQuery) => pages<Auction>(http, base, "/v1/search", query, "auctions"),
    bids: (id, query: BidsQuery = {}) => pages<Bid>(http, base, `${pathOf(id)}/bids`, query, "bids"),
    create: async (auction: NewAuction, key = environment.key()) => {
      const result = await http({ method: "POST", path: "/v1/auctions", body: withInstants(auction), key });
      if (result.kind === "ok" || (result.kind === "problem" && result.body.verdict === "rejected")) {
        return { ...(result.body as Omit<Answer, "key" | "replayed">), key, replayed: result.replayed };
      }
      throw errorOf(result, base);
    },
  };
}

/** All entries of a list, page after page, each read only when it is reached. A cursor holds the place; filters go along with it. */
async function* pages<T>(http: Http, base: string, path: string, query: object & { readonly afterSequence?: number }, member: string): AsyncGenerator<T> {
  const { afterSequence: _, ...filters } = query;
  let cursor: string | null = null;
  do {
    const body = bodyOf(await http({ method: "GET", path: path + queryOf(cursor === null ? query : { ...filters, cursor }) }), base) as Record<string, unknown>;
    yield* body[member] as readonly T[];
    cursor = (body.next as string | null | undefined) ?? null;
  } while (cursor !== null);
}
