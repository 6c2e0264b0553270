// One process of the product, spawned from dist for tests that hurt processes: heard line by line, killed, frozen, started again.
//
// Owns: the child process and every line it wrote. Must not: know what it is or start it again (cluster.ts).
import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { packageRoot } from "../../gateway/files.ts";

/** One line of a process's log; plain text has only `text`. */
export interface HeardLine {
  readonly event?: string;
  /** When it was written, epoch ms. */
  readonly time?: number;
  readonly shard?: number;
  readonly [field: string]: unknown;
}

export interface ProcessEnd {
  readonly code: number | null;
  readonly signal: string | null;
}

export interface HeardOptions {
  readonly name: string;
  /** Below the package, such as dist/engine/main.js. */
  readonly script: string;
  readonly environment: Readonly<Record<string, string>>;
}

/** What a failed wait tells of the process's last words. */
const LAST_LINES = 25;

export class HeardProcess {
  readonly name: string;
  readonly lines: HeardLine[] = [];
  readonly ended: Promise<ProcessEnd>;
  readonly #child: ChildProcess;
  readonly #waiting = new Set<() => void>();

  constructor({ name, script, environment }: HeardOptions) {
    this.name = name;
    // A pipe as stdin: the process ends with this one, however this one ends.
    this.#child = spawn(process.execPath, ["--enable-source-maps", join(packageRoot(), script)], {
      stdio: ["pipe", "pipe", "pipe"],
      detached: true,
      env: { ...environment, FAIRWARNING_CHILD: "1", FAIRWARNING_LOG_FORMAT: "json" },
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      if (stream !== null) createInterface({ input: stream }).on("line", (text) => this.#hear(text));
    }
    this.#child.stdin?.on("error", () => undefined);
    this.ended = new Promise((resolve) => this.#child.once("close", (code, signal) => resolve({ code, signal })));
    void this.ended.then(() => this.#wake());
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  kill(signal: "SIGKILL" | "SIGSTOP" | "SIGCONT" | "SIGTERM"): void {
    this.#child.kill(signal);
  }

  /** Stops in order, frozen or not. */
  async stop(): Promise<ProcessEnd> {
    this.kill("SIGTERM");
    this.kill("SIGCONT");
    return await this.ended;
  }

  /** Waits for a line that is `from` or later; rejects with what was heard when it does not come in time or the process ends. */
  async line(what: string, wanted: (line: HeardLine) => boolean, options: { readonly from?: number; readonly limitMs?: number } = {}): Promise<HeardLine> {
    const { from = 0, limitMs = 60_000 } = options;
    const late = AbortSignal.timeout(limitMs);
    const isLate = new Promise<void>((resolve) => late.addEventListener("abort", () => resolve(), { once: true }));
    for (;;) {
      const found = this.lines.slice(from).find(wanted);
      if (found !== undefined) return found;
      if (late.aborted || !this.running) throw new Error(`waited ${limitMs} ms for ${what} of ${this.name}; last heard:\n${this.lastWords()}`);
      let wake: () => void = () => undefined;
      const heard = new Promise<void>((resolve) => {
        wake = resolve;
        this.#waiting.add(wake);
      });
      await Promise.race([heard, isLate, this.ended]);
      this.#waiting.delete(wake);
    }
  }

  /** Its last lines. */
  lastWords(): string {
    return this.lines
      .slice(-LAST_LINES)
      .map((line) => JSON.stringify(line))
      .join("\n");
  }

  #hear(text: string): void {
    try {
      this.lines.push(JSON.parse(text) as HeardLine);
    } catch {
      this.lines.push({ text });
    }
    this.#wake();
  }

  #wake(): void {
    for (const wake of [...this.#waiting]) wake();
  }
}
