import { afterAll, beforeAll } from "vitest";
import { ownServer, prepared, type TestServer } from "../contract/postgres-server.ts";
import { CLOSED_KEPT_MS, ROW_BYTES, snapshotStoreContract } from "../contract/snapshot-store.ts";
import type { Database } from "./pool.ts";
import { forgetSnapshots, PostgresSnapshotStore } from "./snapshot-store.ts";

function suite(name: string, start: () => Promise<TestServer>): void {
  let server: TestServer;
  let database: Database;
  beforeAll(async () => {
    server = await start();
    database = server.open();
    await forgetSnapshots(database);
  });
  afterAll(() => server.stop());
  const options = { rowBytes: ROW_BYTES, statementAuctionsMax: 500, closedKeptMs: CLOSED_KEPT_MS };
  const onMergeFailed = (_shard: number, error: Error): void => {
    throw error;
  };
  snapshotStoreContract(name, async () => new PostgresSnapshotStore(database, { ...options, onMergeFailed }));
}

suite("postgres snapshots", ownServer);

const other = process.env.FAIRWARNING_TEST_POSTGRES_URL;
if (other !== undefined) suite("postgres snapshots (second server)", () => prepared(other));
