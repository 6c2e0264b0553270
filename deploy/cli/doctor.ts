// `fairwarning doctor`: checks of this machine, each with what was found, what is wanted and how to mend it.
import type { Command } from "commander";
import { readEngineSettings } from "../../engine/config.ts";
import { faultLines } from "../../engine/settings-source.ts";
import { readSupervisorSettings } from "../standalone/config.ts";
import { type Check, runChecks } from "./doctor-checks.ts";
import { kafkaChecks } from "./doctor-kafka.ts";
import { CliFailure, EXIT } from "./exit.ts";
import { makeOutput } from "./output.ts";

interface DoctorFlags {
  readonly json?: boolean;
  readonly dataDir?: string;
}

const MARKS = { ok: "ok", warn: "warn", fail: "FAIL", unseen: "not checked" } as const;

/** Adds `doctor`. */
export function addDoctor(program: Command): void {
  program
    .command("doctor")
    .description(
      "Check this machine: versions, folder, disk, ports, Postgres, clock, and Kafka where it keeps the log. Changes nothing but a scratch file of 4 KB.",
    )
    .option("--json", "one JSON document")
    .option("--data-dir <path>", "data folder (default: ./data)")
    .addHelpText(
      "after",
      "\nExamples:\n  fairwarning doctor\n  fairwarning doctor --data-dir /srv/auctions --json\n\nExit codes: 0 all well (warnings too), 8 a check failed.",
    )
    .action(doctor);
}

async function doctor(flags: DoctorFlags): Promise<void> {
  const out = makeOutput(flags.json === true);
  const supervisor = readSupervisorSettings({ dataDir: flags.dataDir });
  const engine = readEngineSettings({ dataDir: flags.dataDir });
  const faults = [...(supervisor.ok ? [] : supervisor.faults), ...(engine.ok ? [] : engine.faults)];
  if (!supervisor.ok || !engine.ok) throw new CliFailure([...new Set(faultLines(faults))].join("\n"), EXIT.usage);
  const machine = await runChecks({ supervisor: supervisor.settings, engine: engine.settings });
  const checks = [...machine, ...(await kafkaChecks(engine.settings))];
  const failed = checks.filter((check) => check.state === "fail").length;
  if (out.json) out.document({ ok: failed === 0, checks });
  else printChecks(checks, out);
  if (failed > 0) throw new CliFailure(`${failed} of ${checks.length} checks failed.`, EXIT.checkFailed);
}

function printChecks(checks: readonly Check[], out: ReturnType<typeof makeOutput>): void {
  out.table(checks, [
    { head: "", value: (check) => MARKS[check.state] },
    { head: "CHECK", value: (check) => check.name },
    { head: "FOUND", value: (check) => check.found },
    { head: "WANTED", value: (check) => check.wanted },
  ]);
  for (const check of checks) if (check.state !== "ok" && check.fix !== "") out.line(`  ${check.name}: ${check.fix}`);
}
