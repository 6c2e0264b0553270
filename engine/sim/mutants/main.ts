// Runs the mutation tier and prints its table: `npm run mutants`, or with names of mutants for those alone.
//
// Ends with 1 when a mutant was not caught, or when the program as it is was.
import { CONTROLS, MUTANTS } from "./all.ts";
import { tierTable } from "./table.ts";
import { runTier } from "./tier.ts";

/** Nobody waits for this run but who asked for it. */
const LIMIT_MS = 600_000;

const names = process.argv.slice(2);
const unknown = names.filter((name) => [...CONTROLS, ...MUTANTS].every((mutant) => mutant.name !== name));
if (unknown.length > 0) {
  process.stderr.write(`no mutants of these names: ${unknown.join(", ")}\n`);
  process.exit(2);
}
const wanted = [...CONTROLS, ...MUTANTS].filter(({ name }) => names.length === 0 || names.includes(name));
const rows = await runTier(wanted, {
  limitMs: LIMIT_MS,
  told: ({ mutant, kind, seeds, tookMs }) => process.stderr.write(`${mutant.name}: ${kind}, ${seeds} seeds, ${Math.round(tookMs)} ms\n`),
});
process.stdout.write(`${tierTable(rows)}\n`);
process.exitCode = rows.every(({ mutant, kind }) => kind === (CONTROLS.includes(mutant) ? "clean" : "caught")) ? 0 : 1;
