// Files in memory, with the faults a disk has: full, failing, writing short, losing its power. For tests of the local log.
//
// What was written is in the cache; what was synced is on the disk. A power cut keeps what is on the disk, and of the pages
// written since only those the script lets through, in any combination. A name is on the disk once its folder was synced.
import { basename, dirname } from "node:path";
import type { Files, LogFile } from "../local/files.ts";

export interface DiskFaults {
  /** Asked at each write: an error, or how many bytes are taken. Default: all of them. */
  write?: (path: string, position: number, length: number) => Error | number;
  /** Asked at each fdatasync. Default: it works. */
  sync?: (path: string) => Error | null;
  /** Asked at each truncation. */
  truncate?: (path: string) => Error | null;
  /** Asked when a file is made. */
  create?: (path: string) => Error | null;
  /** Bytes said to be free. Default: 2 to the 40. */
  freeBytes?: () => number;
  /** Type number of the file system. Default: ext4. */
  fileSystem?: number;
  /** Runs the end of a write or sync later. Default: the microtask queue. */
  soon?: (callback: () => void, step: "write" | "sync") => void;
}

const EXT4 = 0xef53;
const FREE_BYTES = 2 ** 40;

interface Stored {
  cache: Buffer;
  disk: Buffer;
  /** Whether a power cut keeps the name. */
  named: boolean;
}

/** An error as the operating system gives it. */
export function diskError(code: string): Error {
  return Object.assign(new Error(`${code}: said by a test`), { code });
}

export class MemoryFiles implements Files {
  readonly faults: DiskFaults;
  readonly stored = new Map<string, Stored>();
  readonly pageBytes: number;

  constructor(faults: DiskFaults = {}, pageBytes = 4096) {
    this.faults = faults;
    this.pageBytes = pageBytes;
  }

  makeFolder(): Promise<void> {
    return Promise.resolve();
  }

  list(folder: string): Promise<string[]> {
    return Promise.resolve([...this.stored.keys()].filter((path) => dirname(path) === folder).map((path) => basename(path)));
  }

  async open(path: string, mode: "read" | "write" | "create"): Promise<LogFile> {
    const found = this.stored.get(path);
    if (mode === "create") {
      if (found !== undefined) throw diskError("EEXIST");
      const error = this.faults.create?.(path) ?? null;
      if (error !== null) throw error;
      this.stored.set(path, { cache: Buffer.alloc(0), disk: Buffer.alloc(0), named: false });
    } else if (found === undefined) {
      throw diskError("ENOENT");
    }
    return new MemoryFile(this, path);
  }

  async remove(path: string): Promise<void> {
    if (!this.stored.delete(path)) throw diskError("ENOENT");
  }

  syncFolder(folder: string): Promise<void> {
    for (const [path, file] of this.stored) if (dirname(path) === folder) file.named = true;
    return Promise.resolve();
  }

  space(): Promise<{ readonly freeBytes: number; readonly fileSystem: number }> {
    return Promise.resolve({ freeBytes: this.faults.freeBytes?.() ?? FREE_BYTES, fileSystem: this.faults.fileSystem ?? EXT4 });
  }

  /** Bytes of a file as a reader sees them. */
  bytes(path: string): Buffer {
    const file = this.stored.get(path);
    if (file === undefined) throw diskError("ENOENT");
    return file.cache;
  }

  /** Replaces a file's bytes, on the disk as well. */
  put(path: string, bytes: Uint8Array): void {
    this.stored.set(path, { cache: Buffer.from(bytes), disk: Buffer.from(bytes), named: true });
  }

  /** The files as they are after a power cut now: `survives` says of each page written since the last sync whether it reached the
   *  disk. The faults do not come along. */
  afterPowerCut(survives: (path: string, page: number) => boolean): MemoryFiles {
    const after = new MemoryFiles({}, this.pageBytes);
    for (const [path, file] of this.stored) if (file.named) after.put(path, this.#survivor(path, file, survives));
    return after;
  }

  #survivor(path: string, file: Stored, survives: (path: string, page: number) => boolean): Buffer {
    const { cache, disk } = file;
    const pages = Math.ceil(Math.max(cache.length, disk.length) / this.pageBytes);
    let result = Buffer.from(disk);
    for (let page = 0; page < pages; page++) {
      const from = page * this.pageBytes;
      const to = Math.min(from + this.pageBytes, cache.length);
      const isDirty = to > from && !(to <= disk.length && cache.subarray(from, to).equals(disk.subarray(from, to)));
      if (!isDirty || !survives(path, page)) continue;
      // A page that reaches the disk beyond the old end makes the file longer; pages in between are holes of zeros.
      if (to > result.length) result = Buffer.concat([result, Buffer.alloc(to - result.length)]);
      cache.copy(result, from, from, to);
    }
    return result;
  }
}

class MemoryFile implements LogFile {
  readonly #files: MemoryFiles;
  readonly #path: string;

  constructor(files: MemoryFiles, path: string) {
    this.#files = files;
    this.#path = path;
  }

  get #stored(): Stored {
    const stored = this.#files.stored.get(this.#path);
    if (stored === undefined) throw diskError("ENOENT");
    return stored;
  }

  write(bytes: Uint8Array, position: number, done: (error: Error | null, written: number) => void): void {
    const taken = this.#files.faults.write?.(this.#path, position, bytes.length) ?? bytes.length;
    if (typeof taken === "number") this.#put(bytes.subarray(0, taken), position);
    this.#soon(() => (typeof taken === "number" ? done(null, taken) : done(taken, 0)), "write");
  }

  #put(bytes: Uint8Array, position: number): void {
    const stored = this.#stored;
    const end = position + bytes.length;
    if (end > stored.cache.length) stored.cache = Buffer.concat([stored.cache, Buffer.alloc(end - stored.cache.length)]);
    stored.cache.set(bytes, position);
  }

  sync(done: (error: Error | null) => void): void {
    const error = this.#files.faults.sync?.(this.#path) ?? null;
    this.#soon(() => {
      if (error === null) this.#stored.disk = Buffer.from(this.#stored.cache);
      done(error);
    }, "sync");
  }

  #soon(callback: () => void, step: "write" | "sync"): void {
    (this.#files.faults.soon ?? queueMicrotask)(callback, step);
  }

  read(into: Uint8Array, position: number): Promise<number> {
    const { cache } = this.#stored;
    const part = cache.subarray(position, position + into.length);
    into.set(part);
    return Promise.resolve(part.length);
  }

  size(): Promise<number> {
    return Promise.resolve(this.#stored.cache.length);
  }

  async truncate(length: number): Promise<void> {
    const error = this.#files.faults.truncate?.(this.#path) ?? null;
    if (error !== null) throw error;
    const stored = this.#stored;
    stored.cache = Buffer.concat([stored.cache.subarray(0, length), Buffer.alloc(Math.max(0, length - stored.cache.length))]);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
