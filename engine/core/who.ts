// Who may not bid, and what is no acceptable amount: the checks that all bids share, in their order.
import type { BidKind, Command } from "./command.ts";
import type { RejectionCode } from "./decision.ts";
import type { Minor } from "./ids.ts";
import { askingAbove } from "./increments.ts";
import { isAmount, isOnStep } from "./money.ts";
import type { Settings } from "./settings.ts";
import type { AuctionState } from "./state.ts";

/** Least acceptable next bid; null when closed. */
export function askingPriceOf(settings: Settings, state: AuctionState): Minor | null {
  return state.phase === "closed" ? null : askingAbove(settings.increments, settings.opening, state.price);
}

/** Whether the leader's maximum reaches the reserve; null without a reserve. */
export function isReserveMet(reserve: Minor | null, maximum: Minor): boolean | null {
  return reserve === null ? null : maximum >= reserve;
}

/** The seller, an associate, a blocked or unregistered bidder, or another currency; null when the bidder may go on. */
export function checkWho(settings: Settings, state: AuctionState, command: Command, asked: { currency: string; purchase: boolean }): RejectionCode | null {
  const bidderId = command.issuerId;
  if (bidderId === settings.sellerId) return "seller_may_not_bid";
  const associate = settings.associates.length > 0 && settings.associates.includes(bidderId);
  if (associate && !(asked.purchase && settings.bidderRules.associatesMayBuyNow)) return "associate_may_not_bid";
  const bidder = state.bidder(state.indexOf(bidderId));
  if (bidder.blocked) return "bidder_blocked";
  if (settings.bidderRules.registration === "required" && !bidder.listed) return "not_registered";
  return asked.currency === settings.currency ? null : "wrong_currency";
}

/** Whether it is an amount, and a multiple of the auction's step. */
export function checkAmount(settings: Settings, amount: Minor): RejectionCode | null {
  if (!isAmount(amount)) return "amount_invalid";
  return isOnStep(amount, settings.amountStep) ? null : "amount_off_step";
}

/** Whether an amount is over the bidder's limit, or over the auction's default for a bidder who has none. Equal is allowed. */
export function isOverLimit(settings: Settings, state: AuctionState, bidder: number, amount: Minor): boolean {
  const own = state.bidder(bidder).authorisedLimit;
  const limit = own === undefined ? settings.bidderRules.defaultLimit : own;
  return limit !== null && amount > limit;
}

/** What is wrong with a bid whose bidder and amount are sound; null when it is to be accepted. */
export function checkBid(settings: Settings, state: AuctionState, bid: { bidder: number; kind: BidKind; amount: Minor }): RejectionCode | null {
  const { bidder, kind, amount } = bid;
  const leads = bidder === state.leader && state.price !== null;
  if (!settings.bidding.kinds.includes(kind)) return "kind_not_allowed";
  if (leads && kind === "flat" && isReserveMet(state.reserve, state.maximum) !== false) return "already_leading";
  if (leads && amount <= state.maximum) return "not_above_own_maximum";
  if (amount < askingAbove(settings.increments, settings.opening, state.price)) return "below_asking_price";
  if (isOverLimit(settings, state, bidder, amount)) return "over_authorised_limit";
  if (!leads && state.price !== null && settings.bidding.equalMaximum === "refuse" && amount === state.maximum) return "equals_maximum";
  return null;
}

/** The same for a raise of the leader's own maximum. */
export function checkRaise(settings: Settings, state: AuctionState, bid: { bidder: number; amount: Minor }): RejectionCode | null {
  const { bidder, amount } = bid;
  if (!settings.bidding.kinds.includes("maximum")) return "kind_not_allowed";
  if (bidder !== state.leader || state.price === null) return "not_leading";
  if (amount <= state.maximum) return "not_above_own_maximum";
  if (amount < askingAbove(settings.increments, settings.opening, state.price)) return "below_asking_price";
  return isOverLimit(settings, state, bidder, amount) ? "over_authorised_limit" : null;
}
