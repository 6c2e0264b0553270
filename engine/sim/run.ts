// One seed, one run: faults first, then none and everything comes to rest, then every word is held against the log.
import type { Violation } from "./check.ts";
import { Cluster } from "./cluster.ts";
import { Faults } from "./faults.ts";
import { checkOwners, checkStates, checkWords, HeartbeatCheck, unrest } from "./final-check.ts";
import { checkJudges } from "./judge-check.ts";
import { scheduleLoad } from "./load.ts";
import { drawOptions, type SimOptions } from "./options.ts";
import { Random } from "./random.ts";

/** Within this everything is at rest once the faults have ended: silence of an owner, longest back-off of a claim, and what follows. */
const REST_MS_MAX = 20_000;
/** A clock that was wrong is looked at again after 5 s, doubling to a minute. */
const REST_CLOCKS_MS_MAX = 120_000;
const LOOK_MS = 270;
/** At rest is what is so afterwards too: longer than anything that was under way when the faults ended can take to arrive. */
const PLAY_ON_MS = 10_000;
/** What is asked for or falls due at the very end of that is done within this. */
const REST_AGAIN_MS_MAX = 2_000;
/** Streams of a seed: a kept option set plays the same events, however the drawing of options changes. */
const OPTIONS = 1;
const EVENTS = 2;
const JUDGES = 3;
/** The name of what anything threw. */
export const THREW = "threw";

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

/** Runs one seed. `overrides` replace what the seed draws; a seed with the same overrides is the same run, event by event. What anything
 *  throws ends the run, and is a violation as well: nothing but a seed says how to see it again. */
export async function runSeed(seed: number, overrides: Partial<SimOptions> = {}): Promise<SeedResult> {
  const options: SimOptions = { ...drawOptions(new Random(seed, OPTIONS)), ...overrides };
  const cluster = new Cluster(options, new Random(seed, EVENTS));
  const threw = (error: unknown): void => {
    const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
    cluster.trace.add("VIOLATION", THREW, message);
    cluster.violations.push({ invariant: THREW, message });
  };
  process.on("unhandledRejection", threw);
  let restMs = 0;
  try {
    restMs = await playAll(cluster, seed);
  } catch (error) {
    threw(error);
  } finally {
    process.off("unhandledRejection", threw);
  }
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

// Returns how long it took to come to rest.
async function playAll(cluster: Cluster, seed: number): Promise<number> {
  const faults = new Faults(cluster);
  faults.schedule();
  scheduleLoad(cluster);
  await cluster.play(cluster.options.faultsMs);
  const healedAt = cluster.heap.now;
  const before = cluster.logs.map(({ end }) => end);
  if (!cluster.failed) {
    faults.heal();
    const { clockSteps, clockOffsetMs } = cluster.options;
    await comeToRest(cluster, clockSteps + clockOffsetMs > 0 ? REST_CLOCKS_MS_MAX : REST_MS_MAX);
  }
  const restMs = cluster.heap.now - healedAt;
  // A log that lost its tail may stay without an owner.
  if (!cluster.failed && cluster.lostTail === null) await stayAtRest(cluster);
  if (!cluster.failed) checkOwners(cluster, before);
  if (!cluster.failed) checkWords(cluster);
  if (!cluster.failed) checkStates(cluster);
  if (!cluster.failed) checkJudges(cluster.logs, { codec: cluster.codec, lifeId: cluster.lifeId, random: new Random(seed, JUDGES) }, cluster.tell);
  return restMs;
}

async function comeToRest(cluster: Cluster, withinMs: number): Promise<void> {
  const until = cluster.heap.now + withinMs;
  while (!cluster.failed) {
    await cluster.play(cluster.heap.now + LOOK_MS);
    const waiting = !cluster.failed ? unrest(cluster) : [];
    if (waiting.length === 0) return;
    if (cluster.heap.now < until) continue;
    cluster.tell("liveness", waiting.join("; "));
    return;
  }
}

// What was under way when the faults ended may unsettle everything once more, and then it settles by itself.
async function stayAtRest(cluster: Cluster): Promise<void> {
  const until = cluster.heap.now + PLAY_ON_MS;
  const heartbeats = new HeartbeatCheck(cluster);
  while (!cluster.failed && cluster.heap.now < until) {
    await cluster.play(cluster.heap.now + LOOK_MS);
    if (!cluster.failed) heartbeats.look();
  }
  if (!cluster.failed) await comeToRest(cluster, REST_AGAIN_MS_MAX);
}
