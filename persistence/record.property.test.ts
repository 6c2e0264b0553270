import fc from "fast-check";
import { expect, test } from "vitest";
import type { Command, CommandBody } from "../engine/core/command.ts";
import { DECISION_CODES, type Decision, type Effects } from "../engine/core/decision.ts";
import { createRecordCodec, decodeRecord } from "./record.ts";

const LIFE = new Uint8Array(16).fill(5);
const PLACE = { shard: 0, epoch: 7, firstLsn: 1, prevHash: new Uint8Array(16) };
const codec = createRecordCodec(LIFE);

const hex = (digits: number) => fc.stringMatching(new RegExp(`^[0-9a-f]{${digits}}$`));
const auctionId = fc.tuple(hex(8), hex(4), hex(3), hex(3), hex(12)).map(([a, b, c, d, e]) => `${a}-${b}-8${c}-9${d}-${e}`);
const int32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
const uint32 = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const integer = fc.maxSafeInteger().map((value) => value + 0);
const instant = fc.integer({ min: 0, max: 253_402_300_799_999 });
// Whole strings, short and long, of any plane: an id should be ASCII, a text from outside is what it is.
const text = fc.oneof(
  fc.stringMatching(/^[a-zA-Z0-9_-]{0,64}$/),
  fc.string({ maxLength: 300, unit: "grapheme" }),
  fc.string({ maxLength: 300, unit: "binary" }),
);
const wellFormed = fc.oneof(fc.stringMatching(/^[ -~]{0,40}$/), fc.string({ maxLength: 80, unit: "grapheme" }));
const orNull = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: null });

// Records with the prototype that real ones have.
const plain = <T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> => fc.record(model, { noNullPrototype: true }) as fc.Arbitrary<T>;
const member = fc.stringMatching(/^[a-zA-Z]{1,12}$/);
const dictionary = <T>(value: fc.Arbitrary<T>) => fc.dictionary(member, value, { maxKeys: 5, noNullPrototype: true });
const asked = fc.oneof(
  integer,
  wellFormed,
  fc.boolean(),
  fc.constant(null),
  fc.double({ noNaN: true }).map((value) => value + 0),
  fc.array(integer, { maxLength: 5 }),
);

const amounts = fc.oneof(integer, fc.constantFrom(0, 1, -1, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER, 0.5, 1e300));
const typed = <T extends CommandBody["type"]>(type: T, fields: Record<string, fc.Arbitrary<unknown>>): fc.Arbitrary<CommandBody> =>
  plain({ type: fc.constant(type), ...fields }) as fc.Arbitrary<CommandBody>;

const body: fc.Arbitrary<CommandBody> = fc.oneof(
  typed("create", { settings: dictionary(fc.oneof(asked, dictionary(asked), fc.array(dictionary(asked), { maxLength: 3 }))) }),
  typed("open_auction", {}),
  { weight: 5, arbitrary: typed("place_bid", { kind: fc.constantFrom("maximum", "flat"), amount: amounts, currency: text }) },
  typed("raise_maximum", { amount: amounts, currency: text }),
  typed("buy_now", { amount: amounts, currency: text }),
  typed("retract_bid", { reason: wellFormed }),
  typed("void_bid", { bidId: integer, reason: wellFormed }),
  typed("void_bidder", { bidderId: wellFormed, reason: wellFormed, block: fc.boolean() }),
  fc.record(
    { type: fc.constant("set_bidder" as const), bidderId: wellFormed, blocked: fc.boolean(), authorisedLimit: orNull(integer) },
    { requiredKeys: ["type", "bidderId"], noNullPrototype: true },
  ),
  typed("lower_reserve", { reserve: integer }),
  typed("extend", { endsAt: integer, reason: wellFormed }),
  typed("resume", { leaveAtLeastMs: integer }),
  typed("end_early", { sellBelowReserve: fc.boolean() }),
  typed("open_due", {}),
  typed("close_due", {}),
  typed("give_back", { from: instant, to: instant }),
);

const effects: fc.Arbitrary<Effects> = plain({
  opened: orNull(plain({ opensAt: integer, endsAt: integer, scheduledCloseAt: integer })),
  bidTaken: orNull(plain({ bidderId: text, kind: fc.constantFrom("maximum" as const, "flat" as const), amount: integer })),
  bidsRemoved: orNull(plain({ bidIds: fc.array(uint32, { maxLength: 20 }), gone: fc.constantFrom("retracted" as const, "voided" as const) })),
  reserveLowered: orNull(plain({ reserve: integer, cutTo: orNull(integer) })),
  bidderSet: orNull(plain({ bidderId: text, blocked: fc.boolean(), authorisedLimit: fc.oneof(integer, fc.constantFrom(null, undefined)) })),
  standing: orNull(plain({ price: orNull(integer), leader: orNull(text), reserveMet: orNull(fc.boolean()) })),
  buyNow: orNull(plain({ available: fc.boolean() })),
  extended: orNull(plain({ from: integer, to: integer, bidId: integer })),
  endMoved: orNull(plain({ from: integer, to: integer, why: fc.constantFrom("extend" as const, "resume" as const, "give_back" as const) })),
  paused: orNull(plain({ at: integer })),
  resumed: orNull(plain({ at: integer })),
  ended: orNull(
    plain({
      outcome: fc.constantFrom("sold" as const, "passed" as const, "withdrawn" as const),
      hammerPrice: orNull(integer),
      winner: orNull(text),
      endedAt: integer,
      by: fc.constantFrom("close_due" as const, "end_early" as const, "buy_now" as const, "withdraw" as const),
    }),
  ),
});

const decision: fc.Arbitrary<Decision> = fc
  .record({
    auctionId,
    body,
    effects,
    sequence: uint32,
    step: fc.integer({ min: 0, max: 10_000 }),
    issuerId: text,
    key: orNull(text),
    role: fc.constantFrom("bidder" as const, "seller" as const, "operator" as const, "engine" as const),
    keyDigest: orNull(plain({ a: int32, b: int32, c: int32, d: int32 })),
    fingerprint: orNull(plain({ a: int32, b: int32 })),
    verdict: fc.constantFrom("accepted" as const, "rejected" as const),
    code: fc.constantFrom(...DECISION_CODES),
    own: fc.boolean(),
  })
  .map((parts) => {
    const { auctionId: id, role, issuerId, key, keyDigest, fingerprint, verdict, code, sequence, step } = parts;
    const command: Command = { auctionId: id, role, issuerId, key, keyDigest, fingerprint, body: parts.body };
    // Half of the names in the effects are the issuer's own, as with most bids.
    const { bidTaken, standing } = parts.effects;
    const own: Partial<Effects> = parts.own
      ? { bidTaken: bidTaken && { ...bidTaken, bidderId: issuerId }, standing: standing && { ...standing, leader: issuerId } }
      : {};
    return { auctionId: id, sequence, at: step, epoch: PLACE.epoch, command, verdict, code, effects: { ...parts.effects, ...own } };
  });

test("record: decisions: every one comes back strictly equal to what was encoded", () => {
  fc.assert(
    fc.property(instant, fc.array(decision, { minLength: 1, maxLength: 8 }), (start, drawn) => {
      let at = start;
      const decisions = drawn.map((one) => {
        at += one.at;
        return { ...one, at };
      });
      const writer = codec.frameWriter();
      for (const one of decisions) expect(writer.add(one)).toBe(true);
      const { bytes, hash } = writer.close(PLACE);
      const record = decodeRecord({ offset: 3, bytes }, 0);
      expect(record).toMatchObject({ kind: "frame", count: decisions.length, timeFirst: decisions[0]?.at, timeLast: at, hash });
      expect(codec.decisions(record)).toStrictEqual(decisions);
    }),
    { numRuns: 400 },
  );
});

test("record: decode: random bytes never throw, with or without our magic", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), fc.boolean(), (bytes, ours) => {
      const record = decodeRecord({ offset: 1, bytes: ours ? Buffer.concat([Buffer.from("FWL1\x01\x00"), bytes]) : bytes }, 0);
      expect(["foreign", "damaged"]).toContain(record.kind);
    }),
    { numRuns: 2_000 },
  );
});

test("record: decode: any change of a sealed record is noticed", () => {
  const writer = codec.frameWriter();
  fc.assert(
    fc.property(decision, fc.nat(), fc.integer({ min: 1, max: 255 }), fc.integer({ min: -20, max: 20 }), (one, place, change, longer) => {
      writer.clear();
      writer.add(one);
      const bytes = Buffer.from(writer.close(PLACE).bytes);
      const at = place % bytes.length;
      const flipped = Buffer.from(bytes);
      flipped[at] = (flipped[at] as number) ^ change;
      expect(["foreign", "damaged"]).toContain(decodeRecord({ offset: 1, bytes: flipped }, 0).kind);
      const resized = longer < 0 ? bytes.subarray(0, longer) : Buffer.concat([bytes, Buffer.alloc(longer)]);
      if (longer !== 0) expect(decodeRecord({ offset: 1, bytes: resized }, 0).kind).toBe("damaged");
    }),
    { numRuns: 500 },
  );
});

test("record: heads: plain data comes back equal", () => {
  fc.assert(
    fc.property(dictionary(fc.oneof(asked, dictionary(asked))), (head) => {
      expect(codec.unpackHead(codec.packHead(head))).toEqual(head);
    }),
  );
});
