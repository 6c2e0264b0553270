// Rounds of appending: one request per lane carries the ready records of all its shards.
//
// Owns: which lane has a request in flight. Must not: build a record or judge an outcome (shard.ts does).
// C1. One append in flight per shard, because one request is in flight per lane.
// C3. No linger timer: a round starts when the one before has ended and something is ready.
// C4. One request carries the ready records of all shards of a lane; a CLAIM goes alone, so that its outcome is its own. Whoever found
//     no room in a round is asked first in the next one.
// C5. Before a round of a lane its shards are asked anew which lane they are in: the log may have moved some of them, to a leader that is
//     not as slow as their old one. Only a lane without a request is asked, so a shard that moves has nothing in flight (C1).
import type { Append, AppendOutcome, DecisionLog } from "../ports.ts";

/** Below a broker's limit for one request; further records wait for the next round. */
const REQUEST_BYTES_MAX = 8 * 1024 * 1024;

/** What a round asks of a shard. */
export interface Sender {
  readonly number: number;
  /** Its next record must be alone in its request. */
  readonly wantsAlone: boolean;
  /** Its next record, or null. */
  nextRecord(): Uint8Array | null;
  landed(outcome: AppendOutcome): void;
  release(): void;
}

interface Lane {
  readonly number: number;
  shards: Sender[];
  busy: boolean;
  /** Where the next round begins to ask: at the first shard that this one could not take along, so that nobody starves. */
  next: number;
}

/** What one request carries. */
interface Round {
  readonly senders: Sender[];
  readonly appends: Append[];
}

const NONE: ReadonlySet<Lane> = new Set();

export class Rounds {
  readonly #log: Pick<DecisionLog, "laneOf" | "append">;
  readonly #lanes = new Map<number, Lane>();
  readonly #ended: () => void;

  /** `ended` is called after each round whose outcomes have been handed out. */
  constructor(log: Pick<DecisionLog, "laneOf" | "append">, ended: () => void) {
    this.#log = log;
    this.#ended = ended;
  }

  add(shard: Sender): void {
    this.#laneAt(this.#log.laneOf(shard.number)).shards.push(shard);
  }

  /** Lanes are never forgotten: there are as many as leaders have been. */
  #laneAt(number: number): Lane {
    let lane = this.#lanes.get(number);
    if (lane === undefined) {
      lane = { number, shards: [], busy: false, next: 0 };
      this.#lanes.set(number, lane);
    }
    return lane;
  }

  /** Starts a round on every lane that is free and has something ready. */
  start(): void {
    for (const lane of this.#lanes.values()) this.#start(lane);
  }

  #start(lane: Lane): void {
    if (lane.busy) return;
    const joined = this.#regroup(lane);
    const { senders, appends } = gather(lane);
    if (appends.length > 0) {
      lane.busy = true;
      this.#log.append(appends, (outcomes) => this.#landed(lane, senders, outcomes));
    }
    for (const other of joined) this.#start(other);
  }

  /** C5. The lanes that were joined, which may have been passed over by now. */
  #regroup(lane: Lane): ReadonlySet<Lane> {
    if (lane.shards.every((shard) => this.#log.laneOf(shard.number) === lane.number)) return NONE;
    const joined = new Set<Lane>();
    const { shards } = lane;
    lane.shards = [];
    lane.next = 0;
    for (const shard of shards) {
      const now = this.#laneAt(this.#log.laneOf(shard.number));
      now.shards.push(shard);
      if (now !== lane) joined.add(now);
    }
    return joined;
  }

  // The next request leaves before the answers of this one are released: the log works while the loop tells.
  #landed(lane: Lane, senders: readonly Sender[], outcomes: readonly AppendOutcome[]): void {
    senders.forEach((shard, i) => {
      shard.landed(outcomes[i] ?? { kind: "unknown", cause: "the log gave no outcome" });
    });
    lane.busy = false;
    this.#start(lane);
    for (const shard of senders) shard.release();
    this.#ended();
  }
}

function gather(lane: Lane): Round {
  const round: Round = { senders: [], appends: [] };
  const { shards } = lane;
  const first = lane.next;
  let bytes = 0;
  let left: number | null = null;
  for (let step = 0; step < shards.length; step += 1) {
    const place = (first + step) % shards.length;
    const shard = shards[place] as Sender;
    const alone = shard.wantsAlone;
    if ((alone && round.appends.length > 0) || bytes >= REQUEST_BYTES_MAX) {
      left ??= place;
      continue;
    }
    const record = shard.nextRecord();
    if (record === null) continue;
    round.senders.push(shard);
    round.appends.push({ shard: shard.number, bytes: record });
    bytes += record.length;
    if (!alone) continue;
    left ??= (place + 1) % shards.length;
    break;
  }
  lane.next = left ?? first;
  return round;
}
