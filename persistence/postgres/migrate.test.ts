import { join } from "node:path";
import { expect, test } from "vitest";
import { MigrationFailed, packageRoot } from "./migrate.ts";

test("migrate: the package's folder is found from its sources and from what is compiled below dist", () => {
  const here = import.meta.dirname;
  const root = join(here, "..", "..");
  expect(packageRoot(here)).toBe(root);
  expect(packageRoot(join(root, "dist", "persistence", "postgres"))).toBe(root);
  expect(() => packageRoot("/")).toThrow(MigrationFailed);
});
