// Brokers that die, freeze and are too few, under a cluster that bids go on in: three real brokers, three copies, two of them in sync.
import { expect, onTestFinished, test } from "vitest";
import type { KafkaBroker } from "../../persistence/contract/kafka-server.ts";
import { withFacts } from "../../persistence/kafka/topics.ts";
import { now, wait } from "../clock.ts";
import { eventually } from "../standalone/test-auctions.ts";
import { ALL, CrashCluster, EACH_HALF } from "./cluster.ts";
import { Load } from "./load.ts";
import { serversOfFile } from "./servers.ts";
import { healed } from "./takeover.ts";

/** How long a broker stands still: longer than its session, the leases of the engines and every time limit of a request. */
const FROZEN_MS = 20_000;
/** Three brokers, two engines and the bidders share two cores. */
const BACK_LIMIT_MS = 90_000;

const servers = serversOfFile({ brokers: 3 });

interface Run {
  readonly cluster: CrashCluster;
  readonly load: Load;
  /** Leads every shard at first. */
  readonly leader: KafkaBroker;
  readonly followers: readonly [KafkaBroker, KafkaBroker];
}

async function started(): Promise<Run> {
  const [leader, second, third] = servers().kafka.brokers;
  if (leader === undefined || second === undefined || third === undefined) throw new Error("there are no three brokers");
  const replicas = ALL.map(() => [leader.nodeId, second.nodeId, third.nodeId]);
  const cluster = await CrashCluster.start({ ...servers(), placement: EACH_HALF, replicas });
  onTestFinished(() => cluster.remove());
  const load = await Load.start(cluster);
  onTestFinished(() => load.close());
  await load.accepts(20, ALL);
  const run: Run = { cluster, load, leader, followers: [second, third] };
  expect(await leaders(run)).toEqual(ALL.map(() => leader.nodeId));
  return run;
}

/** Leader of each shard, as the followers of the beginning say it. */
function leaders({ cluster, followers }: Run): Promise<readonly number[]> {
  const connection = { ...cluster.connection, brokers: followers.map(({ address }) => address) };
  return withFacts({ connection, topic: cluster.topic }, (facts) => facts.ask(() => facts.leadersOnce(), FROZEN_MS));
}

/** Waits until a follower of the beginning leads every shard. */
async function led(run: Run): Promise<void> {
  const others = run.followers.map(({ nodeId }) => nodeId);
  const moved = async (): Promise<true | null> => {
    const found = await leaders(run);
    return found.length === ALL.length && found.every((leader) => others.includes(leader)) ? true : null;
  };
  await eventually("another leader of every shard", moved, FROZEN_MS);
}

test("crash: brokers: leader of every shard killed and back: another leads, and nothing acknowledged is lost, doubled or reversed", async () => {
  const run = await started();
  const faultAt = now();
  run.leader.kill("SIGKILL");
  await led(run);
  await run.load.accepts(20, ALL, BACK_LIMIT_MS);
  await run.leader.restart();
  expect((await healed("leader killed", run, { faultAt, limitMs: BACK_LIMIT_MS })).violations).toEqual([]);
});

test("crash: brokers: two of three down: bids are refused with log_unavailable, and accepted again with the second", async () => {
  const run = await started();
  const faultAt = now();
  for (const broker of run.followers) broker.kill("SIGKILL");
  await run.load.refused(20, ["log_unavailable"], BACK_LIMIT_MS);
  await Promise.all(run.followers.map((broker) => broker.restart()));
  expect((await healed("two of three brokers down", run, { faultAt, healedAt: now(), limitMs: BACK_LIMIT_MS })).violations).toEqual([]);
});

test("crash: brokers: leader of every shard frozen for 20 s: another leads, and when it wakes nothing that was acknowledged is gone", async () => {
  const run = await started();
  const faultAt = now();
  run.leader.kill("SIGSTOP");
  onTestFinished(() => run.leader.kill("SIGCONT"));
  // Another leads long before it wakes.
  await Promise.all([led(run).then(() => run.load.accepts(5, ALL, FROZEN_MS)), wait(FROZEN_MS)]);
  run.leader.kill("SIGCONT");
  expect((await healed("leader frozen for 20 s", run, { faultAt, limitMs: BACK_LIMIT_MS })).violations).toEqual([]);
});
