// Who asks: the seller, an operator and some bidders, through one gateway or another. Each keeps asking under the same key until it is
// told what became of it, or gives up on a refusal; some ask again later, some twice at once, some under a key that was used.
//
// Owns: what was asked and what came back, as the client heard it. Must not: know more than a client could, but for the price it bids at.
import { readAnswer } from "../core/answers.ts";
import type { Command } from "../core/command.ts";
import type { RefusalCode } from "../core/decision.ts";
import type { EventHeap } from "./heap.ts";
import type { Ask, AskOutcome } from "./history.ts";
import type { SimOptions } from "./options.ts";
import type { Random } from "./random.ts";
import { askOf } from "./sendings.ts";
import type { SimGateway } from "./sim-gateway.ts";
import type { Trace } from "./trace.ts";

const ANSWER_BYTES = 64;
const DEADLINES_MS = [400, 1_500, 5_000] as const;
/** A client that heard nothing this long after its deadline asks again. */
const PATIENCE_MS = 500;
const PAUSE_MS = 300;

/** Refusals that asking again would not change. */
const FINAL: ReadonlySet<RefusalCode> = new Set(["key_reused", "no_such_auction"]);

export interface ClientWorld {
  readonly heap: EventHeap;
  readonly random: Random;
  readonly options: SimOptions;
  readonly trace: Trace;
  readonly faulty: () => boolean;
  readonly moment: () => number;
  /** The gateway processes that live now; never empty for long. */
  readonly gateways: () => readonly SimGateway[];
  readonly count: (what: string) => void;
}

/** One ask as its client remembers it. */
interface Asked {
  readonly command: Command;
  readonly sentAt: number;
  answeredAt: number | null;
  outcome: AskOutcome | null;
}

/** One command, asked until its client knows what became of it. */
interface Wish {
  readonly command: Command;
  /** What it was told; null while it does not know. */
  known: AskOutcome | null;
  tries: number;
}

export class SimClients {
  readonly asked: Asked[] = [];
  /** Highest sequence that any client was told of an auction. */
  readonly told = new Map<string, number>();
  readonly #world: ClientWorld;
  readonly #wishes: Wish[] = [];

  constructor(world: ClientWorld) {
    this.#world = world;
  }

  /** Asks until the outcome is known. */
  wish(command: Command): void {
    const wish: Wish = { command, known: null, tries: 0 };
    this.#wishes.push(wish);
    this.#try(wish);
    const { random, options, faulty } = this.#world;
    if (faulty() && random.chance(options.otherGateway * 0.3)) this.#try(wish);
  }

  /** Commands whose outcome their client does not know. */
  open(): readonly Command[] {
    return this.#wishes.filter((wish) => wish.known === null).map((wish) => wish.command);
  }

  /** The history as the clients heard it. */
  asks(): readonly Ask[] {
    return this.asked.map(({ command, sentAt, answeredAt, outcome }) => askOf(command, sentAt, answeredAt, outcome));
  }

  #try(wish: Wish): void {
    const { heap, random, moment, faulty, options } = this.#world;
    const gateways = this.#world.gateways();
    const gateway = gateways.length === 0 ? undefined : (gateways[wish.tries % gateways.length] as SimGateway);
    if (gateway === undefined) {
      heap.after(PAUSE_MS, null, () => this.#try(wish));
      return;
    }
    wish.tries += faulty() && random.chance(options.otherGateway) ? 1 : 0;
    const asked: Asked = { command: wish.command, sentAt: moment(), answeredAt: null, outcome: null };
    this.asked.push(asked);
    const deadlineMs = random.pick(DEADLINES_MS);
    const lost = faulty() && random.chance(options.replyLost);
    let over = false;
    const end = (outcome: AskOutcome): void => {
      if (over) return;
      over = true;
      this.#heard(wish, asked, outcome);
    };
    heap.after(deadlineMs + PATIENCE_MS, null, () => end({ kind: "unknown" }));
    gateway.command(wish.command, deadlineMs, {
      answer: (_auctionId, rows, at) => (lost ? undefined : end(answerOf(rows, at))),
      refused: (code) => (lost ? undefined : end(code === "outcome_unknown" ? { kind: "unknown" } : { kind: "refusal", code })),
    });
  }

  #heard(wish: Wish, asked: Asked, outcome: AskOutcome): void {
    const { random, options, faulty, heap, moment, trace } = this.#world;
    asked.answeredAt = outcome.kind === "unknown" ? null : moment();
    asked.outcome = outcome;
    const { issuerId, auctionId, key } = wish.command;
    trace.add(
      "heard",
      issuerId,
      key,
      outcome.kind === "answer" ? `${outcome.code} ${outcome.sequence}` : outcome.kind === "refusal" ? outcome.code : "unknown",
    );
    if (outcome.kind === "answer") this.told.set(auctionId, Math.max(this.told.get(auctionId) ?? 0, outcome.sequence));
    if (wish.known !== null) return;
    if (outcome.kind === "answer" || (outcome.kind === "refusal" && (FINAL.has(outcome.code as RefusalCode) || random.chance(options.givesUp)))) {
      wish.known = outcome;
      if (outcome.kind === "answer" && faulty() && random.chance(options.lateRepeat)) this.#repeatLater(wish.command);
      return;
    }
    heap.after(PAUSE_MS * random.fraction(), null, () => {
      if (wish.known === null) this.#try(wish);
    });
  }

  #repeatLater(command: Command): void {
    const { heap, random, count, options } = this.#world;
    heap.after(options.faultsMs * random.fraction(), null, () => {
      count("late_repeat");
      this.wish(command);
    });
  }
}

function answerOf(rows: Uint8Array, at: number): AskOutcome {
  const { verdict, code, sequence } = readAnswer(rows, at);
  return { kind: "answer", verdict, code, sequence, text: Buffer.from(rows.subarray(at, at + ANSWER_BYTES)).toString("hex") };
}
