// Starts generators, hears their phases, and brings what they give back together.
//
// Must not: measure the system; whoever asks is called at the beginning and the end of the measured time, and looks then.
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Histogram } from "hdr-histogram-js";
import { histogramOf } from "./counts.ts";
import { packageFile } from "./package-files.ts";
import { type LoadPlan, type LoadResult, planText } from "./plan.ts";
import { Spawned } from "./spawned.ts";

export type GeneratorKind = "c" | "node";

/** Share of one core from which a generator may have been what bound the rate. */
export const BOUND_SHARE = 0.9;

/** What the load is, whoever makes it. */
export interface LoadOrder extends Omit<LoadPlan, "host" | "stride" | "answersFile"> {
  readonly generator: GeneratorKind;
  /** Processes that share sockets, auctions and rate. */
  readonly processes: number;
  /** Where plans and answers are written. */
  readonly folder: string;
  readonly inherited: Readonly<Record<string, string | undefined>>;
  readonly onPhase: (phase: "measuring" | "measured") => void;
}

/** What all generators saw. Counts and durations of the measured time. */
export interface LoadOutcome {
  readonly generator: GeneratorKind;
  readonly seconds: number;
  readonly planned: number;
  readonly answered: number;
  readonly accepted: number;
  readonly rejected: Readonly<Record<string, number>>;
  readonly refused: Readonly<Record<string, number>>;
  readonly notices: number;
  readonly unanswered: number;
  readonly latency: Histogram;
  readonly lag: Histogram;
  /** Of one core, of the busiest generator. */
  readonly busiestShare: number;
  readonly cpuSeconds: number;
  readonly answers: readonly { readonly file: string; readonly first: number; readonly stride: number }[];
  /** Numbers of bids are below it. */
  readonly sent: number;
}

const READY_MS = 60_000;
const DRAIN_LIMIT_MS = 60_000;

/** The program of the C generator in `folder`, or null when there is no C compiler or it refuses the source. */
export function buildNative(folder: string): string | null {
  const program = join(folder, "load");
  const built = spawnSync("cc", ["-O2", "-o", program, packageFile("bench/native/load.c"), "-lm"], { encoding: "utf8" });
  return built.status === 0 ? program : null;
}

/** Runs the load to its end. Rejects when a generator fails: then there is no figure. */
export async function runLoad(order: LoadOrder): Promise<LoadOutcome> {
  const plans = Array.from({ length: order.processes }, (_, index) => planOf(order, index));
  const native = order.generator === "c" ? buildNative(order.folder) : null;
  if (order.generator === "c" && native === null) throw new Error("the C generator could not be built; --generator node needs no compiler");
  const processes = plans.map((plan, index) => {
    const file = join(order.folder, `plan-${index}`);
    writeFileSync(file, planText(plan));
    const command = native === null ? [process.execPath, "--enable-source-maps", packageFile("dist/bench/load-process.js"), file] : [native, file];
    return new Spawned({ name: `generator ${index}`, command, environment: order.inherited });
  });
  const results = await Promise.all(processes.map((generator, index) => follow(generator, order, index === 0)));
  return together(plans, results);
}

function planOf(order: LoadOrder, index: number): LoadPlan {
  const share = <T>(all: readonly T[]): readonly T[] => all.filter((_, at) => at % order.processes === index);
  const { mode, port, inFlight, rate, seed, warmUpMs, measureMs, bids } = order;
  return {
    host: "127.0.0.1",
    port,
    mode,
    inFlight,
    rate: rate / order.processes,
    seed: seed + index,
    warmUpMs,
    measureMs,
    bids,
    first: order.first + index,
    stride: order.processes,
    answersFile: join(order.folder, `answers-${index}`),
    tokens: share(order.tokens),
    auctions: share(order.auctions),
  };
}

/** One generator to its result. The phases of the first are told on. */
function follow(generator: Spawned, order: LoadOrder, isFirst: boolean): Promise<LoadResult> {
  const limitMs = READY_MS + order.warmUpMs + order.measureMs + DRAIN_LIMIT_MS;
  return new Promise((resolve, reject) => {
    let result: LoadResult | null = null;
    const timer = setTimeout(() => void generator.end("SIGKILL").then(() => reject(generator.fault(`had not finished after ${limitMs} ms`))), limitMs);
    generator.listen((line) => {
      if (line === null) {
        clearTimeout(timer);
        if (result === null) reject(generator.fault("ended without a result"));
        else resolve(result);
      } else if (line.event === "result") result = line as unknown as LoadResult;
      else if (isFirst && (line.event === "measuring" || line.event === "measured")) order.onPhase(line.event);
    });
  });
}

function together(plans: readonly LoadPlan[], results: readonly LoadResult[]): LoadOutcome {
  const sum = (read: (result: LoadResult) => number): number => results.reduce((total, result) => total + read(result), 0);
  const seconds = sum((result) => result.seconds) / results.length;
  return {
    generator: results[0]?.generator ?? "node",
    seconds,
    planned: sum((result) => result.planned),
    answered: sum((result) => result.answered),
    accepted: sum((result) => result.accepted),
    rejected: byCode(results.map((result) => result.rejected)),
    refused: byCode(results.map((result) => result.refused)),
    notices: sum((result) => result.notices),
    unanswered: sum((result) => result.unansweredTotal),
    latency: histogramOf(results.map((result) => result.latency)),
    lag: histogramOf(results.map((result) => result.lag)),
    busiestShare: Math.max(...results.map((result) => result.cpuSeconds / result.seconds)),
    cpuSeconds: sum((result) => result.cpuSeconds),
    answers: plans.map(({ answersFile, stride }, index) => ({ file: answersFile, first: index, stride })),
    sent: Math.max(0, ...plans.map((plan, index) => plan.first + (results[index]?.sentTotal ?? 0) * plan.stride)),
  };
}

function byCode(lists: readonly Readonly<Record<string, number>>[]): Readonly<Record<string, number>> {
  const total: Record<string, number> = {};
  for (const list of lists) for (const [code, count] of Object.entries(list)) total[code] = (total[code] ?? 0) + count;
  return total;
}
