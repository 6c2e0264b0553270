// One connection between a gateway and an engine process: in order each way, with a delay, until it is cut.
//
// Owns: what is on its way. Must not: know what a message means, but for what it records of commands and answers.
//
// K1. What was on its way when the connection was cut may still arrive at the node; at the gateway nothing arrives any more.
// K2. All that a process says in one event leaves in one message.

import { readAnswer } from "../core/answers.ts";
import type { Command } from "../core/command.ts";
import type { RefusalCode } from "../core/decision.ts";
import type { AuctionId, Shard } from "../core/ids.ts";
import type { ReadCaller } from "../ports.ts";
import type { Read, ReadResult, ShardStatus, Update } from "../protocol.ts";
import type { EngineNode } from "../shard/node.ts";
import type { EventHeap, Owner } from "./heap.ts";
import type { SimOptions } from "./options.ts";
import type { PortCheck } from "./port-check.ts";
import type { Random } from "./random.ts";
import type { Sending, Sendings } from "./sendings.ts";
import type { Trace } from "./trace.ts";

const ANSWER_BYTES = 64;

export type ToNode =
  | { readonly kind: "command"; readonly requestId: number; readonly deadlineMs: number; readonly command: Command; readonly sending: Sending }
  | { readonly kind: "read"; readonly requestId: number; readonly read: Read }
  | { readonly kind: "hello" };

export type ToGateway =
  | { readonly kind: "welcome"; readonly statuses: readonly ShardStatus[] }
  | { readonly kind: "answer"; readonly requestId: number; readonly auctionId: AuctionId; readonly row: Uint8Array; readonly replayed: boolean }
  | { readonly kind: "refusal"; readonly requestId: number; readonly code: RefusalCode; readonly retryAfterMs: number }
  | { readonly kind: "result"; readonly requestId: number; readonly result: ReadResult }
  | { readonly kind: "shard"; readonly status: ShardStatus }
  | { readonly kind: "update"; readonly update: Update };

/** The gateway's end. */
export interface LinkEnd {
  readonly name: string;
  dead: boolean;
  heard(link: SimLink, messages: readonly ToGateway[]): void;
  lost(link: SimLink): void;
}

/** The node's end. */
export interface LinkedProcess extends Owner {
  readonly node: EngineNode;
  readonly check: PortCheck;
  readonly links: Set<SimLink>;
  shardOf(auctionId: AuctionId): Shard;
}

export interface LinkWorld {
  readonly heap: EventHeap;
  readonly random: Random;
  readonly options: SimOptions;
  readonly trace: Trace;
  readonly faulty: () => boolean;
  readonly sendings: Sendings;
}

export class SimLink implements ReadCaller {
  readonly name: string;
  readonly node: LinkedProcess;
  open = true;
  readonly #world: LinkWorld;
  readonly #gateway: LinkEnd;
  /** Commands of it that the node has, by request. A gateway may send one again under its number: words are given to them in their order. */
  readonly #asked = new Map<number, readonly Sending[]>();
  #toNode: ToNode[] = [];
  #toGateway: ToGateway[] = [];
  #nodeAt = 0;
  #gatewayAt = 0;
  #lingers = true;

  constructor(world: LinkWorld, gateway: LinkEnd, node: LinkedProcess) {
    this.#world = world;
    this.#gateway = gateway;
    this.node = node;
    this.name = `${gateway.name}~${node.name}`;
  }

  sendToNode(message: ToNode): void {
    this.#toNode.push(message);
  }

  flushToNode(): void {
    const messages = this.#toNode;
    if (messages.length === 0 || !this.open) return;
    this.#toNode = [];
    const { heap, random, options } = this.#world;
    this.#nodeAt = Math.max(this.#nodeAt, heap.now + options.linkMsMax * random.fraction());
    heap.after(this.#nodeAt - heap.now, this.node, () => this.#arrive(messages));
  }

  #arrive(messages: readonly ToNode[]): void {
    if (!this.open && !this.#lingers) return;
    const { node } = this.node;
    for (const message of messages) {
      switch (message.kind) {
        case "hello":
          this.node.links.add(this);
          this.sendToGateway({ kind: "welcome", statuses: node.statuses() });
          break;
        case "command":
          this.#world.sendings.arrived(message.sending, this.node.name, this.name);
          this.#ask(message.requestId, message.sending);
          node.command(this, message.requestId, message.deadlineMs, message.command);
          break;
        case "read":
          node.read(this, message.requestId, message.read);
          break;
      }
    }
    node.turn();
  }

  sendToGateway(message: ToGateway): void {
    this.#toGateway.push(message);
  }

  flushToGateway(): void {
    const messages = this.#toGateway;
    if (messages.length === 0) return;
    this.#toGateway = [];
    if (!this.open) return;
    const { heap, random, options, faulty } = this.#world;
    this.#gatewayAt = Math.max(this.#gatewayAt, heap.now + options.linkMsMax * random.fraction());
    heap.after(this.#gatewayAt - heap.now, null, () => {
      if (this.open && !this.#gateway.dead) this.#gateway.heard(this, messages);
    });
    if (!faulty() || !random.chance(options.answerRepeated)) return;
    // A gateway must bear to hear an answer twice: the same key may have been asked over two links.
    const answers = messages.filter((message) => message.kind === "answer");
    heap.after(this.#gatewayAt - heap.now + 100 * random.fraction(), null, () => {
      if (!this.#gateway.dead) this.#gateway.heard(this, answers);
    });
  }

  /** Both ends lose it. */
  cut(): void {
    if (!this.open) return;
    const { heap, random, trace } = this.#world;
    this.open = false;
    this.#lingers = random.chance(0.5);
    trace.add("cut", this.name);
    this.node.links.delete(this);
    heap.after(0, this.node, () => this.node.node.closed(this));
    heap.after(random.fraction(), null, () => {
      if (!this.#gateway.dead) this.#gateway.lost(this);
    });
  }

  // The node's words (ReadCaller)

  answer(requestId: number, auctionId: AuctionId, rows: Uint8Array, at: number, replayed: boolean): void {
    const sending = this.#told(requestId);
    this.node.check.answered(this.node.shardOf(auctionId), auctionId, rows, at);
    const row = rows.slice(at, at + ANSWER_BYTES);
    const { verdict, code, sequence } = readAnswer(row, 0);
    if (sending !== undefined) {
      const text = Buffer.from(row).toString("hex");
      this.#world.sendings.answered(sending, { kind: "answer", verdict, code, sequence, text }, replayed);
    }
    this.#world.trace.add("answer", this.name, requestId, code, sequence, replayed ? "replayed" : null);
    this.sendToGateway({ kind: "answer", requestId, auctionId, row, replayed });
  }

  refuse(requestId: number, _auctionId: AuctionId, code: RefusalCode, retryAfterMs: number): void {
    const sending = this.#told(requestId);
    if (sending !== undefined) this.#world.sendings.answered(sending, code === "outcome_unknown" ? { kind: "unknown" } : { kind: "refusal", code }, false);
    this.#world.trace.add("refuse", this.name, requestId, code);
    this.sendToGateway({ kind: "refusal", requestId, code, retryAfterMs });
  }

  #ask(requestId: number, sending: Sending): void {
    const asked = [...(this.#asked.get(requestId) ?? []), sending];
    this.#asked.set(requestId, asked);
    if (asked.length > 1) for (const one of asked) one.twin = true;
  }

  #told(requestId: number): Sending | undefined {
    const [sending, ...later] = this.#asked.get(requestId) ?? [];
    if (later.length === 0) this.#asked.delete(requestId);
    else this.#asked.set(requestId, later);
    return sending;
  }

  result(requestId: number, result: ReadResult): void {
    this.sendToGateway({ kind: "result", requestId, result });
  }
}
