// The objects that answers are made of, as schemas: they type the code and become the components of the OpenAPI document.
import { z } from "@hono/zod-openapi";

const minor = z.int().min(1);
const instant = z.string().openapi({ format: "date-time", example: "2026-11-23T10:00:00.000Z" });
const count = z.int().min(0);
const id = z.string();

export const lotSchema = z
  .object({
    lotId: z.string().openapi({ format: "uuid" }),
    version: z.int().min(1),
    title: z.string(),
    description: z.string(),
    category: z.string().nullable(),
    images: z.array(z.string().openapi({ format: "uri" })),
    location: z.object({ latitude: z.number(), longitude: z.number() }).optional(),
    shippingFree: z.boolean().optional(),
  })
  .openapi("Lot");

export const sellerSchema = z.object({ sellerId: id, name: z.string(), reputation: z.number().optional() }).openapi("Seller");

const bandSchema = z.object({ fromMinor: count, stepMinor: minor });

/** The name of a table, or the bands of the seller's own. */
export const incrementsSchema = z.union([z.string(), z.object({ bands: z.array(bandSchema), allowSubIncrementOutbid: z.boolean() })]).openapi("Increments");

export const softCloseSchema = z
  .object({
    windowMs: z.int().min(1),
    amountMs: z.int().min(1),
    base: z.enum(["end", "bid"]),
    trigger: z.object({ on: z.enum(["accepted_bid", "price_rise", "rank"]), rank: z.int().min(1) }),
    scope: z.literal("lot"),
    cap: z.object({
      count: z.int().nullable(),
      totalMs: z.int().nullable(),
      hardStop: z.union([z.object({ at: instant }), z.object({ afterScheduledMs: z.int() })]).nullable(),
    }),
  })
  .openapi("SoftClose");

const retractionSchema = z.object({ earlyMs: count, lateGraceMs: count, reasons: z.array(z.string()), leaderMay: z.boolean() }).openapi("Retraction");
const biddingSchema = z
  .object({ kinds: z.array(z.enum(["maximum", "flat"])), equalMaximum: z.enum(["accept", "refuse"]), ownRaiseMovesPrice: z.boolean() })
  .openapi("Bidding");
const hammerSchema = z
  .object({
    hammerPriceMinor: minor.nullable(),
    winnerNumber: z.int().nullable(),
    endedAt: instant,
    by: z.enum(["close_due", "end_early", "buy_now", "withdraw"]),
  })
  .openapi("Hammer");

const phase = z.enum(["draft", "scheduled", "open", "paused", "closed"]);
const outcome = z.enum(["sold", "passed", "withdrawn"]).nullable();

const common = {
  auctionId: z.string().openapi({ format: "uuid" }),
  sequence: count,
  currency: z.string(),
  lot: lotSchema.nullable(),
  seller: sellerSchema,
  openingPriceMinor: minor,
  currentPriceMinor: minor.nullable(),
  askingPriceMinor: minor.nullable(),
  totalBids: count,
  bidders: count,
  leaderNumber: z.int().nullable(),
  reserveMet: z.boolean().nullable(),
  buyNowMinor: minor.nullable(),
  opensAt: instant.nullable(),
  endsAt: instant.nullable(),
};

export const auctionSchema = z
  .object({
    ...common,
    epoch: count,
    phase,
    outcome,
    format: z.literal("english"),
    amountStep: z.int().min(1),
    increments: incrementsSchema,
    bidding: biddingSchema,
    softClose: softCloseSchema.nullable(),
    retraction: retractionSchema.nullable(),
    scheduledCloseAt: instant.nullable(),
    pausedAt: instant.nullable(),
    extensions: z.object({ count, totalMs: count }),
    hammer: hammerSchema.nullable(),
  })
  .openapi("Auction");

/** What lists and search know of an auction: the catalogue's columns, seconds behind the owner. */
export const listedAuctionSchema = z.object({ ...common, phase, outcome }).openapi("ListedAuction");

export const bidSchema = z
  .object({
    sequence: count,
    row: z.int().min(0).max(1),
    bidId: count,
    bidderNumber: z.int().min(1),
    amountMinor: minor,
    kind: z.enum(["bid", "proxy", "recomputed"]),
    at: instant,
    gone: z.enum(["retracted", "voided"]).nullable(),
  })
  .openapi("Bid");

export const answerSchema = z
  .object({
    verdict: z.enum(["accepted", "rejected"]),
    code: z.string(),
    auctionId: z.string().openapi({ format: "uuid" }),
    sequence: count,
    epoch: count,
    decidedAt: instant,
    standing: z.enum(["leading", "outbid"]).nullable(),
    currentPriceMinor: minor.nullable(),
    askingPriceMinor: minor.nullable(),
    reserveMet: z.boolean().nullable(),
    endsAt: instant.nullable(),
  })
  .openapi("Answer");

export const standingSchema = z
  .object({
    bidderNumber: z.int().nullable(),
    leading: z.boolean(),
    maximumMinor: minor.nullable(),
    highestBidMinor: minor.nullable(),
    blocked: z.boolean(),
    authorisedLimitMinor: minor.nullable(),
    sequence: count,
  })
  .openapi("Standing");

const pointedFault = z.object({ pointer: z.string(), code: z.string(), detail: z.string() });

export const problemSchema = z
  .object({
    type: z.string().openapi({ format: "uri-reference", example: "/errors/invalid_request" }),
    title: z.string(),
    status: z.int(),
    code: z.string().openapi({ description: "branch on this, never on title or detail" }),
    detail: z.string(),
    requestId: z.string().optional(),
    retryAfterMs: count.optional(),
    policy: z.string().optional(),
    errors: z.array(pointedFault).optional(),
  })
  .openapi("Problem");

/** A problem that is a decision: it holds the whole answer and repeats byte for byte under its key. */
export const rejectionSchema = problemSchema
  .omit({ requestId: true, retryAfterMs: true, policy: true, errors: true })
  .extend(answerSchema.shape)
  .openapi("Rejection");

export const limitStandingSchema = z.object({ policy: z.string(), quota: count, windowMs: count, remaining: count, resetMs: count }).openapi("Limit");

export type AuctionJson = z.infer<typeof auctionSchema>;
export type ListedAuctionJson = z.infer<typeof listedAuctionSchema>;
export type LotJson = z.infer<typeof lotSchema>;
export type BidJson = z.infer<typeof bidSchema>;
export type StandingJson = z.infer<typeof standingSchema>;
