// Who runs the embedded Postgres, and whose the folder is: users, programs, and the processes found in the lock files.
//
// Must not start or stop the server: postgres.ts does.
//
// U1. Postgres refuses to run as root. Started by root it runs as the owner of the data folder, and a new folder goes to nobody.
// U2. A folder below one that only root may enter is reached by a capability that passes over permissions, and only then is it given.
// U3. Where the system can say so, the server gets an interrupt when its parent dies, however that dies.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, readlinkSync, realpathSync, statSync } from "node:fs";
import { basename, dirname } from "node:path";

/** What to start: with the wrapper that changes user and follows the parent, where there is one. */
export interface Launch {
  readonly command: string;
  readonly leading: readonly string[];
  /** For spawn; null: as we are. */
  readonly user: { readonly uid: number; readonly gid: number } | null;
}

const SETPRIV = "setpriv";
/** Who nobody is where the system does not say. */
const NOBODY = { uid: 65_534, gid: 65_534 };
const OTHERS_MAY_ENTER = 0o001;

/** The user that the server must run as, or null for our own. */
export function serverUser(dataDir: string): { readonly uid: number; readonly gid: number } | null {
  if (process.getuid?.() !== 0) return null;
  const owner = existsSync(dataDir) ? statSync(dataDir) : null;
  return owner !== null && owner.uid !== 0 ? { uid: owner.uid, gid: owner.gid } : nobody();
}

/** How to start `binary` on this folder (U1 to U3). Without util-linux's setpriv the server outlives a parent that is killed; the
 *  next start stops it then. */
export function launchOf(binary: string, dataDir: string, user: Launch["user"]): Launch {
  const bare = { command: binary, leading: [], user };
  if (process.platform !== "linux") return bare;
  const follow = ["--pdeathsig", "INT"];
  const become = user === null ? [] : [`--reuid=${user.uid}`, `--regid=${user.gid}`, "--clear-groups"];
  const pass =
    user === null || (reachable(dataDir) && reachable(binary))
      ? []
      : ["--securebits=+no_setuid_fixup", "--inh-caps=-all,+dac_override", "--ambient-caps=-all,+dac_override"];
  const options = [...become, ...pass, ...follow, "--"];
  const tried = spawnSync(SETPRIV, [...options, "true"], { stdio: "ignore" });
  return tried.status === 0 ? { command: SETPRIV, leading: [...options, binary], user: null } : bare;
}

function nobody(): { readonly uid: number; readonly gid: number } {
  try {
    const line = readFileSync("/etc/passwd", "utf8")
      .split("\n")
      .find((user) => user.startsWith("nobody:"));
    const [, , uid, gid] = line?.split(":") ?? [];
    return uid === undefined || gid === undefined ? NOBODY : { uid: Number(uid), gid: Number(gid) };
  } catch {
    return NOBODY;
  }
}

/** Whether every folder above a path may be entered by anybody. */
function reachable(path: string): boolean {
  const above = dirname(path);
  if ((statSync(above).mode & OTHERS_MAY_ENTER) === 0) return false;
  return above === dirname(above) || reachable(above);
}

/** Names a running process for ever: numbers are given again, a number with the time of its start is not. null: no such process. */
export function processIdentity(pid: number): string | null {
  if (!isAlive(pid)) return null;
  if (process.platform === "linux") {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
      // The second field is the name in brackets and may hold spaces; the start time is the 20th after it.
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      return fields[0] === "Z" ? null : `${pid} ${fields[19]}`;
    } catch {
      return null;
    }
  }
  if (process.platform === "win32") return `${pid}`;
  const started = spawnSync("ps", ["-o", "lstart=", "-p", `${pid}`], { encoding: "utf8" });
  return started.status === 0 ? `${pid} ${started.stdout.trim()}` : null;
}

/** Whether this process is a postgres whose folder is `cluster`. */
export function servesFolder(pid: number, cluster: string): boolean {
  if (processIdentity(pid) === null) return false;
  if (process.platform === "linux") {
    try {
      const [program] = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
      return basename(program ?? "") === "postgres" && readlinkSync(`/proc/${pid}/cwd`) === realpathSync(cluster);
    } catch {
      return false;
    }
  }
  if (process.platform === "win32") return true;
  const command = spawnSync("ps", ["-o", "command=", "-p", `${pid}`], { encoding: "utf8" }).stdout;
  return command.includes("postgres") && command.includes(cluster);
}

/** Whether there is a process of this number. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}
