// What every request meets before its route: its name, its time, origin, form and size. In this order, cheapest first.
//
// G1. Every answer bears `X-Request-Id` and `Fairwarning-Time`, refusals and files too, and is of the type that it says.
// G2. Nothing of a stranger is decompressed, and no body is read beyond its limit.
// G3. A foreign page gets nothing, even where no token is needed.
import type { Context, MiddlewareHandler } from "hono";
import { bodyLimit } from "hono/body-limit";
import { routePath } from "hono/route";
import type { HttpContext, HttpEnvironment } from "./environment.ts";
import type { HttpParts } from "./parts.ts";
import { Refused } from "./problem.ts";

type Guard = MiddlewareHandler<HttpEnvironment>;

/** Bodies of commands on one auction. */
export const COMMAND_BYTES_MAX = 1_024;
/** All other bodies: a lot with its description is the largest. */
export const BODY_BYTES_MAX = 65_536;

const REQUEST_ID = /^[A-Za-z0-9_-]{1,64}$/;
const JSON_BODY = /^application\/json\s*(;\s*charset\s*=\s*"?utf-8"?\s*)?$/i;
const DRAIN_RETRY_MS = 1_000;
const EXPOSED = "ETag, Location, Age, Retry-After, RateLimit, RateLimit-Policy, Fairwarning-Time, Fairwarning-State, Idempotency-Replayed, X-Request-Id";
const ALLOWED_HEADERS = "Authorization, Content-Type, Idempotency-Key, If-None-Match, Fairwarning-Deadline-Ms, X-Request-Id";
const PREFLIGHT_KEPT_S = 600;

/** Names the request, stamps the answer, and counts it by route when it is done. */
export function named(parts: HttpParts): Guard {
  return async (c, next) => {
    const given = c.req.header("x-request-id");
    const requestId = given !== undefined && REQUEST_ID.test(given) ? given : parts.newId();
    const startedAt = parts.clock.monotonic();
    c.set("requestId", requestId);
    c.set("startedAt", startedAt);
    c.header("X-Request-Id", requestId);
    c.header("Fairwarning-Time", String(parts.clock.now()));
    c.header("X-Content-Type-Options", "nosniff");
    await next();
    const seconds = (parts.clock.monotonic() - startedAt) / 1_000;
    const route = c.res.status === 404 || c.res.status === 405 ? "none" : routePath(c, -1);
    parts.metrics.request(c.req.method, route, c.res.status, seconds);
    parts.log.debug({ requestId, method: c.req.method, route, status: c.res.status, durationMs: Math.round(seconds * 1_000) }, "request");
  };
}

/** Turns away what comes while this gateway is about to stop. */
export function notDraining(parts: HttpParts): Guard {
  return async (_c, next) => {
    if (parts.draining()) throw new Refused("draining", { retryAfterMs: DRAIN_RETRY_MS, headers: { Connection: "close" } });
    await next();
  };
}

/** Cross-origin calls from allowed origins only; answers their preflights. A call without `Origin` is no page's. */
export function allowedOrigin(parts: HttpParts): Guard {
  return async (c, next) => {
    const origin = c.req.header("origin");
    // So that no cache gives one page what was said to another.
    c.header("Vary", "Origin");
    if (origin === undefined) return await next();
    if (isOwn(c, origin)) return await next();
    if (!parts.settings.origins.includes(origin)) throw new Refused("origin_refused");
    c.header("Access-Control-Allow-Origin", origin);
    c.header("Access-Control-Expose-Headers", EXPOSED);
    if (c.req.method !== "OPTIONS") return await next();
    c.header("Access-Control-Allow-Methods", "GET, POST, PUT");
    c.header("Access-Control-Allow-Headers", ALLOWED_HEADERS);
    c.header("Access-Control-Max-Age", String(PREFLIGHT_KEPT_S));
    return c.body(null, 204);
  };
}

/** The page this server gave out itself calls the host it came from. No cookie means anything here, so a name that was made to
 *  point at this host gains nothing by it. */
function isOwn(c: HttpContext, origin: string): boolean {
  return URL.canParse(origin) && new URL(origin).host === c.req.header("host");
}

/** Headers and body have a form that this API takes. */
export const wellFormed: Guard = async (c, next) => {
  if (!acceptsJson(c.req.header("accept"))) throw new Refused("not_acceptable");
  if (c.req.header("authorization")?.includes(",") === true) {
    throw new Refused("invalid_request", { errors: [{ pointer: "/header/Authorization", code: "repeated", detail: "one token only" }] });
  }
  if (hasBody(c)) {
    const encoding = c.req.header("content-encoding");
    const encoded = encoding !== undefined && encoding.toLowerCase() !== "identity";
    if (encoded || !JSON_BODY.test(c.req.header("content-type") ?? "")) throw new Refused("unsupported_media_type");
  }
  await next();
};

/** As HTTP tells it: a length or chunks. A request made within this process tells neither, but names a type. */
function hasBody(c: Context): boolean {
  const length = c.req.header("content-length");
  if (c.req.header("transfer-encoding") !== undefined) return true;
  return length === undefined ? c.req.header("content-type") !== undefined : length !== "0";
}

function acceptsJson(accept: string | undefined): boolean {
  if (accept === undefined || accept.trim() === "") return true;
  return accept.split(",").some((part) => {
    const [type = "", ...parameters] = part.split(";").map((piece) => piece.trim().toLowerCase());
    const refused = parameters.some((parameter) => /^q=0(\.0{0,3})?$/.test(parameter));
    return !refused && ["*/*", "application/*", "application/json", "application/problem+json"].includes(type);
  });
}

/** Refuses a body over its limit, by its length where it says one, else while it is read. */
export function atMost(bytes: number): Guard {
  return bodyLimit({
    maxSize: bytes,
    onError: () => {
      throw new Refused("body_too_large", { detail: `This body may have at most ${bytes} bytes.`, headers: { Connection: "close" } });
    },
  });
}
