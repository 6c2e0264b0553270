// What is deliberately absent and what no linter looks for: read from the text of the source. The README names these tests.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** Every source file below these folders, tests left out, with comments taken away. */
function sources(folders: readonly string[]): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const folder of folders) {
    for (const name of readdirSync(join(ROOT, folder), { recursive: true }).map(String)) {
      if (!/\.tsx?$/.test(name) || /\.test\.tsx?$/.test(name)) continue;
      const path = join(folder, name).replaceAll("\\", "/");
      found.set(path, code(readFileSync(join(ROOT, path), "utf8")));
    }
  }
  return found;
}

function code(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/(^|\s)\/\/.*$/gm, "$1");
}

function hits(files: ReadonlyMap<string, string>, pattern: RegExp): string[] {
  return [...files].flatMap(([path, text]) => {
    const hit = pattern.exec(text);
    return hit === null ? [] : [`${path}: ${hit[0]}`];
  });
}

test("absent: the search itself: finds what is there, in code and not in comments", () => {
  const files = new Map([
    ["a.ts", code("// await nothing\nconst a = 1; // await\n/* await */\n")],
    ["b.ts", code("const b = await c;\n")],
  ]);
  expect(hits(files, /\bawait\b/)).toEqual(["b.ts: await"]);
  expect(sources(["engine"]).size).toBeGreaterThan(50);
});

test("absent: replay: nothing asks whether it is one", () => {
  expect(hits(sources(["engine", "persistence"]), /\b(?:is|in|during|while)(?:Replay(?:ing)?|Recover(?:y|ing))\b|\breplaying\b\s*[:?&|)]/)).toEqual([]);
});

test("absent: locks: no thread, mutex or shared memory anywhere", () => {
  const shared = /\bworker_threads\b|\bAtomics\b|\bSharedArrayBuffer\b|\b[Mm]utex\b|\b[Ss]emaphore\b|\bnavigator\.locks\b/;
  const spared = new Set(["deploy/checks/tidy-rules.ts"]);
  expect(hits(sources(["engine", "gateway", "persistence", "deploy"]), shared).filter((hit) => !spared.has(hit.split(":")[0] ?? ""))).toEqual([]);
});

/** Every file that a bid passes on its way from the frame to the log and back, by name: a list, so that a new one is thought about. */
const PATH_OF_A_BID = [
  "gateway/socket/bids.ts",
  "gateway/socket/session.ts",
  "gateway/socket/frame-check.ts",
  "gateway/socket/frame-decode.ts",
  "gateway/socket/frame-encode.ts",
  "gateway/socket/outbox.ts",
  "gateway/socket/fanout.ts",
  "gateway/commands.ts",
  "gateway/admission.ts",
  "gateway/pending.ts",
  "gateway/lane.ts",
  "gateway/route.ts",
  "engine/protocol-codec.ts",
  "engine/link/connection.ts",
  "engine/link/outbox.ts",
  "engine/shard/shard.ts",
  "engine/shard/actor.ts",
  "engine/shard/deciding.ts",
  "engine/shard/pending-ring.ts",
  "engine/shard/rounds.ts",
  "engine/shard/acknowledging.ts",
  "engine/shard/publish.ts",
  "engine/core/auction.ts",
  "engine/core/formats/english.ts",
  "persistence/frame-writer.ts",
];

test("absent: promises: none on the path of a bid", () => {
  const files = new Map(PATH_OF_A_BID.map((path) => [path, code(readFileSync(join(ROOT, path), "utf8"))]));
  expect(hits(files, /\bPromise\b|\basync\b|\bawait\b|\.then\(/)).toEqual([]);
});
