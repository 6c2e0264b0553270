// What a request carries from the first middleware to its handler, and the small readings every handler needs of it.
import { type Context, Hono } from "hono";
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
const IPV6_GROUPS = 8;
const NETWORK_GROUPS = 4;

/** An empty app whose schema faults become problem documents. */
export function newApp(): Hono<HttpEnvironment> {
  return new Hono<HttpEnvironment>();
}

/** Address of the caller's end of the connection. Forwarding headers are not believed. */
export function addressOf(c: HttpContext): string {
  return networkOf(c.env?.incoming?.socket?.remoteAddress ?? UNKNOWN_ADDRESS);
}

/** What limits count by: an IPv4 address, written plainly, or the first 64 bits of an IPv6 one, which are all one household's. */
export function networkOf(address: string): string {
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, "");
  if (!plain.includes(":")) return plain;
  const [head = "", tail] = plain.split("::");
  const groups = head === "" ? [] : head.split(":");
  const after = tail === undefined || tail === "" ? [] : tail.split(":");
  const missing = tail === undefined ? 0 : IPV6_GROUPS - groups.length - after.length;
  return [...groups, ...Array.from({ length: Math.max(0, missing) }, () => "0"), ...after].slice(0, NETWORK_GROUPS).join(":");
}

/** Lets a call without a token in, counted by address. */
export function admitAnybody(parts: HttpParts, c: HttpContext): void {
  count(parts, c, "requests", addressOf(c));
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
  if (found === "unauthenticated") count(parts, c, "logins", addressOf(c));
  throw new Refused(found);
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
