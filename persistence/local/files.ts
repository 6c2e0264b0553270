// What the local log needs of a file system, and the real one. Tests put another behind the same port: one that fails, fills up,
// or loses its power.
import fs from "node:fs";
import { mkdir, open, readdir, statfs, unlink } from "node:fs/promises";

/** One open file. Writing and syncing call back, because they are done thousands of times a second. */
export interface LogFile {
  /** May write fewer bytes than given, as the operating system may. */
  write(bytes: Uint8Array, position: number, done: (error: Error | null, written: number) => void): void;
  /** fdatasync. */
  sync(done: (error: Error | null) => void): void;
  /** Fills `into` from `position` on and returns how many bytes there were: fewer only at the end of the file. */
  read(into: Uint8Array, position: number): Promise<number>;
  size(): Promise<number>;
  truncate(length: number): Promise<void>;
  close(): Promise<void>;
}

export interface Files {
  /** Makes the folder and those above it; fine if it exists. */
  makeFolder(path: string): Promise<void>;
  /** Names in a folder; none if there is no such folder. */
  list(folder: string): Promise<string[]>;
  /** `create` fails if the file exists. */
  open(path: string, mode: "read" | "write" | "create"): Promise<LogFile>;
  remove(path: string): Promise<void>;
  /** Makes created and removed names durable. */
  syncFolder(path: string): Promise<void>;
  space(folder: string): Promise<{ readonly freeBytes: number; readonly fileSystem: number }>;
}

const FLAGS = { read: "r", write: "r+", create: "wx+" } as const;

class NodeFile implements LogFile {
  readonly #handle: fs.promises.FileHandle;

  constructor(handle: fs.promises.FileHandle) {
    this.#handle = handle;
  }

  write(bytes: Uint8Array, position: number, done: (error: Error | null, written: number) => void): void {
    fs.write(this.#handle.fd, bytes, 0, bytes.length, position, done);
  }

  sync(done: (error: Error | null) => void): void {
    fs.fdatasync(this.#handle.fd, done);
  }

  async read(into: Uint8Array, position: number): Promise<number> {
    let filled = 0;
    while (filled < into.length) {
      const { bytesRead } = await this.#handle.read(into, filled, into.length - filled, position + filled);
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    return filled;
  }

  async size(): Promise<number> {
    return (await this.#handle.stat()).size;
  }

  truncate(length: number): Promise<void> {
    return this.#handle.truncate(length);
  }

  close(): Promise<void> {
    return this.#handle.close();
  }
}

/** The operating system's files. */
export const nodeFiles: Files = {
  async makeFolder(path) {
    await mkdir(path, { recursive: true });
  },
  async list(folder) {
    try {
      return await readdir(folder);
    } catch (error) {
      if (errorCode(error) === "ENOENT") return [];
      throw error;
    }
  },
  async open(path, mode) {
    return new NodeFile(await open(path, FLAGS[mode]));
  },
  remove: unlink,
  async syncFolder(path) {
    const folder = await open(path, "r");
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  },
  async space(folder) {
    const { bavail, bsize, type } = await statfs(folder);
    return { freeBytes: bavail * bsize, fileSystem: type };
  },
};

/** The code of an operating system's error, or "" for any other. */
export function errorCode(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
}

/** fdatasync as a promise, for the few places that are not on the path of a round. */
export function syncFile(file: LogFile): Promise<void> {
  return new Promise((resolve, reject) => {
    file.sync((error) => (error === null ? resolve() : reject(error)));
  });
}

/** Writes all of the bytes, however many calls it takes. */
export async function writeAll(file: LogFile, bytes: Uint8Array, position: number): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    const rest = bytes.subarray(at);
    const from = position + at;
    at += await new Promise<number>((resolve, reject) => {
      file.write(rest, from, (error, written) => (error === null ? resolve(written) : reject(error)));
    });
  }
}
