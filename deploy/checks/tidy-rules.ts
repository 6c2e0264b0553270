// House rules that read the text of a file and that no linter knows. Pure: path and text in, faults out.
//
// Must not: parse. A rule that needs more than lines and words belongs to the linter.

export interface Fault {
  readonly path: string;
  readonly line: number;
  readonly what: string;
}

/** Words that say nothing about a thing's duty, wherever they stand in a name. */
const EMPTY_WORDS = new Set(["manager", "helper", "helpers", "util", "utils", "worker", "impl", "misc"]);
/** Words of the glossary's right-hand column that would name a thing a second way. */
const WRONG_WORDS = new Set(["autobid", "antisnipe", "rebalance"]);
const FOLDERS_DENIED = /(^|\/)(common|utils?|shared|helpers?|lib|misc)\//;

// Split, so that these rules do not find themselves.
const MARKS = new RegExp(`\\b(${["TO" + "DO", "FIX" + "ME", "X" + "XX", "HA" + "CK"].join("|")})\\b`);
const MACHINE_PATHS = new RegExp(`(["'\`( ])/(${["wor" + "k", "ro" + "ot", "ho" + "me", "Use" + "rs"].join("|")})/[A-Za-z0-9._]`);
const DECLARED = /\b(?:const|let|function|class|interface|type|enum)\s+([A-Za-z_$][\w$]*)/g;
const EXPORTED = /^export (?:async )?function\*? ([A-Za-z_$][\w$]*)/;

/** Every fault of one file. `path` is relative to the root, with forward slashes. */
export function faultsOf(path: string, text: string): Fault[] {
  const lines = text.split("\n");
  const faults: Fault[] = [...pathFaults(path)];
  lines.forEach((line, index) => {
    for (const what of lineFaults(path, line)) faults.push({ path, line: index + 1, what });
  });
  if (isCode(path)) faults.push(...headerFaults(path, lines), ...docstringFaults(path, lines));
  if (isTest(path)) faults.push(...testFaults(path, lines));
  return faults;
}

function isCode(path: string): boolean {
  return /\.tsx?$/.test(path) && !isTest(path);
}

function isTest(path: string): boolean {
  return /\.test\.tsx?$/.test(path);
}

function pathFaults(path: string): Fault[] {
  const file = path.slice(path.lastIndexOf("/") + 1);
  const faults: string[] = [];
  if (FOLDERS_DENIED.test(path)) faults.push("a folder for everything owns nothing: give the file to who owns its word");
  if (/^index\.[cm]?[jt]sx?$/.test(file)) faults.push("no index files: import the file that owns the thing");
  for (const word of file.split(/[.-]/)) if (EMPTY_WORDS.has(word)) faults.push(`"${word}" in a file's name says nothing of its duty`);
  return faults.map((what) => ({ path, line: 1, what }));
}

function lineFaults(path: string, line: string): string[] {
  const faults: string[] = [];
  const mark = MARKS.exec(line);
  if (mark !== null) faults.push(`${mark[1]}: an idea for later is an issue, not a comment`);
  if (MACHINE_PATHS.test(line)) faults.push("a path of somebody's machine");
  if (/\.tsx?$/.test(path)) {
    if (/\btypeof import\(/.test(line)) faults.push("the linter does not see `typeof import(...)`: import the type plainly");
    for (const [, name = ""] of line.matchAll(DECLARED)) faults.push(...nameFaults(name));
  }
  return faults;
}

function nameFaults(name: string): string[] {
  const words = name
    .replace(/([a-z0-9])([A-Z])/g, "$1 $2")
    .toLowerCase()
    .split(/[ _$]+/);
  const joined = words.join("");
  const empty = words.filter((word) => EMPTY_WORDS.has(word)).map((word) => `"${word}" in the name ${name} says nothing of its duty`);
  const wrong = [...WRONG_WORDS].filter((word) => joined.includes(word)).map((word) => `${name}: the glossary has another word than "${word}"`);
  return [...empty, ...wrong];
}

/** A file opens with what it owns. */
function headerFaults(path: string, lines: readonly string[]): Fault[] {
  const first = lines[0]?.startsWith("#!") === true ? lines[1] : lines[0];
  return first?.startsWith("// ") === true || first?.startsWith("/**") === true
    ? []
    : [{ path, line: 1, what: "no header: say what the file owns and what it must not do" }];
}

/** An exported function says what it gives and what it refuses. A class is told by its file's header, a component of a page by its
 *  name and what it shows. */
function docstringFaults(path: string, lines: readonly string[]): Fault[] {
  return lines.flatMap((line, index) => {
    const match = EXPORTED.exec(line);
    if (match === null) return [];
    const above = lines[index - 1] ?? "";
    // An overload is told by its first form.
    return path.endsWith(".tsx") || above.trimEnd().endsWith("*/") || EXPORTED.test(above)
      ? []
      : [{ path, line: index + 1, what: `${match[1]} is exported and has no docstring` }];
  });
}

const TEST_RULES: readonly (readonly [RegExp, string])[] = [
  [/\b(?:test|it|describe)\.(?:skip|todo|only)\b/, "a test is run or is not there; one that cannot run says why by context.skip(reason)"],
  [/\bvi\.(?:mock|doMock|spyOn)\b/, "no module mocks: what is faked comes through a port"],
  [/\btoMatch(?:Inline)?Snapshot\b/, "no stored snapshots: say what is expected"],
  [
    /\bglobalThis\.set(?:Timeout|Interval)\b|\bAtomics\.wait\b|["']node:timers(?:\/promises)?["']|["']timers(?:\/promises)?["']/,
    "no sleeps: wait on an event or the fake clock",
  ],
  [/\bretry:\s*\d/, "no retries: a test that fails at times has found something"],
  [/^\s+describe\(/, "tests are flat: the name says subject, area and condition"],
];
const TITLE = /^\s*test(?:\.each\([^)]*\))?\(\s*(["'`])((?:(?!\1).)*)\1/;

function testFaults(path: string, lines: readonly string[]): Fault[] {
  return lines.flatMap((line, index) => {
    const faults = TEST_RULES.filter(([pattern]) => pattern.test(line)).map(([, what]) => what);
    const title = TITLE.exec(line)?.[2];
    if (title !== undefined && !title.includes(": ")) faults.push(`the title "${title}" names no subject: write "subject: area: condition"`);
    return faults.map((what) => ({ path, line: index + 1, what }));
  });
}
