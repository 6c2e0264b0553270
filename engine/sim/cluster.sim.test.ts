// Whole clusters under faults, one after the other: the kept seeds, a fixed range, and some that nobody has seen.
import { randomInt } from "node:crypto";
import { expect, test } from "vitest";
import { tellOptions } from "./options.ts";
import { runSeed, type SeedResult } from "./run.ts";
import { CALM, KEPT_SEEDS } from "./seeds.ts";

/** Some twenty seconds on a machine that does nothing else. */
const FIXED = 500;
const FRESH = 200;
const FRESH_FROM_MAX = 2 ** 40;
const LAST_EVENTS = 40;

function report(result: SeedResult): string {
  const wrong = result.violations.map(({ invariant, message }) => `${invariant}: ${message}`);
  return [`seed ${result.seed}`, ...wrong, tellOptions(result.options), ...result.trace(LAST_EVENTS)].join("\n");
}

// Which they are is said first: whatever ends the run, they can be run again.
async function expectClean(first: number, count: number): Promise<ReadonlyMap<string, number>> {
  const counts = new Map<string, number>();
  process.stdout.write(`seeds from ${first} on, ${count} of them\n`);
  for (let seed = first; seed < first + count; seed += 1) {
    const result = await runSeed(seed);
    expect(result.violations, report(result)).toEqual([]);
    for (const [what, count] of result.counts) counts.set(what, (counts.get(what) ?? 0) + count);
  }
  return counts;
}

/** What a range of seeds has to come by, or it shows nothing. */
const SEEN = [
  "adopted_claim",
  "damaged_read",
  "down_in_move",
  "gap_void",
  "gap_claimed",
  "key_reused",
  "kill",
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
  "stop",
  "takeover",
  "takeover_while_due",
  "tenure_over",
  "trim",
];

test("cluster: any faults: nothing told is lost, doubled or untrue, and all comes to rest, in a fixed range of seeds that sees what it should", async () => {
  const counts = await expectClean(1, FIXED);
  expect(SEEN.filter((what) => (counts.get(what) ?? 0) === 0)).toEqual([]);
});

test("cluster: any faults: nothing told is lost, doubled or untrue, and all comes to rest, in seeds that nobody has seen", async () => {
  await expectClean(randomInt(FRESH_FROM_MAX), FRESH);
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

test("cluster: what is thrown in a run: is a violation of its seed, with its options and the events before", async () => {
  const result = await runSeed(3, { ...CALM, auctions: 0 });
  expect(result).toMatchObject({ seed: 3, options: { auctions: 0 }, violations: [{ invariant: "threw", message: expect.stringContaining("load.ts") }] });
  expect(result.trace(1)).toEqual([expect.stringContaining("VIOLATION threw")]);
});

test("cluster: a log that keeps its word for a minute: the shard that nobody serves is named, with the events before, unless nobody heeds it", async () => {
  const stuck = { ...CALM, requestLost: 1, appendLimitMs: 60_000 };
  const result = await runSeed(3, stuck);
  expect(result.violations).toEqual([{ invariant: "liveness", message: expect.stringContaining("V1: shard 0 is not served") }]);
  expect(result.trace(1)).toEqual([expect.stringContaining("VIOLATION liveness V1: shard 0 is not served")]);
  expect((await runSeed(3, { ...stuck, unheeded: ["liveness"] })).violations.filter(({ invariant }) => invariant === "liveness")).toEqual([]);
});
