// The simulator from the command line: one seed, told in full, or a range of them with their rate. Ends with 1 when a seed fails.
//
//   --seed N            one seed; prints its options, and when it fails the violation and its last events
//   --seeds N | A-B     seeds 1 to N, or A to B
//   --trace             with --seed: every event
import { parseArgs } from "node:util";
import { tellOptions } from "./options.ts";
import { runSeed, type SeedResult } from "./run.ts";

const LAST_EVENTS = 60;
const PROGRESS_EVERY = 1_000;
const DEFAULT_SEEDS = "1000";
const NS_PER_S = 1e9;

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

function tellFailure(result: SeedResult): void {
  const { seed, options, violations } = result;
  for (const { invariant, message } of violations) print(`seed ${seed} failed: ${invariant}: ${message}`);
  print(`options: ${tellOptions(options)}`);
  print("last events:");
  for (const line of result.trace(LAST_EVENTS)) print(line);
  print(`again: npx tsx engine/sim/main.ts --seed ${seed}`);
}

async function runOne(seed: number, whole: boolean): Promise<boolean> {
  const result = await runSeed(seed);
  print(`seed ${seed}: ${result.events} events, ${result.decisions} decisions, at rest after ${Math.round(result.restMs)} ms`);
  print(`options: ${tellOptions(result.options)}`);
  if (whole) for (const line of result.trace()) print(line);
  if (result.violations.length > 0) tellFailure(result);
  for (const [what, count] of [...result.counts].sort()) print(`${count} ${what}`);
  return result.violations.length === 0;
}

async function runMany(from: number, to: number): Promise<boolean> {
  const begun = process.hrtime.bigint();
  const counts = new Map<string, number>();
  const failed: number[] = [];
  let events = 0;
  let decisions = 0;
  print(`seeds ${from} to ${to}`);
  for (let seed = from; seed <= to; seed += 1) {
    const result = await runSeed(seed);
    events += result.events;
    decisions += result.decisions;
    for (const [what, count] of result.counts) counts.set(what, (counts.get(what) ?? 0) + count);
    if (result.violations.length > 0) {
      failed.push(seed);
      tellFailure(result);
    }
    const done = seed - from + 1;
    if (done % PROGRESS_EVERY !== 0 && seed !== to) continue;
    const seconds = Number(process.hrtime.bigint() - begun) / NS_PER_S;
    print(`${done} seeds, ${failed.length} failed, ${Math.round(done / seconds)} seeds/s, ${Math.round(events / done)} events a seed, ${decisions} decisions`);
  }
  for (const [what, count] of [...counts].sort()) print(`${count} ${what}`);
  if (failed.length > 0) print(`failed seeds: ${failed.join(" ")}`);
  return failed.length === 0;
}

const { values } = parseArgs({ options: { seed: { type: "string" }, seeds: { type: "string" }, trace: { type: "boolean", default: false } } });
const range = (values.seeds ?? DEFAULT_SEEDS).split("-").map(Number);
const [first, last] = range.length === 1 ? [1, range[0] ?? 1] : [range[0] ?? 1, range[1] ?? 1];
const seed = values.seed === undefined ? null : Number(values.seed);
if (![first, last, seed ?? 0].every(Number.isSafeInteger) || first > last) {
  print("a seed is a whole number, a range is A-B");
  process.exitCode = 2;
} else if (!(await (seed === null ? runMany(first, last) : runOne(seed, values.trace)))) process.exitCode = 1;
