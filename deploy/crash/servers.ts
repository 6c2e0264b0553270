// The two servers that a file of these tests begins with: a Kafka and a Postgres, started at once.
//
// Must not: leave one behind when the other does not start.
import { afterAll, beforeAll, beforeEach } from "vitest";
import { type KafkaWish, kafkaMissing, startKafka, type TestKafka } from "../../persistence/contract/kafka-server.ts";
import { TestPostgres } from "../standalone/test-postgres.ts";

/** Both, Kafka null when none can run here. Rejects with the first's reason when either does not start; the other is gone then. */
export async function startServers(wish: KafkaWish): Promise<readonly [TestKafka | null, TestPostgres]> {
  const [kafka, postgres] = await Promise.allSettled([startKafka(wish), TestPostgres.start()]);
  if (kafka.status === "fulfilled" && postgres.status === "fulfilled") return [kafka.value, postgres.value];
  if (kafka.status === "fulfilled") await kafka.value?.stop();
  if (postgres.status === "fulfilled") await postgres.value.remove();
  throw kafka.status === "rejected" ? kafka.reason : (postgres as PromiseRejectedResult).reason;
}

/** Both for the tests of one file: started before them, gone behind them. Where no Kafka can run each test is skipped by name. */
export function serversOfFile(wish: KafkaWish): () => { readonly kafka: TestKafka; readonly postgresUrl: string } {
  let kafka: TestKafka | null = null;
  let postgres: TestPostgres | null = null;
  beforeAll(async () => {
    [kafka, postgres] = await startServers(wish);
  });
  afterAll(async () => {
    await Promise.all([kafka?.stop(), postgres?.remove()]);
  });
  beforeEach((context) => {
    if (kafka === null) context.skip(kafkaMissing());
  });
  return () => {
    if (kafka === null || postgres === null) throw new Error("asked for before the tests began");
    return { kafka, postgresUrl: postgres.url };
  };
}
