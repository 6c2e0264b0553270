// The OpenAPI document before a linter that others trust.
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { packageRoot } from "../files.ts";
import { testSystem } from "./test-system.ts";

test("openapi: lint: the document has neither errors nor warnings", async () => {
  const folder = mkdtempSync(join(tmpdir(), "fairwarning-openapi-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, "openapi.json");
  const system = await testSystem();
  writeFileSync(file, (await system.call("GET", "/openapi.json")).text);
  const linter = join(packageRoot(), "node_modules/@redocly/cli/bin/cli.js");
  const said = await new Promise<{ failed: boolean; report: string }>((resolve) => {
    const environment = { ...process.env, REDOCLY_TELEMETRY: "off", REDOCLY_SUPPRESS_UPDATE_NOTICE: "true" };
    execFile(process.execPath, [linter, "lint", "--format", "json", file], { env: environment }, (error, report) =>
      resolve({ failed: error !== null, report }),
    );
  });
  const { totals } = JSON.parse(said.report.slice(said.report.indexOf("{"))) as { totals: { errors: number; warnings: number } };
  expect(totals).toMatchObject({ errors: 0, warnings: 0 });
  expect(said.failed).toBe(false);
});
