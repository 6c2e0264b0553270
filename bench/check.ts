// After each run: what generators were told is held against the log. A run that fails here has no figure.
//
// V1. Every acknowledged decision is in the log exactly once: its key, auction, sequence, verdict, and the price after it.
// V2. Prices of one auction never fall from one decision to the next, and its sequences have no gap.
// V3. Every bid in the log was sent: its number is below what was sent, and it offers what was offered.
// Decisions of the log that nobody was told of are no fault: their answers were on the way when the run ended.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Decision } from "../engine/core/decision.ts";
import { openLocalLogReader } from "../persistence/local/log-follower.ts";
import { readShard } from "../persistence/log-reader.ts";
import { createRecordCodec } from "../persistence/record.ts";
import { type AnswerRow, readAnswerRows } from "./answers.ts";
import { amountOf, keyNumber } from "./bid-frame.ts";

export interface CheckResult {
  readonly ok: boolean;
  /** Answers that were given, and decisions on bids that the log holds. */
  readonly acknowledged: number;
  readonly logged: number;
  readonly missing: number;
  readonly doubled: number;
  readonly different: number;
  readonly strangers: number;
  readonly outOfOrder: number;
  /** The first fault, for people; null when there is none. */
  readonly fault: string | null;
}

/** What the log says of one auction so far. */
interface Course {
  sequence: number;
  price: number;
}

const SEEN = 2;
const TOLD = 1;

/** Holds answers against decisions, which come in the order of each auction's log. */
export class AnswerCheck {
  readonly #auctions: readonly string[];
  readonly #sent: number;
  /** By number of the bid: TOLD, SEEN. */
  readonly #marks: Uint8Array;
  readonly #auctionOf: Uint32Array;
  readonly #sequenceOf: Uint32Array;
  readonly #priceOf: Float64Array;
  readonly #acceptedOf: Uint8Array;
  readonly #courses = new Map<string, Course>();
  #acknowledged = 0;
  #logged = 0;
  #found = 0;
  #doubled = 0;
  #different = 0;
  #strangers = 0;
  #outOfOrder = 0;
  #fault: string | null = null;

  /** `sent`: numbers of bids are below it. `auctions`: ids in the order of the rows' places. */
  constructor(options: { readonly auctions: readonly string[]; readonly sent: number }) {
    const { sent } = options;
    this.#auctions = options.auctions;
    this.#sent = sent;
    this.#marks = new Uint8Array(sent);
    this.#auctionOf = new Uint32Array(sent);
    this.#sequenceOf = new Uint32Array(sent);
    this.#priceOf = new Float64Array(sent);
    this.#acceptedOf = new Uint8Array(sent);
  }

  /** One answer that a bidder was given. */
  told(row: AnswerRow): void {
    const { n } = row;
    if (n >= this.#sent) {
      this.#count("strangers", `an answer was given to bid ${n}, which was never sent`);
      return;
    }
    if (this.#marks[n] === TOLD) this.#count("doubled", `bid ${n} was answered twice`);
    else this.#acknowledged += 1;
    this.#marks[n] = TOLD;
    this.#auctionOf[n] = row.auction;
    this.#sequenceOf[n] = row.sequence;
    this.#priceOf[n] = row.price;
    this.#acceptedOf[n] = row.accepted ? 1 : 0;
  }

  /** One decision of the log, after all answers. */
  decided(decision: Decision): void {
    const course = this.#course(decision);
    const { body, key } = decision.command;
    if (body.type !== "place_bid" || key === null) return;
    this.#logged += 1;
    const n = keyNumber(key);
    if (n === null || n >= this.#sent || body.amount !== amountOf(n)) {
      this.#count("strangers", `the log holds a bid of ${body.amount} under the key ${key}, which was never sent`);
      return;
    }
    const mark = this.#marks[n] as number;
    if ((mark & SEEN) !== 0) this.#count("doubled", `bid ${n} is in the log twice`);
    this.#marks[n] = mark | SEEN;
    if ((mark & TOLD) === 0 || (mark & SEEN) !== 0) return;
    this.#found += 1;
    this.#compare(n, decision, course.price);
  }

  /** The verdict, when every decision has been seen. */
  result(): CheckResult {
    const missing = this.#acknowledged - this.#found;
    if (missing > 0) this.#fault ??= `bid ${this.#marks.indexOf(TOLD)} was acknowledged and is not in the log`;
    return {
      ok: this.#fault === null,
      acknowledged: this.#acknowledged,
      logged: this.#logged,
      missing,
      doubled: this.#doubled,
      different: this.#different,
      strangers: this.#strangers,
      outOfOrder: this.#outOfOrder,
      fault: this.#fault,
    };
  }

  // V2. Rejections carry no price; the one before holds.
  #course(decision: Decision): Course {
    const { auctionId, sequence } = decision;
    const course = this.#courses.get(auctionId) ?? { sequence: 0, price: -1 };
    this.#courses.set(auctionId, course);
    const price = decision.effects.standing?.price ?? course.price;
    if (sequence !== course.sequence + 1) this.#count("outOfOrder", `sequence ${sequence} of ${auctionId} follows ${course.sequence}`);
    if (price < course.price) this.#count("outOfOrder", `the price of ${auctionId} falls from ${course.price} to ${price} at sequence ${sequence}`);
    course.sequence = sequence;
    course.price = price;
    return course;
  }

  #compare(n: number, decision: Decision, price: number): void {
    const auctionId = this.#auctions[this.#auctionOf[n] as number];
    const verdict = this.#acceptedOf[n] === 1 ? "accepted" : "rejected";
    const { auctionId: id, sequence } = decision;
    if (id === auctionId && sequence === this.#sequenceOf[n] && decision.verdict === verdict && price === this.#priceOf[n]) return;
    const told = `${auctionId} ${this.#sequenceOf[n]} ${verdict} at ${this.#priceOf[n]}`;
    this.#count("different", `bid ${n}: its bidder was told "${told}", the log says "${id} ${sequence} ${decision.verdict} at ${price}"`);
  }

  #count(what: "doubled" | "different" | "strangers" | "outOfOrder", fault: string): void {
    this.#fault ??= fault;
    if (what === "doubled") this.#doubled += 1;
    else if (what === "different") this.#different += 1;
    else if (what === "strangers") this.#strangers += 1;
    else this.#outOfOrder += 1;
  }
}

/** Reads the answers of every generator and the whole log of a system at rest. Throws when the log cannot be read to its end. */
export async function checkRun(options: {
  readonly dataDir: string;
  /** One of each generator; its auctions are `first`, `first + stride`, ... of all. */
  readonly answers: readonly { readonly file: string; readonly first: number; readonly stride: number }[];
  readonly auctions: readonly string[];
  readonly sent: number;
}): Promise<CheckResult> {
  const check = new AnswerCheck(options);
  for (const { file, first, stride } of options.answers) {
    for (const row of readAnswerRows(readFileSync(file))) check.told({ ...row, auction: first + row.auction * stride });
  }
  for await (const decision of decisionsOf(options.dataDir)) check.decided(decision);
  return check.result();
}

/** Every decision that counts, shard after shard, in the order of the log. */
export async function* decisionsOf(dataDir: string): AsyncGenerator<Decision> {
  const log = await openLocalLogReader({ dir: join(dataDir, "log") });
  const codec = createRecordCodec(log.lifeId);
  try {
    for (let shard = 0; shard < log.shards; shard += 1) {
      for await (const { record, verdict } of readShard(log, codec, shard)) {
        if (verdict.kind === "broken") throw new Error(`shard ${shard} is broken at offset ${record.offset}: ${verdict.reason}`);
        if (record.kind === "frame" && verdict.kind === "effective") yield* codec.decisions(record);
      }
    }
  } finally {
    await log.close();
  }
}
