// Who watches which auction: subscriptions, resume, snapshots, and updates on their way from the engine to the fan-out.
//
// Owns: the auctions this gateway follows and each viewer's place in them. It is the gateway's Presence.
// Must not: know uWebSockets or a session's rules, or decide when a viewer is told (fanout.ts).
//
// B1. `subscribed` leaves first, then for each auction a resumed update or a snapshot. An auction whose owner is away is subscribed
//     all the same: `subscribed`, `stale`, and a snapshot when it is back.
// B2. A viewer joins an auction's audience in the turn in which its snapshot or delta is sent, and both hold all that is committed. So
//     nothing is missed between the two; what is published later and is already in them has a pair that is not above theirs.
// B3. Snapshots wait for room in the viewer's buffer: a subscription to 100 auctions does not make a viewer slow.
// B4. One view is read per auction, however many ask; only a bidder's own standing is read for each.
// B5. An auction is followed for a minute after its last viewer left, so that a page that reconnects gets a delta.
//
// Race B-R1: a view and an update cross.
//   1. Watch and read leave for the owner, in this order, on one link.
//   2. The owner commits a bid, sends its update, then answers the read with a view that holds the bid.
//   3. The update is kept while the auction is loading. When the view comes its pair is not below the update's, which changes nothing.
//   4. Were the bid committed after the view was taken, its update would be above the view and applied after it.
import type { AuctionId } from "../../engine/core/ids.ts";
import type { Update } from "../../engine/protocol.ts";
import { ERROR_CODES } from "../error-codes.ts";
import type { Catalogue, CatalogueEntry, Engine, EngineListener, Lot, Presence, ReadOutcome } from "../ports.ts";
import type { ServerFrame, SubscribedFrame } from "./client-frames.ts";
import { Channel, Fanout } from "./fanout.ts";
import type { Request, SubscribeEntry } from "./frame-check.ts";
import { ENCODINGS, type Payload } from "./frame-encode.ts";
import type { SocketLimits } from "./limits.ts";
import type { SocketMetrics } from "./metrics.ts";
import { wireLot, wireStanding } from "./public-frames.ts";
import { resumedFrames, Snapshots } from "./snapshots.ts";
import type { SocketTime } from "./time.ts";
import { Audience, type Subscription, type Viewer } from "./viewer.ts";
import { knownOf, ROWS_KEPT, takeUpdate, takeView, Watched } from "./watched.ts";

export interface WatchingOptions {
  readonly engine: Engine;
  readonly catalogue: Catalogue;
  readonly limits: SocketLimits;
  readonly time: SocketTime;
  readonly metrics: SocketMetrics;
  readonly publish: (topic: string, payload: Payload) => void;
  /** A new id, UUID version 7. */
  readonly newId: () => string;
}

type SubscribeRequest = Extract<Request, { kind: "subscribe" }>;

/** One subscribe frame that waits for the views of its auctions. */
interface Asked {
  readonly viewer: Viewer;
  readonly request: SubscribeRequest;
  /** Auctions not settled yet. */
  readonly unsettled: Set<Watched>;
}

/** A subscription that waits for an owner to come back. */
interface Awaiting {
  readonly entry: SubscribeEntry;
  readonly subscription: Subscription;
  readonly history: number;
}

/** A refused read is tried again after this time, or when the link says that the owner is back. */
const READ_AGAIN_MS = 500;
const LOT_AGAIN_MS = 5_000;
/** The conflation timer is not set finer than this. */
const WAIT_MS_MIN = 2;

export class Watching implements Presence, Pick<EngineListener, "update" | "stale"> {
  readonly #options: WatchingOptions;
  readonly #fanout: Fanout;
  readonly #snapshots = new Snapshots();
  readonly #watched = new Map<AuctionId, Watched>();
  readonly #asked = new Map<Watched, Set<Asked>>();
  readonly #awaiting = new Map<Watched, Awaiting[]>();
  /** Nobody watches them, longest first. */
  readonly #idle = new Set<Watched>();
  /** Lot not known yet, or not found. */
  readonly #lotless = new Set<Watched>();
  readonly #readAgain = new Set<Watched>();
  readonly #countChanged = new Set<Watched>();
  #topics = 0;
  #subscriptions = 0;
  #pumping = false;
  #timer: { readonly at: number; readonly cancel: () => void } | null = null;

  constructor(options: WatchingOptions) {
    const { limits, time, metrics } = options;
    this.#options = options;
    this.#fanout = new Fanout(limits, {
      publish: options.publish,
      now: () => time.now(),
      published: ({ deliveries, bytes }) => {
        metrics.frames("out", deliveries);
        metrics.bytes("out", bytes);
      },
      gathered: ({ merged, ageMs }) => {
        if (merged > 0) metrics.updatesConflated(merged);
        metrics.updateAge(Math.max(0, ageMs) / 1_000);
      },
    });
  }

  watchers(auctionId: AuctionId): number {
    return this.#watched.get(auctionId)?.subscriptions.size ?? 0;
  }

  get watchedAuctions(): number {
    return this.#watched.size;
  }

  get subscriptions(): number {
    return this.#subscriptions;
  }

  // From sessions.

  /** False when the viewer would have too many subscriptions: then nothing of the request is done. */
  subscribe(viewer: Viewer, request: SubscribeRequest): boolean {
    const added = new Set(request.auctions.map((entry) => entry.auctionId).filter((id) => !viewer.subscriptions.has(id)));
    if (viewer.subscriptions.size + added.size > this.#options.limits.subscriptions) return false;
    const asked: Asked = { viewer, request, unsettled: new Set() };
    for (const { auctionId } of request.auctions) {
      const watched = this.#watched.get(auctionId) ?? this.#follow(auctionId);
      if (watched === null) continue;
      this.#enter(viewer, watched);
      if (isSettled(watched)) continue;
      asked.unsettled.add(watched);
      setOf(this.#asked, watched).add(asked);
    }
    if (asked.unsettled.size === 0) this.#answer(asked);
    return true;
  }

  unsubscribe(viewer: Viewer, auctionIds: readonly AuctionId[]): void {
    for (const auctionId of auctionIds) {
      const subscription = viewer.subscriptions.get(auctionId);
      if (subscription !== undefined) this.#leave(subscription);
    }
  }

  /** The socket is gone. */
  left(viewer: Viewer): void {
    viewer.open = false;
    for (const subscription of viewer.subscriptions.values()) this.#leave(subscription);
  }

  /** Over its soft limit (slow-viewers.ts): out of every topic. `lost`: the transport dropped something, so everything is owed. */
  fellBehind(viewer: Viewer, lost: boolean): void {
    viewer.slowSince ??= this.#options.time.monotonic();
    for (const subscription of viewer.subscriptions.values()) {
      const channel = this.#watched.get(subscription.auctionId)?.channel;
      if (channel === undefined) continue;
      if (subscription.slice !== null) {
        channel.audience.leave(subscription);
        channel.lagging.add(subscription);
      }
      if (lost) subscription.missed = true;
    }
  }

  /** The buffer is empty: what was missed is owed; who is owed nothing rejoins. */
  drained(viewer: Viewer): void {
    const { slowSince } = viewer;
    if (slowSince !== null) {
      viewer.slowSince = this.#options.time.monotonic();
      let missed = viewer.owed.size > 0;
      for (const subscription of viewer.subscriptions.values()) {
        if (!subscription.missed || subscription.owed !== null) continue;
        missed = true;
        this.#owe(subscription, "slow", HISTORY_AFTER_SLOW);
      }
      if (!missed) this.#rejoin(viewer);
    }
    this.#payOwed(viewer);
  }

  // From the engine.

  update(update: Update): void {
    const watched = this.#watched.get(update.auctionId);
    if (watched === undefined) return;
    const now = this.#options.time.monotonic();
    const news = takeUpdate(watched, update, now);
    if (news === null) return;
    if (news.removed.length > 0) this.#readRows(watched, now);
    this.#tell(watched, news, now);
  }

  stale(auctionIds: readonly AuctionId[], stale: boolean): void {
    for (const auctionId of auctionIds) {
      const watched = this.#watched.get(auctionId);
      if (watched === undefined) continue;
      if (!stale) this.#read(watched);
      else if (!watched.stale) {
        watched.stale = true;
        this.#tellStale(watched, true);
        this.#settle(watched);
      }
    }
  }

  /** Another log: everything known is meaningless. Every viewer has been closed before. */
  forgetAll(): void {
    for (const watched of [...this.#watched.values()]) this.#unfollow(watched);
  }

  // From the seller's side.

  lotChanged(auctionId: AuctionId, lot: Lot): void {
    const watched = this.#watched.get(auctionId);
    if (watched === undefined) return;
    watched.lot = lot;
    this.#announce(watched, { type: "lot_changed", auctionId, lot: wireLot(lot) });
  }

  /** Once in a while, from the one sweep timer. */
  sweep(): void {
    const now = this.#options.time.monotonic();
    const { limits } = this.#options;
    this.#fanout.sweep(now);
    for (const watched of this.#readAgain) if (watched.readAgainAt !== null && watched.readAgainAt <= now) this.#read(watched);
    for (const watched of this.#lotless) {
      if (!watched.lotTried && now - watched.lotAskedAt >= limits.lotWaitMs) {
        watched.lotTried = true;
        this.#settle(watched);
      }
      if (now - watched.lotAskedAt >= LOT_AGAIN_MS && watched.subscriptions.size > 0) this.#askLot(watched, now);
    }
    for (const watched of this.#countChanged) this.#tellCount(watched, now);
    for (const watched of this.#idle) {
      if (watched.idleSince === null || now - watched.idleSince < limits.historyMs) break;
      this.#unfollow(watched);
    }
  }

  // Following auctions.

  #follow(auctionId: AuctionId): Watched | null {
    const { limits, engine, time } = this.#options;
    if (this.#watched.size >= limits.watchedAuctions) {
      const [longestIdle] = this.#idle;
      if (longestIdle === undefined) return null;
      this.#unfollow(longestIdle);
    }
    const watched = new Watched(auctionId, new Channel(auctionId, new Audience(limits.sliceViewers, () => this.#newTopic())));
    this.#watched.set(auctionId, watched);
    watched.stale = engine.staleMs(auctionId) > 0;
    engine.watch(auctionId);
    this.#askLot(watched, time.monotonic());
    this.#read(watched);
    return watched;
  }

  #unfollow(watched: Watched): void {
    if (this.#watched.get(watched.auctionId) !== watched) return;
    this.#watched.delete(watched.auctionId);
    for (const set of [this.#idle, this.#lotless, this.#readAgain, this.#countChanged]) set.delete(watched);
    this.#asked.delete(watched);
    this.#awaiting.delete(watched);
    this.#fanout.forget(watched.channel);
    this.#options.engine.unwatch(watched.auctionId);
  }

  /** Short: a socket keeps the names of all its topics. */
  #newTopic(): string {
    this.#topics += 1;
    return this.#topics.toString(36);
  }

  #enter(viewer: Viewer, watched: Watched): Subscription {
    const present = viewer.subscriptions.get(watched.auctionId);
    if (present !== undefined) return present;
    const subscription: Subscription = { viewer, auctionId: watched.auctionId, slice: null, missed: false, owed: null };
    viewer.subscriptions.set(watched.auctionId, subscription);
    watched.subscriptions.add(subscription);
    watched.idleSince = null;
    this.#idle.delete(watched);
    this.#subscriptions += 1;
    this.#count(watched);
    return subscription;
  }

  #leave(subscription: Subscription): void {
    const { viewer, auctionId } = subscription;
    viewer.subscriptions.delete(auctionId);
    viewer.owed.delete(subscription);
    const watched = this.#watched.get(auctionId);
    if (watched === undefined || !watched.subscriptions.delete(subscription)) return;
    this.#subscriptions -= 1;
    watched.channel.audience.leave(subscription);
    watched.channel.lagging.delete(subscription);
    this.#count(watched);
    if (watched.subscriptions.size > 0) return;
    if (watched.knowledge.kind === "absent") {
      this.#unfollow(watched);
      return;
    }
    watched.idleSince = this.#options.time.monotonic();
    this.#idle.add(watched);
  }

  #count(watched: Watched): void {
    const { channel, subscriptions } = watched;
    const first = channel.watchers === 0;
    channel.watchers = subscriptions.size;
    // The first viewer's snapshot tells it.
    if (first) channel.watchersTold = channel.watchers;
    else this.#countChanged.add(watched);
  }

  #tellCount(watched: Watched, now: number): void {
    const { channel } = watched;
    if (channel.watchers === channel.watchersTold) this.#countChanged.delete(watched);
    else if (now - channel.watchersToldAt >= this.#options.limits.watchersEveryMs) {
      this.#countChanged.delete(watched);
      channel.watchersTold = channel.watchers;
      channel.watchersToldAt = now;
      this.#announce(watched, { type: "watchers", auctionId: watched.auctionId, watchers: channel.watchers });
    }
  }

  // Reading.

  #read(watched: Watched): void {
    if (watched.reading) return;
    watched.reading = true;
    watched.readAgainAt = null;
    this.#readAgain.delete(watched);
    const { engine, limits } = this.#options;
    const read = { kind: "view", auctionId: watched.auctionId, fresh: false, history: ROWS_KEPT, bidderId: null } as const;
    engine.read(read, limits.requestTimeoutMs).then(
      (outcome) => this.#viewed(watched, outcome),
      () => this.#viewed(watched, { kind: "refused", code: "shard_unowned", retryAfterMs: READ_AGAIN_MS }),
    );
  }

  /** Bids were removed: which way is in the rows only. A read under way may have been taken before. */
  #readRows(watched: Watched, now: number): void {
    if (watched.reading) {
      watched.readAgainAt = now;
      this.#readAgain.add(watched);
    } else this.#read(watched);
  }

  #viewed(watched: Watched, outcome: ReadOutcome): void {
    if (this.#watched.get(watched.auctionId) !== watched) return;
    const now = this.#options.time.monotonic();
    watched.reading = false;
    if (outcome.kind === "ok" && outcome.result.kind === "view") {
      const missed = takeView(watched, outcome.result.view, outcome.result.rows, this.#options.limits, now);
      if (missed !== null) this.#tell(watched, missed, now);
      this.#back(watched);
    } else if (outcome.kind === "refused" && outcome.code === "no_such_auction" && knownOf(watched) === null) {
      watched.knowledge = { kind: "absent" };
      watched.stale = false;
      this.#absent(watched);
    } else this.#notReadable(watched, now);
    this.#settle(watched);
  }

  #notReadable(watched: Watched, now: number): void {
    watched.readAgainAt = now + READ_AGAIN_MS;
    this.#readAgain.add(watched);
    if (watched.stale) return;
    watched.stale = true;
    this.#tellStale(watched, true);
  }

  /** The owner answered. */
  #back(watched: Watched): void {
    const wasStale = watched.stale;
    watched.stale = this.#options.engine.staleMs(watched.auctionId) > 0;
    if (watched.stale) return;
    if (wasStale) this.#tellStale(watched, false);
    const awaiting = this.#awaiting.get(watched) ?? [];
    this.#awaiting.delete(watched);
    for (const { subscription, entry, history } of awaiting) {
      const resumed = knownOf(watched)?.history.since(entry.pair);
      const why = resumed?.kind === "snapshot" ? resumed.why : "history_gone";
      if (subscription.viewer.subscriptions.get(watched.auctionId) === subscription) this.#owe(subscription, why, history);
    }
  }

  /** Those who were told that the owner is away, and now that there is no such auction. */
  #absent(watched: Watched): void {
    const { auctionId } = watched;
    const awaiting = this.#awaiting.get(watched) ?? [];
    this.#awaiting.delete(watched);
    for (const { subscription } of awaiting) {
      const { meaning } = ERROR_CODES.no_such_auction;
      this.#send(subscription.viewer, { type: "error", auctionId, code: "no_such_auction", message: meaning, requestId: this.#options.newId() });
      this.#leave(subscription);
    }
  }

  #askLot(watched: Watched, now: number): void {
    watched.lotAskedAt = now;
    this.#lotless.add(watched);
    this.#options.catalogue.entry(watched.auctionId).then(
      (entry) => this.#lotFound(watched, entry),
      () => this.#lotFound(watched, null),
    );
  }

  #lotFound(watched: Watched, entry: CatalogueEntry | null): void {
    const late = watched.lotTried;
    watched.lotTried = true;
    if (entry !== null) {
      this.#lotless.delete(watched);
      watched.lot = entry.lot;
      watched.seller = entry.seller;
      if (late && entry.lot !== null) this.#announce(watched, { type: "lot_changed", auctionId: watched.auctionId, lot: wireLot(entry.lot) });
    }
    this.#settle(watched);
  }

  // Answering subscriptions.

  #settle(watched: Watched): void {
    if (!isSettled(watched)) return;
    const waiting = this.#asked.get(watched);
    this.#asked.delete(watched);
    for (const asked of waiting ?? []) {
      asked.unsettled.delete(watched);
      if (asked.unsettled.size === 0) this.#answer(asked);
    }
  }

  #answer(asked: Asked): void {
    const { viewer, request } = asked;
    if (!viewer.open) return;
    const results: SubscribedFrame["results"][number][] = [];
    const then: (() => void)[] = [];
    const away: AuctionId[] = [];
    for (const entry of request.auctions) {
      const watched = this.#watched.get(entry.auctionId);
      const subscription = viewer.subscriptions.get(entry.auctionId);
      if (watched === undefined || watched.knowledge.kind === "absent") {
        results.push({ auctionId: entry.auctionId, code: watched === undefined ? "overloaded" : "no_such_auction" });
        if (subscription !== undefined) then.push(() => this.#leave(subscription));
        continue;
      }
      if (watched.stale) away.push(entry.auctionId);
      results.push({ auctionId: entry.auctionId, recovered: this.#recover({ watched, entry, subscription, history: request.history }, then) });
    }
    this.#send(viewer, { type: "subscribed", id: request.id, results });
    for (const step of then) step();
    if (away.length > 0) this.#send(viewer, { type: "stale", auctionIds: away, stale: true, serverTimeMs: this.#options.time.now() });
    this.#payOwed(viewer);
  }

  /** How the viewer becomes current; what has to be sent for it goes into `then`. */
  #recover(
    asked: { readonly watched: Watched; readonly entry: SubscribeEntry; readonly subscription: Subscription | undefined; readonly history: number },
    then: (() => void)[],
  ): "delta" | "snapshot" {
    const { watched, entry, subscription, history } = asked;
    const known = knownOf(watched);
    if (subscription === undefined) return "snapshot";
    if (known === null) {
      listOf(this.#awaiting, watched).push({ entry, subscription, history });
      return "snapshot";
    }
    known.history.expire(this.#options.time.monotonic());
    const resumed = known.history.since(entry.pair);
    if (entry.pair !== null) this.#options.metrics.resumed(resumed.kind, resumed.kind === "delta" ? "delta" : resumed.why);
    if (resumed.kind === "snapshot") {
      then.push(() => this.#owe(subscription, resumed.why, history));
      return "snapshot";
    }
    then.push(() => {
      const around = { auctionId: watched.auctionId, watchers: watched.channel.watchers, serverTimeMs: this.#options.time.now() };
      for (const frame of resumedFrames(known, resumed, around)) this.#send(subscription.viewer, frame);
      this.#join(subscription, watched);
    });
    return "delta";
  }

  // Snapshots.

  #owe(subscription: Subscription, why: "first" | "history_gone" | "ahead" | "new_life" | "slow", history: number): void {
    const { viewer, auctionId } = subscription;
    const { identity } = viewer;
    const owed = { why, history, you: null as ReturnType<typeof wireStanding> | null, ready: true };
    subscription.owed = owed;
    viewer.owed.add(subscription);
    if (identity === null || !identity.roles.includes("bidder")) {
      this.#payOwed(viewer);
      return;
    }
    owed.ready = false;
    const pay = (outcome: ReadOutcome | null) => {
      if (outcome?.kind === "ok" && outcome.result.kind === "standing") owed.you = wireStanding(outcome.result.standing);
      owed.ready = true;
      this.#payOwed(viewer);
    };
    this.#options.engine.read({ kind: "standing", auctionId, bidderId: identity.userId }, this.#options.limits.requestTimeoutMs).then(pay, () => pay(null));
  }

  /** Sends what is ready while there is room (B3); the rest when the buffer has drained. */
  #payOwed(viewer: Viewer): void {
    if (!viewer.open) return;
    for (const subscription of viewer.owed) {
      if (viewer.peer.bufferedBytes() > this.#options.limits.bufferSoftBytes / 2) return;
      const watched = this.#watched.get(subscription.auctionId);
      const known = watched === undefined ? null : knownOf(watched);
      const { owed } = subscription;
      if (watched === undefined || known === null || owed === null || !owed.ready) continue;
      viewer.owed.delete(subscription);
      subscription.owed = null;
      subscription.missed = false;
      const { protocol } = viewer.peer;
      viewer.peer.send(
        this.#snapshots.snapshot(watched, known, { why: owed.why, history: owed.history, you: owed.you, protocol, serverTimeMs: this.#options.time.now() }),
      );
      this.#join(subscription, watched);
    }
  }

  #join(subscription: Subscription, watched: Watched): void {
    if (subscription.viewer.slowSince === null) watched.channel.audience.join(subscription);
    else watched.channel.lagging.add(subscription);
  }

  #rejoin(viewer: Viewer): void {
    viewer.slowSince = null;
    for (const subscription of viewer.subscriptions.values()) {
      const channel = this.#watched.get(subscription.auctionId)?.channel;
      if (channel?.lagging.delete(subscription) === true) channel.audience.join(subscription);
    }
  }

  // Publishing.

  #tell(watched: Watched, update: Update, now: number): void {
    if (this.#fanout.updated(watched.channel, update, now)) this.#wake();
    else this.#arm();
  }

  #announce(watched: Watched, frame: ServerFrame): void {
    if (this.#fanout.announce(watched.channel, frame, this.#options.time.monotonic())) this.#wake();
  }

  /** Through the topics to those who are current, and directly to those who still wait for their first snapshot. */
  #tellStale(watched: Watched, stale: boolean): void {
    const frame: ServerFrame = { type: "stale", auctionIds: [watched.auctionId], stale, serverTimeMs: this.#options.time.now() };
    this.#announce(watched, frame);
    for (const { subscription } of this.#awaiting.get(watched) ?? []) this.#send(subscription.viewer, frame);
  }

  #wake(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    this.#options.time.soon(() => {
      this.#pumping = false;
      const now = this.#options.time.monotonic();
      this.#fanout.due(now);
      if (this.#fanout.pump(now)) this.#wake();
      this.#arm();
    });
  }

  /** One timer, for the auction whose wait ends first. */
  #arm(): void {
    const dueAt = this.#fanout.nextDueAt();
    if (dueAt === null || (this.#timer !== null && this.#timer.at <= dueAt)) return;
    this.#timer?.cancel();
    const waitMs = Math.max(WAIT_MS_MIN, dueAt - this.#options.time.monotonic());
    const cancel = this.#options.time.after(waitMs, () => {
      this.#timer = null;
      if (this.#fanout.due(this.#options.time.monotonic())) this.#wake();
      this.#arm();
    });
    this.#timer = { at: dueAt, cancel };
  }

  close(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }

  #send(viewer: Viewer, frame: ServerFrame): void {
    if (viewer.open) viewer.peer.send(ENCODINGS[viewer.peer.protocol].frame(frame));
  }
}

/** Rows of a snapshot after a viewer was slow: as few as a page shows. */
const HISTORY_AFTER_SLOW = 20;

/** Whether a subscription can be answered: something is known, or it is known that nothing can be (B1). */
function isSettled(watched: Watched): boolean {
  if (watched.knowledge.kind === "absent") return true;
  return watched.stale || (watched.knowledge.kind === "known" && watched.lotTried);
}

function setOf<K, V>(map: Map<K, Set<V>>, key: K): Set<V> {
  const present = map.get(key) ?? new Set<V>();
  map.set(key, present);
  return present;
}

function listOf<K, V>(map: Map<K, V[]>, key: K): V[] {
  const present = map.get(key) ?? [];
  map.set(key, present);
  return present;
}
