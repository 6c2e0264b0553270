// The client SDK against the whole system: both sub-protocols and HTTP give one typed answer, and a cut costs nothing.
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { WebSocket } from "ws";
import { type AuctionView, type Client, type ConnectOptions, connect, type Watch } from "../../gateway/client/client.ts";
import { SpawnedSystem } from "./spawned-system.ts";

const HOUR_MS = 3_600_000;

let system: SpawnedSystem;
let auctionId: string;

beforeAll(async () => {
  system = await new SpawnedSystem().ready();
  const seller = connect({ url: system.url, token: await system.token("seller-1", ["seller"]), webSocket: WebSocket });
  const lot = { title: "Brass sextant", description: "", category: "sextant" };
  const created = await seller.auctions.create({
    lot,
    currency: "USD",
    openingPriceMinor: 100,
    increments: "ebay_us",
    opensAtMs: seller.clock.serverNow(),
    durationMs: HOUR_MS,
  });
  auctionId = created.auctionId;
  await seller.close();
}, 120_000);

afterAll(() => system?.remove());

async function clientOf(name: string, more: Partial<ConnectOptions> = {}): Promise<Client> {
  const client = connect({ url: system.url, token: await system.token(name), webSocket: WebSocket, ...more });
  onTestFinished(() => client.close());
  return client;
}

/** Resolves with the first view that fits, the present one included. */
function viewThat(watch: Watch, fits: (view: AuctionView) => boolean): Promise<AuctionView> {
  const { promise, resolve } = withResolvers<AuctionView>();
  const look = (view: AuctionView): void => {
    if (fits(view)) resolve(view);
  };
  if (watch.view !== null) look(watch.view);
  for (const event of ["snapshot", "update", "stale"] as const) watch.on(event, look);
  return promise;
}

function withResolvers<T>(): { readonly promise: Promise<T>; readonly resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => undefined;
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

async function asking(client: Client): Promise<number> {
  const { askingPriceMinor } = await client.auctions.get(auctionId);
  if (askingPriceMinor === null) throw new Error("the auction is closed");
  return askingPriceMinor;
}

test.each(["json", "msgpack"] as const)("sdk: %s: a bid is answered, seen by watchers and known as one's own", async (protocol) => {
  const bidder = await clientOf(`bidder-${protocol}`, { protocol });
  const watch = bidder.watch(auctionId);
  await viewThat(watch, () => true);
  const amountMinor = await asking(bidder);
  const answer = await bidder.placeBid({ auctionId, amountMinor, currency: "USD" });
  expect(answer).toMatchObject({ verdict: "accepted", code: "leading", replayed: false, auctionId, standing: "leading" });
  const view = await viewThat(watch, (seen) => seen.sequence >= answer.sequence);
  expect(view.bids[0]).toMatchObject({ bidId: answer.sequence, amountMinor });
  expect(view.you).toMatchObject({ leading: true, bidderNumber: view.leaderNumber, maximumMinor: amountMinor });
  expect(Math.abs(bidder.clock.serverNow() - answer.decidedAtMs)).toBeLessThan(1_000);
});

test("sdk: one key over socket and HTTP: the same answer, the second time as a repeat", async () => {
  const bidder = await clientOf("bidder-key");
  const bid = { auctionId, amountMinor: await asking(bidder), currency: "USD", key: "one-key" };
  const first = await bidder.placeBid(bid, { via: "socket" });
  const { latencyMs: _, replayed, ...again } = await bidder.placeBid(bid, { via: "http" });
  expect(replayed).toBe(true);
  expect(first).toMatchObject(again);
});

test("sdk: a rejection resolves, a refusal throws with its code and a page that explains it", async () => {
  const bidder = await clientOf("bidder-low");
  await expect(bidder.placeBid({ auctionId, amountMinor: 1, currency: "USD" })).resolves.toMatchObject({ verdict: "rejected", code: "below_asking_price" });
  const refused = bidder.placeBid({ auctionId: auctionId.replace(/.{12}$/, "000000000000"), amountMinor: 100, currency: "USD" });
  const error: unknown = await refused.catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: "no_such_auction", retriable: false });
  expect((await fetch((error as { docsUrl: string }).docsUrl)).status).toBe(200);
});

test("sdk: without a token: watches, and may not bid", async () => {
  const viewer = connect({ url: system.url, webSocket: WebSocket });
  onTestFinished(() => viewer.close());
  const view = await viewThat(viewer.watch(auctionId), (seen) => !seen.stale);
  expect(view.you).toBeNull();
  await expect(viewer.placeBid({ auctionId, amountMinor: 100_000, currency: "USD" })).rejects.toMatchObject({ code: "forbidden" });
});

test("sdk: gateway killed with a bid under way: resumed by pair, and the bid has one answer", async () => {
  const bidder = await clientOf("bidder-killed", { deadlineMs: 30_000 });
  const watch = bidder.watch(auctionId);
  await viewThat(watch, (view) => !view.stale);
  const amountMinor = await asking(bidder);
  const answer = bidder.placeBid({ auctionId, amountMinor, currency: "USD" });
  await system.kill("gateway");
  expect(await answer).toMatchObject({ verdict: "accepted" });
  const { sequence } = await answer;
  const view = await viewThat(watch, (seen) => !seen.stale && seen.sequence >= sequence);
  expect(view.bids.filter((bid) => bid.bidId === sequence && bid.kind === "bid")).toHaveLength(1);
});

test("sdk: bids: both directions give every row once", async () => {
  const viewer = await clientOf("viewer-rows");
  const rows = async (query: object): Promise<readonly string[]> => {
    const places: string[] = [];
    for await (const bid of viewer.auctions.bids(auctionId, { limit: 2, ...query })) places.push(`${bid.sequence}.${bid.row}`);
    return places;
  };
  const newestFirst = await rows({});
  expect(newestFirst.length).toBeGreaterThan(3);
  expect(await rows({ afterSequence: 0 })).toEqual([...newestFirst].reverse());
});
