import { CLOSED_KEPT_MS, ROW_BYTES, snapshotStoreContract } from "../contract/snapshot-store.ts";
import { MemorySnapshotStore } from "./snapshot-store.ts";

snapshotStoreContract("memory snapshots", async () => new MemorySnapshotStore({ rowBytes: ROW_BYTES, closedKeptMs: CLOSED_KEPT_MS }));
