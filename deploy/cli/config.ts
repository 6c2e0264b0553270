// Settings of the command line: flags, FAIRWARNING_*, ./.env, defaults. The one file of the CLI that reads the environment.
import { readFileSync } from "node:fs";
import { z } from "zod";
import { processFields } from "../../engine/process-settings.ts";
import { loadSettings, optional, type SettingsLoaded, type SettingsRefused, text } from "../../engine/settings-source.ts";
import { gatewaySchema } from "../../gateway/config.ts";

export const cliSchema = z.object({
  dataDir: processFields.dataDir,
  jwtIssuer: gatewaySchema.shape.jwtIssuer,
  jwtAudience: gatewaySchema.shape.jwtAudience,
  url: text({
    default: "http://localhost:8080",
    unit: "URL",
    meaning: "gateway that the command line speaks to",
    pattern: /^https?:\/\//,
    wanted: "an http or https address",
  }),
  token: optional(
    text({
      defaultText: "signed with the local key",
      unit: "-",
      meaning: "token of the command line; a file by FAIRWARNING_TOKEN_FILE or --token-file",
      secret: true,
    }),
  ),
});

export type CliSettings = z.output<typeof cliSchema>;

/** What holds for this run, or all faults. Unknown names are not warned of here: `config print` does that. */
export function readCliSettings(flags: Readonly<Record<string, string | undefined>>): SettingsLoaded<CliSettings> | SettingsRefused {
  const dotenv = dotenvText();
  return loadSettings({
    schema: cliSchema,
    environment: process.env,
    flags,
    ...(dotenv === undefined ? {} : { dotenv }),
    readFile: (path) => readFileSync(path, "utf8"),
    foreign: () => true,
  });
}

/** Environment and `.env` as they are, for commands that resolve the settings of other processes. */
export function settingSources(): { readonly environment: Readonly<Record<string, string | undefined>>; readonly dotenv: string | undefined } {
  return { environment: process.env, dotenv: dotenvText() };
}

function dotenvText(): string | undefined {
  try {
    return readFileSync(".env", "utf8");
  } catch {
    // No .env is the usual case.
    return undefined;
  }
}
