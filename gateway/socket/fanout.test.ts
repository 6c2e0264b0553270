import { expect, test } from "vitest";
import type { PublicRow, PublicState } from "../../engine/core/view.ts";
import type { Update, UpdateEvent } from "../../engine/protocol.ts";
import type { Protocol, ServerFrame } from "./client-frames.ts";
import { Channel, Fanout } from "./fanout.ts";
import type { Payload } from "./frame-encode.ts";
import { OPEN_STATE, trialAuctionId } from "./trial-engine.ts";
import { Audience, type Peer, type Subscription, Viewer } from "./viewer.ts";

const LIMITS = { conflateMs: 50, conflateRate: 20, conflateViewers: 1_000, deliveriesPerSecond: 100_000, sliceViewers: 250 };
const A = trialAuctionId(1);

/** Topics with who is in them; a viewer's own frames apart. */
class Stage {
  readonly topics = new Map<string, Set<Viewer>>();
  readonly got = new Map<Viewer, ServerFrame[]>();
  readonly published: { readonly topic: string; readonly frame: ServerFrame }[] = [];
  merged = 0;
  topicCount = 0;
  readonly fanout = new Fanout(LIMITS, {
    publish: (topic, payload) => {
      const frame = JSON.parse(String(payload)) as ServerFrame;
      this.published.push({ topic, frame });
      for (const viewer of this.topics.get(topic) ?? []) this.got.get(viewer)?.push(frame);
    },
    now: () => 1_000,
    published: () => {},
    gathered: ({ merged }) => {
      this.merged += merged;
    },
  });

  channel(auctionId: string = A): Channel {
    return new Channel(
      auctionId,
      new Audience(LIMITS.sliceViewers, () => {
        this.topicCount += 1;
        return `t${this.topicCount}`;
      }),
    );
  }

  viewer(protocol: Protocol = "json"): Viewer {
    const peer: Peer = {
      protocol,
      send: (payload: Payload) => this.got.get(viewer)?.push(JSON.parse(String(payload)) as ServerFrame),
      join: (topic) => this.topics.set(topic, (this.topics.get(topic) ?? new Set()).add(viewer)),
      leave: (topic) => this.topics.get(topic)?.delete(viewer),
      bufferedBytes: () => 0,
      close: () => {},
    };
    const viewer: Viewer = new Viewer(peer);
    this.got.set(viewer, []);
    return viewer;
  }

  join(channel: Channel, count: number): Viewer[] {
    return Array.from({ length: count }, () => {
      const viewer = this.viewer();
      channel.audience.join(subscriptionOf(viewer, channel.auctionId));
      return viewer;
    });
  }

  seen(viewer: Viewer | undefined): string[] {
    return (viewer === undefined ? [] : (this.got.get(viewer) ?? [])).map((frame) => ("sequence" in frame ? `${frame.type} ${frame.sequence}` : frame.type));
  }
}

function subscriptionOf(viewer: Viewer, auctionId: string): Subscription {
  return { viewer, auctionId, slice: null, missed: false, owed: null };
}

function row(sequence: number): PublicRow {
  return { sequence, row: 0, bidId: sequence, bidderNumber: 1, amount: 100, kind: "bid", at: 0, gone: null };
}

function update(sequence: number, events: readonly UpdateEvent[] = ["bid_placed"], more: Partial<Update> = {}): Update {
  const state: PublicState = { ...OPEN_STATE, totalBids: sequence };
  const rows = events.includes("bid_placed") ? [row(sequence)] : [];
  return {
    auctionId: A,
    epoch: 1,
    sequence,
    previousSequence: sequence - 1,
    at: 990,
    events,
    state,
    rows,
    rowsOmitted: 0,
    removed: [],
    extensions: [],
    ...more,
  };
}

test("fan-out: a quiet auction is published in the turn of its update, encoded once for all", () => {
  const stage = new Stage();
  const channel = stage.channel();
  const viewers = stage.join(channel, 3);
  expect(stage.fanout.updated(channel, update(2), 0)).toBe(true);
  expect(stage.fanout.pump(0)).toBe(false);
  expect(stage.published).toHaveLength(1);
  for (const viewer of viewers) expect(stage.seen(viewer)).toEqual(["update 2"]);
});

test("fan-out: what comes in one turn leaves as one update with the newest state and every row", () => {
  const stage = new Stage();
  const channel = stage.channel();
  stage.join(channel, 1);
  for (const sequence of [2, 3, 4]) stage.fanout.updated(channel, update(sequence), 0);
  stage.fanout.pump(0);
  expect(stage.published.map(({ frame }) => frame)).toMatchObject([
    { previousSequence: 1, sequence: 4, state: { totalBids: 4 }, bids: [{ sequence: 2 }, { sequence: 3 }, { sequence: 4 }] },
  ]);
  expect(stage.merged).toBe(2);
});

test("fan-out: an auction over 20 updates a second is published once per 50 ms", () => {
  const stage = new Stage();
  const channel = stage.channel();
  stage.join(channel, 1);
  for (let n = 0; n < 98; n += 1) {
    stage.fanout.updated(channel, update(n + 2), n * 10);
    stage.fanout.due(n * 10);
    stage.fanout.pump(n * 10);
  }
  const quiet = stage.published.filter(({ frame }) => "sequence" in frame && frame.sequence <= 22);
  expect(quiet).toHaveLength(20);
  expect(stage.published.length).toBeLessThanOrEqual(20 + 78 / 5 + 1);
  expect(stage.fanout.nextDueAt()).toBe(channel.lastPublishedAt + 50);
  stage.fanout.due(2_000);
  stage.fanout.pump(2_000);
  expect(stage.published.at(-1)?.frame).toMatchObject({ sequence: 99 });
});

test("fan-out: an auction with many viewers waits as long as keeps viewers x rate under the limit", () => {
  const stage = new Stage();
  const channel = stage.channel();
  stage.join(channel, 10_000);
  expect(stage.fanout.updated(channel, update(2), 0)).toBe(true);
  while (stage.fanout.pump(0));
  expect(stage.fanout.updated(channel, update(3), 10)).toBe(false);
  expect(stage.fanout.nextDueAt()).toBe(100);
});

test("fan-out: one turn reaches about 250 viewers, and auctions take turns", () => {
  const stage = new Stage();
  const large = stage.channel();
  const small = stage.channel(trialAuctionId(2));
  const many = stage.join(large, 1_000);
  const [one] = stage.join(small, 1);
  stage.fanout.updated(large, update(2), 0);
  stage.fanout.updated(small, { ...update(2), auctionId: trialAuctionId(2) }, 0);
  expect(stage.fanout.pump(0)).toBe(true);
  expect(many.filter((viewer) => stage.seen(viewer).length > 0)).toHaveLength(250);
  expect(stage.fanout.pump(0)).toBe(true);
  expect(stage.seen(one)).toEqual(["update 2"]);
  let turns = 2;
  while (stage.fanout.pump(0)) turns += 1;
  expect(turns).toBeLessThanOrEqual(5);
  expect(many.every((viewer) => stage.seen(viewer).length === 1)).toBe(true);
});

test("fan-out: while a publication is under way the next is gathered, and every viewer gets both in order", () => {
  const stage = new Stage();
  const channel = stage.channel();
  const viewers = stage.join(channel, 600);
  stage.fanout.updated(channel, update(2, ["opened"]), 0);
  stage.fanout.pump(0);
  stage.fanout.updated(channel, update(3, ["paused"]), 0);
  stage.fanout.updated(channel, update(4, ["resumed"]), 0);
  while (stage.fanout.pump(0));
  for (const viewer of viewers) expect(stage.seen(viewer)).toEqual(["update 2", "update 4"]);
});

test.each<UpdateEvent>(["opened", "paused", "resumed", "extended", "ended"])("fan-out: `%s` ends the wait of a hot auction at once", (event) => {
  const stage = new Stage();
  const channel = stage.channel();
  stage.join(channel, 1);
  for (let n = 0; n < 40; n += 1) {
    stage.fanout.updated(channel, update(n + 2), n);
    stage.fanout.pump(n);
  }
  const before = stage.published.length;
  expect(stage.fanout.updated(channel, update(42, [event]), 40)).toBe(true);
  stage.fanout.pump(40);
  expect(stage.published.length).toBeGreaterThan(before);
});

test("fan-out: a hammer that is all that changed stands alone, behind what waited before it", () => {
  const stage = new Stage();
  const channel = stage.channel();
  const [viewer] = stage.join(channel, 1);
  stage.fanout.updated(channel, update(2), 0);
  stage.fanout.updated(channel, update(3, ["ended"]), 0);
  stage.fanout.updated(channel, update(4, ["bids_removed"], { removed: [2] }), 0);
  stage.fanout.pump(0);
  expect(stage.seen(viewer)).toEqual(["update 2", "hammer 3", "update 4"]);
});

test("fan-out: a hammer with rows follows the update of its pair", () => {
  const stage = new Stage();
  const channel = stage.channel();
  const [viewer] = stage.join(channel, 1);
  stage.fanout.updated(channel, update(2, ["bid_placed", "ended"]), 0);
  stage.fanout.pump(0);
  expect(stage.seen(viewer)).toEqual(["update 2", "hammer 2"]);
});

test("fan-out: every extension is told, in order, however many were gathered", () => {
  const stage = new Stage();
  const channel = stage.channel();
  const [viewer] = stage.join(channel, 1);
  for (const sequence of [2, 3, 4]) {
    const extension = { sequence, from: sequence * 10, to: sequence * 10 + 10, bidId: sequence, count: sequence - 1, countLeft: null };
    stage.fanout.updated(channel, update(sequence, ["bid_placed", "extended"], { extensions: [extension] }), 0);
  }
  stage.fanout.pump(0);
  expect(stage.seen(viewer)).toEqual(["update 4", "extended 2", "extended 3", "extended 4"]);
});

test("fan-out: an update shows the newest 50 rows and counts the others", () => {
  const stage = new Stage();
  const channel = stage.channel();
  stage.join(channel, 1);
  for (let sequence = 2; sequence < 72; sequence += 1) stage.fanout.updated(channel, update(sequence), 0);
  stage.fanout.pump(0);
  expect(stage.published[0]?.frame).toMatchObject({ sequence: 71, bidsOmitted: 20, bids: { length: 50, 0: { sequence: 22 } } });
});

test("fan-out: a slow viewer is left out, owed the newest state, and still gets the hammer", () => {
  const stage = new Stage();
  const channel = stage.channel();
  const [viewer] = stage.join(channel, 1);
  const slow = stage.viewer();
  const subscription = subscriptionOf(slow, A);
  channel.lagging.add(subscription);
  stage.fanout.updated(channel, update(2), 0);
  stage.fanout.updated(channel, update(3, ["ended"]), 0);
  stage.fanout.pump(0);
  expect(stage.seen(viewer)).toEqual(["update 2", "hammer 3"]);
  expect(stage.seen(slow)).toEqual(["hammer 3"]);
  expect(subscription.missed).toBe(true);
});

test("fan-out: a viewer that batches joins no topic and is sent to by itself", () => {
  const stage = new Stage();
  const channel = stage.channel();
  const viewer = stage.viewer();
  viewer.batch = true;
  channel.audience.join(subscriptionOf(viewer, A));
  stage.fanout.updated(channel, update(2), 0);
  stage.fanout.pump(0);
  expect(stage.published).toEqual([]);
  expect(stage.seen(viewer)).toEqual(["update 2"]);
});

test("fan-out: an announcement goes at once with what waits, and leaves the wait of a later update as it was", () => {
  const stage = new Stage();
  const channel = stage.channel();
  const [viewer] = stage.join(channel, 1);
  expect(stage.fanout.announce(channel, { type: "watchers", auctionId: A, watchers: 7 }, 0)).toBe(true);
  stage.fanout.pump(0);
  expect(stage.seen(viewer)).toEqual(["watchers"]);
});

test("fan-out: `stale` comes behind the updates that waited with it, so no viewer takes an old price for the present one", () => {
  const stage = new Stage();
  const channel = stage.channel();
  const [viewer] = stage.join(channel, 2);
  stage.fanout.updated(channel, update(2), 0);
  stage.fanout.pump(0);
  stage.fanout.updated(channel, update(3), 1);
  stage.fanout.announce(channel, { type: "stale", auctionIds: [A], stale: true, serverTimeMs: 1 }, 2);
  stage.fanout.pump(2);
  expect(stage.seen(viewer)).toEqual(["update 2", "update 3", "stale"]);
});

test("slices: one that empties goes, and its topic is not used again", () => {
  const stage = new Stage();
  const channel = stage.channel();
  const subscriptions = Array.from({ length: 251 }, () => subscriptionOf(stage.viewer(), A));
  for (const subscription of subscriptions) channel.audience.join(subscription);
  expect(channel.audience.slices().map((slice) => slice.subscriptions.size)).toEqual([250, 1]);
  const last = subscriptions[250] as Subscription;
  channel.audience.leave(last);
  channel.audience.leave(last);
  expect(channel.audience.size).toBe(250);
  channel.audience.join(last);
  expect(channel.audience.slices().map((slice) => slice.topic)).toEqual(["t1", "t3"]);
});
