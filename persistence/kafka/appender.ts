// Appending to Kafka: one request and one producer per leader broker, and an outcome for every record whatever happens.
//
// Owns: who leads which shard, the producers, and the time limit. Must not: append anything twice (P5), or say what an answer means
// (outcome.ts).
//
// A1. An append is sent at most once, to the broker that leads its shard by the last metadata (C4, K9).
// A2. After an unknown outcome its producer is never used again: kafkajs forgets a request that timed out, the broker does not (K19).
//     Its place is taken by a new one once leaders have been asked again, so a new claim goes to the new leader.
// A3. When the limit passes before anything was handed to kafkajs, the outcome is `not_sent`; afterwards it is unknown (P8).
// A4. Records are copied first: a request that waits within kafkajs is encoded late, when its caller's buffer holds something else.
//
// Lanes. A lane is the shards of one leader, and moves with elections: whoever groups shards asks `laneOf` again before each request, as
// rounds.ts does, lest healthy shards wait for a slow broker. Who asked before a leader changed is not stopped for it: his request is split
// by leader, each part with an outcome of its own. P6 is kept by the lane as the caller was last told it.
import type { Offset, Shard } from "../../engine/core/ids.ts";
import type { Append, AppendOutcome, Timers } from "../../engine/ports.ts";
import { recordBytesMax } from "../frame-writer.ts";
import { AppendInFlight } from "../log-errors.ts";
import { backoffMs, pause } from "./broker-facts.ts";
import type { ProducerLink } from "./client.ts";
import type { Say } from "./options.ts";
import { outcomesOfAnswer, outcomesOfError } from "./outcome.ts";

/** Leaders are asked so often while nothing fails: after an election a shard joins the lane of its new leader, and a topic that is gone is
 *  noticed before it is appended to. One small request. */
export const leadersAskMs = 10_000;

export interface AppenderOptions {
  readonly producer: () => ProducerLink;
  /** Broker id of each shard's leader; rejects when no broker says. */
  readonly leaders: () => Promise<readonly number[]>;
  /** What is known at the start. */
  readonly firstLeaders: readonly number[];
  readonly timers: Timers;
  readonly appendLimitMs: number;
  readonly say: Say;
  /** Shards have other leaders than before. */
  readonly moved: () => void;
  /** An append failed and leaders were asked again, or a record landed no higher than an earlier one: is it still the same log? */
  readonly doubted: () => void;
}

interface Sending {
  /** A new one after each attempt to connect that failed: the old one would try the same broker again. */
  link: ProducerLink;
  /** Resolves when it is connected; it is tried again until then. */
  ready: Promise<void>;
}

/** One record of an append, on its way. */
interface Place {
  readonly shard: Shard;
  readonly bytes: Buffer;
  sentBy: { readonly leader: number; readonly link: ProducerLink } | null;
  outcome: AppendOutcome | null;
}

export class Appender {
  readonly #options: AppenderOptions;
  #leaders: readonly number[];
  /** The lane of each shard as its caller was last told. */
  readonly #told = new Map<Shard, number>();
  readonly #busy = new Set<number>();
  readonly #highest = new Map<Shard, Offset>();
  readonly #producers = new Map<number, Sending>();
  /** Leaders whose producer was discarded, until leaders have been asked again. */
  readonly #suspects = new Set<number>();
  #refreshing: Promise<void> | null = null;
  /** What waits for the leaders goes on when these are called. */
  readonly #waiting = new Set<() => void>();
  #cancelAsking: () => void = () => undefined;
  #closed = false;
  /** Answers that came after their limit, and were dropped (P8). */
  lateAnswers = 0;

  constructor(options: AppenderOptions) {
    this.#options = options;
    this.#leaders = options.firstLeaders;
    for (const leader of new Set(options.firstLeaders)) this.#producerOf(leader);
    this.#askAgain();
  }

  /** Its leader's broker id, as known now. To be asked only while no append of the shard is in flight: P6 goes by the last answer. */
  laneOf(shard: Shard): number {
    const lane = this.#leaderOf(shard);
    this.#told.set(shard, lane);
    return lane;
  }

  #leaderOf(shard: Shard): number {
    const leader = this.#leaders[shard];
    if (leader === undefined) throw new RangeError(`shard ${shard} is none of ${this.#leaders.length}`);
    return leader;
  }

  append(appends: readonly Append[], done: (outcomes: readonly AppendOutcome[]) => void): void {
    const lanes = new Set(appends.map(({ shard }) => this.#told.get(shard) ?? this.laneOf(shard)));
    for (const lane of lanes) if (this.#busy.has(lane)) throw new AppendInFlight(lane);
    for (const lane of lanes) this.#busy.add(lane);
    const append = new OneAppend(appends, {
      ...this.#options,
      discard: (sentBy) => this.#discard(sentBy.leader, sentBy.link),
      late: () => {
        this.lateAnswers += 1;
      },
      done: (outcomes) => {
        for (const lane of lanes) this.#busy.delete(lane);
        appends.forEach(({ shard }, i) => {
          this.#noteOffset(shard, outcomes[i]);
        });
        done(outcomes);
      },
    });
    for (const place of append.places) {
      const refused = this.#refusedHere(place.bytes);
      if (refused !== null) this.#options.timers.soon(() => append.settle([place], [refused]));
    }
    this.#sendAll(
      append,
      append.places.filter(({ bytes }) => this.#refusedHere(bytes) === null),
    );
  }

  /** Every record of a shard below this is durable: one of ours was acknowledged in front of it. 0 when none was yet. */
  durableTo(shard: Shard): Offset {
    return (this.#highest.get(shard) ?? -1) + 1;
  }

  #noteOffset(shard: Shard, outcome: AppendOutcome | undefined): void {
    if (outcome?.kind !== "done") return;
    if (outcome.offset <= (this.#highest.get(shard) ?? -1)) this.#options.doubted();
    this.#highest.set(shard, outcome.offset);
  }

  #refusedHere(bytes: Uint8Array): AppendOutcome | null {
    if (this.#closed) return notSent(CLOSED);
    if (bytes.length <= recordBytesMax) return null;
    return { kind: "refused", code: "too_large", detail: `a record of ${bytes.length} bytes; ${recordBytesMax} is the most` };
  }

  /** By the leaders known now; what is led by a suspect waits until they have been asked again. */
  #sendAll(append: OneAppend, places: readonly Place[]): void {
    const waiting: Place[] = [];
    const byLeader = new Map<number, Place[]>();
    for (const place of places) {
      const leader = this.#leaderOf(place.shard);
      const list = this.#suspects.has(leader) ? waiting : (byLeader.get(leader) ?? []);
      list.push(place);
      if (list !== waiting) byLeader.set(leader, list);
    }
    for (const [leader, list] of byLeader) {
      this.#send(append, leader, list).catch((error: unknown) => append.settle(list, outcomesOfError(shardsOf(list), error)));
    }
    if (waiting.length === 0) return;
    const refreshing = this.#refreshing ?? Promise.resolve();
    const proceed = (): void => {
      this.#waiting.delete(proceed);
      if (append.finished) return;
      if (this.#closed) settleClosed(append, waiting);
      else this.#sendAll(append, waiting);
    };
    this.#waiting.add(proceed);
    refreshing.then(proceed, proceed);
  }

  async #send(append: OneAppend, leader: number, places: readonly Place[]): Promise<void> {
    const sending = this.#producerOf(leader);
    await sending.ready;
    const { link } = sending;
    if (append.finished) return;
    if (this.#closed) {
      settleClosed(append, places);
      return;
    }
    for (const place of places) place.sentBy = { leader, link };
    append.settle(places, outcomesOfAnswer(shardsOf(places), await link.send(places)));
  }

  #producerOf(leader: number): Sending {
    let sending = this.#producers.get(leader);
    if (sending === undefined) {
      sending = { link: this.#options.producer(), ready: Promise.resolve() };
      sending.ready = this.#connect(sending);
      this.#producers.set(leader, sending);
    }
    return sending;
  }

  async #connect(sending: Sending): Promise<void> {
    for (let attempt = 0; !this.#closed; attempt += 1) {
      try {
        await sending.link.connect();
        return;
      } catch (error) {
        this.#options.say("warn", "kafka_producer_not_connected", { attempt, error: String(error) });
        sending.link.discard();
        await pause(this.#options.timers, backoffMs(attempt));
        sending.link = this.#options.producer();
      }
    }
  }

  // A2. Once for each producer: several records of a request tell of the same one.
  #discard(leader: number, link: ProducerLink): void {
    if (this.#producers.get(leader)?.link !== link) return;
    this.#producers.delete(leader);
    link.discard();
    if (this.#closed) return;
    this.#suspects.add(leader);
    this.#refreshing ??= this.#refresh().finally(() => {
      this.#refreshing = null;
    });
  }

  async #refresh(): Promise<void> {
    for (let attempt = 0; !this.#closed; attempt += 1) {
      // Whoever fails while the leaders are being asked waits for the next answer.
      const asked = [...this.#suspects];
      try {
        this.#takeLeaders(await this.#options.leaders());
        for (const leader of asked) this.#suspects.delete(leader);
        if (this.#suspects.size > 0) continue;
        this.#options.doubted();
        return;
      } catch (error) {
        this.#options.say("warn", "kafka_leaders_unknown", { attempt, error: String(error) });
        await pause(this.#options.timers, backoffMs(attempt));
      }
    }
  }

  #askAgain(): void {
    this.#cancelAsking = this.#options.timers.after(leadersAskMs, () => {
      if (this.#refreshing === null) this.#look().catch(() => undefined);
      this.#askAgain();
    });
  }

  async #look(): Promise<void> {
    try {
      this.#takeLeaders(await this.#options.leaders());
    } catch (error) {
      if (!this.#closed) this.#options.say("warn", "kafka_leaders_unknown", { attempt: 0, error: String(error) });
    }
  }

  #takeLeaders(leaders: readonly number[]): void {
    if (leaders.length < this.#leaders.length) throw new Error(`the topic has ${leaders.length} partitions, and had ${this.#leaders.length}`);
    const moved = this.#leaders.flatMap((leader, shard) => (leaders[shard] === leader ? [] : [shard]));
    this.#leaders = leaders;
    if (moved.length === 0) return;
    this.#options.say("warn", "kafka_leader_moved", { shards: moved });
    this.#options.moved();
  }

  close(): void {
    this.#closed = true;
    this.#cancelAsking();
    for (const { link } of this.#producers.values()) link.discard();
    this.#producers.clear();
    // Leaders are not asked again: what waits for them is settled now.
    this.#suspects.clear();
    for (const proceed of this.#waiting) this.#options.timers.soon(proceed);
  }
}

/** One call of append, until every record has its outcome. */
class OneAppend {
  readonly places: readonly Place[];
  finished = false;
  readonly #told: {
    readonly discard: (sentBy: NonNullable<Place["sentBy"]>) => void;
    readonly late: () => void;
    readonly done: (outcomes: readonly AppendOutcome[]) => void;
  };
  readonly #cancel: () => void;

  constructor(
    appends: readonly Append[],
    options: {
      timers: Timers;
      appendLimitMs: number;
      discard: (sentBy: NonNullable<Place["sentBy"]>) => void;
      late: () => void;
      done: (outcomes: readonly AppendOutcome[]) => void;
    },
  ) {
    this.#told = options;
    // A4.
    this.places = appends.map(({ shard, bytes }) => ({ shard, bytes: Buffer.from(bytes), sentBy: null, outcome: null }));
    this.#cancel = options.timers.after(options.appendLimitMs, () => this.#limit(options.appendLimitMs));
  }

  settle(places: readonly Place[], outcomes: readonly AppendOutcome[]): void {
    if (this.finished) {
      this.#told.late();
      return;
    }
    places.forEach((place, i) => {
      place.outcome ??= outcomes[i] ?? { kind: "unknown", cause: "no outcome" };
      if (place.sentBy !== null && endsProducer(place.outcome)) this.#told.discard(place.sentBy);
    });
    if (this.places.every(({ outcome }) => outcome !== null)) this.#finish();
  }

  // A3, P8.
  #limit(limitMs: number): void {
    for (const place of this.places) {
      if (place.outcome !== null) continue;
      place.outcome = place.sentBy === null ? notSent(`no connection within ${limitMs} ms`) : { kind: "unknown", cause: `no answer within ${limitMs} ms` };
      if (place.sentBy !== null) this.#told.discard(place.sentBy);
    }
    this.#finish();
  }

  #finish(): void {
    this.finished = true;
    this.#cancel();
    this.#told.done(this.places.map(({ outcome }) => outcome ?? { kind: "unknown", cause: "no outcome" }));
  }
}

/** A producer that sent nothing has old metadata. */
function endsProducer(outcome: AppendOutcome): boolean {
  return outcome.kind === "unknown" || (outcome.kind === "refused" && outcome.code === "not_sent");
}

const CLOSED = "the log is closed";

function settleClosed(append: OneAppend, places: readonly Place[]): void {
  append.settle(
    places,
    places.map(() => notSent(CLOSED)),
  );
}

function shardsOf(places: readonly Place[]): Shard[] {
  return places.map(({ shard }) => shard);
}

function notSent(detail: string): AppendOutcome {
  return { kind: "refused", code: "not_sent", detail };
}
