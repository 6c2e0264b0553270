// A mutant: one protection of the product removed, as small patches of its source text.
//
// Owns: the form of a mutant, and laying its patches over a source. Must not: read files, or know how a mutant is run.
//
// M1. Each patch finds its text exactly once. A mutant that does not fit its source has failed: it would prove nothing.
// M2. The patched sources are bundled and run apart; the tree is never written to.
//
// M3. A patch that makes the program fall over has shown nothing: such an end does not count as caught.

import type { Violation } from "../check.ts";
import type { SimOptions } from "../options.ts";
import { THREW } from "../run.ts";

/** One replacement in one file. */
export interface Patch {
  /** Path from the root of the repository, with forward slashes. */
  readonly file: string;
  /** Stands exactly once in the file. */
  readonly find: string;
  readonly replace: string;
}

export interface Mutant {
  /** A name of its own: short, words joined by hyphens. */
  readonly name: string;
  /** The rules that are removed, by their names in the code's own headers. */
  readonly rules: string;
  /** What the patched program does wrong. */
  readonly does: string;
  /** Invariants of which a run has to find one broken; none: any. */
  readonly caughtBy: readonly string[];
  /** Invariants that are not looked at, so that what the wrong leads to is found and not the wrong itself. */
  readonly unheeded: readonly string[];
  /** What is laid over the options that a seed draws. */
  readonly options?: Partial<SimOptions>;
  readonly patches: readonly Patch[];
}

/** What the model judge and the watch over the ports see: a broken rule itself, before anybody is harmed by it. Not looked at where
 *  somebody is. */
export const INNER: readonly string[] = ["I17", "I18", "Q1", "Q2", "Q3"];

/** Errors of the language, as the message of a stopped shard names or words them. */
const CRASH = /\b(TypeError|RangeError|ReferenceError)\b|Cannot (read|set) propert|is not (a function|iterable|defined)|Maximum call stack|out of range/;

/** Whether what was found is that the patched code fell over: that shows a poor patch, and not that a wrong is noticed. */
export function isCrash({ invariant, message }: Violation): boolean {
  return invariant === THREW || (invariant === "F5" && CRASH.test(message));
}

/** A patch whose text is not in its file exactly once. */
export class Unfit extends Error {
  constructor(patch: Patch, times: number) {
    super(`${patch.file}: ${times === 0 ? "not found" : `found ${times} times`}: ${patch.find}`);
  }
}

/** The text of `file` with the mutant's patches of that file laid over it, in their order. Throws Unfit. */
export function patched(mutant: Pick<Mutant, "patches">, file: string, text: string): string {
  let result = text;
  for (const patch of mutant.patches) {
    if (patch.file !== file) continue;
    const times = result.split(patch.find).length - 1;
    if (times !== 1) throw new Unfit(patch, times);
    const at = result.indexOf(patch.find);
    result = result.slice(0, at) + patch.replace + result.slice(at + patch.find.length);
  }
  return result;
}

/** Files that a mutant changes, each once. */
export function filesOf(mutant: Pick<Mutant, "patches">): readonly string[] {
  return [...new Set(mutant.patches.map((patch) => patch.file))];
}
