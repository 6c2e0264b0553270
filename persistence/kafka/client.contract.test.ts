// A consumer that is stopped while it starts: afterwards its group has no member.
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from "vitest";
import { makeTestTopic, testTopicName } from "../contract/kafka-log.ts";
import { anyKafka, kafkaMissing, type TestKafka } from "../contract/kafka-server.ts";
import { type ConsumerLink, kafkaClients } from "./client.ts";

let kafka: TestKafka | null = null;

beforeAll(async () => {
  kafka = await anyKafka();
});
afterAll(() => kafka?.stop());
beforeEach((context) => {
  if (kafka === null) context.skip(kafkaMissing());
});

/** A consumer that has not started, what it told, and who is in its group. */
async function consumerOf(stopsWhenJoined = false) {
  const brokers = kafka?.addresses ?? [];
  const topic = await makeTestTopic({ brokers, oneBroker: true }, { replicas: [[1]] });
  const clients = kafkaClients({ brokers, clientId: "contract" }, () => undefined);
  const group = testTopicName();
  const told: string[] = [];
  const consumer: ConsumerLink = clients.consumer({
    topic,
    group,
    events: {
      joined: () => {
        told.push("joined");
        if (stopsWhenJoined) consumer.stop().catch(() => undefined);
      },
      fetched: () => {
        told.push("fetched");
      },
      crashed: ({ message }) => {
        told.push(message);
      },
    },
  });
  const admin = clients.admin();
  await admin.connect();
  onTestFinished(() => admin.disconnect());
  const members = async (): Promise<number> => (await admin.describeGroups([group])).groups[0]?.members.length ?? 0;
  return { consumer, told, members };
}

test("kafka consumer: stopped while it connects, it never joins, and reads nothing", async () => {
  const { consumer, told, members } = await consumerOf();
  const started = consumer.start();
  await consumer.stop();
  await started;
  expect(await members()).toBe(0);
  expect(told).toEqual([]);
});

test("kafka consumer: stopped once its group has a member, it leaves it, and tells nothing more", async () => {
  const { consumer, told, members } = await consumerOf();
  const started = consumer.start();
  while ((await members()) === 0);
  const before = [...told];
  await consumer.stop();
  await started;
  expect(await members()).toBe(0);
  expect(told).toEqual(before);
});

test("kafka consumer: stopped as it has just joined, it leaves its group, and reads nothing", async () => {
  const { consumer, told, members } = await consumerOf(true);
  await consumer.start();
  expect(await members()).toBe(0);
  expect(told).toEqual(["joined"]);
});
