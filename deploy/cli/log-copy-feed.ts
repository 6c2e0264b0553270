// The records of a source on their way: read shard by shard, appended to the target a request at a time.
//
// Must not: decide what is copied (log-copy.ts), or go on behind an outcome that is not `done` at the expected offset (Y3).
import type { Append, AppendOutcome, StoredRecord } from "../../engine/ports.ts";
import { CopyStopped, type CopyTargetLog } from "./log-copy-stopped.ts";
import type { ReadableLog } from "./log-verify.ts";

/** Half of what a request to a broker may hold. */
const REQUEST_BYTES_MAX = 4 * 1024 * 1024;

/** A record that goes with the next request. */
export interface Ready {
  readonly feed: SourceShard;
  readonly record: StoredRecord;
}

/** The records of one shard, one after the other. */
export class SourceShard {
  readonly shard: number;
  readonly #lists: AsyncIterator<readonly StoredRecord[]>;
  readonly #end: number;
  #list: readonly StoredRecord[] = [];
  #at = 0;
  /** Offset of the next record. */
  next: number;

  constructor(log: ReadableLog, shard: number, from: number, end: number) {
    this.shard = shard;
    this.next = from;
    this.#end = end;
    this.#lists = log.read(shard, from, end)[Symbol.asyncIterator]();
  }

  get finished(): boolean {
    return this.next >= this.#end;
  }

  /** The next record, still to be taken. */
  async peek(): Promise<StoredRecord> {
    while (this.#at >= this.#list.length) {
      const { done, value } = await this.#lists.next();
      if (done === true) throw new CopyStopped("interrupted", `the source gave shard ${this.shard} to offset ${this.next} only, not to ${this.#end}`);
      [this.#list, this.#at] = [value, 0];
    }
    return this.#list[this.#at] as StoredRecord;
  }

  take(): void {
    this.#at += 1;
    this.next += 1;
  }

  async close(): Promise<void> {
    await this.#lists.return?.();
  }
}

/** The next record of each shard, as many as one request may hold. They are taken once the target has them. */
export async function nextRecords(feeds: readonly SourceShard[]): Promise<readonly Ready[]> {
  const ready: Ready[] = [];
  let bytes = 0;
  for (const feed of feeds) {
    const record = await feed.peek();
    if (record.offset !== feed.next) throw new CopyStopped("interrupted", `the source gave offset ${record.offset} of shard ${feed.shard}, not ${feed.next}`);
    if (ready.length > 0 && bytes + record.bytes.length > REQUEST_BYTES_MAX) break;
    bytes += record.bytes.length;
    ready.push({ feed, record });
  }
  return ready;
}

/** Appends them and waits for every outcome. Shards are grouped by lane anew each time: a lane is the leading broker, and that may
 *  change. */
export async function appendAll(target: CopyTargetLog, ready: readonly Ready[]): Promise<void> {
  const lanes = new Map<number, Ready[]>();
  for (const each of ready) {
    const lane = target.laneOf(each.feed.shard);
    lanes.set(lane, [...(lanes.get(lane) ?? []), each]);
  }
  await Promise.all([...lanes.values()].map((lane) => appendLane(target, lane)));
}

async function appendLane(target: CopyTargetLog, lane: readonly Ready[]): Promise<void> {
  const appends: Append[] = lane.map(({ feed, record }) => ({ shard: feed.shard, bytes: record.bytes }));
  const outcomes = await new Promise<readonly AppendOutcome[]>((done) => target.append(appends, done));
  for (const [i, { feed, record }] of lane.entries()) {
    checkOutcome(outcomes[i], feed.shard, record.offset);
    feed.take();
  }
}

function checkOutcome(outcome: AppendOutcome | undefined, shard: number, offset: number): void {
  if (outcome?.kind === "done") {
    if (outcome.offset === offset) return;
    throw new CopyStopped("differs", `record ${offset} of shard ${shard} came to stand at ${outcome.offset}: somebody else writes to the target`);
  }
  const why = outcome === undefined ? "no outcome" : outcome.kind === "refused" ? `refused, ${outcome.code}: ${outcome.detail}` : `unknown: ${outcome.cause}`;
  throw new CopyStopped("interrupted", `record ${offset} of shard ${shard} was not taken for sure (${why})`);
}
