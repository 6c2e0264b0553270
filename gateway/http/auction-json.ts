// Auctions, lots, bids and standings as HTTP shows them: core words and catalogue entries to JSON, nothing added or decided.
import type { IncrementTable, SoftClose } from "../../engine/core/settings.ts";
import type { AuctionView, PublicRow, Standing } from "../../engine/core/view.ts";
import type { CatalogueEntry, Lot, Seller } from "../ports.ts";
import { instantText } from "./instants.ts";
import type { AuctionJson, BidJson, ListedAuctionJson, LotJson, StandingJson } from "./schemas.ts";

/** Lot and seller of an auction, as far as the catalogue told. */
export interface LotAndSeller {
  readonly lot: Lot | null;
  readonly seller: Seller;
}

/** The owner's committed state, with lot and seller of the catalogue. */
export function auctionJson(view: AuctionView, known: LotAndSeller | null): AuctionJson {
  const { terms, state } = view;
  return {
    auctionId: view.auctionId,
    epoch: view.epoch,
    sequence: view.sequence,
    phase: state.phase,
    outcome: state.outcome,
    format: terms.format,
    currency: terms.currency,
    amountStep: terms.amountStep,
    lot: known === null ? null : lotJson(known.lot),
    seller: sellerJson(known?.seller ?? { sellerId: terms.sellerId, name: terms.sellerId, reputation: null }),
    openingPriceMinor: terms.opening,
    currentPriceMinor: state.price,
    askingPriceMinor: state.askingPrice,
    totalBids: state.totalBids,
    bidders: state.bidders,
    leaderNumber: state.leaderNumber,
    reserveMet: state.reserveMet,
    buyNowMinor: state.buyNow,
    increments: incrementsJson(terms.increments),
    bidding: { ...terms.bidding, kinds: [...terms.bidding.kinds] },
    softClose: terms.softClose === null ? null : softCloseJson(terms.softClose),
    retraction: terms.retraction === null ? null : { ...terms.retraction, reasons: [...terms.retraction.reasons] },
    opensAt: instantText(state.opensAt),
    scheduledCloseAt: instantText(state.scheduledCloseAt),
    endsAt: instantText(state.endsAt),
    pausedAt: instantText(state.pausedAt),
    extensions: { count: state.extensionCount, totalMs: state.extensionTotalMs },
    hammer:
      state.hammer === null
        ? null
        : { hammerPriceMinor: state.hammer.price, winnerNumber: state.hammer.winnerNumber, endedAt: instantText(state.hammer.endedAt), by: state.hammer.by },
  };
}

/** The name of a table, or the bands of the seller's own. */
export function incrementsJson(table: IncrementTable): AuctionJson["increments"] {
  if (table.name !== "custom") return table.name;
  return { bands: bandsJson(table), allowSubIncrementOutbid: table.allowSubIncrementOutbid };
}

/** Bands of an increment table with members ending in Minor. */
export function bandsJson(table: IncrementTable): { fromMinor: number; stepMinor: number }[] {
  return table.bands.map((band) => ({ fromMinor: band.from, stepMinor: band.step }));
}

function softCloseJson(softClose: SoftClose): NonNullable<AuctionJson["softClose"]> {
  const { windowMs, amountMs, base, trigger, scope, cap } = softClose;
  const stop = cap.hardStop;
  const hardStop = stop !== null && "at" in stop ? { at: instantText(stop.at) } : stop;
  return { windowMs, amountMs, base, trigger: { on: trigger.on, rank: trigger.rank }, scope, cap: { count: cap.count, totalMs: cap.totalMs, hardStop } };
}

/** A lot as HTTP tells it. */
export function lotJson(lot: Lot | null): LotJson | null {
  if (lot === null) return null;
  return {
    lotId: lot.lotId,
    version: lot.version,
    title: lot.title,
    description: lot.description,
    category: lot.category,
    images: [...lot.images],
    ...(lot.location === null ? {} : { location: { latitude: lot.location.latitude, longitude: lot.location.longitude } }),
    ...(lot.shippingFree === null ? {} : { shippingFree: lot.shippingFree }),
  };
}

function sellerJson(seller: Seller): AuctionJson["seller"] {
  return { sellerId: seller.sellerId, name: seller.name, ...(seller.reputation === null ? {} : { reputation: seller.reputation }) };
}

/** One entry of a list; `phase` and `outcome` come as text and are those of the core. */
export function listedJson(entry: CatalogueEntry): ListedAuctionJson {
  return {
    auctionId: entry.auctionId,
    sequence: entry.sequence,
    phase: entry.phase as ListedAuctionJson["phase"],
    outcome: entry.outcome as ListedAuctionJson["outcome"],
    currency: entry.currency,
    lot: lotJson(entry.lot),
    seller: sellerJson(entry.seller),
    openingPriceMinor: entry.opening,
    currentPriceMinor: entry.price,
    askingPriceMinor: entry.askingPrice,
    totalBids: entry.totalBids,
    bidders: entry.bidders,
    leaderNumber: entry.leaderNumber,
    reserveMet: entry.reserveMet,
    buyNowMinor: entry.buyNow,
    opensAt: instantText(entry.opensAt),
    endsAt: instantText(entry.endsAt),
  };
}

/** One public row of the bid list as HTTP tells it. */
export function bidJson(row: PublicRow): BidJson {
  return {
    sequence: row.sequence,
    row: row.row,
    bidId: row.bidId,
    bidderNumber: row.bidderNumber,
    amountMinor: row.amount,
    kind: row.kind,
    at: instantText(row.at),
    gone: row.gone,
  };
}

/** One bidder's own standing as HTTP tells it; for that bidder only. */
export function standingJson(standing: Standing, sequence: number): StandingJson {
  return {
    bidderNumber: standing.bidderNumber,
    leading: standing.leading,
    maximumMinor: standing.maximum,
    highestBidMinor: standing.highestBid,
    blocked: standing.blocked,
    authorisedLimitMinor: standing.authorisedLimit,
    sequence,
  };
}
