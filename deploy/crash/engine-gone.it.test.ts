// An engine that is gone, or only seems to be, while bids are under way: real processes over a real Kafka.
import { expect, onTestFinished, test } from "vitest";
import { now } from "../clock.ts";
import { endAndCheck } from "./at-rest.ts";
import { ALL, ASH_FIRST, CrashCluster, EACH_HALF, type Placement } from "./cluster.ts";
import { Load } from "./load.ts";
import { serversOfFile } from "./servers.ts";
import { runText, takeovers, takeoverText } from "./takeover.ts";

const servers = serversOfFile({ brokers: 1, proxied: true });

async function started(placement: Placement): Promise<{ cluster: CrashCluster; load: Load }> {
  const cluster = await CrashCluster.start({ ...servers(), placement, gateways: 2 });
  onTestFinished(() => cluster.remove());
  const load = await Load.start(cluster);
  onTestFinished(() => load.close());
  await load.accepts(20, ALL);
  return { cluster, load };
}

function brokerLine() {
  const [proxy] = servers().kafka.proxies;
  if (proxy === undefined) throw new Error("there is no proxy before the broker");
  return proxy;
}

test("crash: engine killed: its standby takes over, it comes back as a standby and takes over in turn; nothing acknowledged is lost, doubled or reversed", async () => {
  const { cluster, load } = await started(EACH_HALF);
  const killedAt = now();
  cluster.engine("ash").kill("SIGKILL");
  await load.accepts(20, ALL);
  const ash = cluster.startEngine("ash");
  await ash.line("being ready", (line) => line.event === "ready");
  await load.accepts(20, ALL);
  const killedAgainAt = now();
  cluster.engine("birch").kill("SIGKILL");
  await load.accepts(20, ALL);
  const { asks, report } = await endAndCheck({ cluster, load });
  expect(report.violations).toEqual([]);
  const first = takeovers(cluster, report, { asks, shards: [0, 1], faultAt: killedAt });
  const second = takeovers(cluster, report, { asks, shards: ALL, faultAt: killedAgainAt });
  console.log(`crash: engine killed: ${takeoverText(first)}; the other one: ${takeoverText(second)}; ${runText(report, load.refusals())}`);
});

test("crash: engine killed with a frame on its way: the frame lands behind its successor's and counts for nobody", async () => {
  const { cluster, load } = await started(ASH_FIRST);
  const held = brokerLine().strike({ kind: "hold" }, 1);
  await held.struck(1);
  const killedAt = now();
  cluster.engine("ash").kill("SIGKILL");
  await load.accepts(5, ALL);
  await held.letGo();
  await load.accepts(20, ALL);
  const { asks, report } = await endAndCheck({ cluster, load });
  expect(report.violations).toEqual([]);
  expect(report.voids).toBeGreaterThan(0);
  const text = takeoverText(takeovers(cluster, report, { asks, shards: ALL, faultAt: killedAt }));
  console.log(`crash: engine killed with a frame on its way: ${text}; ${runText(report, load.refusals())}`);
});

test("crash: engine frozen past its lease with a frame on its way: its successor goes on, and when it wakes it answers nobody wrongly and stands by", async () => {
  const { cluster, load } = await started(ASH_FIRST);
  const ash = cluster.engine("ash");
  const held = brokerLine().strike({ kind: "hold" }, 1);
  await held.struck(1);
  const frozenAt = now();
  ash.kill("SIGSTOP");
  await load.accepts(5, ALL);
  await held.letGo();
  const from = ash.lines.length;
  ash.kill("SIGCONT");
  for (const shard of ALL) await ash.line(`standing by for shard ${shard}`, (line) => line.event === "shard_standby" && line.shard === shard, { from });
  await load.accepts(20, ALL);
  const { asks, report } = await endAndCheck({ cluster, load });
  expect(report.violations).toEqual([]);
  expect(report.voids).toBeGreaterThan(0);
  const text = takeoverText(takeovers(cluster, report, { asks, shards: ALL, faultAt: frozenAt }));
  console.log(`crash: engine frozen: ${text}; ${runText(report, load.refusals())}`);
});
