// The body of POST /v1/auctions, and its way into core words.
//
// F1. Members that hold money end in `Minor`, nested ones too; instants are RFC 3339. Core has neither suffix nor text.
// F2. Types are checked here, with a pointer for each fault; ranges and what fits together are rules, and the engine's to reject.
// F3. What is absent stays absent, so that the engine's defaults hold and two sendings of one body make one command.
import { z } from "@hono/zod-openapi";
import type { SettingsInput } from "../../engine/core/settings.ts";
import type { Lot } from "../ports.ts";
import { isKnownCurrency } from "./currency.ts";
import { amountField, instantField, textField, wholeField } from "./fields.ts";

const TITLE_CHARACTERS_MAX = 200;
const DESCRIPTION_CHARACTERS_MAX = 10_000;
const CATEGORY_CHARACTERS_MAX = 64;
const IMAGES_MAX = 12;
const ADDRESS_CHARACTERS_MAX = 2_048;
const NAME_CHARACTERS_MAX = 64;
/** Above the 64 bands and 100 associates of the rules, so that the engine names the fault, yet far below what a body could hold. */
const LIST_MAX = 256;

const image = z
  .string()
  .max(ADDRESS_CHARACTERS_MAX)
  .refine(isPictureAddress, { message: "an https address on port 443, without user or password" })
  .openapi({ type: "string", format: "uri", example: "https://pictures.example/sextant.jpg" });

function isPictureAddress(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const url = new URL(text);
  return url.protocol === "https:" && url.port === "" && url.username === "" && url.password === "";
}

export const lotFields = z
  .strictObject({
    title: textField(TITLE_CHARACTERS_MAX, "what is sold, in one line"),
    description: textField(DESCRIPTION_CHARACTERS_MAX, "plain text; lines are kept", "lines").or(z.literal("")).optional(),
    category: textField(CATEGORY_CHARACTERS_MAX, "category that lists filter by").optional(),
    images: z.array(image).max(IMAGES_MAX).optional(),
    location: z.strictObject({ latitude: z.number().min(-90).max(90), longitude: z.number().min(-180).max(180) }).optional(),
    shippingFree: z.boolean().optional(),
  })
  .openapi("LotInput");

const word = z.string().min(1).max(NAME_CHARACTERS_MAX);
const bands = z.array(z.strictObject({ fromMinor: wholeField("price from which the band holds"), stepMinor: amountField("step of the band") })).max(LIST_MAX);

const softClose = z.strictObject({
  windowMs: wholeField("a bid counts when so much or less is left").optional(),
  amountMs: wholeField("how far the end moves from the base").optional(),
  base: z.enum(["end", "bid"]).optional(),
  trigger: z
    .strictObject({ on: z.enum(["accepted_bid", "price_rise", "rank"]).optional(), rank: wholeField("with `rank`: lowest rank that counts").optional() })
    .optional(),
  scope: word.optional(),
  cap: z
    .strictObject({
      count: wholeField("extensions at most").nullable().optional(),
      totalMs: wholeField("extended in all at most").nullable().optional(),
      hardStop: z
        .union([
          z.strictObject({ at: instantField("never after this") }),
          z.strictObject({ afterScheduledMs: wholeField("never later than this after the scheduled close") }),
        ])
        .nullable()
        .optional(),
    })
    .optional(),
});

export const createFields = z
  .strictObject({
    lot: lotFields.optional(),
    lotId: z.uuid().optional().openapi({ format: "uuid", description: "a lot that exists already, in place of `lot`" }),
    format: word.optional(),
    currency: z.string().max(NAME_CHARACTERS_MAX).openapi({ description: "ISO 4217 code", example: "USD" }),
    amountStepMinor: wholeField("every amount is a multiple of it").optional(),
    openingPriceMinor: amountField("first asking price"),
    increments: z.union([word, z.strictObject({ bands, allowSubIncrementOutbid: z.boolean().optional() })]).optional(),
    reserveMinor: amountField("hidden minimum").nullable().optional(),
    buyNow: z
      .strictObject({
        priceMinor: amountField("ends the auction at once"),
        minOverOpeningPercent: wholeField("least distance to the opening price").optional(),
        until: word.optional(),
        returns: z.boolean().optional(),
      })
      .nullable()
      .optional(),
    bidding: z
      .strictObject({ kinds: z.array(word).max(LIST_MAX).optional(), equalMaximum: word.optional(), ownRaiseMovesPrice: z.boolean().optional() })
      .optional(),
    softClose: softClose.nullable().optional(),
    retraction: z
      .strictObject({
        earlyMs: wholeField("free retraction while more is left").optional(),
        lateGraceMs: wholeField("later: so long after the bid").optional(),
        reasons: z.array(word).max(LIST_MAX).optional(),
        leaderMay: z.boolean().optional(),
      })
      .nullable()
      .optional(),
    reserveLowering: z
      .strictObject({
        leftMsMin: wholeField("time that must be left").optional(),
        coveredLeader: word.optional(),
        cutBelowMinor: wholeField("a covered maximum becomes the new reserve less this").optional(),
      })
      .nullable()
      .optional(),
    sellerRights: z
      .strictObject({ freeMs: wholeField("time before the end in which the seller is bound").optional(), mayVoid: z.boolean().optional() })
      .optional(),
    bidderRules: z
      .strictObject({
        registration: word.optional(),
        defaultLimitMinor: amountField("limit of a bidder without one of their own").nullable().optional(),
        associatesMayBuyNow: z.boolean().optional(),
      })
      .optional(),
    outage: z
      .strictObject({
        policy: word.optional(),
        lostMsMin: wholeField("shorter outages give nothing back").optional(),
        givenMsMax: wholeField("given back at most").nullable().optional(),
      })
      .optional(),
    associates: z.array(word).max(LIST_MAX).optional(),
    opensAt: instantField("opening; without it the auction is a draft").nullable().optional(),
    endsAt: instantField("scheduled close").nullable().optional(),
    durationMs: wholeField("scheduled close, counted from the opening").nullable().optional(),
  })
  .superRefine((body, context) => {
    if ((body.lot === undefined) === (body.lotId === undefined)) {
      context.addIssue({ code: "custom", path: ["lot"], message: "exactly one of `lot` and `lotId`" });
    }
    if (/^[A-Z]{3}$/.test(body.currency) && !isKnownCurrency(body.currency)) {
      context.addIssue({ code: "custom", path: ["currency"], message: "no currency of ISO 4217" });
    }
  })
  .openapi("AuctionInput");

export type CreateBody = z.output<typeof createFields>;

/** The body as the engine's settings, complete but for defaults. */
export function settingsOf(body: CreateBody, sellerId: string, lotId: string): SettingsInput {
  return present({
    format: body.format,
    currency: body.currency,
    amountStep: body.amountStepMinor,
    opening: body.openingPriceMinor,
    increments: incrementsOf(body.increments),
    reserve: body.reserveMinor,
    buyNow: renamed(body.buyNow, { priceMinor: "price" }),
    bidding: renamed(body.bidding, {}),
    softClose: body.softClose === null ? null : body.softClose && deepPresent(body.softClose),
    retraction: renamed(body.retraction, {}),
    reserveLowering: renamed(body.reserveLowering, { cutBelowMinor: "cutBelow" }),
    sellerRights: renamed(body.sellerRights, {}),
    bidderRules: renamed(body.bidderRules, { defaultLimitMinor: "defaultLimit" }),
    outage: renamed(body.outage, {}),
    associates: body.associates,
    opensAt: body.opensAt,
    endsAt: body.endsAt,
    durationMs: body.durationMs,
    sellerId,
    lotId,
  });
}

function incrementsOf(increments: CreateBody["increments"]): unknown {
  if (increments === undefined || typeof increments === "string") return increments;
  return present({
    bands: increments.bands.map((band) => ({ from: band.fromMinor, step: band.stepMinor })),
    allowSubIncrementOutbid: increments.allowSubIncrementOutbid,
  });
}

/** Members that are given, some under core's name. */
function renamed(part: object | null | undefined, names: Readonly<Record<string, string>>): SettingsInput | null | undefined {
  if (part === null || part === undefined) return part;
  return present(Object.fromEntries(Object.entries(part).map(([member, value]) => [names[member] ?? member, value])));
}

function present(members: Readonly<Record<string, unknown>>): SettingsInput {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined));
}

/** `softClose` has core's names throughout, three levels deep. */
function deepPresent(part: object): SettingsInput {
  return present(
    Object.fromEntries(Object.entries(part).map(([member, value]) => [member, value !== null && typeof value === "object" ? deepPresent(value) : value])),
  );
}

/** The lot of a body, under the id that (seller, key) gives it. */
export function lotOf(lot: NonNullable<CreateBody["lot"]>, lotId: string): Lot {
  return {
    lotId,
    version: 1,
    title: lot.title,
    description: lot.description ?? "",
    category: lot.category ?? null,
    images: lot.images ?? [],
    location: lot.location ?? null,
    shippingFree: lot.shippingFree ?? null,
  };
}
