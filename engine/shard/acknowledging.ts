// What a landed record made durable: committed state catches up, answers leave, watchers are told. The one place where any of it leaves.
//
// Owns: committed state, and the updates that gather while a frame is released. Must not: judge a record, or look at the head.
// C2. It is called for records judged effective and for no others.
// C11. Answers and updates leave in lsn order, each once, in one loop over the frame.
import { answerChunk, answerOffset, apply, dueAt } from "../core/auction.ts";
import type { Decision } from "../core/decision.ts";
import { type AuctionState, settle } from "../core/state.ts";
import { leaderId, reserveMetOf } from "../core/view.ts";
import type { Caller } from "../ports.ts";
import type { Actor } from "./actor.ts";
import type { PendingRing } from "./pending-ring.ts";
import { addToDraft, beginDraft, finishDraft, noticesOf } from "./publish.ts";
import type { ShardState } from "./shard-state.ts";

/** Told what became of auctions, so that their mailboxes go on. */
export interface CommitListener {
  /** Its `create` is durable. */
  born(actor: Actor): void;
  /** Its head was thrown away with the rest. */
  forgotten(actor: Actor): void;
}

export class Acknowledging {
  readonly #shard: ShardState;
  readonly #listener: Pick<CommitListener, "born">;
  readonly #touched: Actor[] = [];

  constructor(shard: ShardState, listener: Pick<CommitListener, "born">) {
    this.#shard = shard;
    this.#listener = listener;
  }

  /** Commits and answers the oldest `decisions` of the ring, and the repeats that waited for them; then tells the watchers. */
  release(ring: PendingRing, decisions: number): void {
    let left = decisions;
    while (ring.size > 0) {
      const slot = ring.front();
      const actor = slot.actor as Actor;
      if (slot.decision === null) {
        if (!releaseRepeat(actor, slot.row, slot.caller as Caller, slot.requestId)) break;
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
    this.#publish();
  }

  /** Forgets updates that were not told: the shard is read again, and watchers get its state anew. */
  drop(): void {
    for (const actor of this.#touched) actor.draft = null;
    this.#touched.length = 0;
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
    // Committed state is changed in place, so what it was is read before.
    const leaderBefore = before === null ? null : leaderId(before);
    const metBefore = before === null ? null : reserveMetOf(before);
    const phaseBefore = before === null ? null : before.phase;
    const state = before === null ? (actor.head as AuctionState) : apply(before, decision);
    actor.committed = state;
    actor.inFlight -= 1;
    if (actor.inFlight === 0) actor.head = state;
    else settle(actor.head as AuctionState, state);
    counters.decided(decision);
    shard.markChanged(actor);
    shard.phases.moved(phaseBefore, state);
    if (decision.effects.ended !== null) this.#ended(state);
    if (actor.draft !== null) addToDraft(actor.draft, decision, state, metBefore);
    if (decision.verdict === "accepted") noticesOf(decision, state, leaderBefore, sink);
    if (before === null) this.#born(actor, state);
  }

  #ended({ hammer, settings }: AuctionState): void {
    if (hammer !== null && hammer.hammerPrice !== null && settings !== null) this.#shard.world.counters.sold(settings.currency, hammer.hammerPrice);
  }

  #born(actor: Actor, state: AuctionState): void {
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
}

// Answers a repeat whose first one is committed by now; false while it is not.
function releaseRepeat(actor: Actor, row: number, caller: Caller, requestId: number): boolean {
  const reused = row < 0;
  const known = reused ? -1 - row : row;
  const { committed } = actor;
  if (committed === null || known >= committed.answerCount) return false;
  if (reused) caller.refuse(requestId, actor.auctionId, "key_reused", 0);
  else caller.answer(requestId, actor.auctionId, answerChunk(committed, known), answerOffset(known), true);
  return true;
}
