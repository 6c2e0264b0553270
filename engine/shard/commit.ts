// Group commit of one shard: decisions go into the decision log first and out of the engine second.
//
// Owns: the open frame, the record in flight, and the answers and updates that wait for either. Must not: decide, choose an epoch
// (tenure.ts), or hand records to the log (rounds.ts asks for them).
//
// C1. One record in flight: `flight` is null or the record that the log has. What is decided meanwhile is the next frame.
// C2. Nothing leaves and nothing reaches committed state before its record is durable and judged effective.
// C5. A record that landed at the expected offset is effective without reading it: nothing can stand between.
// C6. One that landed above it: the gap is read and judged. Void records only: go on. Anything effective: the tenure is over.
// C7. One that landed below it: the log got shorter, the shard stops.
// C9. A refused append throws the head away; every command it held is refused, and had no effect.
// C10. So is whatever was decided on the head and not sent.
// C11. Answers and updates leave in lsn order, each once, in one loop over the frame.
import { answerChunk, answerOffset, apply, dueAt } from "../core/auction.ts";
import type { Command } from "../core/command.ts";
import type { Decision, RefusalCode } from "../core/decision.ts";
import type { AuctionId, Instant } from "../core/ids.ts";
import { type AuctionState, discard, settle } from "../core/state.ts";
import { advance, EFFECTIVE, type TenureRecord } from "../core/validity.ts";
import { leaderId, reserveMetOf } from "../core/view.ts";
import type { AppendOutcome, Caller, FrameWriter } from "../ports.ts";
import type { Actor } from "./actor.ts";
import { PendingRing } from "./pending-ring.ts";
import { addToDraft, beginDraft, finishDraft, noticesOf } from "./publish.ts";
import { retryAfterMs, type ShardState } from "./shard-state.ts";
import type { Control } from "./world.ts";

/** The record that the log has. */
interface Flight {
  /** null for a CLAIM. */
  readonly record: TenureRecord | null;
  /** Decisions in it; 0 for a control record. */
  readonly decisions: number;
  readonly control: Control | null;
  readonly sentAt: number;
}

/** A command whose outcome is unknown until the log has been read again. */
export interface Orphan {
  readonly caller: Caller;
  readonly requestId: number;
  readonly command: Command;
}

/** Told what became of auctions, so that their mailboxes go on. */
export interface CommitListener {
  /** Its `create` is durable. */
  born(actor: Actor): void;
  /** Its head was thrown away with the rest. */
  forgotten(actor: Actor): void;
}

const NO_PAYLOAD = new Uint8Array(0);

export class Commit {
  readonly orphans: Orphan[] = [];
  readonly #shard: ShardState;
  readonly #listener: CommitListener;
  readonly #ring = new PendingRing();
  readonly #writer: FrameWriter;
  #carried: Decision | null = null;
  #frameLast: Instant = 0;
  #flight: Flight | null = null;
  #releasing: Flight | null = null;
  #judging = false;
  readonly #controls: Control[] = [];
  readonly #touched: Actor[] = [];
  #recordsStarted = 0;
  #recordsLanded = 0;
  #waiters: { readonly after: number; readonly tell: (code: RefusalCode | null) => void }[] = [];
  #barrierWanted = false;

  constructor(shard: ShardState, listener: CommitListener) {
    this.#shard = shard;
    this.#listener = listener;
    this.#writer = shard.world.codec.frameWriter();
  }

  /** Decisions and repeats that wait for the log. */
  get held(): number {
    return this.#ring.size;
  }

  /** Whether the open frame takes another decision. */
  get open(): boolean {
    return this.#carried === null;
  }

  /** Whether nothing is in flight or waiting for the log. */
  get quiet(): boolean {
    return this.#flight === null && this.#releasing === null && !this.#judging && this.#ring.size === 0 && this.#writer.count === 0;
  }

  // Gathering

  /** A decision just taken on the head. What does not fit into the open frame is the first of the next. */
  put(actor: Actor, decision: Decision, caller: Caller | null, requestId: number): void {
    this.#ring.push(actor, decision, caller, requestId, -1);
    if (this.#writer.add(decision)) this.#frameLast = decision.at;
    else this.#carried = decision;
  }

  /** A repeat of a key that is known in the head only: it is answered with the first one. `row` -1 - n: with another command. */
  putRepeat(actor: Actor, caller: Caller, requestId: number, row: number): void {
    this.#ring.push(actor, null, caller, requestId, row);
  }

  /** Sends a control record as soon as nothing is in flight. */
  send(control: Control): void {
    this.#controls.push(control);
    this.#shard.world.wake();
  }

  /** Calls back once a record appended after now has landed (or, with a code, never will). */
  barrier(tell: (code: RefusalCode | null) => void): void {
    if (this.#waiters.length >= this.#shard.world.limits.waitingMax) {
      tell("overloaded");
      return;
    }
    this.#waiters.push({ after: this.#recordsStarted, tell });
    this.#barrierWanted = true;
    this.#shard.world.wake();
  }

  // Sending

  /** Whether its next record must be alone in its request. */
  get wantsAlone(): boolean {
    return this.#controls[0]?.alone === true;
  }

  /** The next record for the log, or null. From here on it is in flight. A control record follows what was decided before it. */
  next(): Uint8Array | null {
    const { phase } = this.#shard;
    if (this.#flight !== null || this.#judging || phase === "stopped") return null;
    if (this.#writer.count > 0 && phase !== "unowned" && !this.wantsAlone) return this.#sendFrame();
    const control = this.#controls.shift();
    if (control !== undefined) return this.#sendControl(control);
    if (this.#barrierWanted && phase === "serving") return this.#sendControl(this.#shard.world.timeControl(this.#shard, "barrier"));
    return null;
  }

  #sendFrame(): Uint8Array {
    const { number, epoch, judge, world } = this.#shard;
    const count = this.#writer.count;
    const place = { shard: number, epoch, firstLsn: judge.lsn + 1, prevHash: judge.hash };
    const { bytes, hash } = this.#writer.close(place);
    const lifeId = judge.lifeId ?? NO_PAYLOAD;
    const record: TenureRecord = {
      kind: "frame",
      offset: 0,
      lifeId,
      ...place,
      count,
      timeFirst: judge.time,
      timeLast: this.#frameLast,
      hash,
      payload: NO_PAYLOAD,
    };
    this.#flight = { record, decisions: count, control: null, sentAt: world.clock.monotonic() };
    world.counters.frame(count, bytes.length);
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
    this.#flight = { record, decisions: 0, control, sentAt: this.#shard.world.clock.monotonic() };
    this.#started();
    return bytes;
  }

  #started(): void {
    this.#recordsStarted += 1;
    this.#barrierWanted = false;
  }

  // Landing

  /** The log's word on the record in flight. Judges it; what may leave waits for release(). */
  landed(outcome: AppendOutcome): void {
    const flight = this.#flight;
    if (flight === null) return;
    this.#flight = null;
    const { world } = this.#shard;
    world.guard(this.#shard, () => {
      if (flight.record === null) flight.control?.landed(outcome);
      else if (outcome.kind === "done") this.#done(flight, flight.record, outcome.offset);
      else if (outcome.kind === "refused") world.appendRefused(this.#shard, outcome.detail);
      else this.#lost(flight, outcome.cause, false);
      if (outcome.kind !== "done" && flight.record !== null) flight.control?.landed(outcome);
    });
  }

  #done(flight: Flight, record: TenureRecord, offset: number): void {
    const { judge, world } = this.#shard;
    if (offset === judge.next) {
      this.#effective(flight, record, offset);
      return;
    }
    if (offset < judge.next) {
      world.broken(this.#shard, "log_shorter", `a record landed at ${offset}, expected ${judge.next}: the log got shorter`);
      return;
    }
    this.#judging = true;
    void world.judgeGap(this.#shard, offset).then((held) => {
      this.#judging = false;
      if (this.#shard.phase === "stopped") return;
      if (held) this.#effective(flight, record, offset);
      else this.#lost(flight, "another owner claimed", true);
      this.release();
      world.wake();
    });
  }

  #effective(flight: Flight, record: TenureRecord, offset: number): void {
    const { judge, world } = this.#shard;
    advance(judge, { ...record, offset }, EFFECTIVE, world.codec.hash);
    this.#shard.lastRecordAt = world.clock.monotonic();
    world.counters.appended(this.#shard.lastRecordAt - flight.sentAt);
    this.#releasing = flight;
  }

  // Releasing

  /** Applies and tells what the landed record made durable, in lsn order, in one loop (C11). */
  release(): void {
    const flight = this.#releasing;
    if (flight === null) return;
    this.#releasing = null;
    const shard = this.#shard;
    shard.world.guard(shard, () => {
      this.#recordsLanded = this.#recordsStarted - (this.#flight === null ? 0 : 1);
      this.#releaseSlots(flight.decisions);
      this.#publish();
      flight.control?.landed({ kind: "done", offset: shard.judge.next - 1 });
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
    const { committed } = actor;
    if (committed === null || known >= committed.answerCount) return false;
    if (reused) caller.refuse(requestId, actor.auctionId, "key_reused", 0);
    else caller.answer(requestId, actor.auctionId, answerChunk(committed, known), answerOffset(known), true);
    return true;
  }

  #commit(actor: Actor, decision: Decision): void {
    const shard = this.#shard;
    const { sink, counters } = shard.world;
    if (actor.captureWanted) shard.snapshot.run?.capture(actor);
    const before = actor.committed;
    if (actor.draft === null && sink.watched(actor.auctionId)) {
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
    counters.decided(decision);
    shard.markChanged(actor);
    if (actor.draft !== null) addToDraft(actor.draft, decision, state, metBefore);
    if (decision.verdict === "accepted") noticesOf(decision, state, leaderBefore, sink);
    if (before === null) this.#born(actor, state);
  }

  #born(actor: Actor, state: AuctionState): void {
    if (state.settings?.outage.policy === "give_back") this.#shard.givesBack = true;
    this.#shard.world.deadlines.set(actor, dueAt(state));
    this.#listener.born(actor);
  }

  #publish(): void {
    for (const actor of this.#touched) {
      const { draft } = actor;
      actor.draft = null;
      if (draft === null || actor.committed === null) continue;
      const update = finishDraft(draft, actor.committed);
      if (update !== null) this.#shard.world.sink.update(update);
    }
    this.#touched.length = 0;
  }

  #tellWaiters(code: RefusalCode | null): void {
    if (this.#waiters.length === 0) return;
    const due = code === null ? this.#waiters.filter((waiter) => waiter.after < this.#recordsLanded) : this.#waiters;
    this.#waiters = code === null ? this.#waiters.filter((waiter) => waiter.after >= this.#recordsLanded) : [];
    if (this.#waiters.length > 0) this.#barrierWanted = true;
    for (const waiter of due) waiter.tell(code);
  }

  // Throwing the head away

  // The commands of a frame that may or may not be in the log wait for the log to be read again.
  #lost(flight: Flight, cause: string, deposed: boolean): void {
    const ring = this.#ring;
    for (let left = flight.decisions; left > 0 && ring.size > 0; ring.drop()) {
      const { actor, decision, caller, requestId } = ring.front();
      if (decision !== null) left -= 1;
      if (caller !== null && decision !== null) this.orphans.push({ caller, requestId, command: decision.command });
      else if (caller !== null) caller.refuse(requestId, (actor as Actor).auctionId, "outcome_unknown", retryAfterMs("outcome_unknown"));
      this.#forget(actor as Actor);
    }
    if (deposed) this.#shard.world.deposed(this.#shard, cause);
    else this.#shard.world.appendUnknown(this.#shard, cause);
  }

  /** Head = committed: all that was decided and is not durable is refused, and what was to be sent is not. */
  dropHead(code: RefusalCode): void {
    const ring = this.#ring;
    for (; ring.size > 0; ring.drop()) {
      const { actor, caller, requestId } = ring.front();
      if (caller !== null) this.#refuse(caller, requestId, (actor as Actor).auctionId, code);
      this.#forget(actor as Actor);
    }
    for (const control of this.#controls.splice(0)) control.landed({ kind: "unknown", cause: "never sent: the head was thrown away" });
    this.#writer.clear();
    this.#carried = null;
    this.#shard.time = this.#shard.judge.time;
    this.#tellWaiters(code);
  }

  #refuse(caller: Caller, requestId: number, auctionId: AuctionId, code: RefusalCode): void {
    this.#shard.world.counters.refused(code);
    caller.refuse(requestId, auctionId, code, retryAfterMs(code));
  }

  #forget(actor: Actor): void {
    actor.inFlight = 0;
    if (actor.committed === null) {
      actor.head = null;
    } else {
      if (actor.head !== null && actor.head !== actor.committed) discard(actor.head, actor.committed);
      actor.head = actor.committed;
      this.#shard.world.deadlines.set(actor, dueAt(actor.committed));
    }
    this.#listener.forgotten(actor);
  }
}
