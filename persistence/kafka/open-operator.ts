// Opens the log in a topic for the operator's commands, which must work on a log that no engine would serve.
import type { DecisionLog } from "../../engine/ports.ts";
import type { KafkaConnection } from "./options.ts";

export interface KafkaLogReader extends Pick<DecisionLog, "read" | "tail" | "ends" | "close"> {
  readonly lifeId: Uint8Array;
  readonly shards: number;
}

/** Opens the log of a topic to read it. Rejects when there is none, or no broker answers. */
export function openKafkaReader(options: { readonly connection: KafkaConnection; readonly topic: string }): Promise<KafkaLogReader> {
  return Promise.reject(new Error(`topic ${options.topic} cannot be read yet`));
}

/** The topic that says of another topic that a copy into it is unfinished. */
export function copyMarkOf(topic: string): string {
  return `${topic}-copying`;
}

export interface KafkaCopy {
  readonly log: Pick<DecisionLog, "append" | "laneOf" | "read" | "tail" | "ends">;
  /** Takes the mark away: from now on it is a log. */
  finish(): Promise<void>;
  close(): Promise<void>;
}

/** What stands at the place of a log: nothing, an unfinished copy, or anything else. */
export function kafkaCopyState(options: { readonly connection: KafkaConnection; readonly topic: string }): Promise<"empty" | "unfinished" | "taken"> {
  return Promise.reject(new Error(`topic ${options.topic} cannot be read yet`));
}

/** Opens the unfinished copy, or begins one. */
export function openKafkaCopy(options: {
  readonly connection: KafkaConnection;
  readonly topic: string;
  readonly oneBroker: boolean;
  readonly lifeId: Uint8Array;
  readonly shards: number;
}): Promise<KafkaCopy> {
  return Promise.reject(new Error(`topic ${options.topic} cannot be written yet`));
}
