// The auctions this gateway follows: interest at the engine, views read, lots asked for, and what comes of it.
//
// Owns: which auctions are followed, and when each is read again. Must not: know viewers; it says what happened and they are told
// elsewhere (watching.ts).
//
// I1. One view is read per auction, however many ask.
// I2. Interest leaves before the read, on one link. So an update after the view is never missed:
//     1. The owner commits a bid, sends its update, then answers the read with a view that holds the bid.
//     2. The update is kept while the auction is loading. When the view comes its pair is not below the update's: nothing changes.
//     3. Were the bid committed after the view was taken, its update would be above the view and applied after it.
// I3. An auction is followed for a minute after its last viewer left, so that a page that reconnects gets a delta. At the limit of
//     followed auctions the one that is longest without a viewer goes first; without one a subscription is refused.
// I4. The catalogue may be away: after 300 ms, or its refusal, a snapshot goes out without a lot, which is told when it is known.
import type { AuctionId } from "../../engine/core/ids.ts";
import type { Update } from "../../engine/protocol.ts";
import type { Catalogue, CatalogueEntry, Engine, Lot, ReadOutcome } from "../ports.ts";
import { Channel } from "./fanout.ts";
import type { SocketLimits } from "./limits.ts";
import type { SocketTime } from "./time.ts";
import { Audience } from "./viewer.ts";
import { knownOf, ROWS_KEPT, takeUpdate, takeView, Watched } from "./watched.ts";

export interface FollowingOptions {
  readonly engine: Engine;
  readonly catalogue: Catalogue;
  readonly limits: SocketLimits;
  readonly time: SocketTime;
  /** Something of ours threw: for the log. */
  readonly failed: (fault: unknown) => void;
}

/** What comes of following an auction. */
export interface FollowingEvents {
  news(watched: Watched, update: Update): void;
  /** The owner went out of reach, or answered again. */
  stale(watched: Watched, stale: boolean): void;
  /** A view is known and not stale: those who waited for it can have it. */
  known(watched: Watched): void;
  absent(watched: Watched): void;
  lot(watched: Watched, lot: Lot): void;
  /** Subscriptions that waited may be answered now (isSettled). */
  settled(watched: Watched): void;
  forgotten(watched: Watched): void;
}

/** A refused read is tried again after this time, or when the link says that the owner is back. */
const READ_AGAIN_MS = 500;
const LOT_AGAIN_MS = 5_000;

/** Whether a subscription can be answered: something is known, or it is known that nothing can be. */
export function isSettled(watched: Watched): boolean {
  if (watched.knowledge.kind === "absent") return true;
  return watched.stale || (watched.knowledge.kind === "known" && watched.lotTried);
}

export class Following {
  readonly #options: FollowingOptions;
  readonly #events: FollowingEvents;
  readonly #watched = new Map<AuctionId, Watched>();
  /** Nobody watches them; longest first. */
  readonly #idle = new Set<Watched>();
  /** Lot not known yet, or not found. */
  readonly #lotless = new Set<Watched>();
  readonly #readAgain = new Set<Watched>();
  #topics = 0;

  constructor(options: FollowingOptions, events: FollowingEvents) {
    this.#options = options;
    this.#events = events;
  }

  get size(): number {
    return this.#watched.size;
  }

  find(auctionId: AuctionId): Watched | undefined {
    return this.#watched.get(auctionId);
  }

  /** null: too many auctions are followed (I3). */
  follow(auctionId: AuctionId): Watched | null {
    const present = this.#watched.get(auctionId);
    if (present !== undefined) return present;
    const { limits, engine, time } = this.#options;
    if (this.#watched.size >= limits.watchedAuctions) {
      const [longestIdle] = this.#idle;
      if (longestIdle === undefined) return null;
      this.unfollow(longestIdle);
    }
    const watched = new Watched(auctionId, new Channel(auctionId, new Audience(limits.sliceViewers, () => this.#newTopic())));
    this.#watched.set(auctionId, watched);
    watched.stale = engine.staleMs(auctionId) > 0;
    engine.watch(auctionId);
    this.#askLot(watched, time.monotonic());
    this.#read(watched);
    return watched;
  }

  unfollow(watched: Watched): void {
    if (this.#watched.get(watched.auctionId) !== watched) return;
    this.#watched.delete(watched.auctionId);
    for (const set of [this.#idle, this.#lotless, this.#readAgain]) set.delete(watched);
    this.#events.forgotten(watched);
    this.#options.engine.unwatch(watched.auctionId);
  }

  /** Another log: everything known is meaningless. */
  unfollowAll(): void {
    for (const watched of [...this.#watched.values()]) this.unfollow(watched);
  }

  /** Somebody watches it, or nobody any more. */
  watchedBy(watched: Watched, viewers: number): void {
    if (viewers > 0) {
      watched.idleSince = null;
      this.#idle.delete(watched);
    } else if (watched.knowledge.kind === "absent") this.unfollow(watched);
    else {
      watched.idleSince = this.#options.time.monotonic();
      this.#idle.add(watched);
    }
  }

  // From the engine.

  update(update: Update): void {
    const watched = this.#watched.get(update.auctionId);
    if (watched === undefined) return;
    const now = this.#options.time.monotonic();
    const news = takeUpdate(watched, update, now);
    if (news === null) return;
    // Whether a bid was retracted or voided is in the rows only. A read under way may have been taken before.
    if (news.removed.length > 0 && watched.reading) this.#readLater(watched, now);
    else if (news.removed.length > 0) this.#read(watched);
    // Rows that the engine left out are missing in snapshots until the view is read again.
    else if (news.rowsOmitted > 0 && watched.readAgainAt === null) this.#readLater(watched, now + READ_AGAIN_MS);
    this.#events.news(watched, news);
  }

  stale(auctionIds: readonly AuctionId[], stale: boolean): void {
    for (const auctionId of auctionIds) {
      const watched = this.#watched.get(auctionId);
      if (watched === undefined) continue;
      if (stale) this.#becameStale(watched);
      else this.#read(watched);
    }
  }

  // From the sweep timer.

  sweep(): void {
    const { limits, time } = this.#options;
    const now = time.monotonic();
    for (const watched of this.#readAgain) if (watched.readAgainAt !== null && watched.readAgainAt <= now) this.#read(watched);
    for (const watched of this.#lotless) {
      if (!watched.lotTried && now - watched.lotAskedAt >= limits.lotWaitMs) {
        watched.lotTried = true;
        this.#events.settled(watched);
      }
      if (now - watched.lotAskedAt >= LOT_AGAIN_MS && watched.subscriptions.size > 0) this.#askLot(watched, now);
    }
    for (const watched of this.#idle) {
      if (watched.idleSince === null || now - watched.idleSince < limits.historyMs) break;
      this.unfollow(watched);
    }
  }

  /** Short: a socket keeps the names of all its topics. */
  #newTopic(): string {
    this.#topics += 1;
    return this.#topics.toString(36);
  }

  #read(watched: Watched): void {
    if (watched.reading) return;
    watched.reading = true;
    watched.readAgainAt = null;
    this.#readAgain.delete(watched);
    const { engine, limits } = this.#options;
    const read = { kind: "view", auctionId: watched.auctionId, fresh: false, history: ROWS_KEPT, bidderId: null } as const;
    engine
      .read(read, limits.requestTimeoutMs)
      .then(
        (outcome) => this.#viewed(watched, outcome),
        () => this.#viewed(watched, null),
      )
      .catch(this.#options.failed);
  }

  #viewed(watched: Watched, outcome: ReadOutcome | null): void {
    if (this.#watched.get(watched.auctionId) !== watched) return;
    watched.reading = false;
    if (outcome?.kind === "ok" && outcome.result.kind === "view") {
      const { view, rows } = outcome.result;
      const missed = takeView(watched, view, rows, this.#options.limits, this.#options.time.monotonic());
      if (missed !== null) this.#events.news(watched, missed);
      this.#ownerAnswered(watched);
    } else if (outcome?.kind === "refused" && outcome.code === "no_such_auction" && knownOf(watched) === null) {
      watched.knowledge = { kind: "absent" };
      watched.stale = false;
      this.#events.absent(watched);
    } else {
      this.#readLater(watched, this.#options.time.monotonic() + READ_AGAIN_MS);
      this.#becameStale(watched);
    }
    this.#events.settled(watched);
  }

  #ownerAnswered(watched: Watched): void {
    const wasStale = watched.stale;
    watched.stale = this.#options.engine.staleMs(watched.auctionId) > 0;
    if (watched.stale) return;
    if (wasStale) this.#events.stale(watched, false);
    this.#events.known(watched);
  }

  #becameStale(watched: Watched): void {
    if (watched.stale) return;
    watched.stale = true;
    this.#events.stale(watched, true);
    this.#events.settled(watched);
  }

  #readLater(watched: Watched, at: number): void {
    watched.readAgainAt = at;
    this.#readAgain.add(watched);
  }

  #askLot(watched: Watched, now: number): void {
    watched.lotAskedAt = now;
    this.#lotless.add(watched);
    this.#options.catalogue
      .entry(watched.auctionId)
      .then(
        (entry) => this.#lotFound(watched, entry),
        () => this.#lotFound(watched, null),
      )
      .catch(this.#options.failed);
  }

  #lotFound(watched: Watched, entry: CatalogueEntry | null): void {
    if (this.#watched.get(watched.auctionId) !== watched) return;
    const late = watched.lotTried;
    watched.lotTried = true;
    if (entry !== null) {
      this.#lotless.delete(watched);
      watched.lot = entry.lot;
      watched.seller = entry.seller;
      if (late && entry.lot !== null) this.#events.lot(watched, entry.lot);
    }
    this.#events.settled(watched);
  }
}
