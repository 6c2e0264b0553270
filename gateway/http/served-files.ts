// Files that are served as they are, from a fixed list made at start: no path of a request ever reaches a disk.
import { hash } from "node:crypto";
import type { HttpContext } from "./environment.ts";
import type { HttpParts, StaticFile } from "./parts.ts";
import { isUnchanged } from "./reads.ts";

const TYPES: Readonly<Record<string, string>> = {
  html: "text/html; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  css: "text/css; charset=utf-8",
  svg: "image/svg+xml",
  png: "image/png",
  ico: "image/x-icon",
  txt: "text/plain; charset=utf-8",
  map: "application/json",
};
/** A name with a hash in it names its bytes: `app-3f9c01ab.js`. */
const HASHED_NAME = /-[A-Za-z0-9_]{8,}\.[a-z]+$/;
const YEAR_S = 31_536_000;

export interface ServedFile {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly type: string;
  readonly tag: string;
  readonly forever: boolean;
}

/** The files by name. What has no known type is left out. */
export function servedFiles(files: readonly StaticFile[]): ReadonlyMap<string, ServedFile> {
  const served = new Map<string, ServedFile>();
  for (const { name, bytes } of files) {
    const type = TYPES[name.slice(name.lastIndexOf(".") + 1)];
    if (type !== undefined) served.set(name, { bytes, type, tag: hash("sha256", bytes, "base64url").slice(0, 22), forever: HASHED_NAME.test(name) });
  }
  return served;
}

/** One file, or 304. Only a name with a hash in it is kept without asking again. */
export function serveFile(parts: HttpParts, c: HttpContext, file: ServedFile, headers: Readonly<Record<string, string>>): Response {
  for (const [name, value] of Object.entries(headers)) c.header(name, value);
  c.header("X-Content-Type-Options", "nosniff");
  const unchanged = isUnchanged(parts, c, file.tag);
  if (file.forever) c.header("Cache-Control", `public, max-age=${YEAR_S}, immutable`);
  if (unchanged) return c.body(null, 304);
  return c.body(file.bytes, 200, { "Content-Type": file.type });
}
