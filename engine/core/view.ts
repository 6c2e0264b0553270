// What may be told of an auction, in core words: the public state, the public rows of its bid list, one bidder's own standing.
// No maximum, reserve amount or authorised limit of anybody else is in here.
//
// The functions read one state, committed or head, and change nothing. Of the tombstone of a rejected create there is nothing to
// tell: asking for it breaks an invariant, but for leaderId, reserveMetOf and standings, which are empty there.

import { formatOf } from "./auction.ts";
import { NOBODY } from "./auction-fields.ts";
import { readUint32, readUint48 } from "./bytes.ts";
import type { EndedBy, Outcome, Phase, RemovalKind } from "./decision.ts";
import type { AuctionId, Epoch, Instant, Minor, Sequence } from "./ids.ts";
import { invariant } from "./invariant.ts";
import { ROW_KINDS } from "./public-rows.ts";
import type { Bidding, IncrementTable, Retraction, Settings, SoftClose } from "./settings.ts";
import { type AuctionState, firstAtOrAfter } from "./state.ts";

/** Complete and small: the newest one alone makes a viewer right. */
export interface PublicState {
  readonly phase: Phase;
  readonly outcome: Outcome | null;
  readonly price: Minor | null;
  /** null when closed. */
  readonly askingPrice: Minor | null;
  /** Live bids, and those raises that added a public row. */
  readonly totalBids: number;
  /** Bidders with an accepted bid or purchase, removed ones too. */
  readonly bidders: number;
  readonly leaderNumber: number | null;
  readonly reserveMet: boolean | null;
  /** The buy-now price while it is available, else null. */
  readonly buyNow: Minor | null;
  readonly opensAt: Instant | null;
  readonly endsAt: Instant | null;
  readonly scheduledCloseAt: Instant | null;
  readonly pausedAt: Instant | null;
  readonly extensionCount: number;
  readonly extensionTotalMs: number;
  readonly hammer: { readonly price: Minor | null; readonly winnerNumber: number | null; readonly endedAt: Instant; readonly by: EndedBy } | null;
}

/** One public row of the bid list; a decision may add two (`row` 0 and 1). */
export interface PublicRow {
  readonly sequence: Sequence;
  readonly row: number;
  readonly bidId: Sequence;
  readonly bidderNumber: number;
  readonly amount: Minor;
  readonly kind: "bid" | "proxy" | "recomputed";
  readonly at: Instant;
  readonly gone: RemovalKind | null;
}

/** The part that never changes after `create`. */
export interface PublicTerms {
  readonly format: "english";
  readonly currency: string;
  readonly amountStep: number;
  readonly opening: Minor;
  readonly increments: IncrementTable;
  readonly bidding: Bidding;
  readonly softClose: SoftClose | null;
  readonly retraction: Retraction | null;
  readonly sellerId: string;
  readonly lotId: string | null;
}

/** One bidder's own place; only for that bidder. */
export interface Standing {
  readonly bidderNumber: number | null;
  readonly leading: boolean;
  /** Highest live maximum of this bidder, or null. */
  readonly maximum: Minor | null;
  /** Highest live amount placed by this bidder, or null. */
  readonly highestBid: Minor | null;
  readonly blocked: boolean;
  readonly authorisedLimit: Minor | null;
}

/** (epoch, sequence) of the last decision that changed the public state. */
export interface PublicPair {
  readonly epoch: Epoch;
  readonly sequence: Sequence;
}

/** All that a reader of one auction gets, from committed state. */
export interface AuctionView extends PublicPair {
  readonly auctionId: AuctionId;
  readonly terms: PublicTerms;
  readonly state: PublicState;
}

function settingsOf(state: AuctionState): Settings {
  invariant(state.settings !== null, "a rejected create has nothing to show");
  return state.settings;
}

/** What every watcher may see now. */
export function publicState(state: AuctionState): PublicState {
  const settings = settingsOf(state);
  const format = formatOf(settings);
  const { phase, hammer } = state;
  invariant(phase !== null, "a rejected create has nothing to show");
  return {
    phase,
    outcome: state.outcome,
    price: state.price,
    askingPrice: format.askingPrice(settings, state),
    totalBids: state.totalBids,
    bidders: state.numbered,
    leaderNumber: state.leader === NOBODY ? null : state.bidder(state.leader).number,
    reserveMet: format.reserveMet(state),
    buyNow: state.buyNowAvailable && settings.buyNow !== null ? settings.buyNow.price : null,
    opensAt: state.opensAt,
    endsAt: state.endsAt,
    scheduledCloseAt: state.scheduledCloseAt,
    pausedAt: state.pausedAt,
    extensionCount: state.extensionCount,
    extensionTotalMs: state.extensionTotalMs,
    hammer: hammer === null ? null : { price: hammer.hammerPrice, winnerNumber: numberOf(state, hammer.winner), endedAt: hammer.endedAt, by: hammer.by },
  };
}

function numberOf(state: AuctionState, bidderId: string | null): number | null {
  if (bidderId === null) return null;
  const { number } = state.bidder(state.indexOf(bidderId));
  return number === 0 ? null : number;
}

/** What was fixed at its create and may be shown. */
export function publicTerms(state: AuctionState): PublicTerms {
  const { format, currency, amountStep, opening, increments, bidding, softClose, retraction, sellerId, lotId } = settingsOf(state);
  return { format, currency, amountStep, opening, increments, bidding, softClose, retraction, sellerId, lotId };
}

/** All that a reader of one auction gets. */
export function auctionView(state: AuctionState): AuctionView {
  return {
    auctionId: state.auctionId,
    epoch: state.publicEpoch,
    sequence: state.publicSequence,
    terms: publicTerms(state),
    state: publicState(state),
  };
}

/** Id of the leading bidder; null without one. Not public. */
export function leaderId(state: AuctionState): string | null {
  return state.leader === NOBODY ? null : state.idOf(state.leader);
}

/** null without a reserve. */
export function reserveMetOf(state: AuctionState): boolean | null {
  return state.settings === null ? null : formatOf(state.settings).reserveMet(state);
}

/** A bidder's highest live maximum as it now stands; null without a live bid. Only for that bidder. */
export function yourBid(state: AuctionState, bidderId: string): Minor | null {
  const { live, best } = state.bidder(state.indexOf(bidderId));
  return live === 0 ? null : best;
}

/** One bidder's own place. Only for that bidder; of a stranger all is empty and the auction's default limit holds. */
export function standingOf(state: AuctionState, bidderId: string): Standing {
  const index = state.indexOf(bidderId);
  const { number, live, best, placedBest, blocked, authorisedLimit } = state.bidder(index);
  return {
    bidderNumber: number === 0 ? null : number,
    leading: index !== NOBODY && index === state.leader,
    maximum: live === 0 ? null : best,
    highestBid: live === 0 ? null : placedBest,
    blocked,
    authorisedLimit: authorisedLimit === undefined ? (state.settings?.bidderRules.defaultLimit ?? null) : authorisedLimit,
  };
}

/** Public rows from `fromRow` up to and excluding `toRow`, oldest first, with those of removed bids marked. Numbers outside the
 *  list are cut to it. */
export function publicRows(state: AuctionState, fromRow: number, toRow: number): PublicRow[] {
  const rows: PublicRow[] = [];
  const end = Math.min(toRow, state.rowCount);
  for (let row = Math.max(0, fromRow); row < end; row += 1) rows.push(publicRow(state, row));
  return rows;
}

function publicRow(state: AuctionState, row: number): PublicRow {
  const table = state.ledger.rows;
  const bytes = table.bytes(row);
  const at = table.at(row);
  const bidId = readUint48(bytes, at + 12);
  const kind = ROW_KINDS[bytes[at + 4] as number];
  invariant(kind !== undefined, "a public row is of a known kind");
  return {
    sequence: readUint48(bytes, at + 6),
    row: bytes[at + 5] as number,
    bidId,
    bidderNumber: readUint32(bytes, at),
    amount: readUint48(bytes, at + 18),
    kind,
    at: readUint48(bytes, at + 24),
    gone: state.bid(state.bidRow(bidId)).gone,
  };
}

/** Place in the list of the first public row after a sequence; the number of rows when there is none. */
export function rowAfter(state: AuctionState, sequence: Sequence): number {
  return firstAtOrAfter(state.rowCount, sequence + 1, (row) => state.ledger.rowSequence(row));
}

/** Place in the list just behind the last public row before (sequence, row): the `toRow` of a page that ends there. */
export function rowBefore(state: AuctionState, sequence: Sequence, row: number): number {
  const first = firstAtOrAfter(state.rowCount, sequence, (candidate) => state.ledger.rowSequence(candidate));
  let place = first;
  while (place < state.rowCount && state.ledger.rowSequence(place) === sequence && place - first < row) place += 1;
  return place;
}
