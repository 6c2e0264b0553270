// The English format: ascending bids with proxy bidding, reserve, buy-now, soft close, retraction and void.
//
// Owns: the rulings on its own commands and what they do to the book. Must not: check permission, phase or key (auction.ts), move
// an auction through its phases (course.ts).
//
// H1. opening <= price <= the leader's maximum, and the price is below the asking price.
// H2. The price never falls but by a removal.
// H3. apply takes the effects for true and recomputes the book; both must agree, or the shard stops.
import { NOBODY } from "../auction-fields.ts";
import { softCloseTo } from "../closing.ts";
import type { BidKind, Command, CommandBody } from "../command.ts";
import { applyCourse, decideCourse } from "../course.ts";
import type { Decision, Effects, RemovalKind } from "../decision.ts";
import { type Format, ok, type Ruling } from "../format.ts";
import type { Instant, Minor } from "../ids.ts";
import { askingAbove } from "../increments.ts";
import { invariant } from "../invariant.ts";
import { type Bidder, countBid } from "../people.ts";
import { type Book, bookOf, take } from "../proxy.ts";
import { addLeadingRows, addLosingRows, addRaiseRow, addRecomputedRow } from "../public-rows.ts";
import { bookWithout } from "../recompute.ts";
import { liveRows, type Removal, removalByBidder, removalOfBid, removalOfBidder } from "../removal.ts";
import type { Settings } from "../settings.ts";
import { checkSettings } from "../settings-check.ts";
import type { AuctionState } from "../state.ts";
import { askingPriceOf, checkAmount, checkBid, checkRaise, checkWho, isOverLimit, isReserveMet } from "../who.ts";

export const english: Format = {
  validate: checkSettings,
  decide,
  apply,
  askingPrice: askingPriceOf,
  reserveMet: (state) => isReserveMet(state.reserve, state.maximum),
};

function decide(settings: Settings, state: AuctionState, command: Command, now: Instant): Ruling {
  const body = command.body;
  switch (body.type) {
    case "place_bid":
    case "raise_maximum":
      return decideBid(settings, state, command, body, now);
    case "buy_now":
      return decideBuyNow(settings, state, command, body, now);
    case "retract_bid":
      return decideRemoval(settings, state, removalByBidder(settings, state, command, body.reason, now), "retracted");
    case "void_bid":
      return decideRemoval(settings, state, removalOfBid(state, body.bidId), "voided");
    case "void_bidder":
      return decideVoidBidder(settings, state, body.bidderId, body.block);
    case "lower_reserve":
      return decideLowering(settings, state, body.reserve, now);
    case "end_early":
      return decideEndEarly(state, body.sellBelowReserve, now);
    case "close_due":
      return decideClose(state);
    default: {
      const ruling = decideCourse(settings, state, command, now);
      invariant(ruling !== null, "every command of an English auction is ruled on");
      return ruling;
    }
  }
}

function decideBid(
  settings: Settings,
  state: AuctionState,
  command: Command,
  body: CommandBody & { type: "place_bid" | "raise_maximum" },
  now: Instant,
): Ruling {
  const { amount, currency } = body;
  const unfit = checkWho(settings, state, command, { currency, purchase: false }) ?? checkAmount(settings, amount);
  if (unfit !== null) return unfit;
  const bidder = indexOrNext(state, command.issuerId);
  const kind: BidKind = body.type === "place_bid" ? body.kind : "maximum";
  const turnedDown = body.type === "place_bid" ? checkBid(settings, state, { bidder, kind, amount }) : checkRaise(settings, state, { bidder, amount });
  if (turnedDown !== null) return turnedDown;
  const before = bookOf(state);
  const after = take(settings, state.reserve, before, { bidder, maximum: amount, flat: kind === "flat" }, state);
  const leads = after.leader === bidder;
  const to = softCloseTo(state, { own: before.leader === bidder, leads, priceRose: after.price > before.price }, now);
  const effects: Effects = {
    opened: null,
    bidTaken: { bidderId: command.issuerId, kind, amount },
    bidsRemoved: null,
    reserveLowered: null,
    bidderSet: null,
    standing: { price: after.price, leader: leads ? command.issuerId : state.idOf(after.leader), reserveMet: isReserveMet(state.reserve, after.maximum) },
    buyNow: buyNowChange(settings, state, after),
    extended: to === null || state.endsAt === null ? null : { from: state.endsAt, to, bidId: state.sequence + 1 },
    endMoved: null,
    paused: null,
    resumed: null,
    ended: null,
  };
  return { code: leads ? "leading" : "outbid", effects };
}

// A bidder nobody has mentioned yet is judged under the index that apply will give.
function indexOrNext(state: AuctionState, bidderId: string): number {
  const index = state.indexOf(bidderId);
  return index === NOBODY ? state.bidderCount : index;
}

function decideBuyNow(settings: Settings, state: AuctionState, command: Command, body: CommandBody & { type: "buy_now" }, now: Instant): Ruling {
  const unfit = checkWho(settings, state, command, { currency: body.currency, purchase: true });
  if (unfit !== null) return unfit;
  if (settings.buyNow === null) return "no_buy_now";
  if (!state.buyNowAvailable) return "buy_now_gone";
  const price = settings.buyNow.price;
  if (body.amount !== price) return "buy_now_price_differs";
  if (isOverLimit(settings, state, indexOrNext(state, command.issuerId), price)) return "over_authorised_limit";
  const winner = command.issuerId;
  return ok({
    standing: { price, leader: winner, reserveMet: isReserveMet(state.reserve, price) },
    ended: { outcome: "sold", hammerPrice: price, winner, endedAt: now, by: "buy_now" },
  });
}

function decideVoidBidder(settings: Settings, state: AuctionState, bidderId: string, block: boolean): Ruling {
  const ruling = decideRemoval(settings, state, removalOfBidder(state, bidderId), "voided");
  if (typeof ruling === "string" || !block) return ruling;
  const authorisedLimit = state.bidder(state.indexOf(bidderId)).authorisedLimit;
  return { code: ruling.code, effects: { ...ruling.effects, bidderSet: { bidderId, blocked: true, authorisedLimit } } };
}

function decideRemoval(settings: Settings, state: AuctionState, removal: Removal, gone: RemovalKind): Ruling {
  if (typeof removal === "string") return removal;
  const after = bookWithout(settings, state, removal).book;
  const leader = after.leader === NOBODY ? null : state.idOf(after.leader);
  const price = leader === null ? null : after.price;
  return ok({
    bidsRemoved: { bidIds: removal.map((row) => state.bid(row).sequence), gone },
    standing: { price, leader, reserveMet: isReserveMet(state.reserve, after.maximum) },
    buyNow: buyNowChange(settings, state, after),
  });
}

// Source: eBay, help page on lowering a reserve (the leader's maximum is cut below the new reserve).
function decideLowering(settings: Settings, state: AuctionState, reserve: Minor, now: Instant): Ruling {
  const lowering = settings.reserveLowering;
  if (state.reserve === null) return "no_reserve";
  if (lowering === null) return "reserve_lowering_not_allowed";
  const unfit = checkAmount(settings, reserve);
  if (unfit !== null) return unfit;
  if (reserve >= state.reserve) return "reserve_not_lower";
  if (isReserveMet(state.reserve, state.maximum) === true) return "reserve_already_met";
  if (state.phase === "open" && state.endsAt !== null && state.endsAt - now < lowering.leftMsMin) return "too_late_to_lower";
  if (reserve < askingAbove(settings.increments, settings.opening, state.price)) return "reserve_below_asking_price";
  const { price } = state;
  if (price === null || state.maximum < reserve) return ok({ reserveLowered: { reserve, cutTo: null } });
  if (lowering.coveredLeader === "jump") {
    const standing = { price: reserve, leader: state.idOf(state.leader), reserveMet: true };
    const buyNow = buyNowChange(settings, { reserve, buyNowAvailable: state.buyNowAvailable }, { ...bookOf(state), price: reserve });
    return ok({ reserveLowered: { reserve, cutTo: null }, standing, buyNow });
  }
  // Below the reserve even when cutBelow is 0: the reserve stays unmet, so that the lot cannot be sold under it.
  const cutTo = Math.max(price, Math.min(reserve - lowering.cutBelow, reserve - 1));
  return ok({ reserveLowered: { reserve, cutTo } });
}

function decideEndEarly(state: AuctionState, sellBelowReserve: boolean, now: Instant): Ruling {
  if (state.price === null) return "no_leader";
  if (isReserveMet(state.reserve, state.maximum) === false && !sellBelowReserve) return "reserve_not_met";
  return ok({ ended: { outcome: "sold", hammerPrice: state.price, winner: state.idOf(state.leader), endedAt: now, by: "end_early" } });
}

// The close may be decided late; it ends at the end in force all the same.
function decideClose(state: AuctionState): Ruling {
  const endedAt = state.endsAt;
  invariant(endedAt !== null, "an open auction has an end");
  const sold = state.price !== null && isReserveMet(state.reserve, state.maximum) !== false;
  const hammerPrice = sold ? state.price : null;
  return ok({ ended: { outcome: sold ? "sold" : "passed", hammerPrice, winner: sold ? state.idOf(state.leader) : null, endedAt, by: "close_due" } });
}

// Looked at again after each accepted bid, removal or lowering. Once gone it stays gone, unless it may return.
function buyNowChange(settings: Settings, before: { readonly reserve: Minor | null; readonly buyNowAvailable: boolean }, after: Book): Effects["buyNow"] {
  const buyNow = settings.buyNow;
  if (buyNow === null || (!before.buyNowAvailable && !buyNow.returns)) return null;
  const available = after.leader === NOBODY || isOpenToBuyers(buyNow, isReserveMet(before.reserve, after.maximum), after.price);
  return available === before.buyNowAvailable ? null : { available };
}

function isOpenToBuyers(buyNow: NonNullable<Settings["buyNow"]>, reserveMet: boolean | null, price: Minor): boolean {
  switch (buyNow.until) {
    case "first_bid_or_reserve":
      return reserveMet === false;
    case "first_bid":
      return false;
    case "price_reached":
      return price < buyNow.price;
  }
}

function apply(settings: Settings, state: AuctionState, decision: Decision): void {
  const effects = decision.effects;
  const changed = isPublic(effects);
  let shown = true;
  if (effects.bidTaken !== null) shown = applyBid(settings, state, effects.bidTaken);
  if (effects.bidsRemoved !== null) applyRemoval(settings, state, effects.bidsRemoved);
  if (effects.reserveLowered !== null) applyLowering(state, effects);
  if (effects.ended !== null && effects.ended.by === "buy_now") applyPurchase(state, effects.ended.winner, effects.ended.hammerPrice);
  if (effects.buyNow !== null) state.buyNowAvailable = effects.buyNow.available;
  applyCourse(state, decision);
  if (changed || (effects.bidTaken !== null && shown)) {
    state.publicSequence = decision.sequence;
    state.publicEpoch = decision.epoch;
  }
  assertBook(settings, state, effects);
}

// Whether the effects change what watchers may see, whatever the bid in them does.
function isPublic(effects: Effects): boolean {
  const { opened, bidsRemoved, reserveLowered, buyNow, extended, endMoved, paused, resumed, ended } = effects;
  const ofBids = bidsRemoved ?? reserveLowered ?? buyNow ?? ended;
  return (ofBids ?? opened ?? extended ?? endMoved ?? paused ?? resumed) !== null;
}

// Returns whether the bid shows: a raise that moves nothing is nobody else's business.
function applyBid(settings: Settings, state: AuctionState, bid: NonNullable<Effects["bidTaken"]>): boolean {
  const { bidderId, kind, amount } = bid;
  const bidder = state.mention(bidderId);
  const before = bookOf(state);
  const own = before.leader === bidder;
  const after = take(settings, state.reserve, before, { bidder, maximum: amount, flat: kind === "flat" }, state);
  const shown = !own || after.price !== before.price;
  const entry = state.changeBidder(bidder);
  const row = state.addBid({ bidder, previous: entry.lastRow, kind, counted: shown, amount });
  giveNumber(state, bidder, entry);
  countBid(entry, row, { kind, amount, maximum: amount });
  entry.lastRow = row;
  if (shown) state.totalBids += 1;
  invariant(after.price >= before.price, "the price never falls but by a removal");
  setBook(state, after);
  if (own) {
    if (shown) addRaiseRow(state);
  } else if (after.leader === bidder) addLeadingRows(state, before);
  else addLosingRows(state, bidder, amount);
  return shown;
}

// Public numbers are counted in the order of first accepted bids and purchases.
function giveNumber(state: AuctionState, index: number, entry: Bidder): void {
  if (entry.number !== 0) return;
  state.numbered += 1;
  entry.number = state.numbered;
  state.bidderMarked(index);
}

function setBook(state: AuctionState, book: Book): void {
  state.leader = book.leader;
  state.maximum = book.maximum;
  state.price = book.leader === NOBODY ? null : book.price;
  state.runnerUp = book.runnerUp;
}

function applyRemoval(settings: Settings, state: AuctionState, removed: NonNullable<Effects["bidsRemoved"]>): void {
  const rows = removed.bidIds.map((bidId) => state.bidRow(bidId));
  const { book, totalBids, changed } = bookWithout(settings, state, rows);
  for (const row of rows) state.markBid(row, removed.gone, state.bid(row).maximum);
  for (const [index, left] of changed) {
    const before = state.bidder(index);
    if (before.best === left.best && before.bestRow === left.bestRow && before.live === left.live) continue;
    const entry = state.changeBidder(index);
    entry.best = left.best;
    entry.bestRow = left.bestRow;
    entry.live = left.live;
    entry.flatBest = left.flatBest;
    entry.placedBest = left.placedBest;
  }
  state.totalBids = totalBids;
  setBook(state, book);
  addRecomputedRow(state);
}

function applyLowering(state: AuctionState, effects: Effects): void {
  const { reserveLowered, standing } = effects;
  if (reserveLowered === null) return;
  state.reserve = reserveLowered.reserve;
  if (standing !== null) state.price = standing.price;
  const cutTo = reserveLowered.cutTo;
  if (cutTo === null) return;
  const rows = liveRows(state, state.leader);
  for (const row of rows) if (state.bid(row).maximum > cutTo) state.markBid(row, null, cutTo);
  const entry = state.changeBidder(state.leader);
  entry.best = cutTo;
  // Several of the leader's maximums may now be equal; the earliest of them holds.
  entry.bestRow = rows.find((row) => state.bid(row).maximum === cutTo) ?? entry.bestRow;
  state.maximum = cutTo;
}

function applyPurchase(state: AuctionState, winner: string | null, price: Minor | null): void {
  invariant(winner !== null && price !== null, "a purchase has a buyer and a price");
  const buyer = state.mention(winner);
  const entry = state.changeBidder(buyer);
  giveNumber(state, buyer, entry);
  state.leader = buyer;
  state.maximum = price;
  state.price = price;
}

function assertBook(settings: Settings, state: AuctionState, effects: Effects): void {
  const { price, maximum } = state;
  if (price === null) {
    invariant(state.leader === NOBODY && maximum === 0 && state.runnerUp === 0, "without a leader the book is empty");
  } else {
    invariant(settings.opening <= price, "the price is at least the opening price");
    invariant(price <= maximum, "nobody pays more than that bidder placed");
    invariant(Number.isSafeInteger(askingAbove(settings.increments, settings.opening, price)), "the asking price is a safe integer");
  }
  if (effects.standing === null) return;
  invariant(effects.standing.price === price, "the price is what the decision says");
  invariant(effects.standing.leader === (price === null ? null : state.idOf(state.leader)), "the leader is whom the decision names");
}
