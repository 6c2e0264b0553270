// Settings of a gateway: the schema, and the one place of the gateway that reads the environment.
//
// Must not: hide a default elsewhere. What one setting's value makes of another is worked out below, once.
import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { z } from "zod";
import { copiesWanted, kafkaFields } from "../engine/kafka-settings.ts";
import { linkFields, port, postgresFields, processFields } from "../engine/process-settings.ts";
import {
  choice,
  faultLines,
  integer,
  list,
  loadSettings,
  optional,
  printableSettings,
  type SettingFault,
  type SettingsLoaded,
  type SettingsRefused,
  text,
  yesNo,
} from "../engine/settings-source.ts";
import { isProxyEntry } from "./address.ts";
import { TOKEN_AUDIENCE, TOKEN_ISSUER, TOKEN_LIFETIME_MAX_S } from "./local-key.ts";
import type { Tier } from "./ports.ts";
import type { KeySource } from "./token-keys.ts";

const KIB = 1024;
const HOUR_MS = 3_600_000;
const COUNT_MAX = 1_000_000_000;

const web = (meaning: string, wanted: string, pattern: RegExp) => optional(text({ unit: "URL", meaning, wanted, pattern }));
const count = (fallback: string, unit: string, meaning: string, min = 1) => integer({ default: fallback, unit, meaning, min, max: COUNT_MAX });
const ms = (fallback: string, meaning: string, min = 0) => integer({ default: fallback, unit: "ms", meaning, min, max: HOUR_MS });
const bytes = (fallback: number, meaning: string) => integer({ default: String(fallback), unit: "bytes", meaning, min: KIB, max: COUNT_MAX });

export const gatewaySchema = z.object({
  ...processFields,
  decisionLog: choice(["local", "kafka", "memory"], {
    default: { single: "local", cluster: "kafka" },
    unit: "-",
    meaning: "where decisions are kept; a gateway only tells of it",
  }),
  /** Told, as the decision log is; a gateway reaches no broker and is given no password of one. */
  kafkaBrokers: kafkaFields.kafkaBrokers,
  kafkaCheck: kafkaFields.kafkaCheck,
  localSync: yesNo({ default: "true", unit: "-", meaning: "whether the local log is durable; a gateway only tells of it" }),
  snapshots: choice(["postgres", "memory"], {
    default: "postgres",
    unit: "-",
    meaning: "where snapshots are kept; with memory the catalogue is in memory too",
  }),
  search: choice(["postgres", "memory"], { default: "postgres", unit: "-", meaning: "where lots and listings are kept" }),
  gatewayHost: text({ default: "0.0.0.0", unit: "address", meaning: "where clients connect" }),
  gatewayHttpPort: port({ default: "8080", meaning: "page and HTTP API; 0 picks a free port" }),
  gatewaySocketPort: port({ default: "3000", meaning: "WebSocket; 0 picks a free port" }),
  gatewayEngines: list({ default: "127.0.0.1:7400", unit: "host:port, ...", meaning: "links of the engines" }),
  gatewayOrigins: list({
    default: "own",
    defaultText: "own / required",
    unit: "origin, ...",
    meaning: "pages that may call; own: only those this gateway gives out",
  }),
  gatewayTrustedProxies: list({
    default: "",
    defaultText: "none",
    unit: "address, ...",
    meaning: "proxies, or networks of them, whose X-Forwarded-For is believed; their connections are not counted by address",
  }),
  gatewayPublicUrl: web("what clients are told; http://localhost and the port where nothing is set", "http://host or https://host", /^https?:\/\/[^/]+\/?$/),
  gatewayPublicSocketUrl: web(
    "what clients are told; ws://localhost and the port where nothing is set",
    "ws://host/v1/socket or wss://...",
    /^wss?:\/\/[^/]+\/.*$/,
  ),
  gatewayConnectionsMax: count("10000", "sockets", "of one gateway"),
  gatewaySocketsPerBidderMax: count("10", "sockets", "of one bidder"),
  gatewaySocketsPerAddressMax: count("100", "sockets", "of one address"),
  gatewayAcceptsPerSecond: count("2000", "sockets", "opened a second; more are told to come again"),
  gatewaySubscriptionsMax: count("500", "auctions", "that one socket watches"),
  gatewayBidsInFlightMax: count("32", "bids", "of one socket that wait for their answer"),
  gatewayFramesPerSecond: count("20", "frames", "a second on one socket, three times as many in a burst; enterprise: at least 2,000"),
  gatewayRequestTimeoutMs: integer({ default: "5000", unit: "ms", meaning: "deadline of a request that names none", min: 100, max: 30_000 }),
  gatewayHoldMs: ms("5000", "a command waits so long for an owner; then shard_moving"),
  gatewayHeldBidsMax: count("50000", "commands", "held at once; then shard_moving", 0),
  gatewayConflateMs: ms("50", "least time between updates of a hot auction", 1),
  gatewayConflateRate: count("20", "updates", "a second that make an auction hot"),
  gatewayConflateViewers: count("1000", "viewers", "that make an auction hot"),
  gatewayBufferSoftBytes: bytes(64 * KIB, "a viewer behind by more gets the newest state only"),
  gatewayBufferHardBytes: bytes(256 * KIB, "a viewer behind by more is closed"),
  gatewayBufferHardMs: ms("10000", "a viewer behind for longer is closed", 100),
  gatewayHistoryUpdates: count("256", "updates", "kept of an auction, so that viewers can go on where they were"),
  gatewayHistoryMs: ms("60000", "time they are kept"),
  gatewayDrainMs: ms("20000", "closes of sockets are spread over this when a gateway stops"),
  gatewayAnonymousViewers: yesNo({ default: "true", unit: "-", meaning: "watching without a token" }),
  rateRequestsPerMinute: count("300", "requests", "a minute of one bidder, or of one address without a token"),
  rateAuctionPerSecond: count("2000", "bids", "a second on one auction"),
  rateCreatesPerHour: count("60", "auctions", "an hour of one seller"),
  rateLoginsPerMinute: count("10", "tries", "a minute of one address: bad tokens, tickets, guests"),
  jwtIssuer: text({ default: TOKEN_ISSUER, unit: "-", meaning: "`iss` of every token" }),
  jwtAudience: text({ default: TOKEN_AUDIENCE, unit: "-", meaning: "`aud` of every token" }),
  jwtLifetimeMaxS: integer({ default: String(TOKEN_LIFETIME_MAX_S), unit: "s", meaning: "a token that lives longer is refused", min: 60, max: 86_400 }),
  jwtJwksUrl: web("key set that verifies tokens", "https://... or http://...", /^https?:\/\//),
  jwtPublicKey: optional(text({ unit: "PEM", meaning: "public key that verifies tokens" })),
  jwtSecret: optional(text({ unit: "-", meaning: "shared secret that verifies tokens", secret: true, pattern: /^[\s\S]{32,}$/, wanted: "32 bytes or more" })),
  jwtAlgorithms: list({ default: "", defaultText: "by key", unit: "name, ...", meaning: "narrows the algorithms: EdDSA, ES256, RS256; HS256 with a secret" }),
  tiers: list({ default: "free=10,premium=100,enterprise=1000", unit: "bids an hour", meaning: "decided bids an hour by tier" }),
  guests: yesNo({
    default: { single: "true", cluster: "false" },
    unit: "-",
    meaning: "anybody may bid and sell as a guest; on one machine only, with its own key",
  }),
  guestTier: choice(["free", "premium", "enterprise"], { default: "enterprise", unit: "-", meaning: "tier of guests" }),
  ...linkFields,
  ...postgresFields,
});

type Raw = z.output<typeof gatewaySchema>;

/** What a gateway runs with: everything that follows from other settings worked out. */
export interface GatewaySettings extends Omit<Raw, "nodeId" | "child" | "tiers" | "jwtAlgorithms"> {
  readonly nodeId: string;
  /** Started by a supervisor: stop in order at the end of stdin. */
  readonly child: boolean;
  readonly bidsPerHour: { readonly [T in Tier]: number };
  /** null: by key. */
  readonly algorithms: readonly string[] | null;
  /** null: the key pair in the data folder. */
  readonly tokenKey: Exclude<KeySource, { kind: "local" }> | null;
  /** Beside the gateway's own. */
  readonly origins: readonly string[];
}

/** Names that only other processes read: they share the environment under the supervisor. */
const FOREIGN =
  /^FAIRWARNING_(ENGINE|SHARDS|PLACEMENT|LOCAL|OPERATOR|COORDINATION|ANALYTICS|EVENTS|SINK|KAFKA|REDIS|CLICKHOUSE|ELASTICSEARCH|DEMO|BIDDERS|RESTART|POSTGRES_PORT|POSTGRES_READ|LINK_TLS|URL|TOKEN|GATEWAY_OPERATOR|GATEWAY_BID_ORIGIN)/;
const ADDRESS = /^[A-Za-z0-9._-]+:\d{1,5}$|^\[[0-9a-fA-F:]+\]:\d{1,5}$/;

/** Settings from the environment, `./.env` and their defaults; or all faults at once. Reads files, changes nothing. */
export function readGatewaySettings(
  environment: Readonly<Record<string, string | undefined>> = process.env,
): SettingsLoaded<GatewaySettings> | SettingsRefused {
  const dotenv = dotenvText();
  const loaded = loadSettings({
    schema: gatewaySchema,
    environment,
    ...(dotenv === null ? {} : { dotenv }),
    readFile: (path) => readFileSync(path, "utf8"),
    foreign: (name) => FOREIGN.test(name),
  });
  if (!loaded.ok) return loaded;
  const faults = faultsBetween(loaded.settings);
  if (faults.length > 0) return { ok: false, faults, warnings: loaded.warnings };
  const settings = workOut(copiesWanted(loaded.settings, loaded.sources));
  const warnings =
    settings.guests || !loaded.settings.guests
      ? loaded.warnings
      : [...loaded.warnings, "guests are off: their tokens are signed by the local key, and another key is set"];
  return { ...loaded, warnings, settings: Object.freeze(settings) };
}

/** One line for each fault, for people. */
export function settingsFaultLines(faults: readonly SettingFault[]): readonly string[] {
  return faultLines(faults);
}

/** Resolved settings with their sources, secrets masked. */
export function printableGatewaySettings(
  loaded: SettingsLoaded<object>,
): readonly { readonly name: string; readonly value: string; readonly source: string }[] {
  return printableSettings(gatewaySchema, loaded);
}

/** Faults that no field sees alone. */
function faultsBetween(raw: Raw): SettingFault[] {
  const faults: SettingFault[] = [];
  const fault = (name: string, found: string, wanted: string) => faults.push({ name: `FAIRWARNING_${name}`, origin: "environment", found, wanted });
  const keys = [raw.jwtJwksUrl, raw.jwtPublicKey, raw.jwtSecret].filter((key) => key !== undefined).length;
  if (keys > 1) fault("JWT_JWKS_URL", "more than one key", "one of JWT_JWKS_URL, JWT_PUBLIC_KEY and JWT_SECRET");
  if (raw.mode === "cluster" && keys === 0) fault("JWT_JWKS_URL", "no key", "JWT_JWKS_URL, JWT_PUBLIC_KEY or JWT_SECRET: a cluster has no key of its own");
  if (raw.mode === "cluster" && raw.guests) fault("GUESTS", "true", "false: a cluster has no guests");
  if (raw.mode === "cluster" && raw.gatewayOrigins.includes("own")) fault("GATEWAY_ORIGINS", "own", "the origins of your pages");
  for (const origin of raw.gatewayOrigins)
    if (origin !== "own" && !isOrigin(origin)) fault("GATEWAY_ORIGINS", origin, "origins such as https://auctions.example");
  for (const entry of raw.gatewayTrustedProxies)
    if (!isProxyEntry(entry)) fault("GATEWAY_TRUSTED_PROXIES", entry, "addresses or networks such as 10.0.0.7 or 10.0.0.0/8");
  for (const address of raw.gatewayEngines) if (!ADDRESS.test(address)) fault("GATEWAY_ENGINES", address, "addresses such as 127.0.0.1:7400");
  if (raw.gatewayEngines.length === 0) fault("GATEWAY_ENGINES", "nothing", "one address or more");
  if (bidsPerHour(raw.tiers) === null) fault("TIERS", raw.tiers.join(","), "free=10,premium=100,enterprise=1000, each tier once");
  if (raw.gatewayBufferHardBytes < raw.gatewayBufferSoftBytes)
    fault("GATEWAY_BUFFER_HARD_BYTES", String(raw.gatewayBufferHardBytes), "at least GATEWAY_BUFFER_SOFT_BYTES");
  if (raw.snapshots !== "memory" && raw.search !== "memory" && raw.postgresUrl === undefined)
    fault("POSTGRES_URL", "nothing", "an address of Postgres, or FAIRWARNING_SEARCH=memory");
  return faults;
}

function isOrigin(text: string): boolean {
  return URL.canParse(text) && new URL(text).origin === text;
}

function bidsPerHour(tiers: readonly string[]): GatewaySettings["bidsPerHour"] | null {
  const found = new Map(tiers.map((tier) => /^(free|premium|enterprise)=(\d{1,9})$/.exec(tier)).map((match) => [match?.[1], Number(match?.[2])]));
  const [free, premium, enterprise] = [found.get("free"), found.get("premium"), found.get("enterprise")];
  if (free === undefined || premium === undefined || enterprise === undefined || tiers.length !== found.size || found.has(undefined)) return null;
  return { free, premium, enterprise };
}

function workOut(raw: Raw): GatewaySettings {
  const { nodeId, child, tiers, jwtAlgorithms, ...rest } = raw;
  const tokenKey = keyOf(raw);
  return {
    ...rest,
    nodeId: nodeId ?? `${hostname()}-${process.pid}`,
    child: child === "1",
    bidsPerHour: bidsPerHour(tiers) ?? { free: 0, premium: 0, enterprise: 0 },
    algorithms: jwtAlgorithms.length === 0 ? null : jwtAlgorithms,
    tokenKey,
    guests: raw.guests && raw.mode === "single" && tokenKey === null,
    origins: raw.gatewayOrigins.filter((origin) => origin !== "own"),
  };
}

function keyOf(raw: Raw): GatewaySettings["tokenKey"] {
  if (raw.jwtJwksUrl !== undefined) return { kind: "jwks", url: raw.jwtJwksUrl };
  if (raw.jwtPublicKey !== undefined) return { kind: "public_key", pem: raw.jwtPublicKey };
  if (raw.jwtSecret !== undefined) return { kind: "secret", secret: raw.jwtSecret };
  return null;
}

function dotenvText(): string | null {
  try {
    return readFileSync(".env", "utf8");
  } catch {
    // No .env is the usual case; an unreadable one is the same as none, and the settings printed at start show what holds.
    return null;
  }
}
