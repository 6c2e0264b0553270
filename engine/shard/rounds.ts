// Rounds of appending: one request per lane carries the ready records of all its shards.
//
// Owns: which lane has a request in flight. Must not: build a record or judge an outcome (shard.ts does).
// C1. One append in flight per shard, because one request is in flight per lane.
// C3. No linger timer: a round starts when the one before has ended and something is ready.
// C4. One request carries the ready records of all shards of a lane; a CLAIM goes alone, so that its outcome is its own.
import type { Append, AppendOutcome, DecisionLog } from "../ports.ts";
import type { Shard } from "./shard.ts";

/** Below a broker's limit for one request; further records wait for the next round. */
const REQUEST_BYTES_MAX = 8 * 1024 * 1024;

interface Lane {
  readonly shards: Shard[];
  busy: boolean;
  /** Where the next round begins to ask, so that a byte limit starves nobody. */
  next: number;
}

export class Rounds {
  readonly #log: DecisionLog;
  readonly #lanes = new Map<number, Lane>();
  readonly #laneOfShard: Lane[] = [];
  readonly #ended: () => void;

  /** `ended` is called after each round whose outcomes have been handed out. */
  constructor(log: DecisionLog, ended: () => void) {
    this.#log = log;
    this.#ended = ended;
  }

  add(shard: Shard): void {
    const number = this.#log.laneOf(shard.number);
    let lane = this.#lanes.get(number);
    if (lane === undefined) {
      lane = { shards: [], busy: false, next: 0 };
      this.#lanes.set(number, lane);
    }
    lane.shards.push(shard);
    this.#laneOfShard[shard.number] = lane;
  }

  /** Starts a round on every lane that is free and has something ready. */
  start(): void {
    for (const lane of this.#lanes.values()) this.#start(lane);
  }

  /** Starts a round on the lane of one shard, if it is free. */
  startFor(shard: Shard): void {
    const lane = this.#laneOfShard[shard.number];
    if (lane !== undefined) this.#start(lane);
  }

  #start(lane: Lane): void {
    if (lane.busy) return;
    const senders: Shard[] = [];
    const appends: Append[] = [];
    let bytes = 0;
    for (let step = 0; step < lane.shards.length && bytes < REQUEST_BYTES_MAX; step += 1) {
      const shard = lane.shards[(lane.next + step) % lane.shards.length] as Shard;
      if (shard.wantsAlone && appends.length > 0) continue;
      const alone = shard.wantsAlone;
      const record = shard.nextRecord();
      if (record === null) continue;
      senders.push(shard);
      appends.push({ shard: shard.number, bytes: record });
      bytes += record.length;
      if (alone) {
        lane.next = (lane.next + step + 1) % lane.shards.length;
        break;
      }
    }
    if (appends.length === 0) return;
    lane.busy = true;
    this.#log.append(appends, (outcomes) => this.#landed(lane, senders, outcomes));
  }

  // The next request leaves before the answers of this one are released: the log works while the loop tells.
  #landed(lane: Lane, senders: readonly Shard[], outcomes: readonly AppendOutcome[]): void {
    senders.forEach((shard, i) => {
      shard.landed(outcomes[i] ?? { kind: "unknown", cause: "the log gave no outcome" });
    });
    lane.busy = false;
    this.#start(lane);
    for (const shard of senders) shard.release();
    this.#ended();
  }
}
