// The OpenAPI 3.1 document, made from the routes themselves, and the page that shows it. All files are local.
import { OpenAPIHono } from "@hono/zod-openapi";
import type { Hono } from "hono";
import type { HttpEnvironment } from "./environment.ts";
import type { HttpParts } from "./parts.ts";
import { Refused } from "./problem.ts";
import { servedFiles, serveFile } from "./served-files.ts";

const INFO = {
  title: "Fairwarning",
  summary: "A single-writer bidding engine: every decision is durable before anybody hears of it.",
  description:
    "Money is in whole minor units of the auction's currency, instants are RFC 3339 in UTC with milliseconds. A rejection (422) is a normal outcome and repeats byte for byte under its key. A refusal had no effect, with one exception: `outcome_unknown` means that the same key has to be asked again. Branch on `code`; `/errors/{code}` explains each.",
  license: { name: "MIT", identifier: "MIT" },
};
const TAGS = [
  { name: "auctions", description: "Create, read and end auctions" },
  { name: "bids", description: "Bid and read bids" },
  { name: "lists", description: "Lists, search and increment tables; seconds behind the owners" },
  { name: "callers", description: "The caller, tickets, guests, this server" },
];
const DOCS_POLICY = "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const DOCS_PAGE = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><title>Fairwarning API</title>
<link rel="stylesheet" href="/docs/swagger-ui.css"></head>
<body><div id="swagger-ui"></div><script src="/docs/swagger-ui-bundle.js"></script><script src="/docs/initializer.js"></script></body></html>
`;
const DOCS_INITIALIZER = `SwaggerUIBundle({ url: "/openapi.json", dom_id: "#swagger-ui", deepLinking: true, tryItOutEnabled: true, validatorUrl: null });
`;

/** Adds `/openapi.json` and `/docs`. */
export function addDocument(app: Hono<HttpEnvironment>, parts: HttpParts, api: OpenAPIHono<HttpEnvironment>): void {
  const document = JSON.stringify(documentOf(api, parts.about.version));
  app.get("/openapi.json", (c) => {
    c.header("Cache-Control", "no-cache");
    return c.body(document, 200, { "Content-Type": "application/json" });
  });
  const headers = { "Content-Security-Policy": DOCS_POLICY };
  const encoder = new TextEncoder();
  const files = servedFiles([
    ...parts.docs,
    { name: "index.html", bytes: Uint8Array.from(encoder.encode(DOCS_PAGE)) },
    { name: "initializer.js", bytes: Uint8Array.from(encoder.encode(DOCS_INITIALIZER)) },
  ]);
  for (const [path, name] of [
    ["/docs", "index.html"],
    ["/docs/:name", null],
  ] as const) {
    app.get(path, (c) => {
      const file = files.get(name ?? c.req.param("name") ?? "");
      if (file === undefined) throw new Refused("not_found");
      return serveFile(parts, c, file, headers);
    });
  }
}

/** The document of the API as it stands under /v1. */
export function documentOf(api: OpenAPIHono<HttpEnvironment>, version: string): object {
  const listed = new OpenAPIHono<HttpEnvironment>();
  listed.route("/v1", api);
  listed.openAPIRegistry.registerComponent("securitySchemes", "bearer", { type: "http", scheme: "bearer", bearerFormat: "JWT" });
  return listed.getOpenAPI31Document({ openapi: "3.1.0", info: { ...INFO, version }, servers: [{ url: "/" }], tags: TAGS });
}
