// The whole system as real processes, for tests of whole processes: started from dist in a folder of its own, heard line by line.
import { type ChildProcess, spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { packageRoot } from "../../gateway/files.ts";
import { loadOrCreateLocalKey, signToken } from "../../gateway/local-key.ts";

/** One line of a process's log; plain text has only `text`. */
export interface Line {
  readonly event?: string;
  readonly part?: string;
  readonly again?: boolean;
  readonly facts?: Readonly<Record<string, unknown>>;
  readonly [field: string]: unknown;
}

/** Limits that protect strangers' traffic, raised for a load that comes from one address. */
export const RAISED_LIMITS = {
  FAIRWARNING_TIERS: "free=10000000,premium=10000000,enterprise=10000000",
  FAIRWARNING_RATE_REQUESTS_PER_MINUTE: "1000000",
  FAIRWARNING_RATE_AUCTION_PER_SECOND: "1000000",
  FAIRWARNING_RATE_CREATES_PER_HOUR: "1000000",
  FAIRWARNING_RATE_LOGINS_PER_MINUTE: "1000000",
  FAIRWARNING_GATEWAY_SOCKETS_PER_ADDRESS_MAX: "10000",
  FAIRWARNING_GATEWAY_SOCKETS_PER_BIDDER_MAX: "10000",
  FAIRWARNING_GATEWAY_FRAMES_PER_SECOND: "1000000",
} as const;

const PORTS_FROM = 20_000;
const PORTS = 12_000;

/** A port outside the range that outgoing connections take theirs from: a client that tries a dead port inside that range again
 *  and again can end up connected to itself, and then holds the port that the server needs. */
export function portBelowEphemeral(): number {
  return PORTS_FROM + randomInt(PORTS);
}

export interface SystemOptions {
  readonly environment?: Readonly<Record<string, string>>;
  readonly args?: readonly string[];
  /** Keeps the folder when stopped, and begins in it. */
  readonly dataDir?: string;
  /** Begins the command; the system's own follows. It must end by becoming that (exec), so that signals arrive. */
  readonly launcher?: readonly string[];
}

/** A running system. Every line it wrote is kept, and what it wrote as it stood. */
export class SpawnedSystem {
  readonly dataDir: string;
  readonly lines: Line[] = [];
  readonly said: string[] = [];
  readonly #ownsFolder: boolean;
  readonly #process: ChildProcess;
  readonly #waiting = new Set<() => void>();
  readonly ended: Promise<number | null>;

  constructor(options: SystemOptions = {}) {
    this.#ownsFolder = options.dataDir === undefined;
    this.dataDir = options.dataDir ?? mkdtempSync(join(tmpdir(), "fairwarning-test-"));
    const script = join(packageRoot(), "dist/deploy/standalone/main.js");
    const [command, ...args] = [
      ...(options.launcher ?? []),
      process.execPath,
      "--enable-source-maps",
      script,
      "--data-dir",
      this.dataDir,
      "--port",
      "0",
      "--socket-port",
      String(portBelowEphemeral()),
      ...(options.args ?? ["--no-demo"]),
    ] as [string, ...string[]];
    this.#process = spawn(command, args, {
      stdio: ["ignore", "pipe", "pipe"],
      env: {
        PATH: process.env.PATH,
        HOME: process.env.HOME,
        FAIRWARNING_LOG_FORMAT: "json",
        FAIRWARNING_ENGINE_LINK_PORT: "0",
        FAIRWARNING_ENGINE_STATUS_PORT: "0",
        FAIRWARNING_POSTGRES_PORT: "0",
        FAIRWARNING_LOCAL_RESERVE_BYTES: "0",
        ...RAISED_LIMITS,
        ...options.environment,
      },
    });
    for (const stream of [this.#process.stdout, this.#process.stderr]) {
      if (stream !== null) createInterface({ input: stream }).on("line", (text) => this.#hear(text));
    }
    this.ended = new Promise((resolve) => this.#process.once("close", (code) => resolve(code)));
    void this.ended.then(() => this.#wake());
  }

  #hear(text: string): void {
    this.said.push(text);
    try {
      this.lines.push(JSON.parse(text) as Line);
    } catch {
      this.lines.push({ text });
    }
    this.#wake();
  }

  #wake(): void {
    for (const wake of [...this.#waiting]) wake();
  }

  /** Waits for a line; rejects with what was heard when it does not come in time or the system ends. */
  async line(what: string, wanted: (line: Line) => boolean, from = 0, limitMs = 60_000): Promise<Line> {
    const late = AbortSignal.timeout(limitMs);
    const lateHeard = new Promise<void>((resolve) => late.addEventListener("abort", () => resolve(), { once: true }));
    for (;;) {
      const found = this.lines.slice(from).find(wanted);
      if (found !== undefined) return found;
      if (late.aborted || this.#process.exitCode !== null || this.#process.signalCode !== null)
        throw new Error(
          `waited for ${what}; last heard:\n${this.lines
            .filter((line) => Number(line.level ?? 40) >= 40)
            .slice(-15)
            .map((line) => JSON.stringify(line))
            .join("\n")}`,
        );
      let wake: () => void = () => undefined;
      const heard = new Promise<void>((resolve) => {
        wake = resolve;
        this.#waiting.add(wake);
      });
      await Promise.race([heard, lateHeard, this.ended]);
      this.#waiting.delete(wake);
    }
  }

  /** Waits until the page can be opened. */
  async ready(): Promise<this> {
    await this.line("the system to be ready", (line) => line.event === "ready" && line.pageUrl !== undefined);
    return this;
  }

  #part(name: string): Line {
    const found = this.lines.findLast((line) => line.event === "part_ready" && line.part === name);
    if (found === undefined) throw new Error(`${name} was never ready`);
    return found;
  }

  pid(part: "engine" | "gateway" | "postgres"): number {
    return Number(this.#part(part).facts?.pid);
  }

  /** The data folder as this process reaches it. */
  get folder(): string {
    return this.dataDir;
  }

  /** Of the supervisor. */
  get supervisorPid(): number {
    return this.#process.pid ?? 0;
  }

  /** Where the engine tells of itself. */
  get statusUrl(): string {
    return `http://127.0.0.1:${Number(this.#part("engine").facts?.statusPort)}`;
  }

  get url(): string {
    return `http://127.0.0.1:${Number(this.#part("gateway").facts?.httpPort)}`;
  }

  get socketUrl(): string {
    return `ws://127.0.0.1:${Number(this.#part("gateway").facts?.socketPort)}/v1/socket`;
  }

  /** kill -9 of one part; resolves with the time until it is ready again, ms. */
  async kill(part: "engine" | "gateway" | "postgres"): Promise<number> {
    const from = this.lines.length;
    const begun = performance.now();
    process.kill(this.pid(part), "SIGKILL");
    await this.line(`${part} to be ready again`, (line) => line.event === "part_ready" && line.part === part, from);
    return performance.now() - begun;
  }

  /** kill -9 of the supervisor alone. Resolves when it is gone. */
  async killSupervisor(): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.ended;
  }

  /** A token signed by the system's own key. */
  async token(userId: string, roles: readonly string[] = ["bidder"]): Promise<string> {
    const key = await loadOrCreateLocalKey(this.folder);
    return await signToken(key, { userId, roles, tier: "enterprise" }, { now: Date.now() });
  }

  /** Stops in order. Resolves with the exit code. */
  async stop(): Promise<number | null> {
    this.#process.kill("SIGTERM");
    return await this.ended;
  }

  /** Ends it however it stands and forgets its folder. */
  async remove(): Promise<void> {
    this.#process.kill("SIGTERM");
    await this.ended;
    if (this.#ownsFolder) rmSync(this.dataDir, { recursive: true, force: true });
  }
}
