// A bidder over a plain WebSocket that writes down everything it was told, byte for byte. For tests of whole processes.
//
// It keeps one bid in flight. When the socket goes away the bid in flight is unknown: it is written down so, and asked again under
// the same key over the next socket, until there is an answer.
import pRetry, { AbortError } from "p-retry";
import { WebSocket } from "ws";
import type { Ask, AskOutcome } from "../../engine/sim/history.ts";

interface Frame {
  readonly type: string;
  readonly id?: number;
  readonly code?: string;
  readonly replayed?: boolean;
  readonly answer?: { readonly verdict: string; readonly code: string; readonly sequence: number; readonly askingPriceMinor: number | null };
}

export interface Bid {
  readonly auctionId: string;
  readonly key: string;
  readonly amountMinor: number;
}

/** Refusals after which the same key may be asked again. */
const AGAIN = new Set(["outcome_unknown", "shard_unowned", "shard_moving", "log_unavailable", "overloaded", "draining", "auction_busy"]);

export class TestBidder {
  readonly issuerId: string;
  readonly asks: Ask[] = [];
  /** Asking price of each auction as last told. */
  readonly asking = new Map<string, number>();
  readonly #url: () => string;
  readonly #token: string;
  #socket: WebSocket | null = null;
  #closed = false;
  #next = 1;
  #waiting: { readonly id: number; readonly done: (outcome: AskOutcome) => void } | null = null;

  constructor(options: { readonly issuerId: string; readonly url: () => string; readonly token: string }) {
    this.issuerId = options.issuerId;
    this.#url = options.url;
    this.#token = options.token;
  }

  /** Asks once and writes it down. Resolves when there is an answer, a refusal, or the socket is gone. */
  async ask(bid: Bid): Promise<AskOutcome> {
    const socket = await this.#connected();
    const sentAt = performance.now();
    const outcome = await new Promise<AskOutcome>((resolve) => {
      const id = this.#next++;
      this.#waiting = { id, done: resolve };
      socket.send(JSON.stringify({ type: "place_bid", id, ...bid, currency: "USD" }), (error) => {
        if (error) this.#lost();
      });
    });
    const told = outcome.kind === "unknown" ? null : performance.now();
    this.asks.push({ issuerId: this.issuerId, auctionId: bid.auctionId, key: bid.key, sentAt, answeredAt: told, outcome });
    return outcome;
  }

  /** Asks under one key until it is answered. */
  async insist(bid: Bid): Promise<AskOutcome> {
    return await pRetry(
      async () => {
        const outcome = await this.ask(bid);
        if (outcome.kind === "unknown" || (outcome.kind === "refusal" && AGAIN.has(outcome.code))) throw new Error(`no answer yet to ${bid.key}`);
        return outcome;
      },
      { retries: 200, minTimeout: 20, maxTimeout: 250, factor: 1.5 },
    );
  }

  /** For good: a call that has no answer yet rejects. */
  close(): void {
    this.#closed = true;
    this.#socket?.close();
  }

  async #connected(): Promise<WebSocket> {
    if (this.#socket !== null && this.#socket.readyState === WebSocket.OPEN) return this.#socket;
    const attempt = (): Promise<WebSocket> => {
      if (this.#closed) throw new AbortError("closed");
      return this.#connect();
    };
    return await pRetry(attempt, { retries: 400, minTimeout: 20, maxTimeout: 250, factor: 1.5 });
  }

  #connect(): Promise<WebSocket> {
    return new Promise((resolve, reject) => {
      const socket = new WebSocket(this.#url(), ["fairwarning.v1.json"]);
      socket.on("open", () => socket.send(JSON.stringify({ type: "auth", id: this.#next++, token: this.#token })));
      socket.on("error", reject);
      socket.on("close", () => {
        if (this.#socket === socket) this.#lost();
        reject(new Error("closed"));
      });
      socket.on("message", (data) => {
        const text = String(data);
        const frame = JSON.parse(text) as Frame;
        if (frame.type === "welcome") {
          this.#socket = socket;
          resolve(socket);
        } else if (this.#waiting !== null && frame.id === this.#waiting.id) this.#told(frame, text);
      });
    });
  }

  #lost(): void {
    this.#socket = null;
    this.#finish({ kind: "unknown" });
  }

  #told(frame: Frame, text: string): void {
    const { answer } = frame;
    if (frame.type === "bid_answer" && answer !== undefined) {
      const at = text.indexOf('"answer":');
      const { verdict, code, sequence } = answer;
      this.#finish({ kind: "answer", verdict, code, sequence, text: text.slice(at) });
    } else if (frame.code === "outcome_unknown") this.#finish({ kind: "unknown" });
    else this.#finish({ kind: "refusal", code: frame.code ?? frame.type });
  }

  #finish(outcome: AskOutcome): void {
    const waiting = this.#waiting;
    this.#waiting = null;
    waiting?.done(outcome);
  }
}
