// Which records of one shard go to whom: the positions of its readers, and of the consumer that serves them all.
//
// Owns: positions (K20). Must not: know kafkajs, wait, or ask for ends. It is pure: what it wants done it says in `wanted`.
//
// F1. A reader gets each offset once, in order, or an error.
// F2. A list is taken only if it begins at the position the consumer was sent to, and runs without gap; else it is dropped whole.
// F3. The consumer goes to the lowest position of a reader that has room; who stands within a list takes its part of it.
// F4. A reader that holds `readAheadBytes` asks for nothing until it has given half of it away.
import type { Offset, Shard } from "../../engine/core/ids.ts";
import type { StoredRecord } from "../../engine/ports.ts";
import { LogJumps } from "./errors.ts";

/** Bytes a reader may hold unread, one fetch more at most: a quarter of what one shard may read ahead (64 MiB), and at 100 MB/s of
 *  replay a sixth of a second, longer than it takes to resume. */
export const readAheadBytes = 16 * 1024 * 1024;
/** Lists that do not go on where the last one ended, in a row, before that is taken for the truth (K20). */
const STRIKES_MAX = 3;

/** What a list holds of a record. */
interface Fetched {
  readonly offset: Offset;
  readonly bytes: Uint8Array;
  readonly storedAt: number;
}

/** One reader of a shard. */
export class FeedReader {
  /** Offset of the next record it is to be given. */
  next: Offset;
  /** It ends before this one; Infinity for a tail. */
  readonly to: Offset;
  /** Whether the room for read-ahead is used up (F4). */
  full = false;
  #lists: (readonly StoredRecord[])[] = [];
  #bytes = 0;
  #error: Error | null = null;
  #ended = false;
  #wake: (() => void) | null = null;

  constructor(range: { from: Offset; to: Offset }) {
    this.next = range.from;
    this.to = range.to;
  }

  get hungry(): boolean {
    return !this.full && !this.#ended && this.#error === null && this.next < this.to;
  }

  give(records: readonly StoredRecord[], bytes: number): void {
    this.#lists.push(records);
    this.next += records.length;
    this.#bytes += bytes;
    if (this.#bytes >= readAheadBytes) this.full = true;
    this.#rouse();
  }

  fail(error: Error): void {
    this.#error ??= error;
    this.#rouse();
  }

  /** No more is wanted: what is held is dropped. */
  end(): void {
    this.#ended = true;
    this.#lists = [];
    this.#rouse();
  }

  #rouse(): void {
    const wake = this.#wake;
    this.#wake = null;
    wake?.();
  }

  /** The next list; null at the end. Throws what the reader failed with once its lists are given. */
  async take(): Promise<readonly StoredRecord[] | null> {
    for (;;) {
      const list = this.#lists.shift();
      if (list !== undefined) {
        for (const { bytes } of list) this.#bytes -= bytes.length;
        if (this.#bytes <= readAheadBytes / 2) this.full = false;
        return list;
      }
      if (this.#error !== null) throw this.#error;
      if (this.#ended || this.next >= this.to) return null;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}

/** The readers of one shard. */
export class ShardFeed {
  readonly shard: Shard;
  readonly readers = new Set<FeedReader>();
  /** Where the consumer's next list begins; null while it is sent nowhere. */
  #position: Offset | null = null;
  #strikes = 0;

  constructor(shard: Shard) {
    this.shard = shard;
  }

  get position(): Offset | null {
    return this.#position;
  }

  /** Lowest position of a reader with room, or null if nobody wants anything (F3). */
  get wanted(): Offset | null {
    let lowest: Offset | null = null;
    for (const reader of this.readers) {
      if (reader.hungry && (lowest === null || reader.next < lowest)) lowest = reader.next;
    }
    return lowest;
  }

  /** The consumer was sent to `position`, or is sent nowhere (null): what it still brings is dropped. */
  sentTo(position: Offset | null): void {
    this.#position = position;
  }

  /** A list from the consumer. Afterwards `wanted` is to be compared with `position`: they differ when it was dropped. */
  take(records: readonly Fetched[]): void {
    const position = this.#position;
    if (position === null || records.length === 0) return;
    const bad = records.find(({ offset }, i) => offset !== position + i);
    if (bad !== undefined) {
      this.#drop(position, bad.offset);
      return;
    }
    this.#strikes = 0;
    this.#position = position + records.length;
    for (const reader of this.readers) this.#giveTo(reader, position, records);
  }

  #drop(wanted: Offset, got: Offset): void {
    this.#position = null;
    this.#strikes += 1;
    if (this.#strikes < STRIKES_MAX) return;
    this.#strikes = 0;
    this.fail(new LogJumps({ shard: this.shard, wanted, got }));
  }

  #giveTo(reader: FeedReader, first: Offset, records: readonly Fetched[]): void {
    if (!reader.hungry || reader.next < first || reader.next >= first + records.length) return;
    const part: StoredRecord[] = [];
    let bytes = 0;
    const last = Math.min(records.length, reader.to - first);
    for (let i = reader.next - first; i < last; i += 1) {
      const record = records[i] as Fetched;
      part.push(storedRecord(record));
      bytes += record.bytes.length;
    }
    reader.give(part, bytes);
  }

  /** Every reader that waits for records throws this. */
  fail(error: Error): void {
    for (const reader of this.readers) if (reader.hungry) reader.fail(error);
  }
}

function storedRecord({ offset, bytes, storedAt }: Fetched): StoredRecord {
  return Number.isSafeInteger(storedAt) && storedAt >= 0 ? { offset, bytes, storedAt } : { offset, bytes };
}
