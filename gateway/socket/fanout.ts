// When the viewers of an auction are told, and in which portions: topics in slices, conflation of hot auctions.
//
// Owns: what waits to be published and the order in which auctions take turns. Pure: a caller brings the time, calls `pump` at the
// end of a turn and `due` when a wait is over, and carries the payloads out.
// Must not: know uWebSockets, hold a timer, or touch a bidder's own answers, which never wait for a viewer.
//
// N1. A quiet auction is published in the turn in which its update came. A hot one (over 20 updates a second, or over 1,000 viewers)
//     once per 50 ms, or as much less often as keeps viewers x rate of all active auctions under 100,000 a second: a delivery costs
//     5.5 to 7 us, whatever its size.
// N2. `opened`, `paused`, `resumed`, `extended` and the hammer end the wait at once.
// N3. One turn publishes to about 250 viewers: a publication to 5,000 would hold the loop, and the bids on it, for 30 ms. Auctions
//     take turns slice by slice.
// N4. One publication of an auction is under way at a time. What is decided meanwhile is gathered into the next one. So frames of one
//     auction reach each viewer in order, and memory does not follow the rate of updates.
// N5. What a publication says is put together and encoded when it begins, once per protocol.
// N6. Announcements come behind the updates that waited with them: an update says how things stand, and `stale` takes that back.
import type { AuctionId, Instant } from "../../engine/core/ids.ts";
import type { Update } from "../../engine/protocol.ts";
import type { ServerFrame } from "./client-frames.ts";
import { type EncodedOnce, encodedFrame, type Payload } from "./frame-encode.ts";
import { framesOf, type Gathered, gather, isUrgent } from "./gather.ts";
import type { SocketLimits } from "./limits.ts";
import type { Audience, Slice, Subscription } from "./viewer.ts";

type FanoutLimits = Pick<SocketLimits, "conflateMs" | "conflateRate" | "conflateViewers" | "deliveriesPerSecond" | "sliceViewers">;

export interface FanoutPorts {
  /** To all sockets of a topic. */
  publish(topic: string, payload: Payload): void;
  /** Wall clock, for what frames tell. */
  now(): Instant;
  published(told: { readonly deliveries: number; readonly bytes: number }): void;
  gathered(told: { readonly merged: number; readonly ageMs: number }): void;
}

/** One auction's publications. */
export class Channel {
  readonly auctionId: AuctionId;
  readonly audience: Audience;
  /** Subscriptions of viewers that are too slow for topics. */
  readonly lagging = new Set<Subscription>();
  /** Told in every update. */
  watchers = 0;
  watchersTold = 0;
  watchersToldAt = Number.NEGATIVE_INFINITY;
  waiting: Gathered[] = [];
  announcements: EncodedOnce[] = [];
  passage: Passage | null = null;
  queued = false;
  dueAt = 0;
  lastPublishedAt = Number.NEGATIVE_INFINITY;
  lastUpdateAt = Number.NEGATIVE_INFINITY;
  secondStartedAt = Number.NEGATIVE_INFINITY;
  updatesThisSecond = 0;
  updatesLastSecond = 0;

  constructor(auctionId: AuctionId, audience: Audience) {
    this.auctionId = auctionId;
    this.audience = audience;
  }
}

/** One publication under way. */
interface Passage {
  readonly frames: readonly EncodedOnce[];
  readonly slices: readonly Slice[];
  next: number;
}

const SECOND_MS = 1_000;

export class Fanout {
  readonly #limits: FanoutLimits;
  readonly #ports: FanoutPorts;
  /** Auctions with something to publish now, in turn. */
  readonly #ready: Channel[] = [];
  /** Hot auctions whose wait is not over. */
  readonly #conflating = new Set<Channel>();
  /** Auctions with an update within the last second, and their viewers together. */
  readonly #active = new Set<Channel>();
  #activeViewers = 0;

  constructor(limits: FanoutLimits, ports: FanoutPorts) {
    this.#limits = limits;
    this.#ports = ports;
  }

  /** Takes an update of committed state. True when there is something to publish now. */
  updated(channel: Channel, update: Update, now: number): boolean {
    const was = channel.waiting.length > 0;
    gather(channel.waiting, update);
    countUpdate(channel, now);
    if (!this.#active.has(channel)) {
      this.#active.add(channel);
      this.#activeViewers += channel.audience.size;
    }
    if (isUrgent(update)) channel.dueAt = now;
    else if (!was) channel.dueAt = channel.lastPublishedAt + this.#intervalMs(channel);
    return this.#schedule(channel, now);
  }

  /** A frame about the auction that is no update; it goes with the next publication, which is now. */
  announce(channel: Channel, frame: ServerFrame, now: number): boolean {
    channel.announcements.push(encodedFrame(frame));
    channel.dueAt = now;
    return this.#schedule(channel, now);
  }

  /** Moves auctions whose wait is over to those that are published now. True when there are any. */
  due(now: number): boolean {
    for (const channel of this.#conflating) if (channel.dueAt <= now) this.#schedule(channel, now);
    return this.#ready.length > 0;
  }

  /** When `due` has something to do next, or null. */
  nextDueAt(): number | null {
    let next: number | null = null;
    for (const channel of this.#conflating) if (next === null || channel.dueAt < next) next = channel.dueAt;
    return next;
  }

  /** Publishes to about 250 viewers (N3). True when there is more to publish now. */
  pump(now: number): boolean {
    let room = this.#limits.sliceViewers;
    while (room > 0) {
      const channel = this.#ready.shift();
      if (channel === undefined) return false;
      channel.passage ??= this.#begin(channel, now);
      room -= this.#serveSlice(channel.passage);
      if (channel.passage.next < channel.passage.slices.length) {
        this.#ready.push(channel);
        continue;
      }
      channel.passage = null;
      channel.queued = false;
      if (hasMore(channel)) this.#schedule(channel, now);
    }
    return this.#ready.length > 0;
  }

  /** Once in a while: forgets which auctions were active. */
  sweep(now: number): void {
    this.#activeViewers = 0;
    for (const channel of this.#active) {
      if (now - channel.lastUpdateAt > SECOND_MS) this.#active.delete(channel);
      else this.#activeViewers += channel.audience.size;
    }
  }

  forget(channel: Channel): void {
    this.#active.delete(channel);
    this.#conflating.delete(channel);
    channel.waiting = [];
    channel.announcements = [];
  }

  #schedule(channel: Channel, now: number): boolean {
    if (channel.queued) return true;
    if (channel.dueAt > now) {
      this.#conflating.add(channel);
      return false;
    }
    this.#conflating.delete(channel);
    channel.queued = true;
    this.#ready.push(channel);
    return true;
  }

  /** The least time between two publications of this auction (N1). */
  #intervalMs(channel: Channel): number {
    const { conflateMs, conflateRate, conflateViewers, deliveriesPerSecond } = this.#limits;
    const hot = Math.max(channel.updatesThisSecond, channel.updatesLastSecond) > conflateRate || channel.audience.size > conflateViewers;
    const shareMs = (this.#activeViewers * SECOND_MS) / deliveriesPerSecond;
    if (shareMs > conflateMs) return shareMs;
    return hot ? conflateMs : 0;
  }

  #begin(channel: Channel, now: number): Passage {
    const serverTimeMs = this.#ports.now();
    const frames: EncodedOnce[] = [];
    const toLagging: EncodedOnce[] = [];
    for (const gathered of channel.waiting) {
      const told = framesOf(gathered, channel.watchers, serverTimeMs);
      for (const frame of told.frames) {
        const encoded = encodedFrame(frame);
        frames.push(encoded);
        if (frame === told.hammer) toLagging.push(encoded);
      }
      this.#ports.gathered({ merged: gathered.count - 1, ageMs: serverTimeMs - gathered.at });
    }
    if (channel.waiting.length > 0) {
      channel.lastPublishedAt = now;
      channel.watchersTold = channel.watchers;
      channel.watchersToldAt = now;
    }
    frames.push(...channel.announcements);
    toLagging.push(...channel.announcements);
    tellLagging(channel, toLagging);
    channel.waiting = [];
    channel.announcements = [];
    return { frames, slices: channel.audience.slices(), next: 0 };
  }

  /** Returns the number of viewers reached; at least 1, so that a turn ends. */
  #serveSlice(passage: Passage): number {
    const slice = passage.slices[passage.next];
    passage.next += 1;
    if (slice === undefined || slice.subscriptions.size === 0) return 1;
    let bytes = 0;
    for (const frame of passage.frames) {
      const payload = frame.for(slice.protocol);
      bytes += payload.length;
      if (slice.topic !== null) this.#ports.publish(slice.topic, payload);
      else for (const subscription of slice.subscriptions) subscription.viewer.peer.send(payload);
    }
    const viewers = slice.subscriptions.size;
    this.#ports.published({ deliveries: viewers * passage.frames.length, bytes: bytes * viewers });
    return viewers;
  }
}

function hasMore(channel: Channel): boolean {
  return channel.waiting.length > 0 || channel.announcements.length > 0;
}

/** A slow viewer is owed the newest state, and gets at once only what is never dropped: the hammer and announcements. */
function tellLagging(channel: Channel, frames: readonly EncodedOnce[]): void {
  for (const subscription of channel.lagging) {
    if (channel.waiting.length > 0) subscription.missed = true;
    for (const frame of frames) subscription.viewer.peer.send(frame.for(subscription.viewer.peer.protocol));
  }
}

function countUpdate(channel: Channel, now: number): void {
  channel.lastUpdateAt = now;
  if (now - channel.secondStartedAt < SECOND_MS) {
    channel.updatesThisSecond += 1;
    return;
  }
  channel.updatesLastSecond = now - channel.secondStartedAt < 2 * SECOND_MS ? channel.updatesThisSecond : 0;
  channel.updatesThisSecond = 1;
  channel.secondStartedAt = now;
}
