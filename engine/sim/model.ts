// The naive English auction: the reference that the engine is compared with. Written to be read, from the rules alone, and
// sharing no rule with engine/core (only its words: commands, codes, types).
//
// It keeps every bid in a plain list and the best of each bidder beside it. Who leads and at what price is a sentence about the best
// of all bidders, asked anew at each bid; after a removal everything is worked out again from the list. It is slow on purpose.
import type { Command, CommandBody } from "../core/command.ts";
import type { DecisionCode, EndedBy, Outcome, Phase } from "../core/decision.ts";
import { readTerms, type Terms } from "./model-terms.ts";

/** One accepted bid as the model remembers it. `maximum` is what now counts (a cut lowers it). */
interface Bid {
  readonly id: number;
  readonly bidder: string;
  readonly kind: "maximum" | "flat";
  readonly amount: number;
  maximum: number;
  readonly at: number;
  gone: boolean;
}

/** Who leads at what price, from the live bids. */
interface Standing {
  readonly leader: string | null;
  readonly limit: number;
  readonly price: number | null;
}

/** What the model says of one command. */
export interface ModelRuling {
  readonly code: DecisionCode;
  readonly accepted: boolean;
}

/** The facts two implementations must agree on after every decision. */
export interface ModelFacts {
  readonly phase: Phase;
  readonly outcome: Outcome | null;
  readonly price: number | null;
  readonly asking: number | null;
  readonly leader: string | null;
  readonly reserveMet: boolean | null;
  readonly endsAt: number | null;
  readonly scheduledCloseAt: number | null;
  readonly buyNowAvailable: boolean;
  readonly extensionCount: number;
  readonly extensionTotalMs: number;
  readonly hammer: { readonly price: number | null; readonly winner: string | null; readonly endedAt: number; readonly by: EndedBy } | null;
}

const AMOUNT_MAX = 10 ** 12;
const NUMBER_MAX = 10 ** 15;
const INSTANT_MAX = Date.UTC(9999, 11, 31, 23, 59, 59, 999);

// Columns: draft, scheduled, open before the end, open at or after it, paused, closed. "go" goes on to the further checks, "X" is
// `withdrawn` or `ended` by the outcome.
const GATE: Readonly<Record<string, readonly [string, string, string, string, string, string]>> = {
  open_auction: ["go", "go", "already_open", "already_open", "already_open", "X"],
  place_bid: ["not_open", "not_open", "go", "ended", "paused", "X"],
  raise_maximum: ["not_open", "not_open", "go", "ended", "paused", "X"],
  buy_now: ["not_open", "not_open", "go", "ended", "paused", "X"],
  retract_bid: ["not_open", "not_open", "go", "ended", "paused", "X"],
  end_early: ["not_open", "not_open", "go", "ended", "paused", "X"],
  void_bid: ["not_open", "not_open", "go", "ended", "go", "X"],
  void_bidder: ["not_open", "not_open", "go", "ended", "go", "X"],
  lower_reserve: ["go", "go", "go", "ended", "paused", "X"],
  set_bidder: ["go", "go", "go", "ended", "go", "X"],
  withdraw: ["go", "go", "go", "ended", "go", "X"],
  extend: ["not_open", "go", "go", "ended", "go", "X"],
  pause: ["not_open", "not_open", "go", "ended", "already_paused", "X"],
  resume: ["not_paused", "not_paused", "not_paused", "not_paused", "go", "X"],
  open_due: ["not_due", "due", "not_due", "not_due", "not_due", "not_due"],
  close_due: ["not_due", "not_due", "not_due", "go", "not_due", "not_due"],
  give_back: ["not_due", "go", "go", "go", "not_due", "not_due"],
};

const ROLES: Readonly<Record<string, readonly string[]>> = {
  open_auction: ["operator", "seller"],
  place_bid: ["bidder"],
  raise_maximum: ["bidder"],
  buy_now: ["bidder"],
  retract_bid: ["bidder"],
  end_early: ["operator", "seller"],
  void_bid: ["operator"],
  void_bidder: ["operator", "seller"],
  lower_reserve: ["operator", "seller"],
  set_bidder: ["operator", "seller"],
  withdraw: ["operator", "seller"],
  extend: ["operator"],
  pause: ["operator"],
  resume: ["operator"],
  open_due: ["engine"],
  close_due: ["engine"],
  give_back: ["engine"],
};

type Of<Type extends CommandBody["type"]> = Extract<CommandBody, { type: Type }>;

/** One auction, from an accepted `create` on. `rule` decides a command and, when accepted, carries it out. */
export class ModelAuction {
  readonly terms: Terms;
  sequence = 1;
  phase: Phase;
  outcome: Outcome | null = null;
  opensAt: number | null;
  endsAt: number | null;
  scheduledCloseAt: number | null;
  pausedAt: number | null = null;
  reserve: number | null;
  buyNowAvailable: boolean;
  extensions = { count: 0, totalMs: 0 };
  hammer: ModelFacts["hammer"] = null;
  readonly #bids: Bid[] = [];
  /** Of each bidder with a live bid: highest maximum, and highest flat bid. */
  readonly #best = new Map<string, { maximum: number; flat: number }>();
  readonly #bidders = new Map<string, { blocked: boolean; limit: number | null | undefined }>();
  // Only what cannot be worked out from the bids: with ownRaiseMovesPrice off a leader's raise leaves the price where it stood.
  #standing: Standing = { leader: null, limit: 0, price: null };

  constructor(settings: Readonly<Record<string, unknown>>) {
    const terms = readTerms(settings);
    this.terms = terms;
    this.opensAt = terms.opensAt;
    this.phase = terms.opensAt === null ? "draft" : "scheduled";
    this.endsAt = terms.endsAt ?? (terms.opensAt === null || terms.durationMs === null ? null : terms.opensAt + terms.durationMs);
    this.scheduledCloseAt = this.endsAt;
    this.reserve = terms.reserve;
    this.buyNowAvailable = terms.buyNow !== null;
  }

  /** Facts as they are now. */
  facts(): ModelFacts {
    const { leader, price } = this.#standing;
    return {
      phase: this.phase,
      outcome: this.outcome,
      price,
      leader,
      asking: this.#asking(),
      reserveMet: this.#reserveMet(),
      endsAt: this.endsAt,
      scheduledCloseAt: this.scheduledCloseAt,
      buyNowAvailable: this.buyNowAvailable,
      extensionCount: this.extensions.count,
      extensionTotalMs: this.extensions.totalMs,
      hammer: this.hammer,
    };
  }

  /** Number of bids that stand. */
  get liveBids(): number {
    return this.#bids.filter((bid) => !bid.gone).length;
  }

  /** The ruling on a command whose key is new, at decision time `now`. Takes the next sequence whatever the verdict. */
  rule(command: Command, now: number): ModelRuling {
    this.sequence += 1;
    const code = this.#permitted(command) ?? this.#gate(command.body.type, now) ?? this.#carryOut(command, now);
    return { code, accepted: code === "ok" || code === "leading" || code === "outbid" };
  }

  #permitted(command: Command): DecisionCode | null {
    const { role, issuerId, body } = command;
    if (body.type === "create") return "already_exists";
    if (!(ROLES[body.type] ?? []).includes(role)) return "not_permitted";
    if (role !== "seller") return null;
    if (issuerId !== this.terms.sellerId) return "not_permitted";
    if (body.type === "void_bidder" && !this.terms.sellerMayVoid) return "not_permitted";
    return body.type === "set_bidder" && body.authorisedLimit !== undefined ? "not_permitted" : null;
  }

  #gate(type: string, now: number): DecisionCode | null {
    const column =
      this.phase === "draft"
        ? 0
        : this.phase === "scheduled"
          ? 1
          : this.phase === "paused"
            ? 4
            : this.phase === "closed"
              ? 5
              : now < (this.endsAt ?? 0)
                ? 2
                : 3;
    const word = GATE[type]?.[column] ?? "not_permitted";
    if (word === "go") return null;
    if (word === "due") return now >= (this.opensAt ?? Number.POSITIVE_INFINITY) ? null : "not_due";
    if (word === "X") return this.outcome === "withdrawn" ? "withdrawn" : "ended";
    return word as DecisionCode;
  }

  #carryOut(command: Command, now: number): DecisionCode {
    const { body, issuerId, role } = command;
    switch (body.type) {
      case "place_bid":
        return this.#bid(issuerId, body.kind, body.amount, body.currency, now, false);
      case "raise_maximum":
        return this.#bid(issuerId, "maximum", body.amount, body.currency, now, true);
      case "buy_now":
        return this.#buyNow(issuerId, body, now);
      case "retract_bid":
        return this.#retract(issuerId, body.reason, now);
      case "void_bid":
        return this.#void(
          this.#bids.filter((bid) => bid.id === body.bidId),
          now,
        );
      case "void_bidder":
        return this.#voidBidder(body, now);
      case "set_bidder":
        return this.#setBidder(body);
      case "lower_reserve":
        return this.#lowerReserve(body.reserve, now);
      case "extend":
        return this.#extend(body);
      case "withdraw":
        return this.#withdraw(role, now);
      case "end_early":
        return this.#endEarly(body, now);
      case "give_back":
        return this.#giveBack(body);
      default:
        return this.#time(body, now);
    }
  }

  // Opening, pausing, closing.
  #time(body: CommandBody, now: number): DecisionCode {
    switch (body.type) {
      case "open_auction": {
        const end = this.phase === "draft" && this.terms.durationMs !== null ? Math.min(now + this.terms.durationMs, INSTANT_MAX) : this.endsAt;
        if (end === null || end <= now) return "end_in_past";
        this.phase = "open";
        this.opensAt = now;
        this.endsAt = end;
        this.scheduledCloseAt = end;
        return "ok";
      }
      case "open_due":
        this.phase = "open";
        return "ok";
      case "close_due":
        this.#end(this.#standing.leader !== null && this.#reserveMet() !== false ? "sold" : "passed", "close_due", this.endsAt ?? now);
        return "ok";
      case "pause":
        this.phase = "paused";
        this.pausedAt = now;
        return "ok";
      case "resume":
        if (!Number.isSafeInteger(body.leaveAtLeastMs) || body.leaveAtLeastMs < 0 || body.leaveAtLeastMs > NUMBER_MAX) return "time_invalid";
        this.#moveEnd(Math.min(INSTANT_MAX, Math.max((this.endsAt ?? now) + now - (this.pausedAt ?? now), now + body.leaveAtLeastMs)));
        this.phase = "open";
        this.pausedAt = null;
        return "ok";
      default:
        return "not_permitted";
    }
  }

  // Who may not bid, in the stated order.
  #who(bidder: string, currency: string, buying: boolean): DecisionCode | null {
    if (bidder === this.terms.sellerId) return "seller_may_not_bid";
    if (this.terms.associates.includes(bidder) && !(buying && this.terms.associatesMayBuyNow)) return "associate_may_not_bid";
    const known = this.#bidders.get(bidder);
    if (known?.blocked === true) return "bidder_blocked";
    if (this.terms.registration === "required" && known === undefined) return "not_registered";
    return currency === this.terms.currency ? null : "wrong_currency";
  }

  #amount(amount: number): DecisionCode | null {
    if (!Number.isSafeInteger(amount) || amount < 1 || amount > AMOUNT_MAX) return "amount_invalid";
    return amount % this.terms.amountStep === 0 ? null : "amount_off_step";
  }

  #overLimit(bidder: string, amount: number): boolean {
    const own = this.#bidders.get(bidder)?.limit;
    const limit = own === undefined ? this.terms.defaultLimit : own;
    return limit !== null && amount > limit;
  }

  #bid(bidder: string, kind: "maximum" | "flat", amount: number, currency: string, now: number, raise: boolean): DecisionCode {
    const wrong = this.#who(bidder, currency, false) ?? this.#amount(amount);
    if (wrong !== null) return wrong;
    const before = this.#standing;
    const leads = before.leader === bidder;
    if (!this.terms.kinds.includes(kind)) return "kind_not_allowed";
    if (raise && !leads) return "not_leading";
    if (!raise && leads && kind === "flat" && this.#reserveMet() !== false) return "already_leading";
    if (leads && amount <= before.limit) return "not_above_own_maximum";
    if (amount < (this.#asking() ?? 0)) return "below_asking_price";
    if (this.#overLimit(bidder, amount)) return "over_authorised_limit";
    if (!raise && !leads && before.leader !== null && this.terms.equalMaximum === "refuse" && amount === before.limit) return "equals_maximum";
    this.#bids.push({ id: this.sequence, bidder, kind, amount, maximum: amount, at: now, gone: false });
    this.#standing = this.#afterBid(before, this.#bids.at(-1) as Bid);
    this.#lookAtBuyNow();
    this.#softClose(bidder, leads, before.price, now);
    return this.#standing.leader === bidder ? "leading" : "outbid";
  }

  // A rival's maximum leads when it is above the leader's (or a whole increment above, where short steps are not allowed).
  #afterBid(before: Standing, latest: Bid): Standing {
    const known = this.#best.get(latest.bidder) ?? { maximum: 0, flat: 0 };
    const flatNow = latest.kind === "flat" ? latest.maximum : 0;
    this.#best.set(latest.bidder, { maximum: Math.max(known.maximum, latest.maximum), flat: Math.max(known.flat, flatNow) });
    const own = before.leader === latest.bidder;
    const enough = this.terms.subIncrement ? before.limit + 1 : before.limit + this.#increment(before.limit);
    const leader = before.leader === null || own || latest.maximum >= enough ? latest.bidder : before.leader;
    const best = this.#best.get(leader) ?? { maximum: 0, flat: 0 };
    return { leader, limit: best.maximum, price: this.#price(before, own, leader, best) };
  }

  #price(before: Standing, own: boolean, leader: string, best: { maximum: number; flat: number }): number {
    let price: number;
    if (own && !this.terms.ownRaiseMovesPrice) {
      price = Math.max(before.price ?? 0, best.flat);
    } else {
      let second = 0;
      for (const [bidder, { maximum }] of this.#best) if (bidder !== leader && maximum > second) second = maximum;
      const driven = second === 0 ? this.terms.opening : second + this.#increment(second);
      price = Math.min(best.maximum, Math.max(this.terms.opening, driven, best.flat));
    }
    return this.reserve !== null && best.maximum >= this.reserve ? Math.max(price, this.reserve) : price;
  }

  #increment(price: number): number {
    let step = 0;
    for (const band of this.terms.bands) if (band.from <= price) step = band.step;
    return step;
  }

  #asking(): number | null {
    if (this.phase === "closed") return null;
    const price = this.#standing.price;
    return price === null ? this.terms.opening : price + this.#increment(price);
  }

  #reserveMet(): boolean | null {
    return this.reserve === null ? null : this.#standing.leader !== null && this.#standing.limit >= this.reserve;
  }

  #lookAtBuyNow(): void {
    const buyNow = this.terms.buyNow;
    if (buyNow === null) return;
    const noBid = this.#standing.leader === null;
    const holds =
      noBid ||
      (buyNow.until === "first_bid_or_reserve" && this.#reserveMet() === false) ||
      (buyNow.until === "price_reached" && (this.#standing.price ?? 0) < buyNow.price);
    this.buyNowAvailable = holds && (this.buyNowAvailable || buyNow.returns);
  }

  #softClose(bidder: string, leadBefore: boolean, priceBefore: number | null, now: number): void {
    const rule = this.terms.softClose;
    const end = this.endsAt;
    if (rule === null || end === null || end - now > rule.windowMs) return;
    if (!this.#triggers(rule, bidder, leadBefore, priceBefore)) return;
    if (rule.cap.count !== null && this.extensions.count >= rule.cap.count) return;
    const ends = [(rule.base === "end" ? end : now) + rule.amountMs, INSTANT_MAX];
    if (rule.cap.totalMs !== null) ends.push(end + rule.cap.totalMs - this.extensions.totalMs);
    if (rule.cap.stopAt !== null) ends.push(rule.cap.stopAt);
    if (rule.cap.stopAfterMs !== null) ends.push((this.scheduledCloseAt ?? end) + rule.cap.stopAfterMs);
    const to = Math.min(...ends);
    if (to <= end) return;
    this.endsAt = to;
    this.extensions = { count: this.extensions.count + 1, totalMs: this.extensions.totalMs + to - end };
  }

  #triggers(rule: NonNullable<Terms["softClose"]>, bidder: string, leadBefore: boolean, priceBefore: number | null): boolean {
    if (rule.on === "price_rise") return priceBefore === null || (this.#standing.price ?? 0) > priceBefore;
    if (leadBefore) return false;
    return rule.on === "accepted_bid" || this.#rank(bidder) <= rule.rank;
  }

  // The leader is 1; the others follow by their highest live maximum, equal ones by the bid that holds it.
  #rank(bidder: string): number {
    const best = new Map<string, Bid>();
    for (const bid of this.#bids) {
      const known = best.get(bid.bidder);
      if (!bid.gone && (known === undefined || bid.maximum > known.maximum)) best.set(bid.bidder, bid);
    }
    const order = [...best.values()].sort((x, y) => {
      if (x.bidder === this.#standing.leader) return -1;
      if (y.bidder === this.#standing.leader) return 1;
      return y.maximum - x.maximum || x.id - y.id;
    });
    return order.findIndex((bid) => bid.bidder === bidder) + 1;
  }

  #buyNow(bidder: string, body: Of<"buy_now">, now: number): DecisionCode {
    const wrong = this.#who(bidder, body.currency, true);
    if (wrong !== null) return wrong;
    const buyNow = this.terms.buyNow;
    if (buyNow === null) return "no_buy_now";
    if (!this.buyNowAvailable) return "buy_now_gone";
    if (body.amount !== buyNow.price) return "buy_now_price_differs";
    if (this.#overLimit(bidder, body.amount)) return "over_authorised_limit";
    this.#standing = { leader: bidder, limit: buyNow.price, price: buyNow.price };
    this.#end("sold", "buy_now", now);
    return "ok";
  }

  #retract(bidder: string, reason: string, now: number): DecisionCode {
    const rule = this.terms.retraction;
    if (rule === null) return "retraction_not_allowed";
    if (!rule.reasons.includes(reason)) return "reason_not_allowed";
    const live = this.#bids.filter((bid) => bid.bidder === bidder && !bid.gone);
    const newest = live.at(-1);
    if (newest === undefined) return "no_such_bid";
    if (this.#standing.leader === bidder && !rule.leaderMay) return "leader_may_not_retract";
    if ((this.endsAt ?? 0) - now >= rule.earlyMs) return this.#remove(live);
    return now - newest.at > rule.lateGraceMs ? "too_late_to_retract" : this.#remove([newest]);
  }

  #void(found: readonly Bid[], _now: number): DecisionCode {
    if (found.length === 0) return "no_such_bid";
    return found.some((bid) => bid.gone) ? "bid_already_removed" : this.#remove(found);
  }

  #voidBidder(body: Of<"void_bidder">, _now: number): DecisionCode {
    const live = this.#bids.filter((bid) => bid.bidder === body.bidderId && !bid.gone);
    if (live.length === 0) return "no_such_bid";
    const known = this.#bidders.get(body.bidderId);
    this.#bidders.set(body.bidderId, { blocked: body.block || known?.blocked === true, limit: known?.limit });
    return this.#remove(live);
  }

  // Everything again from the bids that are left, oldest first. Nothing is judged twice.
  #remove(bids: readonly Bid[]): DecisionCode {
    for (const bid of bids) bid.gone = true;
    this.#best.clear();
    let standing: Standing = { leader: null, limit: 0, price: null };
    for (const bid of this.#bids) if (!bid.gone) standing = this.#afterBid(standing, bid);
    this.#standing = standing;
    this.#lookAtBuyNow();
    return "ok";
  }

  #setBidder(body: Of<"set_bidder">): DecisionCode {
    const limit = body.authorisedLimit;
    if (limit !== undefined && limit !== null && (!Number.isSafeInteger(limit) || limit < 1 || limit > AMOUNT_MAX)) return "limit_invalid";
    const known = this.#bidders.get(body.bidderId);
    this.#bidders.set(body.bidderId, { blocked: body.blocked ?? known?.blocked ?? false, limit: limit === undefined ? known?.limit : limit });
    return "ok";
  }

  #lowerReserve(reserve: number, now: number): DecisionCode {
    const rule = this.terms.reserveLowering;
    if (this.reserve === null) return "no_reserve";
    if (rule === null) return "reserve_lowering_not_allowed";
    const wrong = this.#amount(reserve);
    if (wrong !== null) return wrong;
    if (reserve >= this.reserve) return "reserve_not_lower";
    if (this.#reserveMet() === true) return "reserve_already_met";
    if (this.phase === "open" && (this.endsAt ?? 0) - now < rule.leftMsMin) return "too_late_to_lower";
    if (reserve < (this.#asking() ?? 0)) return "reserve_below_asking_price";
    this.reserve = reserve;
    const { leader, limit, price } = this.#standing;
    if (leader !== null && limit >= reserve) {
      if (rule.coveredLeader === "jump") {
        this.#standing = { leader, limit, price: Math.max(price ?? 0, reserve) };
      } else {
        // Below the new reserve in any case, or the lot would be sold at once.
        const cut = Math.max(price ?? 0, reserve - Math.max(1, rule.cutBelow));
        for (const bid of this.#bids) if (!bid.gone && bid.bidder === leader && bid.maximum > cut) bid.maximum = cut;
        this.#best.set(leader, { maximum: cut, flat: Math.min(cut, this.#best.get(leader)?.flat ?? 0) });
        this.#standing = { leader, limit: cut, price };
      }
    }
    this.#lookAtBuyNow();
    return "ok";
  }

  #extend(body: Of<"extend">): DecisionCode {
    if (!Number.isSafeInteger(body.endsAt) || body.endsAt > INSTANT_MAX) return "time_invalid";
    if (body.endsAt <= (this.endsAt ?? 0)) return "end_not_later";
    this.#moveEnd(body.endsAt);
    return "ok";
  }

  #moveEnd(to: number): void {
    const moved = to - (this.endsAt ?? to);
    this.endsAt = to;
    this.scheduledCloseAt = (this.scheduledCloseAt ?? to) + moved;
  }

  #withdraw(role: string, now: number): DecisionCode {
    const left = (this.endsAt ?? Number.POSITIVE_INFINITY) - (this.phase === "paused" ? (this.pausedAt ?? now) : now);
    if (role === "seller" && this.#bids.length > 0 && left < this.terms.sellerFreeMs) return "too_late_to_withdraw";
    this.#end("withdrawn", "withdraw", now);
    return "ok";
  }

  #endEarly(body: Of<"end_early">, now: number): DecisionCode {
    if (this.#standing.leader === null) return "no_leader";
    if (this.#reserveMet() === false && !body.sellBelowReserve) return "reserve_not_met";
    this.#end("sold", "end_early", now);
    return "ok";
  }

  #giveBack(body: Of<"give_back">): DecisionCode {
    const rule = this.terms.outage;
    const end = this.endsAt ?? 0;
    const start = Math.max(body.from, this.opensAt ?? body.from);
    const lost = body.to - start;
    const gives = rule.policy === "give_back" && start < end && lost > 0 && lost >= rule.lostMsMin;
    const to = Math.min(INSTANT_MAX, end + (gives ? Math.min(lost, rule.givenMsMax ?? lost) : 0));
    if (to <= end) return "nothing_to_give_back";
    this.#moveEnd(to);
    return "ok";
  }

  #end(outcome: Outcome, by: EndedBy, endedAt: number): void {
    const sold = outcome === "sold";
    this.hammer = { price: sold ? this.#standing.price : null, winner: sold ? this.#standing.leader : null, endedAt, by };
    this.phase = "closed";
    this.outcome = outcome;
    this.endsAt = endedAt;
    this.buyNowAvailable = false;
  }
}
