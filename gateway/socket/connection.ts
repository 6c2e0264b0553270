// One open socket: its session, its place among the viewers, and what leaves it at the end of a turn.
//
// Owns: the wiring of session, watching, bids and outbox for one socket. Must not: know uWebSockets (server.ts), or decide anything
// that a pure file decides.
//
// U1. Whatever is put in leaves in order. A topic is joined only when everything before it has been handed to the transport, so a
//     snapshot always comes before what follows it.
// U2. Every send's result is read. What the transport dropped is never forgotten: the socket is closed and may resume.
// U3. A token is checked outside the turn; its verdict finds the session or nothing.
import type { Answer, RefusalCode } from "../../engine/core/decision.ts";
import type { AuctionId } from "../../engine/core/ids.ts";
import { countedAs, familyOf } from "../address.ts";
import type { Identities, Identity } from "../ports.ts";
import { type BidOptions, type BidSender, sendBid } from "./bids.ts";
import type { Protocol, ServerFrame } from "./client-frames.ts";
import { CLOSE_CODES, type CloseName, closeReason } from "./close-codes.ts";
import type { BidderSockets } from "./door.ts";
import type { BidRequest, Request } from "./frame-check.ts";
import { decodeMessage } from "./frame-decode.ts";
import { ENCODINGS, type Payload } from "./frame-encode.ts";
import type { SocketLimits } from "./limits.ts";
import type { SocketMetrics } from "./metrics.ts";
import { Outbox, type Turn } from "./outbox.ts";
import { Session, type SessionPorts } from "./session.ts";
import type { WelcomeFacts } from "./session-frames.ts";
import { paceOf } from "./slow-viewers.ts";
import type { SocketTime } from "./time.ts";
import { type Peer, Viewer } from "./viewer.ts";
import type { Watching } from "./watching.ts";

/** What the transport did with a message. `dropped`: it is lost. */
export type SendResult = "sent" | "buffered" | "dropped";

/** The transport of one socket. Must not be called after it is closed. */
export interface Transport {
  send(payload: Payload): SendResult;
  /** Everything sent inside leaves in one write. */
  cork(sends: () => void): void;
  join(topic: string): void;
  leave(topic: string): void;
  bufferedBytes(): number;
  ping(): void;
  end(code: number, reason: string): void;
}

/** What all sockets of a server share. */
export interface SharedParts {
  readonly watching: Watching;
  readonly bidders: BidderSockets;
  readonly turn: Turn<Connection>;
  readonly bids: BidOptions;
  readonly identities: Identities;
  readonly limits: SocketLimits;
  readonly time: SocketTime;
  readonly metrics: SocketMetrics;
  readonly version: string;
  readonly lifeId: () => string;
  readonly newId: () => string;
  /** Something of ours threw: for the log. */
  readonly failed: (fault: unknown) => void;
}

export class Connection implements Peer, BidSender, SessionPorts {
  readonly protocol: Protocol;
  readonly address: string;
  readonly session: Session;
  readonly viewer: Viewer;
  readonly #transport: Transport;
  readonly #parts: SharedParts;
  readonly #outbox: Outbox;
  #open = true;
  /** Why we closed it; null while open, or when the other side went first. */
  #closedFor: CloseName | null = null;

  constructor(transport: Transport, parts: SharedParts, opened: { readonly protocol: Protocol; readonly address: string; readonly hasOrigin: boolean }) {
    this.protocol = opened.protocol;
    this.address = opened.address;
    this.#transport = transport;
    this.#parts = parts;
    this.#outbox = new Outbox(opened.protocol);
    this.viewer = new Viewer(this);
    const { limits, time } = parts;
    this.session = new Session(this, { limits, sessionId: parts.newId(), hasOrigin: opened.hasOrigin, openedAt: time.monotonic() });
  }

  /** The address carried a one-use ticket; null: it was spent, too old, or never one. */
  openedWithTicket(identity: Identity | null): void {
    if (identity === null) this.#countLogin();
    this.session.openedWithTicket(identity);
  }

  // From the transport.

  /** `bytes` are valid during the call only. */
  received(bytes: ArrayBuffer, isBinary: boolean): void {
    const { metrics, time, limits } = this.#parts;
    if (isBinary !== (this.protocol === "msgpack")) {
      metrics.received(1, bytes.byteLength);
      this.session.wrongKind();
      return;
    }
    // A message over the limit is not decoded.
    const value = bytes.byteLength > limits.frameBytes ? null : decodeMessage(this.protocol, bytes);
    metrics.received(Array.isArray(value) ? value.length : 1, bytes.byteLength);
    this.session.message(value, bytes.byteLength, time.monotonic());
  }

  drained(): void {
    if (!this.#open) return;
    if (this.viewer.slowSince === null || this.bufferedBytes() === 0) this.#parts.watching.drained(this.viewer);
  }

  /** The transport lost something meant for this socket: its buffer is far over our hard limit. */
  skipped(): void {
    if (!this.#open || this.#closedFor !== null) return;
    if (this.bufferedBytes() > this.#parts.limits.bufferHardBytes) this.close("slow_viewer", 0);
    else this.#parts.watching.fellBehind(this.viewer, true);
  }

  /** A fault of ours: for the log; this socket goes, and nothing else. */
  failed(fault: unknown): void {
    this.#parts.failed(fault);
    this.close("internal", 0);
  }

  /** The transport is closed; nothing of it may be touched any more. */
  gone(): void {
    this.#open = false;
    this.session.end();
    this.#parts.watching.left(this.viewer);
    const { identity } = this.viewer;
    if (identity !== null) this.#parts.bidders.leave(identity.userId, this.viewer);
    this.#parts.metrics.disconnected(this.#closedFor ?? "client");
  }

  /** From the sweep timer. */
  sweep(now: number): void {
    this.session.sweep(now);
    if (!this.#open || this.viewer.subscriptions.size === 0) return;
    const { watching, limits } = this.#parts;
    switch (paceOf(this.viewer, this.bufferedBytes(), now, limits)) {
      case "too_slow":
        this.close("slow_viewer", 0);
        return;
      case "falls_behind":
        watching.fellBehind(this.viewer, false);
        return;
      case "caught_up":
        watching.drained(this.viewer);
        return;
      case "keeps_up":
        if (this.viewer.owed.size > 0) watching.drained(this.viewer);
        return;
      case "waits":
        return;
    }
  }

  /** From the turn: everything put in since the last one leaves together. */
  flush(): void {
    if (!this.#open || this.#outbox.frames === 0) return;
    this.#parts.metrics.sent(this.#outbox.frames, this.#outbox.bytes);
    const messages = this.#outbox.take();
    let lost = false;
    const sends = () => {
      for (const message of messages) if (this.#transport.send(message) === "dropped") lost = true;
    };
    if (messages.length === 1) sends();
    else this.#transport.cork(sends);
    if (lost) this.close("slow_viewer", 0);
  }

  // Peer.

  send(payload: Payload): void {
    if (this.#open && this.#outbox.put(payload)) this.#parts.turn.add(this);
  }

  join(topic: string): void {
    this.flush();
    if (this.#open) this.#transport.join(topic);
  }

  leave(topic: string): void {
    if (this.#open) this.#transport.leave(topic);
  }

  bufferedBytes(): number {
    return this.#open ? this.#transport.bufferedBytes() + this.#outbox.bytes : 0;
  }

  close(name: CloseName, retryAfterMs: number): void {
    if (!this.#open || this.#closedFor !== null) return;
    this.session.end();
    this.#closedFor = name;
    // What explains the close goes first.
    this.flush();
    if (this.#open) this.#transport.end(CLOSE_CODES[name], closeReason(name, retryAfterMs));
  }

  // Answers to bids.

  answered(id: number, key: string, auctionId: AuctionId, answer: Answer, replayed: boolean): void {
    this.session.settled(id);
    this.send(ENCODINGS[this.protocol].answer(id, key, auctionId, answer, replayed));
  }

  refused(id: number, auctionId: AuctionId, code: RefusalCode | "rate_limited", retryAfterMs: number): void {
    this.session.settled(id);
    if (this.#open) this.session.refuse(code, { id, auctionId, retryAfterMs });
  }

  // What the session asks for.

  tell(frame: ServerFrame): void {
    this.send(ENCODINGS[this.protocol].frame(frame));
  }

  verify(token: string): void {
    const { identities, time } = this.#parts;
    identities.verify(token).then(
      (verdict) =>
        this.#inTurn(() => {
          if (verdict === "unauthenticated") this.#countLogin();
          this.session.verified(verdict, time.monotonic());
        }),
      (fault: unknown) => this.failed(fault),
    );
  }

  spendTicket(ticket: string): Identity | null {
    const identity = this.#parts.identities.spendTicket(ticket, familyOf(this.address));
    if (identity === null) this.#countLogin();
    return identity;
  }

  admit(identity: Identity): boolean {
    const hasRoom = this.#parts.bidders.enter(identity.userId, this.viewer);
    if (!hasRoom) this.#parts.metrics.rateLimited("sockets");
    return hasRoom;
  }

  became(identity: Identity | null, batch: boolean | null): void {
    this.viewer.identity = identity;
    if (batch === null || batch === this.viewer.batch) return;
    this.flush();
    this.viewer.batch = batch;
    this.#outbox.batch = batch;
  }

  subscribe(request: Extract<Request, { kind: "subscribe" }>): ReturnType<SessionPorts["subscribe"]> {
    return this.#parts.watching.subscribe(this.viewer, request);
  }

  unsubscribe(auctionIds: readonly AuctionId[]): void {
    this.#parts.watching.unsubscribe(this.viewer, auctionIds);
  }

  bid(identity: Identity, request: BidRequest): void {
    sendBid(this.#parts.bids, { identity, sender: this }, request);
  }

  ping(): void {
    if (this.#open) this.#transport.ping();
  }

  countRefusal(code: string): void {
    this.#parts.metrics.refused(code);
  }

  countLimited(policy: "frames" | "in_flight"): void {
    this.#parts.metrics.rateLimited(policy);
  }

  facts(identity: Identity | null): WelcomeFacts {
    const { bids, version, lifeId } = this.#parts;
    return { lifeId: lifeId(), bidsLeft: identity === null ? null : bids.admission.bids(identity).remaining, version };
  }

  now(): number {
    return this.#parts.time.now();
  }

  newId(): string {
    return this.#parts.newId();
  }

  /** A token or ticket that was none: over its limit, an address is told to come later before it is told why. */
  #countLogin(): void {
    const { admission } = this.#parts.bids;
    const { allowed, standing } = admission.take("logins", countedAs(this.address));
    if (allowed) return;
    this.#parts.metrics.rateLimited("logins");
    this.close("rate_limited", standing.resetMs);
  }

  /** A fault in a late answer closes this socket and nothing else. */
  #inTurn(step: () => void): void {
    try {
      step();
    } catch (fault) {
      this.failed(fault);
    }
  }
}
