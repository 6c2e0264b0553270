// Deciding: takes what waits, one command at a time, and rules on it on the head.
//
// Owns: which auction is next, and the rule around a ruling: a known key first, what is due before what is asked. Must not: let
// anything leave (commit.ts does), or judge an end by anything but the decision's own time.
//
// O4. An auction takes at most IN_A_ROW_MAX commands before the next one has its turn.
// O5. Due commands go before bids: give-backs first, then openings and closes by (due time, auction id).
// S2. A key known in committed state is answered at once, without a record. Known in the head only: with its frame.
// S3. A key never changes its command, so `key_reused` is said from committed state and needs no record.
import { answerChunk, answerOffset, answerRow, apply, decide, dueAt, dueCommand, sameCommand } from "../core/auction.ts";
import type { Command } from "../core/command.ts";
import type { RefusalCode } from "../core/decision.ts";
import type { Instant } from "../core/ids.ts";
import { type AuctionState, fork } from "../core/state.ts";
import type { Caller } from "../ports.ts";
import type { Actor, Waiting } from "./actor.ts";
import type { Commit } from "./commit.ts";
import { Deadlines, type Due } from "./deadlines.ts";
import { REFUSED_PIECE_MS, refusedTimeOf } from "./give-back.ts";
import type { ShardState } from "./shard-state.ts";

/** Commands of one auction taken before the next auction has its turn: a hot one does not starve the others of its shard. */
const IN_A_ROW_MAX = 64;

/** An auction whose due time has come, until that is decided. */
interface Fired extends Due {
  readonly actor: Actor;
}

export class Deciding {
  readonly #shard: ShardState;
  readonly #commit: Commit;
  #ready: Actor[] = [];
  #readyTaken = 0;
  #giveBacks: Command[] = [];
  #giveBacksTaken = 0;
  #fired = new Deadlines<Fired>();
  /** Whether a command of this turn told how long it had waited. */
  #sampled = false;

  constructor(shard: ShardState, commit: Commit) {
    this.#shard = shard;
    this.#commit = commit;
  }

  /** Lost time is to be given back, before anything else is decided. */
  putGiveBack(command: Command): void {
    this.#giveBacks.push(command);
  }

  /** An auction is due since `due`. */
  fire(actor: Actor, due: Instant): void {
    this.#fired.set({ auctionId: actor.auctionId, due, heapIndex: -1, actor }, due);
  }

  /** An auction has mail, and may be decided. */
  enqueue(actor: Actor): void {
    if (actor.queued || actor.creating || actor.loading || actor.depth === 0) return;
    actor.queued = true;
    this.#ready.push(actor);
  }

  get #open(): boolean {
    const { phase } = this.#shard;
    return this.#commit.open && (phase === "serving" || phase === "opening");
  }

  get #ownWaiting(): boolean {
    return this.#giveBacksTaken < this.#giveBacks.length || this.#fired.size > 0;
  }

  /** Whether something waits that could be decided now. */
  get hasWork(): boolean {
    return this.#open && (this.#ownWaiting || (this.#shard.phase === "serving" && this.#readyTaken < this.#ready.length));
  }

  /** Whether no command of the engine's own waits any more. */
  get dueDone(): boolean {
    return !this.#ownWaiting && this.#commit.open;
  }

  /** Decides at most `budget` commands; returns how many it took. */
  decideSome(budget: number): number {
    let taken = 0;
    this.#sampled = false;
    while (taken < budget && this.#open) {
      if (this.#decideOwn()) {
        taken += 1;
        continue;
      }
      if (this.#shard.phase !== "serving") break;
      const actor = this.#nextReady();
      if (actor === undefined) break;
      taken += this.#serve(actor, Math.min(IN_A_ROW_MAX, budget - taken));
    }
    return taken;
  }

  #nextReady(): Actor | undefined {
    const actor = this.#ready[this.#readyTaken];
    if (actor === undefined) return undefined;
    this.#readyTaken += 1;
    if (this.#readyTaken === this.#ready.length) {
      this.#ready = [];
      this.#readyTaken = 0;
    }
    return actor;
  }

  #serve(actor: Actor, most: number): number {
    let taken = 0;
    while (taken < most && this.#open && !actor.creating) {
      const now = this.#shard.stamp();
      if (this.#dueFirst(actor, now)) break;
      const waiting = actor.take();
      if (waiting === undefined) break;
      if (!this.#sampled) this.#sample(waiting);
      this.#shard.mail -= 1;
      taken += 1;
      this.#rule(actor, waiting, now);
    }
    actor.queued = false;
    if (actor.depth > 0) this.enqueue(actor);
    else if (actor.head === null && !actor.loading) this.#shard.removeActor(actor);
    return taken;
  }

  #sample(waiting: Waiting): void {
    this.#sampled = true;
    this.#shard.world.counters.waited(this.#shard.world.turnAt() - waiting.receivedAt);
  }

  // Everything due by now goes first, in this auction and in every other of the shard.
  #dueFirst(actor: Actor, now: Instant): boolean {
    const { world } = this.#shard;
    if (world.deadlines.top <= now) world.fireDue(now);
    if (this.#fired.size === 0 && actor.head !== null && dueAt(actor.head) <= now) this.fire(actor, dueAt(actor.head));
    return this.#fired.size > 0;
  }

  #rule(actor: Actor, waiting: Waiting, now: Instant): void {
    const { command, caller, requestId } = waiting;
    const { world } = this.#shard;
    if (waiting.expiresAt <= world.turnAt()) {
      this.#shard.refuse(waiting, "overloaded");
      return;
    }
    const { head } = actor;
    if (head !== null && command.keyDigest !== null) {
      const row = answerRow(head, command.keyDigest);
      if (row >= 0) {
        this.#repeat(actor, waiting, row);
        return;
      }
    }
    if (head === null && command.body.type !== "create") {
      this.#shard.refuseStrange(waiting);
      return;
    }
    if (head !== null && head.phase === null) {
      this.#shard.refuse(waiting, "no_such_auction");
      return;
    }
    if (head !== null && head.answerCount >= world.limits.answersMax && command.role === "bidder") {
      this.#shard.refuse(waiting, "auction_busy");
      return;
    }
    this.#take(actor, command, caller, requestId, now);
  }

  #repeat(actor: Actor, waiting: Waiting, row: number): void {
    const { command, caller, requestId } = waiting;
    const { committed } = actor;
    if (committed === null || row >= committed.answerCount) {
      this.#commit.putRepeat(actor, command, caller, requestId, sameCommand(actor.head as AuctionState, row, command) ? row : -1 - row);
      return;
    }
    if (!sameCommand(committed, row, command)) {
      this.#shard.refuse(waiting, "key_reused");
      return;
    }
    this.#shard.world.counters.repeats += 1;
    caller.answer(requestId, actor.auctionId, answerChunk(committed, row), answerOffset(row), true);
  }

  // The next command of the engine's own; false when there is none. An auction that opens may have to close at once, and stands in its
  // place among the others: so the heap of the node is asked each time.
  #decideOwn(): boolean {
    const { world } = this.#shard;
    const giveBack = this.#giveBacks[this.#giveBacksTaken];
    if (giveBack !== undefined) {
      this.#giveBacksTaken += 1;
      this.#decideGiveBack(giveBack);
      return true;
    }
    const now = this.#shard.stamp();
    if (world.deadlines.top <= now) world.fireDue(now);
    const fired = this.#fired.takeDue(Number.POSITIVE_INFINITY);
    if (fired === undefined) return false;
    this.#decideDue(fired.actor, now);
    return true;
  }

  #decideGiveBack(command: Command): void {
    const actor = this.#shard.actors.get(command.auctionId);
    if (actor !== undefined && actor.head !== null) this.#take(actor, command, null, 0, this.#shard.stamp());
  }

  // A timer only wakes the shard: what is no longer due (an extension came first) is put back.
  #decideDue(actor: Actor, now: Instant): void {
    const { head } = actor;
    if (head === null || this.#shard.actors.get(actor.auctionId) !== actor) return;
    const { deadlines } = this.#shard.world;
    const { refusingSince } = this.#shard;
    const lost = refusingSince === null || dueAt(head) > now ? null : refusedTimeOf(head, refusingSince, now);
    if (dueAt(head) > now) deadlines.set(actor, dueAt(head));
    else if (lost === null) this.#take(actor, dueCommand(head), null, 0, now);
    else if (lostMs(lost) >= REFUSED_PIECE_MS || actor.depth > 0) this.#take(actor, lost, null, 0, now);
    else deadlines.set(actor, now + REFUSED_PIECE_MS - lostMs(lost));
  }

  // One decision: taken on the head, put into the open frame, remembered by whoever waits for it.
  #take(actor: Actor, command: Command, caller: Caller | null, requestId: number, now: Instant): void {
    const decision = decide(actor.head, command, now, this.#shard.epoch);
    if (actor.head !== null && actor.head === actor.committed) actor.head = fork(actor.committed);
    actor.head = apply(actor.head, decision);
    actor.inFlight += 1;
    this.#commit.put(actor, decision, caller, requestId);
    // While its create is in flight an auction is not due; its first due time is set when it is durable.
    if (actor.committed === null) return;
    const due = dueAt(actor.head);
    if (due !== actor.due || actor.heapIndex < 0) this.#shard.world.deadlines.set(actor, due);
  }

  /** Forgets what is due. The next opening pass looks at every auction anew. */
  dropDue(): void {
    this.#giveBacks = [];
    this.#giveBacksTaken = 0;
    this.#fired = new Deadlines();
  }

  /** Refuses everything that waits undecided. */
  dropMail(code: RefusalCode): void {
    this.dropDue();
    this.#ready = [];
    this.#readyTaken = 0;
    const shard = this.#shard;
    for (const actor of shard.mail === 0 ? [] : [...shard.actors.values()]) {
      actor.queued = false;
      for (let waiting = actor.take(); waiting !== undefined; waiting = actor.take()) shard.refuse(waiting, code);
      if (actor.head === null && !actor.loading) shard.removeActor(actor);
    }
    shard.mail = 0;
  }
}

function lostMs({ body }: Command): number {
  return body.type === "give_back" ? body.to - body.from : 0;
}
