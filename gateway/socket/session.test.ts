import { expect, test } from "vitest";
import type { Identity } from "../ports.ts";
import type { ServerFrame } from "./client-frames.ts";
import type { BidRequest } from "./frame-check.ts";
import { MALFORMED } from "./frame-decode.ts";
import { SOCKET_LIMITS, type SocketLimits } from "./limits.ts";
import { Session, type SessionPorts } from "./session.ts";
import { trialAuctionId, trialBid, trialIdentity } from "./trial-engine.ts";

const A = trialAuctionId(1);
const ANONYMOUS = { type: "auth", anonymous: true };
const WALL = 1_795_428_000_000;
const NOW = 0;

/** A session whose ports write down what it does. */
class Stage implements SessionPorts {
  readonly did: string[] = [];
  readonly told: ServerFrame[] = [];
  readonly bids: BidRequest[] = [];
  wall = WALL;
  roomForSockets = true;
  subscribeRefusal: "too_many_subscriptions" | "rate_limited" | null = null;
  tickets = new Map<string, Identity>();
  readonly session: Session;

  constructor(limits: Partial<SocketLimits> = {}, hasOrigin = true) {
    this.session = new Session(this, { limits: { ...SOCKET_LIMITS, ...limits }, sessionId: "s-1", hasOrigin, openedAt: NOW });
  }

  send(value: unknown, now = NOW, bytes = 200): void {
    this.session.message(value, bytes, now);
  }

  get last(): ServerFrame | undefined {
    return this.told.at(-1);
  }

  tell(frame: ServerFrame): void {
    this.told.push(frame);
    this.did.push(frame.type === "error" ? `error ${frame.code}` : frame.type);
  }

  close(name: string, retryAfterMs: number): void {
    this.did.push(retryAfterMs > 0 ? `close ${name} ${retryAfterMs}` : `close ${name}`);
  }

  verify(token: string): void {
    this.did.push(`verify ${token}`);
  }

  spendTicket(ticket: string): Identity | null {
    const identity = this.tickets.get(ticket) ?? null;
    this.tickets.delete(ticket);
    return identity;
  }

  admit(): boolean {
    return this.roomForSockets;
  }

  became(identity: Identity | null): void {
    this.did.push(`became ${identity?.userId ?? "anonymous"}`);
  }

  subscribe(): "too_many_subscriptions" | "rate_limited" | null {
    if (this.subscribeRefusal === null) this.did.push("subscribe");
    return this.subscribeRefusal;
  }

  unsubscribe(auctionIds: readonly string[]): void {
    this.did.push(`unsubscribe ${auctionIds.length}`);
  }

  bid(_identity: Identity, request: BidRequest): void {
    this.bids.push(request);
    this.did.push(`bid ${request.id}`);
  }

  ping(): void {
    this.did.push("ping");
  }

  countRefusal(): void {}

  countLimited(policy: string): void {
    this.did.push(`limited ${policy}`);
  }

  facts(): { lifeId: string; bidsLeft: null; version: string } {
    return { lifeId: "life", bidsLeft: null, version: "1" };
  }

  now(): number {
    return this.wall;
  }

  newId(): string {
    return "r-1";
  }
}

function live(limits: Partial<SocketLimits> = {}, identity: Identity = trialIdentity("u-1")): Stage {
  const stage = new Stage(limits);
  stage.send({ type: "auth", id: 1, token: "t" });
  stage.session.verified(identity, NOW);
  stage.did.length = 0;
  return stage;
}

test("session: a token is checked, then the client is welcomed", () => {
  const stage = new Stage();
  stage.send({ type: "auth", id: 1, token: "t" });
  expect(stage.did).toEqual(["verify t"]);
  stage.session.verified(trialIdentity("u-1"), NOW);
  expect(stage.did).toEqual(["verify t", "became u-1", "welcome"]);
  expect(stage.last).toMatchObject({ id: 1, sessionId: "s-1", lifeId: "life", you: { userId: "u-1" } });
});

test("session: frames behind an auth wait for the verdict, in order", () => {
  const stage = new Stage();
  stage.send([{ type: "auth", token: "t" }, { type: "subscribe", id: 2, auctions: [{ auctionId: A }] }, trialBid(A, 3, "k", 500)]);
  expect(stage.did).toEqual(["verify t"]);
  stage.session.verified(trialIdentity("u-1"), NOW);
  expect(stage.did.slice(1)).toEqual(["became u-1", "welcome", "subscribe", "bid 3"]);
});

test("session: more frames than one batch behind an unchecked token close it", () => {
  const stage = new Stage({ verifyingFramesMax: 2 });
  stage.send([{ type: "auth", token: "t" }, trialBid(A, 1, "k1", 500), trialBid(A, 2, "k2", 500), trialBid(A, 3, "k3", 500)]);
  expect(stage.did).toEqual(["verify t", "close rate_limited 3000"]);
});

test.each<[string, object]>([
  ["a bid", trialBid(A, 1, "k", 500)],
  ["a ping", { type: "ping", clientTimeMs: 1 }],
])("session: %s as the first frame closes it", (_name, frame) => {
  const stage = new Stage();
  stage.send(frame);
  expect(stage.did).toEqual(["close protocol_violation"]);
});

test("session: nothing happens after a close", () => {
  const stage = new Stage();
  stage.send(trialBid(A, 1, "k", 500));
  stage.send(ANONYMOUS);
  stage.session.verified(trialIdentity("u-1"), NOW);
  stage.session.sweep(1_000_000);
  expect(stage.did).toEqual(["close protocol_violation"]);
});

test("session: one that does not sign in, or whose token is not judged, within 5 s is closed", () => {
  const silent = new Stage();
  silent.session.sweep(4_999);
  silent.session.sweep(5_000);
  expect(silent.did).toEqual(["close auth_timeout"]);
  const unjudged = new Stage();
  unjudged.send({ type: "auth", token: "t" }, 4_000);
  unjudged.session.sweep(8_999);
  unjudged.session.sweep(9_000);
  expect(unjudged.did).toEqual(["verify t", "close auth_timeout"]);
});

test("session: an anonymous viewer watches, cannot bid, and may be forbidden", () => {
  const stage = new Stage();
  stage.send([ANONYMOUS, { type: "subscribe", id: 2, auctions: [{ auctionId: A }] }, trialBid(A, 3, "k", 500)]);
  expect(stage.did).toEqual(["became anonymous", "welcome", "subscribe", "error forbidden"]);
  const closed = new Stage({ anonymousViewers: false });
  closed.send(ANONYMOUS);
  expect(closed.did).toEqual(["close forbidden"]);
});

test("session: an anonymous viewer who signs in is the bidder for what it sends next", () => {
  const stage = new Stage();
  stage.send([ANONYMOUS, { type: "auth", token: "t" }, trialBid(A, 3, "k", 500)], 100_000);
  expect(stage.did).toEqual(["became anonymous", "welcome", "verify t"]);
  stage.session.sweep(100_001);
  stage.session.verified(trialIdentity("u-1"), 100_002);
  expect(stage.did.slice(3)).toEqual(["became u-1", "welcome", "bid 3"]);
});

test("session: bids go on while a token is being renewed, and a second renewal waits", () => {
  const stage = live();
  stage.send({ type: "auth", id: 5, token: "t2" });
  stage.send(trialBid(A, 3, "k", 500));
  stage.send({ type: "auth", id: 6, token: "t3" });
  expect(stage.did).toEqual(["verify t2", "bid 3", "error rate_limited"]);
  stage.session.verified(trialIdentity("u-1", { expiresAt: WALL + 10 }), NOW);
  expect(stage.last).toMatchObject({ type: "welcome", id: 5, expiresAtMs: WALL + 10 });
});

test("session: another bidder's token, or a bad one, closes a live socket", () => {
  for (const [verdict, close] of [
    [trialIdentity("u-2"), "close protocol_violation"],
    ["unauthenticated", "close unauthenticated"],
  ] as const) {
    const stage = live();
    stage.send({ type: "auth", token: "t2" });
    stage.session.verified(verdict, NOW);
    expect(stage.did.at(-1)).toBe(close);
  }
});

test("session: a ticket opens once, of a page only", () => {
  const stage = new Stage();
  stage.tickets.set("x", trialIdentity("u-1"));
  stage.send({ type: "auth", ticket: "x" });
  expect(stage.did).toEqual(["became u-1", "welcome"]);
  const spent = new Stage();
  spent.send({ type: "auth", ticket: "x" });
  expect(spent.did).toEqual(["close ticket_spent"]);
  const program = new Stage({}, false);
  program.send({ type: "auth", ticket: "x" });
  expect(program.did).toEqual(["close forbidden"]);
  const address = new Stage();
  address.session.openedWithTicket(null);
  expect(address.did).toEqual(["close ticket_spent"]);
});

test("session: a bidder with too many sockets is closed", () => {
  const stage = new Stage();
  stage.roomForSockets = false;
  stage.send({ type: "auth", token: "t" });
  stage.session.verified(trialIdentity("u-1"), NOW);
  expect(stage.did.at(-1)).toBe("close too_many_sockets");
});

test("session: a bid is held against the token at its arrival", () => {
  const stage = live({}, trialIdentity("u-1", { expiresAt: WALL + 1_000 }));
  stage.wall = WALL + 1_000;
  stage.send(trialBid(A, 3, "k", 500));
  expect(stage.did).toEqual(["error token_expired", "close token_expired"]);
});

test("session: bids under way are counted until they are settled", () => {
  const stage = live({ bidsInFlight: 2 });
  stage.send([trialBid(A, 1, "k1", 500), trialBid(A, 2, "k2", 500), trialBid(A, 3, "k3", 500)]);
  stage.session.settled(1);
  stage.send([trialBid(A, 2, "k4", 500), trialBid(A, 4, "k4", 500)]);
  expect(stage.did).toEqual(["bid 1", "bid 2", "limited in_flight", "error rate_limited", "error invalid_request", "bid 4"]);
});

test.each<[string, unknown, number, string]>([
  ["a command of 1,025 bytes", trialBid(A, 1, "k", 500), 1_025, "close frame_too_large"],
  ["a batch of 1,025 bytes", [trialBid(A, 1, "k", 500)], 1_025, "bid 1"],
  ["a message of 16,385 bytes", null, 16_385, "close frame_too_large"],
  ["no frame at all", MALFORMED, 10, "error malformed_body"],
  ["an empty batch", [], 2, "error invalid_request"],
  ["a batch of 65", Array.from({ length: 65 }, (_, n) => trialBid(A, n + 1, `k${n}`, 500)), 10_000, "error invalid_request"],
])("session: %s", (_name, value, bytes, first) => {
  const stage = live();
  stage.send(value, NOW, bytes);
  expect(stage.did[0]).toBe(first);
});

test("session: one bad frame of a batch does not stop the others", () => {
  const stage = live();
  stage.send([trialBid(A, 1, "k1", 500), { type: "nonsense" }, trialBid(A, 2, "k2", 500)]);
  expect(stage.did).toEqual(["bid 1", "error invalid_request", "bid 2"]);
});

test("session: the third bad frame within a minute closes it, older ones are forgotten", () => {
  const stage = live();
  for (const now of [0, 1, 60_001]) stage.send(MALFORMED, now);
  expect(stage.did).toEqual(["error malformed_body", "error malformed_body", "error malformed_body"]);
  stage.send(MALFORMED, 60_002);
  expect(stage.session.closed).toBe(false);
  stage.send(MALFORMED, 60_003);
  expect(stage.did.at(-1)).toBe("close malformed");
});

test("session: each frame of a batch and each protocol ping counts against the rate", () => {
  const stage = live({ framesBurst: 5, framesPerSecond: 1 });
  stage.send([trialBid(A, 1, "k1", 500), trialBid(A, 2, "k2", 500)]);
  stage.session.heard(NOW, true);
  stage.session.heard(NOW, true);
  expect(stage.did).toEqual(["bid 1", "bid 2"]);
  stage.send(trialBid(A, 3, "k3", 500));
  expect(stage.did.slice(2)).toEqual(["limited frames", "error rate_limited"]);
  expect(stage.last).toMatchObject({ id: 3, auctionId: A, retryAfterMs: 1_000 });
});

test("session: a pause ends a stretch of excess, 3 s of it close the socket", () => {
  const stage = live({ framesBurst: 1, framesPerSecond: 0.001 });
  for (const now of [0, 900, 3_000, 3_900, 4_800, 5_700]) stage.send({ type: "ping", clientTimeMs: 1 }, now);
  expect(stage.session.closed).toBe(false);
  stage.send({ type: "ping", clientTimeMs: 1 }, 6_000);
  expect(stage.did.at(-1)).toBe("close rate_limited 3000");
});

test("session: renewing a token does not refill the rate", () => {
  const stage = live({ framesBurst: 3, framesPerSecond: 0.001 });
  for (let n = 0; n < 4; n += 1) stage.send(ANONYMOUS);
  expect(stage.did.filter((did) => did === "error rate_limited")).toHaveLength(2);
});

test("session: too many subscriptions are refused, leaving is answered, a ping is answered with the wall clock", () => {
  const stage = live();
  stage.subscribeRefusal = "too_many_subscriptions";
  stage.send({ type: "subscribe", id: 2, auctions: [{ auctionId: A }] });
  stage.send({ type: "unsubscribe", id: 3, auctionIds: [A] });
  stage.send({ type: "ping", clientTimeMs: 7 });
  expect(stage.did).toEqual(["error too_many_subscriptions", "unsubscribe 1", "unsubscribed", "pong"]);
  expect(stage.last).toEqual({ type: "pong", clientTimeMs: 7, serverTimeMs: WALL });
});

test("session: a silent socket is pinged every 15 s from 25 s on, and closed after 60 s", () => {
  const stage = live();
  for (let now = 0; now <= 60_000; now += 250) stage.session.sweep(now);
  expect(stage.did).toEqual(["ping", "ping", "ping", "close idle"]);
});

test("session: a token that runs out is told once a minute before, then closes the socket", () => {
  const stage = live({ idleMs: 10_000_000, silentPingMs: 10_000_000 }, trialIdentity("u-1", { expiresAt: WALL + 100_000 }));
  for (const past of [39_999, 40_000, 50_000, 99_999, 100_000]) {
    stage.wall = WALL + past;
    stage.session.sweep(past);
  }
  expect(stage.did).toEqual(["error token_expired", "close token_expired"]);
});

test("session: text on the binary protocol closes it", () => {
  const stage = live();
  stage.session.wrongKind();
  expect(stage.did).toEqual(["close protocol_violation"]);
});
