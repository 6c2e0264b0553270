// What one process said, kept in a file of bounded size, so that a fault can be looked into after the terminal is gone.
import { closeSync, fstatSync, openSync, renameSync, writeSync } from "node:fs";

/** Sixteen MiB are days of `info`; one earlier file is kept, so a process takes at most twice this. */
const FILE_BYTES_MAX = 16 * 1024 * 1024;

export interface ProcessLog {
  /** Adds a line. Never throws: on a full disk what was said is not kept, and the system goes on. */
  add(text: string): void;
  close(): void;
}

/** Opens `path` for appending; at the limit it becomes `path.1` and a new one is begun. */
export function openProcessLog(path: string, bytesMax: number = FILE_BYTES_MAX): ProcessLog {
  let file: number | null = null;
  let bytes = 0;
  const open = (): number => {
    const opened = openSync(path, "a", 0o600);
    bytes = fstatSync(opened).size;
    return opened;
  };
  return {
    add: (text) => {
      try {
        file ??= open();
        bytes += writeSync(file, `${text}\n`);
        if (bytes < bytesMax) return;
        closeSync(file);
        file = null;
        renameSync(path, `${path}.1`);
      } catch {
        // The log of a process is a convenience. The decision log reports a full disk itself.
        file = null;
      }
    },
    close: () => {
      if (file !== null) closeSync(file);
      file = null;
    },
  };
}
