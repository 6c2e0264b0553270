import { pack } from "msgpackr";
import { expect, test } from "vitest";
import { checkFrame, malformed, type Request, wrongBatch } from "./frame-check.ts";
import { decodeMessage, MALFORMED } from "./frame-decode.ts";

const A = "3a7c1f0e-6d0a-8a51-8f0e-2d4f8b9f6a10";
const BID = { type: "place_bid", id: 4, auctionId: A, key: "k-1_Z", amountMinor: 15_000, currency: "USD" };
const SUBSCRIBE = { type: "subscribe", id: 2, auctions: [{ auctionId: A }] };

function json(text: string): Request | typeof MALFORMED {
  const bytes = Buffer.from(text);
  const value = decodeMessage("json", new Uint8Array(bytes).buffer);
  return value === MALFORMED ? MALFORMED : checkFrame(value);
}

function packed(bytes: Uint8Array): Request | typeof MALFORMED {
  const value = decodeMessage("msgpack", new Uint8Array(bytes).buffer);
  return value === MALFORMED ? MALFORMED : checkFrame(value);
}

/** Pointers of a fault, or the kind of what was understood. */
function faultOf(request: Request | typeof MALFORMED): unknown {
  if (request === MALFORMED) return "malformed";
  return request.kind === "fault" ? [request.code, ...request.errors.map((error) => error.pointer)] : request.kind;
}

test.each<[string, object, object]>([
  [
    "place_bid",
    BID,
    { kind: "bid", id: 4, auctionId: A, key: "k-1_Z", body: { type: "place_bid", kind: "maximum", amount: 15_000, currency: "USD" }, deadlineMs: null },
  ],
  [
    "flat bid with deadline",
    { ...BID, kind: "flat", deadlineMs: 100 },
    { body: { type: "place_bid", kind: "flat", amount: 15_000, currency: "USD" }, deadlineMs: 100 },
  ],
  ["raise", { ...BID, type: "raise" }, { body: { type: "raise_maximum", amount: 15_000, currency: "USD" } }],
  ["buy_now", { ...BID, type: "buy_now" }, { body: { type: "buy_now", amount: 15_000, currency: "USD" } }],
  ["retract", { type: "retract", id: 6, auctionId: A, key: "k", reason: "mistyped_amount" }, { body: { type: "retract_bid", reason: "mistyped_amount" } }],
  ["subscribe", SUBSCRIBE, { kind: "subscribe", id: 2, auctions: [{ auctionId: A, pair: null }], history: 20 }],
  [
    "subscribe with a pair",
    { ...SUBSCRIBE, auctions: [{ auctionId: A, epoch: 0, sequence: 9 }], history: 0 },
    { auctions: [{ auctionId: A, pair: { epoch: 0, sequence: 9 } }], history: 0 },
  ],
  ["unsubscribe", { type: "unsubscribe", id: 3, auctionIds: [A] }, { kind: "unsubscribe", id: 3, auctionIds: [A] }],
  ["ping", { type: "ping", clientTimeMs: 1_795_428_000_010 }, { kind: "ping", clientTimeMs: 1_795_428_000_010 }],
  ["auth by token", { type: "auth", id: 1, token: "a.b.c", batch: true }, { kind: "auth", id: 1, batch: true, proof: { kind: "token", token: "a.b.c" } }],
  ["auth by ticket", { type: "auth", ticket: "t" }, { kind: "auth", id: null, batch: null, proof: { kind: "ticket", ticket: "t" } }],
  ["anonymous auth", { type: "auth", anonymous: true }, { proof: { kind: "anonymous" } }],
])("client frame: %s is understood, the same in both encodings", (_name, frame, wanted) => {
  expect(json(JSON.stringify(frame))).toMatchObject(wanted);
  expect(packed(pack(frame))).toEqual(json(JSON.stringify(frame)));
});

test.each<[string, string, unknown]>([
  ["nothing", "", "malformed"],
  ["no JSON", "{", "malformed"],
  ["trailing bytes", `${JSON.stringify(BID)}x`, "malformed"],
  ["null", "null", ["invalid_request", ""]],
  ["a number", "5", ["invalid_request", ""]],
  ["a text", '"place_bid"', ["invalid_request", ""]],
  ["no type", "{}", ["invalid_request", "/type"]],
  ["an unknown type", '{"type":"bid"}', ["invalid_request", "/type"]],
  ["a type of an inherited member", '{"type":"constructor"}', ["invalid_request", "/type"]],
  ["nesting of 100,000", "[".repeat(100_000) + "]".repeat(100_000), ["invalid_request", ""]],
])("client frame: %s as JSON is refused", (_name, text, wanted) => {
  const value = json(text);
  expect(faultOf(value)).toEqual(wanted);
});

test.each<[string, object, unknown]>([
  ["an unknown member", { maximumMinor: 900 }, ["invalid_request", "/maximumMinor"]],
  ["a bidder in the frame", { bidderId: "u-2" }, ["invalid_request", "/bidderId"]],
  ["a nested unknown member", { deep: { deep: { deep: {} } } }, ["invalid_request", "/deep"]],
  ["a pointer to escape", { "a/b~c": 1 }, ["invalid_request", "/a~1b~0c"]],
  ["no key", { key: undefined }, ["key_required", "/key"]],
  ["an empty key", { key: "" }, ["invalid_request", "/key"]],
  ["a key of 65 characters", { key: "k".repeat(65) }, ["invalid_request", "/key"]],
  ["a key with a space", { key: "a b" }, ["invalid_request", "/key"]],
  ["a key with a line end", { key: "a\n" }, ["invalid_request", "/key"]],
  ["a key with a lone surrogate", { key: "\ud800" }, ["invalid_request", "/key"]],
  ["a key with U+FFFD", { key: "\ufffd" }, ["invalid_request", "/key"]],
  ["a key as number", { key: 5 }, ["invalid_request", "/key"]],
  ["amount 0", { amountMinor: 0 }, ["invalid_request", "/amountMinor"]],
  ["a negative amount", { amountMinor: -5 }, ["invalid_request", "/amountMinor"]],
  ["a fraction", { amountMinor: 10.5 }, ["invalid_request", "/amountMinor"]],
  ["2^53", { amountMinor: 2 ** 53 }, ["invalid_request", "/amountMinor"]],
  ["an amount as text", { amountMinor: "100" }, ["invalid_request", "/amountMinor"]],
  ["no amount", { amountMinor: undefined }, ["invalid_request", "/amountMinor"]],
  ["an amount as list", { amountMinor: [100] }, ["invalid_request", "/amountMinor"]],
  ["a currency in small letters", { currency: "usd" }, ["invalid_request", "/currency"]],
  ["id 0", { id: 0 }, ["invalid_request", "/id"]],
  ["id 2^31", { id: 2 ** 31 }, ["invalid_request", "/id"]],
  ["a malformed auction id", { auctionId: "x" }, ["invalid_request", "/auctionId"]],
  ["an auction id in capitals", { auctionId: A.toUpperCase() }, ["invalid_request", "/auctionId"]],
  ["a deadline too short", { deadlineMs: 99 }, ["invalid_request", "/deadlineMs"]],
  ["a kind that is none", { kind: "sealed" }, ["invalid_request", "/kind"]],
  ["two faults", { id: "4", amountMinor: null }, ["invalid_request", "/id", "/amountMinor"]],
])("client frame: a bid with %s is refused in both encodings", (_name, members, wanted) => {
  const frame = Object.fromEntries(Object.entries({ ...BID, ...members }).filter(([, value]) => value !== undefined));
  expect(faultOf(json(JSON.stringify(frame)))).toEqual(wanted);
  expect(faultOf(checkFrame(frame))).toEqual(wanted);
});

test.each<[string, string, unknown]>([
  ["-0", "-0", ["invalid_request", "/amountMinor"]],
  ["1e400", "1e400", ["invalid_request", "/amountMinor"]],
  ["20 digits", "99999999999999999999", ["invalid_request", "/amountMinor"]],
  ["10.0", "10.0", "bid"],
  ["1e3", "1e3", "bid"],
  ["0x10", "0x10", "malformed"],
])("client frame: the amount %s in JSON text", (_name, amount, wanted) => {
  expect(faultOf(json(JSON.stringify(BID).replace("15000", amount)))).toEqual(wanted);
});

test.each(["__proto__", "constructor", "toString", "hasOwnProperty"])("client frame: the member %s is unknown, and changes no object", (member) => {
  expect(faultOf(json(`{"${member}":{"kind":"flat"},${JSON.stringify(BID).slice(1)}`))).toEqual(["invalid_request", `/${member}`]);
  expect(({} as { kind?: string }).kind).toBeUndefined();
});

test("client frame: a member that stands twice counts once, as decoded", () => {
  const request = json(JSON.stringify(BID).replace("}", ',"amountMinor":7}'));
  expect(request).toMatchObject({ body: { amount: 7 } });
});

test.each<[string, object, unknown]>([
  ["no auctions", { auctions: [] }, ["invalid_request", "/auctions"]],
  ["101 auctions", { auctions: Array.from({ length: 101 }, () => ({ auctionId: A })) }, ["invalid_request", "/auctions"]],
  ["an object for the list", { auctions: { auctionId: A } }, ["invalid_request", "/auctions"]],
  ["an epoch alone", { auctions: [{ auctionId: A, epoch: 1 }] }, ["invalid_request", "/auctions"]],
  ["an unknown member inside", { auctions: [{ auctionId: A, lsn: 1 }] }, ["invalid_request", "/auctions"]],
  ["101 rows", { history: 101 }, ["invalid_request", "/history"]],
])("client frame: subscribe with %s is refused", (_name, members, wanted) => {
  expect(faultOf(checkFrame({ ...SUBSCRIBE, ...members }))).toEqual(wanted);
});

test.each<[string, object]>([
  ["nothing to prove it", {}],
  ["token and ticket", { token: "a", ticket: "b" }],
  ["token and anonymous", { token: "a", anonymous: true }],
  ["anonymous false", { anonymous: false }],
  ["a token of 9 KB", { token: "x".repeat(9_000) }],
  ["a token with a space", { token: "a b" }],
])("client frame: auth with %s is refused", (_name, members) => {
  expect(checkFrame({ type: "auth", ...members })).toMatchObject({ kind: "fault", code: "invalid_request" });
});

test.each<[string, string, unknown]>([
  ["an array of 2^31 frames announced", "dd7fffffff", "malformed"],
  ["a map of 2^31 members announced", "df7fffffff", "malformed"],
  ["a text of 4 GB announced", "dbffffffff", "malformed"],
  ["an end too early", "82a474797065", "malformed"],
  ["two documents", "8080", "malformed"],
  ["a reserved byte", "c1", ["invalid_request", ""]],
  ["a date", "d6ff00000000", ["invalid_request", ""]],
  ["an unknown extension", "c7010500", ["invalid_request", ""]],
  ["a record definition", "d4724092a161a1620102", "malformed"],
  ["a map in a record definition's place", "81a161d47240", ["invalid_request", ""]],
  ["a regular expression", "c7047892a12ea0", ["invalid_request", ""]],
  ["a reference", "91d67000000000", ["invalid_request", ""]],
  ["NaN", "cb7ff8000000000000", ["invalid_request", ""]],
  ["bytes", "c40100", ["invalid_request", ""]],
])("client frame: %s in MessagePack is refused", (_name, hex, wanted) => {
  expect(faultOf(packed(Buffer.from(hex, "hex")))).toEqual(wanted);
});

test("client frame: MessagePack amounts are safe integers, however wide they are written", () => {
  const with64 = (hex: string) =>
    Buffer.concat([
      Buffer.from(pack({ ...BID, amountMinor: 1 })).subarray(0, -1 - "\xa8currency\xa3USD".length),
      Buffer.from(hex, "hex"),
      pack("currency"),
      pack("USD"),
    ]);
  expect(packed(with64("cf0000000000000f00"))).toMatchObject({ body: { amount: 3_840 } });
  expect(faultOf(packed(with64("cf0020000000000000")))).toEqual(["invalid_request", "/amountMinor"]);
  expect(faultOf(packed(with64("d3ffffffffffffffff")))).toEqual(["invalid_request", "/amountMinor"]);
  expect(faultOf(packed(with64("cb8000000000000000")))).toEqual(["invalid_request", "/amountMinor"]);
  expect(faultOf(packed(with64("cb7ff0000000000000")))).toEqual(["invalid_request", "/amountMinor"]);
});

test("client frame: a fault keeps the id and the auction when they could be read, and lists at most 16 places", () => {
  expect(checkFrame({ ...BID, amountMinor: 0 })).toMatchObject({ kind: "fault", id: 4, auctionId: A });
  const strange = Object.fromEntries(Array.from({ length: 40 }, (_, n) => [`x${n}`, n]));
  expect(checkFrame({ ...BID, ...strange })).toMatchObject({ errors: { length: 16 } });
  expect(malformed()).toEqual({ kind: "fault", code: "malformed_body", id: null, auctionId: null, errors: [] });
  expect(wrongBatch(64)).toMatchObject({ kind: "fault", code: "invalid_request" });
});
