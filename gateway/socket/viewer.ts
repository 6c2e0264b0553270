// One socket as watching and publishing see it, and the slices in which the viewers of an auction are published to.
//
// Owns: which viewer stands in which slice. Must not: know uWebSockets, encode, or decide who is slow (slow-viewers.ts).
import type { AuctionId } from "../../engine/core/ids.ts";
import type { Identity } from "../ports.ts";
import type { Protocol, SnapshotWhy, WireStanding } from "./client-frames.ts";
import type { CloseName } from "./close-codes.ts";
import type { Payload } from "./frame-encode.ts";

/** The transport of one socket. Every call is harmless once it is closed. */
export interface Peer {
  readonly protocol: Protocol;
  /** Leaves at the end of this turn, together with what else the turn has for this socket. */
  send(payload: Payload): void;
  join(topic: string): void;
  leave(topic: string): void;
  /** Bytes that the other side has not taken yet, this turn's included. */
  bufferedBytes(): number;
  close(name: CloseName, retryAfterMs: number): void;
}

export class Viewer {
  readonly peer: Peer;
  readonly subscriptions = new Map<AuctionId, Subscription>();
  /** Subscriptions that wait for their snapshot. */
  readonly owed = new Set<Subscription>();
  identity: Identity | null = null;
  /** Answers and updates of a turn leave as one array: such a viewer is sent to directly and joins no topic. */
  batch = false;
  open = true;
  /** Monotonic ms since when the buffer was over the soft limit and never empty; null for a viewer that keeps up. */
  slowSince: number | null = null;

  constructor(peer: Peer) {
    this.peer = peer;
  }
}

/** One viewer's interest in one auction. */
export interface Subscription {
  readonly viewer: Viewer;
  readonly auctionId: AuctionId;
  /** Where it is published to; null while it waits for its first snapshot or is slow. */
  slice: Slice | null;
  /** A public frame went by while it was slow: it is owed the newest state. */
  missed: boolean;
  owed: Owed | null;
}

export interface Owed {
  why: SnapshotWhy;
  history: number;
  standing: OwedStanding;
}

/** The viewer's own standing, for its snapshot. `you` is null for everybody who is no bidder. `refused`: its owner could not be asked. */
export type OwedStanding = { readonly kind: "reading" } | { readonly kind: "refused" } | { readonly kind: "read"; readonly you: WireStanding | null };

/** Viewers that one publication reaches at once. */
export interface Slice {
  /** null: each viewer is sent to by itself. */
  readonly topic: string | null;
  readonly protocol: Protocol;
  readonly subscriptions: Set<Subscription>;
}

/** The viewers of one auction that keep up, in slices of bounded size. */
export class Audience {
  readonly #sliceViewers: number;
  readonly #newTopic: () => string;
  #slices: Slice[] = [];
  #size = 0;

  constructor(sliceViewers: number, newTopic: () => string) {
    this.#sliceViewers = sliceViewers;
    this.#newTopic = newTopic;
  }

  get size(): number {
    return this.#size;
  }

  /** A copy: slices that come or go later are not in it. */
  slices(): readonly Slice[] {
    return [...this.#slices];
  }

  /** A repeat changes nothing. */
  join(subscription: Subscription): void {
    if (subscription.slice !== null) return;
    const { peer, batch } = subscription.viewer;
    const slice = this.#withRoom(peer.protocol, batch);
    slice.subscriptions.add(subscription);
    subscription.slice = slice;
    this.#size += 1;
    if (slice.topic !== null) peer.join(slice.topic);
  }

  leave(subscription: Subscription): void {
    const slice = subscription.slice;
    if (slice === null) return;
    subscription.slice = null;
    slice.subscriptions.delete(subscription);
    this.#size -= 1;
    if (slice.topic !== null) subscription.viewer.peer.leave(slice.topic);
    if (slice.subscriptions.size === 0) this.#slices = this.#slices.filter((other) => other !== slice);
  }

  #withRoom(protocol: Protocol, direct: boolean): Slice {
    for (const slice of this.#slices) {
      if (slice.protocol === protocol && (slice.topic === null) === direct && slice.subscriptions.size < this.#sliceViewers) return slice;
    }
    const slice: Slice = { topic: direct ? null : this.#newTopic(), protocol, subscriptions: new Set() };
    this.#slices.push(slice);
    return slice;
  }
}
