// Lists, search and reference data: what the catalogue knows, seconds behind the owners, and says so by `asOf`.
import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { EBAY_UK, EBAY_US } from "../../engine/core/increments.ts";
import { AMOUNT_MAX } from "../../engine/core/money.ts";
import { CatalogueUnavailable, InvalidCursor } from "../ports.ts";
import { bandsJson, listedJson } from "./auction-json.ts";
import { admitAnybody, type HttpEnvironment } from "./environment.ts";
import { currencyField, cursorField, digitsField, instantField, LIMIT_DEFAULT, limitField, textField, userIdField } from "./fields.ts";
import { instantText } from "./instants.ts";
import type { HttpParts } from "./parts.ts";
import { Refused } from "./problem.ts";
import { json, responses } from "./responses.ts";
import { listedAuctionSchema } from "./schemas.ts";

const tags = ["lists"];
const QUERY_CHARACTERS_MAX = 200;
const WORD_CHARACTERS_MAX = 64;
/** Search counts exactly up to here. */
const TOTAL_MAX = 10_000;

const phase = z.enum(["draft", "scheduled", "open", "paused", "closed"]);
const category = textField(WORD_CHARACTERS_MAX, "only this category").optional();
const currency = currencyField.optional();
const bound = digitsField({ min: 0, max: AMOUNT_MAX }, "price bound in minor units of `currency`; 0 is a bound").optional();
const page = { auctions: z.array(listedAuctionSchema), next: z.string().nullable(), asOf: z.string().openapi({ format: "date-time" }) };

const listQuery = z.strictObject({
  phase: phase.optional(),
  category,
  sellerId: userIdField.optional(),
  currency,
  endsBefore: instantField("ends before this").optional(),
  endsAfter: instantField("ends after this").optional(),
  sort: z.enum(["ending_soon", "newest"]).default("ending_soon"),
  limit: limitField,
  cursor: cursorField,
});

const searchQuery = z.strictObject({
  q: textField(QUERY_CHARACTERS_MAX, "words to look for"),
  category,
  priceMin: bound,
  priceMax: bound,
  currency,
  phase: phase.default("open"),
  sort: z.enum(["ending_soon", "price_asc", "price_desc", "popular", "relevance"]).default("relevance"),
  limit: limitField,
  cursor: cursorField,
});

const listAuctions = createRoute({
  method: "get",
  path: "/auctions",
  operationId: "listAuctions",
  summary: "List auctions",
  tags,
  security: [],
  request: { query: listQuery },
  responses: responses({ 200: json("A page of auctions", z.object(page)) }, ["catalogue_unavailable"]),
});

const search = createRoute({
  method: "get",
  path: "/search",
  operationId: "searchAuctions",
  summary: "Search auctions",
  tags,
  security: [],
  request: { query: searchQuery },
  responses: responses({ 200: json(`A page of auctions; \`total\` is exact to ${TOTAL_MAX}`, z.object({ ...page, total: z.int() })) }, [
    "catalogue_unavailable",
  ]),
});

const tableSchema = z.object({
  name: z.string(),
  currency: z.string(),
  bands: z.array(z.object({ fromMinor: z.int(), stepMinor: z.int() })),
  allowSubIncrementOutbid: z.boolean(),
});
const listIncrements = createRoute({
  method: "get",
  path: "/increments",
  operationId: "listIncrements",
  summary: "Increment tables by name",
  tags,
  security: [],
  responses: responses({ 200: json("The tables", z.object({ tables: z.array(tableSchema) })) }, []),
});

const TABLES = [
  { table: EBAY_US, currency: "USD" },
  { table: EBAY_UK, currency: "GBP" },
].map(({ table, currency: of }) => ({ name: table.name, currency: of, bands: bandsJson(table), allowSubIncrementOutbid: table.allowSubIncrementOutbid }));

/** Adds lists, search and increments. */
export function addListRoutes(app: OpenAPIHono<HttpEnvironment>, parts: HttpParts): void {
  app.openapi(listAuctions, async (c) => {
    admitAnybody(parts, c);
    const { limit = LIMIT_DEFAULT, ...query } = c.req.valid("query");
    const found = await catalogued(parts.catalogue.list({ ...query, limit }));
    return c.json({ auctions: found.entries.map(listedJson), next: found.next, asOf: instantText(found.asOf) }, 200);
  });
  app.openapi(search, async (c) => {
    admitAnybody(parts, c);
    const { limit = LIMIT_DEFAULT, ...query } = c.req.valid("query");
    if ((query.priceMin ?? query.priceMax) !== undefined && query.currency === undefined) {
      throw new Refused("invalid_request", { errors: [{ pointer: "/query/currency", code: "required", detail: "price bounds need a currency" }] });
    }
    const found = await catalogued(parts.catalogue.search({ ...query, limit }));
    return c.json({ auctions: found.entries.map(listedJson), total: Math.min(found.total, TOTAL_MAX), next: found.next, asOf: instantText(found.asOf) }, 200);
  });
  app.openapi(listIncrements, (c) => {
    admitAnybody(parts, c);
    c.header("Cache-Control", "public, max-age=3600");
    return c.json({ tables: TABLES }, 200);
  });
}

async function catalogued<T>(found: Promise<T>): Promise<T> {
  try {
    return await found;
  } catch (error) {
    if (error instanceof CatalogueUnavailable) throw new Refused("catalogue_unavailable");
    if (error instanceof InvalidCursor)
      throw new Refused("invalid_request", { errors: [{ pointer: "/query/cursor", code: "invalid_value", detail: "not a cursor of this list" }] });
    throw error;
  }
}
