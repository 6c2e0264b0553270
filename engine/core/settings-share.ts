// How settings are kept: what differs from auction to auction in a small object of its own, everything else in rules that equal
// auctions share. A house sets its rules once and opens a million auctions under them; a copy each would double their size.
import type { Instant, Minor } from "./ids.ts";
import { EBAY_UK, EBAY_US } from "./increments.ts";
import { invariant } from "./invariant.ts";
import type { BidderRules, Bidding, BuyNow, IncrementTable, Outage, ReserveLowering, Retraction, SellerRights, Settings, SoftClose } from "./settings.ts";

const HOUR_MS = 3_600_000;

/** Defaults of the members that are objects. Source for the 12 h and the 1 h: eBay's rules on retracting bids. */
export const DEFAULT_BIDDING: Bidding = Object.freeze({ kinds: Object.freeze(["maximum"] as const), equalMaximum: "accept", ownRaiseMovesPrice: true });
export const DEFAULT_RETRACTION: Retraction = Object.freeze({
  earlyMs: 12 * HOUR_MS,
  lateGraceMs: HOUR_MS,
  reasons: Object.freeze(["mistyped_amount", "description_changed"]),
  leaderMay: true,
});
export const DEFAULT_RESERVE_LOWERING: ReserveLowering = Object.freeze({ leftMsMin: 12 * HOUR_MS, coveredLeader: "cut", cutBelow: 100 });
export const DEFAULT_SELLER_RIGHTS: SellerRights = Object.freeze({ freeMs: 12 * HOUR_MS, mayVoid: true });
export const DEFAULT_BIDDER_RULES: BidderRules = Object.freeze({ registration: "open", defaultLimit: null, associatesMayBuyNow: true });
export const DEFAULT_OUTAGE: Outage = Object.freeze({ policy: "none", lostMsMin: 0, givenMsMax: null });
export const NO_ASSOCIATES: readonly string[] = Object.freeze([]);

/** The members of Settings that many auctions have in common. */
export interface Rules {
  readonly currency: string;
  readonly amountStep: number;
  readonly increments: IncrementTable;
  readonly bidding: Bidding;
  readonly softClose: SoftClose | null;
  readonly retraction: Retraction | null;
  readonly reserveLowering: ReserveLowering | null;
  readonly sellerRights: SellerRights;
  readonly bidderRules: BidderRules;
  readonly outage: Outage;
}

/** The members of Settings that are an auction's own. */
export interface Particulars {
  readonly opening: Minor;
  readonly reserve: Minor | null;
  readonly buyNow: BuyNow | null;
  readonly opensAt: Instant | null;
  readonly endsAt: Instant | null;
  readonly durationMs: number | null;
  readonly sellerId: string;
  readonly associates: readonly string[];
  readonly lotId: string | null;
}

/** Rules that equal auctions share. */
export interface SharedRules extends Rules {
  /** 64 bits over the rules as text, for the state hash. */
  readonly mark: readonly [number, number];
}

class SharedSettings implements Settings {
  readonly rules: SharedRules;
  readonly opening: Minor;
  readonly reserve: Minor | null;
  readonly buyNow: BuyNow | null;
  readonly opensAt: Instant | null;
  readonly endsAt: Instant | null;
  readonly durationMs: number | null;
  readonly sellerId: string;
  readonly associates: readonly string[];
  readonly lotId: string | null;

  constructor(rules: SharedRules, own: Particulars) {
    this.rules = rules;
    this.opening = own.opening;
    this.reserve = own.reserve;
    this.buyNow = own.buyNow;
    this.opensAt = own.opensAt;
    this.endsAt = own.endsAt;
    this.durationMs = own.durationMs;
    this.sellerId = own.sellerId;
    this.associates = own.associates;
    this.lotId = own.lotId;
  }

  get format(): "english" {
    return "english";
  }
  get currency(): string {
    return this.rules.currency;
  }
  get amountStep(): number {
    return this.rules.amountStep;
  }
  get increments(): IncrementTable {
    return this.rules.increments;
  }
  get bidding(): Bidding {
    return this.rules.bidding;
  }
  get softClose(): SoftClose | null {
    return this.rules.softClose;
  }
  get retraction(): Retraction | null {
    return this.rules.retraction;
  }
  get reserveLowering(): ReserveLowering | null {
    return this.rules.reserveLowering;
  }
  get sellerRights(): SellerRights {
    return this.rules.sellerRights;
  }
  get bidderRules(): BidderRules {
    return this.rules.bidderRules;
  }
  get outage(): Outage {
    return this.rules.outage;
  }
  get groupId(): null {
    return null;
  }
  get saleId(): null {
    return null;
  }
}

/** Beyond 1,024 different rules the memory of them is begun anew: sharing is then lost between old and new auctions, nothing else. */
const RULES_REMEMBERED_MAX = 1_024;

const rememberedRules = new Map<string, SharedRules>();

function share(rules: Rules): SharedRules {
  const text = JSON.stringify(rules);
  const known = rememberedRules.get(text);
  if (known !== undefined) return known;
  if (rememberedRules.size === RULES_REMEMBERED_MAX) rememberedRules.clear();
  const kept = { ...withDefaults(rules), mark: markOf(text) };
  rememberedRules.set(text, kept);
  return kept;
}

// Two multiplicative mixes. It tells rules apart that differ by a mistake, which is what a state hash is for; nobody can choose it.
function markOf(text: string): readonly [number, number] {
  let first = 0x9e3779b1;
  let second = 0x85ebca6b;
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    first = Math.imul(first ^ unit, 0x01000193) ^ (first >>> 15);
    second = Math.imul(second ^ unit, 0x5bd1e995) ^ (second >>> 13);
  }
  return [first >>> 0, second >>> 0];
}

/** 64 bits that stand for everything that makeSettings shares, as two unsigned integers. */
export function rulesMark(settings: Settings): readonly [number, number] {
  invariant(settings instanceof SharedSettings, "settings in force were made by makeSettings");
  return settings.rules.mark;
}

function withDefaults(rules: Rules): Rules {
  return {
    currency: rules.currency,
    amountStep: rules.amountStep,
    increments: orDefault(orDefault(rules.increments, EBAY_US), EBAY_UK),
    bidding: orDefault(rules.bidding, DEFAULT_BIDDING),
    softClose: rules.softClose,
    retraction: orDefault(rules.retraction, DEFAULT_RETRACTION),
    reserveLowering: orDefault(rules.reserveLowering, DEFAULT_RESERVE_LOWERING),
    sellerRights: orDefault(rules.sellerRights, DEFAULT_SELLER_RIGHTS),
    bidderRules: orDefault(rules.bidderRules, DEFAULT_BIDDER_RULES),
    outage: orDefault(rules.outage, DEFAULT_OUTAGE),
  };
}

function orDefault<T>(value: T, standard: T & object): T {
  return JSON.stringify(value) === JSON.stringify(standard) ? standard : value;
}

/** Settings made of checked members; equal rules are one object. */
export function makeSettings(rules: Rules, own: Particulars): Settings {
  return new SharedSettings(share(rules), own);
}

/** Settings in force as what is shared and what is the auction's own. */
export function foldableSettings(settings: Settings): { readonly rules: SharedRules; readonly own: Particulars } {
  invariant(settings instanceof SharedSettings, "settings in force were made by makeSettings");
  return { rules: settings.rules, own: settings };
}

/** The settings that foldableSettings took apart. */
export function unfoldedSettings(rules: SharedRules, own: Particulars): Settings {
  return new SharedSettings(rules, own);
}

/** Settings as plain data with every member its own, as a snapshot keeps them. */
export function plainSettings(settings: Settings): Settings {
  const { format, currency, amountStep, opening, increments, reserve, buyNow, bidding, softClose, retraction, reserveLowering } = settings;
  const { sellerRights, bidderRules, outage, opensAt, endsAt, durationMs, sellerId, associates, lotId, groupId, saleId } = settings;
  return {
    format,
    currency,
    amountStep,
    opening,
    increments,
    reserve,
    buyNow,
    bidding,
    softClose,
    retraction,
    reserveLowering,
    sellerRights,
    bidderRules,
    outage,
    opensAt,
    endsAt,
    durationMs,
    sellerId,
    associates,
    lotId,
    groupId,
    saleId,
  };
}

/** Checked settings read back from a snapshot, shared again. Those that are shared already stay what they are. */
export function sharedSettings(plain: Settings): Settings {
  if (plain instanceof SharedSettings) return plain;
  const { currency, amountStep, increments, bidding, softClose, retraction, reserveLowering, sellerRights, bidderRules, outage } = plain;
  const rules = { currency, amountStep, increments, bidding, softClose, retraction, reserveLowering, sellerRights, bidderRules, outage };
  return makeSettings(rules, { ...plain, associates: plain.associates.length === 0 ? NO_ASSOCIATES : plain.associates });
}
