// Files that are served as they are, from a fixed list made at start: no path of a request ever reaches a disk.
import { hash } from "node:crypto";
import { gzipSync } from "node:zlib";
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

/** Smaller files gain nothing by it. */
const PACKED_BYTES_MIN = 1_024;

/** Our own bytes, packed when they are first asked for; strangers' bytes are never unpacked. */
export class ServedFile {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly type: string;
  readonly tag: string;
  readonly forever: boolean;
  #packed: Uint8Array<ArrayBuffer> | null = null;

  constructor(file: StaticFile, type: string) {
    this.bytes = file.bytes;
    this.type = type;
    this.tag = hash("sha256", file.bytes, "base64url").slice(0, 22);
    this.forever = HASHED_NAME.test(file.name);
  }

  get packs(): boolean {
    return !this.type.startsWith("image/") && this.bytes.byteLength >= PACKED_BYTES_MIN;
  }

  packed(): Uint8Array<ArrayBuffer> {
    this.#packed ??= Uint8Array.from(gzipSync(this.bytes, { level: 9 }));
    return this.#packed;
  }
}

/** The files by name. What has no known type is left out. */
export function servedFiles(files: readonly StaticFile[]): ReadonlyMap<string, ServedFile> {
  const served = new Map<string, ServedFile>();
  for (const file of files) {
    const type = TYPES[file.name.slice(file.name.lastIndexOf(".") + 1)];
    if (type !== undefined) served.set(file.name, new ServedFile(file, type));
  }
  return served;
}

/** One file, or 304. Only a name with a hash in it is kept without asking again. */
export function serveFile(parts: HttpParts, c: HttpContext, file: ServedFile, headers: Readonly<Record<string, string>>): Response {
  for (const [name, value] of Object.entries(headers)) c.header(name, value);
  const packs = file.packs && /\bgzip\b/.test(c.req.header("accept-encoding") ?? "");
  if (file.packs) c.header("Vary", "Accept-Encoding");
  const unchanged = isUnchanged(parts, c, packs ? `${file.tag}-gzip` : file.tag);
  if (file.forever) c.header("Cache-Control", `public, max-age=${YEAR_S}, immutable`);
  if (unchanged) return c.body(null, 304);
  if (packs) return c.body(file.packed(), 200, { "Content-Type": file.type, "Content-Encoding": "gzip" });
  return c.body(file.bytes, 200, { "Content-Type": file.type });
}
