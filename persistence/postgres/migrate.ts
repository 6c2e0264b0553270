// Brings a database to the schema of this version. Run before a store is opened, by every process at its start: two at once wait for
// each other. Must not be run through a pooler: it holds a session lock while it works.
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { runner } from "node-pg-migrate";
import { withConnection } from "./pool.ts";

const CONNECT_LIMIT_MS = 3_000;
/** Room for building an index over a large catalogue; a pooler's or a role's shorter limit would cut a migration in half. */
const STATEMENT_LIMIT_MS = 600_000;

/** The schema could not be brought up to date. Nothing of the failed migration was kept. */
export class MigrationFailed extends Error {
  override readonly name = "MigrationFailed";
}

/** The nearest folder at or above `start` that holds a package.json: compiled files run from dist, which holds no SQL. */
export function packageRoot(start: string): string {
  if (existsSync(join(start, "package.json"))) return start;
  const above = dirname(start);
  if (above === start) throw new MigrationFailed("No package.json at or above this file, so the folder of migrations cannot be found");
  return packageRoot(above);
}

/** Applies what is missing, each run in one transaction, and returns the names of the migrations it applied. Two at once wait for
 *  each other. Rejects with MigrationFailed, which says what to do about a missing right to install pg_trgm. */
export async function migrate(databaseUrl: string, log: (line: string) => void = () => undefined): Promise<readonly string[]> {
  const root = packageRoot(dirname(fileURLToPath(import.meta.url)));
  try {
    const limits = { url: databaseUrl, connectLimitMs: CONNECT_LIMIT_MS, statementLimitMs: STATEMENT_LIMIT_MS };
    const dir = join(root, "persistence", "postgres", "migrations");
    const applied = await withConnection(limits, (dbClient) =>
      runner({ dbClient, dir, direction: "up", migrationsTable: "migrations", advisoryLockMode: "wait", log }),
    );
    return applied.map((migration) => migration.name);
  } catch (error) {
    throw new MigrationFailed(advice(error), { cause: error });
  }
}

function advice(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  if (/extension "pg_trgm"/.test(message) || /pg_trgm\.control/.test(message)) {
    return `Search needs the extension pg_trgm. Let an administrator run: create extension pg_trgm. (${message})`;
  }
  return `The database could not be brought up to date: ${message}`;
}
