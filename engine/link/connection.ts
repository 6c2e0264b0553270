// One gateway's connection, from the first byte to the last: the handshake, then commands and reads in, answers and updates out.
//
// State       entered when                 left when                              there
// challenged  the connection was accepted  the proof fits, or HANDSHAKE_MS        nothing is processed, nothing but the challenge sent
// linked      the gateway proved its key   closed, cut, malformed, over a limit   messages go to the node
// closed      any of those                 never                                  late answers of the node are dropped
import type { Socket } from "node:net";
import type { Command } from "../core/command.ts";
import type { RefusalCode } from "../core/decision.ts";
import type { AuctionId } from "../core/ids.ts";
import type { Clock } from "../ports.ts";
import type { EngineMessage, GatewayMessage, ReadResult, RequestId, Update } from "../protocol.ts";
import type { BatchReader, LinkFault } from "../protocol-bytes.ts";
import { gatewayReader } from "../protocol-codec.ts";
import { acceptReply, challenge, HANDSHAKE_MS, type HandshakeFault, NONCE_BYTES, REPLY_BYTES } from "../protocol-handshake.ts";
import type { LinkNode, ReadCaller } from "./node.ts";
import { Outbox } from "./outbox.ts";

/** A gateway pings every second; after this long without a byte its host is gone and the socket only half open. */
const SILENT_MS_MAX = 10_000;
/** Auctions one gateway may watch; about 100 bytes each. A gateway has at most 10,000 sockets, most on the same auctions. */
export const WATCHED_MAX = 1_000_000;

export type CloseReason =
  | HandshakeFault
  | LinkFault
  | "handshake_too_slow"
  | "early_bytes"
  | "closed"
  | "overflow"
  | "silent"
  | "watched_too_many"
  | "stopping";

/** What the server does for its connections. */
export interface ConnectionHost {
  readonly node: LinkNode;
  readonly clock: Clock;
  readonly linkKey: string;
  linked(connection: GatewayConnection): void;
  /** `wasLinked`: it had proved its key. */
  closed(connection: GatewayConnection, reason: CloseReason, wasLinked: boolean): void;
  /** Flush it at the end of this turn. */
  wake(connection: GatewayConnection): void;
  watch(connection: GatewayConnection, auctionIds: readonly AuctionId[]): void;
  unwatch(connection: GatewayConnection, auctionIds: readonly AuctionId[]): void;
}

type State =
  | { readonly kind: "challenged"; readonly nonce: Buffer; readonly reply: Buffer; received: number }
  | { readonly kind: "linked"; readonly reader: BatchReader }
  | { readonly kind: "closed" };

export class GatewayConnection implements ReadCaller {
  /** For log lines. */
  readonly address: string;
  readonly #host: ConnectionHost;
  readonly #socket: Socket;
  readonly #outbox: Outbox;
  readonly #openedAt: number;
  /** Auctions this gateway watches; kept by the server. */
  readonly watched = new Set<AuctionId>();
  #heardAt: number;
  #state: State;

  constructor(host: ConnectionHost, socket: Socket, nonce: Uint8Array) {
    this.#host = host;
    this.#socket = socket;
    this.address = `${socket.remoteAddress ?? "unknown"}:${socket.remotePort ?? 0}`;
    this.#openedAt = host.clock.monotonic();
    this.#heardAt = this.#openedAt;
    this.#outbox = new Outbox({
      write: (bytes, sent) => socket.write(bytes, (error) => (error ? undefined : sent())),
      monotonic: () => host.clock.monotonic(),
      wake: () => host.wake(this),
    });
    this.#state = { kind: "challenged", nonce: Buffer.from(nonce.subarray(0, NONCE_BYTES)), reply: Buffer.alloc(REPLY_BYTES), received: 0 };
    socket.setNoDelay(true);
    socket.on("data", (chunk: Buffer) => this.#received(chunk));
    // The error is told again by `close`, which has what is needed.
    socket.on("error", () => undefined);
    socket.on("close", () => this.close("closed"));
    socket.write(challenge(this.#state.nonce));
  }

  // Caller and ReadCaller, for the node

  answer(requestId: RequestId, auctionId: AuctionId, rows: Uint8Array, at: number, replayed: boolean): void {
    if (this.#state.kind === "linked") this.#outbox.writer().answer(requestId, auctionId, rows, at, replayed);
  }

  refuse(requestId: RequestId, _auctionId: AuctionId, code: RefusalCode, retryAfterMs: number): void {
    if (this.#state.kind === "linked") this.#outbox.writer().refusal(requestId, code, retryAfterMs);
  }

  result(requestId: RequestId, result: ReadResult): void {
    this.send({ kind: "read_result", requestId, result });
  }

  // for the server

  send(message: EngineMessage): void {
    if (this.#state.kind === "linked") this.#outbox.writer().message(message);
  }

  /** Adds bytes of encodeEngineMessage. */
  sendEncoded(encoded: Uint8Array): void {
    if (this.#state.kind === "linked") this.#outbox.writer().encoded(encoded);
  }

  update(update: Update, encoded: Uint8Array): void {
    if (this.#state.kind === "linked") this.#outbox.update(update, encoded);
  }

  flush(): void {
    if (this.#state.kind !== "linked") return;
    this.#outbox.flush();
    if (this.#outbox.over(this.#host.clock.monotonic())) this.close("overflow");
  }

  conflatedTotal(): number {
    return this.#outbox.conflatedTotal();
  }

  isLinked(): boolean {
    return this.#state.kind === "linked";
  }

  /** Closes it if one of its time limits has passed. */
  check(now: number): void {
    if (this.#state.kind === "challenged" && now - this.#openedAt > HANDSHAKE_MS) this.close("handshake_too_slow");
    else if (this.#state.kind === "linked" && this.#outbox.over(now)) this.close("overflow");
    else if (this.#state.kind === "linked" && now - this.#heardAt > SILENT_MS_MAX) this.close("silent");
  }

  /** Forgives a silence that was this process's own: it was not running. */
  excuse(now: number): void {
    this.#heardAt = now;
  }

  close(reason: CloseReason): void {
    const before = this.#state;
    if (before.kind === "closed") return;
    this.#state = { kind: "closed" };
    if (before.kind === "linked") before.reader.stop("malformed_message");
    this.#socket.destroy();
    this.#host.closed(this, reason, before.kind === "linked");
  }

  #received(chunk: Buffer): void {
    this.#heardAt = this.#host.clock.monotonic();
    const state = this.#state;
    if (state.kind === "challenged") this.#shake(state, chunk);
    if (state.kind !== "linked") return;
    const fault = state.reader.feed(chunk);
    this.#host.node.turn();
    if (fault !== null) this.close(fault);
  }

  #shake(state: Extract<State, { kind: "challenged" }>, chunk: Buffer): void {
    if (state.received + chunk.length > REPLY_BYTES) {
      this.close("early_bytes");
      return;
    }
    chunk.copy(state.reply, state.received);
    state.received += chunk.length;
    if (state.received < REPLY_BYTES) return;
    const proof = acceptReply(state.reply, this.#host.linkKey, state.nonce);
    if (typeof proof === "string") {
      this.close(proof);
      return;
    }
    this.#socket.write(proof);
    this.#state = {
      kind: "linked",
      reader: gatewayReader({
        command: (requestId, deadlineMs, command) => this.#command(requestId, deadlineMs, command),
        message: (message) => this.#message(message),
      }),
    };
    this.#host.linked(this);
  }

  #command(requestId: RequestId, deadlineMs: number, command: Command): void {
    this.#host.node.command(this, requestId, deadlineMs, command);
  }

  #message(message: Exclude<GatewayMessage, { kind: "command" }>): void {
    switch (message.kind) {
      case "read":
        this.#host.node.read(this, message.requestId, message.read);
        break;
      case "watch":
        this.#host.watch(this, message.auctionIds);
        if (this.watched.size > WATCHED_MAX) this.close("watched_too_many");
        break;
      case "unwatch":
        this.#host.unwatch(this, message.auctionIds);
        break;
      case "ping":
        this.send({ kind: "pong", sentAt: message.sentAt, engineAt: this.#host.clock.now() });
        break;
      default:
        message satisfies never;
    }
  }
}
