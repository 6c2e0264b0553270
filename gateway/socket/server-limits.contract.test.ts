// The protocol over a real server and real sockets: what is refused, and which code a socket is closed with.
import { expect, onTestFinished, test } from "vitest";
import { WebSocket } from "ws";
import { JSON_PROTOCOL } from "./client-frames.ts";
import { trialAuctionId, trialBid, trialIdentity } from "./trial-engine.ts";
import { TRIAL_ORIGIN, Trial, type TrialOptions } from "./trial-server.ts";

const A = trialAuctionId(1);
const WIDE = { framesPerSecond: 10_000, framesBurst: 10_000 };

async function trial(options: TrialOptions = {}): Promise<Trial> {
  const stage = await new Trial().start(options);
  stage.engine.open(A);
  onTestFinished(async () => {
    await stage.stop();
    expect(stage.faults).toEqual([]);
  });
  return stage;
}

/** Status of the answer to an upgrade that is refused. */
function refusedWith(address: string, protocols: string[], options: object = {}): Promise<{ status: number | undefined; retryAfter: string | undefined }> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(address, protocols, options);
    socket.on("unexpected-response", (_request, response) => {
      resolve({ status: response.statusCode, retryAfter: response.headers["retry-after"] });
      response.destroy();
    });
    socket.on("open", () => reject(new Error("It was let in.")));
    socket.on("error", () => {});
  });
}

test("socket: an upgrade without a known sub-protocol is 400", async () => {
  const stage = await trial();
  expect((await refusedWith(stage.address, ["chat"])).status).toBe(400);
  expect((await refusedWith(stage.address, [])).status).toBe(400);
});

test("socket: a page of a foreign origin is 403, one of the list comes in, and a ticket needs an origin", async () => {
  const stage = await trial();
  expect((await refusedWith(stage.address, [JSON_PROTOCOL], { origin: "http://evil.example" })).status).toBe(403);
  expect((await refusedWith(`${stage.address}?ticket=x`, [JSON_PROTOCOL])).status).toBe(403);
  await stage.connect({ ws: { origin: TRIAL_ORIGIN } });
  const program = await stage.connect();
  program.send({ type: "auth", ticket: "ticket-1" });
  expect((await program.closed).code).toBe(4501);
});

test("socket: a token in the address is ignored", async () => {
  const stage = await trial();
  const client = await stage.connect({ query: "?token=u-1" });
  client.send(trialBid(A, 1, "k", 500));
  expect((await client.closed).code).toBe(4505);
});

test("socket: a gateway, an address and a bidder have as many sockets as they may", async () => {
  const stage = await trial({ limits: { socketsPerAddress: 4, connections: 5, socketsPerBidder: 2 } });
  await stage.signedIn("u-1");
  await stage.signedIn("u-1");
  const third = await stage.connect();
  third.send({ type: "auth", token: "u-1" });
  expect(await third.closed).toEqual({ code: 4504, reason: "too_many_sockets" });
  await stage.signedIn("u-2");
  await stage.signedIn("u-2");
  expect(await refusedWith(stage.address, [JSON_PROTOCOL])).toEqual({ status: 429, retryAfter: "5" });
  const full = await trial({ limits: { connections: 1 } });
  await full.connect();
  expect(await refusedWith(full.address, [JSON_PROTOCOL])).toEqual({ status: 503, retryAfter: "5" });
});

test("socket: one that does not sign in within 5 s is closed 4001", async () => {
  const stage = await trial();
  const client = await stage.connect();
  stage.time.advance(5_250);
  expect(await client.closed).toEqual({ code: 4001, reason: "auth_timeout" });
});

test("socket: a bad token is closed 4500; one that ran out is told and closed 4002", async () => {
  const stage = await trial();
  const bad = await stage.connect();
  bad.send({ type: "auth", id: 1, token: "bad" });
  expect((await bad.closed).code).toBe(4500);
  const old = await stage.connect();
  old.send({ type: "auth", id: 1, token: "old" });
  expect(await old.next("error")).toMatchObject({ id: 1, code: "token_expired" });
  expect((await old.closed).code).toBe(4002);
});

test("socket: a token that cannot be judged is a fault of ours: logged, closed 1011, and worth another try", async () => {
  const stage = await trial();
  const client = await stage.connect();
  client.send({ type: "auth", token: "unjudged" });
  expect((await client.closed).code).toBe(1011);
  expect(stage.faults.splice(0)).toMatchObject([{ message: "no keys" }]);
});

test("socket: a token that runs out is told a minute before, renewed or closed 4002", async () => {
  const stage = await trial({ limits: { idleMs: 10_000_000 } });
  const soon = { expiresAt: stage.time.now() + 90_000 };
  stage.identities.known.set("u-1", trialIdentity("u-1", soon));
  stage.identities.known.set("fresh", trialIdentity("u-1"));
  const renewing = await stage.signedIn("u-1");
  const forgetting = await stage.signedIn("u-1");
  stage.time.advance(30_250);
  await forgetting.next("error", (frame) => frame.code === "token_expired");
  await renewing.next("error", (frame) => frame.code === "token_expired");
  renewing.send({ type: "auth", id: 9, token: "fresh" });
  expect(await renewing.next("welcome")).toMatchObject({ id: 9, expiresAtMs: 1_795_431_600_000 });
  stage.time.advance(60_000);
  expect((await forgetting.closed).code).toBe(4002);
  await renewing.settled();
});

test("socket: another bidder's token on a live socket closes it", async () => {
  const stage = await trial();
  const client = await stage.signedIn("u-1");
  client.send({ type: "auth", token: "u-2" });
  expect((await client.closed).code).toBe(4505);
});

test("socket: three bad frames within a minute close 4502, each told before", async () => {
  const stage = await trial();
  const client = await stage.signedIn("u-1");
  client.socket.send("{");
  expect(await client.next("error")).toMatchObject({ code: "malformed_body" });
  client.send({ ...trialBid(A, 5, "k", 500), maximumMinor: 900 });
  expect(await client.next("error")).toMatchObject({ id: 5, code: "invalid_request", errors: [{ pointer: "/maximumMinor", code: "unknown" }] });
  client.send({ type: "place_bid", id: 6, auctionId: A, amountMinor: 500, currency: "USD" });
  expect(await client.next("error")).toMatchObject({ id: 6, code: "key_required" });
  expect(await client.closed).toEqual({ code: 4502, reason: "malformed" });
});

test("socket: a command over 1 KiB and a frame over 16 KiB close 4503; over 64 KiB the transport cuts", async () => {
  const stage = await trial();
  for (const [padding, code] of [
    [1_024, 4503],
    [17_000, 4503],
    [70_000, 1006],
  ] as const) {
    const client = await stage.signedIn("u-1");
    client.socket.send(`${JSON.stringify(trialBid(A, 1, "k", 500))}${" ".repeat(padding)}`);
    expect((await client.closed).code).toBe(code);
  }
});

test("socket: text on the binary protocol, and bytes on the text one, close 4505", async () => {
  const stage = await trial();
  const packed = await stage.signedIn("u-1", { packed: true });
  packed.socket.send("{}");
  expect((await packed.closed).code).toBe(4505);
  const text = await stage.signedIn("u-1");
  text.socket.send(Buffer.from("{}"));
  expect((await text.closed).code).toBe(4505);
});

test("socket: frames over the rate are refused with a hint, and after 3 s of it the socket is closed 4005", async () => {
  const stage = await trial({ limits: { framesBurst: 5, framesPerSecond: 1 } });
  const client = await stage.signedIn("u-1");
  const leave = (id: number) => ({ type: "unsubscribe", id, auctionIds: [A] });
  for (let id = 1; id <= 5; id += 1) client.send(leave(id));
  expect(await client.next("error")).toMatchObject({ id: 5, code: "rate_limited", retryAfterMs: 1_000 });
  for (let id = 10; id < 40; id += 10) {
    stage.time.advance(900);
    client.send(leave(id), leave(id + 1));
    await client.next("error", (frame) => frame.id === id + 1);
  }
  stage.time.advance(900);
  client.send(leave(50), leave(51));
  expect(await client.closed).toEqual({ code: 4005, reason: "rate_limited;retryAfterMs=3000" });
});

test("socket: an enterprise bidder's rate is its own", async () => {
  const stage = await trial({ limits: { framesBurst: 3, framesPerSecond: 1 } });
  stage.identities.known.set("u-1", trialIdentity("u-1", { tier: "enterprise" }));
  const client = await stage.signedIn("u-1");
  stage.time.advance(1_000);
  client.send(...Array.from({ length: 60 }, (_, n) => ({ type: "ping", clientTimeMs: n })));
  await client.next("pong", (frame) => frame.clientTimeMs === 59);
});

test("socket: more bids under way than allowed, an id that is taken, and too many subscriptions are refused", async () => {
  const stage = await trial({ limits: { ...WIDE, bidsInFlight: 2, subscriptions: 1 } });
  stage.engine.holdAnswers = true;
  const client = await stage.signedIn("u-1");
  client.send(trialBid(A, 1, "k1", 500), trialBid(A, 1, "k2", 600), trialBid(A, 2, "k2", 600), trialBid(A, 3, "k3", 700));
  expect(await client.next("error")).toMatchObject({ id: 1, code: "invalid_request", errors: [{ pointer: "/id", code: "taken" }] });
  expect(await client.next("error")).toMatchObject({ id: 3, code: "rate_limited" });
  client.send({ type: "subscribe", id: 4, auctions: [{ auctionId: A }, { auctionId: trialAuctionId(2) }] });
  expect(await client.next("error")).toMatchObject({ id: 4, code: "too_many_subscriptions" });
  stage.engine.answerAll();
  await client.next("bid_answer", (frame) => frame.id === 2);
});

test("socket: bids of a tier are counted as decided, and a repeat passes when nothing is left", async () => {
  const stage = await trial({ limits: WIDE, admission: { bidsPerHour: { free: 10, premium: 2, enterprise: 1_000 } } });
  const client = await stage.signedIn("u-1");
  client.send(trialBid(A, 1, "k1", 500), trialBid(A, 2, "k2", 50), trialBid(A, 3, "k3", 900), trialBid(A, 4, "k1", 500));
  expect(await client.next("error")).toMatchObject({ id: 3, code: "rate_limited", retryAfterMs: 3_600_000 });
  expect(await client.next("bid_answer", (frame) => frame.id === 4)).toMatchObject({ replayed: true });
  const second = await stage.connect();
  second.send({ type: "auth", token: "u-1" });
  expect((await second.next("welcome")).limits).toMatchObject({ bidsLeft: 0 });
});

test("socket: bids that wait count against the tier when their socket is gone, and as many as are left pass again when they have their answers", async () => {
  const stage = await trial({ admission: { bidsPerHour: { free: 2, premium: 2, enterprise: 2 } } });
  stage.engine.holdAnswers = true;
  const first = await stage.signedIn("u-1");
  first.send(trialBid(A, 1, "k1", 500), trialBid(A, 2, "k2", 600));
  await first.settled();
  first.socket.terminate();
  await first.closed;
  const second = await stage.signedIn("u-1");
  second.send(trialBid(A, 3, "k3", 700));
  expect(await second.next("error")).toMatchObject({ id: 3, code: "rate_limited", retryAfterMs: 100 });
  stage.engine.holdAnswers = false;
  stage.engine.answerAll();
  second.send(trialBid(A, 4, "k1", 500));
  expect(await second.next("bid_answer")).toMatchObject({ id: 4, replayed: true });
});

test("socket: more bids a second than an auction takes are refused with a hint", async () => {
  const stage = await trial({ limits: WIDE, admission: { auctionPerSecond: 2 } });
  const client = await stage.signedIn("u-1");
  client.send(trialBid(A, 1, "k1", 500), trialBid(A, 2, "k2", 900), trialBid(A, 3, "k3", 1_900));
  expect(await client.next("error")).toMatchObject({ id: 3, code: "rate_limited", retryAfterMs: 1_000 });
  stage.time.advance(1_000);
  client.send(trialBid(A, 3, "k3", 1_900));
  await client.next("bid_answer", (frame) => frame.id === 3);
});

test("socket: one that is silent for a minute is pinged, and closed 4000 if it does not answer", async () => {
  const stage = await trial();
  const alive = await stage.signedIn("u-1");
  const dead = await stage.connect({ ws: { autoPong: false } });
  dead.send({ type: "auth", token: "u-2" });
  await dead.next("welcome");
  const pinged = new Promise((resolve) => alive.socket.once("ping", resolve));
  stage.time.advance(25_250);
  await pinged;
  await alive.settled();
  stage.time.advance(35_000);
  expect(await dead.closed).toEqual({ code: 4000, reason: "idle" });
  await alive.settled();
});

test("socket: a revoked identity is closed for good", async () => {
  const stage = await trial();
  const client = await stage.signedIn("u-1");
  stage.server?.revoke("u-1");
  expect(await client.closed).toEqual({ code: 4506, reason: "revoked" });
});

test("socket: a caller behind a listed proxy is counted by its own address, and nobody else is believed about it", async () => {
  const forwarded = (address: string) => ({ ws: { headers: { "X-Forwarded-For": address } } });
  const believed = await trial({ limits: { socketsPerAddress: 1 }, proxies: ["127.0.0.1"] });
  await believed.connect(forwarded("6.6.6.6, 1.1.1.1"));
  await believed.connect(forwarded("1.1.1.2"));
  expect(await refusedWith(believed.address, [JSON_PROTOCOL], forwarded("7.7.7.7, 1.1.1.1").ws)).toMatchObject({ status: 429 });
  const unlisted = await trial({ limits: { socketsPerAddress: 1 } });
  await unlisted.connect(forwarded("1.1.1.1"));
  expect(await refusedWith(unlisted.address, [JSON_PROTOCOL], forwarded("1.1.1.2").ws)).toMatchObject({ status: 429 });
});

test("socket: bad tokens and spent tickets of one address are limited, good ones are not", async () => {
  const stage = await trial({ admission: { loginsPerMinute: 2 } });
  const page = { ws: { origin: TRIAL_ORIGIN } };
  const withToken = async (token: string) => {
    const client = await stage.connect();
    client.send({ type: "auth", token });
    return client;
  };
  expect((await (await withToken("bad")).closed).code).toBe(4500);
  expect((await (await stage.connect({ query: "?ticket=none", ...page })).closed).code).toBe(4007);
  expect(await (await withToken("bad")).closed).toEqual({ code: 4005, reason: "rate_limited;retryAfterMs=60000" });
  expect((await (await stage.connect({ query: "?ticket=none", ...page })).closed).code).toBe(4005);
  const again = await stage.connect(page);
  again.send({ type: "auth", ticket: "none" });
  expect((await again.closed).code).toBe(4005);
  await (await withToken("u-1")).next("welcome");
  expect(stage.metrics.counts.get("limited logins")).toBe(3);
});

test("socket: what is refused before it is a socket gets a problem document with a request id", async () => {
  const stage = await trial();
  const http = `http://127.0.0.1:${stage.server?.port}`;
  for (const [method, path, status, code] of [
    ["GET", "/v1/auctions", 404, "not_found"],
    ["POST", "/health", 405, "method_not_allowed"],
    ["GET", "/v1/socket", 404, "not_found"],
  ] as const) {
    const answer = await fetch(http + path, { method });
    expect([answer.status, answer.headers.get("content-type")]).toEqual([status, "application/problem+json"]);
    const body = (await answer.json()) as { code: string; status: number; requestId: string };
    expect(body).toMatchObject({ code, status, type: `/errors/${code}` });
    expect(body.requestId).toBe(answer.headers.get("x-request-id"));
  }
});

test("socket: the port answers health and readiness, and nothing else", async () => {
  const stage = await trial();
  const http = `http://127.0.0.1:${stage.server?.port}`;
  expect((await fetch(`${http}/health`)).status).toBe(200);
  expect((await fetch(`${http}/ready`)).status).toBe(200);
  expect((await fetch(`${http}/v1/auctions`)).status).toBe(404);
  await stage.server?.drain();
  expect((await fetch(`${http}/ready`)).status).toBe(503);
});

test("socket: a port that is taken is refused", async () => {
  const stage = await trial();
  await expect(new Trial().startOn(stage.server?.port ?? 0)).rejects.toThrow("the port is taken");
});
