// What the brokers say of the topic: where each shard's log begins and ends, and who leads it.
//
// Owns: the one admin connection, asked again over a new one when it fails (kafkajs does not learn of a new leader by itself there).
// Must not: append, or call a shorter log an error (reader.ts does).
//
// B1. An answer is younger than its question: whoever asks while a request is under way shares the next one.
// B2. Only the connection that failed is dropped: who fails late does not end the one that others have made meanwhile.
// B3. Who doubts an answer gets the next one over a new connection, which knows nothing of earlier leaders (K26).
import type { Offset, Shard } from "../../engine/core/ids.ts";
import type { Timers } from "../../engine/ports.ts";
import type { Admin, KafkaClients } from "./client.ts";
import { KafkaLogClosed, KafkaUnreachable } from "./errors.ts";

export interface ShardEnds {
  readonly start: Offset;
  /** Offset the next record will get. */
  readonly end: Offset;
}

/** Backoff between attempts: 100 ms doubling to 2 s. */
const BACKOFF_FIRST_MS = 100;
const BACKOFF_MAX_MS = 2_000;

/** Pauses for attempt 0, 1, 2, ... */
export function backoffMs(attempt: number): number {
  return Math.min(BACKOFF_MAX_MS, BACKOFF_FIRST_MS * 2 ** Math.min(attempt, 10));
}

export interface BrokerFactsOptions {
  readonly clients: Pick<KafkaClients, "admin">;
  readonly brokers: readonly string[];
  readonly topic: string;
  readonly timers: Pick<Timers, "after">;
}

export class BrokerFacts {
  readonly #options: BrokerFactsOptions;
  #admin: Promise<Admin> | null = null;
  #running: Promise<Map<Shard, ShardEnds>> | null = null;
  #following: Promise<Map<Shard, ShardEnds>> | null = null;
  /** The next question for ends is asked over a new connection (B3). */
  #doubted = false;
  #closed = false;

  constructor(options: BrokerFactsOptions) {
    this.#options = options;
  }

  /** Asks until it is answered or `limitMs` have passed; then KafkaUnreachable. Errors that `final` knows are thrown at once. */
  async ask<T>(question: (admin: Admin) => Promise<T>, limitMs: number, final: (error: unknown) => boolean = () => false): Promise<T> {
    const deadline = performance.now() + limitMs;
    for (let attempt = 0; ; attempt += 1) {
      if (this.#closed) throw new KafkaLogClosed();
      const connection = this.#connected();
      try {
        return await question(await connection);
      } catch (error) {
        if (this.#closed) throw new KafkaLogClosed();
        if (final(error)) throw error;
        this.#drop(connection);
        const pauseMs = backoffMs(attempt);
        if (performance.now() + pauseMs > deadline) throw new KafkaUnreachable(this.#options.brokers, error);
        await pause(this.#options.timers, pauseMs);
      }
    }
  }

  #connected(): Promise<Admin> {
    this.#admin ??= this.#connect();
    return this.#admin;
  }

  async #connect(): Promise<Admin> {
    const admin = this.#options.clients.admin();
    try {
      await admin.connect();
      return admin;
    } catch (error) {
      admin.disconnect().catch(() => undefined);
      throw error;
    }
  }

  // B2.
  #drop(connection: Promise<Admin>): void {
    if (this.#admin !== connection) return;
    this.#admin = null;
    connection.then((admin) => admin.disconnect()).catch(() => undefined);
  }

  /** Of every shard of the topic. `doubted`: an earlier answer may be that of a broker which is no longer the leader (B3). */
  allEnds(limitMs: number, doubted = false): Promise<Map<Shard, ShardEnds>> {
    this.#doubted ||= doubted;
    if (this.#running === null) {
      const running = this.#fetchEnds(limitMs).finally(() => {
        if (this.#running === running) this.#running = null;
      });
      this.#running = running;
      return running;
    }
    // Its answer may be older than this question (B1).
    this.#following ??= this.#running
      .catch(() => undefined)
      .then(() => {
        this.#following = null;
        return this.allEnds(limitMs);
      });
    return this.#following;
  }

  async #fetchEnds(limitMs: number): Promise<Map<Shard, ShardEnds>> {
    if (this.#doubted && this.#admin !== null) this.#drop(this.#admin);
    this.#doubted = false;
    const found = await this.ask((admin) => admin.fetchTopicOffsets(this.#options.topic), limitMs);
    return new Map(found.map(({ partition, low, high }) => [partition, { start: offsetOf(low), end: offsetOf(high) }]));
  }

  /** Broker id of each shard's leader, by shard; asks once. */
  async leadersOnce(): Promise<readonly number[]> {
    if (this.#closed) throw new KafkaLogClosed();
    const connection = this.#connected();
    try {
      const admin = await connection;
      const { topics } = await admin.fetchTopicMetadata({ topics: [this.#options.topic] });
      const leaders: number[] = [];
      for (const { partitionId, leader } of topics[0]?.partitions ?? []) leaders[partitionId] = leader;
      return leaders;
    } catch (error) {
      this.#drop(connection);
      throw error;
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    const admin = await this.#admin?.catch(() => null);
    await admin?.disconnect().catch(() => undefined);
  }
}

function offsetOf(text: string): Offset {
  const offset = Number(text);
  if (!Number.isSafeInteger(offset) || offset < 0) throw new Error(`"${text}" is no offset`);
  return offset;
}

/** Resolves after the pause. */
export function pause(timers: Pick<Timers, "after">, delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    timers.after(delayMs, resolve);
  });
}
