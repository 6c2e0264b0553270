// What may be told: the public rows, the public state and its pair, and one bidder's own standing.
import { expect, test } from "vitest";
import { played } from "./example-table.ts";
import type { AuctionState } from "./state.ts";
import { auctionView, leaderId, publicRows, publicState, rowAfter, rowBefore, standingOf, yourBid } from "./view.ts";

/** Commands one hour apart, without their results: those are the business of the worked examples. */
function after(setUp: string, ...commands: readonly string[]): AuctionState {
  return played(setUp, commands.map((command, hour) => `${hour + 1}h | | ${command}`).join("\n")).state;
}

/** `sequence.row number amount kind of bidId`, with what became of the bid. */
function rowsOf(state: AuctionState): string[] {
  return publicRows(state, 0, state.rowCount).map((row) => {
    const gone = row.gone === null ? "" : ` ${row.gone}`;
    return `${row.sequence}.${row.row} #${row.bidderNumber} ${row.amount} ${row.kind} of ${row.bidId}${gone}`;
  });
}

test("view: rows: first bid, outbid bid, bid that takes the lead, raise that moves the price", () => {
  const state = after("", "A max 1000", "B max 500", "C max 1000", "A raise 2000", "B max 5000");
  expect(rowsOf(state)).toEqual([
    "3.0 #1 100 bid of 3",
    "4.0 #2 500 bid of 4",
    "4.1 #1 550 proxy of 3",
    "5.0 #3 1000 bid of 5",
    "5.1 #1 1000 proxy of 3",
    "6.0 #1 1050 proxy of 6",
    "7.0 #1 2000 proxy of 6",
    "7.1 #2 2050 bid of 7",
  ]);
});

test("view: rows: an old leader who stands at that maximum already gets no further row", () => {
  expect(rowsOf(after("", "A max 1000", "B max 1000", "C max 1050"))).toEqual([
    "3.0 #1 100 bid of 3",
    "4.0 #2 1000 bid of 4",
    "4.1 #1 1000 proxy of 3",
    "5.0 #3 1050 bid of 5",
  ]);
});

test("view: rows: a silent raise adds none, is not counted and does not change the public pair", () => {
  const before = after("", "A max 1000");
  const state = after("", "A max 1000", "A raise 5000");
  expect(rowsOf(state)).toEqual(rowsOf(before));
  expect(publicState(state)).toEqual(publicState(before));
  expect([state.sequence, state.publicSequence]).toEqual([4, 3]);
});

test("view: rows: a raise that is cut of a step moves the price, adds a row and is counted", () => {
  const state = after("", "A max 1000", "B max 1000", "A raise 2000");
  expect(publicState(state).totalBids).toBe(3);
  expect(rowsOf(state).at(-1)).toBe("5.0 #1 1050 proxy of 5");
});

test("view: rows: those of removed bids are marked and stay, and a recompute adds the new price", () => {
  const state = after("", "A max 1000", "B max 3000", "C max 2000", "O void 4");
  expect(rowsOf(state)).toEqual([
    "3.0 #1 100 bid of 3",
    "4.0 #1 1000 proxy of 3",
    "4.1 #2 1050 bid of 4 voided",
    "5.0 #3 2000 bid of 5",
    "5.1 #2 2050 proxy of 4 voided",
    "6.0 #3 1050 recomputed of 5",
  ]);
  expect(publicState(state)).toMatchObject({ totalBids: 2, bidders: 3, leaderNumber: 3, price: 1050 });
});

test("view: rows: when the last bid goes no price is recomputed", () => {
  const state = after("", "A max 1000", "A retract");
  expect(rowsOf(state)).toEqual(["3.0 #1 100 bid of 3 retracted"]);
  expect(publicState(state)).toMatchObject({ price: null, askingPrice: 100, totalBids: 0, bidders: 1, leaderNumber: null });
});

test("view: numbers: are counted from the first accepted bid or purchase, not from a decision about a bidder", () => {
  const state = after("buy 9000 price_reached", "O bidder Z limit 5000", "B max 50", "A max 500", "Z max 900", "C buy 9000");
  expect(["Z", "B", "A", "C"].map((bidder) => standingOf(state, bidder).bidderNumber)).toEqual([2, null, 1, 3]);
  expect(publicState(state)).toMatchObject({ bidders: 3, hammer: { price: 9000, winnerNumber: 3, by: "buy_now" } });
});

test("view: pair: rejections and private decisions leave it, public changes move it", () => {
  const pairs = ["A max 1000", "B max 10", "O bidder B limit 500", "S lower 15000", "O pause", "O resume", "O extend 30h", "A retract"].map(
    (_, index, all) => auctionView(after("reserve 20000", ...all.slice(0, index + 1))).sequence,
  );
  expect(pairs).toEqual([3, 3, 3, 6, 7, 8, 9, 10]);
});

test("view: rows: pages after a sequence and before a row", () => {
  const state = after("", "A max 1000", "B max 500", "C max 1000");
  expect(rowAfter(state, 3)).toBe(1);
  expect(rowAfter(state, 5)).toBe(state.rowCount);
  expect(rowBefore(state, 4, 1)).toBe(2);
  expect(rowBefore(state, 4, 0)).toBe(1);
  expect(rowBefore(state, 3, 0)).toBe(0);
  expect(rowBefore(state, 99, 0)).toBe(state.rowCount);
});

test("view: standing: shows a bidder's own place and nothing of the others", () => {
  const state = after("", "A max 1000", "B max 3000", "B raise 5000", "O bidder B limit 6000");
  expect(standingOf(state, "B")).toEqual({ bidderNumber: 2, leading: true, maximum: 5000, highestBid: 5000, blocked: false, authorisedLimit: 6000 });
  expect(standingOf(state, "A")).toEqual({ bidderNumber: 1, leading: false, maximum: 1000, highestBid: 1000, blocked: false, authorisedLimit: null });
  expect(standingOf(state, "X")).toEqual({ bidderNumber: null, leading: false, maximum: null, highestBid: null, blocked: false, authorisedLimit: null });
  expect(leaderId(state)).toBe("B");
});

test("view: standing: after a cut the maximum is the cut one, the bid placed stays", () => {
  const state = after("reserve 20000", "A max 15000", "S lower 12000");
  expect(standingOf(state, "A")).toMatchObject({ maximum: 11900, highestBid: 15000 });
  expect(yourBid(state, "A")).toBe(11900);
});

test("view: secrets: neither maximum nor reserve is anywhere in the public view", () => {
  const state = after("reserve 54321", "A max 45678", "B max 34567");
  const shown = JSON.stringify([auctionView(state), publicRows(state, 0, state.rowCount)]);
  expect(shown).not.toContain("54321");
  expect(shown).not.toContain("45678");
});
