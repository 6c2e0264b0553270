// Watches the calls between a process, its log and its callers, for rules whose breaking another rule would make good, so that no answer
// would ever show it.
//
// Q1. One append of a shard is in flight, and one request of a lane.
// Q2. Nothing is appended under an epoch after an unknown outcome or a RELEASE of it.
// Q3. No answer and no update leaves before its record is in the log, and before this process heard of it: told done, or read.
// Q4. An answer's bytes are those that the log amounts to.
// Q5. A tenure does not end because its record landed behind a gap of void records, when the gap was read in time.
import { ANSWER_BYTES, readAnswer } from "../core/answers.ts";
import type { AuctionId, Offset, Shard } from "../core/ids.ts";
import type { AppendOutcome } from "../ports.ts";
import type { Update } from "../protocol.ts";
import type { ModelRecord } from "./model-judge.ts";
import { rememberedName, type TrueLog } from "./true-log.ts";

/** A gap that was read within this was read in time: less than any owner has for it. */
const GAP_MS = 1_900;

type Tell = (invariant: string, message: string) => void;

/** What one process did at one shard. */
interface Seen {
  inFlight: ModelRecord | null;
  /** Epochs under which it may append nothing more, and why. */
  readonly over: Map<number, string>;
  /** Records below it are known to the process. */
  known: Offset;
  /** Records below it were read. */
  readTo: Offset;
  /** The last record, when it landed behind a gap. */
  behindGap: { readonly offset: Offset; readonly at: number } | null;
  /** Whether the outcome of its last CLAIM was unknown. */
  claimUnknown: boolean;
}

/** One process. */
export class PortCheck {
  readonly #name: string;
  readonly #logs: readonly TrueLog[];
  readonly #tell: Tell;
  readonly #count: (what: string) => void;
  readonly #seen: readonly Seen[];

  constructor(name: string, logs: readonly TrueLog[], tell: Tell, count: (what: string) => void) {
    this.#name = name;
    this.#logs = logs;
    this.#tell = tell;
    this.#count = count;
    this.#seen = logs.map(() => ({ inFlight: null, over: new Map(), known: 0, readTo: 0, behindGap: null, claimUnknown: false }));
  }

  /** Handed to the log. */
  sent(shard: Shard, record: ModelRecord): void {
    const seen = this.#of(shard);
    if (seen.inFlight !== null) this.#tell("Q1", `${this.#name} appends a ${record.kind} to shard ${shard} while a ${seen.inFlight.kind} is in flight`);
    seen.inFlight = record;
    seen.behindGap = null;
    if (record.kind === "claim") return;
    const over = seen.over.get(record.epoch);
    if (over !== undefined) this.#tell("Q2", `${this.#name} appends a ${record.kind} to shard ${shard} under epoch ${record.epoch} after ${over}`);
  }

  /** The process hears what became of it. */
  told(shard: Shard, outcome: AppendOutcome, at: number): void {
    const seen = this.#of(shard);
    const record = seen.inFlight;
    seen.inFlight = null;
    if (record === null) return;
    if (record.kind === "claim") seen.claimUnknown = outcome.kind === "unknown";
    else if (outcome.kind === "done" && outcome.offset > seen.known) this.#count(`gap_${this.#gap(shard, seen.known, outcome.offset)}`);
    if (outcome.kind === "done" && outcome.offset > seen.known) seen.behindGap = { offset: outcome.offset, at };
    if (outcome.kind === "done") seen.known = Math.max(seen.known, outcome.offset + 1);
    // Of what was refused no byte is in the log: a RELEASE that was never given leaves the epoch open.
    if (outcome.kind === "done" && record.kind === "release") seen.over.set(record.epoch, "its RELEASE");
    if (outcome.kind === "unknown" && record.kind !== "claim") seen.over.set(record.epoch, "an unknown outcome");
  }

  #gap(shard: Shard, from: Offset, to: Offset): "void" | "claimed" {
    const between = this.#logs[shard]?.judged.slice(from, to) ?? [];
    return between.every(({ verdict }) => verdict === "void") ? "void" : "claimed";
  }

  /** The process says that its claim is effective. */
  claimed(shard: Shard): void {
    if (this.#of(shard).claimUnknown) this.#count("adopted_claim");
  }

  /** The process has read up to there, or holds a checkpoint that reaches there. */
  read(shard: Shard, below: Offset): void {
    const seen = this.#of(shard);
    seen.known = Math.max(seen.known, below);
    seen.readTo = Math.max(seen.readTo, below);
  }

  /** The process holds its tenure for over. */
  over(shard: Shard, at: number): void {
    const { behindGap, readTo } = this.#of(shard);
    if (behindGap === null || readTo < behindGap.offset || at - behindGap.at >= GAP_MS) return;
    if (this.#logs[shard]?.judged[behindGap.offset]?.verdict !== "effective") return;
    this.#tell("Q5", `${this.#name} gives shard ${shard} up over its record at ${behindGap.offset}, before which nothing but void records stands`);
  }

  /** An answer leaves. */
  answered(shard: Shard, auctionId: AuctionId, rows: Uint8Array, at: number): void {
    const decidedBy = this.#logs[shard]?.claimants.get(readAnswer(rows, at).epoch);
    if (decidedBy !== this.#name) this.#count("repeat_after_takeover");
    const known = this.#logs[shard]?.remembered.get(rememberedName(auctionId, rows, at));
    const text = Buffer.from(rows.subarray(at, at + ANSWER_BYTES)).toString("hex");
    if (known === undefined) this.#tell("Q3", `${this.#name} answers of ${auctionId} what is not in the log: ${text}`);
    else if (known.offset >= this.#of(shard).known) this.#tell("Q3", `${this.#name} answers of ${auctionId} before it heard of the record at ${known.offset}`);
    else if (Buffer.compare(known.row, rows.subarray(at, at + ANSWER_BYTES)) !== 0) {
      this.#tell("Q4", `${this.#name} answers of ${auctionId}: ${text}, the log says ${Buffer.from(known.row).toString("hex")}`);
    }
  }

  /** An update leaves. */
  updated(shard: Shard, { auctionId, epoch, sequence, state }: Update): void {
    const shown = this.#logs[shard]?.shown.get(`${auctionId} ${sequence}`);
    const text = JSON.stringify(state);
    if (shown === undefined) this.#tell("I18", `${this.#name} shows ${auctionId} at ${sequence}, which is not in the log: ${text}`);
    else if (shown.offset >= this.#of(shard).known) this.#tell("I18", `${this.#name} shows ${auctionId} at ${sequence} before it heard of its record`);
    else if (shown.text !== text || shown.epoch !== epoch) {
      this.#tell("I20", `${this.#name} shows ${auctionId} at (${epoch}, ${sequence}) ${text}, the log says (${shown.epoch}) ${shown.text}`);
    }
  }

  #of(shard: Shard): Seen {
    return this.#seen[shard] as Seen;
  }
}
