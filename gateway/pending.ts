// Commands and reads that wait for their engine: sent and unanswered, or held until somebody serves their shard. Pure: time comes
// as an argument, sending and routing through a port.
//
// Must not: decide who serves a shard (route.ts), write to a socket (engine-link.ts).
//
// P1. Whoever asked hears exactly once: the engine's word, or a refusal when the deadline passes.
// P2. Nothing that may have had an effect is called failed. A command that was sent and lost its link, or whose outcome the engine
//     does not know, is in doubt; it is asked again under its key, and at its deadline it is `outcome_unknown`. A later refusal
//     does not end the doubt: it speaks of the later sending alone. `key_reused` does: a key is bound for ever. `no_such_auction` does
//     not: an earlier sending may still be on its way, and the auction be created before it arrives.
// P3. What was never sent, or was refused each time, had no effect, and its refusal says why it had to wait.
// P4. While anything of a shard is held, what comes later waits behind it, and at most REPEAT_WINDOW are outstanding: a new owner
//     gets the backlog of all gateways at once.
// P5. A refusal and what was read are believed only from the link that was asked last: another one may own the shard no more. An answer is
//     believed from any, because it is in the log.
//
// State  entered when                          left when                                   there
// held   no link serves the shard, or P4       a link serves it, holdMs or the deadline    counts in held(), at most heldMax
// sent   handed to a link                      answered, refused, link lost, deadline      counts in inFlight()
import type { Command } from "../engine/core/command.ts";
import type { RefusalCode } from "../engine/core/decision.ts";
import type { AuctionId, Shard } from "../engine/core/ids.ts";
import type { Read, ReadResult, RequestId } from "../engine/protocol.ts";
import { Lane } from "./lane.ts";
import type { CommandReply, ReadOutcome } from "./ports.ts";
import { NONE, type ShardState } from "./route.ts";

/** Commands and reads known at once, held ones included: as many as eight full shards of an engine (16,384 each) could wait with.
 *  About 500 bytes each. At the limit: `overloaded`. */
export const PENDING_MAX = 131_072;
/** Outstanding commands of one shard while a backlog of it is let in. */
export const REPEAT_WINDOW = 1_024;
/** First wait before a refused command is repeated; doubles up to the longest. A move takes 20 to 200 ms. */
const BACK_OFF_MS = 20;
const BACK_OFF_MS_MAX = 500;
/** Hint with refusals made here: by then a takeover is over or will take long. */
const RETRY_AFTER_MS = 1_000;
const REQUEST_ID_MAX = 0x7fffffff;

export type Ask =
  | { readonly kind: "command"; readonly command: Command; readonly reply: CommandReply }
  | { readonly kind: "read"; readonly read: Read; readonly done: (outcome: ReadOutcome) => void };

export interface PendingPort {
  /** The link that can take a command for this shard now, or NONE. */
  linkFor(shard: Shard): number;
  stateOf(shard: Shard): ShardState;
  /** false: it cannot be said on the link at all (a malformed id or key). */
  send(link: number, requestId: RequestId, deadlineMs: number, ask: Ask): boolean;
  /** From 0 up to but excluding 1. */
  fraction(): number;
}

export interface PendingOptions {
  readonly port: PendingPort;
  /** Held at most so long. */
  readonly holdMs: number;
  readonly heldMax: number;
}

interface Entry {
  readonly id: RequestId;
  readonly ask: Ask;
  shard: Shard;
  readonly deadlineAt: number;
  held: boolean;
  /** When it was first held, or NEVER. */
  heldAt: number;
  /** The link it is sent to, or NONE. */
  link: number;
  sentBefore: boolean;
  doubt: boolean;
  /** The last refusal that was not passed on. */
  refusal: RefusalCode | null;
}

const NEVER = -1;

/** Asked again until the deadline, under the same key; `log_unavailable` once (see #isRepeated). Every other refusal is passed on at
 *  once. */
const REPEATED: ReadonlySet<RefusalCode> = new Set(["shard_moving", "shard_unowned", "log_unavailable", "outcome_unknown"]);

export class Pending {
  readonly #port: PendingPort;
  readonly #holdMs: number;
  readonly #heldMax: number;
  readonly #entries = new Map<RequestId, Entry>();
  /** By shard; NONE is that of everything asked before the first welcome. */
  readonly #lanes = new Map<Shard, Lane<Entry>>();
  /** Lanes with something waiting, so that a pass over them costs nothing in quiet times. */
  readonly #waiting = new Set<Shard>();
  #lastId = 0;
  #held = 0;
  #repeated = 0;

  constructor(options: PendingOptions) {
    this.#port = options.port;
    this.#holdMs = options.holdMs;
    this.#heldMax = options.heldMax;
  }

  /** Sends it, or holds it, or refuses it before returning. `now`: ms of any monotonic clock. */
  ask(ask: Ask, shard: Shard, deadlineMs: number, now: number): void {
    if (this.#entries.size >= PENDING_MAX) {
      refuse(ask, "overloaded", RETRY_AFTER_MS);
      return;
    }
    const entry: Entry = {
      id: this.#nextId(),
      ask,
      shard,
      deadlineAt: now + deadlineMs,
      held: false,
      heldAt: NEVER,
      link: NONE,
      sentBefore: false,
      doubt: false,
      refusal: null,
    };
    this.#entries.set(entry.id, entry);
    const lane = this.#lane(shard);
    if (this.#waiting.has(shard) || now < lane.resumeAt || this.#send(entry, lane, now) === "later") this.#hold(entry, lane, now);
  }

  /** The engine's answer. */
  answered(id: RequestId, auctionId: AuctionId, rows: Uint8Array, at: number, replayed: boolean, now: number): void {
    const entry = this.#entries.get(id);
    if (entry === undefined || entry.ask.kind !== "command" || entry.ask.command.auctionId !== auctionId) return;
    this.#end(entry);
    this.#lane(entry.shard).attempt = 0;
    entry.ask.reply.answer(auctionId, rows, at, replayed);
    this.#refill(entry.shard, now);
  }

  /** The engine's result of a read. */
  resulted(link: number, id: RequestId, result: ReadResult, now: number): void {
    const entry = this.#entries.get(id);
    if (entry === undefined || entry.link !== link || entry.ask.kind !== "read") return;
    this.#end(entry);
    entry.ask.done({ kind: "ok", result });
    this.#refill(entry.shard, now);
  }

  /** The engine's refusal: passed on, or kept for another try. */
  refused(link: number, id: RequestId, code: RefusalCode, retryAfterMs: number, now: number): void {
    const entry = this.#entries.get(id);
    if (entry === undefined || entry.link !== link) return;
    if (code === "outcome_unknown") entry.doubt = entry.ask.kind === "command";
    if (this.#isRepeated(entry, code)) {
      if (code !== "outcome_unknown") entry.refusal = code;
      this.#backOff(this.#lane(entry.shard), now);
      this.#takeBack(entry, now);
      return;
    }
    this.#end(entry);
    // Its owner is there and said no: what comes next need not wait as if there were none.
    if (code === "log_unavailable") this.#lane(entry.shard).attempt = 0;
    refuse(entry.ask, code, retryAfterMs);
    this.#refill(entry.shard, now);
  }

  /** What was sent over this link and not answered is in doubt, and goes to whoever serves its shard next. */
  linkLost(link: number, now: number): void {
    this.#reclaim((entry) => entry.link === link, now);
  }

  /** `owner` serves the shard now: what was asked of others is asked of it, and what waits is sent. */
  ownerChanged(shard: Shard, owner: number, now: number): void {
    this.#reclaim((entry) => entry.shard === shard && entry.link !== NONE && entry.link !== owner, now);
    const lane = this.#lane(shard);
    lane.attempt = 0;
    lane.resumeAt = 0;
    this.pump(shard, now);
  }

  /** The slot table is new: everything finds its shard again. Nothing is sent; ownerChanged does. */
  reroute(shardOf: (auctionId: AuctionId) => Shard): void {
    const waiting = [...this.#lanes.values()].flatMap((lane) => lane.rest()).sort((left, right) => left.id - right.id);
    this.#lanes.clear();
    this.#waiting.clear();
    for (const entry of this.#entries.values()) {
      entry.shard = shardOf(auctionOf(entry.ask));
      if (entry.link !== NONE) this.#lane(entry.shard).outstanding += 1;
    }
    for (const entry of waiting) this.#wait(entry);
  }

  /** Sends what waits for this shard, as far as P4 and the links allow. */
  pump(shard: Shard, now: number): void {
    const lane = this.#lane(shard);
    if (now < lane.resumeAt) return;
    while (lane.outstanding < REPEAT_WINDOW) {
      const entry = lane.first();
      if (entry === undefined) {
        this.#waiting.delete(shard);
        return;
      }
      if (this.#send(entry, lane, now) === "later") return;
    }
  }

  /** Refuses what has waited too long, and repeats what has waited long enough. Wanted often while anything is pending. */
  pass(now: number): void {
    for (const entry of this.#entries.values()) {
      const until = entry.held ? Math.min(entry.deadlineAt, entry.heldAt + this.#holdMs) : entry.deadlineAt;
      if (now >= until) this.#giveUp(entry);
    }
    for (const shard of [...this.#waiting]) {
      this.#lane(shard).sweep();
      this.pump(shard, now);
    }
  }

  /** Refuses everything: this gateway stops. */
  stop(): void {
    for (const entry of this.#entries.values()) {
      const doubtful = isDoubtful(entry);
      this.#end(entry);
      refuse(entry.ask, doubtful ? "outcome_unknown" : "draining", RETRY_AFTER_MS);
    }
  }

  /** Sent and unanswered. */
  inFlight(): number {
    return this.#entries.size - this.#held;
  }

  held(): number {
    return this.#held;
  }

  /** How often something was sent again, since the beginning. */
  repeatedTotal(): number {
    return this.#repeated;
  }

  #isRepeated(entry: Entry, code: RefusalCode): boolean {
    if (code === "key_reused") return false;
    if (entry.doubt) return true;
    // While the log is down bids are refused at once. Without that status one more try tells the two cases apart: a decision that was
    // dropped with others may do then, and a log that takes no bids for want of space says so again.
    if (code === "log_unavailable") return this.#port.stateOf(entry.shard) !== "log_down" && entry.refusal !== "log_unavailable";
    return REPEATED.has(code);
  }

  #backOff(lane: Lane<Entry>, now: number): void {
    // All that was refused together counts as one attempt.
    if (now < lane.resumeAt) return;
    const wait = Math.min(BACK_OFF_MS * 2 ** lane.attempt, BACK_OFF_MS_MAX);
    lane.attempt += 1;
    lane.resumeAt = now + wait * (0.5 + 0.5 * this.#port.fraction());
  }

  /** `later`: it stays as it is. `over`: it could not be said, and was refused. */
  #send(entry: Entry, lane: Lane<Entry>, now: number): "sent" | "later" | "over" {
    const link = this.#port.linkFor(entry.shard);
    if (link === NONE) return "later";
    if (!this.#port.send(link, entry.id, Math.max(1, Math.ceil(entry.deadlineAt - now)), entry.ask)) {
      this.#end(entry);
      refuse(entry.ask, "no_such_auction", RETRY_AFTER_MS);
      return "over";
    }
    this.#unhold(entry);
    if (entry.sentBefore) this.#repeated += 1;
    entry.sentBefore = true;
    entry.link = link;
    lane.outstanding += 1;
    return "sent";
  }

  #hold(entry: Entry, lane: Lane<Entry>, now: number): void {
    if (this.#held >= this.#heldMax) {
      this.#giveUp(entry);
      return;
    }
    this.#held += 1;
    entry.held = true;
    if (entry.heldAt === NEVER) entry.heldAt = now;
    lane.push(entry, entry.sentBefore);
    this.#waiting.add(entry.shard);
  }

  #wait(entry: Entry): void {
    this.#lane(entry.shard).push(entry, entry.sentBefore);
    this.#waiting.add(entry.shard);
  }

  #unhold(entry: Entry): void {
    if (!entry.held) return;
    entry.held = false;
    this.#held -= 1;
  }

  /** From sent to held. */
  #takeBack(entry: Entry, now: number): void {
    const lane = this.#lane(entry.shard);
    lane.outstanding -= 1;
    entry.link = NONE;
    this.#hold(entry, lane, now);
  }

  #reclaim(lost: (entry: Entry) => boolean, now: number): void {
    const shards = new Set<Shard>();
    for (const entry of this.#entries.values()) {
      if (!lost(entry)) continue;
      entry.doubt = entry.ask.kind === "command";
      shards.add(entry.shard);
      this.#takeBack(entry, now);
    }
    for (const shard of shards) {
      this.#lane(shard).sort();
      this.pump(shard, now);
    }
  }

  #giveUp(entry: Entry): void {
    const code = isDoubtful(entry) ? "outcome_unknown" : (entry.refusal ?? this.#reasonToWait(entry));
    this.#end(entry);
    refuse(entry.ask, code, RETRY_AFTER_MS);
  }

  /** Why something without effect had to wait. */
  #reasonToWait(entry: Entry): RefusalCode {
    const state = this.#port.stateOf(entry.shard);
    switch (state) {
      case "serving":
        return entry.link === NONE ? "shard_moving" : "overloaded";
      case "moving":
        return "shard_moving";
      case "log_down":
        return "log_unavailable";
      case "unowned":
      case "stopped":
      case "away":
        return "shard_unowned";
      default:
        return state satisfies never;
    }
  }

  #refill(shard: Shard, now: number): void {
    if (this.#waiting.has(shard)) this.pump(shard, now);
  }

  /** It is over; the caller tells whoever asked. */
  #end(entry: Entry): void {
    this.#entries.delete(entry.id);
    if (entry.link !== NONE) this.#lane(entry.shard).outstanding -= 1;
    this.#unhold(entry);
  }

  #lane(shard: Shard): Lane<Entry> {
    const found = this.#lanes.get(shard);
    if (found !== undefined) return found;
    const lane = new Lane<Entry>();
    this.#lanes.set(shard, lane);
    return lane;
  }

  #nextId(): RequestId {
    do this.#lastId = this.#lastId === REQUEST_ID_MAX ? 1 : this.#lastId + 1;
    while (this.#entries.has(this.#lastId));
    return this.#lastId;
  }
}

/** A command that may have had an effect. */
function isDoubtful(entry: Entry): boolean {
  return entry.ask.kind === "command" && (entry.doubt || entry.link !== NONE);
}

function auctionOf(ask: Ask): AuctionId {
  return ask.kind === "command" ? ask.command.auctionId : ask.read.auctionId;
}

function refuse(ask: Ask, code: RefusalCode, retryAfterMs: number): void {
  if (ask.kind === "command") ask.reply.refused(code, retryAfterMs);
  else ask.done({ kind: "refused", code, retryAfterMs });
}
