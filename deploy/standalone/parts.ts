// Which parts a system on one machine has, and what each is told.
//
// Must not: hand a secret on by value. The link key travels as the name of its file; only the address of a Postgres that the
// supervisor itself started travels in the environment, and it opens on this machine alone.
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Facts, Part } from "./children.ts";
import type { SupervisorSettings } from "./config.ts";
import type { DataFolder } from "./folder.ts";
import { migrateOwn, postgresPart } from "./postgres-part.ts";
import { openProcessLog, type ProcessLog } from "./process-log.ts";
import { type ChildLine, type ProcessSpec, processPart } from "./process-part.ts";
import type { Summary } from "./screen.ts";

type Environment = Readonly<Record<string, string | undefined>>;

export interface SystemInput {
  readonly settings: SupervisorSettings;
  readonly folder: DataFolder;
  readonly production: boolean;
  readonly environment: Environment;
  /** Whether the drain of the gateway was set by somebody. */
  readonly drainSet: boolean;
  readonly line: (part: string, line: ChildLine, text: string) => void;
}

export interface System {
  readonly parts: readonly Part[];
  /** What to tell once all are ready. */
  summary(version: string, startedInMs: number): Summary;
  close(): void;
}

/** Replaying a long log takes its time; a part that says nothing for this long is stuck. */
const ENGINE_READY_MS = 600_000;
const READY_MS = 60_000;
/** One machine has few viewers to spread over a drain, and a person is waiting for the prompt. */
const DRAIN_MS = "500";

/** The parts in the order of their start: Postgres, engine, gateway, demo. */
export function systemParts(input: SystemInput): System {
  const { settings, folder } = input;
  const facts = new Map<string, Facts>();
  const logs = new Map<string, ProcessLog>();
  const line = (part: string, said: ChildLine, text: string): void => {
    if (!logs.has(part)) logs.set(part, openProcessLog(join(folder.logsPath, `${part}.log`)));
    logs.get(part)?.add(text);
    input.line(part, said, text);
  };
  const remember = (part: Part): Part => ({
    ...part,
    start: async (abandoned) => {
      const running = await part.start(abandoned);
      facts.set(part.name, running.facts);
      return running;
    },
  });
  const known = (part: string, name: string): number | undefined => {
    const value = facts.get(part)?.[name];
    return typeof value === "number" ? value : undefined;
  };
  const parts: Part[] = [];
  const ownPostgres = settings.snapshots === "postgres" && settings.postgresUrl === undefined;
  const postgres = ownPostgres ? postgresPart({ folder: join(folder.path, "postgres"), port: settings.postgresPort, line }) : null;
  if (postgres !== null) parts.push(postgres.part);
  const script = (name: string, file: string, over: Partial<ProcessSpec>): ProcessSpec => ({
    name,
    essential: true,
    awaited: true,
    file: scriptPath(file),
    readyLimitMs: READY_MS,
    line,
    environment: () => ({}),
    ...over,
  });
  parts.push(
    processPart(
      script("engine", "../../engine/main.js", { readyLimitMs: ENGINE_READY_MS, environment: () => engineEnvironment(input, postgres?.url(), known) }),
    ),
  );
  parts.push(processPart(script("gateway", "../../gateway/main.js", { environment: () => gatewayEnvironment(input, postgres?.url(), known) })));
  if (folder.demo) {
    // On a first start the page would be empty without it; later its auctions are there already.
    const args = () => ["--url", `http://127.0.0.1:${known("gateway", "httpPort") ?? settings.gatewayHttpPort}`, "--bidders", String(settings.bidders)];
    parts.push(
      processPart(
        script("demo", "demo-main.js", { essential: false, awaited: folder.first, args, environment: () => withoutBrokerKeys(commonEnvironment(input)) }),
      ),
    );
  }
  const yours = settings.snapshots === "postgres" ? settings.postgresUrl : undefined;
  return {
    parts: parts.map((part) => remember(part.name === "engine" && yours !== undefined ? migratedBefore(part, yours, line) : part)),
    summary: (version, startedInMs) => summaryOf(input, facts, { version, startedInMs }),
    close: () => {
      for (const log of logs.values()) log.close();
    },
  };
}

const LEVEL_WARN = 40;

/** The part, with the database of your own brought up to date before its first start. */
function migratedBefore(part: Part, url: string, line: SystemInput["line"]): Part {
  let asked = false;
  return {
    ...part,
    start: async (abandoned) => {
      const wrong = asked ? null : await migrateOwn(url);
      asked = true;
      if (wrong !== null) line("postgres", { level: LEVEL_WARN, msg: wrong, fields: {} }, wrong);
      return part.start(abandoned);
    },
  };
}

function scriptPath(file: string): string {
  return fileURLToPath(new URL(file, import.meta.url));
}

function commonEnvironment(input: SystemInput): Record<string, string | undefined> {
  const { environment, settings, folder } = input;
  const keyGiven = settings.linkKey !== undefined;
  return {
    ...environment,
    FAIRWARNING_DATA_DIR: folder.path,
    FAIRWARNING_LOG_FORMAT: "json",
    ...(keyGiven ? {} : { FAIRWARNING_LINK_KEY_FILE: folder.linkKeyFile }),
  };
}

/** The engine alone signs in to the brokers. */
function withoutBrokerKeys(environment: Environment): Environment {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !name.startsWith("FAIRWARNING_KAFKA_SASL_")));
}

type Known = (part: string, name: string) => number | undefined;

function engineEnvironment(input: SystemInput, postgresUrl: string | undefined, known: Known): Environment {
  return {
    ...commonEnvironment(input),
    ...(postgresUrl === undefined ? {} : { FAIRWARNING_POSTGRES_URL: postgresUrl }),
    // A port found at the first start is kept, so that the gateway finds the engine again after its restart.
    FAIRWARNING_ENGINE_LINK_PORT: String(known("engine", "linkPort") ?? input.settings.engineLinkPort),
    FAIRWARNING_ENGINE_STATUS_PORT: String(known("engine", "statusPort") ?? input.settings.engineStatusPort),
  };
}

function gatewayEnvironment(input: SystemInput, postgresUrl: string | undefined, known: Known): Environment {
  const { environment, settings } = input;
  return {
    ...withoutBrokerKeys(commonEnvironment(input)),
    ...(postgresUrl === undefined ? {} : { FAIRWARNING_POSTGRES_URL: postgresUrl }),
    FAIRWARNING_GATEWAY_ENGINES: environment.FAIRWARNING_GATEWAY_ENGINES ?? `127.0.0.1:${known("engine", "linkPort") ?? settings.engineLinkPort}`,
    FAIRWARNING_GATEWAY_HTTP_PORT: String(known("gateway", "httpPort") ?? settings.gatewayHttpPort),
    FAIRWARNING_GATEWAY_SOCKET_PORT: String(known("gateway", "socketPort") ?? settings.gatewaySocketPort),
    ...(input.drainSet ? {} : { FAIRWARNING_GATEWAY_DRAIN_MS: DRAIN_MS }),
    ...(input.production ? { FAIRWARNING_GUESTS: "false" } : {}),
  };
}

function summaryOf(input: SystemInput, facts: ReadonlyMap<string, Facts>, about: { version: string; startedInMs: number }): Summary {
  const { settings, folder, production } = input;
  const gateway = facts.get("gateway");
  const httpPort = typeof gateway?.httpPort === "number" ? gateway.httpPort : settings.gatewayHttpPort;
  const socketPort = typeof gateway?.socketPort === "number" ? gateway.socketPort : settings.gatewaySocketPort;
  const pageUrl = settings.gatewayPublicUrl ?? `http://localhost:${httpPort}`;
  const notes: string[] = [];
  if (!production) notes.push("Anybody who reaches the page may bid as a guest: this is for trying it out. For real use: npm start -- --production");
  if (settings.decisionLog === "memory") notes.push("FAIRWARNING_DECISION_LOG=memory: nothing is kept when the engine stops.");
  return {
    ...about,
    pageUrl,
    socketUrl: settings.gatewayPublicSocketUrl ?? `ws://localhost:${socketPort}/v1/socket`,
    docsUrl: `${pageUrl}/docs`,
    mode: `one machine${production ? ", production" : folder.demo ? `, demo${settings.bidders > 0 ? ` with ${settings.bidders} simulated bidders` : ""}` : ""}`,
    dataPath: folder.path,
    log: logText(settings, folder),
    durability: durabilityText(settings),
    notes,
  };
}

function logText(settings: SupervisorSettings, folder: DataFolder): string {
  if (settings.decisionLog === "kafka") return `topic ${settings.kafkaTopic} of Kafka at ${settings.kafkaBrokers.join(", ")}`;
  return settings.decisionLog === "memory" ? "memory" : join(folder.path, "log");
}

function durabilityText(settings: SupervisorSettings): string {
  if (settings.decisionLog === "kafka") {
    return settings.kafkaCheck === "one-broker"
      ? "one broker, page cache: every decision is with the broker before anybody hears of it"
      : "every decision is with two brokers or more before anybody hears of it (RF 3, min ISR 2)";
  }
  if (settings.decisionLog === "memory") return "NO DURABILITY: decisions are kept in memory";
  if (!settings.localSync) return "NOT DURABLE: FAIRWARNING_LOCAL_SYNC=false, a power cut loses decisions";
  return "every decision is on the disk (fdatasync) before anybody hears of it";
}
