// Any course of events over a small world: commands, faults of the log, the store and the clock, restarts and takeovers. Drawn by
// fast-check, played step by step, judged when everything has healed.
import fc from "fast-check";
import { type Fate, MemoryStore } from "../../persistence/memory/decision-log.ts";
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
const AUCTIONS = 6;
const KEYS = 12;

type FateKind = Fate["kind"];

export type Step =
  | { readonly kind: "create"; readonly auction: number; readonly key: number; readonly settings: Readonly<Record<string, unknown>>; readonly opensInMs: number }
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

const bidder = fc.constantFrom("ann", "bob", "cyn");
const auction = fc.integer({ min: 0, max: AUCTIONS - 1 });
const key = fc.integer({ min: 0, max: KEYS - 1 });
const amount = fc.integer({ min: 1, max: 40 }).map((n) => n * 100);

const settings = fc.record({
  durationMs: fc.constantFrom(5 * SECOND, 20 * SECOND, 120 * SECOND, 600 * SECOND),
  reserve: fc.constantFrom(null, 800),
  buyNow: fc.constantFrom(null, { price: 3_000, until: "price_reached" }),
  softClose: fc.constantFrom(null, { windowMs: 5 * SECOND, amountMs: 3 * SECOND, base: "end" }),
  retraction: fc.constant({ earlyMs: 0, lateGraceMs: 60 * SECOND, reasons: ["mistyped_amount"], leaderMay: true }),
  outage: fc.constantFrom({ policy: "none" }, { policy: "give_back" }, { policy: "give_back", lostMsMin: 2 * SECOND, givenMsMax: 30 * SECOND }),
});

function asked(role: Role, issuer: fc.Arbitrary<string>, body: fc.Arbitrary<CommandBody>): fc.Arbitrary<Step> {
  return fc.record({ kind: fc.constant("ask" as const), auction, key, role: fc.constant(role), issuer, body });
}

const sue = fc.constant("sue");
const olga = fc.constant("olga");
const reason = fc.constant("mistyped_amount");

const commands = fc.oneof(
  {
    weight: 30,
    arbitrary: asked(
      "bidder",
      bidder,
      fc.record({ type: fc.constant("place_bid"), kind: fc.constant("maximum"), amount, currency: fc.constant("USD") }) as fc.Arbitrary<CommandBody>,
    ),
  },
  { weight: 2, arbitrary: asked("bidder", bidder, fc.record({ type: fc.constant("retract_bid" as const), reason })) },
  {
    weight: 1,
    arbitrary: asked("bidder", bidder, fc.record({ type: fc.constant("buy_now" as const), amount: fc.constant(3_000), currency: fc.constant("USD") })),
  },
  { weight: 2, arbitrary: asked("operator", olga, fc.record({ type: fc.constant("void_bid" as const), bidId: fc.integer({ min: 3, max: 9 }), reason })) },
  {
    weight: 1,
    arbitrary: asked("operator", olga, fc.record({ type: fc.constant("void_bidder" as const), bidderId: bidder, reason, block: fc.boolean() })),
  },
  { weight: 1, arbitrary: asked("operator", olga, fc.record({ type: fc.constant("pause" as const), reason })) },
  { weight: 2, arbitrary: asked("operator", olga, fc.record({ type: fc.constant("resume" as const), leaveAtLeastMs: fc.constant(1_000) })) },
  { weight: 1, arbitrary: asked("seller", sue, fc.record({ type: fc.constant("withdraw" as const), reason })) },
  { weight: 1, arbitrary: asked("seller", sue, fc.record({ type: fc.constant("end_early" as const), sellBelowReserve: fc.boolean() })) },
);

const fate = fc.constantFrom<FateKind>("done", "done", "refused", "answer_lost", "lost", "late");

function createOf(which: fc.Arbitrary<number>): fc.Arbitrary<Step> {
  return fc.record({ kind: fc.constant("create" as const), auction: which, key, settings, opensInMs: fc.constantFrom(-SECOND, 0, 0, 3 * SECOND) });
}

const quiet = fc.constantFrom(true, true, false);

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: createOf(auction) },
  { weight: 45, arbitrary: commands },
  { weight: 10, arbitrary: fc.record({ kind: fc.constant("again" as const), which: fc.nat(50), amount: fc.option(amount, { nil: null, freq: 3 }) }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("read" as const), auction, fresh: fc.boolean() }) },
  { weight: 6, arbitrary: fc.constant({ kind: "turn" as const }) },
  { weight: 25, arbitrary: fc.constant({ kind: "settle" as const }) },
  { weight: 10, arbitrary: fc.record({ kind: fc.constant("pass" as const), ms: fc.constantFrom(1, 40, 400, 1_500, 4_000) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("pass" as const), ms: fc.constantFrom(20_000, 40_000) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("jump" as const), ms: fc.constantFrom(10, 3_000, 25_000) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("step_clock" as const), ms: fc.constantFrom(300, -300, 2_000, 15_000, -2_000) }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("fates" as const), fates: fc.array(fate, { minLength: 1, maxLength: 4 }) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("hold" as const), on: fc.constantFrom(true, false, false) }) },
  { weight: 3, arbitrary: fc.constant({ kind: "late" as const }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("store" as const), away: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("room" as const), low: fc.boolean() }) },
  { weight: 1, arbitrary: fc.constant({ kind: "stranger" as const }) },
  { weight: 6, arbitrary: fc.constant({ kind: "snapshot" as const }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("break" as const), shard: fc.integer({ min: 0, max: SHARDS - 1 }) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("kill" as const), quiet }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("stop" as const), quiet }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("takeover" as const), quiet }) },
);

const creates = fc.tuple(...Array.from({ length: AUCTIONS }, (_, n) => createOf(fc.constant(n))));

/** Any course of some dozens of steps. They begin with a few auctions, in quiet: without one there is little to go wrong. */
export const anyCourse: fc.Arbitrary<readonly Step[]> = fc
  .record({ creates, steps: fc.array(step, { minLength: 20, maxLength: 70, size: "max" }) })
  .map(({ creates: first, steps }) => [{ kind: "settle" }, ...first, { kind: "settle" }, ...steps]);

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
