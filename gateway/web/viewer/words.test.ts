import { expect, test } from "vitest";
import type { BidAnswer, SoftClose } from "../../client/client.ts";
import { answerText, notTakenBackText, refusalText, retractionText, rulesText, timeLeftSpoken, timeLeftText } from "./words.ts";

test.each([
  [1, "0:01"],
  [59_001, "1:00"],
  [245_000, "4:05"],
  [3_600_000, "1 h 0 min"],
  [90_000_000, "1 day 1 h"],
  [180_000_000, "2 days 2 h"],
])("words: %i ms left is %s, without tenths of a second", (ms, text) => {
  expect(timeLeftText(ms)).toBe(text);
});

test("words: spoken time names its units", () => {
  expect(timeLeftSpoken(61_000)).toBe("1 minute 1 second");
  expect(timeLeftSpoken(7_200_000)).toBe("2 hours");
});

const SOFT_CLOSE: SoftClose = {
  windowMs: 120_000,
  amountMs: 120_000,
  base: "bid",
  trigger: { on: "accepted_bid", rank: 1 },
  scope: "lot",
  cap: { count: 5, totalMs: null, hardStop: null },
};

test("words: rules: the soft close and the reserve in one line", () => {
  expect(rulesText(SOFT_CLOSE, false)).toBe("A bid in the last 2 minutes extends the auction to 2 minutes, at most 5 times. The reserve is not met.");
  expect(rulesText({ ...SOFT_CLOSE, base: "end", amountMs: 30_000, cap: { count: null, totalMs: 600_000, hardStop: null } }, null)).toBe(
    "A bid in the last 2 minutes extends the auction by 30 seconds, 10 minutes in all. No reserve.",
  );
  expect(rulesText(null, true)).toBe("The end stands: no bid extends this auction. The reserve is met.");
});

const bid = { amountMinor: 10_400, currency: "USD", purchase: false };
const answer: BidAnswer = {
  verdict: "accepted",
  code: "leading",
  key: "k",
  replayed: false,
  latencyMs: 1,
  auctionId: "a",
  sequence: 1,
  epoch: 1,
  decidedAtMs: 1,
  standing: "leading",
  currentPriceMinor: 10_250,
  askingPriceMinor: 10_500,
  reserveMet: null,
  endsAtMs: 2,
};

test("words: answers: what happened and what it means", () => {
  expect(answerText(answer, bid)).toMatchObject({ tone: "lead", text: expect.stringMatching(/^You lead at .*102.50\. Your maximum is .*104.00\.$/) });
  expect(answerText({ ...answer, code: "outbid", standing: "outbid" }, bid)).toMatchObject({
    tone: "outbid",
    text: expect.stringContaining("a rival's maximum is higher"),
  });
  expect(answerText({ ...answer, verdict: "rejected", code: "below_asking_price" }, bid).text).toMatch(
    /^Your bid of .*104.00 is below the asking price of .*105.00\.$/,
  );
});

test("words: refusals: they say that no bid was placed, and when to try again", () => {
  expect(refusalText("rate_limited", 90_000)).toContain("Try again in 90 seconds. No bid was placed.");
  expect(refusalText("shard_unowned", undefined)).toContain("No bid was placed");
});

test("words: retraction: the price it leaves, or why it was not taken", () => {
  expect(retractionText({ ...answer, code: "ok", standing: null }, "USD").text).toMatch(/^Taken back\. The price is now .*102\.50\.$/);
  expect(retractionText({ ...answer, code: "ok", standing: null, currentPriceMinor: null }, "USD").text).toBe("Taken back. There is no bid on this lot now.");
  expect(retractionText({ ...answer, verdict: "rejected", code: "too_late_to_retract" }, "USD").text).toBe("It is too late to take this bid back.");
  expect(notTakenBackText(1_200)).toBe("The auction could not be asked, so your bid stands. Try again in 2 seconds.");
});

test("words: rules: one minute is the last minute", () => {
  expect(rulesText({ ...SOFT_CLOSE, windowMs: 60_000 }, null)).toMatch(/^A bid in the last minute extends/);
});
