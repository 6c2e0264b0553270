import { expect, onTestFinished, test } from "vitest";
import { ownServer } from "../contract/postgres-server.ts";
import { MigrationFailed, migrate } from "./migrate.ts";

test("migrate: a repeat applies nothing, and several at once wait for each other", async () => {
  const server = await ownServer();
  onTestFinished(() => server.stop());
  expect(await migrate(server.url)).toEqual([]);
  const database = server.open();
  await database.query({ name: "drop", text: "drop schema public cascade" }, []);
  await database.query({ name: "make", text: "create schema public" }, []);
  const applied = await Promise.all([migrate(server.url), migrate(server.url), migrate(server.url)]);
  expect(applied.flat().sort()).toEqual(["0001-snapshots", "0002-catalogue"]);
});

test("migrate: a database that is away is told apart by its own error", async () => {
  await expect(migrate("postgres://nobody:x@127.0.0.1:1/postgres")).rejects.toBeInstanceOf(MigrationFailed);
});
