// The decision log of a simulated cluster: one broker that holds the records, and a connection of each process with every fault that a
// network and a broker can have. Nothing of it happens but by an event of the heap.
//
// Must not: judge what it stores (true-log.ts does), or tell a process what it could not know.
import type { Instant, Offset, Shard } from "../core/ids.ts";
import type { Append, AppendOutcome, DecisionLog, StoredRecord } from "../ports.ts";
import type { EventHeap, Owner } from "./heap.ts";
import { readModelRecord } from "./model-judge.ts";
import type { SimOptions } from "./options.ts";
import type { PortCheck } from "./port-check.ts";
import type { Random } from "./random.ts";
import type { Trace } from "./trace.ts";
import type { TrueLog } from "./true-log.ts";

/** How the message ends when what is asked for was trimmed. */
export const BELOW_START = "the log begins behind it";

/** How a log is away: it refuses, it is not connected, or it says nothing. */
export type AwayKind = "refuses" | "closed" | "silent";

export interface SimLogWorld {
  readonly heap: EventHeap;
  readonly random: Random;
  readonly options: SimOptions;
  readonly trace: Trace;
  readonly logs: readonly TrueLog[];
  /** Wall clock of the broker. */
  readonly wall: () => Instant;
  /** Whether faults are still on. */
  readonly faulty: () => boolean;
  readonly count: (what: string) => void;
}

/** Where the records are. */
export class SimBroker {
  readonly world: SimLogWorld;
  /** Processes for which the log is away, by node name, with how and until when. */
  readonly away = new Map<string, { readonly kind: AwayKind; readonly until: number }>();
  /** Until when little disk space is left. */
  lowUntil = 0;
  readonly #waiting: Set<() => void>[];

  constructor(world: SimLogWorld) {
    this.world = world;
    this.#waiting = world.logs.map(() => new Set());
  }

  store(shard: Shard, bytes: Uint8Array): Offset {
    const { logs, options, wall, trace } = this.world;
    const log = logs[shard] as TrueLog;
    const offset = log.store(bytes, options.brokerClock ? wall() : null);
    const { record, verdict } = log.judged[offset] as (typeof log.judged)[number];
    trace.add("stored", `shard ${shard} at ${offset}:`, record.kind, `epoch ${record.epoch} lsn ${record.firstLsn}+${record.count}`, record.hash, verdict);
    for (const wake of [...(this.#waiting[shard] ?? [])]) wake();
    return offset;
  }

  onStored(shard: Shard, wake: () => void): () => void {
    this.#waiting[shard]?.add(wake);
    return () => this.#waiting[shard]?.delete(wake);
  }

  /** Forgets what stands below. */
  trim(shard: Shard, below: Offset): void {
    const log = this.world.logs[shard] as TrueLog;
    log.start = Math.max(log.start, Math.min(below, log.end));
    this.world.trace.add("trimmed", `shard ${shard} below ${log.start}`);
  }

  list(shard: Shard, from: Offset, to: Offset, most: number): readonly StoredRecord[] {
    const log = this.world.logs[shard] as TrueLog;
    if (from < log.start) throw new Error(`shard ${shard}, asked for ${from}: ${BELOW_START}`);
    if (from > log.end) throw new Error(`shard ${shard} ends at ${log.end}, asked for ${from}`);
    return log.records.slice(from, Math.min(to, log.end, from + most));
  }
}

/** What becomes of one append: its outcome, and when it is told. */
interface Fate {
  readonly outcome: AppendOutcome;
  readonly toldAt: number;
}

export class SimLog implements DecisionLog {
  readonly durability = "no durability (simulated)";
  readonly durable = false;
  readonly #broker: SimBroker;
  readonly #owner: Owner;
  readonly #node: string;
  readonly #check: PortCheck;
  readonly #busy = new Set<number>();
  readonly #damaged = new Set<string>();

  constructor(broker: SimBroker, owner: Owner, node: string, check: PortCheck) {
    this.#broker = broker;
    this.#owner = owner;
    this.#node = node;
    this.#check = check;
  }

  laneOf(shard: Shard): number {
    return this.#broker.world.options.lanes ? shard : 0;
  }

  append(appends: readonly Append[], done: (outcomes: readonly AppendOutcome[]) => void): void {
    if (this.#owner.dead) return;
    const { heap } = this.#broker.world;
    const lane = this.laneOf(appends[0]?.shard ?? 0);
    if (this.#busy.has(lane)) throw new Error(`lane ${lane} has a request in flight`);
    this.#busy.add(lane);
    const fates: (Fate | null)[] = appends.map(() => null);
    let left = appends.length;
    const settle = (place: number, fate: Fate): void => {
      fates[place] = fate;
      left -= 1;
      if (left > 0) return;
      const known = fates as Fate[];
      const toldAt = Math.max(...known.map((each) => each.toldAt));
      heap.after(toldAt - heap.now, this.#owner, () => {
        this.#busy.delete(lane);
        this.#tell(
          appends,
          known.map((each) => each.outcome),
        );
        done(known.map((each) => each.outcome));
      });
    };
    for (const [place, { shard, bytes }] of appends.entries()) {
      this.#check.sent(shard, readModelRecord(bytes));
      // The caller's buffer is its own again once the outcome is told, but a late record is stored after that.
      this.#send(shard, Uint8Array.from(bytes), (fate) => settle(place, fate));
    }
  }

  #tell(appends: readonly Append[], outcomes: readonly AppendOutcome[]): void {
    const { trace } = this.#broker.world;
    for (const [place, { shard }] of appends.entries()) {
      const outcome = outcomes[place] as AppendOutcome;
      this.#check.told(shard, outcome, this.#broker.world.heap.now);
      trace.add("append", this.#owner.name, `shard ${shard}`, outcome.kind, outcome.kind === "done" ? outcome.offset : null);
    }
  }

  #send(shard: Shard, bytes: Uint8Array, settle: (fate: Fate) => void): void {
    const { heap, random, options, faulty } = this.#broker.world;
    const away = this.#away();
    const there = options.appendMsMax * random.fraction();
    const back = options.appendMsMax * random.fraction();
    if (away !== null) this.#whileAway(shard, bytes, settle, away);
    else if (faulty() && random.chance(options.refused)) {
      settle({ outcome: { kind: "refused", code: "not_enough_replicas", detail: "too few replicas" }, toldAt: heap.now + there + back });
    } else if (faulty() && random.chance(options.requestLost)) this.#unknown(settle, there + back);
    else if (faulty() && random.chance(options.answerLost)) {
      this.#unknown(settle, there + back);
      this.#land(shard, bytes, there);
    } else if (faulty() && random.chance(options.lateLanding)) {
      this.#unknown(settle, there + back);
      this.#land(shard, bytes, options.lateMsMax * random.fraction());
    } else this.#plain(shard, bytes, settle, there, back);
  }

  #plain(shard: Shard, bytes: Uint8Array, settle: (fate: Fate) => void, there: number, back: number): void {
    const { heap, random, options, faulty, wall } = this.#broker.world;
    const again = faulty() && random.chance(options.storedTwice) ? options.lateMsMax * random.fraction() : null;
    heap.after(there, null, () => {
      const offset = this.#broker.store(shard, bytes);
      const outcome: AppendOutcome = options.brokerClock ? { kind: "done", offset, storedAt: wall() } : { kind: "done", offset };
      settle({ outcome, toldAt: heap.now + back });
      if (again !== null) this.#land(shard, bytes, again);
    });
  }

  // Nothing is heard: either the connection breaks soon, or the limit of an append passes.
  #unknown(settle: (fate: Fate) => void, soonMs: number): void {
    const { heap, random, options } = this.#broker.world;
    const waitMs = random.chance(0.5) ? soonMs : options.appendLimitMs;
    settle({ outcome: { kind: "unknown", cause: "no answer came" }, toldAt: heap.now + waitMs });
  }

  #land(shard: Shard, bytes: Uint8Array, delayMs: number): void {
    this.#broker.world.heap.after(delayMs, null, () => {
      this.#broker.store(shard, bytes);
    });
  }

  #whileAway(shard: Shard, bytes: Uint8Array, settle: (fate: Fate) => void, away: { readonly kind: AwayKind; readonly until: number }): void {
    const { heap, random, options } = this.#broker.world;
    const soonMs = 1 + options.appendMsMax * random.fraction();
    switch (away.kind) {
      case "refuses":
        settle({ outcome: { kind: "refused", code: "not_enough_replicas", detail: "too few replicas" }, toldAt: heap.now + soonMs });
        break;
      case "closed":
        settle({ outcome: { kind: "refused", code: "not_sent", detail: "not connected" }, toldAt: heap.now + soonMs });
        break;
      case "silent":
        settle({ outcome: { kind: "unknown", cause: "no answer came" }, toldAt: heap.now + options.appendLimitMs });
        // What stands in a socket may arrive when the way is open again.
        if (random.chance(0.5)) this.#land(shard, bytes, away.until - heap.now + soonMs);
        break;
    }
  }

  #away(): { readonly kind: AwayKind; readonly until: number } | null {
    const away = this.#broker.away.get(this.#node);
    return away !== undefined && away.until > this.#broker.world.heap.now ? away : null;
  }

  // A call that is answered after a while, of what is so then. While the log is away it waits, or fails.
  #call<Result>(ask: () => Result): Promise<Result> {
    const { heap, random, options } = this.#broker.world;
    return new Promise((resolve, reject) => {
      const attempt = (): void => {
        const away = this.#away();
        if (away !== null && options.readsFail) {
          reject(Object.assign(new Error("the log does not answer"), { logAway: true }));
          return;
        }
        if (away !== null) {
          heap.after(away.until - heap.now + options.readMsMax * random.fraction(), this.#owner, attempt);
          return;
        }
        try {
          resolve(ask());
        } catch (error) {
          reject(error);
        }
      };
      heap.after(options.readMsMax * random.fraction(), this.#owner, attempt);
    });
  }

  async *read(shard: Shard, from: Offset, to?: Offset): AsyncGenerator<readonly StoredRecord[]> {
    const { options, logs } = this.#broker.world;
    let end: Offset | null = null;
    for (let next = from; ; ) {
      const list = await this.#call(() => {
        end ??= Math.min(to ?? Number.POSITIVE_INFINITY, (logs[shard] as TrueLog).end);
        return this.#list(shard, next, end, options.readListMax);
      });
      if (list.length === 0) return;
      yield list;
      next += list.length;
    }
  }

  #list(shard: Shard, from: Offset, to: Offset, most: number): readonly StoredRecord[] {
    const list = this.#overTheWay(shard, this.#broker.list(shard, from, to, most));
    this.#check.read(shard, from + list.length);
    return list;
  }

  // One bit of one record may be wrong when it comes; never twice of the same one.
  #overTheWay(shard: Shard, list: readonly StoredRecord[]): readonly StoredRecord[] {
    const { random, options, faulty, count } = this.#broker.world;
    if (list.length === 0 || !faulty() || !random.chance(options.damagedReads)) return list;
    const hit = random.pick(list);
    const name = `${shard} ${hit.offset}`;
    if (this.#damaged.has(name)) return list;
    this.#damaged.add(name);
    count("damaged_read");
    const bytes = Uint8Array.from(hit.bytes);
    const at = random.between(0, bytes.length - 1);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << random.between(0, 7));
    return list.map((record) => (record === hit ? { ...hit, bytes } : record));
  }

  async *tail(shard: Shard, from: Offset, signal: AbortSignal): AsyncGenerator<readonly StoredRecord[]> {
    const { options, logs } = this.#broker.world;
    for (let next = from; !signal.aborted; ) {
      const list = await this.#call(() => this.#list(shard, next, (logs[shard] as TrueLog).end, options.readListMax));
      if (signal.aborted) return;
      if (list.length === 0) await this.#nextRecord(shard, signal);
      else yield list;
      next += list.length;
    }
  }

  #nextRecord(shard: Shard, signal: AbortSignal): Promise<void> {
    const { heap } = this.#broker.world;
    return new Promise((resolve) => {
      const wake = (): void => {
        forget();
        signal.removeEventListener("abort", end);
        heap.after(0, this.#owner, resolve);
      };
      const end = (): void => {
        forget();
        resolve();
      };
      const forget = this.#broker.onStored(shard, wake);
      signal.addEventListener("abort", end, { once: true });
    });
  }

  ends(shard: Shard): Promise<{ readonly start: Offset; readonly end: Offset }> {
    return this.#call(() => {
      const { start, end } = this.#broker.world.logs[shard] as TrueLog;
      return { start, end };
    });
  }

  trim(): Promise<void> {
    return Promise.reject(new Error("a node trims nothing"));
  }

  room(): "ok" | "low" {
    return this.#broker.lowUntil > this.#broker.world.heap.now ? "low" : "ok";
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
