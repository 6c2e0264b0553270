// The key file of one machine: made once, whoever comes first, readable by its owner alone.
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { LOCAL_KEY_FILE, loadOrCreateLocalKey } from "./local-key.ts";

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "fairwarning-key-"));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

test("local key: first start: two that start together agree on one key, and nothing else is left", async () => {
  const path = join(folder(), "data");
  const keys = await Promise.all(Array.from({ length: 8 }, () => loadOrCreateLocalKey(path)));
  expect(new Set(keys.map((key) => key.kid)).size).toBe(1);
  expect(readdirSync(path)).toEqual([LOCAL_KEY_FILE]);
  expect(statSync(join(path, LOCAL_KEY_FILE)).mode & 0o777).toBe(0o600);
  expect(await loadOrCreateLocalKey(path)).toEqual(keys[0]);
});

test("local key: damaged: a file that is no key is never replaced silently", async () => {
  const path = folder();
  writeFileSync(join(path, LOCAL_KEY_FILE), '{"kty":"RSA"}');
  await expect(loadOrCreateLocalKey(path)).rejects.toThrow("not an Ed25519 key");
  writeFileSync(join(path, LOCAL_KEY_FILE), "");
  await expect(loadOrCreateLocalKey(path)).rejects.toThrow("not an Ed25519 key");
});
