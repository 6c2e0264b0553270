// The live page: one document for the list and for every auction, and the files it names.
//
// W1. No script or style stands in the document, and none from elsewhere runs: what a seller writes is text.
import type { Hono } from "hono";
import { isAuctionId } from "../../engine/core/ids.ts";
import type { HttpContext, HttpEnvironment } from "./environment.ts";
import type { HttpParts } from "./parts.ts";
import { Refused } from "./problem.ts";
import { servedFiles, serveFile } from "./served-files.ts";

const PAGE = "index.html";

/** Adds `/`, `/auctions/{auctionId}` and the page's files. */
export function addLivePage(app: Hono<HttpEnvironment>, parts: HttpParts): void {
  const files = servedFiles(parts.page);
  const headersFor = (c: HttpContext) => ({
    "Content-Security-Policy": policy(parts.about.socketUrl(c.req.header("host"))),
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
  });
  const page = files.get(PAGE);
  app.get("/", (c) => {
    if (page === undefined) throw new Refused("not_found", { detail: "The page was not built; the API is at /docs." });
    return serveFile(parts, c, page, headersFor(c));
  });
  app.get("/auctions/:auctionId", (c) => {
    if (page === undefined || !isAuctionId(c.req.param("auctionId"))) throw new Refused("not_found");
    return serveFile(parts, c, page, headersFor(c));
  });
  for (const [name, file] of files) {
    if (name !== PAGE) app.get(`/${name}`, (c) => serveFile(parts, c, file, headersFor(c)));
  }
}

/** Pictures come from wherever sellers keep them, by https; scripts, styles and data come from here; sockets from their port. */
function policy(socketUrl: string): string {
  const { protocol, host } = new URL(socketUrl);
  return [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' https: data:",
    `connect-src 'self' ${protocol}//${host}`,
    "manifest-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join("; ");
}
