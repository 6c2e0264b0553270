// Postgres as a part of the system: its starts, its end and its faults in the words of children.ts.
import { type Part, type Running, StartFailed } from "./children.ts";
import { type PostgresExit, PostgresStartFailed, type RunningPostgres, startPostgres } from "./postgres.ts";
import type { ChildLine } from "./process-part.ts";

export interface PostgresPartOptions {
  /** Postgres's own folder below the data folder. */
  readonly folder: string;
  readonly port: number;
  readonly line: (part: string, line: ChildLine, text: string) => void;
}

const NAME = "postgres";
const LEVEL_DEBUG = 20;
const LEVEL_ERROR = 50;
/** Faults that may pass by themselves: a predecessor that is still ending. */
const PASSING = new Set(["folder_in_use", "too_slow", "failed"]);

/** The Postgres of this machine. Its facts are `url`, which holds a password and is told to the other parts only, and `port`. */
export function postgresPart(options: PostgresPartOptions): Part {
  // A free port found at the first start is kept: the other parts know it.
  let port = options.port;
  return {
    name: NAME,
    essential: true,
    start: async () => {
      const log = (text: string): void => options.line(NAME, { level: /^(FATAL|PANIC)/.test(text) ? LEVEL_ERROR : LEVEL_DEBUG, msg: text, fields: {} }, text);
      try {
        const server = await startPostgres({ dataDir: options.folder, port, log });
        port = server.port;
        return runningOf(server);
      } catch (error) {
        if (!(error instanceof PostgresStartFailed)) throw error;
        throw new StartFailed(error.message, !PASSING.has(error.fault));
      }
    },
  };
}

function runningOf(server: RunningPostgres): Running {
  const ended = new Promise<string>((resolve) => server.onExit((exit) => resolve(exitText(exit))));
  return {
    facts: { url: server.url, port: server.port, pid: server.pid },
    ended,
    // It brings its own, shorter limits.
    stop: () => server.stop(),
    kill: () => {
      process.kill(server.pid, "SIGKILL");
    },
  };
}

function exitText(exit: PostgresExit): string {
  return exit.signal === null ? `ended with code ${exit.code}` : `was ended by ${exit.signal}`;
}
