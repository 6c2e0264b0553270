// The protocol over a real server and real sockets: bidding and watching. The engine is in memory and time stands still.
import { expect, onTestFinished, test } from "vitest";
import { trialAuctionId, trialBid, trialIdentity } from "./trial-engine.ts";
import { Trial, type TrialOptions } from "./trial-server.ts";

const A = trialAuctionId(1);
const B = trialAuctionId(2);

async function trial(options: TrialOptions = {}): Promise<Trial> {
  const stage = await new Trial().start(options);
  stage.engine.open(A);
  onTestFinished(async () => {
    await stage.stop();
    expect(stage.faults).toEqual([]);
  });
  return stage;
}

function subscribe(id: number, ...auctions: readonly (string | object)[]): object {
  return { type: "subscribe", id, auctions: auctions.map((auction) => (typeof auction === "string" ? { auctionId: auction } : auction)) };
}

test("socket: a bidder signs in, subscribes, bids, and gets answer and update", async () => {
  const stage = await trial();
  const client = await stage.signedIn("u-812");
  client.send(subscribe(2, A));
  expect(await client.next("subscribed")).toEqual({ type: "subscribed", id: 2, results: [{ auctionId: A, recovered: "snapshot" }] });
  expect(await client.next("snapshot")).toMatchObject({ auctionId: A, why: "first", sequence: 1, bids: [], watchers: 1, you: { leading: false } });
  client.send(trialBid(A, 3, "k1", 500));
  expect(await client.next("bid_answer")).toMatchObject({ id: 3, key: "k1", replayed: false, answer: { code: "leading", sequence: 2 } });
  expect(await client.next("update")).toMatchObject({ previousSequence: 1, sequence: 2, events: ["bid_placed"], state: { currentPriceMinor: 500 } });
  expect(stage.engine.commands[0]).toMatchObject({ issuerId: "u-812", role: "bidder", body: { type: "place_bid", kind: "maximum", amount: 500 } });
});

test("socket: welcome says who one is, the limits and the life of the log", async () => {
  const stage = await trial();
  const client = await stage.connect();
  client.send({ type: "auth", id: 1, token: "u-812" });
  const welcome = await client.next("welcome");
  expect(welcome).toMatchObject({ id: 1, serverTimeMs: stage.time.now(), lifeId: "7c1e09ab", expiresAtMs: 1_795_431_600_000, version: "1.0.0" });
  expect(welcome.you).toEqual({ userId: "u-812", tier: "premium", roles: ["bidder"], guest: false });
  expect(welcome.limits).toEqual({ subscriptions: 500, frameBytes: 16_384, bidsInFlight: 32, bidsLeft: 100 });
});

test("socket: a repeated key gets the same answer, byte for byte, and says that it is a repeat", async () => {
  const stage = await trial();
  const client = await stage.signedIn("u-1");
  for (const [id, amount] of [
    [7, 500],
    [8, 50],
  ] as const) {
    client.send(trialBid(A, id, `key-${id}`, amount));
    await client.next("bid_answer");
    client.send(trialBid(A, id, `key-${id}`, amount));
    await client.next("bid_answer");
  }
  const answers = client.texts.filter((text) => text.startsWith('{"type":"bid_answer"'));
  const [first, repeat, rejected, again] = answers.map((text) => text.slice(text.indexOf('"answer":')));
  expect(repeat).toBe(first);
  expect(again).toBe(rejected);
  expect(rejected).toContain('"verdict":"rejected","code":"below_asking_price"');
  expect(answers.map((text) => text.includes('"replayed":true'))).toEqual([false, true, false, true]);
});

test("socket: a packed answer repeats byte for byte too, and says what the text says", async () => {
  const stage = await trial();
  const packed = await stage.signedIn("u-1", { packed: true });
  const bytes: Buffer[] = [];
  packed.socket.on("message", (data: Buffer) => bytes.push(Buffer.from(data)));
  packed.send(trialBid(A, 4, "k", 500));
  const first = await packed.next("bid_answer");
  packed.send(trialBid(A, 4, "k", 500));
  const repeat = await packed.next("bid_answer");
  expect(repeat.answer).toEqual(first.answer);
  const [one, two] = bytes.map((message) => message.subarray(message.indexOf("answer", 20)).toString("hex"));
  expect(two).toBe(one);
  const text = await stage.signedIn("u-1");
  text.send(trialBid(A, 4, "k", 500));
  expect((await text.next("bid_answer")).answer).toEqual(first.answer);
});

test("socket: every command of a bidder reaches the engine as itself", async () => {
  const stage = await trial();
  const client = await stage.signedIn("u-1");
  client.send(
    { ...trialBid(A, 1, "k1", 500), kind: "flat" },
    { type: "raise", id: 2, auctionId: A, key: "k2", amountMinor: 700, currency: "USD" },
    { type: "buy_now", id: 3, auctionId: A, key: "k3", amountMinor: 900, currency: "USD" },
    { type: "retract", id: 4, auctionId: A, key: "k4", reason: "mistyped_amount" },
  );
  await client.next("bid_answer", (frame) => frame.id === 4);
  expect(stage.engine.commands.map((command) => command.body)).toEqual([
    { type: "place_bid", kind: "flat", amount: 500, currency: "USD" },
    { type: "raise_maximum", amount: 700, currency: "USD" },
    { type: "buy_now", amount: 900, currency: "USD" },
    { type: "retract_bid", reason: "mistyped_amount" },
  ]);
});

test("socket: a batch is answered in order, and as one array to those who asked for it", async () => {
  const stage = await trial();
  const batching = await stage.signedIn("u-1", { batch: true });
  stage.engine.holdAnswers = true;
  const before = batching.texts.length;
  batching.send(...Array.from({ length: 20 }, (_, n) => trialBid(A, n + 1, `k${n}`, 100 + 100 * n)));
  batching.send({ type: "ping", clientTimeMs: 1 });
  await batching.next("pong");
  stage.engine.answerAll();
  await batching.next("bid_answer", (frame) => frame.id === 20);
  const arrays = batching.texts.slice(before).filter((text) => text.startsWith("["));
  expect(arrays).toHaveLength(1);
  expect((JSON.parse(arrays[0] ?? "") as { id: number }[]).map((frame) => frame.id)).toEqual(Array.from({ length: 20 }, (_, n) => n + 1));
});

test("socket: the bidder who lost the lead is told on every socket, subscribed or not", async () => {
  const stage = await trial();
  const bidder = await stage.signedIn("u-1");
  const phone = await stage.signedIn("u-1", { packed: true });
  const rival = await stage.signedIn("u-2");
  bidder.send(trialBid(A, 1, "k1", 500));
  await bidder.next("bid_answer");
  rival.send(trialBid(A, 1, "k1", 900));
  const told = { auctionId: A, sequence: 3, currentPriceMinor: 900, askingPriceMinor: 1_000, yourBidMinor: 500 };
  expect(await bidder.next("outbid")).toMatchObject(told);
  expect(await phone.next("outbid")).toMatchObject(told);
  await rival.settled();
  expect(rival.frames.map((frame) => frame.type)).not.toContain("outbid");
});

test("socket: an extension is told behind its update, the hammer alone, and both with the state", async () => {
  const stage = await trial();
  const viewer = await stage.connect();
  viewer.send({ type: "auth", anonymous: true }, subscribe(2, A));
  expect((await viewer.next("snapshot")).you).toBeNull();
  const endsAt = stage.time.now() + 60_000;
  const extension = { sequence: 2, from: endsAt - 10_000, to: endsAt, bidId: 2, count: 1, countLeft: 9 };
  stage.engine.change(A, ["bid_placed", "extended"], { endsAt, extensionCount: 1 }, { extensions: [extension] });
  expect(await viewer.next("extended")).toMatchObject({
    sequence: 2,
    fromAtMs: endsAt - 10_000,
    endsAtMs: endsAt,
    extendedByMs: 10_000,
    count: 1,
    countLeft: 9,
  });
  const hammer = { price: 900, winnerNumber: 2, endedAt: endsAt, by: "close_due" as const };
  stage.engine.change(A, ["ended"], { phase: "closed", outcome: "sold", price: 900, askingPrice: null, hammer });
  expect(await viewer.next("hammer")).toMatchObject({
    sequence: 3,
    outcome: "sold",
    hammerPriceMinor: 900,
    winnerNumber: 2,
    by: "close_due",
    state: { phase: "closed" },
  });
  expect(viewer.frames.map((frame) => frame.type)).toEqual(["welcome", "subscribed", "snapshot", "update", "extended", "hammer"]);
});

test("socket: a snapshot has the lot and the seller, and goes without the lot while the catalogue is away", async () => {
  const stage = await trial();
  stage.engine.open(B);
  const lot = {
    lotId: "lot-55",
    version: 1,
    title: "Brass sextant",
    description: "long",
    category: "instruments",
    images: [],
    location: null,
    shippingFree: null,
  };
  const entry = { auctionId: A, lot, seller: { sellerId: "s-7", name: "Harbour Sales", reputation: null } };
  stage.catalogue.lots.set(A, entry as never);
  const viewer = await stage.signedIn("u-1");
  viewer.send(subscribe(2, A));
  const wire = { lotId: "lot-55", version: 1, title: "Brass sextant", category: "instruments", images: [] };
  expect((await viewer.next("snapshot")).auction).toMatchObject({ lot: wire, seller: { sellerId: "s-7", name: "Harbour Sales" } });
  stage.catalogue.away = true;
  viewer.send(subscribe(3, B));
  expect((await viewer.next("snapshot")).auction).toMatchObject({ lot: null, seller: { sellerId: "s-7", name: "s-7" } });
  stage.server?.lotChanged(A, { ...lot, version: 2, title: "Brass sextant, 1890" });
  expect(await viewer.next("lot_changed")).toEqual({ type: "lot_changed", auctionId: A, lot: { ...wire, version: 2, title: "Brass sextant, 1890" } });
});

test("socket: subscribing while the owner is away gives subscribed, stale, and a snapshot when it is back", async () => {
  const stage = await trial();
  stage.engine.away.add(A);
  const viewer = await stage.signedIn("u-1");
  viewer.send(subscribe(2, A));
  expect(await viewer.next("stale")).toMatchObject({ auctionIds: [A], stale: true });
  stage.engine.setAway([A], false);
  expect(await viewer.next("snapshot")).toMatchObject({ auctionId: A, why: "first" });
  expect(viewer.frames.filter((frame) => frame.type === "subscribed")).toHaveLength(1);
  expect(viewer.frames.map((frame) => frame.type).slice(0, 3)).toEqual(["welcome", "subscribed", "stale"]);
});

test("socket: what was committed while the owner was out of reach comes as one update when it is back", async () => {
  const stage = await trial();
  const viewer = await stage.signedIn("u-1");
  viewer.send(subscribe(2, A));
  await viewer.next("snapshot");
  stage.engine.setAway([A], true);
  await viewer.next("stale", (frame) => frame.stale === true);
  stage.engine.outsideBid(A, "u-2", 500, true);
  stage.engine.outsideBid(A, "u-3", 700, true);
  stage.engine.setAway([A], false);
  const update = await viewer.next("update");
  expect(update).toMatchObject({ previousSequence: 1, sequence: 3, events: ["bid_placed"], bidsOmitted: 0, state: { currentPriceMinor: 700, totalBids: 2 } });
  expect((update.bids as { sequence: number }[]).map((row) => row.sequence)).toEqual([2, 3]);
  await viewer.next("stale", (frame) => frame.stale === false);
});

test("socket: an auction that is not there is said so, and the others are subscribed", async () => {
  const stage = await trial();
  const viewer = await stage.signedIn("u-1");
  viewer.send(subscribe(2, A, B));
  expect((await viewer.next("subscribed")).results).toEqual([
    { auctionId: A, recovered: "snapshot" },
    { auctionId: B, code: "no_such_auction" },
  ]);
  await viewer.next("snapshot");
  expect(stage.engine.watches.get(B)).toBe(0);
});

test("socket: a refusal of the engine is an error with the id, the hint and a request id, and keeps the socket", async () => {
  const stage = await trial();
  const client = await stage.signedIn("u-1");
  stage.engine.refuseWith = { code: "auction_busy", retryAfterMs: 80 };
  client.send(trialBid(A, 9, "k", 500));
  expect(await client.next("error")).toMatchObject({
    id: 9,
    auctionId: A,
    code: "auction_busy",
    retryAfterMs: 80,
    requestId: expect.stringMatching(/^[0-9a-f-]{36}$/),
  });
  stage.engine.refuseWith = null;
  client.send(trialBid(A, 9, "k", 500));
  expect(await client.next("bid_answer")).toMatchObject({ id: 9, replayed: false });
});

test("socket: a viewer who is no bidder cannot bid, and watching counts who is there", async () => {
  const stage = await trial();
  stage.identities.known.set("seller", trialIdentity("s-7", { roles: ["seller"] }));
  const seller = await stage.signedIn("seller");
  seller.send(subscribe(2, A), trialBid(A, 3, "k", 500));
  expect(await seller.next("error")).toMatchObject({ id: 3, code: "forbidden" });
  await seller.next("snapshot");
  expect(stage.server?.presence.watchers(A)).toBe(1);
  seller.send({ type: "unsubscribe", id: 4, auctionIds: [A] });
  expect(await seller.next("unsubscribed")).toEqual({ type: "unsubscribed", id: 4, auctionIds: [A] });
  expect(stage.server?.presence.watchers(A)).toBe(0);
  stage.engine.outsideBid(A, "u-2", 500);
  await seller.settled();
  expect(seller.frames.map((frame) => frame.type)).not.toContain("update");
});

test("socket: a change in the number of watchers is told after a while if no update told it", async () => {
  const stage = await trial();
  const first = await stage.signedIn("u-1");
  first.send(subscribe(2, A));
  await first.next("snapshot");
  const second = await stage.signedIn("u-2");
  second.send(subscribe(2, A));
  expect(await second.next("snapshot")).toMatchObject({ watchers: 2 });
  stage.time.advance(5_000);
  expect(await first.next("watchers")).toEqual({ type: "watchers", auctionId: A, watchers: 2 });
});
