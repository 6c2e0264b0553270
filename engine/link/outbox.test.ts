import { expect, test } from "vitest";
import type { EngineMessage, Update } from "../protocol.ts";
import { encodeEngineMessage, engineReader } from "../protocol-codec.ts";
import { EXTENSIONS_MAX, mergeUpdates } from "./conflate.ts";
import { OUTBOX_AGE_MS_MAX, OUTBOX_BYTES_MAX, OUTBOX_SOFT_BYTES, Outbox } from "./outbox.ts";

const AUCTIONS = ["3a7c1f0e-6d0a-8a51-8f0e-2d4f8b9f6a10", "3a7c1f0e-6d0a-8a51-8f0e-2d4f8b9f6a11"] as const;

function update(auctionId: string, sequence: number, extra: Partial<Update> = {}): Update {
  const none = { outcome: null, leaderNumber: null, reserveMet: null, buyNow: null, opensAt: null, endsAt: null, scheduledCloseAt: null, pausedAt: null };
  return {
    auctionId,
    epoch: 5,
    sequence,
    previousSequence: sequence - 1,
    at: 1_000 + sequence,
    events: ["bid_placed"],
    state: {
      ...none,
      phase: "open",
      price: sequence,
      askingPrice: sequence + 1,
      totalBids: sequence,
      bidders: 1,
      extensionCount: 0,
      extensionTotalMs: 0,
      hammer: null,
    },
    rows: [{ sequence, row: 0, bidId: sequence, bidderNumber: 1, amount: sequence, kind: "bid", at: 1_000, gone: null }],
    rowsOmitted: 0,
    removed: [],
    extensions: [],
    ...extra,
  };
}

function nothing(): void {}

/** An outbox over a socket that takes a write only when the test says so. */
function stand() {
  const messages: EngineMessage[] = [];
  const reader = engineReader({
    answer: (requestId, auctionId, _rows, _at, replayed) => messages.push({ kind: "answer", requestId, auctionId, replayed, row: new Uint8Array() }),
    refusal: (requestId, code, retryAfterMs) => messages.push({ kind: "refusal", requestId, code, retryAfterMs }),
    message: (message) => messages.push(message),
  });
  const world = { now: 0, woken: 0, writes: 0, sent: nothing };
  const outbox = new Outbox({
    write(bytes, sent) {
      world.writes += 1;
      world.sent = sent;
      expect(reader.feed(bytes)).toBe(null);
    },
    monotonic: () => world.now,
    wake: () => {
      world.woken += 1;
    },
  });
  const tell = (told: Update) => outbox.update(told, encodeEngineMessage({ kind: "update", update: told }) ?? new Uint8Array());
  const fill = (bytes: number) => {
    for (let size = 0; size < bytes; size += 89) outbox.writer().answer(1, AUCTIONS[0], new Uint8Array(64), 0, false);
  };
  return { outbox, world, messages, tell, fill, updates: () => messages.filter((message) => message.kind === "update") };
}

test("outbox: all that a turn adds leaves in one write, in order", () => {
  const { outbox, world, messages, tell } = stand();
  outbox.writer().refusal(1, "overloaded", 10);
  tell(update(AUCTIONS[0], 1));
  outbox.writer().refusal(2, "auction_busy", 10);
  expect([world.woken, world.writes]).toEqual([1, 0]);
  outbox.flush();
  expect(world.writes).toBe(1);
  expect(messages.map((message) => message.kind)).toEqual(["refusal", "update", "refusal"]);
});

test("outbox: one write at a time: what comes meanwhile leaves together when the socket has taken the first", () => {
  const { outbox, world, messages } = stand();
  for (let id = 1; id <= 3; id += 1) {
    outbox.writer().refusal(id, "overloaded", 10);
    outbox.flush();
  }
  expect([world.writes, messages.length]).toEqual([1, 1]);
  world.sent();
  outbox.flush();
  expect([world.writes, messages.length]).toEqual([2, 3]);
});

test("outbox: soft limit: updates are conflated to the newest state of each auction, and nothing else is", () => {
  const { outbox, world, messages, tell, fill, updates } = stand();
  fill(1);
  outbox.flush();
  fill(OUTBOX_SOFT_BYTES);
  for (let sequence = 1; sequence <= 60; sequence += 1) {
    for (const auctionId of AUCTIONS) tell(update(auctionId, sequence));
    outbox.writer().refusal(sequence, "overloaded", 1);
  }
  outbox.flush();
  world.sent();
  outbox.flush();
  expect(messages.filter((message) => message.kind === "refusal")).toHaveLength(60);
  expect(
    updates().map(({ update: told }) => [told.auctionId, told.previousSequence, told.sequence, told.state.price, told.rows.length, told.rowsOmitted]),
  ).toEqual(AUCTIONS.map((auctionId) => [auctionId, 0, 60, 60, 50, 10]));
  expect(outbox.conflatedTotal()).toBe(120);
});

test("outbox: soft limit: once the socket has taken all, updates leave as they come again", () => {
  const { outbox, world, tell, fill, updates } = stand();
  fill(OUTBOX_SOFT_BYTES);
  tell(update(AUCTIONS[0], 1));
  tell(update(AUCTIONS[0], 2));
  outbox.flush();
  world.sent();
  tell(update(AUCTIONS[0], 3));
  outbox.flush();
  expect(updates().map(({ update: told }) => told.sequence)).toEqual([2, 3]);
});

test("outbox: hard limit: too many bytes, or a write the socket does not take in time", () => {
  const { outbox, world, fill } = stand();
  fill(1);
  outbox.flush();
  world.now = OUTBOX_AGE_MS_MAX;
  expect(outbox.over(world.now)).toBe(false);
  expect(outbox.over(world.now + 1)).toBe(true);
  world.sent();
  expect(outbox.over(world.now + 1)).toBe(false);
  fill(OUTBOX_BYTES_MAX + 1);
  expect(outbox.over(world.now)).toBe(true);
});

test("conflate: newest state, events once each, every extension, and the rows before the newest 50 counted", () => {
  const extension = { sequence: 1, from: 10, to: 20, bidId: 1, count: 1, countLeft: null };
  const older = update(AUCTIONS[0], 1, { events: ["bid_placed", "extended"], extensions: [extension], rowsOmitted: 3 });
  const newer = update(AUCTIONS[0], 2, { events: ["bid_placed", "ended"], extensions: [{ ...extension, sequence: 2 }], removed: [1] });
  const merged = mergeUpdates(older, newer);
  expect(merged).toEqual({
    ...newer,
    previousSequence: 0,
    events: ["bid_placed", "extended", "ended"],
    rows: [...older.rows, ...newer.rows],
    rowsOmitted: 3,
    extensions: [extension, { ...extension, sequence: 2 }],
  });
});

test("conflate: extensions beyond the limit become one that spans them, so the update never outgrows a message", () => {
  const extended = (sequence: number) =>
    update(AUCTIONS[0], sequence, {
      extensions: [{ sequence, from: sequence * 10, to: sequence * 10 + 10, bidId: sequence, count: sequence, countLeft: null }],
    });
  let merged = extended(1);
  for (let sequence = 2; sequence <= 2 * EXTENSIONS_MAX; sequence += 1) merged = mergeUpdates(merged, extended(sequence));
  expect(merged.extensions).toHaveLength(EXTENSIONS_MAX);
  expect(merged.extensions[0]).toMatchObject({ from: 10, to: (EXTENSIONS_MAX + 1) * 10 + 10, count: EXTENSIONS_MAX + 1 });
  expect(merged.extensions.at(-1)).toMatchObject({ sequence: 2 * EXTENSIONS_MAX });
  expect(encodeEngineMessage({ kind: "update", update: merged })).not.toBeNull();
});
