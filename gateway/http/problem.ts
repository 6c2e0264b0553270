// Problem documents (RFC 9457): what a refusal and a rejection look like on HTTP.
//
// P1. A rejection holds the answer and nothing that differs between two sendings, so that it repeats byte for byte: no request
//     id, no time of sending. Its text depends on the answer and on the command's own fields alone.
// P2. A refusal had no effect, except `outcome_unknown`; it names the request.

import type { Answer } from "../../engine/core/decision.ts";
import type { AuctionId } from "../../engine/core/ids.ts";
import { ERROR_CODES, type ErrorCode, REJECTION_STATUS } from "../error-codes.ts";
import { type AnswerJson, answerJson } from "./answer-json.ts";
import { moneyText } from "./currency.ts";

export const PROBLEM_TYPE = "application/problem+json";

/** One place in a request that is wrong. `pointer` is a JSON pointer into the body; /query, /path and /header lead to the rest. */
export interface PointedFault {
  readonly pointer: string;
  readonly code: string;
  readonly detail: string;
}

export interface RefusalExtras {
  readonly detail?: string;
  readonly retryAfterMs?: number;
  readonly policy?: string;
  readonly errors?: readonly PointedFault[];
  readonly headers?: Readonly<Record<string, string>>;
}

/** Thrown by a handler to turn a request away; the app's one error handler writes it out. */
export class Refused extends Error {
  readonly code: ErrorCode;
  readonly extras: RefusalExtras;
  constructor(code: ErrorCode, extras: RefusalExtras = {}) {
    super(code);
    this.code = code;
    this.extras = extras;
  }
}

export interface ProblemJson {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: ErrorCode;
  readonly detail: string;
  readonly requestId: string;
  readonly retryAfterMs?: number;
  readonly policy?: string;
  readonly errors?: readonly PointedFault[];
}

/** A hint where nobody knows better: most of what is too much, or away, is not in a second. */
const RETRY_AFTER_MS = 1_000;
const WORTH_WAITING: ReadonlySet<number> = new Set([429, 503]);

/** Every refusal that is worth another try says when; null for the others. */
function hintOf(code: ErrorCode, { retryAfterMs }: RefusalExtras): number | null {
  return retryAfterMs ?? (WORTH_WAITING.has(ERROR_CODES[code].status) ? RETRY_AFTER_MS : null);
}

/** The document of a refusal. */
export function refusalJson(code: ErrorCode, requestId: string, extras: RefusalExtras): ProblemJson {
  const entry = ERROR_CODES[code];
  const wait = hintOf(code, extras);
  return {
    type: `/errors/${code}`,
    title: entry.title,
    status: entry.status,
    code,
    detail: extras.detail ?? entry.meaning,
    requestId,
    ...(wait === null ? {} : { retryAfterMs: wait }),
    ...(extras.policy === undefined ? {} : { policy: extras.policy }),
    ...(extras.errors === undefined ? {} : { errors: extras.errors }),
  };
}

/** Headers that go with a refusal. `Retry-After` is in whole seconds, at least one. */
export function refusalHeaders(code: ErrorCode, extras: RefusalExtras): Record<string, string> {
  const wait = hintOf(code, extras);
  return {
    "Content-Type": PROBLEM_TYPE,
    "Cache-Control": "no-store",
    ...(wait === null ? {} : { "Retry-After": String(Math.max(1, Math.ceil(wait / 1_000))) }),
    ...(code === "unauthenticated" ? { "WWW-Authenticate": "Bearer" } : {}),
    ...(code === "token_expired" ? { "WWW-Authenticate": 'Bearer error="invalid_token", error_description="expired"' } : {}),
    ...extras.headers,
  };
}

export interface RejectionJson extends AnswerJson {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
}

/** The document of a rejection. `currency` is the one the command named, or null. */
export function rejectionJson(answer: Answer, auctionId: AuctionId, currency: string | null): RejectionJson {
  const { code } = answer;
  const entry = code === "leading" || code === "outbid" || code === "ok" ? ERROR_CODES.internal : ERROR_CODES[code];
  const { verdict, code: shown, ...rest } = answerJson(answer, auctionId);
  return {
    type: `/errors/${code}`,
    title: entry.title,
    status: REJECTION_STATUS,
    code: shown,
    detail: rejectionDetail(answer, currency) ?? entry.meaning,
    verdict,
    ...rest,
  };
}

function rejectionDetail(answer: Answer, currency: string | null): string | null {
  if (answer.code === "below_asking_price" && answer.askingPrice !== null && currency !== null) {
    return `The asking price is ${moneyText(answer.askingPrice, currency)}.`;
  }
  return null;
}
