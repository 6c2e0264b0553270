import { afterAll, beforeAll } from "vitest";
import { catalogueContract } from "../contract/catalogue.ts";
import { ownServer, prepared, type TestServer } from "../contract/postgres-server.ts";
import { CLOSED_KEPT_MS, ROW_BYTES } from "../contract/snapshot-store.ts";
import { PostgresCatalogue } from "./catalogue.ts";
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
  const onMergeFailed = (_shard: number, error: Error): void => {
    throw error;
  };
  const options = { rowBytes: ROW_BYTES, statementAuctionsMax: 500, closedKeptMs: CLOSED_KEPT_MS, onMergeFailed };
  catalogueContract(name, async () => ({ catalogue: new PostgresCatalogue(database), snapshots: new PostgresSnapshotStore(database, options) }));
}

suite("postgres catalogue", ownServer);

const other = process.env.FAIRWARNING_TEST_POSTGRES_URL;
if (other !== undefined) suite("postgres catalogue (second server)", () => prepared(other));
