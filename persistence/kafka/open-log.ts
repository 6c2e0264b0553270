// Opens the decision log that stands in a Kafka topic.
//
// Owns: refusing a topic that is not fit, and the words for its durability. Must not: make or mend a topic (topics.ts does, by command).
import type { DecisionLog } from "../../engine/ports.ts";
import type { KafkaConnection, Say } from "./options.ts";
import { connectChecked } from "./topics.ts";

export interface KafkaLogOptions {
  readonly connection: KafkaConnection;
  readonly topic: string;
  readonly shards: number;
  /** Relaxes replication, min.insync.replicas and replica checks, and nothing else; the durability then says so. */
  readonly oneBroker: boolean;
  /** Of the slot table this program computed. */
  readonly slotDigest: Uint8Array;
  /** P8. */
  readonly appendLimitMs: number;
  readonly say?: Say;
  /** Called once when the log can no longer be trusted: the topic is gone, or has another life. The process must stop. */
  readonly onFatal: (error: Error) => void;
}

export interface KafkaLog extends DecisionLog {
  readonly lifeId: Uint8Array;
  /** Answers of the brokers that came after the append limit, and were dropped. */
  readonly lateAnswers: number;
}

/** Opens the log for reading and appending. Throws KafkaLogRefused when a needed finding fails; its message says what to do.
 *  KafkaUnreachable when no broker answers within a minute. */
export async function openKafkaLog(options: KafkaLogOptions): Promise<KafkaLog> {
  const durability = options.oneBroker ? "one broker, page cache" : "acks=all, RF 3, min ISR 2";
  const { log, lifeId } = await connectChecked({ ...options, durability });
  log.expectLife(lifeId);
  return Object.assign(log, { lifeId });
}
