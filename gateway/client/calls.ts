// Commands of this client from the call to their one typed outcome.
//
// Owns: the key of a call, its repeats, its deadline. Must not: open sockets or know auctions.
// K1. One key per call, kept through every repeat on either transport, so that no repeat can bid twice.
// K2. What had no effect and passes, and what is unknown, is sent again until the deadline. An answer, accepted or rejected, is
//     final. Another refusal is thrown.
// K3. Once a sending may have had an effect and no answer came, the call is in doubt, and ends as an answer or as
//     OutcomeUnknown, never as a refusal, even if a later sending was refused.
// K4. At most callsMax calls are open; beyond it a call is refused as `overloaded` and has no effect.
//
// Phase      entered when                       left when
// ready      called, or a pause is over         it is sent over the socket or HTTP
// sent       a sending is under way             an answer, a refusal, or the loss of the socket
// pausing    a refusal that passes              retryAfterMs is over
import type { Cancel, Environment } from "./environment.ts";
import { FairwarningError, mayRepeat, OUTCOME_UNKNOWN } from "./errors.ts";
import type { AnswerFields, BidAnswerFrame, ClientFrame, ErrorFrame } from "./frames.ts";
import { errorOf, type Http, type HttpResult } from "./http.ts";
import { OutcomeUnknown } from "./outcome-unknown.ts";
import type { BidAnswer, BidKind, CallOptions } from "./types.ts";

/** Far above what a person or a bidding program has open; it bounds memory when nothing answers. */
const CALLS_MAX = 1_000;
const DEADLINE_MIN_MS = 100;
const DEADLINE_MAX_MS = 30_000;
/** A refusal without a hint, or an answer that did not come over HTTP, is followed by a pause of up to this. */
const PAUSE_MS = 500;
/** No answer for this long asks whether the socket is still alive. */
const SLOW_MS = 2_000;
const REQUEST_ID_MAX = 0x7fffffff;

export interface OwnedCommand {
  readonly type: "place_bid" | "raise" | "retract" | "buy_now";
  readonly auctionId: string;
  readonly key: string;
  readonly members: { readonly amountMinor?: number; readonly currency?: string; readonly kind?: BidKind; readonly reason?: string };
}

export interface CallsOptions {
  readonly environment: Environment;
  readonly http: Http;
  readonly base: string;
  readonly deadlineMs: number;
  /** How a call would go out now: `none` waits for the connection, `over` never will. */
  way(): "socket" | "http" | "none" | "over";
  send(frame: ClientFrame): boolean;
  slow(): void;
  answered(command: OwnedCommand, answer: AnswerFields): void;
}

interface Call {
  readonly command: OwnedCommand;
  readonly options: CallOptions;
  readonly startedAtMs: number;
  readonly deadlineAtMs: number;
  readonly resolve: (answer: BidAnswer) => void;
  readonly reject: (error: Error) => void;
  phase: "ready" | "sent" | "pausing";
  /** Of the sending under way over the socket, else 0. */
  id: number;
  inDoubt: boolean;
  lastRefusal: FairwarningError | null;
  cancels: Cancel[];
  cancelStep: Cancel | null;
}

export class Calls {
  readonly #options: CallsOptions;
  readonly #open = new Set<Call>();
  readonly #byId = new Map<number, Call>();
  #nextId = 1;
  #inFlightMax = 1;

  constructor(options: CallsOptions) {
    this.#options = options;
  }

  /** Ids of all requests of the socket come from here, so that they are unique among the open ones. */
  requestId(): number {
    const id = this.#nextId;
    this.#nextId = id === REQUEST_ID_MAX ? 1 : id + 1;
    return id;
  }

  call(command: OwnedCommand, options: CallOptions = {}): Promise<BidAnswer> {
    return new Promise((resolve, reject) => {
      const { environment } = this.#options;
      const startedAtMs = environment.now();
      const deadlineMs = Math.min(Math.max(options.deadlineMs ?? this.#options.deadlineMs, DEADLINE_MIN_MS), DEADLINE_MAX_MS);
      const call: Call = {
        command,
        options,
        startedAtMs,
        deadlineAtMs: startedAtMs + deadlineMs,
        resolve,
        reject,
        phase: "ready",
        id: 0,
        inDoubt: false,
        lastRefusal: null,
        cancels: [],
        cancelStep: null,
      };
      if (this.#open.size >= CALLS_MAX) {
        reject(this.#error("overloaded", `${CALLS_MAX} calls are open already.`, command));
        return;
      }
      this.#open.add(call);
      call.cancels.push(environment.after(deadlineMs, () => this.#giveUp(call, "the deadline passed")));
      this.#listenForAbort(call);
      this.#advance(call);
    });
  }

  /** The socket is ready for commands, at most `inFlightMax` at a time. */
  opened(inFlightMax: number): void {
    this.#inFlightMax = inFlightMax;
    this.pump();
  }

  /** The way commands go may have changed. */
  pump(): void {
    for (const call of this.#open) this.#advance(call);
  }

  /** The socket is gone: what was sent on it is in doubt (K3) and goes out again. */
  lost(): void {
    const cut = [...this.#byId.values()];
    this.#byId.clear();
    for (const call of cut) {
      call.inDoubt = true;
      call.id = 0;
      call.phase = "ready";
    }
    this.pump();
  }

  answered(frame: BidAnswerFrame): void {
    const call = this.#take(frame.id);
    if (call !== undefined) this.#resolve(call, frame.answer, frame.replayed);
  }

  /** Whether the refusal was of one of these calls. */
  refused(frame: ErrorFrame): boolean {
    const call = frame.id === undefined ? undefined : this.#take(frame.id);
    if (call === undefined) return false;
    this.#refuse(call, new FairwarningError({ ...frame, auctionId: call.command.auctionId }, this.#options.base));
    return true;
  }

  #advance(call: Call): void {
    if (call.phase !== "ready" || !this.#open.has(call)) return;
    const way = call.options.via === "http" ? "http" : this.#options.way();
    if (way === "over") this.#giveUp(call, "the client is closed");
    else if (way === "http" && call.options.via !== "socket") void this.#sendHttp(call);
    else if (way === "socket" && this.#byId.size < this.#inFlightMax) this.#sendFrame(call);
  }

  #sendFrame(call: Call): void {
    const { command } = call;
    const id = this.requestId();
    const timed = command.type === "place_bid" || command.type === "raise";
    const frame = { type: command.type, id, auctionId: command.auctionId, key: command.key, ...command.members };
    const sent = this.#options.send(timed ? { ...frame, deadlineMs: this.#leftMs(call) } : frame);
    if (!sent) return;
    call.phase = "sent";
    call.id = id;
    this.#byId.set(id, call);
    this.#step(call, SLOW_MS, () => this.#options.slow());
  }

  async #sendHttp(call: Call): Promise<void> {
    call.phase = "sent";
    const { command } = call;
    const result = await this.#options.http({ ...routeOf(command), body: command.members, key: command.key, deadlineMs: this.#leftMs(call) });
    if (!this.#open.has(call)) return;
    const answer = answerOf(result);
    if (answer !== null) {
      this.#resolve(call, answer.fields, answer.replayed);
    } else if (result.kind === "unreached") {
      call.inDoubt = true;
      this.#pause(call, undefined);
    } else {
      this.#refuse(call, errorOf(result, this.#options.base, command.auctionId));
    }
  }

  /** The sending under way was refused; whether the call is in doubt rests on the sendings before it (K3). */
  #refuse(call: Call, error: FairwarningError): void {
    call.phase = "ready";
    if (error.code === OUTCOME_UNKNOWN) call.inDoubt = true;
    else call.lastRefusal = error;
    const pauseMs = error.retryAfterMs ?? 0;
    if (mayRepeat(error.code) && this.#options.environment.now() + pauseMs < call.deadlineAtMs) this.#pause(call, error.retryAfterMs);
    else this.#giveUp(call, error.message);
  }

  #pause(call: Call, hintMs: number | undefined): void {
    const { environment } = this.#options;
    call.phase = "pausing";
    this.#step(call, (hintMs ?? 0) + environment.random() * PAUSE_MS, () => {
      call.phase = "ready";
      this.#advance(call);
    });
  }

  #resolve(call: Call, answer: AnswerFields, replayed: boolean): void {
    const { verdict, code, auctionId, sequence, epoch, decidedAtMs, standing, currentPriceMinor, askingPriceMinor, reserveMet, endsAtMs } = answer;
    const latencyMs = this.#options.environment.now() - call.startedAtMs;
    this.#end(call);
    this.#options.answered(call.command, answer);
    call.resolve({
      verdict,
      code,
      key: call.command.key,
      replayed,
      latencyMs,
      auctionId,
      sequence,
      epoch,
      decidedAtMs,
      standing,
      currentPriceMinor,
      askingPriceMinor,
      reserveMet,
      endsAtMs,
    });
    this.pump();
  }

  /** Ends a call without an answer: unknown if it is in doubt or under way (K3), else what it was last refused with. */
  #giveUp(call: Call, why: string): void {
    const { command } = call;
    const inDoubt = call.inDoubt || call.phase === "sent";
    this.#end(call);
    if (inDoubt) {
      call.reject(
        new OutcomeUnknown(
          { key: command.key, auctionId: command.auctionId, why },
          (again) => this.call(command, { ...call.options, ...again }),
          this.#options.base,
        ),
      );
    } else {
      call.reject(call.lastRefusal ?? this.#error("not_connected", `Never sent: ${why}.`, command));
    }
    this.pump();
  }

  #end(call: Call): void {
    this.#open.delete(call);
    this.#byId.delete(call.id);
    call.cancelStep?.();
    for (const cancel of call.cancels) cancel();
  }

  #take(id: number): Call | undefined {
    const call = this.#byId.get(id);
    this.#byId.delete(id);
    if (call !== undefined) {
      call.id = 0;
      call.cancelStep?.();
    }
    return call;
  }

  #step(call: Call, ms: number, run: () => void): void {
    call.cancelStep?.();
    call.cancelStep = this.#options.environment.after(ms, run);
  }

  #listenForAbort(call: Call): void {
    const { signal } = call.options;
    if (signal === undefined) return;
    const abort = (): void => this.#giveUp(call, "aborted by the caller");
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort);
    call.cancels.push(() => signal.removeEventListener("abort", abort));
  }

  #leftMs(call: Call): number {
    return Math.round(Math.min(Math.max(call.deadlineAtMs - this.#options.environment.now(), DEADLINE_MIN_MS), DEADLINE_MAX_MS));
  }

  #error(code: string, message: string, command: OwnedCommand): FairwarningError {
    return new FairwarningError({ code, message, auctionId: command.auctionId }, this.#options.base);
  }
}

function routeOf(command: OwnedCommand): { readonly method: "POST" | "PUT"; readonly path: string } {
  const auction = `/v1/auctions/${encodeURIComponent(command.auctionId)}`;
  if (command.type === "place_bid") return { method: "POST", path: `${auction}/bids` };
  if (command.type === "raise") return { method: "PUT", path: `${auction}/maximum-bid` };
  if (command.type === "retract") return { method: "POST", path: `${auction}/retract` };
  return { method: "POST", path: `${auction}/buy-now` };
}

/** An Answer, or a rejection (a problem that holds one); null for anything else. */
function answerOf(result: HttpResult): { readonly fields: AnswerFields; readonly replayed: boolean } | null {
  if (result.kind !== "ok" && result.kind !== "problem") return null;
  const body = result.body as { readonly verdict?: unknown } | null;
  const decided = body?.verdict === "accepted" || body?.verdict === "rejected";
  return decided ? { fields: result.body as AnswerFields, replayed: result.replayed } : null;
}
