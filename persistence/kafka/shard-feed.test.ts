import { expect, test } from "vitest";
import { LogJumps } from "./errors.ts";
import { FeedReader, readAheadBytes, ShardFeed } from "./shard-feed.ts";

/** Records from `first` on, of so many bytes each. */
function list(first: number, count: number, bytes = 1) {
  return Array.from({ length: count }, (_, i) => ({ offset: first + i, bytes: new Uint8Array(bytes), storedAt: 1_000 + first + i }));
}

function feedAt(position: number, ...readers: readonly FeedReader[]): ShardFeed {
  const feed = new ShardFeed(0);
  for (const reader of readers) feed.readers.add(reader);
  feed.sentTo(position);
  return feed;
}

function tailFrom(from: number): FeedReader {
  return new FeedReader({ from, to: Number.POSITIVE_INFINITY });
}

async function offsetsOf(reader: FeedReader): Promise<number[] | null> {
  return (await reader.take())?.map(({ offset }) => offset) ?? null;
}

test("feed: take: a list that begins at the position is given, with the broker's clock", async () => {
  const reader = tailFrom(5);
  const feed = feedAt(5, reader);
  feed.take(list(5, 2));
  expect(await reader.take()).toEqual([
    { offset: 5, bytes: new Uint8Array(1), storedAt: 1_005 },
    { offset: 6, bytes: new Uint8Array(1), storedAt: 1_006 },
  ]);
  expect(feed.position).toBe(7);
});

test("feed: take: a record whose time the broker does not say has none", async () => {
  const reader = tailFrom(0);
  feedAt(0, reader).take([{ offset: 0, bytes: new Uint8Array(0), storedAt: Number.NaN }]);
  expect(await reader.take()).toEqual([{ offset: 0, bytes: new Uint8Array(0) }]);
});

for (const [what, records] of [
  ["begins behind the position", list(4, 3)],
  ["begins beyond it", list(6, 3)],
  ["has a gap", [...list(5, 1), ...list(7, 1)]],
  ["says an offset twice", [...list(5, 1), ...list(5, 1)]],
] as const) {
  test(`feed: take: a list that ${what} is dropped whole, and the consumer is sent again`, () => {
    const reader = tailFrom(5);
    const feed = feedAt(5, reader);
    feed.take(records);
    expect(feed.position).toBeNull();
    expect(feed.wanted).toBe(5);
    expect(reader.next).toBe(5);
  });
}

test("feed: take: three lists in a row that do not fit are an error for those that wait, two are not", async () => {
  const reader = tailFrom(5);
  const feed = feedAt(5, reader);
  for (let strike = 0; strike < 2; strike += 1) {
    feed.take(list(0, 1));
    feed.sentTo(5);
  }
  feed.take(list(5, 1));
  expect(await offsetsOf(reader)).toEqual([5]);
  for (let strike = 0; strike < 3; strike += 1) {
    feed.take(list(0, 1));
    feed.sentTo(6);
  }
  await expect(reader.take()).rejects.toThrow(LogJumps);
});

test("feed: take: what comes while the consumer is sent nowhere is dropped", () => {
  const reader = tailFrom(0);
  const feed = feedAt(0, reader);
  feed.sentTo(null);
  feed.take(list(0, 3));
  expect(reader.next).toBe(0);
});

test("feed: readers: each gets its part of a list, and a bounded one ends before its end", async () => {
  const [early, late, bounded] = [tailFrom(0), tailFrom(3), new FeedReader({ from: 1, to: 3 })];
  const feed = feedAt(0, early, late, bounded);
  feed.take(list(0, 5));
  expect(await offsetsOf(early)).toEqual([0, 1, 2, 3, 4]);
  expect(await offsetsOf(late)).toEqual([3, 4]);
  expect(await offsetsOf(bounded)).toEqual([1, 2]);
  expect(await offsetsOf(bounded)).toBeNull();
});

test("feed: readers: the consumer is wanted where the hindmost reader with room stands", () => {
  const [far, near] = [tailFrom(90), new FeedReader({ from: 40, to: 60 })];
  const feed = feedAt(90, far, near);
  expect(feed.wanted).toBe(40);
  feed.readers.delete(near);
  expect(feed.wanted).toBe(90);
  feed.readers.delete(far);
  expect(feed.wanted).toBeNull();
});

test("feed: read-ahead: a full reader asks for nothing until half of it is given away, and loses nothing", async () => {
  const reader = tailFrom(0);
  const feed = feedAt(0, reader);
  const quarter = readAheadBytes / 4;
  for (let i = 0; i < 4; i += 1) feed.take(list(i, 1, quarter));
  expect(feed.wanted).toBeNull();
  feed.take(list(4, 1, quarter));
  expect(reader.next).toBe(4);
  expect(await offsetsOf(reader)).toEqual([0]);
  expect(feed.wanted).toBeNull();
  expect(await offsetsOf(reader)).toEqual([1]);
  expect(feed.wanted).toBe(4);
});

test("feed: reader: what it holds is given before it fails", async () => {
  const reader = tailFrom(0);
  const feed = feedAt(0, reader);
  feed.take(list(0, 1));
  feed.fail(new Error("gone"));
  expect(await offsetsOf(reader)).toEqual([0]);
  await expect(reader.take()).rejects.toThrow("gone");
});

test("feed: reader: one that waits is woken by records, by its end, and by an error", async () => {
  const [given, ended, failed] = [tailFrom(0), tailFrom(0), tailFrom(0)];
  const waiting = [offsetsOf(given), offsetsOf(ended), failed.take().catch((error: Error) => error.message)];
  feedAt(0, given).take(list(0, 1));
  ended.end();
  failed.fail(new Error("gone"));
  expect(await Promise.all(waiting)).toEqual([[0], null, "gone"]);
});
