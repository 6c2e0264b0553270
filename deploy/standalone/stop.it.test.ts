// The end of a system under load: asked for by SIGTERM, or the supervisor is killed. Nothing acknowledged is lost, nothing is left behind.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { checkHistory } from "../../engine/sim/history.ts";
import { processIdentity } from "./postgres-folder.ts";
import { SpawnedSystem } from "./spawned-system.ts";
import { createAuction, eventually, type PublicAuction, readAuctions } from "./test-auctions.ts";
import { TestBidder } from "./test-bidder.ts";
import { logAtRest } from "./test-log.ts";
import { TestPostgres } from "./test-postgres.ts";

const AUCTIONS = 12;
const BIDDERS = 24;
/** Answers each bidder has had before the end comes. */
const WARM = 20;
const SHARDS = 16;
const SECOND_START_MAX_MS = 5_000;
const ALL_GONE_MAX_MS = 3_000;
/** What ends with its supervisor: all but Postgres by the end of their stdin, Postgres where the system can follow a parent. */
const FOLLOWING = process.platform === "linux" ? (["engine", "gateway", "postgres"] as const) : (["engine", "gateway"] as const);

function dataFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "fairwarning-stop-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function systemIn(dataDir: string): SpawnedSystem {
  const system = new SpawnedSystem({ dataDir });
  onTestFinished(() => system.remove());
  return system;
}

interface Load {
  readonly bidders: readonly TestBidder[];
  readonly warm: Promise<unknown>;
  /** Resolves when nobody bids any more. */
  readonly over: Promise<unknown>;
}

/** Bidders who go on until the system is gone: each stops at the first bid that has no answer. */
async function loadOn(system: SpawnedSystem, url: () => string, ids: readonly string[]): Promise<Load> {
  const bidders = await Promise.all(
    Array.from({ length: BIDDERS }, async (_, n) => new TestBidder({ issuerId: `bidder-${n}`, url, token: await system.token(`bidder-${n}`) })),
  );
  const runs = bidders.map((bidder, n) => {
    let warmed: () => void = () => undefined;
    const warm = new Promise<void>((resolve) => {
      warmed = resolve;
    });
    const bid = async (): Promise<void> => {
      for (let count = 1; ; count += 1) {
        const outcome = await bidder.ask(bidOf(`${n}-${count}`, ids)).catch(() => null);
        if (outcome?.kind !== "answer") return;
        if (count === WARM) warmed();
      }
    };
    return { warm, over: bid() };
  });
  void system.ended.then(() => {
    for (const bidder of bidders) bidder.close();
  });
  return { bidders, warm: Promise.all(runs.map((run) => run.warm)), over: Promise.all(runs.map((run) => run.over)) };
}

/** The bid of a key: the same each time. */
function bidOf(key: string, ids: readonly string[]): { readonly auctionId: string; readonly key: string; readonly amountMinor: number } {
  const [n = 0, count = 0] = key.split("-").map(Number);
  return { auctionId: ids[(n + count) % ids.length] as string, key, amountMinor: 1_000 + count * 10_000 + n * 100 };
}

function claims(system: SpawnedSystem): readonly unknown[] {
  return system.lines.filter((line) => line.event === "shard_claimed").map((line) => line.from);
}

/** An auction as read, without the epoch: that is another after each start. */
function withoutPlace({ epoch: _, ...auction }: PublicAuction): object {
  return auction;
}

test("stop: SIGTERM under load: every answer is in the log, every shard released with its hash in the checkpoint; the next start is quick and the same", async () => {
  const first = await systemIn(dataFolder()).ready();
  const { dataDir } = first;
  const ids = await Promise.all(Array.from({ length: AUCTIONS }, () => createAuction(first)));
  const load = await loadOn(first, () => first.socketUrl, ids);
  await load.warm;
  expect(await first.stop()).toBe(0);
  await load.over;
  const stopped = first.lines.filter((line) => line.event === "part_stopped").map((line) => line.part);
  expect(stopped).toEqual(["gateway", "engine", "postgres"]);
  expect(first.lines.filter((line) => line.event === "part_died")).toEqual([]);

  const log = await logAtRest(dataDir);
  expect(log.verdict.violation).toBeNull();
  const asks = load.bidders.flatMap((bidder) => bidder.asks);
  const report = checkHistory(asks, log.placed);
  expect(report.violations).toEqual([]);
  expect(report.answered).toBeGreaterThanOrEqual(BIDDERS * WARM);
  expect(log.ends.map((end) => end.last)).toEqual(Array.from({ length: SHARDS }, () => "release"));
  const left = await TestPostgres.start(join(dataDir, "postgres"));
  const checkpoints = await left.checkpoints(SHARDS);
  await left.remove();
  const saved = log.ends.map((_, shard) => checkpoints.get(shard)).map((at) => [at?.offset, Buffer.from(at?.stateHash ?? []).toString("hex")]);
  expect(saved).toEqual(log.ends.map((end) => [end.end, end.stateHash]));

  const second = systemIn(dataDir);
  const ready = await second.line("the second start", (line) => line.event === "ready" && line.pageUrl !== undefined);
  expect(Number(ready.startedInMs)).toBeLessThan(SECOND_START_MAX_MS);
  expect(claims(second)).toEqual(Array.from({ length: SHARDS }, () => "checkpoint"));
  const auctions = await readAuctions(second, ids);
  const standings = log.placed.flatMap(({ decision: { auctionId, effects } }) =>
    effects.standing === null ? [] : [[auctionId, effects.standing.price] as const],
  );
  const prices = new Map(standings);
  expect(auctions.map((auction) => auction.currentPriceMinor)).toEqual(ids.map((id) => prices.get(id)));
  expect(await second.stop()).toBe(0);
  const third = await systemIn(dataDir).ready();
  expect((await readAuctions(third, ids)).map(withoutPlace)).toEqual(auctions.map(withoutPlace));
  expect(await third.stop()).toBe(0);
});

test("stop: supervisor killed under load: engine, gateway and Postgres are gone within 3 s, and the next start has lost nothing", async () => {
  let system = await systemIn(dataFolder()).ready();
  const { dataDir } = system;
  const ids = await Promise.all(Array.from({ length: AUCTIONS }, () => createAuction(system)));
  const load = await loadOn(system, () => system.socketUrl, ids);
  await load.warm;
  const named = FOLLOWING.map((part) => ({ part, pid: system.pid(part), identity: processIdentity(system.pid(part)) }));
  const killed = performance.now();
  await system.killSupervisor();
  const alive = (): readonly string[] => named.filter(({ pid, identity }) => processIdentity(pid) === identity).map(({ part }) => part);
  await eventually("every process to be gone", () => Promise.resolve(alive().length === 0 ? true : null), ALL_GONE_MAX_MS).catch(() => undefined);
  expect(alive()).toEqual([]);
  expect(performance.now() - killed).toBeLessThan(ALL_GONE_MAX_MS);
  await load.over;

  system = await systemIn(dataDir).ready();
  const again = await Promise.all(
    load.bidders.map(async (bidder) => {
      const { issuerId } = bidder;
      const heir = new TestBidder({ issuerId, url: () => system.socketUrl, token: await system.token(issuerId) });
      onTestFinished(() => heir.close());
      const keys = new Set([...bidder.asks.filter((ask) => ask.outcome.kind === "unknown"), ...bidder.asks.slice(-3)].map((ask) => ask.key));
      for (const key of keys) await heir.insist(bidOf(key, ids));
      return heir;
    }),
  );
  expect(await system.stop()).toBe(0);
  const log = await logAtRest(dataDir);
  expect(log.verdict.violation).toBeNull();
  const report = checkHistory(
    [...load.bidders, ...again].flatMap((bidder) => bidder.asks),
    log.placed,
  );
  expect(report.violations).toEqual([]);
  expect(report.answered).toBeGreaterThan(BIDDERS * WARM);
});
