// The only file that knows kafkajs: its settings (K1 to K15), and its answers as plain data.
//
// Must not: decide what an answer means (outcome.ts), keep a position (shard-feed.ts), or try an append twice.
//
// K2, K11. Three clients, for appends without any retry, for reads and for admin with retries of metadata.
// K13. Transactions of strangers neither hold back reading nor the end of the log: everything is read uncommitted, offsets too.
// K26. (own) kafkajs begins with the first address of its list each time, and stays there as long as that takes connections: a frozen
//     broker takes them and answers nothing. So each connection begins with the next address, whichever client makes it.
// K28. (own) A consumer that is disconnected while it joins forgets the join, which then comes about all the same: a member of the group
//     that nobody holds any more reads the whole log. So whoever is stopped while he starts leaves between the steps of that.
// K6. Nagle's algorithm is off: small overlapping requests would wait for an ACK on a real network.
import { connect as netConnect } from "node:net";
import { connect as tlsConnect } from "node:tls";
import { type Admin, type Batch, type Consumer, type ISocketFactory, Kafka, type KafkaConfig, logLevel, type Producer, type SASLOptions } from "kafkajs";
import type { Offset, Shard } from "../../engine/core/ids.ts";
import { appendTimeoutMsDefault, type KafkaConnection, requestTimeoutMsDefault, type Say } from "./options.ts";

/** What the broker said of one partition of a request. Offsets and times are strings of whole numbers (K16). */
export interface ProduceAnswer {
  readonly partition: number;
  readonly errorCode: number;
  readonly baseOffset?: string;
  readonly logAppendTime?: string;
}

/** A record as it stands in the topic. `bytes` is a view into the answer it came with. */
export interface FetchedRecord {
  readonly offset: Offset;
  readonly bytes: Uint8Array;
  /** Broker's clock, epoch ms; NaN where it said none. */
  readonly storedAt: number;
}

/** One producer: one connection to each broker, no retries. */
export interface ProducerLink {
  connect(): Promise<void>;
  /** One request. Resolves with an answer per partition, or with none where kafkajs did not send; rejects with its error. */
  send(records: readonly { readonly shard: Shard; readonly bytes: Buffer }[]): Promise<readonly ProduceAnswer[]>;
  /** Closes it without waiting: `disconnect` waits for open requests (K19). */
  discard(): void;
}

/** What a consumer tells. None of them may throw. */
export interface ConsumerEvents {
  /** The group gave every partition to us anew: positions and pauses are forgotten (K21). */
  joined(): void;
  /** Records as they were fetched, control records of transactions included (their bytes are empty). */
  fetched(shard: Shard, records: readonly FetchedRecord[]): void;
  crashed(error: Error): void;
}

/** One consumer, alone in its group. */
export interface ConsumerLink {
  /** Resolves once the group is joined, the consumer has crashed, or it was stopped and is gone. */
  start(): Promise<void>;
  pause(shards: readonly Shard[]): void;
  /** The next fetch of the shard begins at the offset. */
  seekAndResume(shard: Shard, offset: Offset): void;
  /** It tells nothing more. While it starts, that is only noted, and `start` sees to it as soon as it may (K28). */
  stop(): Promise<void>;
}

/** Clients of one cluster. */
export interface KafkaClients {
  producer(topic: string): ProducerLink;
  consumer(options: { topic: string; group: string; events: ConsumerEvents }): ConsumerLink;
  admin(): Admin;
}

export type { Admin } from "kafkajs";

/** Kinds of resources in `describeConfigs`. */
export const TOPIC_RESOURCE = 2;
export const BROKER_RESOURCE = 4;

/** 10 retries from 50 ms on: metadata, offsets and groups may be asked again; appends never (K2). */
const READ_RETRY = { retries: 10, initialRetryTime: 50, maxRetryTime: 1_000 } as const;
const KEEP_ALIVE_MS = 60_000;
/** A broker that does not take a connection in a second is looked for elsewhere. */
const CONNECT_LIMIT_MS = 1_000;
/** Records fetched of one partition at a time: fewer, larger answers while a shard is replayed (700 MB/s), and a bounded read-ahead. */
export const fetchBytesMax = 4 * 1024 * 1024;
/** In one answer, over all partitions of a broker. */
const ANSWER_BYTES_MAX = 16 * 1024 * 1024;
/** How long a resumed partition may stand behind another's poll (K14). */
const POLL_MS = 20;
/** The group forgets a process that is silent for so long (K23). */
const SESSION_MS = 30_000;
const PARTITIONS_AT_ONCE = 8;

const promptSockets: ISocketFactory = ({ host, port, ssl, onConnect }) => {
  const socket = ssl
    ? tlsConnect({ host, port, ...(/^[\d.:]+$/.test(host) ? {} : { servername: host }), ...ssl }, onConnect)
    : netConnect({ host, port, noDelay: true }, onConnect);
  socket.setNoDelay(true);
  socket.setKeepAlive(true, KEEP_ALIVE_MS);
  return socket;
};

/** Makes clients of a cluster; nothing connects yet. */
export function kafkaClients(connection: KafkaConnection, say: Say): KafkaClients {
  const config = configOf(connection, say);
  const appends = new Kafka({ ...config, retry: { retries: 0 } });
  const reads = uncommitted(new Kafka({ ...config, retry: READ_RETRY }));
  const acksTimeoutMs = connection.appendTimeoutMs ?? appendTimeoutMsDefault;
  return {
    producer: (topic) => producerLink(appends, topic, acksTimeoutMs),
    consumer: ({ topic, group, events }) => new GroupConsumer(reads, { topic, group, events }),
    admin: () => reads.admin({ retry: READ_RETRY }),
  };
}

/** kafkajs' admin asks for the last offset before the first open transaction, and has no setting for it: a stranger's transaction would make
 *  the log look shorter than what is acknowledged. So the clusters it makes are told here. */
function uncommitted(kafka: Kafka): Kafka {
  const key = Object.getOwnPropertySymbols(kafka).find(({ description }) => description === "private:Kafka:createCluster");
  const found: unknown = key === undefined ? undefined : Reflect.get(kafka, key);
  if (key === undefined || typeof found !== "function") throw new Error("this kafkajs makes its clusters in another way than 2.2.4");
  const make = found as (options: object) => unknown;
  Reflect.set(kafka, key, (options: object) => make({ ...options, isolationLevel: READ_UNCOMMITTED }));
  return kafka;
}

const READ_UNCOMMITTED = 0;

function configOf(connection: KafkaConnection, say: Say): KafkaConfig {
  const config: KafkaConfig = {
    clientId: connection.clientId,
    brokers: inTurn(connection.brokers),
    connectionTimeout: CONNECT_LIMIT_MS,
    requestTimeout: connection.requestTimeoutMs ?? requestTimeoutMsDefault,
    socketFactory: promptSockets,
    logLevel: logLevel.WARN,
    logCreator: () => (entry) => {
      // kafkajs calls an error what it then does again itself; what comes of it is told by who asked.
      say("info", "kafka_client", { namespace: entry.namespace, message: entry.log.message });
    },
  };
  if (connection.ssl !== undefined) config.ssl = connection.ssl;
  if (connection.sasl !== undefined) config.sasl = connection.sasl as SASLOptions;
  return config;
}

// K26.
function inTurn(brokers: readonly string[]): () => string[] {
  let turn = 0;
  return () => {
    const next = brokers[turn % brokers.length];
    turn += 1;
    return next === undefined ? [] : [next];
  };
}

function producerLink(kafka: Kafka, topic: string, timeout: number): ProducerLink {
  const producer: Producer = kafka.producer({
    idempotent: false,
    allowAutoTopicCreation: false,
    retry: { retries: 0 },
    createPartitioner: () => partitionNamed,
  });
  return {
    connect: () => producer.connect(),
    send: (records) =>
      producer.sendBatch({
        acks: -1,
        timeout,
        topicMessages: [{ topic, messages: records.map(({ shard, bytes }) => ({ partition: shard, value: bytes })) }],
      }),
    discard: () => {
      producer.disconnect().catch(() => undefined);
    },
  };
}

// K3: hashing would move keys when partitions are added.
function partitionNamed({ message }: { message: { partition?: number } }): number {
  if (message.partition === undefined) throw new RangeError("a record without its partition");
  return message.partition;
}

/** A message as kafkajs holds it, control records included; its types hide these. */
interface RawMessage {
  readonly offset: string;
  readonly timestamp?: string;
  readonly value: Buffer | null;
  readonly isControlRecord?: boolean;
}

const NOTHING = new Uint8Array(0);

class GroupConsumer implements ConsumerLink {
  readonly #consumer: Consumer;
  readonly #topic: string;
  readonly #events: ConsumerEvents;
  #stopped = false;
  /** `start` is at work (K28). */
  #starting = false;

  constructor(kafka: Kafka, options: { topic: string; group: string; events: ConsumerEvents }) {
    this.#topic = options.topic;
    this.#events = options.events;
    this.#consumer = kafka.consumer({
      groupId: options.group,
      allowAutoTopicCreation: false,
      readUncommitted: true,
      minBytes: 1,
      maxBytes: ANSWER_BYTES_MAX,
      maxBytesPerPartition: fetchBytesMax,
      maxWaitTimeInMs: POLL_MS,
      sessionTimeout: SESSION_MS,
      retry: { ...READ_RETRY, restartOnFailure: () => Promise.resolve(false) },
    });
  }

  async start(): Promise<void> {
    const consumer = this.#consumer;
    const { GROUP_JOIN, CRASH, START_BATCH_PROCESS } = consumer.events;
    consumer.on(GROUP_JOIN, () => {
      if (!this.#stopped) this.#events.joined();
      else if (!this.#starting) this.#leave();
    });
    consumer.on(CRASH, ({ payload }) => this.#crashed(payload.error));
    // A list of nothing but control records never reaches eachBatch; they hold offsets all the same.
    consumer.on(START_BATCH_PROCESS, ({ payload }) => {
      if (payload.batchSize === 0) this.#onlyControl(payload.partition, payload.firstOffset, payload.lastOffset);
    });
    this.#starting = true;
    try {
      for (const step of this.#steps()) if (!this.#stopped) await step();
    } catch (error) {
      this.#crashed(error instanceof Error ? error : new Error(String(error)));
    }
    this.#starting = false;
    // K28.
    if (this.#stopped) await consumer.disconnect().catch(() => undefined);
  }

  #steps(): readonly (() => Promise<void>)[] {
    const consumer = this.#consumer;
    return [
      () => consumer.connect(),
      () => consumer.subscribe({ topic: this.#topic, fromBeginning: true }),
      () =>
        consumer.run({
          autoCommit: false,
          eachBatchAutoResolve: false,
          partitionsConsumedConcurrently: PARTITIONS_AT_ONCE,
          eachBatch: ({ batch, resolveOffset, isStale }) => {
            if (!isStale() && !this.#stopped) this.#fetched(batch);
            resolveOffset(batch.lastOffset());
            return Promise.resolve();
          },
        }),
    ];
  }

  #leave(): void {
    this.#consumer.disconnect().catch(() => undefined);
  }

  #fetched(batch: Batch): void {
    this.#events.fetched(batch.partition, rawMessages(batch).map(recordOf));
  }

  #onlyControl(shard: Shard, first: string | null, last: string): void {
    if (this.#stopped || first === null) return;
    const records: FetchedRecord[] = [];
    for (let offset = Number(first); offset <= Number(last); offset += 1) records.push({ offset, bytes: NOTHING, storedAt: Number.NaN });
    this.#events.fetched(shard, records);
  }

  #crashed(error: Error): void {
    if (this.#stopped) return;
    this.#stopped = true;
    if (!this.#starting) this.#leave();
    this.#events.crashed(error);
  }

  pause(shards: readonly Shard[]): void {
    if (!this.#stopped) this.#consumer.pause([{ topic: this.#topic, partitions: [...shards] }]);
  }

  seekAndResume(shard: Shard, offset: Offset): void {
    if (this.#stopped) return;
    this.#consumer.seek({ topic: this.#topic, partition: shard, offset: String(offset) });
    this.#consumer.resume([{ topic: this.#topic, partitions: [shard] }]);
  }

  async stop(): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    if (!this.#starting) await this.#consumer.disconnect();
  }
}

/** All messages from the offset that was asked for, control records included: `messages` leaves these out, though they hold offsets. The
 *  answer may begin before that offset, where a batch of several records holds it. */
function rawMessages(batch: Batch): readonly RawMessage[] {
  if (!("messagesWithinOffset" in batch) || !Array.isArray(batch.messagesWithinOffset)) throw new Error("a list of kafkajs without its raw messages");
  return batch.messagesWithinOffset;
}

function recordOf(message: RawMessage): FetchedRecord {
  const bytes = message.isControlRecord === true || message.value === null ? NOTHING : message.value;
  return { offset: Number(message.offset), bytes, storedAt: message.timestamp === undefined ? Number.NaN : Number(message.timestamp) };
}

// Numbers of the protocol: the named exports of kafkajs end before these.
const TOPIC_ACL = 2;
const MATCHING = 2;
const ALLOWED = 3;
const ANY = 1;
const [ALL, WRITE, DELETE, ALTER, ALTER_CONFIGS] = [2, 4, 6, 7, 11];

/** Who may write a topic, and who may delete or alter it, as far as its own rights say; null where they may not be read or none are kept. */
export async function rightsOf(admin: Admin, topic: string): Promise<{ writers: string[]; changers: string[] } | null> {
  try {
    const { resources } = await admin.describeAcls({
      resourceType: TOPIC_ACL,
      resourceName: topic,
      resourcePatternType: MATCHING,
      operation: ANY,
      permissionType: ALLOWED,
    });
    const rights = resources.flatMap(({ acls }) => acls);
    const principalsWith = (operations: readonly number[]): string[] => [
      ...new Set(rights.filter(({ operation }) => operations.includes(operation)).map(({ principal }) => principal)),
    ];
    return { writers: principalsWith([WRITE, ALL]), changers: principalsWith([DELETE, ALTER, ALTER_CONFIGS, ALL]) };
  } catch {
    // SECURITY_DISABLED where no authoriser is set; otherwise the right to look is missing. Both say nothing of the rights.
    return null;
  }
}
