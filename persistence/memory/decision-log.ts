// The decision log in memory: for tests, and as the broker of the simulator. Deterministic, with faults to inject.
//
// Owns: what is stored, in what order, and what each append is told. Must not: draw a fault (the script says what happens),
// read a clock, or know what a record holds.
//
// One MemoryStore is the broker; each node connects and gets a DecisionLog of its own. An append passes two steps, storing and
// answering; each is handed to `soon`, so a script can let time pass before either.
import type { Offset, Shard } from "../../engine/core/ids.ts";
import type { Append, AppendOutcome, AppendRefusal, DecisionLog, StoredRecord } from "../../engine/ports.ts";
import { AppendInFlight, LogPositionGone } from "../log-errors.ts";

/** What happens to one append. */
export type Fate =
  | { readonly kind: "done" }
  /** Not stored, and said so. */
  | { readonly kind: "refused"; readonly code: AppendRefusal }
  /** Stored, the answer lost. */
  | { readonly kind: "answer_lost" }
  /** Never stored, the answer lost. */
  | { readonly kind: "lost" }
  /** The answer is lost; stored when the script calls `store`, perhaps after another node's claim, perhaps never. */
  | { readonly kind: "late"; readonly held: (store: () => void) => void };

export interface MemoryLogOptions {
  /** Runs a step of an append later. Default: the microtask queue. */
  readonly soon?: (callback: () => void, step: "store" | "answer") => void;
  /** Asked once per append, when it arrives. Default: done. */
  readonly fate?: (append: Append) => Fate;
  /** Default: all shards share lane 0, as in the local log. */
  readonly laneOf?: (shard: Shard) => number;
}

/** Records in one list given to a reader. */
const LIST_MAX = 64;

interface ShardLog {
  start: Offset;
  readonly records: Uint8Array[];
}

/** The broker: every connected log reads and writes these records. */
export class MemoryStore {
  readonly shards: number;
  /** What every connected log says of its room. */
  room: "ok" | "low" = "ok";
  readonly #logs: ShardLog[];
  readonly #waiting = new Set<() => void>();

  constructor(shards: number) {
    this.shards = shards;
    this.#logs = Array.from({ length: shards }, () => ({ start: 0, records: [] }));
  }

  /** A node's connection. */
  connect(options: MemoryLogOptions = {}): DecisionLog {
    return new MemoryLog(this, options);
  }

  /** Appends bytes as anybody could who may write to the log, and returns their offset. */
  store(shard: Shard, bytes: Uint8Array): Offset {
    const log = this.log(shard);
    log.records.push(Uint8Array.from(bytes));
    for (const wake of [...this.#waiting]) wake();
    return log.start + log.records.length - 1;
  }

  /** Loses the tail from `end` on, as an unclean election does. */
  cutTail(shard: Shard, end: Offset): void {
    const log = this.log(shard);
    log.records.length = Math.max(0, Math.min(log.records.length, end - log.start));
  }

  /** Flips one bit of a stored record. */
  flip(shard: Shard, offset: Offset, bit: number): void {
    const log = this.log(shard);
    const bytes = log.records[offset - log.start];
    if (bytes === undefined) throw new RangeError(`shard ${shard} holds no record at offset ${offset}`);
    // A copy: readers may still hold the record as it was.
    const flipped = Uint8Array.from(bytes);
    const at = bit >> 3;
    flipped[at] = (flipped[at] ?? 0) ^ (1 << (bit & 7));
    log.records[offset - log.start] = flipped;
  }

  ends(shard: Shard): { readonly start: Offset; readonly end: Offset } {
    const log = this.log(shard);
    return { start: log.start, end: log.start + log.records.length };
  }

  trim(shard: Shard, below: Offset): void {
    const log = this.log(shard);
    const count = Math.max(0, Math.min(log.records.length, below - log.start));
    log.records.splice(0, count);
    log.start += count;
  }

  /** At most `LIST_MAX` records from `from` on, below `to`. Throws LogPositionGone where there are none to have. */
  list(shard: Shard, from: Offset, to: Offset): StoredRecord[] {
    const log = this.log(shard);
    const { start, end } = this.ends(shard);
    if (from < start || from > end) throw new LogPositionGone({ shard, from, start, end });
    const list: StoredRecord[] = [];
    for (let offset = from; offset < Math.min(to, end, from + LIST_MAX); offset++) {
      list.push({ offset, bytes: log.records[offset - start] as Uint8Array });
    }
    return list;
  }

  /** Calls back once at the next record of any shard; the returned function forgets that. */
  onStored(callback: () => void): () => void {
    const wake = (): void => {
      this.#waiting.delete(wake);
      callback();
    };
    this.#waiting.add(wake);
    return () => this.#waiting.delete(wake);
  }

  private log(shard: Shard): ShardLog {
    const log = this.#logs[shard];
    if (log === undefined) throw new RangeError(`shard ${shard} is none of ${this.shards}`);
    return log;
  }
}

/** A log of its own store, for tests that need just one. */
export function createMemoryLog(shards: number, options: MemoryLogOptions = {}): { readonly log: DecisionLog; readonly store: MemoryStore } {
  const store = new MemoryStore(shards);
  return { log: store.connect(options), store };
}

class MemoryLog implements DecisionLog {
  readonly durability = "no durability (memory)";
  readonly durable = false;
  readonly #store: MemoryStore;
  readonly #soon: (callback: () => void, step: "store" | "answer") => void;
  readonly #fate: (append: Append) => Fate;
  readonly #laneOf: (shard: Shard) => number;
  readonly #busy = new Set<number>();
  #closed = false;

  constructor(store: MemoryStore, options: MemoryLogOptions) {
    this.#store = store;
    this.#soon = options.soon ?? queueMicrotask;
    this.#fate = options.fate ?? (() => ({ kind: "done" }));
    this.#laneOf = options.laneOf ?? (() => 0);
  }

  laneOf(shard: Shard): number {
    return this.#laneOf(shard);
  }

  append(appends: readonly Append[], done: (outcomes: readonly AppendOutcome[]) => void): void {
    const lane = this.#laneOf(appends[0]?.shard ?? 0);
    if (this.#busy.has(lane)) throw new AppendInFlight(lane);
    this.#busy.add(lane);
    // The caller's buffer is its own again once the outcome is told, but a late record is stored after that.
    const copies = appends.map(({ shard, bytes }) => ({ shard, bytes: Uint8Array.from(bytes) }));
    this.#soon(() => {
      const outcomes = copies.map((append) => this.#land(append));
      this.#soon(() => {
        this.#busy.delete(lane);
        done(outcomes);
      }, "answer");
    }, "store");
  }

  #land(append: Append): AppendOutcome {
    if (this.#closed) return { kind: "refused", code: "not_sent", detail: "the log is closed" };
    const fate = this.#fate(append);
    switch (fate.kind) {
      case "done":
        return { kind: "done", offset: this.#store.store(append.shard, append.bytes) };
      case "refused":
        return { kind: "refused", code: fate.code, detail: `the log refused: ${fate.code}` };
      case "answer_lost":
        this.#store.store(append.shard, append.bytes);
        return { kind: "unknown", cause: "no answer came" };
      case "lost":
        return { kind: "unknown", cause: "no answer came" };
      case "late":
        fate.held(() => {
          this.#store.store(append.shard, append.bytes);
        });
        return { kind: "unknown", cause: "no answer came" };
    }
  }

  async *read(shard: Shard, from: Offset, to?: Offset): AsyncGenerator<readonly StoredRecord[]> {
    const end = Math.min(to ?? Number.MAX_SAFE_INTEGER, this.#store.ends(shard).end);
    for (let next = from; ; ) {
      const list = this.#store.list(shard, next, end);
      if (list.length === 0) return;
      yield list;
      next += list.length;
    }
  }

  async *tail(shard: Shard, from: Offset, signal: AbortSignal): AsyncGenerator<readonly StoredRecord[]> {
    for (let next = from; !signal.aborted && !this.#closed; ) {
      const list = this.#store.list(shard, next, Number.MAX_SAFE_INTEGER);
      if (list.length === 0) await this.#nextRecord(signal);
      else yield list;
      next += list.length;
    }
  }

  #nextRecord(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        forget();
        signal.removeEventListener("abort", end);
        resolve();
      };
      const forget = this.#store.onStored(end);
      signal.addEventListener("abort", end);
    });
  }

  ends(shard: Shard): Promise<{ readonly start: Offset; readonly end: Offset }> {
    return Promise.resolve(this.#store.ends(shard));
  }

  trim(shard: Shard, below: Offset): Promise<void> {
    this.#store.trim(shard, below);
    return Promise.resolve();
  }

  room(): "ok" | "low" {
    return this.#store.room;
  }

  close(): Promise<void> {
    this.#closed = true;
    return Promise.resolve();
  }
}
