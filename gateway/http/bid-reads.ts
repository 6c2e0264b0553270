// Reads of bidders and viewers of one auction: the public bid list, one's own maximum, one's own place.
//
// B2. A maximum is shown to its own bidder alone.
import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { AuctionId, Sequence } from "../../engine/core/ids.ts";
import type { PublicRow } from "../../engine/core/view.ts";
import { bidJson, standingJson } from "./auction-json.ts";
import { type BidCursor, bidCursorText, parseBidCursor } from "./cursors.ts";
import { admit, admitAnybody, type HttpEnvironment } from "./environment.ts";
import { auctionParams, cursorField, deadlineHeaders, digitsField, LIMIT_DEFAULT, LIMIT_MAX, limitField } from "./fields.ts";
import type { HttpParts } from "./parts.ts";
import { Refused } from "./problem.ts";
import { isUnchanged, readOrRefuse } from "./reads.ts";
import { json, READ_CODES, responses, TOKEN_CODES } from "./responses.ts";
import { bidSchema, standingSchema } from "./schemas.ts";

const tags = ["bids"];
const security = [{ bearer: [] }];
/** 2^48 - 1, the largest sequence that is stored. */
const SEQUENCE_MAX = 281_474_976_710_655;

const listBids = createRoute({
  method: "get",
  path: "/auctions/{auctionId}/bids",
  operationId: "listBids",
  summary: "Public bid list",
  description: "Newest first, on with `cursor`; with `afterSequence` oldest first after that sequence.",
  tags,
  security: [],
  request: {
    params: auctionParams,
    headers: deadlineHeaders,
    query: z.strictObject({
      afterSequence: digitsField({ min: 0, max: SEQUENCE_MAX }, "rows after this sequence, oldest first").optional(),
      cursor: cursorField,
      limit: limitField,
    }),
  },
  responses: responses(
    { 200: json("A page of rows", z.object({ bids: z.array(bidSchema), next: z.string().nullable(), sequence: z.int() })), 304: { description: "Unchanged" } },
    READ_CODES,
  ),
});

const readMaximum = createRoute({
  method: "get",
  path: "/auctions/{auctionId}/maximum-bid",
  operationId: "readMaximum",
  summary: "Your own maximum",
  tags,
  security,
  request: { params: auctionParams, headers: deadlineHeaders },
  responses: responses({ 200: json("Yours only", z.object({ maximumMinor: z.int().nullable(), leading: z.boolean(), sequence: z.int() })) }, [
    ...TOKEN_CODES,
    ...READ_CODES,
  ]),
});

const readStanding = createRoute({
  method: "get",
  path: "/auctions/{auctionId}/me",
  operationId: "readStanding",
  summary: "Your own place in an auction",
  tags,
  security,
  request: { params: auctionParams, headers: deadlineHeaders },
  responses: responses({ 200: json("Yours only", standingSchema) }, [...TOKEN_CODES, ...READ_CODES]),
});

/** Adds the reads of one auction's bids. */
export function addBidReads(app: OpenAPIHono<HttpEnvironment>, parts: HttpParts): void {
  app.openapi(listBids, async (c) => {
    admitAnybody(parts, c);
    const { auctionId } = c.req.valid("param");
    const { afterSequence, cursor, limit = LIMIT_DEFAULT } = c.req.valid("query");
    const deadlineMs = c.req.valid("header")["fairwarning-deadline-ms"] ?? parts.settings.deadlineMs;
    const place = placeOf(auctionId, afterSequence, cursor);
    const page = await readPage(parts, auctionId, place, limit, deadlineMs);
    c.header("Fairwarning-State", "live");
    if (isUnchanged(parts, c, String(page.sequence))) return c.body(null, 304);
    const last = page.rows.at(-1);
    const next = page.more && last !== undefined ? bidCursorText(auctionId, { direction: place.direction, sequence: last.sequence, row: last.row }) : null;
    return c.json({ bids: page.rows.map(bidJson), next, sequence: page.sequence }, 200);
  });

  const standing = async (auctionId: AuctionId, bidderId: string, deadlineMs = parts.settings.deadlineMs) =>
    await readOrRefuse(parts, { kind: "standing", auctionId, bidderId }, deadlineMs, "standing");

  app.openapi(readMaximum, async (c) => {
    const { userId } = await admit(parts, c, "bidder");
    const found = await standing(c.req.valid("param").auctionId, userId, c.req.valid("header")["fairwarning-deadline-ms"]);
    c.header("Fairwarning-State", "live");
    c.header("Cache-Control", "private, no-store");
    return c.json({ maximumMinor: found.standing.maximum, leading: found.standing.leading, sequence: found.sequence }, 200);
  });

  app.openapi(readStanding, async (c) => {
    const { userId } = await admit(parts, c, "bidder");
    const found = await standing(c.req.valid("param").auctionId, userId, c.req.valid("header")["fairwarning-deadline-ms"]);
    c.header("Fairwarning-State", "live");
    c.header("Cache-Control", "private, no-store");
    return c.json(standingJson(found.standing, found.sequence), 200);
  });
}

type Place =
  | { readonly direction: "newer"; readonly sequence: Sequence; readonly row: number | null }
  | { readonly direction: "older"; readonly from: BidCursor | null };

function placeOf(auctionId: AuctionId, afterSequence: number | undefined, cursor: string | undefined): Place {
  if (afterSequence !== undefined && cursor !== undefined) throw pointed("/query/cursor", "not together with afterSequence");
  if (afterSequence !== undefined) return { direction: "newer", sequence: afterSequence, row: null };
  if (cursor === undefined) return { direction: "older", from: null };
  const from = parseBidCursor(auctionId, cursor);
  if (from === null) throw pointed("/query/cursor", "not a cursor of this list");
  return from.direction === "newer" ? { direction: "newer", sequence: from.sequence, row: from.row } : { direction: "older", from };
}

function pointed(pointer: string, detail: string): Refused {
  return new Refused("invalid_request", { errors: [{ pointer, code: "invalid_value", detail }] });
}

interface Page {
  readonly rows: readonly PublicRow[];
  readonly more: boolean;
  readonly sequence: Sequence;
}

/** Towards newer rows the engine counts by sequence and a decision may have two rows: a page that ended between them begins
 *  again at its own sequence, two rows longer, and drops what was shown. */
async function readPage(parts: HttpParts, auctionId: AuctionId, place: Place, limit: number, deadlineMs: number): Promise<Page> {
  if (place.direction === "older") {
    const { sequence, row } = place.from ?? { sequence: null, row: 0 };
    return await readOrRefuse(parts, { kind: "rows_before", auctionId, sequence, row, limit }, deadlineMs, "rows");
  }
  const { row } = place;
  const sequence = row === null ? place.sequence : place.sequence - 1;
  const found = await readOrRefuse(
    parts,
    { kind: "rows_after", auctionId, sequence, limit: row === null ? limit : Math.min(limit + 2, LIMIT_MAX) },
    deadlineMs,
    "rows",
  );
  const unseen = row === null ? found.rows : found.rows.filter((next) => next.sequence > place.sequence || next.row > row);
  return { rows: unseen.slice(0, limit), more: found.more || unseen.length > limit, sequence: found.sequence };
}
