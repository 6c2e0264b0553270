// The servers that other tests stand on: that they come up, die and come back as those tests suppose, and leave nothing behind.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, rmSync, watch } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, type TestContext, test } from "vitest";
import { plainClient, reasonOf } from "./kafka-plain-client.ts";
import { anyKafka, kafkaMissing, startKafka, type TestKafka } from "./kafka-server.ts";
import { liveNodes } from "./kafka-wire.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const LIVE_MS_MAX = 1_000;

async function started(context: TestContext, brokers: 1 | 3): Promise<TestKafka> {
  const kafka = await startKafka({ brokers });
  if (kafka === null) return context.skip(kafkaMissing());
  onTestFinished(() => kafka.stop());
  return kafka;
}

test("kafka server: restart: a killed broker comes back on its address with its records", async (context) => {
  const kafka = await started(context, 1);
  const [broker] = kafka.brokers;
  const client = await plainClient(kafka.addresses);
  onTestFinished(() => client.close());
  await client.admin.createTopics({ topics: [{ topic: "kept", numPartitions: 1, replicationFactor: 1 }], waitForLeaders: true });
  await client.send("kept", "first");
  const pid = broker?.pid;
  broker?.kill("SIGKILL");
  await broker?.gone();
  await expect(client.send("kept", "nobody there")).rejects.toThrow();
  await broker?.restart();
  expect(broker?.pid).not.toBe(pid);
  expect(await client.length("kept")).toBe(1);
});

test("kafka server: topics: a name that nobody created is refused", async (context) => {
  const kafka = await anyKafka();
  if (kafka === null) return context.skip(kafkaMissing());
  onTestFinished(() => kafka.stop());
  const client = await plainClient(kafka.addresses);
  onTestFinished(() => client.close());
  const failure = await client.send("nobody-created-this", "lost").catch(reasonOf);
  expect(failure).toBe("UNKNOWN_TOPIC_OR_PARTITION");
});

test("kafka server: three brokers: with two of them away the log refuses, and takes records again when they are back", async (context) => {
  const kafka = await started(context, 3);
  const client = await plainClient(kafka.addresses);
  onTestFinished(() => client.close());
  const configEntries = [{ name: "min.insync.replicas", value: "2" }];
  await client.admin.createTopics({ topics: [{ topic: "three", numPartitions: 1, replicationFactor: 3, configEntries }], waitForLeaders: true });
  await client.send("three", "all there");
  const { topics } = await client.admin.fetchTopicMetadata({ topics: ["three"] });
  const leader = topics[0]?.partitions[0]?.leader;
  const others = kafka.brokers.filter((broker) => broker.nodeId !== leader);
  expect(others).toHaveLength(2);
  for (const broker of others) broker.kill("SIGKILL");
  await Promise.all(others.map((broker) => broker.gone()));
  const heard: string[] = [];
  // Until the leader notices, each send fails after its own time-out.
  while (heard.at(-1) !== "NOT_ENOUGH_REPLICAS") heard.push(String(await client.send("three", "too few").catch(reasonOf)));
  expect(heard).not.toContain("undefined");
  await Promise.all(others.map((broker) => broker.restart()));
  let stored = false;
  while (!stored) {
    stored = await client.send("three", "back").then(
      () => true,
      () => false,
    );
  }
});

const HOLDER = `
import { startKafka } from ${JSON.stringify(new URL("./kafka-server.ts", import.meta.url).href)};
const kafka = await startKafka({ brokers: 1 });
console.log(JSON.stringify({ address: kafka.addresses[0], pid: kafka.brokers[0].pid }));
setInterval(() => undefined, 60_000);
`;

/** Waits until a folder of the system's temporary one is gone. */
async function folderGone(path: string): Promise<void> {
  const changes = watch(dirname(path));
  try {
    while (existsSync(path)) await once(changes, "change");
  } finally {
    changes.close();
  }
}

test("kafka server: orphans: a test process that is killed leaves no broker and no folder", async (context) => {
  const here = await started(context, 1);
  await here.stop();
  const place = mkdtempSync(join(tmpdir(), "fairwarning-orphan-"));
  onTestFinished(() => rmSync(place, { recursive: true, force: true }));
  const args = ["--import", "tsx", "--input-type=module", "--eval", HOLDER];
  const holder = spawn(process.execPath, args, { cwd: ROOT, env: { ...process.env, TMPDIR: place }, stdio: ["ignore", "pipe", "inherit"] });
  onTestFinished(() => void holder.kill("SIGKILL"));
  const [line] = (await once(createInterface(holder.stdout), "line")) as [string];
  const { address } = JSON.parse(line) as { readonly address: string };
  const port = Number(address.split(":")[1]);
  expect(await liveNodes(port, LIVE_MS_MAX)).toEqual([1]);
  const [name = ""] = readdirSync(place);
  holder.kill("SIGKILL");
  await folderGone(join(place, name));
  expect(await liveNodes(port, LIVE_MS_MAX)).toBeNull();
});
