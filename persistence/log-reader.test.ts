import { expect, test } from "vitest";
import { initialJudge, judgeCheckpoint, judgeFromCheckpoint } from "../engine/core/validity.ts";
import { readShard } from "./log-reader.ts";
import { createMemoryLog, type MemoryStore } from "./memory/decision-log.ts";
import { createRecordCodec } from "./record.ts";

const LIFE = new Uint8Array(16).fill(4);
const codec = createRecordCodec(LIFE);
const AT = 1_795_428_000_000;

/** Genesis at 0, a claim at 1, then `times` TIME records of that claim's epoch. */
function madeLog(times: number): { store: MemoryStore; log: ReturnType<typeof createMemoryLog>["log"] } {
  const { store, log } = createMemoryLog(1);
  store.store(0, codec.genesis({ shard: 0, shards: 1, slotDigest: LIFE, madeAt: AT, version: "1" }));
  store.store(0, claimBytes(0));
  for (let i = 0; i < times; i++) store.store(0, timeBytes(store, i + 1));
  return { store, log };
}

function claimBytes(previous: number): Uint8Array {
  return codec.claim({ shard: 0, previous, nonce: LIFE, nodeId: "ash", processId: "p", reason: "start", shards: 1, at: AT });
}

// Which hash stands before a record the judge alone knows: the records so far are judged to find it.
let running = new Uint8Array(16);
function timeBytes(store: MemoryStore, lsn: number): Uint8Array {
  running = lsn === 1 ? hashAfterClaim(store) : running;
  const { bytes, hash } = codec.time({ shard: 0, epoch: 1, firstLsn: lsn, prevHash: running, at: AT + lsn }, "idle");
  running = new Uint8Array(hash);
  return bytes;
}

function hashAfterClaim(store: MemoryStore): Uint8Array<ArrayBuffer> {
  const [genesis, claim] = store.list(0, 0, 2).map((stored) => codec.decode(stored, 0));
  if (genesis?.kind !== "genesis" || claim?.kind !== "claim") throw new Error("the log does not begin as it should");
  const place = Buffer.alloc(8);
  place.writeBigUInt64LE(1n);
  return new Uint8Array(codec.hash(Buffer.concat([genesis.hash, claim.hash, place])));
}

async function verdicts(...asked: Parameters<typeof readShard>): Promise<string[]> {
  const words: string[] = [];
  for await (const { record, verdict } of readShard(...asked))
    words.push(`${record.offset} ${verdict.kind === "effective" ? record.kind : `${verdict.kind} ${verdict.reason}`}`);
  return words;
}

test("log reader: records come in order with their verdicts, strangers and late claims among them", async () => {
  const { store, log } = madeLog(2);
  store.store(0, Buffer.from("a stranger"));
  store.store(0, claimBytes(0));
  expect(await verdicts(log, codec, 0)).toEqual(["0 genesis", "1 claim", "2 time", "3 time", "4 void foreign", "5 void claim_late"]);
});

test("log reader: the broken record is the last one given", async () => {
  const { store, log } = madeLog(3);
  store.flip(0, 3, 700);
  expect(await verdicts(log, codec, 0)).toEqual(["0 genesis", "1 claim", "2 time", "3 broken damaged"]);
});

test("log reader: it goes on from a checkpoint as from the beginning", async () => {
  const { log } = madeLog(4);
  const state = initialJudge(0);
  for await (const { judge } of readShard(log, codec, 0, { from: state, to: 4 })) expect(judge).toBe(state);
  expect(state).toMatchObject({ next: 4, lsn: 2, claim: 1 });
  expect(await verdicts(log, codec, 0, { from: judgeFromCheckpoint(judgeCheckpoint(state)) })).toEqual(["4 time", "5 time"]);
});

test("log reader: a record that only came damaged over the way is read again and counts", async () => {
  const { log } = madeLog(2);
  let reads = 0;
  const flaky: typeof log = Object.create(log, {
    read: {
      value: async function* (shard: number, from: number, to?: number) {
        reads += 1;
        for await (const list of log.read(shard, from, to)) {
          yield reads > 1 ? list : list.map(({ offset, bytes }) => ({ offset, bytes: offset === 2 ? bytes.subarray(0, 90) : bytes }));
        }
      },
    },
  });
  expect(await verdicts(flaky, codec, 0)).toEqual(["0 genesis", "1 claim", "2 time", "3 time"]);
  expect(reads).toBe(2);
});

test("log reader: a list that leaves a record out stops the reader", async () => {
  const { log } = madeLog(3);
  const gappy: typeof log = Object.create(log, {
    read: {
      value: async function* (shard: number, from: number) {
        for await (const list of log.read(shard, from)) yield list.filter(({ offset }) => offset !== 3);
      },
    },
  });
  expect(await verdicts(gappy, codec, 0)).toEqual(["0 genesis", "1 claim", "2 time", "4 broken offset_gap"]);
});

test("log reader: a tail waits for more and ends when it is aborted", async () => {
  const { store, log } = madeLog(1);
  const stop = new AbortController();
  const seen: number[] = [];
  for await (const { record } of readShard(log, codec, 0, { tail: stop.signal })) {
    seen.push(record.offset);
    if (record.offset === 2) queueMicrotask(() => store.store(0, timeBytes(store, 2)));
    if (record.offset === 3) stop.abort();
  }
  expect(seen).toEqual([0, 1, 2, 3]);
});
