// The servers that other tests stand on: that they come up, die and come back as those tests suppose.
import { expect, onTestFinished, type TestContext, test } from "vitest";
import { kafkaMissing, startKafka, type TestKafka } from "./kafka-server.ts";

async function started(context: TestContext, brokers: 1 | 3): Promise<TestKafka> {
  const kafka = await startKafka({ brokers });
  if (kafka === null) context.skip(kafkaMissing());
  onTestFinished(() => kafka?.stop());
  return kafka as TestKafka;
}

test("kafka server: one broker: ready when told", async (context) => {
  const kafka = await started(context, 1);
  expect(kafka.brokers).toHaveLength(1);
});

test("kafka server: three brokers: ready when told", async (context) => {
  const kafka = await started(context, 3);
  expect(kafka.brokers).toHaveLength(3);
});
