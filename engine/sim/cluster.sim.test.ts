// Whole clusters under faults, one after the other: the kept seeds, a fixed range, and some that nobody has seen.
import { randomInt } from "node:crypto";
import { expect, test } from "vitest";
import { tellOptions } from "./options.ts";
import { runSeed, type SeedResult } from "./run.ts";
import { CALM, KEPT_SEEDS } from "./seeds.ts";

/** Some ten seconds on a machine that does nothing else. */
const FIXED = 500;
const FRESH = 200;
const FRESH_FROM_MAX = 2 ** 40;
const LAST_EVENTS = 40;

function report(result: SeedResult): string {
  const wrong = result.violations.map(({ invariant, message }) => `${invariant}: ${message}`);
  return [`seed ${result.seed}`, ...wrong, tellOptions(result.options), ...result.trace(LAST_EVENTS)].join("\n");
}

async function expectClean(seeds: Iterable<number>): Promise<ReadonlyMap<string, number>> {
  const counts = new Map<string, number>();
  for (const seed of seeds) {
    const result = await runSeed(seed);
    expect(result.violations, report(result)).toEqual([]);
    for (const [what, count] of result.counts) counts.set(what, (counts.get(what) ?? 0) + count);
  }
  return counts;
}

function* from(first: number, count: number): Generator<number> {
  for (let n = 0; n < count; n += 1) yield first + n;
}

/** What a range of seeds has to come by, or it shows nothing. */
const SEEN = [
  "adopted_claim",
  "gap_void",
  "gap_claimed",
  "key_reused",
  "late_repeat",
  "log_refused",
  "move",
  "pause",
  "repeat_after_takeover",
  "saved",
  "shard_claimed checkpoint",
  "shard_claimed memory",
  "shard_claimed zero",
  "shard_released",
  "takeover_while_due",
  "tenure_over",
  "trim",
];

test("cluster: any faults: nothing told is lost, doubled or untrue, and all comes to rest, in a fixed range of seeds that sees what it should", async () => {
  const counts = await expectClean(from(1, FIXED));
  expect(SEEN.filter((what) => (counts.get(what) ?? 0) === 0)).toEqual([]);
});

test("cluster: any faults: nothing told is lost, doubled or untrue, and all comes to rest, in seeds that nobody has seen", async () => {
  await expectClean(from(randomInt(FRESH_FROM_MAX), FRESH));
});

for (const { seed, options, story } of KEPT_SEEDS) {
  test(`cluster: kept seed ${seed}: ${story}`, async () => {
    const result = await runSeed(seed, { ...CALM, ...options });
    expect(result.violations, report(result)).toEqual([]);
  });
}

test("cluster: one seed: two runs are the same, event by event", async () => {
  for (const seed of [3, 11, 42, 97, 1_003, 5_077]) {
    const once = await runSeed(seed);
    const again = await runSeed(seed);
    expect(again.trace()).toEqual(once.trace());
    expect(once.trace().length).toBeGreaterThan(20);
  }
});

test("cluster: no faults: every command is answered, nobody is refused, and no shard changes its owner", async () => {
  const result = await runSeed(7, CALM);
  expect(result.violations, report(result)).toEqual([]);
  expect(result.decisions).toBeGreaterThan(15);
  expect([...result.counts.keys()].filter((what) => what !== "shard_standby" && !what.startsWith("shard_claimed") && what !== "shard_serving")).toEqual([]);
});

test("cluster: a log that keeps its word for a minute: the shard that nobody serves is named, with the events before, unless nobody heeds it", async () => {
  const stuck = { ...CALM, requestLost: 1, appendLimitMs: 60_000 };
  const result = await runSeed(3, stuck);
  expect(result.violations).toEqual([{ invariant: "liveness", message: expect.stringContaining("V1: shard 0 is not served") }]);
  expect(result.trace(1)).toEqual([expect.stringContaining("VIOLATION liveness V1: shard 0 is not served")]);
  expect((await runSeed(3, { ...stuck, unheeded: ["liveness"] })).violations.filter(({ invariant }) => invariant === "liveness")).toEqual([]);
});
