// Which checkpoints are believed, of a log that is whole, lost its tail and grew again, or was trimmed.
import { expect, test } from "vitest";
import { MemoryStore } from "../../persistence/memory/decision-log.ts";
import { createRecordCodec } from "../../persistence/record.ts";
import { fillSlots, slotDigest } from "../cluster/ring.ts";
import type { Offset } from "../core/ids.ts";
import { ZERO_HASH } from "../core/state-hash.ts";
import { advance, initialJudge, judge, judgeCheckpoint } from "../core/validity.ts";
import type { Checkpoint, DecisionLog, RecordPlace, TimeReason } from "../ports.ts";
import { DAY_ONE } from "../sim/one-node.ts";
import { fitsLog } from "./checkpoint-fit.ts";

const LIFE = new Uint8Array(16).fill(7);
const FOREIGN = new Uint8Array([1, 2, 3]);
/** More than are looked at. */
const FLOOD = 1_000;

/** A log of one shard that is written by hand: GENESIS stands in it. */
class Written {
  readonly store = new MemoryStore(1);
  readonly codec = createRecordCodec(LIFE);
  readonly log: DecisionLog = this.store.connect();
  readonly judge = initialJudge(0);
  #nonce = 0;

  constructor() {
    this.put(this.codec.genesis({ shard: 0, shards: 1, slotDigest: slotDigest(fillSlots(1)), madeAt: DAY_ONE, version: "test" }));
  }

  /** Stores bytes and judges them as a reader would. */
  put(bytes: Uint8Array): Offset {
    const offset = this.store.store(0, bytes);
    const record = this.codec.decode({ offset, bytes }, 0);
    advance(this.judge, record, judge(this.judge, record), this.codec.hash);
    return offset;
  }

  #place(): RecordPlace {
    const { claim, lsn, hash } = this.judge;
    return { shard: 0, epoch: claim as number, firstLsn: lsn + 1, prevHash: hash, at: DAY_ONE };
  }

  claimBytes(previous: Offset = this.judge.claim): Uint8Array {
    this.#nonce += 1;
    const nonce = new Uint8Array(16).fill(this.#nonce);
    return this.codec.claim({ shard: 0, previous, nonce, nodeId: "ash", processId: "ash-1", reason: "start", shards: 1, at: DAY_ONE });
  }

  claim(): Offset {
    return this.put(this.claimBytes());
  }

  timeBytes(at = DAY_ONE, reason: TimeReason = "idle"): Uint8Array {
    return this.codec.time({ ...this.#place(), at }, reason).bytes;
  }

  /** Records of the tenure, all of them different; the bytes of each. */
  times(count: number): readonly Uint8Array[] {
    return Array.from({ length: count }, () => {
      const bytes = this.timeBytes();
      this.put(bytes);
      return bytes;
    });
  }

  release(): void {
    this.put(this.codec.release(this.#place(), { stateHash: ZERO_HASH, reason: "stop", target: null }).bytes);
  }

  voids(count: number): void {
    for (let n = 0; n < count; n += 1) this.put(FOREIGN);
  }

  checkpoint(): Checkpoint {
    return { ...judgeCheckpoint(this.judge), stateHash: ZERO_HASH, auctions: 0 };
  }

  /** Loses everything from `end` on; these come instead, and nobody has judged them. */
  regrown(end: Offset, ...others: readonly Uint8Array[]): void {
    this.store.cutTail(0, end);
    for (const bytes of others) this.store.store(0, bytes);
  }
}

interface Taken {
  readonly checkpoint: Checkpoint;
  readonly older?: readonly Checkpoint[];
}

async function fits(written: Written, { checkpoint, older = [] }: Taken, log = written.log): Promise<boolean> {
  const { start, end } = await log.ends(0);
  expect(checkpoint.offset).toBeLessThanOrEqual(end);
  return fitsLog({ number: 0, world: { log, codec: written.codec } }, checkpoint, older, start);
}

type Row = readonly [name: string, write: (written: Written) => Taken | Promise<Taken>];

const FITTING: readonly Row[] = [
  ["GENESIS alone", (log) => ({ checkpoint: log.checkpoint() })],
  [
    "records of a tenure",
    (log) => {
      log.claim();
      log.times(5);
      return { checkpoint: log.checkpoint() };
    },
  ],
  [
    "one record behind its claim",
    (log) => {
      log.claim();
      log.times(3);
      log.claim();
      log.times(1);
      return { checkpoint: log.checkpoint() };
    },
  ],
  [
    "a claim, the newest",
    (log) => {
      log.claim();
      log.times(3);
      log.claim();
      return { checkpoint: log.checkpoint() };
    },
  ],
  [
    "claims that follow each other, with one that came late between",
    (log) => {
      log.claim();
      log.times(3);
      const late = log.claimBytes();
      log.claim();
      log.put(late);
      log.claim();
      return { checkpoint: log.checkpoint() };
    },
  ],
  [
    "a release",
    (log) => {
      log.claim();
      log.times(2);
      log.release();
      return { checkpoint: log.checkpoint() };
    },
  ],
  [
    "a hundred void records behind the newest that counted",
    (log) => {
      log.claim();
      const [first = FOREIGN] = log.times(3);
      log.put(first);
      log.voids(100);
      return { checkpoint: log.checkpoint() };
    },
  ],
  [
    "a log that went on behind it",
    (log) => {
      log.claim();
      log.times(2);
      const checkpoint = log.checkpoint();
      log.times(3);
      log.claim();
      return { checkpoint };
    },
  ],
  [
    "a log trimmed up to it: nothing can be asked",
    async (log) => {
      log.claim();
      log.times(4);
      const checkpoint = log.checkpoint();
      await log.log.trim(0, checkpoint.offset);
      return { checkpoint };
    },
  ],
  [
    "a log trimmed to its newest record",
    async (log) => {
      log.claim();
      log.times(4);
      const checkpoint = log.checkpoint();
      await log.log.trim(0, checkpoint.offset - 1);
      return { checkpoint };
    },
  ],
  [
    "a log trimmed to the void records behind the newest that counted",
    async (log) => {
      log.claim();
      log.times(4);
      log.voids(3);
      const checkpoint = log.checkpoint();
      await log.log.trim(0, checkpoint.offset - 2);
      return { checkpoint };
    },
  ],
];

const UNFIT: readonly Row[] = [
  [
    "the newest record lost, and a stranger's in its place",
    (log) => {
      log.claim();
      log.times(3);
      const checkpoint = log.checkpoint();
      log.regrown(checkpoint.offset - 1, FOREIGN, FOREIGN);
      return { checkpoint };
    },
  ],
  [
    "the newest record lost, and another of the same tenure in its place",
    (log) => {
      log.claim();
      log.times(3);
      const other = log.timeBytes(DAY_ONE + 1);
      log.times(1);
      const checkpoint = log.checkpoint();
      log.regrown(checkpoint.offset - 1, other);
      return { checkpoint };
    },
  ],
  [
    "everything behind the claim lost, and a stranger's records in its place",
    (log) => {
      log.claim();
      log.times(3);
      const checkpoint = log.checkpoint();
      log.regrown(checkpoint.claim + 1, FOREIGN, FOREIGN, FOREIGN);
      return { checkpoint };
    },
  ],
  [
    "the last two records lost, and late copies of the newest in their place",
    (log) => {
      log.claim();
      const newest = log.times(5).at(-1) ?? FOREIGN;
      const checkpoint = log.checkpoint();
      log.regrown(checkpoint.offset - 2, newest, newest);
      return { checkpoint };
    },
  ],
  [
    "everything behind the claim lost, and late copies of the newest in its place",
    (log) => {
      log.claim();
      const newest = log.times(2).at(-1) ?? FOREIGN;
      const checkpoint = log.checkpoint();
      log.regrown(checkpoint.claim + 1, newest, newest);
      return { checkpoint };
    },
  ],
  [
    "a claim lost, and another in its place",
    (log) => {
      log.claim();
      log.times(3);
      const other = log.claimBytes();
      log.claim();
      const checkpoint = log.checkpoint();
      log.regrown(checkpoint.claim, other);
      return { checkpoint };
    },
  ],
  [
    "a void record lost, and a claim that counts in its place",
    (log) => {
      log.claim();
      log.times(3);
      log.voids(1);
      const checkpoint = log.checkpoint();
      log.regrown(checkpoint.offset - 1, log.claimBytes());
      return { checkpoint };
    },
  ],
  [
    "a void record lost, and one that nobody can read in its place",
    (log) => {
      log.claim();
      const newest = log.times(3).at(-1) ?? FOREIGN;
      log.voids(1);
      const checkpoint = log.checkpoint();
      log.regrown(checkpoint.offset - 1, newest.slice(0, -1));
      return { checkpoint };
    },
  ],
  [
    "a tail lost and grown again, and the log trimmed to an older checkpoint, behind which the newest record came",
    async (log) => {
      log.claim();
      log.times(3);
      const older = [log.checkpoint()];
      log.times(3);
      const checkpoint = log.checkpoint();
      log.regrown(checkpoint.offset - 2, FOREIGN, FOREIGN);
      await log.log.trim(0, older[0]?.offset ?? 0);
      return { checkpoint, older };
    },
  ],
  [
    "more void records behind the newest that counted than are looked at: a doubt",
    (log) => {
      log.claim();
      log.times(3);
      log.voids(FLOOD);
      return { checkpoint: log.checkpoint() };
    },
  ],
];

test.each(FITTING)("checkpoint: believed: %s", async (_name, write) => {
  const written = new Written();
  expect(await fits(written, await write(written))).toBe(true);
});

test.each(UNFIT)("checkpoint: not believed: %s", async (_name, write) => {
  const written = new Written();
  expect(await fits(written, await write(written))).toBe(false);
});

test("checkpoint: believed: the newest record only came damaged over the way, and is read again", async () => {
  const written = new Written();
  written.claim();
  written.times(3);
  const checkpoint = written.checkpoint();
  let damaged = 0;
  const log = written.store.connect();
  const read = log.read.bind(log);
  log.read = async function* (shard, from, to) {
    for await (const list of read(shard, from, to)) {
      yield list.map((record) => (record.offset === checkpoint.offset - 1 && damaged++ === 0 ? { ...record, bytes: record.bytes.slice(0, -1) } : record));
    }
  };
  expect(await fits(written, { checkpoint }, log)).toBe(true);
  expect(damaged).toBe(2);
});

test("checkpoint: believed: the log is trimmed while it is read, and asked again from where it begins then", async () => {
  const written = new Written();
  written.claim();
  written.times(3);
  written.voids(6);
  const checkpoint = written.checkpoint();
  const log = written.store.connect();
  const read = log.read.bind(log);
  let reads = 0;
  log.read = async function* (shard, from, to) {
    if (reads++ === 0) await log.trim(shard, checkpoint.offset - 2);
    yield* read(shard, from, to);
  };
  expect(await fits(written, { checkpoint }, log)).toBe(true);
  // The one that came too late, the one from where the log begins now, and each stranger's record once more.
  expect(reads).toBe(4);
});

test("checkpoint: the usual one costs one read of a few records", async () => {
  const written = new Written();
  written.claim();
  written.times(500);
  const log = written.store.connect();
  const read = log.read.bind(log);
  const asked: number[] = [];
  log.read = (shard, from, to) => {
    asked.push((to ?? Number.POSITIVE_INFINITY) - from);
    return read(shard, from, to);
  };
  expect(await fits(written, { checkpoint: written.checkpoint() }, log)).toBe(true);
  expect(asked).toEqual([8]);
});
