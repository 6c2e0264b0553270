// `fairwarning watch ID...`: live prices until every watched auction has ended, or Ctrl-C.
import type { Command } from "commander";
import type { AuctionView, Client } from "../../gateway/client/types.ts";
import { amountText, durationText } from "./amounts.ts";
import { CliFailure, EXIT } from "./exit.ts";
import type { Output } from "./output.ts";
import { addCommonFlags, type CommonFlags, openSession } from "./session.ts";

/** Adds `watch`. */
export function addWatch(program: Command): void {
  addCommonFlags(program.command("watch"))
    .description("Live prices of auctions, a line a change, until all have ended.")
    .argument("<id...>", "auction ids")
    .addHelpText("after", "\nExamples:\n  fairwarning watch 3a7c1f0e-6d0a-8a51-8f0e-2d4f8b9f6a10\n  fairwarning watch ID ID --json")
    .action(watch);
}

async function watch(ids: readonly string[], flags: CommonFlags): Promise<void> {
  const session = openSession(flags);
  await session.ask(null, async (client) => {
    // Asked first, so that an unknown id is told at once and with its exit code.
    for (const id of ids) await client.auctions.get(id);
    if (await untilEnded(client, ids, session.out)) throw new CliFailure("Interrupted.", EXIT.interrupted);
  });
}

/** Resolves when all have ended (false) or on Ctrl-C (true). */
function untilEnded(client: Client, ids: readonly string[], out: Output): Promise<boolean> {
  const open = new Set(ids);
  return new Promise((resolve, reject) => {
    process.once("SIGINT", () => resolve(true));
    client.on("state", ({ now, why }) => {
      if (now === "failed") reject(new CliFailure(`The connection was closed for good: ${why}.`, EXIT.unreached));
      else if (now === "waiting" || now === "polling") out.talk(`${now}: ${why}`);
    });
    for (const id of ids) {
      client.watch(id, (view) => {
        print(out, view);
        if (view.phase === "closed") open.delete(id);
        if (open.size === 0) resolve(false);
      });
    }
  });
}

function print(out: Output, view: AuctionView): void {
  const { auction } = view;
  if (out.json) {
    const { ageMs: _age, remainingMs: _left, ...plain } = view;
    out.document({ ...plain, stale: view.stale, remainingMs: view.remainingMs() });
    return;
  }
  const leader = view.leaderNumber === null ? "no bid" : `bidder ${view.leaderNumber}`;
  const time = view.phase === "closed" ? (view.outcome ?? "closed") : `${durationText(view.remainingMs())} left${view.stale ? ", stale" : ""}`;
  const parts = [
    view.auctionId.slice(0, 8),
    amountText(view.currentPriceMinor, auction.currency),
    leader,
    `asking ${amountText(view.askingPriceMinor, auction.currency)}`,
    `${view.totalBids} bids`,
    time,
  ];
  out.line(parts.join("  "));
}
