// One shard: its auctions, its head time, its record in flight. Wires mailbox, deciding, committing; stops all on a broken invariant.
//
// Owns: the actors, the pending ring, the open frame. Must not: rule on anything (core does), claim (tenure.ts does).
//
// C1. One record in flight: `flight` is null or the record that the log has. What is decided meanwhile is the next frame.
// C2. Nothing leaves and nothing reaches committed state before its record is durable and judged effective.
// C9. A refused append throws the head away; every command it held is refused, and had no effect.
// C10. So is whatever was decided on the head and not sent.
// O4. An auction takes at most inARowMax commands before the next one has its turn.
// O5. Due commands go before bids.
//
// phase      entered when                       commands                            left when
// unowned    start; tenure over                 refused shard_unowned               take() runs
// opening    own claim is effective             wait in mailboxes                   TIME(first) is committed
// serving    opening pass done                  decided                             release, refusal, over
// log_down   an append was refused              refused log_unavailable             a TIME(probe) is committed: opening
// sealed     stop or move                       refused shard_moving                RELEASE is committed: unowned
// stopped    a broken invariant                 refused shard_unowned               an operator acts

import { answerChunk, answerOffset, answerRow, apply, decide, dueAt, dueCommand, sameCommand } from "../core/auction.ts";
import type { Command } from "../core/command.ts";
import type { Decision, RefusalCode } from "../core/decision.ts";
import type { AuctionId, Epoch, Instant, Shard as ShardNumber } from "../core/ids.ts";
import { type AuctionState, discard, fork, settle } from "../core/state.ts";
import { advance, EFFECTIVE, initialJudge, type JudgeState, type TenureRecord } from "../core/validity.ts";
import { leaderId, reserveMetOf } from "../core/view.ts";
import type { AppendOutcome, Caller, FrameWriter } from "../ports.ts";
import type { ShardStatus } from "../protocol.ts";
import { Actor, type Waiting } from "./actor.ts";
import { PendingRing } from "./pending-ring.ts";
import { addToDraft, beginDraft, finishDraft, noticesOf } from "./publish.ts";
import { ShardHashes } from "./shard-hashes.ts";
import type { Control, ShardWorld } from "./world.ts";

export type ShardPhase = "unowned" | "opening" | "serving" | "log_down" | "sealed" | "stopped";

/** Commands of one auction taken before the next auction has its turn (O4). */
const IN_A_ROW_MAX = 64;

/** The record that the log has. */
interface Flight {
  /** null for a CLAIM. */
  readonly record: TenureRecord | null;
  /** Decisions in it; 0 for a control record. */
  readonly decisions: number;
  readonly control: Control | null;
  readonly sentAt: number;
}

const NO_PAYLOAD = new Uint8Array(0);

/** A command whose outcome is unknown until the log has been read again. */
export interface Orphan {
  readonly caller: Caller;
  readonly requestId: number;
  readonly command: Command;
}

export class Shard {
  readonly number: ShardNumber;
  readonly world: ShardWorld;
  readonly actors = new Map<AuctionId, Actor>();
  phase: ShardPhase = "unowned";
  judge: JudgeState;
  epoch: Epoch = 0;
  /** Time of the last decision taken; never below the last logged time. */
  time: Instant = 0;
  /** Commands in mailboxes. */
  mail = 0;
  /** Records that landed in this tenure, for readers that need one newer than their question. */
  recordsStarted = 0;
  recordsLanded = 0;
  /** Monotonic time of the last record that landed. */
  lastRecordAt = 0;
  /** The snapshot under way: it captures an auction before it changes. */
  readonly snapshot: { run: { capture(actor: Actor): void } | null } = { run: null };
  readonly hashes = new ShardHashes();
  /** Monotonic time of the last saved snapshot. */
  snapshotAt = 0;
  readonly orphans: Orphan[] = [];
  /** Auctions changed since the last snapshot began. */
  readonly dirty = new Set<Actor>();
  /** Closed auctions that are in the snapshot store only. */
  evicted = 0;
  /** Whether some auction gives lost time back, so that the shard's idle time is logged every second. */
  givesBack = false;
  #indexNext = 0;
  readonly #indexFree: number[] = [];
  readonly #ring = new PendingRing();
  readonly #writer: FrameWriter;
  #carried: Decision | null = null;
  #frameLast: Instant = 0;
  #flight: Flight | null = null;
  #releasing: Flight | null = null;
  #judging = false;
  #controls: Control[] = [];
  #ready: Actor[] = [];
  #readyTaken = 0;
  #due: Command[] = [];
  #touched: Actor[] = [];
  #waiters: { readonly after: number; readonly tell: (code: RefusalCode | null) => void }[] = [];
  #barrierWanted = false;
  /** Called when the last opening work is decided, to send TIME(first). */
  openingDone: (() => void) | null = null;

  constructor(number: ShardNumber, world: ShardWorld) {
    this.number = number;
    this.world = world;
    this.judge = initialJudge(number);
    this.#writer = world.codec.frameWriter();
  }

  // Taking in

  /** A command from a gateway. Refusals leave at once; the rest waits in the auction's mailbox. */
  command(caller: Caller, requestId: number, deadlineMs: number, command: Command): void {
    const refusal = this.#closedTo(command);
    if (refusal !== null) {
      this.world.counters.refused(refusal);
      caller.refuse(requestId, command.auctionId, refusal, this.#retryAfterMs(refusal));
      return;
    }
    const waiting = { caller, requestId, expiresAt: this.world.turnAt() + deadlineMs, command };
    const actor = this.actors.get(command.auctionId);
    if (actor === undefined) {
      this.#strange(waiting);
      return;
    }
    this.#mailTo(actor, waiting);
  }

  #closedTo(command: Command): RefusalCode | null {
    switch (this.phase) {
      case "serving":
      case "opening":
        break;
      case "log_down":
        return "log_unavailable";
      case "sealed":
        return "shard_moving";
      case "unowned":
      case "stopped":
        return "shard_unowned";
    }
    if (this.mail + this.#ring.size >= this.world.limits.waitingMax) return "overloaded";
    if (command.role === "bidder" && this.world.log.room() === "low") return "log_unavailable";
    return null;
  }

  #retryAfterMs(code: RefusalCode): number {
    return code === "overloaded" || code === "auction_busy" ? 50 : code === "log_unavailable" ? 500 : 100;
  }

  #refuse(waiting: Waiting, code: RefusalCode): void {
    this.world.counters.refused(code);
    waiting.caller.refuse(waiting.requestId, waiting.command.auctionId, code, this.#retryAfterMs(code));
  }

  #mailTo(actor: Actor, waiting: Waiting): void {
    if (actor.depth >= this.world.limits.mailboxMax) {
      this.#refuse(waiting, "auction_busy");
      return;
    }
    actor.put(waiting);
    this.mail += 1;
    this.#enqueue(actor);
  }

  #enqueue(actor: Actor): void {
    if (actor.queued || actor.creating || actor.loading) return;
    actor.queued = true;
    this.#ready.push(actor);
  }

  // An auction this node has no state of: about to be created, asleep in the snapshot store, or none at all.
  #strange(waiting: Waiting): void {
    const auctionId = waiting.command.auctionId;
    if (this.evicted > 0) {
      const actor = this.addActor(auctionId, null);
      actor.loading = true;
      this.#mailTo(actor, waiting);
      this.world.wakeAuction(this, actor);
      return;
    }
    if (waiting.command.body.type === "create") {
      this.#mailTo(this.addActor(auctionId, null), waiting);
      return;
    }
    this.whenFresh((code) => this.#refuse(waiting, code ?? "no_such_auction"));
  }

  /** An auction of this shard by its id, made from a state or (null) about to be created. */
  addActor(auctionId: AuctionId, state: AuctionState | null): Actor {
    const index = this.#indexFree.pop() ?? this.#indexNext++;
    const actor = new Actor(this, auctionId, index, state);
    this.actors.set(auctionId, actor);
    return actor;
  }

  removeActor(actor: Actor): void {
    this.world.deadlines.set(actor, Number.POSITIVE_INFINITY);
    this.dirty.delete(actor);
    this.hashes.free(actor.index);
    this.actors.delete(actor.auctionId);
    this.#indexFree.push(actor.index);
  }

  /** After a sleeping auction was fetched (or found missing): its mailbox is decided, or refused. */
  awake(actor: Actor, state: AuctionState | null): void {
    actor.loading = false;
    if (state !== null) {
      actor.committed = state;
      actor.head = state;
      this.world.deadlines.set(actor, dueAt(state));
    }
    if (actor.depth > 0) this.#enqueue(actor);
    else if (state === null) this.removeActor(actor);
    this.world.wake();
  }

  /** The store did not answer: nothing is known of that auction, so nothing is said of it. */
  asleepAway(actor: Actor): void {
    actor.loading = false;
    for (let waiting = actor.take(); waiting !== undefined; waiting = actor.take()) {
      this.mail -= 1;
      this.#refuse(waiting, "overloaded");
    }
    this.removeActor(actor);
  }

  /** Calls back once a record appended after now has landed: what is read then is not old. With a code when none will. */
  whenFresh(tell: (code: RefusalCode | null) => void): void {
    if (this.phase !== "serving") {
      tell(this.phase === "log_down" ? "log_unavailable" : "shard_unowned");
      return;
    }
    const youngMs = 1_000;
    if (this.world.turnAt() - this.lastRecordAt < youngMs && !this.world.limits.barrierAlways) {
      tell(null);
      return;
    }
    this.barrier(tell);
  }

  /** The same without believing in a young record: linearizable (fresh reads). */
  barrier(tell: (code: RefusalCode | null) => void): void {
    this.#waiters.push({ after: this.recordsStarted, tell });
    this.#barrierWanted = true;
    this.world.wake();
  }

  // Deciding

  /** A time for a decision: never below the last one, nor below the wall clock. */
  stamp(): Instant {
    const wall = this.world.clock.now();
    if (wall > this.time) this.time = wall;
    return this.time;
  }

  /** Whether the open frame can take another decision. */
  get #open(): boolean {
    return this.#carried === null && (this.phase === "serving" || this.phase === "opening" || this.phase === "sealed");
  }

  /** A command of the engine's own, before all bids (O5). */
  engineCommand(command: Command): void {
    this.#due.push(command);
  }

  /** Whether something waits that could be decided now. */
  get hasWork(): boolean {
    return this.#open && (this.#due.length > 0 || (this.phase === "serving" && this.#readyTaken < this.#ready.length));
  }

  /** Decides at most `budget` commands; returns how many it took. */
  decideSome(budget: number): number {
    let taken = 0;
    while (taken < budget && this.#open) {
      if (this.#due.length > 0) {
        taken += 1;
        this.#decideDue(this.#due.shift() as Command);
        continue;
      }
      if (this.phase !== "serving") break;
      const actor = this.#nextReady();
      if (actor === undefined) break;
      taken += this.#serve(actor, Math.min(IN_A_ROW_MAX, budget - taken));
    }
    if (this.phase === "opening" && this.#due.length === 0 && this.#carried === null) this.openingDone?.();
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
      // Everything due by now goes first, in this auction and in every other of the shard.
      const now = this.stamp();
      if (this.world.deadlines.top <= now) {
        this.world.fireDue(now);
        if (this.#due.length > 0) break;
      }
      const waiting = actor.take();
      if (waiting === undefined) break;
      this.mail -= 1;
      taken += 1;
      this.#rule(actor, waiting, now);
    }
    actor.queued = false;
    if (actor.depth > 0) this.#enqueue(actor);
    else if (actor.head === null && !actor.loading) this.removeActor(actor);
    return taken;
  }

  // Known key first, then the rules. A key known in the head only waits for its frame (S2, S3).
  #rule(actor: Actor, waiting: Waiting, now: Instant): void {
    const { command, caller, requestId } = waiting;
    if (waiting.expiresAt <= this.world.turnAt()) {
      this.#refuse(waiting, "overloaded");
      return;
    }
    const head = actor.head;
    if (head !== null && command.keyDigest !== null) {
      const row = answerRow(head, command.keyDigest);
      if (row >= 0) {
        this.#repeat(actor, waiting, row);
        return;
      }
    }
    if (head === null ? command.body.type !== "create" : head.phase === null) {
      this.#refuse(waiting, "no_such_auction");
      return;
    }
    if (head !== null && head.answerCount >= this.world.limits.answersMax && command.role === "bidder") {
      this.#refuse(waiting, "auction_busy");
      return;
    }
    if (head !== null && dueAt(head) <= now) this.#take(actor, dueCommand(head), null, 0, now);
    this.#take(actor, command, caller, requestId, now);
  }

  #repeat(actor: Actor, waiting: Waiting, row: number): void {
    const { command, caller, requestId } = waiting;
    const committed = actor.committed;
    if (committed === null || row >= committed.answerCount) {
      this.#ring.push(actor, null, caller, requestId, sameCommand(actor.head as AuctionState, row, command) ? row : -1 - row);
      return;
    }
    if (!sameCommand(committed, row, command)) {
      this.#refuse(waiting, "key_reused");
      return;
    }
    this.world.counters.repeats += 1;
    caller.answer(requestId, actor.auctionId, answerChunk(committed, row), answerOffset(row), true);
  }

  // A timer only wakes the shard: what is no longer due (an extension came first) is put back.
  #decideDue(command: Command): void {
    const actor = this.actors.get(command.auctionId);
    if (actor === undefined || actor.head === null) return;
    const now = this.stamp();
    if (command.body.type !== "give_back" && dueAt(actor.head) > now) {
      this.world.deadlines.set(actor, dueAt(actor.head));
      return;
    }
    this.#take(actor, command.body.type === "give_back" ? command : dueCommand(actor.head), null, 0, now);
  }

  // One decision: taken on the head, put into the open frame, remembered by whoever waits for it.
  #take(actor: Actor, command: Command, caller: Caller | null, requestId: number, now: Instant): void {
    const decision = decide(actor.head, command, now, this.epoch);
    if (actor.head !== null && actor.head === actor.committed) actor.head = fork(actor.committed);
    actor.head = apply(actor.head, decision);
    actor.inFlight += 1;
    this.#ring.push(actor, decision, caller, requestId, -1);
    // While its create is in flight an auction is not due (A2); #born sets its first due time.
    if (actor.committed !== null) {
      const due = dueAt(actor.head);
      if (due !== actor.due || actor.heapIndex < 0) this.world.deadlines.set(actor, due);
    }
    if (this.#writer.add(decision)) this.#frameLast = decision.at;
    else this.#carried = decision;
  }

  // Committing

  /** Whether its next record must be alone in its request. */
  get wantsAlone(): boolean {
    return this.#controls[0]?.alone === true;
  }

  /** Sends a control record as soon as nothing is in flight. */
  send(control: Control): void {
    this.#controls.push(control);
    this.world.wake();
  }

  /** The next record for the log, or null. From here on it is in flight. */
  nextRecord(): Uint8Array | null {
    if (this.#flight !== null || this.#judging || this.phase === "stopped") return null;
    const waitingFrame = this.#writer.count > 0 && this.phase !== "unowned";
    // A control record follows what was decided before it.
    if (waitingFrame && this.#controls[0]?.alone !== true) return this.#sendFrame();
    const control = this.#controls.shift();
    if (control !== undefined) return this.#sendControl(control);
    if (this.#barrierWanted && this.phase === "serving") return this.#sendControl(this.world.timeControl(this, "barrier"));
    return null;
  }

  #sendFrame(): Uint8Array {
    const count = this.#writer.count;
    const { lsn, hash: prevHash, time } = this.judge;
    const { bytes, hash } = this.#writer.close({ shard: this.number, epoch: this.epoch, firstLsn: lsn + 1, prevHash });
    const timeLast = this.#frameLast;
    const record: TenureRecord = {
      kind: "frame",
      offset: 0,
      shard: this.number,
      lifeId: this.judge.lifeId ?? NO_PAYLOAD,
      epoch: this.epoch,
      firstLsn: lsn + 1,
      count,
      timeFirst: time,
      timeLast,
      prevHash,
      hash,
      payload: NO_PAYLOAD,
    };
    this.#flight = { record, decisions: count, control: null, sentAt: this.world.clock.monotonic() };
    this.world.counters.frame(count, bytes.length);
    if (this.#carried !== null) {
      this.#writer.add(this.#carried);
      this.#frameLast = this.#carried.at;
      this.#carried = null;
    }
    this.#started();
    return bytes;
  }

  #sendControl(control: Control): Uint8Array {
    const { bytes, record } = control.build();
    this.#flight = { record, decisions: 0, control, sentAt: this.world.clock.monotonic() };
    this.#started();
    return bytes;
  }

  #started(): void {
    this.recordsStarted += 1;
    this.#barrierWanted = false;
  }

  /** The log's word on the record in flight. Judges it; what may leave waits for release(). */
  landed(outcome: AppendOutcome): void {
    const flight = this.#flight;
    if (flight === null) return;
    this.#flight = null;
    this.world.guard(this, () => {
      if (flight.record === null) flight.control?.landed(outcome);
      else if (outcome.kind === "done") this.#done(flight, outcome.offset);
      else if (outcome.kind === "refused") this.world.appendRefused(this, outcome.detail);
      else this.#unknown(flight, outcome.cause, false);
      if (outcome.kind !== "done" && flight.record !== null) flight.control?.landed(outcome);
    });
  }

  #done(flight: Flight, offset: number): void {
    if (offset === this.judge.next) {
      this.#effective(flight, offset);
      return;
    }
    if (offset < this.judge.next) {
      this.world.broken(this, "log_shorter", `a record landed at ${offset}, expected ${this.judge.next}: the log got shorter`);
      return;
    }
    this.#judging = true;
    void this.world.judgeGap(this, offset).then((held) => {
      this.#judging = false;
      if (this.phase === "stopped") return;
      if (held) this.#effective(flight, offset);
      else this.#unknown(flight, "another owner claimed", true);
      this.release();
      this.world.wake();
    });
  }

  #effective(flight: Flight, offset: number): void {
    // Nothing can stand between the expected offset and itself, so the record is effective without reading it (C5).
    if (flight.record !== null) advance(this.judge, { ...flight.record, offset }, EFFECTIVE, this.world.codec.hash);
    this.lastRecordAt = this.world.clock.monotonic();
    this.world.counters.appended(this.lastRecordAt - flight.sentAt);
    this.#releasing = flight;
  }

  /** Applies and tells what the landed record made durable, in lsn order, in one loop (C11). */
  release(): void {
    const flight = this.#releasing;
    if (flight === null) return;
    this.#releasing = null;
    this.world.guard(this, () => {
      this.recordsLanded = this.recordsStarted - (this.#flight === null ? 0 : 1);
      this.#releaseSlots(flight.decisions);
      this.#publish();
      flight.control?.landed({ kind: "done", offset: this.judge.next - 1 });
      this.#tellWaiters(null);
    });
  }

  #releaseSlots(decisions: number): void {
    const ring = this.#ring;
    let left = decisions;
    while (ring.size > 0) {
      const slot = ring.front();
      const actor = slot.actor as Actor;
      if (slot.decision === null) {
        if (!this.#releaseRepeat(actor, slot.row, slot.caller as Caller, slot.requestId)) break;
      } else {
        if (left === 0) break;
        left -= 1;
        this.#commit(actor, slot.decision);
        if (slot.caller !== null && actor.committed !== null) {
          const row = actor.committed.answerCount - 1;
          slot.caller.answer(slot.requestId, actor.auctionId, answerChunk(actor.committed, row), answerOffset(row), false);
        }
      }
      ring.drop();
    }
  }

  #releaseRepeat(actor: Actor, row: number, caller: Caller, requestId: number): boolean {
    const reused = row < 0;
    const known = reused ? -1 - row : row;
    const committed = actor.committed;
    if (committed === null || known >= committed.answerCount) return false;
    if (reused) caller.refuse(requestId, actor.auctionId, "key_reused", 0);
    else caller.answer(requestId, actor.auctionId, answerChunk(committed, known), answerOffset(known), true);
    return true;
  }

  #commit(actor: Actor, decision: Decision): void {
    if (actor.captureWanted) this.snapshot.run?.capture(actor);
    const before = actor.committed;
    if (actor.draft === null && this.world.sink.watched(actor.auctionId)) {
      actor.draft = beginDraft(before);
      this.#touched.push(actor);
    }
    const leaderBefore = before === null ? null : leaderId(before);
    const metBefore = before === null ? null : reserveMetOf(before);
    const state = before === null ? (actor.head as AuctionState) : apply(before, decision);
    actor.committed = state;
    actor.inFlight -= 1;
    if (actor.inFlight === 0) actor.head = state;
    else settle(actor.head as AuctionState, state);
    this.world.counters.decided(decision);
    if (!actor.dirty) {
      actor.dirty = true;
      this.dirty.add(actor);
    }
    if (actor.draft !== null) addToDraft(actor.draft, decision, state, metBefore);
    if (decision.verdict === "accepted") noticesOf(decision, state, leaderBefore, (notice) => this.world.sink.notice(notice));
    if (before === null) this.#born(actor, state);
  }

  #born(actor: Actor, state: AuctionState): void {
    if (state.settings?.outage.policy === "give_back") this.givesBack = true;
    this.world.deadlines.set(actor, dueAt(state));
    if (actor.depth > 0) this.#enqueue(actor);
  }

  #publish(): void {
    for (const actor of this.#touched) {
      const draft = actor.draft;
      actor.draft = null;
      if (draft === null || actor.committed === null) continue;
      const update = finishDraft(draft, actor.committed);
      if (update !== null) this.world.sink.update(update);
    }
    this.#touched.length = 0;
  }

  #tellWaiters(code: RefusalCode | null): void {
    if (this.#waiters.length === 0) return;
    const due = code === null ? this.#waiters.filter((waiter) => waiter.after < this.recordsLanded) : this.#waiters;
    this.#waiters = code === null ? this.#waiters.filter((waiter) => waiter.after >= this.recordsLanded) : [];
    if (this.#waiters.length > 0) this.#barrierWanted = true;
    for (const waiter of due) waiter.tell(code);
  }

  // Throwing the head away

  #unknown(flight: Flight, cause: string, deposed: boolean): void {
    let left = flight.decisions;
    const ring = this.#ring;
    while (left > 0 && ring.size > 0) {
      const slot = ring.front();
      if (slot.decision !== null) left -= 1;
      if (slot.caller !== null && slot.decision !== null) this.orphans.push({ caller: slot.caller, requestId: slot.requestId, command: slot.decision.command });
      else if (slot.caller !== null) slot.caller.refuse(slot.requestId, (slot.actor as Actor).auctionId, "outcome_unknown", 100);
      this.#forget(slot.actor as Actor);
      ring.drop();
    }
    if (deposed) this.world.deposed(this, cause);
    else this.world.appendUnknown(this, cause);
  }

  /** Head = committed: all that was decided and is not durable is refused, and so is what waits. */
  dropHead(code: RefusalCode): void {
    const ring = this.#ring;
    const refuse = (caller: Caller, requestId: number, auctionId: AuctionId): void => {
      this.world.counters.refused(code);
      caller.refuse(requestId, auctionId, code, this.#retryAfterMs(code));
    };
    while (ring.size > 0) {
      const slot = ring.front();
      const actor = slot.actor as Actor;
      if (slot.caller !== null) refuse(slot.caller, slot.requestId, actor.auctionId);
      this.#forget(actor);
      ring.drop();
    }
    for (const control of this.#controls.splice(0)) control.landed({ kind: "unknown", cause: "never sent: the head was thrown away" });
    this.#writer.clear();
    this.#carried = null;
    this.#due = [];
    this.time = this.judge.time;
    this.#ready = [];
    this.#readyTaken = 0;
    for (const actor of this.mail === 0 ? [] : [...this.actors.values()]) {
      if (actor.depth === 0) continue;
      for (let waiting = actor.take(); waiting !== undefined; waiting = actor.take()) refuse(waiting.caller, waiting.requestId, actor.auctionId);
      actor.queued = false;
      if (actor.head === null && !actor.loading) this.removeActor(actor);
    }
    this.mail = 0;
    this.#tellWaiters(code);
  }

  #forget(actor: Actor): void {
    actor.inFlight = 0;
    actor.queued = false;
    if (actor.committed === null) {
      actor.head = null;
      if (actor.depth === 0) this.removeActor(actor);
      return;
    }
    if (actor.head !== null && actor.head !== actor.committed) {
      discard(actor.head, actor.committed);
      actor.head = actor.committed;
    }
    this.world.deadlines.set(actor, dueAt(actor.committed));
  }

  /** Whether nothing is in flight or waiting for the log. */
  get quiet(): boolean {
    return this.#flight === null && this.#releasing === null && !this.#judging && this.#ring.size === 0 && this.#writer.count === 0;
  }

  get heldDecisions(): number {
    return this.#ring.size;
  }

  /** What gateways are told of it. */
  status(): ShardStatus {
    const state = this.phase === "opening" ? "unowned" : this.phase === "sealed" ? "moving" : this.phase;
    return { shard: this.number, state, epoch: this.epoch, lsn: this.judge.lsn, offset: Math.max(0, this.judge.next - 1) };
  }
}
