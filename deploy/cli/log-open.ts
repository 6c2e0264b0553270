// Where the decision log is that a command asks for, and opening it to read: beside a running system as well as at rest.
//
// Must not: write, or hold anything that an engine needs.
import { join } from "node:path";
import type { Command } from "commander";
import { type EngineSettings, readEngineSettings } from "../../engine/config.ts";
import { kafkaConnection } from "../../engine/kafka-settings.ts";
import type { RecordCodec } from "../../engine/ports.ts";
import { faultLines } from "../../engine/settings-source.ts";
import { KafkaUnreachable } from "../../persistence/kafka/errors.ts";
import { openKafkaReader } from "../../persistence/kafka/open-operator.ts";
import { openLocalLogReader } from "../../persistence/local/log-follower.ts";
import { createRecordCodec } from "../../persistence/record.ts";
import { CliFailure, EXIT } from "./exit.ts";
import type { ReadableLog } from "./log-verify.ts";

/** Flags that say where a log is. A folder that is named wins over the setting, brokers that are named over both. */
export interface PlaceFlags {
  readonly dataDir?: string;
  readonly kafka?: string;
  readonly topic?: string;
  readonly oneBroker?: boolean;
}

export interface OpenedLog {
  readonly log: ReadableLog;
  readonly codec: RecordCodec;
  readonly shards: number;
  /** For people: the folder, or the topic and its brokers. */
  readonly where: string;
  close(): Promise<void>;
}

/** Adds the flags of PlaceFlags. */
export function addPlaceFlags(command: Command): Command {
  return command
    .option("--data-dir <path>", "data folder whose log is read (default: ./data, unless FAIRWARNING_DECISION_LOG is kafka)")
    .option("--kafka <brokers>", "host:port, ... of the brokers that keep the log (default: FAIRWARNING_KAFKA_BROKERS)")
    .option("--topic <name>", "topic of the log (default: FAIRWARNING_KAFKA_TOPIC)");
}

/** Settings with the flags on top, those of a log in Kafka when that is asked for. Throws CliFailure with all faults at once. */
export function placeSettings(flags: PlaceFlags, kind?: "kafka"): EngineSettings {
  const decisionLog = kind ?? (flags.kafka !== undefined ? "kafka" : flags.dataDir !== undefined ? "local" : undefined);
  return operatorSettings({ dataDir: flags.dataDir, kafkaBrokers: flags.kafka, kafkaTopic: flags.topic, decisionLog, ...oneBrokerFlag(flags) });
}

/** What --one-broker says of itself. */
export const ONE_BROKER_TEXT = "one copy of each record will do (default: FAIRWARNING_KAFKA_CHECK; unset and several brokers named: three copies)";

/** The setting that --one-broker stands for. */
export function oneBrokerFlag({ oneBroker }: { readonly oneBroker?: boolean }): { readonly kafkaCheck?: string } {
  return oneBroker === true ? { kafkaCheck: "one-broker" } : {};
}

/** Settings for a command that makes or judges a topic, as readEngineSettings. Throws CliFailure with all faults at once. */
export function operatorSettings(flags: Readonly<Record<string, string | undefined>>): EngineSettings {
  const loaded = readEngineSettings(flags);
  if (!loaded.ok) throw new CliFailure(faultLines(loaded.faults).join("\n"), EXIT.usage);
  return loaded.settings;
}

/** Opens the log that flags and settings name. Throws CliFailure where there is none. */
export async function openReadable(flags: PlaceFlags): Promise<OpenedLog> {
  const settings = placeSettings(flags);
  switch (settings.decisionLog) {
    case "local":
      return await openFolder(settings.dataDir);
    case "kafka":
      return await openTopic(settings);
    case "memory":
      throw new CliFailure("FAIRWARNING_DECISION_LOG is memory: that log is in the engine alone, and nobody else can read it.", EXIT.notFound);
  }
}

async function openFolder(dataDir: string): Promise<OpenedLog> {
  const log = await orNotFound(openLocalLogReader({ dir: join(dataDir, "log") }));
  return { log, codec: createRecordCodec(log.lifeId), shards: log.shards, where: dataDir, close: () => log.close() };
}

async function openTopic(settings: EngineSettings): Promise<OpenedLog> {
  const where = topicText(settings);
  const log = await orNotFound(openKafkaReader({ connection: kafkaConnection(settings), topic: settings.kafkaTopic }));
  return { log, codec: createRecordCodec(log.lifeId), shards: log.shards, where, close: () => log.close() };
}

/** "topic fairwarning-decisions at host:9092". */
export function topicText(settings: Pick<EngineSettings, "kafkaTopic" | "kafkaBrokers">): string {
  return `topic ${settings.kafkaTopic} at ${settings.kafkaBrokers.join(", ")}`;
}

async function orNotFound<T>(opening: Promise<T>): Promise<T> {
  try {
    return await opening;
  } catch (error) {
    throw new CliFailure(error instanceof Error ? error.message : String(error), error instanceof KafkaUnreachable ? EXIT.unreached : EXIT.notFound);
  }
}
