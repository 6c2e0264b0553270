// The check that a run must pass: a handmade history with one fault each, and the check must name it.
import { expect, test } from "vitest";
import { type Decision, NO_EFFECTS } from "../engine/core/decision.ts";
import type { AnswerRow } from "./answers.ts";
import { amountOf, KEY_PREFIX } from "./bid-frame.ts";
import { AnswerCheck, type CheckResult } from "./check.ts";

const AUCTIONS = ["3a7c1f0e-6d0a-8a51-8f0e-2d4f8b9f6a10", "0017f0e0-6d0a-8a51-8f0e-2d4f8b9f6a10"];

function decision(n: number, auction: number, sequence: number, price: number | null): Decision {
  return {
    auctionId: AUCTIONS[auction] as string,
    sequence,
    at: 1_795_428_000_000,
    epoch: 1,
    command: {
      auctionId: AUCTIONS[auction] as string,
      role: "bidder",
      issuerId: "bidder-1",
      key: `${KEY_PREFIX}${String(n).padStart(12, "0")}`,
      keyDigest: null,
      fingerprint: null,
      body: { type: "place_bid", kind: "maximum", amount: amountOf(n), currency: "USD" },
    },
    verdict: price === null ? "rejected" : "accepted",
    code: price === null ? "below_asking_price" : "leading",
    effects: price === null ? NO_EFFECTS : { ...NO_EFFECTS, standing: { price, leader: "bidder-1", reserveMet: null } },
  };
}

function row(n: number, auction: number, sequence: number, price: number, accepted = true): AnswerRow {
  return { n, auction, sequence, accepted, price };
}

// Two auctions: bids 0, 2 and 3 on the first, the last of them rejected; bid 1 on the second. Bid 4 was sent and not answered.
const TOLD = [row(0, 0, 1, 100), row(1, 1, 1, 100), row(2, 0, 2, 120), row(3, 0, 3, 120, false)];
const LOGGED = [decision(0, 0, 1, 100), decision(2, 0, 2, 120), decision(3, 0, 3, null), decision(1, 1, 1, 100), decision(4, 1, 2, 130)];

function judged(told: readonly AnswerRow[], logged: readonly Decision[]): CheckResult {
  const check = new AnswerCheck({ auctions: AUCTIONS, sent: 5 });
  for (const each of told) check.told(each);
  for (const each of logged) check.decided(each);
  return check.result();
}

test("check: sound run: every answer is found, and a decision whose answer was on its way is no fault", () => {
  expect(judged(TOLD, LOGGED)).toEqual({
    ok: true,
    acknowledged: 4,
    logged: 5,
    missing: 0,
    doubled: 0,
    different: 0,
    strangers: 0,
    outOfOrder: 0,
    fault: null,
  });
});

test("check: lost decision: whichever acknowledged one is dropped from the log, the run fails", () => {
  for (const { n } of TOLD) {
    const result = judged(
      TOLD,
      LOGGED.filter((each) => each.command.key !== decision(n, 0, 1, 1).command.key),
    );
    expect(result.ok).toBe(false);
    expect(result.missing).toBe(1);
  }
});

const FAULTS: readonly (readonly [string, readonly AnswerRow[], readonly Decision[], keyof CheckResult])[] = [
  ["the last decision of an auction is lost", TOLD, LOGGED.filter((_, at) => at !== 2), "missing"],
  ["a decision is in the log twice", TOLD, [...LOGGED, decision(1, 1, 3, 130)], "doubled"],
  ["a bid was answered twice", [...TOLD, row(1, 1, 1, 100)], LOGGED, "doubled"],
  ["another price was told", [...TOLD.slice(1), row(0, 0, 1, 101)], LOGGED, "different"],
  ["another sequence was told", [...TOLD.slice(1), row(0, 0, 4, 100)], LOGGED, "different"],
  ["another auction was told", [...TOLD.slice(1), row(0, 1, 1, 100)], LOGGED, "different"],
  ["accepted was told of a rejected bid", [...TOLD.slice(0, 3), row(3, 0, 3, 120)], LOGGED, "different"],
  ["a bid is in the log that nobody sent", TOLD, [...LOGGED, decision(5, 1, 3, 140)], "strangers"],
  ["an answer came to a bid that nobody sent", [...TOLD, row(9, 0, 4, 140)], LOGGED, "strangers"],
  ["the price of an auction falls", TOLD.slice(0, 3), [...LOGGED, decision(3, 1, 3, 129)].filter((_, at) => at !== 2), "outOfOrder"],
  ["a sequence is left out", TOLD.slice(0, 2), [decision(0, 0, 1, 100), decision(1, 1, 1, 100), decision(2, 0, 3, 120)], "outOfOrder"],
];

test.each(FAULTS)("check: fault: %s", (_, told, logged, counted) => {
  const result = judged(told, logged);
  expect(result.ok).toBe(false);
  expect(result.fault).not.toBeNull();
  expect(result[counted]).toBe(1);
});
