// Client frames as this client reads and writes them: the wire of fairwarning.v1.json and fairwarning.v1.msgpack.
//
// Bytes from outside are checked here, once: a frame that is not an object with a known type and the members that order and
// paint depend on is null, and null is dropped. Unknown members are ignored, so that a server may grow.
import type { AuctionState, AuctionTerms, Bid, Lot, Outcome, Standing } from "./types.ts";

export interface Place {
  readonly auctionId: string;
  readonly epoch: number;
  readonly sequence: number;
  readonly serverTimeMs: number;
}

export interface WelcomeFrame {
  readonly type: "welcome";
  readonly serverTimeMs: number;
  readonly lifeId: string;
  readonly expiresAtMs: number | null;
  readonly pingEveryMs: number;
  readonly pongWithinMs: number;
  readonly limits: { readonly subscriptions: number; readonly bidsInFlight: number };
}
export interface SubscribedFrame {
  readonly type: "subscribed";
  readonly id: number;
  readonly results: readonly { readonly auctionId: string; readonly recovered?: "delta" | "snapshot"; readonly code?: string }[];
}
export interface SnapshotFrame extends Place {
  readonly type: "snapshot";
  readonly why: string;
  readonly auction: AuctionTerms;
  readonly state: AuctionState;
  readonly bids: readonly Bid[];
  readonly you: Standing | null;
  readonly watchers: number;
}
export interface UpdateFrame extends Place {
  readonly type: "update";
  readonly previousSequence: number;
  readonly events: readonly string[];
  readonly state: AuctionState;
  readonly bids: readonly Bid[];
  readonly bidsOmitted: number;
  readonly watchers: number;
  readonly resumed?: boolean;
}
export interface AnswerFields {
  readonly verdict: "accepted" | "rejected";
  readonly code: string;
  readonly auctionId: string;
  readonly sequence: number;
  readonly epoch: number;
  readonly decidedAtMs: number;
  readonly standing: "leading" | "outbid" | null;
  readonly currentPriceMinor: number | null;
  readonly askingPriceMinor: number | null;
  readonly reserveMet: boolean | null;
  readonly endsAtMs: number | null;
}
export interface BidAnswerFrame {
  readonly type: "bid_answer";
  readonly id: number;
  readonly key: string;
  readonly replayed: boolean;
  readonly answer: AnswerFields;
}
export interface NoticeFrame extends Place {
  readonly type: "outbid" | "leading_again" | "bid_needed";
  readonly currentPriceMinor: number | null;
  readonly askingPriceMinor: number | null;
  readonly yourBidMinor: number;
  readonly endsAtMs: number | null;
  readonly why?: "retraction" | "void";
}
export interface ExtendedFrame extends Place {
  readonly type: "extended";
  readonly fromAtMs: number;
  readonly endsAtMs: number;
  readonly extendedByMs: number;
  readonly bidId: number;
  readonly count: number;
  readonly countLeft: number | null;
}
export interface HammerFrame extends Place {
  readonly type: "hammer";
  readonly outcome: Outcome;
  readonly hammerPriceMinor: number | null;
  readonly winnerNumber: number | null;
  readonly endedAtMs: number;
  readonly by: string;
  readonly state: AuctionState;
}
export interface ErrorFrame {
  readonly type: "error";
  readonly id?: number;
  readonly auctionId?: string;
  readonly code: string;
  readonly message: string;
  readonly retryAfterMs?: number;
  readonly requestId?: string;
}

export type ServerFrame =
  | WelcomeFrame
  | SubscribedFrame
  | { readonly type: "unsubscribed"; readonly id: number }
  | SnapshotFrame
  | UpdateFrame
  | BidAnswerFrame
  | NoticeFrame
  | ExtendedFrame
  | HammerFrame
  | { readonly type: "watchers"; readonly auctionId: string; readonly watchers: number }
  | { readonly type: "lot_changed"; readonly auctionId: string; readonly lot: Lot }
  | { readonly type: "stale"; readonly auctionIds: readonly string[]; readonly stale: boolean }
  | { readonly type: "drain"; readonly retryAfterMs: number; readonly closeInMs: number }
  | ErrorFrame
  | { readonly type: "pong"; readonly clientTimeMs: number; readonly serverTimeMs: number };

export type ClientFrame = { readonly type: string; readonly [member: string]: unknown };

type Kind = "text" | "int" | "list" | "object" | "flag";

const PLACE: Record<string, Kind> = { auctionId: "text", epoch: "int", sequence: "int" };

/** Members that must be there, by frame type; what is not listed may be absent or is not acted upon. */
const NEEDED: Record<ServerFrame["type"], Record<string, Kind>> = {
  welcome: { lifeId: "text", serverTimeMs: "int", pingEveryMs: "int", pongWithinMs: "int", limits: "object" },
  subscribed: { id: "int", results: "list" },
  unsubscribed: { id: "int" },
  snapshot: { ...PLACE, auction: "object", state: "object", bids: "list" },
  update: { ...PLACE, previousSequence: "int", state: "object", bids: "list" },
  bid_answer: { id: "int", key: "text", answer: "object" },
  outbid: { ...PLACE, yourBidMinor: "int" },
  leading_again: { ...PLACE, yourBidMinor: "int" },
  bid_needed: { ...PLACE, yourBidMinor: "int" },
  extended: { ...PLACE, endsAtMs: "int", bidId: "int" },
  hammer: { ...PLACE, outcome: "text", state: "object" },
  watchers: { auctionId: "text", watchers: "int" },
  lot_changed: { auctionId: "text", lot: "object" },
  stale: { auctionIds: "list", stale: "flag" },
  drain: { closeInMs: "int" },
  error: { code: "text" },
  pong: { clientTimeMs: "int", serverTimeMs: "int" },
};

/** A decoded message as frames, in order; a message may be an array of them. What is no frame is left out. */
export function readFrames(message: unknown): readonly ServerFrame[] {
  const each = Array.isArray(message) ? message : [message];
  return each.filter(isServerFrame);
}

function isServerFrame(value: unknown): value is ServerFrame {
  if (typeof value !== "object" || value === null) return false;
  const members = value as Record<string, unknown>;
  const needed = typeof members.type === "string" && Object.hasOwn(NEEDED, members.type) ? NEEDED[members.type as ServerFrame["type"]] : undefined;
  return needed !== undefined && Object.entries(needed).every(([name, kind]) => isOf(kind, members[name]));
}

function isOf(kind: Kind, value: unknown): boolean {
  if (kind === "int") return Number.isSafeInteger(value);
  if (kind === "text") return typeof value === "string";
  if (kind === "flag") return typeof value === "boolean";
  if (kind === "list") return Array.isArray(value);
  return typeof value === "object" && value !== null;
}

/** How frames become messages and back. `read` throws on bytes that are not of the encoding. */
export interface Codec {
  readonly protocol: string;
  write(frame: ClientFrame): string | Uint8Array<ArrayBuffer>;
  read(data: unknown): unknown;
}

const JSON_CODEC: Codec = {
  protocol: "fairwarning.v1.json",
  write: (frame) => JSON.stringify(frame),
  read: (data) => JSON.parse(String(data)) as unknown,
};

/** The codec of a sub-protocol. msgpackr is loaded only when it is the one chosen. */
export async function loadCodec(protocol: "json" | "msgpack"): Promise<Codec> {
  if (protocol === "json") return JSON_CODEC;
  const { Packr } = await import("msgpackr");
  const packr = new Packr({ useRecords: false, variableMapSize: true, int64AsType: "number" });
  return {
    protocol: "fairwarning.v1.msgpack",
    write: (frame) => new Uint8Array(packr.pack(frame)),
    read: (data) => packr.unpack(data instanceof ArrayBuffer ? new Uint8Array(data) : (data as Uint8Array)) as unknown,
  };
}
