import { unpack } from "msgpackr";
import { expect, test } from "vitest";
import type { Answer } from "../../engine/core/decision.ts";
import { closeReason } from "./close-codes.ts";
import { ENCODINGS, EncodedOnce, type Payload } from "./frame-encode.ts";
import { Outbox, Turn } from "./outbox.ts";
import { noticeFrame, wireAnswer } from "./public-frames.ts";
import { paceOf } from "./slow-viewers.ts";
import { trialAuctionId } from "./trial-engine.ts";
import { type Peer, Viewer } from "./viewer.ts";

const A = trialAuctionId(1);

const ANSWERS: readonly Answer[] = [
  {
    verdict: "accepted",
    code: "leading",
    sequence: 1_882,
    epoch: 88_123,
    at: 1_795_428_000_123,
    standing: "leading",
    price: 10_250,
    askingPrice: 10_500,
    reserveMet: true,
    endsAt: 1_795_428_300_000,
  },
  { verdict: "rejected", code: "ended", sequence: 1, epoch: 0, at: 0, standing: null, price: null, askingPrice: null, reserveMet: null, endsAt: null },
];

function parsed(payload: Payload): unknown {
  return typeof payload === "string" ? JSON.parse(payload) : unpack(payload);
}

test.each(ANSWERS)("encoding: the answer $code has its members in the order of the stored answer, in both encodings", (answer) => {
  const wanted = { type: "bid_answer", id: 4, key: "k-1", replayed: false, answer: wireAnswer(answer, A) };
  expect(ENCODINGS.json.answer(4, "k-1", A, answer, false)).toBe(JSON.stringify(wanted));
  expect(JSON.stringify(parsed(ENCODINGS.msgpack.answer(4, "k-1", A, answer, false)))).toBe(JSON.stringify(wanted));
});

test.each([
  { kind: "outbid", why: null },
  { kind: "bid_needed", why: null },
  { kind: "leading_again", why: "void" },
] as const)("encoding: the notice $kind is the frame of public-frames.ts, in both encodings", ({ kind, why }) => {
  const numbers = { epoch: 88_123, sequence: 9, at: 1_795_428_000_000, price: null, askingPrice: 10_500, yourBid: 10_000, endsAt: 1_795_428_300_000 };
  const notice = { kind, why, bidderId: "b-1", auctionId: A, ...numbers };
  const wanted = JSON.stringify(noticeFrame(notice, 1_795_428_000_123));
  expect(ENCODINGS.json.notice(notice, 1_795_428_000_123)).toBe(wanted);
  expect(JSON.stringify(parsed(ENCODINGS.msgpack.notice(notice, 1_795_428_000_123)))).toBe(wanted);
});

test.each(["json", "msgpack"] as const)("encoding: a frame of parts is the frame as a whole (%s)", (protocol) => {
  const encoding = ENCODINGS[protocol];
  const parts = [
    { type: "snapshot", sequence: 5_000_000_000 },
    { state: { phase: "open", price: null }, bids: [{ a: 1 }, { a: 2 }] },
    { you: null, watchers: 3 },
  ];
  const whole = Object.assign({}, ...parts);
  expect(parsed(encoding.assemble(parts.map((part) => encoding.members(part))))).toEqual(whole);
  const wide = Object.fromEntries(Array.from({ length: 40 }, (_, n) => [`m${n}`, n]));
  expect(parsed(encoding.assemble([encoding.members(wide), encoding.members({ last: true })]))).toEqual({ ...wide, last: true });
});

test.each(["json", "msgpack"] as const)("encoding: frames that leave together are one array (%s)", (protocol) => {
  const encoding = ENCODINGS[protocol];
  for (const count of [2, 15, 16, 300]) {
    const frames = Array.from({ length: count }, (_, n) => ({ type: "pong", clientTimeMs: n, serverTimeMs: 1 }) as const);
    expect(parsed(encoding.batch(frames.map((frame) => encoding.frame(frame))))).toEqual(frames);
  }
});

test("encoding: a frame is encoded at most once per protocol", () => {
  let made = 0;
  const once = new EncodedOnce((encoding) => {
    made += 1;
    return encoding.frame({ type: "drain", retryAfterMs: 1, closeInMs: 2 });
  });
  expect(once.for("json")).toBe(once.for("json"));
  expect(once.for("msgpack")).toBe(once.for("msgpack"));
  expect(made).toBe(2);
});

test("outbox: what is put in leaves in order, once, as one array for those who batch", () => {
  const outbox = new Outbox("json");
  expect([outbox.put("1"), outbox.put("22"), outbox.bytes]).toEqual([true, false, 3]);
  expect(outbox.take()).toEqual(["1", "22"]);
  expect([outbox.take(), outbox.bytes]).toEqual([[], 0]);
  outbox.batch = true;
  outbox.put("1");
  expect(outbox.take()).toEqual(["1"]);
  outbox.put("1");
  outbox.put("2");
  expect(outbox.take()).toEqual(["[1,2]"]);
});

test("turn: every socket is flushed once at the end of the turn, whatever becomes of the others, and what comes meanwhile waits", () => {
  const ends: (() => void)[] = [];
  const flushed: string[] = [];
  const turn = new Turn<{ flush(): void }>(
    (callback) => ends.push(callback),
    (_socket, fault) => flushed.push(String(fault)),
  );
  const late = { flush: () => flushed.push("late") };
  turn.add({
    flush: () => {
      flushed.push("one");
      turn.add(late);
    },
  });
  turn.add({
    flush: () => {
      throw new Error("lost");
    },
  });
  turn.add({ flush: () => flushed.push("two") });
  expect(ends).toHaveLength(1);
  ends[0]?.();
  expect(flushed).toEqual(["one", "Error: lost", "two"]);
  ends[1]?.();
  expect(flushed).toEqual(["one", "Error: lost", "two", "late"]);
});

test.each<[string, number, number | null, number, string]>([
  ["little waits", 65_536, null, 0, "keeps_up"],
  ["over the soft limit", 65_537, null, 0, "falls_behind"],
  ["slow, something waits", 10, 0, 9_999, "waits"],
  ["slow, nothing waits", 0, 0, 20_000, "caught_up"],
  ["slow for 10 s", 10, 0, 10_000, "too_slow"],
  ["over the hard limit", 262_145, null, 0, "too_slow"],
  ["over the hard limit while slow", 262_145, 0, 1, "too_slow"],
])("slow viewers: %s", (_name, bytes, slowSince, now, wanted) => {
  const peer: Peer = { protocol: "json", send: () => {}, join: () => {}, leave: () => {}, bufferedBytes: () => bytes, close: () => {} };
  const viewer = new Viewer(peer);
  viewer.slowSince = slowSince;
  expect(paceOf(viewer, bytes, now, { bufferSoftBytes: 65_536, bufferHardBytes: 262_144, bufferHardMs: 10_000 })).toBe(wanted);
});

test("close: the reason is the name, with the hint where there is one", () => {
  expect(closeReason("idle", 0)).toBe("idle");
  expect(closeReason("draining", 749.2)).toBe("draining;retryAfterMs=750");
});
