// The decision log over a Kafka topic: one partition per shard, one record per offset.
//
// Owns: putting the parts together. Appends are in appender.ts, reading in reader.ts, what brokers say in broker-facts.ts.
// Must not: look into a record beyond the life it names, or judge.
import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import type { Offset, Shard } from "../../engine/core/ids.ts";
import type { Append, AppendOutcome, DecisionLog, StoredRecord, Timers } from "../../engine/ports.ts";
import { processTimers } from "../log-defaults.ts";
import { decodeRecord } from "../record.ts";
import { Appender } from "./appender.ts";
import { BrokerFacts } from "./broker-facts.ts";
import { kafkaClients } from "./client.ts";
import { KafkaLogReplaced, KafkaUnreachable } from "./errors.ts";
import type { KafkaConnection, Say } from "./options.ts";
import { endsLimitMs, TopicReader } from "./reader.ts";

/** Nobody is told anything. */
export const sayNothing: Say = () => undefined;

/** A group is joined within this, or no broker is there: a broker that has just started takes up to a minute (K24). */
const JOIN_LIMIT_MS = 60_000;
const LOOKS_IN_VAIN_MAX = 3;

export interface ConnectOptions {
  readonly connection: KafkaConnection;
  readonly topic: string;
  readonly shards: number;
  readonly durability: string;
  readonly appendLimitMs: number;
  readonly say: Say;
  /** Called once when the log can no longer be trusted. */
  readonly onFatal: (error: Error) => void;
  readonly timers?: Timers;
}

export class KafkaDecisionLog implements DecisionLog {
  readonly durability: string;
  readonly durable = true;
  /** How long the consumer took to join its group. */
  readonly joinMs: number;
  readonly #options: ConnectOptions;
  readonly #facts: BrokerFacts;
  readonly #reader: TopicReader;
  readonly #appender: Appender;
  #lifeId: Uint8Array | null = null;
  #closing: Promise<void> | null = null;
  #fatal = false;
  #looksInVain = 0;

  /** For connectKafkaLog. */
  constructor(options: ConnectOptions, parts: { facts: BrokerFacts; reader: TopicReader; appender: Appender; joinMs: number }) {
    this.#options = options;
    this.durability = options.durability;
    this.#facts = parts.facts;
    this.#reader = parts.reader;
    this.#appender = parts.appender;
    this.joinMs = parts.joinMs;
  }

  /** Answers that came after the append limit, and were dropped (P8). */
  get lateAnswers(): number {
    return this.#appender.lateAnswers;
  }

  laneOf(shard: Shard): number {
    return this.#appender.laneOf(shard);
  }

  append(appends: readonly Append[], done: (outcomes: readonly AppendOutcome[]) => void): void {
    this.#appender.append(appends, done);
  }

  async *read(shard: Shard, from: Offset, to?: Offset): AsyncGenerator<readonly StoredRecord[]> {
    if (to !== undefined && from < to && to <= this.#appender.durableTo(shard)) {
      yield* this.#reader.lists(shard, { from, to });
      return;
    }
    const { end } = await this.#reader.ends(shard, from);
    yield* this.#reader.lists(shard, { from, to: Math.min(to ?? end, end) });
  }

  async *tail(shard: Shard, from: Offset, signal: AbortSignal): AsyncGenerator<readonly StoredRecord[]> {
    yield* this.#reader.lists(shard, { from, to: Number.POSITIVE_INFINITY }, signal);
  }

  ends(shard: Shard): Promise<{ readonly start: Offset; readonly end: Offset }> {
    return this.#reader.ends(shard);
  }

  async trim(shard: Shard, below: Offset): Promise<void> {
    const { start, end } = await this.#reader.ends(shard);
    const offset = Math.min(below, end);
    if (offset <= start) return;
    const { topic } = this.#options;
    await this.#facts.ask(async (admin) => {
      // Without this kafkajs finds no leader to delete records at (K25).
      await admin.fetchTopicOffsets(topic);
      await admin.deleteTopicRecords({ topic, partitions: [{ partition: shard, offset: String(offset) }] });
    }, endsLimitMs);
  }

  /** Kafka has no reserve: a full disk refuses, or the broker dies. */
  room(): "ok" | "low" {
    return "ok";
  }

  /** From now on every new look at the topic must find this life; another one is fatal. */
  expectLife(lifeId: Uint8Array): void {
    this.#lifeId = lifeId;
  }

  /** After a failed append or a new consumer: whether the topic is still the one that was opened. */
  async checkLife(): Promise<void> {
    const expected = this.#lifeId;
    if (expected === null || this.#fatal || this.#closing !== null) return;
    try {
      const { start, end } = await this.#reader.ends(0);
      const found = end === 0 ? null : await readLife(this, 0);
      const same = found === null ? end > 0 && start === end : Buffer.compare(found, expected) === 0;
      if (!same) this.#die("was made anew: it bears another life of the log");
    } catch (error) {
      if (this.#closing === null) this.#options.say("warn", "kafka_life_not_checked", { error: String(error) });
    }
  }

  /** Broker id of each shard's leader. A topic that is gone at three looks is fatal; one look may be a broker's that knows nothing yet. */
  async leaders(): Promise<readonly number[]> {
    try {
      const leaders = await this.#facts.leadersOnce();
      this.#looksInVain = 0;
      return leaders;
    } catch (error) {
      if (isUnknownTopic(error)) this.#looksInVain += 1;
      if (this.#looksInVain >= LOOKS_IN_VAIN_MAX) this.#die("is gone: somebody deleted it");
      throw error;
    }
  }

  #die(what: string): void {
    if (this.#fatal) return;
    this.#fatal = true;
    this.#options.onFatal(new KafkaLogReplaced(`topic ${this.#options.topic} ${what}. Stop every engine, and find out who did that`));
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#appender.close();
    await this.#reader.close();
    // K25: an empty group would stay in the broker for a week.
    await this.#facts.ask((admin) => admin.deleteGroups([...this.#reader.groups]), 0).catch(() => undefined);
    await this.#facts.close();
  }
}

/** The life that the oldest of ours among a shard's records names; null if there is none. */
export async function readLife(log: Pick<DecisionLog, "read" | "ends">, shard: Shard): Promise<Uint8Array | null> {
  const { start, end } = await log.ends(shard);
  for await (const list of log.read(shard, start, end)) {
    for (const stored of list) {
      const record = decodeRecord(stored, shard);
      if (record.kind !== "foreign" && record.kind !== "damaged") return record.lifeId;
    }
  }
  return null;
}

function isUnknownTopic(error: unknown): boolean {
  for (let at = error; at instanceof Error; at = at.cause) {
    if ("type" in at && at.type === "UNKNOWN_TOPIC_OR_PARTITION") return true;
    if (at.cause === at) return false;
  }
  return false;
}

/** Connects to a topic that exists. Rejects with KafkaUnreachable when no broker answers within a minute. */
export async function connectKafkaLog(options: ConnectOptions): Promise<KafkaDecisionLog> {
  const { connection, topic, shards, say } = options;
  const timers = options.timers ?? processTimers;
  const clients = kafkaClients(connection, say);
  const facts = new BrokerFacts({ clients, brokers: connection.brokers, topic, timers });
  const group = `fairwarning-${hostname()}-${randomBytes(8).toString("hex")}`;
  let log: KafkaDecisionLog | null = null;
  let appender: Appender | null = null;
  const checkLife = (): void => {
    log?.checkLife().catch(() => undefined);
  };
  const reader = new TopicReader({
    clients,
    facts,
    topic,
    shards,
    group,
    timers,
    say,
    rebuilt: checkLife,
    durableTo: (shard) => appender?.durableTo(shard) ?? 0,
  });
  const begun = performance.now();
  reader.start();
  try {
    const firstLeaders = await facts.ask(() => facts.leadersOnce(), JOIN_LIMIT_MS);
    await joinWithin(reader, { connection, timers });
    const { appendLimitMs } = options;
    appender = new Appender({
      producer: () => clients.producer(topic),
      leaders: () => log?.leaders() ?? facts.leadersOnce(),
      firstLeaders: firstLeaders.slice(0, shards),
      timers,
      appendLimitMs,
      say,
      doubted: checkLife,
      moved: () => reader.leadersMoved(),
    });
    log = new KafkaDecisionLog(options, { facts, reader, appender, joinMs: performance.now() - begun });
    return log;
  } catch (error) {
    await reader.close();
    await facts.close();
    throw error;
  }
}

function joinWithin(reader: TopicReader, options: { connection: KafkaConnection; timers: Timers }): Promise<void> {
  return new Promise((resolve, reject) => {
    const cancel = options.timers.after(JOIN_LIMIT_MS, () => {
      reject(new KafkaUnreachable(options.connection.brokers, `the group was not joined within ${JOIN_LIMIT_MS} ms`));
    });
    reader.joined().then(() => {
      cancel();
      resolve();
    }, reject);
  });
}
