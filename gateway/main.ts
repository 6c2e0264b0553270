// The gateway's composition root: settings, adapters, listeners, signals. The only gateway file that imports persistence.
//
// Must not: decide how a request or a frame is met; what is chosen by a setting is chosen here, once.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Logger } from "pino";
import { v7 } from "uuid";
// biome-ignore lint/style/noRestrictedImports: the slot table has one maker, and the link is handed it here
import { fillSlots } from "../engine/cluster/ring.ts";
import { openProcessLog } from "../engine/process-log.ts";
import { MemoryCatalogue } from "../persistence/memory/catalogue.ts";
import { PostgresCatalogue } from "../persistence/postgres/catalogue.ts";
import { migrate } from "../persistence/postgres/migrate.ts";
import { Database } from "../persistence/postgres/pool.ts";
import { TrustedProxies } from "./address.ts";
import { Admission } from "./admission.ts";
import { type GatewaySettings, printableGatewaySettings, readGatewaySettings, settingsFaultLines } from "./config.ts";
import { connectEngines, type EngineLinks } from "./engine-link.ts";
import { docsFiles, packageVersion, pageFiles } from "./files.ts";
import { createApp } from "./http/app.ts";
import type { HttpParts } from "./http/parts.ts";
import { CONNECTIONS_PER_ADDRESS_MAX, type HttpServer, startHttpServer } from "./http/server.ts";
import { socketUrlOf } from "./http/socket-url.ts";
import { TokenIdentities } from "./identity.ts";
import { loadOrCreateLocalKey } from "./local-key.ts";
import { GatewayMetrics } from "./metrics.ts";
import type { Catalogue, Identities } from "./ports.ts";
import { machineClock, machineNonces, machineTimers } from "./runtime.ts";
import { SOCKET_LIMITS, type SocketLimits } from "./socket/limits.ts";
import { type SocketServer, startSocketServer } from "./socket/server.ts";
import { tokenKey, UnusableKey } from "./token-keys.ts";

const EXIT_FAILED = 1;
const EXIT_SETTINGS = 2;
/** A burst is three seconds' worth, as by default (20 and 60). */
const BURST_SECONDS = 3;
const MIGRATE_AGAIN_MS = 5_000;
/** A first migration that takes longer is not waited for, and a Postgres that is away is not waited for at all: bidding needs none. */
const MIGRATE_WAIT_MS = 10_000;

/** Everything that runs, so that it can be stopped in order. */
interface Running {
  readonly settings: GatewaySettings;
  readonly log: Logger;
  readonly metrics: GatewayMetrics;
  readonly links: EngineLinks;
  readonly catalogue: Catalogue;
  readonly identities: Identities;
  readonly admission: Admission;
  readonly proxies: TrustedProxies;
  listening: boolean;
  draining: boolean;
}

async function run(settings: GatewaySettings, version: string, log: Logger): Promise<void> {
  const metrics = new GatewayMetrics({ version, commit: "unknown", mode: settings.mode });
  const identities = await openIdentities(settings);
  const catalogue = await openCatalogue(settings, metrics, log);
  const links = connect(settings, metrics, log);
  metrics.watchEngine(links, () => links.repeatedTotal());
  const admission = new Admission(
    {
      bidsPerHour: settings.bidsPerHour,
      requestsPerMinute: settings.rateRequestsPerMinute,
      createsPerHour: settings.rateCreatesPerHour,
      loginsPerMinute: settings.rateLoginsPerMinute,
      auctionPerSecond: settings.rateAuctionPerSecond,
    },
    machineClock,
  );
  const proxies = new TrustedProxies(settings.gatewayTrustedProxies);
  const running: Running = { settings, log, metrics, links, catalogue, identities, admission, proxies, listening: false, draining: false };
  const sockets = await openSockets(running, version);
  const http = await openHttp(running, sockets, version);
  running.listening = true;
  log.info({ event: "ready", httpPort: http.port, socketPort: sockets.port, guests: settings.guests, engines: settings.gatewayEngines }, "ready");
  stopInOrder(running, sockets, http);
}

async function openIdentities(settings: GatewaySettings): Promise<TokenIdentities> {
  const local = settings.tokenKey === null ? await loadOrCreateLocalKey(settings.dataDir) : null;
  const source = local === null ? settings.tokenKey : ({ kind: "local", key: local } as const);
  if (source === null) throw new UnusableKey("no key verifies tokens");
  return new TokenIdentities({
    key: await tokenKey(source, settings.algorithms),
    issuer: settings.jwtIssuer,
    audience: settings.jwtAudience,
    lifetimeMaxS: settings.jwtLifetimeMaxS,
    now: machineClock.now,
    guests: settings.guests && local !== null ? { key: local, tier: settings.guestTier, newId: v7 } : null,
  });
}

async function openCatalogue(settings: GatewaySettings, metrics: GatewayMetrics, log: Logger): Promise<Catalogue> {
  const { postgresUrl } = settings;
  if (settings.snapshots === "memory" || settings.search === "memory" || postgresUrl === undefined) return new MemoryCatalogue(machineClock.now);
  const database = new Database({
    url: postgresUrl,
    max: settings.postgresPoolMax,
    lifetimeMs: settings.postgresPoolLifetimeMs,
    connectLimitMs: settings.postgresConnectTimeoutMs,
    statementLimitMs: settings.postgresStatementTimeoutMs,
    named: true,
    onStatement: (name, ms, slow) => metrics.statement(name, ms, slow),
  });
  metrics.watchDatabase(() => database.connections());
  const waited = new Promise<void>((resolve) => void machineTimers.after(MIGRATE_WAIT_MS, resolve));
  await Promise.race([migrateUntilDone(postgresUrl, log), waited]);
  // So that the first /ready does not say of a Postgres that nobody has asked yet that it answers.
  await database.look();
  return new PostgresCatalogue(database);
}

/** Brings the tables up to date, again and again until they are. Resolves when the first attempt has ended, one way or the other;
 *  while there are none the catalogue says that it is away. */
async function migrateUntilDone(url: string, log: Logger): Promise<void> {
  try {
    await migrate(url);
  } catch (error) {
    log.warn({ event: "migrate_failed" }, error instanceof Error ? error.message : String(error));
    machineTimers.after(MIGRATE_AGAIN_MS, () => void migrateUntilDone(url, log));
  }
}

function connect(settings: GatewaySettings, metrics: GatewayMetrics, log: Logger): EngineLinks {
  return connectEngines({
    addresses: settings.gatewayEngines,
    linkKey: settings.linkKey ?? readFileSync(join(settings.dataDir, "link-key"), "utf8").trim(),
    fillSlots,
    holdMs: settings.gatewayHoldMs,
    heldMax: settings.gatewayHeldBidsMax,
    clock: machineClock,
    timers: machineTimers,
    nonces: machineNonces,
    roundTrip: (address, ms) => metrics.linkRoundTrip(address, ms),
    log: (event, detail) => log.info({ event, ...detail }, event),
  });
}

async function openSockets(running: Running, version: string): Promise<SocketServer> {
  const { settings, log, metrics, links, catalogue, identities, admission, proxies } = running;
  const sockets = await startSocketServer({
    host: settings.gatewayHost,
    port: settings.gatewaySocketPort,
    engine: links,
    catalogue,
    identities,
    admission,
    proxies,
    origins: [...settings.gatewayOrigins, ...publicOrigin(settings)],
    limits: socketLimits(settings),
    metrics: metrics.socket,
    time: { ...machineClock, ...machineTimers },
    version,
    ready: () => running.listening && !running.draining && links.shards().length > 0,
    failed: (fault) => log.error({ err: fault }, "a socket failed"),
    fraction: machineNonces.fraction,
  });
  metrics.watchSockets(() => sockets.gauges());
  return sockets;
}

function socketLimits(settings: GatewaySettings): SocketLimits {
  const perSecond = settings.gatewayFramesPerSecond;
  return {
    ...SOCKET_LIMITS,
    framesPerSecond: perSecond,
    framesBurst: perSecond * BURST_SECONDS,
    enterpriseFramesPerSecond: Math.max(SOCKET_LIMITS.enterpriseFramesPerSecond, perSecond),
    enterpriseFramesBurst: Math.max(SOCKET_LIMITS.enterpriseFramesBurst, perSecond * BURST_SECONDS),
    subscriptions: settings.gatewaySubscriptionsMax,
    bidsInFlight: settings.gatewayBidsInFlightMax,
    socketsPerBidder: settings.gatewaySocketsPerBidderMax,
    socketsPerAddress: settings.gatewaySocketsPerAddressMax,
    connections: settings.gatewayConnectionsMax,
    acceptsPerSecond: settings.gatewayAcceptsPerSecond,
    acceptsBurst: settings.gatewayAcceptsPerSecond,
    bufferSoftBytes: settings.gatewayBufferSoftBytes,
    bufferHardBytes: settings.gatewayBufferHardBytes,
    bufferHardMs: settings.gatewayBufferHardMs,
    conflateMs: settings.gatewayConflateMs,
    conflateRate: settings.gatewayConflateRate,
    conflateViewers: settings.gatewayConflateViewers,
    historyUpdates: settings.gatewayHistoryUpdates,
    historyMs: settings.gatewayHistoryMs,
    requestTimeoutMs: settings.gatewayRequestTimeoutMs,
    drainMs: settings.gatewayDrainMs,
    anonymousViewers: settings.gatewayAnonymousViewers,
  };
}

function publicOrigin(settings: GatewaySettings): readonly string[] {
  return settings.gatewayPublicUrl === undefined ? [] : [new URL(settings.gatewayPublicUrl).origin];
}

async function openHttp(running: Running, sockets: SocketServer, version: string): Promise<HttpServer> {
  const { settings, log, metrics, links, catalogue, identities, admission, proxies } = running;
  const parts: HttpParts = {
    engine: links,
    catalogue,
    identities,
    presence: sockets.presence,
    limits: admission,
    metrics: metrics.http,
    figures: async () => ({ type: metrics.contentType, text: await metrics.text() }),
    clock: machineClock,
    log,
    about: {
      version,
      mode: settings.mode,
      guests: settings.guests,
      socketUrl: (host) => socketUrlOf(settings.gatewayPublicSocketUrl ?? null, sockets.port, host),
      durability: durabilityOf(settings),
      bidsPerHour: settings.bidsPerHour,
    },
    settings: { origins: [...settings.origins, ...publicOrigin(settings)], proxies, deadlineMs: settings.gatewayRequestTimeoutMs },
    page: pageFiles(),
    docs: docsFiles(),
    listening: () => running.listening,
    draining: () => running.draining,
    newId: v7,
  };
  const perAddress = Math.max(CONNECTIONS_PER_ADDRESS_MAX, settings.gatewaySocketsPerAddressMax);
  return await startHttpServer({ app: createApp(parts), parts, host: settings.gatewayHost, port: settings.gatewayHttpPort, perAddress });
}

/** As far as the settings that engine and gateway share tell it. */
function durabilityOf(settings: GatewaySettings): string {
  if (settings.decisionLog === "memory") return "NO DURABILITY: decisions are kept in memory";
  if (settings.decisionLog === "kafka" && settings.kafkaCheck === "one-broker")
    return "one broker, page cache: a crash of any process loses nothing, a power cut may";
  if (settings.decisionLog === "kafka") return "every decision is acknowledged by all in-sync replicas before anybody hears of it";
  return settings.localSync ? "every decision is on the disk (fdatasync) before anybody hears of it" : "NOT DURABLE: a power cut loses decisions";
}

/** Unready first, so that no new callers come; sockets are told and spread; requests under way are answered; then the links. */
async function stop(running: Running, sockets: SocketServer, http: HttpServer): Promise<void> {
  running.draining = true;
  await sockets.drain();
  await Promise.all([http.close(), sockets.close()]);
  await running.links.close();
  await running.catalogue.close();
}

// SIGTERM, Ctrl-C, or the end of stdin when a supervisor holds its other end.
function stopInOrder(running: Running, sockets: SocketServer, http: HttpServer): void {
  const { settings, log } = running;
  let begun = false;
  const begin = (why: string): void => {
    if (begun) return;
    begun = true;
    log.info({ event: "stopping", why }, "stopping");
    machineTimers.after(settings.shutdownMs, () => process.exit(EXIT_FAILED));
    stop(running, sockets, http).then(
      () => process.exit(0),
      (error: unknown) => {
        log.error({ event: "stop_failed", err: error }, "could not stop in order");
        process.exit(EXIT_FAILED);
      },
    );
  };
  process.once("SIGTERM", () => begin("SIGTERM"));
  process.once("SIGINT", () => begin("SIGINT"));
  if (settings.child) {
    process.stdin.once("end", () => begin("the supervisor is gone"));
    process.stdin.resume();
  }
}

const loaded = readGatewaySettings();
if (!loaded.ok) {
  for (const line of settingsFaultLines(loaded.faults)) process.stderr.write(`${line}\n`);
  process.exit(EXIT_SETTINGS);
}
const version = packageVersion();
const log = openProcessLog("gateway", loaded.settings, version);
for (const warning of loaded.warnings) log.warn({ event: "setting_warning" }, warning);
log.info(
  { event: "settings", settings: Object.fromEntries(printableGatewaySettings(loaded).map(({ name, value, source }) => [name, `${value} (${source})`])) },
  "settings",
);
run(loaded.settings, version, log).catch((error: unknown) => {
  log.fatal({ event: "start_failed", err: error }, error instanceof Error ? error.message : String(error));
  process.exit(error instanceof UnusableKey ? EXIT_SETTINGS : EXIT_FAILED);
});
