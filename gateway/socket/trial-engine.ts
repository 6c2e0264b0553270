// An engine in memory for tests of the socket side: one price per auction, answers remembered by key, everything told at once or
// when the test says so. It is no model of the rules.
import { ANSWER_BYTES, writeAnswer } from "../../engine/core/answers.ts";
import type { Command } from "../../engine/core/command.ts";
import type { Answer, RefusalCode } from "../../engine/core/decision.ts";
import type { AuctionId } from "../../engine/core/ids.ts";
import type { PublicRow, PublicState, PublicTerms, Standing } from "../../engine/core/view.ts";
import type { Read, Update, UpdateEvent } from "../../engine/protocol.ts";
import type { CommandReply, Engine, EngineListener, Identity, ReadOutcome } from "../ports.ts";

const EPOCH = 88_123;
const STEP = 100;
const AT = 1_795_427_990_000;

export const TERMS: PublicTerms = {
  format: "english",
  currency: "USD",
  amountStep: 1,
  opening: 100,
  increments: { name: "ebay_us", bands: [{ from: 0, step: STEP }], allowSubIncrementOutbid: true },
  bidding: { kinds: ["maximum", "flat"], equalMaximum: "accept", ownRaiseMovesPrice: false },
  softClose: null,
  retraction: null,
  sellerId: "s-7",
  lotId: "lot-55",
};

export const OPEN_STATE: PublicState = {
  phase: "open",
  outcome: null,
  price: null,
  askingPrice: 100,
  totalBids: 0,
  bidders: 0,
  leaderNumber: null,
  reserveMet: null,
  buyNow: null,
  opensAt: AT,
  endsAt: AT + 600_000,
  scheduledCloseAt: AT + 600_000,
  pausedAt: null,
  extensionCount: 0,
  extensionTotalMs: 0,
  hammer: null,
};

interface TrialAuction {
  epoch: number;
  sequence: number;
  publicSequence: number;
  state: PublicState;
  rows: PublicRow[];
  leader: string | null;
  readonly numbers: Map<string, number>;
  readonly highest: Map<string, number>;
  readonly answers: Map<string, Uint8Array>;
}

/** The id of the n-th auction of a test. */
export function trialAuctionId(n: number): AuctionId {
  return `3a7c1f0e-6d0a-8a51-8f0e-${n.toString(16).padStart(12, "0")}`;
}

/** A premium bidder unless told otherwise. */
export function trialIdentity(userId: string, more: Partial<Identity> = {}): Identity {
  return { userId, name: null, tier: "premium", roles: ["bidder"], guest: false, expiresAt: 1_795_431_600_000, ...more };
}

/** A `place_bid` in USD. */
export function trialBid(auctionId: string, id: number, key: string, amountMinor: number): object {
  return { type: "place_bid", id, auctionId, key, amountMinor, currency: "USD" };
}

export class TrialEngine implements Engine {
  readonly auctions = new Map<AuctionId, TrialAuction>();
  readonly watches = new Map<AuctionId, number>();
  readonly reads: Read[] = [];
  readonly commands: Command[] = [];
  life: string | null = "7c1e09ab";
  /** Auctions whose owner is away: reads wait, then are refused by `giveUp`. */
  readonly away = new Set<AuctionId>();
  /** While set, answers wait for `answerAll`. */
  holdAnswers = false;
  /** While set, every command is refused with it. */
  refuseWith: { readonly code: RefusalCode; readonly retryAfterMs: number } | null = null;
  readonly #held: (() => void)[] = [];
  readonly #waitingReads: { readonly read: Read; readonly resolve: (outcome: ReadOutcome) => void }[] = [];
  readonly #listeners: EngineListener[] = [];

  open(auctionId: AuctionId): void {
    const auction = { epoch: EPOCH, sequence: 1, publicSequence: 1, state: OPEN_STATE, rows: [], leader: null };
    this.auctions.set(auctionId, { ...auction, numbers: new Map(), highest: new Map(), answers: new Map() });
  }

  command(command: Command, _deadlineMs: number, reply: CommandReply): void {
    this.commands.push(command);
    const run = () => this.#run(command, reply);
    if (this.holdAnswers) this.#held.push(run);
    else run();
  }

  answerAll(): void {
    for (const run of this.#held.splice(0)) run();
  }

  read(read: Read, _deadlineMs: number): Promise<ReadOutcome> {
    this.reads.push(read);
    if (!this.away.has(read.auctionId)) return Promise.resolve(this.#readNow(read));
    return new Promise((resolve) => this.#waitingReads.push({ read, resolve }));
  }

  /** Reads that wait for an owner run into their deadline. */
  giveUp(): void {
    for (const { resolve } of this.#waitingReads.splice(0)) resolve({ kind: "refused", code: "shard_unowned", retryAfterMs: 100 });
  }

  /** The owner of these auctions goes out of reach, or comes back. */
  setAway(auctionIds: readonly AuctionId[], away: boolean): void {
    for (const auctionId of auctionIds) away ? this.away.add(auctionId) : this.away.delete(auctionId);
    const waiting = away ? [] : this.#waitingReads.splice(0);
    for (const { read, resolve } of waiting) resolve(this.#readNow(read));
    for (const listener of this.#listeners) listener.stale(auctionIds, away);
  }

  watch(auctionId: AuctionId): void {
    this.watches.set(auctionId, (this.watches.get(auctionId) ?? 0) + 1);
  }

  unwatch(auctionId: AuctionId): void {
    this.watches.set(auctionId, (this.watches.get(auctionId) ?? 0) - 1);
  }

  listen(listener: EngineListener): void {
    this.#listeners.push(listener);
  }

  staleMs(auctionId: AuctionId): number {
    return this.away.has(auctionId) ? 1 : 0;
  }

  lifeId(): string | null {
    return this.life;
  }

  shards(): readonly [] {
    return [];
  }

  links(): readonly [] {
    return [];
  }

  inFlight(): number {
    return this.#held.length;
  }

  held(): number {
    return 0;
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  newLife(lifeId: string): void {
    this.life = lifeId;
    for (const listener of this.#listeners) listener.newLife(lifeId);
  }

  /** Any change of the public state, told to listeners as one update; `silent`: committed, and lost on the way to the gateway. */
  change(
    auctionId: AuctionId,
    events: readonly UpdateEvent[],
    state: Partial<PublicState>,
    more: Partial<Update> & { readonly silent?: boolean } = {},
  ): Update {
    const auction = this.#auction(auctionId);
    const previousSequence = auction.publicSequence;
    auction.sequence += 1;
    auction.publicSequence = auction.sequence;
    auction.state = { ...auction.state, ...state };
    const update: Update = {
      auctionId,
      epoch: auction.epoch,
      sequence: auction.sequence,
      previousSequence,
      at: AT,
      events,
      state: auction.state,
      rows: [],
      rowsOmitted: 0,
      removed: [],
      extensions: [],
      ...more,
    };
    auction.rows = [...update.rows.toReversed(), ...auction.rows];
    if (more.silent !== true) for (const listener of this.#listeners) listener.update(update);
    return update;
  }

  /** A bid of somebody who is not connected. */
  outsideBid(auctionId: AuctionId, bidder: string, amount: number, silent = false): Update {
    const auction = this.#auction(auctionId);
    const before = auction.leader;
    const number = auction.numbers.get(bidder) ?? auction.numbers.size + 1;
    auction.numbers.set(bidder, number);
    auction.highest.set(bidder, amount);
    auction.leader = bidder;
    const sequence = auction.sequence + 1;
    const row: PublicRow = { sequence, row: 0, bidId: sequence, bidderNumber: number, amount, kind: "bid", at: AT, gone: null };
    const state = { price: amount, askingPrice: amount + STEP, totalBids: auction.state.totalBids + 1, bidders: auction.numbers.size, leaderNumber: number };
    const update = this.change(auctionId, ["bid_placed"], state, { rows: [row], silent });
    if (before !== null && before !== bidder && !silent) this.#outbid(auction, update, before);
    return update;
  }

  /** An operator strikes a bid: its rows are marked, the price stays. */
  voidBid(auctionId: AuctionId, bidId: number): Update {
    const auction = this.#auction(auctionId);
    auction.rows = auction.rows.map((row) => (row.bidId === bidId ? { ...row, gone: "voided" } : row));
    return this.change(auctionId, ["bids_removed"], { totalBids: auction.state.totalBids - 1 }, { removed: [bidId] });
  }

  #outbid(auction: TrialAuction, update: Update, bidderId: string): void {
    const { auctionId, epoch, sequence, at, state } = update;
    const told = { kind: "outbid" as const, why: null, bidderId, auctionId, epoch, sequence, at };
    const yourBid = auction.highest.get(bidderId) ?? 0;
    for (const listener of this.#listeners)
      listener.notice({ ...told, price: state.price, askingPrice: state.askingPrice, yourBid, endsAt: state.endsAt ?? 0 });
  }

  #run(command: Command, reply: CommandReply): void {
    const auction = this.auctions.get(command.auctionId);
    const refusal = this.refuseWith ?? (auction === undefined ? { code: "no_such_auction" as const, retryAfterMs: 0 } : null);
    if (refusal !== null || auction === undefined) {
      reply.refused(refusal?.code ?? "no_such_auction", refusal?.retryAfterMs ?? 0);
      return;
    }
    const name = `${command.issuerId}/${command.key}`;
    const known = auction.answers.get(name);
    if (known !== undefined) {
      reply.answer(command.auctionId, known, 0, true);
      return;
    }
    const answer = this.#decide(auction, command);
    const row = new Uint8Array(ANSWER_BYTES);
    const zero = { a: 0, b: 0, c: 0, d: 0 };
    writeAnswer(row, 0, command.keyDigest ?? zero, command.fingerprint ?? zero, answer);
    auction.answers.set(name, row);
    reply.answer(command.auctionId, row, 0, false);
  }

  #decide(auction: TrialAuction, command: Command): Answer {
    const amount = "amount" in command.body ? command.body.amount : 0;
    const accepted = auction.state.askingPrice !== null && amount >= auction.state.askingPrice;
    if (accepted) this.outsideBid(command.auctionId, command.issuerId, amount);
    else auction.sequence += 1;
    return {
      verdict: accepted ? "accepted" : "rejected",
      code: accepted ? "leading" : "below_asking_price",
      sequence: auction.sequence,
      epoch: auction.epoch,
      at: AT,
      standing: accepted ? "leading" : null,
      price: auction.state.price,
      askingPrice: auction.state.askingPrice,
      reserveMet: auction.state.reserveMet,
      endsAt: auction.state.endsAt,
    };
  }

  #readNow(read: Read): ReadOutcome {
    const auction = this.auctions.get(read.auctionId);
    if (auction === undefined) return { kind: "refused", code: "no_such_auction", retryAfterMs: 0 };
    const { epoch, publicSequence: sequence, state } = auction;
    if (read.kind === "standing") return { kind: "ok", result: { kind: "standing", standing: this.#standing(auction, read.bidderId), sequence } };
    const rows = auction.rows.slice(0, read.kind === "view" ? read.history : 0);
    return { kind: "ok", result: { kind: "view", view: { auctionId: read.auctionId, epoch, sequence, terms: TERMS, state }, rows, you: null } };
  }

  #standing(auction: TrialAuction, bidderId: string): Standing {
    const highest = auction.highest.get(bidderId) ?? null;
    const bidderNumber = auction.numbers.get(bidderId) ?? null;
    return { bidderNumber, leading: auction.leader === bidderId, maximum: highest, highestBid: highest, blocked: false, authorisedLimit: null };
  }

  #auction(auctionId: AuctionId): TrialAuction {
    const auction = this.auctions.get(auctionId);
    if (auction === undefined) throw new Error(`The test opened no auction ${auctionId}.`);
    return auction;
  }
}
