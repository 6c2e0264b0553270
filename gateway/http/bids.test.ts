// Bids over HTTP: what an answer, a rejection, a repeat and a refusal look like, and what bidders may read.
import { expect, test } from "vitest";
import { createdAuction, type TestSystem, testSystem } from "./test-system.ts";

const BID = { amountMinor: 15_000, currency: "USD" };

async function bidder(system: TestSystem, userId = "ann", tier = "enterprise"): Promise<string> {
  return await system.token({ userId, tier });
}

test("bids: place: a leading bid answers 201 with its place in the bid list", async () => {
  const system = await testSystem();
  const auctionId = await createdAuction(system);
  const answer = await system.call("POST", `/v1/auctions/${auctionId}/bids`, { token: await bidder(system), key: "b1", body: BID });
  expect(answer.status).toBe(201);
  expect(answer.body).toMatchObject({ verdict: "accepted", code: "leading", standing: "leading", currentPriceMinor: 10_000, askingPriceMinor: 10_250 });
  expect(answer.headers.get("location")).toBe(`/v1/auctions/${auctionId}/bids?afterSequence=${Number(answer.body.sequence) - 1}`);
  expect(answer.headers.get("cache-control")).toBe("no-store");
});

test("bids: place: a bid under a rival's maximum is accepted as outbid", async () => {
  const system = await testSystem();
  const auctionId = await createdAuction(system);
  await system.call("POST", `/v1/auctions/${auctionId}/bids`, { token: await bidder(system), key: "b1", body: BID });
  const answer = await system.call("POST", `/v1/auctions/${auctionId}/bids`, {
    token: await bidder(system, "bob"),
    key: "b1",
    body: { ...BID, amountMinor: 12_000 },
  });
  expect(answer.status).toBe(201);
  expect(answer.body).toMatchObject({ code: "outbid", standing: "outbid", currentPriceMinor: 12_250 });
});

test("bids: rejection: 422 holds the whole answer and repeats byte for byte under its key", async () => {
  const system = await testSystem();
  const auctionId = await createdAuction(system);
  const call = { token: await bidder(system), key: "b1", body: { ...BID, amountMinor: 9_000 } };
  const first = await system.call("POST", `/v1/auctions/${auctionId}/bids`, call);
  expect(first.status).toBe(422);
  expect(first.headers.get("content-type")).toBe("application/problem+json");
  expect(Object.keys(first.body)).toEqual([
    "type",
    "title",
    "status",
    "code",
    "detail",
    "verdict",
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
  expect(first.body).toMatchObject({
    type: "/errors/below_asking_price",
    detail: "The asking price is 100.00 USD.",
    verdict: "rejected",
    askingPriceMinor: 10_000,
  });
  system.clock.at += 60_000;
  await system.call("POST", `/v1/auctions/${auctionId}/bids`, { token: await bidder(system, "bob"), key: "x", body: { ...BID, amountMinor: 30_000 } });
  const again = await system.call("POST", `/v1/auctions/${auctionId}/bids`, { ...call, headers: { "X-Request-Id": "another" } });
  expect(again.text).toBe(first.text);
  expect(again.status).toBe(422);
  expect(again.headers.get("idempotency-replayed")).toBe("true");
});

test("bids: repeat: the answer of an accepted bid repeats with its status, whatever happened since", async () => {
  const system = await testSystem();
  const auctionId = await createdAuction(system);
  const call = { token: await bidder(system), key: "b1", text: '{"amountMinor":15000,"currency":"USD"}' };
  const first = await system.call("POST", `/v1/auctions/${auctionId}/bids`, call);
  await system.call("POST", `/v1/auctions/${auctionId}/bids`, { token: await bidder(system, "bob"), key: "x", body: { ...BID, amountMinor: 30_000 } });
  const again = await system.call("POST", `/v1/auctions/${auctionId}/bids`, {
    ...call,
    text: '{ "kind": "maximum", "currency": "USD", "amountMinor": 15000.0 }',
  });
  expect([again.status, again.text]).toEqual([201, first.text]);
  expect(again.headers.get("location")).toBe(first.headers.get("location"));
});

test("bids: key: two bidders may use the same key", async () => {
  const system = await testSystem();
  const auctionId = await createdAuction(system);
  const ann = await system.call("POST", `/v1/auctions/${auctionId}/bids`, { token: await bidder(system), key: "same", body: BID });
  const bob = await system.call("POST", `/v1/auctions/${auctionId}/bids`, {
    token: await bidder(system, "bob"),
    key: "same",
    body: { ...BID, amountMinor: 20_000 },
  });
  expect([ann.body.code, bob.body.code]).toEqual(["leading", "leading"]);
});

test("bids: raise, buy now, retract: each is a command with its own status", async () => {
  const system = await testSystem();
  const auctionId = await createdAuction(system, { buyNow: { priceMinor: 50_000, until: "price_reached" } });
  const token = await bidder(system);
  const raised = await system.call("PUT", `/v1/auctions/${auctionId}/maximum-bid`, { token, key: "r1", body: BID });
  expect([raised.status, raised.body.code]).toEqual([422, "not_leading"]);
  await system.call("POST", `/v1/auctions/${auctionId}/bids`, { token, key: "b1", body: BID });
  const again = await system.call("PUT", `/v1/auctions/${auctionId}/maximum-bid`, { token, key: "r2", body: { ...BID, amountMinor: 20_000 } });
  expect([again.status, again.body.code]).toEqual([200, "leading"]);
  const retracted = await system.call("POST", `/v1/auctions/${auctionId}/retract`, { token, key: "t1", body: { reason: "mistyped_amount" } });
  expect([retracted.status, retracted.body.code]).toEqual([200, "ok"]);
  const wrong = await system.call("POST", `/v1/auctions/${auctionId}/buy-now`, { token: await bidder(system, "bob"), key: "n1", body: BID });
  expect([wrong.status, wrong.body.code]).toEqual([422, "buy_now_price_differs"]);
  const bought = await system.call("POST", `/v1/auctions/${auctionId}/buy-now`, {
    token: await bidder(system, "bob"),
    key: "n2",
    body: { ...BID, amountMinor: 50_000 },
  });
  expect([bought.status, bought.body.code]).toEqual([201, "ok"]);
});

test.each([
  ["zero", '{"amountMinor":0,"currency":"USD"}', "/amountMinor"],
  ["negative", '{"amountMinor":-5,"currency":"USD"}', "/amountMinor"],
  ["-0", '{"amountMinor":-0,"currency":"USD"}', "/amountMinor"],
  ["a fraction", '{"amountMinor":10.5,"currency":"USD"}', "/amountMinor"],
  ["infinite", '{"amountMinor":1e400,"currency":"USD"}', "/amountMinor"],
  ["beyond 2^53 - 1", '{"amountMinor":9007199254740992,"currency":"USD"}', "/amountMinor"],
  ["of 20 digits", '{"amountMinor":12345678901234567890,"currency":"USD"}', "/amountMinor"],
  ["text", '{"amountMinor":"1e3","currency":"USD"}', "/amountMinor"],
  ["missing", '{"currency":"USD"}', "/amountMinor"],
  ["null", '{"amountMinor":null,"currency":"USD"}', "/amountMinor"],
  ["with a maximum beside it", '{"amountMinor":5,"maximumMinor":5,"currency":"USD"}', "/maximumMinor"],
  ["with a bidder of its own", '{"amountMinor":5,"currency":"USD","bidderId":"bob"}', "/bidderId"],
  ["with a time of its own", '{"amountMinor":5,"currency":"USD","at":"2026-11-23T10:00:00Z"}', "/at"],
  ["with __proto__", '{"amountMinor":5,"currency":"USD","__proto__":{"a":1}}', "/__proto__"],
  ["with constructor", '{"amountMinor":5,"currency":"USD","constructor":1}', "/constructor"],
  ["in a currency of two letters", '{"amountMinor":5,"currency":"US"}', "/currency"],
  ["of an unknown kind", '{"amountMinor":5,"currency":"USD","kind":"sniper"}', "/kind"],
  ["an array", "[1]", ""],
])("bids: amount: %s is refused with a pointer and reaches no auction", async (_what, text, pointer) => {
  const system = await testSystem();
  const auctionId = await createdAuction(system);
  const answer = await system.call("POST", `/v1/auctions/${auctionId}/bids`, { token: await bidder(system), key: "b1", text });
  expect(answer.status).toBe(400);
  expect(answer.body).toMatchObject({ code: "invalid_request", requestId: expect.any(String) });
  expect((answer.body.errors as unknown as { pointer: string }[]).map((fault) => fault.pointer)).toContain(pointer);
  expect(system.engine.deadlines).toHaveLength(1);
});

test.each(["", "x".repeat(65), "a\u0000b", "\ud800", "\ufffd", "na\u00efve"])("bids: retract: the reason %j is refused with a pointer", async (reason) => {
  const system = await testSystem();
  const auctionId = await createdAuction(system);
  const answer = await system.call("POST", `/v1/auctions/${auctionId}/retract`, { token: await bidder(system), key: "t1", body: { reason } });
  expect(answer.status).toBe(400);
  expect(answer.body).toMatchObject({ code: "invalid_request", errors: [{ pointer: "/reason" }] });
});

test("bids: amount: one above the largest is the rules' to reject", async () => {
  const system = await testSystem();
  const auctionId = await createdAuction(system);
  const answer = await system.call("POST", `/v1/auctions/${auctionId}/bids`, {
    token: await bidder(system),
    key: "b1",
    body: { ...BID, amountMinor: 1_000_000_000_001 },
  });
  expect([answer.status, answer.body.code]).toEqual([422, "amount_invalid"]);
});

test.each([
  ["missing", undefined, "key_required"],
  ["of 65 characters", "k".repeat(65), "invalid_request"],
  ["with a space", "a b", "invalid_request"],
  ["sent twice", "a, b", "invalid_request"],
  ["not ASCII", "\u00e9", "invalid_request"],
])("bids: key: %s is refused", async (_what, key, code) => {
  const system = await testSystem();
  const auctionId = await createdAuction(system);
  const answer = await system.call("POST", `/v1/auctions/${auctionId}/bids`, { token: await bidder(system), body: BID, ...(key === undefined ? {} : { key }) });
  expect([answer.status, answer.body.code]).toEqual([400, code]);
});

test.each([
  ["shard_moving", 503, true],
  ["shard_unowned", 503, true],
  ["log_unavailable", 503, true],
  ["outcome_unknown", 503, true],
  ["overloaded", 503, true],
  ["auction_busy", 429, false],
  ["no_such_auction", 404, false],
] as const)("bids: refusal: %s has its status, its hint and its request", async (code, status, failed) => {
  const system = await testSystem();
  const auctionId = await createdAuction(system);
  system.engine.refuseWith = code;
  system.engine.refuseRetryMs = 1_500;
  const answer = await system.call("POST", `/v1/auctions/${auctionId}/bids`, {
    token: await bidder(system),
    key: "b1",
    body: BID,
    headers: { "X-Request-Id": "mine-1" },
  });
  expect(answer.status).toBe(status);
  expect(answer.body).toMatchObject({ type: `/errors/${code}`, code, requestId: "mine-1", retryAfterMs: 1_500 });
  expect(answer.headers.get("retry-after")).toBe("2");
  expect(answer.body).not.toHaveProperty("verdict");
  const figures = await system.metrics.text();
  expect(figures.includes(`bid_failures_total{transport="http",code="${code}"} 1`)).toBe(failed);
});

test("bids: deadline: the caller's is passed on, within bounds; else the server's own", async () => {
  const system = await testSystem();
  const auctionId = await createdAuction(system);
  const token = await bidder(system);
  const send = async (deadline?: string) =>
    await system.call("POST", `/v1/auctions/${auctionId}/bids`, {
      token,
      key: `d${deadline?.replace(".", "-")}`,
      body: BID,
      headers: deadline === undefined ? {} : { "Fairwarning-Deadline-Ms": deadline },
    });
  await send();
  await send("250");
  expect(system.engine.deadlines.slice(-2)).toEqual([5_000, 250]);
  for (const wrong of ["99", "30001", "1e3", "250.0", "soon"]) {
    const answer = await send(wrong);
    expect([answer.status, answer.body.code]).toEqual([400, "invalid_request"]);
    expect(answer.body.errors).toMatchObject([{ pointer: "/header/fairwarning-deadline-ms" }]);
  }
});

test("bids: limit: decided bids count by tier and are told in the headers; repeats and refusals do not count", async () => {
  const system = await testSystem();
  const auctionId = await createdAuction(system);
  const token = await bidder(system, "fay", "free");
  const bid = async (number: number) =>
    await system.call("POST", `/v1/auctions/${auctionId}/bids`, { token, key: `b${number}`, body: { ...BID, amountMinor: 10_000 + number * 1_000 } });
  const first = await bid(1);
  expect(first.headers.get("ratelimit-policy")).toBe('"bids";q=10;w=3600');
  expect(first.headers.get("ratelimit")).toBe('"bids";r=9;t=3600');
  await bid(1);
  system.engine.refuseWith = "overloaded";
  await bid(2);
  system.engine.refuseWith = null;
  for (let number = 2; number <= 10; number += 1) expect((await bid(number)).status).toBe(201);
  const over = await bid(11);
  expect(over.status).toBe(429);
  expect(over.body).toMatchObject({ code: "rate_limited", policy: "bids", retryAfterMs: 3_600_000 });
  expect(over.headers.get("retry-after")).toBe("3600");
  expect((await bid(10)).headers.get("idempotency-replayed")).toBe("true");
  system.clock.at += 3_600_000;
  expect((await bid(12)).status).not.toBe(429);
});

test("bids: metrics: an attempt, its outcome and its time are counted for HTTP, and a rejection is no failure", async () => {
  const system = await testSystem();
  const auctionId = await createdAuction(system);
  const token = await bidder(system);
  await system.call("POST", `/v1/auctions/${auctionId}/bids`, { token, key: "b1", body: BID });
  await system.call("POST", `/v1/auctions/${auctionId}/bids`, { token, key: "b2", body: BID });
  const figures = await system.metrics.text();
  expect(figures).toContain('bid_attempts_total{transport="http"} 2');
  expect(figures).toContain('bid_placement_duration_seconds_count{transport="http",outcome="accepted"} 1');
  expect(figures).toContain('bid_placement_duration_seconds_count{transport="http",outcome="rejected"} 1');
  expect(figures).not.toContain('bid_failures_total{transport="http"');
  expect(figures).not.toContain(auctionId);
});

test("bids: list: newest first by cursor, every row once", async () => {
  const system = await testSystem();
  const auctionId = await createdAuction(system);
  for (let number = 1; number <= 6; number += 1) {
    await system.call("POST", `/v1/auctions/${auctionId}/bids`, {
      token: await bidder(system, `b${number % 2}`),
      key: `k${number}`,
      body: { ...BID, amountMinor: 10_000 + number * 2_000 },
    });
  }
  const all = await system.call("GET", `/v1/auctions/${auctionId}/bids?limit=100`);
  const rows = all.body.bids as unknown as { sequence: number; row: number }[];
  const walk = async (start: string): Promise<unknown[]> => {
    const seen: unknown[] = [];
    for (let address = start; ; ) {
      const page = await system.call("GET", address);
      seen.push(...(page.body.bids as unknown as unknown[]));
      if (page.body.next === null) return seen;
      address = `/v1/auctions/${auctionId}/bids?limit=1&cursor=${page.body.next}`;
    }
  };
  expect(rows.length).toBeGreaterThan(6);
  expect(await walk(`/v1/auctions/${auctionId}/bids?limit=1`)).toEqual(rows);
  expect(await walk(`/v1/auctions/${auctionId}/bids?limit=1&afterSequence=0`)).toEqual(rows.toReversed());
  expect(rows[0]).toMatchObject({ bidderNumber: expect.any(Number), amountMinor: expect.any(Number), gone: null, at: "2026-11-23T10:00:00.000Z" });
  expect(all.text).not.toContain('"b1"');
});

test("bids: list: a known ETag gives 304; a foreign cursor and both directions at once are refused", async () => {
  const system = await testSystem();
  const auctionId = await createdAuction(system);
  const other = await createdAuction(system);
  for (const number of [1, 2])
    await system.call("POST", `/v1/auctions/${auctionId}/bids`, {
      token: await bidder(system, `b${number}`),
      key: "k",
      body: { ...BID, amountMinor: 10_000 * number },
    });
  const page = await system.call("GET", `/v1/auctions/${auctionId}/bids?limit=1`);
  const same = await system.call("GET", `/v1/auctions/${auctionId}/bids?limit=1`, { headers: { "If-None-Match": page.headers.get("etag") ?? "" } });
  expect(same.status).toBe(304);
  for (const query of [
    `cursor=${page.body.next}x`,
    "cursor=zzzz",
    `afterSequence=1&cursor=${page.body.next}`,
    "limit=0",
    "limit=101",
    "limit=1000000000",
    "limit=1e1",
    "page=2",
  ]) {
    const answer = await system.call("GET", `/v1/auctions/${query.startsWith("cursor=") && query.endsWith("x") ? other : auctionId}/bids?${query}`);
    expect([query, answer.status, answer.body.code]).toEqual([query, 400, "invalid_request"]);
  }
});

test("bids: own place: maximum and standing are the caller's own", async () => {
  const system = await testSystem();
  const auctionId = await createdAuction(system);
  await system.call("POST", `/v1/auctions/${auctionId}/bids`, { token: await bidder(system), key: "k", body: BID });
  const mine = await system.call("GET", `/v1/auctions/${auctionId}/maximum-bid`, { token: await bidder(system) });
  expect(mine.body).toMatchObject({ maximumMinor: 15_000, leading: true });
  expect(mine.headers.get("cache-control")).toBe("private, no-store");
  const theirs = await system.call("GET", `/v1/auctions/${auctionId}/me`, { token: await bidder(system, "bob") });
  expect(theirs.body).toMatchObject({ bidderNumber: null, leading: false, maximumMinor: null, highestBidMinor: null, blocked: false });
  const nobody = await system.call("GET", `/v1/auctions/${auctionId}/me`);
  expect([nobody.status, nobody.body.code]).toEqual([401, "unauthenticated"]);
});
