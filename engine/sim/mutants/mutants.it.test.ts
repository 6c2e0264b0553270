// Each protection of the log taken away by itself has to be noticed by the simulator, and the program as it is must pass the same seeds.
import { beforeAll, expect, test } from "vitest";
import { CONTROLS, MUTANTS } from "./all.ts";
import { tierTable } from "./table.ts";
import { runTier, type TierRow } from "./tier.ts";

/** Of one mutant: more than the slowest needs on a small machine. */
const LIMIT_MS = 180_000;
/** Of each control: several times what the mutants need. All thousand are run by `npm run mutants`, and other tests run more. */
const CONTROL_SEEDS = 250;
/** Of the whole tier. */
const TIER_MS = 600_000;

const rows = new Map<string, TierRow>();

beforeAll(async () => {
  const controls = await runTier(CONTROLS, { limitMs: LIMIT_MS, seedLast: CONTROL_SEEDS });
  const all = [...controls, ...(await runTier(MUTANTS, { limitMs: LIMIT_MS }))];
  for (const row of all) rows.set(row.mutant.name, row);
  process.stdout.write(`${tierTable(all)}\n`);
}, TIER_MS);

test.each(CONTROLS.map(({ name }) => [name] as const))("mutation tier: %s: the program as it is shows nothing", (name) => {
  const row = rows.get(name);
  expect([row?.kind, row?.message]).toEqual(["clean", ""]);
});

test.each(MUTANTS.map(({ name, does }) => [name, does] as const))("mutation tier: %s: %s, and a seed shows it", (name) => {
  const row = rows.get(name);
  expect([row?.kind, row?.message]).toEqual(["caught", expect.any(String)]);
});
