// What tests of the shard loop say again and again: an auction, a bid, and in a word what somebody was told.
import { createRecordCodec } from "../../persistence/record.ts";
import type { Command, CommandBody } from "../core/command.ts";
import type { AuctionId } from "../core/ids.ts";
import { advance, initialJudge, type JudgedRecord, judge } from "../core/validity.ts";
import { ShardAudit, type Violation } from "./audit.ts";
import type { Placed } from "./history.ts";
import { auctionIdOf, commandOf, DAY_ONE, type OneNode, type Told } from "./one-node.ts";

export const SECOND = 1_000;
export const HOUR = 3_600_000;
export const AUCTION = auctionIdOf(1);

/** A create that opens at DAY_ONE and lasts an hour, unless told otherwise. */
export function create(settings: Record<string, unknown> = {}): CommandBody {
  return { type: "create", settings: { currency: "USD", opening: 100, opensAt: DAY_ONE, durationMs: HOUR, sellerId: "sue", ...settings } };
}

/** A maximum bid. */
export function bid(amount: number): CommandBody {
  return { type: "place_bid", kind: "maximum", amount, currency: "USD" };
}

/** A bid of a bidder under a key. */
export function bidOf(bidderId: string, key: string, amount: number, auctionId: AuctionId = AUCTION): Command {
  return commandOf("bidder", bidderId, auctionId, key, bid(amount));
}

/** Has the seller create an auction. */
export function opened(world: OneNode, settings: Record<string, unknown> = {}, auctionId: AuctionId = AUCTION): Promise<Told> {
  return world.ask(commandOf("seller", "sue", auctionId, "create", create(settings)));
}

/** What somebody was told: code and sequence of an answer, the code of a refusal, or "nothing". */
export function said(told: Told | undefined): string {
  if (told === undefined) return "nothing";
  if (told.kind === "read") return "read";
  return told.kind === "answer" ? `${told.answer.code} ${told.answer.sequence}${told.replayed ? " replayed" : ""}` : told.code;
}

/** Lets everything that needs no time happen until the promise is settled; throws when it needs more than that. */
export async function finished<T>(world: OneNode, promise: Promise<T>): Promise<T> {
  let done = false;
  const settled = promise.finally(() => {
    done = true;
  });
  settled.catch(() => undefined);
  for (let n = 0; n < 50 && !done; n += 1) await world.time.settle();
  if (!done) throw new Error("still waiting, and nothing is left to happen");
  return settled;
}

export interface Audited {
  readonly violations: readonly Violation[];
  readonly placed: readonly Placed[];
  readonly records: readonly JudgedRecord[];
}

/** Audits every shard of the world's log from its first record. `records` are the effective ones. */
export async function audited(world: OneNode): Promise<Audited> {
  const codec = createRecordCodec(world.lifeId);
  const log = world.records.connect();
  const violations: Violation[] = [];
  const placed: Placed[] = [];
  const records: JudgedRecord[] = [];
  for (let shard = 0; shard < world.records.shards; shard += 1) {
    const audit = new ShardAudit(shard, codec.hash);
    const state = initialJudge(shard);
    for await (const list of log.read(shard, 0)) {
      for (const stored of list) {
        const record = codec.decode(stored, shard);
        const verdict = judge(state, record);
        const wrong = audit.record(record, verdict, (frame) => codec.decisions(frame));
        if (wrong !== null) violations.push(wrong);
        if (verdict.kind === "broken") return { violations, placed, records };
        advance(state, record, verdict, codec.hash);
        if (verdict.kind === "void") continue;
        records.push(record);
        if (record.kind !== "frame") continue;
        for (const [n, decision] of codec.decisions(record).entries()) placed.push({ shard, lsn: record.firstLsn + n, decision });
      }
    }
  }
  return { violations, placed, records };
}

/** State hashes of all shards, as hex. */
export function hashesOf(world: OneNode): readonly string[] {
  return world.node.all().map((shard) => Buffer.from(shard.hashes.sum).toString("hex"));
}
