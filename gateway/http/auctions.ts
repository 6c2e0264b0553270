// Auctions as things: create, read, and what their sellers do with them.
//
// A1. Lot and catalogue row are written before the command is sent, so that lists show the auction within a second and a lot is
//     never missing of an auction that exists. A create that the engine then rejects leaves a row that the next checkpoint hides.
// A2. Everything made by a create comes from (seller, key): a repeat makes the same auction, the same lot, the same command.
import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { v5 as uuidOf } from "uuid";
import type { CommandBody } from "../../engine/core/command.ts";
import { auctionIdFor } from "../commands.ts";
import { type CatalogueEntry, CatalogueUnavailable, type Identity } from "../ports.ts";
import { auctionJson } from "./auction-json.ts";
import { requestOf } from "./bids.ts";
import { commandRoute, runCommand } from "./command-route.ts";
import { type CreateBody, createFields, lotOf, settingsOf } from "./create-fields.ts";
import { admit, admitAnybody, count, type HttpContext, type HttpEnvironment } from "./environment.ts";
import { amountField, auctionParams, deadlineHeaders, keyHeaders, textField } from "./fields.ts";
import type { HttpParts } from "./parts.ts";
import { Refused } from "./problem.ts";
import { AuctionReader, isUnchanged } from "./reads.ts";
import { COMMAND_CODES, json, READ_CODES, responses } from "./responses.ts";
import { answerSchema, auctionSchema } from "./schemas.ts";

const tag = "auctions";
const REASON_CHARACTERS_MAX = 500;
/** Names the space that lots' ids are made in; any fixed UUID will do, and this one may never change. */
const LOT_NAMESPACE = "3f1c2b7e-58d4-4c6a-9a1e-0d6f7b2c9e51";

const createAuction = createRoute({
  method: "post",
  path: "/auctions",
  operationId: "createAuction",
  summary: "Create an auction",
  description: "The settings are fixed from here on. The key names the auction: the same key of the same seller gives the same auction.",
  tags: [tag],
  security: [{ bearer: [] }],
  request: { headers: keyHeaders, body: { required: true, content: { "application/json": { schema: createFields } } } },
  responses: responses({ 201: json("Created: an Answer with code `ok`", answerSchema) }, [...COMMAND_CODES, "catalogue_unavailable"], true),
});

const readAuction = createRoute({
  method: "get",
  path: "/auctions/{auctionId}",
  operationId: "readAuction",
  summary: "One auction",
  description: "The owner's committed state. `fresh=true` waits for a record written after the request came in.",
  tags: [tag],
  security: [],
  request: {
    params: auctionParams,
    headers: deadlineHeaders,
    query: z.strictObject({ fresh: z.enum(["true", "false"]).optional().openapi({ description: "an exact read instead of a quick one" }) }),
  },
  responses: responses({ 200: json("The auction", auctionSchema), 304: { description: "Unchanged" } }, READ_CODES),
});

const nothing = z.strictObject({});
const reasonFields = z.strictObject({ reason: textField(REASON_CHARACTERS_MAX, "why; it is logged") }).openapi("ReasonInput");
const open = commandRoute({
  method: "post",
  path: "/open",
  operationId: "openAuction",
  summary: "Open a draft or scheduled auction now",
  tag,
  fields: nothing,
  success: 200,
  successText: "Opened",
});
const withdraw = commandRoute({
  method: "post",
  path: "/withdraw",
  operationId: "withdrawAuction",
  summary: "Withdraw",
  tag,
  fields: reasonFields,
  success: 200,
  successText: "Withdrawn",
});
const endEarly = commandRoute({
  method: "post",
  path: "/end-early",
  operationId: "endAuctionEarly",
  summary: "Sell to the leader now",
  tag,
  fields: z.strictObject({ sellBelowReserve: z.boolean().default(false) }).openapi("EndEarlyInput"),
  success: 200,
  successText: "Sold",
});
const lowerReserve = commandRoute({
  method: "post",
  path: "/lower-reserve",
  operationId: "lowerReserve",
  summary: "Lower the reserve",
  tag,
  fields: z.strictObject({ reserveMinor: amountField("the new, lower reserve") }).openapi("LowerReserveInput"),
  success: 200,
  successText: "Lowered",
});

/** Adds create and read. */
export function addAuctionRoutes(app: OpenAPIHono<HttpEnvironment>, parts: HttpParts): void {
  const reader = new AuctionReader(parts);
  app.openapi(createAuction, async (c) => {
    const identity = await admit(parts, c, "seller");
    count(parts, c, "creates", identity.userId);
    const headers = c.req.valid("header");
    return await create(parts, c, identity, headers["idempotency-key"], headers["fairwarning-deadline-ms"] ?? parts.settings.deadlineMs, c.req.valid("json"));
  });
  app.openapi(readAuction, async (c) => {
    admitAnybody(parts, c);
    const { auctionId } = c.req.valid("param");
    const deadlineMs = c.req.valid("header")["fairwarning-deadline-ms"] ?? parts.settings.deadlineMs;
    const [{ view, ageMs }, known] = await Promise.all([reader.view(auctionId, c.req.valid("query").fresh === "true", deadlineMs), reader.lot(auctionId)]);
    c.header("Fairwarning-State", ageMs === 0 ? "live" : "stale");
    if (ageMs > 0) c.header("Age", String(Math.ceil(ageMs / 1_000)));
    if (isUnchanged(parts, c, `${view.sequence}-${known?.lot?.version ?? 0}`)) return c.body(null, 304);
    return c.json(auctionJson(view, known), 200);
  });
}

/** Adds the commands of sellers. */
export function addSellerRoutes(app: OpenAPIHono<HttpEnvironment>, parts: HttpParts): void {
  const send = async (c: HttpContext, request: ReturnType<typeof requestOf>, body: CommandBody) => {
    const identity = await admit(parts, c, "seller");
    const deadlineMs = request.deadlineMs ?? parts.settings.deadlineMs;
    return await runCommand(parts, c, identity, { ...request, deadlineMs, role: "seller", success: 200, body });
  };
  app.openapi(open, (c) => send(c, requestOf(c.req.valid("param"), c.req.valid("header")), { type: "open_auction" }));
  app.openapi(withdraw, (c) => send(c, requestOf(c.req.valid("param"), c.req.valid("header")), { type: "withdraw", reason: c.req.valid("json").reason }));
  app.openapi(endEarly, (c) => {
    const { sellBelowReserve } = c.req.valid("json");
    return send(c, requestOf(c.req.valid("param"), c.req.valid("header")), { type: "end_early", sellBelowReserve });
  });
  app.openapi(lowerReserve, (c) => {
    const { reserveMinor: reserve } = c.req.valid("json");
    return send(c, requestOf(c.req.valid("param"), c.req.valid("header")), { type: "lower_reserve", reserve });
  });
}

async function create(parts: HttpParts, c: HttpContext, identity: Identity, key: string, deadlineMs: number, body: CreateBody): Promise<Response> {
  const auctionId = auctionIdFor(identity.userId, key);
  const lotId = body.lotId ?? uuidOf(`${identity.userId}\0${key}`, LOT_NAMESPACE);
  try {
    await parts.catalogue.add(entryOf({ auctionId, identity, body, lotId, now: parts.clock.now() }));
  } catch (error) {
    if (error instanceof CatalogueUnavailable) throw new Refused("catalogue_unavailable");
    throw error;
  }
  const settings = settingsOf(body, identity.userId, lotId);
  const location = () => `/v1/auctions/${auctionId}`;
  return await runCommand(parts, c, identity, { auctionId, role: "seller", key, deadlineMs, success: 201, location, body: { type: "create", settings } });
}

/** The catalogue's first word on an auction: what its first decision will say if it is accepted. Sequence 0 is below any checkpoint. */
function entryOf(create: { auctionId: string; identity: Identity; body: CreateBody; lotId: string; now: number }): CatalogueEntry {
  const { auctionId, identity, body, lotId, now } = create;
  const opensAt = body.opensAt ?? null;
  const durationMs = body.durationMs ?? null;
  return {
    auctionId,
    lot: body.lot === undefined ? null : lotOf(body.lot, lotId),
    seller: { sellerId: identity.userId, name: identity.name ?? identity.userId, reputation: null },
    sequence: 0,
    // An opening that is not after now is due at once.
    phase: opensAt === null ? "draft" : opensAt <= now ? "open" : "scheduled",
    outcome: null,
    currency: body.currency,
    opening: body.openingPriceMinor,
    price: null,
    askingPrice: body.openingPriceMinor,
    totalBids: 0,
    bidders: 0,
    leaderNumber: null,
    reserveMet: body.reserveMinor === undefined || body.reserveMinor === null ? null : false,
    buyNow: body.buyNow?.priceMinor ?? null,
    opensAt,
    endsAt: body.endsAt ?? (opensAt === null || durationMs === null ? null : opensAt + durationMs),
  };
}
