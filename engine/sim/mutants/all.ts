// Every mutant of the tier, in the order in which they are told.
import { COMMIT_MUTANTS } from "./commit-mutants.ts";
import { JUDGE_MUTANTS } from "./judge-mutants.ts";
import type { Mutant } from "./mutant.ts";
import { SNAPSHOT_MUTANTS } from "./snapshot-mutants.ts";
import { TENURE_MUTANTS } from "./tenure-mutants.ts";

export const MUTANTS: readonly Mutant[] = [...JUDGE_MUTANTS, ...TENURE_MUTANTS, ...COMMIT_MUTANTS, ...SNAPSHOT_MUTANTS];

/** The program as it is. It must never be caught. */
export const CONTROL: Mutant = { name: "control", rules: "none", does: "nothing wrong", caughtBy: [], unheeded: [], patches: [] };
