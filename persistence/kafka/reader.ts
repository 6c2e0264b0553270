// Reading the topic: one consumer, alone in its group, serves every reader of every shard.
//
// Owns: the consumer's life, where it is sent, and when a position is gone. Must not: hand out a record out of order (shard-feed.ts), or
// begin anywhere else than asked.
//
// K20. A list that does not begin where the consumer was sent is dropped, and the consumer is sent again.
// K21. A rejoin and a new consumer forget positions and pauses: then everything is paused, and sent again from our own positions.
//      Each new consumer has a group of its own: its predecessor may still be a member of the old one, and then joining takes a minute.
// K27. (own) kafkajs goes on asking a leader that takes connections and answers nothing (a frozen broker) for most of a minute. So when
//      the leaders are others, a new consumer takes its place.
// K22. kafkajs resets a position beyond either end to the beginning, in silence. So ends are asked before the consumer is sent anywhere,
//      and each second for those that wait: below the start LogPositionGone, above the end LogTruncated.
//      A position below a record of our own that was acknowledged is not asked about: a new owner reads up to its claim so, while bids
//      wait for it. Should it be gone after all, K20 refuses the list that comes instead. Should what it reads up to be gone, it would
//      wait for ever at the end: so that is what is compared for those that read up to somewhere.
//      An end is believed too low only when three answers agree, each over a connection of its own that has asked anew who leads: a broker
//      that was just deposed may know less, and may still call itself the leader.
import type { Offset, Shard } from "../../engine/core/ids.ts";
import type { StoredRecord, Timers } from "../../engine/ports.ts";
import { LogPositionGone } from "../log-errors.ts";
import { type BrokerFacts, backoffMs, pause, type ShardEnds } from "./broker-facts.ts";
import type { ConsumerLink, KafkaClients } from "./client.ts";
import { KafkaLogClosed, LogTruncated } from "./errors.ts";
import type { Say } from "./options.ts";
import { FeedReader, ShardFeed } from "./shard-feed.ts";

/** How long brokers are asked for the ends of the log before a reader fails. Above a leader's election (9 s) and a broker's start (10 s). */
export const endsLimitMs = 60_000;
/** Those that wait for records compare their position with the ends so often. */
const WATCH_MS = 1_000;
/** Answers that must agree before the log is called shorter. */
const LOOKS_MAX = 3;
const LOOK_PAUSE_MS = 100;
/** Groups to be deleted at the end; a broker forgets older ones by itself. */
const GROUPS_MAX = 8;

export interface TopicReaderOptions {
  readonly clients: Pick<KafkaClients, "consumer">;
  readonly facts: Pick<BrokerFacts, "allEnds">;
  readonly topic: string;
  readonly shards: number;
  /** Begins the name of each group. Nobody else's: all partitions are ours. */
  readonly group: string;
  readonly timers: Timers;
  readonly say: Say;
  /** A new consumer stands in for one that crashed. */
  readonly rebuilt: () => void;
  /** What a shard's own appends prove to be durable: everything below. */
  readonly durableTo: (shard: Shard) => Offset;
}

export class TopicReader {
  readonly #options: TopicReaderOptions;
  readonly #feeds: readonly ShardFeed[];
  /** Feeds that are being sent somewhere. */
  readonly #sending = new Set<ShardFeed>();
  #consumer: ConsumerLink | null = null;
  /** Counts the consumers; only the newest is heard. */
  #builds = 0;
  #groups: readonly string[] = [];
  #joined = false;
  #onJoined: (() => void)[] = [];
  #cancelWatch: (() => void) | null = null;
  /** Where each waiting reader stood at the last look. */
  #stoodAt = new Map<FeedReader, Offset>();
  #closed = false;

  constructor(options: TopicReaderOptions) {
    this.#options = options;
    this.#feeds = Array.from({ length: options.shards }, (_, shard) => new ShardFeed(shard));
  }

  /** Begins to join the group; readers wait for it. */
  start(): void {
    this.#rebuild(0).catch(() => undefined);
  }

  /** The newest groups that were made. */
  get groups(): readonly string[] {
    return this.#groups;
  }

  /** The shards have other leaders: a new consumer asks them (K27). */
  leadersMoved(): void {
    if (this.#closed || this.#consumer === null) return;
    this.#consumer.stop().catch(() => undefined);
    this.#forget();
    this.#rebuild(0).catch(() => undefined);
  }

  /** Resolves once the group is joined. */
  joined(): Promise<void> {
    if (this.#joined) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onJoined.push(resolve);
    });
  }

  /** Records from `from` up to `to`, which must be durable by now; a tail where `to` is Infinity. */
  async *lists(shard: Shard, range: { from: Offset; to: Offset }, signal?: AbortSignal): AsyncGenerator<readonly StoredRecord[]> {
    if (this.#closed) throw new KafkaLogClosed();
    const feed = this.#feedOf(shard);
    const reader = new FeedReader(range);
    const end = (): void => reader.end();
    signal?.addEventListener("abort", end);
    feed.readers.add(reader);
    this.#watch();
    try {
      for (;;) {
        if (signal?.aborted === true) return;
        this.#serve(feed);
        const list = await reader.take();
        if (list === null) return;
        this.#serve(feed);
        yield list;
      }
    } finally {
      signal?.removeEventListener("abort", end);
      feed.readers.delete(reader);
      if (feed.readers.size === 0) this.#rest(feed);
    }
  }

  #feedOf(shard: Shard): ShardFeed {
    const feed = this.#feeds[shard];
    if (feed === undefined) throw new RangeError(`shard ${shard} is none of ${this.#feeds.length}`);
    return feed;
  }

  /** The ends of a shard. A `position` that others hold is compared with them: LogTruncated, LogPositionGone (K22). */
  async ends(shard: Shard, position?: Offset): Promise<ShardEnds> {
    this.#feedOf(shard);
    for (let look = 1; ; look += 1) {
      const ends = (await this.#options.facts.allEnds(endsLimitMs, look > 1)).get(shard);
      if (ends === undefined) throw new Error(`the topic has no partition ${shard}`);
      if (position === undefined || (position >= ends.start && position <= ends.end)) return ends;
      if (position < ends.start) throw new LogPositionGone({ shard, from: position, ...ends });
      if (look >= LOOKS_MAX) throw new LogTruncated({ shard, from: position, ...ends });
      await pause(this.#options.timers, LOOK_PAUSE_MS);
    }
  }

  /** Sends the consumer where it is wanted, if it is not on its way there. */
  #serve(feed: ShardFeed): void {
    const wanted = feed.wanted;
    if (wanted === feed.position || !this.#joined || this.#sending.has(feed)) return;
    this.#rest(feed);
    if (wanted === null) return;
    this.#sending.add(feed);
    this.#send(feed, wanted).catch((error: unknown) => feed.fail(error instanceof Error ? error : new Error(String(error))));
  }

  async #send(feed: ShardFeed, wanted: Offset): Promise<void> {
    try {
      if (wanted >= this.#options.durableTo(feed.shard)) await this.ends(feed.shard, wanted);
      // Someone further back may have come meanwhile; he is checked in a turn of his own.
      if (feed.wanted !== wanted || !this.#joined) return;
      feed.sentTo(wanted);
      this.#consumer?.seekAndResume(feed.shard, wanted);
    } catch (error) {
      for (const reader of feed.readers) {
        if (reader.hungry && reader.next === wanted) reader.fail(error instanceof Error ? error : new Error(String(error)));
      }
    } finally {
      this.#sending.delete(feed);
      if (feed.wanted !== feed.position) this.#serve(feed);
    }
  }

  /** Nothing is fetched of it, and what still comes is dropped. */
  #rest(feed: ShardFeed): void {
    feed.sentTo(null);
    if (this.#joined) this.#consumer?.pause([feed.shard]);
  }

  async #rebuild(attempt: number): Promise<void> {
    const { clients, topic, timers, say } = this.#options;
    this.#builds += 1;
    const build = this.#builds;
    if (attempt > 0) await pause(timers, backoffMs(attempt - 1));
    if (this.#closed || build !== this.#builds) return;
    const group = `${this.#options.group}-${build}`;
    this.#groups = [...this.#groups.slice(1 - GROUPS_MAX), group];
    const consumer = clients.consumer({
      topic,
      group,
      events: {
        joined: () => this.#hasJoined(consumer),
        fetched: (shard, records) => {
          const feed = this.#feeds[shard];
          if (feed === undefined || this.#consumer !== consumer) return;
          feed.take(records);
          this.#serve(feed);
        },
        crashed: (error) => {
          say("warn", "kafka_consumer_crashed", { attempt, error: error.message });
          if (this.#consumer !== consumer) return;
          const next = this.#joined ? 1 : attempt + 1;
          this.#forget();
          this.#rebuild(next).catch(() => undefined);
        },
      },
    });
    this.#consumer = consumer;
    await consumer.start();
  }

  #hasJoined(consumer: ConsumerLink): void {
    if (this.#consumer !== consumer || this.#closed) return;
    const anew = this.#joined;
    this.#joined = true;
    consumer.pause(this.#feeds.map(({ shard }) => shard));
    if (anew) this.#options.say("info", "kafka_group_rejoined", {});
    for (const feed of this.#feeds) {
      feed.sentTo(null);
      this.#serve(feed);
    }
    for (const resolve of this.#onJoined.splice(0)) resolve();
    this.#options.rebuilt();
  }

  #forget(): void {
    this.#joined = false;
    for (const feed of this.#feeds) feed.sentTo(null);
  }

  // Readers that wait would not hear of a log that got shorter: nothing is fetched then.
  #watch(): void {
    if (this.#cancelWatch !== null || this.#closed) return;
    this.#cancelWatch = this.#options.timers.after(WATCH_MS, () => {
      this.#look()
        .catch((error: unknown) => this.#options.say("warn", "kafka_ends_unknown", { error: String(error) }))
        .finally(() => {
          this.#cancelWatch = null;
          if (this.#feeds.some(({ readers }) => readers.size > 0)) this.#watch();
        });
    });
  }

  async #look(): Promise<void> {
    const waiting = this.#feeds.flatMap((feed) => [...feed.readers].filter(({ hungry }) => hungry).map((reader) => ({ feed, reader, next: reader.next })));
    if (waiting.length === 0) return;
    const all = await this.#options.facts.allEnds(endsLimitMs);
    const before = this.#stoodAt;
    this.#stoodAt = new Map(waiting.map(({ reader, next }) => [reader, next]));
    for (const { feed, reader, next } of waiting) {
      const ends = all.get(feed.shard);
      if (ends !== undefined && reader.to !== Number.POSITIVE_INFINITY && reader.to > ends.end) {
        await this.#failIfCut(feed, reader);
        continue;
      }
      if (ends === undefined || !reader.hungry || reader.next !== next || next === ends.end) continue;
      // Its position is gone; or records lie ahead that nothing has brought from one look to the next. It is sent there anew.
      if (next >= ends.start && next < ends.end && before.get(reader) !== next) continue;
      this.#rest(feed);
      this.#serve(feed);
    }
  }

  /** What a bounded reader was promised is no longer there: it would wait for it for ever. */
  async #failIfCut(feed: ShardFeed, reader: FeedReader): Promise<void> {
    try {
      await this.ends(feed.shard, reader.to);
    } catch (error) {
      if (!(error instanceof LogPositionGone)) throw error;
      if (reader.next < reader.to) reader.fail(error);
    }
  }

  /** Tails end; a bounded reader that has not got everything throws KafkaLogClosed, so that nobody takes a part for the whole. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelWatch?.();
    for (const { readers } of this.#feeds) {
      for (const reader of readers) {
        if (reader.to === Number.POSITIVE_INFINITY) reader.end();
        else if (reader.next < reader.to) reader.fail(new KafkaLogClosed());
      }
    }
    for (const resolve of this.#onJoined.splice(0)) resolve();
    await this.#consumer?.stop().catch(() => undefined);
  }
}
