// What bidders were told, held against the log: no acknowledged decision lost, doubled or reversed.
//
// Owns: the checks below over a history of asks and the decisions of the log. Must not: know how either was come by, so that it
// serves the simulator, runs with real processes, and anybody's log.
//
// I6  every answer stands in the log with the same content.          I8  an unknown outcome resolves to one answer.
// I9  one key, one decision, the same answer each time it is asked.  I24 answers respect real time within a shard.
// A refusal had no effect, unless the same key was asked again.
import type { Decision } from "../core/decision.ts";

/** One sending of a command and what came back. Times are of one monotonic clock, ms. */
export interface Ask {
  readonly issuerId: string;
  readonly auctionId: string;
  readonly key: string;
  readonly sentAt: number;
  /** null: nothing came back. */
  readonly answeredAt: number | null;
  readonly outcome: AskOutcome;
}

export type AskOutcome =
  /** `text`: the answer as it was received, to be compared byte for byte. */
  | { readonly kind: "answer"; readonly verdict: string; readonly code: string; readonly sequence: number; readonly text: string }
  | { readonly kind: "refusal"; readonly code: string }
  | { readonly kind: "unknown" };

/** A decision with its place in the log. */
export interface Placed {
  readonly shard: number;
  readonly lsn: number;
  readonly decision: Decision;
}

export interface HistoryReport {
  readonly violations: readonly string[];
  readonly asked: number;
  readonly answered: number;
  readonly refused: number;
  readonly unknown: number;
}

function nameOf(issuerId: string, auctionId: string, key: string): string {
  return `${auctionId} ${issuerId} ${key}`;
}

/** Checks a history against all effective decisions of the log. At most 50 violations are told. */
export function checkHistory(asks: readonly Ask[], decisions: Iterable<Placed>): HistoryReport {
  const violations: string[] = [];
  const tell = (text: string): void => {
    if (violations.length < 50) violations.push(text);
  };
  const decided = collect(decisions, tell);
  const byName = new Map<string, Ask[]>();
  for (const ask of asks) {
    const name = nameOf(ask.issuerId, ask.auctionId, ask.key);
    const same = byName.get(name);
    if (same === undefined) byName.set(name, [ask]);
    else same.push(ask);
  }
  for (const [name, same] of byName) checkKey(name, same, decided.get(name), tell);
  checkRealTime(asks, decided, tell);
  const count = (kind: AskOutcome["kind"]): number => asks.filter((ask) => ask.outcome.kind === kind).length;
  return { violations, asked: asks.length, answered: count("answer"), refused: count("refusal"), unknown: count("unknown") };
}

function collect(decisions: Iterable<Placed>, tell: (text: string) => void): Map<string, Placed> {
  const decided = new Map<string, Placed>();
  for (const placed of decisions) {
    const { command, auctionId } = placed.decision;
    if (command.key === null) continue;
    const name = nameOf(command.issuerId, auctionId, command.key);
    if (decided.has(name)) tell(`I9: ${name} was decided twice`);
    decided.set(name, placed);
  }
  return decided;
}

function checkKey(name: string, asks: readonly Ask[], placed: Placed | undefined, tell: (text: string) => void): void {
  let first: string | null = null;
  for (const { outcome } of asks) {
    if (outcome.kind !== "answer") continue;
    if (placed === undefined) {
      tell(`I6: ${name} was answered ${outcome.verdict} ${outcome.code} and is not in the log`);
      return;
    }
    const { verdict, code, sequence } = placed.decision;
    if (verdict !== outcome.verdict || code !== outcome.code || sequence !== outcome.sequence) {
      tell(`I6: ${name} was answered ${outcome.verdict} ${outcome.code} at ${outcome.sequence}, the log says ${verdict} ${code} at ${sequence}`);
    }
    first ??= outcome.text;
    if (outcome.text !== first) tell(`I9: ${name} was answered differently: ${first} and ${outcome.text}`);
  }
  if (placed !== undefined && asks.every((ask) => ask.outcome.kind === "refusal")) tell(`refusal: ${name} was only ever refused, and the log decided it`);
}

// Go through the commands by sending time; what was answered before one was sent must stand before it in its shard.
function checkRealTime(asks: readonly Ask[], decided: ReadonlyMap<string, Placed>, tell: (text: string) => void): void {
  const firstSent = new Map<string, number>();
  const firstAnswered = new Map<string, number>();
  for (const ask of asks) {
    const name = nameOf(ask.issuerId, ask.auctionId, ask.key);
    firstSent.set(name, Math.min(firstSent.get(name) ?? Number.POSITIVE_INFINITY, ask.sentAt));
    if (ask.outcome.kind === "answer" && ask.answeredAt !== null) {
      firstAnswered.set(name, Math.min(firstAnswered.get(name) ?? Number.POSITIVE_INFINITY, ask.answeredAt));
    }
  }
  const sent = [...firstSent].sort((x, y) => x[1] - y[1]);
  const answered = [...firstAnswered].sort((x, y) => x[1] - y[1]);
  const highest = new Map<number, { lsn: number; name: string }>();
  let next = 0;
  for (const [name, sentAt] of sent) {
    for (; next < answered.length && (answered[next] as [string, number])[1] < sentAt; next += 1) {
      const before = (answered[next] as [string, number])[0];
      const placed = decided.get(before);
      if (placed !== undefined && placed.lsn > (highest.get(placed.shard)?.lsn ?? 0)) highest.set(placed.shard, { lsn: placed.lsn, name: before });
    }
    const placed = decided.get(name);
    const bar = placed === undefined ? undefined : highest.get(placed.shard);
    if (placed !== undefined && bar !== undefined && placed.lsn <= bar.lsn) {
      tell(`I24: ${name} (lsn ${placed.lsn}) was sent after ${bar.name} (lsn ${bar.lsn}) had been answered`);
    }
  }
}
