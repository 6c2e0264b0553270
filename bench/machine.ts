// What a figure was measured on. A figure without it says nothing.
import { spawnSync } from "node:child_process";
import { statfsSync } from "node:fs";
import { availableParallelism, cpus, totalmem } from "node:os";
import { packageFile } from "./package-files.ts";

export interface Machine {
  readonly commit: string;
  readonly cores: number;
  readonly cpu: string;
  readonly memoryGib: number;
  readonly node: string;
  readonly fileSystem: string;
}

const GIB = 1024 ** 3;
const TMPFS = 0x0102_1994;
/** Magic numbers as in Linux' statfs(2). */
const FILE_SYSTEMS = new Map<number, string>([
  [0xef53, "ext4"],
  [0x5846_5342, "xfs"],
  [0x9123_683e, "btrfs"],
  [0x794c_7630, "overlay"],
  [0x2fc1_2fc1, "zfs"],
  [TMPFS, "tmpfs"],
]);

/** The machine, with the file system that `folder` lies on. */
export function describeMachine(folder: string): Machine {
  return {
    commit: commit(),
    cores: availableParallelism(),
    cpu: cpus()[0]?.model.trim() ?? "unknown",
    memoryGib: Math.round(totalmem() / GIB),
    node: process.version,
    fileSystem: fileSystemOf(folder),
  };
}

/** Whether what is written there is kept in memory only, so that a sync costs nothing and proves nothing. */
export function isInMemory(folder: string): boolean {
  return statfsSync(folder).type === TMPFS;
}

function fileSystemOf(folder: string): string {
  const { type } = statfsSync(folder);
  return FILE_SYSTEMS.get(type) ?? `0x${type.toString(16)}`;
}

function commit(): string {
  const git = (...args: string[]): string => spawnSync("git", args, { cwd: packageFile("."), encoding: "utf8" }).stdout?.trim() ?? "";
  const head = git("rev-parse", "--short=10", "HEAD");
  if (head === "") return "unknown";
  return git("status", "--porcelain", "--untracked-files=no") === "" ? head : `${head} with changes`;
}
