// The socket of a client: opens it, authenticates, keeps it alive, and comes back after it is lost.
//
// Owns: the state of the connection, heartbeat, back-off, the clock's samples. Must not: know auctions or bids (client.ts and
// calls.ts are told of frames, of each welcome and of each loss). A small loop of our own: partysocket waits fixed steps without
// jitter, takes no hint from the server and has no states, which are the parts that matter here.
//
// State           entered when                          left when
// idle            made                                  start()
// connecting      an attempt begins                     the socket opens, or fails
// authenticating  the socket is open, `auth` is sent    welcome, or 5 s without one
// resuming        welcome                               settled(): each watched auction is current
// connected       settled()                             the socket closes, or a ping goes unanswered
// waiting         an attempt or the socket was lost     the wait is over, or the page wakes
// polling         as waiting and connecting, once two attempts in a row failed and reading over HTTP works
// closed, failed  close(); a terminal close code        never
//
// N1. One socket at a time. Words of an older one are dropped: each attempt has a number.
// N2. A ping unanswered within pongWithinMs loses the socket, however many other frames arrive.
// N3. The first wait is jittered too, so that everybody cut off at once does not come back at once.

import type { ServerClock } from "./clock.ts";
import { afterClose, waitMs } from "./close-codes.ts";
import type { Cancel, Environment } from "./environment.ts";
import { type ClientFrame, type Codec, loadCodec, readFrames, type ServerFrame, type WelcomeFrame } from "./frames.ts";
import type { ClientEvents, ConnectionState, DebugEntry, SocketLike, WebSocketConstructor } from "./types.ts";

const OPEN_WITHIN_MS = 10_000;
const WELCOME_WITHIN_MS = 5_000;
/** A socket that lived this long was good: back-off begins anew. A shorter life counts as a failed attempt. */
const GOOD_UPTIME_MS = 5_000;
/** A ping unanswered this long makes prices suspect before the socket is given up. */
const SUSPECT_AFTER_MS = 3_000;
/** Attempts lost in a row before auctions are read over HTTP. */
const POLL_AFTER_ATTEMPTS = 2;
const PING_JITTER = 0.2;
const CLOSE_NORMAL = 1000;
const CLOSE_CUT = 1006;

export interface ConnectionOptions {
  readonly environment: Environment;
  readonly clock: ServerClock;
  readonly webSocket: WebSocketConstructor;
  readonly protocol: "json" | "msgpack";
  readonly fallback: "poll" | "none";
  readonly delayMinMs: number;
  readonly delayMaxMs: number;
  readonly attemptsMax: number;
  readonly debug: (what: DebugEntry["what"], detail: unknown) => void;
}

/** What the connection asks of and tells to the client around it. */
export interface ConnectionHooks {
  socketUrl(): Promise<string>;
  /** null: watch only. `fresh`: the last one is no longer good. Throws when there is none to be had. */
  token(fresh: boolean): Promise<string | null>;
  welcome(frame: WelcomeFrame, forgetPairs: boolean): void;
  frame(frame: ServerFrame): void;
  /** The socket is gone; what was in flight on it is unknown. */
  lost(): void;
  state(change: ClientEvents["state"]): void;
}

export class Connection {
  readonly #options: ConnectionOptions;
  readonly #hooks: ConnectionHooks;
  #state: ConnectionState = "idle";
  #attempt = 0;
  #number = 0;
  #codec: Codec | null = null;
  #socket: SocketLike | null = null;
  #ready = false;
  #openedAtMs = 0;
  #authSentAtMs = 0;
  #heardAtMs = 0;
  #pingSentAtMs: number | null = null;
  #pingEveryMs = 15_000;
  #pongWithinMs = 10_000;
  #freshToken = false;
  #forgetPairs = false;
  #pollWorks = false;
  #cancelWait: Cancel | null = null;
  #cancelAttempt: Cancel | null = null;
  #cancelPing: Cancel | null = null;
  #cancelPong: Cancel | null = null;
  #cancelRenewal: Cancel | null = null;

  constructor(options: ConnectionOptions, hooks: ConnectionHooks) {
    this.#options = options;
    this.#hooks = hooks;
  }

  get state(): ConnectionState {
    return this.#state;
  }

  /** Whether a frame can be sent now: from the welcome to the loss. */
  get ready(): boolean {
    return this.#ready;
  }

  /** Whether what was heard is current: resumed, no ping overdue, and not just woken from a sleep in which nothing was heard. */
  get live(): boolean {
    if (this.#state !== "connected") return false;
    const now = this.#options.environment.now();
    const silentMs = now - this.#heardAtMs;
    const pingOverdue = this.#pingSentAtMs !== null && now - this.#pingSentAtMs > SUSPECT_AFTER_MS;
    return !pingOverdue && silentMs < this.#pingEveryMs * (1 + PING_JITTER) + SUSPECT_AFTER_MS;
  }

  /** Local time of the last frame heard on any socket; 0 before the first. */
  get heardAtMs(): number {
    return this.#heardAtMs;
  }

  /** Two attempts in a row were lost: read over HTTP meanwhile. */
  get wantsPolling(): boolean {
    return this.#options.fallback === "poll" && this.#attempt >= POLL_AFTER_ATTEMPTS && !this.#ready && !this.over;
  }

  get over(): boolean {
    return this.#state === "closed" || this.#state === "failed";
  }

  start(): void {
    if (this.#state === "idle") void this.#open();
  }

  /** Each watched auction is current. */
  settled(): void {
    if (this.#state === "resuming") this.#become("connected", "resumed");
  }

  /** False when nothing could be sent. */
  send(frame: ClientFrame): boolean {
    if (this.#socket === null || this.#codec === null || !this.#ready) return false;
    this.#write(frame);
    return true;
  }

  /** Whether reading over HTTP works; only shown while there is no socket. */
  polled(works: boolean): void {
    if (this.#ready || this.over || this.#state === "idle") return;
    this.#pollWorks = works;
    this.#become("waiting", works ? "read over HTTP" : "not reached over HTTP either");
  }

  /** Tests the socket now, or ends the wait for one. */
  probe(): void {
    if (this.#ready) {
      this.#ping();
    } else if (this.#cancelWait !== null) {
      this.#cancelWait();
      this.#waitAndOpen("woken", { attempt: 0, hintMs: 0 });
    }
  }

  /** Gives the socket up of the client's own accord (a drain) and comes back after the hint. */
  leave(why: string, afterMs: number): void {
    this.#dropSocket(CLOSE_NORMAL);
    this.#lose({ why, afterMs });
  }

  close(): void {
    if (this.over) return;
    this.#stop("closed", "closed by the client");
  }

  fail(why: string): void {
    if (!this.over) this.#stop("failed", why);
  }

  async #open(): Promise<void> {
    const number = ++this.#number;
    this.#become("connecting", this.#attempt === 0 ? "first" : "again");
    this.#cancelAttempt = this.#options.environment.after(OPEN_WITHIN_MS, () => this.#cut("not open in time"));
    try {
      this.#codec ??= await loadCodec(this.#options.protocol);
      const [url, token] = await Promise.all([this.#hooks.socketUrl(), this.#hooks.token(this.#freshToken)]);
      if (!this.#isCurrent(number)) return;
      this.#freshToken = false;
      this.#attach(new this.#options.webSocket(url, [this.#codec.protocol]), number, token);
    } catch (fault) {
      if (this.#isCurrent(number)) this.#lose({ why: fault instanceof Error ? fault.message : "not reached", afterMs: 0 });
    }
  }

  #attach(socket: SocketLike, number: number, token: string | null): void {
    this.#socket = socket;
    socket.binaryType = "arraybuffer";
    socket.onopen = () => this.#isCurrent(number) && this.#authenticate(token);
    socket.onmessage = (event) => this.#isCurrent(number) && this.#hear(event.data);
    socket.onerror = () => undefined;
    socket.onclose = (event) => this.#isCurrent(number) && this.#closed(event.code, event.reason);
  }

  #authenticate(token: string | null): void {
    const { environment } = this.#options;
    this.#become("authenticating", "socket open");
    this.#openedAtMs = environment.now();
    this.#cancelAttempt?.();
    this.#cancelAttempt = environment.after(WELCOME_WITHIN_MS, () => this.#cut("no welcome in time"));
    this.#auth(token);
  }

  #auth(token: string | null): void {
    this.#authSentAtMs = this.#options.environment.now();
    this.#write(token === null ? { type: "auth", anonymous: true } : { type: "auth", token });
  }

  #write(frame: ClientFrame): void {
    if (this.#codec === null) return;
    this.#options.debug("sent", frame.type === "auth" ? { type: "auth" } : frame);
    this.#socket?.send(this.#codec.write(frame));
  }

  #hear(data: unknown): void {
    this.#heardAtMs = this.#options.environment.now();
    for (const frame of this.#decode(data)) {
      this.#options.debug("received", frame);
      if (frame.type === "pong") this.#pong(frame.clientTimeMs, frame.serverTimeMs);
      else if (frame.type === "welcome") this.#welcome(frame);
      else if (frame.type === "error" && frame.code === "token_expired" && frame.id === undefined) void this.#renew();
      else this.#hooks.frame(frame);
    }
  }

  #decode(data: unknown): readonly ServerFrame[] {
    try {
      return this.#codec === null ? [] : readFrames(this.#codec.read(data));
    } catch {
      this.#options.debug("dropped", "bytes that are not of the sub-protocol");
      return [];
    }
  }

  #welcome(frame: WelcomeFrame): void {
    const { environment, clock } = this.#options;
    clock.sample({ sentAtMs: this.#authSentAtMs, receivedAtMs: environment.now(), serverTimeMs: frame.serverTimeMs });
    this.#renewBefore(frame.expiresAtMs);
    if (this.#ready) return;
    this.#cancelAttempt?.();
    this.#cancelAttempt = null;
    this.#ready = true;
    this.#pollWorks = false;
    this.#pingEveryMs = frame.pingEveryMs;
    this.#pongWithinMs = frame.pongWithinMs;
    this.#become("resuming", "welcome");
    this.#schedulePing();
    const forget = this.#forgetPairs;
    this.#forgetPairs = false;
    this.#hooks.welcome(frame, forget);
  }

  /** Half-way through the last minute, so that a slow token service does not cost the socket. */
  #renewBefore(expiresAtMs: number | null): void {
    this.#cancelRenewal?.();
    this.#cancelRenewal = null;
    if (expiresAtMs === null) return;
    const leftMs = expiresAtMs - this.#options.clock.serverNow();
    this.#cancelRenewal = this.#options.environment.after(Math.min(Math.max(leftMs - 90_000, 1_000), 0x7fffffff), () => void this.#renew());
  }

  async #renew(): Promise<void> {
    const number = this.#number;
    try {
      const token = await this.#hooks.token(true);
      if (this.#isCurrent(number) && this.#ready && token !== null) this.#auth(token);
    } catch {
      // The socket stays until the server closes it with 4002, which asks for a token once more.
    }
  }

  #schedulePing(): void {
    const { environment } = this.#options;
    this.#cancelPing?.();
    this.#cancelPing = environment.after(this.#pingEveryMs * (1 - PING_JITTER + 2 * PING_JITTER * environment.random()), () => this.#ping());
  }

  #ping(): void {
    this.#schedulePing();
    if (this.#pingSentAtMs !== null) return;
    this.#pingSentAtMs = this.#options.environment.now();
    this.#write({ type: "ping", clientTimeMs: this.#pingSentAtMs });
    this.#cancelPong = this.#options.environment.after(this.#pongWithinMs, () => this.#cut("no pong in time"));
  }

  #pong(sentAtMs: number, serverTimeMs: number): void {
    this.#options.clock.sample({ sentAtMs, receivedAtMs: this.#options.environment.now(), serverTimeMs });
    if (sentAtMs !== this.#pingSentAtMs) return;
    this.#pingSentAtMs = null;
    this.#cancelPong?.();
    this.#cancelPong = null;
  }

  /** Gives up a socket that no longer answers; its own close may never come. */
  #cut(why: string): void {
    this.#dropSocket(CLOSE_NORMAL);
    this.#closed(CLOSE_CUT, why);
  }

  #closed(code: number, reason: string): void {
    const after = afterClose(code, reason);
    if (after.kind === "failed") {
      this.#stop("failed", after.why);
      return;
    }
    this.#freshToken ||= after.freshToken;
    this.#forgetPairs ||= after.forgetPairs;
    this.#lose(after);
  }

  #lose(how: { readonly why: string; readonly afterMs: number }): void {
    const { environment, attemptsMax } = this.#options;
    const uptimeMs = this.#ready ? environment.now() - this.#openedAtMs : 0;
    this.#attempt = uptimeMs >= GOOD_UPTIME_MS ? 0 : this.#attempt;
    this.#forgetSocket();
    if (this.over) return;
    if (this.#attempt >= attemptsMax) {
      this.#stop("failed", `${attemptsMax} attempts: ${how.why}`);
      return;
    }
    this.#waitAndOpen(how.why, { attempt: this.#attempt++, hintMs: how.afterMs });
    this.#hooks.lost();
  }

  #waitAndOpen(why: string, wait: { readonly attempt: number; readonly hintMs: number }): void {
    const { environment } = this.#options;
    const retryInMs = waitMs(wait.attempt, wait.hintMs, this.#options, environment.random());
    this.#cancelWait = environment.after(retryInMs, () => {
      this.#cancelWait = null;
      void this.#open();
    });
    this.#become("waiting", why, retryInMs);
  }

  #stop(state: "closed" | "failed", why: string): void {
    this.#dropSocket(CLOSE_NORMAL);
    this.#forgetSocket();
    this.#become(state, why);
    this.#hooks.lost();
  }

  #dropSocket(code: number): void {
    this.#number++;
    const socket = this.#socket;
    if (socket === null) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    try {
      socket.close(code);
    } catch {
      // Already closed: what was wanted.
    }
  }

  #forgetSocket(): void {
    this.#number++;
    this.#socket = null;
    this.#ready = false;
    this.#pingSentAtMs = null;
    for (const cancel of [this.#cancelWait, this.#cancelAttempt, this.#cancelPing, this.#cancelPong, this.#cancelRenewal]) cancel?.();
    this.#cancelWait = this.#cancelAttempt = this.#cancelPing = this.#cancelPong = this.#cancelRenewal = null;
  }

  #isCurrent(number: number): boolean {
    return number === this.#number;
  }

  #become(wanted: ConnectionState, why: string, retryInMs?: number): void {
    const now = this.#pollWorks && (wanted === "waiting" || wanted === "connecting" || wanted === "authenticating") ? "polling" : wanted;
    const before = this.#state;
    this.#state = now;
    if (now === before && retryInMs === undefined) return;
    this.#options.debug("state", { now, before, why, retryInMs });
    this.#hooks.state(retryInMs === undefined ? { now, before, why } : { now, before, why, retryInMs });
  }
}
