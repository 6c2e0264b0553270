// `fairwarning token`: signs a token with the key of this machine's data folder.
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import { LOCAL_KEY_FILE, loadOrCreateLocalKey, signToken, TOKEN_LIFETIME_MAX_S } from "../../gateway/local-key.ts";
import { now } from "../clock.ts";
import { parseDuration } from "./amounts.ts";
import { CliFailure, EXIT } from "./exit.ts";
import { addCommonFlags, type CommonFlags, openSession } from "./session.ts";

interface TokenFlags extends CommonFlags {
  readonly user: string;
  readonly tier: string;
  readonly roles: string;
  readonly for: string;
}

const ROLES = ["bidder", "seller", "operator", "auditor"];
const TIERS = ["free", "premium", "enterprise"];
const USER_ID = /^[\x21-\x7e]{1,64}$/;

/** Adds `token`. */
export function addToken(program: Command): void {
  addCommonFlags(program.command("token"))
    .description("Sign a token with the local key. Works on one machine, where the gateway trusts that key.")
    .requiredOption("--user <id>", "user id, 1 to 64 printable ASCII characters")
    .option("--tier <tier>", `one of ${TIERS.join(", ")}`, "free")
    .option("--roles <roles>", `of ${ROLES.join(", ")}, parted by commas`, "bidder")
    .option("--for <duration>", "how long it is good for, at most 1h", "1h")
    .addHelpText(
      "after",
      "\nExamples:\n  fairwarning token --user ann > ann.token\n  fairwarning token --user house --roles seller,bidder --tier enterprise --for 10m",
    )
    .action(token);
}

async function token(flags: TokenFlags): Promise<void> {
  const session = openSession(flags);
  const roles = flags.roles.split(",").map((role) => role.trim());
  const strange = roles.filter((role) => !ROLES.includes(role));
  const lifetimeMs = parseDuration(flags.for);
  const faults = [
    ...(USER_ID.test(flags.user) ? [] : ["--user wants 1 to 64 printable ASCII characters without blanks."]),
    ...(TIERS.includes(flags.tier) ? [] : [`--tier is ${flags.tier}; wanted one of ${TIERS.join(", ")}.`]),
    ...(strange.length === 0 ? [] : [`--roles names ${strange.join(", ")}; wanted some of ${ROLES.join(", ")}.`]),
    ...(lifetimeMs !== null && lifetimeMs >= 1_000 && lifetimeMs <= TOKEN_LIFETIME_MAX_S * 1_000 ? [] : [`--for is ${flags.for}; wanted 1s to 1h.`]),
  ];
  if (faults.length > 0 || lifetimeMs === null) throw new CliFailure(faults.join("\n"), EXIT.usage);
  if (!existsSync(join(session.dataDir, LOCAL_KEY_FILE))) {
    throw new CliFailure(`${session.dataDir} holds no key: start the system once, or name its folder with --data-dir.`, EXIT.notFound);
  }
  const lifetimeS = Math.floor(lifetimeMs / 1_000);
  const at = now();
  const signed = await signToken(
    await loadOrCreateLocalKey(session.dataDir),
    { userId: flags.user, tier: flags.tier, roles },
    { now: at, lifetimeS, ...session.signedAs },
  );
  if (session.out.json)
    session.out.document({ token: signed, userId: flags.user, tier: flags.tier, roles, expiresAt: new Date(at + lifetimeS * 1_000).toISOString() });
  else session.out.line(signed);
}
