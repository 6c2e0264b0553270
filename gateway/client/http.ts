// HTTP as the client uses it: one request, one result, problem+json read into errors, instants turned into epoch ms.
import type { ServerClock } from "./clock.ts";
import { FairwarningError } from "./errors.ts";

export interface HttpRequest {
  readonly method: "GET" | "POST" | "PUT";
  /** From the root of the gateway. */
  readonly path: string;
  readonly body?: unknown;
  readonly key?: string;
  readonly etag?: string | null;
  readonly deadlineMs?: number;
}

/** `unreached`: no answer came; a command may have had its effect all the same. */
export type HttpResult =
  | { readonly kind: "ok"; readonly status: number; readonly body: unknown; readonly etag: string | null; readonly replayed: boolean }
  | { readonly kind: "unchanged" }
  | { readonly kind: "problem"; readonly status: number; readonly body: Record<string, unknown>; readonly replayed: boolean }
  | { readonly kind: "unreached"; readonly why: string };

export interface HttpOptions {
  readonly base: string;
  readonly fetch: typeof fetch;
  readonly clock: ServerClock;
  readonly now: () => number;
  /** `fresh`: the last one ran out. */
  readonly token: (fresh: boolean) => Promise<string | null>;
  readonly debug: (detail: unknown) => void;
}

export type Http = (request: HttpRequest) => Promise<HttpResult>;

const NOT_MODIFIED = 304;
const NO_CONTENT = 204;
/** A read without a deadline of its own ends after this long. */
const READ_WITHIN_MS = 10_000;

/** One request at a time to its end; never rejects. A token that ran out is renewed and the request repeated, once. */
export function createHttp(options: HttpOptions): Http {
  return async (request) => {
    const first = await ask(options, request, false);
    const expired = first.kind === "problem" && first.body.code === "token_expired";
    return expired ? ask(options, request, true) : first;
  };
}

async function ask(options: HttpOptions, request: HttpRequest, freshToken: boolean): Promise<HttpResult> {
  const token = await options.token(freshToken).catch(() => null);
  const sentAtMs = options.now();
  try {
    const response = await options.fetch(options.base + request.path, {
      method: request.method,
      headers: headersOf(request, token),
      signal: AbortSignal.timeout(request.deadlineMs ?? READ_WITHIN_MS),
      ...(request.body === undefined ? {} : { body: JSON.stringify(request.body) }),
    });
    const serverTimeMs = Number(response.headers.get("fairwarning-time") ?? Number.NaN);
    options.clock.sample({ sentAtMs, receivedAtMs: options.now(), serverTimeMs });
    options.debug({ method: request.method, path: request.path, status: response.status });
    return await readResponse(response);
  } catch (fault) {
    return { kind: "unreached", why: fault instanceof Error ? fault.message : "no answer" };
  }
}

function headersOf(request: HttpRequest, token: string | null): Record<string, string> {
  return {
    ...(token === null ? {} : { authorization: `Bearer ${token}` }),
    ...(request.body === undefined ? {} : { "content-type": "application/json" }),
    ...(request.key === undefined ? {} : { "idempotency-key": request.key }),
    ...(request.etag == null ? {} : { "if-none-match": request.etag }),
    ...(request.key === undefined || request.deadlineMs === undefined ? {} : { "fairwarning-deadline-ms": String(Math.round(request.deadlineMs)) }),
  };
}

async function readResponse(response: Response): Promise<HttpResult> {
  if (response.status === NOT_MODIFIED) return { kind: "unchanged" };
  const replayed = response.headers.get("idempotency-replayed") === "true";
  const body: unknown = response.status === NO_CONTENT ? null : await response.json();
  if (response.ok) return { kind: "ok", status: response.status, body: withEpochMs(body), etag: response.headers.get("etag"), replayed };
  if (typeof body !== "object" || body === null) return { kind: "unreached", why: `status ${response.status} without a problem` };
  return { kind: "problem", status: response.status, body: withEpochMs(body) as Record<string, unknown>, replayed };
}

/** The body of a read, or the refusal as an error. */
export function bodyOf(result: HttpResult, base: string): unknown {
  if (result.kind === "ok") return result.body;
  throw errorOf(result, base);
}

/** A result that is no success, as the error to throw. */
export function errorOf(result: HttpResult, base: string, auctionId?: string): FairwarningError {
  if (result.kind !== "problem") {
    return new FairwarningError(
      { code: "not_connected", message: result.kind === "unreached" ? `Not reached: ${result.why}.` : "No answer.", auctionId },
      base,
    );
  }
  const { body, status } = result;
  const text = (name: string): string | undefined => (typeof body[name] === "string" ? body[name] : undefined);
  return new FairwarningError(
    {
      code: text("code") ?? "bad_answer",
      message: text("detail") ?? text("title") ?? `Status ${status}.`,
      httpStatus: status,
      retryAfterMs: typeof body.retryAfterMs === "number" ? body.retryAfterMs : undefined,
      requestId: text("requestId"),
      auctionId,
    },
    base,
  );
}

/** Every member `at` or ending in `At` that holds an instant becomes one ending in `AtMs` that holds epoch ms; null stays null. */
export function withEpochMs(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withEpochMs);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, held]) => {
      const instant = /(^at|At)$/.test(name) && (typeof held === "string" || held === null);
      return instant ? [`${name}Ms`, held === null ? null : Date.parse(String(held))] : [name, withEpochMs(held)];
    }),
  );
}

/** The reverse, for bodies that are sent. */
export function withInstants(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withInstants);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, held]) =>
      /(^at|At)Ms$/.test(name) && typeof held === "number" ? [name.slice(0, -2), new Date(held).toISOString()] : [name, withInstants(held)],
    ),
  );
}

/** A query string of the members that are there, instants in RFC 3339. */
export function queryOf(query: object): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(withInstants(query) as object)) if (value !== undefined && value !== "") search.set(name, String(value));
  const text = search.toString();
  return text === "" ? "" : `?${text}`;
}
