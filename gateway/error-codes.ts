// The one catalogue of error codes: what each means and what the caller does. It feeds problem+json, the pages at
// /errors/{code}, the error frames of sockets and the README's table.
//
// Must not: decide anything. A code never changes its meaning and is never reused; a new one is added here first.
import type { RefusalCode, RejectionCode } from "../engine/core/decision.ts";

/** Turned away by the gateway itself, before any engine heard of it. */
export const GATEWAY_CODES = [
  "malformed_body",
  "invalid_request",
  "key_required",
  "unsupported_protocol",
  "not_found",
  "method_not_allowed",
  "not_acceptable",
  "body_too_large",
  "unsupported_media_type",
  "unauthenticated",
  "token_expired",
  "ticket_spent",
  "forbidden",
  "origin_refused",
  "rate_limited",
  "too_many_subscriptions",
  "too_many_sockets",
  "catalogue_unavailable",
  "internal",
] as const;
export type GatewayCode = (typeof GATEWAY_CODES)[number];
export type ErrorCode = RejectionCode | RefusalCode | GatewayCode;

export type RejectionFamily = "phase" | "who" | "amount" | "bid" | "retraction" | "reserve" | "buy-now" | "end" | "settings";
export type RefusalFamily = "request" | "identity" | "limits" | "availability";

/** One row. `status` is the HTTP status; every rejection is 422. `meaning` and `action` are whole sentences for people. */
export interface ErrorEntry {
  readonly status: number;
  readonly family: RejectionFamily | RefusalFamily;
  readonly title: string;
  readonly meaning: string;
  readonly action: string;
}

/** A rejection is a normal outcome that was decided and logged: well formed, and against the rules of the auction. */
export const REJECTION_STATUS = 422;

const NEW_KEY = "Correct the command and send it under a new key.";
const FINAL = "Nothing: for this auction the answer is final.";
const SAME_KEY = "Wait `retryAfterMs` and send the same command under the same key. Nothing is lost.";

function rejection(family: RejectionFamily, title: string, meaning: string, action: string): ErrorEntry {
  return { status: REJECTION_STATUS, family, title, meaning, action };
}

function setting(what: string, meaning: string): ErrorEntry {
  return rejection("settings", `${what} not valid`, meaning, "Correct the settings and create the auction under a new key.");
}

function refusal(status: number, family: RefusalFamily, title: string, meaning: string, action: string): ErrorEntry {
  return { status, family, title, meaning, action };
}

/** Every code that a caller can meet, in the order of the README's table: rejections by family, then refusals. */
export const ERROR_CODES: { readonly [Code in ErrorCode]: ErrorEntry } = {
  not_open: rejection("phase", "Not open yet", "The auction has not opened.", "Wait until it opens, then send the command under a new key."),
  paused: rejection("phase", "Paused", "The auction is paused. Paused time is given back.", "Wait until it resumes, then send the command under a new key."),
  ended: rejection("phase", "Ended", "The auction has ended.", FINAL),
  withdrawn: rejection("phase", "Withdrawn", "The auction was withdrawn.", FINAL),
  already_open: rejection("phase", "Already open", "The auction has already opened.", FINAL),
  already_paused: rejection("phase", "Already paused", "The auction is already paused.", FINAL),
  not_paused: rejection("phase", "Not paused", "The auction is not paused.", FINAL),
  not_due: rejection("phase", "Not due", "The engine asked for an opening or close that is not due. It reaches nobody outside.", FINAL),
  already_exists: rejection("phase", "Already exists", "An auction with this id exists.", FINAL),
  not_permitted: rejection("who", "Not permitted", "This role may not give this command, or the auction is another seller's.", FINAL),
  seller_may_not_bid: rejection("who", "Sellers may not bid", "The seller may not bid on their own auction.", FINAL),
  associate_may_not_bid: rejection("who", "Associates may not bid", "An associate of the seller may not bid on this auction.", FINAL),
  bidder_blocked: rejection("who", "Bidder blocked", "The seller or an operator has blocked this bidder here.", FINAL),
  not_registered: rejection(
    "who",
    "Not registered",
    "This auction takes bids of registered bidders only.",
    "Ask the seller to be registered, then bid under a new key.",
  ),
  over_authorised_limit: rejection(
    "who",
    "Over the authorised limit",
    "The amount is above this bidder's authorised limit.",
    "Bid less, or ask for a higher limit, under a new key.",
  ),
  wrong_currency: rejection("amount", "Wrong currency", "The amount is in another currency than the auction's.", NEW_KEY),
  amount_invalid: rejection("amount", "Amount not valid", "An amount is a whole number of minor units from 1 to 1000000000000.", NEW_KEY),
  amount_off_step: rejection("amount", "Amount off the step", "The amount is no multiple of the auction's amount step.", NEW_KEY),
  below_asking_price: rejection(
    "amount",
    "Below the asking price",
    "The bid is lower than the least acceptable next bid.",
    "Bid `askingPriceMinor` or more under a new key.",
  ),
  limit_invalid: rejection("amount", "Limit not valid", "An authorised limit is an amount, or null for none.", NEW_KEY),
  kind_not_allowed: rejection(
    "bid",
    "Kind of bid not allowed",
    "This auction does not take bids of this kind.",
    "Send a kind that the auction's `bidding` names, under a new key.",
  ),
  already_leading: rejection("bid", "Already leading", "A flat bid by the leader is taken only while the reserve is not met.", "Raise the maximum instead."),
  not_leading: rejection("bid", "Not leading", "Only the leader can raise a maximum.", "Place a bid instead."),
  not_above_own_maximum: rejection("bid", "Not above your maximum", "A maximum can only be raised.", "Send an amount above your maximum under a new key."),
  equals_maximum: rejection("bid", "Equals the leader's maximum", "This auction refuses a bid that equals the leader's maximum.", "Bid more under a new key."),
  no_such_bid: rejection("bid", "No such bid", "There is no live bid that this command could remove.", FINAL),
  bid_already_removed: rejection("bid", "Bid already removed", "That bid was retracted or voided before.", FINAL),
  retraction_not_allowed: rejection("retraction", "Retraction not allowed", "This auction does not allow retractions.", FINAL),
  reason_not_allowed: rejection(
    "retraction",
    "Reason not allowed",
    "The auction does not accept this reason for a retraction.",
    "Send a reason that the auction's `retraction` names, under a new key.",
  ),
  leader_may_not_retract: rejection("retraction", "Leader may not retract", "In this auction the leader may not retract.", FINAL),
  too_late_to_retract: rejection("retraction", "Too late to retract", "The time in which this bid could be retracted is over.", FINAL),
  no_reserve: rejection("reserve", "No reserve", "The auction has no reserve.", FINAL),
  reserve_lowering_not_allowed: rejection("reserve", "Reserve may not be lowered", "This auction does not allow its reserve to be lowered.", FINAL),
  reserve_not_lower: rejection("reserve", "Reserve not lower", "The new reserve is not below the present one.", "Send a lower reserve under a new key."),
  reserve_already_met: rejection("reserve", "Reserve already met", "The reserve is met already.", FINAL),
  too_late_to_lower: rejection("reserve", "Too late to lower", "Too little time is left to lower the reserve.", FINAL),
  reserve_below_asking_price: rejection(
    "reserve",
    "Reserve below the asking price",
    "The new reserve is below the asking price.",
    "Send a higher reserve under a new key.",
  ),
  no_buy_now: rejection("buy-now", "No buy-now price", "The auction has no buy-now price.", "Place a bid instead."),
  buy_now_gone: rejection("buy-now", "Buy-now gone", "The buy-now price is no longer available.", "Place a bid instead."),
  buy_now_price_differs: rejection(
    "buy-now",
    "Buy-now price differs",
    "The amount sent is not the buy-now price.",
    "Read the auction again, then send its `buyNowMinor` under a new key.",
  ),
  end_not_later: rejection("end", "End not later", "The new end is not after the end in force.", "Send a later end under a new key."),
  end_in_past: rejection("end", "End in the past", "The end would not be after now.", "Create an auction with a later end."),
  time_invalid: rejection("end", "Time not valid", "The instant is outside the range that auctions may use.", NEW_KEY),
  too_late_to_withdraw: rejection("end", "Too late to withdraw", "A bid was accepted and too little time is left for the seller to withdraw.", FINAL),
  no_leader: rejection("end", "No leader", "Nobody leads, so there is nobody to sell to.", FINAL),
  reserve_not_met: rejection(
    "end",
    "Reserve not met",
    "The reserve is not met and the command does not allow selling below it.",
    "Allow `sellBelowReserve` under a new key, or wait.",
  ),
  nothing_to_give_back: rejection("end", "Nothing to give back", "The outage cost this auction no time.", FINAL),
  format_invalid: setting("Format", "The format is not known here."),
  currency_invalid: setting("Currency", "A currency is three capital letters of ISO 4217."),
  step_invalid: setting("Amount step", "`amountStepMinor` is a whole number from 1 to 1000000."),
  opening_invalid: setting("Opening price", "`openingPriceMinor` is an amount and a multiple of the amount step."),
  increments_invalid: setting("Increments", "Increments are the name of a table, or 1 to 64 rising bands that begin at 0."),
  reserve_invalid: setting("Reserve", "The reserve is an amount, a multiple of the step, and not below the opening price."),
  buy_now_invalid: setting("Buy-now", "The buy-now price is a multiple of the step, far enough above the opening price and not below the reserve."),
  bidding_invalid: setting("Bidding rules", "`bidding` names the kinds of bids and how equal maximums are met."),
  soft_close_invalid: setting("Soft close", "One of the dimensions of the soft close is outside what is allowed."),
  retraction_invalid: setting("Retraction rules", "`retraction` is null or names its windows and reasons."),
  reserve_lowering_invalid: setting("Reserve lowering", "`reserveLowering` is null or names its window and what happens to a covered leader."),
  seller_rights_invalid: setting("Seller's rights", "`sellerRights` names the free time before the end and whether the seller may void."),
  bidder_rules_invalid: setting("Bidder rules", "`bidderRules` names registration, default limit and what associates may do."),
  outage_invalid: setting("Outage policy", "`outage` names a policy and its bounds."),
  times_invalid: setting("Times", "Exactly one of `endsAt` and `durationMs` is needed; the end is after the opening and after now."),
  ids_invalid: setting("Ids", "An id in the settings is not valid, or groups and sales were named."),
  malformed_body: refusal(400, "request", "Malformed body", "The body is not JSON, or is empty.", "Send one JSON document in UTF-8."),
  invalid_request: refusal(
    400,
    "request",
    "Request not valid",
    "Something in the request has the wrong form; `errors` points at each place.",
    "Correct what `errors` names.",
  ),
  key_required: refusal(
    400,
    "request",
    "Key required",
    "This command needs the header `Idempotency-Key`.",
    "Make a new key of 1 to 64 of A-Z a-z 0-9 _ - and keep it until the answer is known.",
  ),
  unsupported_protocol: refusal(
    400,
    "request",
    "No known sub-protocol",
    "The socket was opened without a sub-protocol that this server speaks.",
    "Offer `fairwarning.v1.json` or `fairwarning.v1.msgpack`.",
  ),
  not_found: refusal(404, "request", "Not found", "There is nothing at this address, or it is switched off.", "Check the address against /docs."),
  no_such_auction: refusal(404, "request", "No such auction", "There is no auction with this id.", "Check the id. Nothing is kept under the key."),
  method_not_allowed: refusal(405, "request", "Method not allowed", "This address does not take this method.", "Use a method that the header `Allow` names."),
  not_acceptable: refusal(406, "request", "Not acceptable", "The answer cannot be given in any type that `Accept` names.", "Accept `application/json`."),
  body_too_large: refusal(
    413,
    "request",
    "Body too large",
    "The body, or a client frame, is over its limit.",
    "Send less: commands on an auction are at most 1 KiB, other bodies 64 KiB.",
  ),
  unsupported_media_type: refusal(
    415,
    "request",
    "Unsupported media type",
    "Bodies are `application/json`, unencoded.",
    "Send `Content-Type: application/json` and no `Content-Encoding`.",
  ),
  key_reused: refusal(
    422,
    "request",
    "Key reused",
    "This key already names another command of yours on this auction. It had no effect.",
    "Use a new key for a new command.",
  ),
  unauthenticated: refusal(
    401,
    "identity",
    "Not authenticated",
    "There is no token, or it is not valid.",
    "Get a token and send it as `Authorization: Bearer`.",
  ),
  token_expired: refusal(401, "identity", "Token expired", "The token was valid and is no longer.", "Renew the token."),
  ticket_spent: refusal(
    401,
    "identity",
    "Ticket spent",
    "The ticket was used before, is older than 30 s, or is unknown.",
    "Get a new ticket; each opens one socket.",
  ),
  forbidden: refusal(403, "identity", "Forbidden", "The token does not have the role that this needs.", "Use a token with the role."),
  origin_refused: refusal(403, "identity", "Origin refused", "Pages of this origin may not use this server.", "Ask the operator to allow the origin."),
  rate_limited: refusal(429, "limits", "Rate limited", "A limit is used up; `policy` names it. It had no effect.", "Wait `retryAfterMs`."),
  auction_busy: refusal(429, "limits", "Auction busy", "More commands wait for this auction than it can take. It had no effect.", SAME_KEY),
  too_many_subscriptions: refusal(
    429,
    "limits",
    "Too many subscriptions",
    "The socket watches as many auctions as it may.",
    "Unsubscribe from some, or open another socket.",
  ),
  too_many_sockets: refusal(
    429,
    "limits",
    "Too many sockets",
    "This bidder, address or server has as many sockets as it may.",
    "Close a socket, or try later.",
  ),
  overloaded: refusal(503, "availability", "Overloaded", "The system takes no more commands just now. It had no effect.", SAME_KEY),
  draining: refusal(
    503,
    "availability",
    "Draining",
    "This server is about to stop. It had no effect.",
    "Connect again; another server or its successor answers.",
  ),
  shard_moving: refusal(503, "availability", "Shard moving", "The auction is changing its owner and was held until the deadline. It had no effect.", SAME_KEY),
  shard_unowned: refusal(503, "availability", "Shard without owner", "No engine owns this auction just now. It had no effect.", SAME_KEY),
  log_unavailable: refusal(503, "availability", "Log unavailable", "The decision log cannot be written just now. It had no effect.", SAME_KEY),
  outcome_unknown: refusal(
    503,
    "availability",
    "Outcome unknown",
    "The command was sent on and no answer came before the deadline. It may have had an effect.",
    "Send the same command under the same key, as often as needed; that answer is final.",
  ),
  catalogue_unavailable: refusal(
    503,
    "availability",
    "Catalogue unavailable",
    "Lots, lists and search cannot be reached. Bidding goes on.",
    "Try again later.",
  ),
  internal: refusal(500, "availability", "Internal fault", "The fault is ours.", "Tell the operator the `requestId`, which finds it in the logs."),
};

/** Whether a text from outside names a code of the catalogue. Own members only. */
export function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(ERROR_CODES, text);
}
