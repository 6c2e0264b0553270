import { expect, test } from "vitest";
import { CatalogueUnavailable } from "../../gateway/ports.ts";
import { catalogueContract, entryOf } from "../contract/catalogue.ts";
import { CLOSED_KEPT_MS, ROW_BYTES } from "../contract/snapshot-store.ts";
import { MemoryCatalogue } from "./catalogue.ts";
import { MemorySnapshotStore } from "./snapshot-store.ts";

function underTest() {
  const catalogue = new MemoryCatalogue(() => 1_795_000_000_000);
  const onColumns = catalogue.columns.bind(catalogue);
  return { catalogue, snapshots: new MemorySnapshotStore({ rowBytes: ROW_BYTES, closedKeptMs: CLOSED_KEPT_MS, onColumns }) };
}

catalogueContract("memory catalogue", async () => underTest());

test("memory catalogue: away: every call is refused as unavailable", async () => {
  const { catalogue } = underTest();
  catalogue.faults.away = true;
  await expect(catalogue.add(entryOf())).rejects.toBeInstanceOf(CatalogueUnavailable);
  await expect(catalogue.list({ sort: "newest", limit: 1 })).rejects.toBeInstanceOf(CatalogueUnavailable);
  expect(catalogue.healthy()).toBe(false);
});
