// What a call throws. A rejection is never thrown: it is an answer. A refusal had no effect; only OutcomeUnknown
// (outcome-unknown.ts) may have had one.

/** Refusals without effect that pass by themselves: the same command under the same key may be sent again. */
const PASSING = new Set([
  "auction_busy",
  "overloaded",
  "shard_moving",
  "shard_unowned",
  "log_unavailable",
  "draining",
  "rate_limited",
  "not_connected",
  "internal",
]);

export const OUTCOME_UNKNOWN = "outcome_unknown";

/** Whether a refusal with this code may be followed by the same command. */
export function mayRepeat(code: string): boolean {
  return code === OUTCOME_UNKNOWN || PASSING.has(code);
}

export interface Fault {
  readonly code: string;
  readonly message: string;
  readonly httpStatus?: number | undefined;
  readonly retryAfterMs?: number | undefined;
  readonly requestId?: string | undefined;
  readonly auctionId?: string | undefined;
}

/** A refusal, or an operating error of the client itself: `not_connected` (never sent, no effect), `aborted` (never sent),
 *  `bad_answer` (the server said something that is not of this protocol). */
export class FairwarningError extends Error {
  override readonly name: string = "FairwarningError";
  readonly code: string;
  readonly httpStatus: number | undefined;
  readonly retriable: boolean;
  readonly retryAfterMs: number | undefined;
  readonly requestId: string | undefined;
  readonly auctionId: string | undefined;
  /** The page that says what the code means and what to do. */
  readonly docsUrl: string;

  constructor(fault: Fault, base: string) {
    super(fault.message);
    this.code = fault.code;
    this.httpStatus = fault.httpStatus;
    this.retriable = mayRepeat(fault.code);
    this.retryAfterMs = fault.retryAfterMs;
    this.requestId = fault.requestId;
    this.auctionId = fault.auctionId;
    this.docsUrl = `${base}/errors/${fault.code}`;
  }
}
