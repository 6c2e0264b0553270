// The HTTP side of a gateway: one app that holds the API under /v1 and /api/v1, its document, the pages, health and figures.
//
// Owns: the order of guards and routes, and how every fault is written out.
// Must not: decide a bid, keep state of an auction, or open a port (gateway/main.ts does).
import { OpenAPIHono } from "@hono/zod-openapi";
import type { Hono } from "hono";
import { HTTPException } from "hono/http-exception";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { ERROR_CODES, type ErrorCode } from "../error-codes.ts";
import { addAuctionRoutes, addSellerRoutes } from "./auctions.ts";
import { addBidReads } from "./bid-reads.ts";
import { addBidRoutes } from "./bids.ts";
import { addCallerRoutes } from "./callers.ts";
import { type HttpContext, type HttpEnvironment, newApp } from "./environment.ts";
import { addErrorPages } from "./error-pages.ts";
import { refuseFaults } from "./faults.ts";
import { allowedOrigin, atMost, BODY_BYTES_MAX, COMMAND_BYTES_MAX, named, notDraining, wellFormed } from "./guards.ts";
import { addHealthRoutes } from "./health.ts";
import { addListRoutes } from "./lists.ts";
import { addLivePage } from "./live-page.ts";
import { addDocument } from "./openapi.ts";
import type { HttpParts } from "./parts.ts";
import { Refused, refusalHeaders, refusalJson } from "./problem.ts";
import { RouteTable } from "./route-table.ts";

/** Where the API answers: the second is the prefix of the interface this one grew from. The document lists the first only. */
const MOUNTS = ["/v1", "/api/v1"] as const;

/** Builds the app; nothing runs until a request comes. */
export function createApp(parts: HttpParts): Hono<HttpEnvironment> {
  const app = newApp();
  app.use(named(parts));
  app.onError((error, c) => writeFault(parts, c, error));
  addHealthRoutes(app, parts);
  addErrorPages(app);
  addLivePage(app, parts);
  const api = createApi(parts);
  addDocument(app, parts, api);
  for (const mount of MOUNTS) app.route(mount, api);
  const table = new RouteTable(app);
  app.notFound((c) => {
    const methods = table.methodsAt(c.req.path);
    const refused = methods.length === 0 ? new Refused("not_found") : new Refused("method_not_allowed", { headers: { Allow: methods.join(", ") } });
    return writeFault(parts, c, refused);
  });
  return app;
}

function createApi(parts: HttpParts): OpenAPIHono<HttpEnvironment> {
  const api = new OpenAPIHono<HttpEnvironment>({ defaultHook: refuseFaults });
  api.use(notDraining(parts), allowedOrigin(parts), wellFormed);
  api.use("/auctions/:auctionId/*", atMost(COMMAND_BYTES_MAX));
  api.use(atMost(BODY_BYTES_MAX));
  addAuctionRoutes(api, parts);
  addListRoutes(api, parts);
  addBidRoutes(api, parts);
  addBidReads(api, parts);
  addSellerRoutes(api, parts);
  addCallerRoutes(api, parts);
  return api;
}

function writeFault(parts: HttpParts, c: HttpContext, error: unknown): Response {
  const refused = error instanceof Refused ? error : refusedOf(error);
  const requestId = c.get("requestId");
  if (refused.code === "internal") parts.log.error({ err: error, requestId, method: c.req.method, path: c.req.path }, "a request failed");
  parts.metrics.refused(refused.code);
  const body = JSON.stringify(refusalJson(refused.code, requestId, refused.extras));
  return c.body(body, ERROR_CODES[refused.code].status as ContentfulStatusCode, refusalHeaders(refused.code, refused.extras));
}

/** hono's own faults: a body that is not JSON, a media type it does not take. Everything else is ours. */
function refusedOf(error: unknown): Refused {
  if (!(error instanceof HTTPException)) return new Refused("internal");
  const codes: Readonly<Record<number, ErrorCode>> = { 400: "malformed_body", 413: "body_too_large", 415: "unsupported_media_type" };
  return new Refused(codes[error.status] ?? "internal");
}
