// The embedded server as whole processes: first and later starts, kills of either side, every way a start can fail.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { expect, onTestFinished, test } from "vitest";
import { DATABASE_DEFAULTS, Database, StatementFailed } from "../../persistence/postgres/pool.ts";
import { type PostgresExit, type RunningPostgres, startPostgres } from "./postgres.ts";
import { PostgresStartFailed } from "./postgres-faults.ts";
import { processIdentity } from "./postgres-folder.ts";

const COMPILED = join(import.meta.dirname, "..", "..", "dist", "deploy", "standalone", "postgres.js");
const isRoot = process.getuid?.() === 0;
/** daemon: a user without rights that every system has, for what an ordinary user may do. */
const ORDINARY = { uid: 1, gid: 1 };

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "fairwarning-postgres-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

async function start(dataDir: string, port = 0): Promise<RunningPostgres> {
  const server = await startPostgres({ dataDir, port, log: () => undefined });
  onTestFinished(() => server.stop());
  return server;
}

function exitOf(server: RunningPostgres): Promise<PostgresExit> {
  return new Promise((gone) => server.onExit(gone));
}

async function ask<Row>(url: string, text: string): Promise<readonly Row[]> {
  const database = new Database({ ...DATABASE_DEFAULTS, url });
  try {
    return await database.query<Row>({ name: "ask", text }, []);
  } finally {
    await database.close();
  }
}

async function faultOf(dataDir: string, port = 0): Promise<string> {
  try {
    await start(dataDir, port);
    return "started";
  } catch (error) {
    if (!(error instanceof PostgresStartFailed)) throw error;
    return error.fault;
  }
}

interface Supervisor {
  readonly child: ChildProcess;
  readonly postgres: number;
}

/** Another process that starts the server on this folder and stays. */
async function supervisor(dataDir: string, options: { readonly uid?: number; readonly gid?: number; readonly path?: string } = {}): Promise<Supervisor> {
  const { path = process.env.PATH ?? "", ...user } = options;
  const code = `const { startPostgres } = await import(process.argv[1]);
    try { const server = await startPostgres({ dataDir: process.argv[2], port: 0, log() {} }); console.log(server.pid); }
    catch (error) { console.log(error.fault, error.message); process.exit(1); }
    process.stdin.resume().on("end", async () => process.exit(0));`;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", code, COMPILED, dataDir], {
    stdio: ["pipe", "pipe", "inherit"],
    env: { PATH: path },
    ...user,
  });
  onTestFinished(() => {
    child.kill("SIGKILL");
  });
  const [line] = await once(createInterface({ input: child.stdout }), "line");
  const postgres = Number(line);
  if (!Number.isSafeInteger(postgres)) throw new Error(`the other supervisor said: ${line}`);
  return { child, postgres };
}

/** A process that has ended and that nobody asked after yet does not count. */
function isAlive(pid: number): boolean {
  return processIdentity(pid) !== null;
}

/** Resolves when there is no such process, and fails with its number if it stays. */
async function gone(pid: number): Promise<void> {
  await expect.poll(() => isAlive(pid), { timeout: 10_000, interval: 20, message: `process ${pid} is still there` }).toBe(false);
}

test("embedded postgres: start: what was written is there after a stop and a second start, and fsync is on", async () => {
  const dataDir = join(newFolder(), "new", "postgres");
  const first = await start(dataDir);
  await ask(first.url, "create table kept as select 7 as one");
  await first.stop();
  await first.stop();
  expect(await exitOf(first)).toEqual({ code: 0, signal: null, asked: true });
  const second = await start(dataDir);
  expect(await ask(second.url, "select one, current_setting('fsync') as fsync, current_setting('listen_addresses') as at from kept")).toEqual([
    { one: 7, fsync: "on", at: "127.0.0.1" },
  ]);
});

test("embedded postgres: password: it is random, only its owner reads it, and without it nobody gets in", async () => {
  const dataDir = newFolder();
  const server = await start(dataDir);
  expect(statSync(join(dataDir, "password")).mode & 0o777).toBe(0o600);
  expect(existsSync(join(dataDir, "password.new"))).toBe(false);
  const { username, password, host } = new URL(server.url);
  expect(password.length).toBeGreaterThanOrEqual(32);
  await expect(ask(`postgres://${username}:x@${host}/postgres`, "select 1 as one")).rejects.toBeInstanceOf(StatementFailed);
  await server.stop();
  rmSync(join(dataDir, "password"));
  expect(await faultOf(dataDir)).toBe("password_missing");
});

test("embedded postgres: kill -9 of the server: it is told, and the next start recovers what was committed", async () => {
  const dataDir = newFolder();
  const server = await start(dataDir);
  await ask(server.url, "create table kept as select 7 as one");
  process.kill(server.pid, "SIGKILL");
  expect(await exitOf(server)).toEqual({ code: null, signal: "SIGKILL", asked: false });
  const again = await start(dataDir, server.port);
  expect(again.port).toBe(server.port);
  expect(await ask(again.url, "select one from kept")).toEqual([{ one: 7 }]);
});

test("embedded postgres: kill -9 of the supervisor: the server ends with it, and the folder is free", async () => {
  const dataDir = newFolder();
  const other = await supervisor(dataDir);
  expect(await faultOf(dataDir)).toBe("folder_in_use");
  expect(isAlive(other.postgres)).toBe(true);
  other.child.kill("SIGKILL");
  if (process.platform === "linux") await gone(other.postgres);
  await start(dataDir);
});

test("embedded postgres: kill -9 of the supervisor where nothing tells the server: the next start stops it first", async () => {
  const dataDir = newFolder();
  const other = await supervisor(dataDir, { path: "/nowhere" });
  other.child.kill("SIGKILL");
  await once(other.child, "exit");
  expect(isAlive(other.postgres)).toBe(true);
  const server = await start(dataDir);
  expect(isAlive(other.postgres)).toBe(false);
  expect(await ask(server.url, "select 1 as one")).toEqual([{ one: 1 }]);
});

test("embedded postgres: lock file: a number that a stranger bears now does not keep it from starting, and the stranger is left alone", async () => {
  const dataDir = newFolder();
  const server = await start(dataDir);
  await server.stop();
  const stranger = spawn(process.execPath, ["--eval", "process.stdin.resume()"], { stdio: ["pipe", "ignore", "ignore"] });
  onTestFinished(() => {
    stranger.kill("SIGKILL");
  });
  writeFileSync(join(dataDir, "cluster", "postmaster.pid"), `${stranger.pid}\n${join(dataDir, "cluster")}\n1\n5433\n\n127.0.0.1\n`);
  await start(dataDir);
  expect(isAlive(stranger.pid ?? 0)).toBe(true);
});

test("embedded postgres: twice: a second start on one folder is refused while the first runs", async () => {
  const dataDir = newFolder();
  const server = await start(dataDir);
  expect(await faultOf(dataDir)).toBe("folder_in_use");
  expect(await ask(server.url, "select 1 as one")).toEqual([{ one: 1 }]);
});

test("embedded postgres: port: one that is taken is said by its number", async () => {
  const holder = createServer().listen(0, "127.0.0.1");
  onTestFinished(() => void holder.close());
  await once(holder, "listening");
  const address = holder.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const dataDir = newFolder();
  await expect(start(dataDir, port)).rejects.toThrow(`Port ${port} is taken`);
  expect(await faultOf(dataDir, port)).toBe("port_taken");
});

test("embedded postgres: folder: a place that cannot be a folder is refused, and an unfinished one is made anew", async () => {
  const folder = newFolder();
  writeFileSync(join(folder, "file"), "");
  expect(await faultOf(join(folder, "file"))).toBe("folder_not_writable");
  expect(await faultOf(join(folder, "file", "below"))).toBe("folder_not_writable");
  mkdirSync(join(folder, "cut", "cluster.new", "base"), { recursive: true });
  await start(join(folder, "cut"));
});

test("embedded postgres: version: a folder made by another version is told apart", async () => {
  const dataDir = newFolder();
  const server = await start(dataDir);
  await server.stop();
  writeFileSync(join(dataDir, "cluster", "PG_VERSION"), "15\n");
  expect(await faultOf(dataDir)).toBe("version_differs");
});

test.skipIf(!isRoot)("embedded postgres: root: it runs as somebody else, below a folder that only root may enter too (needs root)", async () => {
  const folder = newFolder();
  chmodSync(folder, 0o700);
  const server = await start(join(folder, "postgres"));
  expect(statSync(`/proc/${server.pid}`).uid).not.toBe(0);
  expect(await ask(server.url, "select 1 as one")).toEqual([{ one: 1 }]);
});

test.skipIf(!isRoot)("embedded postgres: user: an ordinary user starts it as well, and root then runs it as that user (needs root to try)", async () => {
  const folder = newFolder();
  chmodSync(folder, 0o777);
  const dataDir = join(folder, "postgres");
  const other = await supervisor(dataDir, ORDINARY);
  expect(statSync(`/proc/${other.postgres}`).uid).toBe(ORDINARY.uid);
  other.child.kill("SIGKILL");
  await gone(other.postgres);
  const server = await start(dataDir);
  expect(statSync(`/proc/${server.pid}`).uid).toBe(ORDINARY.uid);
  await server.stop();
  const rooted = join(folder, "rooted");
  await (await start(rooted)).stop();
  await expect(supervisor(rooted, ORDINARY)).rejects.toThrow(/folder_not_writable|password_missing/);
  expect(dirname(rooted)).toBe(folder);
});
