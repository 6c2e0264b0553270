// The place of a copy in a folder: a log once it is whole, and never before.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Append, AppendOutcome, DecisionLog } from "../../engine/ports.ts";
import { createRecordCodec } from "../record.ts";
import { LogFolderHeld, LogMismatch, LogMissing } from "./errors.ts";
import { openLocalLogReader } from "./log-follower.ts";
import { localCopyState, openLocalCopy, unfinishedFolder } from "./open-copy.ts";
import { openLocalLog } from "./open-log.ts";

const SHARDS = 2;
const lifeId = new Uint8Array(16).fill(3);
const codec = createRecordCodec(lifeId);
let folder = "";
let dir = "";

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "copy-"));
  dir = join(folder, "log");
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

function append(log: DecisionLog, appends: readonly Append[]): Promise<readonly AppendOutcome[]> {
  return new Promise((done) => log.append(appends, done));
}

function genesis(shard: number): Append {
  return { shard, bytes: codec.genesis({ shard, shards: SHARDS, slotDigest: new Uint8Array(16).fill(1), madeAt: 1_000 + shard, version: "test" }) };
}

async function recordsOf(shard: number): Promise<Uint8Array[]> {
  const log = await openLocalLogReader({ dir });
  const records: Uint8Array[] = [];
  for await (const list of log.read(shard, 0)) records.push(...list.map(({ bytes }) => Uint8Array.from(bytes)));
  await log.close();
  return records;
}

test("local copy: it begins empty, and every record of it was given", async () => {
  const copy = await openLocalCopy({ dir, lifeId, shards: SHARDS });
  expect(await copy.log.ends(0)).toEqual({ start: 0, end: 0 });
  await append(copy.log, [genesis(0), genesis(1)]);
  await copy.finish();
  expect(await recordsOf(0)).toEqual([Uint8Array.from(genesis(0).bytes)]);
  expect(await recordsOf(1)).toEqual([Uint8Array.from(genesis(1).bytes)]);
  const opened = await openLocalLog({ dir, shards: SHARDS, onFatal: () => undefined });
  expect(Buffer.from(opened.lifeId)).toEqual(Buffer.from(lifeId));
  await opened.close();
});

test("local copy: unfinished it is no log, and another run finds what it holds", async () => {
  expect(await localCopyState(dir)).toBe("empty");
  const copy = await openLocalCopy({ dir, lifeId, shards: SHARDS });
  await append(copy.log, [genesis(0)]);
  await copy.close();
  expect(await localCopyState(dir)).toBe("unfinished");
  await expect(openLocalLogReader({ dir })).rejects.toThrow(LogMissing);
  const again = await openLocalCopy({ dir, lifeId, shards: SHARDS });
  expect(await again.log.ends(0)).toEqual({ start: 0, end: 1 });
  expect(await again.log.ends(1)).toEqual({ start: 0, end: 0 });
  await again.finish();
  expect(await localCopyState(dir)).toBe("taken");
});

test("local copy: two runs at once: the second is refused", async () => {
  const copy = await openLocalCopy({ dir, lifeId, shards: SHARDS });
  await expect(openLocalCopy({ dir, lifeId, shards: SHARDS })).rejects.toThrow(LogFolderHeld);
  await copy.close();
});

test.each([
  ["another life", { lifeId: new Uint8Array(16).fill(4), shards: SHARDS }],
  ["another number of shards", { lifeId, shards: SHARDS + 1 }],
])("local copy: an unfinished one of %s is refused and left alone", async (_what, other) => {
  const copy = await openLocalCopy({ dir, lifeId, shards: SHARDS });
  await append(copy.log, [genesis(0)]);
  await copy.close();
  await expect(openLocalCopy({ dir, ...other })).rejects.toThrow(LogMismatch);
  const again = await openLocalCopy({ dir, lifeId, shards: SHARDS });
  expect(await again.log.ends(0)).toEqual({ start: 0, end: 1 });
  await again.close();
});

test("local copy: a log that was made meanwhile is not overwritten", async () => {
  const copy = await openLocalCopy({ dir, lifeId, shards: SHARDS });
  await append(copy.log, [genesis(0), genesis(1)]);
  const create = { slotDigest: new Uint8Array(16), madeAt: 5, version: "test" };
  const other = await openLocalLog({ dir, shards: SHARDS, onFatal: () => undefined, create });
  await other.close();
  await expect(copy.finish()).rejects.toThrow(unfinishedFolder(dir));
  expect(await localCopyState(dir)).toBe("taken");
  expect(Buffer.from((await openLocalLogReader({ dir })).lifeId)).toEqual(Buffer.from(other.lifeId));
});
