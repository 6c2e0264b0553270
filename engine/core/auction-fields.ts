// The fields of an auction that are not tables. What they mean for the rules is said where the rules are.
//
// Constant in number: a head is parted by copying them, a snapshot's head record is made of them, the state hash covers each.
import type { Ended, Phase } from "./decision.ts";
import type { Epoch, Instant, Minor, Sequence } from "./ids.ts";
import type { Settings } from "./settings.ts";
import { plainSettings } from "./settings-share.ts";

/** Index of nobody. */
export const NOBODY = -1;

/** Soft close only: how often and how far the end was extended, and by which bid last. Never changed, but replaced. */
export interface Extensions {
  readonly count: number;
  readonly totalMs: number;
  readonly last: { readonly from: Instant; readonly to: Instant; readonly bidId: Sequence } | null;
}

/** Shared by every auction that was never extended. */
export const NOT_EXTENDED: Extensions = Object.freeze({ count: 0, totalMs: 0, last: null });

export class AuctionFields {
  /** null only in the tombstone of a rejected create, as is `phase`. */
  settings: Settings | null = null;
  phase: Phase | null = null;
  sequence: Sequence = 0;
  lastAt: Instant = 0;
  opensAt: Instant | null = null;
  endsAt: Instant | null = null;
  scheduledCloseAt: Instant | null = null;
  pausedAt: Instant | null = null;
  /** `to` of the last outage that was given back. */
  givenBackTo: Instant | null = null;
  /** Secret. */
  reserve: Minor | null = null;
  /** Index of the leading bidder, or NOBODY. */
  leader = NOBODY;
  /** The leader's maximum, secret; 0 without a leader. */
  maximum: Minor = 0;
  /** Current price; null without a leader. */
  price: Minor | null = null;
  /** Highest maximum of every bidder but the leader; 0 when there is none. */
  runnerUp: Minor = 0;
  buyNowAvailable = false;
  extensions: Extensions = NOT_EXTENDED;
  hammer: Ended | null = null;
  /** Pair of the last decision that changed the public state. */
  publicSequence: Sequence = 0;
  publicEpoch: Epoch = 0;
  /** Live bids but for raises that nobody could see. */
  totalBids = 0;
  /** Bidders with a public number. */
  numbered = 0;
  /** Bidders ever mentioned: indexes below it are known. */
  bidderCount = 0;
  /** Accepted bids, removed ones too. */
  bidCount = 0;
  /** Public rows. */
  rowCount = 0;
  answerCount = 0;
}

/** Makes all fields those of another. Field by field and not in a loop: this is done for every parted head. */
export function copyFields(to: AuctionFields, from: Readonly<AuctionFields>): void {
  to.settings = from.settings;
  to.phase = from.phase;
  to.sequence = from.sequence;
  to.lastAt = from.lastAt;
  to.opensAt = from.opensAt;
  to.endsAt = from.endsAt;
  to.scheduledCloseAt = from.scheduledCloseAt;
  to.pausedAt = from.pausedAt;
  to.givenBackTo = from.givenBackTo;
  to.reserve = from.reserve;
  to.leader = from.leader;
  to.maximum = from.maximum;
  to.price = from.price;
  to.runnerUp = from.runnerUp;
  to.buyNowAvailable = from.buyNowAvailable;
  to.extensions = from.extensions;
  to.hammer = from.hammer;
  to.publicSequence = from.publicSequence;
  to.publicEpoch = from.publicEpoch;
  to.totalBids = from.totalBids;
  to.numbered = from.numbered;
  to.bidderCount = from.bidderCount;
  to.bidCount = from.bidCount;
  to.rowCount = from.rowCount;
  to.answerCount = from.answerCount;
}

/** A plain copy of all fields. */
export function fieldsOf(state: AuctionFields): AuctionFields {
  const { phase, sequence, lastAt, opensAt, endsAt, scheduledCloseAt, pausedAt, givenBackTo, reserve } = state;
  const { leader, maximum, price, runnerUp, buyNowAvailable, extensions, hammer } = state;
  const { publicSequence, publicEpoch, totalBids, numbered, bidderCount, bidCount, rowCount, answerCount } = state;
  const settings = state.settings === null ? null : plainSettings(state.settings);
  return {
    settings,
    phase,
    sequence,
    lastAt,
    opensAt,
    endsAt,
    scheduledCloseAt,
    pausedAt,
    givenBackTo,
    reserve,
    leader,
    maximum,
    price,
    runnerUp,
    buyNowAvailable,
    extensions,
    hammer,
    publicSequence,
    publicEpoch,
    totalBids,
    numbered,
    bidderCount,
    bidCount,
    rowCount,
    answerCount,
  };
}
