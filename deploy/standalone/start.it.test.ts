import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { processIdentity } from "./postgres-folder.ts";

const MAIN = fileURLToPath(new URL("../../dist/deploy/standalone/main.js", import.meta.url));
const CLI = fileURLToPath(new URL("../cli/fairwarning.mjs", import.meta.url));
/** A second start goes on in under 5 s; the first also makes a database. */
const SECOND_START_MAX_MS = 5_000;
const WITHIN_MS = 60_000;

type Line = Readonly<Record<string, unknown>>;

/** A folder of its own below the temporary one, with every right for the database's user. */
function dataFolder(): string {
  const path = mkdtempSync(join(tmpdir(), "fairwarning-start-"));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

class Supervisor {
  readonly child: ChildProcess;
  readonly lines: Line[] = [];
  readonly plain: string[] = [];
  #heard: (() => void)[] = [];
  #over = false;

  constructor(dataDir: string, options: { readonly args?: readonly string[]; readonly env?: Readonly<Record<string, string>> } = {}) {
    const { PATH = "" } = process.env;
    const env = {
      PATH,
      FAIRWARNING_ENGINE_LINK_PORT: "0",
      FAIRWARNING_ENGINE_STATUS_PORT: "0",
      FAIRWARNING_POSTGRES_PORT: "0",
      FAIRWARNING_LOG_FORMAT: "json",
      ...options.env,
    };
    const args = options.args ?? ["--port", "0", "--socket-port", "0"];
    this.child = spawn(process.execPath, [MAIN, "--data-dir", dataDir, ...args], { stdio: ["ignore", "pipe", "pipe"], env });
    for (const stream of [this.child.stdout, this.child.stderr]) if (stream !== null) createInterface({ input: stream }).on("line", (text) => this.#take(text));
    this.child.once("close", () => {
      this.#over = true;
      this.#wake();
    });
    onTestFinished(async () => {
      if (this.child.exitCode !== null || this.child.signalCode !== null) return;
      this.child.kill("SIGKILL");
      await once(this.child, "close");
    });
  }

  #take(text: string): void {
    try {
      this.lines.push(JSON.parse(text) as Line);
    } catch {
      this.plain.push(text);
    }
    this.#wake();
  }

  #wake(): void {
    for (const resolve of this.#heard.splice(0)) resolve();
  }

  /** The first line that fits, once it is there. Fails when the process ends, or after a minute, with what it said. */
  async line(what: string, fits: (line: Line) => boolean): Promise<Line> {
    const deadline = AbortSignal.timeout(WITHIN_MS);
    deadline.addEventListener("abort", () => this.#wake(), { once: true });
    for (;;) {
      const found = this.lines.find(fits);
      if (found !== undefined) return found;
      if (this.#over || deadline.aborted)
        throw new Error(`waited for: ${what}; heard:\n${[...this.lines.map((line) => JSON.stringify(line)), ...this.plain].slice(-20).join("\n")}`);
      await new Promise<void>((resolve) => this.#heard.push(resolve));
    }
  }

  ready(): Promise<Line> {
    return this.line("ready", (line) => line.process === "supervisor" && line.event === "ready");
  }

  async ended(): Promise<number | null> {
    if (!this.#over) await once(this.child, "close");
    return this.child.exitCode;
  }

  stop(): Promise<number | null> {
    this.child.kill("SIGTERM");
    return this.ended();
  }

  pidOf(part: string): number {
    const line = this.lines.findLast((found) => found.event === "part_ready" && found.part === part);
    return Number((line?.facts as Line | undefined)?.pid);
  }
}

async function auctionsAt(pageUrl: string): Promise<Line[]> {
  const response = await fetch(`${pageUrl}/v1/auctions?limit=100`);
  expect(response.status).toBe(200);
  return ((await response.json()) as { auctions: Line[] }).auctions;
}

/** Whether a process runs. One that has ended and was not collected yet by whoever inherited it does not. */
function isAlive(pid: number): boolean {
  return processIdentity(pid) !== null;
}

test("start: first and second: demo auctions are open when the address is printed, and a second start goes on with them in under 5 s", async () => {
  const folder = dataFolder();
  const first = new Supervisor(folder);
  const { pageUrl } = await first.ready();
  const opened = await auctionsAt(String(pageUrl));
  expect(opened.length).toBeGreaterThanOrEqual(12);
  const page = await fetch(String(pageUrl));
  expect(page.headers.get("content-type")).toContain("text/html");
  expect(await first.stop()).toBe(0);
  const second = new Supervisor(folder);
  const ready = await second.ready();
  expect(Number(ready.startedInMs)).toBeLessThan(SECOND_START_MAX_MS);
  const kept = await auctionsAt(String(ready.pageUrl));
  const ids = new Set(kept.map((auction) => auction.auctionId));
  expect(opened.filter((auction) => !ids.has(auction.auctionId) && Date.parse(String(auction.endsAt)) > Date.parse(String(kept[0]?.endsAt)))).toEqual([]);
  expect(await second.stop()).toBe(0);
});

test("start: issuer and audience of one's own: the demo opens its auctions, and the command line is let in", async () => {
  const folder = dataFolder();
  const env = { FAIRWARNING_JWT_ISSUER: "house", FAIRWARNING_JWT_AUDIENCE: "hall" };
  const supervisor = new Supervisor(folder, { env });
  const pageUrl = String((await supervisor.ready()).pageUrl);
  const [auction] = await auctionsAt(pageUrl);
  const args = [CLI, "bid", String(auction?.auctionId), "900000", "--url", pageUrl, "--data-dir", folder, "--json"];
  const bid = spawnSync(process.execPath, args, { encoding: "utf8", env: { PATH: process.env.PATH, ...env } });
  expect(bid.stdout, bid.stderr).toContain('"verdict":"accepted"');
  expect(await supervisor.stop()).toBe(0);
});

test("start: restart: engine, gateway and Postgres, each killed, come back under the same addresses", async () => {
  const supervisor = new Supervisor(dataFolder(), { args: ["--port", "0", "--socket-port", "0", "--no-demo"] });
  const { pageUrl } = await supervisor.ready();
  for (const part of ["engine", "gateway", "postgres"]) {
    const pid = supervisor.pidOf(part);
    process.kill(pid, "SIGKILL");
    await supervisor.line(`${part} again`, (line) => line.event === "part_ready" && line.part === part && line.again === true);
    expect(supervisor.pidOf(part)).not.toBe(pid);
  }
  expect((await fetch(`${String(pageUrl)}/health`)).status).toBe(200);
  expect(await supervisor.stop()).toBe(0);
});

test("start: supervisor killed: no process outlives it, and the next start goes on", async () => {
  const folder = dataFolder();
  const first = new Supervisor(folder, { args: ["--port", "0", "--socket-port", "0", "--no-demo"] });
  await first.ready();
  const pids = ["engine", "gateway", "postgres"].map((part) => first.pidOf(part));
  first.child.kill("SIGKILL");
  const second = new Supervisor(folder, { args: ["--port", "0", "--socket-port", "0", "--no-demo"] });
  await second.ready();
  expect(pids.filter(isAlive)).toEqual([]);
  expect(await second.stop()).toBe(0);
});

test("start: refusals: a folder in use names its holder, a taken port names the setting; nothing is started", async () => {
  const folder = dataFolder();
  const first = new Supervisor(folder, { args: ["--port", "0", "--socket-port", "0", "--no-demo"] });
  await first.ready();
  const second = new Supervisor(folder);
  expect(String((await second.line("refused", (line) => line.event === "refused")).msg)).toContain(`process ${first.child.pid}`);
  expect(await second.ended()).toBe(1);
  const taken = createServer().listen(0, "0.0.0.0");
  onTestFinished(() => void taken.close());
  await once(taken, "listening");
  const address = taken.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const third = new Supervisor(dataFolder(), { args: ["--port", String(port), "--socket-port", "0"] });
  const refused = String((await third.line("refused", (line) => line.event === "refused")).msg);
  expect(refused).toContain(String(port));
  expect(refused).toContain("--port");
  expect(await third.ended()).toBe(1);
  expect(third.lines.filter((line) => String(line.event).startsWith("part_"))).toEqual([]);
  expect(await first.stop()).toBe(0);
});

test("start: settings: all mistakes are told at once, production wants a key; exit 2", async () => {
  const wrong = new Supervisor(dataFolder(), { env: { FAIRWARNING_RESTART_MS: "soon", FAIRWARNING_LOCAL_SYNC: "maybe" } });
  const told = String((await wrong.line("refused", (line) => line.event === "refused")).msg);
  expect(told).toContain("FAIRWARNING_RESTART_MS");
  expect(told).toContain("FAIRWARNING_LOCAL_SYNC");
  expect(await wrong.ended()).toBe(2);
  const production = new Supervisor(dataFolder(), { args: ["--production"] });
  expect(String((await production.line("refused", (line) => line.event === "refused")).msg)).toContain("FAIRWARNING_JWT_JWKS_URL");
  expect(await production.ended()).toBe(2);
});

test("start: secrets: the link key is its owner's alone and nowhere in what was said", async () => {
  const folder = dataFolder();
  const supervisor = new Supervisor(folder, { args: ["--port", "0", "--socket-port", "0", "--no-demo"] });
  await supervisor.ready();
  expect(await supervisor.stop()).toBe(0);
  const key = readFileSync(join(folder, "link-key"), "utf8");
  const password = readFileSync(join(folder, "postgres/password"), "utf8").trim();
  expect(statSync(join(folder, "link-key")).mode & 0o077).toBe(0);
  const said = [...supervisor.lines.map((line) => JSON.stringify(line)), ...supervisor.plain].join("\n");
  expect(said).not.toContain(key);
  expect(said).not.toContain(password);
});
