// The data folder of one system on one machine: what is in it, whose it is, what of it is secret.
//
//   system.json   when it was made, whether demo auctions run in it, and which decision log it was last run with
//   link-key      shared by engine and gateway, mode 0600, made on the first start
//   log/          the decision log, unless it is in Kafka: the only thing that cannot be made anew
//   postgres/     snapshots, which can be made anew from the log, and lots with their titles, which cannot
//   logs/         what the processes said
//
// Must not: print or return a secret; processes are told the file's name.
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { z } from "zod";

export interface DataFolder {
  readonly path: string;
  /** No log is in it yet; with a log in Kafka: it was not run with one before. */
  readonly first: boolean;
  /** What to say of another decision log that it was run with before; null where there is nothing to say. */
  readonly otherLog: string | null;
  /** Whether this system was made with demo auctions. */
  readonly demo: boolean;
  readonly linkKeyFile: string;
  readonly logsPath: string;
}

/** The folder cannot be used; the message says why and what to do. */
export class FolderUnusable extends Error {}

export type LogKind = "local" | "kafka" | "memory";

const system = z.object({ madeAt: z.string(), demo: z.boolean(), log: z.enum(["local", "kafka", "memory"]).optional() });

/** 256 bits. */
const KEY_BYTES = 32;
const OWNER_ONLY = 0o600;

/** Makes the folder if it is not there. Throws FolderUnusable when it cannot be made or written, or is not ours. */
export function ensureFolder(path: string): string {
  const absolute = resolve(path);
  try {
    mkdirSync(absolute, { recursive: true });
    const probe = join(absolute, `.probe-${process.pid}`);
    writeFileSync(probe, "");
    rmSync(probe);
  } catch (error) {
    throw new FolderUnusable(`The data folder ${absolute} cannot be written: ${reasonOf(error)}`);
  }
  return absolute;
}

/** Reads what an earlier start left, or makes it. The folder must be held (holder.ts). `demo` overrides what the folder says
 *  and is remembered by a first start. */
export function openFolder(
  path: string,
  options: { readonly demo: boolean | null; readonly production: boolean; readonly at: number; readonly log: LogKind },
): DataFolder {
  const file = join(path, "system.json");
  try {
    const made = existsSync(file);
    const local = existsSync(join(path, "log"));
    const kept = made ? readSystem(file) : { madeAt: new Date(options.at).toISOString(), demo: options.demo ?? !options.production };
    const first = options.log === "kafka" ? kept.log !== "kafka" : !local;
    if (kept.log !== options.log) writeFileSync(file, `${JSON.stringify({ ...kept, log: options.log })}\n`, { mode: OWNER_ONLY });
    const logsPath = join(path, "logs");
    mkdirSync(logsPath, { recursive: true });
    const demo = !options.production && (options.demo ?? kept.demo);
    return { path, first, otherLog: otherLogText({ path, local, before: kept.log, now: options.log }), demo, linkKeyFile: ensureLinkKey(path), logsPath };
  } catch (error) {
    if (error instanceof FolderUnusable) throw error;
    throw new FolderUnusable(`The data folder ${path} cannot be used: ${reasonOf(error)}`);
  }
}

function otherLogText(logs: { readonly path: string; readonly local: boolean; readonly before: LogKind | undefined; readonly now: LogKind }): string | null {
  const { path, local, before, now } = logs;
  if (now === "kafka" && before !== "kafka" && local) {
    const move = `fairwarning log copy --from local:${path} --to kafka`;
    return `This data folder has a local decision log from before. Its auctions are in Kafka only once they were moved: ${move}`;
  }
  if (now !== "kafka" && before === "kafka") {
    const move = `fairwarning log copy --from kafka --to local:${path}`;
    return `This data folder was last run with its decision log in Kafka. What was decided there is not here unless it was moved back: ${move}`;
  }
  return null;
}

function readSystem(file: string): z.output<typeof system> {
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(file, "utf8"));
  } catch {
    throw new FolderUnusable(`${file} is not readable as JSON. It holds {"madeAt": "...", "demo": true or false}; write it anew and start again.`);
  }
  const parsed = system.safeParse(content);
  if (!parsed.success) throw new FolderUnusable(`${file} is not one of ours: it should hold {"madeAt": "...", "demo": true or false}.`);
  return parsed.data;
}

function ensureLinkKey(path: string): string {
  const file = join(path, "link-key");
  if (!existsSync(file)) writeFileSync(file, randomBytes(KEY_BYTES).toString("base64url"), { mode: OWNER_ONLY, flag: "wx" });
  return file;
}

/** Everything a system makes in its folder. Other files there are left alone. */
const OURS = ["system.json", "link-key", "identity-key.json", "demo-next", "log", "postgres", "logs"];

/** Forgets everything the system kept. Refused where no system ever was, so that a wrong --data-dir costs nothing. */
export function forgetAll(path: string): void {
  if (!existsSync(join(path, "system.json"))) return;
  for (const name of OURS) rmSync(join(path, name), { recursive: true, force: true });
}

export interface Room {
  readonly freeBytes: number;
  /** `full`: nothing can be started. `low`: it starts and refuses bids until there is room. */
  readonly state: "ok" | "low" | "full";
}

/** Enough for a database to start and for the keys: below it nothing works. */
const START_BYTES_MIN = 64 * 1024 * 1024;

/** How much room the disk of the folder has, against the reserve below which bids are refused. */
export function roomIn(path: string, reserveBytes: number): Room {
  const stat = statfsSync(path);
  const freeBytes = stat.bavail * stat.bsize;
  return { freeBytes, state: freeBytes < START_BYTES_MIN ? "full" : freeBytes < reserveBytes ? "low" : "ok" };
}

function reasonOf(error: unknown): string {
  const code = error instanceof Error && "code" in error ? error.code : null;
  if (code === "ENOSPC") return "the disk is full. Free some space, or name another folder with --data-dir.";
  if (code === "EACCES" || code === "EPERM") return "this user may not write there. Change its owner, or name another folder with --data-dir.";
  if (code === "EROFS") return "it lies on a read-only file system. Name another folder with --data-dir.";
  if (code === "ENOTDIR" || code === "EEXIST") return "it is not a folder. Name another one with --data-dir.";
  return error instanceof Error ? error.message : String(error);
}
