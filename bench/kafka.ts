// What the decision log costs over Kafka: the adapter against a bare produce loop of the same client, and how fast a log is replayed.
//
// K: a bare loop sends one request after the other through the same kafkajs with the same settings. The adapter's share of it is what
// copying, the time limit and mapping of outcomes cost. Both take turns in rounds, so that a machine that changes its pace meets both.
// Only medians of rounds are compared. Goals: at least 70 % of the bare throughput, at most 1.5 times its median wait.
//
// Then a million decisions are decided, framed and appended to 16 shards, and read again from offset 0: fetched, decoded, checked by hash,
// judged; and once more with every decision applied. Goal: 300,000 a second.
import { randomBytes } from "node:crypto";
import type { Histogram } from "hdr-histogram-js";
import { apply } from "../engine/core/auction.ts";
import type { AuctionId, Shard } from "../engine/core/ids.ts";
import type { AuctionState } from "../engine/core/state.ts";
import { advance, initialJudge, type JudgeState, judge } from "../engine/core/validity.ts";
import type { Append, AppendOutcome, DecisionLog } from "../engine/ports.ts";
import { kafkaClients } from "../persistence/kafka/client.ts";
import { type KafkaLog, openKafkaLog } from "../persistence/kafka/open-log.ts";
import type { KafkaConnection } from "../persistence/kafka/options.ts";
import { createTopic } from "../persistence/kafka/topics.ts";
import { readShard } from "../persistence/log-reader.ts";
import { createRecordCodec } from "../persistence/record.ts";
import { now } from "./clock.ts";
import { type CountPair, DurationCounts, histogramOf } from "./counts.ts";
import { ShardFrames } from "./kafka-frames.ts";

const US_PER_MS = 1_000;
const SHARDS = 16;
const DECISIONS = 1_000_000;
const FRAME_BYTES = 30_720;
const ROUNDS = 5;
/** What a request carries: small frames, one full frame, and one for each shard of a lane. */
const SHAPES: readonly Shape[] = [
  { shards: 1, bytes: 4_096 },
  { shards: 1, bytes: FRAME_BYTES },
  { shards: 8, bytes: 15_360 },
];

interface Shape {
  readonly shards: number;
  readonly bytes: number;
}

/** One way of sending, over all its rounds. */
export interface SendFigures {
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly samples: number;
}

export interface KafkaFigures {
  readonly durability: string;
  readonly shapes: readonly { readonly shards: number; readonly bytes: number; readonly bare: SendFigures; readonly adapter: SendFigures }[];
  /** Decided, framed, appended. */
  readonly framedPerSecond: number;
  readonly decisions: number;
  readonly frames: number;
  readonly megabytes: number;
  /** Read, decoded, checked and judged; and with every decision applied as well. */
  readonly judgedPerSecond: number;
  readonly appliedPerSecond: number;
}

export interface KafkaRunOptions {
  readonly brokers: readonly string[];
  /** Of each round. */
  readonly seconds: number;
  readonly progress: (text: string) => void;
}

/** The whole run on a topic of its own, which stays behind on brokers that are not ours. */
export async function runKafka(options: KafkaRunOptions): Promise<{ readonly figures: KafkaFigures; readonly lines: readonly string[] }> {
  const connection = { brokers: options.brokers, clientId: "fairwarning-bench" };
  const topic = `fairwarning-bench-${randomBytes(4).toString("hex")}`;
  const wish = { connection, topic, shards: SHARDS, oneBroker: true, slotDigest: new Uint8Array(16) };
  await createTopic({ ...wish, madeAt: now(), version: "bench" });
  const open = (): Promise<KafkaLog> =>
    openKafkaLog({
      ...wish,
      appendLimitMs: 10_000,
      onFatal: (error) => {
        throw error;
      },
    });
  const log = await open();
  const written = await write(log, options.progress);
  await log.close();
  options.progress("recovery");
  const judged = await replay(open, written.decisions, false);
  const applied = await replay(open, written.decisions, true);
  const shapes = await compareAll({ ...options, connection, open, topic });
  const figures = { durability: log.durability, shapes, ...written, judgedPerSecond: judged, appliedPerSecond: applied };
  return { figures, lines: linesOf(figures) };
}

async function compareAll(
  options: KafkaRunOptions & { connection: KafkaConnection; topic: string; open: () => Promise<KafkaLog> },
): Promise<KafkaFigures["shapes"]> {
  const log = await options.open();
  const producer = kafkaClients(options.connection, () => undefined).producer(options.topic);
  await producer.connect();
  const figures = [];
  for (const shape of SHAPES) {
    options.progress(`bare loop and adapter, ${shape.shards} x ${shape.bytes} bytes`);
    const frames = Array.from({ length: shape.shards }, (_, shard) => ({ shard, bytes: Buffer.alloc(shape.bytes, 1) }));
    const bare = new Sending(async () => {
      const answers = await producer.send(frames);
      if (answers.length !== shape.shards) throw new Error(`${answers.length} answers for ${shape.shards} records`);
    });
    const adapter = new Sending(() => appendAll(log, frames));
    for (const sending of [bare, adapter]) await sending.warmUp(options.seconds);
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const sending of round % 2 === 0 ? [bare, adapter] : [adapter, bare]) await sending.round(options.seconds);
    }
    figures.push({ ...shape, bare: bare.figures(), adapter: adapter.figures() });
  }
  producer.discard();
  await log.close();
  return figures;
}

/** One request after the other, in rounds. */
class Sending {
  readonly #send: () => Promise<void>;
  readonly #rates: number[] = [];
  readonly #pairs: (readonly CountPair[])[] = [];

  constructor(send: () => Promise<void>) {
    this.#send = send;
  }

  async warmUp(seconds: number): Promise<void> {
    const until = performance.now() + seconds * 1_000;
    while (performance.now() < until) await this.#send();
  }

  async round(seconds: number): Promise<void> {
    const counts = new DurationCounts();
    const begun = performance.now();
    const until = begun + seconds * 1_000;
    let requests = 0;
    for (let from = begun; from < until; from = performance.now()) {
      await this.#send();
      requests += 1;
      counts.add((performance.now() - from) * US_PER_MS);
    }
    this.#rates.push((requests * 1_000) / (performance.now() - begun));
    this.#pairs.push(counts.pairs());
  }

  figures(): SendFigures {
    const rates = this.#rates.toSorted((a, b) => a - b);
    const histogram: Histogram = histogramOf(this.#pairs);
    const at = (percentile: number): number => histogram.getValueAtPercentile(percentile) / US_PER_MS;
    return { requestsPerSecond: rates[Math.floor(rates.length / 2)] ?? 0, p50Ms: at(50), p99Ms: at(99), samples: histogram.totalCount };
  }
}

async function appendAll(log: DecisionLog, appends: readonly Append[]): Promise<void> {
  await offsetsOf(log, appends);
}

async function offsetsOf(log: DecisionLog, appends: readonly Append[]): Promise<number[]> {
  const outcomes = await new Promise<readonly AppendOutcome[]>((done) => log.append(appends, done));
  return outcomes.map((outcome) => {
    if (outcome.kind !== "done") throw new Error(`an append was ${outcome.kind}: ${outcome.kind === "refused" ? outcome.detail : outcome.cause}`);
    return outcome.offset;
  });
}

/** Claims every shard, then decides, frames and appends: while one request is in flight the frames of the next one are filled. */
async function write(log: KafkaLog, progress: (text: string) => void): Promise<Pick<KafkaFigures, "framedPerSecond" | "decisions" | "frames" | "megabytes">> {
  const codec = createRecordCodec(log.lifeId);
  const shards: ShardFrames[] = [];
  for (let shard = 0; shard < SHARDS; shard += 1) {
    const state = await claimed(log, shard);
    shards.push(new ShardFrames({ codec, shard, epoch: Number(state.claim), hash: state.hash, at: now() }));
  }
  const begun = performance.now();
  let [decisions, frames, bytes] = [0, 0, 0];
  let inFlight: Promise<void> = Promise.resolve();
  while (decisions < DECISIONS) {
    const appends = shards.map((writer, shard) => {
      const frame = writer.next(FRAME_BYTES);
      decisions += frame.decisions;
      bytes += frame.bytes.length;
      return { shard, bytes: frame.bytes };
    });
    frames += appends.length;
    await inFlight;
    inFlight = appendAll(log, appends);
    progress(`${decisions} of ${DECISIONS} decisions written`);
  }
  await inFlight;
  return { framedPerSecond: (decisions * 1_000) / (performance.now() - begun), decisions, frames, megabytes: bytes / 1e6 };
}

async function claimed(log: KafkaLog, shard: Shard): Promise<JudgeState> {
  const codec = createRecordCodec(log.lifeId);
  const claim = { shard, previous: 0, nonce: randomBytes(16), nodeId: "bench", processId: "bench", reason: "start", shards: SHARDS, at: now() } as const;
  await offsetsOf(log, [{ shard, bytes: codec.claim(claim) }]);
  const state = initialJudge(shard);
  for await (const list of log.read(shard, 0)) {
    for (const stored of list) {
      const record = codec.decode(stored, shard);
      advance(state, record, judge(state, record), codec.hash);
    }
  }
  return state;
}

/** Decisions a second over all shards, read side by side by a log that was just opened; throws unless every decision came. */
async function replay(open: () => Promise<KafkaLog>, wanted: number, applying: boolean): Promise<number> {
  const log = await open();
  const begun = performance.now();
  const counts = await Promise.all(Array.from({ length: SHARDS }, (_, shard) => replayShard(log, shard, applying)));
  const elapsedMs = performance.now() - begun;
  await log.close();
  const found = counts.reduce((sum, count) => sum + count, 0);
  if (found !== wanted) throw new Error(`${found} decisions were read of ${wanted} written`);
  return (found * 1_000) / elapsedMs;
}

async function replayShard(log: KafkaLog, shard: Shard, applying: boolean): Promise<number> {
  const codec = createRecordCodec(log.lifeId);
  const states = new Map<AuctionId, AuctionState>();
  let count = 0;
  for await (const { record, verdict } of readShard(log, codec, shard)) {
    if (verdict.kind !== "effective") throw new Error(`a record of the run is ${verdict.kind}: ${verdict.reason}`);
    if (record.kind !== "frame") continue;
    count += record.count;
    if (!applying) continue;
    for (const decision of codec.decisions(record)) states.set(decision.auctionId, apply(states.get(decision.auctionId) ?? null, decision));
  }
  return count;
}

const RATIO_MIN = 0.7;
const WAIT_MAX = 1.5;
const REPLAY_GOAL = 300_000;

function linesOf(figures: KafkaFigures): string[] {
  const count = (value: number): string => Math.round(value).toLocaleString("en-US");
  const met = (passed: boolean): string => (passed ? "met" : "missed");
  const lines = [`kafka: durability: ${figures.durability}; ${ROUNDS} rounds each, taking turns; one request in flight`];
  for (const { shards, bytes, bare, adapter } of figures.shapes) {
    const [ratio, wait] = [adapter.requestsPerSecond / bare.requestsPerSecond, adapter.p50Ms / bare.p50Ms];
    const told = ({ requestsPerSecond, p50Ms, p99Ms, samples }: SendFigures): string =>
      `${count(requestsPerSecond)} requests/s, ${((requestsPerSecond * shards * bytes) / 1e6).toFixed(1)} MB/s, p50 ${p50Ms.toFixed(2)} p99 ${p99Ms.toFixed(2)} ms (n ${samples})`;
    lines.push(`  ${shards} x ${bytes} B  bare     ${told(bare)}`, `  ${" ".repeat(`${shards} x ${bytes} B`.length)}  adapter  ${told(adapter)}`);
    lines.push(
      `    share ${ratio.toFixed(2)} (at least ${RATIO_MIN}: ${met(ratio >= RATIO_MIN)}), wait ${wait.toFixed(2)} (at most ${WAIT_MAX}: ${met(wait <= WAIT_MAX)})`,
    );
  }
  lines.push(
    `  decided, framed and appended, ${SHARDS} shards a request: ${count(figures.framedPerSecond)} decisions/s (${figures.frames} frames, ${figures.megabytes.toFixed(0)} MB)`,
  );
  lines.push(`  recovery of ${count(figures.decisions)} decisions: read and judged ${count(figures.judgedPerSecond)}/s`);
  lines.push(`    applied as well ${count(figures.appliedPerSecond)}/s (at least ${count(REPLAY_GOAL)}: ${met(figures.appliedPerSecond >= REPLAY_GOAL)})`);
  return lines;
}
