// A gateway's HTTP side for tests: the real rules over plain memory behind the Engine port, the real limits, tokens and catalogue,
// a clock that only tests move. No socket, no timer, no file.
// biome-ignore lint/style/noRestrictedImports: only tests use this file, and they want the real rules behind the port
import { answerChunk, answerOffset, answerRow, rule } from "../../engine/core/auction.ts";
import type { Command } from "../../engine/core/command.ts";
import type { RefusalCode } from "../../engine/core/decision.ts";
import type { AuctionId, Instant } from "../../engine/core/ids.ts";
// biome-ignore lint/style/noRestrictedImports: as above
import type { AuctionState } from "../../engine/core/state.ts";
import { auctionView, publicRows, rowAfter, rowBefore, standingOf } from "../../engine/core/view.ts";
import type { Read, ReadResult, ShardStatus } from "../../engine/protocol.ts";
// biome-ignore lint/style/noRestrictedImports: as above
import { MemoryCatalogue } from "../../persistence/memory/catalogue.ts";
import { TrustedProxies } from "../address.ts";
import { ADMISSION_LIMITS, Admission, type AdmissionLimits } from "../admission.ts";
import { TokenIdentities } from "../identity.ts";
import { type LocalKey, makeLocalKey, signToken, type TokenClaims } from "../local-key.ts";
import { GatewayMetrics } from "../metrics.ts";
import type { CommandReply, Engine, EngineListener, ReadOutcome } from "../ports.ts";
import { tokenKey } from "../token-keys.ts";
import { createApp } from "./app.ts";
import type { HttpEnvironment } from "./environment.ts";
import type { HttpParts } from "./parts.ts";
import { socketUrlOf } from "./socket-url.ts";

export const START: Instant = Date.parse("2026-11-23T10:00:00.000Z");
const EPOCH = 100;
const SHARDS: readonly ShardStatus[] = [{ shard: 0, state: "serving", epoch: EPOCH, lsn: 1, offset: EPOCH }];

export class TestClock {
  at = START;
  now(): Instant {
    return this.at;
  }
  monotonic(): number {
    return this.at - START;
  }
}

/** The rules, one auction after the other, with what a test wants to go wrong. */
export class RulesEngine implements Engine {
  /** Every command and read is refused with it. */
  refuseWith: RefusalCode | null = null;
  refuseRetryMs = 250;
  stale = 0;
  linkUp = true;
  statuses = SHARDS;
  readonly #clock: TestClock;
  readonly #states = new Map<AuctionId, AuctionState>();
  readonly deadlines: number[] = [];
  readonly listeners: EngineListener[] = [];

  constructor(clock: TestClock) {
    this.#clock = clock;
  }

  command(command: Command, deadlineMs: number, reply: CommandReply): void {
    this.deadlines.push(deadlineMs);
    if (this.refuseWith !== null) {
      reply.refused(this.refuseWith, this.refuseRetryMs);
      return;
    }
    const ruled = rule(this.#states.get(command.auctionId) ?? null, command, this.#clock.now(), EPOCH);
    if (ruled.state !== null) this.#states.set(command.auctionId, ruled.state);
    if (ruled.kind === "refusal" || command.keyDigest === null) {
      reply.refused(ruled.kind === "refusal" ? ruled.code : "overloaded", 0);
      return;
    }
    const row = answerRow(ruled.state, command.keyDigest);
    reply.answer(command.auctionId, answerChunk(ruled.state, row), answerOffset(row), ruled.replayed);
  }

  async read(read: Read): Promise<ReadOutcome> {
    if (this.refuseWith !== null) return { kind: "refused", code: this.refuseWith, retryAfterMs: this.refuseRetryMs };
    const state = this.#states.get(read.auctionId);
    if (state === undefined || state.phase === null) return { kind: "refused", code: "no_such_auction", retryAfterMs: 0 };
    return { kind: "ok", result: readOf(state, read) };
  }

  watch(): void {}
  unwatch(): void {}
  listen(listener: EngineListener): void {
    this.listeners.push(listener);
  }
  staleMs(): number {
    return this.stale;
  }
  lifeId(): string | null {
    return "7c1e09ab";
  }
  shards(): readonly ShardStatus[] {
    return this.statuses;
  }
  links() {
    return [{ address: "127.0.0.1:7400", up: this.linkUp, roundTripMs: 0.2 }];
  }
  inFlight(): number {
    return 0;
  }
  held(): number {
    return 0;
  }
  async close(): Promise<void> {}
}

function readOf(state: AuctionState, read: Read): ReadResult {
  const sequence = state.publicSequence;
  switch (read.kind) {
    case "view":
      return { kind: "view", view: auctionView(state), rows: [], you: null };
    case "rows_after": {
      const from = rowAfter(state, read.sequence);
      return { kind: "rows", rows: publicRows(state, from, from + read.limit), more: from + read.limit < state.rowCount, sequence };
    }
    case "rows_before": {
      const to = read.sequence === null ? state.rowCount : rowBefore(state, read.sequence, read.row);
      return { kind: "rows", rows: publicRows(state, to - read.limit, to).toReversed(), more: to > read.limit, sequence };
    }
    case "standing":
      return { kind: "standing", standing: standingOf(state, read.bidderId), sequence };
  }
}

export interface TestSystem {
  readonly parts: HttpParts;
  readonly clock: TestClock;
  readonly engine: RulesEngine;
  readonly catalogue: MemoryCatalogue;
  readonly metrics: GatewayMetrics;
  readonly key: LocalKey;
  /** What was logged as an error. */
  readonly errors: object[];
  draining: boolean;
  listening: boolean;
  token(claims: TokenClaims): Promise<string>;
  /** Sends a request as a browser of this server would; `body` goes as JSON. */
  call(method: string, path: string, options?: CallOptions): Promise<Answered>;
}

/** Parsed JSON that tests look into without asserting its shape first. */
export interface Json {
  readonly [member: string]: Json;
}

export interface Answered {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** Empty where the answer is no JSON. */
  readonly body: Json;
}

export interface CallOptions {
  readonly token?: string;
  readonly key?: string;
  readonly body?: unknown;
  /** As it stands, with the JSON type. */
  readonly text?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Address of the far end of the connection. */
  readonly from?: string;
}

export interface SystemOptions {
  readonly limits?: Partial<AdmissionLimits>;
  readonly guests?: boolean;
  readonly origins?: readonly string[];
  readonly proxies?: readonly string[];
  readonly page?: HttpParts["page"];
}

const PLENTY: AdmissionLimits = { ...ADMISSION_LIMITS, requestsPerMinute: 100_000, loginsPerMinute: 100_000, createsPerHour: 100_000 };
let madeKey: Promise<LocalKey> | null = null;

/** A system of its own; only the key pair is shared, because making one takes its time. */
export async function testSystem(options: SystemOptions = {}): Promise<TestSystem> {
  madeKey ??= makeLocalKey();
  const key = await madeKey;
  const clock = new TestClock();
  const engine = new RulesEngine(clock);
  const catalogue = new MemoryCatalogue(() => clock.now());
  const metrics = new GatewayMetrics({ version: "1.2.3", commit: "none", mode: "single" });
  metrics.watchEngine(engine);
  const guests = options.guests ?? false;
  const identities = new TokenIdentities({
    key: await tokenKey({ kind: "local", key }, null),
    issuer: "auction-api",
    audience: "auction-client",
    lifetimeMaxS: 3_600,
    now: () => clock.now(),
    guests: guests ? { key, tier: "enterprise", newId: () => `000${identitiesMade++}` } : null,
  });
  const errors: object[] = [];
  let made = 0;
  const parts: HttpParts = {
    engine,
    catalogue,
    identities,
    metrics: metrics.http,
    clock,
    presence: { watchers: () => 7 },
    limits: new Admission({ ...PLENTY, ...options.limits }, clock),
    figures: async () => ({ type: metrics.contentType, text: await metrics.text() }),
    log: { debug: () => undefined, warn: () => undefined, error: (fields) => void errors.push(fields) },
    about: {
      version: "1.2.3",
      mode: "single",
      guests,
      socketUrl: (host) => socketUrlOf(null, 3_000, host),
      durability: null,
      bidsPerHour: ADMISSION_LIMITS.bidsPerHour,
    },
    settings: { origins: options.origins ?? [], proxies: new TrustedProxies(options.proxies ?? []), deadlineMs: 5_000 },
    page: options.page ?? [],
    docs: [],
    listening: () => system.listening,
    draining: () => system.draining,
    newId: () => `request-${made++}`,
  };
  const app = createApp(parts);
  const system: TestSystem = {
    parts,
    clock,
    engine,
    catalogue,
    metrics,
    key,
    errors,
    draining: false,
    listening: true,
    token: (claims) => signToken(key, claims, { now: clock.now() }),
    call: async (method, path, call = {}) => await answered(await app.request(path, { method, headers: headersOf(call), ...bodyOf(call) }, connectionOf(call))),
  };
  return system;
}

async function answered(response: Response): Promise<Answered> {
  const text = await response.text();
  const isJson = /json/.test(response.headers.get("content-type") ?? "");
  return { status: response.status, headers: response.headers, text, body: isJson ? (JSON.parse(text) as Json) : {} };
}

let identitiesMade = 0;

function headersOf({ token, key, body, text, headers }: CallOptions): Record<string, string> {
  return {
    ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }),
    ...(key === undefined ? {} : { "Idempotency-Key": key }),
    ...(body === undefined && text === undefined ? {} : { "Content-Type": "application/json" }),
    ...headers,
  };
}

function bodyOf({ body, text }: CallOptions): { body: string } | object {
  return body === undefined && text === undefined ? {} : { body: text ?? JSON.stringify(body) };
}

function connectionOf({ from }: CallOptions): HttpEnvironment["Bindings"] {
  return from === undefined ? {} : { incoming: { socket: { remoteAddress: from } } };
}

/** A body for POST /v1/auctions that opens at once and ends after an hour. */
export function auctionBody(over: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  return {
    lot: { title: "Brass sextant", description: "Boxed.", category: "instruments", images: ["https://pictures.example/1.jpg"] },
    currency: "USD",
    openingPriceMinor: 10_000,
    opensAt: new Date(START).toISOString(),
    endsAt: new Date(START + 3_600_000).toISOString(),
    ...over,
  };
}

/** Creates an auction and gives its id; the answer must be 201. */
export async function createdAuction(system: TestSystem, over: Readonly<Record<string, unknown>> = {}): Promise<string> {
  const token = await system.token({ userId: "seller-1", name: "Sally", roles: ["seller"] });
  const answer = await system.call("POST", "/v1/auctions", { token, key: `create-${keysMade++}`, body: auctionBody(over) });
  if (answer.status !== 201) throw new Error(`create answered ${answer.status}: ${answer.text}`);
  return String(answer.body.auctionId);
}

let keysMade = 0;
