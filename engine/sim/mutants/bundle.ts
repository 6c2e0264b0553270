// The simulator with a mutant in it, as one file that Node runs by itself.
//
// Owns: bundling with patches laid over the sources on their way in. Must not: write into the tree, or run anything.
import { promises } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
// biome-ignore lint/style/noRestrictedImports: a mutant is made by the bundler; nothing that is simulated sees it.
import { build, type Plugin } from "esbuild";
import { filesOf, type Mutant, patched } from "./mutant.ts";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));

/** Bundles `entry` (a path from the root) with the mutant's patches into the file `target`. Rejects when a patch does not fit, when a
 *  patched file is no part of the bundle, or when the patched sources cannot be read as a program. */
export async function bundle(mutant: Pick<Mutant, "patches">, entry: string, target: string): Promise<void> {
  const wanted = new Set(filesOf(mutant));
  const seen = new Set<string>();
  const patching: Plugin = {
    name: "mutant",
    setup: ({ onLoad }) => {
      onLoad({ filter: /\.ts$/ }, async ({ path }) => {
        const file = path.startsWith(ROOT) ? path.slice(ROOT.length).replaceAll("\\", "/") : path;
        if (!wanted.has(file)) return null;
        seen.add(file);
        return { contents: patched(mutant, file, await promises.readFile(path, "utf8")), loader: "ts" };
      });
    },
  };
  await build({
    entryPoints: [join(ROOT, entry)],
    bundle: true,
    format: "esm",
    platform: "node",
    target: "node20",
    outfile: target,
    // Some packages are CommonJS and ask for what Node has.
    banner: { js: 'import { createRequire as requireOf } from "node:module"; const require = requireOf(import.meta.url);' },
    plugins: [patching],
    logLevel: "silent",
  });
  const left = [...wanted].filter((file) => !seen.has(file));
  if (left.length > 0) throw new Error(`no part of ${entry}: ${left.join(", ")}`);
}
