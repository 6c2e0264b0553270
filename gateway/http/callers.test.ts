// The caller and this server: who am I, tickets, guests, watchers, about, lists and search.
import { expect, test } from "vitest";
import type { Identity } from "../ports.ts";
import { createdAuction, START, testSystem } from "./test-system.ts";

test("callers: me: who the token is and what is left of each limit", async () => {
  const system = await testSystem();
  const answer = await system.call("GET", "/v1/me", { token: await system.token({ userId: "ann", tier: "premium", roles: ["bidder", "seller", "king"] }) });
  expect(answer.body).toMatchObject({ userId: "ann", tier: "premium", roles: ["bidder", "seller"], guest: false });
  expect(answer.body.limits).toMatchObject([
    { policy: "bids", quota: 100, windowMs: 3_600_000, remaining: 100, resetMs: 3_600_000 },
    { policy: "requests", windowMs: 60_000 },
    { policy: "creates" },
  ]);
  expect(answer.text).not.toContain("@");
});

test.each([
  ["no token", undefined, "unauthenticated"],
  ["no scheme", "abc", "unauthenticated"],
  ["another scheme", "Basic YTpi", "unauthenticated"],
  ["rubbish", "Bearer abc.def.ghi", "unauthenticated"],
  ["a token of 1 MB", `Bearer ${"x".repeat(1_048_576)}`, "unauthenticated"],
])("callers: token: %s is 401 and asks for a bearer", async (_what, header, code) => {
  const system = await testSystem();
  const answer = await system.call("GET", "/v1/me", { headers: header === undefined ? {} : { Authorization: header } });
  expect([answer.status, answer.body.code]).toEqual([401, code]);
  expect(answer.headers.get("www-authenticate")).toBe("Bearer");
});

test("callers: token: two at once are refused as a malformed request", async () => {
  const system = await testSystem();
  const token = await system.token({ userId: "ann" });
  const answer = await system.call("GET", "/v1/me", { headers: { Authorization: `Bearer ${token}, Bearer ${token}` } });
  expect([answer.status, answer.body.code]).toEqual([400, "invalid_request"]);
});

test("callers: token: an expired one is told apart, after 5 s of tolerance", async () => {
  const system = await testSystem();
  const token = await system.token({ userId: "ann" });
  system.clock.at += 3_604_000;
  expect((await system.call("GET", "/v1/me", { token })).status).toBe(200);
  system.clock.at += 2_000;
  const answer = await system.call("GET", "/v1/me", { token });
  expect([answer.status, answer.body.code]).toEqual([401, "token_expired"]);
  expect(answer.headers.get("www-authenticate")).toContain("invalid_token");
});

test("callers: logins: too many bad tokens of one address are limited, good ones are not", async () => {
  const system = await testSystem({ limits: { loginsPerMinute: 2 } });
  const bad = async () => (await system.call("GET", "/v1/me", { token: "abc" })).body.code;
  expect([await bad(), await bad(), await bad()]).toEqual(["unauthenticated", "unauthenticated", "rate_limited"]);
  expect((await system.call("GET", "/v1/me", { token: await system.token({ userId: "ann" }) })).status).toBe(200);
});

test("callers: ticket: opens one socket within 30 seconds", async () => {
  const system = await testSystem();
  const token = await system.token({ userId: "ann" });
  const issued = await system.call("POST", "/v1/ws-tickets", { token });
  expect(issued.status).toBe(201);
  expect(issued.body).toMatchObject({ expiresAt: new Date(START + 30_000).toISOString(), socketUrl: "ws://localhost:3000/v1/socket" });
  const spend = (ticket: unknown): string | undefined => (system.parts.identities.spendTicket(String(ticket)) as Identity | null)?.userId;
  expect([spend(issued.body.ticket), spend(issued.body.ticket), spend("no such ticket")]).toEqual(["ann", undefined, undefined]);
  const late = await system.call("POST", "/v1/ws-tickets", { token });
  system.clock.at += 30_000;
  expect(spend(late.body.ticket)).toBeUndefined();
});

test("callers: ticket: one that was fetched over IPv4 opens no socket over IPv6", async () => {
  const system = await testSystem();
  const issued = await system.call("POST", "/v1/ws-tickets", { token: await system.token({ userId: "ann" }), from: "1.1.1.1" });
  expect(system.parts.identities.spendTicket(String(issued.body.ticket), "ipv6")).toBeNull();
});

test("callers: guests: off, there are none", async () => {
  const system = await testSystem();
  const answer = await system.call("POST", "/v1/guests", { body: {} });
  expect([answer.status, answer.body.code]).toEqual([404, "not_found"]);
});

test("callers: guests: on, a guest may bid and sell, and renews the token under the same id", async () => {
  const system = await testSystem({ guests: true });
  const issued = await system.call("POST", "/v1/guests", { body: { name: "Gwen" } });
  expect(issued.status).toBe(201);
  expect(issued.body).toMatchObject({
    name: "Gwen",
    tier: "enterprise",
    userId: expect.stringMatching(/^guest-/),
    expiresAt: new Date(START + 3_600_000).toISOString(),
  });
  const token = String(issued.body.token);
  expect((await system.call("GET", "/v1/me", { token })).body).toMatchObject({ guest: true, roles: ["bidder", "seller"] });
  system.clock.at += 60_000;
  const renewed = await system.call("POST", "/v1/guests", { token });
  expect(renewed.body).toMatchObject({ userId: issued.body.userId, name: "Gwen", expiresAt: new Date(START + 3_660_000).toISOString() });
  const another = await system.call("POST", "/v1/guests");
  expect(another.body.userId).not.toBe(issued.body.userId);
  const member = await system.call("POST", "/v1/guests", { token: await system.token({ userId: "ann" }) });
  expect(member.status).toBe(403);
});

test("callers: watchers: those of this gateway", async () => {
  const system = await testSystem();
  expect((await system.call("GET", `/v1/auctions/${await createdAuction(system)}/watchers`)).body).toEqual({ watchers: 7 });
});

test("callers: about: what a page starts from", async () => {
  const system = await testSystem();
  expect((await system.call("GET", "/api/v1/about")).body).toEqual({
    version: "1.2.3",
    mode: "single",
    guests: false,
    socketUrl: "ws://localhost:3000/v1/socket",
    protocols: ["fairwarning.v1.json", "fairwarning.v1.msgpack"],
    formats: ["english"],
    limits: {
      bidsPerHour: { free: 10, premium: 100, enterprise: 1_000 },
      amountMinorMax: 1_000_000_000_000,
      deadlineMsMin: 100,
      deadlineMsMax: 30_000,
      deadlineMsDefault: 5_000,
    },
  });
});

test("lists: auctions: filtered, sorted and walked by cursor", async () => {
  const system = await testSystem();
  const first = await createdAuction(system, { endsAt: new Date(START + 2 * 3_600_000).toISOString() });
  const second = await createdAuction(system);
  const page = await system.call("GET", "/v1/auctions?limit=1");
  expect(page.body.auctions).toMatchObject([{ auctionId: second }]);
  const rest = await system.call("GET", `/v1/auctions?limit=1&cursor=${page.body.next}`);
  expect(rest.body).toMatchObject({ auctions: [{ auctionId: first }], next: null });
  const none = await system.call("GET", `/v1/auctions?endsBefore=2026-11-23T10:30:00Z&currency=USD&category=instruments&sellerId=seller-1&phase=scheduled`);
  expect(none.body.auctions).toEqual([]);
  const foreign = await system.call("GET", `/v1/auctions?limit=1&sort=newest&cursor=${page.body.next}`);
  expect([foreign.status, foreign.body.code]).toEqual([400, "invalid_request"]);
});

test.each(["sellerId=%00", "sellerId=%EF%BF%BD", "category=a%00b", "limit=101", "limit=0", "limit=1e9", "cursor=forged", "page=2"])(
  "lists: auctions: %s is refused and never reaches the store",
  async (query) => {
    const system = await testSystem();
    const answer = await system.call("GET", `/v1/auctions?${query}`);
    expect([answer.status, answer.body.code]).toEqual([400, "invalid_request"]);
  },
);

test("lists: search: by words, with price bounds only in a currency", async () => {
  const system = await testSystem();
  const auctionId = await createdAuction(system);
  const found = await system.call("GET", "/v1/search?q=sextant&phase=open&priceMin=0&currency=USD");
  expect(found.body).toMatchObject({ auctions: [{ auctionId }], total: 1, next: null });
  for (const query of [
    "q=",
    `q=${"x".repeat(201)}`,
    "",
    "q=a&priceMin=5",
    "q=a&priceMax=0",
    "q=a&priceMin=1.5&currency=USD",
    "q=a&sort=cheapest",
    "q=a&currency=usd",
    "q=a&page=3",
  ]) {
    const answer = await system.call("GET", `/v1/search?${query}`);
    expect([query, answer.status, answer.body.code]).toEqual([query, 400, "invalid_request"]);
  }
});

test("lists: catalogue away: lists and search say so, auctions do not mind", async () => {
  const system = await testSystem();
  const auctionId = await createdAuction(system);
  system.catalogue.faults.away = true;
  for (const path of ["/v1/auctions", "/v1/search?q=sextant"]) {
    const answer = await system.call("GET", path);
    expect([answer.status, answer.body.code]).toEqual([503, "catalogue_unavailable"]);
  }
  expect((await system.call("GET", `/v1/auctions/${auctionId}`)).status).toBe(200);
});

test("lists: increments: the named tables with their bands", async () => {
  const system = await testSystem();
  const { tables } = (await system.call("GET", "/v1/increments")).body;
  expect(tables).toMatchObject([
    { name: "ebay_us", currency: "USD", allowSubIncrementOutbid: true },
    { name: "ebay_uk", currency: "GBP" },
  ]);
  expect(tables?.[0]?.bands?.[1]).toEqual({ fromMinor: 100, stepMinor: 25 });
});
