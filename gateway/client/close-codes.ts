// What a close of the socket asks for, and how long to wait. Pure.

/** The terminal range; the range below it reconnects. */
const TERMINAL_MIN = 4500;
const TERMINAL_MAX = 4999;
const TOKEN_EXPIRED = 4002;
const RESUBSCRIBE = 4006;
const TICKET_SPENT = 4007;

export type AfterClose =
  | { readonly kind: "failed"; readonly why: string }
  | { readonly kind: "retry"; readonly why: string; readonly afterMs: number; readonly freshToken: boolean; readonly forgetPairs: boolean };

/** Reads a close code and its reason, `name` or `name;retryAfterMs=N`. Unknown codes follow their range. */
export function afterClose(code: number, reason: string): AfterClose {
  const [name, hint] = reason.split(";retryAfterMs=");
  const why = name === undefined || name === "" ? `closed ${code}` : name;
  if (code >= TERMINAL_MIN && code <= TERMINAL_MAX) return { kind: "failed", why };
  const afterMs = Number(hint ?? 0);
  return {
    kind: "retry",
    why,
    afterMs: Number.isFinite(afterMs) && afterMs > 0 ? afterMs : 0,
    freshToken: code === TOKEN_EXPIRED || code === TICKET_SPENT,
    forgetPairs: code === RESUBSCRIBE,
  };
}

export interface Backoff {
  readonly delayMinMs: number;
  readonly delayMaxMs: number;
}

/** Full jitter from the first try on: anywhere up to the doubled delay, after the server's hint. With fixed steps, everybody cut
 *  off at once would come back at once. Source: AWS Architecture Blog, "Exponential Backoff And Jitter". */
export function waitMs(attempt: number, hintMs: number, backoff: Backoff, random: number): number {
  const ceiling = Math.min(backoff.delayMaxMs, backoff.delayMinMs * 2 ** Math.min(attempt, 16));
  return Math.round(hintMs + random * ceiling);
}
