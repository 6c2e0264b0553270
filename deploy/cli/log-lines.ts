// How a record of the log and the decisions in it are shown: as lines for people, as documents for programs.
//
// Owns: the words for each judgement, and what is a secret. Must not: open, read or judge a log.
//
// W1. A maximum, a reserve and a limit are secrets of whoever set them. They are shown only to those who ask for secrets, and what
//     is left out says so: never an empty place that could be taken for "none".
import type { CommandBody } from "../../engine/core/command.ts";
import type { Decision, Effects } from "../../engine/core/decision.ts";
import type { JudgedRecord, Verdict, VoidReason } from "../../engine/core/validity.ts";

/** Shown in place of a secret (W1). */
export const SECRET = "(secret)";

/** A record as read, its verdict, and the decisions in it. `verdict` null: it could not be judged, since the log is trimmed. */
export interface ShownRecord {
  readonly record: JudgedRecord;
  readonly verdict: Verdict | null;
  readonly decisions: readonly Decision[];
  /** Of the shard behind this record; null where nothing was judged. */
  readonly lsn: number | null;
}

const VOID_WORDS: Readonly<Record<VoidReason, string>> = {
  foreign: "not written by this product: somebody else writes to the log",
  other_life: "belongs to another life of the log or to another shard",
  second_genesis: "only the first GENESIS counts",
  claim_late: "names a claim that was no longer the effective one",
  old_epoch: "its writer had lost the shard to a later claim",
  released: "its writer had given the shard up",
  repeat: "a second copy of a record that stands before it",
  unknown_kind: "a kind of record this version does not know",
};

/** "effective", or the reason and what it means. */
export function judgementText(verdict: Verdict | null): string {
  if (verdict === null) return "not judged: what stood before it is trimmed away";
  if (verdict.kind === "effective") return "effective";
  if (verdict.kind === "broken") return `BROKEN: ${verdict.reason}`;
  return `void: ${verdict.reason}, ${VOID_WORDS[verdict.reason]}`;
}

/** A record with its judgement and decisions as one JSON document. */
export function recordDocument(shown: ShownRecord, secrets: boolean): unknown {
  const { record, verdict, decisions } = shown;
  const fields = Object.entries(record)
    .filter(([name]) => name !== "payload")
    .map(([name, value]) => [name, value instanceof Uint8Array ? Buffer.from(value).toString("hex") : value]);
  const firstLsn = "firstLsn" in record ? record.firstLsn : 0;
  return {
    ...Object.fromEntries(fields),
    judgement: verdict?.kind ?? "not judged",
    why: verdict === null || verdict.kind === "effective" ? null : verdict.reason,
    alarm: verdict?.alarm ?? false,
    decisions: decisions.map((decision, i) => decisionDocument(decision, firstLsn + i, secrets)),
  };
}

/** One decision as the command line shows it: without digests, with its lsn, secrets masked unless asked for. */
export function decisionDocument(decision: Decision, lsn: number, secrets: boolean): unknown {
  const { keyDigest: _digest, fingerprint: _fingerprint, auctionId: _auction, body, ...command } = decision.command;
  const told = secrets ? decision.effects : maskedEffects(decision.effects);
  return {
    lsn,
    auctionId: decision.auctionId,
    sequence: decision.sequence,
    at: decision.at,
    epoch: decision.epoch,
    ...command,
    ...(secrets ? body : maskedBody(body)),
    verdict: decision.verdict,
    code: decision.code,
    effects: Object.fromEntries(Object.entries(told).filter(([, effect]) => effect !== null)),
  };
}

/** A record and its decisions as lines: offset, kind, place, judgement; then a line for each decision. */
export function recordLines(shown: ShownRecord, secrets: boolean): readonly string[] {
  const { record, verdict, decisions } = shown;
  const head = `${String(record.offset).padStart(8)}  ${[record.kind, ...recordParts(record)].join(" ")}  ${judgementText(verdict)}`;
  const firstLsn = "firstLsn" in record ? record.firstLsn : 0;
  const struck = verdict !== null && verdict.kind !== "effective" ? "  does not count" : "";
  return [head, ...decisions.map((decision, i) => `${decisionLine(decision, firstLsn + i, secrets)}${struck}`)];
}

function recordParts(record: JudgedRecord): readonly string[] {
  switch (record.kind) {
    case "genesis":
      return [`life ${hex(record.lifeId)} shards ${record.shards} made ${timeText(record.madeAt)} by ${record.version}`];
    case "claim":
      return [`(${record.reason}) by ${record.nodeId} after claim ${record.previous} at ${timeText(record.at)}`];
    case "time":
    case "release":
      return [`(${record.reason})`, placeText(record), timeText(record.timeFirst)];
    case "frame":
      return [placeText(record)];
    case "damaged":
      return [`(${record.detail})`];
    case "newer":
      return [`version ${record.version}`];
    case "unknown_kind":
      return [`number ${record.recordKind}`];
    case "foreign":
      return [];
  }
}

function placeText(record: { readonly firstLsn: number; readonly count: number; readonly epoch: number }): string {
  const last = record.count > 1 ? `-${record.firstLsn + record.count - 1}` : "";
  return `lsn ${record.firstLsn}${last} epoch ${record.epoch}`;
}

function decisionLine(decision: Decision, lsn: number, secrets: boolean): string {
  const { issuerId } = decision.command;
  const body = secrets ? decision.command.body : maskedBody(decision.command.body);
  const amount = "amount" in body ? ` ${String(body.amount)}` : "";
  const { standing, ended, extended } = decision.effects;
  const price = standing === null ? "" : `  price ${standing.price ?? "-"} leader ${standing.leader ?? "-"}`;
  const more = `${extended === null ? "" : `  extended to ${timeText(extended.to)}`}${ended === null ? "" : `  ${ended.outcome} ${ended.hammerPrice ?? "-"}`}`;
  const { auctionId, sequence, verdict, code } = decision;
  return `${" ".repeat(10)}${lsn}  ${timeText(decision.at)}  ${auctionId} #${sequence}  ${issuerId} ${decision.command.body.type}${amount}  ${verdict} ${code}${price}${more}`;
}

/** What is asked, its secrets masked (W1). Of a flat bid the amount is the price, which everybody sees. */
export function maskedBody(body: CommandBody): Readonly<Record<string, unknown>> {
  switch (body.type) {
    case "place_bid":
      return body.kind === "maximum" ? masked(body, ["amount"]) : body;
    case "raise_maximum":
      return masked(body, ["amount"]);
    case "lower_reserve":
      return masked(body, ["reserve"]);
    case "set_bidder":
      return masked(body, ["authorisedLimit"]);
    case "create":
      return { ...body, settings: maskedSettings(body.settings) };
    default:
      return body;
  }
}

function maskedSettings(settings: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const { bidderRules } = settings;
  const rules = typeof bidderRules === "object" && bidderRules !== null ? { bidderRules: masked(bidderRules, ["defaultLimit"]) } : {};
  return { ...masked(settings, ["reserve"]), ...rules };
}

function maskedEffects(effects: Effects): Readonly<Record<string, unknown>> {
  const { bidTaken, reserveLowered, bidderSet } = effects;
  return {
    ...effects,
    bidTaken: bidTaken?.kind === "maximum" ? masked(bidTaken, ["amount"]) : bidTaken,
    reserveLowered: reserveLowered && masked(reserveLowered, ["reserve", "cutTo"]),
    bidderSet: bidderSet && masked(bidderSet, ["authorisedLimit"]),
  };
}

/** The same members, those named masked wherever they are set: a null would betray that there is none. */
function masked(from: object, names: readonly string[]): Readonly<Record<string, unknown>> {
  const out: Record<string, unknown> = { ...from };
  for (const name of names) if (out[name] !== undefined) out[name] = SECRET;
  return out;
}

function timeText(at: number): string {
  return Number.isFinite(at) && Math.abs(at) <= TIME_MAX ? new Date(at).toISOString() : `time ${at}`;
}

/** Largest instant that Date can write; a record of a stranger may bear any number. */
const TIME_MAX = 8_640_000_000_000_000;

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
