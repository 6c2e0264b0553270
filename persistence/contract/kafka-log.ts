// A decision log of its own topic on a test's brokers, for the suites that every log passes and for Kafka's own.
import { randomBytes } from "node:crypto";
import { type KafkaLog, openKafkaLog } from "../kafka/open-log.ts";
import type { Say } from "../kafka/options.ts";
import { createTopic } from "../kafka/topics.ts";
import type { LogUnderTest } from "./decision-log.ts";

const SHARDS = 3;
/** Three brokers and a test's own work share two cores: a quiet answer may take longer than on a machine of its own. */
const APPEND_LIMIT_MS = 10_000;

export interface TestBrokers {
  readonly brokers: readonly string[];
  readonly oneBroker: boolean;
}

/** What a test's topic is made and opened with. */
export function testWish(where: TestBrokers, options: { topic: string; shards: number }) {
  return {
    connection: { brokers: where.brokers, clientId: "contract" },
    ...options,
    oneBroker: where.oneBroker,
    slotDigest: new Uint8Array(16).fill(7),
    madeAt: 1_795_428_000_000,
    version: "test",
  };
}

/** A name that no other test has. */
export function testTopicName(): string {
  return `decisions-${randomBytes(8).toString("hex")}`;
}

/** Makes a topic of as many shards as there are lists of replicas, the first of each its leader. */
export async function makeTestTopic(where: TestBrokers, options: { replicas: readonly (readonly number[])[] }): Promise<string> {
  const topic = testTopicName();
  await createTopic({ ...testWish(where, { topic, shards: options.replicas.length }), createTopicOptions: options });
  return topic;
}

/** Opens a test's topic. */
export function openTestLog(
  where: TestBrokers,
  topic: string,
  options: { shards: number; appendLimitMs?: number; onFatal?: (error: Error) => void; say?: Say },
): Promise<KafkaLog> {
  const throwIt = (error: Error): void => {
    throw error;
  };
  const { shards, appendLimitMs = APPEND_LIMIT_MS, onFatal = throwIt, say } = options;
  return openKafkaLog({ ...testWish(where, { topic, shards }), appendLimitMs, onFatal, ...(say === undefined ? {} : { say }) });
}

/** A log of 3 shards, all led by one broker, so that they share a lane. */
export async function kafkaLogUnderTest(where: TestBrokers): Promise<LogUnderTest> {
  const replicas = where.oneBroker ? [1] : [1, 2, 3];
  return opened(where, await makeTestTopic(where, { replicas: Array.from({ length: SHARDS }, () => replicas) }));
}

async function opened(where: TestBrokers, topic: string): Promise<LogUnderTest> {
  const log = await openTestLog(where, topic, { shards: SHARDS });
  return {
    log,
    async reopen() {
      await log.close();
      return opened(where, topic);
    },
    dispose: () => log.close(),
  };
}
