// Reads the whole source against the house rules (tidy-rules.ts) and says each fault with its place. Part of `npm run check`.
import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { type Fault, faultsOf } from "./tidy-rules.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const FOLDERS = ["engine", "gateway", "persistence", "analytics-sink", "bench", "deploy", ".ci"];
/** Made by programs, or brought by npm. */
const LEFT_OUT = new Set(["node_modules", "dist", "generated", "data"]);
const READ = /\.(?:[cm]?[jt]sx?|sql|css|html|ya?ml|md|sh)$|^run$/;

function files(folder: string): string[] {
  let found: ReturnType<typeof readFolder>;
  try {
    found = readFolder(folder);
  } catch {
    // A folder that is not there yet has no faults.
    return [];
  }
  return found.flatMap((entry) => {
    const path = join(folder, entry.name);
    if (LEFT_OUT.has(entry.name)) return [];
    if (entry.isDirectory()) return files(path);
    return READ.test(entry.name) ? [path] : [];
  });
}

function readFolder(folder: string) {
  return readdirSync(folder, { withFileTypes: true });
}

/** They spell out what they deny. */
const SPARED = new Set(["tidy-rules.ts", "tidy.test.ts"].map((name) => join(ROOT, "deploy/checks", name)));

const paths = [...FOLDERS.flatMap((folder) => files(join(ROOT, folder))), join(ROOT, "README.md")].filter((path) => !SPARED.has(path));
const faults: Fault[] = paths.flatMap((path) => faultsOf(relative(ROOT, path).replaceAll("\\", "/"), readFileSync(path, "utf8")));
for (const { path, line, what } of faults) process.stdout.write(`${path}:${line}: ${what}\n`);
process.stdout.write(`tidy: ${paths.length} files, ${faults.length} faults\n`);
process.exitCode = faults.length === 0 ? 0 : 1;
