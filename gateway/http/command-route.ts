// One command over HTTP: from a checked request to the engine and back to bytes. Every command route ends here.
//
// Owns: the order identity, limits, engine; the count of decided commands; status, headers and body of an answer.
// Must not: decide, repeat a command (the link does), or keep anything between two requests.
//
// H1. A repeat gets the same status and the same bytes; `Idempotency-Replayed` alone tells it apart, and it counts nowhere.
// H2. A rejection is no failure: it never counts as one in the metrics.
import { createRoute, type z } from "@hono/zod-openapi";
import { readAnswer } from "../../engine/core/answers.ts";
import type { Command, CommandBody, Role } from "../../engine/core/command.ts";
import type { Answer, RefusalCode } from "../../engine/core/decision.ts";
import type { AuctionId } from "../../engine/core/ids.ts";
import { type KeyedCommand, makeCommand } from "../commands.ts";
import type { Identity } from "../ports.ts";
import { answerJson } from "./answer-json.ts";
import { type HttpContext, refuseLimit, tellLimit } from "./environment.ts";
import { auctionParams, keyHeaders } from "./fields.ts";
import type { HttpParts } from "./parts.ts";
import { PROBLEM_TYPE, Refused, rejectionJson } from "./problem.ts";
import { COMMAND_CODES, json, responses } from "./responses.ts";
import { answerSchema } from "./schemas.ts";

export interface RouteCommand {
  readonly auctionId: AuctionId;
  readonly role: Exclude<Role, "engine">;
  readonly key: string;
  readonly body: CommandBody;
  readonly deadlineMs: number;
  readonly success: 200 | 201;
  /** Where the thing that an accepted command made can be read. */
  readonly location?: (answer: Answer) => string;
}

/** The definition of a command route: one auction, a key, a body of these fields, an Answer. */
export function commandRoute<S extends z.ZodType>(spec: {
  readonly method: "post" | "put";
  readonly path: string;
  readonly operationId: string;
  readonly summary: string;
  readonly description?: string;
  readonly tag: string;
  readonly fields: S;
  readonly success: 200 | 201;
  readonly successText: string;
}) {
  return createRoute({
    method: spec.method,
    path: `/auctions/{auctionId}${spec.path}`,
    operationId: spec.operationId,
    summary: spec.summary,
    ...(spec.description === undefined ? {} : { description: spec.description }),
    tags: [spec.tag],
    security: [{ bearer: [] }],
    request: { params: auctionParams, headers: keyHeaders, body: { required: true, content: { "application/json": { schema: spec.fields } } } },
    responses: responses({ [spec.success]: json(spec.successText, answerSchema) }, COMMAND_CODES, true),
  });
}

interface Ruled {
  readonly kind: "ruled";
  readonly answer: Answer;
  readonly replayed: boolean;
}
interface TurnedAway {
  readonly kind: "turned away";
  readonly code: RefusalCode;
  readonly retryAfterMs: number;
}

/** Refusals that count as failures: something of ours was not there. Limits and a caller's own mistakes do not. */
const FAILURES: ReadonlySet<string> = new Set(["log_unavailable", "shard_unowned", "shard_moving", "outcome_unknown", "overloaded", "internal"]);

/** Sends a bidder's command: limited by tier and auction, measured as a bid. */
export async function runBid(parts: HttpParts, c: HttpContext, identity: Identity, route: RouteCommand): Promise<Response> {
  const command = commandOf(identity, route);
  const pass = parts.limits.bid(identity, route.auctionId, command.keyDigest);
  tellLimit(c, parts.limits.bids(identity));
  if (!pass.allowed) refuseLimit(parts, pass.policy, pass.retryAfterMs);
  parts.metrics.bidAttempted();
  const outcome = await run(parts, command, route.deadlineMs).finally(() => parts.limits.settled(identity));
  const seconds = (parts.clock.monotonic() - c.get("startedAt")) / 1_000;
  if (outcome.kind === "turned away") {
    if (FAILURES.has(outcome.code)) parts.metrics.bidFailed(outcome.code, seconds);
    return turnAway(outcome);
  }
  parts.metrics.bidAnswered(outcome.answer.verdict, seconds);
  if (!outcome.replayed) parts.limits.decided(identity, route.auctionId, command.keyDigest);
  tellLimit(c, parts.limits.bids(identity));
  return write(parts, c, route, outcome);
}

/** Sends a seller's command. */
export async function runCommand(parts: HttpParts, c: HttpContext, identity: Identity, command: RouteCommand): Promise<Response> {
  const outcome = await run(parts, commandOf(identity, command), command.deadlineMs);
  return outcome.kind === "turned away" ? turnAway(outcome) : write(parts, c, command, outcome);
}

function commandOf(identity: Identity, { auctionId, role, key, body }: RouteCommand): KeyedCommand {
  return makeCommand({ auctionId, role, issuerId: identity.userId, key, body });
}

function run(parts: HttpParts, command: Command, deadlineMs: number): Promise<Ruled | TurnedAway> {
  return new Promise((resolve) => {
    parts.engine.command(command, deadlineMs, {
      answer: (_auctionId, rows, at, replayed) => resolve({ kind: "ruled", answer: readAnswer(rows, at), replayed }),
      refused: (code, retryAfterMs) => resolve({ kind: "turned away", code, retryAfterMs }),
    });
  });
}

function turnAway(outcome: TurnedAway): never {
  throw new Refused(outcome.code, outcome.retryAfterMs > 0 ? { retryAfterMs: outcome.retryAfterMs } : {});
}

function write(parts: HttpParts, c: HttpContext, command: RouteCommand, { answer, replayed }: Ruled): Response {
  c.header("Cache-Control", "no-store");
  if (replayed) {
    c.header("Idempotency-Replayed", "true");
    parts.metrics.answerReplayed();
  }
  if (answer.verdict === "rejected") {
    const currency = "currency" in command.body ? command.body.currency : null;
    return c.body(JSON.stringify(rejectionJson(answer, command.auctionId, currency)), 422, { "Content-Type": PROBLEM_TYPE });
  }
  if (command.location !== undefined) c.header("Location", command.location(answer));
  return c.body(JSON.stringify(answerJson(answer, command.auctionId)), command.success, { "Content-Type": "application/json" });
}
