// Two processes on one folder: one writes, whatever the moment, and a killed one leaves the folder free.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface, type Interface } from "node:readline";
import { expect, onTestFinished, test } from "vitest";

const ROUNDS = 200;
const KILLS = 12;

// Opens the log when told "open", appends one record and says where it landed; closes it when told "close".
const PROGRAM = `
import { createInterface } from "node:readline";
const { openLocalLog } = await import(process.argv[1]);
let log = null;
const create = { slotDigest: new Uint8Array(16), madeAt: 1, version: "test" };
for await (const line of createInterface({ input: process.stdin })) {
  if (line === "close") {
    await log.close();
    console.log("closed");
    continue;
  }
  try {
    log = await openLocalLog({ dir: process.argv[2], shards: 1, onFatal: (error) => { throw error; }, create });
    const [outcome] = await new Promise((done) => log.append([{ shard: 0, bytes: Buffer.from("record") }], done));
    console.log("held " + outcome.offset);
  } catch (error) {
    console.log(error.name + " " + error.pid);
  }
}
`;

class Starter {
  readonly process: ChildProcess;
  readonly #lines: Interface;
  readonly #said: AsyncIterator<string>;

  constructor(dir: string) {
    const program = ["--input-type=module", "-e", PROGRAM, resolve("dist/persistence/local/open-log.js"), dir];
    this.process = spawn(process.execPath, program, { stdio: ["pipe", "pipe", "inherit"] });
    if (this.process.stdout === null) throw new Error("a child without output");
    this.#lines = createInterface({ input: this.process.stdout });
    this.#said = this.#lines[Symbol.asyncIterator]();
    onTestFinished(() => this.kill());
  }

  async ask(command: "open" | "close"): Promise<string> {
    this.process.stdin?.write(`${command}\n`);
    const { value, done } = await this.#said.next();
    return done === true ? "ended" : value;
  }

  async kill(): Promise<void> {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return;
    this.process.kill("SIGKILL");
    await once(this.process, "exit");
  }
}

async function makeFolder(name = ""): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "fairwarning-holder-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const dir = join(folder, name);
  await mkdir(dir, { recursive: true });
  return dir;
}

/** Both open at once; returns which one holds the folder, and checks that the other was refused by its name. */
async function race(pair: readonly [Starter, Starter], offset: number): Promise<0 | 1> {
  const said = await Promise.all(pair.map((starter) => starter.ask("open")));
  const winner = said[0] === `held ${offset}` ? 0 : 1;
  const expected = [`held ${offset}`, `LogFolderHeld ${pair[winner].process.pid}`];
  expect(said).toEqual(winner === 0 ? expected : expected.reverse());
  return winner;
}

test(`holder: two starts at once, ${ROUNDS} times: one holds the folder, the other is told who does`, async () => {
  const dir = await makeFolder();
  const pair = [new Starter(dir), new Starter(dir)] as const;
  for (let round = 0; round < ROUNDS; round++) {
    const winner = await race(pair, round + 1);
    expect(await pair[winner].ask("close")).toBe("closed");
  }
  expect((await readdir(dir)).filter((name) => !name.startsWith("segment-"))).toEqual([]);
});

test(`holder: the holder is killed ${KILLS} times and two start at once: one takes the folder over, nothing acknowledged is lost`, async () => {
  const dir = await makeFolder();
  let pair: readonly [Starter, Starter] = [new Starter(dir), new Starter(dir)];
  for (let round = 0; round < KILLS; round++) {
    const winner = await race(pair, round + 1);
    await pair[winner].kill();
    const fresh = new Starter(dir);
    pair = winner === 0 ? [fresh, pair[1]] : [pair[0], fresh];
  }
  // The dead leave one holder file and one socket at most: the next one clears away what is below its own.
  expect((await readdir(dir)).filter((name) => name.startsWith("holder.")).length).toBe(1);
});

test("holder: a stopped holder still holds", async () => {
  const dir = await makeFolder();
  const holder = new Starter(dir);
  expect(await holder.ask("open")).toBe("held 1");
  holder.process.kill("SIGSTOP");
  expect(await new Starter(dir).ask("open")).toBe(`LogFolderHeld ${holder.process.pid}`);
  holder.process.kill("SIGCONT");
  expect(await holder.ask("close")).toBe("closed");
});

test("holder: a folder whose path is too long for a socket is held all the same", async () => {
  const dir = await makeFolder("a-rather-long-name-for-a-folder/".repeat(6));
  const pair = [new Starter(dir), new Starter(dir)] as const;
  for (let round = 0; round < 10; round++) expect(await pair[await race(pair, round + 1)].ask("close")).toBe("closed");
});
