import { expect, test } from "vitest";
import type { StoredRecord } from "../../engine/ports.ts";
import { FakeTimers, settled } from "../contract/fake-timers.ts";
import type { ShardEnds } from "./broker-facts.ts";
import type { ConsumerEvents } from "./client.ts";
import { KafkaLogClosed, LogTruncated } from "./errors.ts";
import { TopicReader } from "./reader.ts";

const WATCH_MS = 1_000;
const LOOK_PAUSE_MS = 100;

/** A reader of one shard that has joined. `ends` are what brokers say, in turn, the last one ever after; `doubts` how each was asked. */
async function readerOf(options: { ends: readonly ShardEnds[]; durableTo: number }) {
  const timers = new FakeTimers();
  const sent: number[] = [];
  let events: ConsumerEvents | null = null;
  const doubts: boolean[] = [];
  const reader = new TopicReader({
    clients: {
      consumer: (made) => {
        events = made.events;
        return {
          start: () => {
            // Once the reader knows whose events these are.
            queueMicrotask(() => made.events.joined());
            return Promise.resolve();
          },
          pause: () => undefined,
          seekAndResume: (_, offset) => {
            sent.push(offset);
          },
          stop: () => Promise.resolve(),
        };
      },
    },
    facts: {
      allEnds: (_, doubted) => {
        doubts.push(doubted ?? false);
        const ends = options.ends[Math.min(doubts.length - 1, options.ends.length - 1)] as ShardEnds;
        return Promise.resolve(new Map([[0, ends]]));
      },
    },
    topic: "decisions",
    shards: 1,
    group: "group",
    timers,
    say: () => undefined,
    rebuilt: () => undefined,
    durableTo: () => options.durableTo,
  });
  reader.start();
  await reader.joined();
  const fetched = (...offsets: readonly number[]): void => {
    events?.fetched(
      0,
      offsets.map((offset) => ({ offset, bytes: new Uint8Array(1), storedAt: 1_000 })),
    );
  };
  return { reader, timers, sent, fetched, doubts };
}

/** Reads on; what it was given, and how it ended. */
function readOn(lists: AsyncIterable<readonly StoredRecord[]>): { readonly offsets: number[]; ended: "whole" | Error | null } {
  const told: { readonly offsets: number[]; ended: "whole" | Error | null } = { offsets: [], ended: null };
  const reading = (async () => {
    for await (const list of lists) told.offsets.push(...list.map(({ offset }) => offset));
  })();
  reading.then(
    () => {
      told.ended = "whole";
    },
    (error: Error) => {
      told.ended = error;
    },
  );
  return told;
}

test("reader: a bounded read whose log was cut exactly where it waits fails once three answers agree", async () => {
  const { reader, timers, sent, fetched, doubts } = await readerOf({ ends: [{ start: 0, end: 2 }], durableTo: 5 });
  const told = readOn(reader.lists(0, { from: 0, to: 5 }));
  await settled();
  expect(sent).toEqual([0]);
  expect(doubts).toEqual([]);
  fetched(0, 1);
  await timers.pass(WATCH_MS);
  await timers.pass(LOOK_PAUSE_MS);
  expect(told).toEqual({ offsets: [0, 1], ended: null });
  await timers.pass(LOOK_PAUSE_MS);
  expect(told.ended).toBeInstanceOf(LogTruncated);
  // The look of all that wait, and three of this reader; each after the first over a new connection.
  expect(doubts).toEqual([false, false, true, true]);
});

test("reader: a bounded read goes on when only one answer said that the log is shorter", async () => {
  const { reader, timers, fetched } = await readerOf({
    ends: [
      { start: 0, end: 2 },
      { start: 0, end: 5 },
    ],
    durableTo: 5,
  });
  const told = readOn(reader.lists(0, { from: 0, to: 5 }));
  await settled();
  fetched(0, 1);
  await timers.pass(WATCH_MS);
  for (let i = 0; i < 3; i += 1) await timers.pass(LOOK_PAUSE_MS);
  fetched(2, 3, 4);
  await settled();
  expect(told).toEqual({ offsets: [0, 1, 2, 3, 4], ended: "whole" });
});

test("reader: closed: a bounded read that is cut short fails, and a tail ends", async () => {
  const { reader, fetched } = await readerOf({ ends: [{ start: 0, end: 5 }], durableTo: 5 });
  const bounded = readOn(reader.lists(0, { from: 0, to: 5 }));
  const tail = readOn(reader.lists(0, { from: 0, to: Number.POSITIVE_INFINITY }));
  await settled();
  fetched(0, 1);
  await settled();
  await reader.close();
  await settled();
  expect(bounded.offsets).toEqual([0, 1]);
  expect(bounded.ended).toBeInstanceOf(KafkaLogClosed);
  expect(tail).toEqual({ offsets: [0, 1], ended: "whole" });
});

test("reader: closed: a bounded read that has fetched everything gives it all", async () => {
  const { reader, fetched } = await readerOf({ ends: [{ start: 0, end: 2 }], durableTo: 2 });
  const lists = reader.lists(0, { from: 0, to: 2 });
  const first = lists.next();
  await settled();
  fetched(0);
  expect((await first).value).toMatchObject([{ offset: 0 }]);
  fetched(1);
  await reader.close();
  const rest = readOn(lists);
  await settled();
  expect(rest).toEqual({ offsets: [1], ended: "whole" });
});
