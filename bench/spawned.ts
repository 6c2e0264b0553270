// A process of ours, started from dist, heard line by line, stopped in order.
import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";

/** One JSON line of a process. Text that is no JSON object is in `text`. */
export interface Line {
  readonly event?: string;
  readonly text?: string;
  readonly [field: string]: unknown;
}

export interface SpawnOptions {
  readonly name: string;
  /** Program and its arguments. */
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** Lines kept to say why something went wrong. */
const LINES_KEPT = 40;
const LINE_LENGTH_SHOWN = 400;
/** Time to stop in order. */
const END_LIMIT_MS = 30_000;

export class Spawned {
  readonly name: string;
  readonly #process: ChildProcess;
  readonly #ended: Promise<number | null>;
  readonly #last: string[] = [];
  readonly #listeners = new Set<(line: Line | null) => void>();

  constructor(options: SpawnOptions) {
    this.name = options.name;
    const [program = "", ...args] = options.command;
    this.#process = spawn(program, args, { stdio: ["pipe", "pipe", "pipe"], env: { ...options.environment } });
    // A process that is gone breaks the pipe; that is its end, heard elsewhere.
    this.#process.stdin?.on("error", () => undefined);
    for (const stream of [this.#process.stdout, this.#process.stderr]) {
      if (stream !== null) createInterface({ input: stream }).on("line", (text) => this.#hear(text));
    }
    this.#ended = new Promise((resolve) => {
      this.#process.once("error", (error) => this.#hear(error.message));
      // `close`, not `exit`: by then every line has been heard.
      this.#process.once("close", (code) => resolve(code));
    });
    void this.#ended.then(() => this.#tell(null));
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  /** Calls back for each line from now on, and with null when the process has ended. */
  listen(listener: (line: Line | null) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The first line from now on with that event. Rejects with the last lines when the process ends or is too slow. */
  line(event: string, limitMs: number): Promise<Line> {
    return new Promise((resolve, reject) => {
      const over = (error: Error | null, line: Line): void => {
        clearTimeout(timer);
        stop();
        if (error === null) resolve(line);
        else reject(error);
      };
      const timer = setTimeout(() => over(this.fault(`did not say "${event}" within ${limitMs} ms`), {}), limitMs);
      const stop = this.listen((line) => {
        if (line === null) over(this.fault(`ended before it said "${event}"`), {});
        else if (line.event === event) over(null, line);
      });
    });
  }

  /** An error that says what this process did and what it said last. */
  fault(what: string): Error {
    return new Error(`${this.name} ${what}${this.#last.length === 0 ? "" : `:\n  ${this.#last.join("\n  ")}`}`);
  }

  /** Sends a signal and waits for its end; a process that does not end is killed. Resolves with its exit code. */
  async end(signal: NodeJS.Signals): Promise<number | null> {
    const timer = setTimeout(() => this.#process.kill("SIGKILL"), END_LIMIT_MS);
    this.#process.kill(signal);
    const code = await this.#ended;
    clearTimeout(timer);
    return code;
  }

  signal(signal: NodeJS.Signals): void {
    this.#process.kill(signal);
  }

  #hear(text: string): void {
    this.#last.push(text.slice(0, LINE_LENGTH_SHOWN));
    if (this.#last.length > LINES_KEPT) this.#last.shift();
    this.#tell(parseLine(text));
  }

  #tell(line: Line | null): void {
    for (const listener of [...this.#listeners]) listener(line);
  }
}

function parseLine(text: string): Line {
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === "object" && parsed !== null) return parsed as Line;
  } catch {
    // Not JSON: a word of the runtime.
  }
  return { text };
}
