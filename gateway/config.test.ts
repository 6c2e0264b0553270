// Settings of a gateway: defaults, what follows from what, and faults told all at once.
import { expect, test } from "vitest";
import { type GatewaySettings, readGatewaySettings } from "./config.ts";

const POSTGRES = { FAIRWARNING_POSTGRES_URL: "postgres://localhost/fairwarning" };

function settings(environment: Readonly<Record<string, string>> = {}): GatewaySettings {
  const loaded = readGatewaySettings({ ...POSTGRES, ...environment });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.faults));
  return loaded.settings;
}

function faults(environment: Readonly<Record<string, string>>): readonly string[] {
  const loaded = readGatewaySettings(environment);
  return loaded.ok ? [] : loaded.faults.map((fault) => fault.name);
}

test("settings: defaults: one machine with its own key, guests and the usual ports", () => {
  expect(settings()).toMatchObject({
    mode: "single",
    gatewayHttpPort: 8_080,
    gatewaySocketPort: 3_000,
    gatewayEngines: ["127.0.0.1:7400"],
    gatewayOrigins: ["own"],
    gatewayTrustedProxies: [],
    origins: [],
    guests: true,
    guestTier: "enterprise",
    tokenKey: null,
    algorithms: null,
    bidsPerHour: { free: 10, premium: 100, enterprise: 1_000 },
    child: false,
    gatewayRequestTimeoutMs: 5_000,
    rateRequestsPerMinute: 300,
  });
});

test("settings: cluster: a key and origins are required, and guests are refused", () => {
  const environment = { ...POSTGRES, FAIRWARNING_MODE: "cluster" };
  expect(faults(environment)).toEqual(["FAIRWARNING_JWT_JWKS_URL", "FAIRWARNING_GATEWAY_ORIGINS"]);
  const complete = { ...environment, FAIRWARNING_JWT_JWKS_URL: "https://id.example/keys", FAIRWARNING_GATEWAY_ORIGINS: "https://shop.example" };
  expect(faults(complete)).toEqual([]);
  expect(faults({ ...complete, FAIRWARNING_GUESTS: "true" })).toEqual(["FAIRWARNING_GUESTS"]);
});

test("settings: guests: another key than the local one switches them off, and says so", () => {
  const loaded = readGatewaySettings({ ...POSTGRES, FAIRWARNING_JWT_SECRET: "x".repeat(32) });
  expect(loaded).toMatchObject({ ok: true, settings: { guests: false, tokenKey: { kind: "secret" } }, warnings: [expect.stringContaining("guests are off")] });
});

test("settings: faults: all are told at once, secrets masked", () => {
  const loaded = readGatewaySettings({ FAIRWARNING_JWT_SECRET: "short", FAIRWARNING_GATEWAY_HTTP_PORT: "80.5", FAIRWARNING_GUESTS: "yes" });
  expect(loaded.ok).toBe(false);
  const text = JSON.stringify(loaded);
  expect(text).not.toContain("short");
  for (const name of ["JWT_SECRET", "GATEWAY_HTTP_PORT", "GUESTS"]) expect(text).toContain(`FAIRWARNING_${name}`);
});

test.each([
  ["two keys", { FAIRWARNING_JWT_SECRET: "x".repeat(32), FAIRWARNING_JWT_JWKS_URL: "https://a.example/k" }, "FAIRWARNING_JWT_JWKS_URL"],
  ["an engine without a port", { FAIRWARNING_GATEWAY_ENGINES: "localhost" }, "FAIRWARNING_GATEWAY_ENGINES"],
  ["an origin with a path", { FAIRWARNING_GATEWAY_ORIGINS: "https://a.example/x" }, "FAIRWARNING_GATEWAY_ORIGINS"],
  ["a proxy that is a name", { FAIRWARNING_GATEWAY_TRUSTED_PROXIES: "10.0.0.1, proxy.example" }, "FAIRWARNING_GATEWAY_TRUSTED_PROXIES"],
  ["a tier that is missing", { FAIRWARNING_TIERS: "free=10,premium=100" }, "FAIRWARNING_TIERS"],
  ["a tier that is unknown", { FAIRWARNING_TIERS: "free=1,premium=2,enterprise=3,gold=4" }, "FAIRWARNING_TIERS"],
  ["a tier twice", { FAIRWARNING_TIERS: "free=1,free=2,premium=2,enterprise=3" }, "FAIRWARNING_TIERS"],
  ["a hard limit below the soft one", { FAIRWARNING_GATEWAY_BUFFER_HARD_BYTES: "2048" }, "FAIRWARNING_GATEWAY_BUFFER_HARD_BYTES"],
  ["a socket address that is none", { FAIRWARNING_GATEWAY_PUBLIC_SOCKET_URL: "http://x/v1/socket" }, "FAIRWARNING_GATEWAY_PUBLIC_SOCKET_URL"],
])("settings: refused: %s", (_what, environment, name) => {
  expect(faults({ ...POSTGRES, ...environment })).toEqual([name]);
});

test("settings: stores: Postgres is required unless lots are kept in memory", () => {
  expect(faults({})).toEqual(["FAIRWARNING_POSTGRES_URL"]);
  expect(faults({ FAIRWARNING_SEARCH: "memory" })).toEqual([]);
  expect(faults({ FAIRWARNING_SNAPSHOTS: "memory" })).toEqual([]);
});

test("settings: unknown names are warned of with the nearest; those of other processes are not", () => {
  const loaded = readGatewaySettings({ ...POSTGRES, FAIRWARNING_GATEWAY_HTP_PORT: "1", FAIRWARNING_ENGINE_MAILBOX_MAX: "5", FAIRWARNING_CHILD: "1" });
  expect(loaded.warnings).toEqual(["FAIRWARNING_GATEWAY_HTP_PORT is not a setting; the nearest is FAIRWARNING_GATEWAY_HTTP_PORT"]);
});

test("settings: child: the supervisor's children know that they are", () => {
  expect(settings({ FAIRWARNING_CHILD: "1" }).child).toBe(true);
});
