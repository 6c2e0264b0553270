// What is wanted of the topic of a decision log, and what each deviation means. Pure: what was found is handed in.
//
// Where `needed` is true no engine claims while the check fails: a deviation there can lose a durable record, or has already made this
// another log. With one broker only what needs several of them is relaxed, and nothing else.
import type { Shard } from "../../engine/core/ids.ts";
import { frameBytesMax } from "../frame-writer.ts";

/** One line of doctor. `needed`: safety rests on it, and no engine claims while it fails. */
export interface TopicFinding {
  readonly check: string;
  readonly found: string;
  readonly wanted: string;
  readonly verdict: "pass" | "fail" | "not checked";
  readonly needed: boolean;
  /** What to do; empty when it passed. */
  readonly advice: string;
}

/** The oldest record of a shard. */
export type OldestRecord =
  | { readonly kind: "empty" }
  /** Its first record is a stranger's. */
  | { readonly kind: "foreign" }
  /** GENESIS is trimmed away; the record names this life, or is a stranger's. */
  | { readonly kind: "trimmed"; readonly lifeId: Uint8Array | null }
  | { readonly kind: "genesis"; readonly lifeId: Uint8Array; readonly shards: number; readonly slotDigest: Uint8Array };

/** What the brokers and the records say. */
export interface TopicFacts {
  readonly partitions: readonly { readonly shard: Shard; readonly replicas: number }[];
  readonly topicSettings: ReadonlyMap<string, string>;
  /** Of one broker; null where they may not be read. */
  readonly brokerSettings: ReadonlyMap<string, string> | null;
  /** Who may write, delete or alter the topic; null where that may not be read. */
  readonly rights: { readonly writers: readonly string[]; readonly changers: readonly string[] } | null;
  readonly oldest: ReadonlyMap<Shard, OldestRecord>;
  readonly joinMs: number;
}

/** What this program wants. */
export interface TopicWish {
  readonly topic: string;
  readonly shards: number;
  readonly oneBroker: boolean;
  readonly slotDigest: Uint8Array;
}

const CREATE = "run fairwarning topics create";
const REPLICAS_WANTED = 3;
const MIN_ISR_WANTED = 2;
const MESSAGE_BYTES_MIN = 4 * frameBytesMax;
const JOIN_MS_MAX = 1_000;

/** Of a topic that is not there. */
export function missingTopic(wish: TopicWish): TopicFinding {
  const { topic, shards } = wish;
  return {
    check: "topic",
    found: "none",
    wanted: `${topic} with ${shards} partitions`,
    verdict: "fail",
    needed: true,
    advice: `${CREATE}: there is no topic ${topic}`,
  };
}

/** Every finding on a topic that exists, in the order of the checks. */
export function judgeTopic(facts: TopicFacts, wish: TopicWish): readonly TopicFinding[] {
  return [
    partitionCount(facts, wish),
    ...records(facts, wish),
    replication(facts, wish),
    minInSync(facts, wish),
    setting(facts, wish, "unclean.leader.election.enable", "false"),
    setting(facts, wish, "cleanup.policy", "delete"),
    setting(facts, wish, "retention.ms", "-1"),
    setting(facts, wish, "retention.bytes", "-1"),
    setting(facts, wish, "message.timestamp.type", "LogAppendTime"),
    messageBytes(facts, wish),
    ...brokerSettings(facts),
    rights(facts),
    ...unreadable(wish),
    joinTime(facts),
  ];
}

type Told = { readonly check: string; readonly found: string; readonly wanted: string; readonly needed: boolean };

function told(finding: Told, passed: boolean, advice: string): TopicFinding {
  return { ...finding, verdict: passed ? "pass" : "fail", advice: passed ? "" : advice };
}

function notChecked(check: string, wanted: string, advice: string): TopicFinding {
  return { check, found: "not readable from here", wanted, verdict: "not checked", needed: false, advice };
}

function partitionCount({ partitions }: TopicFacts, { topic, shards }: TopicWish): TopicFinding {
  const count = partitions.length;
  const advice = `${topic} has ${count} partitions and FAIRWARNING_SHARDS says ${shards}: the number never changes, so set FAIRWARNING_SHARDS back or use another topic`;
  return told({ check: "topic", found: `${count} partitions`, wanted: `${shards} partitions`, needed: true }, count === shards, advice);
}

function records({ oldest }: TopicFacts, wish: TopicWish): readonly TopicFinding[] {
  const all = Array.from({ length: wish.shards }, (_, shard) => oldest.get(shard) ?? { kind: "empty" as const });
  return [oneLife(all, wish), sameSlots(all, wish)];
}

function oneLife(all: readonly OldestRecord[], { topic, shards }: TopicWish): TopicFinding {
  const finding = { check: "GENESIS", wanted: "one life of the log in all shards", needed: true };
  const shardsWhere = (kind: OldestRecord["kind"]): number[] => all.flatMap((record, shard) => (record.kind === kind ? [shard] : []));
  const [empty, foreign] = [shardsWhere("empty"), shardsWhere("foreign")];
  if (foreign.length > 0) {
    return told(
      { ...finding, found: `a stranger's record first in shards ${foreign.join(", ")}` },
      false,
      `${topic} was not made by fairwarning: use another topic`,
    );
  }
  if (empty.length > 0) return told({ ...finding, found: `none in shards ${empty.join(", ")}` }, false, `${CREATE}: ${topic} is only half made`);
  const lives = new Set(all.map((record) => ("lifeId" in record && record.lifeId !== null ? Buffer.from(record.lifeId).toString("hex") : "unknown")));
  const made = all.find((record) => record.kind === "genesis");
  if (made !== undefined && made.shards !== shards) {
    return told({ ...finding, found: `made for ${made.shards} shards` }, false, `set FAIRWARNING_SHARDS to ${made.shards}: the number never changes`);
  }
  const advice = `shards of ${topic} bear ${lives.size} lives: part of it was deleted or restored. Stop, and restore the topic whole`;
  return told({ ...finding, found: [...lives].join(", ") }, lives.size === 1, advice);
}

function sameSlots(all: readonly OldestRecord[], { topic, slotDigest }: TopicWish): TopicFinding {
  const finding = { check: "slot table", wanted: hex(slotDigest), needed: true };
  const made = all.find((record) => record.kind === "genesis");
  if (made === undefined) {
    return { ...finding, found: "GENESIS is trimmed away", verdict: "not checked", advice: "the checkpoint and the newest claim tell the life instead" };
  }
  const advice = `${topic} sends auctions to other shards than this program: run the version that made it`;
  return told({ ...finding, found: hex(made.slotDigest) }, Buffer.compare(made.slotDigest, slotDigest) === 0, advice);
}

function replication({ partitions }: TopicFacts, { topic, oneBroker }: TopicWish): TopicFinding {
  const fewest = partitions.reduce((least, { replicas }) => Math.min(least, replicas), Number.POSITIVE_INFINITY);
  const wanted = oneBroker ? "any, by FAIRWARNING_KAFKA_CHECK=one-broker" : `${REPLICAS_WANTED} on every partition`;
  const advice = `reassign ${topic} to three replicas with kafka-reassign-partitions.sh, or set FAIRWARNING_KAFKA_CHECK=one-broker where there is only one broker`;
  return told({ check: "replication factor", found: String(fewest), wanted, needed: true }, oneBroker || fewest >= REPLICAS_WANTED, advice);
}

function minInSync({ topicSettings }: TopicFacts, { topic, oneBroker }: TopicWish): TopicFinding {
  const found = topicSettings.get("min.insync.replicas") ?? "unknown";
  const wanted = oneBroker ? "any, by FAIRWARNING_KAFKA_CHECK=one-broker" : String(MIN_ISR_WANTED);
  const passed = oneBroker || Number(found) === MIN_ISR_WANTED;
  return told({ check: "min.insync.replicas", found, wanted, needed: true }, passed, alter(topic, `min.insync.replicas=${MIN_ISR_WANTED}`));
}

function setting({ topicSettings }: TopicFacts, { topic }: TopicWish, name: string, wanted: string): TopicFinding {
  const found = topicSettings.get(name) ?? "unknown";
  return told({ check: name, found, wanted, needed: true }, found === wanted, alter(topic, `${name}=${wanted}`));
}

function messageBytes({ topicSettings }: TopicFacts, { topic }: TopicWish): TopicFinding {
  const found = topicSettings.get("max.message.bytes") ?? "unknown";
  const passed = Number(found) >= MESSAGE_BYTES_MIN;
  const advice = alter(topic, `max.message.bytes=${MESSAGE_BYTES}`);
  return told({ check: "max.message.bytes", found, wanted: `at least ${MESSAGE_BYTES_MIN}`, needed: true }, passed, advice);
}

/** Kafka's own default, four frames of the largest size and what Kafka puts around them. */
const MESSAGE_BYTES = 1_048_588;

function brokerSettings({ brokerSettings: found }: TopicFacts): readonly TopicFinding[] {
  const names = ["auto.create.topics.enable", "delete.topic.enable"];
  const timings = ["broker.session.timeout.ms", "replica.lag.time.max.ms"];
  if (found === null) return [...names, ...timings].map((name) => notChecked(name, "false", "the right to describe the cluster's configs is missing"));
  return [
    ...names.map((check) => {
      const value = found.get(check) ?? "unknown";
      const advice = `set ${check}=false on every broker, or withhold the right by ACLs: a topic made or deleted by mistake is another log`;
      return told({ check, found: value, wanted: "false", needed: false }, value === "false", advice);
    }),
    ...timings.map((check) => {
      const value = found.get(check) ?? "unknown";
      return told({ check, found: value, wanted: "shown: how long a dead leader stops bids", needed: false }, true, "");
    }),
  ];
}

function rights({ rights: found }: TopicFacts): TopicFinding {
  const wanted = "only the engine's principal writes; it neither deletes nor alters";
  if (found === null) return notChecked("rights", wanted, "look with kafka-acls.sh --list: nobody but the engine may write to the topic");
  const passed = found.writers.length <= 1 && found.changers.length === 0;
  const list = (principals: readonly string[]): string => (principals.length === 0 ? "nobody" : principals.join(", "));
  const advice = "remove the other rights with kafka-acls.sh --remove";
  return told({ check: "rights", found: `write: ${list(found.writers)}; delete or alter: ${list(found.changers)}`, wanted, needed: false }, passed, advice);
}

function unreadable({ topic }: TopicWish): readonly TopicFinding[] {
  return [
    notChecked("eligible leader replicas", "on, Kafka 4.1 or later", "look with kafka-features.sh describe: eligible.leader.replicas.version is 1"),
    notChecked("racks", "replicas in different racks", `look with kafka-topics.sh --describe --topic ${topic} and broker.rack of each broker`),
    notChecked("clock offset to the broker", "within 500 ms", "each claim compares the broker's clock; a shard is given up when it is off"),
  ];
}

function joinTime({ joinMs }: TopicFacts): TopicFinding {
  const finding = { check: "group join", found: `${Math.round(joinMs)} ms`, wanted: `under ${JOIN_MS_MAX} ms`, needed: false };
  return told(finding, joinMs < JOIN_MS_MAX, "set group.initial.rebalance.delay.ms=0 on every broker: a start and a new reader wait for it");
}

function alter(topic: string, entry: string): string {
  return `kafka-configs.sh --alter --entity-type topics --entity-name ${topic} --add-config ${entry}`;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
