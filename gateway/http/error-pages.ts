// A page for every error code: the address in `type` of a problem document opens it. Made from the catalogue, without script.
import { hash } from "node:crypto";
import type { Hono } from "hono";
import { ERROR_CODES, type ErrorCode, isErrorCode } from "../error-codes.ts";
import type { HttpEnvironment } from "./environment.ts";
import { Refused } from "./problem.ts";

const STYLE = `:root{color-scheme:light dark}body{font:1.0625rem/1.6 system-ui,sans-serif;max-width:42rem;margin:4rem auto;padding:0 1.5rem;color:#1c1a17;background:#faf8f4}
h1{font:2rem/1.2 ui-serif,Georgia,serif;margin:0 0 .5rem}code{font-size:.95em}dt{margin-top:1.5rem;font-size:.8125rem;letter-spacing:.06em;text-transform:uppercase}dd{margin:0}
@media (prefers-color-scheme:dark){body{color:#ece7dd;background:#141311}}`;
const POLICY = `default-src 'none'; style-src 'sha256-${hash("sha256", STYLE, "base64")}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;
const KEPT_S = 3_600;

/** Adds `/errors/{code}`. */
export function addErrorPages(app: Hono<HttpEnvironment>): void {
  app.get("/errors/:code", (c) => {
    const code = c.req.param("code");
    if (!isErrorCode(code)) throw new Refused("not_found");
    c.header("Content-Security-Policy", POLICY);
    c.header("Cache-Control", `public, max-age=${KEPT_S}`);
    return c.html(pageOf(code));
  });
}

function pageOf(code: ErrorCode): string {
  const { title, status, family, meaning, action } = ERROR_CODES[code];
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><title>${text(title)} (${code})</title><style>${STYLE}</style></head>
<body><main><h1>${text(title)}</h1><p><code>${code}</code>, HTTP ${status}, family ${family}</p>
<dl><dt>What it means</dt><dd>${text(meaning)}</dd><dt>What to do</dt><dd>${text(action)}</dd></dl></main></body></html>
`;
}

/** Catalogue text to HTML; `...` becomes code. */
function text(plain: string): string {
  return plain
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replace(/`([^`]+)`/g, "<code>$1</code>");
}
