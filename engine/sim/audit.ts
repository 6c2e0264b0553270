// The auditor: reads one shard's log from its first record and checks every invariant that a log can show.
//
// Owns: the list of checks below. Must not: trust the engine's rulings. Each decision is ruled on again by the naive model, and
// must come out the same; the first difference is a violation, with its place. States are built by the engine's own `apply`, and the facts
// they show are compared with the model's; of bid lists, counts and bidders' numbers nothing else is asked.
//
// I1   lsn 1, 2, 3, ... over the effective records (the judge); sequence 1, 2, 3, ... in each auction.
// I2   the price never falls but by a removal.        I3, I4  leader and price are the naive model's, at each decision.
// I9   one key of one issuer is decided at most once. I11  nothing accepted after the hammer; no hammer early; one at most.
// I12  the end moves earlier only by an early end, a withdrawal or a purchase; an extension names the bid that is being decided.
// I13  one winner, none under an unmet reserve but by a sale that says so; hammer price = price.
// I14  the state hash of a RELEASE is that of the replayed state.
// I16  logged time never falls.                       I20  what is shown of the replayed state is what the naive model's facts say.
// I21  a rejection has no effects.     I23  amounts are safe integers.
import { answerRow, apply } from "../core/auction.ts";
import type { CommandBody } from "../core/command.ts";
import type { Decision } from "../core/decision.ts";
import type { AuctionId, Instant } from "../core/ids.ts";
import type { AuctionState } from "../core/state.ts";
import { addHash, stateHash, subtractHash, ZERO_HASH } from "../core/state-hash.ts";
import type { Hash, JudgedRecord, Verdict } from "../core/validity.ts";
import { differenceOf, factsOf } from "./facts.ts";
import { ModelAuction, type ModelFacts } from "./model.ts";

/** The first thing that is wrong, and where. */
export interface Violation {
  readonly invariant: string;
  readonly shard: number;
  readonly offset: number;
  readonly lsn: number;
  readonly auctionId: string | null;
  readonly sequence: number | null;
  readonly message: string;
}

interface Audited {
  /** null: the `create` was rejected, and the id is taken by its answer alone. */
  readonly model: ModelAuction | null;
  readonly state: AuctionState;
  readonly hash: Uint8Array;
  changed: boolean;
}

class Wrong extends Error {
  readonly invariant: string;

  constructor(invariant: string, message: string) {
    super(message);
    this.invariant = invariant;
  }
}

function must(condition: boolean, invariant: string, message: () => string): asserts condition {
  if (!condition) throw new Wrong(invariant, message());
}

/** Audits one shard. Feed it every record in order; memory holds the auctions, never the log. */
export class ShardAudit {
  readonly shard: number;
  readonly #hash: Hash;
  readonly #auctions = new Map<AuctionId, Audited>();
  #sum: Uint8Array = ZERO_HASH;
  #lsn = 0;
  #time: Instant = 0;
  decisions = 0;
  accepted = 0;
  records = 0;
  voids = 0;
  hammers = 0;

  constructor(shard: number, hash: Hash) {
    this.shard = shard;
    this.#hash = hash;
  }

  get auctions(): number {
    return this.#auctions.size;
  }

  /** An auction as replayed up to here, or null; it changes as the replay goes on. */
  stateOf(auctionId: AuctionId): AuctionState | null {
    return this.#auctions.get(auctionId)?.state ?? null;
  }

  /** Every auction as replayed up to here. */
  *states(): IterableIterator<AuctionState> {
    for (const { state } of this.#auctions.values()) yield state;
  }

  /** State hash of the shard as replayed up to here, 16 bytes. */
  stateSum(): Uint8Array {
    for (const audited of this.#auctions.values()) {
      if (!audited.changed) continue;
      const hash = stateHash(audited.state, this.#hash);
      this.#sum = addHash(subtractHash(this.#sum, audited.hash), hash);
      audited.hash.set(hash);
      audited.changed = false;
    }
    return this.#sum;
  }

  /** The next record with the judge's verdict; `decisions` unpacks a frame. Returns the violation it shows, or null. `seen` hears of each
   *  decision right behind it. */
  record(
    record: JudgedRecord,
    verdict: Verdict,
    decisions: (record: JudgedRecord) => readonly Decision[],
    seen: (decision: Decision, lsn: number) => void = () => undefined,
  ): Violation | null {
    this.records += 1;
    let at: Decision | null = null;
    try {
      must(verdict.kind !== "broken", verdict.kind === "broken" ? verdict.reason : "", () => "the record does not fit what stands before it");
      if (verdict.kind === "void") {
        this.voids += 1;
        return null;
      }
      if (record.kind === "frame") {
        let lsn = record.firstLsn;
        for (const decision of decisions(record)) {
          at = decision;
          this.#lsn = lsn;
          must(
            decision.at >= record.timeFirst && decision.at <= record.timeLast,
            "I16",
            () => `decided at ${decision.at}, outside the frame's ${record.timeFirst} to ${record.timeLast}`,
          );
          this.#decision(decision);
          seen(decision, lsn);
          lsn += 1;
        }
        must(lsn === record.firstLsn + record.count, "I1", () => `a frame of ${record.count} lsns holds ${lsn - record.firstLsn} decisions`);
      } else if (record.kind === "release") {
        this.#lsn = record.firstLsn;
        this.#release(record.stateHash);
      }
      return null;
    } catch (error) {
      const invariant = error instanceof Wrong ? error.invariant : "unreadable";
      const message = error instanceof Error ? error.message : String(error);
      return { invariant, shard: this.shard, offset: record.offset, lsn: this.#lsn, auctionId: at?.auctionId ?? null, sequence: at?.sequence ?? null, message };
    }
  }

  #decision(decision: Decision): void {
    this.decisions += 1;
    must(decision.at >= this.#time, "I16", () => `decided at ${decision.at}, before ${this.#time}`);
    this.#time = decision.at;
    const known = this.#auctions.get(decision.auctionId);
    if (known === undefined) this.#create(decision);
    else this.#next(known, decision);
    if (decision.verdict === "accepted") this.accepted += 1;
    else checkNoEffects(decision);
  }

  #create(decision: Decision): void {
    must(decision.command.body.type === "create", "I1", () => `the first decision of an auction is ${decision.command.body.type}, not create`);
    must(decision.sequence === 1, "I1", () => `the first decision has sequence ${decision.sequence}`);
    const model = decision.verdict === "accepted" ? new ModelAuction(decision.command.body.settings) : null;
    const state = apply(null, decision);
    this.#auctions.set(decision.auctionId, { model, state, hash: new Uint8Array(ZERO_HASH), changed: true });
    if (model !== null) checkShown(state, model);
  }

  #next(audited: Audited, decision: Decision): void {
    const { model, state } = audited;
    must(model !== null, "I1", () => "a decision of an auction whose create was rejected");
    must(decision.sequence === model.sequence + 1, "I1", () => `sequence ${decision.sequence} follows ${model.sequence}`);
    const digest = decision.command.keyDigest;
    must(digest === null || answerRow(state, digest) < 0, "I9", () => `the key ${decision.command.key} of ${decision.command.issuerId} was decided before`);
    const before = model.facts();
    const ruling = model.rule(decision.command, decision.at);
    const said = `${decision.verdict} ${decision.code}`;
    const expected = `${ruling.accepted ? "accepted" : "rejected"} ${ruling.code}`;
    must(said === expected, codeInvariant(decision), () => `${decision.command.body.type}: the log says ${said}, the rules say ${expected}`);
    if (decision.verdict === "accepted") {
      checkEffects(decision, before, model.facts());
      if (decision.effects.ended !== null) this.hammers += 1;
    }
    apply(state, decision);
    audited.changed = true;
    checkShown(state, model);
  }

  #release(claimed: Uint8Array): void {
    const sum = this.stateSum();
    must(
      sum.every((byte, i) => byte === claimed[i]),
      "I14",
      () => "the replayed state has another hash than the one released",
    );
  }
}

// The state is built by the engine's own code; this is what keeps that honest.
function checkShown(state: AuctionState, model: ModelAuction): void {
  const wrong = differenceOf(factsOf(state), model.facts());
  must(wrong === null, "I20", () => `the replayed state ${wrong}`);
}

function codeInvariant(decision: Decision): string {
  const bid: readonly CommandBody["type"][] = ["place_bid", "raise_maximum"];
  if (decision.command.body.type === "close_due") return "I11";
  return bid.includes(decision.command.body.type) ? "I2" : "I21";
}

function checkNoEffects(decision: Decision): void {
  const changed = Object.entries(decision.effects).find(([, effect]) => effect !== null);
  must(changed === undefined, "I21", () => `a rejection with the effect ${changed?.[0]}`);
}

function checkEffects(decision: Decision, before: ModelFacts, after: ModelFacts): void {
  const { bidTaken, bidsRemoved, reserveLowered, standing, extended, endMoved, ended, buyNow } = decision.effects;
  const { body, issuerId } = decision.command;
  if (body.type === "place_bid" || body.type === "raise_maximum") {
    const kind = body.type === "place_bid" ? body.kind : "maximum";
    must(
      bidTaken !== null && bidTaken.bidderId === issuerId && bidTaken.amount === body.amount && bidTaken.kind === kind,
      "I5",
      () => "the bid taken is not the bid that was asked for",
    );
    must(Number.isSafeInteger(bidTaken.amount), "I23", () => "an amount is no safe integer");
    must(standing !== null, "I4", () => "an accepted bid without a standing");
  } else must(bidTaken === null, "I21", () => `${body.type} took a bid`);
  if (standing !== null) {
    must(standing.leader === after.leader, "I3", () => `the log says ${standing.leader} leads, the rules say ${after.leader}`);
    must(standing.price === after.price, "I4", () => `the log says the price is ${standing.price}, the rules say ${after.price}`);
    must(standing.reserveMet === after.reserveMet, "I13", () => `the log says reserveMet ${standing.reserveMet}, the rules say ${after.reserveMet}`);
  } else must(before.price === after.price && before.leader === after.leader, "I4", () => "leader or price changed without a word");
  const fell = before.price !== null && (after.price ?? 0) < before.price;
  must(!fell || bidsRemoved !== null, "I2", () => `the price fell from ${before.price} to ${after.price}`);
  must(reserveLowered === null || body.type === "lower_reserve", "I21", () => `${body.type} lowered the reserve`);
  if (buyNow !== null) must(buyNow.available === after.buyNowAvailable, "I21", () => "buy-now availability differs");
  checkEnd(decision, before, after, { extended, endMoved, ended });
}

function checkEnd(decision: Decision, before: ModelFacts, after: ModelFacts, parts: Pick<Decision["effects"], "extended" | "endMoved" | "ended">): void {
  const { extended, endMoved, ended } = parts;
  if (extended !== null) {
    must(extended.bidId === decision.sequence && decision.effects.bidTaken !== null, "I12", () => "an extension that names another bid than its own");
    must(
      extended.from === before.endsAt && extended.to === after.endsAt && after.extensionCount === before.extensionCount + 1,
      "I12",
      () => `extended from ${extended.from} to ${extended.to}, the rules say ${before.endsAt} to ${after.endsAt}`,
    );
  } else must(after.extensionCount === before.extensionCount, "I12", () => "the rules extend here, the log does not");
  if (endMoved !== null)
    must(endMoved.from === before.endsAt && endMoved.to === after.endsAt, "I12", () => `the end moved to ${endMoved.to}, the rules say ${after.endsAt}`);
  const { opened } = decision.effects;
  if (opened !== null)
    must(
      opened.endsAt === after.endsAt && opened.scheduledCloseAt === after.scheduledCloseAt,
      "I12",
      () => `opened until ${opened.endsAt}, the rules say ${after.endsAt}`,
    );
  const said = extended ?? endMoved ?? opened ?? ended;
  must(said !== null || before.endsAt === after.endsAt, "I12", () => `the rules move the end to ${after.endsAt}, the log does not`);
  if (ended === null) {
    must(after.hammer === null, "I11", () => "the rules end the auction here, the log does not");
    return;
  }
  must(before.hammer === null, "I11", () => "a second hammer");
  const hammer = after.hammer;
  must(
    hammer !== null && ended.outcome === after.outcome && ended.by === hammer.by,
    "I13",
    () => `the log says ${ended.outcome} by ${ended.by}, the rules say ${after.outcome} by ${hammer?.by}`,
  );
  must(
    ended.winner === hammer.winner && ended.hammerPrice === hammer.price,
    "I13",
    () => `the log says ${ended.winner} at ${ended.hammerPrice}, the rules say ${hammer.winner} at ${hammer.price}`,
  );
  must(
    ended.endedAt === hammer.endedAt && (ended.by !== "close_due" || decision.at >= ended.endedAt),
    "I11",
    () => `a hammer at ${decision.at} for an end at ${ended.endedAt}`,
  );
}
