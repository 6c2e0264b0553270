// The protocol over a real server and real sockets: resume, slow viewers, drain, another life of the log.
import { expect, onTestFinished, test } from "vitest";
import { trialAuctionId } from "./trial-engine.ts";
import { TRIAL_ORIGIN, Trial, type TrialClient, type TrialOptions } from "./trial-server.ts";

const A = trialAuctionId(1);

async function trial(options: TrialOptions = {}): Promise<Trial> {
  const stage = await new Trial().start(options);
  stage.engine.open(A);
  onTestFinished(async () => {
    await stage.stop();
    expect(stage.faults).toEqual([]);
  });
  return stage;
}

async function watching(stage: Trial, pair: object = {}, options: { readonly packed?: boolean } = {}): Promise<TrialClient> {
  const viewer = await stage.connect(options);
  viewer.send({ type: "auth", anonymous: true }, { type: "subscribe", id: 2, auctions: [{ auctionId: A, ...pair }] });
  await viewer.next("subscribed");
  return viewer;
}

test("socket: a viewer that comes back gets what it missed as one delta", async () => {
  const stage = await trial();
  const viewer = await watching(stage);
  const { epoch } = await viewer.next("snapshot");
  viewer.socket.terminate();
  await viewer.closed;
  for (let n = 1; n <= 3; n += 1) stage.engine.outsideBid(A, "u-2", 500 * n);
  const back = await stage.connect();
  back.send({ type: "auth", anonymous: true }, { type: "subscribe", id: 2, auctions: [{ auctionId: A, epoch, sequence: 1 }] });
  expect((await back.next("subscribed")).results).toEqual([{ auctionId: A, recovered: "delta" }]);
  const update = await back.next("update");
  expect(update).toMatchObject({ resumed: true, previousSequence: 1, sequence: 4, bidsOmitted: 0, state: { currentPriceMinor: 1_500 } });
  expect((update.bids as { amountMinor: number }[]).map((row) => row.amountMinor)).toEqual([500, 1_000, 1_500]);
  stage.engine.outsideBid(A, "u-3", 2_000);
  expect(await back.next("update")).toMatchObject({ previousSequence: 4, sequence: 5 });
  expect(stage.metrics.counts.get("resumed delta")).toBe(1);
});

test("socket: a viewer that comes back too late, or knows more than is committed, gets a snapshot and the reason", async () => {
  const stage = await trial({ limits: { historyUpdates: 2 } });
  const first = await watching(stage);
  const { epoch } = await first.next("snapshot");
  for (let n = 1; n <= 4; n += 1) stage.engine.outsideBid(A, "u-2", 500 * n);
  const late = await watching(stage, { epoch, sequence: 1 });
  expect(await late.next("snapshot")).toMatchObject({ why: "history_gone", sequence: 5 });
  const ahead = await watching(stage, { epoch, sequence: 99 });
  expect(await ahead.next("snapshot")).toMatchObject({ why: "ahead", sequence: 5 });
  expect(stage.metrics.counts.get("resumed ahead")).toBe(1);
});

test("socket: a viewer that was away at the hammer hears of it with the delta", async () => {
  const stage = await trial();
  const viewer = await watching(stage);
  const { epoch } = await viewer.next("snapshot");
  stage.engine.change(A, ["ended"], { phase: "closed", outcome: "passed", askingPrice: null });
  await viewer.next("hammer");
  const back = await watching(stage, { epoch, sequence: 1 });
  expect(await back.next("hammer")).toMatchObject({ sequence: 2, outcome: "passed" });
  expect(back.frames.map((frame) => frame.type)).toEqual(["welcome", "subscribed", "update", "hammer"]);
});

test("socket: a viewer that takes nothing is closed 4003, and everybody else gets every update", async () => {
  const hot = { conflateRate: 1_000_000, bufferSoftBytes: 16_384, bufferHardBytes: 65_536, transportBytes: 65_536 };
  const stage = await trial({ limits: hot });
  const text = await watching(stage);
  const packed = await watching(stage, {}, { packed: true });
  const stuck = await watching(stage);
  await stuck.next("snapshot");
  stuck.socket.pause();
  let last = 1;
  const publish = async () => {
    last += 1;
    const n = last;
    const row = { sequence: n, bidId: n, bidderNumber: 1, amount: 500, kind: "bid" as const, at: 1, gone: null };
    stage.engine.change(A, ["bid_placed"], { price: 500 + n }, { rows: Array.from({ length: 50 }, (_, index) => ({ ...row, row: index })) });
    await Promise.all([text, packed].map((viewer) => viewer.next("update", (frame) => frame.sequence === n)));
    if (n % 10 === 0) stage.time.advance(250);
  };
  // How much the kernel takes for a reader that does not read is its own affair: 1 to 20 MB.
  while (stage.server?.gauges().slowViewers === 0 && stage.server.gauges().subscriptions === 3) await publish();
  for (let more = 0; more < 20; more += 1) await publish();
  stage.time.advance(10_000);
  stuck.socket.resume();
  expect((await stuck.closed).code).toBe(4003);
  for (const viewer of [text, packed]) {
    const seen = viewer.frames.filter((frame) => frame.type === "update").map((frame) => frame.sequence);
    expect(seen).toEqual(Array.from({ length: last - 1 }, (_, n) => n + 2));
  }
  expect(stage.server?.gauges()).toMatchObject({ slowViewers: 0, subscriptions: 2 });
});

test("socket: a viewer that falls behind and reads on gets the newest state, and then every update again", async () => {
  const stage = await trial({ limits: { conflateRate: 1_000_000, bufferSoftBytes: 65_536, bufferHardBytes: 100_000_000, bufferHardMs: 3_600_000 } });
  const viewer = await watching(stage);
  await viewer.next("snapshot");
  viewer.socket.pause();
  let last = 1;
  const row = { row: 0, bidderNumber: 1, amount: 500, kind: "bid" as const, at: 1, gone: null };
  while (stage.server?.gauges().slowViewers === 0) {
    last += 1;
    const rows = Array.from({ length: 50 }, (_, index) => ({ ...row, sequence: last, bidId: last, row: index }));
    stage.engine.change(A, ["bid_placed"], { price: last }, { rows });
    await new Promise((resolve) => setImmediate(resolve));
    if (last % 10 === 0) stage.time.advance(250);
  }
  stage.engine.outsideBid(A, "u-2", 900_000);
  await new Promise((resolve) => setImmediate(resolve));
  viewer.socket.resume();
  expect(await viewer.next("snapshot")).toMatchObject({ why: "slow", sequence: last + 1, state: { currentPriceMinor: 900_000 } });
  expect(viewer.frames.filter((frame) => frame.type === "update").every((frame) => Number(frame.sequence) <= last)).toBe(true);
  stage.time.advance(250);
  expect(stage.server?.gauges().slowViewers).toBe(0);
  stage.engine.outsideBid(A, "u-3", 950_000);
  expect(await viewer.next("update", (frame) => frame.sequence === last + 2)).toMatchObject({ previousSequence: last + 1 });
});

test("socket: a drain tells everybody, takes nobody new, and closes all with a hint", async () => {
  const stage = await trial();
  const viewers = [await watching(stage), await watching(stage)];
  const drained = stage.server?.drain();
  for (const viewer of viewers) expect(await viewer.next("drain")).toEqual({ type: "drain", retryAfterMs: 1_500, closeInMs: 20_000 });
  await expect(stage.connect()).rejects.toThrow("503");
  stage.time.advance(20_000);
  await drained;
  for (const viewer of viewers) expect(await viewer.closed).toEqual({ code: 1001, reason: "draining;retryAfterMs=750" });
});

test("socket: another life of the log closes every socket 4006, and a new one begins with a snapshot", async () => {
  const stage = await trial();
  const viewer = await watching(stage);
  await viewer.next("snapshot");
  stage.engine.newLife("00000002");
  expect(await viewer.closed).toEqual({ code: 4006, reason: "resubscribe" });
  const again = await watching(stage);
  expect(await again.next("snapshot")).toMatchObject({ why: "first" });
  expect(again.frames[0]).toMatchObject({ type: "welcome", lifeId: "00000002" });
});

test("socket: a page opens a socket with a ticket, once", async () => {
  const stage = await trial();
  const { ticket } = stage.identities.issueTicket({
    userId: "u-1",
    name: null,
    tier: "free",
    roles: ["bidder"],
    guest: false,
    expiresAt: stage.time.now() + 3_600_000,
  });
  const origin = { ws: { origin: TRIAL_ORIGIN } };
  const page = await stage.connect({ query: `?ticket=${ticket}`, ...origin });
  expect(await page.next("welcome")).toMatchObject({ you: { userId: "u-1" }, limits: { bidsLeft: 10 } });
  const again = await stage.connect({ query: `?ticket=${ticket}`, ...origin });
  expect(await again.closed).toEqual({ code: 4007, reason: "ticket_spent" });
});
