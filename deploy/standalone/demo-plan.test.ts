import { expect, test } from "vitest";
import { intentOf, makeBidder, type Sight, thinkMs } from "./demo-bidder.ts";
import { DEMO_LOTS } from "./demo-lots.ts";
import { demoAuction, missingDurations, RUNNING_MAX } from "./demo-plan.ts";

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

test("demo: first start: fourteen auctions, ends from three minutes to days", () => {
  const durations = missingDurations([], 0);
  expect(durations).toHaveLength(14);
  expect(Math.min(...durations)).toBe(3 * MINUTE);
  expect(Math.max(...durations)).toBeGreaterThanOrEqual(5 * DAY);
});

test("demo: upkeep: nothing is opened while every spread is filled", () => {
  expect(missingDurations(missingDurations([], 0), 14)).toEqual([]);
});

test("demo: upkeep: the next auction has the length of the one that ended", () => {
  const running = missingDurations([], 0).filter((left) => left !== 3 * MINUTE);
  const opened = missingDurations(running, 14);
  expect(opened).toHaveLength(1);
  expect(opened[0]).toBeLessThanOrEqual(15 * MINUTE);
});

test("demo: upkeep: never more than the page can show run at once", () => {
  const many = Array.from({ length: RUNNING_MAX - 1 }, () => MINUTE);
  expect(missingDurations(many, 0)).toHaveLength(1);
  expect(missingDurations([...many, MINUTE], 0)).toEqual([]);
});

test("demo: numbers: the same number is the same lot under the same key", () => {
  expect(demoAuction(5, MINUTE, 1_000)).toEqual(demoAuction(5, MINUTE, 1_000));
  expect(demoAuction(5, MINUTE, 1_000).key).toBe("demo-5");
});

test("demo: lots: every category has two, all four currencies occur, and buy-now prices obey the rule of 30 percent", () => {
  expect(new Set(DEMO_LOTS.map((lot) => lot.category)).size).toBe(14);
  expect(new Set(DEMO_LOTS.map((lot) => lot.currency))).toEqual(new Set(["USD", "GBP", "EUR", "JPY"]));
  const wrong = DEMO_LOTS.filter(
    (lot) => lot.buyNowMinor !== undefined && (lot.buyNowMinor * 100 < lot.openingMinor * 130 || lot.buyNowMinor < (lot.reserveMinor ?? 0)),
  );
  expect(wrong).toEqual([]);
  expect(DEMO_LOTS.filter((lot) => (lot.reserveMinor ?? lot.openingMinor) < lot.openingMinor)).toEqual([]);
});

const sight: Sight = { auctionId: "a", openingPriceMinor: 1_000, askingPriceMinor: 1_000, leading: false, remainingMs: 60_000, phase: "open", stale: false };

test("demo bidders: seed: the same seed bids the same", () => {
  const bids = () => {
    const bidder = makeBidder(7, 0);
    return Array.from({ length: 20 }, () => intentOf(bidder, sight));
  };
  expect(bids()).toEqual(bids());
  expect(bids().some((bid) => bid !== null)).toBe(true);
});

test("demo bidders: worth: nobody bids above what a lot is worth to them, and never below the asking price", () => {
  for (let number = 0; number < 20; number += 1) {
    const bidder = makeBidder(1, number);
    for (let asking = 1_000; asking < 8_000; asking += 50) {
      const bid = intentOf(bidder, { ...sight, askingPriceMinor: asking, remainingMs: 5_000 });
      if (bid === null) continue;
      expect(bid.amountMinor).toBeLessThanOrEqual(1_000 * bidder.worthOf("a"));
      expect(bid.amountMinor).toBeGreaterThanOrEqual(asking);
    }
  }
});

test.each([
  ["a stale price", { stale: true }],
  ["one's own lead", { leading: true }],
  ["a paused auction", { phase: "paused" }],
  ["an auction at its end", { remainingMs: 0 }],
  ["no asking price", { askingPriceMinor: null }],
])("demo bidders: restraint: %s is not bid on", (_what, part) => {
  const bidder = makeBidder(3, 0);
  expect(Array.from({ length: 50 }, () => intentOf(bidder, { ...sight, ...part })).filter((bid) => bid !== null)).toEqual([]);
});

test("demo bidders: sniper: it bids in the last seconds only", () => {
  const sniper = makeBidder(2, 3);
  expect(sniper.temper).toBe("sniper");
  expect(Array.from({ length: 50 }, () => intentOf(sniper, { ...sight, remainingMs: 30_000 })).every((bid) => bid === null)).toBe(true);
  expect(intentOf(sniper, { ...sight, remainingMs: 5_000 })).not.toBeNull();
});

test("demo bidders: pace: a look comes every few seconds, as a person's does", () => {
  for (let number = 0; number < 10; number += 1) {
    const pause = thinkMs(makeBidder(4, number), 60_000);
    expect(pause).toBeGreaterThanOrEqual(800);
    expect(pause).toBeLessThanOrEqual(60_000);
  }
});
