// Writing the stream of segments: rounds of appending, one at a time.
//
// Owns: the file that is written, rotation, marks, what is durable, and what is said of each append. Must not: look into a record,
// judge, read, or decide what a bad byte at start means (recovery.ts).
//
// P2/L2. A round is one write and one fdatasync; only then is any append of it `done`. One round is in flight. A short write is
//     completed before the sync.
// P3. `refused` means that no byte is in the log: refused before writing, or cut back after a full disk (L9).
// P8. A round that takes longer than the append limit is `unknown`; what the disk says later is counted and dropped. Until it does,
//     further appends are refused: nothing of them was sent.
// L3. Each entry says what was durable when it was written, for readers in other processes. When nothing follows for a moment a
//     mark says it (segment-file.ts, G2).
// L4. Rotation: the new segment's header is synced and its name too, then it is appended to.
// L8. A failed sync, or a write that failed for another reason than space, is fatal: the outcome is unknown and the process must
//     stop. It is never synced again and believed.
// L9. A full disk: cut back to where the write began and sync; done, all of the round was refused.
// L12. Space is made ahead by writing zeros behind a small round, 256 KiB at a time: overwriting costs half of what growing does
//     (0.14 against 0.28 ms here). Behind a round above 64 KiB it gains nothing and is left out.
import { join } from "node:path";
import type { Append, AppendOutcome, AppendRefusal, Timers } from "../../engine/ports.ts";
import { AppendInFlight } from "../log-errors.ts";
import type { DiskRoom } from "./disk.ts";
import { LogDiskFailed } from "./errors.ts";
import { errorCode, type Files, type LogFile, syncFile, writeAll } from "./files.ts";
import { createSegment, type OpenedLog } from "./recovery.ts";
import { ENTRY_OVERHEAD_BYTES, ENTRY_RECORD_BYTES_MAX, entrySeed, MARK, segmentHeaderBytes, segmentName, writeEntry } from "./segment-file.ts";
import { addWaypoint, type Segment } from "./segment-walk.ts";

/** Zeros written behind a small round. */
const AHEAD_BYTES = 262_144;
/** Rounds up to this size are worth it. */
const AHEAD_ROUND_BYTES_MAX = 65_536;
/** Quiet time after which a mark is written. Short enough that analytics look live, long enough that busy logs write none. */
const MARK_AFTER_MS = 50;
const FULL_CODES = ["ENOSPC", "EDQUOT"];
const NO_RECORD = new Uint8Array(0);

export interface SegmentWriterOptions {
  readonly folder: string;
  readonly files: Files;
  readonly opened: OpenedLog;
  readonly room: DiskRoom;
  readonly timers: Timers;
  readonly segmentBytes: number;
  readonly appendLimitMs: number;
  /** false: rounds are not synced, and nothing is durable. */
  readonly sync: boolean;
  /** Called once; the process must stop. */
  readonly onFatal: (error: Error) => void;
}

type Told = (outcomes: readonly AppendOutcome[]) => void;

interface Round {
  readonly appends: readonly Append[];
  /** What its entries take. */
  readonly bytes: number;
  /** null once it was told (P8). */
  done: Told | null;
  readonly forgetLimit: () => void;
}

export class SegmentWriter {
  /** In order; the last one is written. Trimming takes the oldest away. */
  readonly segments: Segment[];
  /** Next offset of each shard, durable records only. */
  readonly next: Float64Array;
  /** Where the crcs of the entries start from. */
  readonly seed: number;
  /** Everything below is durable, and its offsets are counted. */
  durableEnd: number;
  /** Answers of the disk that came after the append limit. */
  lateAnswers = 0;
  state: "open" | "closed" | "failed" = "open";
  readonly #options: SegmentWriterOptions;
  #file: LogFile;
  /** Where the next entry goes: `durableEnd`, or behind a mark. */
  #writeEnd: number;
  /** Up to where the segment's file has been written, zeros included. */
  #fileEnd: number;
  /** Holds one round; grows to the largest there was: all shards' frames at their cap. */
  #staging = Buffer.allocUnsafeSlow(AHEAD_BYTES * 2);
  #round: Round | null = null;
  /** A mark is being written; whoever comes meanwhile waits for it. */
  #marking = false;
  #afterMark: (() => void) | null = null;
  #cancelMark: (() => void) | null = null;
  readonly #watchers = new Set<() => void>();

  constructor(options: SegmentWriterOptions) {
    const { opened } = options;
    this.#options = options;
    this.segments = opened.segments;
    this.next = opened.next;
    this.seed = entrySeed(opened.lifeId);
    this.#file = opened.file;
    this.durableEnd = opened.end;
    this.#writeEnd = opened.end;
    this.#fileEnd = opened.end;
  }

  get #current(): Segment {
    return this.segments[this.segments.length - 1] as Segment;
  }

  /** As the port's append (P1 to P8). Throws AppendInFlight. */
  append(appends: readonly Append[], done: Told): void {
    if (this.#round !== null && this.#round.done !== null) throw new AppendInFlight(0);
    const refusal = this.#refusalOf(appends);
    if (refusal !== null) {
      this.#options.timers.soon(() => done(appends.map(() => refusal)));
      return;
    }
    const { timers, appendLimitMs } = this.#options;
    const bytes = appends.reduce((sum, append) => sum + append.bytes.length + ENTRY_OVERHEAD_BYTES, 0);
    const round: Round = { appends, bytes, done, forgetLimit: timers.after(appendLimitMs, () => this.#limitPassed(round)) };
    this.#round = round;
    this.#cancelMark?.();
    this.#cancelMark = null;
    if (this.#marking) this.#afterMark = () => this.#begin(round);
    else this.#begin(round);
  }

  #refusalOf(appends: readonly Append[]): AppendOutcome | null {
    const refused = (code: AppendRefusal, detail: string): AppendOutcome => ({ kind: "refused", code, detail });
    if (this.state !== "open") return refused("not_sent", `the log is ${this.state}`);
    if (this.#round !== null) return refused("not_sent", "the disk has not answered the append before this one");
    const seen = new Set<number>();
    for (const { shard, bytes } of appends) {
      if (!(shard >= 0 && shard < this.next.length) || seen.has(shard)) return refused("invalid", `shard ${shard} is unknown or named twice`);
      if (bytes.length > ENTRY_RECORD_BYTES_MAX) return refused("too_large", `a record of ${bytes.length} bytes`);
      seen.add(shard);
    }
    return null;
  }

  // A round: rotate if the segment is full, write, sync, tell.

  #begin(round: Round): void {
    const current = this.#current;
    const isEmpty = this.#writeEnd === current.first + segmentHeaderBytes(this.next.length);
    if (!isEmpty && this.#writeEnd + round.bytes - current.first > this.#options.segmentBytes) {
      this.#rotate().then(
        () => this.#send(round),
        (error: unknown) => this.#rotationFailed(round, error),
      );
      return;
    }
    this.#send(round);
  }

  // After the append limit has passed the caller's bytes are its own again: what was not yet copied is not sent at all.
  #send(round: Round): void {
    if (round.done === null) this.#end(round, []);
    else this.#write(round, this.#stage(round), 0);
  }

  /** Puts the entries into the staging buffer, and zeros behind them where that makes the next rounds cheaper (L12). */
  #stage(round: Round): Buffer {
    const { bytes } = round;
    const grows = this.#writeEnd + bytes > this.#fileEnd;
    const length = grows && bytes <= AHEAD_ROUND_BYTES_MAX ? bytes + AHEAD_BYTES : bytes;
    if (length > this.#staging.length) this.#staging = Buffer.allocUnsafeSlow(length);
    let at = 0;
    for (const { shard, bytes: record } of round.appends) at = writeEntry(this.#staging, at, { shard, record, durableTo: this.durableEnd, seed: this.seed });
    if (length > bytes) this.#staging.fill(0, bytes, length);
    return this.#staging.subarray(0, length);
  }

  #write(round: Round, staged: Buffer, from: number): void {
    const needed = round.bytes;
    const first = this.#current.first;
    // After a short write only what is needed is completed; the zeros were a convenience.
    const part = from === 0 ? staged : staged.subarray(from, needed);
    this.#file.write(part, this.#writeEnd - first + from, (error, written) => {
      if (error !== null) this.#writeFailed(round, error);
      else if (written === 0) this.#failed(round, "a write", new Error("no byte was taken, and no reason was given"));
      else if (from + written < needed) this.#write(round, staged, from + written);
      else this.#sync(round, from + written);
    });
  }

  #sync(round: Round, written: number): void {
    this.#fileEnd = Math.max(this.#fileEnd, this.#writeEnd + written);
    if (!this.#options.sync) {
      this.#landed(round);
      return;
    }
    this.#file.sync((error) => {
      if (error === null) this.#landed(round);
      else this.#failed(round, "the sync of a round", error);
    });
  }

  #landed(round: Round): void {
    this.#writeEnd += round.bytes;
    this.durableEnd = this.#writeEnd;
    const outcomes = round.appends.map(({ shard }): AppendOutcome => {
      const offset = this.next[shard] as number;
      this.next[shard] = offset + 1;
      return { kind: "done", offset };
    });
    addWaypoint(this.#current, this.#writeEnd, this.next);
    this.#options.room.wrote(round.bytes);
    this.#end(round, outcomes);
    if (this.#round === null && this.state === "open") this.#cancelMark = this.#options.timers.after(MARK_AFTER_MS, () => this.#mark());
  }

  #end(round: Round, outcomes: readonly AppendOutcome[]): void {
    round.forgetLimit();
    this.#round = null;
    const done = round.done;
    round.done = null;
    if (done === null) this.lateAnswers += 1;
    else done(outcomes);
    this.#wakeWatchers();
  }

  #limitPassed(round: Round): void {
    const done = round.done;
    round.done = null;
    done?.(round.appends.map(() => ({ kind: "unknown", cause: `the disk did not answer within ${this.#options.appendLimitMs} ms` })));
  }

  // What can go wrong

  #writeFailed(round: Round, error: Error): void {
    if (!FULL_CODES.includes(errorCode(error))) {
      this.#failed(round, "a write", error);
      return;
    }
    this.#options.room.full();
    this.#cutBack().then(
      () => this.#end(round, refusedFull(round)),
      (cause: unknown) => this.#failed(round, "cutting back after the disk was full", cause),
    );
  }

  // L9. What was written may hold whole entries of some shards: all of it goes.
  async #cutBack(): Promise<void> {
    const first = this.#current.first;
    await this.#file.truncate(this.#writeEnd - first);
    this.#fileEnd = this.#writeEnd;
    if (this.#options.sync) await syncFile(this.#file);
  }

  #failed(round: Round | null, what: string, cause: unknown): void {
    const error = new LogDiskFailed(what, cause);
    const isFirst = this.state !== "failed";
    this.state = "failed";
    if (round !== null)
      this.#end(
        round,
        round.appends.map(() => ({ kind: "unknown", cause: error.message })),
      );
    this.#wakeWatchers();
    if (isFirst) this.#options.onFatal(error);
  }

  // Rotation

  async #rotate(): Promise<void> {
    const { files, folder, opened, sync } = this.#options;
    const current = this.#current;
    const first = this.#writeEnd;
    // A mark may be the last entry. It counts for no offset, but the next segment proves that its place was durable.
    if (sync && this.durableEnd < first) await syncFile(this.#file);
    await this.#file.truncate(first - current.first);
    const { segment, file } = await createSegment(files, folder, { lifeId: opened.lifeId, first, next: [...this.next] });
    const old = this.#file;
    this.#file = file;
    this.segments.push(segment);
    this.#writeEnd = first + segmentHeaderBytes(this.next.length);
    this.durableEnd = this.#writeEnd;
    this.#fileEnd = this.#writeEnd;
    await old.close();
  }

  // Nothing of the round was written. A full disk is a refusal if the beginning of the new segment can be taken away again.
  #rotationFailed(round: Round, error: unknown): void {
    if (!FULL_CODES.includes(errorCode(error))) {
      this.#failed(round, "the beginning of a new segment", error);
      return;
    }
    this.#options.room.full();
    this.#removeBeginning().then(
      () => this.#end(round, refusedFull(round)),
      (cause: unknown) => this.#failed(round, "removing the beginning of a segment after the disk was full", cause),
    );
  }

  async #removeBeginning(): Promise<void> {
    const { files, folder } = this.#options;
    this.#fileEnd = this.#writeEnd;
    try {
      await files.remove(join(folder, segmentName(this.#writeEnd)));
    } catch (error) {
      if (errorCode(error) !== "ENOENT") throw error;
    }
    await files.syncFolder(folder);
  }

  // Marks

  #mark(): void {
    this.#cancelMark = null;
    if (this.state !== "open" || this.#round !== null) return;
    this.#marking = true;
    const first = this.#current.first;
    const bytes = Buffer.alloc(ENTRY_OVERHEAD_BYTES);
    writeEntry(bytes, 0, { shard: MARK, record: NO_RECORD, durableTo: this.durableEnd, seed: this.seed });
    this.#file.write(bytes, this.#writeEnd - first, (error, written) => {
      this.#marking = false;
      // A mark that is not whole is written over by the next round; only a disk that fails is told.
      if (error !== null && !FULL_CODES.includes(errorCode(error))) this.#failed(this.#round, "a write", error);
      else if (error === null && written === bytes.length) this.#writeEnd += written;
      this.#fileEnd = Math.max(this.#fileEnd, this.#writeEnd);
      const waiting = this.#afterMark;
      this.#afterMark = null;
      if (this.state === "open") waiting?.();
      this.#wakeWatchers();
    });
  }

  /** The next end of a round or mark, or the abort of the signal. */
  change(signal?: AbortSignal): Promise<void> {
    if (signal?.aborted === true) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#watchers.delete(wake);
        signal?.removeEventListener("abort", wake);
        resolve();
      };
      this.#watchers.add(wake);
      signal?.addEventListener("abort", wake);
    });
  }

  #wakeWatchers(): void {
    for (const wake of [...this.#watchers]) wake();
  }

  /** Waits for the round in flight, says that all is durable, and closes the file. Nothing is written afterwards. */
  async close(): Promise<void> {
    if (this.state === "closed") return;
    const wasOpen = this.state === "open";
    while (this.#round !== null || this.#marking) await this.change();
    this.state = "closed";
    this.#cancelMark?.();
    this.#wakeWatchers();
    if (wasOpen) await this.#finish();
    await this.#file.close();
  }

  // A log that is full or failing still closes: the mark and the freed space are only a courtesy to readers.
  async #finish(): Promise<void> {
    const first = this.#current.first;
    const mark = Buffer.alloc(ENTRY_OVERHEAD_BYTES);
    writeEntry(mark, 0, { shard: MARK, record: NO_RECORD, durableTo: this.durableEnd, seed: this.seed });
    try {
      await writeAll(this.#file, mark, this.#writeEnd - first);
      await this.#file.truncate(this.#writeEnd + mark.length - first);
      if (this.#options.sync) await syncFile(this.#file);
    } catch (error) {
      if (!FULL_CODES.includes(errorCode(error))) this.#options.onFatal(new LogDiskFailed("closing the log", error));
    }
  }
}

function refusedFull(round: Round): AppendOutcome[] {
  return round.appends.map(() => ({ kind: "refused", code: "disk_full", detail: "no space is left on the disk of the log" }));
}
