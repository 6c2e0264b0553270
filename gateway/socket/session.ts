// One client connection as a state machine: authenticate, join, bid, resume, leave. Pure: it is handed decoded messages, verdicts on
// tokens and the time, and acts through its ports.
//
// Owns: what a client may do now, its own limits, its requests in flight. Must not: know bytes, sockets, timers, or other clients.
//
// State      entered when                     left when                              there
// waiting    the socket opened                the first frame, or 5 s (4001)         -
// verifying  a first token is being checked   the verdict, or 5 s (4001)             frames wait, at most one batch of them
// live       welcome was sent                 the socket closes                      every frame is served in order
// closed     a close was asked for            never                                  everything is ignored
//
// S1. The first frame is `auth`, or a ticket came with the address. Anything else closes 4505.
// S2. Order of checks: form, then identity, then limits, then the engine. Size was checked before.
// S3. Each frame of a batch counts against the rate. Excess is refused, and after 3 s of it the socket is closed.
// S4. A token is held against the time a frame arrives. A minute before it runs out the client is told; then it is closed 4002.
// S5. A renewed token is the same bidder's, and bids go on while it is checked. Without an Origin header a ticket is refused: tickets are for pages, and pages have one.
import type { Instant } from "../../engine/core/ids.ts";
import type { ErrorCode } from "../error-codes.ts";
import type { Identity, TokenFault } from "../ports.ts";
import type { ServerFrame } from "./client-frames.ts";
import type { CloseName } from "./close-codes.ts";
import { Conduct } from "./conduct.ts";
import { type BidRequest, checkFrame, type FrameFault, malformed, type Proof, type Request, wrongBatch } from "./frame-check.ts";
import { MALFORMED } from "./frame-decode.ts";
import type { SocketLimits } from "./limits.ts";
import { errorFrame, type RefusalAbout, type WelcomeFacts, welcomeFrame } from "./session-frames.ts";

type SubscribeRequest = Extract<Request, { kind: "subscribe" }>;
type AuthRequest = Extract<Request, { kind: "auth" }>;

export interface SessionPorts {
  tell(frame: ServerFrame): void;
  close(name: CloseName, retryAfterMs: number): void;
  /** Answered by `verified`, later. */
  verify(token: string): void;
  spendTicket(ticket: string): Identity | null;
  /** Whether this bidder may have one more socket; it then has. */
  admit(identity: Identity): boolean;
  /** From now on frames are this identity's; null: an anonymous viewer. `batch` null: as before. */
  became(identity: Identity | null, batch: boolean | null): void;
  /** Why nothing was done, or null. */
  subscribe(request: SubscribeRequest): "too_many_subscriptions" | "rate_limited" | null;
  unsubscribe(auctionIds: readonly string[]): void;
  /** Answered by `settled`, perhaps at once. */
  bid(identity: Identity, request: BidRequest): void;
  ping(): void;
  countRefusal(code: ErrorCode): void;
  countLimited(policy: "frames" | "in_flight"): void;
  /** What a welcome says that is not the session's own. */
  facts(identity: Identity | null): WelcomeFacts;
  /** Wall clock. */
  now(): Instant;
  newId(): string;
}

export interface SessionOptions {
  readonly limits: SocketLimits;
  readonly sessionId: string;
  /** The upgrade had an Origin header, and it was allowed. */
  readonly hasOrigin: boolean;
  /** Monotonic ms. */
  readonly openedAt: number;
}

type Phase =
  | { readonly kind: "waiting"; readonly since: number }
  | { readonly kind: "verifying"; readonly since: number; readonly auth: AuthRequest; readonly frames: Request[] }
  | { readonly kind: "live"; readonly renewal: AuthRequest | null }
  | { readonly kind: "closed" };

/** Hint with a close for excess: the longest stretch the default rate needs to refill. */
const EXCESS_RETRY_MS = 3_000;

export class Session {
  readonly #ports: SessionPorts;
  readonly #options: SessionOptions;
  readonly #conduct: Conduct;
  /** Ids of bids that wait for their answer, in no order. A list: they are few, and a set is built anew every few bids. */
  readonly #bids: number[] = [];
  #phase: Phase;
  #identity: Identity | null = null;
  #heardAt: number;
  #pingedAt: number;
  #expiryTold = false;

  constructor(ports: SessionPorts, options: SessionOptions) {
    this.#ports = ports;
    this.#options = options;
    this.#phase = { kind: "waiting", since: options.openedAt };
    this.#heardAt = options.openedAt;
    this.#pingedAt = options.openedAt;
    this.#conduct = new Conduct(options.limits, options.openedAt);
  }

  get closed(): boolean {
    return this.#phase.kind === "closed";
  }

  get bidsInFlight(): number {
    return this.#bids.length;
  }

  /** The address carried a one-use ticket, and this is whose it was; null: it was spent, too old, or never one. */
  openedWithTicket(identity: Identity | null): void {
    if (identity === null) this.#close("ticket_spent", 0);
    else this.#begin({ kind: "auth", id: null, batch: null, proof: { kind: "anonymous" } }, identity);
  }

  /** One decoded message of `bytes` bytes. `now`: monotonic ms. */
  message(value: unknown, bytes: number, now: number): void {
    this.#heardAt = now;
    if (bytes > this.#options.limits.frameBytes) {
      this.#close("frame_too_large", 0);
      return;
    }
    if (!Array.isArray(value)) {
      this.#frame(value === MALFORMED ? malformed() : checkFrame(value), bytes, now);
      return;
    }
    const { batchFramesMax } = this.#options.limits;
    if (value.length === 0 || value.length > batchFramesMax) {
      this.#take(wrongBatch(batchFramesMax), now);
      return;
    }
    for (const frame of value) this.#take(checkFrame(frame), now);
  }

  /** Something came that is no message: a pong, or a ping, which counts as a frame. */
  heard(now: number, counts: boolean): void {
    this.#heardAt = now;
    if (counts && !this.closed) this.#passes(null, now);
  }

  /** Text on the binary protocol, or the other way round. */
  wrongKind(): void {
    this.#close("protocol_violation", 0);
  }

  /** The verdict on the token that is being checked. */
  verified(verdict: Identity | TokenFault, now: number): void {
    const phase = this.#phase;
    const auth = phase.kind === "verifying" ? phase.auth : phase.kind === "live" ? phase.renewal : null;
    if (auth === null) return;
    if (typeof verdict === "string") {
      this.#notVerified(auth, verdict);
      return;
    }
    if (this.#identity !== null && this.#identity.userId !== verdict.userId) {
      this.#close("protocol_violation", 0);
      return;
    }
    this.#begin(auth, verdict);
    if (phase.kind === "verifying") for (const frame of phase.frames) this.#serve(frame, now);
  }

  /** The bid with this id has its answer or refusal. */
  settled(id: number): void {
    const at = this.#bids.indexOf(id);
    if (at === -1) return;
    const last = this.#bids.pop();
    if (last !== undefined && at < this.#bids.length) this.#bids[at] = last;
  }

  /** Tells the client that a request had no effect (or, for `outcome_unknown`, that it may have had one). */
  refuse(code: ErrorCode, about: RefusalAbout): void {
    this.#ports.countRefusal(code);
    this.#ports.tell(errorFrame(code, about, this.#ports.newId()));
  }

  /** From the sweep timer. `now`: monotonic ms. */
  sweep(now: number): void {
    const { limits } = this.#options;
    const phase = this.#phase;
    if (phase.kind === "closed") return;
    if (phase.kind !== "live" && now - phase.since >= limits.authMs) {
      this.#close("auth_timeout", 0);
      return;
    }
    const silentMs = now - this.#heardAt;
    if (silentMs >= limits.idleMs) {
      this.#close("idle", 0);
      return;
    }
    if (silentMs >= limits.silentPingMs && now - this.#pingedAt >= limits.pingEveryMs) {
      this.#pingedAt = now;
      this.#ports.ping();
    }
    this.#sweepExpiry();
  }

  /** The socket is gone, or about to go for a reason that is not the session's. */
  end(): void {
    this.#phase = { kind: "closed" };
  }

  #frame(request: Request, bytes: number, now: number): void {
    if (request.kind === "bid" && bytes > this.#options.limits.commandBytes) {
      this.#close("frame_too_large", 0);
      return;
    }
    this.#take(request, now);
  }

  #take(request: Request, now: number): void {
    if (this.closed) return;
    if (this.#passes(request, now)) this.#serve(request, now);
  }

  #serve(request: Request, now: number): void {
    const phase = this.#phase;
    switch (phase.kind) {
      case "closed":
        return;
      case "waiting":
        this.#first(request, now);
        return;
      case "verifying":
        if (phase.frames.push(request) > this.#options.limits.verifyingFramesMax) this.#close("rate_limited", EXCESS_RETRY_MS);
        return;
      case "live":
        this.#live(request, now);
        return;
    }
  }

  #first(request: Request, now: number): void {
    if (request.kind === "auth") this.#authenticate(request, now);
    else if (request.kind === "fault") this.#bad(request, now);
    else this.#close("protocol_violation", 0);
  }

  #live(request: Request, now: number): void {
    switch (request.kind) {
      case "bid":
        this.#bid(request);
        return;
      case "subscribe":
        this.#subscribe(request);
        return;
      case "unsubscribe":
        this.#ports.unsubscribe(request.auctionIds);
        this.#ports.tell({ type: "unsubscribed", id: request.id, auctionIds: request.auctionIds });
        return;
      case "ping":
        this.#ports.tell({ type: "pong", clientTimeMs: request.clientTimeMs, serverTimeMs: this.#ports.now() });
        return;
      case "auth":
        this.#authenticate(request, now);
        return;
      case "fault":
        this.#bad(request, now);
        return;
    }
  }

  #subscribe(request: SubscribeRequest): void {
    const refusal = this.#ports.subscribe(request);
    if (refusal === null) return;
    if (refusal === "rate_limited") this.#ports.countLimited("in_flight");
    this.refuse(refusal, { id: request.id, ...(refusal === "rate_limited" ? { retryAfterMs: IN_FLIGHT_RETRY_MS } : {}) });
  }

  #authenticate(auth: AuthRequest, now: number): void {
    const { proof } = auth;
    const phase = this.#phase;
    switch (proof.kind) {
      case "token":
        if (phase.kind === "live" && phase.renewal !== null) {
          this.refuse("rate_limited", { id: auth.id, retryAfterMs: RENEWAL_RETRY_MS });
          return;
        }
        // An anonymous viewer who signs in waits like a newcomer: what it sends next is meant as the bidder.
        this.#phase = this.#identity === null ? { kind: "verifying", since: now, auth, frames: [] } : { kind: "live", renewal: auth };
        this.#ports.verify(proof.token);
        return;
      case "ticket":
        this.#ticket(auth, proof);
        return;
      case "anonymous":
        if (!this.#options.limits.anonymousViewers) {
          this.#close("forbidden", 0);
          return;
        }
        this.#begin(auth, this.#identity);
        return;
    }
  }

  #ticket(auth: AuthRequest, proof: Extract<Proof, { kind: "ticket" }>): void {
    if (!this.#options.hasOrigin) {
      this.#close("forbidden", 0);
      return;
    }
    const identity = this.#ports.spendTicket(proof.ticket);
    if (identity === null) {
      this.#close("ticket_spent", 0);
      return;
    }
    if (this.#identity !== null && this.#identity.userId !== identity.userId) {
      this.#close("protocol_violation", 0);
      return;
    }
    this.#begin(auth, identity);
  }

  #notVerified(auth: AuthRequest, fault: TokenFault): void {
    if (fault === "unauthenticated") {
      this.#close("unauthenticated", 0);
      return;
    }
    this.refuse("token_expired", { id: auth.id });
    this.#close("token_expired", 0);
  }

  #begin(auth: AuthRequest, identity: Identity | null): void {
    if (identity !== null && this.#identity === null && !this.#ports.admit(identity)) {
      this.#close("too_many_sockets", 0);
      return;
    }
    this.#identity = identity;
    this.#expiryTold = false;
    this.#phase = { kind: "live", renewal: null };
    this.#conduct.became(identity);
    this.#ports.became(identity, auth.batch);
    const { limits, sessionId } = this.#options;
    this.#ports.tell(welcomeFrame(identity, this.#ports.facts(identity), { id: auth.id, sessionId, limits, serverTimeMs: this.#ports.now() }));
  }

  #bid(request: BidRequest): void {
    const { id, auctionId } = request;
    const identity = this.#identity;
    if (identity === null || !identity.roles.includes("bidder")) {
      this.refuse("forbidden", { id, auctionId });
      return;
    }
    if (identity.expiresAt <= this.#ports.now()) {
      this.#expired(id);
      return;
    }
    if (this.#bids.includes(id)) {
      this.refuse("invalid_request", { id, auctionId, errors: [{ pointer: "/id", code: "taken", detail: "A request with this id is open." }] });
      return;
    }
    if (this.#bids.length >= this.#options.limits.bidsInFlight) {
      this.#ports.countLimited("in_flight");
      this.refuse("rate_limited", { id, auctionId, retryAfterMs: IN_FLIGHT_RETRY_MS });
      return;
    }
    this.#bids.push(id);
    this.#ports.bid(identity, request);
  }

  #bad(fault: FrameFault, now: number): void {
    this.refuse(fault.code, { id: fault.id, auctionId: fault.auctionId, errors: fault.errors });
    if (this.#conduct.bad(now)) this.#close("malformed", 0);
  }

  /** Whether the frame is within the rate (S3); else it is refused here. `null`: no frame of ours. */
  #passes(request: Request | null, now: number): boolean {
    const verdict = this.#conduct.frame(now);
    if (verdict === "pass") return true;
    this.#ports.countLimited("frames");
    if (verdict === "too_much") this.#close("rate_limited", EXCESS_RETRY_MS);
    else {
      const id = request === null || request.kind === "ping" ? null : request.id;
      const auctionId = request?.kind === "bid" ? request.auctionId : null;
      this.refuse("rate_limited", { id, auctionId, retryAfterMs: this.#conduct.waitMs() });
    }
    return false;
  }

  #sweepExpiry(): void {
    const identity = this.#identity;
    if (identity === null) return;
    const leftMs = identity.expiresAt - this.#ports.now();
    if (leftMs <= 0) {
      this.#close("token_expired", 0);
      return;
    }
    if (leftMs > this.#options.limits.expiryNoticeMs || this.#expiryTold) return;
    this.#expiryTold = true;
    this.refuse("token_expired", {});
  }

  #expired(id: number): void {
    this.refuse("token_expired", { id });
    this.#close("token_expired", 0);
  }

  #close(name: CloseName, retryAfterMs: number): void {
    if (this.closed) return;
    this.#phase = { kind: "closed" };
    this.#ports.close(name, retryAfterMs);
  }
}

/** A check takes well under a millisecond, or a fetch of keys. */
const RENEWAL_RETRY_MS = 1_000;
/** Answers take a few milliseconds; a sender that waits this long has room again. */
const IN_FLIGHT_RETRY_MS = 50;
