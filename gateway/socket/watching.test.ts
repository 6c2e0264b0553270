import { expect, test } from "vitest";
import type { CatalogueEntry, Identity } from "../ports.ts";
import { SOCKET_LIMITS, type SocketLimits } from "./limits.ts";
import { TrialEngine, trialAuctionId, trialIdentity } from "./trial-engine.ts";
import { TrialCatalogue, TrialMetrics } from "./trial-ports.ts";
import { TrialTime } from "./trial-time.ts";
import { Viewer } from "./viewer.ts";
import { Watching } from "./watching.ts";

const A = trialAuctionId(1);
const B = trialAuctionId(2);
const LOT = { lotId: "lot-55", version: 1, title: "Sextant", description: "", category: null, images: [], location: null, shippingFree: null };

interface Frame {
  readonly type: string;
  readonly [member: string]: unknown;
}

/** Watching over an engine in memory; topics reach their viewers at once. */
class Stage {
  readonly engine = new TrialEngine();
  readonly catalogue = new TrialCatalogue();
  readonly metrics = new TrialMetrics();
  readonly time = new TrialTime();
  readonly faults: unknown[] = [];
  readonly topics = new Map<string, Set<Frame[]>>();
  readonly watching: Watching;
  /** What every peer says is waiting in its buffer. */
  buffered = 0;

  constructor(limits: Partial<SocketLimits> = {}) {
    const { engine, catalogue, metrics, time } = this;
    this.watching = new Watching({
      engine,
      catalogue,
      metrics,
      time,
      limits: { ...SOCKET_LIMITS, ...limits },
      publish: (topic, payload) => {
        for (const frames of this.topics.get(topic) ?? []) frames.push(JSON.parse(String(payload)) as Frame);
      },
      newId: () => "r-1",
      failed: (fault) => this.faults.push(fault),
    });
    engine.listen({
      update: (update) => this.watching.update(update),
      notice: () => {},
      stale: (auctionIds, stale) => this.watching.ownersStale(auctionIds, stale),
      newLife: () => this.watching.forgetAll(),
    });
    engine.open(A);
  }

  viewer(identity: Identity | null = null): { readonly viewer: Viewer; readonly frames: Frame[] } {
    const frames: Frame[] = [];
    const viewer: Viewer = new Viewer({
      protocol: "json",
      send: (payload) => frames.push(JSON.parse(String(payload)) as Frame),
      join: (topic) => this.topics.set(topic, (this.topics.get(topic) ?? new Set()).add(frames)),
      leave: (topic) => this.topics.get(topic)?.delete(frames),
      bufferedBytes: () => this.buffered,
      close: () => {},
    });
    viewer.identity = identity;
    return { viewer, frames };
  }

  subscribe(viewer: Viewer, auctionIds: readonly string[] = [A], pair: { readonly epoch: number; readonly sequence: number } | null = null): string | null {
    return this.watching.subscribe(viewer, { kind: "subscribe", id: 2, auctions: auctionIds.map((auctionId) => ({ auctionId, pair })), history: 20 });
  }

  /** Reads answered, publications pumped. */
  async turn(): Promise<void> {
    for (let n = 0; n < 3; n += 1) await new Promise((resolve) => setImmediate(resolve));
  }

  sweep(ms: number): Promise<void> {
    this.time.advance(ms);
    this.watching.sweep();
    return this.turn();
  }
}

function types(frames: readonly Frame[]): string[] {
  return frames.map((frame) => frame.type);
}

test("watching: one view is read however many ask, and a standing for each bidder only", async () => {
  const stage = new Stage();
  const viewers = [stage.viewer(), stage.viewer(), stage.viewer(trialIdentity("u-1")), stage.viewer(trialIdentity("s-1", { roles: ["seller"] }))];
  for (const { viewer } of viewers) stage.subscribe(viewer);
  await stage.turn();
  for (const { frames } of viewers) expect(types(frames)).toEqual(["subscribed", "snapshot"]);
  expect(stage.engine.reads.map((read) => read.kind)).toEqual(["view", "standing"]);
  expect(stage.engine.watches.get(A)).toBe(1);
});

test("watching: a read that is refused makes the auction stale, and is tried again", async () => {
  const stage = new Stage();
  stage.engine.away.add(A);
  const { viewer, frames } = stage.viewer();
  stage.subscribe(viewer);
  stage.engine.giveUp();
  await stage.turn();
  expect(types(frames)).toEqual(["subscribed", "stale"]);
  stage.engine.away.delete(A);
  await stage.sweep(400);
  expect(stage.engine.reads).toHaveLength(1);
  await stage.sweep(200);
  expect(types(frames)).toEqual(["subscribed", "stale", "stale", "snapshot"]);
  expect(frames[2]).toMatchObject({ stale: false });
});

test("watching: who was told that the owner is away hears that there is no such auction when it is back", async () => {
  const stage = new Stage();
  stage.engine.away.add(B);
  const { viewer, frames } = stage.viewer();
  stage.subscribe(viewer, [B]);
  await stage.turn();
  stage.engine.setAway([B], false);
  await stage.turn();
  expect(frames.at(-1)).toMatchObject({ type: "error", auctionId: B, code: "no_such_auction" });
  expect([viewer.subscriptions.size, stage.watching.watchedAuctions, stage.engine.watches.get(B)]).toEqual([0, 0, 0]);
});

test("watching: an old state is never sent as a snapshot while the owner is away, and the snapshot comes when it is back", async () => {
  const stage = new Stage();
  const first = stage.viewer();
  stage.subscribe(first.viewer);
  await stage.turn();
  stage.watching.left(first.viewer);
  stage.engine.setAway([A], true);
  const bidder = stage.viewer(trialIdentity("u-1"));
  const stranger = stage.viewer();
  for (const { viewer } of [bidder, stranger]) stage.subscribe(viewer);
  await stage.turn();
  for (const { frames } of [bidder, stranger]) expect(types(frames)).toEqual(["subscribed", "stale"]);
  stage.engine.setAway([A], false);
  await stage.turn();
  for (const { frames } of [bidder, stranger]) {
    expect(types(frames)).toEqual(["subscribed", "stale", "stale", "snapshot"]);
    expect(frames[2]).toMatchObject({ stale: false });
  }
  expect(bidder.frames[3]).toMatchObject({ you: { leading: false } });
});

test("watching: a standing that could not be read while the owner was away is read when it is back, so no leader is told of no standing", async () => {
  const stage = new Stage();
  const first = stage.viewer();
  stage.subscribe(first.viewer);
  await stage.turn();
  stage.watching.left(first.viewer);
  stage.engine.outsideBid(A, "u-1", 500);
  stage.engine.setAway([A], true);
  const { viewer, frames } = stage.viewer(trialIdentity("u-1"));
  stage.subscribe(viewer);
  stage.engine.giveUp();
  await stage.turn();
  expect(types(frames)).toEqual(["subscribed", "stale"]);
  stage.engine.setAway([A], false);
  await stage.turn();
  expect(frames.at(-1)).toMatchObject({ type: "snapshot", you: { leading: true } });
});

test("watching: a snapshot that waits for room when the owner goes away is not sent before it is back", async () => {
  const stage = new Stage();
  const { viewer, frames } = stage.viewer();
  stage.buffered = 40_000;
  stage.subscribe(viewer);
  await stage.turn();
  stage.engine.setAway([A], true);
  stage.buffered = 0;
  stage.watching.drained(viewer);
  expect(types(frames)).toEqual(["subscribed", "stale"]);
  stage.engine.setAway([A], false);
  await stage.turn();
  expect(types(frames)).toEqual(["subscribed", "stale", "stale", "snapshot"]);
});

test("watching: asking again and again while the owner is away keeps one wait a subscription, and none of those who left", async () => {
  const stage = new Stage();
  stage.engine.away.add(A);
  const { viewer, frames } = stage.viewer();
  for (let n = 0; n < 50; n += 1) {
    stage.subscribe(viewer);
    if (n % 10 === 9) stage.watching.unsubscribe(viewer, [A]);
  }
  stage.subscribe(viewer);
  stage.subscribe(viewer);
  const told = frames.length;
  stage.engine.setAway([A], false);
  await stage.turn();
  expect(types(frames.slice(told))).toEqual(["stale", "snapshot"]);
});

test("watching: at most 32 subscribe requests wait for an owner, and asking again while one is read reads no standing twice", async () => {
  const stage = new Stage({ subscribesInFlight: 2 });
  stage.engine.away.add(A);
  stage.engine.staleMs = () => 0;
  const { viewer, frames } = stage.viewer(trialIdentity("u-1"));
  expect([1, 2, 3].map(() => stage.subscribe(viewer))).toEqual([null, null, "rate_limited"]);
  stage.engine.setAway([A], false);
  await stage.turn();
  expect(types(frames)).toEqual(["subscribed", "subscribed", "snapshot"]);
  expect(stage.engine.reads.map((read) => read.kind)).toEqual(["view", "standing"]);
  expect(stage.subscribe(viewer)).toBeNull();
});

test("watching: an auction is followed for a minute after its last viewer left", async () => {
  const stage = new Stage();
  const first = stage.viewer();
  stage.subscribe(first.viewer);
  await stage.turn();
  stage.watching.left(first.viewer);
  await stage.sweep(30_000);
  stage.engine.outsideBid(A, "u-2", 500);
  const again = stage.viewer();
  stage.subscribe(again.viewer, [A], { epoch: 88_123, sequence: 1 });
  expect(types(again.frames)).toEqual(["subscribed", "update"]);
  stage.watching.left(again.viewer);
  await stage.sweep(59_999);
  expect(stage.engine.watches.get(A)).toBe(1);
  await stage.sweep(1);
  expect([stage.engine.watches.get(A), stage.watching.watchedAuctions, stage.watching.subscriptions]).toEqual([0, 0, 0]);
});

test("watching: at the limit of followed auctions one without viewers goes, else the subscription is refused", async () => {
  const stage = new Stage({ watchedAuctions: 1 });
  stage.engine.open(B);
  const { viewer, frames } = stage.viewer();
  stage.subscribe(viewer, [A]);
  stage.subscribe(viewer, [B]);
  await stage.turn();
  expect(frames[0]).toMatchObject({ type: "subscribed", results: [{ auctionId: B, code: "overloaded" }] });
  stage.watching.unsubscribe(viewer, [A]);
  stage.subscribe(viewer, [B]);
  await stage.turn();
  expect(frames.at(-1)).toMatchObject({ type: "snapshot", auctionId: B });
});

test("watching: more subscriptions than allowed change nothing", () => {
  const stage = new Stage({ subscriptions: 1 });
  const { viewer } = stage.viewer();
  expect(stage.subscribe(viewer, [A, B])).toBe("too_many_subscriptions");
  expect([viewer.subscriptions.size, stage.watching.watchedAuctions]).toEqual([0, 0]);
  expect(stage.subscribe(viewer, [A])).toBeNull();
  expect(stage.subscribe(viewer, [A])).toBeNull();
});

test("watching: a slow catalogue holds a snapshot for 300 ms at most, and the lot follows", async () => {
  const stage = new Stage();
  let answer: (entry: CatalogueEntry) => void = () => {};
  stage.catalogue.entry = () => new Promise((resolve) => (answer = resolve));
  const { viewer, frames } = stage.viewer();
  stage.subscribe(viewer);
  await stage.sweep(250);
  expect(frames).toEqual([]);
  await stage.sweep(100);
  expect(frames[1]).toMatchObject({ type: "snapshot", auction: { lot: null, seller: { sellerId: "s-7" } } });
  answer({ lot: LOT, seller: { sellerId: "s-7", name: "Harbour", reputation: null } } as unknown as CatalogueEntry);
  await stage.turn();
  expect(frames.at(-1)).toMatchObject({ type: "lot_changed", lot: { lotId: "lot-55" } });
});

test("watching: a catalogue that is away is asked again while somebody watches", async () => {
  const stage = new Stage();
  stage.catalogue.away = true;
  const { viewer, frames } = stage.viewer();
  stage.subscribe(viewer);
  await stage.turn();
  stage.catalogue.away = false;
  stage.catalogue.lots.set(A, { lot: LOT, seller: { sellerId: "s-7", name: "Harbour", reputation: null } } as unknown as CatalogueEntry);
  await stage.sweep(4_999);
  expect(frames).toHaveLength(2);
  await stage.sweep(1);
  expect(frames.at(-1)).toMatchObject({ type: "lot_changed" });
});

test("watching: snapshots wait while the viewer's buffer has no room", async () => {
  const stage = new Stage();
  const { viewer, frames } = stage.viewer();
  stage.buffered = 40_000;
  stage.subscribe(viewer);
  await stage.turn();
  stage.engine.outsideBid(A, "u-2", 500);
  await stage.turn();
  expect(types(frames)).toEqual(["subscribed"]);
  stage.buffered = 0;
  stage.watching.drained(viewer);
  expect(frames[1]).toMatchObject({ type: "snapshot", sequence: 2 });
  stage.engine.outsideBid(A, "u-2", 900);
  await stage.turn();
  expect(frames[2]).toMatchObject({ type: "update", previousSequence: 2 });
});

test("watching: a hot auction is published when its wait is over, by one timer", async () => {
  const stage = new Stage({ conflateRate: 1 });
  const { viewer, frames } = stage.viewer();
  stage.subscribe(viewer);
  await stage.turn();
  for (let n = 1; n <= 4; n += 1) {
    stage.engine.outsideBid(A, "u-2", 500 * n);
    await stage.turn();
  }
  const before = frames.length;
  expect(stage.time.timers).toBe(1);
  stage.time.advance(50);
  await stage.turn();
  expect(frames.slice(before)).toMatchObject([{ type: "update", sequence: 5, state: { currentPriceMinor: 2_000 } }]);
  expect(stage.time.timers).toBe(0);
});

test("watching: rows are read again when bids were removed, for those who come later", async () => {
  const stage = new Stage();
  const { viewer } = stage.viewer();
  stage.subscribe(viewer);
  await stage.turn();
  stage.engine.outsideBid(A, "u-2", 500);
  stage.engine.voidBid(A, 2);
  await stage.turn();
  const late = stage.viewer();
  stage.subscribe(late.viewer);
  expect(late.frames[1]).toMatchObject({ type: "snapshot", bids: [{ bidId: 2, gone: "voided" }] });
});

test("watching: nothing threw on the way", async () => {
  const stage = new Stage();
  stage.engine.read = () => Promise.reject(new Error("a link that breaks"));
  const { viewer, frames } = stage.viewer(trialIdentity("u-1"));
  stage.subscribe(viewer);
  await stage.turn();
  expect(types(frames)).toEqual(["subscribed", "stale"]);
  expect(stage.faults).toEqual([]);
});
