// The real processes behind a measurement: engine and gateway from dist, on a folder of their own on a real disk.
//
// Must not: import what it starts. Limits that protect strangers' traffic are raised by settings, and what was raised is printed
// with every figure; the code that checks them stays on the path of a bid.
import { randomBytes } from "node:crypto";
// biome-ignore lint/style/noRestrictedImports: tokens are signed as the command line signs them, with the key that this file makes
import { type LocalKey, loadOrCreateLocalKey, signToken } from "../gateway/local-key.ts";
import { now, pause } from "./clock.ts";
import { makeFolder, removeFolder } from "./folders.ts";
import { packageFile } from "./package-files.ts";
import { Spawned } from "./spawned.ts";

const LINK_KEY_BYTES = 24;
const MANY = "1000000000";

/** Settings that the load needs: it comes from one address, from a few thousand bidders, without a pause. */
export const RAISED_LIMITS: Readonly<Record<string, string>> = {
  FAIRWARNING_TIERS: "free=999999999,premium=999999999,enterprise=999999999",
  FAIRWARNING_RATE_REQUESTS_PER_MINUTE: MANY,
  FAIRWARNING_RATE_AUCTION_PER_SECOND: MANY,
  FAIRWARNING_RATE_CREATES_PER_HOUR: MANY,
  FAIRWARNING_RATE_LOGINS_PER_MINUTE: MANY,
  FAIRWARNING_GATEWAY_SOCKETS_PER_ADDRESS_MAX: "10000",
  FAIRWARNING_GATEWAY_BIDS_IN_FLIGHT_MAX: "32768",
  FAIRWARNING_GATEWAY_FRAMES_PER_SECOND: "1000000",
  // A hot auction takes 100,000 bids a second: the default would end a run after 40 s.
  FAIRWARNING_ENGINE_ANSWERS_MAX: MANY,
  FAIRWARNING_ENGINE_MAILBOX_MAX: "65536",
  FAIRWARNING_ENGINE_HELD_DECISIONS_MAX: "65536",
};

const READY_MS = 600_000;

export interface StackOptions {
  /** Where its folder is made. */
  readonly parent: string;
  readonly inherited: Readonly<Record<string, string | undefined>>;
  /** `echo`: an engine that answers at once and keeps nothing, for the limit of sockets and hops. */
  readonly engine: "real" | "echo";
  /** Snapshots and catalogue are kept there. null: in memory, because a database would share the cores with what is measured. */
  readonly postgresUrl: string | null;
}

export interface Restart {
  /** From the signal to the end of the process. */
  readonly endedMs: number;
  /** From the start of the new process until /ready says that every shard is served. */
  readonly servingMs: number;
}

export interface Stack {
  readonly dataDir: string;
  readonly url: string;
  readonly socketPort: number;
  /** null for the echo engine. */
  readonly engineStatusPort: number | null;
  /** What an acknowledged decision rests on, in the engine's own words. */
  readonly durability: string;
  readonly engine: Spawned;
  readonly gateway: Spawned;
  token(userId: string, roles: readonly string[]): Promise<string>;
  /** Ends the engine and starts it again on its folder and ports. */
  restartEngine(signal: "SIGTERM" | "SIGKILL"): Promise<Restart>;
  /** Stops both in order. The folder stays, for the log is still to be read. */
  stop(): Promise<void>;
  /** Stops what runs and forgets the folder. */
  remove(): Promise<void>;
}

/** Starts both and resolves when bids are taken. Rejects with what the process said that did not start. */
export async function startStack(options: StackOptions): Promise<Stack> {
  const stack = new RunningStack(options);
  try {
    await stack.start();
    return stack;
  } catch (error) {
    await stack.remove();
    throw error;
  }
}

type Environment = Readonly<Record<string, string | undefined>>;

class RunningStack implements Stack {
  readonly dataDir: string;
  readonly #options: StackOptions;
  readonly #environment: Environment;
  #engine: Spawned | null = null;
  #gateway: Spawned | null = null;
  #key: LocalKey | null = null;
  #linkPort = 0;
  url = "";
  socketPort = 0;
  engineStatusPort: number | null = null;
  durability = "";

  constructor(options: StackOptions) {
    this.#options = options;
    this.dataDir = makeFolder(options.parent);
    this.#environment = {
      ...options.inherited,
      FAIRWARNING_DATA_DIR: this.dataDir,
      FAIRWARNING_LOG_FORMAT: "json",
      // They end when this process does, for then their stdin ends.
      FAIRWARNING_CHILD: "1",
      FAIRWARNING_LINK_KEY: randomBytes(LINK_KEY_BYTES).toString("hex"),
      FAIRWARNING_LOCAL_RESERVE_BYTES: "0",
      ...(options.postgresUrl === null ? { FAIRWARNING_SNAPSHOTS: "memory" } : { FAIRWARNING_POSTGRES_URL: options.postgresUrl }),
      ...RAISED_LIMITS,
    };
  }

  get engine(): Spawned {
    return started(this.#engine);
  }

  get gateway(): Spawned {
    return started(this.#gateway);
  }

  async start(): Promise<void> {
    await this.#startEngine();
    this.#gateway = spawnScript("gateway", "dist/gateway/main.js", {
      ...this.#environment,
      FAIRWARNING_GATEWAY_ENGINES: `127.0.0.1:${this.#linkPort}`,
      FAIRWARNING_GATEWAY_HOST: "127.0.0.1",
      FAIRWARNING_GATEWAY_HTTP_PORT: "0",
      FAIRWARNING_GATEWAY_SOCKET_PORT: "0",
      FAIRWARNING_GATEWAY_DRAIN_MS: "0",
    });
    const ready = await this.gateway.line("ready", READY_MS);
    this.url = `http://127.0.0.1:${Number(ready.httpPort)}`;
    this.socketPort = Number(ready.socketPort);
    // The gateway's own says so once it has a link to the engine and every shard behind it is served.
    await untilReady(this.url, this.gateway);
    this.#key = await loadOrCreateLocalKey(this.dataDir);
  }

  token(userId: string, roles: readonly string[]): Promise<string> {
    const key = this.#key;
    if (key === null) throw new Error("the stack has not started");
    return signToken(key, { userId, roles, tier: "enterprise" }, { now: now() });
  }

  async restartEngine(signal: "SIGTERM" | "SIGKILL"): Promise<Restart> {
    const signalledAt = performance.now();
    await this.engine.end(signal);
    const endedAt = performance.now();
    await this.#startEngine();
    return { endedMs: endedAt - signalledAt, servingMs: performance.now() - endedAt };
  }

  async stop(): Promise<void> {
    const running = [this.#gateway, this.#engine];
    this.#gateway = null;
    this.#engine = null;
    for (const process of running) await process?.end("SIGTERM");
  }

  async remove(): Promise<void> {
    await this.stop();
    removeFolder(this.dataDir);
  }

  /** On the ports of its first start, so that the gateway finds it again. */
  async #startEngine(): Promise<void> {
    const script = this.#options.engine === "real" ? "dist/engine/main.js" : "dist/bench/micro/echo-engine.js";
    const engine = spawnScript("engine", script, {
      ...this.#environment,
      FAIRWARNING_ENGINE_LINK_PORT: String(this.#linkPort),
      FAIRWARNING_ENGINE_STATUS_PORT: String(this.engineStatusPort ?? 0),
    });
    this.#engine = engine;
    const ready = await engine.line("ready", READY_MS);
    this.#linkPort = Number(ready.linkPort);
    this.durability = String(ready.durability);
    if (ready.statusPort === undefined) return;
    this.engineStatusPort = Number(ready.statusPort);
    await untilReady(`http://127.0.0.1:${this.engineStatusPort}`, engine);
  }
}

function started(process: Spawned | null): Spawned {
  if (process === null) throw new Error("the process is not running");
  return process;
}

// The port of the inspector is opened on a signal only (collect-garbage.ts), and costs nothing until then.
function spawnScript(name: string, script: string, environment: Environment): Spawned {
  return new Spawned({ name, command: [process.execPath, "--enable-source-maps", "--inspect-port=127.0.0.1:0", packageFile(script)], environment });
}

const READY_PAUSE_MS = 10;

/** GET /ready answers 200. */
async function untilReady(url: string, process: Spawned): Promise<void> {
  const until = performance.now() + READY_MS;
  while (performance.now() < until) {
    const response = await fetch(`${url}/ready`);
    await response.arrayBuffer();
    if (response.ok) return;
    await pause(READY_PAUSE_MS);
  }
  throw process.fault("was never ready to take bids");
}
