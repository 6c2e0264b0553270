// The local decision log as the engine sees it: the writer, and reading beside it.
//
// Owns: which position in the stream a shard and an offset are, trimming, and giving the folder up last of all. Must not: write
// (segment-writer.ts), look into a record, or judge.
import type { Offset, Shard } from "../../engine/core/ids.ts";
import type { Append, AppendOutcome, DecisionLog, StoredRecord } from "../../engine/ports.ts";
import { LogPositionGone } from "../log-errors.ts";
import type { Holder } from "./holder.ts";
import { readSegments } from "./segment-read.ts";
import type { Segment } from "./segment-walk.ts";
import { SegmentWriter, type SegmentWriterOptions } from "./segment-writer.ts";

export interface SegmentLogOptions extends SegmentWriterOptions {
  readonly holder: Holder;
}

export class SegmentLog implements DecisionLog {
  readonly durability: string;
  readonly durable: boolean;
  readonly shards: number;
  readonly #options: SegmentLogOptions;
  readonly #writer: SegmentWriter;
  /** Offsets below which each shard's records may be forgotten. */
  readonly #trimmed: Float64Array;

  constructor(options: SegmentLogOptions) {
    this.#options = options;
    this.#writer = new SegmentWriter(options);
    this.shards = options.opened.next.length;
    this.#trimmed = new Float64Array(this.shards);
    this.durable = options.sync;
    this.durability = options.sync ? "fdatasync per group commit" : "no durability (LOCAL_SYNC=false)";
  }

  get lateAnswers(): number {
    return this.#writer.lateAnswers;
  }

  laneOf(): number {
    return 0;
  }

  append(appends: readonly Append[], done: (outcomes: readonly AppendOutcome[]) => void): void {
    this.#writer.append(appends, done);
  }

  async *read(shard: Shard, from: Offset, to?: Offset): AsyncGenerator<readonly StoredRecord[]> {
    const { start, end } = this.#endsOf(shard);
    if (from < start || from > end) throw new LogPositionGone({ shard, from, start, end });
    const range = { segments: this.#writer.segments, durable: this.#writer.durableEnd, seed: this.#writer.seed, shard, from, to: Math.min(to ?? end, end) };
    yield* readSegments(this.#options.files, range);
  }

  async *tail(shard: Shard, from: Offset, signal: AbortSignal): AsyncGenerator<readonly StoredRecord[]> {
    for (let next = from; !signal.aborted && this.#writer.state === "open"; ) {
      for await (const list of this.read(shard, next)) {
        yield list;
        next += list.length;
        if (signal.aborted) return;
      }
      if (next === this.#endsOf(shard).end) await this.#writer.change(signal);
    }
  }

  ends(shard: Shard): Promise<{ readonly start: Offset; readonly end: Offset }> {
    return Promise.resolve(this.#endsOf(shard));
  }

  #endsOf(shard: Shard): { readonly start: Offset; readonly end: Offset } {
    const end = this.#writer.next[shard];
    if (end === undefined) throw new RangeError(`shard ${shard} is none of ${this.shards}`);
    return { start: (this.#writer.segments[0] as Segment).waypoints[0]?.next[shard] ?? 0, end };
  }

  /** Segments go whole, once no shard needs them: those of which every shard has said that it may forget all records. What was said
   *  is not remembered over a restart. */
  async trim(shard: Shard, below: Offset): Promise<void> {
    this.#trimmed[shard] = Math.max(this.#trimmed[shard] ?? 0, below);
    let removed = false;
    while (this.#writer.segments.length > 1 && this.#mayForget(this.#writer.segments[1] as Segment)) {
      const oldest = this.#writer.segments.shift() as Segment;
      await this.#options.files.remove(oldest.path);
      removed = true;
    }
    if (removed) await this.#options.files.syncFolder(this.#options.folder);
  }

  #mayForget(following: Segment): boolean {
    const next = following.waypoints[0]?.next ?? [];
    return this.#trimmed.every((below, shard) => (next[shard] as number) <= below);
  }

  room(): "ok" | "low" {
    return this.#options.room.room();
  }

  async close(): Promise<void> {
    if (this.#writer.state === "closed") return;
    await this.#writer.close();
    await this.#options.holder.release();
  }
}
