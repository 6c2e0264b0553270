// Counts of the path of a bid as plain numbers. prom-client sees them when it is asked: its own look-up by label text cost 8 % of a bid.

/** Seconds; everywhere the same, so that latencies of parts can be laid over each other. */
export const LATENCY_BUCKETS_S: readonly number[] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];

/** Durations by bucket. */
export class DurationTally {
  sum = 0;
  /** Of each bucket alone; the last is of what is longer than all. */
  readonly counts: number[] = new Array<number>(LATENCY_BUCKETS_S.length + 1).fill(0);

  add(seconds: number): void {
    let bucket = 0;
    while (seconds > (LATENCY_BUCKETS_S[bucket] ?? Number.POSITIVE_INFINITY)) bucket += 1;
    this.counts[bucket] = (this.counts[bucket] ?? 0) + 1;
    this.sum += seconds;
  }
}

/** Bids of one transport. */
export class BidTally {
  attempts = 0;
  readonly seconds = { accepted: new DurationTally(), rejected: new DurationTally(), failed: new DurationTally() };
}

/** What sockets took and gave, published updates among it. */
export class TrafficTally {
  framesIn = 0;
  framesOut = 0;
  bytesIn = 0;
  bytesOut = 0;
}
