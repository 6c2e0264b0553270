// The answers that a route may give, for the OpenAPI document: its successes, and its error codes gathered by status.
import type { z } from "@hono/zod-openapi";
import { ERROR_CODES, type ErrorCode } from "../error-codes.ts";
import { PROBLEM_TYPE } from "./problem.ts";
import { problemSchema, rejectionSchema } from "./schemas.ts";

/** What any route may answer. */
const ANY: readonly ErrorCode[] = ["invalid_request", "origin_refused", "not_acceptable", "rate_limited", "overloaded", "draining", "internal"];
/** With a token. */
export const TOKEN_CODES: readonly ErrorCode[] = ["unauthenticated", "token_expired", "forbidden"];
/** With a body. */
export const BODY_CODES: readonly ErrorCode[] = ["malformed_body", "body_too_large", "unsupported_media_type"];
/** Reads of one auction. */
export const READ_CODES: readonly ErrorCode[] = ["no_such_auction", "shard_moving", "shard_unowned", "log_unavailable"];
/** Commands to one auction, beside every rejection. */
export const COMMAND_CODES: readonly ErrorCode[] = [
  ...TOKEN_CODES,
  ...BODY_CODES,
  ...READ_CODES,
  "key_required",
  "key_reused",
  "auction_busy",
  "outcome_unknown",
];

export interface Documented {
  readonly description: string;
}

/** A success with a JSON body. */
export function json(description: string, schema: z.ZodType): Documented {
  return { description, content: { "application/json": { schema } } } as Documented;
}

/** The `responses` of a route. With `rejections`, 422 is documented as a decision that says no. */
export function responses(success: Readonly<Record<number, Documented>>, codes: readonly ErrorCode[], rejections = false): Record<number, Documented> {
  const all: Record<number, Documented> = { ...success };
  const byStatus = new Map<number, ErrorCode[]>();
  for (const code of new Set([...ANY, ...codes])) {
    const { status } = ERROR_CODES[code];
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  for (const [status, found] of byStatus) all[status] = problem(found.map((code) => `\`${code}\``).join(", "), problemSchema);
  if (rejections) all[422] = problem("A rejection, which is a normal outcome and repeats byte for byte; or `key_reused`", rejectionSchema.or(problemSchema));
  return all;
}

function problem(description: string, schema: z.ZodType): Documented {
  return { description, content: { [PROBLEM_TYPE]: { schema } } } as Documented;
}
