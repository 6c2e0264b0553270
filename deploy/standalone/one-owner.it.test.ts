// One engine writes a folder, and one supervisor runs on it, however many are started at once; the others say who it is.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { expect, onTestFinished, test } from "vitest";
import { packageRoot } from "../../gateway/files.ts";
import { SpawnedSystem } from "./spawned-system.ts";
import { logAtRest } from "./test-log.ts";

const STARTED_AT_ONCE = 4;
const IN_MEMORY = { FAIRWARNING_SNAPSHOTS: "memory" };

function dataFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "fairwarning-owner-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** An engine without a supervisor. */
class Engine {
  readonly #child: ChildProcess;
  readonly lines: Readonly<Record<string, unknown>>[] = [];
  /** Resolves with the event when it serves or has failed. */
  readonly settled: Promise<string>;
  readonly ended: Promise<number | null>;

  constructor(dataDir: string) {
    this.#child = spawn(process.execPath, [join(packageRoot(), "dist/engine/main.js")], {
      stdio: ["ignore", "pipe", "inherit"],
      env: {
        FAIRWARNING_DATA_DIR: dataDir,
        FAIRWARNING_LINK_KEY: "a key for two engines",
        FAIRWARNING_ENGINE_LINK_PORT: "0",
        FAIRWARNING_ENGINE_STATUS_PORT: "0",
        ...IN_MEMORY,
      },
    });
    this.ended = once(this.#child, "close").then(([code]) => code as number | null);
    const lines = createInterface({ input: this.#child.stdout as NonNullable<ChildProcess["stdout"]> });
    this.settled = new Promise((resolve) => {
      lines.on("line", (text) => {
        const line = JSON.parse(text) as Readonly<Record<string, unknown>>;
        this.lines.push(line);
        if (line.event === "ready" || line.event === "start_failed") resolve(String(line.event));
      });
      void this.ended.then(() => resolve("ended"));
    });
    onTestFinished(() => this.stop());
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  async stop(): Promise<void> {
    this.#child.kill("SIGTERM");
    await this.ended;
  }
}

test("one owner: engines: of several started at once on a folder one serves; each other names it, ends with 1 and writes nothing", async () => {
  const folder = dataFolder();
  const engines = Array.from({ length: STARTED_AT_ONCE }, () => new Engine(folder));
  const settled = await Promise.all(engines.map((engine) => engine.settled));
  expect([...settled].sort()).toEqual(["ready", ...Array.from({ length: STARTED_AT_ONCE - 1 }, () => "start_failed")]);
  const owner = engines.find((_, n) => settled[n] === "ready");
  const late = new Engine(folder);
  const others = [...engines.filter((engine) => engine !== owner), late];
  for (const other of others) {
    expect(await other.ended).toBe(1);
    const { msg } = other.lines.find((line) => line.event === "start_failed") ?? {};
    expect(msg).toContain(`is held by another process (pid ${owner?.pid})`);
    expect(msg).toContain("stop the other one");
  }
  await owner?.stop();
  const { verdict, ends } = await logAtRest(folder);
  expect(verdict.violation).toBeNull();
  expect(verdict.voids).toBe(0);
  expect(new Set(ends.map((end) => end.last))).toEqual(new Set(["release"]));
});

test("one owner: supervisors: of several started at once on a folder one runs; each other names it, starts nothing and ends with 1", async () => {
  const dataDir = dataFolder();
  const systems = Array.from({ length: STARTED_AT_ONCE }, () => new SpawnedSystem({ dataDir, environment: IN_MEMORY }));
  for (const system of systems) onTestFinished(() => system.remove());
  const settled = await Promise.all(
    systems.map((system) => system.line("ready or refused", (line) => (line.event === "ready" && line.pageUrl !== undefined) || line.event === "refused")),
  );
  expect(settled.map((line) => line.event).sort()).toEqual(["ready", ...Array.from({ length: STARTED_AT_ONCE - 1 }, () => "refused")]);
  const owner = systems.find((_, n) => settled[n]?.event === "ready");
  for (const [n, system] of systems.entries()) {
    if (system === owner) continue;
    expect(settled[n]?.msg).toContain(`is in use by process ${owner?.supervisorPid}`);
    expect(await system.ended).toBe(1);
    expect(system.lines.filter((line) => String(line.event).startsWith("part_"))).toEqual([]);
  }
  expect(await owner?.stop()).toBe(0);
});
