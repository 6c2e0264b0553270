// What the socket port answers to plain HTTP: health, and refusals before an upgrade.
//
// Must not: decide which (door.ts, server.ts).
import { v7 } from "uuid";
import { ERROR_CODES } from "../error-codes.ts";
import type { DoorRefusal } from "./door.ts";

/** What is used of a request and of a response of the transport. */
interface PlainRequest {
  getHeader(name: string): string;
  forEach(step: (key: string, value: string) => void): void;
}
interface PlainResponse {
  cork(step: () => void): unknown;
  writeStatus(status: string): unknown;
  writeHeader(name: string, value: string): unknown;
  end(body: string): unknown;
}

/** All values of a header, joined as HTTP joins them; null without one. */
export function headerOf(req: PlainRequest, name: string): string | null {
  if (req.getHeader(name) === "") return null;
  const values: string[] = [];
  req.forEach((key, value) => {
    if (key === name) values.push(value);
  });
  return values.join(",");
}

/** Why no socket is opened, or nothing is there. */
export interface Refusal {
  readonly status: string;
  readonly code: DoorRefusal["code"] | "not_found" | "method_not_allowed" | "internal";
  readonly retryAfterS: number | null;
}

/** A problem document with a request id, as on the HTTP port. */
export function refuse(res: PlainResponse, { status, code, retryAfterS }: Refusal, headers: Readonly<Record<string, string>> = {}): void {
  const requestId = v7();
  const extras = retryAfterS === null ? {} : { retryAfterMs: retryAfterS * 1_000 };
  const { title, meaning } = ERROR_CODES[code];
  const body = { type: `/errors/${code}`, title, status: Number.parseInt(status, 10), code, detail: meaning, requestId, ...extras };
  const wait = retryAfterS === null ? {} : { "Retry-After": String(retryAfterS) };
  respond(res, status, body, { "Content-Type": "application/problem+json", "X-Request-Id": requestId, ...wait, ...headers });
}

/** An answer in JSON, unless the headers say otherwise. */
export function respond(res: PlainResponse, status: string, body: object, headers: Readonly<Record<string, string>> = {}): void {
  res.cork(() => {
    res.writeStatus(status);
    for (const [name, value] of Object.entries({ "Content-Type": "application/json", "Cache-Control": "no-store", ...headers })) res.writeHeader(name, value);
    res.end(JSON.stringify(body));
  });
}
