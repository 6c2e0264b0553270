// `fairwarning config print | env`: what holds on this machine and where it comes from, secrets masked.
import { readFileSync } from "node:fs";
import type { Command } from "commander";
import { describeSettings, faultLines, loadSettings, printableSettings } from "../../engine/settings-source.ts";
import { everySetting, settingGroups } from "../all-settings.ts";
import { settingSources } from "./config.ts";
import { CliFailure, EXIT } from "./exit.ts";
import { makeOutput } from "./output.ts";

interface PrintFlags {
  readonly json?: boolean;
  readonly all?: boolean;
}

/** Adds `config print | env`. */
export function addConfig(program: Command): void {
  const config = program.command("config").description("Settings: what holds, and what there is.");
  config
    .command("print")
    .description("Settings with their source, secrets masked; mistakes and unknown names are told.")
    .option("--json", "one JSON document")
    .option("--all", "also those that have their default")
    .addHelpText("after", "\nExamples:\n  fairwarning config print\n  fairwarning config print --all --json")
    .action(print);
  config
    .command("env")
    .description("A .env file with every setting, its default and its meaning, all commented out.")
    .addHelpText("after", "\nExamples:\n  fairwarning config env > .env")
    .action(() => makeOutput(false).line(envExample()));
}

function print(flags: PrintFlags): void {
  const out = makeOutput(flags.json === true);
  const { environment, dotenv } = settingSources();
  const schema = everySetting();
  const readFile = (path: string): string => readFileSync(path, "utf8");
  const loaded = loadSettings({ schema, environment, ...(dotenv === undefined ? {} : { dotenv }), readFile });
  for (const warning of loaded.warnings) out.talk(`warning: ${warning}`);
  if (!loaded.ok) throw new CliFailure(faultLines(loaded.faults).join("\n"), EXIT.usage);
  const rows = printableSettings(schema, loaded).filter((row) => flags.all === true || row.source !== "default");
  if (out.json) out.document({ settings: rows, warnings: loaded.warnings });
  else if (rows.length === 0) out.talk("Every setting has its default; --all shows them.");
  else {
    out.table(rows, [
      { head: "SETTING", value: (row) => row.name },
      { head: "VALUE", value: (row) => row.value },
      { head: "SOURCE", value: (row) => row.source },
    ]);
  }
}

function envExample(): string {
  const blocks = settingGroups().map(({ title, schema }) => {
    const lines = describeSettings(schema).flatMap((row) => [
      `# ${row.meaning}${row.unit === "-" ? "" : ` (${row.unit})`}. Default: ${row.default}`,
      `#${row.name}=`,
    ]);
    return [`# ${title}`, ...lines].join("\n");
  });
  return blocks.join("\n\n");
}
