import { expect, test } from "vitest";
import { connect } from "./client.ts";
import { AUCTION, answerFields, BID, begin, rowOf, ScriptedGateway, settled, snapshotFrame, stateFrame, updateFrame } from "./scripted-gateway.ts";

test("client: states: from idle to connected, and closed for good", async () => {
  const { gateway, client, states } = begin();
  await gateway.welcome();
  await client.close();
  await gateway.environment.pass(60_000);
  expect(states).toEqual(["idle", "connecting", "authenticating", "resuming", "connected", "closed"]);
  expect(gateway.sockets).toHaveLength(1);
  expect(gateway.socket.closed).toBe(true);
});

test("client: auth: a token is sent in the first frame and never in the address; without one the client watches only", async () => {
  const named = begin();
  await named.gateway.welcome();
  expect(named.gateway.socket.sent[0]).toEqual({ type: "auth", token: "t" });
  expect(named.gateway.socket.url).toBe("ws://gateway/v1/socket");
  const gateway = new ScriptedGateway();
  connect(gateway.options());
  await gateway.welcome();
  expect(gateway.socket.sent[0]).toEqual({ type: "auth", anonymous: true });
});

test("client: watching: many auctions go in one subscribe, and the client is connected once each is current", async () => {
  const { gateway, client } = begin();
  const watch = client.watch(AUCTION);
  client.watch("b");
  await gateway.welcome();
  expect(gateway.socket.count("subscribe")).toBe(1);
  expect(client.state).toBe("resuming");
  gateway.socket.say(snapshotFrame({ sequence: 10 }));
  expect(client.state).toBe("resuming");
  gateway.socket.say({ type: "subscribed", id: 1, results: [{ auctionId: "b", code: "no_such_auction" }] });
  expect(client.state).toBe("connected");
  expect(watch.view).toMatchObject({ currentPriceMinor: 10_000, stale: false, sequence: 10 });
});

test("client: reconnect: resumes with the last pair, and a view is old until it is current again", async () => {
  const { gateway, client } = begin();
  const watch = client.watch(AUCTION);
  await gateway.welcome();
  gateway.socket.say(snapshotFrame({ sequence: 10 }));
  gateway.socket.cut(1006);
  await gateway.environment.pass(100);
  expect([client.state, watch.view?.stale, watch.view?.ageMs()]).toEqual(["waiting", true, 100]);
  await gateway.environment.pass(100);
  await gateway.welcome();
  expect(gateway.socket.last("subscribe").auctions).toEqual([{ auctionId: AUCTION, epoch: 7, sequence: 10 }]);
  expect(watch.view?.stale).toBe(true);
  gateway.socket.say(updateFrame({ sequence: 10, previousSequence: 10 }, { resumed: true }));
  expect([client.state, watch.view?.stale, watch.view?.ageMs()]).toEqual(["connected", false, 0]);
});

test("client: new life of the log: pairs are forgotten, the view is replaced and a discontinuity told", async () => {
  const { gateway, client } = begin();
  const told: unknown[] = [];
  client.on("discontinuity", (what) => told.push(what));
  client.watch(AUCTION);
  await gateway.welcome();
  gateway.socket.say(snapshotFrame({ sequence: 10 }));
  gateway.socket.cut(1006);
  await gateway.environment.pass(500);
  await gateway.welcome({ lifeId: "life-2" });
  expect(gateway.socket.last("subscribe").auctions).toEqual([{ auctionId: AUCTION }]);
  gateway.socket.say(snapshotFrame({ sequence: 2 }, { why: "new_life" }));
  expect(told).toEqual([{ auctionId: AUCTION, why: "new_life" }]);
});

test("client: no socket to be had: auctions are read over HTTP, bids go over HTTP, and a socket ends it", async () => {
  const { gateway, client, states } = begin();
  const watch = client.watch(AUCTION);
  const auction = {
    auctionId: AUCTION,
    epoch: 7,
    sequence: 12,
    ...stateFrame({ currentPriceMinor: 11_000 }),
    extensions: { count: 0, totalMs: 0 },
    hammer: null,
  };
  gateway.http = ({ path }) => ({ status: 200, body: path.includes("/bids") ? { bids: [], next: null, sequence: 12 } : auction, headers: { etag: '"12-1"' } });
  for (let attempt = 1; attempt <= 2; attempt++) {
    await gateway.environment.pass(2_000);
    gateway.socket.cut(1006);
  }
  await gateway.environment.pass(0);
  expect(client.state).toBe("polling");
  expect(watch.view).toMatchObject({ currentPriceMinor: 11_000, stale: true });
  const { decidedAtMs: _, endsAtMs: __, ...fields } = answerFields() as Record<string, unknown>;
  gateway.http = ({ method }) => (method === "POST" ? { status: 201, body: fields } : { status: 304, body: null });
  expect((await client.placeBid(BID)).verdict).toBe("accepted");
  await gateway.environment.pass(2_000);
  expect(watch.view?.ageMs()).toBeLessThanOrEqual(2_000);
  expect(gateway.asked.filter((asked) => asked.method === "GET").at(-1)?.headers).toMatchObject({ "if-none-match": '"12-1"' });
  await gateway.welcome();
  gateway.socket.say(snapshotFrame({ sequence: 12 }));
  expect(states.slice(-3)).toEqual(["polling", "resuming", "connected"]);
});

test("client: neither socket nor HTTP: waiting, never polling, and the view grows old", async () => {
  const { gateway, client } = begin();
  const watch = client.watch(AUCTION);
  await gateway.welcome();
  gateway.socket.say(snapshotFrame({ sequence: 10 }));
  gateway.http = () => null;
  gateway.socket.cut(1006);
  await gateway.environment.pass(9_000);
  expect(client.state).not.toBe("polling");
  expect(watch.view?.ageMs()).toBe(9_000);
});

test("client: heartbeat: a ping without pong makes prices suspect after 3 s and loses the socket after 10 s", async () => {
  const { gateway, client } = begin();
  const watch = client.watch(AUCTION);
  await gateway.welcome();
  gateway.socket.say(snapshotFrame({ sequence: 10 }));
  await gateway.environment.pass(15_000);
  expect([gateway.socket.count("ping"), watch.view?.stale]).toEqual([1, false]);
  await gateway.environment.pass(3_001);
  expect(watch.view?.stale).toBe(true);
  await gateway.environment.pass(7_000);
  expect(["waiting", "connecting"]).toContain(client.state);
});

test("client: waking: pings at once, and a price from before the sleep is old until something is heard", async () => {
  const { gateway, client } = begin();
  const watch = client.watch(AUCTION);
  await gateway.welcome();
  gateway.socket.say(snapshotFrame({ sequence: 10 }));
  gateway.environment.nowMs += 3_600_000;
  gateway.environment.wake();
  expect([gateway.socket.count("ping"), watch.view?.stale]).toEqual([1, true]);
  const ping = gateway.socket.last("ping");
  gateway.socket.say({ type: "pong", clientTimeMs: ping.clientTimeMs, serverTimeMs: 5_000_000 });
  expect([client.state, watch.view?.stale]).toEqual(["connected", false]);
});

test("client: waking while waiting: the next attempt comes within the shortest delay", async () => {
  const { gateway } = begin({ fallback: "none" });
  gateway.environment.drawn = 0.99;
  for (let attempt = 0; attempt < 6; attempt++) {
    await gateway.environment.pass(15_000);
    gateway.socket.cut(1006);
  }
  const before = gateway.sockets.length;
  gateway.environment.wake();
  await gateway.environment.pass(250);
  expect(gateway.sockets.length).toBe(before + 1);
});

test("client: token by function: renewed before its expiry on the live socket, and fetched anew after close 4002", async () => {
  let given = 0;
  const { gateway } = begin({ token: () => Promise.resolve(`t${++given}`) });
  await gateway.welcome({ expiresAtMs: gateway.environment.nowMs + 3_600_000 });
  await gateway.environment.pass(1_000);
  gateway.socket.say({ type: "error", code: "token_expired", message: "soon", requestId: "r" });
  await settled();
  expect(gateway.socket.last("auth").token).toBe("t2");
  gateway.socket.cut(4002, "token_expired");
  await gateway.environment.pass(500);
  await gateway.welcome();
  expect(gateway.socket.last("auth").token).toBe("t3");
});

test("client: token as text: when it has run out the client has failed, as nobody can renew it", async () => {
  const { gateway, client } = begin();
  await gateway.welcome();
  gateway.socket.cut(4002, "token_expired");
  await gateway.environment.pass(1_000);
  expect(client.state).toBe("failed");
});

test("client: terminal close: failed, and no further attempt", async () => {
  const { gateway, client } = begin();
  await gateway.welcome();
  gateway.socket.cut(4500, "unauthenticated");
  await gateway.environment.pass(60_000);
  expect([client.state, gateway.sockets.length]).toEqual(["failed", 1]);
});

test("client: drain: leaves at once, comes back after the hint, and repeats what was in flight", async () => {
  const { gateway, client } = begin();
  await gateway.welcome();
  const answer = client.placeBid(BID);
  const { key } = gateway.socket.last("place_bid");
  gateway.socket.say({ type: "drain", retryAfterMs: 1_500, closeInMs: 10_000 });
  await gateway.environment.pass(1_499);
  expect(gateway.sockets).toHaveLength(1);
  await gateway.environment.pass(500);
  await gateway.welcome();
  const again = gateway.socket.last("place_bid");
  expect(again.key).toBe(key);
  gateway.socket.say({ type: "bid_answer", id: again.id, key, replayed: false, answer: answerFields() });
  await answer;
});

test("client: missing rows: read over HTTP, at most once in five seconds", async () => {
  const { gateway, client } = begin();
  const watch = client.watch(AUCTION);
  await gateway.welcome();
  gateway.socket.say(snapshotFrame({ sequence: 10 }));
  gateway.http = () => ({ status: 200, body: { bids: [11, 12, 13].map((sequence) => rowOf({ sequence })), next: null, sequence: 13 } });
  const reads = (): number => gateway.asked.filter((asked) => asked.path.includes("/bids")).length;
  gateway.socket.say(updateFrame({ sequence: 14, previousSequence: 10 }, { bidsOmitted: 3 }));
  await gateway.environment.pass(0);
  expect([reads(), watch.view?.bids.length, watch.view?.bidsMissing]).toEqual([1, 3, false]);
  gateway.socket.say(updateFrame({ sequence: 24, previousSequence: 14 }, { bidsOmitted: 3 }));
  gateway.socket.say(updateFrame({ sequence: 34, previousSequence: 24 }, { bidsOmitted: 3 }));
  await gateway.environment.pass(4_999);
  expect(reads()).toBe(1);
  await gateway.environment.pass(1);
  expect(reads()).toBe(2);
});

test("client: notices: told to the program whether the auction is watched or not", async () => {
  const { gateway, client } = begin();
  const told: unknown[] = [];
  client.on("outbid", (notice) => told.push(notice));
  await gateway.welcome();
  gateway.socket.say({
    type: "outbid",
    auctionId: AUCTION,
    epoch: 7,
    sequence: 11,
    serverTimeMs: 1,
    currentPriceMinor: 15_250,
    askingPriceMinor: 15_500,
    yourBidMinor: 15_000,
    endsAtMs: 2_000_000,
  });
  expect(told).toEqual([
    { auctionId: AUCTION, epoch: 7, sequence: 11, currentPriceMinor: 15_250, askingPriceMinor: 15_500, yourBidMinor: 15_000, endsAtMs: 2_000_000, why: null },
  ]);
});

test("client: bytes that are no frame: dropped, and the socket goes on", async () => {
  const { gateway, client } = begin();
  const watch = client.watch(AUCTION);
  await gateway.welcome();
  gateway.socket.onmessage?.({ data: "{" });
  for (const frame of [null, 7, { type: "later" }, { type: "snapshot", auctionId: AUCTION }, { type: "__proto__" }])
    gateway.socket.onmessage?.({ data: JSON.stringify(frame) });
  gateway.socket.say([snapshotFrame({ sequence: 10 })]);
  expect(watch.view?.sequence).toBe(10);
});

test("client: lists: pages are read only as far as they are asked for, filters along with the cursor", async () => {
  const { gateway, client } = begin();
  gateway.http = ({ path }) => ({
    status: 200,
    body: path.includes("cursor=2")
      ? { auctions: [{ auctionId: "c" }], next: null }
      : { auctions: [{ auctionId: "a" }, { auctionId: "b", endsAt: "1970-01-01T00:00:01.000Z" }], next: "2" },
  });
  const seen: unknown[] = [];
  for await (const auction of client.auctions.list({ phase: "open", limit: 2 })) seen.push(auction);
  expect(seen).toEqual([{ auctionId: "a" }, { auctionId: "b", endsAtMs: 1_000 }, { auctionId: "c" }]);
  expect(gateway.asked.filter((asked) => asked.path.startsWith("/v1/auctions")).map((asked) => asked.path)).toEqual([
    "/v1/auctions?phase=open&limit=2",
    "/v1/auctions?phase=open&limit=2&cursor=2",
  ]);
});

test("client: platform without WebSocket: said at once", () => {
  const gateway = new ScriptedGateway();
  const { webSocket: _, ...options } = gateway.options();
  expect(() => connect(options)).toThrow(/pass one as `webSocket`/);
});
