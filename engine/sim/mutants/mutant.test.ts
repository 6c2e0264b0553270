import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { MUTANTS } from "./all.ts";
import { filesOf, isCrash, patched, Unfit } from "./mutant.ts";

const ROOT = new URL("../../../", import.meta.url);

test("mutants: a patch: replaces its text, and leaves other files alone", () => {
  const patches = [{ file: "a.ts", find: "one", replace: "two" }];
  expect(patched({ patches }, "a.ts", "say one;")).toBe("say two;");
  expect(patched({ patches }, "b.ts", "say one;")).toBe("say one;");
});

test("mutants: a patch: whose text is absent or stands twice does not fit", () => {
  const patches = [{ file: "a.ts", find: "one", replace: "two" }];
  expect(() => patched({ patches }, "a.ts", "say none")).not.toThrow();
  expect(() => patched({ patches }, "a.ts", "say two")).toThrow(Unfit);
  expect(() => patched({ patches }, "a.ts", "one and one")).toThrow(Unfit);
});

test("mutants: a crash of the patched program: is told apart from a broken rule", () => {
  const stop = (message: string): boolean => isCrash({ invariant: "F5", message: `ash-1 stops shard 0: ${message}` });
  expect(stop("invariant: TypeError: x is null\n    at y")).toBe(true);
  expect(stop("recovery: Cannot read properties of undefined (reading 'next')")).toBe(true);
  expect(isCrash({ invariant: "threw", message: "Error: no such thing" })).toBe(true);
  expect(stop("hash_chain: shard 0: the record at offset 4 is broken: hash_chain")).toBe(false);
  expect(stop("invariant: InvariantBroken: a bid was taken twice\n    at y")).toBe(false);
  expect(isCrash({ invariant: "I4", message: "TypeError" })).toBe(false);
});

test("mutants: names: each has one of its own", () => {
  expect(new Set(MUTANTS.map(({ name }) => name)).size).toBe(MUTANTS.length);
});

test.each(MUTANTS.map((mutant) => [mutant.name, mutant] as const))(
  "mutants: %s: finds each of its texts exactly once, and changes something",
  (_name, mutant) => {
    expect(mutant.patches.length).toBeGreaterThan(0);
    for (const file of filesOf(mutant)) {
      const text = readFileSync(new URL(file, ROOT), "utf8");
      expect(patched(mutant, file, text)).not.toBe(text);
    }
  },
);
