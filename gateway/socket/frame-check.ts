// What a decoded client frame asks for: strict, the same for JSON and MessagePack, from an untrusted value to a closed union.
//
// Owns: names, types and ranges of client frames. A fault is a value with a code and pointers, never an exception.
// Must not: decode bytes (frame-decode.ts), know who asks (session.ts).
//
// Q1. Own members only. A frame is right when each member it may have is right and it has as many own members as were looked at,
//     so an unknown member, `__proto__` and an inherited one are refused alike. Results are built member by member.
// Q2. Nothing unknown is ever descended into, so depth costs nothing: whatever is nested deeper than a frame's own form is unknown.
// Q3. Numbers are safe integers, and -0 is none.
// Q4. The right frame is found without an allocation but its result; pointers are worked out only for a frame that is wrong.
import type { CommandBody } from "../../engine/core/command.ts";
import { type AuctionId, isAuctionId } from "../../engine/core/ids.ts";
import type { FrameError } from "./client-frames.ts";

/** What one client frame asks for, checked. */
export type Request =
  | { readonly kind: "auth"; readonly id: number | null; readonly batch: boolean | null; readonly proof: Proof }
  | { readonly kind: "subscribe"; readonly id: number; readonly auctions: readonly SubscribeEntry[]; readonly history: number }
  | { readonly kind: "unsubscribe"; readonly id: number; readonly auctionIds: readonly AuctionId[] }
  | BidRequest
  | { readonly kind: "ping"; readonly clientTimeMs: number }
  | FrameFault;

export type Proof = { readonly kind: "token"; readonly token: string } | { readonly kind: "ticket"; readonly ticket: string } | { readonly kind: "anonymous" };

export interface SubscribeEntry {
  readonly auctionId: AuctionId;
  /** The last pair the client applied, or null. */
  readonly pair: { readonly epoch: number; readonly sequence: number } | null;
}

/** A command on one auction. `key` is 1 to 64 of A-Z a-z 0-9 _ -, so it needs no escaping anywhere. */
export interface BidRequest {
  readonly kind: "bid";
  readonly id: number;
  readonly auctionId: AuctionId;
  readonly key: string;
  readonly body: CommandBody;
  /** null: the gateway's default. */
  readonly deadlineMs: number | null;
}

/** A frame that was not understood. `id` and `auctionId` are there when they could be read. */
export interface FrameFault {
  readonly kind: "fault";
  readonly code: "malformed_body" | "invalid_request" | "key_required";
  readonly id: number | null;
  readonly auctionId: string | null;
  readonly errors: readonly FrameError[];
}

export const AUCTIONS_PER_FRAME_MAX = 100;
export const HISTORY_ROWS_MAX = 100;
export const HISTORY_ROWS = 20;
const ID_MAX = 2 ** 31 - 1;
const DEADLINE_MS_MIN = 100;
const DEADLINE_MS_MAX = 30_000;
/** The limit of the token check itself, so that a long text costs nothing more. */
const TOKEN_CHARS_MAX = 8_192;
const TICKET_CHARS_MAX = 256;

const KEY = /^[A-Za-z0-9_-]{1,64}$/;
const CURRENCY = /^[A-Z]{3}$/;
/** Printable ASCII: whether the auction takes the reason is the auction's to say. */
const REASON = /^[ -~]{1,64}$/;
const TICKET = /^[!-~]{1,256}$/;
const TOKEN = /^[!-~]+$/;

type Members = { readonly [member: string]: unknown };
type Check = (value: unknown) => string | null;

/** Never throws. Anything but a plain object is a fault with a pointer to the whole. */
export function checkFrame(value: unknown): Request {
  if (!isPlain(value)) return fault(value, [{ pointer: "", code: "type", detail: "A client frame is an object with a `type`." }]);
  switch (value.type) {
    case "place_bid":
      return placeBid(value) ?? explain(value, PLACE_BID);
    case "raise":
      return raise(value) ?? explain(value, RAISE);
    case "buy_now":
      return buyNow(value) ?? explain(value, BUY_NOW);
    case "retract":
      return retract(value) ?? explain(value, RETRACT);
    case "ping":
      return ping(value) ?? explain(value, PING);
    case "subscribe":
      return subscribe(value) ?? explain(value, SUBSCRIBE);
    case "unsubscribe":
      return unsubscribe(value) ?? explain(value, UNSUBSCRIBE);
    case "auth":
      return auth(value) ?? explain(value, AUTH);
    default:
      return fault(value, [{ pointer: "/type", code: "unknown", detail: "There is no client frame of this type." }]);
  }
}

/** A message that is no frame at all. */
export function malformed(): FrameFault {
  return { kind: "fault", code: "malformed_body", id: null, auctionId: null, errors: [] };
}

/** A batch of the wrong size. */
export function wrongBatch(batchFramesMax: number): FrameFault {
  return fault(null, [{ pointer: "", code: "range", detail: `A batch holds 1 to ${batchFramesMax} client frames.` }]);
}

function placeBid(value: Members): BidRequest | null {
  const { id, auctionId, key, amountMinor, currency, kind, deadlineMs } = value;
  if (!isId(id) || !isAuction(auctionId) || !isKey(key) || !isMoney(amountMinor) || !isCurrency(currency)) return null;
  if (kind !== undefined && kind !== "maximum" && kind !== "flat") return null;
  if (deadlineMs !== undefined && !isDeadline(deadlineMs)) return null;
  if (!has(value, 6 + Number(kind !== undefined) + Number(deadlineMs !== undefined))) return null;
  const body: CommandBody = { type: "place_bid", kind: kind ?? "maximum", amount: amountMinor, currency };
  return { kind: "bid", id, auctionId, key, body, deadlineMs: deadlineMs ?? null };
}

function raise(value: Members): BidRequest | null {
  const { id, auctionId, key, amountMinor, currency, deadlineMs } = value;
  if (!isId(id) || !isAuction(auctionId) || !isKey(key) || !isMoney(amountMinor) || !isCurrency(currency)) return null;
  if (deadlineMs !== undefined && !isDeadline(deadlineMs)) return null;
  if (!has(value, deadlineMs === undefined ? 6 : 7)) return null;
  return { kind: "bid", id, auctionId, key, body: { type: "raise_maximum", amount: amountMinor, currency }, deadlineMs: deadlineMs ?? null };
}

function buyNow(value: Members): BidRequest | null {
  const { id, auctionId, key, amountMinor, currency } = value;
  if (!isId(id) || !isAuction(auctionId) || !isKey(key) || !isMoney(amountMinor) || !isCurrency(currency) || !has(value, 6)) return null;
  return { kind: "bid", id, auctionId, key, body: { type: "buy_now", amount: amountMinor, currency }, deadlineMs: null };
}

function retract(value: Members): BidRequest | null {
  const { id, auctionId, key, reason } = value;
  if (!isId(id) || !isAuction(auctionId) || !isKey(key) || !isText(reason, REASON) || !has(value, 5)) return null;
  return { kind: "bid", id, auctionId, key, body: { type: "retract_bid", reason }, deadlineMs: null };
}

function ping(value: Members): Request | null {
  const { clientTimeMs } = value;
  return isCount(clientTimeMs) && has(value, 2) ? { kind: "ping", clientTimeMs } : null;
}

function subscribe(value: Members): Request | null {
  const { id, auctions, history } = value;
  if (!isId(id) || !isList(auctions) || (history !== undefined && !isHistory(history)) || !has(value, history === undefined ? 3 : 4)) return null;
  const entries: SubscribeEntry[] = [];
  for (const auction of auctions) {
    const entry = isPlain(auction) ? subscribeEntry(auction) : null;
    if (entry === null) return null;
    entries.push(entry);
  }
  return { kind: "subscribe", id, auctions: entries, history: history ?? HISTORY_ROWS };
}

function subscribeEntry(value: Members): SubscribeEntry | null {
  const { auctionId, epoch, sequence } = value;
  if (!isAuction(auctionId)) return null;
  if (epoch === undefined && sequence === undefined) return has(value, 1) ? { auctionId, pair: null } : null;
  return isCount(epoch) && isCount(sequence) && has(value, 3) ? { auctionId, pair: { epoch, sequence } } : null;
}

function unsubscribe(value: Members): Request | null {
  const { id, auctionIds } = value;
  if (!isId(id) || !isList(auctionIds) || !has(value, 3)) return null;
  return auctionIds.every(isAuction) ? { kind: "unsubscribe", id, auctionIds } : null;
}

function auth(value: Members): Request | null {
  const { id, batch } = value;
  if ((id !== undefined && !isId(id)) || (batch !== undefined && typeof batch !== "boolean")) return null;
  const proof = proofOf(value);
  if (proof === null || !has(value, 2 + Number(id !== undefined) + Number(batch !== undefined))) return null;
  return { kind: "auth", id: id ?? null, batch: batch ?? null, proof };
}

function proofOf({ token, ticket, anonymous }: Members): Proof | null {
  if (isToken(token)) return ticket === undefined && anonymous === undefined ? { kind: "token", token } : null;
  if (isText(ticket, TICKET)) return token === undefined && anonymous === undefined ? { kind: "ticket", ticket } : null;
  return anonymous === true && token === undefined && ticket === undefined ? { kind: "anonymous" } : null;
}

// Leaves.

function isPlain(value: unknown): value is Members {
  return typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

function isList(value: unknown): value is readonly unknown[] {
  return Array.isArray(value) && value.length >= 1 && value.length <= AUCTIONS_PER_FRAME_MAX;
}

/** Whether exactly `count` own members are there (Q1). No name of the forms above is a member of Object.prototype. */
function has(value: Members, count: number): boolean {
  return Object.keys(value).length === count;
}

/** A safe integer from 0 on, without -0 (Q3). */
function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0 && !Object.is(value, -0);
}

function isId(value: unknown): value is number {
  return isCount(value) && value >= 1 && value <= ID_MAX;
}

/** Any positive safe integer: an amount over the largest one is a ruling of the auction, not a fault of form. */
function isMoney(value: unknown): value is number {
  return isCount(value) && value >= 1;
}

function isDeadline(value: unknown): value is number {
  return isCount(value) && value >= DEADLINE_MS_MIN && value <= DEADLINE_MS_MAX;
}

function isHistory(value: unknown): value is number {
  return isCount(value) && value <= HISTORY_ROWS_MAX;
}

function isText(value: unknown, form: RegExp): value is string {
  return typeof value === "string" && form.test(value);
}

function isKey(value: unknown): value is string {
  return typeof value === "string" && KEY.test(value);
}

function isCurrency(value: unknown): value is string {
  return typeof value === "string" && CURRENCY.test(value);
}

function isAuction(value: unknown): value is AuctionId {
  return typeof value === "string" && isAuctionId(value);
}

function isToken(value: unknown): value is string {
  return typeof value === "string" && value.length <= TOKEN_CHARS_MAX && TOKEN.test(value);
}

// Why a frame is wrong (Q4): one check per member, `?` marks a member that may be absent.

type Form = { readonly [member: string]: Check };

function check(what: string, holds: (value: unknown) => boolean): Check {
  return (value) => (holds(value) ? null : what);
}

function optional(inner: Check): Check {
  return (value) => (value === undefined ? null : inner(value));
}

const TYPE = check("", () => true);
const ID = check("an integer from 1 to 2147483647", isId);
const AUCTION_ID = check("an auction id: a UUID of version 8 in lower case", isAuction);
const KEY_CHECK = check("1 to 64 of A-Z a-z 0-9 _ -", isKey);
const MONEY = check("a whole number of minor units from 1 on", isMoney);
const CURRENCY_CHECK = check("three capital letters", isCurrency);
const DEADLINE = optional(check(`an integer from ${DEADLINE_MS_MIN} to ${DEADLINE_MS_MAX}`, isDeadline));
const COMMAND: Form = { type: TYPE, id: ID, auctionId: AUCTION_ID, key: KEY_CHECK };
const AMOUNT: Form = { ...COMMAND, amountMinor: MONEY, currency: CURRENCY_CHECK };
const PLACE_BID: Form = { ...AMOUNT, kind: optional(check("`maximum` or `flat`", (value) => value === "maximum" || value === "flat")), deadlineMs: DEADLINE };
const RAISE: Form = { ...AMOUNT, deadlineMs: DEADLINE };
const BUY_NOW: Form = AMOUNT;
const RETRACT: Form = { ...COMMAND, reason: check("1 to 64 printable ASCII characters", (value) => isText(value, REASON)) };
const PING: Form = { type: TYPE, clientTimeMs: check("epoch milliseconds", isCount) };
const SUBSCRIBE: Form = {
  type: TYPE,
  id: ID,
  auctions: check(
    `1 to ${AUCTIONS_PER_FRAME_MAX} objects with \`auctionId\` and, both or neither, \`epoch\` and \`sequence\``,
    (value) => isList(value) && value.every((auction) => isPlain(auction) && subscribeEntry(auction) !== null),
  ),
  history: optional(check(`an integer from 0 to ${HISTORY_ROWS_MAX}`, isHistory)),
};
const UNSUBSCRIBE: Form = {
  type: TYPE,
  id: ID,
  auctionIds: check(`1 to ${AUCTIONS_PER_FRAME_MAX} auction ids`, (value) => isList(value) && value.every(isAuction)),
};
const AUTH: Form = {
  type: TYPE,
  id: optional(ID),
  batch: optional(check("true or false", (value) => typeof value === "boolean")),
  token: optional(check(`printable ASCII, at most ${TOKEN_CHARS_MAX} characters`, isToken)),
  ticket: optional(check(`printable ASCII, at most ${TICKET_CHARS_MAX} characters`, (value) => isText(value, TICKET))),
  anonymous: optional(check("true", (value) => value === true)),
};

function explain(value: Members, form: Form): FrameFault {
  const errors: FrameError[] = [];
  for (const [member, holds] of Object.entries(form)) {
    const own = Object.hasOwn(value, member) ? value[member] : undefined;
    const wanted = holds(own);
    if (wanted !== null) errors.push({ pointer: `/${member}`, code: own === undefined ? "missing" : "type", detail: `Must be ${wanted}.` });
  }
  for (const member of Object.keys(value)) {
    if (!Object.hasOwn(form, member)) errors.push({ pointer: `/${pointerToken(member)}`, code: "unknown", detail: "This member is not known." });
  }
  if (errors.length === 0) errors.push({ pointer: "", code: "form", detail: "Exactly one of `token`, `ticket` and `anonymous` is needed." });
  return fault(value, errors);
}

/** Pointers go back to the sender: escaped as RFC 6901 wants, cut, and without anything but printable ASCII. */
function pointerToken(member: string): string {
  return member
    .slice(0, 64)
    .replaceAll("~", "~0")
    .replaceAll("/", "~1")
    .replaceAll(/[^ -~]/g, "?");
}

const ERRORS_MAX = 16;

function fault(value: unknown, errors: readonly FrameError[]): FrameFault {
  const members: Members = isPlain(value) ? value : {};
  const id = Object.hasOwn(members, "id") && isId(members.id) ? members.id : null;
  const auctionId = Object.hasOwn(members, "auctionId") && isAuction(members.auctionId) ? members.auctionId : null;
  const keyOnly = errors.length === 1 && errors[0]?.pointer === "/key" && errors[0].code === "missing";
  return { kind: "fault", code: keyOnly ? "key_required" : "invalid_request", id, auctionId, errors: errors.slice(0, ERRORS_MAX) };
}
