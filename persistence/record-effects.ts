// The stored form of a decision's effects: a mask of which parts there are, then their fields.
//
// E1. A part that is null costs one bit. Names equal to the issuer's, the usual case for a bid, cost one bit as well.
// E2. Bit positions and the positions in the lists below are stored: lists only grow at their end.
import { type Effects, type Ended, type EndedBy, NO_EFFECTS, type Outcome, type RemovalKind } from "../engine/core/decision.ts";
import type { ByteReader, ByteWriter } from "./record-bytes.ts";

const OPENED = 1 << 0;
const BID_TAKEN = 1 << 1;
const BIDS_REMOVED = 1 << 2;
const RESERVE_LOWERED = 1 << 3;
const BIDDER_SET = 1 << 4;
const STANDING = 1 << 5;
const BUY_NOW = 1 << 6;
const EXTENDED = 1 << 7;
const END_MOVED = 1 << 8;
const PAUSED = 1 << 9;
const RESUMED = 1 << 10;
const ENDED = 1 << 11;
const MASK_KNOWN = (1 << 12) - 1;

const OUTCOMES: readonly Outcome[] = ["sold", "passed", "withdrawn"];
const ENDED_BY: readonly EndedBy[] = ["close_due", "end_early", "buy_now", "withdraw"];
const REMOVALS: readonly RemovalKind[] = ["retracted", "voided"];
const END_MOVED_WHY = ["extend", "resume", "give_back"] as const;

/** Fixed-width bytes of all parts together; texts and lists ask for their own room. */
const EFFECTS_BYTES_MAX = 224;

type Standing = NonNullable<Effects["standing"]>;
type BidderSet = NonNullable<Effects["bidderSet"]>;

/** Appends the effects. `issuer` is the command's issuer id. Throws a RangeError on a number without a stored form. */
export function writeEffects(out: ByteWriter, effects: Effects, issuer: string): void {
  out.ensure(EFFECTS_BYTES_MAX);
  const maskAt = out.at;
  out.at += 2;
  if (effects === NO_EFFECTS) {
    out.view.setUint16(maskAt, 0, true);
    return;
  }
  let mask = 0;
  if (effects.bidTaken !== null) {
    mask |= BID_TAKEN;
    writeBidTaken(out, effects.bidTaken, issuer);
  }
  if (effects.standing !== null) {
    mask |= STANDING;
    writeStanding(out, effects.standing, issuer);
  }
  if (effects.extended !== null) {
    mask |= EXTENDED;
    out.ensure(EFFECTS_BYTES_MAX);
    out.integer(effects.extended.from);
    out.integer(effects.extended.to);
    out.integer(effects.extended.bidId);
  }
  if (effects.buyNow !== null) {
    mask |= BUY_NOW;
    out.ensure(EFFECTS_BYTES_MAX);
    out.u8(effects.buyNow.available ? 1 : 0);
  }
  mask |= writeRareEffects(out, effects);
  out.view.setUint16(maskAt, mask, true);
}

function writeRareEffects(out: ByteWriter, effects: Effects): number {
  const { opened, bidsRemoved, reserveLowered, bidderSet, endMoved, paused, resumed, ended } = effects;
  let mask = 0;
  out.ensure(EFFECTS_BYTES_MAX);
  if (opened !== null) {
    mask |= OPENED;
    out.integer(opened.opensAt);
    out.integer(opened.endsAt);
    out.integer(opened.scheduledCloseAt);
  }
  if (reserveLowered !== null) {
    mask |= RESERVE_LOWERED;
    out.integer(reserveLowered.reserve);
    writeOptional(out, reserveLowered.cutTo);
  }
  if (endMoved !== null) {
    mask |= END_MOVED;
    out.integer(endMoved.from);
    out.integer(endMoved.to);
    out.u8(END_MOVED_WHY.indexOf(endMoved.why));
  }
  if (paused !== null) {
    mask |= PAUSED;
    out.integer(paused.at);
  }
  if (resumed !== null) {
    mask |= RESUMED;
    out.integer(resumed.at);
  }
  if (bidsRemoved !== null) {
    mask |= BIDS_REMOVED;
    writeRemoved(out, bidsRemoved);
  }
  if (bidderSet !== null) {
    mask |= BIDDER_SET;
    writeBidderSet(out, bidderSet);
  }
  if (ended !== null) {
    mask |= ENDED;
    writeEnded(out, ended);
  }
  return mask;
}

/** The effects as they were written. Throws if they do not parse. */
export function readEffects(from: ByteReader, issuer: string): Effects {
  const mask = from.u16();
  if (mask === 0) return NO_EFFECTS;
  if (mask > MASK_KNOWN) throw new RangeError(`effects mask ${mask} is unknown`);
  const bidTaken = (mask & BID_TAKEN) === 0 ? null : readBidTaken(from, issuer);
  const standing = (mask & STANDING) === 0 ? null : readStanding(from, issuer);
  const extended = (mask & EXTENDED) === 0 ? null : { from: from.integer(), to: from.integer(), bidId: from.integer() };
  const buyNow = (mask & BUY_NOW) === 0 ? null : { available: from.u8() === 1 };
  const opened = (mask & OPENED) === 0 ? null : { opensAt: from.integer(), endsAt: from.integer(), scheduledCloseAt: from.integer() };
  const reserveLowered = (mask & RESERVE_LOWERED) === 0 ? null : { reserve: from.integer(), cutTo: readOptional(from) };
  const endMoved = (mask & END_MOVED) === 0 ? null : { from: from.integer(), to: from.integer(), why: oneOf(END_MOVED_WHY, from.u8()) };
  const paused = (mask & PAUSED) === 0 ? null : { at: from.integer() };
  const resumed = (mask & RESUMED) === 0 ? null : { at: from.integer() };
  const bidsRemoved = (mask & BIDS_REMOVED) === 0 ? null : readRemoved(from);
  const bidderSet = (mask & BIDDER_SET) === 0 ? null : readBidderSet(from);
  const ended = (mask & ENDED) === 0 ? null : readEnded(from);
  return { opened, bidTaken, bidsRemoved, reserveLowered, bidderSet, standing, buyNow, extended, endMoved, paused, resumed, ended };
}

// bidTaken: bit 0 flat, bit 1 the bidder is the issuer

function writeBidTaken(out: ByteWriter, bid: NonNullable<Effects["bidTaken"]>, issuer: string): void {
  const own = bid.bidderId === issuer;
  out.u8((bid.kind === "flat" ? 1 : 0) | (own ? 2 : 0));
  out.integer(bid.amount);
  if (!own) out.text(bid.bidderId);
}

function readBidTaken(from: ByteReader, issuer: string): NonNullable<Effects["bidTaken"]> {
  const flags = from.u8();
  const amount = from.integer();
  return { bidderId: (flags & 2) === 0 ? from.name() : issuer, kind: (flags & 1) === 0 ? "maximum" : "flat", amount };
}

// standing: bit 0 has a price, bit 1 has a leader, bit 2 the leader is the issuer, bit 3 has reserveMet, bit 4 its value

function writeStanding(out: ByteWriter, standing: Standing, issuer: string): void {
  const own = standing.leader === issuer;
  out.ensure(EFFECTS_BYTES_MAX);
  out.u8(
    (standing.price === null ? 0 : 1) |
      (standing.leader === null ? 0 : 2) |
      (own ? 4 : 0) |
      (standing.reserveMet === null ? 0 : 8) |
      (standing.reserveMet === true ? 16 : 0),
  );
  if (standing.price !== null) out.integer(standing.price);
  if (standing.leader !== null && !own) out.text(standing.leader);
}

function readStanding(from: ByteReader, issuer: string): Standing {
  const flags = from.u8();
  const price = (flags & 1) === 0 ? null : from.integer();
  const leader = (flags & 2) === 0 ? null : (flags & 4) === 0 ? from.name() : issuer;
  return { price, leader, reserveMet: (flags & 8) === 0 ? null : (flags & 16) !== 0 };
}

// bidsRemoved: kind, count, then each id as 4 bytes (an auction's sequences stay below 2 to the 32)

function writeRemoved(out: ByteWriter, removed: NonNullable<Effects["bidsRemoved"]>): void {
  out.ensure(5 + removed.bidIds.length * 4);
  out.u8(REMOVALS.indexOf(removed.gone));
  out.u32(removed.bidIds.length);
  for (const bidId of removed.bidIds) out.u32(checkedUint32(bidId, "a bid id"));
}

function readRemoved(from: ByteReader): NonNullable<Effects["bidsRemoved"]> {
  const gone = oneOf(REMOVALS, from.u8());
  const count = from.u32();
  if (count * 4 > from.end - from.at) throw new RangeError(`${count} removed bids do not fit`);
  const bidIds: number[] = [];
  for (let i = 0; i < count; i++) bidIds.push(from.u32());
  return { bidIds, gone };
}

// bidderSet: bit 0 blocked, bits 1 and 2 the limit: 0 untouched, 1 none, 2 a number

function writeBidderSet(out: ByteWriter, set: BidderSet): void {
  const limit = set.authorisedLimit;
  out.ensure(EFFECTS_BYTES_MAX);
  out.u8((set.blocked ? 1 : 0) | ((limit === undefined ? 0 : limit === null ? 1 : 2) << 1));
  if (typeof limit === "number") out.integer(limit);
  out.text(set.bidderId);
}

function readBidderSet(from: ByteReader): BidderSet {
  const flags = from.u8();
  const limit = flags >> 1;
  const authorisedLimit = limit === 0 ? undefined : limit === 1 ? null : from.integer();
  return { bidderId: from.name(), blocked: (flags & 1) === 1, authorisedLimit };
}

function writeEnded(out: ByteWriter, ended: Ended): void {
  out.ensure(EFFECTS_BYTES_MAX);
  out.u8(OUTCOMES.indexOf(ended.outcome));
  out.u8(ENDED_BY.indexOf(ended.by));
  out.integer(ended.endedAt);
  writeOptional(out, ended.hammerPrice);
  out.u8(ended.winner === null ? 0 : 1);
  if (ended.winner !== null) out.text(ended.winner);
}

function readEnded(from: ByteReader): Ended {
  const outcome = oneOf(OUTCOMES, from.u8());
  const by = oneOf(ENDED_BY, from.u8());
  const endedAt = from.integer();
  const hammerPrice = readOptional(from);
  const winner = from.u8() === 0 ? null : from.name();
  return { outcome, hammerPrice, winner, endedAt, by };
}

function writeOptional(out: ByteWriter, value: number | null): void {
  out.u8(value === null ? 0 : 1);
  if (value !== null) out.integer(value);
}

function readOptional(from: ByteReader): number | null {
  return from.u8() === 0 ? null : from.integer();
}

/** The word at a stored position. Throws on a position no word has. */
export function oneOf<T>(words: readonly T[], position: number): T {
  const word = words[position];
  if (word === undefined) throw new RangeError(`position ${position} names none of ${words.length} words`);
  return word;
}

/** The number itself if it fits 32 bits without sign; else a RangeError that says what it was. */
export function checkedUint32(value: number, what: string): number {
  if (value >>> 0 !== value) throw new RangeError(`${what} of ${value} has no stored form`);
  return value;
}
