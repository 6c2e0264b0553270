// One connection to one engine: handshake, batches both ways, pings, and another try after a jittered wait whenever it is lost.
//
// Must not: know commands or routes (engine-link.ts). What was sent and not answered is its owner's business.
//
// State       entered when                      left when                                there
// waiting     created, or the link was lost     the wait is over                         nothing is sent
// proving     the socket is being opened        both proofs fit, or HANDSHAKE_MS         nothing is sent but the reply
// greeting    the engine proved its key         its welcome came, or HANDSHAKE_MS        only a welcome is taken
// up          welcome                           cut, malformed, silent for 3 s           messages pass
// closed      close()                           never                                    -
import { connect, type Socket } from "node:net";
import type { AuctionId } from "../engine/core/ids.ts";
import type { EngineMessage, GatewayMessage } from "../engine/protocol.ts";
import type { BatchReader, LinkFault } from "../engine/protocol-bytes.ts";
import { engineReader, GatewayWriter } from "../engine/protocol-codec.ts";
import {
  CHALLENGE_BYTES,
  challengeNonce,
  ENGINE_PROOF_BYTES,
  engineProved,
  HANDSHAKE_MS,
  type HandshakeFault,
  NONCE_BYTES,
  replyTo,
} from "../engine/protocol-handshake.ts";
import type { EngineMessages } from "../engine/protocol-layouts.ts";

/** Nothing heard for so long, with a ping every second: viewers would see old prices. */
export const SILENT_MS = 3_000;
const PING_MS = 1_000;
/** Unsent bytes from which commands are held instead: a second of bids at a rate no gateway reaches. */
const UNSENT_BYTES_MAX = 4 * 1024 * 1024;
/** Waits before another try: doubling from the first to the longest, half of it random, so that gateways do not come together. */
const RETRY_MS = 50;
const RETRY_MS_MAX = 2_000;
/** A link that lived so long was sound: the next wait is a short one again. */
const SOUND_MS = 5_000;
/** Ids of one watch message (the protocol's limit). */
const WATCH_IDS = 10_000;

export type LinkLoss = HandshakeFault | LinkFault | "closed" | "handshake_too_slow" | "silent" | "other_life" | "stopping";

/** What a connection needs of the process. The engine's ports of the same names fit. */
export interface LinkWorld {
  readonly clock: { monotonic(): number };
  readonly timers: { after(delayMs: number, callback: () => void): () => void; soon(callback: () => void): void };
  readonly nonces: { bytes(count: number): Uint8Array; fraction(): number };
}

export type Welcome = Extract<EngineMessage, { kind: "welcome" }>;
type Told = Exclude<EngineMessage, { kind: "answer" | "refusal" | "welcome" | "pong" }>;

/** What the owner of the connection does for it. */
export interface EngineConnectionHost extends Omit<EngineMessages, "message" | "refusal"> {
  refused(connection: EngineConnection, requestId: number, code: Parameters<EngineMessages["refusal"]>[1], retryAfterMs: number): void;
  /** false: this engine is not to be used, and the link is cut. */
  welcomed(connection: EngineConnection, welcome: Welcome): boolean;
  told(connection: EngineConnection, message: Told): void;
  lost(connection: EngineConnection, reason: LinkLoss, wasUp: boolean): void;
  /** A ping came back. */
  measured(connection: EngineConnection, roundTripMs: number): void;
  /** Flush it at the end of this turn. */
  wake(connection: EngineConnection): void;
}

export interface EngineAddress {
  readonly host: string;
  readonly port: number;
}

type State =
  | { readonly kind: "waiting"; readonly stop: () => void }
  | { readonly kind: "proving"; readonly socket: Socket; readonly nonce: Uint8Array; readonly since: number; engineNonce: Buffer | null; received: Buffer }
  | { readonly kind: "greeting"; readonly socket: Socket; readonly reader: BatchReader; readonly since: number }
  | { readonly kind: "up"; readonly socket: Socket; readonly reader: BatchReader; readonly since: number }
  | { readonly kind: "closed" };

export class EngineConnection {
  /** Position among the addresses. */
  readonly index: number;
  readonly address: string;
  readonly #at: EngineAddress;
  readonly #linkKey: string;
  readonly #world: LinkWorld;
  readonly #host: EngineConnectionHost;
  readonly #writer = new GatewayWriter();
  #state: State = { kind: "waiting", stop: () => undefined };
  #attempt = 0;
  #heardAt = 0;
  #pingedAt = 0;
  #roundTripMs: number | null = null;
  #woken = false;

  constructor(index: number, at: EngineAddress, linkKey: string, world: LinkWorld, host: EngineConnectionHost) {
    this.index = index;
    this.#at = at;
    this.address = `${at.host}:${at.port}`;
    this.#linkKey = linkKey;
    this.#world = world;
    this.#host = host;
  }

  /** Opens the socket now. */
  open(): void {
    const since = this.#world.clock.monotonic();
    const socket = connect({ host: this.#at.host, port: this.#at.port, noDelay: true });
    const nonce = this.#world.nonces.bytes(NONCE_BYTES);
    this.#state = { kind: "proving", socket, nonce, since, engineNonce: null, received: Buffer.alloc(0) };
    this.#heardAt = since;
    socket.on("data", (chunk: Buffer) => this.#received(socket, chunk));
    // The error is told again by `close`, which has what is needed.
    socket.on("error", () => undefined);
    socket.on("close", () => this.#closed(socket));
  }

  isUp(): boolean {
    return this.#state.kind === "up";
  }

  /** Whether commands should be given to it now. */
  canTake(): boolean {
    return this.#state.kind === "up" && this.#state.socket.writableLength + this.#writer.length < UNSENT_BYTES_MAX;
  }

  heardAt(): number {
    return this.#heardAt;
  }

  /** Of the last ping; null before the first and while it is down. */
  roundTripMs(): number | null {
    return this.#roundTripMs;
  }

  /** To add to, while it is up. Flushed at the end of the turn. */
  writer(): GatewayWriter {
    if (!this.#woken) {
      this.#woken = true;
      this.#host.wake(this);
    }
    return this.#writer;
  }

  send(message: GatewayMessage): void {
    if (this.isUp()) this.writer().message(message);
  }

  watch(auctionIds: readonly AuctionId[]): void {
    for (let from = 0; from < auctionIds.length; from += WATCH_IDS) this.send({ kind: "watch", auctionIds: auctionIds.slice(from, from + WATCH_IDS) });
  }

  flush(): void {
    this.#woken = false;
    const bytes = this.#writer.take();
    if (bytes !== null && this.#state.kind === "up") this.#state.socket.write(bytes);
  }

  /** Pings when one is due and cuts what is silent. `stoodStill`: this process did not run, so the silence was its own. */
  beat(now: number, stoodStill: boolean): void {
    const state = this.#state;
    if (stoodStill) this.#heardAt = now;
    if (state.kind === "up" && now - this.#heardAt > SILENT_MS) this.cut("silent");
    else if ((state.kind === "proving" || state.kind === "greeting") && now - state.since > HANDSHAKE_MS) this.cut("handshake_too_slow");
    else if (state.kind === "up" && now - this.#pingedAt >= PING_MS) this.#ping(now);
  }

  /** Drops the connection and tries again later. */
  cut(reason: LinkLoss): void {
    const state = this.#state;
    if (state.kind === "waiting" || state.kind === "closed") return;
    if (state.kind !== "proving") state.reader.stop("malformed_message");
    state.socket.destroy();
    this.#retryLater(state.kind === "up" ? state.since : null);
    this.#host.lost(this, reason, state.kind === "up");
  }

  /** For good. Resolves when the socket is gone. */
  close(): Promise<void> {
    const state = this.#state;
    this.#state = { kind: "closed" };
    if (state.kind === "closed") return Promise.resolve();
    if (state.kind === "waiting") {
      state.stop();
      return Promise.resolve();
    }
    if (state.kind !== "proving") state.reader.stop("malformed_message");
    return new Promise((resolve) => {
      state.socket.once("close", () => resolve());
      state.socket.destroy();
    });
  }

  #closed(socket: Socket): void {
    const state = this.#state;
    if ("socket" in state && state.socket === socket) this.cut("closed");
  }

  #retryLater(upSince: number | null): void {
    if (upSince !== null && this.#world.clock.monotonic() - upSince >= SOUND_MS) this.#attempt = 0;
    const wait = Math.min(RETRY_MS * 2 ** this.#attempt, RETRY_MS_MAX);
    this.#attempt += 1;
    this.#roundTripMs = null;
    this.#writer.take();
    this.#state = { kind: "waiting", stop: this.#world.timers.after(wait * (0.5 + 0.5 * this.#world.nonces.fraction()), () => this.open()) };
  }

  #ping(now: number): void {
    this.#pingedAt = now;
    this.send({ kind: "ping", sentAt: now });
  }

  #received(socket: Socket, chunk: Buffer): void {
    const state = this.#state;
    if (!("socket" in state) || state.socket !== socket) return;
    this.#heardAt = this.#world.clock.monotonic();
    if (state.kind === "proving") {
      this.#prove(state, chunk);
      return;
    }
    const fault = state.reader.feed(chunk);
    // What was read may have cut the link already, and even closed it for good.
    if (fault !== null && "socket" in this.#state && this.#state.socket === socket) this.cut(fault);
  }

  #prove(state: Extract<State, { kind: "proving" }>, chunk: Buffer): void {
    const received = Buffer.concat([state.received, chunk]);
    state.received = received;
    if (state.engineNonce === null) this.#reply(state, received);
    else if (received.length >= ENGINE_PROOF_BYTES) this.#greet(state, received, state.engineNonce);
  }

  #reply(state: Extract<State, { kind: "proving" }>, received: Buffer): void {
    if (received.length < CHALLENGE_BYTES) return;
    // An engine sends nothing before it has our reply.
    const reply = received.length > CHALLENGE_BYTES ? "not_a_link" : replyTo(received, this.#linkKey, state.nonce);
    if (typeof reply === "string") {
      this.cut(reply);
      return;
    }
    state.engineNonce = challengeNonce(received);
    state.received = Buffer.alloc(0);
    state.socket.write(reply);
  }

  #greet(state: Extract<State, { kind: "proving" }>, received: Buffer, engineNonce: Buffer): void {
    if (!engineProved(received, this.#linkKey, engineNonce, state.nonce)) {
      this.cut("wrong_key");
      return;
    }
    this.#state = { kind: "greeting", socket: state.socket, reader: this.#reader(), since: state.since };
    if (received.length > ENGINE_PROOF_BYTES) this.#received(state.socket, received.subarray(ENGINE_PROOF_BYTES));
  }

  #reader(): BatchReader {
    const host = this.#host;
    return engineReader({
      answer: (requestId, auctionId, rows, at, replayed) => host.answer(requestId, auctionId, rows, at, replayed),
      refusal: (requestId, code, retryAfterMs) => host.refused(this, requestId, code, retryAfterMs),
      message: (message) => this.#message(message),
    });
  }

  #message(message: Exclude<EngineMessage, { kind: "answer" | "refusal" }>): void {
    if (message.kind === "welcome") this.#welcome(message);
    else if (message.kind === "pong") this.#ponged(message.sentAt);
    else this.#host.told(this, message);
  }

  #ponged(sentAt: number): void {
    this.#roundTripMs = Math.max(0, this.#world.clock.monotonic() - sentAt);
    this.#host.measured(this, this.#roundTripMs);
  }

  #welcome(message: Welcome): void {
    const state = this.#state;
    if (state.kind !== "greeting") return;
    const now = this.#world.clock.monotonic();
    this.#state = { kind: "up", socket: state.socket, reader: state.reader, since: now };
    if (this.#host.welcomed(this, message)) this.#ping(now);
    else this.cut("other_life");
  }
}
