// Bundles the live page into dist/page: index.html, app-<hash>.js, app-<hash>.css. Plain JavaScript, as it runs before anything is
// compiled. A hash over the sources, the versions of what is bundled and this file is kept beside the result, so that a second
// start bundles nothing.
//
// The script must stay under scriptBytesMax gzipped; beyond it the build fails, so that no page grows unnoticed.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const sources = ["gateway/web/viewer", "gateway/client"].map((folder) => join(root, folder));
const target = join(root, "dist/page");
/** 60 KiB: what a phone on a slow network loads in about a second. */
const scriptBytesMax = 60 * 1024;

const hash = sourceHash();
const stamp = join(target, ".built-from");
if (existsSync(stamp) && readFileSync(stamp, "utf8") === hash && existsSync(join(target, "index.html"))) process.exit(0);

const result = await build({
  entryPoints: [join(root, "gateway/web/viewer/main.tsx")],
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2022",
  jsx: "automatic",
  jsxImportSource: "preact",
  // Loaded only for the binary sub-protocol, which the page does not choose.
  external: ["msgpackr"],
  outdir: target,
  entryNames: "app-[hash]",
  write: false,
  logLevel: "warning",
  tsconfig: join(root, "gateway/web/tsconfig.json"),
});

rmSync(target, { recursive: true, force: true });
mkdirSync(target, { recursive: true });
const names = { js: "", css: "" };
for (const file of result.outputFiles) {
  const name = file.path.slice(target.length + 1);
  names[name.endsWith(".css") ? "css" : "js"] = name;
  writeFileSync(file.path, file.contents);
}
const html = readFileSync(join(root, "gateway/web/viewer/index.html"), "utf8");
writeFileSync(join(target, "index.html"), html.replace("{{js}}", names.js).replace("{{css}}", names.css));

const zipped = (name) => gzipSync(readFileSync(join(target, name)), { level: 9 }).length;
const scriptBytes = zipped(names.js);
process.stdout.write(`page: script ${kib(scriptBytes)}, style ${kib(zipped(names.css))} gzipped\n`);
if (scriptBytes > scriptBytesMax) {
  process.stderr.write(`The page's script is over its limit of ${kib(scriptBytesMax)} gzipped.\n`);
  process.exit(1);
}
writeFileSync(stamp, hash);

function kib(bytes) {
  return `${(bytes / 1024).toFixed(1)} KiB`;
}

function sourceHash() {
  const sum = createHash("sha256");
  for (const folder of sources) {
    for (const name of readdirSync(folder, { recursive: true }).map(String).sort()) {
      if (/\.(ts|tsx|css|html)$/.test(name) && !/\.test\.tsx?$/.test(name)) sum.update(name).update(readFileSync(join(folder, name)));
    }
  }
  for (const name of ["preact", "uplot", "esbuild"]) sum.update(readFileSync(join(root, "node_modules", name, "package.json")));
  return sum.update(readFileSync(fileURLToPath(import.meta.url))).digest("hex");
}
