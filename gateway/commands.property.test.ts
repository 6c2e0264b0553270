import { createHash } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import type { CommandBody } from "../engine/core/command.ts";
import { isAuctionId } from "../engine/core/ids.ts";
import { auctionIdFor, makeCommand } from "./commands.ts";

const AUCTION = "3a7c1f0e-6d0a-8a51-8f0e-2d4f8b9f6a10";

function printOf(body: CommandBody) {
  return makeCommand({ role: "bidder", issuerId: "ann", auctionId: AUCTION, key: "k", body }).fingerprint;
}

// Few values each, so that equal bodies and bodies that differ in one member are both common.
const amount = fc.oneof(fc.constantFrom(0, 1, 255, 256, 2 ** 32 - 1, 2 ** 32, 10 ** 12, 10 ** 12 + 1, Number.MAX_SAFE_INTEGER, -1, 1.5), fc.nat());
const currency = fc.constantFrom("USD", "EUR", "AAA", "AAB", "ZZZ", "usd", "USDX", "");
const reason = fc.constantFrom("mistyped_amount", "other", "");
const leaf = fc.oneof(fc.constantFrom<unknown>(null, true, false, "1", "", 0, 1, 1.5), fc.nat({ max: 3 }));
const tree = fc.letrec((tie) => ({
  value: fc.oneof({ maxDepth: 3 }, leaf, fc.array(tie("value"), { maxLength: 3 }), fc.dictionary(fc.constantFrom("a", "b", "ab", "10", "9"), tie("value"))),
})).value;
const settings = fc.dictionary(fc.constantFrom("opening", "reserve", "softClose", "10", "9"), tree, { noNullPrototype: true });
const body: fc.Arbitrary<CommandBody> = fc.oneof(
  fc.record({ type: fc.constant("place_bid" as const), kind: fc.constantFrom("maximum" as const, "flat" as const), amount, currency }),
  fc.record({ type: fc.constantFrom("raise_maximum" as const, "buy_now" as const), amount, currency }),
  fc.record({ type: fc.constantFrom("retract_bid" as const, "pause" as const, "withdraw" as const), reason }),
  fc.record({ type: fc.constant("create" as const), settings }),
);

/** The same body with the members of every object in the opposite order. */
function turned<T>(value: T): T {
  if (Array.isArray(value)) return value.map(turned) as T;
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([name, member]) => [name, turned(member)]),
  ) as T;
}

/** Equality written to be read: the same JSON, members sorted. */
function sameBody(left: unknown, right: unknown): boolean {
  if (typeof left !== "object" || left === null || typeof right !== "object" || right === null) return Object.is(left, right);
  if (Array.isArray(left) !== Array.isArray(right)) return false;
  const names = Object.keys(left);
  return (
    names.length === Object.keys(right).length &&
    names.every((name) => Object.hasOwn(right, name) && sameBody((left as Record<string, unknown>)[name], (right as Record<string, unknown>)[name]))
  );
}

test("command: fingerprint: equal exactly when type and fields are", () => {
  fc.assert(
    fc.property(body, body, (left, right) => {
      expect(JSON.stringify(printOf(left)) === JSON.stringify(printOf(right))).toBe(sameBody(left, right));
    }),
    { numRuns: 2_000 },
  );
});

test("command: fingerprint: the order of members makes no difference", () => {
  fc.assert(
    fc.property(body, (asked) => {
      expect(printOf(turned(asked))).toEqual(printOf(asked));
    }),
    { numRuns: 300 },
  );
});

test("command: fingerprint: bids that differ in one unit, one letter or their kind never share one", () => {
  const seen = new Set<string>();
  let made = 0;
  for (const kind of ["maximum", "flat"] as const) {
    for (const code of ["USD", "USE", "UTD", "VSD"]) {
      for (const value of [0, 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 32 + 1, 10 ** 12 - 1, 10 ** 12]) {
        seen.add(JSON.stringify(printOf({ type: "place_bid", kind, amount: value, currency: code })));
        made += 1;
      }
    }
  }
  expect(seen.size).toBe(made);
});

test("command: fingerprint: zero and minus zero differ", () => {
  const bid = (value: number): CommandBody => ({ type: "buy_now", amount: value, currency: "USD" });
  expect(printOf(bid(-0))).not.toEqual(printOf(bid(0)));
});

test("command: key digest: the first 16 bytes of SHA-256 over issuer, a zero byte and key", () => {
  const command = makeCommand({ role: "seller", issuerId: "s-7", auctionId: AUCTION, key: "key-1", body: { type: "open_auction" } });
  const bytes = createHash("sha256").update(Buffer.from("s-7\0key-1", "ascii")).digest();
  expect(command.keyDigest).toEqual({ a: bytes.readInt32LE(0), b: bytes.readInt32LE(4), c: bytes.readInt32LE(8), d: bytes.readInt32LE(12) });
});

test("command: auction id: a UUID of version 8, the same for the same seller and key only", () => {
  const name = fc.stringMatching(/^[a-z0-9-]{1,20}$/);
  fc.assert(
    fc.property(name, name, name, (seller, key, other) => {
      expect(isAuctionId(auctionIdFor(seller, key))).toBe(true);
      expect(auctionIdFor(seller, key)).toBe(auctionIdFor(seller, key));
      expect(auctionIdFor(seller, key) === auctionIdFor(seller, other)).toBe(key === other);
      expect(auctionIdFor(seller, key) === auctionIdFor(other, key)).toBe(seller === other);
    }),
    { numRuns: 200 },
  );
});
