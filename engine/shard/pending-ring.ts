// Who waits for which decision, in the order the decisions were taken. A ring of reused slots: no promise and no closure per bid.
//
// R1. Slots leave in the order they came, so answers leave in lsn order.
// R2. The oldest `sent` decisions are those that the log has, or has made durable: nobody may refuse them.
// R3. It grows by doubling; what bounds it is the shard's waitingMax, checked before a command is taken in.
import type { Command } from "../core/command.ts";
import type { Decision } from "../core/decision.ts";
import type { Caller } from "../ports.ts";
import type { Actor } from "./actor.ts";

/** One decision in flight, or (decision null) a repeat that waits for the first answer stored in `row`. */
export interface Slot {
  actor: Actor | null;
  decision: Decision | null;
  /** What was asked. */
  command: Command | null;
  /** null: nobody waits (engine commands). */
  caller: Caller | null;
  requestId: number;
  row: number;
}

function emptySlot(): Slot {
  return { actor: null, decision: null, command: null, caller: null, requestId: 0, row: -1 };
}

const CAPACITY_FIRST = 1024;

export class PendingRing {
  #slots: Slot[] = Array.from({ length: CAPACITY_FIRST }, emptySlot);
  #first = 0;
  #size = 0;
  /** Decisions that the log has: the oldest of the ring (R2). */
  sent = 0;

  get size(): number {
    return this.#size;
  }

  /** `asked`: the decision, or the command of a repeat. */
  push(actor: Actor, asked: Decision | Command, caller: Caller | null, requestId: number, row: number): void {
    if (this.#size === this.#slots.length) this.#grow();
    const slot = this.#slots[(this.#first + this.#size) & (this.#slots.length - 1)] as Slot;
    slot.actor = actor;
    const decided = "command" in asked;
    slot.decision = decided ? asked : null;
    slot.command = decided ? asked.command : asked;
    slot.caller = caller;
    slot.requestId = requestId;
    slot.row = row;
    this.#size += 1;
  }

  /** The oldest slot; valid until the next push after it is dropped. The ring must not be empty. */
  front(): Slot {
    return this.#slots[this.#first] as Slot;
  }

  /** Frees the oldest slot. */
  drop(): void {
    const slot = this.#slots[this.#first] as Slot;
    if (slot.decision !== null && this.sent > 0) this.sent -= 1;
    slot.actor = null;
    slot.decision = null;
    slot.command = null;
    slot.caller = null;
    this.#first = (this.#first + 1) & (this.#slots.length - 1);
    this.#size -= 1;
  }

  #grow(): void {
    const old = this.#slots;
    this.#slots = Array.from({ length: old.length * 2 }, (_, i) => (i < old.length ? (old[(this.#first + i) & (old.length - 1)] as Slot) : emptySlot()));
    this.#first = 0;
  }
}
