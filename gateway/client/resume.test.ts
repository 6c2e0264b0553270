import { expect, test } from "vitest";
import type { AnswerFields, ExtendedFrame, HammerFrame, SnapshotFrame, UpdateFrame } from "./frames.ts";
import { applyAnswer, applyExtended, applyHammer, applySnapshot, applyUpdate, type Followed, mergeRows, unseen } from "./resume.ts";
import { AUCTION, answerFields, rowOf, snapshotFrame, stateFrame, updateFrame } from "./scripted-gateway.ts";
import type { Bid } from "./types.ts";

const at = (sequence: number, more: object = {}): Followed => applySnapshot(unseen(AUCTION), snapshotFrame({ sequence }, more) as SnapshotFrame);
const update = (before: Followed, place: { epoch?: number; sequence: number; previousSequence: number }, more: object = {}): Followed | null =>
  applyUpdate(before, updateFrame(place, more) as UpdateFrame);
const bid = (sequence: number, more: object = {}): Bid => rowOf({ sequence }, more) as Bid;

test("resume: order: an update that is not above the last pair is dropped", () => {
  expect(update(at(10), { sequence: 10, previousSequence: 9 })).toBeNull();
  expect(update(at(10), { sequence: 9, previousSequence: 8 })).toBeNull();
  expect(update(at(10), { epoch: 6, sequence: 99, previousSequence: 10 })).toBeNull();
});

test("resume: order: a higher epoch wins over a higher sequence, and goes on with the sequence", () => {
  const next = update(at(10), { epoch: 8, sequence: 11, previousSequence: 10 });
  expect(next?.pair).toEqual({ epoch: 8, sequence: 11 });
  expect(next?.known?.bidsMissing).toBe(false);
});

test("resume: delta: a resumed update at the very pair is applied and moves nothing back", () => {
  const next = update(at(10), { sequence: 10, previousSequence: 10 }, { resumed: true, bids: [rowOf({ sequence: 10 })] });
  expect(next?.pair?.sequence).toBe(10);
  expect(next?.known?.bids).toHaveLength(1);
});

test("resume: snapshot: it is applied even when it is below what is known", () => {
  const next = applySnapshot(at(10), snapshotFrame({ sequence: 4 }) as SnapshotFrame);
  expect(next.pair?.sequence).toBe(4);
});

test("resume: gap: rows are missing when the previous sequence is above the own one, and the state is right all the same", () => {
  const next = update(at(10), { sequence: 15, previousSequence: 13 }, { state: stateFrame({ currentPriceMinor: 12_000 }) });
  expect(next?.known?.bidsMissing).toBe(true);
  expect(next?.known?.state.currentPriceMinor).toBe(12_000);
});

test("resume: rows: newest first, each once, a later word about a row wins", () => {
  const rows = mergeRows([bid(3), bid(1)], [bid(2), bid(3, { gone: "voided" })]);
  expect(rows.map((row) => [row.sequence, row.gone])).toEqual([
    [3, "voided"],
    [2, null],
    [1, null],
  ]);
});

test("resume: extension: told before its update it moves the end but not the pair, so that the update still counts", () => {
  const extended = {
    type: "extended",
    auctionId: AUCTION,
    epoch: 7,
    sequence: 11,
    serverTimeMs: 1,
    fromAtMs: 2_000_000,
    endsAtMs: 2_110_000,
    extendedByMs: 110_000,
    bidId: 11,
    count: 1,
    countLeft: 9,
  } as ExtendedFrame;
  const told = applyExtended(at(10), extended);
  expect(told?.known?.state.endsAtMs).toBe(2_110_000);
  expect(told === null ? null : update(told, { sequence: 11, previousSequence: 10 })).not.toBeNull();
  expect(told === null ? "none" : applyExtended(told, extended)).toBeNull();
});

test("resume: hammer: what it tells of the end is kept when a snapshot of the closed auction follows", () => {
  const closed = stateFrame({ phase: "closed", outcome: "sold", currentPriceMinor: 16_000, askingPriceMinor: null });
  const hammer = {
    type: "hammer",
    auctionId: AUCTION,
    epoch: 7,
    sequence: 11,
    serverTimeMs: 1,
    outcome: "sold",
    hammerPriceMinor: 16_000,
    winnerNumber: 4,
    totalBids: 32,
    endedAtMs: 2_000_000,
    by: "end_early",
    state: closed,
  } as HammerFrame;
  const ended = applyHammer(at(10), hammer);
  const again = ended === null ? null : applySnapshot(ended, snapshotFrame({ sequence: 11 }, { state: closed }) as SnapshotFrame);
  expect(again?.known?.ending).toMatchObject({ outcome: "sold", hammerPriceMinor: 16_000, winnerNumber: 4, by: "end_early" });
});

test("resume: closed: the state alone tells how it ended", () => {
  const state = stateFrame({ phase: "closed", outcome: "passed", currentPriceMinor: 9_000 });
  expect(at(10, { state }).known?.ending).toEqual({ outcome: "passed", hammerPriceMinor: null, winnerNumber: null, endedAtMs: 2_000_000, by: null });
});

const you = { bidderNumber: null, leading: false, maximumMinor: null, highestBidMinor: null, blocked: false, authorisedLimitMinor: null };
const placed = { type: "place_bid", kind: null, amountMinor: 15_000 } as const;
const ownRow = [bid(1_882, { bidderNumber: 9 }), rowOf({ sequence: 1_882, row: 1 }, { bidderNumber: 4, kind: "proxy" }) as Bid];

test("resume: own bid: answer first or update first, one's number and standing come out the same", () => {
  const answer = answerFields() as AnswerFields;
  const place = { sequence: 1_882, previousSequence: 10 };
  const more = { bids: ownRow, state: stateFrame({ leaderNumber: 9 }) };
  const answerFirst = update(applyAnswer(at(10, { you }), placed, answer), place, more);
  const updated = update(at(10, { you }), place, more);
  const updateFirst = updated === null ? null : applyAnswer(updated, placed, answer);
  expect(answerFirst?.known?.you).toEqual({ ...you, bidderNumber: 9, leading: true, maximumMinor: 15_000, highestBidMinor: 15_000 });
  expect(updateFirst?.known?.you).toEqual(answerFirst?.known?.you);
});

test("resume: own bid: a later public state says that the lead was lost", () => {
  const leading = update(
    applyAnswer(at(10, { you }), placed, answerFields() as AnswerFields),
    { sequence: 1_882, previousSequence: 10 },
    { bids: ownRow, state: stateFrame({ leaderNumber: 9 }) },
  );
  const after = leading === null ? null : update(leading, { sequence: 1_883, previousSequence: 1_882 }, { state: stateFrame({ leaderNumber: 4 }) });
  expect(after?.known?.you?.leading).toBe(false);
});

test("resume: own bid: a rejection changes nothing", () => {
  const before = at(10, { you });
  expect(applyAnswer(before, placed, answerFields({ verdict: "rejected", code: "ended", standing: null }) as AnswerFields)).toBe(before);
});
