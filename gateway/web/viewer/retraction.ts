// Which of one's bids could be taken back now, as the auction's rules say. Only a hint of what to show: the engine decides.
import type { AuctionView } from "../../client/client.ts";

/** `all`: early, every live bid goes. `newest`: late, only the newest, and an earlier maximum stands again. */
export type Retractable = "all" | "newest" | "none";

/** `newestAtMs`: server time of one's newest bid, null when it is not known; then only an early retraction is offered. */
export function retractable(view: AuctionView, newestAtMs: number | null, serverNowMs: number): Retractable {
  const { retraction } = view.auction;
  const { you } = view;
  if (retraction == null || retraction.reasons.length === 0 || view.phase !== "open") return "none";
  if (you === null || (you.highestBidMinor === null && you.maximumMinor === null)) return "none";
  if (you.leading && !retraction.leaderMay) return "none";
  if (view.remainingMs() >= retraction.earlyMs) return "all";
  return newestAtMs !== null && serverNowMs - newestAtMs <= retraction.lateGraceMs ? "newest" : "none";
}

/** Server time of one's newest live bid among the rows that are held, or null. */
export function newestOwnAtMs(view: AuctionView): number | null {
  const number = view.you?.bidderNumber ?? null;
  const row = view.bids.find((bid) => bid.bidderNumber === number && bid.kind === "bid" && bid.gone === null);
  return row?.atMs ?? null;
}
