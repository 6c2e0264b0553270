// Snapshots that viewers are owed: each is sent when it is complete and the viewer's buffer has room for it.
//
// H1. Snapshots wait for room: a subscription to 100 auctions does not make a viewer slow.
// H2. A viewer joins an auction's audience in the turn in which its snapshot is sent, and the snapshot holds all that is committed. So
//     nothing is missed between the two, and what is published later and already in it has a pair that is not above its.
// H3. Only a bidder's own standing is read for each; everybody else's snapshot needs no read.
import type { Standing } from "../../engine/core/view.ts";
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
    const { viewer } = subscription;
    const owed: Owed = { why, history, you: null, ready: true };
    subscription.owed = owed;
    viewer.owed.add(subscription);
    if (viewer.identity?.roles.includes("bidder") === true) this.#readStanding(subscription, owed, viewer.identity.userId);
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
      if (watched === undefined || known === null || owed === null || !owed.ready) continue;
      viewer.owed.delete(subscription);
      subscription.owed = null;
      subscription.missed = false;
      const asked = { why: owed.why, history: owed.history, you: owed.you, protocol: viewer.peer.protocol, serverTimeMs: this.#options.time.now() };
      viewer.peer.send(this.#snapshots.snapshot(watched, known, asked));
      joinAudience(subscription, watched);
    }
  }

  #readStanding(subscription: Subscription, owed: Owed, bidderId: string): void {
    owed.ready = false;
    const paid = (standing: Standing | null) => {
      owed.you = standing === null ? null : wireStanding(standing);
      owed.ready = true;
      this.pay(subscription.viewer);
    };
    const { engine, limits, failed } = this.#options;
    engine
      .read({ kind: "standing", auctionId: subscription.auctionId, bidderId }, limits.requestTimeoutMs)
      .then(
        (outcome) => paid(standingOf(outcome)),
        () => paid(null),
      )
      .catch(failed);
  }
}

/** From now on the viewer is published to; a slow one when it keeps up again. */
export function joinAudience(subscription: Subscription, watched: Watched): void {
  if (subscription.viewer.slowSince === null) watched.channel.audience.join(subscription);
  else watched.channel.lagging.add(subscription);
}

function standingOf(outcome: ReadOutcome): Standing | null {
  return outcome.kind === "ok" && outcome.result.kind === "standing" ? outcome.result.standing : null;
}
