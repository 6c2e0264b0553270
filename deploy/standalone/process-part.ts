// One part that is a process of ours: spawned from dist, ready when it says so, heard line by line.
//
// Owns: the child process and its pipes. Must not: decide about restarts (children.ts).
//
// G1. A child gets a pipe as stdin and ends by itself when the pipe ends, so no child outlives a killed supervisor.
// G2. A child has a process group of its own: Ctrl-C reaches the supervisor alone, which then stops the parts in order.
import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { type Facts, type Part, type Running, StartFailed } from "./children.ts";

/** One line of a child's log, parsed. A line that is no JSON object has only `msg`. */
export interface ChildLine {
  readonly level: number;
  readonly msg: string;
  readonly event?: string;
  readonly fields: Facts;
}

export interface ProcessSpec {
  readonly name: string;
  readonly essential: boolean;
  readonly awaited: boolean;
  /** Script to run with this Node. */
  readonly file: string;
  /** Both asked anew at each start, so that ports found at the first start can be kept. */
  readonly args?: () => readonly string[];
  readonly environment: () => Readonly<Record<string, string | undefined>>;
  readonly readyLimitMs: number;
  readonly line: (part: string, line: ChildLine, text: string) => void;
}

/** Exit codes of a process whose settings are wrong, or that cannot serve the log as it stands: another start would say the same. */
const EXITS_FINAL: readonly (number | null)[] = [2, 3];
const LEVEL_INFO = 30;
const LEVEL_WARN = 40;
const LEVEL_ERROR = 50;
/** Last lines kept to say why a start failed. */
const REASONS_MAX = 5;

/** A part that runs one script of ours. */
export function processPart(spec: ProcessSpec): Part {
  return { name: spec.name, essential: spec.essential, awaited: spec.awaited, start: (abandoned) => startProcess(spec, abandoned) };
}

function startProcess(spec: ProcessSpec, abandoned: AbortSignal): Promise<Running> {
  const child = spawn(process.execPath, ["--enable-source-maps", spec.file, ...(spec.args?.() ?? [])], {
    detached: true,
    stdio: ["pipe", "pipe", "pipe"],
    env: { ...spec.environment(), FAIRWARNING_CHILD: "1" },
  });
  const reasons: string[] = [];
  const ended = endOf(child, reasons);
  const giveUp = (): void => void child.kill("SIGTERM");
  abandoned.addEventListener("abort", giveUp);
  void ended.then(() => abandoned.removeEventListener("abort", giveUp));
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      child.kill("SIGKILL");
      reject(new StartFailed(`not ready within ${spec.readyLimitMs} ms${why(reasons)}`, false));
    }, spec.readyLimitMs);
    hear(child, (line, text) => {
      if (line.level >= LEVEL_ERROR) keep(reasons, line.msg);
      spec.line(spec.name, line, text);
      if (line.event !== "ready") return;
      clearTimeout(timer);
      // From here on stopping has its order.
      abandoned.removeEventListener("abort", giveUp);
      resolve(runningOf(child, line.fields, ended));
    });
    void ended.then((reason) => {
      clearTimeout(timer);
      reject(new StartFailed(reason, EXITS_FINAL.includes(child.exitCode)));
    });
  });
}

function runningOf(child: ChildProcess, facts: Facts, ended: Promise<string>): Running {
  return {
    facts: { ...facts, pid: child.pid },
    ended,
    kill: () => void child.kill("SIGKILL"),
    stop: async (limitMs) => {
      const timer = setTimeout(() => child.kill("SIGKILL"), limitMs);
      child.kill("SIGTERM");
      await ended;
      clearTimeout(timer);
    },
  };
}

function endOf(child: ChildProcess, reasons: readonly string[]): Promise<string> {
  return new Promise((resolve) => {
    child.once("error", (error) => resolve(`could not be started: ${error.message}`));
    // `close`, not `exit`: by then every line it wrote has been heard.
    child.once("close", (code, signal) => resolve(signal === null ? `ended with code ${code}${why(reasons)}` : `was ended by ${signal}${why(reasons)}`));
  });
}

function hear(child: ChildProcess, take: (line: ChildLine, text: string) => void): void {
  if (child.stdout !== null) createInterface({ input: child.stdout }).on("line", (text) => take(parseLine(text, LEVEL_INFO), text));
  if (child.stderr !== null) createInterface({ input: child.stderr }).on("line", (text) => take(parseLine(text, LEVEL_WARN), text));
  // A child that is gone breaks the pipe; that is its end, heard elsewhere.
  child.stdin?.on("error", () => {});
}

/** A line as a child wrote it. Text that is no JSON object of ours becomes the message, at `plainLevel`. */
export function parseLine(text: string, plainLevel: number): ChildLine {
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === "object" && parsed !== null && "msg" in parsed) {
      const fields: Record<string, unknown> = { ...parsed };
      const { level, msg, event } = fields;
      return { level: typeof level === "number" ? level : plainLevel, msg: String(msg), ...(typeof event === "string" ? { event } : {}), fields };
    }
  } catch {
    // Not JSON: a stack trace or a word of the runtime. It is shown as it is.
  }
  return { level: plainLevel, msg: text, fields: {} };
}

function keep(reasons: string[], reason: string): void {
  reasons.push(reason);
  if (reasons.length > REASONS_MAX) reasons.shift();
}

function why(reasons: readonly string[]): string {
  return reasons.length === 0 ? "" : `: ${reasons.join("; ")}`;
}
