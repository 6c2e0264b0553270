// `npm run bench`: without arguments the canonical run, which takes about three minutes on two cores.
//
// Owns: flags, the order of runs, where lines go. Must not: measure.
import { appendFileSync } from "node:fs";
import { Command, InvalidArgumentError } from "commander";
import { benchEnvironment } from "./config.ts";
import { exitWhenInterrupted, makeFolder, removeFolder } from "./folders.ts";
import { buildNative, type GeneratorKind } from "./generator.ts";
import { runIdle } from "./idle-memory.ts";
import type { InProcessResult } from "./in-process.ts";
import { runKafka } from "./kafka.ts";
import { measureAppend, measureFloor } from "./limits.ts";
import { describeMachine, isInMemory, type Machine } from "./machine.ts";
import { type Measured, measuredInProcess, measuredSocket } from "./measured.ts";
import { packageFile } from "./package-files.ts";
import { headLines, type LimitsSeen, limitLines, noteLines, runsTable } from "./report.ts";
import { type Changes, changed, type InProcessScenario, SCENARIO_NAMES, type Scenario, scenariosNamed } from "./scenarios.ts";
import { type BenchPlace, runSocket } from "./socket-run.ts";
import { Spawned } from "./spawned.ts";
import { RAISED_LIMITS } from "./stack.ts";

interface Flags extends Changes {
  readonly runs: number;
  readonly json?: string;
  readonly generator: GeneratorKind | "auto";
  readonly generators: number;
}

const FRAME_BYTES = [4_096, 30_720];
const LIMIT_SECONDS = 1.5;
const FLOOR_SECONDS = 2;
const CHILD_LIMIT_MS = 600_000;
const EXIT_FAILED = 1;
const EXIT_USAGE = 2;
const IDLE_AUCTIONS = 100_000;
const KAFKA_READY_MS = 120_000;
const KAFKA_SECONDS = 1.5;

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function count(text: string): number {
  const value = Number(text.replaceAll("_", ""));
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError("a whole number from 1 on");
  return value;
}

function positive(text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new InvalidArgumentError("a number above 0");
  return value;
}

function kind(text: string): Flags["generator"] {
  if (text === "c" || text === "node" || text === "auto") return text;
  throw new InvalidArgumentError("c, node or auto");
}

const program = new Command("npm run bench --")
  .description("Measures the real processes on this machine and holds every answer against the log.")
  .argument("[scenario]", `one of ${SCENARIO_NAMES.join(", ")}, idle, kafka, limits; without it all but idle and kafka`)
  .option("--rate <bids>", "planned bids a second of the open loop", count)
  .option("--seconds <n>", "measured time of each run", positive)
  .option("--warm-up <n>", "seconds before it that do not count", positive)
  .option("--auctions <n>", "auctions of spread runs, and of idle", count)
  .option("--sockets <n>", "sockets", count)
  .option("--in-flight <n>", "bids in flight on each, closed loop", count)
  .option("--runs <n>", "runs of each scenario, alternating", count, 1)
  .option("--json <file>", "adds one line of JSON for each run")
  .option("--generator <kind>", "c, node, or auto: C where a compiler is", kind, "auto")
  .option("--generators <n>", "processes that share the load", count, 1)
  .addHelpText(
    "after",
    "\nExamples:\n  npm run bench\n  npm run bench -- closed --seconds 60 --warm-up 10 --runs 5 --json runs.jsonl\n  npm run bench -- open --rate 30000 --seconds 60\n  npm run bench -- idle\n  npm run bench -- kafka",
  )
  .action(bench);

/** The generator that can be had. */
function generatorOf(flags: Flags, folder: string): GeneratorKind {
  if (flags.generator !== "auto") return flags.generator;
  const trial = makeFolder(folder);
  const native = buildNative(trial);
  removeFolder(trial);
  return native === null ? "node" : "c";
}

async function bench(name: string | undefined, flags: Flags): Promise<void> {
  const { folder, inherited } = benchEnvironment();
  if (isInMemory(folder)) {
    process.stderr.write(`${folder} is kept in memory, where a sync costs nothing: name a folder on a disk in FAIRWARNING_BENCH_DIR\n`);
    process.exit(EXIT_USAGE);
  }
  const machine = describeMachine(folder);
  const place: BenchPlace = { folder, inherited, generator: generatorOf(flags, folder), processes: flags.generators };
  if (name === "idle") {
    await idle(place, machine, flags);
    return;
  }
  if (name === "kafka") {
    await kafka(place, machine, flags);
    return;
  }
  const scenarios = name === "limits" ? [] : scenariosNamed(name);
  if (scenarios === null) program.error(`no scenario "${name}"; there are ${SCENARIO_NAMES.join(", ")}, idle, kafka, limits`, { exitCode: EXIT_USAGE });
  else await runAll(scenarios, { place, machine, flags });
}

async function runAll(scenarios: readonly Scenario[], about: { place: BenchPlace; machine: Machine; flags: Flags }): Promise<void> {
  const { place, machine, flags } = about;
  for (const line of headLines(machine, RAISED_LIMITS)) say(line);
  const before = await limits(place);
  const runs: Measured[] = [];
  for (let round = 1; round <= flags.runs; round += 1) {
    for (const scenario of scenarios) {
      const asked = changed(scenario, flags);
      progress(`run ${round} of ${flags.runs}: ${asked.name}, ${asked.warmUpSeconds} + ${asked.seconds} s`);
      const run = await runOne(asked, place);
      runs.push(run);
      if (flags.json !== undefined) appendFileSync(flags.json, `${JSON.stringify({ machine, raised: RAISED_LIMITS, run: round, ...run })}\n`);
    }
  }
  const after = scenarios.length === 0 ? null : await limits(place);
  progress("");
  if (runs.length > 0) say(runsTable(runs));
  for (const line of [...(runs.length > 0 ? noteLines(runs) : []), ...limitLines(before, after)]) say(line);
  if (runs.some((run) => run.void !== null)) process.exitCode = EXIT_FAILED;
}

/** One line that the next one overwrites, for people only. */
function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${text}`);
}

async function limits(place: BenchPlace): Promise<LimitsSeen> {
  progress("limits of the machine");
  const appends = [];
  for (const bytes of FRAME_BYTES) appends.push(await measureAppend({ parent: place.folder, bytes, seconds: LIMIT_SECONDS }));
  return { floor: measureFloor(FLOOR_SECONDS), appends };
}

async function runOne(scenario: Scenario, place: BenchPlace): Promise<Measured> {
  if (scenario.kind === "in-process") return measuredInProcess(scenario, await inProcess(scenario, place));
  return measuredSocket(await runSocket(scenario, place));
}

async function inProcess(scenario: InProcessScenario, place: BenchPlace): Promise<InProcessResult> {
  const options = JSON.stringify({ ...scenario, parent: place.folder });
  const command = [process.execPath, "--enable-source-maps", packageFile("dist/bench/in-process-child.js"), options];
  const child = new Spawned({ name: "the in-process run", command, environment: place.inherited });
  return (await child.line("result", CHILD_LIMIT_MS)) as unknown as InProcessResult;
}

async function idle(place: BenchPlace, machine: Machine, flags: Flags): Promise<void> {
  for (const line of headLines(machine, RAISED_LIMITS).slice(0, 1)) say(line);
  const result = await runIdle({ place, auctions: flags.auctions ?? IDLE_AUCTIONS, progress });
  progress("");
  for (const line of result.lines) say(line);
  if (flags.json !== undefined) appendFileSync(flags.json, `${JSON.stringify({ machine, raised: RAISED_LIMITS, idle: result.figures })}\n`);
  if (result.fault !== null) process.exitCode = EXIT_FAILED;
}

/** On the brokers that the environment names, or on one that is started for the run. */
async function kafka(place: BenchPlace, machine: Machine, flags: Flags): Promise<void> {
  for (const line of headLines(machine, RAISED_LIMITS).slice(0, 1)) say(line);
  const own = benchEnvironment().kafkaBrokers.length > 0 ? null : new Spawned(kafkaProcess(place));
  const ready = await own?.line("ready", KAFKA_READY_MS);
  const brokers = own === null ? benchEnvironment().kafkaBrokers : (ready?.brokers as readonly string[]);
  if (brokers.length === 0) program.error(`no Kafka can run here: ${String(ready?.missing)}`, { exitCode: EXIT_USAGE });
  const { figures, lines } = await runKafka({ brokers, seconds: flags.seconds ?? KAFKA_SECONDS, progress });
  progress("");
  for (const line of lines) say(line);
  if (flags.json !== undefined) appendFileSync(flags.json, `${JSON.stringify({ machine, kafka: figures })}\n`);
  await own?.end("SIGTERM");
}

// From its source, beside which the list of Kafka's jars lies; it measures nothing.
function kafkaProcess(place: BenchPlace) {
  const command = [process.execPath, "--import", "tsx", packageFile("bench/micro/kafka-process.ts")];
  return { name: "Kafka", command, environment: place.inherited };
}

exitWhenInterrupted();
await program.parseAsync(process.argv);
