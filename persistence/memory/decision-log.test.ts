import { expect, test } from "vitest";
import type { AppendOutcome, DecisionLog } from "../../engine/ports.ts";
import { type Fate, MemoryStore } from "./decision-log.ts";

function append(log: DecisionLog, ...texts: readonly string[]): Promise<readonly AppendOutcome[]> {
  return new Promise((resolve) => {
    log.append(
      texts.map((text, shard) => ({ shard, bytes: Buffer.from(text) })),
      resolve,
    );
  });
}

function stored(store: MemoryStore, shard = 0): string[] {
  const { start, end } = store.ends(shard);
  return store.list(shard, start, end).map(({ bytes }) => Buffer.from(bytes).toString());
}

function fates(...list: Fate[]): () => Fate {
  return () => list.shift() ?? { kind: "done" };
}

test("memory log: faults: an answer may be lost though the record is stored, or lost with it", async () => {
  const store = new MemoryStore(1);
  const log = store.connect({ fate: fates({ kind: "answer_lost" }, { kind: "lost" }) });
  expect(await append(log, "stored")).toMatchObject([{ kind: "unknown" }]);
  expect(await append(log, "gone")).toMatchObject([{ kind: "unknown" }]);
  expect(await append(log, "next")).toEqual([{ kind: "done", offset: 1 }]);
  expect(stored(store)).toEqual(["stored", "next"]);
});

test("memory log: faults: a refusal stores nothing, and each shard of a request has its own fate", async () => {
  const store = new MemoryStore(2);
  const log = store.connect({ fate: fates({ kind: "refused", code: "not_enough_replicas" }, { kind: "done" }) });
  expect(await append(log, "refused", "stored")).toMatchObject([
    { kind: "refused", code: "not_enough_replicas" },
    { kind: "done", offset: 0 },
  ]);
  expect([stored(store, 0), stored(store, 1)]).toEqual([[], ["stored"]]);
});

test("memory log: faults: a late record lands behind what another node appended meanwhile", async () => {
  const store = new MemoryStore(1);
  let storeNow: (() => void) | null = null;
  const hold: Fate = {
    kind: "late",
    held(store) {
      storeNow = store;
    },
  };
  const ash = store.connect({ fate: fates(hold) });
  const birch = store.connect();
  const bytes = Buffer.from("late");
  const outcome = new Promise<readonly AppendOutcome[]>((resolve) => {
    ash.append([{ shard: 0, bytes }], resolve);
  });
  expect(await outcome).toMatchObject([{ kind: "unknown" }]);
  bytes.fill(0);
  expect(await append(birch, "claim")).toEqual([{ kind: "done", offset: 0 }]);
  (storeNow as (() => void) | null)?.();
  expect(stored(store)).toEqual(["claim", "late"]);
});

test("memory log: faults: storing and answering can each be held back", async () => {
  const store = new MemoryStore(1);
  const steps: [string, () => void][] = [];
  const log = store.connect({ soon: (callback, step) => steps.push([step, callback]) });
  const outcome = append(log, "slow");
  expect(stored(store)).toEqual([]);
  steps.shift()?.[1]();
  expect([stored(store), steps.map(([step]) => step)]).toEqual([["slow"], ["answer"]]);
  steps.shift()?.[1]();
  expect(await outcome).toEqual([{ kind: "done", offset: 0 }]);
});

test("memory log: faults: a stranger's record takes an offset, a cut tail gives it back", async () => {
  const store = new MemoryStore(1);
  const log = store.connect();
  await append(log, "ours");
  expect(store.store(0, Buffer.from("strange"))).toBe(1);
  expect(await append(log, "ours again")).toEqual([{ kind: "done", offset: 2 }]);
  store.cutTail(0, 1);
  expect(await append(log, "in its place")).toEqual([{ kind: "done", offset: 1 }]);
  expect(stored(store)).toEqual(["ours", "in its place"]);
});

test("memory log: faults: a flipped bit is one bit of one record", () => {
  const store = new MemoryStore(1);
  store.store(0, Buffer.from("aaaa"));
  const before = store.list(0, 0, 1)[0]?.bytes;
  store.flip(0, 0, 9);
  expect(stored(store)).toEqual(["acaa"]);
  expect(Buffer.from(before ?? []).toString()).toBe("aaaa");
});

test("memory log: lanes: a lane is busy by itself", async () => {
  const log = new MemoryStore(2).connect({ laneOf: (shard) => shard });
  const both = [0, 1].map((shard) => new Promise((resolve) => log.append([{ shard, bytes: Buffer.from("x") }], resolve)));
  expect(await Promise.all(both)).toHaveLength(2);
});
