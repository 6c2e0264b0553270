// What travels on the link between a gateway and an engine node, as values. Types only; protocol-codec.ts has the bytes.
//
// A gateway sends commands, reads and interest; the engine sends answers, refusals, views, updates and notices. Built from
// core's words; never a client frame (gateway/socket/client-frames.ts), never a stored record (persistence/record.ts).
import type { Command } from "./core/command.ts";
import type { RefusalCode } from "./core/decision.ts";
import type { AuctionId, Epoch, Instant, Lsn, Minor, Offset, Sequence, Shard } from "./core/ids.ts";
import type { AuctionView, PublicRow, PublicState, Standing } from "./core/view.ts";

/** Raised whenever either side would misread the other; unequal versions do not connect. */
export const LINK_VERSION = 1;

/** Names one command or read of one connection until it is answered; 1 to 2^31 - 1. */
export type RequestId = number;

/** From gateway to engine. */
export type GatewayMessage =
  /** `deadlineMs`: what is left of the caller's deadline when sent. */
  | { readonly kind: "command"; readonly requestId: RequestId; readonly deadlineMs: number; readonly command: Command }
  /** From now on (or no longer) send updates of these auctions. */
  | { readonly kind: "watch"; readonly auctionIds: readonly AuctionId[] }
  | { readonly kind: "unwatch"; readonly auctionIds: readonly AuctionId[] }
  | { readonly kind: "read"; readonly requestId: RequestId; readonly read: Read }
  | { readonly kind: "ping"; readonly sentAt: number };

/** A read of committed state. `fresh` waits for a record appended after the read arrived (linearizable). */
export type Read =
  | { readonly kind: "view"; readonly auctionId: AuctionId; readonly fresh: boolean; readonly history: number; readonly bidderId: string | null }
  /** Rows after a sequence, oldest first; or before (sequence, row), newest first. At most `limit` (100). */
  | { readonly kind: "rows_after"; readonly auctionId: AuctionId; readonly sequence: Sequence; readonly limit: number }
  | { readonly kind: "rows_before"; readonly auctionId: AuctionId; readonly sequence: Sequence | null; readonly row: number; readonly limit: number }
  | { readonly kind: "standing"; readonly auctionId: AuctionId; readonly bidderId: string };

export type ReadResult =
  | { readonly kind: "view"; readonly view: AuctionView; readonly rows: readonly PublicRow[]; readonly you: Standing | null }
  | { readonly kind: "rows"; readonly rows: readonly PublicRow[]; readonly more: boolean; readonly sequence: Sequence }
  | { readonly kind: "standing"; readonly standing: Standing; readonly sequence: Sequence };

/** From engine to gateway. */
export type EngineMessage =
  /** First message after the connection is authenticated. */
  | { readonly kind: "welcome"; readonly nodeId: string; readonly lifeId: string; readonly shards: number; readonly version: string }
  /** `row` is the stored 64-byte answer (engine/core/answers.ts reads it). */
  | { readonly kind: "answer"; readonly requestId: RequestId; readonly auctionId: AuctionId; readonly replayed: boolean; readonly row: Uint8Array }
  | { readonly kind: "refusal"; readonly requestId: RequestId; readonly code: RefusalCode; readonly retryAfterMs: number }
  | { readonly kind: "read_result"; readonly requestId: RequestId; readonly result: ReadResult }
  | { readonly kind: "update"; readonly update: Update }
  | { readonly kind: "notice"; readonly notice: Notice }
  | { readonly kind: "shard"; readonly status: ShardStatus }
  | { readonly kind: "pong"; readonly sentAt: number; readonly engineAt: Instant };

/** Told when it changes and at connect. The witness (epoch, lsn, offset) is the last committed place. */
export interface ShardStatus {
  readonly shard: Shard;
  /** `log_down`: the log takes nothing, bids are refused at once. */
  readonly state: "serving" | "log_down" | "moving" | "unowned" | "stopped";
  readonly epoch: Epoch;
  readonly lsn: Lsn;
  readonly offset: Offset;
}

export type UpdateEvent =
  | "opened"
  | "bid_placed"
  | "bids_removed"
  | "reserve_met"
  | "reserve_lowered"
  | "buy_now_gone"
  | "buy_now_back"
  | "extended"
  | "end_moved"
  | "paused"
  | "resumed"
  | "ended";

/** One change (or several of one commit) of an auction's public state, after commit. */
export interface Update {
  readonly auctionId: AuctionId;
  readonly epoch: Epoch;
  readonly sequence: Sequence;
  /** Sequence of the public state before; 0 at the first. */
  readonly previousSequence: Sequence;
  /** Decision time of the newest decision in it. */
  readonly at: Instant;
  readonly events: readonly UpdateEvent[];
  readonly state: PublicState;
  /** New rows oldest first, the newest 50 at most; the others are counted in rowsOmitted. */
  readonly rows: readonly PublicRow[];
  readonly rowsOmitted: number;
  /** Sequences of bids that went, for marking older rows. */
  readonly removed: readonly Sequence[];
  /** Each soft-close extension since the last update, oldest first. */
  readonly extensions: readonly {
    readonly sequence: Sequence;
    readonly from: Instant;
    readonly to: Instant;
    readonly bidId: Sequence;
    readonly count: number;
    readonly countLeft: number | null;
  }[];
}

/** To the sockets of one bidder, subscribed or not. Never conflated. */
export interface Notice {
  readonly kind: "outbid" | "leading_again" | "bid_needed";
  /** Only with leading_again. */
  readonly why: "retraction" | "void" | null;
  readonly bidderId: string;
  readonly auctionId: AuctionId;
  readonly epoch: Epoch;
  readonly sequence: Sequence;
  readonly at: Instant;
  readonly price: Minor | null;
  readonly askingPrice: Minor | null;
  readonly yourBid: Minor;
  readonly endsAt: Instant;
}
