// Settings as asked for -> settings, or the code of the first row that does not hold, in the order of the settings table.
//
// Owns: what each member may be, and its default. Must not: read a clock; whether an end is past is measured against the
// decision time, so a replay judges the same.
// A number not described is an integer from 0 to 10^15, a flag is a boolean, a value from a list is one of those named; anything
// else gets the code of its row. null where a maximum stands means no limit. Members nobody knows are ignored here; the
// gateway refuses them.
import type { DecisionCode, SETTINGS_CODES } from "./decision.ts";
import type { Instant, Minor } from "./ids.ts";
import { parseIncrements } from "./increments.ts";
import { INSTANT_MAX, isAmount, isInstant, isIntegerIn, isOnStep, NUMBER_MAX } from "./money.ts";
import type {
  BidderRules,
  Bidding,
  BuyNow,
  BuyNowUntil,
  Outage,
  ReserveLowering,
  Retraction,
  SellerRights,
  Settings,
  SettingsInput,
  SoftClose,
} from "./settings.ts";
import {
  DEFAULT_BIDDER_RULES,
  DEFAULT_BIDDING,
  DEFAULT_OUTAGE,
  DEFAULT_RESERVE_LOWERING,
  DEFAULT_RETRACTION,
  DEFAULT_SELLER_RIGHTS,
  makeSettings,
  NO_ASSOCIATES,
} from "./settings-share.ts";

export type SettingsCode = (typeof SETTINGS_CODES)[number] & DecisionCode;

/** Household and staff of one seller; more are refused so that the check of each bid stays short. */
export const ASSOCIATES_MAX = 100;

/** Reasons a house may list for retractions. */
export const REASONS_MAX = 100;

/** Longest id, reason or other name in settings. */
export const NAME_LENGTH_MAX = 64;

const AMOUNT_STEP_MAX = 1_000_000;
const MIN_OVER_OPENING_PERCENT = 30;
const MIN_OVER_OPENING_PERCENT_MAX = 1_000;
const PERCENT = 100;

type Members = { readonly [member: string]: unknown };

class Unfit {
  readonly code: SettingsCode;
  constructor(code: SettingsCode) {
    this.code = code;
  }
}

/** Complete settings of an English auction, or the code of the first row of the table that does not hold. */
export function checkSettings(input: SettingsInput, now: Instant): Settings | SettingsCode {
  try {
    return checked(input, now);
  } catch (thrown) {
    if (thrown instanceof Unfit) return thrown.code;
    throw thrown;
  }
}

function checked(input: SettingsInput, now: Instant): Settings {
  need(either(input.format, "english") === "english", "format_invalid");
  const currency = input.currency;
  need(typeof currency === "string" && /^[A-Z]{3}$/.test(currency), "currency_invalid");
  const amountStep = either(input.amountStep, 1);
  need(isIntegerIn(amountStep, 1, AMOUNT_STEP_MAX), "step_invalid");
  const opening = input.opening;
  need(isAmount(opening) && isOnStep(opening, amountStep), "opening_invalid");
  const increments = parseIncrements(either(input.increments, "ebay_us"), amountStep);
  need(increments !== null, "increments_invalid");
  const reserve = either(input.reserve, null);
  need(reserve === null || (isAmount(reserve) && isOnStep(reserve, amountStep) && reserve >= opening), "reserve_invalid");
  const buyNow = checkBuyNow(either(input.buyNow, null), { amountStep, opening, reserve });
  const bidding = checkBidding(either(input.bidding, DEFAULT_BIDDING));
  const softClose = checkSoftClose(either(input.softClose, null), endKnown(input));
  const retraction = checkRetraction(either(input.retraction, DEFAULT_RETRACTION));
  const reserveLowering = checkReserveLowering(either(input.reserveLowering, DEFAULT_RESERVE_LOWERING));
  const sellerRights = checkSellerRights(either(input.sellerRights, DEFAULT_SELLER_RIGHTS));
  const bidderRules = checkBidderRules(either(input.bidderRules, DEFAULT_BIDDER_RULES));
  const outage = checkOutage(either(input.outage, DEFAULT_OUTAGE));
  const times = checkTimes(input, now);
  const ids = checkIds(input);
  const rules = { currency, amountStep, increments, bidding, softClose, retraction, reserveLowering, sellerRights, bidderRules, outage };
  return makeSettings(rules, { opening, reserve, buyNow, ...times, ...ids });
}

function need(condition: boolean, code: SettingsCode): asserts condition {
  if (!condition) throw new Unfit(code);
}

function either(value: unknown, standard: unknown): unknown {
  return value === undefined ? standard : value;
}

function membersOf(value: unknown, code: SettingsCode): Members {
  need(typeof value === "object" && value !== null && !Array.isArray(value), code);
  return value as Members;
}

function isNumber(value: unknown): value is number {
  return isIntegerIn(value, 0, NUMBER_MAX);
}

function numberOf(value: unknown, standard: number, code: SettingsCode): number {
  const number = either(value, standard);
  need(isNumber(number), code);
  return number;
}

function flagOf(value: unknown, standard: boolean, code: SettingsCode): boolean {
  const flag = either(value, standard);
  need(typeof flag === "boolean", code);
  return flag;
}

function oneOf<T extends string>(value: unknown, names: readonly [T, ...T[]], code: SettingsCode): T {
  const name = names.find((candidate) => candidate === either(value, names[0]));
  need(name !== undefined, code);
  return name;
}

function isName(value: unknown): value is string {
  return typeof value === "string" && value.length > 0 && value.length <= NAME_LENGTH_MAX;
}

function checkBuyNow(input: unknown, terms: { amountStep: number; opening: Minor; reserve: Minor | null }): BuyNow | null {
  const code = "buy_now_invalid";
  if (input === null) return null;
  const members = membersOf(input, code);
  const price = members.price;
  need(isAmount(price) && isOnStep(price, terms.amountStep), code);
  const minOverOpeningPercent = either(members.minOverOpeningPercent, MIN_OVER_OPENING_PERCENT);
  need(isIntegerIn(minOverOpeningPercent, 0, MIN_OVER_OPENING_PERCENT_MAX), code);
  need(price * PERCENT >= terms.opening * (PERCENT + minOverOpeningPercent), code);
  need(terms.reserve === null || price >= terms.reserve, code);
  const until = oneOf<BuyNowUntil>(members.until, ["first_bid_or_reserve", "first_bid", "price_reached"], code);
  return { price, minOverOpeningPercent, until, returns: flagOf(members.returns, false, code) };
}

function checkBidding(input: unknown): Bidding {
  const code = "bidding_invalid";
  const members = membersOf(input, code);
  const kinds = either(members.kinds, DEFAULT_BIDDING.kinds);
  need(Array.isArray(kinds) && kinds.length > 0 && new Set(kinds).size === kinds.length, code);
  need(
    (kinds as readonly unknown[]).every((kind) => kind === "maximum" || kind === "flat"),
    code,
  );
  return {
    // In one order, so that equal settings are equal data.
    kinds: (["maximum", "flat"] as const).filter((kind) => (kinds as readonly unknown[]).includes(kind)),
    equalMaximum: oneOf(members.equalMaximum, ["accept", "refuse"], code),
    ownRaiseMovesPrice: flagOf(members.ownRaiseMovesPrice, true, code),
  };
}

// The end that is known when the soft close is judged: a draft with a duration has none, and neither have times that are wrong.
function endKnown(input: SettingsInput): Instant | null {
  if (isInstant(input.endsAt)) return input.endsAt;
  return isInstant(input.opensAt) && isNumber(input.durationMs) ? input.opensAt + input.durationMs : null;
}

function checkSoftClose(input: unknown, end: Instant | null): SoftClose | null {
  const code = "soft_close_invalid";
  if (input === null) return null;
  const { windowMs, amountMs, base, trigger, scope, cap } = membersOf(input, code);
  need(isIntegerIn(windowMs, 1, NUMBER_MAX) && isIntegerIn(amountMs, 1, NUMBER_MAX), code);
  const checkedBase = oneOf(base, ["bid", "end"], code);
  const { on, rank } = membersOf(either(trigger, {}), code);
  const checkedOn = oneOf(on, ["accepted_bid", "price_rise", "rank"], code);
  const checkedRank = either(rank, 1);
  need(isIntegerIn(checkedRank, 1, NUMBER_MAX), code);
  // Scopes over several lots wait for the formats that have several lots.
  need(either(scope, "lot") === "lot", code);
  const { count, totalMs, hardStop } = membersOf(either(cap, {}), code);
  const checkedCap = { count: capOf(count), totalMs: capOf(totalMs), hardStop: checkHardStop(either(hardStop, null), end) };
  return { windowMs, amountMs, base: checkedBase, trigger: { on: checkedOn, rank: checkedRank }, scope: "lot", cap: checkedCap };
}

function capOf(value: unknown): number | null {
  const cap = either(value, null);
  need(cap === null || isIntegerIn(cap, 1, NUMBER_MAX), "soft_close_invalid");
  return cap;
}

function checkHardStop(input: unknown, end: Instant | null): SoftClose["cap"]["hardStop"] {
  const code = "soft_close_invalid";
  if (input === null) return null;
  const { at, afterScheduledMs } = membersOf(input, code);
  need((at === undefined) !== (afterScheduledMs === undefined), code);
  if (at === undefined) {
    need(isNumber(afterScheduledMs), code);
    return { afterScheduledMs };
  }
  need(isInstant(at) && (end === null || at >= end), code);
  return { at };
}

function checkRetraction(input: unknown): Retraction | null {
  const code = "retraction_invalid";
  if (input === null) return null;
  const members = membersOf(input, code);
  const reasons = either(members.reasons, DEFAULT_RETRACTION.reasons);
  need(Array.isArray(reasons) && reasons.length <= REASONS_MAX && reasons.every(isName), code);
  return {
    earlyMs: numberOf(members.earlyMs, DEFAULT_RETRACTION.earlyMs, code),
    lateGraceMs: numberOf(members.lateGraceMs, DEFAULT_RETRACTION.lateGraceMs, code),
    reasons: [...(reasons as readonly string[])],
    leaderMay: flagOf(members.leaderMay, true, code),
  };
}

function checkReserveLowering(input: unknown): ReserveLowering | null {
  const code = "reserve_lowering_invalid";
  if (input === null) return null;
  const members = membersOf(input, code);
  return {
    leftMsMin: numberOf(members.leftMsMin, DEFAULT_RESERVE_LOWERING.leftMsMin, code),
    coveredLeader: oneOf(members.coveredLeader, ["cut", "jump"], code),
    cutBelow: numberOf(members.cutBelow, DEFAULT_RESERVE_LOWERING.cutBelow, code),
  };
}

function checkSellerRights(input: unknown): SellerRights {
  const code = "seller_rights_invalid";
  const members = membersOf(input, code);
  return { freeMs: numberOf(members.freeMs, DEFAULT_SELLER_RIGHTS.freeMs, code), mayVoid: flagOf(members.mayVoid, true, code) };
}

function checkBidderRules(input: unknown): BidderRules {
  const code = "bidder_rules_invalid";
  const members = membersOf(input, code);
  const defaultLimit = either(members.defaultLimit, null);
  need(defaultLimit === null || isNumber(defaultLimit), code);
  return {
    registration: oneOf(members.registration, ["open", "required"], code),
    defaultLimit,
    associatesMayBuyNow: flagOf(members.associatesMayBuyNow, true, code),
  };
}

function checkOutage(input: unknown): Outage {
  const code = "outage_invalid";
  const members = membersOf(input, code);
  const givenMsMax = either(members.givenMsMax, null);
  need(givenMsMax === null || isNumber(givenMsMax), code);
  return { policy: oneOf(members.policy, ["none", "give_back"], code), lostMsMin: numberOf(members.lostMsMin, 0, code), givenMsMax };
}

// The end that follows from a duration is held to the same as an end that is given: after now, and not beyond the year 9999.
function checkTimes(input: SettingsInput, now: Instant): { opensAt: Instant | null; endsAt: Instant | null; durationMs: number | null } {
  const code = "times_invalid";
  const opensAt = either(input.opensAt, null);
  const endsAt = either(input.endsAt, null);
  const durationMs = either(input.durationMs, null);
  need(opensAt === null || isInstant(opensAt), code);
  need((endsAt === null) !== (durationMs === null), code);
  need(endsAt === null || (isInstant(endsAt) && endsAt > now && (opensAt === null || endsAt > opensAt)), code);
  need(durationMs === null || isIntegerIn(durationMs, 1, INSTANT_MAX), code);
  if (durationMs !== null) {
    const end = (opensAt ?? now) + durationMs;
    need(end > now && end <= INSTANT_MAX, code);
  }
  return { opensAt, endsAt, durationMs };
}

function checkIds(input: SettingsInput): { sellerId: string; associates: readonly string[]; lotId: string | null } {
  const code = "ids_invalid";
  const sellerId = input.sellerId;
  need(isName(sellerId), code);
  const associates = either(input.associates, NO_ASSOCIATES);
  need(Array.isArray(associates) && associates.length <= ASSOCIATES_MAX && associates.every(isName), code);
  const lotId = either(input.lotId, null);
  need(lotId === null || isName(lotId), code);
  // Groups and sales wait for the formats that have several lots.
  need(either(input.groupId, null) === null && either(input.saleId, null) === null, code);
  return { sellerId, associates: associates.length === 0 ? NO_ASSOCIATES : [...(associates as readonly string[])], lotId };
}
