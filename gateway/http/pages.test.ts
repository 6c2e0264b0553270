// What is served beside the API: health, readiness, figures, the document, its page, error pages, the live page.
import { expect, test } from "vitest";
import { ERROR_CODES } from "../error-codes.ts";
import { testSystem } from "./test-system.ts";

const file = (name: string, content: string) => ({ name, bytes: Uint8Array.from(Buffer.from(content)) });
const PAGE = [file("index.html", "<!doctype html>"), file("app-0a1b2c3d.js", "start()"), file("app-0a1b2c3d.css", "body{}"), file("notes.xyz", "no")];
const AUCTION = "3a7c1f0e-6d0a-8a51-8f0e-2d4f8b9f6a10";

test("health: alive: it asks nothing else", async () => {
  const system = await testSystem();
  system.engine.linkUp = false;
  system.catalogue.faults.away = true;
  expect((await system.call("GET", "/health")).status).toBe(200);
});

test("health: ready: with placement, links and listeners; a catalogue that is away is shown and decides nothing", async () => {
  const system = await testSystem();
  system.catalogue.healthy = () => false;
  const answer = await system.call("GET", "/ready");
  expect(answer.status).toBe(200);
  expect(answer.body).toMatchObject({ ready: true, draining: false, mode: "single", guests: false });
  expect(answer.body.checks).toContainEqual({ name: "catalogue", ok: false, detail: expect.any(String) });
});

test.each(["placement", "link", "listeners", "draining"])("health: ready: without %s it is 503", async (missing) => {
  const system = await testSystem();
  if (missing === "placement") system.engine.statuses = [];
  if (missing === "link") system.engine.linkUp = false;
  if (missing === "listeners") system.listening = false;
  if (missing === "draining") system.draining = true;
  const answer = await system.call("GET", "/ready");
  expect([answer.status, answer.body.ready, answer.body.draining]).toEqual([503, false, missing === "draining"]);
});

test("metrics: names: those that are fixed, our own, and Node's", async () => {
  const system = await testSystem();
  await system.call("GET", "/health");
  const { text, headers } = await system.call("GET", "/metrics");
  expect(headers.get("content-type")).toContain("text/plain");
  for (const name of [
    "bid_placement_duration_seconds",
    "bid_attempts_total",
    "bid_failures_total",
    "websocket_disconnections_total",
    "fairwarning_build_info",
    "fairwarning_gateway_bids_in_flight",
    "fairwarning_gateway_bids_held",
    "fairwarning_gateway_link_up",
    "fairwarning_gateway_http_request_seconds",
    "fairwarning_gateway_refusals_total",
    "fairwarning_gateway_rate_limited_total",
    "fairwarning_gateway_answers_replayed_total",
    "fairwarning_gateway_update_age_seconds",
    "fairwarning_gateway_resumes_total",
    "nodejs_eventloop_lag_seconds",
    "nodejs_gc_duration_seconds",
  ]) {
    expect(text).toContain(`# TYPE ${name} `);
  }
  system.metrics.linkRoundTrip("127.0.0.1:7400", 0.3);
  const again = await system.call("GET", "/metrics");
  expect(again.text).toContain("# TYPE fairwarning_gateway_link_round_trip_seconds histogram");
  expect(again.text).toContain('fairwarning_gateway_link_round_trip_seconds_bucket{le="0.0005",node="127.0.0.1:7400"} 1');
  expect(text).toContain('fairwarning_gateway_link_up{node="127.0.0.1:7400"} 1');
  expect(text).toContain('le="0.0005"');
});

test("errors: every code of the catalogue has a page that says what to do", async () => {
  const system = await testSystem();
  for (const [code, entry] of Object.entries(ERROR_CODES)) {
    const page = await system.call("GET", `/errors/${code}`);
    expect([code, page.status, page.text.includes(entry.title)]).toEqual([code, 200, true]);
  }
  const page = await system.call("GET", "/errors/outcome_unknown");
  expect(page.text).toContain("may have had an effect");
  expect(page.headers.get("content-security-policy")).not.toContain("unsafe");
  for (const code of ["nothing", "toString", "__proto__"]) expect((await system.call("GET", `/errors/${code}`)).status).toBe(404);
});

test("page: live: one document for the list and each auction, with a policy that runs no script of others", async () => {
  const system = await testSystem({ page: PAGE });
  for (const path of ["/", `/auctions/${AUCTION}`]) {
    const page = await system.call("GET", path);
    expect([page.status, page.text]).toEqual([200, "<!doctype html>"]);
    const policy = page.headers.get("content-security-policy") ?? "";
    expect(policy).toContain("script-src 'self';");
    expect(policy).toContain("connect-src 'self' ws://localhost:3000");
    expect(policy).not.toContain("unsafe");
    expect(page.headers.get("cache-control")).toBe("no-cache");
  }
  expect((await system.call("GET", "/auctions/12")).status).toBe(404);
});

test("page: files: a hashed name is kept for a year, others are asked for again, unknown ones are not there", async () => {
  const system = await testSystem({ page: PAGE });
  const script = await system.call("GET", "/app-0a1b2c3d.js");
  expect(script.headers.get("cache-control")).toBe("public, max-age=31536000, immutable");
  expect(script.headers.get("content-type")).toBe("text/javascript; charset=utf-8");
  expect(script.headers.get("x-content-type-options")).toBe("nosniff");
  const page = await system.call("GET", "/");
  expect((await system.call("GET", "/", { headers: { "If-None-Match": page.headers.get("etag") ?? "" } })).status).toBe(304);
  expect((await system.call("GET", "/notes.xyz")).status).toBe(404);
});

test("page: not built: the API says where it is", async () => {
  const system = await testSystem();
  const answer = await system.call("GET", "/");
  expect([answer.status, answer.body.code]).toEqual([404, "not_found"]);
});

test("openapi: document: 3.1, lists /v1 alone, every operation with a name of its own and its refusals", async () => {
  const system = await testSystem();
  const { body, headers } = await system.call("GET", "/openapi.json");
  expect(headers.get("content-type")).toBe("application/json");
  expect(body.openapi).toBe("3.1.0");
  const paths = Object.entries(body.paths as object) as [string, Record<string, { operationId: string; responses: object }>][];
  expect(paths.map(([path]) => path).filter((path) => !path.startsWith("/v1/"))).toEqual([]);
  const operations = paths.flatMap(([, methods]) => Object.values(methods));
  expect(new Set(operations.map((operation) => operation.operationId)).size).toBe(operations.length);
  expect(operations.length).toBe(21);
  for (const operation of operations) expect(Object.keys(operation.responses)).toEqual(expect.arrayContaining(["400", "429", "500", "503"]));
});

test("openapi: page: it starts from files of this server", async () => {
  const system = await testSystem();
  const page = await system.call("GET", "/docs");
  expect(page.text).not.toMatch(/https?:\/\//);
  expect(page.text).toContain('src="/docs/initializer.js"');
  expect((await system.call("GET", "/docs/initializer.js")).text).toContain("/openapi.json");
});
