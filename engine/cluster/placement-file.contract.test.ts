// The placement's file on a real disk.
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { PLACEMENT_BYTES_MAX } from "./placement.ts";
import { placementFile } from "./placement-file.ts";

const TEXT = '{"version": 1, "shards": {"0": ["ash"]}}';

test("placement file: on a disk a file is read, one that is too long is not, and a replaced one is noticed", async () => {
  const dir = mkdtempSync(join(tmpdir(), "fairwarning-placement-"));
  try {
    const path = join(dir, "placement.json");
    writeFileSync(path, TEXT);
    const source = placementFile(path);
    expect(source.read()).toBe(TEXT);
    const changed = new Promise<void>((resolve) => {
      const end = source.watch(() => {
        end();
        resolve();
      });
    });
    writeFileSync(`${path}.new`, "x".repeat(PLACEMENT_BYTES_MAX + 1));
    renameSync(`${path}.new`, path);
    await changed;
    expect(() => source.read()).toThrow(/more than/);
  } finally {
    rmSync(dir, { recursive: true });
  }
});
