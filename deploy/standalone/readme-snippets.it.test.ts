// The README's snippets, run as they stand there against the whole system, with address and folder replaced.
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { packageRoot } from "../../gateway/files.ts";
import { SpawnedSystem } from "./spawned-system.ts";
import { createAuction } from "./test-auctions.ts";

const ADDRESS = "http://localhost:8080";
const FOLDER = "./data";
const LINE_LIMIT_MS = 30_000;

let system: SpawnedSystem;
let auctionId: string;

beforeAll(async () => {
  system = await new SpawnedSystem().ready();
  auctionId = await createAuction(system);
}, 120_000);

afterAll(() => system?.remove());

/** The fenced block behind `<!-- snippet: name -->`, with this system's address and folder in it. */
function snippet(name: string): string {
  const readme = readFileSync(join(packageRoot(), "README.md"), "utf8");
  const found = new RegExp(`<!-- snippet: ${name} -->\\n\`\`\`\\w+\\n([\\s\\S]*?)\`\`\``).exec(readme)?.[1];
  if (found === undefined) throw new Error(`the README has no snippet "${name}"`);
  return found.replaceAll(ADDRESS, system.url).replaceAll(FOLDER, system.dataDir);
}

/** Runs a snippet in a shell, in the folder that a person would be in. */
function shell(text: string): { readonly status: number | null; readonly stdout: string; readonly stderr: string } {
  return spawnSync("sh", ["-c", text], { cwd: packageRoot(), encoding: "utf8", timeout: 60_000 });
}

interface Answer {
  readonly verdict: string;
  readonly code: string;
  readonly auctionId: string;
  readonly currentPriceMinor: number;
}

/** Resolves with the first line of a process that fits; rejects with what it said when it ends or is late. */
function lineOf(child: ChildProcess, fits: (line: string) => boolean): Promise<string> {
  const heard: string[] = [];
  const late = AbortSignal.timeout(LINE_LIMIT_MS);
  return new Promise((resolve, reject) => {
    const fail = (): void => reject(new Error(`no such line; heard:\n${heard.join("\n")}`));
    late.addEventListener("abort", fail, { once: true });
    child.once("close", fail);
    for (const stream of [child.stdout, child.stderr]) {
      if (stream === null) continue;
      createInterface({ input: stream }).on("line", (line) => {
        heard.push(line);
        if (fits(line)) resolve(line);
      });
    }
  });
}

test("readme snippets: bid: the guest leads at the asking price, and a watcher by the other snippet sees it", async (context) => {
  if (spawnSync("curl", ["--version"]).status !== 0) context.skip("no curl on this machine: apt-get install curl");
  const watch = spawn(process.execPath, ["--input-type=module", "--eval", snippet("watch")], { cwd: packageRoot(), stdio: ["ignore", "pipe", "pipe"] });
  onTestFinished(() => void watch.kill("SIGKILL"));
  await lineOf(watch, (line) => line.endsWith("0 bids live"));
  const seen = lineOf(watch, (line) => line.endsWith("1 bids live"));

  const bid = shell(snippet("bid"));
  expect(bid.status, bid.stderr).toBe(0);
  const answer = JSON.parse(bid.stdout) as Answer;
  expect(answer).toMatchObject({ verdict: "accepted", code: "leading", auctionId });
  expect(await seen).toContain(` ${answer.currentPriceMinor} USD `);
});

test("readme snippets: verify: while the system runs, every invariant holds", () => {
  const verify = shell(snippet("verify"));
  expect(verify.status, verify.stdout + verify.stderr).toBe(0);
  expect(verify.stdout).toContain("every invariant holds");
});
