// `fairwarning auction log ID`: the decisions of one auction, read from the log itself, so it works when nothing runs.
import type { Command } from "commander";
import type { Decision } from "../../engine/core/decision.ts";
import { amountText } from "./amounts.ts";
import { CliFailure, EXIT } from "./exit.ts";
import { decisionsOf, type PlacedDecision } from "./log.ts";
import { decisionDocument, maskedBody, SECRET } from "./log-lines.ts";
import { addCommonFlags, type CommonFlags, openSession } from "./session.ts";

interface LogFlags extends CommonFlags {
  readonly from: string;
  readonly limit: string;
  readonly kafka?: string;
  readonly topic?: string;
  readonly secrets?: boolean;
}

/** Adds `auction log` below `auction`. */
export function addAuctionLog(auction: Command): void {
  addCommonFlags(auction.command("log"))
    .description("Every decision on one auction, oldest first, rejections too. Reads the log itself; secrets are masked.")
    .argument("<id>", "auction id")
    .option("--from <sequence>", "first sequence", "1")
    .option("--limit <count>", "decisions at most", "1000")
    .option("--kafka <brokers>", "host:port, ... of the brokers that keep the log (default: FAIRWARNING_KAFKA_BROKERS)")
    .option("--topic <name>", "topic of the log (default: FAIRWARNING_KAFKA_TOPIC)")
    .option("--secrets", "show maximums, reserves and limits too")
    .addHelpText(
      "after",
      "\nExamples:\n  fairwarning auction log 3a7c1f0e-6d0a-8a51-8f0e-2d4f8b9f6a10\n  fairwarning auction log ID --from 100 --limit 20 --json",
    )
    .action(auctionLog);
}

async function auctionLog(id: string, flags: LogFlags): Promise<void> {
  const session = openSession(flags);
  const from = countOf("--from", flags.from);
  const limit = countOf("--limit", flags.limit);
  const lines: PlacedDecision[] = [];
  let seen = 0;
  const { where, decisions, close } = await decisionsOf(flags, id);
  try {
    for await (const line of decisions) {
      seen += 1;
      if (line.decision.sequence < from) continue;
      if (lines.length >= limit) break;
      lines.push(line);
    }
  } finally {
    await close();
  }
  if (seen === 0) throw new CliFailure(`The log in ${where} knows no auction ${id}.`, EXIT.notFound);
  const secrets = flags.secrets === true;
  if (session.out.json) {
    session.out.document({ decisions: lines.map(({ lsn, decision }) => decisionDocument(decision, lsn, secrets)) });
    return;
  }
  const currency = currencyOf(lines);
  session.out.table(lines, [
    { head: "SEQ", value: ({ decision }) => String(decision.sequence), align: "right" },
    { head: "AT", value: ({ decision }) => new Date(decision.at).toISOString() },
    { head: "WHO", value: ({ decision }) => decision.command.issuerId },
    { head: "COMMAND", value: ({ decision }) => commandText(decision, currency, secrets) },
    { head: "RULING", value: ({ decision }) => (decision.verdict === "accepted" ? decision.code : `rejected ${decision.code}`) },
    { head: "PRICE", value: ({ decision }) => (decision.effects.standing === null ? "" : moneyOf(decision.effects.standing.price, currency)), align: "right" },
    { head: "LSN", value: ({ lsn }) => String(lsn), align: "right" },
  ]);
}

/** Of the create, where it is among the lines; a bid names it too. */
function currencyOf(lines: readonly PlacedDecision[]): string | null {
  for (const { decision } of lines) {
    const { body } = decision.command;
    if (body.type === "create" && typeof body.settings.currency === "string") return body.settings.currency;
    if ("currency" in body) return body.currency;
  }
  return null;
}

function moneyOf(minor: number | null, currency: string | null): string {
  if (currency !== null) return amountText(minor, currency);
  return minor === null ? "-" : `${minor} minor units`;
}

function commandText(decision: Decision, currency: string | null, secrets: boolean): string {
  const { body } = decision.command;
  if (!("amount" in body)) return body.type;
  const shown = secrets ? body : maskedBody(body);
  return `${body.type} ${"amount" in shown && typeof shown.amount === "number" ? moneyOf(shown.amount, currency) : SECRET}`;
}

function countOf(name: string, text: string): number {
  const value = /^\d{1,15}$/.test(text) ? Number(text) : 0;
  if (value >= 1) return value;
  throw new CliFailure(`${name} is ${text}; wanted a whole number from 1.`, EXIT.usage);
}
