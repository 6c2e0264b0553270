// Every mutant of the tier, in the order in which they are told.
import { COMMIT_MUTANTS } from "./commit-mutants.ts";
import { JUDGE_MUTANTS } from "./judge-mutants.ts";
import type { Mutant } from "./mutant.ts";
import { LOSES_TAIL, SLOW_STORE, SNAPSHOT_MUTANTS } from "./snapshot-mutants.ts";
import { RESTLESS, TENURE_MUTANTS } from "./tenure-mutants.ts";

export const MUTANTS: readonly Mutant[] = [...JUDGE_MUTANTS, ...TENURE_MUTANTS, ...COMMIT_MUTANTS, ...SNAPSHOT_MUTANTS];

const AS_IT_IS = { rules: "none", does: "nothing wrong", caughtBy: [], unheeded: [], patches: [] };

/** The program as it is, in the worlds in which its mutants are run. It must never be caught. */
export const CONTROLS: readonly Mutant[] = [
  { ...AS_IT_IS, name: "control" },
  { ...AS_IT_IS, name: "control-restless", options: RESTLESS },
  { ...AS_IT_IS, name: "control-slow-store", options: SLOW_STORE },
  { ...AS_IT_IS, name: "control-losing-its-tail", options: LOSES_TAIL },
];
