// `fairwarning bid ID AMOUNT`: one bid over HTTP, with its key said when nothing is known of it.
import type { Command } from "commander";
import { amountText, parseAmount } from "./amounts.ts";
import { CliFailure, EXIT } from "./exit.ts";
import { addCommonFlags, type CommonFlags, openSession } from "./session.ts";

interface BidFlags extends CommonFlags {
  readonly flat?: boolean;
  readonly key?: string;
}

/** Adds `bid`. */
export function addBid(program: Command): void {
  addCommonFlags(program.command("bid"))
    .description("Place a bid: a maximum, up to which the engine bids for you, or with --flat this price now.")
    .argument("<id>", "auction id")
    .argument("<amount>", "in major units of the auction's currency (12.50)")
    .option("--flat", "bid this price now")
    .option("--key <key>", "idempotency key: the same key is the same bid, however often it is sent")
    .option("--user <id>", "bidder to sign in as with the local key", "cli-bidder")
    .addHelpText(
      "after",
      `
Examples:
  fairwarning bid 3a7c1f0e-6d0a-8a51-8f0e-2d4f8b9f6a10 150
  fairwarning bid ID 152.50 --flat --user ann --json

Exit codes: 0 taken (leading or outbid), 4 rejected, 7 nothing is known: send it again with the key that is printed.`,
    )
    .action(bid);
}

async function bid(id: string, amount: string, flags: BidFlags): Promise<void> {
  const session = openSession(flags);
  await session.ask("bidder", async (client) => {
    const { currency } = await client.auctions.get(id);
    const amountMinor = parseAmount(amount, currency);
    if (amountMinor === null)
      throw new CliFailure(`The amount is ${amount}; wanted a number like ${currency === "JPY" ? "1500" : "12.50"} in ${currency}.`, EXIT.usage);
    const answer = await client.placeBid(
      { auctionId: id, amountMinor, currency, kind: flags.flat === true ? "flat" : "maximum", ...(flags.key === undefined ? {} : { key: flags.key }) },
      { via: "http", deadlineMs: session.deadlineMs },
    );
    if (session.out.json) session.out.document(answer);
    else {
      session.out.fields([
        ["answer", `${answer.verdict} ${answer.code}`],
        ["price", amountText(answer.currentPriceMinor, currency)],
        ["asking", amountText(answer.askingPriceMinor, currency)],
        ["sequence", String(answer.sequence)],
        ["key", answer.key],
      ]);
    }
    if (answer.verdict === "rejected") throw new CliFailure(`Rejected: ${answer.code}.`, EXIT.rejected);
  });
}
