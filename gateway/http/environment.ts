// What a request carries from the first middleware to its handler, and the small readings every handler needs of it.
import { type Context, Hono } from "hono";
import { countedAs } from "../address.ts";
import type { PolicyStanding } from "../admission.ts";
import type { Identity } from "../ports.ts";
import type { HttpParts } from "./parts.ts";
import { Refused } from "./problem.ts";

/** Bindings come from @hono/node-server; a test may leave them out. */
export interface HttpEnvironment {
  Bindings: { readonly incoming?: { readonly socket?: { readonly remoteAddress?: string } } };
  Variables: { requestId: string; startedAt: number };
}

export type HttpContext = Context<HttpEnvironment>;

/** 8 KiB: no honest token is longer, and a longer one is not looked at. */
const TOKEN_CHARACTERS_MAX = 8_192;
const UNKNOWN_ADDRESS = "unknown";

/** An empty app whose schema faults become problem documents. */
export function newApp(): Hono<HttpEnvironment> {
  return new Hono<HttpEnvironment>();
}

/** The network of the caller: the far end of the connection, or whom a listed proxy names. */
export function addressOf(parts: HttpParts, c: HttpContext): string {
  return parts.settings.proxies.callerOf(c.env?.incoming?.socket?.remoteAddress ?? UNKNOWN_ADDRESS, c.req.header("x-forwarded-for") ?? null);
}

/** Lets a call without a token in, counted by address. */
export function admitAnybody(parts: HttpParts, c: HttpContext): void {
  count(parts, c, "requests", countedAs(addressOf(parts, c)));
}

/** The caller, if the token holds and has the role (null: any role); counted by bidder. Refuses everything else. */
export async function admit(parts: HttpParts, c: HttpContext, role: Identity["roles"][number] | null): Promise<Identity> {
  const identity = await identify(parts, c);
  count(parts, c, "requests", identity.userId);
  if (role !== null && !identity.roles.includes(role)) {
    throw new Refused("forbidden", { detail: `This needs the role ${role}.` });
  }
  return identity;
}

async function identify(parts: HttpParts, c: HttpContext): Promise<Identity> {
  const header = c.req.header("authorization");
  if (header === undefined) throw new Refused("unauthenticated");
  const token = /^Bearer ([^\s,]+)$/i.exec(header)?.[1];
  const found = token === undefined || token.length > TOKEN_CHARACTERS_MAX ? "unauthenticated" : await parts.identities.verify(token);
  if (typeof found !== "string") return found;
  if (found === "unauthenticated") countLogin(parts, c);
  throw new Refused(found);
}

/** One of what an address may do only so often: a bad token, a ticket, a guest. */
export function countLogin(parts: HttpParts, c: HttpContext): void {
  count(parts, c, "logins", countedAs(addressOf(parts, c)));
}

/** Takes one from a limit, tells how it stands in the headers, and refuses when nothing is left. */
export function count(parts: HttpParts, c: HttpContext, policy: "requests" | "creates" | "logins", who: string): void {
  const { allowed, standing } = parts.limits.take(policy, who);
  tellLimit(c, standing);
  if (!allowed) refuseLimit(parts, standing.policy, standing.resetMs);
}

/** Throws the refusal of a limit, with its policy and when to come again. */
export function refuseLimit(parts: HttpParts, policy: string, retryAfterMs: number): never {
  parts.metrics.rateLimited(policy);
  throw new Refused("rate_limited", { policy, retryAfterMs });
}

/** `RateLimit` and `RateLimit-Policy`; the last one told stands, so that the narrowest limit of a route is the one shown. */
export function tellLimit(c: HttpContext, standing: PolicyStanding): void {
  c.header("RateLimit-Policy", `"${standing.policy}";q=${standing.quota};w=${Math.ceil(standing.windowMs / 1_000)}`);
  c.header("RateLimit", `"${standing.policy}";r=${standing.remaining};t=${Math.ceil(standing.resetMs / 1_000)}`);
}
