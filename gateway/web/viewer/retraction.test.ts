import { expect, test } from "vitest";
import type { AuctionView, Bid, Retraction, Standing } from "../../client/client.ts";
import { newestOwnAtMs, retractable } from "./retraction.ts";

const HOUR = 3_600_000;
const NOW = 1_700_000_000_000;
const RULES: Retraction = { earlyMs: 12 * HOUR, lateGraceMs: HOUR, reasons: ["mistyped_amount", "description_changed"], leaderMay: true };
const OUTBID: Standing = { bidderNumber: 2, leading: false, maximumMinor: 500, highestBidMinor: 500, blocked: false, authorisedLimitMinor: null };

interface Case {
  readonly retraction?: Retraction | null;
  readonly you?: Standing | null;
  readonly phase?: AuctionView["phase"];
  readonly leftMs?: number;
  readonly bids?: readonly Bid[];
}

function view({ retraction = RULES, you = OUTBID, phase = "open", leftMs = HOUR, bids = [] }: Case): AuctionView {
  return { auction: { retraction }, you, phase, bids, remainingMs: () => leftMs } as unknown as AuctionView;
}

test.each<readonly [string, Case, number | null, string]>([
  ["early: all bids", { leftMs: 12 * HOUR }, null, "all"],
  ["late, within the hour: the newest only", {}, NOW - HOUR, "newest"],
  ["late, over the hour: none", {}, NOW - HOUR - 1, "none"],
  ["late, the time of the newest bid not known: none", {}, null, "none"],
  ["binding bids: none", { retraction: null }, NOW, "none"],
  ["no reason is taken: none", { retraction: { ...RULES, reasons: [] } }, NOW, "none"],
  ["no bid of one's own: none", { you: { ...OUTBID, maximumMinor: null, highestBidMinor: null } }, NOW, "none"],
  ["nobody: none", { you: null }, NOW, "none"],
  ["paused: none", { phase: "paused" }, NOW, "none"],
  ["leading, where the leader may: the newest", { you: { ...OUTBID, leading: true } }, NOW, "newest"],
  ["leading, where the leader may not: none", { you: { ...OUTBID, leading: true }, retraction: { ...RULES, leaderMay: false } }, NOW, "none"],
])("retraction: %s", (_, given, newestAtMs, which) => {
  expect(retractable(view(given), newestAtMs, NOW)).toBe(which);
});

test("retraction: newest own bid: neither a proxy row, nor a rival's, nor one that is gone", () => {
  const row = (sequence: number, over: Partial<Bid>): Bid => ({
    sequence,
    row: 0,
    bidId: sequence,
    bidderNumber: 2,
    amountMinor: 100,
    kind: "bid",
    atMs: NOW + sequence,
    gone: null,
    ...over,
  });
  const bids = [row(5, { bidderNumber: 1 }), row(4, { kind: "proxy" }), row(3, { gone: "retracted" }), row(2, {}), row(1, {})];
  expect(newestOwnAtMs(view({ bids }))).toBe(NOW + 2);
  expect(newestOwnAtMs(view({}))).toBeNull();
});
