// The log commands against a real Kafka: there and back, read, verified, made and checked.
import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from "vitest";
import { readEngineSettings } from "../../engine/config.ts";
import type { DecisionLog } from "../../engine/ports.ts";
import { auctionIdOf, commandOf, DAY_ONE, OneNode } from "../../engine/sim/one-node.ts";
import { anyKafka, kafkaMissing, startKafka, type TestKafka } from "../../persistence/contract/kafka-server.ts";
import { openKafkaCopy } from "../../persistence/kafka/open-operator.ts";
import { createTopic, makeTopic, withFacts } from "../../persistence/kafka/topics.ts";
import { openLocalLogReader } from "../../persistence/local/log-follower.ts";
import { openLocalCopy } from "../../persistence/local/open-copy.ts";
import { openLocalLog } from "../../persistence/local/open-log.ts";
import { createRecordCodec } from "../../persistence/record.ts";
import { kafkaChecks } from "./doctor-kafka.ts";
import { EXIT } from "./exit.ts";
import { copyRecords, hashOf, surveySource } from "./log-copy.ts";
import { runCommandLine } from "./main.ts";

const SHARDS = 3;
const lifeId = new Uint8Array(16).fill(7);
const codec = createRecordCodec(lifeId);
let kafka: TestKafka | null = null;
let brokers = "";
let topic = "";

beforeAll(async () => {
  kafka = await anyKafka();
  brokers = kafka?.addresses.join(",") ?? "";
});

afterAll(() => kafka?.stop());

beforeEach((context) => {
  if (kafka === null) context.skip(kafkaMissing());
  topic = `decisions-${randomBytes(8).toString("hex")}`;
});

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** A command line about this test's topic, as it would run, with what it wrote. */
function run(...args: readonly string[]): Promise<Ran> {
  return runPlain(...args, "--kafka", brokers, "--topic", topic);
}

async function runPlain(...args: readonly string[]): Promise<Ran> {
  const kept = { out: process.stdout.write, err: process.stderr.write };
  const said = { out: "", err: "" };
  const into = (name: "out" | "err") => (text: string | Uint8Array) => {
    said[name] += String(text);
    return true;
  };
  process.stdout.write = into("out");
  process.stderr.write = into("err");
  try {
    const code = await runCommandLine(args);
    return { code, ...said };
  } finally {
    process.stdout.write = kept.out;
    process.stderr.write = kept.err;
    process.exitCode = undefined;
  }
}

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "fairwarning-copy-"));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
}

/** The log of a system that two nodes owned in turn and that was stopped in order; a frame of the first landed once more at the end. */
async function madeLog(): Promise<DecisionLog> {
  const ash = await new OneNode({ shards: SHARDS, nodeId: "ash", lifeId }).start();
  const settings = { currency: "USD", opening: 100, opensAt: DAY_ONE, durationMs: 3_600_000, sellerId: "sue" };
  await ash.ask(commandOf("seller", "sue", auctionIdOf(1), "create", { type: "create", settings }));
  await ash.ask(commandOf("bidder", "ann", auctionIdOf(1), "a1", { type: "place_bid", kind: "maximum", amount: 4_153, currency: "USD" }));
  await stop(ash);
  const frames: { shard: number; bytes: Uint8Array }[] = [];
  for (let shard = 0; shard < SHARDS; shard += 1) {
    for await (const list of ash.log.read(shard, 0)) {
      for (const stored of list) if (codec.decode(stored, shard).kind === "frame") frames.push({ shard, bytes: stored.bytes });
    }
  }
  await stop(await new OneNode({ shards: SHARDS, nodeId: "birch", before: ash }).start());
  const late = frames.at(-1);
  if (late === undefined) throw new Error("no frame was logged");
  ash.records.store(late.shard, late.bytes);
  return ash.log;
}

async function stop(world: OneNode): Promise<void> {
  const stopped = world.node.stop();
  await world.time.settle();
  await stopped;
}

/** That log in a data folder. */
async function madeFolder(): Promise<string> {
  const [log, dataDir] = [await madeLog(), await folder()];
  const copy = await openLocalCopy({ dir: join(dataDir, "log"), lifeId, shards: SHARDS });
  await copyRecords({ source: log, target: copy.log, surveys: await surveySource({ log, codec, shards: SHARDS }), goOn: false });
  await copy.finish();
  return dataDir;
}

async function hashesOf(dataDir: string): Promise<readonly string[]> {
  const log = await openLocalLogReader({ dir: join(dataDir, "log") });
  const hashes: string[] = [];
  for (let shard = 0; shard < SHARDS; shard += 1) hashes.push(await hashOf(log, shard, (await log.ends(shard)).end));
  return hashes;
}

async function shardOfFrames(dataDir: string): Promise<number> {
  const log = await openLocalLogReader({ dir: join(dataDir, "log") });
  for (let shard = 0; shard < SHARDS; shard += 1) {
    for await (const list of log.read(shard, 0)) if (list.some((stored) => codec.decode(stored, shard).kind === "frame")) return shard;
  }
  throw new Error("no shard holds the frames");
}

test("log copy: Kafka: there and back gives the same records, and prints their hashes", async () => {
  const [from, back] = [await madeFolder(), await folder()];
  const there = await run("log", "copy", "--from", `local:${from}`, "--to", "kafka");
  expect(there).toMatchObject({ code: EXIT.done });
  const again = await run("log", "copy", "--from", "kafka", "--to", `local:${back}`, "--json");
  expect(again).toMatchObject({ code: EXIT.done });
  const hashes = await hashesOf(from);
  expect(await hashesOf(back)).toEqual(hashes);
  for (const hash of hashes) expect(there.out).toContain(hash);
  expect(JSON.parse(again.out)).toMatchObject({
    equal: true,
    lifeId: Buffer.from(lifeId).toString("hex"),
    shards: hashes.map((sha256) => ({ sha256, targetSha256: sha256 })),
  });
});

test("log verify: Kafka: the same log gives the same verdict as in its folder", async () => {
  const from = await madeFolder();
  await run("log", "copy", "--from", `local:${from}`, "--to", "kafka");
  const verdicts = [await run("log", "verify", "--json"), await runPlain("log", "verify", "--json", "--data-dir", from)];
  const [there, here] = verdicts.map(({ out }) => JSON.parse(out) as Record<string, unknown>);
  expect({ ...there, durationMs: 0 }).toEqual({ ...here, durationMs: 0 });
  expect(there).toMatchObject({ violation: null, shards: SHARDS, voids: 1, auctions: 1 });
});

test("log read: Kafka: a void record is shown with its reason, and no maximum without being asked for", async () => {
  const from = await madeFolder();
  await run("log", "copy", "--from", `local:${from}`, "--to", "kafka");
  const shard = String(await shardOfFrames(from));
  const read = await run("log", "read", "--shard", shard);
  expect(read.code).toBe(EXIT.done);
  expect(read.out).toContain("void: old_epoch");
  expect(read.out).not.toContain("4153");
  const open = await run("log", "read", "--shard", shard, "--secrets", "--json");
  expect(open.out).toContain('"amount":4153');
});

test("log copy: Kafka: a topic that holds a log is refused, and so is a folder", async () => {
  const from = await madeFolder();
  await run("topics", "create", "--shards", String(SHARDS), "--one-broker");
  const there = await run("log", "copy", "--from", `local:${from}`, "--to", "kafka");
  expect(there).toMatchObject({ code: EXIT.conflict });
  expect(there.err).toContain("holds a log already");
  const back = await run("log", "copy", "--from", "kafka", "--to", `local:${from}`);
  expect(back).toMatchObject({ code: EXIT.conflict });
  expect(back.err).toContain(`move ${join(from, "log")} away`);
});

test("log copy: Kafka: an empty topic that was there is used, and what an engine would refuse is told", async () => {
  const [from, connection] = [await madeFolder(), { brokers: brokers.split(","), clientId: "test" }];
  const configs = { "retention.ms": "604800000" };
  await withFacts({ connection, topic }, (facts) => makeTopic(facts, { topic, shards: SHARDS, oneBroker: true, createTopicOptions: { configs } }));
  const there = await run("log", "copy", "--from", `local:${from}`, "--to", "kafka");
  expect(there).toMatchObject({ code: EXIT.done });
  expect(there.err).toContain("This topic is not fit to be served yet. retention.ms: found 604800000, wanted -1.");
});

test("log copy: Kafka: a folder that an engine holds is refused, and nothing is made", async () => {
  const from = await madeFolder();
  const held = await openLocalLog({ dir: join(from, "log"), shards: SHARDS, onFatal: () => undefined });
  onTestFinished(() => held.close());
  const there = await run("log", "copy", "--from", `local:${from}`, "--to", "kafka");
  expect(there).toMatchObject({ code: EXIT.conflict });
  expect(there.err).toContain("is held by another process");
  expect(await run("log", "verify")).toMatchObject({ code: EXIT.notFound });
});

test("log copy: Kafka: an interrupted one is no log to anybody, and goes on only when told to", async () => {
  const from = await madeFolder();
  const connection = { brokers: brokers.split(","), clientId: "test" };
  const unfinished = await openKafkaCopy({ connection, topic, oneBroker: true, shards: SHARDS });
  const source = await openLocalLogReader({ dir: join(from, "log") });
  const surveys = (await surveySource({ log: source, codec, shards: SHARDS })).map((survey) => ({ ...survey, end: Math.min(2, survey.end) }));
  await copyRecords({ source, target: unfinished.log, surveys, goOn: false });
  await unfinished.close();
  expect(await run("log", "verify")).toMatchObject({ code: EXIT.notFound });
  expect(await run("topics", "create", "--shards", String(SHARDS), "--one-broker")).toMatchObject({ code: EXIT.conflict });
  const checked = await run("topics", "check", "--shards", String(SHARDS), "--one-broker");
  expect(checked).toMatchObject({ code: EXIT.checkFailed });
  expect(checked.out).toMatch(/FAIL +copy +one unfinished/);
  const silent = await run("log", "copy", "--from", `local:${from}`, "--to", "kafka");
  expect(silent).toMatchObject({ code: EXIT.conflict });
  expect(silent.err).toContain("--continue");
  expect(await run("log", "copy", "--from", `local:${from}`, "--to", "kafka", "--continue")).toMatchObject({ code: EXIT.done });
  const after = await run("topics", "check", "--shards", String(SHARDS), "--one-broker");
  expect(after).toMatchObject({ code: EXIT.done });
  expect(await run("log", "verify")).toMatchObject({ code: EXIT.done });
});

test("topics create: log copy: several brokers named and nothing else said gives three copies, two in sync, and both say so", async (context) => {
  const three = await startKafka({ brokers: 3 });
  if (three === null) return context.skip(kafkaMissing());
  onTestFinished(() => three.stop());
  const at = ["--kafka", three.addresses.join(","), "--topic"];
  const made = await runPlain("topics", "create", "--shards", String(SHARDS), ...at, topic);
  expect(made).toMatchObject({ code: EXIT.done });
  expect(made.out).toContain("3 of each record (replication factor), an answer waits for 2 in sync");
  expect(made.err).not.toContain("not fit");
  const copied = await runPlain("log", "copy", "--from", `local:${await madeFolder()}`, "--to", "kafka", ...at, `${topic}-copied`);
  expect(copied).toMatchObject({ code: EXIT.done });
  expect(copied.err).toContain("The topic keeps 3 of each record (replication factor), an answer waits for 2 in sync");
  const single = await runPlain("topics", "create", "--shards", String(SHARDS), ...at, `${topic}-single`, "--one-broker", "--json");
  expect(JSON.parse(single.out)).toMatchObject({ copies: "1", minInSync: "1" });
  const checked = await runPlain("topics", "check", "--shards", String(SHARDS), ...at, `${topic}-single`);
  expect(checked).toMatchObject({ code: EXIT.checkFailed });
  expect(checked.out).toMatch(/FAIL +replication factor +1 /);
});

test("topics create: twice makes one log", async () => {
  const first = await run("topics", "create", "--shards", String(SHARDS), "--one-broker", "--json");
  const second = await run("topics", "create", "--shards", String(SHARDS), "--one-broker", "--json");
  const [made, found] = [first, second].map(({ out }) => JSON.parse(out) as { made: boolean; lifeId: string });
  expect(made?.made).toBe(true);
  expect(found).toMatchObject({ made: false, lifeId: made?.lifeId });
  expect(await run("topics", "check", "--shards", String(SHARDS), "--one-broker")).toMatchObject({ code: EXIT.done });
});

test("topics create: a dry run changes nothing", async () => {
  const dry = await run("topics", "create", "--dry-run", "--shards", String(SHARDS), "--one-broker", "--json");
  expect(JSON.parse(dry.out)).toMatchObject({ dryRun: true, servable: false });
  expect(await run("log", "verify")).toMatchObject({ code: EXIT.notFound });
});

test("topics check: a topic that forgets after a week is refused, with what to do; doctor says the same", async () => {
  const { settings } = settingsOf();
  const wish = { connection: { brokers: brokers.split(","), clientId: "test" }, topic, shards: SHARDS, oneBroker: true };
  const created = { ...wish, slotDigest: new Uint8Array(16), madeAt: 1, version: "test", createTopicOptions: { configs: { "retention.ms": "604800000" } } };
  await createTopic(created);
  const checked = await run("topics", "check", "--shards", String(SHARDS), "--one-broker");
  expect(checked).toMatchObject({ code: EXIT.checkFailed });
  expect(checked.out).toMatch(/FAIL +retention\.ms +604800000 +-1/);
  expect(checked.out).toContain(`--entity-name ${topic} --add-config retention.ms=-1`);
  const checks = await kafkaChecks(settings);
  expect(checks.find(({ name }) => name === "Kafka: retention.ms")).toMatchObject({ state: "fail", found: "604800000", wanted: "-1" });
  expect(checks.find(({ name }) => name === "Kafka: slot table")).toMatchObject({ state: "fail" });
});

function settingsOf() {
  const loaded = readEngineSettings({ decisionLog: "kafka", kafkaBrokers: brokers, kafkaTopic: topic, shards: String(SHARDS), kafkaCheck: "one-broker" });
  if (!loaded.ok) throw new Error("the settings are wrong");
  return loaded;
}
