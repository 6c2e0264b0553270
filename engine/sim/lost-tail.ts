// A log that loses what it acknowledged, as an election of a replica that lags brings about: every process dies, and the end of one
// shard's log is gone when they come back.
//
// No log may do that, and nothing can bring back what is lost. So in such a run nothing else is asked but this:
// W1. Where a checkpoint had seen more than the log now holds, nobody serves the shard before somebody has said that the log got shorter.
// W2. The same where the log has grown past the checkpoint again by what somebody else wrote: another record stands where it had been.
//     Not where the log was then trimmed up to the checkpoint: nothing is left that could show it.
import type { Offset, Shard } from "../core/ids.ts";
import type { Random } from "./random.ts";
import type { Trace } from "./trace.ts";
import type { TrueLog } from "./true-log.ts";

const LOST_MAX = 12;
/** What is still asked of a run whose log has lost its tail. */
export const ASKED_OF_LOST: ReadonlySet<string> = new Set(["W1", "W2"]);

/** Words by which a loss is noticed. */
const NOTICED: ReadonlySet<unknown> = new Set(["log_shorter", "hash_chain", "lsn_ahead"]);

/** What is needed of the cluster. */
export interface LosingWorld {
  readonly random: Random;
  readonly trace: Trace;
  readonly logs: readonly TrueLog[];
  /** Checkpoints that were saved. */
  readonly vouched: readonly { readonly checkpoint: { readonly shard: Shard; readonly offset: Offset } }[];
  readonly count: (what: string) => void;
  readonly tell: (invariant: string, message: string) => void;
}

export class LostTail {
  readonly #shard: Shard;
  readonly #log: TrueLog;
  readonly #end: Offset;
  /** Up to where a checkpoint had seen the log. */
  readonly #witness: Offset;
  readonly #tell: (invariant: string, message: string) => void;
  #noticed = false;

  /** Cuts the log of some shard; who lives then is the caller's business. */
  constructor({ random, logs, vouched, trace, count, tell }: LosingWorld) {
    const log = random.pick(logs);
    this.#shard = log.shard;
    this.#log = log;
    this.#end = Math.max(1, log.start, log.end - random.between(1, LOST_MAX));
    this.#witness = Math.max(0, ...vouched.filter(({ checkpoint }) => checkpoint.shard === this.#shard).map(({ checkpoint }) => checkpoint.offset));
    this.#tell = tell;
    trace.add("lost", `shard ${this.#shard} from ${this.#end} on, of ${log.end}; a checkpoint reaches ${this.#witness}`);
    count(this.#witness > this.#end ? "lost_tail_witnessed" : "lost_tail");
    log.cut(this.#end);
  }

  /** A process said something of a shard. */
  said(process: string, event: string, fields: Readonly<Record<string, unknown>>): void {
    if (fields.shard !== this.#shard) return;
    if (event === "shard_stopped" && NOTICED.has(fields.invariant)) this.#noticed = true;
    if (event !== "shard_serving" || this.#noticed || this.#witness <= this.#end) return;
    const grown = Number(fields.epoch) >= this.#witness;
    if (grown && this.#log.start >= this.#witness) return;
    this.#tell(
      grown ? "W2" : "W1",
      `${process} serves shard ${this.#shard}, whose log lost everything from ${this.#end} on; a checkpoint reaches ${this.#witness}`,
    );
  }
}
