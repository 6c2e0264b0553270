// One run as a flat record of numbers: what a line of JSON holds and a row of the table shows. Nothing here is worked out twice.
import type { Histogram } from "hdr-histogram-js";
import { histogramOf } from "./counts.ts";
import { BOUND_SHARE } from "./generator.ts";
import type { InProcessResult } from "./in-process.ts";
import type { InProcessScenario, Scenario } from "./scenarios.ts";
import type { ProcessLoad, SocketRun } from "./socket-run.ts";

/** Milliseconds, and of how many values. */
export interface Percentiles {
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly p999: number;
  readonly p9999: number;
  readonly max: number;
  readonly count: number;
}

export interface GeneratorFigures {
  readonly kind: "c" | "node";
  /** Of one core, the busiest process. */
  readonly coreShare: number;
  /** It may have been what bound the rate. */
  readonly bound: boolean;
  readonly cpuUsPerBid: number;
  /** Real sending less planned time; open loop only. */
  readonly lag: Percentiles | null;
}

export interface ProcessFigures {
  readonly cpuUsPerBid: number | null;
  readonly coreShare: number | null;
  /** Share of the time. */
  readonly gcShare: number | null;
  readonly loopDelayP99Ms: number | null;
  readonly loopDelayMaxMs: number | null;
}

export interface Measured {
  readonly scenario: Scenario;
  readonly durability: string;
  readonly seconds: number;
  /** Planned bids a second; open loop only. */
  readonly plannedPerSecond: number | null;
  /** Accepted and rejected; refusals are no decisions. */
  readonly decisionsPerSecond: number;
  readonly accepted: number;
  readonly rejected: Readonly<Record<string, number>>;
  readonly refused: Readonly<Record<string, number>>;
  readonly unanswered: number;
  readonly noticesPerBid: number | null;
  readonly decisionsPerFrame: number | null;
  readonly latency: Percentiles;
  readonly generator: GeneratorFigures | null;
  readonly engine: ProcessFigures | null;
  readonly gateway: ProcessFigures | null;
  /** Why the run has no figure; null when it has one. */
  readonly void: string | null;
  /** Acknowledged decisions that were found in the log; null where there is no log to look into. */
  readonly verified: number | null;
}

const US_PER_MS = 1_000;
const US_PER_S = 1_000_000;
/** An open loop whose own lateness is more than this part of its result has measured itself. */
const LAG_SHARE_MAX = 0.1;

/** The percentiles of a histogram of microseconds. */
export function percentilesOf(histogram: Histogram): Percentiles {
  const at = (percentile: number): number => histogram.getValueAtPercentile(percentile) / US_PER_MS;
  return { p50: at(50), p90: at(90), p99: at(99), p999: at(99.9), p9999: at(99.99), max: histogram.maxValue / US_PER_MS, count: histogram.totalCount };
}

/** A run over WebSocket. */
export function measuredSocket(run: SocketRun): Measured {
  const { scenario, load, check } = run;
  const decided = load.answered;
  const open = scenario.mode === "open";
  const latency = percentilesOf(load.latency);
  const lag = open ? percentilesOf(load.lag) : null;
  return {
    scenario: { kind: "socket", ...scenario },
    durability: run.durability,
    seconds: load.seconds,
    plannedPerSecond: open ? scenario.rate : null,
    decisionsPerSecond: decided / load.seconds,
    accepted: load.accepted,
    rejected: load.rejected,
    refused: load.refused,
    unanswered: load.unanswered,
    noticesPerBid: decided === 0 ? null : load.notices / decided,
    decisionsPerFrame: run.decisionsPerFrame,
    latency,
    generator: {
      kind: load.generator,
      coreShare: load.busiestShare,
      bound: !open && load.busiestShare >= BOUND_SHARE,
      cpuUsPerBid: perBid(load.cpuSeconds, decided),
      lag,
    },
    engine: processFigures(run.engine, decided, load.seconds),
    gateway: processFigures(run.gateway, decided, load.seconds),
    void: voidReason(check?.fault ?? null, { lag, latency, unanswered: load.unanswered, decided }),
    verified: check === null ? null : check.acknowledged,
  };
}

/** A run inside one process. */
export function measuredInProcess(scenario: InProcessScenario, result: InProcessResult): Measured {
  return {
    scenario,
    durability: result.durability,
    seconds: result.seconds,
    plannedPerSecond: null,
    decisionsPerSecond: result.answered / result.seconds,
    accepted: result.answered,
    rejected: {},
    refused: {},
    unanswered: 0,
    noticesPerBid: null,
    decisionsPerFrame: result.decisionsPerFrame,
    latency: percentilesOf(histogramOf([result.latency])),
    generator: null,
    engine: {
      cpuUsPerBid: perBid(result.cpuSeconds, result.answered),
      coreShare: result.cpuSeconds / result.seconds,
      gcShare: null,
      loopDelayP99Ms: null,
      loopDelayMaxMs: null,
    },
    gateway: null,
    void: null,
    verified: null,
  };
}

function voidReason(fault: string | null, seen: { lag: Percentiles | null; latency: Percentiles; unanswered: number; decided: number }): string | null {
  if (fault !== null) return fault;
  if (seen.decided === 0) return "no bid was decided";
  if (seen.unanswered > 0) return `${seen.unanswered} bids were never answered`;
  const { lag, latency } = seen;
  if (lag !== null && lag.p99 > latency.p99 * LAG_SHARE_MAX) {
    return `the generator was late: lag p99 ${lag.p99.toFixed(2)} ms, over a tenth of the latency's p99 ${latency.p99.toFixed(2)} ms`;
  }
  return null;
}

function processFigures(load: ProcessLoad, decided: number, seconds: number): ProcessFigures {
  return {
    cpuUsPerBid: load.cpuSeconds === null ? null : perBid(load.cpuSeconds, decided),
    coreShare: load.cpuSeconds === null ? null : load.cpuSeconds / seconds,
    gcShare: load.gcSeconds === null ? null : load.gcSeconds / seconds,
    loopDelayP99Ms: load.loopDelayP99Ms,
    loopDelayMaxMs: load.loopDelayMaxMs,
  };
}

function perBid(cpuSeconds: number, decided: number): number {
  return decided === 0 ? 0 : (cpuSeconds * US_PER_S) / decided;
}

/** The middle one of an odd number of values, the lower middle one of an even number. */
export function medianOf<T>(values: readonly T[], by: (value: T) => number): T | undefined {
  return [...values].sort((left, right) => by(left) - by(right))[Math.floor((values.length - 1) / 2)];
}
