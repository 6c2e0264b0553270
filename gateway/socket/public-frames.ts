// Core words to the shapes of the wire: state, rows, standing, terms. One conversion, used by every server frame.
//
// Must not: decide, encode, or add anything that is not public (a standing goes to its own bidder only).
import type { Answer } from "../../engine/core/decision.ts";
import type { AuctionId, Instant } from "../../engine/core/ids.ts";
import type { IncrementTable, SoftClose } from "../../engine/core/settings.ts";
import type { PublicRow, PublicState, PublicTerms, Standing } from "../../engine/core/view.ts";
import type { Notice, Update, UpdateEvent } from "../../engine/protocol.ts";
import type { Lot, Seller } from "../ports.ts";
import type {
  BidNeededFrame,
  ExtendedFrame,
  HammerFrame,
  LeadingAgainFrame,
  OutbidFrame,
  WireAnswer,
  WireAuction,
  WireBid,
  WireEvent,
  WireIncrements,
  WireLot,
  WireSeller,
  WireSoftClose,
  WireStanding,
  WireState,
} from "./client-frames.ts";

/** The public state. */
export function wireState(state: PublicState): WireState {
  return {
    phase: state.phase,
    outcome: state.outcome,
    currentPriceMinor: state.price,
    askingPriceMinor: state.askingPrice,
    totalBids: state.totalBids,
    bidders: state.bidders,
    leaderNumber: state.leaderNumber,
    reserveMet: state.reserveMet,
    buyNowMinor: state.buyNow,
    endsAtMs: state.endsAt,
    pausedAtMs: state.pausedAt,
    extensionCount: state.extensionCount,
  };
}

/** One public row of the bid list. */
export function wireBid(row: PublicRow): WireBid {
  return {
    sequence: row.sequence,
    row: row.row,
    bidId: row.bidId,
    bidderNumber: row.bidderNumber,
    amountMinor: row.amount,
    kind: row.kind,
    atMs: row.at,
    gone: row.gone,
  };
}

/** A bidder's own place, for that bidder only. */
export function wireStanding(standing: Standing): WireStanding {
  return {
    bidderNumber: standing.bidderNumber,
    leading: standing.leading,
    maximumMinor: standing.maximum,
    highestBidMinor: standing.highestBid,
    blocked: standing.blocked,
    authorisedLimitMinor: standing.authorisedLimit,
  };
}

/** `lot` and `seller` as the catalogue told them; null while it is away, then the seller goes by the id. */
export function wireAuction(terms: PublicTerms, scheduledCloseAt: Instant | null, lot: Lot | null, seller: Seller | null): WireAuction {
  return {
    currency: terms.currency,
    format: terms.format,
    lot: lot === null ? null : wireLot(lot),
    seller: wireSeller(seller ?? { sellerId: terms.sellerId, name: terms.sellerId, reputation: null }),
    openingPriceMinor: terms.opening,
    increments: wireIncrements(terms.increments),
    softClose: terms.softClose === null ? null : wireSoftClose(terms.softClose),
    scheduledCloseAtMs: scheduledCloseAt,
  };
}

/** Without the description, which may be long: pages read it over HTTP. */
export function wireLot(lot: Lot): WireLot {
  return {
    lotId: lot.lotId,
    version: lot.version,
    title: lot.title,
    category: lot.category,
    images: lot.images,
    ...(lot.location === null ? {} : { location: lot.location }),
    ...(lot.shippingFree === null ? {} : { shippingFree: lot.shippingFree }),
  };
}

function wireSeller(seller: Seller): WireSeller {
  return { sellerId: seller.sellerId, name: seller.name, ...(seller.reputation === null ? {} : { reputation: seller.reputation }) };
}

function wireIncrements(table: IncrementTable): WireIncrements {
  if (table.name !== "custom") return table.name;
  return { bands: table.bands.map((band) => ({ fromMinor: band.from, stepMinor: band.step })), allowSubIncrementOutbid: table.allowSubIncrementOutbid };
}

function wireSoftClose({ windowMs, amountMs, base, trigger, scope, cap }: SoftClose): WireSoftClose {
  const stop = cap.hardStop;
  const hardStop = stop !== null && "at" in stop ? { atMs: stop.at } : stop;
  return { windowMs, amountMs, base, trigger: { on: trigger.on, rank: trigger.rank }, scope, cap: { count: cap.count, totalMs: cap.totalMs, hardStop } };
}

/** Events as clients know them. The end is told by `hammer`, not by an event of an `update`. */
export function wireEvents(events: readonly UpdateEvent[]): WireEvent[] {
  const told: WireEvent[] = [];
  for (const event of events) if (event !== "ended") told.push(event);
  return told;
}

/** Time to the end in force, never below 0; null unless bids are being taken. */
export function timeRemainingMs(state: PublicState, now: Instant): number | null {
  return state.phase === "open" && state.endsAt !== null ? Math.max(0, state.endsAt - now) : null;
}

/** The decision that ended the auction, from the state it left. */
export function hammerFrame(update: Pick<Update, "auctionId" | "epoch" | "sequence" | "state">, serverTimeMs: Instant): HammerFrame {
  const { hammer, outcome } = update.state;
  return {
    type: "hammer",
    auctionId: update.auctionId,
    epoch: update.epoch,
    sequence: update.sequence,
    serverTimeMs,
    outcome: outcome ?? "withdrawn",
    hammerPriceMinor: hammer?.price ?? null,
    winnerNumber: hammer?.winnerNumber ?? null,
    totalBids: update.state.totalBids,
    endedAtMs: hammer?.endedAt ?? update.state.endsAt ?? serverTimeMs,
    by: hammer?.by ?? "withdraw",
    state: wireState(update.state),
  };
}

/** One soft-close extension of an update. Its sequence is that of the bid's decision, the epoch that of the update. */
export function extendedFrame(update: Pick<Update, "auctionId" | "epoch">, extension: Update["extensions"][number], serverTimeMs: Instant): ExtendedFrame {
  return {
    type: "extended",
    auctionId: update.auctionId,
    epoch: update.epoch,
    sequence: extension.sequence,
    serverTimeMs,
    fromAtMs: extension.from,
    endsAtMs: extension.to,
    extendedByMs: extension.to - extension.from,
    bidId: extension.bidId,
    count: extension.count,
    countLeft: extension.countLeft,
  };
}

/** What a bidder is told about the own standing, on every socket. */
export function noticeFrame(notice: Notice, serverTimeMs: Instant): OutbidFrame | LeadingAgainFrame | BidNeededFrame {
  const told = {
    auctionId: notice.auctionId,
    epoch: notice.epoch,
    sequence: notice.sequence,
    serverTimeMs,
    currentPriceMinor: notice.price,
    askingPriceMinor: notice.askingPrice,
    yourBidMinor: notice.yourBid,
    endsAtMs: notice.endsAt,
  };
  if (notice.kind === "leading_again") return { type: "leading_again", ...told, why: notice.why ?? "retraction" };
  return { type: notice.kind, ...told };
}

/** Members in the order of the stored answer. */
export function wireAnswer(answer: Answer, auctionId: AuctionId): WireAnswer {
  return {
    verdict: answer.verdict,
    code: answer.code,
    auctionId,
    sequence: answer.sequence,
    epoch: answer.epoch,
    decidedAtMs: answer.at,
    standing: answer.standing,
    currentPriceMinor: answer.price,
    askingPriceMinor: answer.askingPrice,
    reserveMet: answer.reserveMet,
    endsAtMs: answer.endsAt,
  };
}
