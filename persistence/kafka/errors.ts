// What the Kafka log throws, and what ends it.
import type { Offset, Shard } from "../../engine/core/ids.ts";
import type { LogAway } from "../../engine/ports.ts";
import { LogPositionGone } from "../log-errors.ts";

/** A position that others hold lies beyond the end: durable records are gone, by an unclean election or a topic made anew (H11, H17).
 *  Fatal for the shard: whoever goes on would use an offset twice. */
export class LogTruncated extends LogPositionGone {
  constructor(place: { shard: Shard; from: Offset; start: Offset; end: Offset }) {
    super(place);
    this.name = "LogTruncated";
  }
}

/** The broker keeps giving other records than the ones asked for (K20). */
export class LogJumps extends Error {
  constructor(place: { shard: Shard; wanted: Offset; got: Offset }) {
    super(`shard ${place.shard}: asked for offset ${place.wanted} and was given ${place.got}, again and again: the topic has a gap or is compacted`);
    this.name = "LogJumps";
  }
}

/** The topic is not fit to be a decision log, or not this one's. The message says what to do. */
export class KafkaLogRefused extends Error {
  constructor(message: string) {
    super(message);
    this.name = "KafkaLogRefused";
  }
}

/** The topic was deleted, or made anew, while the log was open: another life of the log. */
export class KafkaLogReplaced extends Error {
  constructor(message: string) {
    super(message);
    this.name = "KafkaLogReplaced";
  }
}

/** No broker answered in time. */
export class KafkaUnreachable extends Error implements LogAway {
  readonly logAway = true;

  constructor(brokers: readonly string[], cause: unknown) {
    super(`no broker of ${brokers.join(", ")} answered: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    this.name = "KafkaUnreachable";
  }
}

/** The log was closed while it was read. */
export class KafkaLogClosed extends Error {
  constructor() {
    super("the log is closed");
    this.name = "KafkaLogClosed";
  }
}
