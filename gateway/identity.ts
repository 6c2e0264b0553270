// Who a caller is: tokens checked, tickets for sockets, guests where they are let in.
//
// I1. Issuer, audience, begin and end are always checked, with 5 s of tolerance, and the life of a token is bounded: what has no
//     end, or too far an end, is nobody.
// I2. A token that names where to find its key, or demands an extension, is refused; nothing is fetched for it.
// I3. An unknown tier is `free` and an unknown role is none: a token can never get more by a word we do not know.
// I4. Tokens and tickets are kept as digests or not at all, so that memory shows none.
// I5. A ticket is spent by whoever shows it, also where it does not open: a thief from another address family has it once, and for nothing.
// I6. A key set that cannot be fetched is a fault of ours: a good token is never called bad for it, since that would end its holder's socket.
import { hash, randomBytes } from "node:crypto";
import { decodeProtectedHeader, errors, type JWTPayload, type JWTVerifyGetKey, jwtVerify, type ProtectedHeaderParameters } from "jose";
import type { Instant } from "../engine/core/ids.ts";
import { type LocalKey, signToken } from "./local-key.ts";
import type { AddressFamily, Identities, Identity, Tier, TokenFault } from "./ports.ts";
import type { TokenKey } from "./token-keys.ts";

/** 8 KiB: no honest token is longer, and a longer one is not parsed. */
const TOKEN_CHARACTERS_MAX = 8_192;
const TOLERANCE_S = 5;
/** 200 bytes each. A check costs 135 us, so a bidder's next thousand requests should not pay for it again. The oldest goes first. */
const VERIFIED_MAX = 50_000;
/** A key that was withdrawn is noticed after this at the latest. */
const VERIFIED_KEPT_MS = 600_000;
const TICKET_BYTES = 32;
const TICKET_LIFE_MS = 30_000;
/** Ten seconds of a storm of a thousand sockets a second and more. The oldest goes first. */
const TICKETS_MAX = 50_000;
const NAME_CHARACTERS_MAX = 64;
const USER_ID = /^[\x21-\x7e]{1,64}$/;
const TIERS: readonly string[] = ["free", "premium", "enterprise"];
const ROLES: readonly string[] = ["bidder", "seller", "operator", "auditor"];
const STRANGE_HEADERS = ["jku", "jwk", "x5u", "x5c", "crit"] as const;

export interface GuestSettings {
  readonly key: LocalKey;
  readonly tier: Tier;
  /** A new guest's user id. */
  readonly newId: () => string;
}

export interface IdentitySettings {
  readonly key: TokenKey;
  readonly issuer: string;
  readonly audience: string;
  readonly lifetimeMaxS: number;
  readonly now: () => Instant;
  /** null: guests are not let in. */
  readonly guests: GuestSettings | null;
}

interface Verified {
  readonly identity: Identity;
  readonly againAt: Instant;
}

/** Identities of one gateway; nothing in it waits but a key set that has to be fetched. */
export class TokenIdentities implements Identities {
  readonly #settings: IdentitySettings;
  readonly #verified = new Map<string, Verified>();
  /** In order of their ends, since all live equally long. */
  readonly #tickets = new Map<string, { readonly identity: Identity; readonly expiresAt: Instant; readonly family: AddressFamily | null }>();

  constructor(settings: IdentitySettings) {
    this.#settings = settings;
  }

  async verify(token: string): Promise<Identity | TokenFault> {
    if (token.length > TOKEN_CHARACTERS_MAX) return "unauthenticated";
    const now = this.#settings.now();
    const digest = hash("sha256", token, "base64url");
    const known = this.#verified.get(digest);
    if (known !== undefined && now < known.againAt) return now < known.identity.expiresAt + TOLERANCE_S * 1_000 ? known.identity : "token_expired";
    const found = await this.#check(token, now);
    this.#verified.delete(digest);
    if (typeof found === "string") return found;
    dropOldest(this.#verified, VERIFIED_MAX);
    this.#verified.set(digest, { identity: found, againAt: now + VERIFIED_KEPT_MS });
    return found;
  }

  issueTicket(identity: Identity, family: AddressFamily | null = null): { readonly ticket: string; readonly expiresAt: Instant } {
    const now = this.#settings.now();
    this.#dropSpentTickets(now);
    dropOldest(this.#tickets, TICKETS_MAX);
    const ticket = randomBytes(TICKET_BYTES).toString("base64url");
    const expiresAt = now + TICKET_LIFE_MS;
    this.#tickets.set(hash("sha256", ticket, "base64url"), { identity, expiresAt, family });
    return { ticket, expiresAt };
  }

  spendTicket(ticket: string, family: AddressFamily | null = null): Identity | null {
    const digest = hash("sha256", ticket, "base64url");
    const found = this.#tickets.get(digest);
    this.#tickets.delete(digest);
    const now = this.#settings.now();
    if (found === undefined || now >= found.expiresAt || now >= found.identity.expiresAt) return null;
    return found.family === null || family === null || found.family === family ? found.identity : null;
  }

  async issueGuest(name: string | null, again: Identity | null = null): Promise<{ readonly token: string; readonly identity: Identity } | null> {
    const { guests, now, issuer, audience } = this.#settings;
    if (guests === null) return null;
    const userId = again?.userId ?? `guest-${guests.newId()}`;
    const shown = name ?? again?.name ?? `Guest ${userId.slice(-4)}`;
    const claims = { userId, name: shown, tier: guests.tier, roles: ["bidder", "seller"], guest: true };
    const token = await signToken(guests.key, claims, { now: now(), issuer, audience, lifetimeS: this.#settings.lifetimeMaxS });
    const identity = await this.verify(token);
    return typeof identity === "string" ? null : { token, identity };
  }

  async #check(token: string, now: Instant): Promise<Identity | TokenFault> {
    const { key, issuer, audience, lifetimeMaxS } = this.#settings;
    const header = headerOf(token);
    if (header === null) return "unauthenticated";
    try {
      if (STRANGE_HEADERS.some((member) => member in header)) return "unauthenticated";
      if (key.kid !== null && header.kid !== undefined && header.kid !== key.kid) return "unauthenticated";
      const options = {
        algorithms: [...key.algorithms],
        issuer,
        audience,
        clockTolerance: TOLERANCE_S,
        currentDate: new Date(now),
        requiredClaims: ["exp", "iat"],
      };
      const { payload } =
        typeof key.key === "function" ? await jwtVerify(token, key.key as JWTVerifyGetKey, options) : await jwtVerify(token, key.key, options);
      return identityOf(payload, now, lifetimeMaxS) ?? "unauthenticated";
    } catch (error) {
      if (typeof key.key === "function" && !saysOfToken(error)) throw new KeysUnavailable("the key set cannot be had", { cause: error });
      return error instanceof errors.JWTExpired ? "token_expired" : "unauthenticated";
    }
  }

  #dropSpentTickets(now: Instant): void {
    for (const [digest, { expiresAt }] of this.#tickets) {
      if (expiresAt > now) return;
      this.#tickets.delete(digest);
    }
  }
}

/** Thrown by `verify` when the keys that judge a token cannot be fetched: then nothing is known of the token. */
export class KeysUnavailable extends Error {}

function headerOf(token: string): ProtectedHeaderParameters | null {
  try {
    return decodeProtectedHeader(token);
  } catch {
    return null;
  }
}

/** Whether a fault is the token's, and not one of fetching the key set: jose has a name of its own for each fault of a token. */
function saysOfToken(error: unknown): boolean {
  return (
    error instanceof errors.JOSEError && !(error instanceof errors.JWKSTimeout) && !(error instanceof errors.JWKSInvalid) && error.code !== "ERR_JOSE_GENERIC"
  );
}

function dropOldest(map: Map<string, unknown>, max: number): void {
  if (map.size < max) return;
  const [oldest] = map.keys();
  if (oldest !== undefined) map.delete(oldest);
}

/** null when a claim is not what it should be. */
function identityOf(payload: JWTPayload, now: Instant, lifetimeMaxS: number): Identity | null {
  const { exp, iat, user_id: userId, tier, roles = ["bidder"], name, guest } = payload;
  if (exp === undefined || iat === undefined || exp - iat > lifetimeMaxS || iat > now / 1_000 + TOLERANCE_S) return null;
  if (typeof userId !== "string" || !USER_ID.test(userId) || !Array.isArray(roles)) return null;
  return {
    userId,
    name: typeof name === "string" ? shownName(name) : null,
    tier: typeof tier === "string" && TIERS.includes(tier) ? (tier as Tier) : "free",
    roles: ROLES.filter((role) => roles.includes(role)) as Identity["roles"],
    guest: guest === true,
    expiresAt: exp * 1_000,
  };
}

/** A name as others may see it: no controls, no direction overrides, not endless; null when nothing is left. */
function shownName(name: string): string | null {
  const plain = name
    .normalize("NFC")
    .replace(/[\p{Cc}\p{Cs}\u200E\u200F\u061C\u202A-\u202E\u2066-\u2069]/gu, "")
    .trim();
  return plain === "" ? null : [...plain].slice(0, NAME_CHARACTERS_MAX).join("");
}
