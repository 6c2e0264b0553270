import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { ensureFolder, FolderUnusable, forgetAll, openFolder, roomIn } from "./folder.ts";
import { openProcessLog } from "./process-log.ts";

const PLAIN = { demo: null, production: false, at: 0, log: "local" } as const;

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "fairwarning-folder-"));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

test("folder: first start: demo and link key are made once and kept", () => {
  const path = folder();
  const first = openFolder(path, PLAIN);
  expect(first).toMatchObject({ first: true, demo: true });
  const key = readFileSync(first.linkKeyFile, "utf8");
  expect(statSync(first.linkKeyFile).mode & 0o077).toBe(0);
  mkdirSync(join(path, "log"));
  expect(openFolder(path, PLAIN)).toMatchObject({ first: false, demo: true });
  expect(readFileSync(first.linkKeyFile, "utf8")).toBe(key);
});

test("folder: demo: a folder made without stays without until it is asked for; production never has one", () => {
  const path = folder();
  expect(openFolder(path, { ...PLAIN, demo: false }).demo).toBe(false);
  expect(openFolder(path, PLAIN).demo).toBe(false);
  expect(openFolder(path, { ...PLAIN, demo: true }).demo).toBe(true);
  expect(openFolder(path, { ...PLAIN, demo: true, production: true }).demo).toBe(false);
});

test.each(["not json", "{}", '{"madeAt":1,"demo":true}'])("folder: strangers: a system.json that says %s is refused with what to do", (content) => {
  const path = folder();
  writeFileSync(join(path, "system.json"), content);
  expect(() => openFolder(path, PLAIN)).toThrow(FolderUnusable);
});

test("folder: strangers: a file in its place is refused", () => {
  const path = join(folder(), "file");
  writeFileSync(path, "");
  expect(() => ensureFolder(path)).toThrow(/not a folder/);
});

test("folder: fresh: what is ours goes, what is not stays, and a folder that never was ours is left alone", () => {
  const path = folder();
  writeFileSync(join(path, "notes.txt"), "mine");
  mkdirSync(join(path, "log"));
  forgetAll(path);
  expect(existsSync(join(path, "log"))).toBe(true);
  openFolder(path, PLAIN);
  forgetAll(path);
  expect(["log", "system.json", "link-key", "logs"].filter((name) => existsSync(join(path, name)))).toEqual([]);
  expect(existsSync(join(path, "notes.txt"))).toBe(true);
});

test("folder: other log: a folder that was run with another decision log says so once, with the command that moves it", () => {
  const path = folder();
  expect(openFolder(path, { ...PLAIN, log: "kafka" })).toMatchObject({ first: true, otherLog: null });
  expect(openFolder(path, { ...PLAIN, log: "kafka" })).toMatchObject({ first: false, otherLog: null });
  expect(openFolder(path, PLAIN)).toMatchObject({ first: true, otherLog: expect.stringContaining(`fairwarning log copy --from kafka --to local:${path}`) });
  mkdirSync(join(path, "log"));
  expect(openFolder(path, PLAIN)).toMatchObject({ first: false, otherLog: null });
  expect(openFolder(path, { ...PLAIN, log: "kafka" }).otherLog).toContain(`fairwarning log copy --from local:${path} --to kafka`);
});

test("folder: room: below the reserve it is low", () => {
  const path = folder();
  expect(roomIn(path, 0).state).toBe("ok");
  expect(roomIn(path, Number.MAX_SAFE_INTEGER).state).toBe("low");
});

test("process log: at its limit it begins anew and keeps one earlier file", () => {
  const path = join(folder(), "engine.log");
  const log = openProcessLog(path, 10);
  for (const text of ["first line", "second line", "third"]) log.add(text);
  log.close();
  expect(readFileSync(`${path}.1`, "utf8")).toBe("second line\n");
  expect(readFileSync(path, "utf8")).toBe("third\n");
});
