// How the tests run: one project per suffix, whole-process tests last and one file at a time, and a summary that scripts can read.
//
// Must not: hide a skip. Each is listed with its reason, and with CI=true a skip fails the run.
import { writeSync } from "node:fs";
import { configDefaults, defineConfig } from "vitest/config";
import type { Reporter, TestModule } from "vitest/node";

const STDOUT = 1;

/** Lists skipped tests with their reasons and ends the output with `N passed, N failed`, alone on the last line. A module that
 *  does not load, and an error outside any test, count as failed. */
function countReporter(failOnSkip: boolean): Reporter {
  return {
    onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]) {
      let passed = 0;
      let failed = unhandledErrors.length;
      const skips: string[] = [];
      for (const module of modules) {
        failed += module.errors().length;
        for (const test of module.children.allTests()) {
          const result = test.result();
          if (result.state === "passed") passed += 1;
          else if (result.state === "failed") failed += 1;
          else skips.push(`skipped: ${test.fullName} (${(result.state === "skipped" && result.note) || "no reason given"})`);
        }
      }
      const fatal = failOnSkip && skips.length > 0;
      // At exit, because vitest may print more after this call; written at once, because the process is ending.
      process.once("exit", (code) => {
        // A run that broke outside every test, in a global set-up for one, has failed once.
        if (code !== 0 && failed === 0) failed = 1;
        if (fatal) process.exitCode = 1;
        const lines = [...skips, ...(fatal ? ["a skip counts as a failure under CI=true"] : []), `${passed} passed, ${failed} failed`];
        writeSync(STDOUT, `${lines.join("\n")}\n`);
      });
    },
  };
}

const SUFFIXES = ["property", "contract", "sim", "it"] as const;
const NEVER = [...configDefaults.exclude, "dist/**", "data/**"];

function suffix(name: (typeof SUFFIXES)[number], testTimeout: number) {
  return { name, include: [`**/*.${name}.test.{ts,tsx}`], exclude: NEVER, testTimeout };
}

export default defineConfig({
  test: {
    reporters: ["default", countReporter(process.env.CI === "true")],
    passWithNoTests: false,
    projects: [
      {
        extends: true,
        test: { name: "unit", include: ["**/*.test.{ts,tsx}"], exclude: [...NEVER, ...SUFFIXES.map((name) => `**/*.${name}.test.*`)], testTimeout: 5_000 },
      },
      { extends: true, test: suffix("property", 60_000) },
      { extends: true, test: { ...suffix("contract", 60_000), hookTimeout: 60_000 } },
      { extends: true, test: suffix("sim", 120_000) },
      // Whole processes: they measure and they kill, so nothing else may run beside them. They run what `npm start` runs, so dist is built first.
      {
        extends: true,
        test: {
          ...suffix("it", 180_000),
          hookTimeout: 120_000,
          fileParallelism: false,
          sequence: { groupOrder: 1 },
          globalSetup: ["deploy/checks/build-first.ts"],
        },
      },
    ],
  },
});
