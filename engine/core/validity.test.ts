import { expect, test } from "vitest";
import {
  advance,
  copyJudge,
  EFFECTIVE,
  initialJudge,
  type JudgedRecord,
  type JudgeState,
  judge,
  judgeCheckpoint,
  judgeFromCheckpoint,
  NO_PASS_OPEN,
  type TimeRecord,
  type Verdict,
} from "./validity.ts";

const SHARD = 7;
const LIFE = bytes(1);

function bytes(value: number): Uint8Array {
  return new Uint8Array(16).fill(value);
}

/** Stands in for SHA-256: different for different bytes, which is all the judge relies on. */
function mix(input: Uint8Array): Uint8Array {
  const output = new Uint8Array(16);
  input.forEach((byte, i) => {
    output[i % 16] = ((output[i % 16] as number) * 31 + byte + i) & 255;
  });
  return output;
}

function genesis(offset = 0): JudgedRecord {
  return { kind: "genesis", offset, shard: SHARD, lifeId: LIFE, shards: 16, slots: 4096, slotDigest: bytes(9), madeAt: 1, version: "1", hash: bytes(2) };
}

function claim(offset: number, previous: number, nonce = 1): JudgedRecord {
  return {
    kind: "claim",
    offset,
    previous,
    shard: SHARD,
    lifeId: LIFE,
    nonce: bytes(nonce),
    nodeId: "ash",
    processId: "p",
    reason: "start",
    shards: 16,
    at: 5,
    hash: bytes(offset),
  };
}

function time(state: JudgeState, changes: Partial<TimeRecord> = {}): TimeRecord {
  return {
    kind: "time",
    offset: state.next,
    shard: SHARD,
    lifeId: LIFE,
    epoch: state.claim as number,
    firstLsn: state.lsn + 1,
    count: 1,
    timeFirst: state.time + 10,
    timeLast: state.time + 10,
    prevHash: state.hash,
    hash: bytes(100 + state.next),
    reason: "idle",
    ...changes,
  };
}

function take(state: JudgeState, record: JudgedRecord): JudgeState {
  const verdict = judge(state, record);
  expect(verdict).toEqual(EFFECTIVE);
  return advance(state, record, verdict, mix);
}

/** Genesis at 0, claim at 1: the tenure of epoch 1 has begun. */
function claimed(): JudgeState {
  return take(take(initialJudge(SHARD), genesis()), claim(1, 0));
}

function voided(reason: string, alarm: boolean): unknown {
  return { kind: "void", reason, alarm };
}

function broken(reason: string): unknown {
  return { kind: "broken", reason, alarm: true };
}

test.each<[string, (state: JudgeState) => JudgedRecord, unknown]>([
  ["J1: an offset ahead", (state) => time(state, { offset: state.next + 1 }), broken("offset_gap")],
  ["J1: an offset seen before", (state) => time(state, { offset: state.next - 1 }), broken("offset_gap")],
  ["J3: foreign bytes", (state) => ({ kind: "foreign", offset: state.next, shard: SHARD }), voided("foreign", true)],
  ["J4: a damaged record", (state) => ({ kind: "damaged", offset: state.next, shard: SHARD, detail: "crc" }), broken("damaged")],
  ["J5: another life", (state) => time(state, { lifeId: bytes(3) }), voided("other_life", true)],
  ["J5: another shard", (state) => time(state, { shard: 8 }), voided("other_life", true)],
  [
    "J5 before J6: a newer format of another life",
    (state) => ({ kind: "newer", offset: state.next, shard: SHARD, lifeId: bytes(3), version: 2 }),
    voided("other_life", true),
  ],
  ["J6: a newer format", (state) => ({ kind: "newer", offset: state.next, shard: SHARD, lifeId: LIFE, version: 2 }), broken("newer_format")],
  ["J7: a second genesis", (state) => genesis(state.next), voided("second_genesis", true)],
  ["J8: a claim that names another than the current one", (state) => claim(state.next, 0), voided("claim_late", false)],
  ["J8: a claim that names the current one", (state) => claim(state.next, 1), EFFECTIVE],
  ["J9: an old epoch", (state) => time(state, { epoch: 0 }), voided("old_epoch", false)],
  ["J9 before J12: an old epoch with an lsn ahead", (state) => time(state, { epoch: 0, firstLsn: 99 }), voided("old_epoch", false)],
  ["J11: an lsn seen before", (state) => time(state, { firstLsn: state.lsn }), voided("repeat", false)],
  ["J12: an lsn ahead", (state) => time(state, { firstLsn: state.lsn + 2 }), broken("lsn_ahead")],
  ["J13: another hash before it", (state) => time(state, { prevHash: bytes(0) }), broken("hash_chain")],
  ["J14: a time that falls", (state) => time(state, { timeFirst: state.time - 1 }), broken("malformed")],
  ["J14: a last time below the first", (state) => time(state, { timeFirst: state.time + 2, timeLast: state.time + 1 }), broken("malformed")],
  ["J14: an empty record", (state) => time(state, { count: 0 }), broken("malformed")],
  ["J14: a time that stands still", (state) => time(state, { timeFirst: state.time, timeLast: state.time }), EFFECTIVE],
  ["J15: an unknown kind", (state) => ({ kind: "unknown_kind", offset: state.next, shard: SHARD, lifeId: LIFE, recordKind: 9 }), voided("unknown_kind", true)],
])("judge: %s", (_rule, make, expected) => {
  const state = take(claimed(), time(claimed()));
  const before = copyJudge(state);
  expect(judge(state, make(state))).toEqual(expected);
  expect(state).toEqual(before);
});

test.each<[string, JudgedRecord]>([
  ["a claim", claim(0, 0)],
  ["foreign bytes", { kind: "foreign", offset: 0, shard: SHARD }],
  ["a damaged record", { kind: "damaged", offset: 0, shard: SHARD, detail: "crc" }],
  ["genesis of another shard", { ...genesis(), shard: 8 }],
])("judge: J2: %s at offset 0 is no genesis", (_what, record) => {
  expect(judge(initialJudge(SHARD), record)).toEqual(broken("no_genesis"));
});

test("judge: J10: after a release nothing of that epoch counts, and the next claim does", () => {
  const state = claimed();
  take(state, { ...time(state), kind: "release", stateHash: bytes(0), reason: "stop", target: null } as JudgedRecord);
  expect(state).toMatchObject({ open: false, lsn: 1 });
  expect(judge(state, time(state))).toEqual(voided("released", false));
  expect(judge(state, claim(state.next, 1))).toEqual(EFFECTIVE);
});

test("judge: a late frame after a takeover is void, and so is the late claim that was beaten", () => {
  const state = claimed();
  take(state, time(state));
  const late = time(state);
  take(state, claim(3, 1, 2));
  const verdicts: Verdict[] = [];
  for (const record of [{ ...late, offset: 4 }, claim(5, 1, 3)]) {
    const verdict = judge(state, record);
    verdicts.push(verdict);
    advance(state, record, verdict, mix);
  }
  expect(verdicts).toEqual([voided("old_epoch", false), voided("claim_late", false)]);
  expect(state).toMatchObject({ claim: 3, nonce: bytes(2), next: 6, lsn: 1, open: true });
});

test("judge: a repeated copy of a claim takes nothing back", () => {
  const state = claimed();
  take(state, claim(2, 1, 2));
  expect(judge(state, claim(3, 0, 1))).toEqual(voided("claim_late", false));
});

test("advance: a claim moves the running hash by what it is and where it stands", () => {
  const start = (): JudgeState => take(initialJudge(SHARD), genesis());
  const first = take(start(), claim(1, 0));
  const moved = start();
  advance(moved, { kind: "foreign", offset: 1, shard: SHARD }, judge(moved, { kind: "foreign", offset: 1, shard: SHARD }), mix);
  take(moved, { ...claim(2, 0), hash: bytes(1) } as JudgedRecord);
  expect(moved.hash).not.toEqual(first.hash);
  expect(first.hash).not.toEqual(bytes(2));
});

test("advance: a frame takes as many lsns as it holds decisions, a time record one", () => {
  const state = claimed();
  take(state, { ...time(state), kind: "frame", count: 5, payload: new Uint8Array(0) } as JudgedRecord);
  expect(state.lsn).toBe(5);
  take(state, time(state));
  expect(state.lsn).toBe(6);
});

test("advance: nobody goes on behind a broken record", () => {
  const state = claimed();
  const record = time(state, { firstLsn: 9 });
  expect(() => advance(state, record, judge(state, record), mix)).toThrow("lsn_ahead");
});

test("outage: it is measured from the last logged time before the first claim whose opening pass was not finished", () => {
  const state = claimed();
  take(state, time(state, { timeFirst: 1_000, timeLast: 1_000, reason: "first" }));
  take(state, time(state, { timeFirst: 2_000, timeLast: 2_000 }));
  expect(state).toMatchObject({ outageFrom: 2_000, passOpen: false });
  // A second owner begins its pass at 9,000, gives something back, and dies; a third goes on.
  take(state, claim(state.next, 1, 2));
  take(state, { ...time(state, { timeFirst: 9_000, timeLast: 9_000 }), kind: "frame", payload: new Uint8Array(0) } as JudgedRecord);
  take(state, claim(state.next, state.claim, 3));
  expect(state).toMatchObject({ outageFrom: 2_000, time: 9_000, passOpen: true });
  take(state, time(state, { timeFirst: 9_500, timeLast: 9_500, reason: "first" }));
  expect(state).toMatchObject({ outageFrom: 9_500, passOpen: false });
});

test("outage: a log that refused and is back begins a pass within the tenure", () => {
  const state = claimed();
  take(state, time(state, { timeFirst: 1_000, timeLast: 1_000, reason: "first" }));
  take(state, time(state, { timeFirst: 8_000, timeLast: 8_000, reason: "probe" }));
  expect(state).toMatchObject({ outageFrom: 1_000, time: 8_000, passOpen: true });
  take(state, time(state, { timeFirst: 8_001, timeLast: 8_001, reason: "first" }));
  expect(state).toMatchObject({ outageFrom: 8_001, passOpen: false });
});

test("checkpoint: the judge goes on from one as if it had read everything, an open pass included", () => {
  const state = claimed();
  for (const reason of ["first", "idle", "probe", "barrier", "first"] as const) {
    const restored = judgeFromCheckpoint(judgeCheckpoint(state));
    const known = { shards: restored.shards, slots: restored.slots, slotDigest: restored.slotDigest };
    expect({ ...restored, ...known }).toEqual({ ...copyJudge(state), ...known });
    take(restored, time(state, { reason }));
    take(state, time(state, { reason }));
    expect(restored).toMatchObject({ hash: state.hash, lsn: state.lsn, outageFrom: state.outageFrom, passOpen: state.passOpen });
  }
  expect(judgeCheckpoint(state).outageFrom).toBe(NO_PASS_OPEN);
});

test("checkpoint: before genesis there is none", () => {
  expect(() => judgeCheckpoint(initialJudge(SHARD))).toThrow("no GENESIS");
});
