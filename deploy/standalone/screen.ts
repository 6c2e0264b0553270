// What the supervisor says: a calm report on a terminal, JSON lines elsewhere.
//
// Must not: decide anything. Never given a secret.
import { styleText } from "node:util";
import type { Facts, PartEvent } from "./children.ts";
import type { ChildLine } from "./process-part.ts";

export interface Summary {
  readonly version: string;
  readonly pageUrl: string;
  readonly socketUrl: string;
  readonly docsUrl: string;
  readonly mode: string;
  readonly dataPath: string;
  /** Where decisions are kept. */
  readonly log: string;
  readonly durability: string;
  readonly startedInMs: number;
  readonly notes: readonly string[];
}

export interface Screen {
  begin(version: string, dataPath: string, first: boolean): void;
  event(event: PartEvent): void;
  childLine(part: string, line: ChildLine, text: string): void;
  ready(summary: Summary): void;
  /** Why it did not start, a sentence a line. */
  refuse(lines: readonly string[]): void;
  note(line: string): void;
  stopped(tookMs: number): void;
}

export interface Output {
  write(text: string): void;
  /** Whether to colour. */
  readonly colour: boolean;
}

const LABELS: Readonly<Record<string, string>> = { postgres: "Postgres", engine: "Engine", gateway: "Gateway", demo: "Demo" };
const LEVEL_WARN = 40;
const LEVEL_ERROR = 50;
const LABEL_WIDTH = 10;

/** For people: one line a part, then where everything is. Of the children only warnings and worse are shown. */
export function terminalScreen(out: Output): Screen {
  const paint = (style: Parameters<typeof styleText>[0], text: string): string => (out.colour ? styleText(style, text, { validateStream: false }) : text);
  const row = (mark: string, label: string, text: string): void => out.write(`  ${mark} ${label.padEnd(LABEL_WIDTH)}${text}\n`);
  const good = paint("green", "✓");
  const bad = paint("red", "✗");
  let stopping = false;
  return {
    begin: (version, dataPath, first) => {
      out.write(`\n  ${paint("bold", "Fairwarning")} ${version}${paint("dim", first ? "  first start" : "  goes on where it stopped")}\n`);
      out.write(`  ${paint("dim", dataPath)}\n\n`);
    },
    event: (event) => {
      const label = LABELS[event.part] ?? event.part;
      if (event.kind === "ready") row(good, label, `${seconds(event.tookMs)}${factsText(event.facts)}${event.again ? paint("yellow", "  started again") : ""}`);
      else if (event.kind === "died" && !stopping) row(bad, label, paint("yellow", `${event.reason}; again in ${seconds(event.pauseMs)}`));
      else if (event.kind === "stopping") stopping = true;
      else if (event.kind === "stopped") row(paint("dim", "·"), label, paint("dim", `stopped in ${seconds(event.tookMs)}`));
    },
    childLine: (part, line) => {
      if (line.level < LEVEL_WARN) return;
      row(line.level >= LEVEL_ERROR ? bad : paint("yellow", "!"), LABELS[part] ?? part, line.msg);
    },
    ready: (summary) => out.write(summaryText(summary, paint)),
    refuse: (lines) => out.write(`\n${lines.map((line) => `  ${bad} ${line}\n`).join("")}\n`),
    note: (line) => row(paint("yellow", "!"), "", line),
    stopped: (tookMs) => out.write(`\n  Stopped in ${seconds(tookMs)}. Start again to go on from here.\n`),
  };
}

function summaryText(summary: Summary, paint: (style: "bold" | "dim" | "cyan" | "yellow", text: string) => string): string {
  const rows: [string, string][] = [
    ["Page", paint("cyan", summary.pageUrl)],
    ["Socket", summary.socketUrl],
    ["API", summary.docsUrl],
    ["Mode", summary.mode],
    ["Data", summary.dataPath],
    ["Log", summary.log],
    ["Durable", summary.durability],
    ["Stop", "Ctrl-C; a later start goes on from here"],
  ];
  const notes = summary.notes.map((note) => `    ${paint("yellow", note)}\n`).join("");
  const head = `\n  ${paint("bold", "Ready")} in ${seconds(summary.startedInMs)}\n\n`;
  return `${head}${rows.map(([label, text]) => `    ${paint("dim", label.padEnd(LABEL_WIDTH))}${text}\n`).join("")}${notes === "" ? "" : `\n${notes}`}\n`;
}

/** One JSON object a line, with the members the processes' own lines have; those are passed on as they are. */
export function jsonScreen(out: Output, now: () => number): Screen {
  const line = (level: number, msg: string, fields: Facts): void =>
    out.write(`${JSON.stringify({ level, time: now(), process: "supervisor", msg, ...fields })}\n`);
  const info = 30;
  return {
    begin: (version, dataPath, first) => line(info, "starting", { event: "starting", version, dataDir: dataPath, first }),
    event: (event) => {
      const { kind, ...rest } = event;
      // The address of the database holds its password.
      const fields = "facts" in rest ? { ...rest, facts: { ...rest.facts, url: undefined } } : rest;
      line(kind === "died" ? LEVEL_WARN : info, `${event.part} ${kind}`, { event: `part_${kind}`, ...fields });
    },
    childLine: (_part, _line, text) => out.write(`${text}\n`),
    ready: (summary) => line(info, `ready: ${summary.pageUrl}`, { event: "ready", ...summary }),
    refuse: (lines) => line(LEVEL_ERROR, lines.join(" "), { event: "refused" }),
    note: (text) => line(LEVEL_WARN, text, { event: "note" }),
    stopped: (tookMs) => line(info, "stopped", { event: "stopped", tookMs }),
  };
}

function factsText(facts: Facts): string {
  const shown: string[] = [];
  if (typeof facts.auctions === "number") shown.push(`${facts.auctions} auctions`);
  if (typeof facts.shards === "number") shown.push(`${facts.shards} shards`);
  return shown.length === 0 ? "" : `  ${shown.join(", ")}`;
}

/** 640 ms as "0.6 s". */
export function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}
