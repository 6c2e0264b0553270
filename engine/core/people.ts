// The bidders of one auction: who they are (shared by head and committed), and what each has done (committed's; the head has an
// overlay over it, see state.ts).
//
// A bidder gets an index at first mention, by an accepted bid, a purchase or a decision about that bidder. The public number is
// another thing: it is counted from the first accepted bid or purchase.
import type { BidKind } from "./command.ts";
import type { Minor, Sequence } from "./ids.ts";

/** What one bidder has done and may do in one auction. Amounts are 0 for none. */
export interface Bidder {
  /** Public number, counted in the order of first accepted bids and purchases; 0 before. */
  number: number;
  /** Highest live maximum. */
  best: Minor;
  /** Highest live flat bid. */
  flatBest: Minor;
  /** Highest live amount as placed. */
  placedBest: Minor;
  /** Live bids. */
  live: number;
  /** Row of the bid that holds `best`, the earliest of equal ones; -1 without. */
  bestRow: number;
  /** Row of the newest bid, removed or not; -1 without. */
  lastRow: number;
  blocked: boolean;
  /** Whether any set_bidder or void_bidder named this bidder. */
  listed: boolean;
  /** undefined: the auction's default holds; null: no limit. */
  authorisedLimit: Minor | null | undefined;
  /** Sequence of the decision that last changed this entry. */
  setAt: Sequence;
}

/** Up to this many bidders a scan of the ids is as fast as a Map. */
const SCANNED_MAX = 8;

/** A bidder of whom nothing is known yet. */
export const STRANGER: Readonly<Bidder> = Object.freeze({
  number: 0,
  best: 0,
  flatBest: 0,
  placedBest: 0,
  live: 0,
  bestRow: -1,
  lastRow: -1,
  blocked: false,
  listed: false,
  authorisedLimit: undefined,
  setAt: 0,
});

/** A copy of an entry to be changed by the decision of that sequence. One place makes all entries, so they have one shape. */
export function copyBidder(bidder: Readonly<Bidder>, setAt: Sequence): Bidder {
  return {
    number: bidder.number,
    best: bidder.best,
    flatBest: bidder.flatBest,
    placedBest: bidder.placedBest,
    live: bidder.live,
    bestRow: bidder.bestRow,
    lastRow: bidder.lastRow,
    blocked: bidder.blocked,
    listed: bidder.listed,
    authorisedLimit: bidder.authorisedLimit,
    setAt,
  };
}

/** Counts one live bid of the bidder, the newest so far. */
export function countBid(
  entry: Pick<Bidder, "best" | "flatBest" | "placedBest" | "live" | "bestRow">,
  row: number,
  bid: { readonly kind: BidKind; readonly amount: Minor; readonly maximum: Minor },
): void {
  if (bid.maximum > entry.best) {
    entry.best = bid.maximum;
    entry.bestRow = row;
  }
  if (bid.kind === "flat" && bid.maximum > entry.flatBest) entry.flatBest = bid.maximum;
  if (bid.amount > entry.placedBest) entry.placedBest = bid.amount;
  entry.live += 1;
}

/** Bidders of which one kept hash is made. */
export const PEOPLE_HASHED = 1_024;

/** Ids and committed entries by index. */
export class People {
  readonly ids: string[] = [];
  /** Committed's entries; the head's newest bidders are not among them. */
  readonly entries: Bidder[] = [];
  #indexes: Map<string, number> | null = null;
  readonly #hashes: (Uint8Array | null)[] = [];
  // The bidder asked for last: deciding and applying one bid asks several times, with the same string.
  #lastId = "";
  #lastIndex = -1;

  /** Index of a bidder, known to the head or to committed; -1 when unknown to both. */
  find(bidderId: string): number {
    if (bidderId === this.#lastId) return this.#lastIndex;
    const index = this.#indexes === null ? this.ids.indexOf(bidderId) : (this.#indexes.get(bidderId) ?? -1);
    this.#lastId = bidderId;
    this.#lastIndex = index;
    return index;
  }

  /** Gives the next index to a bidder that has none. */
  add(bidderId: string): void {
    this.#lastId = "";
    this.#lastIndex = -1;
    this.ids.push(bidderId);
    if (this.#indexes !== null) this.#indexes.set(bidderId, this.ids.length - 1);
    else if (this.ids.length > SCANNED_MAX) this.#indexes = new Map(this.ids.map((id, index) => [id, index]));
  }

  /** Forgets the bidders from `count` on. */
  truncate(count: number): void {
    this.#lastId = "";
    this.#lastIndex = -1;
    while (this.ids.length > count) {
      const id = this.ids.pop();
      if (id !== undefined) this.#indexes?.delete(id);
    }
    this.#hashes.length = Math.min(this.#hashes.length, Math.floor(count / PEOPLE_HASHED));
  }

  /** The kept hash of a full group of bidders, or null. */
  hashOf(group: number): Uint8Array | null {
    return this.#hashes[group] ?? null;
  }

  /** Keeps the hash of a full group until one of its bidders is marked. */
  keepHash(group: number, hash: Uint8Array): void {
    while (this.#hashes.length <= group) this.#hashes.push(null);
    this.#hashes[group] = hash;
  }

  /** Forgets the kept hash that a bidder is part of. */
  marked(index: number): void {
    const group = Math.floor(index / PEOPLE_HASHED);
    if (group < this.#hashes.length) this.#hashes[group] = null;
  }
}

/** Stands where an auction has no bidders; never added to. */
export const NO_PEOPLE = new People();
