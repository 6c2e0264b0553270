// biome-ignore lint/style/noRestrictedImports: a stranger's client, which does what ours never does.
import { Kafka, logLevel } from "kafkajs";
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from "vitest";
import type { AppendOutcome, DecisionLog } from "../../engine/ports.ts";
import { makeTestTopic, openTestLog, testTopicName, testWish } from "../contract/kafka-log.ts";
import { kafkaMissing, startKafka, type TestKafka } from "../contract/kafka-server.ts";
import { createRecordCodec, decodeRecord } from "../record.ts";
import { KafkaLogRefused, KafkaLogReplaced, LogTruncated } from "./errors.ts";
import { openKafkaLog } from "./open-log.ts";
import { checkTopic, createTopic } from "./topics.ts";

let kafka: TestKafka | null = null;

beforeAll(async () => {
  kafka = await startKafka({ brokers: 1 });
});
afterAll(() => kafka?.stop());
beforeEach((context) => {
  if (kafka === null) context.skip(kafkaMissing());
});

const where = () => ({ brokers: kafka?.addresses ?? [], oneBroker: true });
const stranger = () => new Kafka({ clientId: "stranger", brokers: [...where().brokers], logLevel: logLevel.NOTHING });

/** The life that the first record of each shard names, as hex. */
async function livesOf(log: DecisionLog, shards: number): Promise<string[]> {
  const lives: string[] = [];
  for (let shard = 0; shard < shards; shard += 1) {
    for await (const list of log.read(shard, 0, 1)) {
      for (const stored of list) {
        const record = decodeRecord(stored, shard);
        lives.push(record.kind === "genesis" ? Buffer.from(record.lifeId).toString("hex") : record.kind);
      }
    }
  }
  return lives;
}

function append(log: DecisionLog, text: string): Promise<AppendOutcome> {
  return new Promise((resolve) => {
    log.append([{ shard: 0, bytes: Buffer.from(text) }], ([outcome]) => resolve(outcome ?? { kind: "unknown", cause: "none" }));
  });
}

async function textsOf(log: DecisionLog, from: number): Promise<string[]> {
  const texts: string[] = [];
  for await (const list of log.read(0, from)) texts.push(...list.map(({ bytes }) => Buffer.from(bytes).toString()));
  return texts;
}

/** Makes a topic as anybody could. */
async function bareTopic(numPartitions: number, first?: Uint8Array): Promise<string> {
  const topic = testTopicName();
  const admin = stranger().admin();
  await admin.connect();
  await admin.createTopics({ waitForLeaders: true, topics: [{ topic, numPartitions, replicationFactor: 1 }] });
  await admin.disconnect();
  if (first === undefined) return topic;
  const producer = stranger().producer();
  await producer.connect();
  await producer.send({ topic, messages: [{ partition: 0, value: Buffer.from(first) }] });
  await producer.disconnect();
  return topic;
}

async function deleteTopic(topic: string): Promise<void> {
  const admin = stranger().admin();
  await admin.connect();
  await admin.deleteTopics({ topics: [topic] });
  for (;;) if (!(await admin.listTopics()).includes(topic)) break;
  await admin.disconnect();
}

test("topics: create: GENESIS of one life stands first in every shard, and making it again changes nothing", async () => {
  const wish = testWish(where(), { topic: testTopicName(), shards: 3 });
  const first = await createTopic(wish);
  const again = await createTopic(wish);
  expect(first.made).toBe(true);
  expect(again).toEqual({ made: false, lifeId: first.lifeId });
  const log = await openKafkaLog({ ...wish, appendLimitMs: 3_500, onFatal: () => undefined });
  onTestFinished(() => log.close());
  expect(new Set(await livesOf(log, 3))).toEqual(new Set([Buffer.from(first.lifeId).toString("hex")]));
  expect(log.lifeId).toEqual(first.lifeId);
  expect(await log.ends(2)).toEqual({ start: 0, end: 1 });
});

test("topics: create: what was begun is finished with the life that is found", async () => {
  const topic = testTopicName();
  const wish = testWish(where(), { topic, shards: 3 });
  const lifeId = new Uint8Array(16).fill(9);
  const begun = await bareTopic(3, createRecordCodec(lifeId).genesis({ ...wish, shard: 0 }));
  expect(await createTopic({ ...wish, topic: begun })).toEqual({ made: true, lifeId });
});

test("topics: create: two at the same moment end with one life", async () => {
  const wish = testWish(where(), { topic: testTopicName(), shards: 2 });
  const [one, other] = await Promise.all([createTopic(wish), createTopic(wish)]);
  expect(one.lifeId).toEqual(other.lifeId);
  const log = await openKafkaLog({ ...wish, appendLimitMs: 3_500, onFatal: () => undefined });
  onTestFinished(() => log.close());
  expect(new Set(await livesOf(log, 2)).size).toBe(1);
});

test("topics: create: a topic of strangers, of other shards, or of another slot table is refused", async () => {
  const strange = testWish(where(), { topic: await bareTopic(1, Buffer.from("hello")), shards: 1 });
  await expect(createTopic(strange)).rejects.toThrow("was not made by fairwarning");
  const topic = await makeTestTopic(where(), { replicas: [[1], [1]] });
  await expect(createTopic(testWish(where(), { topic, shards: 3 }))).rejects.toThrow("has 2 partitions, not 3");
  const slots = { ...testWish(where(), { topic, shards: 2 }), slotDigest: new Uint8Array(16) };
  await expect(createTopic(slots)).rejects.toThrow("sends auctions to other shards");
});

test("topics: open: without a topic, or half made, it says to run topics create", async () => {
  await expect(openTestLog(where(), testTopicName(), { shards: 1 })).rejects.toThrow(/fairwarning topics create/);
  await expect(openTestLog(where(), await bareTopic(1), { shards: 1 })).rejects.toThrow(/GENESIS: none in shards 0.*fairwarning topics create/);
});

test("topics: open: a topic that would forget records is refused, and the setting is named", async () => {
  const wish = testWish(where(), { topic: testTopicName(), shards: 1 });
  await createTopic({ ...wish, createTopicOptions: { configs: { "retention.ms": "604800000", "retention.bytes": "1048576" } } });
  const opened = openTestLog(where(), wish.topic, { shards: 1 });
  await expect(opened).rejects.toThrow(KafkaLogRefused);
  await expect(opened).rejects.toThrow(/retention.ms: 604800000, wanted -1/);
  await expect(opened).rejects.toThrow(/retention.bytes: 1048576, wanted -1/);
});

test("topics: check: with three brokers wanted, one replica and one in sync fail, and nothing else that is needed", async () => {
  const topic = await makeTestTopic(where(), { replicas: [[1]] });
  const findings = await checkTopic({ ...testWish({ ...where(), oneBroker: false }, { topic, shards: 1 }) });
  const failed = findings.filter(({ verdict, needed }) => needed && verdict === "fail").map(({ check }) => check);
  expect(failed).toEqual(["replication factor", "min.insync.replicas"]);
  expect((await checkTopic(testWish(where(), { topic: testTopicName(), shards: 1 })))[0]).toMatchObject({ check: "topic", found: "none", verdict: "fail" });
});

test("topics: open: after a trim the life is known by the oldest record that is left", async () => {
  const topic = await makeTestTopic(where(), { replicas: [[1]] });
  const before = await openTestLog(where(), topic, { shards: 1 });
  const { lifeId } = before;
  const place = { shard: 0, epoch: 1, firstLsn: 1, prevHash: new Uint8Array(16), at: 1_795_428_000_000 };
  const { bytes } = createRecordCodec(lifeId).time(place, "first");
  await new Promise<void>((done) => before.append([{ shard: 0, bytes }], () => done()));
  await before.trim(0, 1);
  await before.close();
  const log = await openTestLog(where(), topic, { shards: 1 });
  onTestFinished(() => log.close());
  expect(await log.ends(0)).toEqual({ start: 1, end: 2 });
  expect(log.lifeId).toEqual(lifeId);
});

test("topics: a topic that is deleted while it is open is fatal", { timeout: 60_000 }, async () => {
  const topic = await makeTestTopic(where(), { replicas: [[1]] });
  let log: DecisionLog | null = null;
  onTestFinished(() => log?.close());
  const fatal = new Promise<Error>((resolve) => {
    openTestLog(where(), topic, { shards: 1, appendLimitMs: 3_500, onFatal: resolve }).then(async (opened) => {
      log = opened;
      await deleteTopic(topic);
      await append(opened, "nowhere");
    }, resolve);
  });
  expect(await fatal).toBeInstanceOf(KafkaLogReplaced);
});

test("topics: a topic made anew while it is open is fatal, and its readers find the log shorter", { timeout: 60_000 }, async () => {
  const topic = await makeTestTopic(where(), { replicas: [[1]] });
  let tell: (error: Error) => void = () => undefined;
  const fatal = new Promise<Error>((resolve) => {
    tell = resolve;
  });
  const log = await openTestLog(where(), topic, { shards: 1, appendLimitMs: 3_500, onFatal: tell });
  onTestFinished(() => log.close());
  for (let i = 0; i < 5; i += 1) await append(log, `record ${i}`);
  const tailed = (async () => {
    for await (const list of log.tail(0, 6, new AbortController().signal)) return list;
    return null;
  })();
  await deleteTopic(topic);
  await createTopic(testWish(where(), { topic, shards: 1 }));
  await expect(tailed).rejects.toThrow(LogTruncated);
  await append(log, "into another life");
  expect(await fatal).toBeInstanceOf(KafkaLogReplaced);
});

test("kafka log: a stranger's transaction takes offsets, and none of them is passed over", async () => {
  const topic = await makeTestTopic(where(), { replicas: [[1]] });
  const log = await openTestLog(where(), topic, { shards: 1 });
  onTestFinished(() => log.close());
  await append(log, "ours");
  const producer = stranger().producer({ transactionalId: `strange-${topic}`, maxInFlightRequests: 1, idempotent: true });
  await producer.connect();
  const transaction = await producer.transaction();
  await transaction.send({ topic, messages: [{ partition: 0, value: "theirs" }] });
  // An open transaction holds nothing back.
  expect(await textsOf(log, 1)).toEqual(["ours", "theirs"]);
  await transaction.commit();
  await producer.disconnect();
  while ((await log.ends(0)).end < 4);
  // The control record at offset 3 is the last one: nothing follows that would bring it along.
  expect(await textsOf(log, 1)).toEqual(["ours", "theirs", ""]);
  expect(await append(log, "ours again")).toMatchObject({ kind: "done", offset: 4 });
  expect(await textsOf(log, 3)).toEqual(["", "ours again"]);
});

test("kafka log: a broker that freezes makes the outcome unknown, its record lands late, and the next one stands behind it", { timeout: 60_000 }, async () => {
  const topic = await makeTestTopic(where(), { replicas: [[1]] });
  const log = await openTestLog(where(), topic, { shards: 1, appendLimitMs: 1_000 });
  onTestFinished(() => log.close());
  await append(log, "before");
  const [broker] = kafka?.brokers ?? [];
  broker?.kill("SIGSTOP");
  const outcome = await append(log, "late");
  broker?.kill("SIGCONT");
  expect(outcome).toEqual({ kind: "unknown", cause: "no answer within 1000 ms" });
  let next = await append(log, "next");
  while (next.kind !== "done") next = await append(log, "next");
  expect((await textsOf(log, 1)).slice(0, 2)).toEqual(["before", "late"]);
});

test("kafka log: a broker killed and started again loses nothing, and a tail goes on where it was", { timeout: 60_000 }, async () => {
  const topic = await makeTestTopic(where(), { replicas: [[1]] });
  const log = await openTestLog(where(), topic, { shards: 1, appendLimitMs: 3_500 });
  const stop = new AbortController();
  onTestFinished(async () => {
    stop.abort();
    await log.close();
  });
  await append(log, "before");
  const seen: string[] = [];
  const tailed = (async () => {
    for await (const list of log.tail(0, 1, stop.signal)) {
      seen.push(...list.map(({ bytes }) => Buffer.from(bytes).toString()));
      if (seen.includes("after")) return;
    }
  })();
  const [broker] = kafka?.brokers ?? [];
  broker?.kill("SIGKILL");
  await broker?.gone();
  expect((await append(log, "to nobody")).kind).not.toBe("done");
  await broker?.restart();
  let next = await append(log, "after");
  while (next.kind !== "done") next = await append(log, "after");
  await tailed;
  expect(seen[0]).toBe("before");
});
