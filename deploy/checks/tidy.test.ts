import { expect, test } from "vitest";
import { faultsOf } from "./tidy-rules.ts";

const HEADER = "// Owns the example.\n";

function whats(path: string, text: string): string[] {
  return faultsOf(path, text).map((fault) => `${fault.line}: ${fault.what}`);
}

test("tidy: clean: a file with a header and docstrings has no fault", () => {
  expect(whats("engine/core/proxy.ts", `${HEADER}\n/** Adds. */\nexport function add(): void {}\n`)).toEqual([]);
});

test.each([
  ["an empty word in a name", "engine/a.ts", `${HEADER}const bidManager = 1;\n`, '2: "manager" in the name bidManager says nothing of its duty'],
  ["an empty word in a file's name", "engine/bid-utils.ts", HEADER, '1: "utils" in a file\'s name says nothing of its duty'],
  ["a word of the wrong column", "engine/a.ts", `${HEADER}const autoBidMax = 1;\n`, '2: autoBidMax: the glossary has another word than "autobid"'],
  ["a folder for everything", "engine/common/a.ts", HEADER, "1: a folder for everything owns nothing: give the file to who owns its word"],
  ["an index file", "engine/index.ts", HEADER, "1: no index files: import the file that owns the thing"],
  ["a mark for later", "engine/a.ts", `${HEADER}// ${"TO" + "DO"} later\n`, `2: ${"TO" + "DO"}: an idea for later is an issue, not a comment`],
  ["a path of a machine", "engine/a.ts", `${HEADER}const path = "/${"ho" + "me"}/ann/x";\n`, "2: a path of somebody's machine"],
  ["no header", "engine/a.ts", "export const a = 1;\n", "1: no header: say what the file owns and what it must not do"],
  ["an export without docstring", "engine/a.ts", `${HEADER}export function add() {}\n`, "2: add is exported and has no docstring"],
  [
    "a hidden import",
    "engine/a.ts",
    `${HEADER}type A = typeof ${"import"}("./b.ts");\n`,
    "2: the linter does not see `typeof import(...)`: import the type plainly",
  ],
])("tidy: finds: %s", (_name, path, text, expected) => {
  expect(whats(path, text)).toEqual([expected]);
});

test.each([
  ["a skipped test", `test${".skip"}("a: b", () => {});`],
  ["a module mock", `vi${".mock"}("./a.ts");`],
  ["a stored snapshot", `expect(1).toMatch${"Snapshot"}();`],
  ["a sleep by another name", `import { setTimeout as wait } from "node:${"timers"}/promises";`],
  ["a retry", `test("a: b", { ${"retry"}: 3 }, () => {});`],
  ["a nested describe", `  ${"describe"}("a", () => {});`],
  ["a title without a subject", `${"test"}("works", () => {});`],
])("tidy: finds in tests: %s", (_name, line) => {
  expect(faultsOf("engine/a.test.ts", line)).toHaveLength(1);
});

test("tidy: spares: a class, which the header tells of, a component of a page, and a context's own skip", () => {
  expect(whats("engine/a.ts", `${HEADER}export class Gone extends Error {}\n`)).toEqual([]);
  expect(whats("gateway/web/card.tsx", `${HEADER}export function Card() {}\n`)).toEqual([]);
  expect(whats("engine/a.test.ts", 'test("a: b", (context) => context.skip("no browser here"));')).toEqual([]);
});
