// Auctions over HTTP: create, read, and what their sellers do.
import { expect, test } from "vitest";
import { auctionBody, createdAuction, START, testSystem } from "./test-system.ts";

const SELLER = { userId: "seller-1", name: "Sally", roles: ["seller"] };

test("auctions: create: an accepted create answers 201 with the auction's address", async () => {
  const system = await testSystem();
  const answer = await system.call("POST", "/v1/auctions", { token: await system.token(SELLER), key: "k1", body: auctionBody() });
  expect(answer.status).toBe(201);
  const { body } = answer;
  expect(body).toMatchObject({
    verdict: "accepted",
    code: "ok",
    sequence: 1,
    decidedAt: "2026-11-23T10:00:00.000Z",
    askingPriceMinor: 10_000,
    endsAt: "2026-11-23T11:00:00.000Z",
  });
  expect(answer.headers.get("location")).toBe(`/v1/auctions/${body.auctionId}`);
  expect(Object.keys(body)).toEqual([
    "verdict",
    "code",
    "auctionId",
    "sequence",
    "epoch",
    "decidedAt",
    "standing",
    "currentPriceMinor",
    "askingPriceMinor",
    "reserveMet",
    "endsAt",
  ]);
});

test("auctions: create: the same key gives the same auction, lot and bytes", async () => {
  const system = await testSystem();
  const token = await system.token(SELLER);
  const first = await system.call("POST", "/v1/auctions", { token, key: "k1", body: auctionBody() });
  const again = await system.call("POST", "/api/v1/auctions", { token, key: "k1", body: auctionBody() });
  const text = first.text;
  expect(again.status).toBe(201);
  expect(again.text).toBe(text);
  expect(first.headers.get("idempotency-replayed")).toBeNull();
  expect(again.headers.get("idempotency-replayed")).toBe("true");
  const { auctions } = (await system.call("GET", "/v1/auctions?sort=newest")).body;
  expect(auctions).toHaveLength(1);
});

test("auctions: create: another command under a used key is refused key_reused", async () => {
  const system = await testSystem();
  const token = await system.token(SELLER);
  await system.call("POST", "/v1/auctions", { token, key: "k1", body: auctionBody() });
  const other = await system.call("POST", "/v1/auctions", { token, key: "k1", body: auctionBody({ openingPriceMinor: 20_000 }) });
  expect(other.status).toBe(422);
  expect(other.body).toMatchObject({ code: "key_reused", requestId: expect.any(String) });
});

test("auctions: create: the catalogue shows it before its first checkpoint", async () => {
  const system = await testSystem();
  const auctionId = await createdAuction(system, { reserveMinor: 15_000 });
  const { auctions, asOf } = (await system.call("GET", "/v1/auctions")).body;
  expect(asOf).toBe("2026-11-23T10:00:00.000Z");
  expect(auctions?.[0]).toMatchObject({
    auctionId,
    phase: "open",
    currency: "USD",
    openingPriceMinor: 10_000,
    askingPriceMinor: 10_000,
    reserveMet: false,
    lot: { title: "Brass sextant", version: 1 },
    seller: { sellerId: "seller-1", name: "Sally" },
  });
});

test("auctions: create: what opens later is listed as scheduled until then", async () => {
  const system = await testSystem();
  const auctionId = await createdAuction(system, { opensAt: "2026-11-23T10:01:00.000Z" });
  const { auctions } = (await system.call("GET", "/v1/auctions?phase=scheduled")).body;
  expect(auctions?.[0]).toMatchObject({ auctionId, phase: "scheduled" });
});

test("auctions: create: settings against the rules are a rejection of 422", async () => {
  const system = await testSystem();
  const answer = await system.call("POST", "/v1/auctions", { token: await system.token(SELLER), key: "k1", body: auctionBody({ reserveMinor: 5_000 }) });
  expect(answer.status).toBe(422);
  expect(answer.headers.get("content-type")).toBe("application/problem+json");
  const { body } = answer;
  expect(body).toMatchObject({ type: "/errors/reserve_invalid", code: "reserve_invalid", verdict: "rejected", status: 422, sequence: 1 });
  expect(body).not.toHaveProperty("requestId");
});

test("auctions: create: without the role seller it is forbidden", async () => {
  const system = await testSystem();
  const answer = await system.call("POST", "/v1/auctions", { token: await system.token({ userId: "b" }), key: "k1", body: auctionBody() });
  expect(answer.status).toBe(403);
  expect(answer.body).toMatchObject({ code: "forbidden" });
});

test("auctions: create: with the catalogue away it is refused and nothing was decided", async () => {
  const system = await testSystem();
  system.catalogue.faults.away = true;
  const answer = await system.call("POST", "/v1/auctions", { token: await system.token(SELLER), key: "k1", body: auctionBody() });
  expect(answer.status).toBe(503);
  expect(answer.body).toMatchObject({ code: "catalogue_unavailable" });
  expect(system.engine.deadlines).toEqual([]);
});

test.each([
  ["neither lot nor lotId", { lot: undefined }, "/lot"],
  ["both lot and lotId", { lotId: "0197a1c4-55d0-7c3e-9a55-0c8d7b3c1f02" }, "/lot"],
  ["an unknown member", { colour: "red" }, "/colour"],
  ["an unknown nested member", { softClose: { windowMs: 1, amountMs: 1, speed: 2 } }, "/softClose/speed"],
  ["an amount of zero", { openingPriceMinor: 0 }, "/openingPriceMinor"],
  ["an amount as text", { openingPriceMinor: "100" }, "/openingPriceMinor"],
  ["a fraction", { openingPriceMinor: 10.5 }, "/openingPriceMinor"],
  ["a currency that does not exist", { currency: "XYZ" }, "/currency"],
  ["an instant in no zone", { endsAt: "2026-11-23T10:05:00" }, "/endsAt"],
  ["a 30th of February", { endsAt: "2027-02-30T10:05:00Z" }, "/endsAt"],
  ["a title of controls", { lot: { title: "a\u0007b" } }, "/lot/title"],
  ["a title that turns round", { lot: { title: "a\u202Eb" } }, "/lot/title"],
  ["a title of 201 characters", { lot: { title: "x".repeat(201) } }, "/lot/title"],
  ["an empty title", { lot: { title: "" } }, "/lot/title"],
  ["a picture over http", { lot: { title: "a", images: ["http://pictures.example/1.jpg"] } }, "/lot/images/0"],
  ["a picture with a user", { lot: { title: "a", images: ["https://u:p@pictures.example/1.jpg"] } }, "/lot/images/0"],
  ["thirteen pictures", { lot: { title: "a", images: Array.from({ length: 13 }, () => "https://p.example/1.jpg") } }, "/lot/images"],
  ["a latitude of 91", { lot: { title: "a", location: { latitude: 91, longitude: 0 } } }, "/lot/location/latitude"],
  ["a band at -0", { increments: { bands: [{ fromMinor: -0, stepMinor: 5 }] } }, "/increments/bands/0/fromMinor"],
])("auctions: create: %s is refused with a pointer", async (_what, over, pointer) => {
  const system = await testSystem();
  const token = await system.token(SELLER);
  const text = JSON.stringify(auctionBody(over)).replace('"fromMinor":0', '"fromMinor":-0');
  const answer = await system.call("POST", "/v1/auctions", { token, key: "k1", text });
  expect(answer.status).toBe(400);
  const { body } = answer;
  expect(body.code).toBe("invalid_request");
  expect((body.errors as unknown as { pointer: string }[]).map((fault) => fault.pointer)).toContain(pointer);
});

test("auctions: create: titles are kept in NFC", async () => {
  const system = await testSystem();
  await createdAuction(system, { lot: { title: "Cafe\u0301 chair" } });
  const { auctions } = (await system.call("GET", "/v1/auctions")).body;
  expect(auctions?.[0]?.lot?.title).toBe("Caf\u00e9 chair");
});

test("auctions: create: every setting comes back as it was given", async () => {
  const system = await testSystem();
  const given = {
    amountStepMinor: 5,
    increments: {
      bands: [
        { fromMinor: 0, stepMinor: 50 },
        { fromMinor: 20_000, stepMinor: 500 },
      ],
      allowSubIncrementOutbid: false,
    },
    reserveMinor: 12_000,
    buyNow: { priceMinor: 50_000, until: "price_reached" },
    bidding: { kinds: ["maximum", "flat"], equalMaximum: "refuse" },
    softClose: {
      windowMs: 120_000,
      amountMs: 60_000,
      base: "end",
      trigger: { on: "rank", rank: 2 },
      cap: { count: 3, hardStop: { at: "2026-11-23T12:00:00.000Z" } },
    },
    retraction: { earlyMs: 1_000, reasons: ["mistyped_amount"] },
    reserveLowering: { cutBelowMinor: 500 },
    bidderRules: { defaultLimitMinor: 900_000 },
    outage: { policy: "give_back", lostMsMin: 1_000 },
  };
  const auctionId = await createdAuction(system, given);
  const answer = await system.call("GET", `/v1/auctions/${auctionId}`);
  expect(answer.body).toMatchObject({
    amountStep: 5,
    increments: given.increments,
    buyNowMinor: 50_000,
    bidding: { kinds: ["maximum", "flat"], equalMaximum: "refuse", ownRaiseMovesPrice: true },
    softClose: {
      windowMs: 120_000,
      amountMs: 60_000,
      base: "end",
      trigger: { on: "rank", rank: 2 },
      scope: "lot",
      cap: { count: 3, totalMs: null, hardStop: { at: "2026-11-23T12:00:00.000Z" } },
    },
    retraction: { earlyMs: 1_000, reasons: ["mistyped_amount"], leaderMay: true },
    reserveMet: false,
  });
});

test("auctions: read: the auction with lot and seller, live, with an ETag of sequence and lot version", async () => {
  const system = await testSystem();
  const auctionId = await createdAuction(system);
  const answer = await system.call("GET", `/v1/auctions/${auctionId}`);
  expect(answer.status).toBe(200);
  expect(answer.headers.get("etag")).toBe('"1-1"');
  expect(answer.headers.get("cache-control")).toBe("no-cache");
  expect(answer.headers.get("fairwarning-state")).toBe("live");
  expect(answer.headers.get("fairwarning-time")).toBe(String(START));
  const { body } = answer;
  expect(body).toMatchObject({
    auctionId,
    epoch: 100,
    sequence: 1,
    increments: "ebay_us",
    lot: { title: "Brass sextant" },
    seller: { name: "Sally" },
    hammer: null,
  });
  expect(JSON.stringify(body)).not.toContain("reserve_");
});

test("auctions: read: a known ETag gives 304 without a body", async () => {
  const system = await testSystem();
  const auctionId = await createdAuction(system);
  const answer = await system.call("GET", `/v1/auctions/${auctionId}`, { headers: { "If-None-Match": '"0-1", W/"1-1"' } });
  expect(answer.status).toBe(304);
  expect(answer.text).toBe("");
  expect(answer.headers.get("etag")).toBe('"1-1"');
});

test("auctions: read: an unknown auction is refused 404, a malformed id 400", async () => {
  const system = await testSystem();
  const unknown = await system.call("GET", "/v1/auctions/3a7c1f0e-6d0a-8a51-8f0e-2d4f8b9f6a10");
  expect(unknown.status).toBe(404);
  expect(unknown.body).toMatchObject({ code: "no_such_auction" });
  const malformed = await system.call("GET", "/v1/auctions/3A7C1F0E-6d0a-8a51-8f0e-2d4f8b9f6a10");
  expect(malformed.status).toBe(400);
  expect(malformed.body).toMatchObject({ code: "invalid_request", errors: [{ pointer: "/path/auctionId" }] });
});

test("auctions: read: while the owner is away the last view is shown as stale with its age", async () => {
  const system = await testSystem();
  const auctionId = await createdAuction(system);
  await system.call("GET", `/v1/auctions/${auctionId}`);
  system.engine.refuseWith = "shard_unowned";
  system.engine.stale = 4_200;
  system.clock.at += 4_200;
  const answer = await system.call("GET", `/v1/auctions/${auctionId}`);
  expect(answer.status).toBe(200);
  expect(answer.headers.get("fairwarning-state")).toBe("stale");
  expect(answer.headers.get("age")).toBe("5");
  const fresh = await system.call("GET", `/v1/auctions/${auctionId}?fresh=true`);
  expect(fresh.status).toBe(503);
  expect(fresh.body).toMatchObject({ code: "shard_unowned", retryAfterMs: 250 });
});

test("auctions: read: a view of another life of the log is not shown, not even as an old one", async () => {
  const system = await testSystem();
  const auctionId = await createdAuction(system);
  await system.call("GET", `/v1/auctions/${auctionId}`);
  for (const listener of system.engine.listeners) listener.newLife("00000002");
  system.engine.refuseWith = "shard_unowned";
  system.engine.stale = 10;
  expect((await system.call("GET", `/v1/auctions/${auctionId}`)).body).toMatchObject({ code: "shard_unowned" });
});

test("auctions: read: with the catalogue away the auction is shown without its lot", async () => {
  const system = await testSystem();
  const auctionId = await createdAuction(system);
  system.catalogue.faults.away = true;
  const answer = await system.call("GET", `/v1/auctions/${auctionId}`);
  expect(answer.status).toBe(200);
  expect(answer.headers.get("etag")).toBe('"1-0"');
  expect(answer.body).toMatchObject({ lot: null, seller: { sellerId: "seller-1", name: "seller-1" } });
});

test("auctions: seller: withdraw, open, end early and lower the reserve are commands with answers", async () => {
  const system = await testSystem();
  const token = await system.token(SELLER);
  const draft = await createdAuction(system, { opensAt: undefined, reserveMinor: 90_000 });
  const opened = await system.call("POST", `/v1/auctions/${draft}/open`, { token, key: "o" });
  expect([opened.status, opened.body.code]).toEqual([200, "ok"]);
  const lowered = await system.call("POST", `/v1/auctions/${draft}/lower-reserve`, { token, key: "l", body: { reserveMinor: 95_000 } });
  expect([lowered.status, lowered.body.code]).toEqual([422, "reserve_not_lower"]);
  const early = await system.call("POST", `/v1/auctions/${draft}/end-early`, { token, key: "e", body: {} });
  expect([early.status, early.body.code]).toEqual([422, "no_leader"]);
  const withdrawn = await system.call("POST", `/v1/auctions/${draft}/withdraw`, { token, key: "w", body: { reason: "damaged" } });
  expect([withdrawn.status, withdrawn.body.code]).toEqual([200, "ok"]);
  const stranger = await system.call("POST", `/v1/auctions/${draft}/withdraw`, {
    token: await system.token({ userId: "s2", roles: ["seller"] }),
    key: "w",
    body: { reason: "mine" },
  });
  expect([stranger.status, stranger.body.code]).toEqual([422, "not_permitted"]);
});
