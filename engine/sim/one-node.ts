// One engine node in a small deterministic world: a clock that moves when told, timers on it, a log and a store in memory, and a
// caller that keeps what it is told. For tests of the shard loop; nothing here waits for real time.
import { createHash } from "node:crypto";
import { type MemoryLogOptions, MemoryStore } from "../../persistence/memory/decision-log.ts";
import { MemorySnapshotStore } from "../../persistence/memory/snapshot-store.ts";
import { createRecordCodec } from "../../persistence/record.ts";
import { fillSlots, slotDigest } from "../cluster/ring.ts";
import { readAnswer } from "../core/answers.ts";
import type { Command, CommandBody, Role } from "../core/command.ts";
import type { Answer, RefusalCode } from "../core/decision.ts";
import type { AuctionId } from "../core/ids.ts";
import { EngineCounters } from "../metrics.ts";
import type { Clock, DecisionLog, Membership, Nonces, SnapshotStore, Timers, UpdateSink } from "../ports.ts";
import type { Notice, Read, ReadResult, ShardStatus, Update } from "../protocol.ts";
import { EngineNode } from "../shard/node.ts";
import { SNAPSHOT_ROW_BYTES } from "../shard/snapshots.ts";
import { SHARD_LIMITS, type ShardLimits } from "../shard/world.ts";

/** Where the fake clock begins: an arbitrary instant in 2026. */
export const DAY_ONE = 1_795_428_000_000;

/** Turns of the event loop in which nothing may be left to run. Promises of the world in memory are done within one. */
const QUIET_ROUNDS = 3;

interface Timer {
  readonly at: number;
  readonly order: number;
  readonly callback: () => void;
}

/** A clock and its timers. Time passes only in `pass`. The wall clock may be set wrong; timers and the monotonic clock stay right. */
export class FakeTime implements Clock, Timers {
  #now: number;
  #wallOffset = 0;
  #timers: Timer[] = [];
  #soon: (() => void)[] = [];
  #order = 0;

  constructor(now = DAY_ONE) {
    this.#now = now;
  }

  now(): number {
    return this.#now + this.#wallOffset;
  }

  monotonic(): number {
    return this.#now;
  }

  after(delayMs: number, callback: () => void): () => void {
    this.#order += 1;
    const timer = { at: this.#now + delayMs, order: this.#order, callback };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  soon(callback: () => void): void {
    this.#soon.push(callback);
  }

  /** Runs everything that is due at once, promises included, until nothing is left to run. */
  async settle(): Promise<void> {
    for (let quiet = 0; quiet < QUIET_ROUNDS; ) {
      const callbacks = this.#soon.splice(0);
      for (const callback of callbacks) callback();
      await new Promise<void>((resolve) => setImmediate(resolve));
      quiet = callbacks.length === 0 && this.#soon.length === 0 ? quiet + 1 : 0;
    }
  }

  /** Lets time pass, timer by timer. */
  async pass(ms: number): Promise<void> {
    const end = this.#now + ms;
    await this.settle();
    for (;;) {
      const next = this.#timers.filter((timer) => timer.at <= end).sort((x, y) => x.at - y.at || x.order - y.order)[0];
      if (next === undefined) break;
      this.#timers = this.#timers.filter((timer) => timer !== next);
      this.#now = Math.max(this.#now, next.at);
      next.callback();
      await this.settle();
    }
    this.#now = end;
    await this.settle();
  }

  /** Moves the clock without running a timer: an outage, a process that was frozen. */
  jump(ms: number): void {
    this.#now += ms;
  }

  /** Sets the wall clock forward or back: a step of the clock, or (forward) a host that was suspended. */
  step(ms: number): void {
    this.#wallOffset += ms;
  }
}

export type Told =
  | { readonly kind: "answer"; readonly replayed: boolean; readonly answer: Answer; readonly bytes: string }
  | { readonly kind: "refusal"; readonly code: RefusalCode }
  | { readonly kind: "read"; readonly result: ReadResult };

/** A gateway's connection that remembers. */
export class KeepingCaller {
  readonly told = new Map<number, Told>();
  #next = 1;

  nextId(): number {
    return this.#next++;
  }

  answer(requestId: number, _auctionId: AuctionId, rows: Uint8Array, at: number, replayed: boolean): void {
    this.told.set(requestId, { kind: "answer", replayed, answer: readAnswer(rows, at), bytes: Buffer.from(rows.subarray(at, at + 64)).toString("hex") });
  }

  refuse(requestId: number, _auctionId: AuctionId, code: RefusalCode): void {
    this.told.set(requestId, { kind: "refusal", code });
  }

  result(requestId: number, result: ReadResult): void {
    this.told.set(requestId, { kind: "read", result });
  }
}

/** Keeps updates and notices; watches everything. */
export class KeepingSink implements UpdateSink {
  readonly updates: Update[] = [];
  readonly notices: Notice[] = [];
  watched(): boolean {
    return true;
  }
  update(update: Update): void {
    this.updates.push(update);
  }
  notice(notice: Notice): void {
    this.notices.push(notice);
  }
}

function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

/** A command as a gateway would make it. */
export function commandOf(role: Role, issuerId: string, auctionId: AuctionId, key: string, body: CommandBody): Command {
  const name = digest(`${issuerId}\0${key}`);
  const print = digest(JSON.stringify(body));
  return {
    auctionId,
    role,
    issuerId,
    key,
    body,
    keyDigest: { a: name.readInt32LE(0), b: name.readInt32LE(4), c: name.readInt32LE(8), d: name.readInt32LE(12) },
    fingerprint: { a: print.readInt32LE(0), b: print.readInt32LE(4) },
  };
}

/** An auction id in slot `n`, well-formed and stable. */
export function auctionIdOf(n: number): AuctionId {
  return `${(n % 4096).toString(16).padStart(3, "0")}${n.toString(16).padStart(5, "0")}-0000-8000-8000-000000000000`;
}

export interface OneNodeOptions {
  readonly shards?: number;
  readonly limits?: Partial<ShardLimits>;
  readonly log?: MemoryLogOptions;
  /** Stands between the node and its log. */
  readonly wrapLog?: (log: DecisionLog) => DecisionLog;
  readonly time?: FakeTime;
  /** Default: ash. */
  readonly nodeId?: string;
  /** Names the log; another than before is another log. */
  readonly lifeId?: Uint8Array;
  /** Snapshots of an earlier world. */
  readonly snapshots?: SnapshotStore;
  /** Which shards are its own; default: all. */
  readonly membership?: Membership;
  /** Whether it follows what it does not own; default: it does. */
  readonly standby?: boolean;
  /** An older world to go on with: its records and snapshots. */
  readonly before?: OneNode;
}

/** A node with its world. */
export class OneNode {
  readonly time: FakeTime;
  readonly records: MemoryStore;
  readonly snapshots: SnapshotStore;
  readonly log: DecisionLog;
  readonly node: EngineNode;
  readonly caller = new KeepingCaller();
  readonly sink = new KeepingSink();
  readonly statuses: ShardStatus[] = [];
  readonly lines: { readonly event: string; readonly fields: Readonly<Record<string, unknown>> }[] = [];
  readonly lifeId: Uint8Array;
  /** Whether it was killed. */
  dead = false;

  constructor(options: OneNodeOptions = {}) {
    const shards = options.shards ?? 1;
    this.time = options.time ?? options.before?.time ?? new FakeTime();
    this.lifeId = options.lifeId ?? new Uint8Array(16).fill(7);
    const codec = createRecordCodec(this.lifeId);
    const slots = fillSlots(shards);
    this.records = options.before?.records ?? new MemoryStore(shards);
    if (options.before === undefined) {
      for (let shard = 0; shard < shards; shard += 1)
        this.records.store(shard, codec.genesis({ shard, shards, slotDigest: slotDigest(slots), madeAt: DAY_ONE, version: "test" }));
    }
    this.snapshots =
      options.snapshots ?? options.before?.snapshots ?? new MemorySnapshotStore({ rowBytes: SNAPSHOT_ROW_BYTES, closedKeptMs: SHARD_LIMITS.closedKeptMs });
    const log = this.records.connect(options.log ?? {});
    this.log = this.#mortal(options.wrapLog === undefined ? log : options.wrapLog(log));
    const limits = { ...SHARD_LIMITS, ...options.limits };
    let nonce = 0;
    const nodeId = options.nodeId ?? "ash";
    const nonces: Nonces = {
      bytes: (count) => new Uint8Array(digest(`nonce ${nodeId} ${this.time.now()} ${++nonce}`).subarray(0, count)),
      fraction: () => 0.5,
    };
    this.node = new EngineNode({
      log: this.log,
      codec,
      store: this.snapshots,
      clock: this.time,
      timers: {
        after: (delayMs, callback) => this.time.after(delayMs, () => this.#alive(callback)),
        soon: (callback) => this.time.soon(() => this.#alive(callback)),
      },
      nonces,
      sink: this.sink,
      limits,
      counters: new EngineCounters(),
      say: (_level, event, fields) => this.lines.push({ event, fields }),
      lifeId: this.lifeId,
      nodeId,
      processId: `${nodeId}-1`,
      shards,
      slots,
      membership: options.membership ?? { assigned: () => slotsOf(shards), onChange: () => () => undefined },
      ...(options.standby === undefined ? {} : { standby: options.standby }),
      statusChanged: (status) => this.statuses.push(status),
    });
  }

  /** Starts the node and lets it take its shards. */
  async start(): Promise<this> {
    const started = this.node.start();
    await this.time.settle();
    await Promise.race([started, this.time.settle()]);
    return this;
  }

  /** Kills the process: from now on it sends nothing and hears nothing. What the log has of it takes its course. */
  kill(): void {
    this.dead = true;
  }

  #alive(callback: () => void): void {
    if (!this.dead) callback();
  }

  #mortal(log: DecisionLog): DecisionLog {
    const append = log.append.bind(log);
    log.append = (appends, done) => {
      if (!this.dead) append(appends, (outcomes) => this.#alive(() => done(outcomes)));
    };
    return log;
  }

  /** Sends a command; returns the request id under which `told` will hold the outcome. */
  send(command: Command, deadlineMs = 5_000): number {
    const id = this.caller.nextId();
    this.node.command(this.caller, id, deadlineMs, command);
    return id;
  }

  read(read: Read): number {
    const id = this.caller.nextId();
    this.node.read(this.caller, id, read);
    return id;
  }

  /** Sends a command and lets everything settle; returns what came back. */
  async ask(command: Command): Promise<Told> {
    const id = this.send(command);
    this.node.turn();
    await this.time.settle();
    const told = this.caller.told.get(id);
    if (told === undefined) throw new Error(`no answer to ${command.body.type}`);
    return told;
  }
}

function slotsOf(shards: number): readonly number[] {
  return Array.from({ length: shards }, (_, shard) => shard);
}
