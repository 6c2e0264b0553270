import { expect, test } from "vitest";
import type { AppendOutcome } from "../../engine/ports.ts";
import { appendLimitMsDefault } from "../log-defaults.ts";
import { diskError, MemoryFiles } from "../memory/files.ts";
import { LogDiskFailed, LogFileSystemRefused, LogFull, LogMismatch, LogMissing } from "./errors.ts";
import { appendTo, endOf, FIRST_SEGMENT, HandTimers, LOG_FOLDER, openInMemory, textsOf } from "./log-in-memory.ts";
import { openLocalLog } from "./open-log.ts";

test("local log: append: a short write is completed before the sync", async () => {
  const files = new MemoryFiles();
  const log = await openInMemory(files);
  files.faults.write = (_path, _position, length) => Math.min(length, 7);
  expect(await appendTo(log, [0, "a long enough text"], [1, "another"])).toEqual([done(1), done(1)]);
  expect(await textsOf(await openInMemory(files.afterPowerCut(() => false)), 0)).toEqual(["a long enough text"]);
});

test("local log: append: done means synced", async () => {
  const files = new MemoryFiles();
  const log = await openInMemory(files);
  let synced = 0;
  files.faults.sync = () => {
    synced += 1;
    return null;
  };
  await appendTo(log, [0, "one"], [1, "two"]);
  expect(synced).toBe(1);
});

test("local log: disk full: all of the round is refused and nothing of it stays", async () => {
  const files = new MemoryFiles();
  const log = await openInMemory(files);
  await appendTo(log, [0, "before"]);
  let writes = 0;
  // The first write takes the whole first record and a part of the second, then the disk is full.
  files.faults.write = () => {
    writes += 1;
    return writes === 1 ? 40 : diskError("ENOSPC");
  };
  expect(await appendTo(log, [0, "no"], [1, "room"])).toMatchObject([
    { kind: "refused", code: "disk_full" },
    { kind: "refused", code: "disk_full" },
  ]);
  expect(log.room()).toBe("low");
  expect(await log.ends(0)).toEqual({ start: 0, end: 2 });
  const image = files.afterPowerCut(() => true);
  expect(await textsOf(await openInMemory(image), 0)).toEqual(["before"]);
  delete files.faults.write;
  expect(await appendTo(log, [1, "room again"], [0, "after"])).toEqual([done(1), done(2)]);
  expect(await textsOf(await openInMemory(files), 0)).toEqual(["before", "after"]);
});

test("local log: disk full: if the tail cannot be cut back the outcome is unknown and the process must stop", async () => {
  const files = new MemoryFiles();
  const fatal: Error[] = [];
  const log = await openInMemory(files, { onFatal: (error) => fatal.push(error) });
  files.faults.write = () => diskError("ENOSPC");
  files.faults.truncate = () => diskError("EIO");
  expect(await appendTo(log, [0, "lost"])).toMatchObject([{ kind: "unknown" }]);
  expect(fatal).toMatchObject([{ name: "LogDiskFailed" }]);
});

test("local log: disk full: a new segment that has no room is a refusal, and rotation succeeds once there is some", async () => {
  const files = new MemoryFiles();
  const log = await openInMemory(files, { segmentBytes: 1_000 });
  await appendTo(log, [0, "x".repeat(300)]);
  files.faults.create = () => diskError("ENOSPC");
  expect(await appendTo(log, [0, "y".repeat(300)])).toMatchObject([{ kind: "refused", code: "disk_full" }]);
  delete files.faults.create;
  files.faults.write = () => diskError("ENOSPC");
  expect(await appendTo(log, [0, "y".repeat(300)])).toMatchObject([{ kind: "refused", code: "disk_full" }]);
  delete files.faults.write;
  expect(files.stored.size).toBe(1);
  expect(await appendTo(log, [0, "z".repeat(300)])).toEqual([done(2)]);
  await log.close();
  expect(files.stored.size).toBe(2);
  expect((await textsOf(await openInMemory(files, { segmentBytes: 1_000 }), 0)).map((text) => text[0])).toEqual(["x", "z"]);
});

test.each([
  ["a write", { write: () => diskError("EIO") }],
  ["a sync", { sync: () => diskError("EIO") }],
  ["a sync for want of space", { sync: () => diskError("ENOSPC") }],
] as const)("local log: disk error: %s that fails is unknown and fatal, and nothing is written afterwards", async (_what, faults) => {
  const files = new MemoryFiles();
  const fatal: Error[] = [];
  const log = await openInMemory(files, { onFatal: (error) => fatal.push(error) });
  Object.assign(files.faults, faults);
  expect(await appendTo(log, [0, "doubtful"])).toMatchObject([{ kind: "unknown" }]);
  expect(fatal).toHaveLength(1);
  expect(fatal[0]).toBeInstanceOf(LogDiskFailed);
  let touched = 0;
  files.faults.write = () => {
    touched += 1;
    return 0;
  };
  files.faults.sync = () => {
    touched += 1;
    return null;
  };
  expect(await appendTo(log, [0, "never sent"])).toMatchObject([{ kind: "refused", code: "not_sent" }]);
  await log.close();
  expect([touched, fatal.length]).toEqual([0, 1]);
});

test("local log: append limit: a slow disk makes the outcome unknown, later appends are refused until it answers, the late answer is dropped", async () => {
  const files = new MemoryFiles();
  const timers = new HandTimers();
  const log = await openInMemory(files, { timers });
  const held: (() => void)[] = [];
  files.faults.soon = (callback, step) => (step === "sync" ? held.push(callback) : queueMicrotask(callback));
  const outcomes: (readonly AppendOutcome[])[] = [];
  log.append([{ shard: 0, bytes: Buffer.from("slow") }], (told) => outcomes.push(told));
  await Promise.resolve();
  timers.fire(appendLimitMsDefault);
  expect(outcomes).toMatchObject([[{ kind: "unknown" }]]);
  expect(await appendTo(log, [0, "too early"])).toMatchObject([{ kind: "refused", code: "not_sent" }]);
  delete files.faults.soon;
  for (const callback of held) callback();
  expect(await appendTo(log, [0, "next"])).toEqual([done(2)]);
  expect([outcomes.length, log.lateAnswers]).toEqual([1, 1]);
  expect(await textsOf(log, 0)).toEqual(["slow", "next"]);
});

test("local log: append limit: what was not yet written when it passed is never written", async () => {
  const files = new MemoryFiles();
  const timers = new HandTimers();
  const log = await openInMemory(files, { timers, segmentBytes: 1_000 });
  await appendTo(log, [0, "x".repeat(500)]);
  const held: (() => void)[] = [];
  files.faults.soon = (callback, step) => (step === "sync" ? held.push(callback) : queueMicrotask(callback));
  const bytes = Buffer.from("y".repeat(500));
  const outcome = new Promise<readonly AppendOutcome[]>((resolve) => {
    log.append([{ shard: 0, bytes }], resolve);
  });
  while (held.length === 0) await nextTurn();
  // The new segment's header is being synced; the caller hears "unknown" and uses its buffer again.
  timers.fire(appendLimitMsDefault);
  expect(await outcome).toMatchObject([{ kind: "unknown" }]);
  bytes.fill("z");
  delete files.faults.soon;
  for (const callback of held) callback();
  while (log.lateAnswers === 0) await nextTurn();
  expect(await appendTo(log, [0, "next"])).toEqual([done(2)]);
  expect((await textsOf(log, 0)).map((text) => text.slice(0, 4))).toEqual(["xxxx", "next"]);
});

test("local log: append: an unknown shard and a shard named twice are refused unsent", async () => {
  const log = await openInMemory(new MemoryFiles());
  expect(await appendTo(log, [2, "none"])).toMatchObject([{ kind: "refused", code: "invalid" }]);
  expect(await appendTo(log, [0, "once"], [0, "twice"])).toMatchObject([{ code: "invalid" }, { code: "invalid" }]);
  expect(await log.ends(0)).toEqual({ start: 0, end: 1 });
});

test("local log: sync off: it says that nothing is durable, and syncs no round", async () => {
  const files = new MemoryFiles();
  const log = await openInMemory(files, { sync: false });
  files.faults.sync = () => diskError("EIO");
  expect(await appendTo(log, [0, "fast"])).toEqual([done(1)]);
  expect([log.durable, log.durability]).toEqual([false, "no durability (LOCAL_SYNC=false)"]);
});

test("local log: marks: they take no offset and the log goes on behind them", async () => {
  const files = new MemoryFiles();
  const timers = new HandTimers();
  const log = await openInMemory(files, { timers, segmentBytes: 500 });
  for (let i = 0; i < 12; i++) {
    await appendTo(log, [i % 2, `record ${i}`]);
    timers.fire(50);
    if (i % 3 === 0) await Promise.resolve();
  }
  const expected = ["record 0", "record 2", "record 4", "record 6", "record 8", "record 10"];
  expect(await textsOf(log, 0)).toEqual(expected);
  await log.close();
  expect(await textsOf(await openInMemory(files, { segmentBytes: 500 }), 0)).toEqual(expected);
});

test("local log: marks: an append that comes while one is written waits for it", async () => {
  const files = new MemoryFiles();
  const timers = new HandTimers();
  const log = await openInMemory(files, { timers });
  await appendTo(log, [0, "first"]);
  timers.fire(50);
  expect(await appendTo(log, [0, "second"])).toEqual([done(2)]);
  expect(await textsOf(await openInMemory(files.afterPowerCut(() => false)), 0)).toEqual(["first", "second"]);
});

test("local log: marks: a power cut between a mark and the round behind it loses neither what was acknowledged nor the start", async () => {
  const files = new MemoryFiles({}, 16);
  const timers = new HandTimers();
  const log = await openInMemory(files, { timers });
  await appendTo(log, [0, "first"]);
  const mark = endOf(files.bytes(FIRST_SEGMENT));
  timers.fire(50);
  await Promise.resolve();
  log.append([{ shard: 0, bytes: Buffer.from("in flight") }], () => undefined);
  // Every page of the mark is lost, those of the round behind it are kept.
  const after = files.afterPowerCut((_path, page) => page * 16 >= mark + 28);
  expect(await textsOf(await openInMemory(after), 0)).toEqual(["first"]);
});

test("local log: room: below the reserve it is low, and closes may still be logged", async () => {
  const files = new MemoryFiles();
  files.faults.freeBytes = () => 1_999_999;
  const log = await openInMemory(files, { segmentBytes: 1_000_000 });
  expect(log.room()).toBe("low");
  expect(await appendTo(log, [0, "a close"])).toEqual([done(1)]);
  files.faults.freeBytes = () => 2_000_000;
  expect((await openInMemory(files, { segmentBytes: 1_000_000 })).room()).toBe("ok");
});

test("local log: opening: other settings than those of the log are refused", async () => {
  const files = new MemoryFiles();
  await openInMemory(files);
  await expect(openInMemory(files, { shards: 3 })).rejects.toThrow(LogMismatch);
  await expect(openInMemory(files, { create: { slotDigest: new Uint8Array(16), madeAt: 0, version: "test" } })).rejects.toThrow(LogMismatch);
});

test("local log: opening: nothing is made where nothing was asked for", async () => {
  const files = new MemoryFiles();
  const hold = () => Promise.resolve({ release: () => Promise.resolve() });
  const onFatal = (error: Error) => expect.fail(error.message);
  await expect(openLocalLog({ dir: LOG_FOLDER, shards: 2, files, timers: new HandTimers(), hold, onFatal })).rejects.toThrow(LogMissing);
  expect(files.stored.size).toBe(0);
});

test("local log: opening: a network file system is refused", async () => {
  await expect(openInMemory(new MemoryFiles({ fileSystem: 0x6969 }))).rejects.toThrow(LogFileSystemRefused);
});

test("local log: opening: a disk without room for the first segment says so", async () => {
  await expect(openInMemory(new MemoryFiles({ write: () => diskError("ENOSPC") }))).rejects.toThrow(LogFull);
});

test("local log: opening: what the last write left is written again and synced before it is believed", async () => {
  const files = new MemoryFiles();
  const log = await openInMemory(files, { onFatal: () => undefined });
  const from = endOf(files.bytes(FIRST_SEGMENT));
  files.faults.sync = () => diskError("EIO");
  await appendTo(log, [0, "in the cache only"]);
  delete files.faults.sync;
  const written: number[] = [];
  files.faults.write = (_path, position, length) => {
    written.push(position);
    return length;
  };
  expect(await textsOf(await openInMemory(files), 0)).toEqual(["in the cache only"]);
  expect(written).toEqual([from]);
  expect(await textsOf(await openInMemory(files.afterPowerCut(() => false)), 0)).toEqual(["in the cache only"]);
});

function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

function done(offset: number): AppendOutcome {
  return { kind: "done", offset };
}
