// `fairwarning auction create | get | list`: over the public API.
import { type Command, Option } from "commander";
import type { Auction, ListQuery, NewAuction } from "../../gateway/client/types.ts";
import { now } from "../clock.ts";
import { amountText, durationText, exponentOf, parseAmount, parseDuration } from "./amounts.ts";
import { CliFailure, EXIT } from "./exit.ts";
import type { Column, Output } from "./output.ts";
import { addCommonFlags, type CommonFlags, openSession } from "./session.ts";

interface CreateFlags extends CommonFlags {
  readonly title: string;
  readonly description?: string;
  readonly category?: string;
  readonly currency: string;
  readonly opening: string;
  readonly endsIn: string;
  readonly reserve?: string;
  readonly buyNow?: string;
  readonly softClose?: string;
  readonly key?: string;
}

interface ListFlags extends CommonFlags {
  readonly phase?: ListQuery["phase"] | "all";
  readonly category?: string;
  readonly limit: string;
}

/** Adds `auction create | get | list`; returns `auction`, so that more can be added below it. */
export function addAuction(program: Command): Command {
  const auction = program.command("auction").description("Create and read auctions.");
  addCreate(auction);
  addGet(auction);
  addList(auction);
  return auction;
}

function addCreate(auction: Command): void {
  addCommonFlags(auction.command("create"))
    .description("Open an auction now. Prints its id and the address of its page.")
    .requiredOption("--title <text>", "what is sold, in one line")
    .option("--description <text>", "more about it")
    .option("--category <word>", "what lists filter by")
    .requiredOption("--opening <amount>", "first asking price, in major units (12.50)")
    .option("--currency <code>", "ISO 4217 code", "USD")
    .requiredOption("--ends-in <duration>", "10m, 2h, 1h30m, 3d")
    .option("--reserve <amount>", "hidden minimum")
    .option("--buy-now <amount>", "price that ends it at once")
    .option("--soft-close <duration>", "a bid in the last <duration> leaves at least so much again")
    .option("--key <key>", "idempotency key: the same key creates nothing twice")
    .option("--user <id>", "seller to sign in as with the local key", "cli-seller")
    .addHelpText(
      "after",
      `
Examples:
  fairwarning auction create --title "Brass sextant" --opening 120 --currency GBP --ends-in 10m --soft-close 1m
  fairwarning auction create --title "Teapot" --opening 9000 --currency JPY --ends-in 2d --reserve 20000 --json`,
    )
    .action(create);
}

async function create(flags: CreateFlags): Promise<void> {
  const session = openSession(flags);
  const body = createBody(flags, now());
  await session.ask("seller", async (client) => {
    const answer = await client.auctions.create(body, flags.key);
    if (session.out.json) session.out.document(answer);
    else if (answer.verdict === "accepted") {
      session.out.line(answer.auctionId);
      session.out.talk(`${session.url}/auctions/${answer.auctionId}`);
    }
    if (answer.verdict === "rejected") throw new CliFailure(`Rejected: ${answer.code}.`, EXIT.rejected);
  });
}

/** The body of the create, amounts by the currency's digits. Throws CliFailure on wrong usage. */
export function createBody(flags: CreateFlags, at: number): NewAuction {
  const amount = (name: string, text: string): number => {
    const minor = parseAmount(text, flags.currency);
    if (minor === null)
      throw new CliFailure(`${name} is ${text}; wanted an amount in ${flags.currency} with at most ${exponentOf(flags.currency) ?? 0} decimals.`, EXIT.usage);
    return minor;
  };
  const duration = (name: string, text: string): number => {
    const ms = parseDuration(text);
    if (ms === null) throw new CliFailure(`${name} is ${text}; wanted a duration like 90s, 10m, 1h30m or 2d.`, EXIT.usage);
    return ms;
  };
  if (exponentOf(flags.currency) === null) throw new CliFailure(`--currency is ${flags.currency}; wanted an ISO 4217 code like USD.`, EXIT.usage);
  const window = flags.softClose === undefined ? null : duration("--soft-close", flags.softClose);
  return {
    lot: {
      title: flags.title,
      ...(flags.description === undefined ? {} : { description: flags.description }),
      ...(flags.category === undefined ? {} : { category: flags.category }),
    },
    currency: flags.currency,
    openingPriceMinor: amount("--opening", flags.opening),
    ...(flags.reserve === undefined ? {} : { reserveMinor: amount("--reserve", flags.reserve) }),
    ...(flags.buyNow === undefined ? {} : { buyNow: { priceMinor: amount("--buy-now", flags.buyNow) } }),
    ...(window === null ? {} : { softClose: { windowMs: window, amountMs: window, base: "bid" } }),
    opensAtMs: at,
    durationMs: duration("--ends-in", flags.endsIn),
  };
}

function addGet(auction: Command): void {
  addCommonFlags(auction.command("get"))
    .description("One auction as it stands.")
    .argument("<id>", "auction id")
    .addHelpText(
      "after",
      "\nExamples:\n  fairwarning auction get 3a7c1f0e-6d0a-8a51-8f0e-2d4f8b9f6a10\n  fairwarning auction get ID --json | jq .currentPriceMinor",
    )
    .action(async (id: string, flags: CommonFlags) => {
      const session = openSession(flags);
      await session.ask(null, async (client) => {
        const found = await client.auctions.get(id);
        if (session.out.json) session.out.document(found);
        else session.out.fields(auctionFields(found, now()));
      });
    });
}

function auctionFields(found: Auction, at: number): [string, string][] {
  const { currency } = found;
  const rows: [string, string][] = [
    ["auction", found.auctionId],
    ["title", found.lot?.title ?? "-"],
    ["phase", found.outcome ?? found.phase],
    ["price", amountText(found.currentPriceMinor, currency)],
    ["asking", amountText(found.askingPriceMinor, currency)],
    ["bids", `${found.totalBids} by ${found.bidders} bidders`],
    ["leader", found.leaderNumber === null ? "-" : `bidder ${found.leaderNumber}`],
    ["reserve", found.reserveMet === null ? "none" : found.reserveMet ? "met" : "not met"],
    ["buy now", amountText(found.buyNowMinor, currency)],
    [
      "ends",
      found.endsAtMs === null ? "-" : `${new Date(found.endsAtMs).toISOString()}${found.phase === "open" ? ` (in ${durationText(found.endsAtMs - at)})` : ""}`,
    ],
    ["extended", `${found.extensions.count} times`],
    ["place", `epoch ${found.epoch}, sequence ${found.sequence}`],
  ];
  if (found.hammer !== null)
    rows.push([
      "hammer",
      `${amountText(found.hammer.hammerPriceMinor, currency)}${found.hammer.winnerNumber === null ? "" : ` to bidder ${found.hammer.winnerNumber}`}`,
    ]);
  return rows;
}

const LIST_MAX = 1_000;

function addList(auction: Command): void {
  addCommonFlags(auction.command("list"))
    .description("Auctions, soonest end first.")
    .addOption(new Option("--phase <phase>", "which ones").choices(["draft", "scheduled", "open", "paused", "closed", "all"]).default("open"))
    .option("--category <word>", "only this category")
    .option("--limit <count>", "at most so many, 1 to 1000", "50")
    .addHelpText("after", "\nExamples:\n  fairwarning auction list\n  fairwarning auction list --phase closed --limit 10 --json")
    .action(async (flags: ListFlags) => {
      const limit = /^\d{1,4}$/.test(flags.limit) ? Number(flags.limit) : 0;
      if (limit < 1 || limit > LIST_MAX) throw new CliFailure(`--limit is ${flags.limit}; wanted 1 to ${LIST_MAX}.`, EXIT.usage);
      const session = openSession(flags);
      await session.ask(null, async (client) => {
        const phase = flags.phase === undefined || flags.phase === "all" ? {} : { phase: flags.phase };
        const found: Auction[] = [];
        const query = {
          ...phase,
          ...(flags.category === undefined ? {} : { category: flags.category }),
          sort: "ending_soon" as const,
          limit: Math.min(limit, 100),
        };
        for await (const one of client.auctions.list(query)) {
          found.push(one);
          if (found.length >= limit) break;
        }
        printList(session.out, found, now());
      });
    });
}

function printList(out: Output, found: readonly Auction[], at: number): void {
  if (out.json) out.document({ auctions: found });
  else if (found.length === 0) out.talk("No auctions.");
  else out.table(found, listColumns(at));
}

function listColumns(at: number): Column<Auction>[] {
  return [
    { head: "AUCTION", value: (auction) => auction.auctionId },
    { head: "TITLE", value: (auction) => (auction.lot?.title ?? "-").slice(0, 40) },
    { head: "PHASE", value: (auction) => auction.outcome ?? auction.phase },
    { head: "PRICE", value: (auction) => amountText(auction.currentPriceMinor, auction.currency), align: "right" },
    { head: "ASKING", value: (auction) => amountText(auction.askingPriceMinor, auction.currency), align: "right" },
    { head: "BIDS", value: (auction) => String(auction.totalBids), align: "right" },
    { head: "LEFT", value: (auction) => (auction.endsAtMs === null || auction.phase === "closed" ? "-" : durationText(auction.endsAtMs - at)), align: "right" },
  ];
}
