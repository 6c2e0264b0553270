import { expect, test } from "vitest";
import { diskError, MemoryFiles } from "../memory/files.ts";
import { LogDamaged, LogMissing } from "./errors.ts";
import { openLocalLogReader } from "./log-follower.ts";
import { appendTo, endOf, FIRST_SEGMENT, HandTimers, LIFE_ID, LOG_FOLDER, openInMemory, textsOf } from "./log-in-memory.ts";

const read = (files: MemoryFiles) => openLocalLogReader({ dir: LOG_FOLDER, files, timers: new HandTimers() });

test("log reader: the last round is not given before something says that it is durable", async () => {
  const files = new MemoryFiles();
  const timers = new HandTimers();
  const log = await openInMemory(files, { timers });
  await appendTo(log, [0, "one"]);
  const reader = await read(files);
  expect(await textsOf(reader, 0)).toEqual([]);
  await appendTo(log, [1, "other shard"]);
  expect(await textsOf(reader, 0)).toEqual(["one"]);
  expect(await reader.ends(1)).toEqual({ start: 0, end: 1 });
  timers.fire(50);
  await Promise.resolve();
  expect(await textsOf(reader, 1)).toEqual(["other shard"]);
  expect(reader).toMatchObject({ lifeId: LIFE_ID, shards: 2, slotDigest: new Uint8Array(16).fill(7) });
});

test("log reader: after an orderly stop everything is given", async () => {
  const files = new MemoryFiles();
  const log = await openInMemory(files);
  await appendTo(log, [0, "one"], [1, "two"]);
  await log.close();
  const reader = await read(files);
  expect([await textsOf(reader, 0), await textsOf(reader, 1)]).toEqual([["one"], ["two"]]);
});

test("log reader: it follows over rotations, and reads ranges", async () => {
  const files = new MemoryFiles();
  const log = await openInMemory(files, { segmentBytes: 600 });
  const reader = await read(files);
  for (let i = 0; i < 30; i++) {
    await appendTo(log, [i % 2, `record ${i} of some length`]);
    if (i % 7 === 0) await reader.ends(0);
  }
  await log.close();
  expect(files.stored.size).toBeGreaterThan(2);
  expect(await textsOf(reader, 0)).toEqual(Array.from({ length: 15 }, (_, i) => `record ${2 * i} of some length`));
  expect(await textsOf(reader, 1, 14)).toEqual(["record 27 of some length", "record 29 of some length"]);
});

test("log reader: entries that a full disk took back are never given", async () => {
  const files = new MemoryFiles();
  const log = await openInMemory(files);
  await appendTo(log, [0, "kept"]);
  const reader = await read(files);
  let writes = 0;
  const seen: string[][] = [];
  files.faults.write = (_path, _position, length) => {
    writes += 1;
    return writes === 1 ? Math.min(length, 60) : diskError("ENOSPC");
  };
  // The reader looks between the half write and its being cut back.
  files.faults.truncate = () => {
    void textsOf(reader, 0).then((texts) => seen.push(texts));
    return null;
  };
  await appendTo(log, [0, "taken back"], [1, "with this"]);
  files.faults.write = (_path, _position, length) => length;
  await appendTo(log, [0, "in its place"]);
  await log.close();
  expect(await textsOf(reader, 0)).toEqual(["kept", "in its place"]);
  expect(seen.flat()).not.toContain("taken back");
});

test("log reader: a tail gives what is durable and ends when it is aborted", async () => {
  const files = new MemoryFiles();
  const log = await openInMemory(files);
  await appendTo(log, [0, "one"]);
  await appendTo(log, [0, "two"]);
  const reader = await openLocalLogReader({ dir: LOG_FOLDER, files, timers: { after: nextTurn } });
  const stop = new AbortController();
  const lists = reader.tail(0, 1, stop.signal)[Symbol.asyncIterator]();
  expect((await lists.next()).value).toMatchObject([{ offset: 1 }]);
  const waiting = lists.next();
  await log.close();
  expect((await waiting).value).toMatchObject([{ offset: 2 }]);
  const last = lists.next();
  stop.abort();
  expect((await last).done).toBe(true);
});

function nextTurn(_delayMs: number, callback: () => void): () => void {
  const next = setImmediate(callback);
  return () => clearImmediate(next);
}

test("log reader: damage in what is durable is said, not passed over", async () => {
  const files = new MemoryFiles();
  const log = await openInMemory(files);
  await appendTo(log, [0, "one"]);
  const end = endOf(files.bytes(FIRST_SEGMENT));
  await log.close();
  const image = Buffer.from(files.bytes(FIRST_SEGMENT));
  image[end - 6] = (image[end - 6] as number) ^ 1;
  files.put(FIRST_SEGMENT, image);
  await expect(read(files)).rejects.toThrow(LogDamaged);
});

test("log reader: a folder without a log is said to have none", async () => {
  await expect(read(new MemoryFiles())).rejects.toThrow(LogMissing);
});

test("log reader: it writes nothing", async () => {
  const files = new MemoryFiles();
  await appendTo(await openInMemory(files), [0, "one"]);
  const before = Buffer.from(files.bytes(FIRST_SEGMENT));
  files.faults.write = () => expect.fail("a reader wrote");
  await textsOf(await read(files), 0);
  expect(files.bytes(FIRST_SEGMENT).equals(before)).toBe(true);
});
