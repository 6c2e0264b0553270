// Snapshots that viewers are owed: each is sent when it is complete and the viewer's buffer has room for it.
//
// H1. Snapshots wait for room: a subscription to 100 auctions does not make a viewer slow.
// H2. A viewer joins an auction's audience in the turn in which its snapshot is sent, and the snapshot holds all that is committed. So
//     nothing is missed between the two, and what is published later and already in it has a pair that is not above its.
// H3. Only a bidder's own standing is read for each, one read at a time; everybody else's snapshot needs no read.
// H4. While the owner is away nothing is paid, for a snapshot says how things stand: an old price would pass for the present one, and
//     a standing that nobody could be asked for would pass for none. What is owed is paid when the owner is back.
import type { Engine, ReadOutcome } from "../ports.ts";
import type { SnapshotWhy } from "./client-frames.ts";
import type { SocketLimits } from "./limits.ts";
import { wireStanding } from "./public-frames.ts";
import { Snapshots } from "./snapshots.ts";
import type { SocketTime } from "./time.ts";
import type { Owed, Subscription, Viewer } from "./viewer.ts";
import { knownOf, type Watched } from "./watched.ts";

export interface DebtsOptions {
  readonly engine: Engine;
  readonly limits: SocketLimits;
  readonly time: SocketTime;
  /** Something of ours threw: for the log. */
  readonly failed: (fault: unknown) => void;
}

/** A standing that was refused is asked for again after this time, or when the owner is back. */
const STANDING_AGAIN_MS = 500;
/** Refused so often by an owner who is there, a standing is given up: the snapshot goes without it. */
const STANDING_TRIES_MAX = 5;
/** Half the soft limit: after one more snapshot the viewer still keeps up. */
const ROOM_DIVISOR = 2;

export class Debts {
  readonly #options: DebtsOptions;
  readonly #find: (auctionId: string) => Watched | undefined;
  readonly #snapshots = new Snapshots();

  constructor(options: DebtsOptions, find: (auctionId: string) => Watched | undefined) {
    this.#options = options;
    this.#find = find;
  }

  owe(subscription: Subscription, why: SnapshotWhy, history: number): void {
    const { viewer, owed: before } = subscription;
    if (before?.standing.kind === "reading") {
      before.why = why;
      before.history = history;
      return;
    }
    const owed: Owed = { why, history, standing: { kind: "read", you: null } };
    subscription.owed = owed;
    viewer.owed.add(subscription);
    if (viewer.identity?.roles.includes("bidder") === true) this.#readStanding(subscription, owed, viewer.identity.userId);
  }

  /** The owner is back: what could not be asked for is asked for again, and what is ready is paid. */
  resume(subscription: Subscription): void {
    const { viewer, owed } = subscription;
    if (owed === null) return;
    if (owed.standing.kind === "refused" && viewer.identity !== null) this.#readStanding(subscription, owed, viewer.identity.userId);
    this.pay(viewer);
  }

  /** Sends what is ready while there is room (H1); the rest when the buffer has drained. */
  pay(viewer: Viewer): void {
    if (!viewer.open) return;
    const roomBytes = this.#options.limits.bufferSoftBytes / ROOM_DIVISOR;
    for (const subscription of viewer.owed) {
      if (viewer.peer.bufferedBytes() > roomBytes) return;
      const { owed, auctionId } = subscription;
      const watched = this.#find(auctionId);
      const known = watched === undefined ? null : knownOf(watched);
      if (watched === undefined || watched.stale || known === null || owed === null || owed.standing.kind !== "read") continue;
      viewer.owed.delete(subscription);
      subscription.owed = null;
      subscription.missed = false;
      const asked = { why: owed.why, history: owed.history, you: owed.standing.you, protocol: viewer.peer.protocol, serverTimeMs: this.#options.time.now() };
      viewer.peer.send(this.#snapshots.snapshot(watched, known, asked));
      joinAudience(subscription, watched);
    }
  }

  #readStanding(subscription: Subscription, owed: Owed, bidderId: string, tries = 1): void {
    owed.standing = { kind: "reading" };
    const { engine, limits, failed } = this.#options;
    engine
      .read({ kind: "standing", auctionId: subscription.auctionId, bidderId }, limits.requestTimeoutMs)
      .then((outcome) => this.#standingRead({ subscription, owed, bidderId, tries }, outcome))
      .catch(failed);
  }

  #standingRead(asked: AskedStanding, outcome: ReadOutcome): void {
    const { subscription, owed, bidderId, tries } = asked;
    if (subscription.owed !== owed) return;
    const isRefused = outcome.kind === "refused" && outcome.code !== "no_such_auction";
    if (isRefused && (this.#find(subscription.auctionId)?.stale === true || tries < STANDING_TRIES_MAX)) {
      owed.standing = { kind: "refused" };
      this.#options.time.after(STANDING_AGAIN_MS, () => {
        const isStale = this.#find(subscription.auctionId)?.stale !== false;
        if (subscription.owed !== owed || owed.standing.kind !== "refused" || isStale) return;
        this.#readStanding(subscription, owed, bidderId, tries + 1);
      });
      return;
    }
    const standing = outcome.kind === "ok" && outcome.result.kind === "standing" ? outcome.result.standing : null;
    owed.standing = { kind: "read", you: standing === null ? null : wireStanding(standing) };
    this.pay(subscription.viewer);
  }
}

interface AskedStanding {
  readonly subscription: Subscription;
  readonly owed: Owed;
  readonly bidderId: string;
  /** How often it was read since it was owed, or since the owner came back. */
  readonly tries: number;
}

/** From now on the viewer is published to; a slow one when it keeps up again. */
export function joinAudience(subscription: Subscription, watched: Watched): void {
  if (subscription.viewer.slowSince === null) watched.channel.audience.join(subscription);
  else watched.channel.lagging.add(subscription);
}
