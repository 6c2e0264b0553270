// Limits of bidders, addresses and auctions, shared by the sockets and the HTTP side of one gateway. Every refusal has a hint.
//
// Owns: the counts. Must not: refuse by itself (the caller does), wait, or touch a store: a refusal stays under 20 us.
//
// Own counts and not rate-limiter-flexible: it answers every question with a promise, and a bid is let pass or refused in the turn in
// which it came, at a million a second. Its strength, counts that gateways share, is for a store behind these, asked off that path.
//
// A1. `bids` counts decided commands only. A repeat under a key that was counted in this hour passes even when nothing is left, so
//     that the same key gets the same answer; the engine tells that it was a repeat and it is not counted again. A key names a command
//     of one auction: on another auction it is no repeat.
// A2. `auction` counts commands as they pass to one auction, within whole seconds of this gateway.
// A3. Limits fail towards refusing: a table that is full refuses strangers.
// A4. Commands that wait for their answer may each use up one of what is left. They count until they have it, over every socket and
//     HTTP together, also when the socket they came by is gone.
import type { KeyDigest } from "../engine/core/command.ts";
import type { AuctionId } from "../engine/core/ids.ts";
import type { Identity, Tier } from "./ports.ts";
import { type WindowStanding, Windows } from "./windows.ts";

export type AdmissionPolicy = "bids" | "requests" | "creates" | "logins";

/** One limit as it stands for one caller. */
export interface PolicyStanding extends WindowStanding {
  readonly policy: AdmissionPolicy;
  readonly windowMs: number;
}

export type BidPass = { readonly allowed: true } | { readonly allowed: false; readonly policy: "bids" | "auction"; readonly retryAfterMs: number };

export interface AdmissionLimits {
  /** Decided commands of a bidder an hour, from the first one on. */
  readonly bidsPerHour: { readonly [T in Tier]: number };
  readonly requestsPerMinute: number;
  readonly createsPerHour: number;
  readonly loginsPerMinute: number;
  /** Commands to one auction a second, at this gateway. */
  readonly auctionPerSecond: number;
}

export const ADMISSION_LIMITS: AdmissionLimits = {
  bidsPerHour: { free: 10, premium: 100, enterprise: 1_000 },
  requestsPerMinute: 300,
  createsPerHour: 60,
  loginsPerMinute: 10,
  auctionPerSecond: 2_000,
};

const SECOND_MS = 1_000;
const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
/** Bids of one bidder that wait for an answer may still use up the quota; by then most have theirs. */
const IN_FLIGHT_RETRY_MS = 100;
const PASS: BidPass = { allowed: true };

const LENGTH_MS: { readonly [P in AdmissionPolicy]: number } = { bids: HOUR_MS, requests: MINUTE_MS, creates: HOUR_MS, logins: MINUTE_MS };

export class Admission {
  readonly #limits: AdmissionLimits;
  readonly #clock: { monotonic(): number };
  readonly #windows: { readonly [P in AdmissionPolicy]: Windows } = {
    bids: new Windows(LENGTH_MS.bids),
    requests: new Windows(LENGTH_MS.requests),
    creates: new Windows(LENGTH_MS.creates),
    logins: new Windows(LENGTH_MS.logins),
  };
  /** Commands of the present second by auction; emptied with each new second, so it holds no more than passed in one. */
  readonly #auctions = new Map<AuctionId, number>();
  #secondEndsAt = 0;
  /** Commands that wait, by bidder (A4). Each waits in the link too, which bounds them. */
  readonly #inFlight = new Map<string, number>();

  /** `monotonic`: ms of a clock that does not go back. */
  constructor(limits: AdmissionLimits, clock: { monotonic(): number }) {
    this.#limits = limits;
    this.#clock = clock;
  }

  /** Whether this bidder may send one more command to this auction now. Counts towards `auction` (A2), never towards `bids`. One that
   *  may is in flight until `settled` (A4). */
  bid(identity: Identity, auctionId: AuctionId, keyDigest: KeyDigest): BidPass {
    const { userId } = identity;
    const now = this.#clock.monotonic();
    const { remaining, resetMs } = this.#windows.bids.standing(userId, this.#quota("bids", identity.tier), now);
    const inFlight = this.#inFlight.get(userId) ?? 0;
    if (remaining <= inFlight && !this.#windows.bids.knows(userId, markOf(auctionId, keyDigest), now)) {
      return { allowed: false, policy: "bids", retryAfterMs: Math.ceil(remaining === 0 ? resetMs : IN_FLIGHT_RETRY_MS) };
    }
    if (now >= this.#secondEndsAt) {
      this.#auctions.clear();
      this.#secondEndsAt = now + SECOND_MS;
    }
    const passed = this.#auctions.get(auctionId) ?? 0;
    if (passed >= this.#limits.auctionPerSecond) return { allowed: false, policy: "auction", retryAfterMs: Math.ceil(this.#secondEndsAt - now) };
    this.#auctions.set(auctionId, passed + 1);
    this.#inFlight.set(userId, inFlight + 1);
    return PASS;
  }

  /** A command of this bidder was decided and was no repeat (A1). */
  decided(identity: Identity, auctionId: AuctionId, keyDigest: KeyDigest): void {
    this.#windows.bids.count(identity.userId, this.#clock.monotonic(), markOf(auctionId, keyDigest));
  }

  /** A command that `bid` let pass has its answer or its refusal. Once for each. */
  settled(identity: Identity): void {
    const left = (this.#inFlight.get(identity.userId) ?? 0) - 1;
    if (left > 0) this.#inFlight.set(identity.userId, left);
    else this.#inFlight.delete(identity.userId);
  }

  /** Bidders with a command in flight. */
  get biddersInFlight(): number {
    return this.#inFlight.size;
  }

  /** Counts one request, create or login; `allowed` false means that it was not counted. */
  take(policy: "requests" | "creates" | "logins", who: string): { readonly allowed: boolean; readonly standing: PolicyStanding } {
    const now = this.#clock.monotonic();
    const before = this.#standing(policy, who, this.#quota(policy, "free"), now);
    if (before.remaining === 0) return { allowed: false, standing: before };
    this.#windows[policy].count(who, now, null);
    return { allowed: true, standing: this.#standing(policy, who, before.quota, now) };
  }

  bids(identity: Identity): PolicyStanding {
    return this.#standing("bids", identity.userId, this.#quota("bids", identity.tier), this.#clock.monotonic());
  }

  requests(who: string): PolicyStanding {
    return this.#standing("requests", who, this.#limits.requestsPerMinute, this.#clock.monotonic());
  }

  creates(who: string): PolicyStanding {
    return this.#standing("creates", who, this.#limits.createsPerHour, this.#clock.monotonic());
  }

  #standing(policy: AdmissionPolicy, who: string, quota: number, now: number): PolicyStanding {
    const { remaining, resetMs } = this.#windows[policy].standing(who, quota, now);
    return { policy, quota, windowMs: LENGTH_MS[policy], remaining, resetMs: Math.ceil(resetMs) };
  }

  #quota(policy: AdmissionPolicy, tier: Tier): number {
    switch (policy) {
      case "bids":
        return this.#limits.bidsPerHour[tier];
      case "requests":
        return this.#limits.requestsPerMinute;
      case "creates":
        return this.#limits.createsPerHour;
      case "logins":
        return this.#limits.loginsPerMinute;
    }
  }
}

/** High bits and low bits of a mark: 53, the most that a number holds exactly. */
const MARK_LOW_BITS = 21;
const WORD_BITS = 32;
/** Digits of an auction id that come from a hash alone. */
const HASHED_FROM = 28;
const HASHED_TO = 36;

/** Names one command of one bidder: 53 bits of its key's digest, mixed with the auction. Fewer would do against chance, but a bidder
 *  can try keys by the million to find one that passes for a repeat. */
function markOf(auctionId: AuctionId, keyDigest: KeyDigest): number {
  const auction = Number.parseInt(auctionId.slice(HASHED_FROM, HASHED_TO), 16);
  return ((keyDigest.a ^ auction) >>> 0) * 2 ** MARK_LOW_BITS + (keyDigest.b >>> (WORD_BITS - MARK_LOW_BITS));
}
