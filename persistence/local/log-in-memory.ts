// The local log over files in memory: what its unit tests open, cut, damage and open again.
import type { Offset, Shard } from "../../engine/core/ids.ts";
import type { AppendOutcome, DecisionLog, StoredRecord, Timers } from "../../engine/ports.ts";
import { MemoryFiles } from "../memory/files.ts";
import { type LocalLog, type LocalLogOptions, openLocalLog } from "./open-log.ts";
import type { OpenedLog } from "./recovery.ts";

export const LOG_FOLDER = "/log";
export const LIFE_ID = Uint8Array.from({ length: 16 }, (_, i) => 200 + i);
export const FIRST_SEGMENT = `${LOG_FOLDER}/segment-0000000000000000.log`;

/** Timers that never fire by themselves: `fire` runs what is due. */
export class HandTimers implements Timers {
  readonly waiting = new Set<{ readonly delayMs: number; readonly callback: () => void }>();

  after(delayMs: number, callback: () => void): () => void {
    const timer = { delayMs, callback };
    this.waiting.add(timer);
    return () => this.waiting.delete(timer);
  }

  soon(callback: () => void): void {
    queueMicrotask(callback);
  }

  /** Runs every timer of at most that delay, once. */
  fire(delayMs: number): void {
    for (const timer of [...this.waiting]) {
      if (timer.delayMs > delayMs) continue;
      this.waiting.delete(timer);
      timer.callback();
    }
  }
}

/** A local log of two shards in memory, held by nobody else. */
export function openInMemory(files: MemoryFiles, options: Partial<LocalLogOptions> = {}): Promise<LocalLog> {
  return openLocalLog({
    dir: LOG_FOLDER,
    shards: 2,
    files,
    timers: new HandTimers(),
    segmentBytes: 1_000_000,
    create: { slotDigest: new Uint8Array(16).fill(7), madeAt: 1_795_428_000_000, version: "test", lifeId: LIFE_ID },
    hold: () => Promise.resolve({ release: () => Promise.resolve() }),
    onFatal(error) {
      throw error;
    },
    ...options,
  });
}

/** Appends texts, one per shard, in one round. */
export function appendTo(log: DecisionLog, ...records: readonly (readonly [Shard, string])[]): Promise<readonly AppendOutcome[]> {
  return new Promise((resolve) => {
    log.append(
      records.map(([shard, text]) => ({ shard, bytes: Buffer.from(text) })),
      resolve,
    );
  });
}

/** The records of a shard behind GENESIS, as texts. */
export async function textsOf(log: Pick<DecisionLog, "read">, shard: Shard, from: Offset = 1): Promise<string[]> {
  const records: StoredRecord[] = [];
  for await (const list of log.read(shard, from)) records.push(...list);
  return records.map(({ bytes }) => Buffer.from(bytes).toString());
}

/** A page small enough for a round of a few records to cover several. */
export const SMALL_PAGE = 16;

export interface Written {
  /** The segment up to the last write, and the last write's own bytes. */
  readonly before: Buffer;
  readonly last: Buffer;
  /** Space made ahead behind it. */
  readonly zeros: number;
}

/** A log of three rounds, the last of which was written and not yet acknowledged. */
export async function threeRounds(): Promise<Written> {
  const files = new MemoryFiles();
  const log = await openInMemory(files);
  await appendTo(log, [0, "alpha"], [1, "beta"]);
  await appendTo(log, [0, "gamma"]);
  const before = endOf(files.bytes(FIRST_SEGMENT));
  await appendTo(log, [1, "delta, the longest of them all"], [0, "epsilon"]);
  const bytes = files.bytes(FIRST_SEGMENT);
  const end = endOf(bytes);
  return { before: bytes.subarray(0, before), last: bytes.subarray(before, end), zeros: bytes.length - end };
}

// No entry ends with a zero byte here: each ends with the crc of a text, looked up once.
/** Where the entries of a segment end and the zeros begin. */
export function endOf(bytes: Buffer): number {
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === 0) end -= 1;
  return end;
}

/** Opens a segment as a power cut left it, writes to it and opens it once more. */
export async function openImage(image: Uint8Array): Promise<{ texts: string[][]; cut: OpenedLog["cut"]; files: MemoryFiles }> {
  const files = new MemoryFiles();
  files.put(FIRST_SEGMENT, image);
  let cut: OpenedLog["cut"] = null;
  const log = await openInMemory(files, {
    onCut(found) {
      cut = found;
    },
  });
  const texts = [await textsOf(log, 0), await textsOf(log, 1)];
  // What was opened can be written, and opened again.
  await appendTo(log, [0, "after"]);
  await log.close();
  const again = await openInMemory(files);
  if ((await textsOf(again, 0)).at(-1) !== "after") throw new Error("a record that was acknowledged after the opening is gone");
  return { texts, cut, files };
}
