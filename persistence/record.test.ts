import { expect, test } from "vitest";
import { engineCommand } from "../engine/core/command.ts";
import { type Decision, NO_EFFECTS } from "../engine/core/decision.ts";
import { initialJudge, judge } from "../engine/core/validity.ts";
import { frameBytesMax, frameDecisionsMax } from "./frame-writer.ts";
import { createRecordCodec, decodeRecord } from "./record.ts";
import { RECORD_MAGIC } from "./record-header.ts";

const LIFE = Uint8Array.from({ length: 16 }, (_, i) => i + 1);
const HASH = new Uint8Array(16).fill(0xab);
const PLACE = { shard: 3, epoch: 141, firstLsn: 1_001, prevHash: HASH };
const AT = 1_795_428_000_123;
const AUCTION = "3a7c1f0e-6d0a-8a51-8f0e-2d4f8b9f6a10";
const codec = createRecordCodec(LIFE);

function bid(sequence: number, at = AT): Decision {
  return {
    auctionId: AUCTION,
    sequence,
    at,
    epoch: PLACE.epoch,
    verdict: "accepted",
    code: "leading",
    command: {
      auctionId: AUCTION,
      role: "bidder",
      issuerId: "bidder-7",
      key: `key-${sequence}`,
      keyDigest: { a: 1, b: -2, c: 2 ** 31 - 1, d: -(2 ** 31) },
      fingerprint: { a: -1, b: 7 },
      body: { type: "place_bid", kind: "maximum", amount: 10_250, currency: "USD" },
    },
    effects: {
      ...NO_EFFECTS,
      bidTaken: { bidderId: "bidder-7", kind: "maximum", amount: 10_250 },
      standing: { price: 10_000, leader: "bidder-7", reserveMet: true },
    },
  };
}

function frame(...decisions: readonly Decision[]): { bytes: Uint8Array; hash: Uint8Array } {
  const writer = codec.frameWriter();
  for (const decision of decisions) expect(writer.add(decision)).toBe(true);
  return writer.close(PLACE);
}

test("record: header: every field stands where the format says", () => {
  const { bytes, hash } = frame(bid(1), bid(2, AT + 5));
  const view = Buffer.from(bytes);
  expect(view.toString("latin1", 0, 4)).toBe("FWL1");
  expect([view.readUInt16LE(4), view[6], view[7]]).toEqual([1, 4, 0]);
  expect(view.subarray(8, 24)).toEqual(Buffer.from(LIFE));
  expect(view.readUInt32LE(24)).toBe(PLACE.shard);
  expect([view.readBigUInt64LE(28), view.readBigUInt64LE(36), view.readUInt32LE(44)]).toEqual([141n, 1_001n, 2]);
  expect([view.readBigUInt64LE(48), view.readBigUInt64LE(56)]).toEqual([BigInt(AT), BigInt(AT + 5)]);
  expect(view.subarray(64, 80)).toEqual(Buffer.from(HASH));
  expect(view.readUInt32LE(80)).toBe(view.length - 84 - 20);
  expect(view.subarray(view.length - 20, view.length - 4)).toEqual(Buffer.from(hash));
  expect(Buffer.from(codec.hash(view.subarray(0, view.length - 20)))).toEqual(Buffer.from(hash));
});

test("record: genesis, claim, release and time come back as they were", () => {
  const genesis = { shard: 3, shards: 16, slotDigest: HASH, madeAt: AT, version: "0.1.0" };
  expect(decodeRecord({ offset: 0, bytes: codec.genesis(genesis) }, 3)).toMatchObject({ kind: "genesis", offset: 0, lifeId: LIFE, slots: 4096, ...genesis });
  const claim = { shard: 3, previous: 2 ** 40, nonce: HASH, nodeId: "birch-ü", processId: "p\u{1F528}", reason: "takeover", shards: 16, at: AT } as const;
  expect(decodeRecord({ offset: 9, bytes: codec.claim(claim) }, 3)).toMatchObject({ kind: "claim", offset: 9, ...claim });
  for (const target of ["birch", null]) {
    const release = codec.release({ ...PLACE, at: AT }, { stateHash: HASH, reason: "drain", target });
    expect(decodeRecord({ offset: 10, bytes: release.bytes }, 3)).toMatchObject({
      kind: "release",
      ...PLACE,
      count: 1,
      timeFirst: AT,
      timeLast: AT,
      hash: release.hash,
      stateHash: HASH,
      reason: "drain",
      target,
    });
  }
  for (const reason of ["first", "idle", "probe", "barrier"] as const) {
    const time = codec.time({ ...PLACE, at: AT }, reason);
    expect(decodeRecord({ offset: 10, bytes: time.bytes }, 3)).toMatchObject({ kind: "time", ...PLACE, count: 1, hash: time.hash, reason });
  }
});

test("record: decode: what is made is effective for the judge that it was made for", () => {
  const record = codec.decode({ offset: 0, bytes: codec.genesis({ shard: 3, shards: 16, slotDigest: HASH, madeAt: AT, version: "1" }) }, 3);
  expect(judge(initialJudge(3), record)).toMatchObject({ kind: "effective" });
});

test.each([
  ["nothing", new Uint8Array(0), "foreign"],
  ["other bytes", Buffer.from("hello, this is a console producer"), "foreign"],
  ["three bytes of our magic", Buffer.from("FWL"), "foreign"],
  ["our magic alone", Buffer.from("FWL1"), "damaged"],
])("record: decode: %s is %s", (_what, bytes, kind) => {
  expect(decodeRecord({ offset: 5, bytes }, 3)).toMatchObject({ kind, offset: 5, shard: 3 });
});

test("record: decode: every flipped bit and every missing byte is noticed", () => {
  const { bytes } = frame(bid(1));
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const flipped = Uint8Array.from(bytes);
    flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7));
    expect(["foreign", "damaged"]).toContain(decodeRecord({ offset: 0, bytes: flipped }, 3).kind);
  }
  for (let length = 0; length < bytes.length; length++) {
    expect(["foreign", "damaged"]).toContain(decodeRecord({ offset: 0, bytes: bytes.subarray(0, length) }, 3).kind);
  }
});

test("record: decode: a right crc around a wrong hash is damage", () => {
  const bytes = resealed((view) => view.writeUInt8(9, view.length - 20));
  expect(decodeRecord({ offset: 0, bytes }, 3)).toMatchObject({ kind: "damaged", detail: "hash differs" });
});

test("record: decode: a version we do not know keeps magic, life id and shard in their places", () => {
  const bytes = resealed((view) => view.writeUInt16LE(2, 4));
  expect(decodeRecord({ offset: 4, bytes }, 3)).toEqual({ kind: "newer", offset: 4, lifeId: LIFE, shard: 3, version: 2 });
});

test("record: decode: an unknown kind and unknown flags are kinds of their own", () => {
  expect(decodeRecord({ offset: 4, bytes: resealed((view) => view.writeUInt8(9, 6), true) }, 3)).toMatchObject({
    kind: "unknown_kind",
    recordKind: 9,
    lifeId: LIFE,
  });
  expect(decodeRecord({ offset: 4, bytes: resealed((view) => view.writeUInt8(1, 7), true) }, 3)).toMatchObject({ kind: "newer", lifeId: LIFE, shard: 3 });
});

test("record: frame: decisions come back in order, under the epoch of their record", () => {
  const decisions = [bid(1), bid(2, AT + 7), { ...bid(3, AT + 7), verdict: "rejected", code: "below_asking_price", effects: NO_EFFECTS } as const];
  const record = codec.decode({ offset: 150, bytes: frame(...decisions).bytes }, 3);
  expect(record).toMatchObject({ kind: "frame", count: 3, timeFirst: AT, timeLast: AT + 7 });
  expect(codec.decisions(record)).toStrictEqual(decisions);
});

test("record: frame: two buffers alternate, so a closed frame outlives the next one's making", () => {
  const writer = codec.frameWriter();
  writer.add(bid(1));
  const first = writer.close(PLACE).bytes;
  const copy = Uint8Array.from(first);
  for (let i = 0; i < 500; i++) writer.add(bid(2 + i));
  expect(Buffer.compare(first, copy)).toBe(0);
  expect(codec.decisions(codec.decode({ offset: 0, bytes: writer.close(PLACE).bytes }, 3))).toHaveLength(500);
});

test("record: frame: at the cap of decisions and of bytes nothing more is added", () => {
  const writer = codec.frameWriter();
  for (let i = 0; i < frameDecisionsMax; i++) expect(writer.add(bid(i))).toBe(true);
  expect(writer.add(bid(9_999))).toBe(false);
  expect(codec.decisions(codec.decode({ offset: 0, bytes: writer.close(PLACE).bytes }, 3))).toHaveLength(frameDecisionsMax);
  const large = { ...bid(1), command: { ...bid(1).command, body: { type: "withdraw", reason: "x".repeat(60_000) } as const } };
  let added = 0;
  while (writer.add(large)) added += 1;
  expect(added).toBe(4);
  const before = writer.bytes;
  expect(before).toBeLessThanOrEqual(frameBytesMax);
  expect([writer.count, writer.close(PLACE).bytes.length]).toEqual([4, before]);
});

test("record: frame: a first decision larger than a frame goes alone", () => {
  const bidIds = Array.from({ length: 90_000 }, (_, i) => i + 1);
  const strike: Decision = {
    ...bid(1),
    effects: { ...NO_EFFECTS, bidsRemoved: { bidIds, gone: "voided" } },
    code: "ok",
    command: { ...bid(1).command, role: "operator", body: { type: "void_bidder", bidderId: "b", reason: "fraud", block: true } },
  };
  const writer = codec.frameWriter();
  writer.add(bid(1));
  expect(writer.add(strike)).toBe(false);
  expect(writer.count).toBe(1);
  writer.clear();
  expect(writer.add(strike)).toBe(true);
  expect(writer.add(bid(2))).toBe(false);
  expect(codec.decisions(codec.decode({ offset: 0, bytes: writer.close(PLACE).bytes }, 3))).toStrictEqual([strike]);
});

test("record: frame: what has no stored form is refused and leaves nothing behind", () => {
  const writer = codec.frameWriter();
  writer.add(bid(1));
  expect(() => writer.add({ ...bid(2), auctionId: "not-an-id" })).toThrow(RangeError);
  expect(() => writer.add(bid(2, AT - 1))).toThrow("falls");
  expect(() => writer.add({ ...bid(2), effects: { ...NO_EFFECTS, paused: { at: 1.5 } } })).toThrow("safe integer");
  writer.add(bid(3));
  expect(codec.decisions(codec.decode({ offset: 0, bytes: writer.close(PLACE).bytes }, 3))).toStrictEqual([bid(1), bid(3)]);
});

test("record: frame: an empty one cannot be closed, a record of another kind holds no decisions", () => {
  expect(() => codec.frameWriter().close(PLACE)).toThrow("empty");
  expect(() => codec.decisions(codec.decode({ offset: 0, bytes: codec.time({ ...PLACE, at: AT }, "idle").bytes }, 3))).toThrow("time");
});

test("record: frame: a count that does not fit its payload is said, not guessed", () => {
  for (const count of [1, 3]) {
    const bytes = resealed((view) => view.writeUInt32LE(count, 44), true, [bid(1), bid(2)]);
    const record = codec.decode({ offset: 0, bytes }, 3);
    expect(record).toMatchObject({ kind: "frame", count });
    expect(() => codec.decisions(record)).toThrow(RangeError);
  }
});

test("record: engine commands need no key", () => {
  const decision: Decision = {
    auctionId: AUCTION,
    sequence: 9,
    at: AT,
    epoch: PLACE.epoch,
    command: engineCommand(AUCTION, { type: "give_back", from: AT - 60_000, to: AT }),
    verdict: "accepted",
    code: "ok",
    effects: { ...NO_EFFECTS, endMoved: { from: AT, to: AT + 60_000, why: "give_back" } },
  };
  expect(codec.decisions(codec.decode({ offset: 0, bytes: frame(decision).bytes }, 3))).toStrictEqual([decision]);
});

test("record: the head of a snapshot comes back as the plain data it was", () => {
  const head = { phase: "open", price: 2 ** 52, times: [AT, null], none: undefined, nested: { text: "ü", big: -(2 ** 40), flag: false } };
  expect(codec.unpackHead(codec.packHead(head))).toEqual(head);
});

/** A frame with bytes changed and its checksums made right again: the crc, and if asked for the hash. */
function resealed(change: (view: Buffer) => void, hashToo = false, decisions: readonly Decision[] = [bid(1)]): Buffer {
  const view = Buffer.from(frame(...decisions).bytes);
  expect(view.readUInt32LE(0)).toBe(RECORD_MAGIC);
  change(view);
  if (hashToo) view.set(codec.hash(view.subarray(0, view.length - 20)), view.length - 20);
  view.writeUInt32LE(crc(view.subarray(0, view.length - 4)), view.length - 4);
  return view;
}

/** CRC-32 as its definition says, bit by bit. */
function crc(bytes: Uint8Array): number {
  let value = 0xffff_ffff;
  for (const byte of bytes) {
    value ^= byte;
    for (let bit = 0; bit < 8; bit++) value = (value >>> 1) ^ (0xedb8_8320 & -(value & 1));
  }
  return (value ^ 0xffff_ffff) >>> 0;
}
