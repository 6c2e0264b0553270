// The two ends of `log copy`: a data folder or a topic, each opened so that no engine can use it meanwhile.
//
// Must not: carry a record (log-copy.ts).
//
// Y5. The folder of a source is held as an engine holds it, so none can start on it, and it is recovered first: what a reader beside
//     it could not yet believe is then known.
import { join } from "node:path";
import { kafkaConnection } from "../../engine/kafka-settings.ts";
import type { RecordCodec } from "../../engine/ports.ts";
import { copyMarkOf } from "../../persistence/kafka/copy-mark.ts";
import { KafkaLogRefused, KafkaUnreachable } from "../../persistence/kafka/errors.ts";
import { kafkaCopyState, openKafkaCopy, openKafkaReader } from "../../persistence/kafka/open-operator.ts";
import { LogFolderHeld, LogMismatch, LogMissing } from "../../persistence/local/errors.ts";
import { openLocalLogReader } from "../../persistence/local/log-follower.ts";
import { localCopyState, openLocalCopy, unfinishedFolder } from "../../persistence/local/open-copy.ts";
import { openLocalLog } from "../../persistence/local/open-log.ts";
import { createRecordCodec } from "../../persistence/record.ts";
import { CliFailure, EXIT, type ExitCode } from "./exit.ts";
import type { CopyTargetLog } from "./log-copy-stopped.ts";
import { type PlaceFlags, placeSettings, topicText } from "./log-open.ts";
import type { ReadableLog } from "./log-verify.ts";

export type CopyPlace = { readonly kind: "local"; readonly dataDir: string } | { readonly kind: "kafka" };

type KafkaFlags = Omit<PlaceFlags, "dataDir">;

export interface CopySource {
  readonly log: ReadableLog;
  readonly codec: RecordCodec;
  readonly lifeId: Uint8Array;
  readonly shards: number;
  readonly where: string;
  close(): Promise<void>;
}

export interface CopyTarget {
  readonly log: CopyTargetLog;
  readonly where: string;
  /** Makes a log of what was copied: from now on an engine may start on it. */
  finish(): Promise<void>;
  /** What is not finished stays for another run. */
  close(): Promise<void>;
}

/** "local:FOLDER" or "kafka". Throws CliFailure on anything else. */
export function parsePlace(flag: string, text: string): CopyPlace {
  if (text === "kafka") return { kind: "kafka" };
  const folder = /^local:(.+)$/.exec(text)?.[1];
  if (folder !== undefined) return { kind: "local", dataDir: folder };
  throw new CliFailure(`${flag} is ${text}; wanted local:FOLDER or kafka.`, EXIT.usage);
}

/** Opens the log that is carried. Throws CliFailure where there is none, or an engine runs on it. */
export async function openSource(place: CopyPlace, flags: KafkaFlags): Promise<CopySource> {
  if (place.kind === "local") return await orFailure(openFolderSource(place.dataDir));
  const settings = placeSettings(flags, "kafka");
  const log = await orFailure(openKafkaReader({ connection: kafkaConnection(settings), topic: settings.kafkaTopic }));
  return { log, codec: createRecordCodec(log.lifeId), lifeId: log.lifeId, shards: log.shards, where: topicText(settings), close: () => log.close() };
}

async function openFolderSource(dataDir: string): Promise<CopySource> {
  const dir = join(dataDir, "log");
  const { shards } = await openLocalLogReader({ dir });
  // Nothing is appended to it, so nothing can end in doubt.
  const log = await openLocalLog({ dir, shards, onFatal: () => undefined });
  return { log, codec: createRecordCodec(log.lifeId), lifeId: log.lifeId, shards, where: dataDir, close: () => log.close() };
}

/** Opens the place that takes the copy. Throws CliFailure where something stands already, an unfinished copy included unless it is to
 *  be gone on with. */
export async function openTarget(
  place: CopyPlace,
  flags: KafkaFlags,
  copy: { readonly lifeId: Uint8Array; readonly shards: number; readonly goOn: boolean },
): Promise<CopyTarget> {
  if (place.kind === "local") return await openFolderTarget(place.dataDir, copy);
  const settings = placeSettings(flags, "kafka");
  const options = { connection: kafkaConnection(settings), topic: settings.kafkaTopic, oneBroker: settings.kafkaCheck === "one-broker" };
  return await openTopicTarget(options, topicText(settings), copy);
}

async function openFolderTarget(dataDir: string, copy: Parameters<typeof openTarget>[2]): Promise<CopyTarget> {
  const dir = join(dataDir, "log");
  const clear = `move ${dir} away, or name another folder`;
  checkState(await localCopyState(dir), copy.goOn, { where: dataDir, clear, remove: `remove ${unfinishedFolder(dir)}` });
  const { lifeId, shards } = copy;
  const opened = await orFailure(openLocalCopy({ dir, lifeId, shards }));
  return { ...opened, where: dataDir };
}

function checkState(
  state: "empty" | "unfinished" | "taken",
  goOn: boolean,
  place: { readonly where: string; readonly clear: string; readonly remove: string },
): void {
  const { where, clear, remove } = place;
  if (state === "taken") throw new CliFailure(`${where} holds a log already, and a log is copied into an empty place only: ${clear}.`, EXIT.conflict);
  if (state === "unfinished" && !goOn)
    throw new CliFailure(`${where} holds a copy that was interrupted. --continue compares what is there and goes on; to begin anew, ${remove}.`, EXIT.conflict);
  if (state === "empty" && goOn) throw new CliFailure(`${where} holds no copy to go on with; leave out --continue.`, EXIT.conflict);
}

async function openTopicTarget(
  options: { readonly connection: ReturnType<typeof kafkaConnection>; readonly topic: string; readonly oneBroker: boolean },
  where: string,
  copy: Parameters<typeof openTarget>[2],
): Promise<CopyTarget> {
  const state = await orFailure(kafkaCopyState(options));
  const remove = `delete the topics ${options.topic} and ${copyMarkOf(options.topic)}`;
  checkState(state, copy.goOn, { where, clear: `delete topic ${options.topic} if nobody needs it, or name another by --topic`, remove });
  const opened = await orFailure(openKafkaCopy({ ...options, shards: copy.shards }));
  return { ...opened, where };
}

const FAILURES: readonly (readonly [new (...args: never[]) => Error, ExitCode])[] = [
  [LogMissing, EXIT.notFound],
  [LogFolderHeld, EXIT.conflict],
  [LogMismatch, EXIT.conflict],
  [KafkaLogRefused, EXIT.conflict],
  [KafkaUnreachable, EXIT.unreached],
];

async function orFailure<T>(opening: Promise<T>): Promise<T> {
  try {
    return await opening;
  } catch (error) {
    const known = FAILURES.find(([kind]) => error instanceof kind);
    if (known === undefined || !(error instanceof Error)) throw error;
    throw new CliFailure(error.message, known[1]);
  }
}
