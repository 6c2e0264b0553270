// Shards handed over from one running engine to the other while bids come in, as an operator's new placement asks for it.
import { expect, onTestFinished, test } from "vitest";
import { kafkaMissing, startKafka } from "../../persistence/contract/kafka-server.ts";
import { now } from "../clock.ts";
import { TestPostgres } from "../standalone/test-postgres.ts";
import { checkCluster } from "./at-rest.ts";
import { ALL, ASH_FIRST, BIRCH_FIRST, CrashCluster } from "./cluster.ts";
import { Load } from "./load.ts";
import { runText } from "./takeover.ts";

/** Each moves every shard: 20 hand-overs. */
const ROUNDS = 5;
const PER_SECOND = 2_000;
const BIDDERS = 120;

function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

test("crash: hand-over: 20 of them under 2,000 bids a second: nothing acknowledged is lost, doubled or reversed, and no bidder is refused", async (context) => {
  const [kafka, postgres] = await Promise.all([startKafka({ brokers: 1 }), TestPostgres.start()]);
  onTestFinished(async () => {
    await Promise.all([kafka?.stop(), postgres.remove()]);
  });
  if (kafka === null) return context.skip(kafkaMissing());
  const cluster = await CrashCluster.start({ kafka, postgresUrl: postgres.url, placement: ASH_FIRST });
  onTestFinished(() => cluster.remove());
  const load = await Load.start(cluster, { bidders: BIDDERS, perSecond: PER_SECOND, auctionsPerShard: 8 });
  onTestFinished(() => load.close());
  await load.accepts(100, ALL);
  const begun = now();
  const pauses: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const from = now();
    cluster.place(round % 2 === 0 ? BIRCH_FIRST : ASH_FIRST);
    await Promise.all(ALL.map((shard) => cluster.served(shard, { since: from })));
    await load.accepts(50, ALL);
    for (const shard of ALL) pauses.push(load.longestGapMs(shard, from));
  }
  const rate = Math.round((1_000 * ALL.flatMap((shard) => load.acceptedAt(shard).filter((at) => at >= begun)).length) / (now() - begun));
  const asks = await load.end();
  await cluster.stop();
  const report = await checkCluster(cluster, asks);
  expect(report.violations).toEqual([]);
  expect(asks.filter(({ outcome }) => outcome.kind !== "answer")).toEqual([]);
  const sorted = pauses.toSorted((left, right) => left - right);
  const figures = `pause p50 ${percentile(sorted, 0.5)} ms, p99 ${percentile(sorted, 0.99)} ms of ${sorted.length} hand-overs`;
  console.log(`crash: hand-over at ${rate} accepted bids a second of ${PER_SECOND} wanted: ${figures}; ${runText(report, load.refusals())}`);
});
