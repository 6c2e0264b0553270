// Opens the topic of a log for the operator's commands, which must work on a log that no engine would serve.
//
// Owns: reading without the checks of a start, and the two ends of a copy. Must not: write GENESIS or any other record of its own.
//
// O1. A log is read as it is: wrong settings of the topic are `topics check`'s to tell, and no reason to hide the records.
// O2. A topic that a copy is being made into is opened by that copy alone (copy-mark.ts, N1).
import { appendLimitMsDefault } from "../log-defaults.ts";
import type { BrokerFacts } from "./broker-facts.ts";
import { kafkaClients } from "./client.ts";
import { copyMarkOf, copyUnfinished, forgetCopyMark } from "./copy-mark.ts";
import { connectKafkaLog, type KafkaDecisionLog, readLife, sayNothing } from "./decision-log.ts";
import { KafkaLogRefused } from "./errors.ts";
import type { KafkaConnection } from "./options.ts";
import { makeTopic, partitionsOf, withFacts } from "./topics.ts";

/** People wait for it: a cluster that is away is said soon. */
const ASK_LIMIT_MS = 15_000;

interface TopicPlace {
  readonly connection: KafkaConnection;
  readonly topic: string;
}

export interface KafkaLogReader extends Pick<KafkaDecisionLog, "read" | "tail" | "ends" | "close"> {
  readonly lifeId: Uint8Array;
  readonly shards: number;
}

/** Opens the log of a topic to read it. Throws KafkaLogRefused when there is none or only an unfinished copy, KafkaUnreachable when no
 *  broker answers. */
export async function openKafkaReader(place: TopicPlace): Promise<KafkaLogReader> {
  const shards = await withFacts(place, async (facts) => {
    const count = await partitionsOf(facts, place.topic, ASK_LIMIT_MS);
    if (count === null) throw new KafkaLogRefused(`there is no topic ${place.topic}: fairwarning topics create makes it`);
    if (await unfinished(facts, place.topic)) throw new KafkaLogRefused(`topic ${place.topic} holds an unfinished copy, which is no log: finish it first`);
    return count;
  });
  const log = await connect(place, shards);
  try {
    const lifeId = await readLife(log, 0);
    if (lifeId === null) throw new KafkaLogRefused(`topic ${place.topic} holds no record of a log`);
    return Object.assign(log, { lifeId, shards });
  } catch (error) {
    await log.close();
    throw error;
  }
}

function connect({ connection, topic }: TopicPlace, shards: number): Promise<KafkaDecisionLog> {
  // Nobody is served from it, so a topic that is made anew meanwhile harms nobody: the copy's comparison finds it.
  return connectKafkaLog({ connection, topic, shards, durability: "", appendLimitMs: appendLimitMsDefault, say: sayNothing, onFatal: () => undefined });
}

function unfinished(facts: BrokerFacts, topic: string): Promise<boolean> {
  return facts.ask((admin) => copyUnfinished(admin, topic), ASK_LIMIT_MS);
}

/** What stands at the place of a log: nothing, an unfinished copy, or anything else. */
export async function kafkaCopyState(place: TopicPlace): Promise<"empty" | "unfinished" | "taken"> {
  return await withFacts(place, async (facts) => {
    if (await unfinished(facts, place.topic)) return "unfinished";
    if ((await partitionsOf(facts, place.topic, ASK_LIMIT_MS)) === null) return "empty";
    const ends = await facts.allEnds(ASK_LIMIT_MS);
    // Forgotten records count: offsets begin at 0 in a topic that never had any.
    return [...ends.values()].every(({ end }) => end === 0) ? "empty" : "taken";
  });
}

export interface KafkaCopy {
  readonly log: KafkaDecisionLog;
  /** Takes the mark away: from now on it is a log. */
  finish(): Promise<void>;
  /** What is there stays for another run. */
  close(): Promise<void>;
}

/** Opens the unfinished copy in a topic, or begins one: the mark first, then the topic, without GENESIS. Throws KafkaLogRefused when a topic
 *  of that name has another number of partitions, or cannot be made. */
export async function openKafkaCopy(options: TopicPlace & { readonly oneBroker: boolean; readonly shards: number }): Promise<KafkaCopy> {
  const { connection, topic, oneBroker, shards } = options;
  await withFacts({ connection, topic: copyMarkOf(topic) }, async (facts) => {
    if (await unfinished(facts, topic)) return;
    await makeTopic(facts, { topic: copyMarkOf(topic), shards: 1, oneBroker });
    await setMark({ connection, topic });
    if (!(await unfinished(facts, topic))) throw new KafkaLogRefused(`topic ${copyMarkOf(topic)} does not keep the record that marks the copy`);
  });
  await withFacts(options, (facts) => makeTopic(facts, { topic, shards, oneBroker }));
  const log = await connect(options, shards);
  return {
    log,
    finish: () => withFacts(options, (facts) => facts.ask((admin) => forgetCopyMark(admin, topic), ASK_LIMIT_MS)),
    close: () => log.close(),
  };
}

async function setMark({ connection, topic }: TopicPlace): Promise<void> {
  const producer = kafkaClients(connection, sayNothing).producer(copyMarkOf(topic));
  try {
    await producer.connect();
    await producer.send([{ shard: 0, bytes: Buffer.from(`A copy into topic ${topic} is unfinished.`) }]);
  } finally {
    producer.discard();
  }
}
