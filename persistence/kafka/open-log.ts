// Opens the decision log that stands in a Kafka topic.
import type { DecisionLog } from "../../engine/ports.ts";
import type { KafkaConnection, Say } from "./options.ts";

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
}

/** Opens the log for reading and appending. Throws KafkaLogRefused when a needed finding fails; its message says what to do. */
export function openKafkaLog(options: KafkaLogOptions): Promise<KafkaLog> {
  return Promise.reject(new Error(`the log in ${options.topic} cannot be opened yet`));
}
