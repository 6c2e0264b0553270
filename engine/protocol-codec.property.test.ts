import fc from "fast-check";
import { expect, test } from "vitest";
import type { Command, CommandBody } from "./core/command.ts";
import { REFUSAL_CODES } from "./core/decision.ts";
import type { EngineMessage, GatewayMessage, Read } from "./protocol.ts";
import { BatchBuffer, type BatchReader, MESSAGE_BYTES_MAX } from "./protocol-bytes.ts";
import { EngineWriter, encodeEngineMessage, engineReader, GatewayWriter, gatewayReader } from "./protocol-codec.ts";
import { ANSWER_BYTES } from "./protocol-layouts.ts";

const RUNS = { numRuns: 200 };

const hex = (length: number) => fc.string({ unit: fc.constantFrom(..."0123456789abcdef"), minLength: length, maxLength: length });
const auctionId = fc
  .tuple(hex(8), hex(4), hex(3), fc.constantFrom("8", "9", "a", "b"), hex(3), hex(12))
  .map(([a, b, c, variant, d, e]) => `${a}-${b}-8${c}-${variant}${d}-${e}`);
const key = fc.stringMatching(/^[A-Za-z0-9_-]{1,64}$/);
const name = fc.stringMatching(/^[\x20-\x7e]{1,64}$/);
const int32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
const requestId = fc.integer({ min: 1, max: 2 ** 31 - 1 });
const deadlineMs = fc.integer({ min: 0, max: 30_000 });
const instant = fc.integer({ min: 0, max: 253_402_300_799_999 });
const natural = fc.maxSafeNat();
const amount = fc.oneof(
  fc.maxSafeNat(),
  fc.maxSafeInteger().filter((value) => !Object.is(value, -0)),
  fc.double({ noNaN: true }).map((value) => value + 0.5),
);
const currency = fc.oneof(fc.constantFrom("USD", "JPY", "KWD"), fc.string({ maxLength: 6 }));
const text = fc.string({ maxLength: 40, unit: "grapheme" });
const plain = fc
  .jsonValue({ maxDepth: 4, noUnicodeString: true })
  .map((value) => JSON.parse(JSON.stringify(value).replaceAll("__proto__", "proto").replaceAll("-0", "0")) as unknown);
const settings = fc.dictionary(fc.stringMatching(/^[a-z]{1,12}$/), plain, { noNullPrototype: true });

const body: fc.Arbitrary<CommandBody> = fc.oneof(
  fc.record({ type: fc.constant("place_bid" as const), kind: fc.constantFrom("maximum" as const, "flat" as const), amount, currency }),
  fc.record({ type: fc.constantFrom("raise_maximum" as const, "buy_now" as const), amount, currency }),
  fc.record({ type: fc.constant("create" as const), settings }),
  fc.record({ type: fc.constant("open_auction" as const) }),
  fc.record({ type: fc.constantFrom("retract_bid" as const, "pause" as const, "withdraw" as const), reason: text }),
  fc.record({ type: fc.constant("void_bid" as const), bidId: natural, reason: text }),
  fc.record({ type: fc.constant("void_bidder" as const), bidderId: name, reason: text, block: fc.boolean() }),
  fc.record(
    { type: fc.constant("set_bidder" as const), bidderId: name, blocked: fc.boolean(), authorisedLimit: fc.option(natural) },
    { requiredKeys: ["type", "bidderId"] },
  ),
  fc.record({ type: fc.constant("lower_reserve" as const), reserve: natural }),
  fc.record({ type: fc.constant("extend" as const), endsAt: instant, reason: text }),
  fc.record({ type: fc.constant("resume" as const), leaveAtLeastMs: natural }),
  fc.record({ type: fc.constant("end_early" as const), sellBelowReserve: fc.boolean() }),
);

const command: fc.Arbitrary<Command> = fc.record({
  auctionId,
  role: fc.constantFrom("bidder" as const, "seller" as const, "operator" as const),
  issuerId: name,
  key,
  keyDigest: fc.record({ a: int32, b: int32, c: int32, d: int32 }),
  fingerprint: fc.record({ a: int32, b: int32 }),
  body,
});

const limit = fc.integer({ min: 1, max: 100 });
const read: fc.Arbitrary<Read> = fc.oneof(
  fc.record({ kind: fc.constant("view" as const), auctionId, fresh: fc.boolean(), history: limit, bidderId: fc.option(name) }),
  fc.record({ kind: fc.constant("rows_after" as const), auctionId, sequence: natural, limit }),
  fc.record({ kind: fc.constant("rows_before" as const), auctionId, sequence: fc.option(natural), row: fc.constantFrom(0, 1), limit }),
  fc.record({ kind: fc.constant("standing" as const), auctionId, bidderId: name }),
);

const fromGateway: fc.Arbitrary<GatewayMessage> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("command" as const), requestId, deadlineMs, command }) },
  fc.record({ kind: fc.constantFrom("watch" as const, "unwatch" as const), auctionIds: fc.array(auctionId, { maxLength: 20 }) }),
  fc.record({ kind: fc.constant("read" as const), requestId, read }),
  fc.record({ kind: fc.constant("ping" as const), sentAt: fc.double({ noNaN: true, min: 0 }) }),
);

const maybe = fc.option(natural);
const state = fc.record({
  phase: fc.constantFrom("draft" as const, "scheduled" as const, "open" as const, "paused" as const, "closed" as const),
  outcome: fc.option(fc.constantFrom("sold" as const, "passed" as const, "withdrawn" as const)),
  price: maybe,
  askingPrice: maybe,
  totalBids: natural,
  bidders: natural,
  leaderNumber: maybe,
  reserveMet: fc.option(fc.boolean()),
  buyNow: maybe,
  opensAt: fc.option(instant),
  endsAt: fc.option(instant),
  scheduledCloseAt: fc.option(instant),
  pausedAt: fc.option(instant),
  extensionCount: natural,
  extensionTotalMs: natural,
  hammer: fc.option(fc.record({ price: maybe, winnerNumber: maybe, endedAt: instant, by: fc.constantFrom("close_due" as const, "buy_now" as const) })),
});
const row = fc.record({
  sequence: natural,
  row: fc.constantFrom(0, 1),
  bidId: natural,
  bidderNumber: natural,
  amount: natural,
  kind: fc.constantFrom("bid" as const, "proxy" as const, "recomputed" as const),
  at: instant,
  gone: fc.option(fc.constantFrom("retracted" as const, "voided" as const)),
});
const rows = fc.array(row, { maxLength: 5 });
const standing = fc.record({ bidderNumber: maybe, leading: fc.boolean(), maximum: maybe, highestBid: maybe, blocked: fc.boolean(), authorisedLimit: maybe });
const extension = fc.record({ sequence: natural, from: instant, to: instant, bidId: natural, count: natural, countLeft: maybe });
const update = fc.record({
  auctionId,
  epoch: natural,
  sequence: natural,
  previousSequence: natural,
  at: instant,
  events: fc.array(fc.constantFrom("opened" as const, "bid_placed" as const, "extended" as const, "ended" as const), { maxLength: 4 }),
  state,
  rows,
  rowsOmitted: natural,
  removed: fc.array(natural, { maxLength: 5 }),
  extensions: fc.array(extension, { maxLength: 3 }),
});
const notice = fc.record({
  kind: fc.constantFrom("outbid" as const, "leading_again" as const, "bid_needed" as const),
  why: fc.constantFrom(null, "retraction" as const, "void" as const),
  bidderId: name,
  auctionId,
  epoch: natural,
  sequence: natural,
  at: instant,
  price: maybe,
  askingPrice: maybe,
  yourBid: natural,
  endsAt: instant,
});
const terms = fc.record({
  format: fc.constant("english" as const),
  currency: fc.constant("USD"),
  amountStep: natural,
  opening: natural,
  increments: fc.record({ name: text, bands: fc.array(fc.record({ from: natural, step: natural }), { maxLength: 3 }), allowSubIncrementOutbid: fc.boolean() }),
  bidding: fc.record({ kinds: fc.constant(["maximum" as const]), equalMaximum: fc.constant("accept" as const), ownRaiseMovesPrice: fc.boolean() }),
  softClose: fc.constant(null),
  retraction: fc.constant(null),
  sellerId: name,
  lotId: fc.option(name),
});
const view = fc.record({ auctionId, epoch: natural, sequence: natural, terms, state });
const status = fc.record({
  shard: fc.integer({ min: 0, max: 4095 }),
  state: fc.constantFrom("serving" as const, "log_down" as const, "moving" as const, "unowned" as const, "stopped" as const),
  epoch: natural,
  lsn: natural,
  offset: natural,
});
const answerRow = fc.uint8Array({ minLength: ANSWER_BYTES, maxLength: ANSWER_BYTES });
const fromEngine: fc.Arbitrary<EngineMessage> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("answer" as const), requestId, auctionId, replayed: fc.boolean(), row: answerRow }) },
  fc.record({ kind: fc.constant("refusal" as const), requestId, code: fc.constantFrom(...REFUSAL_CODES), retryAfterMs: deadlineMs }),
  fc.record({ kind: fc.constant("welcome" as const), nodeId: text, lifeId: text, shards: fc.integer({ min: 1, max: 4096 }), version: text }),
  fc.record({
    kind: fc.constant("read_result" as const),
    requestId,
    result: fc.oneof(
      fc.record({ kind: fc.constant("view" as const), view, rows, you: fc.option(standing) }),
      fc.record({ kind: fc.constant("rows" as const), rows, more: fc.boolean(), sequence: natural }),
      fc.record({ kind: fc.constant("standing" as const), standing, sequence: natural }),
    ),
  }),
  fc.record({ kind: fc.constant("update" as const), update }),
  fc.record({ kind: fc.constant("notice" as const), notice }),
  fc.record({ kind: fc.constant("shard" as const), status }),
  fc.record({ kind: fc.constant("pong" as const), sentAt: fc.double({ noNaN: true, min: 0 }), engineAt: instant }),
);

function write(messages: readonly GatewayMessage[]): Buffer {
  const writer = new GatewayWriter();
  for (const message of messages) {
    const added = message.kind === "command" ? writer.command(message.requestId, message.deadlineMs, message.command) : writer.message(message);
    expect(added).toBe(true);
  }
  return writer.take() ?? Buffer.alloc(0);
}

function writeEngine(messages: readonly EngineMessage[]): Buffer {
  const writer = new EngineWriter();
  for (const message of messages) expect(writer.message(message)).toBe(true);
  return writer.take() ?? Buffer.alloc(0);
}

function collectGateway() {
  const taken: GatewayMessage[] = [];
  const reader = gatewayReader({
    command: (id, left, asked) => taken.push({ kind: "command", requestId: id, deadlineMs: left, command: asked }),
    message: (message) => taken.push(message),
  });
  return { taken, reader };
}

function collectEngine() {
  const taken: EngineMessage[] = [];
  const reader = engineReader({
    answer: (id, auction, bytes, at, replayed) =>
      taken.push({ kind: "answer", requestId: id, auctionId: auction, replayed, row: Uint8Array.from(bytes.subarray(at, at + ANSWER_BYTES)) }),
    refusal: (id, code, retryAfterMs) => taken.push({ kind: "refusal", requestId: id, code, retryAfterMs }),
    message: (message) => taken.push(message),
  });
  return { taken, reader };
}

/** Feeds the bytes cut at the given places; true while no fault came. */
function feedCut(reader: BatchReader, bytes: Buffer, cuts: readonly number[]): boolean {
  const places = [...new Set([0, ...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length])].sort((a, b) => a - b);
  return places.slice(1).every((place, index) => reader.feed(Buffer.from(bytes.subarray(places[index], place))) === null);
}

const cuts = fc.array(fc.nat(), { maxLength: 12 });

test("link codec: gateway messages: what is read equals what was written, however the stream is cut", () => {
  fc.assert(
    fc.property(fc.array(fromGateway, { minLength: 1, maxLength: 8 }), cuts, (messages, places) => {
      const { taken, reader } = collectGateway();
      expect(feedCut(reader, write(messages), places)).toBe(true);
      expect(taken).toEqual(messages);
    }),
    RUNS,
  );
});

test("link codec: engine messages: what is read equals what was written, however the stream is cut", () => {
  fc.assert(
    fc.property(fc.array(fromEngine, { minLength: 1, maxLength: 8 }), cuts, (messages, places) => {
      const { taken, reader } = collectEngine();
      expect(feedCut(reader, writeEngine(messages), places)).toBe(true);
      expect(taken).toEqual(messages);
    }),
    RUNS,
  );
});

test("link codec: shared messages: bytes encoded once read the same from every writer they are added to", () => {
  fc.assert(
    fc.property(
      fromEngine.filter((message) => message.kind !== "answer" && message.kind !== "refusal"),
      (message) => {
        const encoded = encodeEngineMessage(message as Exclude<EngineMessage, { kind: "answer" | "refusal" }>);
        const writer = new EngineWriter();
        writer.refusal(1, "overloaded", 5);
        writer.encoded(encoded ?? new Uint8Array());
        const { taken, reader } = collectEngine();
        expect(reader.feed(writer.take() ?? Buffer.alloc(0))).toBe(null);
        expect(taken).toEqual([{ kind: "refusal", requestId: 1, code: "overloaded", retryAfterMs: 5 }, message]);
      },
    ),
    RUNS,
  );
});

test("link codec: random bytes: never throw", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 2_000 }), cuts, (bytes, places) => {
      feedCut(collectGateway().reader, Buffer.from(bytes), places);
      feedCut(collectEngine().reader, Buffer.from(bytes), places);
    }),
    RUNS,
  );
});

test("link codec: random bodies in well-formed batches: never throw", () => {
  fc.assert(
    fc.property(fc.constantFrom(1, 2, 16, 17, 18, 19), fc.uint8Array({ maxLength: 400 }), (kind, bytes) => {
      const out = new BatchBuffer();
      const at = out.begin(bytes.length);
      out.bytes.set(bytes, at);
      out.commit(kind, at, at + bytes.length);
      const batch = out.take() ?? Buffer.alloc(0);
      collectGateway().reader.feed(batch);
      collectEngine().reader.feed(batch);
    }),
    { numRuns: 500 },
  );
});

test("link codec: damaged batches: never throw, and hand over only whole messages", () => {
  const damage = fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(
      fc.array(fromGateway, { minLength: 1, maxLength: 4 }),
      fc.array(fromEngine, { minLength: 1, maxLength: 4 }),
      damage,
      cuts,
      (up, down, hits, places) => {
        for (const [bytes, side] of [
          [write(up), collectGateway()],
          [writeEngine(down), collectEngine()],
        ] as const) {
          for (const [place, value] of hits) bytes[place % bytes.length] = value;
          feedCut(side.reader, bytes, places);
          expect(side.taken.length).toBeLessThan(bytes.length / 4);
        }
      },
    ),
    RUNS,
  );
});

test("link codec: truncated batches: no fault, and no message before its last byte came", () => {
  fc.assert(
    fc.property(fromGateway, fc.nat(), (message, cut) => {
      const bytes = write([message]);
      const { taken, reader } = collectGateway();
      const place = cut % bytes.length;
      expect(reader.feed(bytes.subarray(0, place))).toBe(null);
      expect(taken).toEqual([]);
      expect(reader.feed(bytes.subarray(place))).toBe(null);
      expect(taken).toEqual([message]);
    }),
    RUNS,
  );
});

test("link codec: lengths: a fault comes before memory does", () => {
  const announce = (batch: number, message: number) => {
    const bytes = Buffer.alloc(8);
    bytes.writeUInt32LE(batch, 0);
    bytes.writeUInt32LE(message, 4);
    return collectGateway().reader.feed(bytes);
  };
  expect(announce(0, 0)).toBe("empty_batch");
  expect(announce(0xffffffff, 1)).toBe("batch_too_large");
  expect(announce(8 * 1024 * 1024, ((MESSAGE_BYTES_MAX + 1) << 8) | 2)).toBe("message_too_large");
  expect(announce(10, (2 << 8) | 9)).toBe(null);
  const before = process.memoryUsage().arrayBuffers;
  const readers = Array.from({ length: 64 }, () => {
    const { reader } = collectGateway();
    const bytes = Buffer.alloc(9);
    bytes.writeUInt32LE(8 * 1024 * 1024, 0);
    bytes.writeUInt32LE((MESSAGE_BYTES_MAX << 8) | 2, 4);
    expect(reader.feed(bytes)).toBe(null);
    return reader;
  });
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(readers.length * 128 * 1024);
});
