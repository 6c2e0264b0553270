// Who watches which auction: subscriptions, resume, slow viewers, and updates on their way from the engine to the fan-out.
//
// Owns: each viewer's place in the auctions this gateway follows. It is the gateway's Presence.
// Must not: know uWebSockets or a session's rules, read auctions (following.ts), or decide when viewers are told (fanout.ts).
//
// B1. `subscribed` leaves first, then for each auction a resumed update or a snapshot. An auction whose owner is away is subscribed
//     all the same: `subscribed`, `stale`, and a snapshot when it is back, also where this gateway still knows an old state.
// B2. A viewer that falls behind leaves every topic at once and is owed the newest state of what it missed whenever its buffer is
//     empty; when it has missed nothing it rejoins. It is never left with a silent gap.
// B3. What waits is bounded: a subscription waits for its owner at most once, however often it is asked for, and leaves the wait with
//     its viewer; a viewer has at most subscribesInFlight requests that wait to be answered.
import type { AuctionId } from "../../engine/core/ids.ts";
import type { Update } from "../../engine/protocol.ts";
import { ERROR_CODES } from "../error-codes.ts";
import type { EngineListener, Lot, Presence } from "../ports.ts";
import type { ServerFrame, SubscribedFrame } from "./client-frames.ts";
import { Debts, type DebtsOptions, joinAudience } from "./debts.ts";
import { Following, type FollowingEvents, type FollowingOptions, isSettled } from "./following.ts";
import type { Request, SubscribeEntry } from "./frame-check.ts";
import { ENCODINGS } from "./frame-encode.ts";
import { wireLot } from "./public-frames.ts";
import { Publisher, type PublisherOptions } from "./publisher.ts";
import { resumedFrames } from "./snapshots.ts";
import type { Subscription, Viewer } from "./viewer.ts";
import { knownOf, type Watched } from "./watched.ts";

export interface WatchingOptions extends FollowingOptions, PublisherOptions, DebtsOptions {
  /** A new id, UUID version 7. */
  readonly newId: () => string;
}

type SubscribeRequest = Extract<Request, { kind: "subscribe" }>;

/** One subscribe frame that waits until something is known of each of its auctions. */
interface Asked {
  readonly viewer: Viewer;
  readonly request: SubscribeRequest;
  readonly unsettled: Set<Watched>;
}

/** A subscription that waits for an owner to come back. */
interface Awaiting {
  readonly entry: SubscribeEntry;
  readonly history: number;
}

/** Rows of a snapshot after a viewer was slow: as few as a page shows. */
const HISTORY_AFTER_SLOW = 20;

export class Watching implements Presence, FollowingEvents, Pick<EngineListener, "update"> {
  readonly #options: WatchingOptions;
  readonly #publisher: Publisher;
  readonly #following: Following;
  readonly #debts: Debts;
  readonly #asked = new Map<Watched, Set<Asked>>();
  readonly #awaiting = new Map<Watched, Map<Subscription, Awaiting>>();
  readonly #asking = new Map<Viewer, number>();
  readonly #countChanged = new Set<Watched>();
  #subscriptions = 0;

  constructor(options: WatchingOptions) {
    this.#options = options;
    this.#publisher = new Publisher(options);
    this.#following = new Following(options, this);
    this.#debts = new Debts(options, (auctionId) => this.#following.find(auctionId));
  }

  watchers(auctionId: AuctionId): number {
    return this.#following.find(auctionId)?.subscriptions.size ?? 0;
  }

  get watchedAuctions(): number {
    return this.#following.size;
  }

  get subscriptions(): number {
    return this.#subscriptions;
  }

  // From sessions.

  /** Why nothing of the request is done, or null: the viewer would have too many subscriptions, or too many such requests wait. */
  subscribe(viewer: Viewer, request: SubscribeRequest): "too_many_subscriptions" | "rate_limited" | null {
    const { limits } = this.#options;
    const added = new Set(request.auctions.map((entry) => entry.auctionId).filter((id) => !viewer.subscriptions.has(id)));
    if (viewer.subscriptions.size + added.size > limits.subscriptions) return "too_many_subscriptions";
    const asking = this.#asking.get(viewer) ?? 0;
    if (asking >= limits.subscribesInFlight) return "rate_limited";
    const asked: Asked = { viewer, request, unsettled: new Set() };
    for (const { auctionId } of request.auctions) {
      const watched = this.#following.follow(auctionId);
      if (watched === null) continue;
      this.#enter(viewer, watched);
      if (isSettled(watched)) continue;
      asked.unsettled.add(watched);
      setOf(this.#asked, watched).add(asked);
    }
    if (asked.unsettled.size === 0) this.#answer(asked);
    else this.#asking.set(viewer, asking + 1);
    return null;
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
    this.#asking.delete(viewer);
    for (const subscription of viewer.subscriptions.values()) this.#leave(subscription);
  }

  /** Over its soft limit (slow-viewers.ts): out of every topic. `lost`: the transport dropped something, so everything is owed. */
  fellBehind(viewer: Viewer, lost: boolean): void {
    viewer.slowSince ??= this.#options.time.monotonic();
    for (const subscription of viewer.subscriptions.values()) {
      const channel = this.#following.find(subscription.auctionId)?.channel;
      if (channel === undefined) continue;
      if (subscription.slice !== null) {
        channel.audience.leave(subscription);
        channel.lagging.add(subscription);
      }
      if (lost) subscription.missed = true;
    }
  }

  /** There is room again, or, of a slow viewer, the buffer is empty (B2). */
  drained(viewer: Viewer): void {
    if (viewer.slowSince !== null) {
      viewer.slowSince = this.#options.time.monotonic();
      for (const subscription of viewer.subscriptions.values()) {
        if (subscription.missed && subscription.owed === null) this.#debts.owe(subscription, "slow", HISTORY_AFTER_SLOW);
      }
      if (viewer.owed.size === 0) this.#rejoin(viewer);
    }
    this.#debts.pay(viewer);
  }

  // From the engine.

  update(update: Update): void {
    this.#following.update(update);
  }

  ownersStale(auctionIds: readonly AuctionId[], stale: boolean): void {
    this.#following.stale(auctionIds, stale);
  }

  /** Another log. Every viewer has been closed before. */
  forgetAll(): void {
    this.#following.unfollowAll();
  }

  // From the seller's side.

  lotChanged(auctionId: AuctionId, lot: Lot): void {
    const watched = this.#following.find(auctionId);
    if (watched === undefined) return;
    watched.lot = lot;
    this.lot(watched, lot);
  }

  /** Once in a while, from the one sweep timer. */
  sweep(): void {
    this.#publisher.sweep();
    this.#following.sweep();
    const now = this.#options.time.monotonic();
    for (const watched of this.#countChanged) this.#tellCount(watched, now);
  }

  close(): void {
    this.#publisher.close();
  }

  // From following an auction.

  news(watched: Watched, update: Update): void {
    this.#publisher.tell(watched.channel, update);
  }

  /** Through the topics to those who are current, and directly to those who wait for their first snapshot. */
  stale(watched: Watched, stale: boolean): void {
    const frame: ServerFrame = { type: "stale", auctionIds: [watched.auctionId], stale, serverTimeMs: this.#options.time.now() };
    this.#publisher.announce(watched.channel, frame);
    for (const { viewer } of this.#awaiting.get(watched)?.keys() ?? []) this.#send(viewer, frame);
    // A snapshot that is owed says it as well; a viewer that is no longer published to hears it as one that lags does.
    for (const subscription of watched.subscriptions) {
      if (subscription.owed === null) continue;
      if (!watched.channel.lagging.has(subscription) && subscription.slice === null) this.#send(subscription.viewer, frame);
      if (!stale) this.#debts.resume(subscription);
    }
  }

  known(watched: Watched): void {
    for (const [subscription, { entry, history }] of taken(this.#awaiting, watched) ?? []) {
      const resumed = knownOf(watched)?.history.since(entry.pair);
      this.#debts.owe(subscription, resumed?.kind === "snapshot" ? resumed.why : "history_gone", history);
      this.#debts.pay(subscription.viewer);
    }
  }

  /** For those who were told that the owner is away, and now hear that there is no such auction. */
  absent(watched: Watched): void {
    const { auctionId } = watched;
    const message = ERROR_CODES.no_such_auction.meaning;
    for (const subscription of taken(this.#awaiting, watched)?.keys() ?? []) {
      this.#send(subscription.viewer, { type: "error", auctionId, code: "no_such_auction", message, requestId: this.#options.newId() });
      this.#leave(subscription);
    }
  }

  lot(watched: Watched, lot: Lot): void {
    this.#publisher.announce(watched.channel, { type: "lot_changed", auctionId: watched.auctionId, lot: wireLot(lot) });
  }

  settled(watched: Watched): void {
    if (!isSettled(watched)) return;
    for (const asked of taken(this.#asked, watched) ?? []) {
      asked.unsettled.delete(watched);
      if (asked.unsettled.size > 0) continue;
      const asking = this.#asking.get(asked.viewer) ?? 0;
      if (asking > 1) this.#asking.set(asked.viewer, asking - 1);
      else this.#asking.delete(asked.viewer);
      this.#answer(asked);
    }
  }

  forgotten(watched: Watched): void {
    this.#asked.delete(watched);
    this.#awaiting.delete(watched);
    this.#countChanged.delete(watched);
    this.#publisher.forget(watched.channel);
  }

  // Places.

  #enter(viewer: Viewer, watched: Watched): void {
    if (viewer.subscriptions.has(watched.auctionId)) return;
    const subscription: Subscription = { viewer, auctionId: watched.auctionId, slice: null, missed: false, owed: null };
    viewer.subscriptions.set(watched.auctionId, subscription);
    watched.subscriptions.add(subscription);
    this.#subscriptions += 1;
    this.#count(watched);
  }

  #leave(subscription: Subscription): void {
    const { viewer, auctionId } = subscription;
    viewer.subscriptions.delete(auctionId);
    viewer.owed.delete(subscription);
    subscription.owed = null;
    const watched = this.#following.find(auctionId);
    if (watched === undefined || !watched.subscriptions.delete(subscription)) return;
    this.#subscriptions -= 1;
    watched.channel.audience.leave(subscription);
    watched.channel.lagging.delete(subscription);
    this.#stopAwaiting(watched, subscription);
    this.#count(watched);
  }

  #stopAwaiting(watched: Watched, subscription: Subscription): void {
    const awaiting = this.#awaiting.get(watched);
    if (awaiting?.delete(subscription) === true && awaiting.size === 0) this.#awaiting.delete(watched);
  }

  #count(watched: Watched): void {
    const { channel, subscriptions } = watched;
    const first = channel.watchers === 0;
    channel.watchers = subscriptions.size;
    // The first viewer's snapshot tells it.
    if (first) channel.watchersTold = channel.watchers;
    else this.#countChanged.add(watched);
    this.#following.watchedBy(watched, subscriptions.size);
  }

  #tellCount(watched: Watched, now: number): void {
    const { channel } = watched;
    const changed = channel.watchers !== channel.watchersTold;
    if (changed && now - channel.watchersToldAt < this.#options.limits.watchersEveryMs) return;
    this.#countChanged.delete(watched);
    if (!changed) return;
    channel.watchersTold = channel.watchers;
    channel.watchersToldAt = now;
    this.#publisher.announce(channel, { type: "watchers", auctionId: watched.auctionId, watchers: channel.watchers });
  }

  #rejoin(viewer: Viewer): void {
    viewer.slowSince = null;
    for (const subscription of viewer.subscriptions.values()) {
      const channel = this.#following.find(subscription.auctionId)?.channel;
      if (channel?.lagging.delete(subscription) === true) channel.audience.join(subscription);
    }
  }

  // Answers to subscribe frames (B1).

  #answer({ viewer, request }: Asked): void {
    if (!viewer.open) return;
    const results: SubscribedFrame["results"][number][] = [];
    const then: (() => void)[] = [];
    const away: AuctionId[] = [];
    for (const entry of request.auctions) {
      const { auctionId } = entry;
      const watched = this.#following.find(auctionId);
      const subscription = viewer.subscriptions.get(auctionId);
      if (watched === undefined || watched.knowledge.kind === "absent") {
        results.push({ auctionId, code: watched === undefined ? "overloaded" : "no_such_auction" });
        if (subscription !== undefined) then.push(() => this.#leave(subscription));
        continue;
      }
      const recovered = subscription === undefined ? "snapshot" : this.#recover({ watched, entry, subscription, history: request.history }, then);
      results.push({ auctionId, recovered });
      if (watched.stale) away.push(auctionId);
    }
    this.#send(viewer, { type: "subscribed", id: request.id, results });
    for (const step of then) step();
    if (away.length > 0) this.#send(viewer, { type: "stale", auctionIds: away, stale: true, serverTimeMs: this.#options.time.now() });
    this.#debts.pay(viewer);
  }

  /** How the viewer becomes current; what has to be done for it behind `subscribed` goes into `then`. */
  #recover(asked: { readonly watched: Watched; readonly subscription: Subscription } & Awaiting, then: (() => void)[]): "delta" | "snapshot" {
    const { watched, entry, subscription, history } = asked;
    const known = knownOf(watched);
    if (known === null) {
      const awaiting = this.#awaiting.get(watched) ?? new Map<Subscription, Awaiting>();
      this.#awaiting.set(watched, awaiting.set(subscription, { entry, history }));
      return "snapshot";
    }
    known.history.expire(this.#options.time.monotonic());
    const resumed = known.history.since(entry.pair);
    if (entry.pair !== null) this.#options.metrics.resumed(resumed.kind, resumed.kind === "delta" ? "delta" : resumed.why);
    if (resumed.kind === "snapshot") {
      then.push(() => this.#debts.owe(subscription, resumed.why, history));
      return "snapshot";
    }
    then.push(() => {
      const around = { auctionId: watched.auctionId, watchers: watched.channel.watchers, serverTimeMs: this.#options.time.now() };
      for (const frame of resumedFrames(known, resumed, around)) this.#send(subscription.viewer, frame);
      joinAudience(subscription, watched);
    });
    return "delta";
  }

  #send(viewer: Viewer, frame: ServerFrame): void {
    if (viewer.open) viewer.peer.send(ENCODINGS[viewer.peer.protocol].frame(frame));
  }
}

function setOf<K, V>(map: Map<K, Set<V>>, key: K): Set<V> {
  const present = map.get(key) ?? new Set<V>();
  map.set(key, present);
  return present;
}

function taken<K, V>(map: Map<K, V>, key: K): V | undefined {
  const found = map.get(key);
  map.delete(key);
  return found;
}
