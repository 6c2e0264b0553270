// Members that many requests share: how an amount, an instant, an id, a number in an address and a text of people look.
//
// Must not: know a rule of an auction. What is well formed and against the rules goes to the engine, which rejects it.
import { z } from "@hono/zod-openapi";
import { isAuctionId } from "../../engine/core/ids.ts";
import { parseInstant } from "./instants.ts";

export const KEY_PATTERN = /^[A-Za-z0-9_-]{1,64}$/;
export const DEADLINE_MS_MIN = 100;
export const DEADLINE_MS_MAX = 30_000;
/** A page of a list. */
export const LIMIT_MAX = 100;
export const LIMIT_DEFAULT = 20;
/** Cursors are ours and short; longer ones are nobody's. */
const CURSOR_CHARACTERS_MAX = 1_024;
const REPLACEMENT = "\uFFFD";
/** C0 and C1 controls, lone surrogates, and what changes the direction of text around it: marks, embeddings, overrides, isolates. */
const CONTROLS = /[\p{Cc}\p{Cs}\u200E\u200F\u061C\u202A-\u202E\u2066-\u2069]/u;
const CONTROLS_BUT_LINES = /[^\P{Cc}\n]|[\p{Cs}\u200E\u200F\u061C\u202A-\u202E\u2066-\u2069]/u;

/** Money: a positive safe integer of minor units. */
export function amountField(description: string) {
  return z.int().min(1).openapi({ type: "integer", minimum: 1, description, example: 10_500 });
}

/** A whole number from 0 on, without -0: JSON keeps the sign of zero and arithmetic does not expect it. */
export function wholeField(description: string) {
  return z
    .int()
    .min(0)
    .refine((value) => !Object.is(value, -0), { message: "-0 is not a number here" })
    .openapi({ type: "integer", minimum: 0, description });
}

/** RFC 3339, read to epoch ms. */
export function instantField(description: string) {
  return z
    .string()
    .max(40)
    .transform((text, context) => {
      const at = parseInstant(text);
      if (at !== null) return at;
      context.addIssue({ code: "custom", message: "an instant of RFC 3339 with at most milliseconds is needed, such as 2026-11-23T10:00:00.000Z" });
      return z.NEVER;
    })
    .openapi({ type: "string", format: "date-time", description, example: "2026-11-23T10:05:00.000Z" });
}

/** Plain text of people, in NFC: 1 to `max` code points, no controls, no direction overrides, nothing that was not UTF-8. */
export function textField(max: number, description: string, lines: "one line" | "lines" = "one line") {
  const refused = lines === "lines" ? CONTROLS_BUT_LINES : CONTROLS;
  return z
    .string()
    .transform((text, context) => {
      const normal = text.normalize("NFC");
      const length = [...normal].length;
      if (length >= 1 && length <= max && !refused.test(normal) && !normal.includes(REPLACEMENT)) return normal;
      context.addIssue({ code: "custom", message: `1 to ${max} characters without control characters or direction overrides` });
      return z.NEVER;
    })
    .openapi({ type: "string", minLength: 1, maxLength: max, description });
}

/** A whole number written in digits, as addresses and headers carry it. */
export function digitsField(bounds: { readonly min: number; readonly max: number }, description: string) {
  return z
    .string()
    .transform((text, context) => {
      const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
      if (value >= bounds.min && value <= bounds.max) return value;
      context.addIssue({ code: "custom", message: `a whole number from ${bounds.min} to ${bounds.max}` });
      return z.NEVER;
    })
    .openapi({ type: "integer", minimum: bounds.min, maximum: bounds.max, description });
}

/** A user id as tokens bear it. */
export const userIdField = z
  .string()
  .regex(/^[!-~]{1,64}$/)
  .openapi({ description: "1 to 64 printable ASCII characters" });

export const currencyField = z
  .string()
  .regex(/^[A-Z]{3}$/)
  .openapi({ description: "ISO 4217 code", example: "USD" });

export const auctionParams = z.strictObject({
  auctionId: z
    .string()
    .refine(isAuctionId, { message: "a UUID of version 8 in lower case" })
    .openapi({ param: { name: "auctionId", in: "path" }, format: "uuid", example: "3a7c1f0e-6d0a-8a51-8f0e-2d4f8b9f6a10" }),
});

export const limitField = digitsField({ min: 1, max: LIMIT_MAX }, `entries on a page; ${LIMIT_DEFAULT} unless told`).optional();
export const cursorField = z
  .string()
  .min(1)
  .max(CURSOR_CHARACTERS_MAX)
  .optional()
  .openapi({ description: "`next` of the page before; bound to the filters it came with" });

export const deadlineHeaders = z.object({
  "fairwarning-deadline-ms": digitsField({ min: DEADLINE_MS_MIN, max: DEADLINE_MS_MAX }, "time the caller will wait, ms").optional(),
});

export const keyHeaders = deadlineHeaders.extend({
  "idempotency-key": z
    .string()
    .regex(KEY_PATTERN)
    .openapi({ description: "names this command for the life of the auction: 1 to 64 of A-Z a-z 0-9 _ -", example: "0197a1c4-55d0-7c3e-9a55-0c8d7b3c1f02" }),
});
