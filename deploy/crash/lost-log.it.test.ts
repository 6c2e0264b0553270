// A log that lost what was acknowledged, or that is another log: nobody serves it, and everybody is told why.
import { expect, onTestFinished, test } from "vitest";
import { now } from "../clock.ts";
import { eventually } from "../standalone/test-auctions.ts";
import { checkCluster } from "./at-rest.ts";
import { ALL, CrashCluster, EACH_HALF, type NodeName } from "./cluster.ts";
import type { HeardLine } from "./heard-process.ts";
import { Load } from "./load.ts";
import { checkpointsOf, deleteTopic, loseSnapshots, loseTail, trimTopic } from "./loss.ts";
import { serversOfFile } from "./servers.ts";

const NODES: readonly NodeName[] = ["ash", "birch"];
const STOPPED_LIMIT_MS = 60_000;
/** Below the newest checkpoint. */
const LOST_RECORDS = 2;

const servers = serversOfFile({ brokers: 1, filesWanted: true });

async function started(): Promise<{ cluster: CrashCluster; load: Load }> {
  const cluster = await CrashCluster.start({ ...servers(), placement: EACH_HALF });
  onTestFinished(() => cluster.remove());
  const load = await Load.start(cluster);
  onTestFinished(() => load.close());
  await load.accepts(10, ALL);
  return { cluster, load };
}

function served(cluster: CrashCluster, since: number): readonly HeardLine[] {
  return cluster.engines.flatMap(({ lines }) => lines.filter((line) => line.event === "shard_serving" && Number(line.time) >= since));
}

/** What /ready says of an engine's shards, once it is not ready and says this of them. */
function stopped(cluster: CrashCluster, node: NodeName, wanted: RegExp): Promise<string> {
  const look = async (): Promise<string | null> => {
    const ready = await cluster.ready(node);
    const detail = ready?.checks.find(({ name }) => name === "shards")?.detail ?? "";
    return ready?.ready === false && wanted.test(detail) ? detail : null;
  };
  return eventually(`/ready of ${node} saying ${wanted.source}`, look, STOPPED_LIMIT_MS);
}

test("crash: lost log: topic deleted and made anew under running engines: both end and say so, and started again they serve nothing", async () => {
  const { cluster, load } = await started();
  await load.end();
  const lostAt = now();
  // Frozen meanwhile, or one of their records might come to stand where GENESIS belongs, and nobody could make that topic.
  for (const node of NODES) cluster.engine(node).kill("SIGSTOP");
  await deleteTopic(cluster);
  await cluster.makeTopic();
  for (const node of NODES) cluster.engine(node).kill("SIGCONT");
  const ends = await Promise.all(NODES.map((node) => cluster.engine(node).ended));
  expect(ends.every(({ code }) => code !== 0)).toBe(true);
  for (const node of NODES) expect(cluster.engine(node).lastWords()).toMatch(/made anew|deleted it/);
  for (const node of NODES) cluster.startEngine(node);
  const told = await Promise.all(NODES.map((node) => stopped(cluster, node, /stopped by other_life: shard 0, shard 1, shard 2, shard 3/)));
  expect(served(cluster, lostAt)).toEqual([]);
  console.log(`crash: topic made anew: engines ended with ${ends.map(({ code }) => code).join(" and ")}; started again, /ready says: ${told[0]}`);
});

test("crash: lost log: acknowledged records gone from the end of one shard: that shard stops, the others go on, and no start serves it", async (context) => {
  const [broker] = servers().kafka.brokers;
  if (broker === undefined) throw new Error("there is no broker");
  const { dataFolder } = broker;
  if (dataFolder === null) return context.skip("the broker runs in a container, and its files cannot be damaged from here: install Java");
  const { cluster, load } = await started();
  await load.end();
  await eventually("a checkpoint of shard 0", async () => (await checkpointsOf(cluster)).get(0) ?? null);
  broker.kill("SIGKILL");
  await broker.gone();
  const lostAt = now();
  const checkpoint = (await checkpointsOf(cluster)).get(0) ?? 0;
  const end = loseTail({ dataFolder, topic: cluster.topic, shard: 0, below: checkpoint - LOST_RECORDS });
  expect(end).toBeLessThan(checkpoint);
  await broker.restart();
  const told = await stopped(cluster, "ash", /stopped by log_shorter: shard 0$/);
  await Promise.all([1, 2, 3].map((shard) => cluster.served(shard, { since: lostAt })));
  await cluster.stop();
  const restartedAt = now();
  for (const node of NODES) cluster.startEngine(node);
  await Promise.all([1, 2, 3].map((shard) => cluster.served(shard, { since: restartedAt })));
  await stopped(cluster, "ash", /stopped by log_shorter: shard 0$/);
  expect(served(cluster, lostAt).filter(({ shard }) => shard === 0)).toEqual([]);
  console.log(`crash: end of the log lost: ${told}`);
});

test("crash: lost log: checkpoints gone and the log trimmed: no shard is served from what is left", async () => {
  const { cluster, load } = await started();
  await load.end();
  await cluster.stop();
  await loseSnapshots(cluster, ["checkpoints", "snapshot_heads", "snapshot_pieces", "snapshot_chunks"]);
  await trimTopic(cluster, 5);
  const lostAt = now();
  for (const node of NODES) cluster.startEngine(node);
  const [told] = await Promise.all(NODES.map((node) => stopped(cluster, node, /stopped by log_trimmed: shard 0, shard 1, shard 2, shard 3/)));
  expect(served(cluster, lostAt)).toEqual([]);
  console.log(`crash: checkpoints and the beginning of the log lost: ${told}`);
});

test("crash: lost log: what a checkpoint stands on gone from Postgres: it is not believed, and the whole log is read instead", async () => {
  const { cluster, load } = await started();
  const before = await load.end();
  await cluster.stop();
  await loseSnapshots(cluster, ["snapshot_heads", "snapshot_pieces", "snapshot_chunks"]);
  const lostAt = now();
  for (const node of NODES) cluster.startEngine(node);
  await Promise.all(ALL.map((shard) => cluster.served(shard, { since: lostAt })));
  for (const node of NODES) expect(cluster.engine(node).lines.some(({ event }) => event === "snapshot_unfit")).toBe(true);
  await cluster.stop();
  expect((await checkCluster(cluster, before)).violations).toEqual([]);
  console.log("crash: snapshots lost: every shard is served from the whole log");
});
