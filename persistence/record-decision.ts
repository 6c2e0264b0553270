// The stored form of one decision: a fixed layout made by hand, since every bid passes through here twice.
//
// D1. Decoding gives back a decision deep-equal to the one encoded, its epoch taken from the record that holds it.
// D2. Command types and codes are stored as positions in lists that only grow at their end.
// D3. A decision that has no stored form (an unsafe number, a time before the frame's) throws and leaves nothing behind.
//
//   length u32 · auction id 16 · sequence u32 · time offset u32 · flags u8 · type u8 · code u16 · issuer text
//   [key text] [key digest 16] [fingerprint 8] · command · effects
import { Packr } from "msgpackr";
import type { Command, CommandBody, CommandType, Fingerprint, KeyDigest, Role } from "../engine/core/command.ts";
import { DECISION_CODES, type Decision, type DecisionCode } from "../engine/core/decision.ts";
import type { AuctionId, Epoch, Instant } from "../engine/core/ids.ts";
import type { ByteReader, ByteWriter } from "./record-bytes.ts";
import { checkedUint32, oneOf, readEffects, writeEffects } from "./record-effects.ts";

const ROLES: readonly Role[] = ["bidder", "seller", "operator", "engine"];

const COMMAND_TYPES: readonly CommandType[] = [
  "create",
  "open_auction",
  "place_bid",
  "raise_maximum",
  "buy_now",
  "retract_bid",
  "void_bid",
  "void_bidder",
  "set_bidder",
  "lower_reserve",
  "extend",
  "pause",
  "resume",
  "withdraw",
  "end_early",
  "open_due",
  "close_due",
  "give_back",
];

const ROLE_MASK = 3;
const HAS_KEY = 4;
const HAS_DIGEST = 8;
const HAS_FINGERPRINT = 16;
const ACCEPTED = 32;
const FLAT = 64;
/** The command is not in the fixed layout but packed whole: rare types, and numbers that only a rejection can hold. */
const PACKED = 128;

/** Length, id, sequence, time, flags, type, code, digests and a bid's fields; texts ask for their own room. */
const FIXED_BYTES = 128;

const packr = new Packr({ useRecords: false });

const typeNumbers = new Map<string, number>(COMMAND_TYPES.map((type, number) => [type, number]));
const codeNumbers = new Map<string, number>(DECISION_CODES.map((code, number) => [code, number]));

/** Appends one decision. `timeFirst` is the frame's lowest decision time. Throws a RangeError if it has no stored form; the
 *  writer then stands where it stood. */
export function writeDecision(out: ByteWriter, decision: Decision, timeFirst: Instant): void {
  const start = out.at;
  try {
    writeFields(out, decision, timeFirst);
  } catch (error) {
    out.at = start;
    throw error;
  }
  out.view.setUint32(start, out.at - start - 4, true);
}

function writeFields(out: ByteWriter, decision: Decision, timeFirst: Instant): void {
  const command = decision.command;
  const { key, keyDigest, fingerprint, body } = command;
  const fixed = isFixed(body);
  out.ensure(FIXED_BYTES);
  out.at += 4;
  writeAuctionId(out, decision.auctionId);
  out.u32(checkedUint32(decision.sequence, "a sequence"));
  out.u32(checkedUint32(decision.at - timeFirst, "a time offset"));
  out.u8(
    ROLES.indexOf(command.role) |
      (key === null ? 0 : HAS_KEY) |
      (keyDigest === null ? 0 : HAS_DIGEST) |
      (fingerprint === null ? 0 : HAS_FINGERPRINT) |
      (decision.verdict === "accepted" ? ACCEPTED : 0) |
      (body.type === "place_bid" && body.kind === "flat" ? FLAT : 0) |
      (fixed ? 0 : PACKED),
  );
  out.u8(numberOf(typeNumbers, body.type));
  out.u16(numberOf(codeNumbers, decision.code));
  out.text(command.issuerId);
  if (key !== null) out.text(key);
  out.ensure(FIXED_BYTES);
  if (keyDigest !== null) writeDigest(out, keyDigest);
  if (fingerprint !== null) {
    out.i32(fingerprint.a);
    out.i32(fingerprint.b);
  }
  if (fixed) writeFixedBody(out, body);
  else out.block(packr.pack(body));
  writeEffects(out, decision.effects, command.issuerId);
}

/** The next decision of a frame. Throws if the bytes do not parse. */
export function readDecision(from: ByteReader, timeFirst: Instant, epoch: Epoch): Decision {
  const end = from.u32() + from.at;
  const auctionId = readAuctionId(from);
  const sequence = from.u32();
  const at = timeFirst + from.u32();
  const flags = from.u8();
  const type = oneOf(COMMAND_TYPES, from.u8());
  const code: DecisionCode = oneOf(DECISION_CODES, from.u16());
  const issuerId = from.name();
  const key = (flags & HAS_KEY) === 0 ? null : from.text();
  const keyDigest = (flags & HAS_DIGEST) === 0 ? null : readDigest(from);
  const fingerprint: Fingerprint | null = (flags & HAS_FINGERPRINT) === 0 ? null : { a: from.i32(), b: from.i32() };
  const body = (flags & PACKED) === 0 ? readFixedBody(from, type, flags) : (packr.unpack(from.block()) as CommandBody);
  const effects = readEffects(from, issuerId);
  if (from.at !== end) throw new RangeError(`a decision ends at byte ${from.at} where ${end} was said`);
  const command: Command = { auctionId, role: oneOf(ROLES, flags & ROLE_MASK), issuerId, key, keyDigest, fingerprint, body };
  return { auctionId, sequence, at, epoch, command, verdict: (flags & ACCEPTED) === 0 ? "rejected" : "accepted", code, effects };
}

function isFixed(body: CommandBody): boolean {
  switch (body.type) {
    case "place_bid":
    case "raise_maximum":
    case "buy_now":
      return Number.isSafeInteger(body.amount);
    case "open_auction":
    case "open_due":
    case "close_due":
    case "give_back":
      return true;
    default:
      return false;
  }
}

function writeFixedBody(out: ByteWriter, body: CommandBody): void {
  if (body.type === "place_bid" || body.type === "raise_maximum" || body.type === "buy_now") {
    out.integer(body.amount);
    out.text(body.currency);
  } else if (body.type === "give_back") {
    out.integer(body.from);
    out.integer(body.to);
  }
}

function readFixedBody(from: ByteReader, type: CommandType, flags: number): CommandBody {
  switch (type) {
    case "place_bid":
      return { type, kind: (flags & FLAT) === 0 ? "maximum" : "flat", amount: from.integer(), currency: from.name() };
    case "raise_maximum":
    case "buy_now":
      return { type, amount: from.integer(), currency: from.name() };
    case "open_auction":
    case "open_due":
    case "close_due":
      return { type };
    case "give_back":
      return { type, from: from.integer(), to: from.integer() };
    default:
      throw new RangeError(`a command of type ${type} has no fixed layout`);
  }
}

function writeDigest(out: ByteWriter, digest: KeyDigest): void {
  out.i32(digest.a);
  out.i32(digest.b);
  out.i32(digest.c);
  out.i32(digest.d);
}

function readDigest(from: ByteReader): KeyDigest {
  return { a: from.i32(), b: from.i32(), c: from.i32(), d: from.i32() };
}

function numberOf(numbers: ReadonlyMap<string, number>, word: string): number {
  const number = numbers.get(word);
  if (number === undefined) throw new RangeError(`"${word}" has no stored number`);
  return number;
}

// auction ids: 36 characters as 16 bytes

const HYPHEN = 45;
const ID_LENGTH = 36;
const NOT_HEX = 255;

const hexValues = new Uint8Array(256).fill(NOT_HEX);
for (let i = 0; i < 16; i++) hexValues[i.toString(16).charCodeAt(0)] = i;

const hexPairs = Array.from({ length: 256 }, (_, value) => value.toString(16).padStart(2, "0"));

/** Where each byte's two digits stand in an id. */
const digitPlaces = Uint8Array.from([0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34]);

function writeAuctionId(out: ByteWriter, auctionId: AuctionId): void {
  const bytes = out.bytes;
  let at = out.at;
  let bad = 0;
  for (let i = 0; i < 16; i++) {
    const place = digitPlaces[i] as number;
    const high = hexValues[auctionId.charCodeAt(place)] as number;
    const low = hexValues[auctionId.charCodeAt(place + 1)] as number;
    bad |= high | low;
    bytes[at++] = (high << 4) | low;
  }
  if (bad > 15 || auctionId.length !== ID_LENGTH || !hyphensFit(auctionId)) throw new RangeError(`"${auctionId}" is not an auction id`);
  out.at = at;
}

function hyphensFit(id: string): boolean {
  return id.charCodeAt(8) === HYPHEN && id.charCodeAt(13) === HYPHEN && id.charCodeAt(18) === HYPHEN && id.charCodeAt(23) === HYPHEN;
}

/** Remembered ids, so that the thousand decisions of one auction share one string. A place is taken over by the next id that
 *  falls on it: 16,384 places of about 100 bytes. */
const ID_PLACES = 16_384;
const idWords = new Int32Array(ID_PLACES * 4);
const idStrings: (string | undefined)[] = new Array<string | undefined>(ID_PLACES).fill(undefined);

function readAuctionId(from: ByteReader): AuctionId {
  const a = from.i32();
  const b = from.i32();
  const c = from.i32();
  const d = from.i32();
  const place = (a ^ (d >>> 3)) & (ID_PLACES - 1);
  const known = idStrings[place];
  const words = place * 4;
  if (known !== undefined && idWords[words] === a && idWords[words + 1] === b && idWords[words + 2] === c && idWords[words + 3] === d) return known;
  const auctionId = formatAuctionId(from.bytes, from.at - 16);
  idStrings[place] = auctionId;
  idWords[words] = a;
  idWords[words + 1] = b;
  idWords[words + 2] = c;
  idWords[words + 3] = d;
  return auctionId;
}

function formatAuctionId(bytes: Uint8Array, at: number): AuctionId {
  let id = "";
  for (let i = 0; i < 16; i++) {
    if (i === 4 || i === 6 || i === 8 || i === 10) id += "-";
    id += hexPairs[bytes[at + i] as number];
  }
  return id;
}
