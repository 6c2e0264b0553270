import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { holdFolder } from "./holder.ts";

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "fairwarning-holder-"));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

test("holder: two starts at once: exactly one gets the folder, the other learns who has it", async () => {
  const path = folder();
  for (let round = 0; round < 50; round += 1) {
    const outcomes = await Promise.all([holdFolder(path, 0), holdFolder(path, 0), holdFolder(path, 0)]);
    const held = outcomes.filter((outcome) => outcome.kind === "held");
    expect(held).toHaveLength(1);
    expect(outcomes.filter((outcome) => outcome.kind === "taken" && outcome.by.includes("process"))).toHaveLength(2);
    for (const outcome of held) outcome.holding.release();
  }
  expect(readdirSync(path).filter((name) => name.startsWith("supervisor."))).toHaveLength(1);
});

test("holder: kill -9: the folder is free again at once", async () => {
  const path = folder();
  const script = `import("${new URL("./holder.ts", import.meta.url).href}").then(async (m) => { const o = await m.holdFolder(${JSON.stringify(path)}, 0); console.log(o.kind); process.stdin.resume(); })`;
  const child = spawn(process.execPath, ["--import", "tsx", "--input-type=module", "--eval", script], { stdio: ["pipe", "pipe", "pipe"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  const [said] = await once(child.stdout, "data");
  expect(String(said).trim()).toBe("held");
  const during = await holdFolder(path, 0);
  expect(during).toMatchObject({ kind: "taken", by: expect.stringContaining(`process ${child.pid}`) });
  child.kill("SIGKILL");
  await once(child, "exit");
  const after = await holdFolder(path, 0);
  expect(after.kind).toBe("held");
  if (after.kind === "held") after.holding.release();
});
