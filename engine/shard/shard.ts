// One shard: takes commands in, and wires what decides (deciding.ts) to what commits (commit.ts).
//
// Owns: what is refused before it waits, and auctions that are not in memory. Must not: rule on anything, claim, or append.
// A3. Every queue is bounded: a mailbox by mailboxMax (`auction_busy`), mail and held decisions of the shard by waitingMax
//     (`overloaded`). A refusal leaves at once, says nothing about the auction and binds no key.

import { dueAt } from "../core/auction.ts";
import type { Command } from "../core/command.ts";
import type { RefusalCode } from "../core/decision.ts";
import type { Shard as ShardNumber } from "../core/ids.ts";
import type { AppendOutcome, Caller } from "../ports.ts";
import type { ShardStatus } from "../protocol.ts";
import type { CommitListener } from "./acknowledging.ts";
import type { Actor, Waiting } from "./actor.ts";
import { Commit, type Orphan } from "./commit.ts";
import { Deciding } from "./deciding.ts";
import { ShardState } from "./shard-state.ts";
import type { Control, ShardWorld } from "./world.ts";

/** An owner whose last record is younger than this may say that an auction does not exist. */
const YOUNG_RECORD_MS = 1_000;

export class Shard extends ShardState implements CommitListener {
  readonly #commit: Commit;
  readonly #deciding: Deciding;
  /** Called when the last opening work is decided, to send TIME(first). */
  openingDone: (() => void) | null = null;

  constructor(number: ShardNumber, world: ShardWorld) {
    super(number, world);
    this.#commit = new Commit(this, this);
    this.#deciding = new Deciding(this, this.#commit);
  }

  // Taking in

  /** A command from a gateway. Refusals leave at once; the rest waits in the auction's mailbox. */
  command(caller: Caller, requestId: number, deadlineMs: number, command: Command): void {
    const receivedAt = this.world.turnAt();
    const waiting = { caller, requestId, receivedAt, expiresAt: receivedAt + deadlineMs, command };
    const refusal = this.#closedTo(command);
    const actor = this.actors.get(command.auctionId);
    if (refusal !== null) this.refuse(waiting, refusal);
    else if (actor === undefined) this.#strange(waiting);
    else this.#mailTo(actor, waiting);
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
        return this.logDown ? "log_unavailable" : "shard_unowned";
    }
    if (this.mail + this.#commit.held >= this.world.limits.waitingMax) return "overloaded";
    if (command.role === "bidder" && this.world.log.room() === "low") return "log_unavailable";
    return null;
  }

  #mailTo(actor: Actor, waiting: Waiting): void {
    if (actor.depth >= this.world.limits.mailboxMax) {
      this.refuse(waiting, "auction_busy");
      return;
    }
    actor.put(waiting);
    this.mail += 1;
    this.#deciding.enqueue(actor);
  }

  // An auction this node has no state of: about to be created, asleep in the snapshot store, or none at all.
  #strange(waiting: Waiting): void {
    const { auctionId, body } = waiting.command;
    if (this.evicted > 0) {
      const actor = this.world.wakeAuction(this, auctionId, null);
      if (actor === null) this.refuse(waiting, "overloaded");
      else this.#mailTo(actor, waiting);
    } else if (body.type === "create") this.#mailTo(this.addActor(auctionId, null), waiting);
    else this.refuseStrange(waiting);
  }

  refuseStrange(waiting: Waiting): void {
    this.whenFresh((code) => this.refuse(waiting, code ?? "no_such_auction"));
  }

  /** A fetch of a sleeping auction has ended: its mailbox is decided. With a code nothing is known of it, so nothing is said of it but
   *  that. */
  awake(actor: Actor, code: RefusalCode | null): void {
    actor.loading = false;
    if (actor.committed !== null) this.world.deadlines.set(actor, dueAt(actor.committed));
    else if (code !== null) this.#refuseMail(actor, code);
    if (actor.depth > 0) this.#deciding.enqueue(actor);
    else if (actor.head === null) this.removeActor(actor);
    this.world.wake();
  }

  #refuseMail(actor: Actor, code: RefusalCode): void {
    for (let waiting = actor.take(); waiting !== undefined; waiting = actor.take()) {
      this.mail -= 1;
      this.refuse(waiting, code);
    }
  }

  /** Calls back once what is read is not older than a second. With a code when this shard cannot tell. */
  whenFresh(tell: (code: RefusalCode | null) => void): void {
    if (this.phase !== "serving") tell(this.logDown ? "log_unavailable" : "shard_unowned");
    else if (this.world.clock.monotonic() - this.lastRecordAt < YOUNG_RECORD_MS) tell(null);
    else this.barrier(tell);
  }

  /** Calls back once a record appended after now has landed: what is read then is exact (fresh reads). */
  barrier(tell: (code: RefusalCode | null) => void): void {
    if (this.logDown) tell("log_unavailable");
    else if (this.phase === "unowned" || this.phase === "stopped") tell("shard_unowned");
    else this.#commit.barrier(tell);
  }

  // Deciding

  /** Lost time is to be given back, before all else. */
  giveBack(command: Command): void {
    this.#deciding.putGiveBack(command);
  }

  /** An auction's due time has come. Without a tenure nothing is decided: the next opening pass looks at every auction anew. */
  fire(actor: Actor): void {
    if (actor.head === null || (this.phase !== "opening" && this.phase !== "serving")) return;
    const due = dueAt(actor.head);
    if (due === Number.POSITIVE_INFINITY) return;
    this.#deciding.fire(actor, due);
    this.world.wake();
  }

  /** Forgets what is due and not decided. */
  dropDue(): void {
    this.#deciding.dropDue();
  }

  /** Whether something waits that could be decided now. */
  get hasWork(): boolean {
    return !this.#commit.judging && this.#deciding.hasWork;
  }

  /** Decides at most `budget` commands; returns how many it took. */
  decideSome(budget: number): number {
    if (this.#commit.judging) return 0;
    const taken = this.#deciding.decideSome(budget);
    if (this.phase === "opening" && this.#deciding.dueDone) this.openingDone?.();
    return taken;
  }

  // Committing

  get wantsAlone(): boolean {
    return this.#commit.wantsAlone;
  }

  get quiet(): boolean {
    return this.#commit.quiet;
  }

  get heldDecisions(): number {
    return this.#commit.held;
  }

  get orphanCount(): number {
    return this.#commit.orphans.length;
  }

  /** Takes over those whose outcome is unknown since `sinceMax` or before: each has to be told. */
  takeOrphans(sinceMax = Number.POSITIVE_INFINITY): readonly Orphan[] {
    const all = this.#commit.orphans;
    this.#commit.orphans = all.filter((orphan) => orphan.since > sinceMax);
    return all.filter((orphan) => orphan.since <= sinceMax);
  }

  send(control: Control): void {
    this.#commit.send(control);
  }

  /** The next record for the log; what goes wrong in making it stops this shard and no other. */
  nextRecord(): Uint8Array | null {
    let record: Uint8Array | null = null;
    this.world.guard(this, () => {
      record = this.#commit.next();
    });
    return record;
  }

  landed(outcome: AppendOutcome): void {
    this.#commit.landed(outcome);
  }

  release(): void {
    this.#commit.release();
  }

  born(actor: Actor): void {
    this.#deciding.enqueue(actor);
  }

  forgotten(actor: Actor): void {
    if (actor.head === null && actor.depth === 0) this.removeActor(actor);
  }

  /** Refuses what waits undecided. */
  dropMail(code: RefusalCode): void {
    this.#deciding.dropMail(code);
  }

  /** Everything that is not durable is refused: what was decided on the head, and what waits. */
  dropHead(code: RefusalCode): void {
    this.#commit.dropHead(code);
    this.#deciding.dropMail(code);
  }

  /** What gateways are told of it. */
  status(): ShardStatus {
    const { phase } = this;
    const state = this.logDown ? "log_down" : phase === "opening" ? "unowned" : phase === "sealed" ? "moving" : phase;
    return { shard: this.number, state, epoch: this.epoch, lsn: this.judge.lsn, offset: Math.max(0, this.judge.next - 1) };
  }
}
