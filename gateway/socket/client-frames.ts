// What travels on a client's socket, both ways: the frames of sub-protocols `fairwarning.v1.json` and `fairwarning.v1.msgpack`.
//
// Owns: names and shapes on the wire. Types and the two protocol names only, so that the client SDK can share them.
// Must not: reuse engine/protocol or core types as frames (public-frames.ts converts), check (frame-check.ts) or encode.
//
// Money is integer minor units in members ending in `Minor`; instants are epoch ms in members ending in `AtMs` or `TimeMs`.

export const JSON_PROTOCOL = "fairwarning.v1.json";
export const MSGPACK_PROTOCOL = "fairwarning.v1.msgpack";
export type Protocol = "json" | "msgpack";

// from a client

export interface AuthFrame {
  readonly type: "auth";
  readonly id?: number;
  /** Answers and updates that leave together come as one array. */
  readonly batch?: boolean;
  /** Exactly one of the three. */
  readonly token?: string;
  readonly ticket?: string;
  readonly anonymous?: true;
}

export interface SubscribeFrame {
  readonly type: "subscribe";
  readonly id: number;
  /** 1 to 100. `epoch` and `sequence` of the last frame applied, both or neither. */
  readonly auctions: readonly { readonly auctionId: string; readonly epoch?: number; readonly sequence?: number }[];
  /** Rows in a snapshot, 0 to 100; 20 when absent. */
  readonly history?: number;
}

export interface UnsubscribeFrame {
  readonly type: "unsubscribe";
  readonly id: number;
  readonly auctionIds: readonly string[];
}

export interface PlaceBidFrame {
  readonly type: "place_bid";
  readonly id: number;
  readonly auctionId: string;
  readonly key: string;
  readonly amountMinor: number;
  readonly currency: string;
  /** `maximum` when absent. */
  readonly kind?: "maximum" | "flat";
  readonly deadlineMs?: number;
}

export interface RaiseFrame {
  readonly type: "raise";
  readonly id: number;
  readonly auctionId: string;
  readonly key: string;
  readonly amountMinor: number;
  readonly currency: string;
  readonly deadlineMs?: number;
}

export interface RetractFrame {
  readonly type: "retract";
  readonly id: number;
  readonly auctionId: string;
  readonly key: string;
  readonly reason: string;
}

export interface BuyNowFrame {
  readonly type: "buy_now";
  readonly id: number;
  readonly auctionId: string;
  readonly key: string;
  readonly amountMinor: number;
  readonly currency: string;
}

export interface PingFrame {
  readonly type: "ping";
  readonly clientTimeMs: number;
}

export type ClientFrame = AuthFrame | SubscribeFrame | UnsubscribeFrame | PlaceBidFrame | RaiseFrame | RetractFrame | BuyNowFrame | PingFrame;

// to a client

/** Public, complete, small: the newest one alone makes a viewer right. */
export interface WireState {
  readonly phase: string;
  readonly outcome: string | null;
  readonly currentPriceMinor: number | null;
  readonly askingPriceMinor: number | null;
  readonly totalBids: number;
  readonly bidders: number;
  readonly leaderNumber: number | null;
  readonly reserveMet: boolean | null;
  readonly buyNowMinor: number | null;
  readonly endsAtMs: number | null;
  readonly pausedAtMs: number | null;
  readonly extensionCount: number;
}

export interface WireBid {
  readonly sequence: number;
  readonly row: number;
  readonly bidId: number;
  readonly bidderNumber: number;
  readonly amountMinor: number;
  readonly kind: "bid" | "proxy" | "recomputed";
  readonly atMs: number;
  readonly gone: "retracted" | "voided" | null;
}

/** One bidder's own place. */
export interface WireStanding {
  readonly bidderNumber: number | null;
  readonly leading: boolean;
  readonly maximumMinor: number | null;
  readonly highestBidMinor: number | null;
  readonly blocked: boolean;
  readonly authorisedLimitMinor: number | null;
}

export interface WireLot {
  readonly lotId: string;
  readonly version: number;
  readonly title: string;
  readonly category: string | null;
  readonly images: readonly string[];
  readonly location?: { readonly latitude: number; readonly longitude: number };
  readonly shippingFree?: boolean;
}

export interface WireSeller {
  readonly sellerId: string;
  readonly name: string;
  readonly reputation?: number;
}

export interface WireSoftClose {
  readonly windowMs: number;
  readonly amountMs: number;
  readonly base: "end" | "bid";
  readonly trigger: { readonly on: "accepted_bid" | "price_rise" | "rank"; readonly rank: number };
  readonly scope: "lot";
  readonly cap: {
    readonly count: number | null;
    readonly totalMs: number | null;
    readonly hardStop: { readonly atMs: number } | { readonly afterScheduledMs: number } | null;
  };
}

export type WireIncrements =
  | string
  | { readonly bands: readonly { readonly fromMinor: number; readonly stepMinor: number }[]; readonly allowSubIncrementOutbid: boolean };

/** What never changes, and the lot. `lot` is null while the catalogue is away; `lot_changed` brings it. */
export interface WireAuction {
  readonly currency: string;
  readonly format: string;
  readonly lot: WireLot | null;
  readonly seller: WireSeller;
  readonly openingPriceMinor: number;
  readonly increments: WireIncrements;
  readonly softClose: WireSoftClose | null;
  readonly scheduledCloseAtMs: number | null;
}

/** A pair names one state. Compared epoch first. */
export interface WirePair {
  readonly auctionId: string;
  readonly epoch: number;
  readonly sequence: number;
  readonly serverTimeMs: number;
}

export type SnapshotWhy = "first" | "history_gone" | "ahead" | "new_life" | "slow";

export type WireEvent =
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
  | "resumed";

export interface WelcomeFrame {
  readonly type: "welcome";
  readonly id?: number;
  readonly serverTimeMs: number;
  readonly sessionId: string;
  /** Of the log; empty before the gateway first met an engine. Another one makes every pair meaningless. */
  readonly lifeId: string;
  readonly you: { readonly userId: string; readonly tier: string; readonly roles: readonly string[]; readonly guest: boolean } | null;
  readonly expiresAtMs: number | null;
  readonly pingEveryMs: number;
  readonly pongWithinMs: number;
  readonly limits: { readonly subscriptions: number; readonly frameBytes: number; readonly bidsInFlight: number; readonly bidsLeft: number | null };
  readonly version: string;
}

export interface SubscribedFrame {
  readonly type: "subscribed";
  readonly id: number;
  readonly results: readonly (
    | { readonly auctionId: string; readonly recovered: "delta" | "snapshot" }
    | { readonly auctionId: string; readonly code: string }
  )[];
}

export interface UnsubscribedFrame {
  readonly type: "unsubscribed";
  readonly id: number;
  readonly auctionIds: readonly string[];
}

export interface SnapshotFrame extends WirePair {
  readonly type: "snapshot";
  readonly why: SnapshotWhy;
  readonly auction: WireAuction;
  readonly state: WireState;
  /** Newest first. */
  readonly bids: readonly WireBid[];
  readonly you: WireStanding | null;
  readonly watchers: number;
  readonly timeRemainingMs: number | null;
}

export interface UpdateFrame extends WirePair {
  readonly type: "update";
  readonly previousSequence: number;
  readonly events: readonly WireEvent[];
  readonly state: WireState;
  /** New rows, oldest first, at most 50; the others are counted in bidsOmitted. A row sent before may come again. */
  readonly bids: readonly WireBid[];
  readonly bidsOmitted: number;
  /** Bids that went, for marking rows sent earlier; absent when none did. */
  readonly removedBidIds?: readonly number[];
  readonly watchers: number;
  readonly timeRemainingMs: number | null;
  readonly resumed?: true;
}

/** Rebuilt from the stored answer, in this order, byte for byte the same on every repeat. */
export interface WireAnswer {
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
  readonly answer: WireAnswer;
}

interface StandingNotice extends WirePair {
  readonly currentPriceMinor: number | null;
  readonly askingPriceMinor: number | null;
  readonly yourBidMinor: number;
  readonly endsAtMs: number;
}

export interface OutbidFrame extends StandingNotice {
  readonly type: "outbid";
}

export interface LeadingAgainFrame extends StandingNotice {
  readonly type: "leading_again";
  readonly why: "retraction" | "void";
}

export interface BidNeededFrame extends StandingNotice {
  readonly type: "bid_needed";
}

/** Follows the `update` of the same pair: it announces, the update has the state. */
export interface ExtendedFrame extends WirePair {
  readonly type: "extended";
  readonly fromAtMs: number;
  readonly endsAtMs: number;
  readonly extendedByMs: number;
  readonly bidId: number;
  readonly count: number;
  readonly countLeft: number | null;
}

/** Comes alone when the end is all that changed; when one decision also brought rows (buy-now), behind the `update` of the same pair. */
export interface HammerFrame extends WirePair {
  readonly type: "hammer";
  readonly outcome: string;
  readonly hammerPriceMinor: number | null;
  readonly winnerNumber: number | null;
  readonly totalBids: number;
  readonly endedAtMs: number;
  readonly by: string;
  readonly state: WireState;
}

export interface WatchersFrame {
  readonly type: "watchers";
  readonly auctionId: string;
  readonly watchers: number;
}

export interface LotChangedFrame {
  readonly type: "lot_changed";
  readonly auctionId: string;
  readonly lot: WireLot;
}

export interface StaleFrame {
  readonly type: "stale";
  readonly auctionIds: readonly string[];
  readonly stale: boolean;
  readonly serverTimeMs: number;
}

export interface DrainFrame {
  readonly type: "drain";
  readonly retryAfterMs: number;
  readonly closeInMs: number;
}

export interface ErrorFrame {
  readonly type: "error";
  readonly id?: number;
  readonly auctionId?: string;
  readonly code: string;
  readonly message: string;
  readonly retryAfterMs?: number;
  /** JSON pointers into the client frame; only with `invalid_request` and `key_required`. */
  readonly errors?: readonly FrameError[];
  readonly requestId: string;
}

export interface FrameError {
  readonly pointer: string;
  readonly code: string;
  readonly detail: string;
}

export interface PongFrame {
  readonly type: "pong";
  readonly clientTimeMs: number;
  readonly serverTimeMs: number;
}

export type ServerFrame =
  | WelcomeFrame
  | SubscribedFrame
  | UnsubscribedFrame
  | SnapshotFrame
  | UpdateFrame
  | BidAnswerFrame
  | OutbidFrame
  | LeadingAgainFrame
  | BidNeededFrame
  | ExtendedFrame
  | HammerFrame
  | WatchersFrame
  | LotChangedFrame
  | StaleFrame
  | DrainFrame
  | ErrorFrame
  | PongFrame;
