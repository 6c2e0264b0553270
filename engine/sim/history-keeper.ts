// A gateway's side of a node for tests of histories: it asks, and keeps every word it hears, in the order of one logical clock.

import { readAnswer } from "../core/answers.ts";
import type { Command } from "../core/command.ts";
import type { RefusalCode } from "../core/decision.ts";
import type { AuctionId } from "../core/ids.ts";
import type { ReadCaller } from "../ports.ts";
import type { Read, ReadResult } from "../protocol.ts";
import type { Ask, AskOutcome } from "./history.ts";
import type { OneNode } from "./one-node.ts";

const ANSWER_BYTES = 64;

interface Sent {
  readonly command: Command;
  readonly sentAt: number;
  readonly node: OneNode;
  answeredAt: number | null;
  outcome: AskOutcome | null;
  words: number;
}

interface ReadSent {
  readonly read: Read;
  readonly node: OneNode;
  readonly sentAt: number;
  result: ReadResult | RefusalCode | null;
  words: number;
}

/** Asks nodes, and remembers. One logical time for all of them. */
export class HistoryKeeper implements ReadCaller {
  readonly sent = new Map<number, Sent>();
  readonly reads = new Map<number, ReadSent>();
  #time = 0;
  #next = 1;

  send(node: OneNode, command: Command, deadlineMs = 60_000): void {
    const id = this.#next++;
    this.#time += 1;
    this.sent.set(id, { command, node, sentAt: this.#time, answeredAt: null, outcome: null, words: 0 });
    node.node.command(this, id, deadlineMs, command);
  }

  read(node: OneNode, read: Read): void {
    const id = this.#next++;
    this.#time += 1;
    this.reads.set(id, { read, node, sentAt: this.#time, result: null, words: 0 });
    node.node.read(this, id, read);
  }

  answer(requestId: number, _auctionId: AuctionId, rows: Uint8Array, at: number): void {
    const { verdict, code, sequence } = readAnswer(rows, at);
    this.#hear(requestId, { kind: "answer", verdict, code, sequence, text: Buffer.from(rows.subarray(at, at + ANSWER_BYTES)).toString("hex") });
  }

  refuse(requestId: number, _auctionId: AuctionId, code: RefusalCode): void {
    const read = this.reads.get(requestId);
    if (read === undefined) this.#hear(requestId, code === "outcome_unknown" ? { kind: "unknown" } : { kind: "refusal", code });
    else {
      read.words += 1;
      read.result = code;
    }
  }

  result(requestId: number, result: ReadResult): void {
    const read = this.reads.get(requestId);
    if (read === undefined) throw new Error("a read nobody asked for");
    read.words += 1;
    read.result = result;
  }

  #hear(requestId: number, outcome: AskOutcome): void {
    const sent = this.sent.get(requestId);
    if (sent === undefined) throw new Error("a word nobody asked for");
    this.#time += 1;
    sent.words += 1;
    sent.answeredAt = this.#time;
    sent.outcome = outcome;
  }

  /** As the checker wants it. */
  asks(): readonly Ask[] {
    return [...this.sent.values()].map(({ command, sentAt, answeredAt, outcome }) => ({
      issuerId: command.issuerId,
      auctionId: command.auctionId,
      key: command.key ?? "",
      sentAt,
      answeredAt,
      outcome: outcome ?? { kind: "unknown" },
    }));
  }
}
