// What the commands print: data to stdout, as a table for people or as JSON for programs; talk to stderr.
import Table from "cli-table3";

export interface Column<Row> {
  readonly head: string;
  readonly value: (row: Row) => string;
  readonly align?: "left" | "right";
}

export interface Output {
  readonly json: boolean;
  /** One JSON document, or one line of several where a command goes on. */
  document(value: unknown): void;
  /** The same rows as a table. */
  table<Row>(rows: readonly Row[], columns: readonly Column<Row>[]): void;
  /** Name and value, one a line. */
  fields(fields: readonly (readonly [string, string])[]): void;
  line(text: string): void;
  /** To stderr: never part of the data. */
  talk(text: string): void;
}

const NO_BORDERS = {
  top: "",
  "top-mid": "",
  "top-left": "",
  "top-right": "",
  bottom: "",
  "bottom-mid": "",
  "bottom-left": "",
  "bottom-right": "",
  left: "",
  "left-mid": "",
  mid: "",
  "mid-mid": "",
  right: "",
  "right-mid": "",
  middle: "  ",
};

/** Output of one run. A closed pipe (`| head`) ends the process quietly, as it does for any tool. */
export function makeOutput(json: boolean): Output {
  const write = (text: string): void => void process.stdout.write(`${text}\n`);
  return {
    json,
    document: (value) => write(JSON.stringify(value)),
    table: (rows, columns) => write(tableText(rows, columns)),
    fields: (fields) => write(fieldsText(fields)),
    line: write,
    talk: (text) => void process.stderr.write(`${text}\n`),
  };
}

/** Rows as aligned text without borders, a head line first. */
export function tableText<Row>(rows: readonly Row[], columns: readonly Column<Row>[]): string {
  const table = new Table({
    head: columns.map((column) => column.head),
    chars: NO_BORDERS,
    style: { head: [], border: [], "padding-left": 0, "padding-right": 0 },
    colAligns: columns.map((column) => column.align ?? "left"),
  });
  for (const row of rows) table.push(columns.map((column) => column.value(row)));
  return trimLines(table.toString());
}

function fieldsText(fields: readonly (readonly [string, string])[]): string {
  const width = Math.max(0, ...fields.map(([name]) => name.length));
  return fields.map(([name, value]) => `${name.padEnd(width)}  ${value}`).join("\n");
}

function trimLines(text: string): string {
  return text
    .split("\n")
    .map((line) => line.trimEnd())
    .filter((line) => line !== "")
    .join("\n");
}
