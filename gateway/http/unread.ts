// Requests that were turned away before the app saw them: no HTTP, too much of it, too slow, or an address that is none.
//
// J1. They get a problem document and a request id as every other refusal does. Nothing of the request is in it: none of it was checked.
import type { Duplex } from "node:stream";
import type { ErrorCode } from "../error-codes.ts";
import type { HttpParts } from "./parts.ts";
import { refusalHeaders, refusalJson } from "./problem.ts";

/** What the parser of Node calls its faults. */
export interface ParserFault extends Error {
  readonly code?: string;
}

interface Unread {
  readonly status: string;
  readonly detail: string;
}

const UNREAD: Readonly<Record<string, Unread>> = {
  HPE_HEADER_OVERFLOW: { status: "431 Request Header Fields Too Large", detail: "Request line and headers are too long." },
  ERR_HTTP_REQUEST_TIMEOUT: { status: "408 Request Timeout", detail: "The request did not come whole in time." },
};
const NO_REQUEST: Unread = { status: "400 Bad Request", detail: "This is no request of HTTP/1.1." };

/** Answers what Node's parser could not read, and closes the connection. */
export function refuseUnread(parts: HttpParts, fault: ParserFault, socket: Duplex): void {
  // The other side is gone, or an answer is under way already: then there is nobody to tell.
  if (fault.code === "ECONNRESET" || !socket.writable || ("bytesWritten" in socket && socket.bytesWritten !== 0)) {
    socket.destroy();
    return;
  }
  const { status, detail } = UNREAD[fault.code ?? ""] ?? NO_REQUEST;
  const { headers, body } = problemOf(parts, "invalid_request", detail, Number.parseInt(status, 10));
  const lines = Object.entries({ ...headers, "Content-Length": String(Buffer.byteLength(body)), Connection: "close" }).map(
    ([name, value]) => `${name}: ${value}`,
  );
  socket.end(`HTTP/1.1 ${status}\r\n${lines.join("\r\n")}\r\n\r\n${body}`);
}

/** The answer to a request whose address or `Host` is none, or on which the app itself failed. */
export function unreadResponse(parts: HttpParts, error: unknown): Response {
  const isTheirs = error instanceof Error && error.name === "RequestError";
  if (!isTheirs) parts.log.error({ err: error }, "a request failed");
  const { headers, body, status } = isTheirs
    ? problemOf(parts, "invalid_request", "The address or the Host of this request is none.", 400)
    : problemOf(parts, "internal", null, 500);
  return new Response(body, { status, headers });
}

function problemOf(parts: HttpParts, code: ErrorCode, detail: string | null, status: number) {
  const requestId = parts.newId();
  const extras = detail === null ? {} : { detail };
  parts.metrics.refused(code);
  const headers = { ...refusalHeaders(code, extras), "X-Request-Id": requestId, "Fairwarning-Time": String(parts.clock.now()) };
  return { status, headers, body: JSON.stringify({ ...refusalJson(code, requestId, extras), status }) };
}
