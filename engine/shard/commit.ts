// Group commit of one shard: decisions go into the decision log first and out of the engine second.
//
// Owns: the open frame, the record in flight, and who waits for either. Must not: decide, choose an epoch
// (tenure.ts), or hand records to the log (rounds.ts asks for them).
//
// C1. One record in flight: `flight` is null or the record that the log has. What is decided meanwhile is the next frame.
// C2. Nothing leaves and nothing reaches committed state before its record is durable and judged effective.
// C5. A record that landed at the expected offset is effective without reading it: nothing can stand between.
// C6. One that landed above it: the gap is read and judged. Void records only: go on. Anything effective: the tenure is over.
// C7. One that landed below it: the log got shorter, the shard stops.
// C9. A refused append throws the head away; every command it held is refused, and had no effect.
// C10. So is whatever was decided on the head and not sent. What the log has, or had without a word, is nobody's to refuse: it waits
//      for the log to be read again (C8).
import { dueAt } from "../core/auction.ts";
import type { Command } from "../core/command.ts";
import type { Decision, RefusalCode } from "../core/decision.ts";
import type { AuctionId, Instant } from "../core/ids.ts";
import { invariant } from "../core/invariant.ts";
import { discard } from "../core/state.ts";
import { advance, EFFECTIVE, type TenureRecord } from "../core/validity.ts";
import type { AppendOutcome, Caller, FrameWriter } from "../ports.ts";
import { Acknowledging, type CommitListener } from "./acknowledging.ts";
import type { Actor } from "./actor.ts";
import { Barriers } from "./barriers.ts";
import { PendingRing } from "./pending-ring.ts";
import { retryAfterMs, type ShardState } from "./shard-state.ts";
import type { Control, Gap } from "./world.ts";

/** The record that the log has. */
interface Flight {
  /** null for a CLAIM. */
  readonly record: TenureRecord | null;
  /** Decisions in it; 0 for a control record. */
  readonly decisions: number;
  readonly control: Control | null;
  readonly sentAt: number;
  /** Monotonic time of its first decision. */
  readonly openedAt: number;
  /** The head it stands on was thrown away: whatever the log says of it now, only reading the log counts. */
  stale: boolean;
}

/** A command whose outcome is unknown until the log has been read again. */
export interface Orphan {
  readonly caller: Caller;
  readonly requestId: number;
  readonly command: Command;
  /** Monotonic time since which its outcome is unknown. */
  readonly since: number;
}

const NO_PAYLOAD = new Uint8Array(0);
const LATE: AppendOutcome = Object.freeze({ kind: "unknown", cause: "the tenure it belongs to is over" });

export class Commit {
  orphans: Orphan[] = [];
  readonly #shard: ShardState;
  readonly #listener: CommitListener;
  readonly #ring = new PendingRing();
  readonly #writer: FrameWriter;
  #carried: Decision | null = null;
  #frameLast: Instant = 0;
  #frameOpenedAt = 0;
  #flight: Flight | null = null;
  #releasing: Flight | null = null;
  #judging: Flight | null = null;
  readonly #controls: Control[] = [];
  readonly #acknowledging: Acknowledging;
  readonly #barriers = new Barriers();

  constructor(shard: ShardState, listener: CommitListener) {
    this.#shard = shard;
    this.#listener = listener;
    this.#writer = shard.world.codec.frameWriter();
    this.#acknowledging = new Acknowledging(shard, listener);
  }

  /** Decisions and repeats that wait for the log. */
  get held(): number {
    return this.#ring.size;
  }

  /** Whether the open frame takes another decision. */
  get open(): boolean {
    return this.#carried === null;
  }

  /** Whether what landed before an own record is being read. Another owner's decisions may be applied meanwhile: nothing is decided on them. */
  get judging(): boolean {
    return this.#judging !== null;
  }

  /** Whether nothing is in flight or waiting for the log. */
  get quiet(): boolean {
    const { size } = this.#ring;
    return this.#flight === null && this.#releasing === null && this.#judging === null && size === 0 && this.#controls.length === 0;
  }

  // Gathering

  /** A decision just taken on the head. What does not fit into the open frame is the first of the next. */
  put(actor: Actor, decision: Decision, caller: Caller | null, requestId: number): void {
    invariant(this.#carried === null, "nothing is decided while the open frame is full");
    this.#ring.push(actor, decision, caller, requestId, -1);
    if (!this.#add(decision)) this.#carried = decision;
  }

  #add(decision: Decision): boolean {
    if (this.#writer.count === 0) this.#frameOpenedAt = this.#shard.world.turnAt();
    if (!this.#writer.add(decision)) return false;
    this.#frameLast = decision.at;
    return true;
  }

  /** A repeat of a key that is known in the head only: it is answered with the first one. `row` -1 - n: with another command. */
  putRepeat(actor: Actor, command: Command, caller: Caller, requestId: number, row: number): void {
    this.#ring.push(actor, command, caller, requestId, row);
  }

  /** Sends a control record as soon as nothing is in flight. */
  send(control: Control): void {
    this.#controls.push(control);
    this.#shard.world.wake();
  }

  /** Calls back once a record appended after now has landed (or, with a code, never will). */
  barrier(tell: (code: RefusalCode | null) => void): void {
    if (this.#barriers.size >= this.#shard.world.limits.waitingMax) {
      tell("overloaded");
      return;
    }
    this.#barriers.add(tell);
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
    if (this.#flight !== null || this.#judging !== null || phase === "stopped") return null;
    if (this.#writer.count > 0 && phase !== "unowned" && !this.wantsAlone) return this.#sendFrame();
    const control = this.#controls.shift();
    if (control !== undefined) return this.#sendControl(control);
    if (this.#barriers.wanted && phase === "serving") return this.#sendControl(this.#shard.world.timeControl(this.#shard, "barrier"));
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
    this.#flight = { record, decisions: count, control: null, sentAt: world.clock.monotonic(), openedAt: this.#frameOpenedAt, stale: false };
    this.#ring.sent += count;
    world.counters.frame(count, bytes.length);
    const carried = this.#carried;
    this.#carried = null;
    if (carried !== null) invariant(this.#add(carried), "the first decision of an empty frame always fits");
    this.#barriers.started();
    return bytes;
  }

  #sendControl(control: Control): Uint8Array {
    const { bytes, record } = buildOf(control);
    const sentAt = this.#shard.world.clock.monotonic();
    this.#flight = { record, decisions: 0, control, sentAt, openedAt: sentAt, stale: false };
    this.#barriers.started();
    return bytes;
  }

  // Landing

  /** The log's word on the record in flight. Judges it; what may leave waits for release(). */
  landed(outcome: AppendOutcome): void {
    const flight = this.#flight;
    if (flight === null) return;
    this.#flight = null;
    this.#shard.world.guard(this.#shard, () => {
      if (flight.stale) flight.control?.landed(LATE);
      else if (flight.record === null) flight.control?.landed(outcome);
      else if (outcome.kind === "done") this.#done(flight, flight.record, outcome.offset);
      else this.#notDone(flight, outcome);
    });
  }

  #notDone(flight: Flight, outcome: Exclude<AppendOutcome, { kind: "done" }>): void {
    const { world } = this.#shard;
    if (outcome.kind === "refused") {
      // No byte of it is in the log, so its commands may be refused (C9).
      this.#ring.sent -= flight.decisions;
      world.appendRefused(this.#shard, outcome.detail);
    } else {
      world.counters.count("records_unknown");
      world.appendUnknown(this.#shard, outcome.cause);
    }
    flight.control?.landed(outcome);
  }

  #done(flight: Flight, record: TenureRecord, offset: number): void {
    const { judge, world } = this.#shard;
    if (offset === judge.next) {
      this.#effective(flight, record, offset);
      return;
    }
    if (offset < judge.next) {
      world.broken(this.#shard, "log_shorter", `a record landed at ${offset}, expected ${judge.next}: the log got shorter`);
      flight.control?.landed(LATE);
      return;
    }
    this.#judging = flight;
    void world.judgeGap(this.#shard, offset).then((gap) => {
      this.#judging = null;
      world.guard(this.#shard, () => this.#judged(flight, record, offset, gap));
      world.wake();
    });
  }

  #judged(flight: Flight, record: TenureRecord, offset: number, gap: Gap): void {
    const { world } = this.#shard;
    if (!flight.stale && gap === "void") {
      this.#effective(flight, record, offset);
      this.release();
      return;
    }
    if (!flight.stale && gap === "claimed") world.deposed(this.#shard, "another owner claimed");
    else if (!flight.stale) world.appendUnknown(this.#shard, "what landed before the own record could not be read");
    flight.control?.landed(LATE);
  }

  #effective(flight: Flight, record: TenureRecord, offset: number): void {
    const { judge, world } = this.#shard;
    advance(judge, { ...record, offset }, EFFECTIVE, world.codec.hash);
    this.#shard.lastRecordAt = flight.sentAt;
    world.counters.appended(world.clock.monotonic() - flight.sentAt);
    world.counters.count("records_valid");
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
      this.#acknowledging.release(this.#ring, flight.decisions);
      if (flight.decisions > 0) shard.world.counters.committed(shard.world.clock.monotonic() - flight.openedAt);
      flight.control?.landed({ kind: "done", offset: shard.judge.next - 1 });
      this.#barriers.landed(this.#flight !== null);
    });
  }

  // Throwing the head away

  /** Head = committed: all that was decided and is not durable is refused, and what was to be sent is not. What the log may have
   *  becomes an orphan: whoever reads the log again tells its sender. */
  dropHead(code: RefusalCode): void {
    this.#dropRing(code);
    for (const flight of [this.#flight, this.#judging]) if (flight !== null && flight.record !== null) flight.stale = true;
    this.#releasing = null;
    this.#acknowledging.drop();
    for (const control of this.#controls.splice(0)) control.landed({ kind: "unknown", cause: "never sent: the head was thrown away" });
    this.#writer.clear();
    this.#carried = null;
    this.#shard.time = this.#shard.judge.time;
    this.#barriers.drop(code);
  }

  // A repeat stands for a decision before it; when the log may have one of them, it may be that one.
  #dropRing(code: RefusalCode): void {
    const ring = this.#ring;
    const since = this.#shard.world.clock.monotonic();
    const someSent = ring.sent > 0;
    for (; ring.size > 0; ring.drop()) {
      const { actor, decision, command, caller, requestId } = ring.front();
      const mayBeInLog = decision === null ? someSent : ring.sent > 0;
      if (caller !== null && mayBeInLog) this.orphans.push({ caller, requestId, command: command as Command, since });
      else if (caller !== null) this.#refuse(caller, requestId, (actor as Actor).auctionId, code);
      this.#forget(actor as Actor);
    }
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

// Whoever waits for a record that cannot be made hears so; that it cannot be made stops the shard.
function buildOf(control: Control): ReturnType<Control["build"]> {
  try {
    return control.build();
  } catch (error) {
    control.landed(LATE);
    throw error;
  }
}
