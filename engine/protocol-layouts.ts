// Fixed layouts of the link's hot messages: bids, answers, refusals, notices.
//
// A writer returns false, and adds nothing, for a message that does not fit: it travels as MessagePack then. A reader takes every
// byte for a stranger's: a message is the one its writer would have written, or malformed.
import type { BidKind, Command, CommandBody, Role } from "./core/command.ts";
import { REFUSAL_CODES, type RefusalCode } from "./core/decision.ts";
import type { AuctionId, Minor } from "./core/ids.ts";
import type { EngineMessage, GatewayMessage, Notice, RequestId } from "./protocol.ts";
import { type AuctionIds, type BatchBuffer, ID_BYTES, type LinkFault, writeAuctionId } from "./protocol-bytes.ts";
import { INT31_MAX } from "./protocol-shapes.ts";

/** Size of a stored answer (core/answers.ts). */
export const ANSWER_BYTES = 64;

/** First byte of every message. Numbers are part of LINK_VERSION. */
export const KIND = { bid: 1, gatewayPacked: 2, answer: 16, refusal: 17, notice: 18, enginePacked: 19 } as const;

/** Who takes what a gateway sent. */
export interface GatewayMessages {
  command(requestId: RequestId, deadlineMs: number, command: Command): void;
  message(message: Exclude<GatewayMessage, { kind: "command" }>): void;
}

/** Who takes what an engine sent. `rows` holds the 64 bytes of the answer from `at` on, during the call only. */
export interface EngineMessages {
  answer(requestId: RequestId, auctionId: AuctionId, rows: Uint8Array, at: number, replayed: boolean): void;
  refusal(requestId: RequestId, code: RefusalCode, retryAfterMs: number): void;
  message(message: Exclude<EngineMessage, { kind: "answer" | "refusal" }>): void;
}

const ROLES: readonly Role[] = ["bidder", "seller", "operator"];
const BIDS: readonly { readonly type: BidBody["type"]; readonly kind: BidKind | null }[] = [
  { type: "place_bid", kind: "maximum" },
  { type: "place_bid", kind: "flat" },
  { type: "raise_maximum", kind: null },
  { type: "buy_now", kind: null },
];
const ROLE_BITS = 2;
const ROLE_MASK = 3;
const CURRENCY_LETTERS = 3;
const LETTER_A = 65;
const LETTER_Z = 90;
const NAME_BYTES_MAX = 64;
/** requestId, deadlineMs, auction id, role and bid, currency, amount, key digest, fingerprint, two lengths. */
const BID_FIXED_BYTES = 4 + 4 + ID_BYTES + 1 + CURRENCY_LETTERS + 8 + 16 + 8 + 2;
/** requestId, auction id, replayed, row. */
const ANSWER_BODY_BYTES = 4 + ID_BYTES + 1 + ANSWER_BYTES;
/** requestId, code, retryAfterMs. */
const REFUSAL_BODY_BYTES = 4 + 1 + 4;
/** kind and why, auction id, seven numbers, length. */
const NOTICE_NUMBERS = 7;
const NOTICE_FIXED_BYTES = 1 + ID_BYTES + NOTICE_NUMBERS * 8 + 1;
const NOTICE_KINDS: readonly Notice["kind"][] = ["outbid", "leading_again", "bid_needed"];
const NOTICE_WHYS: readonly Notice["why"][] = [null, "retraction", "void"];
const WHY_BITS = 2;

type BidBody = Extract<CommandBody, { amount: number }>;

/** False: this command does not fit the fixed layout. */
export function writeBid(out: BatchBuffer, requestId: RequestId, deadlineMs: number, command: Command): boolean {
  const { body, keyDigest, fingerprint, key, issuerId } = command;
  if (!isBid(body) || key === null || keyDigest === null || fingerprint === null) return false;
  const role = ROLES.indexOf(command.role);
  if (role === -1 || !Number.isSafeInteger(body.amount) || Object.is(body.amount, -0) || !isCurrency(body.currency)) return false;
  if (!isSpan(deadlineMs) || !isRequestId(requestId)) return false;
  const start = out.begin(BID_FIXED_BYTES + 2 * NAME_BYTES_MAX);
  const { bytes, view } = out;
  view.setUint32(start, requestId, true);
  view.setUint32(start + 4, deadlineMs, true);
  if (!writeAuctionId(bytes, start + 8, command.auctionId)) return false;
  bytes[start + 24] = (bidCode(body) << ROLE_BITS) | role;
  for (let index = 0; index < CURRENCY_LETTERS; index += 1) bytes[start + 25 + index] = body.currency.charCodeAt(index);
  view.setFloat64(start + 28, body.amount, true);
  view.setInt32(start + 36, keyDigest.a, true);
  view.setInt32(start + 40, keyDigest.b, true);
  view.setInt32(start + 44, keyDigest.c, true);
  view.setInt32(start + 48, keyDigest.d, true);
  view.setInt32(start + 52, fingerprint.a, true);
  view.setInt32(start + 56, fingerprint.b, true);
  const issuerEnd = writeName(bytes, start + BID_FIXED_BYTES, issuerId, NAME_CHARACTER);
  if (issuerEnd === -1) return false;
  const end = writeName(bytes, issuerEnd, key, KEY_CHARACTER);
  if (end === -1) return false;
  bytes[start + 60] = issuerId.length;
  bytes[start + 61] = key.length;
  out.commit(KIND.bid, start, end);
  return true;
}

/** False: this notice does not fit the fixed layout. */
export function writeNotice(out: BatchBuffer, notice: Notice): boolean {
  const start = out.begin(NOTICE_FIXED_BYTES + NAME_BYTES_MAX);
  const { bytes, view } = out;
  bytes[start] = (NOTICE_KINDS.indexOf(notice.kind) << WHY_BITS) | NOTICE_WHYS.indexOf(notice.why);
  if (!writeAuctionId(bytes, start + 1, notice.auctionId)) return false;
  const numbers = start + 1 + ID_BYTES;
  view.setFloat64(numbers, notice.epoch, true);
  view.setFloat64(numbers + 8, notice.sequence, true);
  view.setFloat64(numbers + 16, notice.at, true);
  // NaN stands for null: no amount is NaN.
  view.setFloat64(numbers + 24, notice.price ?? Number.NaN, true);
  view.setFloat64(numbers + 32, notice.askingPrice ?? Number.NaN, true);
  view.setFloat64(numbers + 40, notice.yourBid, true);
  view.setFloat64(numbers + 48, notice.endsAt, true);
  const nameAt = numbers + NOTICE_NUMBERS * 8;
  const end = writeName(bytes, nameAt + 1, notice.bidderId, NAME_CHARACTER);
  if (end === -1) return false;
  bytes[nameAt] = notice.bidderId.length;
  out.commit(KIND.notice, start, end);
  return true;
}

/** Copies 64 bytes of `rows` from byte `at` on. Throws RangeError for what is no auction id: a node has no such auction. */
export function writeAnswer(out: BatchBuffer, requestId: RequestId, auctionId: AuctionId, rows: Uint8Array, at: number, replayed: boolean): void {
  const start = out.begin(ANSWER_BODY_BYTES);
  const { bytes } = out;
  out.view.setUint32(start, requestId, true);
  if (!writeAuctionId(bytes, start + 4, auctionId)) throw new RangeError(`no auction id: ${auctionId}`);
  bytes[start + 20] = replayed ? 1 : 0;
  const rowAt = start + 21;
  // A loop beats subarray and set here: those make an object a call, and 64 bytes are few.
  for (let index = 0; index < ANSWER_BYTES; index += 1) bytes[rowAt + index] = rows[at + index] ?? 0;
  out.commit(KIND.answer, start, start + ANSWER_BODY_BYTES);
}

/** Writes one refusal in its fixed layout. */
export function writeRefusal(out: BatchBuffer, requestId: RequestId, code: RefusalCode, retryAfterMs: number): void {
  const start = out.begin(REFUSAL_BODY_BYTES);
  out.view.setUint32(start, requestId, true);
  out.bytes[start + 4] = REFUSAL_CODES.indexOf(code);
  out.view.setUint32(start + 5, clampSpan(retryAfterMs), true);
  out.commit(KIND.refusal, start, start + REFUSAL_BODY_BYTES);
}

/** Reads one bid, raise or purchase in its fixed layout; null when the bytes are none. */
export function readBid(to: GatewayMessages, ids: AuctionIds, bytes: Buffer, view: DataView, at: number, end: number): LinkFault | null {
  if (end - at < BID_FIXED_BYTES) return "malformed_message";
  const issuerAt = at + BID_FIXED_BYTES;
  const keyAt = issuerAt + (bytes[at + 60] ?? 0);
  if (keyAt + (bytes[at + 61] ?? 0) !== end) return "malformed_message";
  const requestId = view.getUint32(at, true);
  const deadlineMs = view.getUint32(at + 4, true);
  const auctionId = ids.read(bytes, view, at + 8);
  const code = bytes[at + 24] ?? 0;
  const role = ROLES[code & ROLE_MASK];
  const currency = readCurrency(bytes, at + 25);
  const body = currency === null ? null : bidBody(code >>> ROLE_BITS, view.getFloat64(at + 28, true), currency);
  const issuerId = readName(bytes, issuerAt, keyAt, NAME_CHARACTER);
  const key = readName(bytes, keyAt, end, KEY_CHARACTER);
  if (auctionId === null || role === undefined || body === null || issuerId === null || key === null) return "malformed_message";
  if (!isRequestId(requestId) || deadlineMs > INT31_MAX) return "malformed_message";
  to.command(requestId, deadlineMs, {
    auctionId,
    role,
    issuerId,
    key,
    keyDigest: { a: view.getInt32(at + 36, true), b: view.getInt32(at + 40, true), c: view.getInt32(at + 44, true), d: view.getInt32(at + 48, true) },
    fingerprint: { a: view.getInt32(at + 52, true), b: view.getInt32(at + 56, true) },
    body,
  });
  return null;
}

/** Reads one answer in its fixed layout and hands it over; false when the bytes are none. */
export function readAnswer(to: EngineMessages, ids: AuctionIds, bytes: Buffer, view: DataView, at: number, end: number): LinkFault | null {
  if (end - at !== ANSWER_BODY_BYTES) return "malformed_message";
  const requestId = view.getUint32(at, true);
  const auctionId = ids.read(bytes, view, at + 4);
  const replayed = bytes[at + 20] ?? 0;
  if (!isRequestId(requestId) || auctionId === null || replayed > 1) return "malformed_message";
  to.answer(requestId, auctionId, bytes, at + 21, replayed === 1);
  return null;
}

/** Reads one refusal in its fixed layout and hands it over; false when the bytes are none. */
export function readRefusal(to: EngineMessages, bytes: Buffer, view: DataView, at: number, end: number): LinkFault | null {
  if (end - at !== REFUSAL_BODY_BYTES) return "malformed_message";
  const requestId = view.getUint32(at, true);
  const code = REFUSAL_CODES[bytes[at + 4] ?? REFUSAL_CODES.length];
  const retryAfterMs = view.getUint32(at + 5, true);
  if (!isRequestId(requestId) || code === undefined || retryAfterMs > INT31_MAX) return "malformed_message";
  to.refusal(requestId, code, retryAfterMs);
  return null;
}

/** Reads one notice in its fixed layout and hands it over; false when the bytes are none. */
export function readNotice(to: EngineMessages, ids: AuctionIds, bytes: Buffer, view: DataView, at: number, end: number): LinkFault | null {
  if (end - at < NOTICE_FIXED_BYTES) return "malformed_message";
  const nameAt = at + NOTICE_FIXED_BYTES;
  if (nameAt + (bytes[nameAt - 1] ?? 0) !== end) return "malformed_message";
  const head = bytes[at] ?? 0;
  const kind = NOTICE_KINDS[head >>> WHY_BITS];
  const why = NOTICE_WHYS[head & ((1 << WHY_BITS) - 1)];
  const auctionId = ids.read(bytes, view, at + 1);
  const bidderId = readName(bytes, nameAt, end, NAME_CHARACTER);
  if (kind === undefined || why === undefined || auctionId === null || bidderId === null) return "malformed_message";
  const numbers = at + 1 + ID_BYTES;
  const epoch = view.getFloat64(numbers, true);
  const sequence = view.getFloat64(numbers + 8, true);
  const decidedAt = view.getFloat64(numbers + 16, true);
  const price = orNull(view.getFloat64(numbers + 24, true));
  const askingPrice = orNull(view.getFloat64(numbers + 32, true));
  const yourBid = view.getFloat64(numbers + 40, true);
  const endsAt = view.getFloat64(numbers + 48, true);
  // Checked here: the walk over members that MessagePack needs costs three times what reading it does.
  if (!Number.isSafeInteger(epoch) || !Number.isSafeInteger(sequence) || !Number.isSafeInteger(decidedAt)) return "malformed_message";
  if (!Number.isSafeInteger(yourBid) || !Number.isSafeInteger(endsAt) || !isAmount(price) || !isAmount(askingPrice)) return "malformed_message";
  to.message({ kind: "notice", notice: { kind, why, bidderId, auctionId, epoch, sequence, at: decidedAt, price, askingPrice, yourBid, endsAt } });
  return null;
}

// parts of the fixed layouts

const NAME_CHARACTER = 1;
const KEY_CHARACTER = 2;
/** For each byte, which of the two it may be part of. */
const CHARACTERS = Uint8Array.from({ length: 256 }, (_, code) => {
  const printable = code >= 0x20 && code <= 0x7e;
  return (printable ? NAME_CHARACTER : 0) | (/[A-Za-z0-9_-]/.test(String.fromCharCode(code)) && printable ? KEY_CHARACTER : 0);
});

/** Writes 1 to 64 characters, one byte each; returns their end, or -1. */
function writeName(bytes: Buffer, at: number, name: string, allowed: number): number {
  const { length } = name;
  if (length === 0 || length > NAME_BYTES_MAX) return -1;
  for (let index = 0; index < length; index += 1) {
    const code = name.charCodeAt(index);
    if (((CHARACTERS[code] ?? 0) & allowed) === 0) return -1;
    bytes[at + index] = code;
  }
  return at + length;
}

function readName(bytes: Buffer, at: number, end: number, allowed: number): string | null {
  if (end === at || end - at > NAME_BYTES_MAX) return null;
  for (let index = at; index < end; index += 1) {
    if (((CHARACTERS[bytes[index] ?? 0] ?? 0) & allowed) === 0) return null;
  }
  return bytes.toString("latin1", at, end);
}

function isBid(body: CommandBody): body is BidBody {
  return body.type === "place_bid" || body.type === "raise_maximum" || body.type === "buy_now";
}

/** Position in BIDS. */
function bidCode(body: BidBody): number {
  if (body.type === "place_bid") return body.kind === "maximum" ? 0 : 1;
  return body.type === "raise_maximum" ? 2 : 3;
}

function bidBody(code: number, amount: Minor, currency: string): BidBody | null {
  const bid = BIDS[code];
  if (bid === undefined || !Number.isSafeInteger(amount) || Object.is(amount, -0)) return null;
  if (bid.type === "place_bid") return { type: bid.type, kind: bid.kind ?? "maximum", amount, currency };
  return { type: bid.type, amount, currency };
}

function isCurrency(currency: string): boolean {
  if (currency.length !== CURRENCY_LETTERS) return false;
  for (let index = 0; index < CURRENCY_LETTERS; index += 1) {
    const code = currency.charCodeAt(index);
    if (code < LETTER_A || code > LETTER_Z) return false;
  }
  return true;
}

/** Currencies read lately would be a cache of one: an engine sees few, so the last one's text is used again. */
let lastCurrency = "USD";

function readCurrency(bytes: Buffer, at: number): string | null {
  const [a, b, c] = [bytes[at] ?? 0, bytes[at + 1] ?? 0, bytes[at + 2] ?? 0];
  if (a === lastCurrency.charCodeAt(0) && b === lastCurrency.charCodeAt(1) && c === lastCurrency.charCodeAt(2)) return lastCurrency;
  const currency = String.fromCharCode(a, b, c);
  if (!isCurrency(currency)) return null;
  lastCurrency = currency;
  return currency;
}

function isRequestId(value: number): boolean {
  return Number.isInteger(value) && value >= 1 && value <= INT31_MAX;
}

function isSpan(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= INT31_MAX;
}

/** Hints come from rates and may be fractions; beyond 24 days they are 24 days. */
function clampSpan(value: number): number {
  return Math.max(0, Math.min(INT31_MAX, Math.ceil(value)));
}

function isAmount(value: number | null): boolean {
  return value === null || Number.isSafeInteger(value);
}

function orNull(value: number): number | null {
  return Number.isNaN(value) ? null : value;
}
