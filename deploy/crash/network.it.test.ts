// The network between engines and broker, hurt by a proxy that can cut, delay, and deliver a request but not its answer.
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from "vitest";
import type { ProduceFault } from "../../persistence/contract/kafka-proxy.ts";
import { kafkaMissing, type TestKafka } from "../../persistence/contract/kafka-server.ts";
import { now } from "../clock.ts";
import type { TestPostgres } from "../standalone/test-postgres.ts";
import { checkCluster } from "./at-rest.ts";
import { ALL, CrashCluster, EACH_HALF } from "./cluster.ts";
import { Load } from "./load.ts";
import { startServers } from "./servers.ts";
import { runText } from "./takeover.ts";

// biome-ignore lint/suspicious/noThenProperty: the word for what becomes of the connection; nothing awaits a fault.
const LOST_WITH_CONNECTION: ProduceFault = { kind: "lose answer", then: "close" };
// biome-ignore lint/suspicious/noThenProperty: as above.
const LOST_IN_SILENCE: ProduceFault = { kind: "lose answer", then: "keep" };

let kafka: TestKafka | null = null;
let postgres: TestPostgres | null = null;

beforeAll(async () => {
  [kafka, postgres] = await startServers({ brokers: 1, proxied: true });
});
afterAll(async () => {
  await Promise.all([kafka?.stop(), postgres?.remove()]);
});
beforeEach((context) => {
  if (kafka === null) context.skip(kafkaMissing());
});

async function started(): Promise<{ cluster: CrashCluster; load: Load }> {
  const cluster = await CrashCluster.start({ kafka: kafka as TestKafka, postgresUrl: postgres?.url ?? "", placement: EACH_HALF });
  onTestFinished(() => cluster.remove());
  const load = await Load.start(cluster);
  onTestFinished(() => load.close());
  await load.accepts(20, ALL);
  return { cluster, load };
}

function network() {
  const [proxy] = kafka?.proxies ?? [];
  if (proxy === undefined) throw new Error("there is no proxy before the broker");
  return proxy;
}

/** The network is as it was: everything that was told has to be true, and the pause is printed. */
async function judged(what: string, run: { cluster: CrashCluster; load: Load; faultAt: number; healedAt?: number }): Promise<void> {
  const { cluster, load, faultAt, healedAt = null } = run;
  await load.accepts(20, ALL);
  const asks = await load.end();
  await cluster.stop();
  const report = await checkCluster(cluster, asks);
  expect(report.violations).toEqual([]);
  const again = healedAt === null ? "" : `, next accepted bid ${Math.max(...ALL.map((shard) => load.firstAcceptedMs(shard, healedAt)))} ms after it was healed`;
  const pauses = ALL.map((shard) => Math.round(load.longestGapMs(shard, faultAt)));
  console.log(`crash: ${what}: longest pause ${Math.max(...pauses)} ms${again}; ${runText(report, load.refusals())}`);
}

test("crash: network: requests delivered and answers lost with their connections: each bid gets the answer that stands in the log", async () => {
  const { cluster, load } = await started();
  const faultAt = now();
  for (let n = 0; n < 3; n += 1) {
    await network().strike(LOST_WITH_CONNECTION, 2).struck(2);
    await load.accepts(10, ALL);
  }
  await judged("answers lost, connections closed", { cluster, load, faultAt });
});

test("crash: network: requests delivered and answers lost in silence: each bid gets the answer that stands in the log", async () => {
  const { cluster, load } = await started();
  const faultAt = now();
  await network().strike(LOST_IN_SILENCE, 2).struck(2);
  await judged("answers lost in silence", { cluster, load, faultAt });
});

test("crash: network: requests swallowed: what never arrived is in no log and each bid is answered in the end", async () => {
  const { cluster, load } = await started();
  const faultAt = now();
  await network().strike({ kind: "swallow" }, 2).struck(2);
  await judged("requests swallowed", { cluster, load, faultAt });
});

test("crash: network: cut between engines and broker: bids are refused with a code and accepted again when it is back", async () => {
  const { cluster, load } = await started();
  const faultAt = now();
  await network().refuse();
  network().cut();
  await load.refused(10, ["log_unavailable", "shard_unowned", "shard_moving"]);
  await network().admit();
  await judged("network cut", { cluster, load, faultAt, healedAt: now() });
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
  await judged("network slow", { cluster, load, faultAt, healedAt: now() });
});
