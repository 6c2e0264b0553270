import { expect, test } from "vitest";
import type { AuctionView, PublicRow } from "../../engine/core/view.ts";
import type { Update } from "../../engine/protocol.ts";
import { Channel } from "./fanout.ts";
import { OPEN_STATE, TERMS, trialAuctionId } from "./trial-engine.ts";
import { Audience } from "./viewer.ts";
import { knownOf, takeUpdate, takeView, Watched } from "./watched.ts";

const A = trialAuctionId(1);
const LIMITS = { historyUpdates: 10, historyMs: 1_000 };

function row(sequence: number, more: Partial<PublicRow> = {}): PublicRow {
  return { sequence, row: 0, bidId: sequence, bidderNumber: 1, amount: 100, kind: "bid", at: sequence, gone: null, ...more };
}

function view(sequence: number, more: Partial<AuctionView> = {}): AuctionView {
  return { auctionId: A, epoch: 1, sequence, terms: TERMS, state: OPEN_STATE, ...more };
}

function update(from: number, to: number, more: Partial<Update> = {}): Update {
  const rows = Array.from({ length: to - from }, (_, index) => row(from + index + 1));
  return {
    auctionId: A,
    epoch: 1,
    sequence: to,
    previousSequence: from,
    at: 0,
    events: ["bid_placed"],
    state: { ...OPEN_STATE, totalBids: to },
    rows,
    rowsOmitted: 0,
    removed: [],
    extensions: [],
    ...more,
  };
}

function watched(): Watched {
  return new Watched(A, new Channel(A, new Audience(250, () => "t")));
}

function knownAt(sequence: number, rows: readonly PublicRow[] = []): Watched {
  const made = watched();
  takeView(made, view(sequence), rows, LIMITS, 0);
  return made;
}

test("watched: updates that come before the view are applied when they are above it", () => {
  const loading = watched();
  expect(takeUpdate(loading, update(1, 2), 0)).toBeNull();
  expect(takeUpdate(loading, update(2, 3), 0)).toBeNull();
  expect(takeView(loading, view(2), [row(2)], LIMITS, 0)).toBeNull();
  expect(knownOf(loading)).toMatchObject({ state: { totalBids: 3 }, rows: [{ sequence: 3 }, { sequence: 2 }] });
  expect(knownOf(loading)?.history.pair).toMatchObject({ sequence: 3 });
});

test("watched: an update that is not above what is known changes nothing", () => {
  const known = knownAt(5);
  expect(takeUpdate(known, update(3, 5), 0)).toBeNull();
  expect(takeUpdate(known, update(1, 4), 0)).toBeNull();
  expect(knownOf(known)?.state).toBe(OPEN_STATE);
});

test("watched: an update that overlaps is cut to what is new", () => {
  const extensions = [4, 6].map((sequence) => ({ sequence, from: 1, to: 2, bidId: sequence, count: 1, countLeft: null }));
  const news = takeUpdate(knownAt(5), update(3, 7, { extensions }), 0);
  expect(news).toMatchObject({ previousSequence: 5, sequence: 7, rows: [{ sequence: 6 }, { sequence: 7 }], extensions: [{ sequence: 6 }] });
});

test("watched: bids that went are marked in the rows that are kept, newest first", () => {
  const known = knownAt(5, [row(5), row(4)]);
  takeUpdate(known, update(5, 6, { rows: [row(6, { kind: "recomputed" })], removed: [4], events: ["bids_removed"] }), 0);
  expect(knownOf(known)?.rows.map((one) => [one.sequence, one.gone])).toEqual([
    [6, null],
    [5, null],
    [4, "retracted"],
  ]);
  takeView(known, view(6), [row(6), row(5), row(4, { gone: "voided" })], LIMITS, 0);
  expect(knownOf(known)?.rows[2]?.gone).toBe("voided");
});

test.each([
  ["that leaves rows out", update(5, 9, { rows: [row(8), row(9)], rowsOmitted: 2 }), [9, 8]],
  ["that begins beyond what is known", update(7, 9), [9, 8]],
  ["without a gap", update(5, 7), [7, 6, 5, 4]],
])("watched: behind an update %s the rows kept have no hole", (_what, news, wanted) => {
  const known = knownAt(5, [row(5), row(4)]);
  takeUpdate(known, news, 0);
  expect(knownOf(known)?.rows.map((one) => one.sequence)).toEqual(wanted);
});

test("watched: at most 100 rows are kept", () => {
  const known = knownAt(1);
  for (let from = 1; from < 200; from += 1) takeUpdate(known, update(from, from + 1), 0);
  expect(knownOf(known)?.rows).toHaveLength(100);
  expect(knownOf(known)?.rows[0]?.sequence).toBe(200);
});

test("watched: what was missed while the owner was away becomes one update, and the chain goes on", () => {
  const known = knownAt(5, [row(5)]);
  const state = { ...OPEN_STATE, phase: "closed" as const, outcome: "sold" as const, totalBids: 3, reserveMet: null, extensionCount: 1 };
  const missed = takeView(known, view(8, { epoch: 2, state }), [row(8), row(7), row(5, { gone: "voided" })], LIMITS, 0);
  expect(missed).toMatchObject({ epoch: 2, sequence: 8, previousSequence: 5, rows: [{ sequence: 7 }, { sequence: 8 }], rowsOmitted: 0, removed: [5] });
  expect(missed?.events).toEqual(["bid_placed", "bids_removed", "extended", "ended"]);
  expect(knownOf(known)?.history.since({ epoch: 1, sequence: 5 })).toMatchObject({ kind: "delta", ended: true });
});

test("watched: rows that a view no longer reaches back to are counted as omitted", () => {
  const rows = Array.from({ length: 100 }, (_, index) => row(300 - index));
  expect(takeView(knownAt(5), view(300), rows, LIMITS, 0)).toMatchObject({ rows: { length: 50 }, rowsOmitted: 51 });
});

test("watched: a view that is older than what is known changes nothing, and one that is the same tells nothing", () => {
  const known = knownAt(5, [row(5)]);
  expect(takeView(known, view(4), [], LIMITS, 0)).toBeNull();
  expect(knownOf(known)?.rows).toHaveLength(1);
  expect(takeView(known, view(5), [row(5)], LIMITS, 0)).toBeNull();
});

test("watched: while the view is read at most 256 updates wait, and then the chain begins later", () => {
  const loading = watched();
  for (let from = 1; from <= 300; from += 1) takeUpdate(loading, update(from, from + 1), 0);
  takeView(loading, view(1), [], LIMITS, 0);
  expect(knownOf(loading)?.history.pair.sequence).toBe(301);
  expect(knownOf(loading)?.history.since({ epoch: 1, sequence: 1 })).toEqual({ kind: "snapshot", why: "history_gone" });
});
