// The topic of the decision log: made once, and checked at each start.
//
// Owns: the settings a new topic gets, GENESIS of every shard, and gathering what findings.ts judges.
//
// M1. GENESIS of shard 0 comes first and is read back: only the record at offset 0 counts. Whoever finds another life there, made by
//     somebody else at the same moment, goes on with that one. So making it twice, or again after half of it, makes one log.
import { randomBytes } from "node:crypto";
import type { Instant, Shard } from "../../engine/core/ids.ts";
import type { GenesisRecord } from "../../engine/core/validity.ts";
import type { AppendOutcome, DecisionLog } from "../../engine/ports.ts";
import { appendLimitMsDefault, processTimers } from "../log-defaults.ts";
import { createRecordCodec, decodeRecord } from "../record.ts";
import { BrokerFacts } from "./broker-facts.ts";
import { type Admin, BROKER_RESOURCE, kafkaClients, rightsOf, TOPIC_RESOURCE } from "./client.ts";
import { copyMarkOf, copyUnfinished } from "./copy-mark.ts";
import { connectKafkaLog, type KafkaDecisionLog, sayNothing } from "./decision-log.ts";
import { KafkaLogRefused } from "./errors.ts";
import { judgeTopic, missingTopic, type OldestRecord, type TopicFacts, type TopicFinding, type TopicWish } from "./findings.ts";
import type { KafkaConnection, Say } from "./options.ts";

export type { TopicFinding } from "./findings.ts";

export interface CreateTopicOptions extends TopicWish {
  readonly connection: KafkaConnection;
  readonly madeAt: Instant;
  /** Product version. */
  readonly version: string;
  /** More settings of the topic, and where its replicas go; for tests. */
  readonly createTopicOptions?: {
    readonly configs?: Readonly<Record<string, string>>;
    /** Broker ids of each shard's replicas, the preferred leader first. */
    readonly replicas?: readonly (readonly number[])[];
  };
  readonly say?: Say;
}

export interface CheckTopicOptions extends TopicWish {
  readonly connection: KafkaConnection;
  readonly say?: Say;
}

/** A minute for a cluster that has just started (K24). */
const CREATE_LIMIT_MS = 60_000;
/** Doctor is run by people: a cluster that is away is said soon. */
const CHECK_LIMIT_MS = 15_000;
/** Attempts to write one GENESIS whose outcome was not `done`; each is followed by a look at what stands there. */
const GENESIS_ATTEMPTS_MAX = 5;

const TOPIC_SETTINGS: Readonly<Record<string, string>> = {
  "cleanup.policy": "delete",
  "retention.ms": "-1",
  "retention.bytes": "-1",
  "message.timestamp.type": "LogAppendTime",
  "max.message.bytes": "1048588",
  "unclean.leader.election.enable": "false",
  "compression.type": "producer",
};

/** Makes the topic where there is none, and writes GENESIS into every shard that is empty, all with one life id. May be repeated at any
 *  time; `made` says whether anything was written. Throws KafkaLogRefused when a topic of that name is another log's or not fit to be one,
 *  KafkaUnreachable when no broker answers within a minute. */
export async function createTopic(options: CreateTopicOptions): Promise<{ readonly made: boolean; readonly lifeId: Uint8Array }> {
  const say = options.say ?? sayNothing;
  await withFacts(options, async (facts) => {
    // GENESIS in its empty shards would make a log of what is only the beginning of one (copy-mark.ts, N1).
    if (await facts.ask((admin) => copyUnfinished(admin, options.topic), CREATE_LIMIT_MS)) {
      throw new KafkaLogRefused(`a copy into topic ${options.topic} is unfinished: ${finishCopy(options.topic)}`);
    }
    await makeTopic(facts, options);
  });
  const log = await connectKafkaLog({ ...options, durability: "", appendLimitMs: appendLimitMsDefault, say, onFatal: () => undefined });
  try {
    return await writeGenesis(log, options);
  } finally {
    await log.close();
  }
}

/** Asks the brokers of a topic, over a connection that is closed afterwards. */
export async function withFacts<T>(options: { connection: KafkaConnection; topic: string; say?: Say }, use: (facts: BrokerFacts) => Promise<T>): Promise<T> {
  const { connection, topic, say = sayNothing } = options;
  const facts = new BrokerFacts({ clients: kafkaClients(connection, say), brokers: connection.brokers, topic, timers: processTimers });
  try {
    return await use(facts);
  } finally {
    await facts.close();
  }
}

type TopicLayout = Pick<CreateTopicOptions, "topic" | "shards" | "oneBroker" | "createTopicOptions">;

/** Makes the topic, empty, where there is none. Throws KafkaLogRefused when it cannot be made or has another number of partitions. */
export async function makeTopic(facts: BrokerFacts, options: TopicLayout): Promise<void> {
  const { topic, shards, oneBroker, createTopicOptions: more } = options;
  const settings = { ...TOPIC_SETTINGS, "min.insync.replicas": oneBroker ? "1" : "2", ...more?.configs };
  const places = more?.replicas?.map((replicas, partition) => ({ partition, replicas: [...replicas] }));
  const layout = places === undefined ? { numPartitions: shards, replicationFactor: oneBroker ? 1 : 3 } : { replicaAssignment: places };
  const configEntries = Object.entries(settings).map(([name, value]) => ({ name, value }));
  try {
    await facts.ask((admin) => admin.createTopics({ waitForLeaders: true, topics: [{ topic, ...layout, configEntries }] }), CREATE_LIMIT_MS, refusesTopic);
  } catch (error) {
    if (refusesTopic(error)) throw new KafkaLogRefused(whyNotMade(error, options));
    throw error;
  }
  const leaders = await facts.ask(() => facts.leadersOnce(), CREATE_LIMIT_MS);
  if (leaders.length !== shards)
    throw new KafkaLogRefused(`topic ${topic} has ${leaders.length} partitions, not ${shards}: the number of shards never changes`);
}

const REFUSALS = [
  "INVALID_REPLICATION_FACTOR",
  "TOPIC_AUTHORIZATION_FAILED",
  "CLUSTER_AUTHORIZATION_FAILED",
  "POLICY_VIOLATION",
  "INVALID_TOPIC_EXCEPTION",
  "INVALID_CONFIG",
];

function typesOf(error: unknown): string[] {
  if (!(error instanceof Error)) return [];
  const inner = "errors" in error && Array.isArray(error.errors) ? error.errors.flatMap(typesOf) : [];
  const cause = error.cause === undefined || error.cause === error ? [] : typesOf(error.cause);
  return ["type" in error && typeof error.type === "string" ? error.type : "", ...inner, ...cause].filter((type) => type !== "");
}

function refusesTopic(error: unknown): boolean {
  return typesOf(error).some((type) => REFUSALS.includes(type));
}

function whyNotMade(error: unknown, { topic, oneBroker }: TopicLayout): string {
  const types = typesOf(error);
  if (types.includes("INVALID_REPLICATION_FACTOR") && !oneBroker) {
    return `topic ${topic} needs three brokers for its three replicas; where there is only one, set FAIRWARNING_KAFKA_CHECK=one-broker`;
  }
  return `the cluster refuses to make topic ${topic}: ${types.join(", ")}`;
}

async function writeGenesis(log: DecisionLog, options: CreateTopicOptions): Promise<{ made: boolean; lifeId: Uint8Array }> {
  const { shards, slotDigest, madeAt, version, topic } = options;
  const wished = { shards, slotDigest, madeAt, version };
  const first = await genesisOf(log, { shard: 0, topic, lifeId: randomBytes(16), genesis: wished });
  // A log whose GENESIS is trimmed away is an old one: nothing is to be made of it.
  if (first === null) throw new KafkaLogRefused(`topic ${topic} holds a log whose beginning was trimmed away: it needs no making`);
  const { genesis } = first;
  if (genesis.shards !== shards) throw new KafkaLogRefused(`topic ${topic} was made for ${genesis.shards} shards, not ${shards}`);
  if (Buffer.compare(genesis.slotDigest, slotDigest) !== 0) {
    throw new KafkaLogRefused(`topic ${topic} sends auctions to other shards than this program: run the version that made it`);
  }
  const { lifeId } = genesis;
  const same = { shards, slotDigest: genesis.slotDigest, madeAt: genesis.madeAt, version: genesis.version };
  let made = first.made;
  for (let shard = 1; shard < shards; shard += 1) {
    const next = await genesisOf(log, { shard, topic, lifeId, genesis: same });
    if (next !== null && Buffer.compare(next.genesis.lifeId, lifeId) !== 0) {
      throw new KafkaLogRefused(`shard ${shard} of topic ${topic} bears another life than shard 0: part of it was deleted or restored`);
    }
    made ||= next?.made === true;
  }
  return { made, lifeId };
}

interface GenesisWish {
  readonly shard: Shard;
  readonly topic: string;
  readonly lifeId: Uint8Array;
  readonly genesis: { readonly shards: number; readonly slotDigest: Uint8Array; readonly madeAt: Instant; readonly version: string };
}

/** The GENESIS that stands at offset 0 of the shard, written now if the shard was empty (M1); null if it is trimmed away. */
async function genesisOf(log: DecisionLog, wish: GenesisWish): Promise<{ made: boolean; genesis: GenesisRecord } | null> {
  const { shard, topic } = wish;
  let made = false;
  for (let attempt = 0; attempt < GENESIS_ATTEMPTS_MAX; attempt += 1) {
    const found = await oldestRecord(log, shard);
    if (found.kind === "trimmed") return null;
    if (found.kind === "genesis") return { made, genesis: found.record };
    if (found.kind === "foreign") throw new KafkaLogRefused(`topic ${topic} was not made by fairwarning: shard ${shard} begins with a stranger's record`);
    const bytes = createRecordCodec(wish.lifeId).genesis({ shard, ...wish.genesis });
    const [outcome] = await new Promise<readonly AppendOutcome[]>((done) => log.append([{ shard, bytes }], done));
    made ||= outcome?.kind !== "refused";
    if (outcome?.kind === "refused" && outcome.code !== "not_sent") throw new KafkaLogRefused(`GENESIS of topic ${topic} was refused: ${outcome.detail}`);
  }
  throw new KafkaLogRefused(`GENESIS could not be written to shard ${shard} of topic ${topic}: run fairwarning topics create again when the brokers answer`);
}

type Oldest = Exclude<OldestRecord, { kind: "genesis" }> | { readonly kind: "genesis"; readonly record: GenesisRecord };

async function oldestRecord(log: Pick<DecisionLog, "read" | "ends">, shard: Shard): Promise<Oldest> {
  const { start, end } = await log.ends(shard);
  if (end === 0) return { kind: "empty" };
  let lifeId: Uint8Array | null = null;
  for await (const list of log.read(shard, start, end)) {
    for (const stored of list) {
      const record = decodeRecord(stored, shard);
      if (stored.offset === 0) return record.kind === "genesis" && record.shard === shard ? { kind: "genesis", record } : { kind: "foreign" };
      if (record.kind !== "foreign" && record.kind !== "damaged") lifeId ??= record.lifeId;
    }
    if (lifeId !== null) break;
  }
  return { kind: "trimmed", lifeId };
}

/** What is found of the topic against what safety wants. Rejects with KafkaUnreachable when no broker answers. */
export async function checkTopic(options: CheckTopicOptions): Promise<readonly TopicFinding[]> {
  const say = options.say ?? sayNothing;
  return await withFacts(options, async (facts) => {
    const count = await partitionsOf(facts, options.topic, CHECK_LIMIT_MS);
    if (count === null) return [missingTopic(options)];
    const log = await connectKafkaLog({ ...options, shards: count, durability: "", appendLimitMs: appendLimitMsDefault, say, onFatal: () => undefined });
    try {
      return (await inspect(facts, log, { ...options, count })).findings;
    } finally {
      await log.close();
    }
  });
}

/** How many partitions the topic has; null if there is none. */
export async function partitionsOf(facts: BrokerFacts, topic: string, limitMs: number): Promise<number | null> {
  const topics = await facts.ask((admin) => admin.listTopics(), limitMs);
  return topics.includes(topic) ? (await facts.ask(() => facts.leadersOnce(), limitMs)).length : null;
}

/** A topic that was checked: opened, or, where a needed finding failed, not. */
export type CheckedTopic =
  | { readonly log: KafkaDecisionLog; readonly lifeId: Uint8Array; readonly findings: readonly TopicFinding[] }
  | { readonly log: null; readonly findings: readonly TopicFinding[] };

/** Opens the topic with as many shards as wished and checks it over the same connection. Rejects with KafkaUnreachable when no broker answers. */
export async function connectChecked(
  options: CheckTopicOptions & { durability: string; appendLimitMs: number; onFatal: (error: Error) => void },
): Promise<CheckedTopic> {
  const say = options.say ?? sayNothing;
  return await withFacts(options, async (facts) => {
    const count = await partitionsOf(facts, options.topic, CREATE_LIMIT_MS);
    if (count === null) return { log: null, findings: [missingTopic(options)] };
    const log = await connectKafkaLog({ ...options, shards: Math.min(options.shards, count), say });
    try {
      const { findings, lifeId } = await inspect(facts, log, { ...options, count });
      if (lifeId !== null && !findings.some(({ verdict, needed }) => needed && verdict === "fail")) return { log, lifeId, findings };
      await log.close();
      return { log: null, findings };
    } catch (error) {
      await log.close();
      throw error;
    }
  });
}

/** What is said of a topic that cannot be opened: each needed finding that failed, and what to do. */
export function refusedTopic({ topic }: Pick<TopicWish, "topic">, findings: readonly TopicFinding[]): KafkaLogRefused {
  const failed = findings.filter(({ verdict, needed }) => needed && verdict === "fail");
  const lines = failed.map(({ check, found, wanted, advice }) => `  ${check}: ${found}, wanted ${wanted}: ${advice}`);
  return new KafkaLogRefused([`topic ${topic} is not fit to keep decisions:`, ...lines].join("\n"));
}

async function inspect(
  facts: BrokerFacts,
  log: KafkaDecisionLog,
  wish: TopicWish & { count: number },
): Promise<{ findings: readonly TopicFinding[]; lifeId: Uint8Array | null }> {
  const oldest = new Map<Shard, OldestRecord>();
  for (let shard = 0; shard < Math.min(wish.shards, wish.count); shard += 1) {
    const found = await oldestRecord(log, shard);
    oldest.set(shard, found.kind === "genesis" ? found.record : found);
  }
  const found: TopicFacts = { ...(await facts.ask((admin) => settingsOf(admin, wish.topic), CHECK_LIMIT_MS)), oldest, joinMs: log.joinMs };
  const first = oldest.get(0);
  const copying = await facts.ask((admin) => copyUnfinished(admin, wish.topic), CHECK_LIMIT_MS);
  return { findings: [...judgeTopic(found, wish), copyFinding(wish.topic, copying)], lifeId: first !== undefined && "lifeId" in first ? first.lifeId : null };
}

// N1 of copy-mark.ts: what an unfinished copy holds looks like a log, and is only the beginning of one.
function copyFinding(topic: string, copying: boolean): TopicFinding {
  const finding = { check: "copy", wanted: "none unfinished", needed: true };
  if (copying) return { ...finding, found: "one unfinished", verdict: "fail", advice: finishCopy(topic) };
  return { ...finding, found: "none unfinished", verdict: "pass", advice: "" };
}

function finishCopy(topic: string): string {
  return `run the same fairwarning log copy with --continue, or delete the topics ${topic} and ${copyMarkOf(topic)}`;
}

async function settingsOf(admin: Admin, topic: string): Promise<Omit<TopicFacts, "oldest" | "joinMs">> {
  const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
  const partitions = (topics[0]?.partitions ?? []).map(({ partitionId, replicas }) => ({ shard: partitionId, replicas: replicas.length }));
  const { brokers } = await admin.describeCluster();
  return {
    partitions,
    topicSettings: (await configsOf(admin, TOPIC_RESOURCE, topic)) ?? new Map(),
    brokerSettings: await configsOf(admin, BROKER_RESOURCE, String(brokers[0]?.nodeId ?? "")),
    rights: await rightsOf(admin, topic),
  };
}

async function configsOf(admin: Admin, type: number, name: string): Promise<Map<string, string> | null> {
  try {
    const { resources } = await admin.describeConfigs({ includeSynonyms: false, resources: [{ type, name }] });
    return new Map(resources[0]?.configEntries.map(({ configName, configValue }) => [configName, configValue]));
  } catch (error) {
    if (typesOf(error).some((type) => type.endsWith("AUTHORIZATION_FAILED"))) return null;
    throw error;
  }
}
