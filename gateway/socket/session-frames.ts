// The frames that a session says of itself: welcome and error. Pure.
import type { Instant } from "../../engine/core/ids.ts";
import { ERROR_CODES, type ErrorCode } from "../error-codes.ts";
import type { Identity } from "../ports.ts";
import type { ErrorFrame, FrameError, WelcomeFrame } from "./client-frames.ts";
import type { SocketLimits } from "./limits.ts";

/** What a refusal is about; absent and null are the same. */
export interface RefusalAbout {
  readonly id?: number | null;
  readonly auctionId?: string | null;
  readonly retryAfterMs?: number;
  readonly errors?: readonly FrameError[];
}

/** A refusal: it had no effect, but for `outcome_unknown`, which may have had one. */
export function errorFrame(code: ErrorCode, about: RefusalAbout, requestId: string): ErrorFrame {
  const { id = null, auctionId = null, retryAfterMs = 0, errors = [] } = about;
  return {
    type: "error",
    ...(id === null ? {} : { id }),
    ...(auctionId === null ? {} : { auctionId }),
    code,
    message: ERROR_CODES[code].meaning,
    ...(retryAfterMs > 0 ? { retryAfterMs: Math.ceil(retryAfterMs) } : {}),
    ...(errors.length === 0 ? {} : { errors }),
    requestId,
  };
}

/** What a welcome says that is not the session's own. */
export interface WelcomeFacts {
  readonly lifeId: string;
  readonly bidsLeft: number | null;
  readonly version: string;
}

/** Whom the server takes the client for, and what it may do. */
export function welcomeFrame(
  identity: Identity | null,
  facts: WelcomeFacts,
  session: { readonly id: number | null; readonly sessionId: string; readonly limits: SocketLimits; readonly serverTimeMs: Instant },
): WelcomeFrame {
  const { id, sessionId, limits, serverTimeMs } = session;
  const { lifeId, bidsLeft, version } = facts;
  return {
    type: "welcome",
    ...(id === null ? {} : { id }),
    serverTimeMs,
    sessionId,
    lifeId,
    you: identity === null ? null : { userId: identity.userId, tier: identity.tier, roles: identity.roles, guest: identity.guest },
    expiresAtMs: identity?.expiresAt ?? null,
    pingEveryMs: limits.pingEveryMs,
    pongWithinMs: limits.pongWithinMs,
    limits: { subscriptions: limits.subscriptions, frameBytes: limits.frameBytes, bidsInFlight: limits.bidsInFlight, bidsLeft },
    version,
  };
}
