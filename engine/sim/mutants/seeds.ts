// What runs with a mutant inside: seeds one after the other, until one of them shows what is looked for. Says one line of JSON.
//
// Its one argument is a SeedsTask as JSON.
import type { SimOptions } from "../options.ts";
import { runSeed } from "../run.ts";
import { isCrash } from "./mutant.ts";

/** Which seeds to run, and what to look for. */
export interface SeedsTask {
  readonly first: number;
  readonly last: number;
  /** Invariants that count; none: all. A crash never does. */
  readonly caughtBy: readonly string[];
  /** Invariants that nobody looks at. */
  readonly unheeded: readonly string[];
  /** What is laid over the options that a seed draws. */
  readonly options: Partial<SimOptions>;
}

/** The line that a run of seeds ends with. `others`: invariants that were broken as well and do not count, and crashes, with how often. */
export type SeedsWord =
  | { readonly kind: "caught"; readonly seed: number; readonly invariant: string; readonly message: string; readonly others: Readonly<Record<string, number>> }
  | { readonly kind: "clean"; readonly seeds: number; readonly others: Readonly<Record<string, number>> };

async function runSeeds({ first, last, caughtBy, unheeded, options }: SeedsTask): Promise<SeedsWord> {
  const others: Record<string, number> = {};
  for (let seed = first; seed <= last; seed += 1) {
    const { violations } = await runSeed(seed, { ...options, unheeded });
    const found = violations.find((violation) => !isCrash(violation) && (caughtBy.length === 0 || caughtBy.includes(violation.invariant)));
    if (found !== undefined) return { kind: "caught", seed, invariant: found.invariant, message: found.message, others };
    for (const violation of violations) {
      const name = isCrash(violation) ? "crash" : violation.invariant;
      others[name] = (others[name] ?? 0) + 1;
    }
  }
  return { kind: "clean", seeds: last - first + 1, others };
}

process.stdout.write(`${JSON.stringify(await runSeeds(JSON.parse(process.argv[2] ?? "{}") as SeedsTask))}\n`);
