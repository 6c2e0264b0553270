// How long a shard was without an owner, as the engines and the bidders tell it.
import type { Shard } from "../../engine/core/ids.ts";
import type { Ask } from "../../engine/sim/history.ts";
import { endAndCheck, type RunReport } from "./at-rest.ts";
import { ALL, type CrashCluster } from "./cluster.ts";
import type { HeardLine } from "./heard-process.ts";
import type { Load } from "./load.ts";

/** Bids of each shard that are accepted before a fault counts as over. */
const BIDS_AGAIN = 20;

/** One takeover of one shard, in ms. */
export interface Takeover {
  readonly shard: Shard;
  /** From the fault to the next bid that was accepted by a new owner. */
  readonly fromFaultMs: number;
  /** From the moment the new owner began to claim to that bid: what a takeover costs once somebody has noticed. */
  readonly fromClaimMs: number;
}

/** The first takeover of each shard that began after the fault (epoch ms). Throws when a shard had none. */
export function takeovers(
  cluster: CrashCluster,
  report: RunReport,
  options: { asks: readonly Ask[]; shards: readonly Shard[]; faultAt: number },
): readonly Takeover[] {
  const { asks, shards, faultAt } = options;
  const answered = answeredAt(asks);
  return shards.map((shard) => {
    const claims = cluster.engines.flatMap(({ lines }) =>
      lines.filter((line) => line.event === "shard_claimed" && line.shard === shard && began(line) >= faultAt),
    );
    const epochs = new Set(claims.map(({ epoch }) => Number(epoch)));
    const accepted = report.placed.filter(({ shard: of, decision }) => of === shard && decision.verdict === "accepted" && epochs.has(decision.epoch));
    const first = accepted.flatMap(({ decision }) => {
      const at = answered.get(`${decision.auctionId} ${decision.command.key}`);
      return at === undefined || at < faultAt ? [] : [{ at, epoch: decision.epoch }];
    });
    first.sort((left, right) => left.at - right.at);
    const [bid] = first;
    const claim = claims.find(({ epoch }) => epoch === bid?.epoch);
    if (bid === undefined || claim === undefined) throw new Error(`shard ${shard} was not taken over\n${cluster.lastWords()}`);
    return { shard, fromFaultMs: Math.round(bid.at - faultAt), fromClaimMs: Math.round(bid.at - began(claim)) };
  });
}

function began(line: HeardLine): number {
  return Number(line.time) - Number(line.durationMs);
}

function answeredAt(asks: readonly Ask[]): ReadonlyMap<string, number> {
  const times = new Map<string, number>();
  for (const { auctionId, key, answeredAt: at, outcome } of asks) {
    const name = `${auctionId} ${key}`;
    if (outcome.kind === "answer" && at !== null && !times.has(name)) times.set(name, performance.timeOrigin + at);
  }
  return times;
}

/** The slowest of them in words. */
export function takeoverText(all: readonly Takeover[]): string {
  const slowest = (pick: (takeover: Takeover) => number): number => Math.max(...all.map(pick));
  return `next accepted bid ${slowest((each) => each.fromFaultMs)} ms after the fault, ${slowest((each) => each.fromClaimMs)} ms after the new owner began to claim (slowest of ${all.length} shards)`;
}

/** A fault is over: bids are accepted again everywhere, then all ends and is held against the topic. Prints how long bids stood still since
 *  the fault and, once it was healed, how soon they were accepted again. */
export async function healed(
  what: string,
  run: { readonly cluster: CrashCluster; readonly load: Load },
  times: { readonly faultAt: number; readonly healedAt?: number; readonly limitMs?: number },
): Promise<RunReport> {
  await run.load.accepts(BIDS_AGAIN, ALL, times.limitMs);
  const { report } = await endAndCheck(run);
  console.log(`crash: ${what}: ${pauseText(run.load, times)}; ${runText(report, run.load.refusals())}`);
  return report;
}

function pauseText(load: Load, { faultAt, healedAt }: { readonly faultAt: number; readonly healedAt?: number }): string {
  const again =
    healedAt === undefined ? "" : `, next accepted bid ${Math.max(...ALL.map((shard) => load.firstAcceptedMs(shard, healedAt)))} ms after it was healed`;
  const pauses = ALL.map((shard) => Math.round(load.longestGapMs(shard, faultAt)));
  return `longest pause ${Math.max(...pauses)} ms${again}`;
}

/** What a test has seen, in words. */
export function runText(report: RunReport, refusals: string): string {
  return `${report.asked} asks (${refusals}), ${report.placed.length} decisions in the log, ${report.claims} claims, ${report.voids} void records`;
}
