// The rules around every format: decide never changes a state, apply never fails, and live and replay use the same apply.
//
// Owns: permission and phase before anything else, the answer remembered under a key, and which format rules. Must not: hold a
// format's rules, read a clock, or know whether a decision is live or replayed.
//
// Y1. Every decision adds one to the sequence, rejections too; decision times never fall.
// Y2. A key belongs to one command: a repeat gets the first answer, another command under it is refused.
// Y3. A due command is decided before any other command of the auction, but for give_back.
import { ANSWER_BYTES, answerSequence, isFingerprintAt, readAnswer, writeAnswer } from "./answers.ts";
import { type Command, engineCommand, type KeyDigest } from "./command.ts";
import { type Answer, type Decision, NO_EFFECTS, type RefusalCode } from "./decision.ts";
import type { Format, Ruling } from "./format.ts";
import { english } from "./formats/english.ts";
import type { Epoch, Instant } from "./ids.ts";
import { invariant } from "./invariant.ts";
import { INSTANT_MAX } from "./money.ts";
import { checkPermission, checkPhase } from "./permission.ts";
import { CHUNK_ROWS } from "./row-table.ts";
import type { Settings } from "./settings.ts";
import { type AuctionState, emptyState } from "./state.ts";

const FORMATS: ReadonlyMap<unknown, Format> = new Map<unknown, Format>([["english", english]]);

/** The format of an auction's settings. */
export function formatOf(settings: Settings): Format {
  const format = FORMATS.get(settings.format);
  invariant(format !== undefined, "settings were made by a known format");
  return format;
}

/** Rules on one command at one instant. `state` is null only for the first command of an auction, which is a `create`; it is
 *  never the tombstone of a rejected one. `epoch` is that of the record that will hold the decision. */
export function decide(state: AuctionState | null, command: Command, now: Instant, epoch: Epoch): Decision {
  const ruling = state === null ? ruleOnCreate(command, now) : ruleOn(state, command, now);
  const rejected = typeof ruling === "string";
  return {
    auctionId: command.auctionId,
    sequence: state === null ? 1 : state.sequence + 1,
    at: now,
    epoch,
    command,
    verdict: rejected ? "rejected" : "accepted",
    code: rejected ? ruling : ruling.code,
    effects: rejected ? NO_EFFECTS : ruling.effects,
  };
}

function ruleOnCreate(command: Command, now: Instant): Ruling {
  invariant(command.body.type === "create", "an auction begins with its create");
  const denied = checkPermission(null, command);
  if (denied !== null) return denied;
  const settings = validate(command, now);
  return typeof settings === "string" ? settings : { code: "ok", effects: NO_EFFECTS };
}

function validate(command: Command, now: Instant): ReturnType<Format["validate"]> {
  invariant(command.body.type === "create", "settings come with a create");
  const input = command.body.settings;
  const format = FORMATS.get(input.format === undefined ? "english" : input.format);
  return format === undefined ? "format_invalid" : format.validate(input, now);
}

function ruleOn(state: AuctionState, command: Command, now: Instant): Ruling {
  const settings = state.settings;
  invariant(settings !== null, "nothing is decided for a create that was rejected");
  invariant(now >= state.lastAt, "decision times never fall");
  const denied = checkPermission(state, command) ?? checkPhase(state, command, now);
  return denied ?? formatOf(settings).decide(settings, state, command, now);
}

/** Applies one decision and returns the state after it: the state given, changed. `state` is null only for a create. Also
 *  remembers the answer when the command has a key. */
export function apply(state: AuctionState | null, decision: Decision): AuctionState {
  const after = state ?? emptyState(decision.auctionId);
  invariant(decision.sequence === after.sequence + 1, "decisions are applied in order");
  invariant(decision.at >= after.lastAt && decision.at <= INSTANT_MAX, "decision times never fall");
  after.sequence = decision.sequence;
  after.lastAt = decision.at;
  if (state === null) applyCreate(after, decision);
  else if (decision.verdict === "accepted") {
    invariant(after.settings !== null, "nothing is accepted for a create that was rejected");
    formatOf(after.settings).apply(after.settings, after, decision);
  }
  remember(after, decision);
  return after;
}

function applyCreate(state: AuctionState, decision: Decision): void {
  if (decision.verdict === "rejected") return;
  const settings = validate(decision.command, decision.at);
  invariant(typeof settings !== "string", "accepted settings hold");
  const { opensAt, endsAt, durationMs } = settings;
  state.settings = settings;
  state.phase = opensAt === null ? "draft" : "scheduled";
  state.opensAt = opensAt;
  state.endsAt = endsAt ?? (opensAt === null || durationMs === null ? null : opensAt + durationMs);
  state.scheduledCloseAt = state.endsAt;
  state.reserve = settings.reserve;
  state.buyNowAvailable = settings.buyNow !== null;
  state.publicSequence = decision.sequence;
  state.publicEpoch = decision.epoch;
}

function remember(state: AuctionState, decision: Decision): void {
  const { keyDigest, fingerprint } = decision.command;
  if (keyDigest === null || fingerprint === null) return;
  const ledger = state.ledger;
  const row = state.answerCount;
  state.answerCount = row + 1;
  if (row < ledger.answers.count) {
    // The head was here before; both wrote the answer to the same decision.
    invariant(answerSequence(ledger.answers.bytes(row), ledger.answers.at(row)) === decision.sequence, "head and committed remember the same answers");
    return;
  }
  invariant(row === ledger.answers.count, "answers are remembered without gap");
  ledger.addAnswer();
  writeAnswer(ledger.answers.bytes(row), ledger.answers.at(row), keyDigest, fingerprint, answerTo(state, decision));
  ledger.answerAdded();
}

/** What the issuer of a command hears: everything as it is after the decision. */
function answerTo(state: AuctionState, decision: Decision): Answer {
  const { verdict, code, sequence, epoch, at, command } = decision;
  const settings = state.settings;
  return {
    verdict,
    code,
    sequence,
    epoch,
    at,
    standing: standingAfter(state, command.issuerId),
    price: state.price,
    askingPrice: settings === null ? null : formatOf(settings).askingPrice(settings, state),
    reserveMet: settings === null ? null : formatOf(settings).reserveMet(state),
    endsAt: state.endsAt,
  };
}

function standingAfter(state: AuctionState, issuerId: string): Answer["standing"] {
  const bidder = state.indexOf(issuerId);
  if (bidder < 0) return null;
  if (bidder === state.leader) return "leading";
  return state.bidder(bidder).live > 0 ? "outbid" : null;
}

/** The next instant at which a due command exists; Infinity when none does. */
export function dueAt(state: AuctionState): Instant {
  if (state.phase === "open") return state.endsAt ?? Number.POSITIVE_INFINITY;
  if (state.phase === "scheduled") return state.opensAt ?? Number.POSITIVE_INFINITY;
  return Number.POSITIVE_INFINITY;
}

const OPEN_DUE = Object.freeze({ type: "open_due" } as const);
const CLOSE_DUE = Object.freeze({ type: "close_due" } as const);

/** The command that is or will be due at dueAt. */
export function dueCommand(state: AuctionState): Command {
  invariant(state.phase === "open" || state.phase === "scheduled", "only a scheduled or open auction has a due command");
  return engineCommand(state.auctionId, state.phase === "open" ? CLOSE_DUE : OPEN_DUE);
}

/** Row of the answer remembered under a key, or -1. */
export function answerRow(state: AuctionState, key: KeyDigest): number {
  return state.ledger.findAnswer(key, state.answerCount);
}

/** Whether the answer of that row was given to this command: same type and fields. */
export function sameCommand(state: AuctionState, row: number, command: Command): boolean {
  return command.fingerprint !== null && isFingerprintAt(answerChunk(state, row), answerOffset(row), command.fingerprint);
}

/** Bytes that hold the answer of a row; it is the 64 bytes from answerOffset on. Only to be read. */
export function answerChunk(state: AuctionState, row: number): Uint8Array {
  return state.ledger.answers.chunk(row);
}

/** Where the answer of a row begins in its chunk. */
export function answerOffset(row: number): number {
  return (row % CHUNK_ROWS) * ANSWER_BYTES;
}

export type Ruled =
  /** `decisions`: the due ones that came first, then the command's own; none for a repeat. */
  | {
      readonly kind: "answer";
      readonly state: AuctionState;
      readonly decisions: readonly Decision[];
      readonly answer: Answer | null;
      readonly replayed: boolean;
    }
  | { readonly kind: "refusal"; readonly state: AuctionState | null; readonly decisions: readonly Decision[]; readonly code: RefusalCode };

/** The whole rule around decide in one place: known key, then due commands, then the command. The state is changed. Engine
 *  commands have no key and so no answer. A shard does the same over its mailbox and head. */
export function rule(state: AuctionState | null, command: Command, now: Instant, epoch: Epoch): Ruled {
  const known = state === null || command.keyDigest === null ? -1 : answerRow(state, command.keyDigest);
  if (state !== null && known >= 0) {
    if (!sameCommand(state, known, command)) return { kind: "refusal", state, decisions: [], code: "key_reused" };
    return { kind: "answer", state, decisions: [], answer: readAnswer(answerChunk(state, known), answerOffset(known)), replayed: true };
  }
  if (state === null ? command.body.type !== "create" : state.phase === null) return { kind: "refusal", state, decisions: [], code: "no_such_auction" };
  const decisions: Decision[] = [];
  let after = state;
  if (after !== null && command.body.type !== "give_back") {
    while (dueAt(after) <= now) after = decideAndApply(after, dueCommand(after), { now, epoch, decisions });
  }
  after = decideAndApply(after, command, { now, epoch, decisions });
  const answer = command.keyDigest === null ? null : readAnswer(answerChunk(after, after.answerCount - 1), answerOffset(after.answerCount - 1));
  return { kind: "answer", state: after, decisions, answer, replayed: false };
}

function decideAndApply(state: AuctionState | null, command: Command, at: { now: Instant; epoch: Epoch; decisions: Decision[] }): AuctionState {
  const decision = decide(state, command, at.now, at.epoch);
  at.decisions.push(decision);
  return apply(state, decision);
}
