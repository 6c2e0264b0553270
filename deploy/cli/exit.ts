// How the commands end: one exit code per kind of outcome, so that scripts can branch without reading text.

export const EXIT = {
  done: 0,
  failed: 1,
  usage: 2,
  notFound: 3,
  rejected: 4,
  conflict: 5,
  notAllowed: 6,
  /** Not reachable, timed out, or outcome unknown. */
  unreached: 7,
  checkFailed: 8,
  interrupted: 130,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Ends a command with a message on stderr and this code. */
export class CliFailure extends Error {
  readonly exitCode: ExitCode;

  constructor(message: string, exitCode: ExitCode) {
    super(message);
    this.exitCode = exitCode;
  }
}

const NOT_ALLOWED = new Set(["unauthenticated", "token_expired", "forbidden", "origin_refused", "same_operator"]);
const NOT_FOUND = new Set(["no_such_auction", "not_found", "shard_not_found", "node_not_found", "plan_not_found"]);
const CONFLICT = new Set(["stale_plan", "operation_running", "precondition_failed"]);
const UNREACHED = new Set([
  "not_connected",
  "outcome_unknown",
  "overloaded",
  "draining",
  "shard_moving",
  "shard_unowned",
  "log_unavailable",
  "auction_busy",
  "rate_limited",
  "catalogue_unavailable",
]);
const USAGE = new Set(["malformed_body", "invalid_request", "key_required", "key_reused", "body_too_large"]);

/** The exit code for a code of the API. */
export function exitCodeOf(code: string): ExitCode {
  if (NOT_FOUND.has(code)) return EXIT.notFound;
  if (NOT_ALLOWED.has(code)) return EXIT.notAllowed;
  if (CONFLICT.has(code)) return EXIT.conflict;
  if (UNREACHED.has(code)) return EXIT.unreached;
  return USAGE.has(code) ? EXIT.usage : EXIT.failed;
}

/** Any error of a command as message and code. A code of the API is named, so that its page can be found. */
export function failureOf(error: unknown): CliFailure {
  if (error instanceof CliFailure) return error;
  if (!(error instanceof Error)) return new CliFailure(String(error), EXIT.failed);
  if (!("code" in error) || typeof error.code !== "string") return new CliFailure(error.message, EXIT.failed);
  const key = "key" in error && typeof error.key === "string" ? ` Ask again with --key ${error.key}.` : "";
  return new CliFailure(`${error.message} (${error.code})${key}`, exitCodeOf(error.code));
}
