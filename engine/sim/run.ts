// One seed, one run: faults first, then none and everything comes to rest, then every word is held against the log.
import type { Violation } from "./check.ts";
import { Cluster } from "./cluster.ts";
import { Faults } from "./faults.ts";
import { checkOwners, checkStates, checkWords, unrest } from "./final-check.ts";
import { checkJudges } from "./judge-check.ts";
import { scheduleLoad } from "./load.ts";
import { drawOptions, type SimOptions } from "./options.ts";
import { Random } from "./random.ts";

/** Within this everything is at rest once the faults have ended: silence of an owner, longest back-off of a claim, and what follows. */
const REST_MS_MAX = 20_000;
/** A clock that was wrong is looked at again after 5 s, doubling to a minute. */
const REST_CLOCKS_MS_MAX = 120_000;
const LOOK_MS = 270;
/** Streams of a seed: a kept option set plays the same events, however the drawing of options changes. */
const OPTIONS = 1;
const EVENTS = 2;
const JUDGES = 3;

export interface SeedResult {
  readonly seed: number;
  readonly options: SimOptions;
  /** What was wrong in the event that ended the run, the first thing first; nothing when all is well. */
  readonly violations: readonly Violation[];
  /** What happened how often. */
  readonly counts: ReadonlyMap<string, number>;
  readonly events: number;
  readonly decisions: number;
  /** Virtual ms from the end of the faults until everything was at rest. */
  readonly restMs: number;
  /** The newest events, a line each; all of them when nothing is said. */
  readonly trace: (last?: number) => readonly string[];
}

/** Runs one seed. `overrides` replace what the seed draws; a seed with the same overrides is the same run, event by event. */
export async function runSeed(seed: number, overrides: Partial<SimOptions> = {}): Promise<SeedResult> {
  const options: SimOptions = { ...drawOptions(new Random(seed, OPTIONS)), ...overrides };
  const cluster = new Cluster(options, new Random(seed, EVENTS));
  const faults = new Faults(cluster);
  faults.schedule();
  scheduleLoad(cluster);
  await cluster.play(options.faultsMs);
  const healedAt = cluster.heap.now;
  if (!cluster.failed) await comeToRest(cluster, faults);
  const restMs = cluster.heap.now - healedAt;
  if (!cluster.failed) checkWords(cluster);
  if (!cluster.failed) checkStates(cluster);
  if (!cluster.failed) checkJudges(cluster.logs, { codec: cluster.codec, lifeId: cluster.lifeId, random: new Random(seed, JUDGES) }, cluster.tell);
  return {
    seed,
    options,
    violations: cluster.violations,
    counts: cluster.counts,
    events: cluster.heap.taken,
    decisions: cluster.logs.reduce((sum, log) => sum + log.placed.length, 0),
    restMs,
    trace: (last) => cluster.trace.lines(last),
  };
}

async function comeToRest(cluster: Cluster, faults: Faults): Promise<void> {
  const before = cluster.logs.map(({ end }) => end);
  faults.heal();
  const { clockSteps, clockOffsetMs } = cluster.options;
  const until = cluster.heap.now + (clockSteps + clockOffsetMs > 0 ? REST_CLOCKS_MS_MAX : REST_MS_MAX);
  while (!cluster.failed) {
    await cluster.play(cluster.heap.now + LOOK_MS);
    const waiting = !cluster.failed ? unrest(cluster) : [];
    if (waiting.length === 0) {
      checkOwners(cluster, before);
      return;
    }
    if (cluster.heap.now < until) continue;
    cluster.tell("liveness", waiting.join("; "));
    return;
  }
}
