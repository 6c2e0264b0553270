// Opens the decision log that stands in a Kafka topic.
//
// Owns: refusing a topic that is not fit, and the words for its durability. Must not: make or mend a topic (topics.ts does, by command).
import type { DecisionLog } from "../../engine/ports.ts";
import type { KafkaConnection, Say } from "./options.ts";
import { connectChecked, refusedTopic, type TopicFinding } from "./topics.ts";

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

/** The log opened for reading and appending, or null where a needed finding fails; with everything that was found. Rejects with
 *  KafkaUnreachable when no broker answers within a minute. */
export async function openCheckedLog(options: KafkaLogOptions): Promise<{ readonly log: KafkaLog | null; readonly findings: readonly TopicFinding[] }> {
  const durability = options.oneBroker ? "one broker, page cache" : "acks=all, RF 3, min ISR 2";
  const checked = await connectChecked({ ...options, durability });
  if (checked.log === null) return checked;
  const { log, lifeId, findings } = checked;
  log.expectLife(lifeId);
  return { log: Object.assign(log, { lifeId }), findings };
}

/** The same for those who want nothing but the log. Throws KafkaLogRefused when a needed finding fails; its message says what to do. */
export async function openKafkaLog(options: KafkaLogOptions): Promise<KafkaLog> {
  const { log, findings } = await openCheckedLog(options);
  if (log === null) throw refusedTopic(options, findings);
  return log;
}
