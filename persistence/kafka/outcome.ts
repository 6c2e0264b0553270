// What an answer or an error of a produce request means for each record in it (K16 to K18).
//
// Owns: the three lists of outcomes. Must not: guess. `refused` promises that no byte is in the log and none will ever be, so what
// is not in its list is unknown (P3, P4).
import type { Shard } from "../../engine/core/ids.ts";
import type { AppendOutcome, AppendRefusal } from "../../engine/ports.ts";

/** As client.ts gives it. */
interface Answer {
  readonly partition: number;
  readonly errorCode: number;
  readonly baseOffset?: string;
  readonly logAppendTime?: string;
}

/** Errors by which a broker says that it stored nothing. Only of a request that carried one shard: kafkajs gives one error for a
 *  whole request, though other partitions of it may be stored (K9). NOT_LEADER_FOR_PARTITION is not among them: it is also sent after
 *  a local append. */
const REFUSALS: ReadonlyMap<string, AppendRefusal> = new Map([
  ["NOT_ENOUGH_REPLICAS", "not_enough_replicas"],
  ["MESSAGE_TOO_LARGE", "too_large"],
  ["RECORD_LIST_TOO_LARGE", "too_large"],
  ["INVALID_TIMESTAMP", "invalid"],
  ["INVALID_RECORD", "invalid"],
  ["INVALID_REQUIRED_ACKS", "invalid"],
  ["TOPIC_AUTHORIZATION_FAILED", "not_authorised"],
  ["CLUSTER_AUTHORIZATION_FAILED", "not_authorised"],
]);

/** A refresh of metadata can fail with these as well, and kafkajs refreshes after a lost answer and throws that error instead (K17).
 *  Such an error is wrapped; the broker's own answer to the append comes plain. */
const ALSO_OF_METADATA: ReadonlySet<string> = new Set(["TOPIC_AUTHORIZATION_FAILED", "CLUSTER_AUTHORIZATION_FAILED"]);

/** How deep causes are followed; kafkajs nests two or three. */
const CAUSES_MAX = 16;

/** One outcome per shard, in their order, for an answered request. The empty list means that kafkajs sent nothing: a partition was
 *  not in its metadata. */
export function outcomesOfAnswer(shards: readonly Shard[], answers: readonly Answer[]): AppendOutcome[] {
  if (answers.length === 0) {
    return shards.map(() => ({ kind: "refused", code: "not_sent", detail: "no broker is known to lead that partition" }));
  }
  return shards.map((shard) => {
    const own = answers.filter(({ partition }) => partition === shard);
    const [answer] = own;
    if (answer === undefined || own.length !== 1) return { kind: "unknown", cause: `${own.length} answers for one partition` };
    return outcomeOfEntry(answer);
  });
}

function outcomeOfEntry(answer: Answer): AppendOutcome {
  if (answer.errorCode !== 0) return { kind: "unknown", cause: `broker's error code ${answer.errorCode}` };
  const offset = wholeNumber(answer.baseOffset);
  if (offset === null) return { kind: "unknown", cause: `offset "${answer.baseOffset ?? ""}"` };
  const storedAt = wholeNumber(answer.logAppendTime);
  return storedAt === null ? { kind: "done", offset } : { kind: "done", offset, storedAt };
}

/** K16: a string of digits that is a safe integer; "-1" and everything else is none. */
function wholeNumber(text: string | undefined): number | null {
  if (text === undefined || !/^\d+$/.test(text)) return null;
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : null;
}

/** One outcome per shard for a request that ended with an error, once it was handed to kafkajs. */
export function outcomesOfError(shards: readonly Shard[], error: unknown): AppendOutcome[] {
  const innermost = innermostCause(error);
  const type = protocolType(innermost);
  const code = shards.length === 1 && type !== null && (innermost === error || !ALSO_OF_METADATA.has(type)) ? REFUSALS.get(type) : undefined;
  if (code !== undefined) return shards.map(() => ({ kind: "refused", code, detail: `the broker refused: ${type ?? ""}` }));
  const cause = innermost instanceof Error ? `${type ?? innermost.name}: ${innermost.message}` : String(innermost);
  return shards.map(() => ({ kind: "unknown", cause }));
}

/** K18: with retries off, errors come wrapped. A chain that does not end proves nothing. */
function innermostCause(error: unknown): unknown {
  let at = error;
  for (let depth = 0; depth < CAUSES_MAX; depth += 1) {
    if (!(at instanceof Error) || at.cause === undefined || at.cause === null) return at;
    at = at.cause;
  }
  return new Error("an error without an end of causes");
}

function protocolType(error: unknown): string | null {
  if (!(error instanceof Error) || error.name !== "KafkaJSProtocolError" || !("type" in error)) return null;
  return typeof error.type === "string" ? error.type : null;
}
