// The mutation tier: each mutant is bundled, run over the seeds in a process of its own, and must be caught; the program as it is, run in
// the same way, must not.
//
// Owns: the processes and their limits. Must not: know a mutant, or a rule.
//
// E1. At most TIER_PROCESSES run at once; each is killed at its time limit, and what it did not find by then it has not found.
// E2. Every mutant is run alone in a fresh process, so none can spoil another's run.
import { execFile } from "node:child_process";
import { promises } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bundle } from "./bundle.ts";
import type { Mutant } from "./mutant.ts";
import type { SeedsTask, SeedsWord } from "./seeds.ts";

/** The tier is told to every change, so it has to fit on a small machine. */
const TIER_PROCESSES = 2;
/** Seeds within which a mutant has to be caught. */
export const SEEDS_MAX = 1_000;
const OUTPUT_BYTES_MAX = 16 * 1024 * 1024;
/** Of what a process that broke said. */
const TROUBLE_CHARS_MAX = 2_000;
const ENTRY = "engine/sim/mutants/seeds.ts";

/** What became of one mutant. */
export interface TierRow {
  readonly mutant: Mutant;
  readonly tookMs: number;
  /** `broke`: it could not be made or run at all; `late`: its time was over. */
  readonly kind: "caught" | "clean" | "broke" | "late";
  /** The seed that caught it, or how many were run; 0 when that is not known. */
  readonly seeds: number;
  readonly invariant: string;
  readonly message: string;
  /** Invariants that were seen broken until then and did not count, with how often. */
  readonly others: Readonly<Record<string, number>>;
}

export interface TierOptions {
  readonly seedFirst?: number;
  readonly seedLast?: number;
  /** Of one mutant. */
  readonly limitMs: number;
  readonly told?: (row: TierRow) => void;
}

/** Runs all of them and returns their rows in the order given. */
export async function runTier(mutants: readonly Mutant[], options: TierOptions): Promise<readonly TierRow[]> {
  const folder = await promises.mkdtemp(join(tmpdir(), "fairwarning-mutants-"));
  const rows: TierRow[] = [];
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let place = next++; place < mutants.length; place = next++) {
      const row = await runMutant(mutants[place] as Mutant, join(folder, `${place}.mjs`), options);
      rows[place] = row;
      options.told?.(row);
    }
  };
  try {
    await Promise.all(Array.from({ length: TIER_PROCESSES }, lane));
  } finally {
    await promises.rm(folder, { recursive: true, force: true });
  }
  return rows;
}

async function runMutant(mutant: Mutant, file: string, options: TierOptions): Promise<TierRow> {
  const begun = performance.now();
  const row = (word: Partial<TierRow> & Pick<TierRow, "kind">): TierRow => {
    return { mutant, tookMs: performance.now() - begun, seeds: 0, invariant: "", message: "", others: {}, ...word };
  };
  try {
    await bundle(mutant, ENTRY, file);
  } catch (error) {
    return row({ kind: "broke", message: messageOf(error) });
  }
  const { seedFirst = 1, seedLast = SEEDS_MAX, limitMs } = options;
  const { caughtBy, unheeded, options: overrides = {} } = mutant;
  const task: SeedsTask = { first: seedFirst, last: seedLast, caughtBy, unheeded, options: overrides };
  const { failed, output, trouble } = await run([file, JSON.stringify(task)], limitMs);
  if (failed === "late") return row({ kind: "late", message: `not caught within ${limitMs} ms` });
  if (failed === "broke") return row({ kind: "broke", message: trouble });
  const word = JSON.parse(output) as SeedsWord;
  return row({ ...word, seeds: word.kind === "caught" ? word.seed : word.seeds });
}

interface Ran {
  readonly failed: "no" | "late" | "broke";
  readonly output: string;
  readonly trouble: string;
}

function run(args: readonly string[], limitMs: number): Promise<Ran> {
  return new Promise((resolve) => {
    execFile(process.execPath, args, { timeout: limitMs, killSignal: "SIGKILL", maxBuffer: OUTPUT_BYTES_MAX }, (error, output, trouble) => {
      const failed = error === null ? "no" : error.killed === true ? "late" : "broke";
      resolve({ failed, output, trouble: trouble.slice(0, TROUBLE_CHARS_MAX) });
    });
  });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
