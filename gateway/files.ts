// What a gateway reads from its own package at start: version, the built page, the files of the API's page.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { StaticFile } from "./http/parts.ts";

const DOCS_FILES = ["swagger-ui.css", "swagger-ui-bundle.js", "favicon-32x32.png"] as const;

/** The folder of package.json: source and compiled code stand at different depths below it. */
export function packageRoot(from: string = fileURLToPath(import.meta.url)): string {
  const folder = dirname(from);
  if (existsSync(join(folder, "package.json"))) return folder;
  if (folder === from) throw new Error("no package.json above this file");
  return packageRoot(folder);
}

/** Version of this package. */
export function packageVersion(): string {
  const { version } = JSON.parse(readFileSync(join(packageRoot(), "package.json"), "utf8")) as { readonly version: string };
  return version;
}

/** The live page as it was built; empty when it was not. */
export function pageFiles(): readonly StaticFile[] {
  const folder = join(packageRoot(), "dist", "page");
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.startsWith("."))
    .map((entry) => ({ name: entry.name, bytes: Uint8Array.from(readFileSync(join(folder, entry.name))) }));
}

/** The files of swagger-ui-dist that the API's page needs. */
export function docsFiles(): readonly StaticFile[] {
  const folder = dirname(createRequire(import.meta.url).resolve("swagger-ui-dist/package.json"));
  return DOCS_FILES.map((name) => ({ name, bytes: Uint8Array.from(readFileSync(join(folder, name))) }));
}
