// What every command that speaks to a gateway needs: where it is, who asks, how it prints, how it ends.
//
// Must not: ask anything of anybody. Without a token and with a local key at hand it signs one, as only one machine's owner can.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import { WebSocket } from "ws";
import { faultLines } from "../../engine/settings-source.ts";
import { connect } from "../../gateway/client/client.ts";
import type { Client, WebSocketConstructor } from "../../gateway/client/types.ts";
import { LOCAL_KEY_FILE, loadOrCreateLocalKey, signToken } from "../../gateway/local-key.ts";
import { now } from "../clock.ts";
import { readCliSettings } from "./config.ts";
import { CliFailure, EXIT } from "./exit.ts";
import { makeOutput, type Output } from "./output.ts";

/** Flags that every command takes. */
export interface CommonFlags {
  readonly json?: boolean;
  readonly url?: string;
  readonly tokenFile?: string;
  readonly dataDir?: string;
  readonly timeout?: string;
  readonly user?: string;
}

export type Role = "bidder" | "seller";

export interface Session {
  readonly out: Output;
  readonly url: string;
  readonly dataDir: string;
  /** Issuer and audience that the gateway of the same settings checks. */
  readonly signedAs: { readonly issuer: string; readonly audience: string };
  /** Per call, ms. */
  readonly deadlineMs: number;
  /** Runs a call with a client that asks as `role`; null asks as nobody. The client is closed in any case. */
  ask(role: Role | null, call: (client: Client) => Promise<void>): Promise<void>;
}

const DEADLINE_DEFAULT_MS = 5_000;
const DEADLINE_MIN_MS = 100;
const DEADLINE_MAX_MS = 30_000;

/** Adds the flags that every command takes. */
export function addCommonFlags(command: Command): Command {
  return command
    .option("--json", "one JSON document on stdout; with a command that goes on, one a line")
    .option("--url <url>", "gateway to speak to (default: http://localhost:8080)")
    .option("--token-file <path>", "file with the token to ask with")
    .option("--data-dir <path>", "data folder of this machine's system (default: ./data)")
    .option("--timeout <ms>", "how long to go on asking, 100 to 30000 (default: 5000)")
    .option("--no-color", "no colours");
}

/** Reads flags and settings. Throws CliFailure with all faults at once. */
export function openSession(flags: CommonFlags): Session {
  const loaded = readCliSettings({ url: flags.url, dataDir: flags.dataDir, token: flags.tokenFile === undefined ? undefined : tokenIn(flags.tokenFile) });
  if (!loaded.ok) throw new CliFailure(faultLines(loaded.faults).join("\n"), EXIT.usage);
  const { url, dataDir, token, jwtIssuer, jwtAudience } = loaded.settings;
  const signedAs = { issuer: jwtIssuer, audience: jwtAudience };
  const deadlineMs = deadlineOf(flags.timeout);
  return {
    out: makeOutput(flags.json === true),
    url,
    dataDir,
    signedAs,
    deadlineMs,
    ask: async (role, call) => {
      const webSocket = WebSocket as unknown as WebSocketConstructor;
      const asWhom = role === null ? {} : { token: token ?? (await localToken({ dataDir, signedAs, role, userId: flags.user ?? `cli-${role}` })) };
      const client = connect({ url, deadlineMs, webSocket, ...asWhom });
      try {
        await call(client);
      } catch (error) {
        throw codeOf(error) === "not_connected"
          ? new CliFailure(`Nothing answers at ${url}. Is the system running? --url names another gateway.`, EXIT.unreached)
          : error;
      } finally {
        await client.close();
      }
    },
  };
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : null;
}

function tokenIn(path: string): string {
  try {
    return readFileSync(path, "utf8").trim();
  } catch (error) {
    throw new CliFailure(`The token file ${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`, EXIT.usage);
  }
}

async function localToken(of: { dataDir: string; signedAs: Session["signedAs"]; role: Role; userId: string }): Promise<string> {
  const { dataDir, signedAs, role, userId } = of;
  if (!existsSync(join(dataDir, LOCAL_KEY_FILE))) {
    throw new CliFailure(`This needs a token: give --token-file, or --data-dir of a system on this machine (${dataDir} holds no key).`, EXIT.notAllowed);
  }
  return signToken(await loadOrCreateLocalKey(dataDir), { userId, name: userId, roles: [role], tier: "enterprise" }, { now: now(), ...signedAs });
}

function deadlineOf(text: string | undefined): number {
  if (text === undefined) return DEADLINE_DEFAULT_MS;
  const value = /^\d{1,6}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= DEADLINE_MIN_MS && value <= DEADLINE_MAX_MS) return value;
  throw new CliFailure(`--timeout is ${text}; wanted ${DEADLINE_MIN_MS} to ${DEADLINE_MAX_MS} ms.`, EXIT.usage);
}
