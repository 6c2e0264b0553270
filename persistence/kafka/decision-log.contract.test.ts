import { afterAll, beforeAll, beforeEach } from "vitest";
import { decisionLogContract } from "../contract/decision-log.ts";
import { kafkaLogUnderTest } from "../contract/kafka-log.ts";
import { kafkaMissing, startKafka, type TestKafka } from "../contract/kafka-server.ts";

let kafka: TestKafka | null = null;

beforeAll(async () => {
  kafka = await startKafka({ brokers: 1 });
});
afterAll(() => kafka?.stop());
beforeEach((context) => {
  if (kafka === null) context.skip(kafkaMissing());
});

decisionLogContract("kafka log, one broker", () => kafkaLogUnderTest({ brokers: kafka?.addresses ?? [], oneBroker: true }));
