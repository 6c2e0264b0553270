// A copy that nobody can tell from the source, and each reason not to make one.
import { expect, test } from "vitest";
import { auctionIdOf, commandOf, DAY_ONE, OneNode } from "../../engine/sim/one-node.ts";
import { type Fate, MemoryStore } from "../../persistence/memory/decision-log.ts";
import { createRecordCodec } from "../../persistence/record.ts";
import { compareBoth, copyRecords, hashOf, surveySource } from "./log-copy.ts";
import { CopyStopped } from "./log-copy-stopped.ts";

const SHARDS = 3;
const codec = createRecordCodec(new Uint8Array(16).fill(7));

/** A system of three shards that made one auction and was stopped in order, with a stranger's record in it. */
async function stoppedSystem(): Promise<OneNode> {
  const world = await new OneNode({ shards: SHARDS }).start();
  const settings = { currency: "USD", opening: 100, opensAt: DAY_ONE, durationMs: 3_600_000, sellerId: "sue" };
  await world.ask(commandOf("seller", "sue", auctionIdOf(1), "create", { type: "create", settings }));
  const stopped = world.node.stop();
  await world.time.settle();
  await stopped;
  world.records.store(1, new TextEncoder().encode("a stranger's record"));
  return world;
}

async function bytesOf(store: MemoryStore, shard: number): Promise<readonly (readonly number[])[]> {
  const records: (readonly number[])[] = [];
  for await (const list of store.connect().read(shard, 0)) for (const { bytes } of list) records.push([...bytes]);
  return records;
}

async function stoppedBy(run: Promise<unknown>): Promise<CopyStopped> {
  const error = await run.then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(CopyStopped);
  return error as CopyStopped;
}

test("log copy: every record stands in the target at its own offset, byte for byte, void ones too", async () => {
  const { records, log } = await stoppedSystem();
  const target = new MemoryStore(SHARDS);
  const surveys = await surveySource({ log, codec, shards: SHARDS });
  await copyRecords({ source: log, target: target.connect(), surveys, goOn: false });
  for (let shard = 0; shard < SHARDS; shard += 1) expect(await bytesOf(target, shard)).toEqual(await bytesOf(records, shard));
  const copied = await compareBoth({ source: log, target: target.connect(), surveys });
  expect(copied.map(({ sha256 }) => sha256)).toEqual(copied.map(({ targetSha256 }) => targetSha256));
});

test("log copy: shards of several lanes go over at once", async () => {
  const { log } = await stoppedSystem();
  const target = new MemoryStore(SHARDS).connect({ laneOf: (shard) => shard % 2 });
  const surveys = await surveySource({ log, codec, shards: SHARDS });
  await copyRecords({ source: log, target, surveys, goOn: false });
  expect(await compareBoth({ source: log, target, surveys })).toHaveLength(SHARDS);
});

test("log copy: every reader of the source is closed, whole or not", async () => {
  const { log } = await stoppedSystem();
  let open = 0;
  async function* counted(...range: Parameters<typeof log.read>) {
    open += 1;
    try {
      yield* log.read(...range);
    } finally {
      open -= 1;
    }
  }
  const source = { read: counted, tail: log.tail.bind(log), ends: log.ends.bind(log) };
  const surveys = await surveySource({ log: source, codec, shards: SHARDS });
  await copyRecords({ source, target: new MemoryStore(SHARDS).connect(), surveys, goOn: false });
  expect(open).toBe(0);
  let appends = 0;
  const shaky = new MemoryStore(SHARDS).connect({ fate: () => ({ kind: ++appends === SHARDS + 1 ? "lost" : "done" }) });
  await stoppedBy(copyRecords({ source, target: shaky, surveys, goOn: false }));
  expect(open).toBe(0);
});

test("log copy: progress: every step ends at its whole", async () => {
  const { log } = await stoppedSystem();
  const target = new MemoryStore(SHARDS).connect();
  const last = new Map<string, readonly [number, number]>();
  const tell = (progress: { step: string; records: number; recordsTotal: number }) => last.set(progress.step, [progress.records, progress.recordsTotal]);
  const surveys = await surveySource({ log, codec, shards: SHARDS, tell });
  await copyRecords({ source: log, target, surveys, goOn: false, tell });
  await compareBoth({ source: log, target, surveys, tell });
  expect([...last.keys()]).toEqual(["reading the source", "comparing what is there", "copying", "comparing both sides"]);
  for (const [records, total] of last.values()) expect(records).toBe(total);
});

test("log copy: source: a shard that is owned is refused", async () => {
  const { log } = await new OneNode({ shards: SHARDS }).start();
  expect((await stoppedBy(surveySource({ log, codec, shards: SHARDS }))).why).toBe("owned");
});

test("log copy: source: a trimmed log is refused", async () => {
  const { log } = await stoppedSystem();
  await log.trim(2, 1);
  const stopped = await stoppedBy(surveySource({ log, codec, shards: SHARDS }));
  expect(stopped.why).toBe("trimmed");
  expect(stopped.message).toContain("shard 2 begins at offset 1");
});

test("log copy: source: a broken log is refused, with its place", async () => {
  const { log, records } = await stoppedSystem();
  records.flip(0, 2, 400);
  const stopped = await stoppedBy(surveySource({ log, codec, shards: SHARDS }));
  expect(stopped.why).toBe("broken");
  expect(stopped.message).toContain("shard 0 is broken at offset 2 (damaged)");
});

test("log copy: target: one that holds a record is refused, and nothing is written", async () => {
  const { log } = await stoppedSystem();
  const target = new MemoryStore(SHARDS);
  target.store(1, new Uint8Array([1]));
  const surveys = await surveySource({ log, codec, shards: SHARDS });
  expect((await stoppedBy(copyRecords({ source: log, target: target.connect(), surveys, goOn: false }))).why).toBe("not_empty");
  expect(await bytesOf(target, 0)).toEqual([]);
});

const DOUBTS: readonly (readonly [string, Fate])[] = [
  ["an answer that is lost", { kind: "answer_lost" }],
  ["a record that is lost", { kind: "lost" }],
  ["a refusal", { kind: "refused", code: "not_enough_replicas" }],
];

test.each(DOUBTS)("log copy: doubt: %s ends the run, and another goes on to the same end", async (_what, doubt) => {
  const { log, records } = await stoppedSystem();
  const target = new MemoryStore(SHARDS);
  const surveys = await surveySource({ log, codec, shards: SHARDS });
  let appends = 0;
  const shaky = target.connect({ fate: () => (++appends === SHARDS + 2 ? doubt : { kind: "done" }) });
  expect((await stoppedBy(copyRecords({ source: log, target: shaky, surveys, goOn: false }))).why).toBe("interrupted");
  await copyRecords({ source: log, target: target.connect(), surveys, goOn: true });
  await compareBoth({ source: log, target: target.connect(), surveys });
  for (let shard = 0; shard < SHARDS; shard += 1) expect(await bytesOf(target, shard)).toEqual(await bytesOf(records, shard));
});

test("log copy: going on: what is there must be a beginning of the source, byte for byte", async () => {
  const { log, records } = await stoppedSystem();
  const target = new MemoryStore(SHARDS);
  const first = await bytesOf(records, 0);
  target.store(0, Uint8Array.from(first[0] ?? []));
  target.store(0, Uint8Array.from(first[2] ?? []));
  const surveys = await surveySource({ log, codec, shards: SHARDS });
  expect((await stoppedBy(copyRecords({ source: log, target: target.connect(), surveys, goOn: true }))).why).toBe("differs");
});

test("log copy: a record that comes to stand elsewhere betrays a second writer", async () => {
  const { log } = await stoppedSystem();
  const target = new MemoryStore(SHARDS);
  const surveys = await surveySource({ log, codec, shards: SHARDS });
  let appends = 0;
  const disturbed = target.connect({
    fate: () => {
      if (++appends === SHARDS + 1) target.store(0, new Uint8Array([9]));
      return { kind: "done" };
    },
  });
  expect((await stoppedBy(copyRecords({ source: log, target: disturbed, surveys, goOn: false }))).why).toBe("differs");
});

test("log copy: comparing: a bit that differs in the target is found", async () => {
  const { log } = await stoppedSystem();
  const target = new MemoryStore(SHARDS);
  const surveys = await surveySource({ log, codec, shards: SHARDS });
  await copyRecords({ source: log, target: target.connect(), surveys, goOn: false });
  target.flip(2, 1, 40);
  const stopped = await stoppedBy(compareBoth({ source: log, target: target.connect(), surveys }));
  expect(stopped.why).toBe("differs");
  expect(stopped.message).toContain("shard 2: SHA-256");
});

test("log copy: comparing: a source that grew meanwhile is told", async () => {
  const { log, records } = await stoppedSystem();
  const target = new MemoryStore(SHARDS).connect();
  const surveys = await surveySource({ log, codec, shards: SHARDS });
  await copyRecords({ source: log, target, surveys, goOn: false });
  records.store(1, new Uint8Array([1]));
  expect((await stoppedBy(compareBoth({ source: log, target, surveys }))).why).toBe("grew");
});

test("log copy: comparing: a shard that grew after it was compared itself is told, on either side", async () => {
  for (const side of ["source", "target"] as const) {
    const { log, records } = await stoppedSystem();
    const target = new MemoryStore(SHARDS);
    const [into, surveys] = [target.connect(), await surveySource({ log, codec, shards: SHARDS })];
    await copyRecords({ source: log, target: into, surveys, goOn: false });
    async function* growing(...range: Parameters<typeof log.read>) {
      if (range[0] === SHARDS - 1) (side === "source" ? records : target).store(0, new Uint8Array([1]));
      yield* log.read(...range);
    }
    const source = { read: growing, tail: log.tail.bind(log), ends: log.ends.bind(log) };
    const stopped = await stoppedBy(compareBoth({ source, target: into, surveys }));
    expect([side, stopped.why]).toEqual([side, side === "source" ? "grew" : "differs"]);
    expect(stopped.message).toContain("shard 0");
  }
});

test("log copy: comparing: a source that reads otherwise than when it was judged is found", async () => {
  const { log, records } = await stoppedSystem();
  const target = new MemoryStore(SHARDS).connect();
  const surveys = await surveySource({ log, codec, shards: SHARDS });
  await copyRecords({ source: log, target, surveys, goOn: false });
  records.flip(2, 1, 40);
  const stopped = await stoppedBy(compareBoth({ source: log, target, surveys }));
  expect(stopped.why).toBe("differs");
  expect(stopped.message).toContain("shard 2: SHA-256");
});

test("log copy: source: a record that came damaged and whole on the second look is hashed as it was accepted", async () => {
  const { log } = await stoppedSystem();
  let damaged = 0;
  async function* shaky(...range: Parameters<typeof log.read>) {
    const [shard, , to] = range;
    for await (const list of log.read(...range)) {
      yield list.map((record) => {
        if (shard !== 1 || record.offset !== 1 || to === 2) return record;
        damaged += 1;
        return { ...record, bytes: record.bytes.map((byte, at) => (at === 40 ? byte ^ 1 : byte)) };
      });
    }
  }
  const source = { read: shaky, tail: log.tail.bind(log), ends: log.ends.bind(log) };
  const surveys = await surveySource({ log: source, codec, shards: SHARDS });
  expect(damaged).toBe(1);
  expect(surveys).toEqual(await surveySource({ log, codec, shards: SHARDS }));
});

test("log copy: hash: it tells where one record ends and the next begins", async () => {
  const [one, two] = [new MemoryStore(1), new MemoryStore(1)];
  one.store(0, new Uint8Array([1, 2]));
  one.store(0, new Uint8Array([3]));
  two.store(0, new Uint8Array([1]));
  two.store(0, new Uint8Array([2, 3]));
  expect(await hashOf(one.connect(), 0, 2)).not.toBe(await hashOf(two.connect(), 0, 2));
});
