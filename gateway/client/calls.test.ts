import { expect, test } from "vitest";
import { FairwarningError, OutcomeUnknown } from "./client.ts";
import { AUCTION, answerFields, BID, begin, settled } from "./scripted-gateway.ts";

test("client: bid: resolves for accepted and for rejected, with key, price and latency", async () => {
  const { gateway, client } = begin();
  await gateway.welcome();
  const accepted = client.placeBid(BID);
  const frame = gateway.socket.last("place_bid");
  await gateway.environment.pass(40);
  gateway.socket.say({ type: "bid_answer", id: frame.id, key: frame.key, replayed: false, answer: answerFields() });
  expect(await accepted).toMatchObject({ verdict: "accepted", code: "leading", key: frame.key, sequence: 1_882, latencyMs: 40 });
  const rejected = client.placeBid(BID);
  const second = gateway.socket.last("place_bid");
  gateway.socket.say({
    type: "bid_answer",
    id: second.id,
    key: second.key,
    replayed: false,
    answer: answerFields({ verdict: "rejected", code: "below_asking_price" }),
  });
  expect(await rejected).toMatchObject({ verdict: "rejected", code: "below_asking_price" });
  expect(second.key).not.toBe(frame.key);
});

test("client: bid in flight when the gateway dies: repeated under its key on the next socket", async () => {
  const { gateway, client } = begin();
  await gateway.welcome();
  const answer = client.placeBid(BID);
  const first = gateway.socket.last("place_bid");
  gateway.socket.cut(1006);
  await gateway.environment.pass(500);
  await gateway.welcome();
  const again = gateway.socket.last("place_bid");
  expect(again.key).toBe(first.key);
  gateway.socket.say({ type: "bid_answer", id: again.id, key: again.key, replayed: true, answer: answerFields() });
  expect(await answer).toMatchObject({ replayed: true, verdict: "accepted" });
});

test("client: refusal without effect: repeated under the key after the hint", async () => {
  const { gateway, client } = begin();
  await gateway.welcome();
  const answer = client.placeBid(BID);
  const first = gateway.socket.last("place_bid");
  gateway.socket.say({ type: "error", id: first.id, code: "auction_busy", message: "busy", retryAfterMs: 80, requestId: "r" });
  await gateway.environment.pass(79);
  expect(gateway.socket.count("place_bid")).toBe(1);
  await gateway.environment.pass(500);
  const again = gateway.socket.last("place_bid");
  expect([gateway.socket.count("place_bid"), again.key]).toEqual([2, first.key]);
  gateway.socket.say({ type: "bid_answer", id: again.id, key: again.key, replayed: false, answer: answerFields() });
  expect((await answer).verdict).toBe("accepted");
});

test("client: refusal that does not pass: thrown with code and page", async () => {
  const { gateway, client } = begin();
  await gateway.welcome();
  const answer = client.placeBid(BID).catch((error: unknown) => error);
  gateway.socket.say({ type: "error", id: gateway.socket.last("place_bid").id, code: "no_such_auction", message: "none", requestId: "r-1" });
  const error = await answer;
  expect(error).toBeInstanceOf(FairwarningError);
  expect(error).toMatchObject({ code: "no_such_auction", retriable: false, requestId: "r-1", docsUrl: "http://gateway/errors/no_such_auction" });
});

test("client: no answer by the deadline: the outcome is unknown, and asking again uses the same key", async () => {
  const { gateway, client } = begin();
  await gateway.welcome();
  const unknown = client.placeBid(BID, { deadlineMs: 1_000 }).catch((error: unknown) => error);
  const first = gateway.socket.last("place_bid");
  await gateway.environment.pass(1_000);
  const error = await unknown;
  if (!(error instanceof OutcomeUnknown)) throw new Error(`expected OutcomeUnknown, got ${String(error)}`);
  const answer = error.askAgain();
  const again = gateway.socket.last("place_bid");
  expect([again.key, error.key]).toEqual([first.key, first.key]);
  expect(again.id).not.toBe(first.id);
  gateway.socket.say({ type: "bid_answer", id: again.id, key: again.key, replayed: true, answer: answerFields() });
  expect((await answer).replayed).toBe(true);
});

test("client: doubt: a refusal after an unknown outcome does not make it known", async () => {
  const { gateway, client } = begin();
  await gateway.welcome();
  const unknown = client.placeBid(BID).catch((error: unknown) => error);
  gateway.socket.cut(1006);
  await gateway.environment.pass(500);
  await gateway.welcome();
  gateway.socket.say({ type: "error", id: gateway.socket.last("place_bid").id, code: "forbidden", message: "no", requestId: "r" });
  expect(await unknown).toBeInstanceOf(OutcomeUnknown);
});

test("client: never sent by the deadline: refused as not connected, which had no effect", async () => {
  const { gateway, client } = begin({ fallback: "none" });
  const refused = client.placeBid(BID, { deadlineMs: 500 }).catch((error: unknown) => error);
  await gateway.environment.pass(500);
  expect(await refused).toMatchObject({ code: "not_connected", retriable: true });
});

test("client: abort: a call already sent ends as unknown, one not sent as refused", async () => {
  const { gateway, client } = begin();
  await gateway.welcome();
  const stop = new AbortController();
  const sent = client.placeBid(BID, { signal: stop.signal }).catch((error: unknown) => error);
  stop.abort();
  expect(await sent).toBeInstanceOf(OutcomeUnknown);
  const unsent = await client.placeBid(BID, { signal: stop.signal }).catch((error: unknown) => error);
  expect(unsent).not.toBeInstanceOf(OutcomeUnknown);
  expect(gateway.socket.count("place_bid")).toBe(1);
});

test("client: bids in flight: never more than the gateway allows, the rest wait their turn", async () => {
  const { gateway, client } = begin();
  await gateway.welcome({ limits: { subscriptions: 500, bidsInFlight: 1 } });
  const both = Promise.all([client.placeBid(BID), client.placeBid(BID)]);
  expect(gateway.socket.count("place_bid")).toBe(1);
  for (let turn = 1; turn <= 2; turn++) {
    const frame = gateway.socket.last("place_bid");
    gateway.socket.say({ type: "bid_answer", id: frame.id, key: frame.key, replayed: false, answer: answerFields() });
    await settled();
  }
  expect(await both).toHaveLength(2);
});

test("client: over HTTP: the same call, key in the header, a rejection resolved and a refusal thrown", async () => {
  const { gateway, client } = begin();
  await gateway.welcome();
  const { decidedAtMs: _, endsAtMs: __, ...fields } = answerFields() as Record<string, unknown>;
  const body = { ...fields, decidedAt: "2026-11-23T10:00:00.123Z", endsAt: "2026-11-23T10:05:00.000Z" };
  gateway.http = () => ({ status: 201, body, headers: { "idempotency-replayed": "true" } });
  expect(await client.placeBid({ ...BID, key: "k" }, { via: "http" })).toMatchObject({
    verdict: "accepted",
    replayed: true,
    decidedAtMs: Date.UTC(2026, 10, 23, 10, 0, 0, 123),
  });
  expect(gateway.asked.at(-1)).toMatchObject({ method: "POST", path: `/v1/auctions/${AUCTION}/bids`, body: { amountMinor: 15_000, currency: "USD" } });
  expect(gateway.asked.at(-1)?.headers).toMatchObject({ "idempotency-key": "k", authorization: "Bearer t" });
  gateway.http = () => ({ status: 422, body: { ...body, verdict: "rejected", code: "ended", type: "/errors/ended" } });
  expect(await client.placeBid(BID, { via: "http" })).toMatchObject({ verdict: "rejected", code: "ended" });
  gateway.http = () => ({ status: 403, body: { code: "forbidden", detail: "Role missing." } });
  await expect(client.placeBid(BID, { via: "http" })).rejects.toMatchObject({ code: "forbidden", httpStatus: 403, message: "Role missing." });
});
