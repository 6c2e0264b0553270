#!/usr/bin/env node
// Runs the command line from dist, building it first when the source is newer. An installed package has no source and no need.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const entry = join(root, "dist/deploy/cli/main.js");
/** Written by every build, also by one that had nothing to emit. */
const stamp = join(root, "dist/.tsbuildinfo");

function newestSource(folder) {
  let newest = 0;
  for (const found of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, found.name);
    if (found.isDirectory()) newest = Math.max(newest, newestSource(path));
    else if (found.name.endsWith(".ts")) newest = Math.max(newest, statSync(path).mtimeMs);
  }
  return newest;
}

function stale() {
  if (!existsSync(join(root, "deploy/cli/main.ts"))) return false;
  if (!existsSync(entry) || !existsSync(stamp)) return true;
  const built = statSync(stamp).mtimeMs;
  return ["engine", "gateway", "persistence", "deploy"].some((folder) => newestSource(join(root, folder)) > built);
}

if (stale()) {
  const compiler = join(root, "node_modules/typescript/bin/tsc");
  const built = spawnSync(process.execPath, [compiler, "-p", join(root, "tsconfig.json")], { stdio: ["ignore", "inherit", "inherit"] });
  if (built.status !== 0) {
    process.stderr.write("The source does not build; nothing was run.\n");
    process.exit(1);
  }
}

process.setSourceMapsEnabled(true);
const { runCommandLine } = await import(entry);
process.exit(await runCommandLine(process.argv.slice(2)));
