// Settings of an engine node: the schema, and the one place of the engine that reads the environment.
//
// Must not: hide a default elsewhere. Every default, unit and bound of an engine setting stands in the schema below.
import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { z } from "zod";
import { copiesWanted, kafkaFaults, kafkaFields } from "./kafka-settings.ts";
import { linkFields, port, postgresFields, processFields } from "./process-settings.ts";
import { choice, integer, loadSettings, optional, type SettingsLoaded, type SettingsRefused, text, yesNo } from "./settings-source.ts";

const MIB = 1024 * 1024;

export const engineSchema = z.object({
  ...processFields,
  decisionLog: choice(["local", "kafka", "memory"], {
    default: { single: "local", cluster: "kafka" },
    unit: "-",
    meaning: "where decisions are kept; memory is not durable",
  }),
  snapshots: choice(["postgres", "memory"], { default: "postgres", unit: "-", meaning: "where snapshots are kept" }),
  shards: integer({ default: { single: "16", cluster: "128" }, unit: "shards", meaning: "fixed at genesis", min: 1, max: 4_096 }),
  engineLinkHost: text({ default: { single: "127.0.0.1", cluster: "0.0.0.0" }, unit: "address", meaning: "where gateways connect" }),
  engineLinkPort: port({ default: "7400", meaning: "where gateways connect; 0 picks a free port" }),
  engineStatusHost: text({ default: { single: "127.0.0.1", cluster: "0.0.0.0" }, unit: "address", meaning: "/health, /ready and /metrics of the engine" }),
  engineStatusPort: port({ default: "8082", meaning: "/health, /ready and /metrics of the engine; 0 picks a free port" }),
  ...linkFields,
  engineMailboxMax: integer({ default: "1024", unit: "commands", meaning: "waiting per auction; then auction_busy", min: 1, max: 65_536 }),
  engineHeldDecisionsMax: integer({ default: "16384", unit: "decisions", meaning: "per shard waiting for the log; then overloaded", min: 1, max: 1_048_576 }),
  engineTurnDecisionsMax: integer({ default: "512", unit: "decisions", meaning: "taken in one turn of the event loop", min: 1, max: 65_536 }),
  engineAppendLimitMs: integer({ default: "3500", unit: "ms", meaning: "after it the outcome of an append is unknown", min: 100, max: 60_000 }),
  engineTimeIdleMs: integer({
    default: { single: "10000", cluster: "1000" },
    unit: "ms",
    meaning: "an idle shard logs its time this often; always 1,000 while an open auction gives lost time back",
    min: 100,
    max: 60_000,
  }),
  engineAnswersMax: integer({
    default: "4000000",
    unit: "answers",
    meaning: "remembered per auction; then bids get auction_busy",
    min: 1_024,
    max: 1_000_000_000,
  }),
  engineClosedKeptMs: integer({
    default: "86400000",
    unit: "ms",
    meaning: "a closed auction stays in memory this long, then is read back on demand",
    min: 0,
    max: 31_536_000_000,
  }),
  engineSnapshotEveryMs: integer({ default: "5000", unit: "ms", meaning: "between checkpoints of a shard", min: 100, max: 3_600_000 }),
  engineSnapshotAuctionsMax: integer({
    default: "500",
    unit: "auctions",
    meaning: "per statement of a checkpoint, which is one transaction",
    min: 1,
    max: 5_000,
  }),
  engineClockOffsetMaxMs: integer({ default: "500", unit: "ms", meaning: "a clock further off makes no claims", min: 1, max: 60_000 }),
  engineShards: text({
    default: "all",
    unit: "shards",
    meaning: "shards this node owns, such as 0-7,9; with a placement file the file says",
    pattern: /^(all|\d+(-\d+)?(,\d+(-\d+)?)*)$/,
    wanted: "all, or shards such as 0-7,9",
  }),
  placementFile: optional(
    text({ unit: "path", defaultText: "none", meaning: "JSON: version, and the nodes of each shard in order; the first owns, the others stand by" }),
  ),
  engineStandby: yesNo({ default: "true", unit: "-", meaning: "follow the shards one would take; false reads them when they are taken" }),
  engineHeartbeatMs: integer({ default: "1000", unit: "ms", meaning: "an owner among several nodes logs its time this often", min: 100, max: 10_000 }),
  engineLeaseMs: integer({
    default: "3000",
    unit: "ms",
    meaning: "an owner silent for so long is taken over from; at least three heartbeats",
    min: 300,
    max: 60_000,
  }),
  ...postgresFields,
  ...kafkaFields,
  localSegmentBytes: integer({ default: "268435456", unit: "bytes", meaning: "size at which a local log segment is full", min: MIB, max: 4_294_967_296 }),
  localReserveBytes: optional(
    integer({
      defaultText: "two segments",
      unit: "bytes",
      meaning: "free space below which bids are refused while closes are still logged",
      min: 0,
      max: 1_099_511_627_776,
    }),
  ),
  localSync: yesNo({ default: "true", unit: "-", meaning: "fdatasync per group commit; false is not durable, and /ready says so" }),
});

type Raw = z.output<typeof engineSchema>;

/** What the engine runs with: every open default worked out. */
export interface EngineSettings extends Omit<Raw, "nodeId" | "localReserveBytes" | "child"> {
  readonly nodeId: string;
  readonly localReserveBytes: number;
  /** Started by a supervisor: stop in order at the end of stdin. */
  readonly child: boolean;
}

/** Names that only other processes read: they share the engine's environment under the supervisor. */
const FOREIGN =
  /^FAIRWARNING_(GATEWAY|RATE|JWT|TIERS|GUEST|OPERATOR|SEARCH|COORDINATION|ANALYTICS|EVENTS|SINK|REDIS|CLICKHOUSE|ELASTICSEARCH|DEMO|BIDDERS|ENGINES|RESTART|POSTGRES_PORT|POSTGRES_READ|LINK_TLS|ENGINE_WEIGHT|URL|TOKEN)/;

/** Settings from flags, the environment, `./.env` and their defaults; or all faults. Reads files, changes nothing. */
export function readEngineSettings(flags: Readonly<Record<string, string | undefined>> = {}): SettingsLoaded<EngineSettings> | SettingsRefused {
  const dotenv = dotenvText();
  const loaded = loadSettings({
    schema: engineSchema,
    environment: process.env,
    flags,
    ...(dotenv === null ? {} : { dotenv }),
    readFile: (path) => readFileSync(path, "utf8"),
    foreign: (name) => FOREIGN.test(name),
  });
  if (!loaded.ok) return loaded;
  const faults = kafkaFaults(loaded.settings, loaded.sources);
  if (faults.length > 0) return { ok: false, faults, warnings: loaded.warnings };
  return { ...loaded, settings: Object.freeze(workOut(copiesWanted(loaded.settings, loaded.sources))) };
}

function workOut(raw: Raw): EngineSettings {
  return {
    ...raw,
    nodeId: raw.nodeId ?? `${hostname()}-${process.pid}`,
    localReserveBytes: raw.localReserveBytes ?? 2 * raw.localSegmentBytes,
    child: raw.child === "1",
  };
}

function dotenvText(): string | null {
  try {
    return readFileSync(".env", "utf8");
  } catch {
    // No .env is the usual case; an unreadable one is the same as none, and `config print` shows what holds.
    return null;
  }
}
