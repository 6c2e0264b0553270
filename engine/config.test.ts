import { expect, test } from "vitest";
import { engineSchema } from "./config.ts";
import { describeSettings, faultLines, loadSettings } from "./settings-source.ts";

test("engine settings: defaults: every default passes its own check, in both modes", () => {
  for (const mode of ["single", "cluster"]) {
    const loaded = loadSettings({ schema: engineSchema, environment: { FAIRWARNING_MODE: mode } });
    expect(loaded.ok ? [] : faultLines(loaded.faults)).toEqual([]);
  }
});

test("engine settings: table: every row has a unit and a meaning", () => {
  expect(describeSettings(engineSchema).filter((row) => row.unit === "" || row.meaning === "")).toEqual([]);
});

test("engine settings: secrets: the link key, the database URL and the password of the brokers are marked", () => {
  const secrets = describeSettings(engineSchema).filter((row) => row.secret);
  expect(secrets.map((row) => row.name)).toEqual(["FAIRWARNING_LINK_KEY", "FAIRWARNING_POSTGRES_URL", "FAIRWARNING_KAFKA_SASL_PASSWORD"]);
});
