import { expect, test } from "vitest";
import type { PublicRow } from "../../engine/core/view.ts";
import type { Update } from "../../engine/protocol.ts";
import { comparePairs, History } from "./resume.ts";
import { OPEN_STATE } from "./trial-engine.ts";

const LIMITS = { historyUpdates: 4, historyMs: 1_000 };

function row(sequence: number): PublicRow {
  return { sequence, row: 0, bidId: sequence, bidderNumber: 1, amount: 100 * sequence, kind: "bid", at: 0, gone: null };
}

function update(from: number, to: number, more: Partial<Update> = {}): Update {
  const rows = Array.from({ length: to - from }, (_, index) => row(from + index + 1));
  return {
    auctionId: "a",
    epoch: 5,
    sequence: to,
    previousSequence: from,
    at: 0,
    events: ["bid_placed"],
    state: OPEN_STATE,
    rows,
    rowsOmitted: 0,
    removed: [],
    extensions: [],
    ...more,
  };
}

function history(...updates: readonly Update[]): History {
  const made = new History({ epoch: 5, sequence: 10 }, LIMITS);
  for (const one of updates) made.add(one, 0);
  return made;
}

test("resume: a client without a pair gets its first snapshot", () => {
  expect(history().since(null)).toEqual({ kind: "snapshot", why: "first" });
});

test("resume: the newest pair gets an empty delta", () => {
  expect(history(update(10, 12)).since({ epoch: 5, sequence: 12 })).toMatchObject({
    kind: "delta",
    previousSequence: 12,
    rows: [],
    events: [],
    rowsOmitted: 0,
    ended: false,
  });
});

test("resume: an older pair of the chain gets the rows since, oldest first", () => {
  const delta = history(update(10, 11), update(11, 13), update(13, 14)).since({ epoch: 5, sequence: 11 });
  expect(delta).toMatchObject({ kind: "delta", previousSequence: 11, events: ["bid_placed"] });
  expect(delta.kind === "delta" && delta.rows.map((one) => one.sequence)).toEqual([12, 13, 14]);
});

test("resume: the pair before the first update gets everything that is kept", () => {
  const delta = history(update(10, 11), update(11, 12)).since({ epoch: 5, sequence: 10 });
  expect(delta.kind === "delta" && delta.rows.map((one) => one.sequence)).toEqual([11, 12]);
});

test("resume: a sequence inside a merged update gets the rows after it", () => {
  const delta = history(update(10, 14)).since({ epoch: 5, sequence: 12 });
  expect(delta.kind === "delta" && delta.rows.map((one) => one.sequence)).toEqual([13, 14]);
});

test("resume: a pair above the newest is ahead, by sequence or by epoch", () => {
  const kept = history(update(10, 12));
  expect(kept.since({ epoch: 5, sequence: 13 })).toEqual({ kind: "snapshot", why: "ahead" });
  expect(kept.since({ epoch: 6, sequence: 1 })).toEqual({ kind: "snapshot", why: "ahead" });
});

test("resume: a pair older than what is kept, or of a state that never was, gets a snapshot", () => {
  const kept = history(update(10, 12), update(12, 14, { epoch: 7 }));
  expect(kept.since({ epoch: 5, sequence: 9 })).toEqual({ kind: "snapshot", why: "history_gone" });
  expect(kept.since({ epoch: 4, sequence: 12 })).toEqual({ kind: "snapshot", why: "history_gone" });
  expect(kept.since({ epoch: 6, sequence: 12 })).toEqual({ kind: "snapshot", why: "history_gone" });
  expect(kept.since({ epoch: 5, sequence: 12 }).kind).toBe("delta");
});

test("resume: at the limit the oldest update goes", () => {
  const kept = history(...[10, 11, 12, 13, 14].map((from) => update(from, from + 1)));
  expect(kept.updates).toBe(4);
  expect(kept.since({ epoch: 5, sequence: 10 })).toEqual({ kind: "snapshot", why: "history_gone" });
  expect(kept.since({ epoch: 5, sequence: 11 }).kind).toBe("delta");
});

test("resume: updates go when they are too old", () => {
  const kept = history(update(10, 11));
  kept.add(update(11, 12), 900);
  kept.expire(1_001);
  expect(kept.updates).toBe(1);
  expect(kept.since({ epoch: 5, sequence: 10 })).toEqual({ kind: "snapshot", why: "history_gone" });
});

test("resume: an update that begins elsewhere starts the chain anew, so no delta hides a gap", () => {
  const kept = history(update(10, 11), update(15, 16));
  expect(kept.since({ epoch: 5, sequence: 11 })).toEqual({ kind: "snapshot", why: "history_gone" });
  expect(kept.since({ epoch: 5, sequence: 16 }).kind).toBe("delta");
});

test("resume: a delta shows the newest 50 rows and counts the others", () => {
  const delta = history(update(10, 50), update(50, 90, { rowsOmitted: 3 })).since({ epoch: 5, sequence: 10 });
  expect(delta).toMatchObject({ kind: "delta", rowsOmitted: 33, rows: { length: 50, 0: { sequence: 41 } } });
});

test("resume: a delta says whether the auction ended, and which bids went", () => {
  const delta = history(update(10, 11, { removed: [3] }), update(11, 12, { events: ["ended"], removed: [4] })).since({ epoch: 5, sequence: 10 });
  expect(delta).toMatchObject({ ended: true, removed: [3, 4] });
});

test("pairs: compared epoch first", () => {
  expect(comparePairs({ epoch: 1, sequence: 9 }, { epoch: 2, sequence: 1 })).toBeLessThan(0);
  expect(comparePairs({ epoch: 2, sequence: 2 }, { epoch: 2, sequence: 1 })).toBeGreaterThan(0);
  expect(comparePairs({ epoch: 2, sequence: 2 }, { epoch: 2, sequence: 2 })).toBe(0);
});
