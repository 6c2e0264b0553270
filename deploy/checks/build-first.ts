// Before whole-process tests: brings dist up to date, because processes run from dist and never through a loader.
import { spawnSync } from "node:child_process";

/** Called by vitest once per run. Throws with the compiler's output when the source does not build. */
export function setup(): void {
  const built = spawnSync("npm", ["run", "--silent", "build"], { encoding: "utf8" });
  if (built.status !== 0) throw new Error(`The build failed:\n${built.stdout}${built.stderr}`);
}
