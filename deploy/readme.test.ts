// Holds the README against the code: tables that are made, and every file, test, script and setting that it names.
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Command } from "commander";
import { expect, test } from "vitest";
import { describeSettings } from "../engine/settings-source.ts";
import { CLOSE_CODES } from "../gateway/socket/close-codes.ts";
import { everySetting } from "./all-settings.ts";
import { makeProgram } from "./cli/main.ts";
import { ERRORS_BEGIN, ERRORS_END, errorTable, withErrors } from "./error-table.ts";
import { readmePath } from "./settings-table.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const README = readFileSync(readmePath(), "utf8");

interface Package {
  readonly engines: { readonly node: string };
  readonly scripts: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
}
const PACKAGE = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as Package;

function all(pattern: RegExp, text = README): string[] {
  return [...text.matchAll(pattern)].map((match) => match[1] ?? "");
}

/** Rows of the table below a heading of the README, cells without blanks at their ends. */
function tableAfter(head: string): string[][] {
  const from = README.indexOf(head);
  expect(from, `the README has a table "${head}"`).toBeGreaterThan(-1);
  const lines = README.slice(from).split("\n");
  const end = lines.findIndex((line) => !line.startsWith("|"));
  return lines.slice(2, end).map((line) =>
    line
      .slice(1, -1)
      .split("|")
      .map((cell) => cell.trim()),
  );
}

const unquoted = (text: string | undefined): string => (text ?? "").replaceAll("`", "");

test("readme: error codes: the table is the one that the catalogue makes (node --import tsx deploy/error-table.ts)", () => {
  expect(withErrors(README, errorTable())).toBe(README);
});

test("readme: error codes: a document without markers is refused, with them only the table changes", () => {
  expect(() => withErrors("# no markers", "x")).toThrow("no markers");
  expect(withErrors(`a\n${ERRORS_BEGIN}\nold\n${ERRORS_END}\nb`, "new")).toBe(`a\n${ERRORS_BEGIN}\n\nnew\n\n${ERRORS_END}\nb`);
});

test("readme: close codes: the table has each, under its number", () => {
  const rows = tableAfter("| Close code |").map(([code, name]) => [unquoted(name), Number(code)]);
  expect(rows).toEqual(Object.entries(CLOSE_CODES));
});

/** `a/b.ts` and the like in code marks, and targets of links, by their look: a folder, or a file with an ending. */
function namedPaths(): string[] {
  const quoted = all(/`((?:\.ci|engine|gateway|persistence|bench|deploy)(?:\/[\w.@-]+)*)`/g);
  const roots = all(/`([\w-]+\.(?:json|ts|md)|LICENSE|\.ci\/run)`/g);
  const linked = all(/\]\((?!#|https?:)([^)\s]+)\)/g);
  return [...new Set([...quoted, ...roots, ...linked])].filter((path) => !RUNTIME.has(path));
}

/** Made by a running system in its data folder, or a place within a process; `config.ts` is a file in several folders. */
const RUNTIME = new Set(["identity-key.json", "config.ts"]);

test("readme: paths: every file and folder that is named is there", () => {
  const paths = namedPaths();
  expect(paths.length).toBeGreaterThan(60);
  expect(paths.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
});

test("readme: tests: every test that is named stands in its file", () => {
  const named = [...README.matchAll(/`([\w./-]+\.test\.tsx?)`: "([^"]+)"/g)].map(([, path = "", title = ""]) => ({ path, title }));
  expect(named.length).toBeGreaterThan(25);
  expect(named.filter(({ path, title }) => !readFileSync(join(ROOT, path), "utf8").includes(title))).toEqual([]);
});

test("readme: links: every place of this page that is linked is there", () => {
  const headings = all(/^#{2,3} (.+)$/gm).map((title) =>
    title
      .toLowerCase()
      .replace(/[^\w -]/g, "")
      .replaceAll(" ", "-"),
  );
  expect(all(/\]\(#([^)]+)\)/g).filter((anchor) => !headings.includes(anchor))).toEqual([]);
});

test("readme: scripts: every npm script that is named is there", () => {
  const known = new Set([...Object.keys(PACKAGE.scripts), "ci"]);
  const named = all(/npm run (?:--silent )?([a-z][a-z:-]*)/g);
  expect(named).toContain("fairwarning");
  expect(named.filter((script) => !known.has(script))).toEqual([]);
});

test("readme: settings: every setting that is named is there", () => {
  const known = new Set(describeSettings(everySetting()).map((row) => row.name));
  // A secret may come from a file, by its name with _FILE behind it.
  expect(all(/(FAIRWARNING_[A-Z_]+[A-Z])/g).filter((name) => !known.has(name) && !known.has(name.replace(/_FILE$/, "")))).toEqual([]);
});

function commandsOf(command: Command, path: readonly string[] = []): string[] {
  return command.commands.flatMap((child) => (child.commands.length > 0 ? commandsOf(child, [...path, child.name()]) : [[...path, child.name()].join(" ")]));
}

test("readme: command line: the table has every command and no other", () => {
  const rows = tableAfter("| Command | Does |").map(([name]) => unquoted(name));
  expect(rows.sort()).toEqual(commandsOf(makeProgram()).sort());
});

test("readme: dependencies: the table has every one with its version and no other", () => {
  const rows = tableAfter("| Package | Version |").map(([name, version]) => [unquoted(name), version]);
  expect(Object.fromEntries(rows)).toEqual({ ...PACKAGE.dependencies, ...PACKAGE.devDependencies });
});

function sourceTexts(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true })
    .map(String)
    .filter((name) => /\.(?:tsx?|mjs)$/.test(name) && name !== "checks/import-rules.test.ts")
    .map((name) => readFileSync(join(ROOT, folder, name), "utf8"));
}

test("readme: dependencies: what is said not to be imported is not, and everything else that runs is", () => {
  const texts = ["engine", "gateway", "persistence", "bench", "deploy"].flatMap(sourceTexts);
  const isUsed = (name: string): boolean => texts.some((text) => text.includes(`"${name}"`) || text.includes(`"${name}/`) || text.includes(`/${name}/`));
  const said = tableAfter("| Package | Version |")
    .filter(([, , reason]) => reason?.startsWith("Not imported"))
    .map(([name]) => unquoted(name));
  expect(said).toEqual(Object.keys(PACKAGE.dependencies).filter((name) => !isUsed(name)));
});

test("readme: Node: the least version is that of package.json", () => {
  expect(PACKAGE.engines.node).toBe(">=20.15");
  expect(README).toContain("Node 20.15 or later");
});

/** The highest glibc that a native module asks for, as text. */
function glibcOf(path: string): string {
  const versions = [...readFileSync(path, "latin1").matchAll(/GLIBC_2\.(\d+)/g)].map((match) => Number(match[1]));
  return `2.${Math.max(...versions)}`;
}

test("readme: uWebSockets: each build that is named is there for both Linux machines, and asks for the glibc that is told", () => {
  const rows = tableAfter("| Node | Module version |");
  for (const machine of ["x64", "arm64"]) {
    const found = rows.map(([node, abi]) => [node, abi, glibcOf(join(ROOT, `node_modules/uWebSockets.js/uws_linux_${machine}_${abi}.node`))]);
    expect(found).toEqual(rows);
  }
});

test("readme: code map: every folder that holds code is on it", () => {
  const named = tableAfter("| Folder | What is in it |").map(([folder]) => unquoted(folder));
  const folders = ["engine", "gateway"].flatMap((top) =>
    readdirSync(join(ROOT, top))
      .map((name) => `${top}/${name}`)
      .filter((path) => statSync(join(ROOT, path)).isDirectory()),
  );
  expect(folders.filter((folder) => !named.includes(folder))).toEqual([]);
});
