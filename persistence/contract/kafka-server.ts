// A Kafka for tests: one broker or three on loopback, in a folder that goes with them; or the one that the environment names.
//
// Owns: where a Kafka comes from, its ports, when it is ready. Must not: make topics.
// A test that cannot have one calls context.skip(kafkaMissing()).
//
// Looked for in this order: a Docker engine, then Java with Kafka's jars; the other way round for a test that damages files. Where there is neither, tests are skipped by name with
// kafkaMissing() as the reason, and fail under CI=true.
//
// K1. Nothing outlives the test process (kafka-guard.ts).
// K2. Three brokers have their controller in a process of its own, which no test kills: with two of three brokers away the third
//     still learns that it is alone and refuses, as a cluster with a quorum of controllers would.
// K3. Ports lie below 32768, so that no outgoing connection of this machine takes one while its broker is away.
import { PortTaken, startCluster, type TestKafka } from "./kafka-cluster.ts";
import { dockerAnswers, dockerSource } from "./kafka-docker.ts";
import { kafkaJars } from "./kafka-jars.ts";
import { javaSource } from "./kafka-java.ts";
import type { KafkaSource } from "./kafka-node.ts";

export type { KafkaBroker, TestKafka } from "./kafka-cluster.ts";

/** Another process may take a port between our look and the broker's start. */
const START_TRIES_MAX = 3;

let missing = "Kafka was not asked for";

/** Why the last startKafka() or anyKafka() gave null. */
export function kafkaMissing(): string {
  return missing;
}

/** FAIRWARNING_KAFKA_BROKERS if set, else one started broker; null when none can run here. */
export async function anyKafka(): Promise<TestKafka | null> {
  // biome-ignore lint/style/noProcessEnv: the servers that a test may use are named here and nowhere else.
  const named = process.env.FAIRWARNING_KAFKA_BROKERS ?? "";
  const addresses = named.split(",").filter((address) => address !== "");
  if (addresses.length === 0) return startKafka({ brokers: 1 });
  return { addresses, brokers: [], proxies: [], stop: () => Promise.resolve() };
}

export interface KafkaWish {
  readonly brokers: 1 | 3;
  /** Clients are sent through proxies, brokers reach each other without. */
  readonly proxied?: boolean;
  /** Java is looked for before Docker: a container's files are out of reach, and its brokers' dataFolder is null. */
  readonly filesWanted?: boolean;
}

/** Always started here, so that it may be killed. null when no Kafka can run here; kafkaMissing() then says why. */
export async function startKafka(options: KafkaWish): Promise<TestKafka | null> {
  const source = await sourceHere(options.filesWanted ?? false);
  if (source === null) return null;
  for (let tries = 1; ; tries += 1) {
    try {
      return await startCluster(source(), { brokers: options.brokers, proxied: options.proxied ?? false });
    } catch (error) {
      if (!(error instanceof PortTaken) || tries === START_TRIES_MAX) throw error;
    }
  }
}

async function sourceHere(filesWanted: boolean): Promise<(() => KafkaSource) | null> {
  if (!filesWanted && dockerAnswers()) return dockerSource;
  const jars = await kafkaJars();
  if (jars.kind === "there") return () => javaSource(jars.folder, jars.warm);
  if (filesWanted && dockerAnswers()) return dockerSource;
  missing = jars.reason;
  return null;
}
