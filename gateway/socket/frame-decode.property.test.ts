import fc from "fast-check";
import { pack } from "msgpackr";
import { expect, test } from "vitest";
import { checkFrame } from "./frame-check.ts";
import { decodeMessage, MALFORMED } from "./frame-decode.ts";

const A = "3a7c1f0e-6d0a-8a51-8f0e-2d4f8b9f6a10";
const FRAMES = [
  { type: "place_bid", id: 4, auctionId: A, key: "k", amountMinor: 15_000, currency: "USD", kind: "flat", deadlineMs: 500 },
  { type: "subscribe", id: 2, auctions: [{ auctionId: A, epoch: 1, sequence: 2 }], history: 5 },
  { type: "unsubscribe", id: 3, auctionIds: [A] },
  { type: "auth", id: 1, token: "a.b.c", batch: true },
  { type: "ping", clientTimeMs: 1_795_428_000_010 },
];

/** Understands or faults; never throws. What is understood holds only what the forms allow. */
function isSound(protocol: "json" | "msgpack", bytes: Uint8Array): boolean {
  const value = decodeMessage(protocol, new Uint8Array(bytes).buffer);
  if (value === MALFORMED) return true;
  const request = checkFrame(value);
  if (request.kind !== "bid") return true;
  const amount = "amount" in request.body ? request.body.amount : 1;
  return Number.isSafeInteger(amount) && amount >= 1 && /^[A-Za-z0-9_-]{1,64}$/.test(request.key) && request.auctionId.length === 36;
}

test("client frames: no bytes make a decoder throw or let a wrong bid through", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => isSound("msgpack", bytes) && isSound("json", bytes)),
    { numRuns: 3_000 },
  );
});

test("client frames: a right frame with some bytes changed is understood rightly or refused", () => {
  const change = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(fc.constantFrom(...FRAMES), change, (frame, changes) => {
      for (const [protocol, whole] of [
        ["json", Buffer.from(JSON.stringify(frame))],
        ["msgpack", Buffer.from(pack(frame))],
      ] as const) {
        const bytes = Buffer.from(whole);
        for (const [at, value] of changes) bytes[at % bytes.length] = value;
        if (!isSound(protocol, bytes)) return false;
      }
      return true;
    }),
    { numRuns: 3_000 },
  );
});

test("client frames: any value at any place of a bid is refused unless it is the same value", () => {
  const bid = FRAMES[0] as (typeof FRAMES)[0];
  fc.assert(
    fc.property(
      fc.constantFrom(...Object.keys(bid)),
      fc.anything({ withBigInt: true, withDate: true, withMap: true, withSet: true, withNullPrototype: true }),
      (member, value) => {
        const request = checkFrame({ ...bid, [member]: value });
        if (request.kind === "fault") return request.errors.length > 0 && request.errors.every((error) => typeof error.pointer === "string");
        return ["string", "number", "boolean"].includes(typeof value) || value === undefined;
      },
    ),
    { numRuns: 3_000 },
  );
});

test("client frames: both encodings of one frame are understood alike", () => {
  const frame = fc.record({
    type: fc.constantFrom("place_bid", "raise", "buy_now"),
    id: fc.integer({ min: 1, max: 2 ** 31 - 1 }),
    auctionId: fc.constant(A),
    key: fc.stringMatching(/^[A-Za-z0-9_-]{1,64}$/),
    amountMinor: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
    currency: fc.stringMatching(/^[A-Z]{3}$/),
  });
  fc.assert(
    fc.property(frame, (value) => {
      const text = checkFrame(decodeMessage("json", new Uint8Array(Buffer.from(JSON.stringify(value))).buffer));
      const bytes = checkFrame(decodeMessage("msgpack", new Uint8Array(pack(value)).buffer));
      expect(text).toEqual(bytes);
      expect(text.kind).toBe("bid");
    }),
    { numRuns: 1_000 },
  );
});
