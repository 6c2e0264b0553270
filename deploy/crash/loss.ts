// Losses that no engine may survive unnoticed: a topic that goes, a log that gets shorter at either end, snapshots that are gone.
//
// Must not: be gentle. What is done here to a broker's files is what a disk does that lied.
import { readFileSync, truncateSync } from "node:fs";
import { join } from "node:path";
import type { Offset, Shard } from "../../engine/core/ids.ts";
import { withFacts } from "../../persistence/kafka/topics.ts";
import { DATABASE_DEFAULTS, Database } from "../../persistence/postgres/pool.ts";
import type { CrashCluster } from "./cluster.ts";

type Place = Pick<CrashCluster, "connection" | "topic">;

const ASK_LIMIT_MS = 30_000;
const BASE_OFFSET_BYTES = 8;
const BATCH_HEAD_BYTES = 12;
const FIRST_SEGMENT = "00000000000000000000.log";

/** Deletes the topic; resolves when the cluster knows it no longer. */
export async function deleteTopic({ connection, topic }: Place): Promise<void> {
  await withFacts({ connection, topic }, (facts) => facts.ask((admin) => admin.deleteTopics({ topics: [topic] }), ASK_LIMIT_MS));
}

/** Forgets the records of every shard below an offset. */
export async function trimTopic({ connection, topic }: Place, below: Offset): Promise<void> {
  await withFacts({ connection, topic }, async (facts) => {
    const shards = [...(await facts.allEnds(ASK_LIMIT_MS)).keys()];
    const partitions = shards.map((partition) => ({ partition, offset: String(below) }));
    await facts.ask(async (admin) => {
      // Without this kafkajs finds no leader to delete records at.
      await admin.fetchTopicOffsets(topic);
      await admin.deleteTopicRecords({ topic, partitions });
    }, ASK_LIMIT_MS);
  });
}

/** Cuts the file of a shard's log so that it ends at or below an offset. Its broker must not run. Returns where it ends now. */
export function loseTail(options: { readonly dataFolder: string; readonly topic: string; readonly shard: Shard; readonly below: Offset }): Offset {
  const path = join(options.dataFolder, `${options.topic}-${options.shard}`, FIRST_SEGMENT);
  const bytes = readFileSync(path);
  let end: Offset = 0;
  let at = 0;
  while (at + BATCH_HEAD_BYTES <= bytes.length) {
    const offset = Number(bytes.readBigInt64BE(at));
    if (offset >= options.below) break;
    const length = BATCH_HEAD_BYTES + bytes.readInt32BE(at + BASE_OFFSET_BYTES);
    if (length <= BATCH_HEAD_BYTES) break;
    end = offset;
    at += length;
  }
  truncateSync(path, at);
  return end + 1;
}

/** The offset of the newest checkpoint of each shard that has one. */
export async function checkpointsOf(cluster: Pick<CrashCluster, "postgresUrl">): Promise<ReadonlyMap<Shard, Offset>> {
  const text = 'select shard, max("offset") as "offset" from checkpoints group by shard';
  const rows = await asked<{ readonly shard: number; readonly offset: number }>(cluster, text);
  return new Map(rows.map((row) => [Number(row.shard), Number(row.offset)]));
}

/** Empties tables of the snapshots. */
export async function loseSnapshots(cluster: Pick<CrashCluster, "postgresUrl">, tables: readonly string[]): Promise<void> {
  await asked(cluster, `truncate ${tables.join(", ")}`);
}

async function asked<Row>({ postgresUrl }: Pick<CrashCluster, "postgresUrl">, text: string): Promise<readonly Row[]> {
  const database = new Database({ ...DATABASE_DEFAULTS, url: postgresUrl, max: 1 });
  try {
    return await database.query<Row>({ name: "loss", text, oneShot: true }, []);
  } finally {
    await database.close();
  }
}
