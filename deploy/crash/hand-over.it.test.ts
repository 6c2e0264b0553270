// Shards handed over from one running engine to the other while bids come in, as an operator's new placement asks for it.
import { expect, onTestFinished, test } from "vitest";
import { kafkaMissing } from "../../persistence/contract/kafka-server.ts";
import { now } from "../clock.ts";
import { checkCluster } from "./at-rest.ts";
import { ALL, ASH_FIRST, BIRCH_FIRST, CrashCluster } from "./cluster.ts";
import { Load } from "./load.ts";
import { startServers } from "./servers.ts";
import { runText } from "./takeover.ts";

/** Each moves every shard: 20 hand-overs. */
const ROUNDS = 5;
/** Wanted; what a machine bears of it is printed. */
const PER_SECOND = 2_000;
/** Accepted a second over all rounds: below that it was no load. Two cores with as much to do besides bore 800. */
const LEAST_PER_SECOND = 100;
const BIDDERS = 120;

test("crash: hand-over: 20 of them under load: nothing acknowledged is lost, doubled or reversed, and no bidder is refused", async (context) => {
  const [kafka, postgres] = await startServers({ brokers: 1 });
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
  expect(rate).toBeGreaterThan(LEAST_PER_SECOND);
  expect(asks.filter(({ outcome }) => outcome.kind !== "answer")).toEqual([]);
  const sorted = pauses.toSorted((left, right) => left - right);
  const figures = `pause median ${sorted[Math.floor(sorted.length / 2)]} ms, longest ${sorted.at(-1)} ms of ${sorted.length} hand-overs`;
  console.log(`crash: hand-over at ${rate} accepted bids a second of ${PER_SECOND} wanted: ${figures}; ${runText(report, load.refusals())}`);
});
