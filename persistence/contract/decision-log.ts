// What every decision log does, whatever it is made of. Each adapter hands its factory to this suite.
//
// A log under test may already hold records (GENESIS): every test begins at the end it finds.
import { afterEach, expect, test } from "vitest";
import type { Offset, Shard } from "../../engine/core/ids.ts";
import type { AppendOutcome, DecisionLog, StoredRecord } from "../../engine/ports.ts";
import { AppendInFlight, LogPositionGone } from "../log-errors.ts";

export interface LogUnderTest {
  readonly log: DecisionLog;
  /** Closes the log and opens it again over the same records. */
  reopen(): Promise<LogUnderTest>;
  /** Closes it and removes what it left. */
  dispose(): Promise<void>;
}

/** Registers the tests of rules P1 to P8 for one adapter. The factory makes a log of at least 3 shards that share a lane; old
 *  segments of it are small enough for 40 records of 1,000 bytes to fill several, so that a trim finds something. */
export function decisionLogContract(name: string, factory: () => Promise<LogUnderTest>): void {
  let under: LogUnderTest | null = null;
  const open = async (): Promise<DecisionLog> => {
    under = await factory();
    return under.log;
  };
  const reopen = async (): Promise<DecisionLog> => {
    if (under === null) throw new Error("open first");
    under = await under.reopen();
    return under.log;
  };
  afterEach(async () => {
    await under?.dispose();
    under = null;
  });
  appendTests(name, open);
  readTests(name, open);
  tailTests(name, open);
  lifeTests(name, open, reopen);
}

type Open = () => Promise<DecisionLog>;

function appendTests(name: string, open: Open): void {
  test(`${name}: append: offsets of a shard run without gap and are its own`, async () => {
    const log = await open();
    const [first, second] = [await endOf(log, 0), await endOf(log, 1)];
    expect(await append(log, [0, text("a")])).toEqual([done(first)]);
    expect(await append(log, [0, text("b")])).toEqual([done(first + 1)]);
    expect(await append(log, [1, text("c")])).toEqual([done(second)]);
    expect(await log.ends(0)).toMatchObject({ end: first + 2 });
  });

  test(`${name}: append: one request carries records of several shards, outcomes in their order`, async () => {
    const log = await open();
    const ends = [await endOf(log, 0), await endOf(log, 1), await endOf(log, 2)];
    await append(log, [1, text("earlier")]);
    const outcomes = await append(log, [2, text("two")], [0, text("zero")], [1, text("one")]);
    expect(outcomes).toEqual([done(ends[2] as number), done(ends[0] as number), done((ends[1] as number) + 1)]);
    expect(await texts(log, 2, ends[2] as number)).toEqual(["two"]);
    expect(await texts(log, 0, ends[0] as number)).toEqual(["zero"]);
    expect(await texts(log, 1, ends[1] as number)).toEqual(["earlier", "one"]);
  });

  test(`${name}: append: the outcome comes later than the call, and exactly once`, async () => {
    const log = await open();
    let calls = 0;
    let returned = false;
    await new Promise<void>((resolve) => {
      log.append([{ shard: 0, bytes: text("a") }], () => {
        expect(returned).toBe(true);
        calls += 1;
        resolve();
      });
      returned = true;
    });
    await append(log, [0, text("b")]);
    expect(calls).toBe(1);
  });

  test(`${name}: append: a second one in flight on a lane is a broken invariant`, async () => {
    const log = await open();
    const first = append(log, [0, text("a")]);
    expect(() => log.append([{ shard: 1, bytes: text("b") }], () => undefined)).toThrow(AppendInFlight);
    expect(await first).toMatchObject([{ kind: "done" }]);
    expect(await append(log, [1, text("c")])).toMatchObject([{ kind: "done" }]);
  });

  test(`${name}: append: the caller's buffer is its own again after the outcome`, async () => {
    const log = await open();
    const from = await endOf(log, 0);
    const bytes = text("first");
    await append(log, [0, bytes]);
    bytes.fill(0x78);
    expect(await texts(log, 0, from)).toEqual(["first"]);
  });

  test(`${name}: append: a record of a million bytes is kept byte for byte`, async () => {
    const log = await open();
    const from = await endOf(log, 0);
    const bytes = Buffer.alloc(1_000_000, "0123456789abcdef");
    await append(log, [0, bytes], [1, text("beside it")]);
    const [stored] = await readAll(log, 0, from);
    expect(bytes.equals(stored?.bytes ?? new Uint8Array(0))).toBe(true);
  });
}

function readTests(name: string, open: Open): void {
  test(`${name}: read: a range holds its first offset and not its last`, async () => {
    const log = await open();
    const from = await fill(log, 0, 10);
    expect(await texts(log, 0, from + 3, from + 6)).toEqual(["3", "4", "5"]);
    expect(await texts(log, 0, from + 8)).toEqual(["8", "9"]);
    expect(await texts(log, 0, from + 8, from + 100)).toEqual(["8", "9"]);
    expect(await texts(log, 0, from + 4, from + 4)).toEqual([]);
  });

  test(`${name}: read: records come in offset order, each once, over many lists`, async () => {
    const log = await open();
    const from = await endOf(log, 0);
    for (let i = 0; i < 40; i++) await append(log, [0, padded(i)], [1, padded(1000 + i)]);
    const records = await readAll(log, 0, from);
    expect(records.map(({ offset }) => offset)).toEqual(Array.from({ length: 40 }, (_, i) => from + i));
    expect(records.map(({ bytes }) => numberIn(bytes))).toEqual(Array.from({ length: 40 }, (_, i) => i));
  });

  test(`${name}: read: at the end there is nothing, beyond it the position is gone`, async () => {
    const log = await open();
    const from = await fill(log, 0, 2);
    expect(await readAll(log, 0, from + 2)).toEqual([]);
    await expect(readAll(log, 0, from + 3)).rejects.toThrow(LogPositionGone);
  });

  test(`${name}: read: it ends where the log ended when it was called`, async () => {
    const log = await open();
    const from = await fill(log, 0, 3);
    const seen: number[] = [];
    for await (const list of log.read(0, from)) {
      seen.push(...list.map(({ offset }) => offset));
      await append(log, [0, text("later")]);
    }
    expect(seen).toEqual([from, from + 1, from + 2]);
  });

  test(`${name}: trim: at most the records below are forgotten, and reading them is refused`, async () => {
    const log = await open();
    const from = await endOf(log, 0);
    for (let i = 0; i < 40; i++) await append(log, [0, padded(i)], [1, padded(i)], [2, padded(i)]);
    for (const shard of [0, 1, 2]) await log.trim(shard, from + 30);
    const { start, end } = await log.ends(0);
    expect(start).toBeGreaterThan(from);
    expect(start).toBeLessThanOrEqual(from + 30);
    expect(end).toBe(from + 40);
    await expect(readAll(log, 0, start - 1)).rejects.toThrow(LogPositionGone);
    expect((await readAll(log, 0, start)).map(({ bytes }) => numberIn(bytes))[0]).toBe(start - from);
    expect(await append(log, [0, text("next")])).toEqual([done(from + 40)]);
  });
}

function tailTests(name: string, open: Open): void {
  test(`${name}: tail: what is there comes first, then each record as it lands`, async () => {
    const log = await open();
    const from = await fill(log, 0, 3);
    const stop = new AbortController();
    const seen: string[] = [];
    for await (const list of log.tail(0, from + 1, stop.signal)) {
      seen.push(...list.map(({ bytes }) => Buffer.from(bytes).toString()));
      if (seen.length < 5) await append(log, [1, text("of another shard")], [0, text(`new ${seen.length}`)]);
      else stop.abort();
    }
    expect(seen).toEqual(["1", "2", "new 2", "new 3", "new 4"]);
  });

  test(`${name}: tail: it ends when it is aborted while it waits`, async () => {
    const log = await open();
    const from = await endOf(log, 0);
    const stop = new AbortController();
    const lists = log.tail(0, from, stop.signal)[Symbol.asyncIterator]();
    const waiting = lists.next();
    stop.abort();
    expect((await waiting).done).toBe(true);
  });
}

function lifeTests(name: string, open: Open, reopen: Open): void {
  test(`${name}: reopening: every record is there and offsets go on`, async () => {
    const before = await open();
    const from = await endOf(before, 0);
    for (let i = 0; i < 40; i++) await append(before, [0, padded(i)], [1, padded(i)]);
    const log = await reopen();
    expect((await readAll(log, 0, from)).map(({ bytes }) => numberIn(bytes))).toEqual(Array.from({ length: 40 }, (_, i) => i));
    expect(await append(log, [0, text("after")])).toEqual([done(from + 40)]);
    expect(await texts(log, 0, from + 40)).toEqual(["after"]);
  });

  test(`${name}: reopening: twice without an append in between changes nothing`, async () => {
    const from = await fill(await open(), 0, 5);
    await reopen();
    const log = await reopen();
    expect(await texts(log, 0, from)).toEqual(["0", "1", "2", "3", "4"]);
  });

  test(`${name}: closing: appends are refused as not sent`, async () => {
    const log = await open();
    await log.close();
    expect(await append(log, [0, text("late")])).toMatchObject([{ kind: "refused", code: "not_sent" }]);
  });
}

// What the tests say things with

function append(log: DecisionLog, ...records: readonly (readonly [Shard, Uint8Array])[]): Promise<readonly AppendOutcome[]> {
  return new Promise((resolve) => {
    log.append(
      records.map(([shard, bytes]) => ({ shard, bytes })),
      resolve,
    );
  });
}

/** Appends the texts "0", "1", ... and returns the offset of the first. */
async function fill(log: DecisionLog, shard: Shard, count: number): Promise<Offset> {
  const from = await endOf(log, shard);
  for (let i = 0; i < count; i++) await append(log, [shard, text(String(i))]);
  return from;
}

async function endOf(log: DecisionLog, shard: Shard): Promise<Offset> {
  return (await log.ends(shard)).end;
}

async function readAll(log: DecisionLog, shard: Shard, from: Offset, to?: Offset): Promise<StoredRecord[]> {
  const records: StoredRecord[] = [];
  for await (const list of log.read(shard, from, to)) records.push(...list);
  return records;
}

async function texts(log: DecisionLog, shard: Shard, from: Offset, to?: Offset): Promise<string[]> {
  return (await readAll(log, shard, from, to)).map(({ bytes }) => Buffer.from(bytes).toString());
}

function text(value: string): Buffer {
  return Buffer.from(value);
}

/** A record of 1,000 bytes that holds a number. */
function padded(value: number): Buffer {
  return Buffer.from(String(value).padEnd(1_000, "."));
}

function numberIn(bytes: Uint8Array): number {
  return Number.parseInt(Buffer.from(bytes).toString(), 10);
}

/** Done at that offset; a log with a clock of its own says when as well. */
function done(offset: Offset): unknown {
  return expect.objectContaining({ kind: "done", offset });
}
