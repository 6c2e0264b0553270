import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { describeSettings } from "../engine/settings-source.ts";
import { everySetting, settingGroups } from "./all-settings.ts";
import { readmePath, settingsTable, TABLE_BEGIN, TABLE_END, withTable } from "./settings-table.ts";

test("settings table: the README holds the table that the schemas make (npm run settings-table writes it)", () => {
  const readme = readFileSync(readmePath(), "utf8");
  expect(withTable(readme, settingsTable())).toBe(readme);
});

test("settings table: groups: every setting stands in exactly one", () => {
  const names = settingGroups().flatMap(({ schema }) => describeSettings(schema).map((row) => row.name));
  expect(new Set(names).size).toBe(names.length);
  expect(names).toHaveLength(describeSettings(everySetting()).length);
});

test("settings table: markers: a document without them is refused, with them only the table changes", () => {
  expect(() => withTable("# no markers", "x")).toThrow("no markers");
  expect(withTable(`a\n${TABLE_BEGIN}\nold\n${TABLE_END}\nb`, "new")).toBe(`a\n${TABLE_BEGIN}\n\nnew\n\n${TABLE_END}\nb`);
});
