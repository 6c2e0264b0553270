// A Postgres for tests: the embedded server, once a test file, in a folder that goes with it; and the server that the environment names.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
// biome-ignore lint/style/noRestrictedImports: tests of the stores need the server a single machine has, and one file alone may start it.
import { startPostgres } from "../../deploy/standalone/postgres.ts";
import { migrate } from "../postgres/migrate.ts";
import { DATABASE_DEFAULTS, Database, type DatabaseOptions } from "../postgres/pool.ts";

export interface TestServer {
  readonly url: string;
  /** A pool of its own, closed with the server. */
  open(options?: Partial<DatabaseOptions>): Database;
  stop(): Promise<void>;
}

/** The embedded server, for tests that kill it. */
export interface OwnServer extends TestServer {
  /** SIGKILL, as the machine would; SIGINT, as an operator. */
  kill(signal: "SIGKILL" | "SIGINT"): void;
  /** Waits until a killed server is gone and starts it again, on its folder and port. */
  restart(): Promise<void>;
}

/** Starts the embedded server in a new folder, with the schema of this version. */
export async function ownServer(): Promise<OwnServer> {
  const dataDir = mkdtempSync(join(tmpdir(), "fairwarning-postgres-"));
  let postgres = await startPostgres({ dataDir, port: 0, log: () => undefined });
  const server = await prepared(postgres.url);
  const kill = (signal: "SIGKILL" | "SIGINT"): void => {
    process.kill(postgres.pid, signal);
  };
  const restart = async (): Promise<void> => {
    const killed = postgres;
    await new Promise<void>((gone) => killed.onExit(() => gone()));
    postgres = await startPostgres({ dataDir, port: killed.port, log: () => undefined });
  };
  const stop = async (): Promise<void> => {
    await server.stop();
    await postgres.stop();
    rmSync(dataDir, { recursive: true, force: true });
  };
  return { ...server, kill, restart, stop };
}

/** A server that runs already. Its tables are brought up to date and left there. */
export async function prepared(url: string): Promise<TestServer> {
  await migrate(url);
  const opened: Database[] = [];
  const open = (options: Partial<DatabaseOptions> = {}): Database => {
    const database = new Database({ ...DATABASE_DEFAULTS, url, ...options });
    opened.push(database);
    return database;
  };
  const stop = async (): Promise<void> => {
    for (const database of opened) await database.close();
  };
  return { url, open, stop };
}
