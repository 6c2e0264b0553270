// The network between engines and broker, hurt by a proxy that can cut, delay, and deliver a request but not its answer.
import { expect, onTestFinished, test } from "vitest";
import type { ProduceFault } from "../../persistence/contract/kafka-proxy.ts";
import { now } from "../clock.ts";
import { ALL, CrashCluster, EACH_HALF } from "./cluster.ts";
import { Load } from "./load.ts";
import { serversOfFile } from "./servers.ts";
import { healed } from "./takeover.ts";

const LOST_WITH_CONNECTION: ProduceFault = { kind: "lose answer", connection: "close" };
const LOST_IN_SILENCE: ProduceFault = { kind: "lose answer", connection: "keep" };

const servers = serversOfFile({ brokers: 1, proxied: true });

async function started(): Promise<{ cluster: CrashCluster; load: Load }> {
  const cluster = await CrashCluster.start({ ...servers(), placement: EACH_HALF });
  onTestFinished(() => cluster.remove());
  const load = await Load.start(cluster);
  onTestFinished(() => load.close());
  await load.accepts(20, ALL);
  return { cluster, load };
}

function network() {
  const [proxy] = servers().kafka.proxies;
  if (proxy === undefined) throw new Error("there is no proxy before the broker");
  return proxy;
}

test("crash: network: requests delivered and answers lost with their connections: each bid gets the answer that stands in the log", async () => {
  const { cluster, load } = await started();
  const faultAt = now();
  for (let n = 0; n < 3; n += 1) {
    await network().strike(LOST_WITH_CONNECTION, 2).struck(2);
    await load.accepts(10, ALL);
  }
  expect((await healed("answers lost, connections closed", { cluster, load }, { faultAt })).violations).toEqual([]);
});

test("crash: network: requests delivered and answers lost in silence: each bid gets the answer that stands in the log", async () => {
  const { cluster, load } = await started();
  const faultAt = now();
  await network().strike(LOST_IN_SILENCE, 2).struck(2);
  expect((await healed("answers lost in silence", { cluster, load }, { faultAt })).violations).toEqual([]);
});

test("crash: network: requests swallowed: what never arrived is in no log and each bid is answered in the end", async () => {
  const { cluster, load } = await started();
  const faultAt = now();
  await network().strike({ kind: "swallow" }, 2).struck(2);
  expect((await healed("requests swallowed", { cluster, load }, { faultAt })).violations).toEqual([]);
});

test("crash: network: cut between engines and broker: bids are refused with a code and accepted again when it is back", async () => {
  const { cluster, load } = await started();
  const faultAt = now();
  await network().refuse();
  network().cut();
  await load.refused(10, ["log_unavailable", "shard_unowned", "shard_moving"]);
  await network().admit();
  expect((await healed("network cut", { cluster, load }, { faultAt, healedAt: now() })).violations).toEqual([]);
});

test("crash: network: slow, then slower than an append may take: nothing told is untrue, and it heals by itself", async () => {
  const { cluster, load } = await started();
  const faultAt = now();
  network().delay(200);
  await load.accepts(5, ALL);
  const engines = [cluster.engine("ash"), cluster.engine("birch")].map((engine) => ({ engine, from: engine.lines.length }));
  network().delay(4_000);
  await Promise.any(engines.map(({ engine, from }) => engine.line("a tenure that ends", (line) => line.event === "tenure_over", { from })));
  network().delay(0);
  expect((await healed("network slow", { cluster, load }, { faultAt, healedAt: now() })).violations).toEqual([]);
});
