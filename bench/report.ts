// What people read: one table of runs, and beside it all that a figure is worth nothing without.
import Table from "cli-table3";
import type { AppendLimit, Floor } from "./limits.ts";
import type { Machine } from "./machine.ts";
import { type Measured, medianOf, percentilesOf } from "./measured.ts";

/** Limits as they were before and after the runs. */
export interface LimitsSeen {
  readonly floor: Floor;
  readonly appends: readonly AppendLimit[];
}

/** A limit that moved by more than this between before and after means that the machine was not the same for all runs. */
const MOVED_MAX = 0.2;
const UNMEASURED = "-";

/** The head of a report: machine, and what was raised or left out. */
export function headLines(machine: Machine, raised: Readonly<Record<string, string>>): string[] {
  const settings = Object.entries(raised).map(([name, value]) => `${name.replace("FAIRWARNING_", "")}=${value}`);
  return [
    `machine     ${machine.cores} cores (${machine.cpu}), ${machine.memoryGib} GiB, Node ${machine.node}, ${machine.fileSystem}; commit ${machine.commit}`,
    "where       loopback, no TLS; load, gateway, engine and log share these cores",
    `raised      ${settings.join(" ")}`,
    "snapshots   in memory: no database runs beside what is measured",
  ];
}

/** The table of all runs; of several runs of one scenario the median by rate, with lowest and highest. */
export function runsTable(runs: readonly Measured[]): string {
  const head = [
    "scenario",
    "load",
    "auctions",
    "decisions/s",
    "accepted",
    "p50 ms",
    "p99 ms",
    "p99.9 ms",
    "of",
    "us a bid: engine",
    "gateway",
    "load",
    "refused",
  ];
  const table = new Table({ head, style: { head: [], border: [] }, colAligns: ["left", "left", ...head.slice(2).map(() => "right" as const)] });
  for (const group of groups(runs)) table.push(row(group));
  return table.toString();
}

/** Runs by scenario, in the order of their first run. */
export function groups(runs: readonly Measured[]): readonly (readonly Measured[])[] {
  const byName = new Map<string, Measured[]>();
  for (const run of runs) byName.set(run.scenario.name, [...(byName.get(run.scenario.name) ?? []), run]);
  return [...byName.values()];
}

function row(group: readonly Measured[]): string[] {
  const sound = group.filter((run) => run.void === null);
  const run = medianOf(sound, (each) => each.decisionsPerSecond) ?? group[0];
  if (run === undefined) return [];
  const place = [run.scenario.name, loadText(run), run.scenario.auctions.toLocaleString("en")];
  if (sound.length === 0) return [...place, "no figure", ...Array.from({ length: 9 }, () => UNMEASURED)];
  const { latency } = run;
  return [
    ...place,
    rateText(sound, run),
    percent(run.accepted, run.accepted + sum(run.rejected)),
    latency.p50.toFixed(2),
    latency.p99.toFixed(2),
    latency.p999.toFixed(2),
    latency.count.toLocaleString("en"),
    micro(run.engine?.cpuUsPerBid),
    micro(run.gateway?.cpuUsPerBid),
    run.generator === null ? UNMEASURED : `${micro(run.generator.cpuUsPerBid)}${run.generator.bound ? " (the bound)" : ""}`,
    codes(run.refused),
  ];
}

function rateText(sound: readonly Measured[], run: Measured): string {
  const planned = run.plannedPerSecond === null ? "" : ` of ${whole(run.plannedPerSecond)}`;
  if (sound.length === 1) return `${whole(run.decisionsPerSecond)}${planned}`;
  const rates = sound.map((each) => each.decisionsPerSecond);
  return `${whole(run.decisionsPerSecond)}${planned} (${whole(Math.min(...rates))} to ${whole(Math.max(...rates))}, ${sound.length} runs)`;
}

function loadText({ scenario }: Measured): string {
  if (scenario.kind === "in-process") return `${scenario.outstanding} outstanding`;
  return scenario.mode === "open" ? `${scenario.sockets} sockets, planned` : `${scenario.sockets} x ${scenario.inFlight}`;
}

/** What the table has no room for: durability, generator, pauses, what was verified, ratios and misses. */
export function noteLines(runs: readonly Measured[]): string[] {
  const durabilities = [
    ...new Set(runs.filter((run) => !isEcho(run)).map((run) => `${run.scenario.kind === "in-process" ? "in process" : "over WebSocket"}: ${run.durability}`)),
  ];
  return [
    `durability  ${durabilities.join("; ")}`,
    ...generatorLines(runs),
    ...runs.flatMap(pauseLines),
    ...ratioLines(runs),
    `verified    ${runs.reduce((total, run) => total + (run.verified ?? 0), 0).toLocaleString("en")} acknowledged decisions over WebSocket were found in the log, each once, as they were told`,
    ...runs.filter((run) => run.void !== null).map((run) => `NO FIGURE   ${run.scenario.name}: ${run.void}`),
  ];
}

function generatorLines(runs: readonly Measured[]): string[] {
  const kinds = [...new Set(runs.flatMap((run) => (run.generator === null ? [] : [run.generator.kind])))];
  const lines = kinds.map((kind) => `generator   ${kind === "c" ? "C (bench/native/load.c)" : "Node (bench/load-process.ts)"}`);
  for (const run of runs) {
    if (run.generator === null) continue;
    const { coreShare, bound, lag } = run.generator;
    const late = lag === null ? "" : `, lag p50 ${lag.p50.toFixed(3)} p99 ${lag.p99.toFixed(3)} ms of ${lag.count.toLocaleString("en")}`;
    const notices = run.noticesPerBid === null ? "" : `; ${run.noticesPerBid.toFixed(2)} notices a bid`;
    lines.push(`            ${run.scenario.name}: ${percent(coreShare, 1)} of a core${late}${notices}${bound ? "; IT WAS THE BOUND" : ""}`);
  }
  return lines;
}

function pauseLines(run: Measured): string[] {
  const one = (name: string, process: Measured["engine"]): string[] => {
    if (process === null || process.gcShare === null) return [];
    const delay =
      process.loopDelayP99Ms === null ? "" : `, loop delay p99 ${process.loopDelayP99Ms.toFixed(1)} max ${(process.loopDelayMaxMs ?? 0).toFixed(1)} ms`;
    return [`${name} ${percent(process.coreShare ?? 0, 1)} of a core, gc ${percent(process.gcShare, 1)}${delay}`];
  };
  const parts = [...one("engine", run.engine), ...one("gateway", run.gateway)];
  const frame = run.decisionsPerFrame === null ? "" : `; ${run.decisionsPerFrame.toFixed(1)} decisions a frame`;
  return parts.length === 0 ? [] : [`processes   ${run.scenario.name}: ${parts.join("; ")}${frame}`];
}

/** Each run as a part of what bounds it: a hot auction of the same load over many, the whole path of the same path without an engine. */
const RATIOS = [
  ["hot/spread", "in process, memory log (D), hot", "in process, memory log (D)"],
  ["hot/spread", "in process, hot", "in process"],
  ["hot/spread", "hot auction", "steady"],
  ["hot/spread", "hot auction, few sockets", "steady, few sockets"],
  ["of limit E", "steady", "echo (E)"],
  ["of limit E", "steady, few sockets", "echo (E), few sockets"],
  ["of limit D", "in process", "in process, memory log (D)"],
] as const;

function ratioLines(runs: readonly Measured[]): string[] {
  const medians = new Map(
    groups(runs.filter((run) => run.void === null)).map((group) => [group[0]?.scenario.name ?? "", medianOf(group, (run) => run.decisionsPerSecond)]),
  );
  return RATIOS.flatMap(([name, one, of]) => {
    const [part, whole] = [medians.get(one), medians.get(of)];
    return part === undefined || whole === undefined
      ? []
      : [`${name}  ${(part.decisionsPerSecond / whole.decisionsPerSecond).toFixed(2)} (${one} against ${of})`];
  });
}

function isEcho({ scenario }: Measured): boolean {
  return scenario.kind === "socket" && scenario.engine === "echo";
}

/** Limits of the machine, and whether they held still. */
export function limitLines(before: LimitsSeen, after: LimitsSeen | null): string[] {
  const lines = before.appends.map((limit, at) => {
    const later = after?.appends[at];
    const [first, last] = [percentilesOf(limit.histogram), later === undefined ? null : percentilesOf(later.histogram)];
    const moved = last !== null && Math.abs(last.p50 - first.p50) > first.p50 * MOVED_MAX;
    const then = last === null ? "" : `; afterwards ${last.p50.toFixed(2)} / ${last.p99.toFixed(2)} of ${last.count}`;
    const size = `${Math.round(limit.bytes / 1_024)} KiB`;
    return `F           append of ${size}: p50 ${first.p50.toFixed(2)} p99 ${first.p99.toFixed(2)} ms of ${first.count}${then}${moved ? "  MOVED BY MORE THAN 20 %" : ""}`;
  });
  const floors = [before.floor, ...(after === null ? [] : [after.floor])];
  const noise = floors.map(({ seconds, gaps, longestMs }) => `${gaps} gaps over 0.5 ms in ${seconds} s, longest ${longestMs.toFixed(1)} ms`);
  const quiet = floors.every(({ seconds, gaps }) => gaps <= seconds);
  return [...lines, `floor       ${noise.join("; afterwards ")}${quiet ? "" : "  THE MACHINE IS NOT QUIET: read ratios only"}`];
}

function whole(value: number): string {
  return Math.round(value).toLocaleString("en");
}

function micro(value: number | null | undefined): string {
  return value === null || value === undefined ? UNMEASURED : value.toFixed(1);
}

function percent(part: number, of: number): string {
  return of === 0 ? UNMEASURED : `${((part / of) * 100).toFixed(1)} %`;
}

function sum(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((total, count) => total + count, 0);
}

function codes(counts: Readonly<Record<string, number>>): string {
  const entries = Object.entries(counts);
  return entries.length === 0 ? "0" : entries.map(([code, count]) => `${code} ${count}`).join(", ");
}
