// The whole system on one machine, from settings to stop: `npm start` and `fairwarning start`.
//
// Owns: what is checked before anything starts, and the environment each part gets. Must not: restart (children.ts), print
// (screen.ts), or hand a secret on by value: parts are told the name of the file.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { faultLines } from "../../engine/settings-source.ts";
import { now, wait } from "../clock.ts";
import { Children, type Part, StartFailed } from "./children.ts";
import { inherited, readSupervisorSettings, type SupervisorSettings } from "./config.ts";
import { type DataFolder, ensureFolder, FolderUnusable, forgetAll, openFolder, roomIn } from "./folder.ts";
import { type HoldOutcome, holdFolder } from "./holder.ts";
import { systemParts } from "./parts.ts";
import { takenPorts } from "./ports.ts";
import { jsonScreen, type Output, type Screen, terminalScreen } from "./screen.ts";

export interface StartFlags {
  readonly dataDir?: string | undefined;
  readonly port?: string | undefined;
  readonly socketPort?: string | undefined;
  readonly bidders?: string | undefined;
  readonly demo?: boolean | undefined;
  readonly production?: boolean | undefined;
  readonly fresh?: boolean | undefined;
}

export const EXIT_DONE = 0;
export const EXIT_FAILED = 1;
export const EXIT_USAGE = 2;
export const EXIT_INTERRUPTED = 130;

/** Tries of a part's first start: with pauses of 0.5, 1, 2 and 4 s it outlasts a predecessor that is still ending. */
const FIRST_TRIES_MAX = 5;
/** How long the ports of an earlier run may take to come free. */
const PORTS_WAIT_MS = 5_000;
const PORTS_PAUSE_MS = 250;
const MIB = 1024 * 1024;

/** Runs the system until it is told to stop; resolves with the exit code. Signals are handled while it runs. */
export async function runSystem(flags: StartFlags, out: Output & { readonly terminal: boolean }): Promise<number> {
  const from = performance.now();
  const loaded = readSupervisorSettings(flagTexts(flags));
  const format = loaded.ok ? loaded.settings.logFormat : "auto";
  const screen = format === "pretty" || (format === "auto" && out.terminal) ? terminalScreen(out) : jsonScreen(out, now);
  if (!loaded.ok) {
    screen.refuse(faultLines(loaded.faults));
    return EXIT_USAGE;
  }
  const settings = loaded.settings;
  const wrong = [...productionFaults(flags, settings), ...freshFaults(flags, settings)];
  if (wrong.length > 0) {
    screen.refuse(wrong);
    return EXIT_USAGE;
  }
  for (const warning of loaded.warnings) screen.note(warning);
  try {
    const path = ensureFolder(settings.dataDir);
    const hold: HoldOutcome = await holdFolder(path, now());
    if (hold.kind === "taken") {
      screen.refuse([`The data folder ${path} is in use by ${hold.by}.`, "Stop that one, or name another folder with --data-dir."]);
      return EXIT_FAILED;
    }
    try {
      if (flags.fresh === true) forgetAll(path);
      const folder = openFolder(path, { demo: demoAsked(settings), production: flags.production === true, at: now(), log: settings.decisionLog });
      return await runHeld({ settings, folder, screen, from, production: flags.production === true, drainSet: loaded.sources.gatewayDrainMs !== "default" });
    } finally {
      hold.holding.release();
    }
  } catch (error) {
    if (!(error instanceof FolderUnusable)) throw error;
    screen.refuse([error.message]);
    return EXIT_FAILED;
  }
}

interface Run {
  readonly settings: SupervisorSettings;
  readonly folder: DataFolder;
  readonly screen: Screen;
  readonly from: number;
  readonly production: boolean;
  readonly drainSet: boolean;
}

async function runHeld(run: Run): Promise<number> {
  const { settings, folder, screen } = run;
  screen.begin(packageVersion(), folder.path, folder.first);
  if (folder.otherLog !== null) screen.note(folder.otherLog);
  // Only a local log is written to this disk bid by bid.
  const reserveBytes = settings.decisionLog === "local" ? (settings.localReserveBytes ?? 2 * settings.localSegmentBytes) : 0;
  const room = roomIn(folder.path, reserveBytes);
  const free = `The disk of ${folder.path} has ${Math.floor(room.freeBytes / MIB)} MiB free.`;
  if (room.state === "full") {
    screen.refuse([free, "That is too little to start. Free some space, or name another folder with --data-dir."]);
    return EXIT_FAILED;
  }
  if (room.state === "low") screen.note(`${free} Bids are refused until there is more (FAIRWARNING_LOCAL_RESERVE_BYTES).`);
  const taken = await portsTaken(run);
  if (taken.length > 0) {
    screen.refuse(taken);
    return EXIT_FAILED;
  }
  const system = systemParts({ settings, folder, production: run.production, environment: inherited(), drainSet: run.drainSet, line: screen.childLine });
  const exitCode = await supervise(run, system.parts, () => system.summary(packageVersion(), performance.now() - run.from));
  system.close();
  return exitCode;
}

async function supervise(run: Run, parts: readonly Part[], summary: () => Parameters<Screen["ready"]>[0]): Promise<number> {
  const { settings, screen } = run;
  const children = new Children({
    parts,
    restartMs: settings.restartMs,
    stopLimitMs: settings.shutdownMs,
    firstTriesMax: FIRST_TRIES_MAX,
    tell: screen.event,
    elapsed: () => performance.now(),
    wait,
  });
  const stop = untilStopped(children);
  try {
    // A stop asked for while it starts gives the start up.
    await Promise.race([children.start(), stop.promise]);
    if (!stop.asked()) screen.ready(summary());
    await stop.promise;
  } catch (error) {
    if (!(error instanceof StartFailed)) throw error;
    screen.refuse([error.message]);
    await children.stop();
    return stop.asked() ? EXIT_DONE : error.final ? EXIT_USAGE : EXIT_FAILED;
  }
  const stoppingFrom = performance.now();
  const interrupted = await Promise.race([children.stop().then(() => false), stop.again.then(() => true)]);
  if (!interrupted) screen.stopped(performance.now() - stoppingFrom);
  return interrupted ? EXIT_INTERRUPTED : EXIT_DONE;
}

/** The first signal asks for a stop in order; the second ends everything at once. */
function untilStopped(children: Children) {
  let asked = false;
  let first: () => void = () => {};
  let second: () => void = () => {};
  const promise = new Promise<void>((resolve) => (first = resolve));
  const again = new Promise<void>((resolve) => (second = resolve));
  const onSignal = (): void => {
    if (!asked) {
      asked = true;
      first();
      return;
    }
    children.kill();
    second();
  };
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  for (const signal of signals) process.on(signal, onSignal);
  return {
    promise,
    again,
    asked: () => asked,
  };
}

async function portsTaken(run: Run): Promise<string[]> {
  const { settings } = run;
  const wishes = [
    { what: "page and API", host: settings.gatewayHost, port: settings.gatewayHttpPort, setting: "--port or FAIRWARNING_GATEWAY_HTTP_PORT" },
    { what: "WebSocket", host: settings.gatewayHost, port: settings.gatewaySocketPort, setting: "--socket-port or FAIRWARNING_GATEWAY_SOCKET_PORT" },
    { what: "link of the engine", host: "127.0.0.1", port: settings.engineLinkPort, setting: "FAIRWARNING_ENGINE_LINK_PORT" },
    { what: "status of the engine", host: "127.0.0.1", port: settings.engineStatusPort, setting: "FAIRWARNING_ENGINE_STATUS_PORT" },
  ];
  // On a first start nothing of ours can be ending. Later the processes of a killed supervisor may need a moment.
  const until = performance.now() + (run.folder.first ? 0 : PORTS_WAIT_MS);
  for (;;) {
    const taken = await takenPorts(wishes);
    if (taken.length === 0 || performance.now() >= until) return taken;
    await wait(PORTS_PAUSE_MS);
  }
}

/** Whether demo auctions are asked for; null leaves it to the folder. The demo signs its own tokens with the local key, which a
 *  gateway with a key of yours does not accept. */
function demoAsked(settings: SupervisorSettings): boolean | null {
  if (settings.demo !== undefined) return settings.demo;
  return keysSet(settings) > 0 ? false : null;
}

/** What is in Kafka is not ours alone to delete. */
function freshFaults(flags: StartFlags, settings: SupervisorSettings): string[] {
  if (flags.fresh !== true || settings.decisionLog !== "kafka") return [];
  return [
    `--fresh forgets what the data folder keeps; the decisions are in topic ${settings.kafkaTopic} of Kafka.`,
    "Leave --fresh out, or begin anew with another topic (FAIRWARNING_KAFKA_TOPIC) and another folder (--data-dir).",
  ];
}

function keysSet(settings: SupervisorSettings): number {
  return [settings.jwtJwksUrl, settings.jwtPublicKey, settings.jwtSecret].filter((key) => key !== undefined).length;
}

function productionFaults(flags: StartFlags, settings: SupervisorSettings): string[] {
  if (flags.production !== true) return [];
  const keys = keysSet(settings);
  const faults: string[] = [];
  if (keys !== 1) {
    faults.push(
      `--production wants exactly one way to check tokens; ${keys} are set.`,
      "Set FAIRWARNING_JWT_JWKS_URL, FAIRWARNING_JWT_PUBLIC_KEY or FAIRWARNING_JWT_SECRET (32 bytes or more); each may come from a file by _FILE.",
    );
  }
  if (settings.demo === true) faults.push("--production has no demo: leave --demo and FAIRWARNING_DEMO out.");
  if (settings.bidders > 0) faults.push("--production has no simulated bidders: leave --bidders and FAIRWARNING_BIDDERS out.");
  return faults;
}

function flagTexts(flags: StartFlags): Record<string, string | undefined> {
  return {
    dataDir: flags.dataDir,
    gatewayHttpPort: flags.port,
    gatewaySocketPort: flags.socketPort,
    bidders: flags.bidders,
    demo: flags.demo === undefined ? undefined : String(flags.demo),
  };
}

/** From package.json at the root: two folders above this file in the source, three in dist. */
function packageVersion(): string {
  for (const up of ["../..", "../../.."]) {
    try {
      const parsed: unknown = JSON.parse(readFileSync(join(fileURLToPath(new URL(".", import.meta.url)), up, "package.json"), "utf8"));
      if (typeof parsed === "object" && parsed !== null && "version" in parsed) return String(parsed.version);
    } catch {
      // Not this one.
    }
  }
  return "unknown";
}
