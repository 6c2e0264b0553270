// A course of events over a small world: commands, faults of the log, the store and the clock, restarts and takeovers; played step by
// step, judged (course-check.ts) when everything has healed.
import type { Fate, MemoryStore } from "../../persistence/memory/decision-log.ts";
import { MemorySnapshotStore } from "../../persistence/memory/snapshot-store.ts";
import type { Command, CommandBody, Role } from "../core/command.ts";
import type { AuctionId } from "../core/ids.ts";
import { SNAPSHOT_ROW_BYTES } from "../shard/snapshots.ts";
import { HistoryKeeper } from "./history-keeper.ts";
import { auctionIdOf, commandOf, FakeTime, OneNode } from "./one-node.ts";
import { SECOND } from "./scenes.ts";

export const SHARDS = 2;
/** Closed auctions leave memory after this. */
const KEPT_MS = 15 * SECOND;

export type FateKind = Fate["kind"];

export type Step =
  | {
      readonly kind: "create";
      readonly auction: number;
      readonly key: number;
      readonly settings: Readonly<Record<string, unknown>>;
      readonly opensInMs: number;
    }
  | { readonly kind: "ask"; readonly auction: number; readonly key: number; readonly role: Role; readonly issuer: string; readonly body: CommandBody }
  | { readonly kind: "again"; readonly which: number; readonly amount: number | null }
  | { readonly kind: "read"; readonly auction: number; readonly fresh: boolean }
  | { readonly kind: "turn" }
  | { readonly kind: "settle" }
  | { readonly kind: "pass"; readonly ms: number }
  | { readonly kind: "jump"; readonly ms: number }
  | { readonly kind: "step_clock"; readonly ms: number }
  | { readonly kind: "fates"; readonly fates: readonly FateKind[] }
  | { readonly kind: "hold"; readonly on: boolean }
  | { readonly kind: "late" }
  | { readonly kind: "store"; readonly away: boolean }
  | { readonly kind: "room"; readonly low: boolean }
  | { readonly kind: "stranger" }
  | { readonly kind: "snapshot" }
  | { readonly kind: "break"; readonly shard: number }
  /** `quiet`: nothing is asked before what needs no time has happened. */
  | { readonly kind: "kill" | "stop" | "takeover"; readonly quiet: boolean };

/** The n-th auction of a course; they are spread over the shards. */
export function courseAuction(n: number): AuctionId {
  return auctionIdOf(n * 683);
}

/** A world in which a course is played. */
export class CourseWorld {
  readonly time = new FakeTime();
  readonly records: MemoryStore;
  readonly snapshots = new MemorySnapshotStore({ rowBytes: SNAPSHOT_ROW_BYTES, closedKeptMs: KEPT_MS });
  readonly keeper = new HistoryKeeper();
  /** Every node there was, the newest last. Killed ones say and hear nothing any more. */
  readonly nodes: OneNode[] = [];
  /** Those that stopped in order before they ended: they leave nobody without a word. */
  readonly stopped = new Set<OneNode>();
  readonly #commands: Command[] = [];
  #fates: FateKind[] = [];
  #late: (() => void)[] = [];
  #held: (() => void)[] | null = null;

  constructor() {
    const first = this.#node(undefined);
    this.records = first.records;
  }

  get newest(): OneNode {
    return this.nodes.at(-1) as OneNode;
  }

  #node(before: OneNode | undefined): OneNode {
    const node = new OneNode({
      shards: SHARDS,
      time: this.time,
      snapshots: this.snapshots,
      limits: { closedKeptMs: KEPT_MS, mailboxMax: 8, waitingMax: 24, turnDecisionsMax: 16, snapshotSliceMax: 1 },
      log: { fate: () => this.#fate(), soon: (callback) => this.#soon(callback) },
      nodeId: `node-${this.nodes.length}`,
      ...(before === undefined ? {} : { before }),
    });
    this.nodes.push(node);
    void node.node.start();
    return node;
  }

  #fate(): Fate {
    const kind = this.#fates.shift() ?? "done";
    if (kind === "refused") return { kind, code: "disk_full" };
    return kind === "late" ? { kind, held: (store) => this.#late.push(store) } : { kind };
  }

  #soon(callback: () => void): void {
    if (this.#held === null) queueMicrotask(callback);
    else this.#held.push(callback);
  }

  #hold(on: boolean): void {
    const held = this.#held ?? [];
    this.#held = on ? held : null;
    if (!on) for (const callback of held) callback();
  }

  #deliverLate(): void {
    for (const store of this.#late.splice(0)) store();
  }

  #send(command: Command): void {
    this.#commands.push(command);
    this.keeper.send(this.newest, command);
  }

  /** Plays one step. */
  async play(step: Step): Promise<void> {
    switch (step.kind) {
      case "create":
      case "ask":
      case "again":
      case "read":
        this.#ask(step);
        break;
      case "turn":
        this.newest.node.turn();
        break;
      case "settle":
        await this.time.settle();
        break;
      case "pass":
        await this.time.pass(step.ms);
        break;
      case "jump":
        this.time.jump(step.ms);
        break;
      case "step_clock":
        this.time.step(step.ms);
        break;
      default:
        await this.#fault(step);
    }
  }

  #ask(step: Extract<Step, { kind: "create" | "ask" | "again" | "read" }>): void {
    switch (step.kind) {
      case "create": {
        const { durationMs, ...rest } = step.settings;
        const opensAt = this.time.now() + step.opensInMs;
        const body: CommandBody = { type: "create", settings: { currency: "USD", opening: 100, sellerId: "sue", opensAt, durationMs, ...rest } };
        this.#send(commandOf("seller", "sue", courseAuction(step.auction), `c${step.key}`, body));
        break;
      }
      case "ask":
        this.#send(commandOf(step.role, step.issuer, courseAuction(step.auction), `k${step.key}`, step.body));
        break;
      case "again": {
        const command = this.#commands[step.which % Math.max(1, this.#commands.length)];
        if (command === undefined) break;
        const { body, role, issuerId, auctionId, key } = command;
        const other = step.amount !== null && body.type === "place_bid" ? { ...body, amount: step.amount } : body;
        this.#send(commandOf(role, issuerId, auctionId, key ?? "", other));
        break;
      }
      case "read":
        this.keeper.read(this.newest, { kind: "view", auctionId: courseAuction(step.auction), fresh: step.fresh, history: 5, bidderId: null });
        break;
    }
  }

  async #fault(step: Exclude<Step, { kind: "create" | "ask" | "again" | "read" | "turn" | "settle" | "pass" | "jump" | "step_clock" }>): Promise<void> {
    const { newest } = this;
    switch (step.kind) {
      case "fates":
        this.#fates.push(...step.fates);
        break;
      case "hold":
        this.#hold(step.on);
        break;
      case "late":
        this.#deliverLate();
        break;
      case "store":
        this.snapshots.faults.away = step.away;
        break;
      case "room":
        this.records.room = step.low ? "low" : "ok";
        break;
      case "stranger":
        this.records.store(0, new Uint8Array([1, 2, 3]));
        break;
      case "snapshot":
        void newest.node.snapshotAll();
        break;
      case "break": {
        const shard = newest.node.all()[step.shard];
        if (shard !== undefined) newest.node.broken(shard, "test", "an invariant broke");
        break;
      }
      case "kill":
        newest.kill();
        this.#node(newest);
        if (step.quiet) await this.time.settle();
        break;
      case "stop":
        void newest.node.stop().then(() => this.stopped.add(newest));
        await this.time.pass(SECOND);
        newest.kill();
        this.#node(newest);
        if (step.quiet) await this.time.settle();
        break;
      case "takeover":
        this.#node(newest);
        if (step.quiet) await this.time.settle();
        break;
    }
  }

  /** Every fault ends; then time passes in which everything has to come right. */
  async heal(): Promise<void> {
    this.#fates = [];
    this.#hold(false);
    this.#deliverLate();
    this.snapshots.faults.away = false;
    this.records.room = "ok";
    await this.time.pass(30 * SECOND);
    // A clock that was set back is waited for; a shard that broke too often is started again by an operator.
    if (this.newest.node.all().some((shard) => shard.phase !== "serving")) {
      this.newest.kill();
      this.#node(this.newest);
      await this.time.pass(30 * SECOND);
    }
  }
}
