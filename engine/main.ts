// The engine's composition root: settings, adapters, start, signals. The only engine file outside sim that imports adapters.
//
// Must not: rule, or choose behaviour by switches inside functions: an adapter is chosen here, once.
import { randomBytes, randomUUID } from "node:crypto";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Logger } from "pino";
import { KafkaLogRefused } from "../persistence/kafka/errors.ts";
import { openCheckedLog } from "../persistence/kafka/open-log.ts";
import { createTopic } from "../persistence/kafka/topics.ts";
import { LogDamaged, LogFileSystemRefused, LogMismatch, LogMissing } from "../persistence/local/errors.ts";
import { openLocalLogReader } from "../persistence/local/log-follower.ts";
import { openLocalLog } from "../persistence/local/open-log.ts";
import { createMemoryLog } from "../persistence/memory/decision-log.ts";
import { MemorySnapshotStore } from "../persistence/memory/snapshot-store.ts";
import { migrate } from "../persistence/postgres/migrate.ts";
import { DATABASE_DEFAULTS, Database } from "../persistence/postgres/pool.ts";
import { PostgresSnapshotStore } from "../persistence/postgres/snapshot-store.ts";
import { createRecordCodec } from "../persistence/record.ts";
import { reachBroker } from "./broker-probe.ts";
import { PlacementRefused } from "./cluster/placement.ts";
import { placementFile } from "./cluster/placement-file.ts";
import { fillSlots, slotDigest } from "./cluster/ring.ts";
import { followPlacement, ownedShards } from "./cluster/static-membership.ts";
import { type EngineSettings, readEngineSettings } from "./config.ts";
import { kafkaConnection } from "./kafka-settings.ts";
import { BROKERS_WAIT_MS, BrokersAway, KafkaRefused, openOnKafka, topicRemedy } from "./kafka-start.ts";
import { createLinkServer } from "./link/server.ts";
import { EngineCounters, engineRegistry } from "./metrics.ts";
import type { DecisionLog, Membership, SnapshotStore, UpdateSink } from "./ports.ts";
import { openProcessLog } from "./process-log.ts";
import { machineClock, machineNonces, machineTimers } from "./runtime.ts";
import { EngineNode } from "./shard/node.ts";
import { SNAPSHOT_ROW_BYTES } from "./shard/snapshots.ts";
import { type Say, SHARD_LIMITS, type ShardLimits } from "./shard/world.ts";
import { startStatus } from "./status.ts";

const EXIT_FAILED = 1;
const EXIT_SETTINGS = 2;
/** The log cannot be served, or its brokers were waited for in vain; another start at once would say the same. */
const EXIT_UNUSABLE = 3;
const LIFE_BYTES = 16;

interface OpenLog {
  readonly log: DecisionLog;
  readonly lifeId: Uint8Array;
}

// Which shards are this node's: as the placement file says, or as the list does.
function openPlacement(settings: EngineSettings, say: Say): Membership {
  const { placementFile: path, engineShards, shards, nodeId } = settings;
  if (path === undefined) return ownedShards(engineShards, shards);
  if (engineShards !== "all") {
    const fault = { at: "FAIRWARNING_ENGINE_SHARDS", found: engineShards, wanted: "not set: the placement file says which shards are whose" };
    throw new PlacementRefused(path, [fault]);
  }
  return followPlacement({ source: placementFile(path), nodeId, shards, timers: machineTimers, say });
}

async function openLog(settings: EngineSettings, version: string, log: Logger, say: Say, fatal: (reason: string) => void): Promise<OpenLog> {
  const digest = slotDigest(fillSlots(settings.shards));
  const madeAt = machineClock.now();
  switch (settings.decisionLog) {
    case "local": {
      const dir = join(settings.dataDir, "log");
      mkdirSync(dir, { recursive: true });
      const opened = await openLocalLog({
        dir,
        shards: settings.shards,
        create: { slotDigest: digest, madeAt, version },
        segmentBytes: settings.localSegmentBytes,
        reserveBytes: settings.localReserveBytes,
        sync: settings.localSync,
        appendLimitMs: settings.engineAppendLimitMs,
        onFatal: (error) => fatal(error.message),
        onCut: (cut) => say("warn", "log_tail_cut", { ...cut }),
      });
      return { log: opened, lifeId: opened.lifeId };
    }
    case "memory": {
      const lifeId = new Uint8Array(randomBytes(LIFE_BYTES));
      const memory = createMemoryLog(settings.shards);
      const codec = createRecordCodec(lifeId);
      for (let shard = 0; shard < settings.shards; shard += 1) {
        memory.store.store(shard, codec.genesis({ shard, shards: settings.shards, slotDigest: digest, madeAt, version }));
      }
      return { log: memory.log, lifeId };
    }
    case "kafka":
      return await untilGone(settings, openKafka({ settings, digest, version, log, say, fatal }));
  }
}

// A process that still waits for brokers ends with its supervisor, like one that serves.
async function untilGone<Result>(settings: EngineSettings, work: Promise<Result>): Promise<Result> {
  if (!settings.child) return await work;
  const leave = (): void => process.exit(EXIT_FAILED);
  process.stdin.once("end", leave);
  process.stdin.resume();
  try {
    return await work;
  } finally {
    process.stdin.off("end", leave);
  }
}

/** Hex of the life id of the local log in the data folder, null where none is. */
async function localLife(settings: EngineSettings): Promise<string | null> {
  try {
    const reader = await openLocalLogReader({ dir: join(settings.dataDir, "log") });
    await reader.close();
    return Buffer.from(reader.lifeId).toString("hex");
  } catch (error) {
    if (error instanceof LogMissing) return null;
    throw error;
  }
}

async function openKafka(parts: {
  readonly settings: EngineSettings;
  readonly digest: Uint8Array;
  readonly version: string;
  readonly log: Logger;
  readonly say: Say;
  readonly fatal: (reason: string) => void;
}): Promise<OpenLog> {
  const { settings, digest, version, log, say, fatal } = parts;
  const local = await localLife(settings);
  const oneBroker = settings.kafkaCheck === "one-broker";
  const topic = { connection: kafkaConnection(settings), topic: settings.kafkaTopic, shards: settings.shards, oneBroker, slotDigest: digest };
  const opened = await openOnKafka<OpenLog>({
    brokers: settings.kafkaBrokers,
    topic: settings.kafkaTopic,
    reach: () => reachBroker(settings.kafkaBrokers),
    make: settings.mode === "single" && local === null ? () => createTopic({ ...topic, madeAt: machineClock.now(), version, say }) : null,
    open: async () => {
      const { log: made, findings } = await openCheckedLog({
        ...topic,
        appendLimitMs: settings.engineAppendLimitMs,
        say,
        onFatal: (error) => fatal(error.message),
      });
      return { log: made === null ? null : { log: made, lifeId: made.lifeId }, findings };
    },
    final: (error) => error instanceof KafkaLogRefused,
    remedy: topicRemedy(local === null ? null : settings.dataDir),
    timers: machineTimers,
    fraction: () => machineNonces.fraction(),
    elapsed: () => machineClock.monotonic(),
    waitMs: BROKERS_WAIT_MS,
    tell: (level, event, text) => log[level]({ event }, text),
  });
  const life = Buffer.from(opened.lifeId).toString("hex");
  if (local !== null && local !== life) {
    await opened.log.close();
    throw new KafkaRefused(`Topic ${settings.kafkaTopic} is another log. ${topicRemedy(settings.dataDir)}`);
  }
  return opened;
}

function openStore(settings: EngineSettings, counters: EngineCounters, say: Say): SnapshotStore {
  const closedKeptMs = settings.engineClosedKeptMs;
  // Snapshots that outlive their log would belong to another one at the next start.
  if (settings.snapshots === "memory" || settings.decisionLog === "memory") return new MemorySnapshotStore({ closedKeptMs, rowBytes: SNAPSHOT_ROW_BYTES });
  if (settings.postgresUrl === undefined) throw new Error("snapshots are kept in Postgres: set FAIRWARNING_POSTGRES_URL, or FAIRWARNING_SNAPSHOTS=memory");
  const database = new Database({
    ...DATABASE_DEFAULTS,
    url: settings.postgresUrl,
    max: settings.postgresPoolMax,
    lifetimeMs: settings.postgresPoolLifetimeMs,
    connectLimitMs: settings.postgresConnectTimeoutMs,
    statementLimitMs: settings.postgresStatementTimeoutMs,
    onStatement: (name, ms, slow) => counters.statement(name, ms, slow),
  });
  return new PostgresSnapshotStore(database, {
    rowBytes: SNAPSHOT_ROW_BYTES,
    statementAuctionsMax: settings.engineSnapshotAuctionsMax,
    closedKeptMs,
    onMergeFailed: (shard, error) => say("error", "snapshot_merge_failed", { shard, cause: error.message }),
  });
}

function linkKey(settings: EngineSettings): string {
  if (settings.linkKey !== undefined) return settings.linkKey;
  return readFileSync(join(settings.dataDir, "link-key"), "utf8").trim();
}

/** A first migration that takes longer is not waited for. Postgres away is known sooner: then the shards go on asking for their
 *  checkpoints for ten seconds and replay the whole log, and snapshots catch up when it is back. */
const MIGRATE_WAIT_MS = 10_000;
const MIGRATE_PAUSE_MS = 500;
const MIGRATE_PAUSE_MAX_MS = 5_000;

// Brings the schema up to date, again and again until it is. Resolves when the first attempt has ended, one way or the other.
function migrated(settings: EngineSettings, say: Say, stopped: () => boolean): Promise<void> {
  const url = settings.snapshots === "postgres" ? settings.postgresUrl : undefined;
  if (url === undefined) return Promise.resolve();
  return new Promise((resolve) => {
    machineTimers.after(MIGRATE_WAIT_MS, resolve);
    const attempt = (pauseMs: number): void => {
      if (stopped()) return;
      migrate(url)
        .catch((error: unknown) => {
          say("warn", "migrate_failed", { cause: error instanceof Error ? error.message : String(error), againInMs: pauseMs });
          machineTimers.after(pauseMs, () => attempt(Math.min(MIGRATE_PAUSE_MAX_MS, pauseMs * 2)));
        })
        .finally(resolve);
    };
    attempt(MIGRATE_PAUSE_MS);
  });
}

function repeatSnapshots(node: EngineNode, everyMs: number, stopped: () => boolean): void {
  const again = (): void => {
    if (stopped()) return;
    void node.snapshotAll().finally(() => {
      machineTimers.after(everyMs, again);
    });
  };
  machineTimers.after(everyMs, again);
}

function limitsOf(settings: EngineSettings): ShardLimits {
  return {
    ...SHARD_LIMITS,
    mailboxMax: settings.engineMailboxMax,
    waitingMax: settings.engineHeldDecisionsMax,
    turnDecisionsMax: settings.engineTurnDecisionsMax,
    answersMax: settings.engineAnswersMax,
    // Only one process writes a log of this machine, so nobody has to see that it lives.
    timeIdleMs: settings.decisionLog === "kafka" ? Math.min(settings.engineTimeIdleMs, settings.engineHeartbeatMs) : settings.engineTimeIdleMs,
    heartbeatMs: settings.engineHeartbeatMs,
    leaseMs: settings.engineLeaseMs,
    clockOffsetMaxMs: settings.engineClockOffsetMaxMs,
    closedKeptMs: settings.engineClosedKeptMs,
  };
}

async function run(settings: EngineSettings, version: string, log: Logger): Promise<void> {
  const say: Say = (level, event, fields) => log[level]({ event, ...fields }, event);
  const fatal = (reason: string): void => {
    log.fatal({ event: "fatal" }, reason);
    process.exit(EXIT_FAILED);
  };
  const membership = openPlacement(settings, say);
  const opened = await openLog(settings, version, log, say, fatal);
  const counters = new EngineCounters();
  const store = openStore(settings, counters, say);
  let draining = false;
  const lifeId = Buffer.from(opened.lifeId).toString("hex");
  // The node tells the link, and the link asks the node: whichever is made first reaches the other through this.
  const sink: UpdateSink = {
    watched: (auctionId) => link.watched(auctionId),
    update: (update) => link.update(update),
    notice: (notice) => link.notice(notice),
  };
  const node: EngineNode = new EngineNode({
    log: opened.log,
    codec: createRecordCodec(opened.lifeId),
    store,
    clock: machineClock,
    timers: machineTimers,
    nonces: machineNonces,
    sink,
    limits: limitsOf(settings),
    counters,
    say,
    lifeId: opened.lifeId,
    nodeId: settings.nodeId,
    processId: randomUUID(),
    shards: settings.shards,
    slots: fillSlots(settings.shards),
    membership,
    standby: settings.engineStandby,
    statusChanged: (status) => link.publishStatus(status),
  });
  const link = createLinkServer({
    host: settings.engineLinkHost,
    port: settings.engineLinkPort,
    linkKey: linkKey(settings),
    node,
    clock: machineClock,
    timers: machineTimers,
    nonces: machineNonces,
    identity: { nodeId: settings.nodeId, lifeId, shards: settings.shards, version },
    log: (event, detail) => log.info({ event, ...detail }, event),
  });
  const status = await startStatus({
    host: settings.engineStatusHost,
    port: settings.engineStatusPort,
    node,
    draining: () => draining,
    registry: engineRegistry(counters, node, { version, mode: settings.mode }),
  });
  const linkPort = await link.listen();
  await migrated(settings, say, () => draining);
  const started = node.start();
  // A shard that is served is saved, and the process can be stopped, while another one is still being read.
  repeatSnapshots(node, settings.engineSnapshotEveryMs, () => draining);
  stopInOrder(settings, log, async () => {
    draining = true;
    await node.stop();
    await link.close();
    await Promise.all([opened.log.close(), store.close(), status.close()]);
  });
  await started;
  if (draining) return;
  log.info({ event: "ready", linkPort, statusPort: status.port, lifeId, durability: opened.log.durability, durable: opened.log.durable }, "ready");
}

// SIGTERM, Ctrl-C, or the end of stdin when a supervisor holds its other end.
function stopInOrder(settings: EngineSettings, log: Logger, stop: () => Promise<void>): void {
  let begun = false;
  const begin = (why: string): void => {
    if (begun) return;
    begun = true;
    log.info({ event: "stopping", why }, "stopping");
    machineTimers.after(settings.shutdownMs, () => process.exit(EXIT_FAILED));
    stop().then(
      () => process.exit(0),
      (error: unknown) => {
        log.error({ event: "stop_failed" }, error instanceof Error ? error.message : String(error));
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

function packageVersion(): string {
  for (const path of ["../package.json", "../../package.json"]) {
    try {
      return String((JSON.parse(readFileSync(new URL(path, import.meta.url), "utf8")) as { version: string }).version);
    } catch {
      // Source and compiled code stand at different depths below the package root.
    }
  }
  return "0.0.0";
}

const loaded = readEngineSettings();
if (!loaded.ok) {
  for (const fault of loaded.faults) process.stderr.write(`${typeof fault === "string" ? fault : JSON.stringify(fault)}\n`);
  process.exit(EXIT_SETTINGS);
}
const version = packageVersion();
const log = openProcessLog("engine", loaded.settings, version);
for (const warning of loaded.warnings) log.warn({ event: "setting_warning" }, String(warning));
run(loaded.settings, version, log).catch((error: unknown) => {
  log.fatal({ event: "start_failed" }, error instanceof Error ? error.message : String(error));
  const unusable =
    error instanceof LogDamaged ||
    error instanceof LogMismatch ||
    error instanceof LogFileSystemRefused ||
    error instanceof KafkaRefused ||
    error instanceof BrokersAway ||
    error instanceof KafkaLogRefused;
  if (error instanceof PlacementRefused) process.exit(EXIT_SETTINGS);
  process.exit(unusable ? EXIT_UNUSABLE : EXIT_FAILED);
});
