// A Postgres of one's own for tests of whole processes: outside the system, killed and brought back under one address.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Checkpoint } from "../../engine/ports.ts";
import { SNAPSHOT_ROW_BYTES } from "../../engine/shard/snapshots.ts";
import { DATABASE_DEFAULTS, Database } from "../../persistence/postgres/pool.ts";
import { PostgresSnapshotStore } from "../../persistence/postgres/snapshot-store.ts";
import { type RunningPostgres, startPostgres } from "./postgres.ts";

const DAY_MS = 86_400_000;

export class TestPostgres {
  readonly #folder: string;
  readonly #ownsFolder: boolean;
  #server: RunningPostgres;

  private constructor(folder: string, ownsFolder: boolean, server: RunningPostgres) {
    this.#folder = folder;
    this.#ownsFolder = ownsFolder;
    this.#server = server;
  }

  /** On a new folder, or on the one that a system at rest left. */
  static async start(left?: string): Promise<TestPostgres> {
    const folder = left ?? mkdtempSync(join(tmpdir(), "fairwarning-database-"));
    return new TestPostgres(folder, left === undefined, await startPostgres({ dataDir: folder, port: 0, log: () => undefined }));
  }

  get url(): string {
    return this.#server.url;
  }

  /** kill -9. Resolves when it is gone. */
  async kill(): Promise<void> {
    process.kill(this.#server.pid, "SIGKILL");
    await new Promise<void>((gone) => this.#server.onExit(() => gone()));
  }

  /** At the address it had. */
  async back(): Promise<void> {
    this.#server = await startPostgres({ dataDir: this.#folder, port: this.#server.port, log: () => undefined });
  }

  async remove(): Promise<void> {
    await this.#server.stop();
    if (this.#ownsFolder) rmSync(this.#folder, { recursive: true, force: true });
  }

  /** The newest checkpoint of each shard that has one, by shard. */
  async checkpoints(shards: number): Promise<ReadonlyMap<number, Checkpoint>> {
    const database = new Database({ ...DATABASE_DEFAULTS, url: this.url, max: 1 });
    const store = new PostgresSnapshotStore(database, {
      rowBytes: SNAPSHOT_ROW_BYTES,
      statementAuctionsMax: 1,
      closedKeptMs: DAY_MS,
      onMergeFailed: () => undefined,
    });
    try {
      const newest = new Map<number, Checkpoint>();
      for (let shard = 0; shard < shards; shard += 1) {
        const [checkpoint] = await store.checkpoints(shard);
        if (checkpoint !== undefined) newest.set(shard, checkpoint);
      }
      return newest;
    } finally {
      await store.close();
    }
  }
}
