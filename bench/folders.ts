// Folders that the bench makes for data, and sees to it that none is left, however it ends short of kill -9.
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";

const made = new Set<string>();
const EXIT_INTERRUPTED = 130;

/** A new folder below `parent`. */
export function makeFolder(parent: string): string {
  if (made.size === 0) process.once("exit", removeAll);
  const folder = mkdtempSync(join(parent, "fairwarning-bench-"));
  made.add(folder);
  return folder;
}

/** Removes it with all it holds. */
export function removeFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
  made.delete(folder);
  if (made.size === 0) process.off("exit", removeAll);
}

/** Ctrl-C and a polite end run what stands at exit. Started processes end by themselves when their stdin does. */
export function exitWhenInterrupted(): void {
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(EXIT_INTERRUPTED));
}

function removeAll(): void {
  for (const folder of made) rmSync(folder, { recursive: true, force: true });
}
