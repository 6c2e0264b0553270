// Limits of the machine, measured beside every run: a figure is also told as a share of the limit that binds it.
//
// F: one append of the local log, alone: write and fdatasync, as the engine does it. floor: how noisy the machine is.
import type { Histogram } from "hdr-histogram-js";
import type { AppendOutcome } from "../engine/ports.ts";
import { openLocalLog } from "../persistence/local/open-log.ts";
import { now } from "./clock.ts";
import { DurationCounts, histogramOf } from "./counts.ts";
import { makeFolder, removeFolder } from "./folders.ts";

const US_PER_MS = 1_000;
const DIGEST_BYTES = 16;
/** A gap that a person would call a hiccup. */
const GAP_MS = 0.5;

/** Durations of appends of one frame of that size, one after the other. */
export interface AppendLimit {
  readonly bytes: number;
  readonly histogram: Histogram;
}

/** F, for `seconds`. The log is made below `parent` and removed. */
export async function measureAppend(options: { readonly parent: string; readonly bytes: number; readonly seconds: number }): Promise<AppendLimit> {
  const dir = makeFolder(options.parent);
  const log = await openLocalLog({
    dir,
    shards: 1,
    create: { slotDigest: new Uint8Array(DIGEST_BYTES), madeAt: now(), version: "bench" },
    reserveBytes: 0,
    onFatal: (error) => {
      throw error;
    },
  });
  const counts = new DurationCounts();
  const frame = Buffer.alloc(options.bytes, 1);
  const until = performance.now() + options.seconds * 1_000;
  for (let from = performance.now(); from < until; from = performance.now()) {
    const [outcome] = await new Promise<readonly AppendOutcome[]>((done) => log.append([{ shard: 0, bytes: frame }], done));
    if (outcome?.kind !== "done") throw new Error(`an append of ${options.bytes} bytes was ${outcome?.kind}`);
    counts.add((performance.now() - from) * US_PER_MS);
  }
  await log.close();
  removeFolder(dir);
  return { bytes: options.bytes, histogram: histogramOf([counts.pairs()]) };
}

/** Times at which this process did not run for longer than GAP_MS while it wanted nothing but the clock. */
export interface Floor {
  readonly seconds: number;
  readonly gaps: number;
  readonly longestMs: number;
}

/** Spins for `seconds` and looks for gaps. */
export function measureFloor(seconds: number): Floor {
  const until = performance.now() + seconds * 1_000;
  let gaps = 0;
  let longestMs = 0;
  for (let before = performance.now(); before < until; ) {
    const at = performance.now();
    if (at - before > GAP_MS) gaps += 1;
    longestMs = Math.max(longestMs, at - before);
    before = at;
  }
  return { seconds, gaps, longestMs };
}
