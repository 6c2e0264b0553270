// A bidder's command on its way: limits, the engine, the answer. On the path of every bid: no promise, no timer, no copy of the answer.
//
// Must not: check the form of a frame (frame-check.ts) or a session's own limits (session.ts), or know a socket.
//
// D1. Limits are asked in this order: the bidder's tier, the auction. Both before the engine hears of the command.
// D2. The answer is built from the stored row alone, so a repeat is the same bytes.
// D3. Only a decision that is no repeat counts against the tier.
import { readAnswer } from "../../engine/core/answers.ts";
import type { Answer, RefusalCode } from "../../engine/core/decision.ts";
import type { AuctionId } from "../../engine/core/ids.ts";
import type { Admission } from "../admission.ts";
import { type KeyedCommand, makeCommand } from "../commands.ts";
import type { CommandReply, Engine, Identity } from "../ports.ts";
import type { BidRequest } from "./frame-check.ts";
import type { SocketMetrics } from "./metrics.ts";
import type { SocketTime } from "./time.ts";

/** Whoever sent the command. Exactly one of the first two is called, once, perhaps after the socket is gone. */
export interface BidSender {
  answered(id: number, key: string, auctionId: AuctionId, answer: Answer, replayed: boolean): void;
  refused(id: number, auctionId: AuctionId, code: RefusalCode | "rate_limited", retryAfterMs: number): void;
}

export interface BidOptions {
  readonly engine: Engine;
  readonly admission: Admission;
  readonly metrics: SocketMetrics;
  readonly time: SocketTime;
  readonly deadlineMs: number;
}

/** Refusals that mean that something of ours was not there. */
const FAILURES: ReadonlySet<RefusalCode> = new Set(["log_unavailable", "shard_unowned", "shard_moving", "outcome_unknown", "overloaded"]);

/** Sends one bid on. Answers come back to the sender, perhaps before this returns. */
export function sendBid(options: BidOptions, from: { readonly identity: Identity; readonly sender: BidSender }, request: BidRequest): void {
  const { identity, sender } = from;
  const { auctionId, key, body } = request;
  options.metrics.bidAttempted();
  const command = makeCommand({ role: "bidder", issuerId: identity.userId, auctionId, key, body });
  const pass = options.admission.bid(identity, auctionId, command.keyDigest);
  if (!pass.allowed) {
    options.metrics.rateLimited(pass.policy);
    sender.refused(request.id, auctionId, "rate_limited", pass.retryAfterMs);
    return;
  }
  options.engine.command(command, request.deadlineMs ?? options.deadlineMs, new Reply(options, from, request.id, command));
}

/** Waits for the answer to one bid. */
class Reply implements CommandReply {
  readonly #options: BidOptions;
  readonly #from: { readonly identity: Identity; readonly sender: BidSender };
  readonly #id: number;
  readonly #command: KeyedCommand;
  readonly #sentAt: number;

  constructor(options: BidOptions, from: { readonly identity: Identity; readonly sender: BidSender }, id: number, command: KeyedCommand) {
    this.#options = options;
    this.#from = from;
    this.#id = id;
    this.#command = command;
    this.#sentAt = options.time.monotonic();
  }

  answer(auctionId: AuctionId, rows: Uint8Array, at: number, replayed: boolean): void {
    const { admission, metrics } = this.#options;
    const { identity, sender } = this.#from;
    const answer = readAnswer(rows, at);
    admission.settled(identity);
    if (replayed) metrics.answerReplayed();
    else admission.decided(identity, auctionId, this.#command.keyDigest);
    sender.answered(this.#id, this.#command.key, auctionId, answer, replayed);
    metrics.bidAnswered(answer.verdict, this.#seconds());
  }

  refused(code: RefusalCode, retryAfterMs: number): void {
    this.#options.admission.settled(this.#from.identity);
    this.#from.sender.refused(this.#id, this.#command.auctionId, code, retryAfterMs);
    if (FAILURES.has(code)) this.#options.metrics.bidFailed(code, this.#seconds());
  }

  #seconds(): number {
    return (this.#options.time.monotonic() - this.#sentAt) / 1_000;
  }
}
