// A real disk that fills up: a small file system in memory, mounted where only the child sees it.
import { execFile, spawnSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";

// Fills the disk with rounds of two shards, frees a ballast file, goes on, closes, and reads everything back.
const PROGRAM = `
import { writeFile, unlink } from "node:fs/promises";
const [, openAt, readAt, dir] = process.argv;
const { openLocalLog } = await import(openAt);
const { openLocalLogReader } = await import(readAt);
const options = {
  dir: dir + "/log", shards: 2, segmentBytes: 1_000_000, reserveBytes: 1_500_000, onFatal: (error) => { throw error; },
  create: { slotDigest: new Uint8Array(16), madeAt: 1, version: "test" },
};
await writeFile(dir + "/ballast", Buffer.alloc(1_000_000));
let log = await openLocalLog(options);
const append = (size) => new Promise((done) => log.append([0, 1].map((shard) => ({ shard, bytes: Buffer.alloc(size, "r") })), done));
const kinds = [];
let done = 0;
let lowBefore = false;
for (;;) {
  const outcomes = await append(50_000);
  if (outcomes[0].kind !== "done") {
    kinds.push(...outcomes.map((outcome) => outcome.kind + " " + outcome.code));
    break;
  }
  done += 1;
  lowBefore ||= log.room() === "low";
}
await unlink(dir + "/ballast");
for (let i = 0; i < 3; i++) {
  for (const outcome of await append(50_000)) kinds.push(outcome.kind);
  done += 1;
}
await log.close();
log = await openLocalLog(options);
const ends = [await log.ends(0), await log.ends(1)].map(({ end }) => end);
await log.close();
const reader = await openLocalLogReader({ dir: options.dir });
const read = [0, 0];
for (const shard of [0, 1]) for await (const list of reader.read(shard, 1)) read[shard] += list.length;
console.log(JSON.stringify({ kinds, done, lowBefore, ends, read }));
`;

const mountable = spawnSync("unshare", ["-rm", "mount", "-t", "tmpfs", "tmpfs", tmpdir()]).status === 0;

test("local log: a disk that fills refuses whole rounds, says so before, and goes on when space is back", async (context) => {
  if (!mountable) context.skip("no small disk: needs unshare(1) with user and mount namespaces");
  const dir = await mkdtemp(join(tmpdir(), "fairwarning-full-"));
  onTestFinished(() => rm(dir, { recursive: true }));
  const modules = ["open-log", "log-follower"].map((name) => resolve(`dist/persistence/local/${name}.js`));
  const script = 'mount -t tmpfs -o size=4m tmpfs "$0" && exec "$1" --input-type=module -e "$2" "$3" "$4" "$0"';
  const { stdout } = await promisify(execFile)("unshare", ["-rm", "sh", "-c", script, dir, process.execPath, PROGRAM, ...modules]);
  const found = JSON.parse(stdout) as { kinds: string[]; done: number; lowBefore: boolean; ends: number[]; read: number[] };
  expect(found.kinds).toEqual(["refused disk_full", "refused disk_full", "done", "done", "done", "done", "done", "done"]);
  expect(found.lowBefore).toBe(true);
  expect(found.done).toBeGreaterThan(10);
  expect(found.ends).toEqual([found.done + 1, found.done + 1]);
  expect(found.read).toEqual([found.done, found.done]);
});
