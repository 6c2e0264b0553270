// What a program or page sees of the client: options, calls, views, events. Types only.
//
// Money is in integer minor units of the auction's currency (members end in `Minor`), instants are epoch ms (`AtMs`),
// durations are ms (`Ms`). The shapes follow the public HTTP and WebSocket objects, with instants as numbers.
import type { Environment } from "./environment.ts";
import type { FairwarningError } from "./errors.ts";

export type Phase = "draft" | "scheduled" | "open" | "paused" | "closed";
export type Outcome = "sold" | "passed" | "withdrawn";
export type RetractReason = "mistyped_amount" | "description_changed";
export type BidKind = "maximum" | "flat";
/** A code of an answer: `leading`, `outbid`, `ok`, or that of a rejection. Clients branch on it; the list only grows. */
export type AnswerCode = string;

/** `idle`: before the first attempt. `connecting`, `authenticating`: an attempt runs. `resuming`: until each watched auction is
 *  current. `connected`: live. `waiting`: between attempts. `polling`: no socket can be opened, auctions are read over HTTP.
 *  `closed`: by close(), for good. `failed`: a terminal close code, for good. */
export type ConnectionState = "idle" | "connecting" | "authenticating" | "resuming" | "connected" | "waiting" | "polling" | "closed" | "failed";

/** Public, complete, small: the newest one alone makes a viewer right. */
export interface AuctionState {
  readonly phase: Phase;
  readonly outcome: Outcome | null;
  readonly currentPriceMinor: number | null;
  /** null when closed. */
  readonly askingPriceMinor: number | null;
  readonly totalBids: number;
  readonly bidders: number;
  readonly leaderNumber: number | null;
  /** null = no reserve. */
  readonly reserveMet: boolean | null;
  /** The buy-now price while it can be had. */
  readonly buyNowMinor: number | null;
  readonly endsAtMs: number | null;
  readonly pausedAtMs: number | null;
  readonly extensionCount: number;
}

export interface Lot {
  readonly lotId: string;
  readonly version?: number;
  readonly title: string;
  readonly description?: string;
  readonly category?: string | null;
  readonly images?: readonly string[];
}

export interface Seller {
  readonly sellerId: string;
  readonly name: string;
  readonly reputation?: number | null;
}

export interface IncrementBand {
  readonly fromMinor: number;
  readonly stepMinor: number;
}

/** A named table or the bands themselves. */
export type Increments = string | { readonly bands: readonly IncrementBand[]; readonly allowSubIncrementOutbid?: boolean };

export interface SoftClose {
  readonly windowMs: number;
  readonly amountMs: number;
  readonly base: "end" | "bid";
  readonly trigger: { readonly on: string; readonly rank: number };
  readonly scope: string;
  readonly cap: { readonly count: number | null; readonly totalMs: number | null; readonly hardStop: unknown };
}

/** When a bidder may take bids back. */
export interface Retraction {
  /** All live bids may go while so much is left. */
  readonly earlyMs: number;
  /** Later only the newest, so long after it was placed. */
  readonly lateGraceMs: number;
  readonly reasons: readonly string[];
  readonly leaderMay: boolean;
}

/** What does not change while an auction runs (the lot's text apart, which its seller may edit). */
export interface AuctionTerms {
  readonly currency: string;
  readonly format: string;
  readonly amountStep?: number;
  readonly lot: Lot | null;
  readonly seller: Seller | null;
  readonly openingPriceMinor: number;
  readonly increments: Increments;
  readonly bidding?: { readonly kinds: readonly BidKind[] } | null;
  readonly softClose: SoftClose | null;
  /** null: bids are binding. Absent over the socket. */
  readonly retraction?: Retraction | null;
  readonly opensAtMs?: number | null;
  readonly scheduledCloseAtMs: number | null;
}

/** A public row of the bid list. A decision may add two: (`sequence`, `row`) names one. */
export interface Bid {
  readonly sequence: number;
  readonly row: number;
  readonly bidId: number;
  readonly bidderNumber: number;
  readonly amountMinor: number;
  readonly kind: "bid" | "proxy" | "recomputed";
  readonly atMs: number;
  readonly gone: "retracted" | "voided" | null;
}

/** One's own place. */
export interface Standing {
  readonly bidderNumber: number | null;
  readonly leading: boolean;
  readonly maximumMinor: number | null;
  readonly highestBidMinor: number | null;
  readonly blocked: boolean;
  readonly authorisedLimitMinor: number | null;
}

/** One soft close that this client heard of. */
export interface Extension {
  readonly sequence: number;
  readonly fromAtMs: number;
  readonly endsAtMs: number;
  readonly extendedByMs: number;
  readonly bidId: number;
  readonly count: number;
  readonly countLeft: number | null;
  /** Server time at which it was told. */
  readonly atMs: number;
}

export interface Ending {
  readonly outcome: Outcome;
  readonly hammerPriceMinor: number | null;
  readonly winnerNumber: number | null;
  readonly endedAtMs: number | null;
  /** null when only the state was seen, not the hammer itself. */
  readonly by: string | null;
}

/** One auction as this client knows it now. Immutable; a new one comes with each change. */
export interface AuctionView extends AuctionState {
  readonly auctionId: string;
  readonly epoch: number;
  readonly sequence: number;
  readonly auction: AuctionTerms;
  /** Newest first, at most 500. */
  readonly bids: readonly Bid[];
  /** Rows known to be missing between those held; `auctions.bids` has them. */
  readonly bidsMissing: boolean;
  readonly you: Standing | null;
  readonly watchers: number;
  readonly extensions: readonly Extension[];
  readonly ending: Ending | null;
  /** Whether the price may be out of date: the connection is not live, or the server said so. Asked anew at each read. */
  readonly stale: boolean;
  /** 0 while live, else ms since the state was last known to be current. */
  ageMs(): number;
  /** Ms until the end in force by the server's clock, never below 0; the time left at the pause while paused; 0 when closed. */
  remainingMs(): number;
}

/** An auction over HTTP, instants as epoch ms. */
export interface Auction extends AuctionState, AuctionTerms {
  readonly auctionId: string;
  readonly epoch: number;
  readonly sequence: number;
  readonly hammer: { readonly hammerPriceMinor: number | null; readonly winnerNumber: number | null; readonly endedAtMs: number; readonly by: string } | null;
  readonly extensions: { readonly count: number; readonly totalMs: number };
}

export interface BidAnswer {
  readonly verdict: "accepted" | "rejected";
  readonly code: AnswerCode;
  readonly key: string;
  readonly replayed: boolean;
  /** From the call to its answer, repeats included. */
  readonly latencyMs: number;
  readonly auctionId: string;
  readonly sequence: number;
  readonly epoch: number;
  readonly decidedAtMs: number;
  readonly standing: "leading" | "outbid" | null;
  readonly currentPriceMinor: number | null;
  readonly askingPriceMinor: number | null;
  readonly reserveMet: boolean | null;
  readonly endsAtMs: number | null;
}

export type Answer = Omit<BidAnswer, "latencyMs">;

export interface StandingNotice {
  readonly auctionId: string;
  readonly epoch: number;
  readonly sequence: number;
  readonly currentPriceMinor: number | null;
  readonly askingPriceMinor: number | null;
  readonly yourBidMinor: number;
  readonly endsAtMs: number | null;
  /** Only of leadingAgain. */
  readonly why: "retraction" | "void" | null;
}

export interface ListQuery {
  readonly phase?: Phase;
  readonly category?: string;
  readonly sellerId?: string;
  readonly currency?: string;
  readonly endsBeforeMs?: number;
  readonly endsAfterMs?: number;
  readonly sort?: "ending_soon" | "newest";
  /** Of one page, 1 to 100. */
  readonly limit?: number;
}

export interface SearchQuery {
  readonly q: string;
  readonly category?: string;
  readonly priceMin?: number;
  readonly priceMax?: number;
  readonly currency?: string;
  readonly phase?: Phase;
  readonly sort?: "ending_soon" | "price_asc" | "price_desc" | "popular" | "relevance";
  readonly limit?: number;
}

/** With `afterSequence` oldest first, else newest first. */
export interface BidsQuery {
  readonly afterSequence?: number;
  readonly limit?: number;
}

/** The body of a create, instants as epoch ms in members ending in `AtMs`. */
export type NewAuction = { readonly [member: string]: unknown };

export interface CallOptions {
  /** How long to go on asking, 100 to 30,000. */
  readonly deadlineMs?: number;
  readonly signal?: AbortSignal;
  /** Absent: the socket while it is up, HTTP while polling. */
  readonly via?: "socket" | "http";
}

export interface BidRequest {
  readonly auctionId: string;
  readonly amountMinor: number;
  readonly currency: string;
  readonly kind?: BidKind;
  /** 1 to 64 of A-Z a-z 0-9 _ -. Made once per call when absent. */
  readonly key?: string;
}

export type AmountRequest = Omit<BidRequest, "kind">;
export interface RetractRequest {
  readonly auctionId: string;
  readonly reason: RetractReason;
  readonly key?: string;
}

export interface WatchOptions {
  /** Rows of the bid list with the first snapshot, 0 to 100; 20 when absent. */
  readonly history?: number;
}

export type WatchEvent = "snapshot" | "update" | "extended" | "hammer" | "watchers" | "stale" | "discontinuity";

export interface Watch {
  readonly view: AuctionView | null;
  close(): void;
  on(event: WatchEvent, listener: (view: AuctionView) => void): () => void;
}

export interface ClientEvents {
  state: { readonly now: ConnectionState; readonly before: ConnectionState; readonly why: string; readonly retryInMs?: number };
  outbid: StandingNotice;
  leadingAgain: StandingNotice;
  bidNeeded: StandingNotice;
  /** History was lost; the view is already right. */
  discontinuity: { readonly auctionId: string; readonly why: string };
  error: FairwarningError;
}

export interface DebugEntry {
  readonly atMs: number;
  readonly what: "sent" | "received" | "state" | "http" | "dropped";
  readonly detail: unknown;
}

/** Allows a handler that asks for a richer event than is promised here, as the classes of browsers and of `ws` do. */
type Handler<E> = { handle(event: E): void }["handle"] | null;

/** The part of a WebSocket that is used. */
export interface SocketLike {
  binaryType: string;
  onopen: Handler<unknown>;
  onmessage: Handler<{ readonly data: unknown }>;
  onclose: Handler<{ readonly code: number; readonly reason: string }>;
  onerror: Handler<unknown>;
  send(data: string | Uint8Array<ArrayBuffer>): void;
  close(code?: number, reason?: string): void;
}

export type WebSocketConstructor = new (url: string, protocols: string[]) => SocketLike;

export interface ConnectOptions {
  /** A gateway's HTTP address; the socket address comes from /v1/about. */
  readonly url: string;
  /** As /v1/about names it; whoever has read that already spares the question. Absent: it is asked for. */
  readonly socketUrl?: string;
  /** Absent: watch only. A function is called again before expiry and after a close for an expired token. */
  readonly token?: string | (() => Promise<string>);
  readonly protocol?: "json" | "msgpack";
  readonly deadlineMs?: number;
  readonly reconnect?: { readonly delayMinMs?: number; readonly delayMaxMs?: number; readonly attemptsMax?: number };
  readonly fallback?: "poll" | "none";
  readonly webSocket?: WebSocketConstructor;
  readonly fetch?: typeof fetch;
  readonly debug?: (entry: DebugEntry) => void;
  /** Clock, timers and randomness; those of the machine when absent. */
  readonly environment?: Environment;
}

export interface Client {
  readonly state: ConnectionState;
  readonly clock: { readonly offsetMs: number; readonly roundTripMs: number; serverNow(): number };
  placeBid(bid: BidRequest, call?: CallOptions): Promise<BidAnswer>;
  raiseMaximum(raise: AmountRequest, call?: CallOptions): Promise<BidAnswer>;
  retract(retraction: RetractRequest, call?: CallOptions): Promise<BidAnswer>;
  buyNow(purchase: AmountRequest, call?: CallOptions): Promise<BidAnswer>;
  watch(auctionId: string, listener?: (view: AuctionView) => void, options?: WatchOptions): Watch;
  readonly auctions: {
    get(id: string): Promise<Auction>;
    list(query?: ListQuery): AsyncIterable<Auction>;
    search(query: SearchQuery): AsyncIterable<Auction>;
    bids(id: string, query?: BidsQuery): AsyncIterable<Bid>;
    create(auction: NewAuction, key?: string): Promise<Answer>;
  };
  on<E extends keyof ClientEvents>(event: E, listener: (value: ClientEvents[E]) => void): () => void;
  /** For good: never reconnects. Calls in flight end as OutcomeUnknown, watches fall silent. */
  close(): Promise<void>;
}
