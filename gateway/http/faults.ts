// From what a schema found wrong to a refusal with a pointer for each fault.
import type { z } from "@hono/zod-openapi";
import type { HttpContext } from "./environment.ts";
import { type PointedFault, Refused } from "./problem.ts";

/** More are not listed: who makes that many has another problem. */
const FAULTS_MAX = 20;
const KEY_HEADER = "idempotency-key";

type Checked = { readonly success: true } | { readonly success: false; readonly target: string; readonly error: z.ZodError };

/** The hook of every route: throws what the request is refused with, or lets it pass. */
export function refuseFaults(result: Checked, c: HttpContext): undefined {
  if (result.success) return undefined;
  if (result.target === "header" && c.req.header(KEY_HEADER) === undefined && result.error.issues.some((issue) => issue.path[0] === KEY_HEADER)) {
    throw new Refused("key_required");
  }
  const errors = result.error.issues.flatMap((issue) => faultsOf(issue, prefixOf(result.target)));
  throw new Refused("invalid_request", { errors: errors.slice(0, FAULTS_MAX) });
}

function prefixOf(target: string): readonly string[] {
  switch (target) {
    case "json":
      return [];
    case "param":
      return ["path"];
    default:
      return [target];
  }
}

function faultsOf(issue: z.core.$ZodIssue, prefix: readonly string[]): PointedFault[] {
  const path = [...prefix, ...issue.path];
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => ({ pointer: pointerOf([...path, key]), code: "unknown_member", detail: "this member is not known here" }));
  }
  if (issue.code === "invalid_union") {
    const [nearest] = [...issue.errors].sort((left, right) => depthOf(right) - depthOf(left));
    const inner = depthOf(nearest ?? []) > 0 ? (nearest ?? []) : [];
    if (inner.length > 0) return inner.flatMap((next) => faultsOf(next, path.map(String)));
  }
  return [{ pointer: pointerOf(path), code: codeOf(issue), detail: issue.message }];
}

/** How far into the value an alternative of a union got before it failed: the deepest is the one that was meant. */
function depthOf(issues: readonly z.core.$ZodIssue[]): number {
  return Math.max(0, ...issues.map((issue) => issue.path.length + (issue.code === "unrecognized_keys" ? 1 : 0)));
}

function codeOf(issue: z.core.$ZodIssue): string {
  if (issue.code === "invalid_type") return issue.input === undefined && /received undefined/.test(issue.message) ? "required" : "wrong_type";
  if (issue.code === "too_big" || issue.code === "too_small") return "out_of_range";
  return issue.code === "custom" ? "invalid_value" : issue.code;
}

function pointerOf(path: readonly PropertyKey[]): string {
  return path.map((step) => `/${String(step).replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");
}
