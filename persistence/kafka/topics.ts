// The topic of the decision log: made once, and checked at each start.
import type { Instant } from "../../engine/core/ids.ts";
import type { KafkaConnection, Say } from "./options.ts";

export interface CreateTopicOptions {
  readonly connection: KafkaConnection;
  readonly topic: string;
  readonly shards: number;
  readonly oneBroker: boolean;
  readonly slotDigest: Uint8Array;
  readonly madeAt: Instant;
  /** Product version. */
  readonly version: string;
  /** More settings of the topic, and where its replicas go; for tests. */
  readonly createTopicOptions?: {
    readonly configs?: Readonly<Record<string, string>>;
    /** Broker ids of each shard's replicas, the preferred leader first. */
    readonly replicas?: readonly (readonly number[])[];
  };
  readonly say?: Say;
}

export interface CheckTopicOptions {
  readonly connection: KafkaConnection;
  readonly topic: string;
  readonly shards: number;
  readonly oneBroker: boolean;
  readonly slotDigest: Uint8Array;
}

/** One line of doctor. `needed`: safety rests on it, and no engine claims while it fails. */
export interface TopicFinding {
  readonly check: string;
  readonly found: string;
  readonly wanted: string;
  readonly verdict: "pass" | "fail" | "not checked";
  readonly needed: boolean;
  /** What to do; empty when it passed. */
  readonly advice: string;
}

/** Makes the topic where there is none, and writes GENESIS into every shard that is empty, all with one life id. May be repeated at any
 *  time. Throws KafkaLogRefused when a topic of that name is another log's. */
export function createTopic(options: CreateTopicOptions): Promise<{ readonly made: boolean; readonly lifeId: Uint8Array }> {
  return Promise.reject(new Error(`topic ${options.topic} cannot be made yet`));
}

/** What is found of the topic against what safety wants. Rejects only when no broker answers. */
export function checkTopic(options: CheckTopicOptions): Promise<readonly TopicFinding[]> {
  return Promise.reject(new Error(`topic ${options.topic} cannot be checked yet`));
}
