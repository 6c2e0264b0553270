// Settings of the brokers that keep the decision log, said once: engine, supervisor and command line spread them into their schemas.
//
// Must not: open a connection, or print a password: the field is a secret, and no fault below names its value.
//
// Q1. What one setting wants of another (brokers with a Kafka log, name and password with a mechanism) is checked in kafkaFaults
//     alone, so that every process refuses the same things in the same words.
// Q2. One broker is never guessed from the number of addresses: an address list may name one broker of many. Several addresses are never
//     one broker, so there one copy has to be asked for (copiesWanted).
import { choice, environmentName, integer, list, optional, type SettingFault, type SettingOrigin, text, yesNo } from "./settings-source.ts";

const PORT_MAX = 65_535;
/** A name or an IPv4 address and a port: the client library splits at the first colon, so an IPv6 address cannot be given. */
const ADDRESS = /^([A-Za-z0-9]([A-Za-z0-9._-]{0,253}[A-Za-z0-9])?):(\d{1,5})$/;
/** What Kafka allows as the name of a topic; "." and ".." are refused by the broker. */
const TOPIC = /^(?!\.{1,2}$)[A-Za-z0-9._-]{1,249}$/;

export const kafkaFields = {
  kafkaBrokers: list({
    default: "",
    defaultText: "required with a Kafka log",
    unit: "host:port, ...",
    meaning: "Apache Kafka brokers to begin with; the rest of the cluster is found through them",
  }),
  kafkaTopic: text({
    default: "fairwarning-decisions",
    unit: "-",
    meaning: "topic that is the decision log, one partition a shard",
    pattern: TOPIC,
    wanted: "1 to 249 of A-Z a-z 0-9 . _ -",
  }),
  kafkaCheck: choice(["true", "one-broker"], {
    default: { single: "one-broker", cluster: "true" },
    unit: "-",
    meaning: "true: serve only with three copies, two in sync; one-broker: one copy will do, and every start says so; unset with several KAFKA_BROKERS: true",
  }),
  kafkaAppendTimeoutMs: integer({
    default: "1500",
    unit: "ms",
    meaning: "the brokers give an append up after this",
    min: 100,
    max: 60_000,
  }),
  kafkaRequestTimeoutMs: integer({
    default: "3000",
    unit: "ms",
    meaning: "a request to a broker is given up after this; above KAFKA_APPEND_TIMEOUT_MS, below ENGINE_APPEND_LIMIT_MS",
    min: 200,
    max: 60_000,
  }),
  kafkaTls: yesNo({ default: { single: "false", cluster: "true" }, unit: "-", meaning: "TLS to the brokers; authorities of your own by NODE_EXTRA_CA_CERTS" }),
  kafkaSaslMechanism: optional(choice(["plain", "scram-sha-256", "scram-sha-512"], { unit: "-", meaning: "how to sign in to the brokers; unset: not at all" })),
  kafkaSaslUsername: optional(text({ unit: "-", meaning: "name to sign in with" })),
  kafkaSaslPassword: optional(text({ unit: "-", meaning: "password to sign in with", secret: true })),
};

/** The fields above, read. */
export interface KafkaRaw {
  readonly kafkaBrokers: readonly string[];
  readonly kafkaTopic: string;
  readonly kafkaCheck: "true" | "one-broker";
  readonly kafkaAppendTimeoutMs: number;
  readonly kafkaRequestTimeoutMs: number;
  readonly kafkaTls: boolean;
  readonly kafkaSaslMechanism?: "plain" | "scram-sha-256" | "scram-sha-512" | undefined;
  readonly kafkaSaslUsername?: string | undefined;
  readonly kafkaSaslPassword?: string | undefined;
}

/** How to reach the brokers, in the shape that persistence/kafka wants. */
export interface KafkaAccess {
  readonly brokers: readonly string[];
  readonly clientId: string;
  readonly appendTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly ssl?: true;
  readonly sasl?: { readonly mechanism: "plain" | "scram-sha-256" | "scram-sha-512"; readonly username: string; readonly password: string };
}

/** The connection that the settings describe. `nodeId` makes a process tellable from its like in the logs of a broker. */
export function kafkaConnection(raw: KafkaRaw & { readonly nodeId?: string | undefined }): KafkaAccess {
  const { kafkaSaslMechanism: mechanism, kafkaSaslUsername: username, kafkaSaslPassword: password, nodeId } = raw;
  return {
    brokers: raw.kafkaBrokers,
    clientId: nodeId === undefined ? "fairwarning" : `fairwarning-${nodeId}`,
    appendTimeoutMs: raw.kafkaAppendTimeoutMs,
    requestTimeoutMs: raw.kafkaRequestTimeoutMs,
    ...(raw.kafkaTls ? { ssl: true as const } : {}),
    ...(mechanism === undefined || username === undefined || password === undefined ? {} : { sasl: { mechanism, username, password } }),
  };
}

/** The settings with three copies wanted where several brokers are named and FAIRWARNING_KAFKA_CHECK was left to its default (Q2): the copies
 *  of a topic are hard to change once it holds a log. */
export function copiesWanted<S extends Pick<KafkaRaw, "kafkaBrokers" | "kafkaCheck">>(settings: S, sources: Readonly<Record<string, SettingOrigin>>): S {
  const unsaid = (sources.kafkaCheck ?? "default") === "default";
  return unsaid && settings.kafkaBrokers.length > 1 ? { ...settings, kafkaCheck: "true" } : settings;
}

/** What no field sees alone (Q1). Empty when the decision log is kept elsewhere: half-set brokers hurt nobody then. */
export function kafkaFaults(
  raw: KafkaRaw & { readonly decisionLog: string; readonly engineAppendLimitMs?: number },
  sources: Readonly<Record<string, SettingOrigin>>,
): readonly SettingFault[] {
  if (raw.decisionLog !== "kafka") return [];
  const faults: SettingFault[] = [];
  const fault = (key: keyof KafkaRaw, found: string, wanted: string): void => {
    faults.push({ name: environmentName(key), origin: sources[key] ?? "default", found, wanted });
  };
  if (raw.kafkaBrokers.length === 0) fault("kafkaBrokers", "nothing", "host:port of one broker or more, because the decision log is in Kafka");
  for (const address of raw.kafkaBrokers) if (!isAddress(address)) fault("kafkaBrokers", address, "host:port, the host a name or an IPv4 address");
  // The broker gives up first, then the request, then the append as a whole: each is named by the one that gave up.
  const { kafkaAppendTimeoutMs: appendMs, kafkaRequestTimeoutMs: requestMs, engineAppendLimitMs: limitMs } = raw;
  if (requestMs <= appendMs) fault("kafkaRequestTimeoutMs", String(requestMs), `more than FAIRWARNING_KAFKA_APPEND_TIMEOUT_MS, which is ${appendMs}`);
  if (limitMs !== undefined && limitMs <= requestMs)
    fault("kafkaRequestTimeoutMs", String(requestMs), `less than FAIRWARNING_ENGINE_APPEND_LIMIT_MS, which is ${limitMs}`);
  const named = raw.kafkaSaslUsername !== undefined;
  const secret = raw.kafkaSaslPassword !== undefined;
  if (raw.kafkaSaslMechanism === undefined) {
    if (named || secret) fault("kafkaSaslMechanism", "nothing", "plain, scram-sha-256 or scram-sha-512, because a name or password is set");
    return faults;
  }
  if (!named) fault("kafkaSaslUsername", "nothing", "the name to sign in with, because a mechanism is set");
  if (!secret) fault("kafkaSaslPassword", "nothing", "the password to sign in with, because a mechanism is set");
  return faults;
}

function isAddress(text: string): boolean {
  const port = Number(ADDRESS.exec(text)?.[3] ?? 0);
  return port >= 1 && port <= PORT_MAX;
}
