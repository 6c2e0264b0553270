import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from "vitest";
import type { Shard } from "../../engine/core/ids.ts";
import type { AppendOutcome, DecisionLog } from "../../engine/ports.ts";
import { decisionLogContract } from "../contract/decision-log.ts";
import { kafkaLogUnderTest, makeTestTopic, openTestLog } from "../contract/kafka-log.ts";
import { type KafkaBroker, kafkaMissing, startKafka, type TestKafka } from "../contract/kafka-server.ts";

let kafka: TestKafka | null = null;

beforeAll(async () => {
  kafka = await startKafka({ brokers: 3 });
});
afterAll(() => kafka?.stop());
beforeEach((context) => {
  if (kafka === null) context.skip(kafkaMissing());
});

const where = () => ({ brokers: kafka?.addresses ?? [], oneBroker: false });

function brokerOf(nodeId: number): KafkaBroker {
  const found = kafka?.brokers.find((broker) => broker.nodeId === nodeId);
  if (found === undefined) throw new Error(`there is no broker ${nodeId}`);
  return found;
}

function append(log: DecisionLog, shard: Shard, text: string): Promise<AppendOutcome> {
  return new Promise((resolve) => {
    log.append([{ shard, bytes: Buffer.from(text) }], ([outcome]) => resolve(outcome ?? { kind: "unknown", cause: "none" }));
  });
}

/** Appends until one is done, as a shard that claims again does. */
async function appendUntilDone(log: DecisionLog, shard: Shard, text: string): Promise<Extract<AppendOutcome, { kind: "done" }>> {
  for (;;) {
    const outcome = await append(log, shard, text);
    if (outcome.kind === "done") return outcome;
  }
}

decisionLogContract("kafka log, three brokers", () => kafkaLogUnderTest(where()));

test("kafka log: a leader dies: appends are unknown until its replicas are given up, then every shard goes on without a gap", {
  timeout: 60_000,
}, async () => {
  const [first, second, third] = (kafka?.brokers ?? []).map(({ nodeId }) => nodeId) as [number, number, number];
  const replicas = [
    [first, second, third],
    [second, third, first],
  ];
  const topic = await makeTestTopic(where(), { replicas });
  const log = await openTestLog(where(), topic, { shards: 2, appendLimitMs: 3_500 });
  const stop = new AbortController();
  onTestFinished(async () => {
    stop.abort();
    await log.close();
    await brokerOf(first).restart();
  });
  expect(log.laneOf(0)).not.toBe(log.laneOf(1));
  expect(await append(log, 0, "before")).toMatchObject({ kind: "done", offset: 1 });
  const seen: string[] = [];
  const tailed = (async () => {
    for await (const list of log.tail(0, 1, stop.signal)) {
      seen.push(...list.map(({ bytes }) => Buffer.from(bytes).toString()));
      if (seen.at(-1) === "after") return;
    }
  })();
  brokerOf(first).kill("SIGKILL");
  await brokerOf(first).gone();
  expect((await append(log, 0, "in doubt")).kind).toBe("unknown");
  await appendUntilDone(log, 1, "beside it");
  const done = await appendUntilDone(log, 0, "after");
  await tailed;
  expect(seen).toHaveLength(done.offset);
  expect(seen[0]).toBe("before");
});

test("kafka log: two of three brokers away: appends are refused and leave nothing, and the log opens again with the second", { timeout: 60_000 }, async () => {
  const [first, second, third] = (kafka?.brokers ?? []).map(({ nodeId }) => nodeId) as [number, number, number];
  const topic = await makeTestTopic(where(), { replicas: [[first, second, third]] });
  const log = await openTestLog(where(), topic, { shards: 1, appendLimitMs: 3_500 });
  onTestFinished(() => log.close());
  for (const nodeId of [second, third]) brokerOf(nodeId).kill("SIGKILL");
  // In doubt until the leader knows that it is alone; what was in doubt may stand in the log later.
  const refused: string[] = [];
  for (let i = 0; refused.length < 2; i += 1) {
    const outcome = await append(log, 0, `attempt ${i}`);
    if (outcome.kind === "refused" && outcome.code === "not_enough_replicas") refused.push(`attempt ${i}`);
  }
  await brokerOf(second).restart();
  await appendUntilDone(log, 0, "enough");
  const stored: string[] = [];
  for await (const list of log.read(0, 1)) stored.push(...list.map(({ bytes }) => Buffer.from(bytes).toString()));
  expect(stored.at(-1)).toBe("enough");
  expect(stored.filter((text) => refused.includes(text))).toEqual([]);
  await brokerOf(third).restart();
});
