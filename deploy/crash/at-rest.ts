// The decision log of a topic, read whole when all is at rest, and everything that bidders were told held against it.
//
// Must not: judge by itself. The checker is the simulator's (engine/sim/check.ts), so real processes and simulated ones are
// measured with one measure.
import type { Shard } from "../../engine/core/ids.ts";
import type { StoredRecord } from "../../engine/ports.ts";
import { checkRun, type ShardRecords, type Violation } from "../../engine/sim/check.ts";
import type { Ask, Placed } from "../../engine/sim/history.ts";
import { openKafkaReader } from "../../persistence/kafka/open-operator.ts";
import { readShard } from "../../persistence/log-reader.ts";
import { createRecordCodec } from "../../persistence/record.ts";
import type { CrashCluster } from "./cluster.ts";
import type { Load } from "./load.ts";

export interface LogAtRest {
  readonly records: readonly ShardRecords[];
  /** Every decision that counts, with its place. */
  readonly placed: readonly Placed[];
  /** Claims that count and records that do not. */
  readonly claims: number;
  readonly voids: number;
}

export interface RunReport extends LogAtRest {
  readonly violations: readonly Violation[];
  readonly asked: number;
  readonly accepted: number;
}

/** Reads every shard of the topic from its first record. */
export async function topicAtRest(cluster: Pick<CrashCluster, "connection" | "topic">): Promise<LogAtRest> {
  const log = await openKafkaReader({ connection: cluster.connection, topic: cluster.topic });
  const records: ShardRecords[] = [];
  try {
    for (let shard = 0; shard < log.shards; shard += 1) {
      const stored: StoredRecord[] = [];
      for await (const list of log.read(shard, 0)) stored.push(...list);
      records.push({ shard, records: stored });
    }
  } finally {
    await log.close();
  }
  return { records, ...(await judged(records, log.lifeId)) };
}

async function judged(records: readonly ShardRecords[], lifeId: Uint8Array): Promise<Omit<LogAtRest, "records">> {
  const codec = createRecordCodec(lifeId);
  const read = async function* (shard: Shard, from: number, to = Number.POSITIVE_INFINITY): AsyncGenerator<readonly StoredRecord[]> {
    yield records[shard]?.records.slice(from, to) ?? [];
  };
  const placed: Placed[] = [];
  let claims = 0;
  let voids = 0;
  for (const { shard } of records) {
    for await (const { record, verdict } of readShard({ read, tail: () => read(shard, 0) }, codec, shard)) {
      if (verdict.kind === "void") voids += 1;
      if (verdict.kind === "effective" && record.kind === "claim") claims += 1;
      if (verdict.kind !== "effective" || record.kind !== "frame") continue;
      let lsn = record.firstLsn;
      for (const decision of codec.decisions(record)) placed.push({ shard, lsn: lsn++, decision });
    }
  }
  return { placed, claims, voids };
}

/** Everything that was told, held against the topic. */
export async function checkCluster(cluster: Pick<CrashCluster, "connection" | "topic">, asks: readonly Ask[]): Promise<RunReport> {
  const rest = await topicAtRest(cluster);
  const accepted = rest.placed.filter(({ decision }) => decision.verdict === "accepted").length;
  return { ...rest, violations: checkRun({ asks, log: rest.records }), asked: asks.length, accepted };
}

/** Bids end, every process stops, and all that was told is held against the topic. */
export async function endAndCheck({
  cluster,
  load,
}: {
  readonly cluster: CrashCluster;
  readonly load: Load;
}): Promise<{ readonly asks: readonly Ask[]; readonly report: RunReport }> {
  const asks = await load.end();
  await cluster.stop();
  return { asks, report: await checkCluster(cluster, asks) };
}
