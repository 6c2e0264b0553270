// For tests: auctions written as tables, a row per command, as houses and readers write them.
//
//   at | seq | command | decision | price | asking | leader | met | ends
//
// Times are offsets from the opening (`1h`, `23h59m30s`, `-1m`); `-` is null; price, asking price, leader, reserve met (y, n) and
// end are those after the decision. The decision is `leading`, `outbid` or `ok`, with `ext N` when the end was extended because
// of bid N; `SOLD A 500`, `PASSED`, `WITHDRAWN`; `same N` for the remembered answer of sequence N; else the code. Each row has a
// key of its own unless `#key` is given. Set-up goes before the rows: `reserve 1000, soft 1m 90s end accepted_bid count 2`.
import { answerChunk, answerOffset, apply, decide, rule } from "./auction.ts";
import { type Command, type CommandBody, engineCommand, type KeyDigest, type Role } from "./command.ts";
import type { Decision } from "./decision.ts";
import type { Instant, Minor } from "./ids.ts";
import { EBAY_UK, EBAY_US } from "./increments.ts";
import { invariant } from "./invariant.ts";
import type { SettingsInput } from "./settings.ts";
import type { AuctionState } from "./state.ts";
import { auctionView, leaderId } from "./view.ts";

/** Instant of the opening in every table. */
export const OPENING_AT: Instant = 1_700_000_000_000;
export const TABLE_AUCTION = "0a100000-0000-8000-8000-000000000000";
export const TABLE_EPOCH = 7;

const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;
const SECOND_MS = 1_000;

/** `24h1m30s` in milliseconds. */
export function durationOf(text: string): number {
  const match = /^(-?)(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)?$/.exec(text);
  invariant(match !== null && text !== "" && text !== "-", `a time is written like 1h30m: ${text}`);
  const [, sign, hours = "0", minutes = "0", seconds = "0"] = match;
  const total = Number(hours) * HOUR_MS + Number(minutes) * MINUTE_MS + Math.round(Number(seconds) * SECOND_MS);
  return sign === "-" ? -total : total;
}

function instantOf(text: string): Instant {
  return OPENING_AT + durationOf(text);
}

type Draft = { -readonly [member in string]: unknown };

/** Settings from a set-up line; the common ground is USD, the US table, opening 100, seller S, open for 24 hours. */
export function settingsOf(setUp: string): SettingsInput {
  const settings: Draft = { currency: "USD", opening: 100, sellerId: "S", opensAt: OPENING_AT, endsAt: OPENING_AT + 24 * HOUR_MS };
  for (const phrase of setUp.split(",").map((text) => text.trim())) {
    if (phrase === "") continue;
    const [word = "", ...rest] = phrase.split(/\s+/);
    const set = SET_UP[word];
    invariant(set !== undefined, `unknown set-up: ${phrase}`);
    set(settings, rest);
  }
  return settings;
}

function into(settings: Draft, member: string, change: object): void {
  settings[member] = { ...(settings[member] as object | undefined), ...change };
}

const SET_UP: { readonly [word: string]: (settings: Draft, rest: readonly string[]) => void } = {
  reserve: (settings, [amount]) => {
    settings.reserve = Number(amount);
  },
  opening: (settings, [amount]) => {
    settings.opening = Number(amount);
  },
  step: (settings, [step]) => {
    settings.amountStep = Number(step);
  },
  table: (settings, bands) => {
    settings.increments =
      bands[0] === "uk" ? EBAY_UK.name : { bands: bands.map((band) => ({ from: Number(band.split(":")[0]), step: Number(band.split(":")[1]) })) };
  },
  kinds: (settings, [kinds]) => into(settings, "bidding", { kinds: kinds === "both" ? ["maximum", "flat"] : [kinds] }),
  equal: (settings, [equalMaximum]) => into(settings, "bidding", { equalMaximum }),
  sub: (settings) => {
    settings.increments = { bands: EBAY_US.bands, allowSubIncrementOutbid: false };
  },
  raise: (settings) => into(settings, "bidding", { ownRaiseMovesPrice: false }),
  buy: (settings, [price, until, returns]) => {
    settings.buyNow = { price: Number(price), until, returns: returns === "returns" };
  },
  covered: (settings, [coveredLeader]) => into(settings, "reserveLowering", { coveredLeader }),
  leader: (settings) => into(settings, "retraction", { leaderMay: false }),
  register: (settings) => into(settings, "bidderRules", { registration: "required" }),
  associate: (settings, associates) => {
    settings.associates = associates;
  },
  unopened: () => undefined,
  ends: (settings, [at]) => {
    settings.endsAt = instantOf(at ?? "");
  },
  outage: (settings, [, ...limits]) => {
    const limitOf = (word: string): string | undefined => limits[limits.indexOf(word) + 1];
    const givenMsMax = limits.includes("max") ? durationOf(limitOf("max") ?? "") : null;
    settings.outage = { policy: "give_back", lostMsMin: limits.includes("min") ? durationOf(limitOf("min") ?? "") : 0, givenMsMax };
  },
  soft: (settings, [window, amount, base, on, ...caps]) => {
    const rank = on === "rank" ? Number(caps.shift()) : 1;
    const cap = Object.fromEntries(caps.flatMap((word, index) => (index % 2 === 0 ? [capOf(word, caps[index + 1] ?? "")] : [])));
    settings.softClose = { windowMs: durationOf(window ?? ""), amountMs: durationOf(amount ?? ""), base, trigger: { on, rank }, scope: "lot", cap };
  },
};

function capOf(word: string, value: string): readonly [string, unknown] {
  if (word === "count") return ["count", Number(value)];
  if (word === "total") return ["totalMs", durationOf(value)];
  return ["hardStop", value.startsWith("+") ? { afterScheduledMs: durationOf(value.slice(1)) } : { at: instantOf(value) }];
}

/** A digest for tests: four mixes of the text, good enough to tell keys apart. */
export function digestOf(text: string): KeyDigest {
  const mix = (seed: number): number => [...text].reduce((hash, char) => Math.imul(hash ^ char.charCodeAt(0), 0x01000193) ^ (hash >>> 13), seed);
  return { a: mix(0x811c9dc5), b: mix(0x1234567), c: mix(0x2468ace), d: mix(0x7654321) };
}

/** A command with its digests. */
export function commandOf(role: Role, issuerId: string, key: string, body: CommandBody): Command {
  if (role === "engine") return engineCommand(TABLE_AUCTION, body);
  const { a, b } = digestOf(JSON.stringify(body));
  return { auctionId: TABLE_AUCTION, role, issuerId, key, keyDigest: digestOf(`${issuerId}\0${key}`), fingerprint: { a, b }, body };
}

const ROLE_OF: { readonly [actor: string]: Role } = { S: "seller", O: "operator", E: "engine" };
const BIDDER_WORDS = ["max", "flat", "raise", "buy", "retract"];

function parseCommand(text: string, freshKey: string): Command {
  const [words = "", key = freshKey] = text.split("#").map((part) => part.trim());
  const [actor = "", word = "", ...rest] = words.split(/\s+/);
  const parse = COMMANDS[word];
  invariant(parse !== undefined, `unknown command: ${text}`);
  const role = BIDDER_WORDS.includes(word) ? "bidder" : (ROLE_OF[actor] ?? "bidder");
  return commandOf(role, role === "engine" ? "engine" : actor, key, parse(rest));
}

const COMMANDS: { readonly [word: string]: (rest: readonly string[]) => CommandBody } = {
  max: ([amount, currency = "USD"]) => ({ type: "place_bid", kind: "maximum", amount: Number(amount), currency }),
  flat: ([amount, currency = "USD"]) => ({ type: "place_bid", kind: "flat", amount: Number(amount), currency }),
  raise: ([amount, currency = "USD"]) => ({ type: "raise_maximum", amount: Number(amount), currency }),
  buy: ([amount, currency = "USD"]) => ({ type: "buy_now", amount: Number(amount), currency }),
  retract: ([reason = "mistyped_amount"]) => ({ type: "retract_bid", reason }),
  lower: ([reserve]) => ({ type: "lower_reserve", reserve: Number(reserve) }),
  void: ([bidId]) => ({ type: "void_bid", bidId: Number(bidId), reason: "test" }),
  "void-bidder": ([bidderId = ""]) => ({ type: "void_bidder", bidderId, reason: "test", block: true }),
  withdraw: () => ({ type: "withdraw", reason: "test" }),
  "end-early": () => ({ type: "end_early", sellBelowReserve: false }),
  pause: () => ({ type: "pause", reason: "test" }),
  resume: () => ({ type: "resume", leaveAtLeastMs: 0 }),
  extend: ([at = ""]) => ({ type: "extend", endsAt: instantOf(at), reason: "test" }),
  bidder: ([bidderId = "", word, limit]) =>
    word === "limit" ? { type: "set_bidder", bidderId, authorisedLimit: Number(limit) } : { type: "set_bidder", bidderId, blocked: word === "block" },
  open: () => ({ type: "open_due" }),
  close: () => ({ type: "close_due" }),
  "give-back": ([from = "", to = ""]) => ({ type: "give_back", from: instantOf(from), to: instantOf(to) }),
};

/** An auction of a table: created one hour before its opening, and opened unless the set-up says otherwise. */
export function opened(setUp: string): AuctionState {
  const create = commandOf("operator", "O", "create", { type: "create", settings: settingsOf(setUp) });
  const state = apply(null, decide(null, create, OPENING_AT - HOUR_MS, TABLE_EPOCH));
  invariant(state.phase === "scheduled", `the set-up holds: ${setUp}`);
  if (setUp.includes("unopened")) return state;
  return apply(state, decide(state, engineCommand(TABLE_AUCTION, { type: "open_due" }), OPENING_AT, TABLE_EPOCH));
}

/** Cells of a table, trimmed. */
export function cellsOf(table: string): string[][] {
  return table
    .trim()
    .split("\n")
    .map((line) => line.split("|").map((cell) => cell.trim()));
}

/** One line per row of the table, as written and as it came out; equal when the table holds. */
export function played(setUp: string, table: string): { readonly written: readonly string[]; readonly found: readonly string[]; readonly state: AuctionState } {
  let state = opened(setUp);
  const written: string[] = [];
  const found: string[] = [];
  for (const [index, cells] of cellsOf(table).entries()) {
    const [at = "", , text = ""] = cells;
    const ends = cells[8] ?? "-";
    written.push([...cells.slice(0, 8), ends === "-" ? ends : `${durationOf(ends)} ms`].join(" | "));
    const command = parseCommand(text, `fresh-${index}`);
    const step = playStep(state, command, instantOf(at));
    state = step.state;
    found.push([at, step.sequence, text, step.decision, ...standing(state)].join(" | "));
  }
  return { written, found, state };
}

function playStep(state: AuctionState, command: Command, now: Instant): { state: AuctionState; sequence: string; decision: string } {
  if (command.role === "engine") {
    const decision = decide(state, command, now, TABLE_EPOCH);
    return { state: apply(state, decision), sequence: `${decision.sequence}`, decision: wordOf(decision) };
  }
  const ruled = rule(state, command, now, TABLE_EPOCH);
  if (ruled.kind === "refusal") return { state, sequence: "none", decision: ruled.code };
  if (ruled.replayed) return { state: ruled.state, sequence: "same", decision: `same ${ruled.answer?.sequence}` };
  const [decision] = ruled.decisions;
  invariant(ruled.decisions.length === 1 && decision !== undefined, "each row is one decision");
  return { state: ruled.state, sequence: `${decision.sequence}`, decision: wordOf(decision) };
}

function wordOf(decision: Decision): string {
  const { extended, ended } = decision.effects;
  if (ended !== null) return ended.outcome === "sold" ? `SOLD ${ended.winner} ${ended.hammerPrice}` : ended.outcome.toUpperCase();
  return extended === null ? decision.code : `${decision.code} ext ${extended.bidId}`;
}

function standing(state: AuctionState): string[] {
  const { price, askingPrice, reserveMet, endsAt } = auctionView(state).state;
  const cell = (value: Minor | string | null): string => (value === null ? "-" : `${value}`);
  const met = reserveMet === null ? "-" : reserveMet ? "y" : "n";
  return [cell(price), cell(askingPrice), cell(leaderId(state)), met, endsAt === null ? "-" : `${endsAt - OPENING_AT} ms`];
}

/** Bytes of all answers remembered, in order. */
export function answerBytes(state: AuctionState): number[][] {
  return Array.from({ length: state.answerCount }, (_, row) => [...answerChunk(state, row).subarray(answerOffset(row), answerOffset(row) + 64)]);
}
