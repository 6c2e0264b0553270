// The guest identity of this browser: given by a gateway that has guests, kept in localStorage, renewed under the same user id.
//
// G1. A guest that is renewed stays the same user, so bids and leads stay one's own. Only one that the gateway no longer knows is
//     replaced by another.
// G2. A gateway gives an address few guests a minute. Told to wait, the page asks no earlier than it was told.
import { drop, held, keep, localNowMs } from "./storage.ts";

interface Guest {
  readonly token: string;
  /** Local time at which it was given, and how long it lasts: its expiry by a local clock that may be wrong. */
  readonly givenAtMs: number;
  readonly lastsMs: number;
}

/** Refused for now: too many requests from this address. */
export class TooMany extends Error {
  readonly retryAfterMs: number;

  constructor(retryAfterMs: number) {
    super(`too many requests, again in ${retryAfterMs} ms`);
    this.retryAfterMs = retryAfterMs;
  }
}

const GUEST = "fairwarning.guest";
const UNAUTHENTICATED = 401;
const FORBIDDEN = 403;
const TOO_MANY = 429;
const RETRY_AFTER_MS = 10_000;
/** A guest with less of its life left than this share is renewed before it is used: whoever comes back now and then stays the
 *  same guest. */
const LEFT_SHARE_MIN = 0.5;

/** Forgets the guest identity of this browser. */
export function forgetGuest(): void {
  drop(localStorage, GUEST);
}

/** Gives the token of this browser's guest; called again, that of the guest renewed: what was given before has run out or soon
 *  will. Rejects with TooMany, or when the gateway cannot be reached. */
export function guestTokens(): () => Promise<string> {
  let last: string | null = null;
  let askAgainAtMs = 0;
  return async () => {
    const kept = keptGuest();
    const other = kept !== null && kept.token !== last ? kept : null;
    if (other !== null && leftShare(other) >= LEFT_SHARE_MIN) {
      last = other.token;
      return last;
    }
    const waitMs = askAgainAtMs - localNowMs();
    if (waitMs > 0 && waitMs <= RETRY_AFTER_MS * 10) throw new TooMany(waitMs);
    try {
      last = await renewedGuest(kept);
    } catch (error) {
      if (!(error instanceof TooMany)) throw error;
      askAgainAtMs = localNowMs() + error.retryAfterMs;
      if (other === null || leftShare(other) <= 0) throw error;
      last = other.token;
    }
    return last;
  };
}

/** Of its life, 1 when just given; 0 and less when it has run out, or the local clock has jumped. */
function leftShare({ givenAtMs, lastsMs }: Guest): number {
  const ageMs = localNowMs() - givenAtMs;
  return ageMs < 0 ? 0 : 1 - ageMs / lastsMs;
}

function keptGuest(): Guest | null {
  const text = held(localStorage, GUEST);
  if (text === null) return null;
  try {
    const guest = JSON.parse(text) as Guest;
    return typeof guest.token === "string" && guest.lastsMs > 0 ? guest : null;
  } catch {
    return null;
  }
}

/** 401 and 403 mean that the old one has run out or is of another house; then there is a new one. */
async function renewedGuest(kept: Guest | null): Promise<string> {
  const renewed = kept === null ? null : await askForGuest(kept.token);
  if (renewed !== null && renewed.status !== UNAUTHENTICATED && renewed.status !== FORBIDDEN) return await keepGuest(renewed);
  return await keepGuest(await askForGuest(null));
}

async function askForGuest(token: string | null): Promise<Response> {
  const authorization = token === null ? {} : { authorization: `Bearer ${token}` };
  return await fetch("/v1/guests", { method: "POST", headers: { "content-type": "application/json", ...authorization }, body: "{}" });
}

async function keepGuest(response: Response): Promise<string> {
  const given = (await answered(response)) as { readonly token: string; readonly expiresAt: string };
  const serverNowMs = Number(response.headers.get("fairwarning-time") ?? localNowMs());
  const guest: Guest = { token: given.token, givenAtMs: localNowMs(), lastsMs: Date.parse(given.expiresAt) - serverNowMs };
  keep(localStorage, GUEST, JSON.stringify(guest));
  return given.token;
}

/** The body of an answer. Rejects with TooMany, or with the status of another refusal. */
export async function answered(response: Response): Promise<unknown> {
  if (response.ok) return await response.json();
  if (response.status === TOO_MANY) throw new TooMany(1_000 * Number(response.headers.get("retry-after") ?? RETRY_AFTER_MS / 1_000));
  throw new Error(`${response.url} answered ${response.status}`);
}
