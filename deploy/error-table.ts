// The README's table of error codes, made from the catalogue. Run it to write the table anew: node --import tsx deploy/error-table.ts
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
// biome-ignore lint/style/noRestrictedImports: the table is made from the gateway's own catalogue, or it would be a second one
import { ERROR_CODES, type ErrorEntry } from "../gateway/error-codes.ts";
import { readmePath } from "./settings-table.ts";

export const ERRORS_BEGIN = "<!-- error codes: begin (node --import tsx deploy/error-table.ts) -->";
export const ERRORS_END = "<!-- error codes: end -->";

/** Markdown: one table with a row a code, families as bold lines, in the order of the catalogue. */
export function errorTable(): string {
  const rows: string[] = [];
  let family = "";
  for (const [code, entry] of Object.entries(ERROR_CODES)) {
    if (entry.family !== family) rows.push(`| **${entry.family}** | | | |`);
    family = entry.family;
    rows.push(rowText(code, entry));
  }
  return ["| Code | HTTP | Meaning | What the caller does |", "|---|---|---|---|", ...rows].join("\n");
}

function rowText(code: string, { status, meaning, action }: ErrorEntry): string {
  return `| \`${code}\` | ${status} | ${cell(meaning)} | ${cell(action)} |`;
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|");
}

/** The document with the table between the markers replaced. Throws when a marker is missing. */
export function withErrors(document: string, table: string): string {
  const begin = document.indexOf(ERRORS_BEGIN);
  const end = document.indexOf(ERRORS_END);
  if (begin < 0 || end < begin) throw new Error(`The document has no markers: ${ERRORS_BEGIN} and ${ERRORS_END}`);
  return `${document.slice(0, begin + ERRORS_BEGIN.length)}\n\n${table}\n\n${document.slice(end)}`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(readmePath(), withErrors(readFileSync(readmePath(), "utf8"), errorTable()));
