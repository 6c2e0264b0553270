// Postgres as a part of the system: its starts, its end and its faults in the words of children.ts.
import { MigrationFailed, migrate } from "../../persistence/postgres/migrate.ts";
import { type Part, type Running, StartFailed } from "./children.ts";
import { type PostgresExit, type RunningPostgres, startPostgres } from "./postgres.ts";
import { PostgresStartFailed } from "./postgres-faults.ts";
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
const PASSING = new Set(["folder_in_use", "sessions_ending", "too_slow", "failed"]);

/** The Postgres of this machine, and its address once it has started. The address holds a password, so it is no fact to be told. */
export function postgresPart(options: PostgresPartOptions): { readonly part: Part; readonly url: () => string | undefined } {
  // A free port found at the first start is kept: the other parts know it.
  let port = options.port;
  let url: string | undefined;
  const part: Part = {
    name: NAME,
    essential: true,
    awaited: true,
    start: async () => {
      const log = (text: string): void => options.line(NAME, { level: /^(FATAL|PANIC)/.test(text) ? LEVEL_ERROR : LEVEL_DEBUG, msg: text, fields: {} }, text);
      try {
        const server = await startPostgres({ dataDir: options.folder, port, log });
        port = server.port;
        url = server.url;
        await migrateOrStop(server, log);
        return runningOf(server);
      } catch (error) {
        if (!(error instanceof PostgresStartFailed)) throw error;
        throw new StartFailed(error.message, !PASSING.has(error.fault));
      }
    },
  };
  return { part, url: () => url };
}

/** The parts behind it find the schema of this version. A database that cannot be brought up to date is no start. */
async function migrateOrStop(server: RunningPostgres, log: (text: string) => void): Promise<void> {
  try {
    await migrate(server.url, log);
  } catch (error) {
    await server.stop();
    throw new StartFailed(error instanceof Error ? error.message : String(error), error instanceof MigrationFailed);
  }
}

/** The same for a Postgres of your own, once, before the engine starts. It may be away: then the gateway goes on trying, and bids
 *  are taken without it. Resolves with what went wrong, or null. */
export async function migrateOwn(url: string): Promise<string | null> {
  try {
    await migrate(url);
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function runningOf(server: RunningPostgres): Running {
  const ended = new Promise<string>((resolve) => server.onExit((exit) => resolve(exitText(exit))));
  return {
    facts: { port: server.port, pid: server.pid },
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
