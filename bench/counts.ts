// Counts of durations, as a generator keeps them: one addition a value, and small enough to hand on as pairs.
//
// Exact up to 2,047 us, above that to one part in a thousand; a value is told as the upper end of its bucket, so never too small.
import { build, type Histogram } from "hdr-histogram-js";

const EXACT_BITS = 11;
const EXACT = 2 ** EXACT_BITS;
const HALF = EXACT / 2;
/** 2^36 us are 19 hours. */
const BITS_MAX = 36;
const BUCKETS = EXACT + (BITS_MAX - EXACT_BITS) * HALF;
/** Longest duration a report can show, us. */
const TRACKABLE_US = 3_600_000_000;

/** [duration in us, how often] */
export type CountPair = readonly [number, number];

export class DurationCounts {
  readonly #counts = new Float64Array(BUCKETS);
  total = 0;

  /** `us`: a negative one counts as 0. */
  add(us: number): void {
    this.total += 1;
    const bucket = bucketOf(us);
    this.#counts[bucket] = (this.#counts[bucket] as number) + 1;
  }

  pairs(): CountPair[] {
    const pairs: CountPair[] = [];
    this.#counts.forEach((count, bucket) => {
      if (count > 0) pairs.push([upperEnd(bucket), count]);
    });
    return pairs;
  }
}

function bucketOf(us: number): number {
  const value = us <= 0 ? 0 : Math.round(us);
  if (value < EXACT) return value;
  const shift = Math.min(BITS_MAX, Math.floor(Math.log2(value)) + 1) - EXACT_BITS;
  return Math.min(BUCKETS - 1, EXACT + (shift - 1) * HALF + (Math.floor(value / 2 ** shift) - HALF));
}

function upperEnd(bucket: number): number {
  if (bucket < EXACT) return bucket;
  const shift = Math.floor((bucket - EXACT) / HALF) + 1;
  const top = ((bucket - EXACT) % HALF) + HALF;
  return (top + 1) * 2 ** shift - 1;
}

/** The counts of any number of generators as one histogram of microseconds. */
export function histogramOf(lists: readonly (readonly CountPair[])[]): Histogram {
  const histogram = build({ lowestDiscernibleValue: 1, highestTrackableValue: TRACKABLE_US, numberOfSignificantValueDigits: 3, bitBucketSize: 64 });
  for (const [us, count] of lists.flat()) histogram.recordValueWithCount(Math.min(TRACKABLE_US, us), count);
  return histogram;
}
