import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { fillOnce } from "./fill-once.ts";

function place(): string {
  const folder = mkdtempSync(join(tmpdir(), "fairwarning-fill-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

test("fill once: two at once: one fills, both find it whole, and nothing else is left", async () => {
  const within = place();
  const folder = join(within, "wanted");
  let fills = 0;
  const fill = async (filling: string): Promise<void> => {
    fills += 1;
    expect(readdirSync(within)).not.toContain("wanted");
    writeFileSync(join(filling, "content"), "whole");
  };
  await Promise.all([fillOnce(folder, fill), fillOnce(folder, fill)]);
  expect([fills, readFileSync(join(folder, "content"), "utf8"), readdirSync(within)]).toEqual([1, "whole", ["wanted"]]);
});

test("fill once: a failure: it is told, leaves nothing, and the next one may try", async () => {
  const within = place();
  const folder = join(within, "wanted");
  await expect(fillOnce(folder, () => Promise.reject(new Error("no network")))).rejects.toThrow("no network");
  expect(readdirSync(within)).toEqual([]);
  await fillOnce(folder, () => Promise.resolve());
  expect(readdirSync(within)).toEqual(["wanted"]);
});

test("fill once: a death: who died while filling is replaced", async () => {
  const within = place();
  const folder = join(within, "wanted");
  const dead = spawn("true", { stdio: "ignore" });
  await once(dead, "exit");
  writeFileSync(`${folder}.filling`, String(dead.pid));
  await fillOnce(folder, () => Promise.resolve());
  expect(readdirSync(within)).toEqual(["wanted"]);
});
