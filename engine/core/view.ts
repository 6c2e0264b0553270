// What may be told of an auction, in core words: the public state, the public rows of its bid list, one bidder's own standing.
// No maximum, reserve amount or authorised limit of anybody else is in here.
import type { EndedBy, Outcome, Phase, RemovalKind } from "./decision.ts";
import type { AuctionId, Epoch, Instant, Minor, Sequence } from "./ids.ts";
import type { Bidding, IncrementTable, Retraction, SoftClose } from "./settings.ts";

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
