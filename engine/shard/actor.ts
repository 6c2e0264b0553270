// One auction: its bounded mailbox, its head and its committed state. One command at a time; it never appends.
//
// A1. `head === committed` exactly while no decision of this auction is in flight.
// A2. While its `create` is in flight an auction has a head and no committed state, and nothing else of its mailbox is decided.
// A3. The mailbox holds at most mailboxMax commands; beyond it `auction_busy`, so memory does not follow the senders.
import type { Command } from "../core/command.ts";
import type { AuctionId } from "../core/ids.ts";
import { type AuctionState, NOTHING_SAVED, type SavedMarks } from "../core/state.ts";
import type { Caller } from "../ports.ts";
import type { Due } from "./deadlines.ts";
import type { UpdateDraft } from "./publish.ts";

/** What an auction needs of its shard. */
export interface Home {
  /** Its due time has come. */
  fire(actor: Actor): void;
}

/** A command in a mailbox, with whom to answer, since when and until when (monotonic ms). */
export interface Waiting {
  readonly caller: Caller;
  readonly requestId: number;
  readonly receivedAt: number;
  readonly expiresAt: number;
  readonly command: Command;
}

const NO_MAIL: readonly Waiting[] = Object.freeze([]);

/** Beyond this many taken entries the mailbox's array is cut, so that taking stays cheap. */
const MAILBOX_CUT = 64;

export class Actor implements Due {
  readonly auctionId: AuctionId;
  readonly shard: Home;
  /** Place in the shard's slab of state hashes. */
  readonly index: number;
  committed: AuctionState | null;
  head: AuctionState | null;
  due = Number.POSITIVE_INFINITY;
  heapIndex = -1;
  /** Decisions taken and not yet committed. */
  inFlight = 0;
  /** Whether it stands in its shard's queue of auctions with mail. */
  queued = false;
  /** Whether its state is being fetched from the snapshot store (a closed auction that had left memory). */
  loading = false;
  /** Changed since its last snapshot was captured. */
  dirty = false;
  /** Wanted by the snapshot under way and not captured yet. */
  captureWanted = false;
  saved: SavedMarks = NOTHING_SAVED;
  draft: UpdateDraft | null = null;
  #mail: Waiting[] = NO_MAIL as Waiting[];
  #taken = 0;

  constructor(shard: Home, auctionId: AuctionId, index: number, state: AuctionState | null) {
    this.shard = shard;
    this.auctionId = auctionId;
    this.index = index;
    this.committed = state;
    this.head = state;
  }

  /** Commands that wait. */
  get depth(): number {
    return this.#mail.length - this.#taken;
  }

  /** Whether its first decision is not durable yet (A2). */
  get creating(): boolean {
    return this.committed === null && this.head !== null;
  }

  put(waiting: Waiting): void {
    if (this.#mail === NO_MAIL) this.#mail = [];
    this.#mail.push(waiting);
  }

  take(): Waiting | undefined {
    const waiting = this.#mail[this.#taken];
    if (waiting === undefined) return undefined;
    this.#taken += 1;
    if (this.#taken === this.#mail.length) {
      // An idle auction keeps no array of its own.
      this.#mail = NO_MAIL as Waiting[];
      this.#taken = 0;
    } else if (this.#taken >= MAILBOX_CUT) {
      this.#mail.splice(0, this.#taken);
      this.#taken = 0;
    }
    return waiting;
  }
}
