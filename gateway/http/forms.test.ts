// The small forms of HTTP: instants, money in words, networks, socket addresses, cursors; and answers against their own schemas.
import { expect, test } from "vitest";
import { isKnownCurrency, moneyText } from "./currency.ts";
import { bidCursorText, parseBidCursor } from "./cursors.ts";
import { instantText, parseInstant } from "./instants.ts";
import { answerSchema, auctionSchema, bidSchema, listedAuctionSchema, lotSchema, standingSchema } from "./schemas.ts";
import { socketUrlOf } from "./socket-url.ts";
import { createdAuction, testSystem } from "./test-system.ts";

test.each([
  ["2026-11-23T10:05:00Z", 1_795_428_300_000],
  ["2026-11-23T10:05:00.1Z", 1_795_428_300_100],
  ["2026-11-23T11:05:00.123+01:00", 1_795_428_300_123],
  ["2028-02-29T00:00:00Z", 1_835_395_200_000],
  ["9999-12-31T23:59:59.999Z", 253_402_300_799_999],
])("instants: %s is read", (text, at) => {
  expect(parseInstant(text)).toBe(at);
});

test.each([
  "2026-11-23",
  "2026-11-23T10:05:00",
  "2026-11-23 10:05:00Z",
  "2026-11-23T24:00:00Z",
  "2026-13-01T00:00:00Z",
  "2026-02-29T00:00:00Z",
  "2100-02-29T00:00:00Z",
  "2026-11-23T10:05:00.1234Z",
  "2026-11-23T10:05:60Z",
  "10000-01-01T00:00:00Z",
  "+010000-01-01T00:00:00Z",
  "2026-11-23T10:05:00+24:00",
  "now",
  "1795428300000",
  "",
])("instants: %s is none", (text) => {
  expect(parseInstant(text)).toBeNull();
});

test("instants: what is written is read back", () => {
  for (const at of [0, 1, 1_795_428_300_123, 253_402_300_799_999]) expect(parseInstant(instantText(at))).toBe(at);
});

test.each([
  [10_500, "USD", "105.00 USD"],
  [5, "USD", "0.05 USD"],
  [500, "JPY", "500 JPY"],
  [1_234, "KWD", "1.234 KWD"],
  [7, "XYZ", "7 minor units of XYZ"],
])("money: %i %s is %s", (minor, currency, text) => {
  expect(moneyText(minor, currency)).toBe(text);
});

test("money: currencies are those of ISO 4217", () => {
  expect(["USD", "JPY", "KWD", "XYZ", "usd", ""].map(isKnownCurrency)).toEqual([true, true, true, false, false, false]);
});

test.each([
  [null, "127.0.0.1:8080", "ws://127.0.0.1:3000/v1/socket"],
  [null, "[::1]:8080", "ws://[::1]:3000/v1/socket"],
  [null, undefined, "ws://localhost:3000/v1/socket"],
  [null, '"><script>', "ws://localhost:3000/v1/socket"],
  [null, "a;sandbox;b", "ws://localhost:3000/v1/socket"],
  [null, "a,b", "ws://localhost:3000/v1/socket"],
  ["wss://live.example/v1/socket", "127.0.0.1:8080", "wss://live.example/v1/socket"],
])("socket address: set %s, asked as %s: %s", (publicUrl, host, url) => {
  expect(socketUrlOf(publicUrl, 3_000, host)).toBe(url);
});

test("cursors: one that was written is read for its own auction, and nothing else is", () => {
  const auctionId = "3a7c1f0e-6d0a-8a51-8f0e-2d4f8b9f6a10";
  const cursor = { direction: "older", sequence: 1_884, row: 1 } as const;
  const text = bidCursorText(auctionId, cursor);
  expect(parseBidCursor(auctionId, text)).toEqual(cursor);
  expect(parseBidCursor("4a7c1f0e-6d0a-8a51-8f0e-2d4f8b9f6a10", text)).toBeNull();
  for (const forged of [
    "",
    "x",
    text.slice(1),
    Buffer.from(`older.-1.0.${auctionId}`).toString("base64url"),
    Buffer.from(`older.1.2.${auctionId}`).toString("base64url"),
  ]) {
    expect(parseBidCursor(auctionId, forged)).toBeNull();
  }
});

test("schemas: what is answered is what the document says, member by member", async () => {
  const system = await testSystem();
  const lot = { title: "Chair", images: ["https://p.example/1.jpg"], location: { latitude: 52.5, longitude: 13.4 }, shippingFree: true };
  const auctionId = await createdAuction(system, {
    lot,
    buyNow: { priceMinor: 20_000, until: "price_reached" },
    softClose: { windowMs: 60_000, amountMs: 60_000, cap: { hardStop: { afterScheduledMs: 1 } } },
  });
  const token = await system.token({ userId: "ann", tier: "enterprise" });
  const bid = await system.call("POST", `/v1/auctions/${auctionId}/bids`, { token, key: "b", body: { amountMinor: 15_000, currency: "USD" } });
  const open = await system.call("GET", `/v1/auctions/${auctionId}`);
  const standing = await system.call("GET", `/v1/auctions/${auctionId}/me`, { token });
  await system.call("POST", `/v1/auctions/${auctionId}/buy-now`, { token, key: "n", body: { amountMinor: 20_000, currency: "USD" } });
  const closed = await system.call("GET", `/v1/auctions/${auctionId}`);
  const bids = await system.call("GET", `/v1/auctions/${auctionId}/bids`);
  const list = await system.call("GET", "/v1/auctions");
  expect(answerSchema.strict().parse(bid.body)).toEqual(bid.body);
  expect(auctionSchema.strict().parse(open.body)).toEqual(open.body);
  expect(auctionSchema.strict().parse(closed.body)).toMatchObject({
    phase: "closed",
    outcome: "sold",
    hammer: { hammerPriceMinor: 20_000, winnerNumber: 1, by: "buy_now" },
  });
  expect(lotSchema.strict().parse(open.body.lot)).toEqual(open.body.lot);
  expect(standingSchema.strict().parse(standing.body)).toEqual(standing.body);
  expect(bidSchema.strict().parse(bids.body.bids?.[0])).toEqual(bids.body.bids?.[0]);
  expect(listedAuctionSchema.strict().parse(list.body.auctions?.[0])).toEqual(list.body.auctions?.[0]);
});
