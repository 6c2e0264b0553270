// What every request meets: names, times, origins, forms, sizes, methods; and how a fault of ours looks.
import { expect, test } from "vitest";
import { createdAuction, START, testSystem } from "./test-system.ts";

test("guards: request id: a good one is kept, a bad one replaced, and every answer has one", async () => {
  const system = await testSystem();
  const kept = await system.call("GET", "/v1/about", { headers: { "X-Request-Id": "abc_DEF-9" } });
  expect(kept.headers.get("x-request-id")).toBe("abc_DEF-9");
  for (const given of ["a b", "x".repeat(65), "a;b"]) {
    const replaced = await system.call("GET", "/nowhere", { headers: { "X-Request-Id": given } });
    expect(replaced.headers.get("x-request-id")).toMatch(/^request-\d+$/);
    expect(replaced.body.requestId).toBe(replaced.headers.get("x-request-id"));
  }
});

test("guards: hints: every refusal that is worth another try says when", async () => {
  const system = await testSystem();
  system.engine.refuseRetryMs = 0;
  for (const code of ["auction_busy", "shard_moving", "log_unavailable", "outcome_unknown"] as const) {
    system.engine.refuseWith = code;
    const token = await system.token({ userId: "ann" });
    const bid = { token, key: "b1", body: { amountMinor: 100, currency: "USD" } };
    const answer = await system.call("POST", "/v1/auctions/3a7c1f0e-6d0a-8a51-8f0e-2d4f8b9f6a10/bids", bid);
    expect([answer.body.code, answer.body.retryAfterMs, answer.headers.get("retry-after")]).toEqual([code, 1_000, "1"]);
  }
  system.catalogue.faults.away = true;
  expect((await system.call("GET", "/v1/auctions")).headers.get("retry-after")).toBe("1");
  expect((await system.call("GET", "/nowhere")).headers.get("retry-after")).toBeNull();
});

test("guards: time: every answer says the server's, refusals too", async () => {
  const system = await testSystem();
  for (const path of ["/health", "/v1/about", "/nowhere", "/v1/me"]) {
    expect((await system.call("GET", path)).headers.get("fairwarning-time")).toBe(String(START));
  }
});

test("guards: origin: a foreign page is refused everywhere in the API, an allowed one is let in and told what it may read", async () => {
  const system = await testSystem({ origins: ["https://shop.example"] });
  const foreign = await system.call("GET", "/v1/about", { headers: { Origin: "https://evil.example" } });
  expect([foreign.status, foreign.body.code]).toEqual([403, "origin_refused"]);
  expect(foreign.headers.get("access-control-allow-origin")).toBeNull();
  const allowed = await system.call("GET", "/v1/about", { headers: { Origin: "https://shop.example" } });
  expect(allowed.status).toBe(200);
  expect(allowed.headers.get("access-control-allow-origin")).toBe("https://shop.example");
  expect(allowed.headers.get("access-control-expose-headers")).toContain("Idempotency-Replayed");
  const own = await system.call("GET", "/v1/about", { headers: { Origin: "http://localhost", Host: "localhost" } });
  expect(own.status).toBe(200);
});

test("guards: origin: a preflight of an allowed page is answered, of a foreign one refused", async () => {
  const system = await testSystem({ origins: ["https://shop.example"] });
  const headers = { "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "idempotency-key" };
  const allowed = await system.call("OPTIONS", "/v1/auctions", { headers: { ...headers, Origin: "https://shop.example" } });
  expect(allowed.status).toBe(204);
  expect(allowed.headers.get("access-control-allow-headers")).toContain("Idempotency-Key");
  const foreign = await system.call("OPTIONS", "/v1/auctions", { headers: { ...headers, Origin: "null" } });
  expect([foreign.status, foreign.body.code]).toEqual([403, "origin_refused"]);
});

test.each([
  ["a wrong method", "DELETE", "/v1/auctions", 405, "method_not_allowed"],
  ["an unknown path", "GET", "/v1/nothing", 404, "not_found"],
  ["a way out of the files", "GET", "/docs/..%2f..%2fpackage.json", 404, "not_found"],
  ["a page that is not served", "GET", "/package.json", 404, "not_found"],
])("guards: route: %s is refused", async (_what, method, path, status, code) => {
  const system = await testSystem();
  const answer = await system.call(method, path);
  expect([answer.status, answer.body.code]).toEqual([status, code]);
  expect(answer.headers.get("content-type")).toBe("application/problem+json");
});

test("guards: route: 405 names the methods there are", async () => {
  const system = await testSystem();
  expect((await system.call("DELETE", "/api/v1/auctions")).headers.get("allow")).toBe("GET, HEAD, POST");
  expect((await system.call("PATCH", "/health")).headers.get("allow")).toBe("GET, HEAD");
});

test.each([
  ["text/html", 406],
  ["application/json;q=0", 406],
  ["text/html, */*;q=0.1", 200],
  ["application/json", 200],
  ["application/problem+json", 200],
])("guards: accept: %s gives %i", async (accept, status) => {
  const system = await testSystem();
  expect((await system.call("GET", "/v1/about", { headers: { Accept: accept } })).status).toBe(status);
});

test.each([
  ["text/plain", { "Content-Type": "text/plain" }],
  ["another charset", { "Content-Type": "application/json; charset=latin1" }],
  ["a form", { "Content-Type": "application/x-www-form-urlencoded" }],
  ["a packed body", { "Content-Encoding": "gzip" }],
])("guards: body: %s is refused unsupported_media_type", async (_what, headers) => {
  const system = await testSystem();
  const auctionId = await createdAuction(system);
  const token = await system.token({ userId: "ann" });
  const answer = await system.call("POST", `/v1/auctions/${auctionId}/bids`, { token, key: "k", text: '{"amountMinor":15000,"currency":"USD"}', headers });
  expect([answer.status, answer.body.code]).toEqual([415, "unsupported_media_type"]);
});

test.each([
  ["empty", " "],
  ["cut off", '{"amountMinor":15000'],
  ["with trailing bytes", '{"amountMinor":15000,"currency":"USD"}x'],
])("guards: body: %s is refused malformed_body", async (_what, text) => {
  const system = await testSystem();
  const auctionId = await createdAuction(system);
  const answer = await system.call("POST", `/v1/auctions/${auctionId}/bids`, { token: await system.token({ userId: "ann" }), key: "k", text });
  expect([answer.status, answer.body.code]).toEqual([400, "malformed_body"]);
});

test("guards: size: a command over 1 KiB and any body over 64 KiB are refused, with and without a length", async () => {
  const system = await testSystem();
  const auctionId = await createdAuction(system);
  const token = await system.token({ userId: "ann", roles: ["bidder", "seller"] });
  const command = JSON.stringify({ amountMinor: 15_000, currency: "USD", filling: "x".repeat(1_024) });
  for (const headers of [{}, { "Content-Length": String(command.length) }]) {
    const answer = await system.call("POST", `/v1/auctions/${auctionId}/bids`, { token, key: "k", text: command, headers });
    expect([answer.status, answer.body.code]).toEqual([413, "body_too_large"]);
  }
  const create = JSON.stringify({ lot: { title: "x", description: "x".repeat(65_536) } });
  expect((await system.call("POST", "/v1/auctions", { token, key: "k", text: create })).status).toBe(413);
});

test("guards: drain: a gateway about to stop refuses calls and says when to come again", async () => {
  const system = await testSystem();
  system.draining = true;
  const answer = await system.call("GET", "/v1/about");
  expect([answer.status, answer.body.code]).toEqual([503, "draining"]);
  expect(answer.headers.get("retry-after")).toBe("1");
  expect((await system.call("GET", "/health")).status).toBe(200);
});

test("guards: requests: beyond the limit of a minute a caller waits, and nobody else does", async () => {
  const system = await testSystem({ limits: { requestsPerMinute: 3 } });
  const token = await system.token({ userId: "ann" });
  for (const left of [2, 1, 0]) expect((await system.call("GET", "/v1/me", { token })).headers.get("ratelimit")).toBe(`"requests";r=${left};t=60`);
  const over = await system.call("GET", "/v1/me", { token });
  expect(over.body).toMatchObject({ code: "rate_limited", policy: "requests", retryAfterMs: 60_000 });
  expect((await system.call("GET", "/v1/me", { token: await system.token({ userId: "bob" }) })).status).toBe(200);
});

test("guards: requests: callers without a token are counted by address, and a listed proxy's by the address it names", async () => {
  const system = await testSystem({ limits: { requestsPerMinute: 1 }, proxies: ["10.0.0.1"] });
  const about = async (from: string, forwarded?: string) =>
    (await system.call("GET", "/v1/about", { from, headers: forwarded === undefined ? {} : { "X-Forwarded-For": forwarded } })).status;
  expect([await about("::ffff:9.9.9.9", "1.1.1.1"), await about("9.9.9.9", "1.1.1.2")]).toEqual([200, 429]);
  expect([await about("10.0.0.1", "6.6.6.6, 1.1.1.1"), await about("10.0.0.1", "7.7.7.7, 1.1.1.1"), await about("10.0.0.1", "1.1.1.2")]).toEqual([
    200, 429, 200,
  ]);
});

test("guards: requests: a bidder whose id looks like an address uses up nothing of that address", async () => {
  const system = await testSystem({ limits: { requestsPerMinute: 1 } });
  expect((await system.call("GET", "/v1/me", { token: await system.token({ userId: "9.9.9.9" }) })).status).toBe(200);
  expect((await system.call("GET", "/v1/about", { from: "9.9.9.9" })).status).toBe(200);
});

test("guards: origin: every answer of the API says that it depends on the page", async () => {
  const system = await testSystem({ origins: ["https://shop.example"] });
  for (const headers of [{}, { Origin: "https://shop.example" }, { Origin: "https://evil.example" }]) {
    expect((await system.call("GET", "/v1/about", { headers })).headers.get("vary")).toBe("Origin");
  }
});

test("guards: fault: an error of ours is `internal`, is logged with its request and tells nothing", async () => {
  const system = await testSystem();
  const auctionId = await createdAuction(system);
  system.engine.read = () => Promise.reject(new Error("the secret of the house"));
  const answer = await system.call("GET", `/v1/auctions/${auctionId}`);
  expect([answer.status, answer.body.code]).toEqual([500, "internal"]);
  expect(answer.text).not.toContain("secret");
  // `err` is the only name under which the log shows an error's text.
  expect(system.errors).toMatchObject([{ requestId: answer.body.requestId, err: { message: "the secret of the house" } }]);
});

test("guards: metrics: requests are counted by pattern, never by address", async () => {
  const system = await testSystem();
  const auctionId = await createdAuction(system);
  await system.call("GET", `/v1/auctions/${auctionId}`);
  await system.call("GET", "/v1/nothing/here");
  const figures = await system.metrics.text();
  expect(figures).toContain('fairwarning_gateway_http_requests_total{method="GET",route="/v1/auctions/:auctionId",status="200"} 1');
  expect(figures).toContain('route="none",status="404"} 1');
  expect(figures).not.toContain(auctionId);
});
