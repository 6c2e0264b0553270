// What the bench takes from its environment, and the only file of it that reads it.
import { tmpdir } from "node:os";

export interface BenchEnvironment {
  /** Where data folders are made. It should lie on a disk like that of the real thing. */
  readonly folder: string;
  /** What every process that the bench starts gets: no setting of ours among it, so that a figure does not hang on somebody's shell. */
  readonly inherited: Readonly<Record<string, string | undefined>>;
  /** FAIRWARNING_KAFKA_BROKERS: where the Kafka run measures. Empty: on a broker of its own. */
  readonly kafkaBrokers: readonly string[];
}

/** FAIRWARNING_BENCH_DIR, or the system's folder for temporary files. */
export function benchEnvironment(environment: Readonly<Record<string, string | undefined>> = process.env): BenchEnvironment {
  const inherited = Object.fromEntries(Object.entries(environment).filter(([name]) => !name.startsWith("FAIRWARNING_")));
  const kafkaBrokers = (environment.FAIRWARNING_KAFKA_BROKERS ?? "").split(",").filter((address) => address !== "");
  return { folder: environment.FAIRWARNING_BENCH_DIR ?? tmpdir(), inherited, kafkaBrokers };
}
