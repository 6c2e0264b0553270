// What an idle open auction costs in memory, and what a start costs with many of them: through the real engine, with the local log and
// Postgres.
//
// Each auction is made over HTTP and gets four accepted bids over WebSocket, so it remembers four answers. Memory is looked at after
// a collection of garbage, empty and full; the difference over the count is the figure. Then the engine is stopped in order and
// started again, and killed in the middle of bids and started again.
import { mkdtempSync } from "node:fs";
import { join } from "node:path";
import { createAuctions } from "./auctions.ts";
import { type CheckResult, checkRun } from "./check.ts";
import { now, pause } from "./clock.ts";
import { collectGarbage } from "./collect-garbage.ts";
import { figure, scrape } from "./figures.ts";
import { makeFolder, removeFolder } from "./folders.ts";
import { type LoadOutcome, runLoad } from "./generator.ts";
import { packageFile } from "./package-files.ts";
import { processFacts } from "./process-time.ts";
import type { BenchPlace } from "./socket-run.ts";
import { Spawned } from "./spawned.ts";
import { type Restart, type Stack, startStack } from "./stack.ts";

const BIDS_EACH = 4;
const SOCKETS = 128;
const IN_FLIGHT = 8;
const BIDDERS_SEED = 1;
const POSTGRES_READY_MS = 120_000;
const SAVED_LIMIT_MS = 300_000;
const SAVED_PAUSE_MS = 100;
const FOLDED_PAUSE_MS = 500;
const FOLDED_LIMIT_MS = 60_000;
/** Bids before the kill: a second or two of them, so that the newest checkpoint lies behind. */
const TAIL_BIDS = 20_000;

/** Bytes of the engine after a collection. */
export interface EngineMemory {
  readonly resident: number;
  readonly heapUsed: number;
  readonly external: number;
}

export interface IdleFigures {
  readonly auctions: number;
  readonly answersEach: number;
  readonly empty: EngineMemory;
  /** As bids left them. */
  readonly busy: EngineMemory;
  /** Once nobody has asked for them for some seconds. */
  readonly full: EngineMemory;
  /** The same auctions, read from the checkpoint by a new process. */
  readonly restarted: EngineMemory;
  readonly bytesEach: number;
  readonly createdInSeconds: number;
  readonly stopped: Restart;
  readonly killed: Restart;
  readonly bidsBeforeKill: number;
  readonly check: CheckResult;
}

export interface IdleResult {
  readonly figures: IdleFigures;
  readonly lines: readonly string[];
  /** null: every acknowledged bid is in the log. */
  readonly fault: string | null;
}

/** Measures both. Rejects when a process does not start or a bid is refused. */
export async function runIdle(options: {
  readonly place: BenchPlace;
  readonly auctions: number;
  readonly progress: (text: string) => void;
}): Promise<IdleResult> {
  const { place } = options;
  const folder = makeFolder(place.folder);
  const postgres = new Spawned({
    name: "postgres",
    command: [process.execPath, packageFile("dist/bench/micro/postgres-process.js"), join(folder, "postgres")],
    environment: place.inherited,
  });
  try {
    const { url } = await postgres.line("ready", POSTGRES_READY_MS);
    const stack = await startStack({ parent: folder, inherited: place.inherited, engine: "real", postgresUrl: String(url) });
    try {
      const figures = await measure(stack, options);
      return { figures, lines: linesOf(figures), fault: figures.check.fault };
    } finally {
      await stack.remove();
    }
  } finally {
    await postgres.end("SIGTERM");
    removeFolder(folder);
  }
}

async function measure(stack: Stack, options: Parameters<typeof runIdle>[0]): Promise<IdleFigures> {
  const { auctions: count, progress, place } = options;
  const empty = await memoryOf(stack);
  progress(`making ${count} auctions`);
  const from = performance.now();
  const auctions = await createAuctions({ url: stack.url, sellerToken: await stack.token("bench-seller", ["seller"]), count, now: now() });
  const createdInSeconds = (performance.now() - from) / 1_000;
  progress(`${BIDS_EACH} bids on each`);
  const filled = await bid(stack, place, { auctions, bids: BIDS_EACH * count, first: 0 });
  progress("waiting for the checkpoint");
  await saved(stack);
  const busy = await memoryOf(stack);
  progress("waiting until nobody has asked for them for a while");
  await folded(stack, count);
  const full = await memoryOf(stack);
  progress("stopping and starting the engine");
  const stopped = await stack.restartEngine("SIGTERM");
  await folded(stack, count);
  const restarted = await memoryOf(stack);
  progress("killing the engine behind bids, and starting it");
  const tail = await bid(stack, place, { auctions, bids: TAIL_BIDS, first: filled.sent });
  const killed = await stack.restartEngine("SIGKILL");
  await stack.stop();
  const answers = [...filled.answers, ...tail.answers].map(({ file }) => ({ file, first: 0, stride: 1 }));
  const check = await checkRun({ dataDir: stack.dataDir, answers, auctions, sent: tail.sent });
  const bytesEach = (full.resident - empty.resident) / count;
  return {
    auctions: count,
    answersEach: BIDS_EACH,
    empty,
    busy,
    full,
    restarted,
    bytesEach,
    createdInSeconds,
    stopped,
    killed,
    bidsBeforeKill: TAIL_BIDS,
    check,
  };
}

async function bid(
  stack: Stack,
  place: BenchPlace,
  load: { readonly auctions: readonly string[]; readonly bids: number; readonly first: number },
): Promise<LoadOutcome> {
  const folder = mkdtempSync(join(stack.dataDir, "load-"));
  const outcome = await runLoad({
    generator: place.generator,
    processes: 1,
    folder,
    inherited: place.inherited,
    mode: "closed",
    port: stack.socketPort,
    inFlight: IN_FLIGHT,
    rate: 0,
    seed: BIDDERS_SEED,
    warmUpMs: 0,
    measureMs: 0,
    bids: load.bids,
    first: load.first,
    tokens: await Promise.all(Array.from({ length: SOCKETS }, (_, n) => stack.token(`bench-bidder-${n}`, ["bidder"]))),
    auctions: load.auctions,
    onPhase: () => undefined,
  });
  const refused = Object.keys(outcome.refused);
  if (refused.length > 0) throw new Error(`bids were refused: ${refused.join(", ")}`);
  return outcome;
}

async function memoryOf(stack: Stack): Promise<EngineMemory> {
  await collectGarbage(stack.engine);
  const figures = await scrape(`http://127.0.0.1:${stack.engineStatusPort}/metrics`);
  return {
    resident: processFacts(stack.engine.pid)?.residentBytes ?? figure(figures, "process_resident_memory_bytes") ?? 0,
    heapUsed: figure(figures, "nodejs_heap_size_used_bytes") ?? 0,
    external: figure(figures, "nodejs_external_memory_bytes") ?? 0,
  };
}

/** Nobody has asked for any auction for some seconds, so the engine keeps them folded. */
async function folded(stack: Stack, count: number): Promise<void> {
  const until = performance.now() + FOLDED_LIMIT_MS;
  let seen: number | null = null;
  while (performance.now() < until) {
    seen = figure(await scrape(`http://127.0.0.1:${stack.engineStatusPort}/metrics`), "fairwarning_engine_auctions_folded");
    if (seen === count) return;
    await pause(FOLDED_PAUSE_MS);
  }
  throw stack.engine.fault(`folded ${seen} of ${count} auctions`);
}

/** Every change is in a checkpoint. */
async function saved(stack: Stack): Promise<void> {
  const until = performance.now() + SAVED_LIMIT_MS;
  while (performance.now() < until) {
    const response = await fetch(`http://127.0.0.1:${stack.engineStatusPort}/ready`);
    const { checks } = (await response.json()) as { readonly checks: readonly { readonly name: string; readonly detail: string }[] };
    if (checks.some((check) => check.name === "snapshots" && check.detail === "oldest unsaved change 0 s")) return;
    await pause(SAVED_PAUSE_MS);
  }
  throw stack.engine.fault("saved no complete checkpoint");
}

const MIB = 1_048_576;
const AUCTIONS_OF_GOAL = 100_000;

function linesOf(figures: IdleFigures): string[] {
  const { auctions, empty, busy, full, restarted, stopped, killed, check } = figures;
  const mib = (bytes: number): string => (bytes / MIB).toFixed(1);
  const memory = (name: string, seen: EngineMemory): string => {
    const each = (what: keyof EngineMemory): number => Math.round((seen[what] - empty[what]) / auctions);
    return `memory      ${name}: ${mib(seen.resident)} MiB after a collection, empty ${mib(empty.resident)}: ${each("resident")} bytes each (heap ${each("heapUsed")}, external ${each("external")})`;
  };
  const restart = (took: Restart): string => {
    const seconds = took.servingMs / 1_000;
    return `${seconds.toFixed(2)} s from the start of the process until every shard is served (${((seconds * AUCTIONS_OF_GOAL) / auctions).toFixed(2)} s per 100,000)`;
  };
  return [
    `auctions    ${auctions.toLocaleString("en")} open, ${figures.answersEach} remembered answers each; made in ${figures.createdInSeconds.toFixed(1)} s over HTTP with Postgres`,
    memory("as bids left it", busy),
    memory("some seconds later", full),
    memory("after a restart", restarted),
    `restart     stopped in order in ${(stopped.endedMs / 1_000).toFixed(2)} s; ${restart(stopped)}`,
    `restart     killed behind ${figures.bidsBeforeKill.toLocaleString("en")} bids: ${restart(killed)}, checkpoint and tail`,
    check.ok
      ? `verified    ${check.acknowledged.toLocaleString("en")} acknowledged decisions are in the log, each once, as they were told`
      : `NO FIGURE   ${check.fault}`,
  ];
}
