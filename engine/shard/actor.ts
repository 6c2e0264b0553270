// One auction: its bounded mailbox, its head and its committed state. One command at a time; it never appends.
//
// A1. `head === committed` exactly while no decision of this auction is in flight.
// A2. While its `create` is in flight an auction has a head and no committed state, and nothing else of its mailbox is decided.
// A3. While folded it has no mail, nothing in flight and nothing that its last snapshot lacks; whoever asks for its state unfolds it.
// A4. The mailbox holds at most mailboxMax commands; beyond it `auction_busy`, so memory does not follow the senders.
import { dueAt } from "../core/auction.ts";
import type { Command } from "../core/command.ts";
import { type Folded, fold, unfold } from "../core/fold.ts";
import type { AuctionId, Instant } from "../core/ids.ts";
import { type AuctionState, NOTHING_SAVED, type SavedMarks } from "../core/state.ts";
import type { Caller } from "../ports.ts";
import type { Due } from "./deadlines.ts";
import type { Counted } from "./phase-counts.ts";
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
  /** Whether anybody asked for its state since it was last looked at for folding. */
  #asked = true;
  #folded: Folded | null = null;
  #committed: AuctionState | null;
  #head: AuctionState | null;
  #mail: Waiting[] = NO_MAIL as Waiting[];
  #taken = 0;

  constructor(shard: Home, auctionId: AuctionId, index: number, state: AuctionState | null) {
    this.shard = shard;
    this.auctionId = auctionId;
    this.index = index;
    this.#committed = state;
    this.#head = state;
  }

  get committed(): AuctionState | null {
    if (this.#folded !== null) this.#unfold(this.#folded);
    return this.#committed;
  }

  set committed(state: AuctionState | null) {
    this.#committed = state;
  }

  get head(): AuctionState | null {
    if (this.#folded !== null) this.#unfold(this.#folded);
    return this.#head;
  }

  set head(state: AuctionState | null) {
    this.#head = state;
  }

  get folded(): boolean {
    return this.#folded !== null;
  }

  /** Whether it has a committed state. */
  get exists(): boolean {
    return this.#folded !== null || this.#committed !== null;
  }

  /** What is counted of its committed state, folded or not; null without one. */
  get counted(): Counted | null {
    return this.#folded === null ? this.#committed : { phase: this.#folded.phase, settings: this.#folded.rules };
  }

  /** When its committed state is due, folded or not; Infinity for never. */
  get committedDue(): Instant {
    if (this.#folded !== null) return this.#folded.due;
    return this.#committed === null ? Number.POSITIVE_INFINITY : dueAt(this.#committed);
  }

  /** Folds its state when nobody asked for it since the last call and nothing stands in the way (A3). Closed auctions leave memory
   *  instead. Returns whether it did. */
  foldIdle(): boolean {
    const state = this.#committed;
    if (state === null || state.phase === "closed" || state !== this.#head) return false;
    if (this.dirty || this.captureWanted || this.inFlight > 0 || this.depth > 0 || this.draft !== null) return false;
    if (this.saved.sequence !== state.sequence) return false;
    const asked = this.#asked;
    this.#asked = false;
    if (asked) return false;
    this.#folded = fold(state);
    if (this.#folded === null) return false;
    this.#committed = null;
    this.#head = null;
    // What is saved of it is all of it.
    this.saved = NOTHING_SAVED;
    return true;
  }

  #unfold(folded: Folded): void {
    const state = unfold(this.auctionId, folded);
    this.#folded = null;
    this.#committed = state;
    this.#head = state;
    this.#asked = true;
    this.saved = { sequence: state.sequence, answers: state.answerCount, bids: state.bidCount, rows: state.rowCount };
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
    this.#asked = true;
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
