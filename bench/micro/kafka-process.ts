// A Kafka of one broker as a process of the bench: the one that tests use, stopped when its stdin ends.
import { kafkaMissing, startKafka } from "../../persistence/contract/kafka-server.ts";

const kafka = await startKafka({ brokers: 1 });
const stop = (): void => {
  void kafka?.stop().then(() => process.exit(0));
};
process.once("SIGTERM", stop);
process.stdin.once("end", stop);
process.stdout.write(`${JSON.stringify({ event: "ready", brokers: kafka?.addresses ?? [], missing: kafka === null ? kafkaMissing() : null })}\n`);
if (kafka === null) process.exit(0);
process.stdin.resume();
