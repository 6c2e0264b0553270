// Cursors of the bid list: opaque to callers, bound to auction and direction, checked field by field when they come back.
import type { AuctionId, Sequence } from "../../engine/core/ids.ts";

/** A place in the bid list; the next page begins just beyond it. */
export interface BidCursor {
  readonly direction: "newer" | "older";
  readonly sequence: Sequence;
  readonly row: number;
}

/** base64url of `<direction>.<sequence>.<row>.<auction id>`. */
export function bidCursorText(auctionId: AuctionId, cursor: BidCursor): string {
  return Buffer.from(`${cursor.direction}.${cursor.sequence}.${cursor.row}.${auctionId}`).toString("base64url");
}

/** null for anything that this server did not write for this auction. */
export function parseBidCursor(auctionId: AuctionId, text: string): BidCursor | null {
  const match = /^(newer|older)\.(\d{1,15})\.([01])\.(.+)$/.exec(Buffer.from(text, "base64url").toString("latin1"));
  if (match === null || match[4] !== auctionId) return null;
  return { direction: match[1] === "newer" ? "newer" : "older", sequence: Number(match[2]), row: Number(match[3]) };
}
