// Settings of the supervisor, and the one place of it that reads the environment.
//
// What the parts read for themselves passes through untouched. Only what the supervisor must know to start them is read here,
// by the same fields, so a wrong value is told before anything starts.
import { readFileSync } from "node:fs";
import { z } from "zod";
import { engineSchema } from "../../engine/config.ts";
import { copiesWanted, kafkaFaults, kafkaFields } from "../../engine/kafka-settings.ts";
import { port, processFields } from "../../engine/process-settings.ts";
import { integer, loadSettings, optional, type SettingsLoaded, type SettingsRefused, yesNo } from "../../engine/settings-source.ts";
import { gatewaySchema } from "../../gateway/config.ts";

const ofEngine = engineSchema.pick({
  decisionLog: true,
  snapshots: true,
  engineLinkPort: true,
  engineStatusPort: true,
  linkKey: true,
  postgresUrl: true,
  localSegmentBytes: true,
  localReserveBytes: true,
  localSync: true,
}).shape;
const ofGateway = gatewaySchema.pick({
  gatewayHost: true,
  gatewayHttpPort: true,
  gatewaySocketPort: true,
  gatewayPublicUrl: true,
  gatewayPublicSocketUrl: true,
  gatewayDrainMs: true,
  jwtIssuer: true,
  jwtAudience: true,
  jwtJwksUrl: true,
  jwtPublicKey: true,
  jwtSecret: true,
}).shape;

export const supervisorSchema = z.object({
  ...processFields,
  demo: optional(yesNo({ defaultText: "true on first start", unit: "-", meaning: "opens demo auctions and keeps some open; never in production" })),
  bidders: integer({ default: "0", unit: "bidders", meaning: "simulated bidders in the demo auctions", min: 0, max: 80 }),
  restartMs: integer({ default: "500", unit: "ms", meaning: "pause before a dead process is started again; doubles up to 30 s", min: 10, max: 30_000 }),
  postgresPort: port({ default: "5433", meaning: "of the Postgres started for you; 0 picks a free port" }),
  ...ofEngine,
  ...kafkaFields,
  ...ofGateway,
});

export type SupervisorSettings = z.output<typeof supervisorSchema>;

/** All that came in through the environment and `./.env`, for the parts. */
export function inherited(): Readonly<Record<string, string | undefined>> {
  return process.env;
}

/** Settings of the supervisor from flags, environment, `./.env` and defaults; or all faults at once. */
export function readSupervisorSettings(flags: Readonly<Record<string, string | undefined>>): SettingsLoaded<SupervisorSettings> | SettingsRefused {
  let dotenv: string | undefined;
  try {
    dotenv = readFileSync(".env", "utf8");
  } catch {
    // No .env is the usual case.
  }
  const loaded = loadSettings({
    schema: supervisorSchema,
    environment: process.env,
    flags,
    ...(dotenv === undefined ? {} : { dotenv }),
    readFile: (path) => readFileSync(path, "utf8"),
    // Names of the parts are theirs to check; each warns of its own.
    foreign: (name) =>
      /^FAIRWARNING_(ENGINE|GATEWAY|RATE|JWT|POSTGRES|LOCAL|TIERS|GUEST|OPERATOR|SHARDS|PLACEMENT|COORDINATION|SEARCH|ANALYTICS|EVENTS|SINK|REDIS|CLICKHOUSE|ELASTICSEARCH|LINK)/.test(
        name,
      ),
  });
  if (!loaded.ok) return loaded;
  const faults = kafkaFaults(loaded.settings, loaded.sources);
  if (faults.length > 0) return { ok: false, faults, warnings: loaded.warnings };
  return { ...loaded, settings: copiesWanted(loaded.settings, loaded.sources) };
}
