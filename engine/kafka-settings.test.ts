import { expect, test } from "vitest";
import { engineSchema } from "./config.ts";
import { copiesWanted, kafkaConnection, kafkaFaults } from "./kafka-settings.ts";
import { faultLines, loadSettings } from "./settings-source.ts";

const KAFKA = { FAIRWARNING_DECISION_LOG: "kafka", FAIRWARNING_KAFKA_BROKERS: "127.0.0.1:9092" };
const TIMEOUTS = { appendTimeoutMs: 1_500, requestTimeoutMs: 3_000 };
const PASSWORD = "planted-password";

/** Faults as lines, after the fields alone were found right. */
function faults(environment: Readonly<Record<string, string>>): readonly string[] {
  const loaded = loadSettings({ schema: engineSchema, environment });
  return loaded.ok ? faultLines(kafkaFaults(loaded.settings, loaded.sources)) : faultLines(loaded.faults);
}

function connection(environment: Readonly<Record<string, string>>) {
  const loaded = loadSettings({ schema: engineSchema, environment });
  return loaded.ok ? kafkaConnection(loaded.settings) : faultLines(loaded.faults);
}

test("kafka settings: brokers: a Kafka log without any is a fault that says so, in a cluster by default too", () => {
  const told = "FAIRWARNING_KAFKA_BROKERS: found nothing (default); wanted host:port of one broker or more, because the decision log is in Kafka";
  expect(faults({ FAIRWARNING_DECISION_LOG: "kafka" })).toEqual([told]);
  expect(faults({ FAIRWARNING_MODE: "cluster" })).toEqual([told]);
  expect(faults({})).toEqual([]);
});

test("kafka settings: brokers: host and port each, and every wrong address is named", () => {
  expect(faults({ ...KAFKA, FAIRWARNING_KAFKA_BROKERS: "k1.example:9092, 10.0.0.7:19092" })).toEqual([]);
  const wrong = ["localhost", "k1:0", "k1:65536", "[::1]:9092", "kafka://k1:9092", "k1:9092/x"];
  expect(faults({ ...KAFKA, FAIRWARNING_KAFKA_BROKERS: ["k2:9092", ...wrong].join(",") })).toEqual(
    wrong.map((address) => `FAIRWARNING_KAFKA_BROKERS: found ${address} (environment); wanted host:port, the host a name or an IPv4 address`),
  );
});

test("kafka settings: topic: a name that Kafka would refuse is refused before anything starts", () => {
  for (const topic of ["a b", "..", "x".repeat(250)]) expect(faults({ ...KAFKA, FAIRWARNING_KAFKA_TOPIC: topic })).toHaveLength(1);
  expect(faults({ ...KAFKA, FAIRWARNING_KAFKA_TOPIC: "bids.decisions_2-a" })).toEqual([]);
});

test("kafka settings: sign-in: mechanism, name and password come together or not at all", () => {
  const all = { FAIRWARNING_KAFKA_SASL_MECHANISM: "scram-sha-512", FAIRWARNING_KAFKA_SASL_USERNAME: "engine", FAIRWARNING_KAFKA_SASL_PASSWORD: PASSWORD };
  expect(faults({ ...KAFKA, ...all })).toEqual([]);
  for (const left of Object.keys(all)) {
    const told = faults({ ...KAFKA, ...all, [left]: "" });
    expect(told).toHaveLength(1);
    expect(told[0]).toContain(`${left}: found nothing`);
  }
});

test("kafka settings: sign-in: no fault shows the password", () => {
  const told = faults({ ...KAFKA, FAIRWARNING_KAFKA_SASL_PASSWORD: PASSWORD });
  expect(told).toHaveLength(1);
  expect(told.join()).not.toContain(PASSWORD);
});

test("kafka settings: check: one broker is what a single machine takes, three copies what a cluster wants", () => {
  for (const [mode, check] of [
    ["single", "one-broker"],
    ["cluster", "true"],
  ] as const) {
    const loaded = loadSettings({ schema: engineSchema, environment: { ...KAFKA, FAIRWARNING_MODE: mode } });
    expect(loaded).toMatchObject({ ok: true, settings: { kafkaCheck: check, kafkaTls: mode === "cluster" } });
  }
  expect(faults({ ...KAFKA, FAIRWARNING_KAFKA_CHECK: "false" })).toHaveLength(1);
});

test("kafka settings: connection: brokers and client id alone, or with TLS and sign-in", () => {
  expect(connection({ ...KAFKA, FAIRWARNING_NODE_ID: "birch" })).toEqual({ brokers: ["127.0.0.1:9092"], clientId: "fairwarning-birch", ...TIMEOUTS });
  const secured = { FAIRWARNING_KAFKA_TLS: "true", FAIRWARNING_KAFKA_SASL_MECHANISM: "plain", FAIRWARNING_KAFKA_SASL_USERNAME: "engine" };
  expect(connection({ ...KAFKA, ...secured, FAIRWARNING_KAFKA_SASL_PASSWORD: PASSWORD })).toEqual({
    brokers: ["127.0.0.1:9092"],
    clientId: "fairwarning",
    ...TIMEOUTS,
    ssl: true,
    sasl: { mechanism: "plain", username: "engine", password: PASSWORD },
  });
});

test("kafka settings: time-outs: the broker gives up before the request, and the request before the append", () => {
  expect(faults({ ...KAFKA, FAIRWARNING_KAFKA_REQUEST_TIMEOUT_MS: "1500" })).toEqual([
    "FAIRWARNING_KAFKA_REQUEST_TIMEOUT_MS: found 1500 (environment); wanted more than FAIRWARNING_KAFKA_APPEND_TIMEOUT_MS, which is 1500",
  ]);
  expect(faults({ ...KAFKA, FAIRWARNING_ENGINE_APPEND_LIMIT_MS: "3000" })).toEqual([
    "FAIRWARNING_KAFKA_REQUEST_TIMEOUT_MS: found 3000 (default); wanted less than FAIRWARNING_ENGINE_APPEND_LIMIT_MS, which is 3000",
  ]);
});

const COPIES = [
  ["several", "default", "one-broker", "true"],
  ["several", "flag", "one-broker", "one-broker"],
  ["several", "environment", "one-broker", "one-broker"],
  ["one", "default", "one-broker", "one-broker"],
  ["one", "default", "true", "true"],
] as const;

test.each(COPIES)("kafka settings: copies: %s named, FAIRWARNING_KAFKA_CHECK from %s as %s: taken as %s", (named, kafkaCheck, set, taken) => {
  const kafkaBrokers = named === "several" ? ["one:9092", "two:9092"] : ["one:9092"];
  expect(copiesWanted({ kafkaBrokers, kafkaCheck: set }, { kafkaCheck })).toEqual({ kafkaBrokers, kafkaCheck: taken });
});
