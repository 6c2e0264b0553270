// The command line: wires the commands, turns every outcome into an exit code. Data goes to stdout, talk to stderr.
import { Command, CommanderError } from "commander";
import { addAuction } from "./auction.ts";
import { addAuctionLog } from "./auction-log.ts";
import { addBid } from "./bid.ts";
import { addConfig } from "./config-print.ts";
import { addDoctor } from "./doctor.ts";
import { EXIT, failureOf } from "./exit.ts";
import { addLog } from "./log.ts";
import { addTopics } from "./log-topics.ts";
import { addStart } from "./start.ts";
import { addToken } from "./token.ts";
import { addWatch } from "./watch.ts";

/** The whole command line, ready to parse. */
export function makeProgram(): Command {
  const program = new Command("fairwarning")
    .description("Live auctions that lose nothing: start the system, bid, watch, look into it.")
    .showHelpAfterError("(--help shows how)")
    .exitOverride()
    .addHelpText(
      "after",
      `
Examples:
  fairwarning start --bidders 20
  fairwarning auction list
  fairwarning bid ID 12.50
  fairwarning doctor

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 not found, 4 rejected by the rules, 5 something else is there or runs, 6 not allowed, 7 not reachable or unknown,
8 a check failed, 130 interrupted.`,
    );
  addStart(program);
  addAuctionLog(addAuction(program));
  addBid(program);
  addWatch(program);
  addLog(program);
  addTopics(program);
  addToken(program);
  addConfig(program);
  addDoctor(program);
  return program;
}

/** Runs one command line (without node and script) and returns its exit code. */
export async function runCommandLine(args: readonly string[]): Promise<number> {
  process.stdout.on("error", quitOnClosedPipe);
  try {
    await makeProgram().parseAsync([...args], { from: "user" });
    return typeof process.exitCode === "number" ? process.exitCode : EXIT.done;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
    const failure = failureOf(error);
    process.stderr.write(`${failure.message}\n`);
    return failure.exitCode;
  }
}

/** `| head` closes the pipe: the reader has what it wanted. */
function quitOnClosedPipe(error: Error): void {
  if ("code" in error && error.code === "EPIPE") process.exit(EXIT.done);
  throw error;
}
