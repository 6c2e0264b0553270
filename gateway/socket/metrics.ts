// What the socket side counts. gateway/metrics.ts turns it into the names of the metrics page; nothing here is labelled by
// auction, bidder or address.

import type { Protocol } from "./client-frames.ts";
import type { CloseName } from "./close-codes.ts";

export interface SocketMetrics {
  /** A socket ended; `by` is `client` when the other side went first (closed or cut). */
  disconnected(reason: CloseName | "client"): void;
  /** From a client. */
  received(frames: number, bytes: number): void;
  /** To clients. */
  sent(frames: number, bytes: number): void;
  /** Commit to publication of the newest decision in an update. */
  updateAge(seconds: number): void;
  /** Updates that were merged into a later one. */
  updatesConflated(count: number): void;
  /** `why` is `delta` for a delta. */
  resumed(recovered: "delta" | "snapshot", why: string): void;
  /** A bid passed authentication and form. */
  bidAttempted(): void;
  /** From the read of a bid to its answer written. */
  bidAnswered(verdict: "accepted" | "rejected", seconds: number): void;
  /** `code`: something of ours was not there, or the outcome is unknown. No rejections, no limits. */
  bidFailed(code: string, seconds: number): void;
  answerReplayed(): void;
  /** Turned away without a decision; every code. */
  refused(code: string): void;
  rateLimited(policy: "frames" | "bids" | "auction" | "in_flight" | "sockets" | "accepts" | "logins"): void;
}

/** As they stand now; read when metrics are. */
export interface SocketGauges {
  readonly sockets: readonly { readonly protocol: Protocol; readonly role: "anonymous" | "bidder" | "other"; readonly count: number }[];
  readonly subscriptions: number;
  readonly watchedAuctions: number;
  readonly slowViewers: number;
}
