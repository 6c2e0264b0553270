// What bidders send to one auction: bid, raise, buy, retract.
//
// B1. The bidder is the token's, never the body's.
import { type OpenAPIHono, z } from "@hono/zod-openapi";
import type { CommandBody } from "../../engine/core/command.ts";
import type { Answer } from "../../engine/core/decision.ts";
import { commandRoute, runBid } from "./command-route.ts";
import { admit, type HttpContext, type HttpEnvironment } from "./environment.ts";
import { amountField, currencyField } from "./fields.ts";
import type { HttpParts } from "./parts.ts";

const tag = "bids";
/** Printable ASCII, as over sockets: whether the auction takes the reason is the auction's to say. */
const REASON = /^[ -~]{1,64}$/;

const amountFields = z.strictObject({ amountMinor: amountField("amount in minor units"), currency: currencyField }).openapi("AmountInput");
const bidFields = z
  .strictObject({ amountMinor: amountField("amount in minor units"), currency: currencyField, kind: z.enum(["maximum", "flat"]).default("maximum") })
  .openapi("BidInput");
const retractFields = z
  .strictObject({
    reason: z.string().regex(REASON).openapi({ example: "mistyped_amount", description: "one that the auction's `retraction` names" }),
  })
  .openapi("RetractInput");

const placeBid = commandRoute({
  method: "post",
  path: "/bids",
  operationId: "placeBid",
  summary: "Bid",
  description: "A `maximum` is a secret limit up to which the engine bids the least needed; a `flat` bid is this price now.",
  tag,
  fields: bidFields,
  success: 201,
  successText: "Accepted: `leading`, or `outbid` when a rival's maximum is higher",
});
const raiseMaximum = commandRoute({
  method: "put",
  path: "/maximum-bid",
  operationId: "raiseMaximum",
  summary: "Raise your own maximum while leading",
  tag,
  fields: amountFields,
  success: 200,
  successText: "Raised",
});
const buyNow = commandRoute({
  method: "post",
  path: "/buy-now",
  operationId: "buyNow",
  summary: "Buy at the buy-now price as you see it",
  tag,
  fields: amountFields,
  success: 201,
  successText: "Sold to you",
});
const retract = commandRoute({
  method: "post",
  path: "/retract",
  operationId: "retractBids",
  summary: "Take your bids back",
  description: "Which bids go is the auction's rule: all of them early on, later the newest one, shortly after it was placed.",
  tag,
  fields: retractFields,
  success: 200,
  successText: "Taken back",
});

/** Adds the commands of bidders. */
export function addBidRoutes(app: OpenAPIHono<HttpEnvironment>, parts: HttpParts): void {
  app.openapi(placeBid, (c) => {
    const { amountMinor: amount, currency, kind } = c.req.valid("json");
    const { auctionId } = c.req.valid("param");
    const location = (answer: Answer) => `/v1/auctions/${auctionId}/bids?afterSequence=${answer.sequence - 1}`;
    return send(c, { ...requestOf(c.req.valid("param"), c.req.valid("header")), success: 201, location, body: { type: "place_bid", kind, amount, currency } });
  });
  app.openapi(raiseMaximum, (c) => {
    const { amountMinor: amount, currency } = c.req.valid("json");
    return send(c, { ...requestOf(c.req.valid("param"), c.req.valid("header")), success: 200, body: { type: "raise_maximum", amount, currency } });
  });
  app.openapi(buyNow, (c) => {
    const { amountMinor: amount, currency } = c.req.valid("json");
    return send(c, { ...requestOf(c.req.valid("param"), c.req.valid("header")), success: 201, body: { type: "buy_now", amount, currency } });
  });
  app.openapi(retract, (c) => {
    const { reason } = c.req.valid("json");
    return send(c, { ...requestOf(c.req.valid("param"), c.req.valid("header")), success: 200, body: { type: "retract_bid", reason } });
  });

  const send = async (
    c: HttpContext,
    command: ReturnType<typeof requestOf> & { success: 200 | 201; location?: (answer: Answer) => string; body: CommandBody },
  ) => {
    const identity = await admit(parts, c, "bidder");
    return await runBid(parts, c, identity, { ...command, role: "bidder", deadlineMs: command.deadlineMs ?? parts.settings.deadlineMs });
  };
}

/** Address, key and deadline of a command, as every command route checks them. */
export function requestOf(
  params: { readonly auctionId: string },
  headers: { readonly "idempotency-key": string; readonly "fairwarning-deadline-ms"?: number | undefined },
): { auctionId: string; key: string; deadlineMs: number | undefined } {
  return { auctionId: params.auctionId, key: headers["idempotency-key"], deadlineMs: headers["fairwarning-deadline-ms"] };
}
