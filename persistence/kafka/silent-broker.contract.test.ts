// A broker that takes connections and answers nothing, as a frozen one does.
import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from "vitest";
import type { AppendOutcome } from "../../engine/ports.ts";
import { makeTestTopic, openTestLog } from "../contract/kafka-log.ts";
import { anyKafka, kafkaMissing, type TestKafka } from "../contract/kafka-server.ts";

let kafka: TestKafka | null = null;

beforeAll(async () => {
  kafka = await anyKafka();
});
afterAll(() => kafka?.stop());
beforeEach((context) => {
  if (kafka === null) context.skip(kafkaMissing());
});

/** The address of somebody who listens and says nothing. */
async function silentAddress(): Promise<string> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    sockets.add(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const at = server.address();
  return `127.0.0.1:${typeof at === "object" && at !== null ? at.port : 0}`;
}

test("kafka log: the first address takes connections and answers nothing: the next one is asked, for topic, reading and appending", async () => {
  const brokers = kafka?.addresses ?? [];
  const topic = await makeTestTopic({ brokers, oneBroker: true }, { replicas: [[1]] });
  const log = await openTestLog({ brokers: [await silentAddress(), ...brokers], oneBroker: true }, topic, { shards: 1 });
  onTestFinished(() => log.close());
  const outcome = await new Promise<AppendOutcome | undefined>((resolve) => {
    log.append([{ shard: 0, bytes: Buffer.from("heard") }], ([first]) => resolve(first));
  });
  expect(outcome).toMatchObject({ kind: "done", offset: 1 });
  const stored: string[] = [];
  for await (const list of log.read(0, 1)) stored.push(...list.map(({ bytes }) => Buffer.from(bytes).toString()));
  expect(stored).toEqual(["heard"]);
});
