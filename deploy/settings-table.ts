// The README's table of settings, made from the schemas. Run it to write the table anew: node --import tsx deploy/settings-table.ts
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describeSettings, type SettingRow } from "../engine/settings-source.ts";
import { settingGroups } from "./all-settings.ts";

export const TABLE_BEGIN = "<!-- settings: begin (npm run settings-table) -->";
export const TABLE_END = "<!-- settings: end -->";

/** Markdown: one table with a row a setting, groups as bold lines. Secrets are marked (S). */
export function settingsTable(): string {
  const rows = settingGroups().flatMap(({ title, schema }) => [`| **${title}** | | | |`, ...describeSettings(schema).map(rowText)]);
  return ["| Setting | Default | Unit | Meaning |", "|---|---|---|---|", ...rows].join("\n");
}

function rowText(row: SettingRow): string {
  const { name, unit, meaning, secret } = row;
  return `| \`${name}\` | ${cell(row.default)} | ${unit === "-" ? "" : cell(unit)} | ${cell(meaning)}${secret ? " (S)" : ""} |`;
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|");
}

/** The document with the table between the markers replaced. Throws when a marker is missing. */
export function withTable(document: string, table: string): string {
  const begin = document.indexOf(TABLE_BEGIN);
  const end = document.indexOf(TABLE_END);
  if (begin < 0 || end < begin) throw new Error(`The document has no markers: ${TABLE_BEGIN} and ${TABLE_END}`);
  return `${document.slice(0, begin + TABLE_BEGIN.length)}\n\n${table}\n\n${document.slice(end)}`;
}

/** README.md at the root of the repository. */
export function readmePath(): string {
  return fileURLToPath(new URL("../README.md", import.meta.url));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(readmePath(), withTable(readFileSync(readmePath(), "utf8"), settingsTable()));
