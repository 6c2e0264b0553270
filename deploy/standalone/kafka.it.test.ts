// The whole system with its decision log in a real Kafka: what is acknowledged is found again, and every wrong beginning is refused
// with what to do.
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, onTestFinished, type TestContext, test } from "vitest";
import { packageRoot } from "../../gateway/files.ts";
import { kafkaMissing, startKafka, type TestKafka } from "../../persistence/contract/kafka-server.ts";
import { type Line, SpawnedSystem } from "./spawned-system.ts";
import { createAuction, eventually, get, readAuctions } from "./test-auctions.ts";

const run = promisify(execFile);

let kafka: TestKafka | null = null;

beforeAll(async () => {
  kafka = await startKafka({ brokers: 1 });
}, 120_000);
afterAll(() => kafka?.stop());

/** The broker of this file, or a skip that says why there is none. */
function broker(context: TestContext): TestKafka {
  return kafka ?? context.skip(kafkaMissing());
}

function topicName(): string {
  return `decisions-${randomBytes(6).toString("hex")}`;
}

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "fairwarning-kafka-"));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

interface OnKafka {
  readonly topic: string;
  readonly dataDir?: string;
  readonly environment?: Readonly<Record<string, string>>;
}

function systemOn(addresses: readonly string[], { topic, dataDir, environment }: OnKafka): SpawnedSystem {
  const system = new SpawnedSystem({
    ...(dataDir === undefined ? {} : { dataDir }),
    environment: {
      FAIRWARNING_DECISION_LOG: "kafka",
      FAIRWARNING_KAFKA_BROKERS: addresses.join(","),
      FAIRWARNING_KAFKA_TOPIC: topic,
      FAIRWARNING_SHARDS: "4",
      ...environment,
    },
  });
  onTestFinished(() => system.remove());
  return system;
}

interface Told {
  readonly status: number;
  readonly text: string;
  readonly replayed: boolean;
}

/** A bid in USD of the bidder that its key names. */
async function bid(system: SpawnedSystem, auctionId: string, key: string, amountMinor: number): Promise<Told> {
  const response = await fetch(`${system.url}/v1/auctions/${auctionId}/bids`, {
    method: "POST",
    headers: { authorization: `Bearer ${await system.token(`bidder-${key}`)}`, "content-type": "application/json", "idempotency-key": key },
    body: JSON.stringify({ amountMinor, currency: "USD" }),
  });
  return { status: response.status, text: await response.text(), replayed: response.headers.get("idempotency-replayed") === "true" };
}

/** What a system said that would not start, once it has ended. */
async function refusal(system: SpawnedSystem): Promise<{ readonly code: number | null; readonly text: string }> {
  const code = await system.ended;
  return { code, text: String(system.lines.findLast((line) => line.event === "refused")?.msg ?? "") };
}

const told = (event: string) => (line: Line) => line.event === event;

test("kafka: a bid is accepted, the engine is killed, and bid and answer are there again; so they are after a start anew", {
  timeout: 170_000,
}, async (context) => {
  const { addresses } = broker(context);
  const [topic, dataDir] = [topicName(), folder()];
  const first = await systemOn(addresses, { topic, dataDir }).ready();
  const auctionId = await createAuction(first);
  const answered = await bid(first, auctionId, "one", 1_000);
  expect(answered).toMatchObject({ status: 201, replayed: false });

  await first.kill("engine");
  expect(await bid(first, auctionId, "one", 1_000)).toEqual({ ...answered, replayed: true });
  expect(await bid(first, auctionId, "two", 2_000)).toMatchObject({ status: 201 });
  const [before] = await readAuctions(first, [auctionId]);
  expect(before).toMatchObject({ phase: "open", totalBids: 2 });
  expect(await first.stop()).toBe(0);

  const second = await systemOn(addresses, { topic, dataDir }).ready();
  expect(await bid(second, auctionId, "one", 1_000)).toEqual({ ...answered, replayed: true });
  const [after] = await readAuctions(second, [auctionId]);
  expect(after).toMatchObject({ phase: "open", totalBids: 2, currentPriceMinor: before?.currentPriceMinor });
  expect(await second.stop()).toBe(0);
  expect(existsSync(join(dataDir, "log"))).toBe(false);
  expect([first, second].map((system) => system.lines.filter(told("topic_made")).length)).toEqual([1, 0]);
  expect([first, second].map((system) => system.lines.find(told("starting"))?.first)).toEqual([true, false]);
});

test("kafka: screen, engine and gateway say which log it is, and that one broker is what is durable", async (context) => {
  const { addresses } = broker(context);
  const topic = topicName();
  const system = await systemOn(addresses, { topic, environment: { FAIRWARNING_SNAPSHOTS: "memory" } }).ready();
  const ready = system.lines.find((line) => line.event === "ready" && line.pageUrl !== undefined);
  expect(ready?.log).toBe(`topic ${topic} of Kafka at ${addresses.join(", ")}`);
  expect(ready?.durability).toContain("one broker, page cache");
  for (const url of [system.statusUrl, system.url]) expect(JSON.stringify((await get(`${url}/ready`)).body), url).toContain("one broker, page cache");
});

test("kafka: a start that waits for brokers is given up when it is asked to stop", async () => {
  const system = systemOn(["127.0.0.1:1"], { topic: topicName(), environment: { FAIRWARNING_SNAPSHOTS: "memory" } });
  await system.line("a word about the brokers", told("brokers_away"));
  const asked = performance.now();
  expect(await system.stop()).toBe(0);
  expect(performance.now() - asked).toBeLessThan(10_000);
});

test("kafka: a folder with a local log makes no topic beside it, and says how its auctions are moved", { timeout: 120_000 }, async (context) => {
  const { addresses } = broker(context);
  const dataDir = folder();
  const local = await new SpawnedSystem({ dataDir, environment: { FAIRWARNING_SHARDS: "4", FAIRWARNING_SNAPSHOTS: "memory" } }).ready();
  onTestFinished(() => local.remove());
  expect(await local.stop()).toBe(0);
  const { code, text } = await refusal(systemOn(addresses, { topic: topicName(), dataDir, environment: { FAIRWARNING_SNAPSHOTS: "memory" } }));
  expect(code).toBe(2);
  expect(text).toContain(`fairwarning log copy --from local:${dataDir} --to kafka`);
});

test("kafka: a system that outgrew its disk goes on in Kafka after log copy: auction, answers and snapshots are those of before", {
  timeout: 170_000,
}, async (context) => {
  const { addresses } = broker(context);
  const [topic, dataDir] = [topicName(), folder()];
  const local = await new SpawnedSystem({ dataDir, environment: { FAIRWARNING_SHARDS: "4" } }).ready();
  onTestFinished(() => local.remove());
  const auctionId = await createAuction(local);
  const answered = await bid(local, auctionId, "one", 1_000);
  expect(await local.stop()).toBe(0);

  const places = ["--from", `local:${dataDir}`, "--to", "kafka", "--kafka", addresses.join(","), "--topic", topic];
  await run(process.execPath, [join(packageRoot(), "deploy/cli/fairwarning.mjs"), "log", "copy", ...places]);
  const moved = await systemOn(addresses, { topic, dataDir }).ready();
  expect(moved.lines.find(told("note"))?.msg).toContain("fairwarning log copy");
  expect(await bid(moved, auctionId, "one", 1_000)).toEqual({ ...answered, replayed: true });
  expect(await bid(moved, auctionId, "two", 2_000)).toMatchObject({ status: 201 });
  expect(await readAuctions(moved, [auctionId])).toMatchObject([{ phase: "open", totalBids: 2 }]);
});

test("kafka: in a cluster no topic is made by an engine, and the command that makes it is named", async (context) => {
  const { addresses } = broker(context);
  const cluster = { FAIRWARNING_MODE: "cluster", FAIRWARNING_KAFKA_TLS: "false", FAIRWARNING_KAFKA_CHECK: "one-broker", FAIRWARNING_SNAPSHOTS: "memory" };
  const { code, text } = await refusal(systemOn(addresses, { topic: topicName(), environment: cluster }));
  expect(code).toBe(2);
  expect(text).toContain("fairwarning topics create");
});

test("kafka: three copies are asked for, one broker cannot give them: it does not start, and says so", async (context) => {
  const { addresses } = broker(context);
  const { code, text } = await refusal(
    systemOn(addresses, { topic: topicName(), environment: { FAIRWARNING_KAFKA_CHECK: "true", FAIRWARNING_SNAPSHOTS: "memory" } }),
  );
  expect(code).toBe(2);
  expect(text).toMatch(/replication|replica/i);
});

test("kafka: on three brokers the topic gets three copies, two in sync, and a bid is accepted with one broker away", { timeout: 170_000 }, async (context) => {
  const three = (await startKafka({ brokers: 3 })) ?? context.skip(kafkaMissing());
  onTestFinished(() => three.stop());
  const environment = { FAIRWARNING_KAFKA_CHECK: "true", FAIRWARNING_SNAPSHOTS: "memory" };
  const system = await systemOn(three.addresses, { topic: topicName(), environment }).ready();
  expect(system.lines.find((line) => line.event === "ready" && line.pageUrl !== undefined)?.durability).toContain("RF 3, min ISR 2");
  const auctionId = await createAuction(system);
  expect(await bid(system, auctionId, "one", 1_000)).toMatchObject({ status: 201 });
  three.brokers[2]?.kill("SIGKILL");
  await three.brokers[2]?.gone();
  await eventually("a bid that is accepted", async () => ((await bid(system, auctionId, "two", 2_000)).status === 201 ? true : null), 60_000);
  expect(await readAuctions(system, [auctionId])).toMatchObject([{ totalBids: 2 }]);
});

test("kafka: --fresh cannot forget what is in Kafka and is refused", async () => {
  const environment = { FAIRWARNING_DECISION_LOG: "kafka", FAIRWARNING_KAFKA_BROKERS: "127.0.0.1:1" };
  const system = new SpawnedSystem({ environment, args: ["--fresh", "--no-demo"] });
  onTestFinished(() => system.remove());
  const { code, text } = await refusal(system);
  expect(code).toBe(2);
  expect(text).toContain("FAIRWARNING_KAFKA_TOPIC");
});

test("kafka: name and password of the brokers reach the engine alone, and no log", async () => {
  const password = `planted-${randomBytes(12).toString("hex")}`;
  const signIn = {
    FAIRWARNING_KAFKA_SASL_MECHANISM: "scram-sha-512",
    FAIRWARNING_KAFKA_SASL_USERNAME: "engine",
    FAIRWARNING_KAFKA_SASL_PASSWORD: password,
    FAIRWARNING_LOG_LEVEL: "trace",
  };
  // With a local log they are of no use and do no harm, so the whole system runs.
  const local = await new SpawnedSystem({ environment: signIn }).ready();
  onTestFinished(() => local.remove());
  const environmentOf = (part: "engine" | "gateway" | "postgres"): string => readFileSync(`/proc/${local.pid(part)}/environ`, "utf8");
  expect(environmentOf("engine")).toContain(password);
  for (const part of ["gateway", "postgres"] as const) expect(environmentOf(part), part).not.toContain("KAFKA_SASL");
  const away = systemOn(["127.0.0.1:1"], { topic: topicName(), environment: { ...signIn, FAIRWARNING_SNAPSHOTS: "memory" } });
  await away.line("a word about the brokers", told("brokers_away"));
  expect(await away.stop()).toBe(0);
  expect([...local.said, ...away.said].filter((text) => text.includes(password))).toEqual([]);
});

test("kafka: brokers that are away are waited for with words, and it starts once they are there", { timeout: 170_000 }, async (context) => {
  const { addresses, brokers } = broker(context);
  const [one] = brokers;
  one?.kill("SIGKILL");
  await one?.gone();
  const system = systemOn(addresses, { topic: topicName(), environment: { FAIRWARNING_SNAPSHOTS: "memory" } });
  const line = await system.line("a word about the brokers", told("brokers_away"));
  expect(line.msg).toContain(`The Kafka brokers ${addresses.join(", ")} do not answer yet`);
  await one?.restart();
  await system.ready();
  expect(await bid(system, await createAuction(system), "one", 1_000)).toMatchObject({ status: 201 });
});
