import { expect, test } from "vitest";
import type { AppendOutcome } from "../../engine/ports.ts";
import { FakeTimers, settled } from "../contract/fake-timers.ts";
import { recordBytesMax } from "../frame-writer.ts";
import { AppendInFlight } from "../log-errors.ts";
import { Appender, leadersAskMs } from "./appender.ts";
import type { ProduceAnswer, ProducerLink } from "./client.ts";

const LIMIT_MS = 3_500;

interface Sent {
  readonly texts: readonly string[];
  answer(offset: number): void;
  fail(error: Error): void;
}

class FakeLink implements ProducerLink {
  readonly sent: Sent[] = [];
  discarded = false;
  connected: () => void = () => undefined;
  notConnected: () => void = () => undefined;
  readonly #connecting: Promise<void>;

  constructor(waits: boolean) {
    this.#connecting = waits
      ? new Promise((resolve, reject) => {
          this.connected = resolve;
          this.notConnected = () => reject(new Error("nothing was answered"));
        })
      : Promise.resolve();
  }

  connect(): Promise<void> {
    return this.#connecting;
  }

  send(records: Parameters<ProducerLink["send"]>[0]): Promise<readonly ProduceAnswer[]> {
    return new Promise((resolve, reject) => {
      this.sent.push({
        texts: records.map(({ bytes }) => bytes.toString()),
        answer: (offset) => resolve(records.map(({ shard }) => ({ partition: shard, errorCode: 0, baseOffset: String(offset) }))),
        fail: reject,
      });
    });
  }

  discard(): void {
    this.discarded = true;
  }
}

/** An appender over fake links: `links` in the order they were made, one for each leader first. */
function appenderOf(firstLeaders: readonly number[], options: { waits?: boolean } = {}) {
  const timers = new FakeTimers();
  const links: FakeLink[] = [];
  const asked: { tell(leaders: readonly number[]): void; fail(): void }[] = [];
  let doubted = 0;
  let moved = 0;
  const appender = new Appender({
    producer: () => {
      const link = new FakeLink(options.waits ?? false);
      links.push(link);
      return link;
    },
    leaders: () =>
      new Promise((resolve, reject) => {
        asked.push({ tell: resolve, fail: () => reject(new Error("no broker says")) });
      }),
    firstLeaders,
    timers,
    appendLimitMs: LIMIT_MS,
    say: () => undefined,
    moved: () => {
      moved += 1;
    },
    doubted: () => {
      doubted += 1;
    },
  });
  const append = (...records: readonly (readonly [number, string])[]): { outcomes: readonly AppendOutcome[] | null } => {
    const told: { outcomes: readonly AppendOutcome[] | null } = { outcomes: null };
    const appends = records.map(([shard, text]) => ({ shard, bytes: Buffer.from(text) }));
    appender.append(appends, (outcomes) => {
      told.outcomes = outcomes;
    });
    return told;
  };
  return { appender, timers, links, asked, append, doubts: () => doubted, moves: () => moved };
}

function linkAt(links: readonly FakeLink[], place: number): FakeLink {
  const link = links[place];
  if (link === undefined) throw new Error(`no producer ${place} was made`);
  return link;
}

function sentBy(link: FakeLink, place: number): Sent {
  const sent = link.sent[place];
  if (sent === undefined) throw new Error(`the producer sent ${link.sent.length} requests`);
  return sent;
}

test("appender: a producer that could not connect is never tried again: a new one takes its place and what waits is sent over it", async () => {
  const { links, append, timers } = appenderOf([1], { waits: true });
  const told = append([0, "a"]);
  linkAt(links, 0).notConnected();
  await settled();
  await timers.pass(100);
  linkAt(links, 1).connected();
  await settled();
  sentBy(linkAt(links, 1), 0).answer(7);
  await settled();
  expect(linkAt(links, 0)).toMatchObject({ discarded: true, sent: [] });
  expect(told.outcomes).toMatchObject([{ kind: "done", offset: 7 }]);
});

test("appender: other leaders than before are told of, the same ones are not", async () => {
  const { asked, timers, moves } = appenderOf([1, 1]);
  await timers.pass(leadersAskMs);
  asked[0]?.tell([1, 1]);
  await settled();
  expect(moves()).toBe(0);
  await timers.pass(leadersAskMs);
  asked[1]?.tell([1, 2]);
  await settled();
  expect(moves()).toBe(1);
});

test("appender: one request carries the records of one leader", async () => {
  const { links, append } = appenderOf([1, 1]);
  const told = append([0, "a"], [1, "b"]);
  await settled();
  expect(sentBy(linkAt(links, 0), 0).texts).toEqual(["a", "b"]);
  sentBy(linkAt(links, 0), 0).answer(7);
  await settled();
  expect(told.outcomes).toEqual([
    { kind: "done", offset: 7 },
    { kind: "done", offset: 7 },
  ]);
});

test("appender: limit: without a connection nothing was sent, and nothing is sent later", async () => {
  const { links, timers, append } = appenderOf([1], { waits: true });
  const told = append([0, "a"]);
  await timers.pass(LIMIT_MS);
  expect(told.outcomes).toMatchObject([{ kind: "refused", code: "not_sent" }]);
  linkAt(links, 0).connected();
  await settled();
  expect(linkAt(links, 0).sent).toEqual([]);
});

test("appender: limit: an answer that comes too late is counted and dropped, and its producer is never used again", async () => {
  const { appender, links, timers, asked, append } = appenderOf([1]);
  const told = append([0, "a"]);
  await settled();
  await timers.pass(LIMIT_MS);
  expect(told.outcomes).toMatchObject([{ kind: "unknown" }]);
  sentBy(linkAt(links, 0), 0).answer(7);
  await settled();
  expect(told.outcomes).toMatchObject([{ kind: "unknown" }]);
  expect(appender.lateAnswers).toBe(1);
  expect(linkAt(links, 0).discarded).toBe(true);
  asked[0]?.tell([1]);
  append([0, "b"]);
  await settled();
  expect(linkAt(links, 0).sent).toHaveLength(1);
  expect(sentBy(linkAt(links, 1), 0).texts).toEqual(["b"]);
});

test("appender: unknown: the next append of that leader waits until leaders were asked, and goes to the new one", async () => {
  const { appender, links, timers, asked, append, doubts } = appenderOf([1, 2]);
  append([0, "a"]);
  await settled();
  sentBy(linkAt(links, 0), 0).fail(new Error("connection closed"));
  await settled();
  const told = append([0, "b"]);
  await settled();
  expect(links.flatMap(({ sent }) => sent)).toHaveLength(1);
  asked[0]?.fail();
  await settled();
  await timers.pass(100);
  asked[1]?.tell([2, 2]);
  await settled();
  expect(sentBy(linkAt(links, 1), 0).texts).toEqual(["b"]);
  expect(told.outcomes).toBeNull();
  expect(appender.laneOf(0)).toBe(2);
  expect(doubts()).toBe(1);
});

test("appender: unknown: another leader's shards go on meanwhile", async () => {
  const { links, append } = appenderOf([1, 2]);
  append([0, "a"]);
  await settled();
  sentBy(linkAt(links, 0), 0).fail(new Error("connection closed"));
  await settled();
  append([1, "b"]);
  await settled();
  expect(sentBy(linkAt(links, 1), 0).texts).toEqual(["b"]);
  expect(linkAt(links, 1).discarded).toBe(false);
});

test("appender: refused by the broker: the producer stays", async () => {
  const { links, append } = appenderOf([1]);
  const told = append([0, "a"]);
  await settled();
  sentBy(linkAt(links, 0), 0).fail(Object.assign(new Error("too few"), { name: "KafkaJSProtocolError", type: "NOT_ENOUGH_REPLICAS" }));
  await settled();
  expect(told.outcomes).toMatchObject([{ kind: "refused", code: "not_enough_replicas" }]);
  append([0, "b"]);
  await settled();
  expect(linkAt(links, 0).sent).toHaveLength(2);
});

test("appender: lanes: a second append of a lane is a broken invariant until the first has its outcome", async () => {
  const { appender, links, append } = appenderOf([1, 1, 2]);
  expect([0, 1, 2].map((shard) => appender.laneOf(shard))).toEqual([1, 1, 2]);
  append([0, "a"]);
  expect(() => append([1, "b"])).toThrow(AppendInFlight);
  append([2, "c"]);
  await settled();
  sentBy(linkAt(links, 0), 0).answer(1);
  await settled();
  append([1, "d"]);
});

test("appender: lanes: who groups by what it was told before an election is split by leader, each part with its own outcome", async () => {
  const { appender, links, timers, asked, append } = appenderOf([1, 1]);
  appender.laneOf(0);
  appender.laneOf(1);
  await timers.pass(leadersAskMs);
  asked[0]?.tell([1, 2]);
  await settled();
  const told = append([0, "a"], [1, "b"]);
  await settled();
  expect(sentBy(linkAt(links, 0), 0).texts).toEqual(["a"]);
  expect(sentBy(linkAt(links, 1), 0).texts).toEqual(["b"]);
  sentBy(linkAt(links, 0), 0).answer(3);
  sentBy(linkAt(links, 1), 0).fail(new Error("connection closed"));
  await settled();
  expect(told.outcomes).toMatchObject([{ kind: "done", offset: 3 }, { kind: "unknown" }]);
});

test("appender: a record over the limit is refused alone, and the others are sent", async () => {
  const { links, append } = appenderOf([1, 1]);
  const told = append([0, "x".repeat(recordBytesMax + 1)], [1, "b"]);
  await settled();
  expect(sentBy(linkAt(links, 0), 0).texts).toEqual(["b"]);
  sentBy(linkAt(links, 0), 0).answer(3);
  await settled();
  expect(told.outcomes).toMatchObject([
    { kind: "refused", code: "too_large" },
    { kind: "done", offset: 3 },
  ]);
});

// kafkajs may encode a request long after its caller was told that its outcome is unknown, and then uses its buffer for another frame.
test("appender: what is sent is what was handed over, whatever becomes of the buffer", async () => {
  const { appender, links } = appenderOf([1], { waits: true });
  const bytes = Buffer.from("first");
  appender.append([{ shard: 0, bytes }], () => undefined);
  bytes.fill("x");
  linkAt(links, 0).connected();
  await settled();
  expect(sentBy(linkAt(links, 0), 0).texts).toEqual(["first"]);
});

test("appender: a record that lands no higher than an earlier one makes the log doubt its life", async () => {
  const { links, append, doubts } = appenderOf([1]);
  for (const offset of [5, 6, 2]) {
    append([0, "a"]);
    await settled();
    linkAt(links, 0).sent.at(-1)?.answer(offset);
    await settled();
  }
  expect(doubts()).toBe(1);
});

test("appender: closed: appends are refused as not sent", async () => {
  const { appender, links, append } = appenderOf([1]);
  appender.close();
  const told = append([0, "a"]);
  await settled();
  expect(told.outcomes).toMatchObject([{ kind: "refused", code: "not_sent" }]);
  expect(linkAt(links, 0).sent).toEqual([]);
});

for (const [what, heard] of [
  ["while they are being asked", false],
  ["while the next question waits", true],
] as const) {
  test(`appender: closed: what waits for leaders that are unknown has not been sent, ${what}, and timers still fire`, async () => {
    const { appender, links, append, asked, timers } = appenderOf([1]);
    append([0, "a"]);
    await settled();
    sentBy(linkAt(links, 0), 0).fail(new Error("connection closed"));
    await settled();
    const told = append([0, "b"]);
    if (heard) asked[0]?.fail();
    await settled();
    expect(told.outcomes).toBeNull();
    appender.close();
    await settled();
    expect(told.outcomes).toMatchObject([{ kind: "refused", code: "not_sent" }]);
    asked[0]?.fail();
    await timers.pass(LIMIT_MS);
    await new Promise<void>((resolve) => {
      setImmediate(resolve);
    });
    expect(links.flatMap(({ sent }) => sent)).toHaveLength(1);
  });
}
