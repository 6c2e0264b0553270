// A socket server over an engine in memory, and `ws` clients that wait for frames by name. For tests: real sockets, time that stands still.
import { pack, unpack } from "msgpackr";
import { type ClientOptions, WebSocket } from "ws";
import { TrustedProxies } from "../address.ts";
import { ADMISSION_LIMITS, Admission, type AdmissionLimits } from "../admission.ts";
import type { Identities, Identity } from "../ports.ts";
import { JSON_PROTOCOL, MSGPACK_PROTOCOL } from "./client-frames.ts";
import { SOCKET_LIMITS, type SocketLimits } from "./limits.ts";
import { type SocketServer, startSocketServer } from "./server.ts";
import { TrialEngine, trialIdentity } from "./trial-engine.ts";
import { TrialCatalogue, TrialMetrics } from "./trial-ports.ts";
import { TrialTime } from "./trial-time.ts";

export const TRIAL_ORIGIN = "http://auctions.example";

/** Tokens are user ids; `bad` and `old` are none, and `unjudged` cannot be judged. */
export class TrialIdentities implements Identities {
  readonly known = new Map<string, Identity>();
  readonly #tickets = new Map<string, Identity>();

  verify(token: string): Promise<Identity | "unauthenticated" | "token_expired"> {
    if (token === "bad") return Promise.resolve("unauthenticated");
    if (token === "unjudged") return Promise.reject(new Error("no keys"));
    if (token === "old") return Promise.resolve("token_expired");
    return Promise.resolve(this.known.get(token) ?? trialIdentity(token));
  }

  issueTicket(identity: Identity): { readonly ticket: string; readonly expiresAt: number } {
    const ticket = `ticket-${this.#tickets.size}`;
    this.#tickets.set(ticket, identity);
    return { ticket, expiresAt: 0 };
  }

  spendTicket(ticket: string): Identity | null {
    const identity = this.#tickets.get(ticket) ?? null;
    this.#tickets.delete(ticket);
    return identity;
  }

  issueGuest(): Promise<null> {
    return Promise.resolve(null);
  }
}

export type Frame = { readonly type: string; readonly [member: string]: unknown };

/** One `ws` client. Frames wait in order until somebody asks for one. */
export class TrialClient {
  readonly socket: WebSocket;
  /** Every frame ever, as it came. */
  readonly frames: Frame[] = [];
  /** Text of JSON messages, as it came. */
  readonly texts: string[] = [];
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>;
  readonly #packed: boolean;
  readonly #unseen: Frame[] = [];
  #waiting: { readonly wants: (frame: Frame) => boolean; readonly resolve: (frame: Frame) => void }[] = [];

  constructor(socket: WebSocket, packed: boolean) {
    this.socket = socket;
    this.#packed = packed;
    socket.on("message", (data: Buffer, isBinary: boolean) => this.#received(data, isBinary));
    this.closed = new Promise((resolve) => socket.on("close", (code, reason) => resolve({ code, reason: reason.toString() })));
    socket.on("error", () => {});
  }

  send(...frames: readonly object[]): void {
    const [first] = frames;
    this.raw(frames.length === 1 ? first : frames);
  }

  raw(value: unknown): void {
    this.socket.send(this.#packed ? pack(value) : JSON.stringify(value));
  }

  /** The next frame of this type that was not asked for yet. Frames of other types stay. */
  next(type: string, where: (frame: Frame) => boolean = () => true): Promise<Frame> {
    const wants = (frame: Frame) => frame.type === type && where(frame);
    const index = this.#unseen.findIndex(wants);
    if (index !== -1) return Promise.resolve(this.#unseen.splice(index, 1)[0] as Frame);
    return new Promise((resolve) => this.#waiting.push({ wants, resolve }));
  }

  /** Resolves when everything sent before has been served. */
  async settled(): Promise<void> {
    const clientTimeMs = this.frames.length + 1;
    this.send({ type: "ping", clientTimeMs });
    await this.next("pong");
  }

  #received(data: Buffer, isBinary: boolean): void {
    if (!isBinary) this.texts.push(data.toString());
    const value: unknown = isBinary ? unpack(data) : JSON.parse(data.toString());
    for (const frame of (Array.isArray(value) ? value : [value]) as Frame[]) this.#frame(frame);
  }

  #frame(frame: Frame): void {
    this.frames.push(frame);
    const waiting = this.#waiting.find((wait) => wait.wants(frame));
    if (waiting === undefined) {
      this.#unseen.push(frame);
      return;
    }
    this.#waiting = this.#waiting.filter((wait) => wait !== waiting);
    waiting.resolve(frame);
  }
}

export interface TrialOptions {
  readonly limits?: Partial<SocketLimits>;
  readonly admission?: Partial<AdmissionLimits>;
  readonly proxies?: readonly string[];
}

export class Trial {
  readonly engine = new TrialEngine();
  readonly identities = new TrialIdentities();
  readonly catalogue = new TrialCatalogue();
  readonly metrics = new TrialMetrics();
  readonly time = new TrialTime();
  readonly faults: unknown[] = [];
  readonly clients: TrialClient[] = [];
  server: SocketServer | null = null;

  async start(options: TrialOptions = {}): Promise<this> {
    this.server = await this.startOn(0, options);
    return this;
  }

  /** On that port. */
  startOn(port: number, { limits = {}, admission = {}, proxies = [] }: TrialOptions = {}): Promise<SocketServer> {
    return startSocketServer({
      host: "127.0.0.1",
      port,
      engine: this.engine,
      catalogue: this.catalogue,
      identities: this.identities,
      admission: new Admission({ ...ADMISSION_LIMITS, ...admission }, this.time),
      proxies: new TrustedProxies(proxies),
      origins: [TRIAL_ORIGIN],
      limits: { ...SOCKET_LIMITS, ...limits },
      metrics: this.metrics,
      time: this.time,
      version: "1.0.0",
      ready: () => true,
      failed: (fault) => this.faults.push(fault),
      fraction: () => 0.5,
    });
  }

  get address(): string {
    return `ws://127.0.0.1:${this.server?.port}/v1/socket`;
  }

  async connect(options: { readonly packed?: boolean; readonly query?: string; readonly ws?: ClientOptions } = {}): Promise<TrialClient> {
    const { packed = false, query = "", ws = {} } = options;
    const socket = new WebSocket(this.address + query, [packed ? MSGPACK_PROTOCOL : JSON_PROTOCOL], ws);
    const client = new TrialClient(socket, packed);
    this.clients.push(client);
    await new Promise<void>((resolve, reject) => {
      socket.on("open", resolve);
      socket.on("error", reject);
    });
    return client;
  }

  /** Connected and welcomed. */
  async signedIn(token: string, options: { readonly packed?: boolean; readonly batch?: boolean } = {}): Promise<TrialClient> {
    const client = await this.connect(options);
    client.send({ type: "auth", id: 1, token, ...(options.batch === undefined ? {} : { batch: options.batch }) });
    await client.next("welcome");
    return client;
  }

  async stop(): Promise<void> {
    for (const client of this.clients) client.socket.terminate();
    await this.server?.close();
  }
}
