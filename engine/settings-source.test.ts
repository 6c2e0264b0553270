import { expect, test } from "vitest";
import { z } from "zod";
import { choice, describeSettings, faultLines, integer, list, loadSettings, optional, printableSettings, text, yesNo } from "./settings-source.ts";

const schema = z.object({
  mode: choice(["single", "cluster"], { default: "single", unit: "-", meaning: "kind of system" }),
  shards: integer({ default: { single: "16", cluster: "128" }, unit: "shards", meaning: "number of shards", min: 1, max: 4096 }),
  dataDir: text({ default: "./data", unit: "path", meaning: "folder" }),
  localSync: yesNo({ default: "true", unit: "-", meaning: "durable" }),
  origins: list({ default: "", unit: "-", meaning: "allowed origins" }),
  linkKey: optional(text({ unit: "-", meaning: "key", secret: true, pattern: /^.{8,}$/, wanted: "at least 8 characters" })),
  reserveBytes: optional(integer({ defaultText: "two segments", unit: "bytes", meaning: "reserve", min: 0, max: 100 })),
});

function settingsOf(input: Omit<Parameters<typeof loadSettings<typeof schema>>[0], "schema">) {
  const loaded = loadSettings({ schema, ...input });
  if (!loaded.ok) throw new Error(faultLines(loaded.faults).join("; "));
  return loaded;
}

test("settings: order: a flag beats the environment, the environment beats .env, .env beats the default", () => {
  const dotenv = "FAIRWARNING_DATA_DIR=from-dotenv\nFAIRWARNING_SHARDS=3\nFAIRWARNING_LOCAL_SYNC=false\n";
  const loaded = settingsOf({ environment: { FAIRWARNING_DATA_DIR: "from-environment", FAIRWARNING_SHARDS: "2" }, flags: { shards: "1" }, dotenv });
  expect(loaded.settings).toMatchObject({ shards: 1, dataDir: "from-environment", localSync: false, mode: "single" });
  expect(loaded.sources).toMatchObject({ shards: "flag", dataDir: "environment", localSync: ".env", mode: "default" });
});

test("settings: order: an empty value counts as unset", () => {
  expect(settingsOf({ environment: { FAIRWARNING_SHARDS: "" } }).settings.shards).toBe(16);
});

test("settings: defaults: the mode chooses among them", () => {
  expect(settingsOf({ environment: { FAIRWARNING_MODE: "cluster" } }).settings.shards).toBe(128);
});

test("settings: faults: all are reported at once, with what was found and wanted", () => {
  const loaded = loadSettings({
    schema,
    environment: { FAIRWARNING_SHARDS: "0", FAIRWARNING_LOCAL_SYNC: "yes", FAIRWARNING_MODE: "triple", FAIRWARNING_LINK_KEY: "short" },
  });
  expect(loaded.ok).toBe(false);
  expect(faultLines(loaded.ok ? [] : loaded.faults).sort()).toEqual([
    "FAIRWARNING_LINK_KEY: found (secret) (environment); wanted at least 8 characters",
    'FAIRWARNING_LOCAL_SYNC: found "yes" (environment); wanted true or false',
    'FAIRWARNING_MODE: found "triple" (environment); wanted one of single, cluster',
    'FAIRWARNING_SHARDS: found "0" (environment); wanted a whole number from 1 to 4096',
  ]);
});

test.each(["5e3", "5.0", "0x10", " 5", "5_0", "99999999999999999999", "-1"])("settings: numbers: %j is refused", (value) => {
  expect(loadSettings({ schema, environment: { FAIRWARNING_SHARDS: value } }).ok).toBe(false);
});

test("settings: files: X_FILE gives the value of X without its last line break", () => {
  const loaded = settingsOf({ environment: { FAIRWARNING_LINK_KEY_FILE: "/run/key" }, readFile: (path) => (path === "/run/key" ? "a long secret\n" : "") });
  expect(loaded.settings.linkKey).toBe("a long secret");
  expect(loaded.sources.linkKey).toBe("file");
});

test("settings: files: an unreadable file is a fault of its setting, reported once", () => {
  const readFile = () => {
    throw new Error("ENOENT");
  };
  const loaded = loadSettings({ schema, environment: { FAIRWARNING_SHARDS_FILE: "/nowhere" }, readFile });
  expect(loaded.ok ? [] : faultLines(loaded.faults)).toEqual(["FAIRWARNING_SHARDS: found /nowhere (file); wanted a readable file (ENOENT)"]);
});

test("settings: files: X and X_FILE together are a fault", () => {
  const loaded = loadSettings({ schema, environment: { FAIRWARNING_SHARDS: "4", FAIRWARNING_SHARDS_FILE: "/x" }, readFile: () => "4" });
  expect(loaded.ok ? [] : loaded.faults.map((fault) => fault.name)).toEqual(["FAIRWARNING_SHARDS"]);
});

test("settings: unknown names: each is warned of with the nearest known one, names of other processes are not", () => {
  const environment = { FAIRWARNING_SHARD: "4", FAIRWARNING_GATEWAY_HOST: "x", HOME: "/root" };
  const loaded = settingsOf({ environment, foreign: (name) => name.startsWith("FAIRWARNING_GATEWAY_") });
  expect(loaded.warnings).toEqual(["FAIRWARNING_SHARD is not a setting; the nearest is FAIRWARNING_SHARDS"]);
});

test("settings: printed form: a secret is masked and its source shown", () => {
  const loaded = settingsOf({ environment: { FAIRWARNING_LINK_KEY: "a long secret", FAIRWARNING_ORIGINS: "https://a, https://b" } });
  const printed = printableSettings(schema, loaded);
  expect(printed).toContainEqual({ name: "FAIRWARNING_LINK_KEY", value: "(secret)", source: "environment" });
  expect(printed).toContainEqual({ name: "FAIRWARNING_ORIGINS", value: "https://a,https://b", source: "environment" });
  expect(JSON.stringify(printed)).not.toContain("a long secret");
});

test("settings: result: it cannot be changed, its lists neither", () => {
  const { settings } = settingsOf({ environment: {} });
  expect(Object.isFrozen(settings)).toBe(true);
  expect(Object.isFrozen(settings.origins)).toBe(true);
});

test("settings: table: a row tells default, unit and meaning, for both modes where they differ", () => {
  const rows = describeSettings(schema);
  expect(rows).toContainEqual({ name: "FAIRWARNING_SHARDS", default: "16 / 128", unit: "shards", meaning: "number of shards", secret: false });
  expect(rows).toContainEqual({ name: "FAIRWARNING_RESERVE_BYTES", default: "two segments", unit: "bytes", meaning: "reserve", secret: false });
});
