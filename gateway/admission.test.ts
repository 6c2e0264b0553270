import { expect, test } from "vitest";
import type { KeyDigest } from "../engine/core/command.ts";
import { ADMISSION_LIMITS, Admission, type AdmissionLimits } from "./admission.ts";
import type { Identity, Tier } from "./ports.ts";
import { TokenBucket } from "./token-bucket.ts";
import { Windows } from "./windows.ts";

const HOUR_MS = 3_600_000;

function identity(userId: string, tier: Tier = "free"): Identity {
  return { userId, name: null, tier, roles: ["bidder"], guest: false, expiresAt: 0 };
}

function digest(a: number): KeyDigest {
  return { a, b: 1, c: 2, d: 3 };
}

const A = "3a7c1f0e-6d0a-8a51-8f0e-2d4f8b9f6a10";
const B = "3a7c1f0e-6d0a-8a51-8f0e-2d4f8b9f6a11";
const NEW = digest(0);

/** Let pass, decided and settled. */
function decide(admission: Admission, bidder: Identity, auctionId: string, key: KeyDigest): void {
  expect(admission.bid(bidder, auctionId, key).allowed).toBe(true);
  admission.decided(bidder, auctionId, key);
  admission.settled(bidder);
}

function stage(limits: Partial<AdmissionLimits> = {}): { readonly admission: Admission; readonly clock: { now: number; monotonic(): number } } {
  const clock = { now: 0, monotonic: () => clock.now };
  return { admission: new Admission({ ...ADMISSION_LIMITS, ...limits }, clock), clock };
}

test.each<[Tier, number]>([
  ["free", 10],
  ["premium", 100],
  ["enterprise", 1_000],
])("limits: a %s bidder has %i decided bids an hour, from the first on", (tier, quota) => {
  const { admission, clock } = stage();
  const bidder = identity("u-1", tier);
  clock.now = 500;
  for (let n = 1; n <= quota; n += 1) decide(admission, bidder, A, digest(n));
  clock.now = 1_500;
  expect(admission.bid(bidder, A, NEW)).toEqual({ allowed: false, policy: "bids", retryAfterMs: HOUR_MS - 1_000 });
  expect(admission.bids(bidder)).toEqual({ policy: "bids", windowMs: HOUR_MS, quota, remaining: 0, resetMs: HOUR_MS - 1_000 });
  expect(admission.bid(identity("u-2", tier), A, NEW).allowed).toBe(true);
  clock.now = 500 + HOUR_MS;
  expect(admission.bid(bidder, A, NEW).allowed).toBe(true);
});

test("limits: refusals and repeats count nothing, and a repeat passes when nothing is left", () => {
  const { admission } = stage({ bidsPerHour: { free: 1, premium: 1, enterprise: 1 } });
  const bidder = identity("u-1");
  admission.bid(bidder, A, digest(1));
  admission.settled(bidder);
  expect(admission.bids(bidder).remaining).toBe(1);
  decide(admission, bidder, A, digest(1));
  expect(admission.bid(bidder, A, digest(1)).allowed).toBe(true);
  expect(admission.bid(bidder, A, digest(2)).allowed).toBe(false);
});

test("limits: a key is no repeat on another auction, nor is another key whose digest begins alike", () => {
  const { admission } = stage({ bidsPerHour: { free: 1, premium: 1, enterprise: 1 } });
  const bidder = identity("u-1");
  decide(admission, bidder, A, digest(1));
  expect(admission.bid(bidder, B, digest(1)).allowed).toBe(false);
  expect(admission.bid(bidder, A, { ...digest(1), b: 1 << 11 }).allowed).toBe(false);
  expect(admission.bid(identity("u-2"), B, digest(1)).allowed).toBe(true);
});

test("limits: bids that wait for their answer may use up what is left, until they have it", () => {
  const { admission } = stage({ bidsPerHour: { free: 3, premium: 3, enterprise: 3 } });
  const bidder = identity("u-1");
  for (let n = 1; n <= 3; n += 1) expect(admission.bid(bidder, A, digest(n)).allowed).toBe(true);
  expect(admission.bid(bidder, A, NEW)).toEqual({ allowed: false, policy: "bids", retryAfterMs: 100 });
  admission.settled(bidder);
  expect(admission.bid(bidder, A, NEW).allowed).toBe(true);
  for (let n = 0; n < 3; n += 1) admission.settled(bidder);
  expect(admission.biddersInFlight).toBe(0);
});

test("limits: an auction takes so many commands a second, from everybody together", () => {
  const { admission, clock } = stage({ auctionPerSecond: 2 });
  expect(admission.bid(identity("u-1"), A, NEW).allowed).toBe(true);
  expect(admission.bid(identity("u-2"), A, NEW).allowed).toBe(true);
  clock.now = 400;
  expect(admission.bid(identity("u-3"), A, NEW)).toEqual({ allowed: false, policy: "auction", retryAfterMs: 600 });
  expect(admission.bid(identity("u-3"), B, NEW).allowed).toBe(true);
  clock.now = 1_000;
  expect(admission.bid(identity("u-3"), A, NEW).allowed).toBe(true);
});

test("limits: requests, creates and logins are counted per caller; what is refused is not counted", () => {
  const { admission, clock } = stage({ loginsPerMinute: 2 });
  expect(admission.take("logins", "1.2.3.4")).toMatchObject({ allowed: true, standing: { remaining: 1, quota: 2, policy: "logins" } });
  expect(admission.take("logins", "1.2.3.4").allowed).toBe(true);
  expect(admission.take("logins", "1.2.3.4")).toMatchObject({ allowed: false, standing: { remaining: 0, resetMs: 60_000 } });
  expect(admission.take("logins", "1.2.3.5").allowed).toBe(true);
  expect(admission.requests("1.2.3.4").remaining).toBe(300);
  expect(admission.creates("s-1").remaining).toBe(60);
  clock.now = 60_000;
  expect(admission.take("logins", "1.2.3.4").allowed).toBe(true);
});

test("windows: a full table refuses strangers, lets the known on, and frees itself as windows end", () => {
  const windows = new Windows(1_000, 2);
  windows.count("a", 0, null);
  windows.count("b", 100, null);
  expect(windows.standing("c", 5, 200)).toEqual({ quota: 5, remaining: 0, resetMs: 800 });
  windows.count("c", 200, null);
  expect(windows.size).toBe(2);
  expect(windows.standing("a", 5, 200).remaining).toBe(4);
  expect(windows.standing("c", 5, 1_000)).toEqual({ quota: 5, remaining: 5, resetMs: 1_000 });
});

test("windows: marks are kept for their window, a thousand at most", () => {
  const windows = new Windows(1_000);
  for (let mark = 0; mark < 1_500; mark += 1) windows.count("a", 0, mark);
  expect([windows.knows("a", 999, 1), windows.knows("a", 1_000, 1), windows.knows("a", 999, 1_000), windows.knows("b", 1, 1)]).toEqual([
    true,
    false,
    false,
    false,
  ]);
});

test("rate: a burst, then one per interval, never more than the burst", () => {
  const bucket = new TokenBucket({ perSecond: 10, burst: 3 }, 0);
  expect([0, 0, 0, 0].map((now) => bucket.take(now))).toEqual([true, true, true, false]);
  expect(bucket.waitMs()).toBe(100);
  expect(bucket.take(100)).toBe(true);
  expect([10_000, 10_000, 10_000, 10_000].map((now) => bucket.take(now))).toEqual([true, true, true, false]);
});

test("rate: another rate keeps what is left, and a clock that stands still gives nothing", () => {
  const bucket = new TokenBucket({ perSecond: 1, burst: 2 }, 0);
  bucket.take(0);
  bucket.change({ perSecond: 1_000, burst: 100 });
  expect([bucket.take(0), bucket.take(0), bucket.take(1)]).toEqual([true, false, true]);
});
