// A Postgres for tests: the embedded server, once a test file, in a folder that goes with it; and the server that the environment names.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
// biome-ignore lint/style/noRestrictedImports: tests of the stores need the server a single machine has, and one file alone may start it.
import { type RunningPostgres, startPostgres } from "../../deploy/standalone/postgres.ts";
import { migrate } from "../postgres/migrate.ts";
import { Database, type DatabaseOptions, DATABASE_DEFAULTS } from "../postgres/pool.ts";

export interface TestServer {
  readonly url: string;
  /** A pool of its own, closed with the server. */
  open(options?: Partial<DatabaseOptions>): Database;
  stop(): Promise<void>;
}

/** The embedded server with its folder, for tests that kill it. */
export interface OwnServer extends TestServer {
  readonly postgres: RunningPostgres;
  readonly dataDir: string;
}

/** Starts the embedded server in a new folder, with the schema of this version. */
export async function ownServer(): Promise<OwnServer> {
  const dataDir = mkdtempSync(join(tmpdir(), "fairwarning-postgres-"));
  const postgres = await startPostgres({ dataDir, port: 0, log: () => undefined });
  const server = await prepared(postgres.url);
  const stop = async (): Promise<void> => {
    await server.stop();
    await postgres.stop();
    rmSync(dataDir, { recursive: true, force: true });
  };
  return { ...server, postgres, dataDir, stop };
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
