// Settings that several processes share, said once: each config.ts spreads the fields it needs into its own schema.
import { choice, integer, optional, text } from "./settings-source.ts";

/** Largest delay a timer of Node takes. */
export const DELAY_MAX_MS = 2_147_483_647;
const PORT_MAX = 65_535;

/** A port to listen on; 0 picks a free one. */
export function port(spec: { default: string; meaning: string }) {
  return integer({ ...spec, unit: "port", min: 0, max: PORT_MAX });
}

export const processFields = {
  mode: choice(["single", "cluster"], { default: "single", unit: "-", meaning: "one machine or a cluster: chooses defaults" }),
  dataDir: text({ default: "./data", unit: "path", meaning: "everything one system keeps; one folder per system" }),
  nodeId: optional(
    text({
      defaultText: "host and process",
      unit: "-",
      meaning: "name of this process among its like; set it to something stable in a cluster",
      pattern: /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/,
      wanted: "1 to 64 of A-Z a-z 0-9 . _ -, beginning with a letter or digit",
    }),
  ),
  logLevel: choice(["trace", "debug", "info", "warn", "error", "silent"], { default: "info", unit: "-", meaning: "least severe line that is written" }),
  logFormat: choice(["auto", "json", "pretty"], { default: "auto", unit: "-", meaning: "auto: pretty on a terminal, else one JSON object a line" }),
  /** "1": started by a supervisor, so the process stops in order at the end of its stdin and none outlives it. */
  child: choice(["0", "1"], { default: "0", unit: "-", meaning: "set by the supervisor for the processes it starts", internal: true }),
  shutdownMs: integer({ default: "30000", unit: "ms", meaning: "time to stop in order after SIGTERM; then the process ends anyway", min: 0, max: 600_000 }),
};

export const linkFields = {
  linkKey: optional(
    text({
      defaultText: "made on first start / required",
      unit: "-",
      meaning: "shared by engines and gateways; at least 16 characters",
      secret: true,
      pattern: /^.{16,}$/,
      wanted: "at least 16 characters",
    }),
  ),
};

export const postgresFields = {
  postgresUrl: optional(
    text({
      defaultText: "started for you / required",
      unit: "URL",
      meaning: "Postgres 15 or later",
      secret: true,
      pattern: /^postgres(ql)?:\/\//,
      wanted: "postgres://user:password@host:port/database",
    }),
  ),
  postgresPoolMax: integer({ default: "10", unit: "connections", meaning: "per process", min: 1, max: 1_000 }),
  postgresPoolLifetimeMs: integer({ default: "300000", unit: "ms", meaning: "a pooled connection is replaced after this", min: 1_000, max: 86_400_000 }),
  postgresConnectTimeoutMs: integer({ default: "3000", unit: "ms", meaning: "to connect", min: 100, max: 60_000 }),
  postgresStatementTimeoutMs: integer({ default: "5000", unit: "ms", meaning: "for one statement, on both sides", min: 100, max: 600_000 }),
};
