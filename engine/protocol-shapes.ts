// Whether a value that came over the link is one of protocol.ts: the shapes of everything that travels as MessagePack.
//
// Members are named in the types and in the checks; a type that grows without its check does not compile. Unknown members are
// refused: both ends have the same LINK_VERSION, so they can only be damage.
import type { BidKind, Command, CommandBody, Fingerprint, KeyDigest, Role } from "./core/command.ts";
import { type Ended, REFUSAL_CODES } from "./core/decision.ts";
import { isAuctionId } from "./core/ids.ts";
import type { IncrementTable } from "./core/settings.ts";
import type { AuctionView, PublicRow, PublicState, PublicTerms, Standing } from "./core/view.ts";
import type { EngineMessage, GatewayMessage, Notice, Read, ReadResult, ShardStatus, Update, UpdateEvent } from "./protocol.ts";

type Check = (value: unknown) => boolean;
type Members<T> = { readonly [K in keyof T]-?: Check };

/** The 32-bit limit of request ids; also keeps deadlines and retry hints in range. */
export const INT31_MAX = 0x7fffffff;
/** Auctions of one watch message: 37 bytes each, so 380 KB. */
export const WATCH_IDS_MAX = 10_000;
const ROWS_MAX = 100;
const TEXT_LENGTH_MAX = 1024;
/** Bounds only what one message may make a reader walk through; the protocol's own limits are lower. */
const LIST_LENGTH_MAX = 65_536;

const NAME = /^[\x20-\x7e]{1,64}$/;
const KEY = /^[A-Za-z0-9_-]{1,64}$/;

const int: Check = Number.isSafeInteger;
const number: Check = (value) => typeof value === "number";
const flag: Check = (value) => typeof value === "boolean";
const text: Check = (value) => typeof value === "string" && value.length <= TEXT_LENGTH_MAX;
const name: Check = (value) => typeof value === "string" && NAME.test(value);
const auctionId: Check = (value) => typeof value === "string" && isAuctionId(value);
const natural: Check = (value) => Number.isSafeInteger(value) && Number(value) >= 0;
const requestId: Check = (value) => Number.isSafeInteger(value) && Number(value) >= 1 && Number(value) <= INT31_MAX;
const span: Check = (value) => Number.isSafeInteger(value) && Number(value) >= 0 && Number(value) <= INT31_MAX;
const int32: Check = (value) => typeof value === "number" && (value | 0) === value;

/** Whether a key may travel: it names a command in the log for ever. */
export function isKey(value: unknown): value is string {
  return typeof value === "string" && KEY.test(value);
}

/** Whether an issuer id may travel: 1 to 64 printable ASCII characters. */
export function isName(value: unknown): value is string {
  return name(value);
}

function nullable(check: Check): Check {
  return (value) => value === null || check(value);
}

function list(check: Check, lengthMax: number): Check {
  return (value) => Array.isArray(value) && value.length <= lengthMax && value.every(check);
}

function oneOf<T extends string>(values: readonly T[]): Check {
  return (value) => (values as readonly unknown[]).includes(value);
}

function literal(expected: string): Check {
  return (value) => value === expected;
}

/** Exactly these members; those named in `optional` may be absent. */
function object<T>(members: Members<T>, optional: readonly (keyof T)[] = []): Check {
  const checks = Object.entries<Check>(members);
  return (value) => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
    let seen = 0;
    for (const [member, check] of checks) {
      if (!Object.hasOwn(value, member)) {
        if (optional.includes(member as keyof T)) continue;
        return false;
      }
      if (!check((value as Record<string, unknown>)[member])) return false;
      seen += 1;
    }
    return Object.keys(value).length === seen;
  };
}

/** The check that belongs to the value's `kind` (or `type`). */
function union(tag: "kind" | "type", cases: { readonly [name: string]: Check }): Check {
  const checks = new Map(Object.entries(cases));
  return (value) => {
    if (typeof value !== "object" || value === null) return false;
    const check = checks.get(String((value as Record<string, unknown>)[tag]));
    return check?.(value) ?? false;
  };
}

type Body<T extends CommandBody["type"]> = Extract<CommandBody, { type: T }>;
type BodyChecks = { readonly [T in CommandBody["type"]]: Check };

function bare<T extends "open_auction" | "open_due" | "close_due">(type: T): Check {
  return object<Body<T>>({ type: literal(type) } as Members<Body<T>>);
}

const settings: Check = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

/** Amounts may be any number: whether they are whole is a rule of the auction and its code is a decision. */
const BODIES: BodyChecks = {
  create: object<Body<"create">>({ type: literal("create"), settings }),
  open_auction: bare("open_auction"),
  place_bid: object<Body<"place_bid">>({ type: literal("place_bid"), kind: oneOf<BidKind>(["maximum", "flat"]), amount: number, currency: text }),
  raise_maximum: object<Body<"raise_maximum">>({ type: literal("raise_maximum"), amount: number, currency: text }),
  buy_now: object<Body<"buy_now">>({ type: literal("buy_now"), amount: number, currency: text }),
  retract_bid: object<Body<"retract_bid">>({ type: literal("retract_bid"), reason: text }),
  void_bid: object<Body<"void_bid">>({ type: literal("void_bid"), bidId: number, reason: text }),
  void_bidder: object<Body<"void_bidder">>({ type: literal("void_bidder"), bidderId: name, reason: text, block: flag }),
  set_bidder: object<Body<"set_bidder">>({ type: literal("set_bidder"), bidderId: name, blocked: flag, authorisedLimit: nullable(number) }, [
    "blocked",
    "authorisedLimit",
  ]),
  lower_reserve: object<Body<"lower_reserve">>({ type: literal("lower_reserve"), reserve: number }),
  extend: object<Body<"extend">>({ type: literal("extend"), endsAt: number, reason: text }),
  pause: object<Body<"pause">>({ type: literal("pause"), reason: text }),
  resume: object<Body<"resume">>({ type: literal("resume"), leaveAtLeastMs: number }),
  withdraw: object<Body<"withdraw">>({ type: literal("withdraw"), reason: text }),
  end_early: object<Body<"end_early">>({ type: literal("end_early"), sellBelowReserve: flag }),
  open_due: bare("open_due"),
  close_due: bare("close_due"),
  give_back: object<Body<"give_back">>({ type: literal("give_back"), from: int, to: int }),
};

/** The engine gives itself its own commands; from a gateway they are damage, or somebody who wants an auction to end. */
const ROLES: readonly Exclude<Role, "engine">[] = ["bidder", "seller", "operator"];
const ENGINE_BODIES: ReadonlySet<string> = new Set(["open_due", "close_due", "give_back"]);
const body = union("type", BODIES);
const gatewayBody: Check = (value) => body(value) && !ENGINE_BODIES.has((value as CommandBody).type);

const command = object<Command>({
  auctionId,
  role: oneOf(ROLES),
  issuerId: name,
  key: isKey,
  keyDigest: object<KeyDigest>({ a: int32, b: int32, c: int32, d: int32 }),
  fingerprint: object<Fingerprint>({ a: int32, b: int32 }),
  body: gatewayBody,
});

type ReadOf<K extends Read["kind"]> = Extract<Read, { kind: K }>;

const rowLimit: Check = (value) => Number.isSafeInteger(value) && Number(value) >= 1 && Number(value) <= ROWS_MAX;
const history: Check = (value) => value === 0 || rowLimit(value);
const READS: { readonly [K in Read["kind"]]: Check } = {
  view: object<ReadOf<"view">>({ kind: literal("view"), auctionId, fresh: flag, history, bidderId: nullable(name) }),
  rows_after: object<ReadOf<"rows_after">>({ kind: literal("rows_after"), auctionId, sequence: natural, limit: rowLimit }),
  rows_before: object<ReadOf<"rows_before">>({ kind: literal("rows_before"), auctionId, sequence: nullable(natural), row: natural, limit: rowLimit }),
  standing: object<ReadOf<"standing">>({ kind: literal("standing"), auctionId, bidderId: name }),
};

type FromGateway<K extends GatewayMessage["kind"]> = Extract<GatewayMessage, { kind: K }>;

const auctionIds = list(auctionId, WATCH_IDS_MAX);
const GATEWAY_MESSAGES: { readonly [K in GatewayMessage["kind"]]: Check } = {
  command: object<FromGateway<"command">>({ kind: literal("command"), requestId, deadlineMs: span, command }),
  watch: object<FromGateway<"watch">>({ kind: literal("watch"), auctionIds }),
  unwatch: object<FromGateway<"unwatch">>({ kind: literal("unwatch"), auctionIds }),
  read: object<FromGateway<"read">>({ kind: literal("read"), requestId, read: union("kind", READS) }),
  ping: object<FromGateway<"ping">>({ kind: literal("ping"), sentAt: number }),
};

const ended = object<NonNullable<PublicState["hammer"]>>({
  price: nullable(int),
  winnerNumber: nullable(int),
  endedAt: int,
  by: oneOf<Ended["by"]>(["close_due", "end_early", "buy_now", "withdraw"]),
});

const publicState = object<PublicState>({
  phase: oneOf<PublicState["phase"]>(["draft", "scheduled", "open", "paused", "closed"]),
  outcome: nullable(oneOf<NonNullable<PublicState["outcome"]>>(["sold", "passed", "withdrawn"])),
  price: nullable(int),
  askingPrice: nullable(int),
  totalBids: int,
  bidders: int,
  leaderNumber: nullable(int),
  reserveMet: nullable(flag),
  buyNow: nullable(int),
  opensAt: nullable(int),
  endsAt: nullable(int),
  scheduledCloseAt: nullable(int),
  pausedAt: nullable(int),
  extensionCount: int,
  extensionTotalMs: int,
  hammer: nullable(ended),
});

const publicRow = object<PublicRow>({
  sequence: int,
  row: int,
  bidId: int,
  bidderNumber: int,
  amount: int,
  kind: oneOf<PublicRow["kind"]>(["bid", "proxy", "recomputed"]),
  at: int,
  gone: nullable(oneOf<NonNullable<PublicRow["gone"]>>(["retracted", "voided"])),
});

const standing = object<Standing>({
  bidderNumber: nullable(int),
  leading: flag,
  maximum: nullable(int),
  highestBid: nullable(int),
  blocked: flag,
  authorisedLimit: nullable(int),
});

const plain: Check = (value) => typeof value === "object" && value !== null;
const increments = object<IncrementTable>({ name: text, bands: list(plain, LIST_LENGTH_MAX), allowSubIncrementOutbid: flag });

/** Settings are shown, never computed with, so their inner parts are only known to be plain data. */
const terms = object<PublicTerms>({
  format: literal("english"),
  currency: text,
  amountStep: number,
  opening: int,
  increments,
  bidding: plain,
  softClose: nullable(plain),
  retraction: nullable(plain),
  sellerId: text,
  lotId: nullable(text),
});

const view = object<AuctionView>({ auctionId, epoch: int, sequence: int, terms, state: publicState });
const rows = list(publicRow, LIST_LENGTH_MAX);

type ResultOf<K extends ReadResult["kind"]> = Extract<ReadResult, { kind: K }>;

const RESULTS: { readonly [K in ReadResult["kind"]]: Check } = {
  view: object<ResultOf<"view">>({ kind: literal("view"), view, rows, you: nullable(standing) }),
  rows: object<ResultOf<"rows">>({ kind: literal("rows"), rows, more: flag, sequence: int }),
  standing: object<ResultOf<"standing">>({ kind: literal("standing"), standing, sequence: int }),
};

const EVENTS: readonly UpdateEvent[] = [
  "opened",
  "bid_placed",
  "bids_removed",
  "reserve_met",
  "reserve_lowered",
  "buy_now_gone",
  "buy_now_back",
  "extended",
  "end_moved",
  "paused",
  "resumed",
  "ended",
];

const update = object<Update>({
  auctionId,
  epoch: int,
  sequence: int,
  previousSequence: int,
  at: int,
  events: list(oneOf(EVENTS), LIST_LENGTH_MAX),
  state: publicState,
  rows,
  rowsOmitted: int,
  removed: list(int, LIST_LENGTH_MAX),
  extensions: list(
    object<Update["extensions"][number]>({ sequence: int, from: int, to: int, bidId: int, count: int, countLeft: nullable(int) }),
    LIST_LENGTH_MAX,
  ),
});

const notice = object<Notice>({
  kind: oneOf<Notice["kind"]>(["outbid", "leading_again", "bid_needed"]),
  why: nullable(oneOf<NonNullable<Notice["why"]>>(["retraction", "void"])),
  bidderId: name,
  auctionId,
  epoch: int,
  sequence: int,
  at: int,
  price: nullable(int),
  askingPrice: nullable(int),
  yourBid: int,
  endsAt: int,
});

const status = object<ShardStatus>({
  shard: natural,
  state: oneOf<ShardStatus["state"]>(["serving", "log_down", "moving", "unowned", "stopped"]),
  epoch: int,
  lsn: int,
  offset: int,
});

/** As many shards as slots: more could never own one. */
const shardCount: Check = (value) => Number.isSafeInteger(value) && Number(value) >= 1 && Number(value) <= 4096;

type FromEngine<K extends EngineMessage["kind"]> = Extract<EngineMessage, { kind: K }>;

/** An answer travels in its fixed layout only. */
const ENGINE_MESSAGES: { readonly [K in Exclude<EngineMessage["kind"], "answer">]: Check } = {
  welcome: object<FromEngine<"welcome">>({ kind: literal("welcome"), nodeId: text, lifeId: text, shards: shardCount, version: text }),
  refusal: object<FromEngine<"refusal">>({ kind: literal("refusal"), requestId, code: oneOf(REFUSAL_CODES), retryAfterMs: span }),
  read_result: object<FromEngine<"read_result">>({ kind: literal("read_result"), requestId, result: union("kind", RESULTS) }),
  update: object<FromEngine<"update">>({ kind: literal("update"), update }),
  notice: object<FromEngine<"notice">>({ kind: literal("notice"), notice }),
  shard: object<FromEngine<"shard">>({ kind: literal("shard"), status }),
  pong: object<FromEngine<"pong">>({ kind: literal("pong"), sentAt: number, engineAt: int }),
};

const gatewayMessage = union("kind", GATEWAY_MESSAGES);
const engineMessage = union("kind", ENGINE_MESSAGES);

/** Whether a decoded value is a whole message of a gateway. Engine roles, engine commands and commands without a key are not. */
export function isGatewayMessage(value: unknown): value is GatewayMessage {
  return gatewayMessage(value);
}

/** Whether a decoded value is a whole message of an engine, answers excepted. */
export function isEngineMessage(value: unknown): value is Exclude<EngineMessage, { kind: "answer" }> {
  return engineMessage(value);
}
