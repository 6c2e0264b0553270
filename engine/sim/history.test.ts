// Each rule of the history checker, on a handmade history with one fault.
import { expect, test } from "vitest";
import { type Decision, NO_EFFECTS } from "../core/decision.ts";
import { type Ask, type AskOutcome, checkHistory, type Placed } from "./history.ts";

const AUCTION = "00000000-0000-8000-8000-000000000001";

function ask(key: string, sentAt: number, outcome: AskOutcome, answeredAt: number | null = sentAt + 1): Ask {
  return { issuerId: "ann", auctionId: AUCTION, key, sentAt, answeredAt, outcome };
}

function answer(sequence: number, code = "leading", text = `answer ${sequence}`): AskOutcome {
  return { kind: "answer", verdict: code === "leading" ? "accepted" : "rejected", code, sequence, text };
}

function placed(key: string, lsn: number, code: "leading" | "ended" = "leading"): Placed {
  const command = {
    auctionId: AUCTION,
    role: "bidder",
    issuerId: "ann",
    key,
    keyDigest: null,
    fingerprint: null,
    body: { type: "place_bid", kind: "maximum", amount: 100, currency: "USD" },
  } as const;
  const verdict = code === "leading" ? "accepted" : "rejected";
  const decision: Decision = { auctionId: AUCTION, sequence: lsn, at: lsn, epoch: 1, command, verdict, code, effects: NO_EFFECTS };
  return { shard: 0, lsn, decision };
}

function violations(asks: readonly Ask[], log: readonly Placed[]): readonly string[] {
  return checkHistory(asks, log).violations;
}

test("history: answers that stand in the log in order are no violation", () => {
  expect(violations([ask("a", 0, answer(1)), ask("b", 5, answer(2)), ask("a", 9, answer(1))], [placed("a", 1), placed("b", 2)])).toEqual([]);
});

test("history: an answer that is not in the log is a lost decision", () => {
  expect(violations([ask("a", 0, answer(1))], [])).toEqual([expect.stringMatching(/^I6/)]);
});

test("history: an answer that differs from the log is a reversed decision", () => {
  expect(violations([ask("a", 0, answer(1, "ended"))], [placed("a", 1)])).toEqual([expect.stringMatching(/^I6/)]);
});

test("history: a key that is decided twice is a doubled decision", () => {
  expect(violations([ask("a", 0, answer(1))], [placed("a", 1), placed("a", 2)])).toContainEqual(expect.stringMatching(/^I9/));
});

test("history: a repeat with other bytes is a violation", () => {
  expect(violations([ask("a", 0, answer(1)), ask("a", 5, answer(1, "leading", "other"))], [placed("a", 1)])).toEqual([expect.stringMatching(/^I9/)]);
});

test("history: what was only refused must not be decided", () => {
  expect(violations([ask("a", 0, { kind: "refusal", code: "overloaded" })], [placed("a", 1)])).toEqual([expect.stringMatching(/^refusal/)]);
});

test("history: an unknown outcome may be decided or not", () => {
  expect(violations([ask("a", 0, { kind: "unknown" }, null)], [placed("a", 1)])).toEqual([]);
  expect(violations([ask("a", 0, { kind: "unknown" }, null)], [])).toEqual([]);
});

test("history: a command sent after an answer stands behind it in the log", () => {
  expect(violations([ask("a", 0, answer(2)), ask("b", 5, answer(1))], [placed("a", 2), placed("b", 1)])).toEqual([expect.stringMatching(/^I24/)]);
});
