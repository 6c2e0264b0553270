// Postgres away: bidding goes on without it, everybody says so, and what it holds catches up when it is back.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { checkHistory } from "../../engine/sim/history.ts";
import { portBelowEphemeral, SpawnedSystem } from "./spawned-system.ts";
import { askForAuction, createAuction, eventually, get, type PublicAuction, readAuctions } from "./test-auctions.ts";
import { TestBidder } from "./test-bidder.ts";
import { logAtRest } from "./test-log.ts";
import { TestPostgres } from "./test-postgres.ts";

const AUCTIONS = 8;
const SHARDS = 16;
const SNAPSHOT_EVERY_MS = 100;

function dataFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "fairwarning-away-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

async function postgres(): Promise<TestPostgres> {
  const server = await TestPostgres.start();
  onTestFinished(() => server.remove());
  return server;
}

function systemOn(server: TestPostgres, more: { readonly dataDir?: string; readonly environment?: Readonly<Record<string, string>> } = {}): SpawnedSystem {
  const environment = { FAIRWARNING_POSTGRES_URL: server.url, FAIRWARNING_ENGINE_SNAPSHOT_EVERY_MS: String(SNAPSHOT_EVERY_MS), ...more.environment };
  const system = new SpawnedSystem({ ...more, environment });
  onTestFinished(() => system.remove());
  return system;
}

async function bidderOf(system: SpawnedSystem, name: string): Promise<TestBidder> {
  const bidder = new TestBidder({ issuerId: name, url: () => system.socketUrl, token: await system.token(name) });
  onTestFinished(() => bidder.close());
  return bidder;
}

/** A bid on every auction; each must be accepted. */
async function bidOnAll(bidder: TestBidder, ids: readonly string[], round: string, amountMinor: number): Promise<void> {
  for (const auctionId of ids) {
    const outcome = await bidder.ask({ auctionId, key: round, amountMinor });
    expect(outcome.kind === "answer" ? outcome.verdict : outcome).toBe("accepted");
  }
}

/** One check of /ready, which must say that its process is ready. */
async function checkOf(url: string, name: string): Promise<{ readonly ok: boolean; readonly detail: string }> {
  const { status, body } = await get(`${url}/ready`);
  expect(status).toBe(200);
  const check = (body.checks as { name: string; ok: boolean; detail: string }[]).find((each) => each.name === name);
  if (check === undefined) throw new Error(`/ready of ${url} has no check ${name}`);
  return check;
}

/** Waits until engine and gateway say that Postgres is away, or that it is there. */
async function untilSaid(system: SpawnedSystem, ok: boolean): Promise<void> {
  const engine = await eventually(`the engine to say ${ok} of Postgres`, async () => {
    const check = await checkOf(system.statusUrl, "snapshots");
    return check.ok === ok ? check : null;
  });
  const gateway = await eventually(`the gateway to say ${ok} of Postgres`, async () => {
    const check = await checkOf(system.url, "catalogue");
    return check.ok === ok ? check : null;
  });
  if (ok) return;
  expect(engine.detail).toContain("bidding goes on");
  expect(gateway.detail).toContain("bidding goes on");
}

/** Prices by auction as lists tell them. */
async function listed(system: SpawnedSystem): Promise<ReadonlyMap<unknown, unknown>> {
  const { body } = await get(`${system.url}/v1/auctions?limit=100`);
  return new Map((body.auctions as Record<string, unknown>[]).map((auction) => [auction.auctionId, auction.currentPriceMinor]));
}

/** From what each shard was taken, in the order of the claims. */
function claims(system: SpawnedSystem, from = 0): readonly unknown[] {
  return system.lines
    .slice(from)
    .filter((line) => line.event === "shard_claimed")
    .map((line) => line.from);
}

/** Waits until the checkpoints hold every decision of the log. */
async function untilCaughtUp(server: TestPostgres, dataDir: string): Promise<void> {
  const { ends } = await logAtRest(dataDir);
  await eventually("checkpoints that hold every decision", async () => {
    const checkpoints = await server.checkpoints(SHARDS);
    return ends.every((end, shard) => (checkpoints.get(shard)?.lsn ?? 0) >= end.decidedLsn) ? ends : null;
  });
}

/** An auction as read, without the epoch: that is another after each start. */
function withoutPlace({ epoch: _, ...auction }: PublicAuction): object {
  return auction;
}

test("postgres away: killed under bidding: bids go on, all say so, then snapshots and lists catch up and a restart begins from the checkpoint", async () => {
  const server = await postgres();
  const system = await systemOn(server).ready();
  const ids = await Promise.all(Array.from({ length: AUCTIONS }, () => createAuction(system)));
  const ann = await bidderOf(system, "ann");
  const bob = await bidderOf(system, "bob");
  await bidOnAll(ann, ids, "before", 1_000);

  await server.kill();
  await bidOnAll(bob, ids, "away", 2_000);
  await untilSaid(system, false);
  const auctions = await get(`${system.url}/v1/auctions`);
  expect(auctions).toMatchObject({ status: 503, code: "catalogue_unavailable" });
  expect(await get(`${system.url}/v1/search?q=sextant`)).toMatchObject({ status: 503, code: "catalogue_unavailable" });
  expect(await askForAuction(system)).toMatchObject({ status: 503, code: "catalogue_unavailable" });
  await bidOnAll(ann, ids, "still-away", 3_000);

  await server.back();
  await untilSaid(system, true);
  const before = await readAuctions(system, ids);
  await untilCaughtUp(server, system.dataDir);
  const prices = new Map(before.map((auction) => [auction.auctionId, auction.currentPriceMinor]));
  expect(await listed(system)).toEqual(prices);

  const from = system.lines.length;
  await system.kill("engine");
  expect(claims(system, from)).toEqual(Array.from({ length: SHARDS }, () => "checkpoint"));
  const after = await eventually("the auctions", () => readAuctions(system, ids).catch(() => null));
  expect(after.map(withoutPlace)).toEqual(before.map(withoutPlace));
  expect(await system.stop()).toBe(0);
  const log = await logAtRest(system.dataDir);
  expect(log.verdict.violation).toBeNull();
  expect(checkHistory([...ann.asks, ...bob.asks], log.placed).violations).toEqual([]);
});

test("postgres away: at the start: the engine waits, says so, replays from zero and serves; later starts begin from checkpoints again", async () => {
  const server = await postgres();
  const first = await systemOn(server, { dataDir: dataFolder() }).ready();
  const ids = await Promise.all(Array.from({ length: AUCTIONS }, () => createAuction(first)));
  const ann = await bidderOf(first, "ann");
  await bidOnAll(ann, ids, "before", 1_000);
  const before = await readAuctions(first, ids);
  expect(await first.stop()).toBe(0);

  await server.kill();
  const statusPort = portBelowEphemeral();
  const second = systemOn(server, { dataDir: first.dataDir, environment: { FAIRWARNING_ENGINE_STATUS_PORT: String(statusPort) } });
  await second.line("the engine to say that Postgres is away", (line) => line.process === "engine" && line.event === "migrate_failed");
  expect(await get(`http://127.0.0.1:${statusPort}/ready`)).toMatchObject({ status: 503, body: { ready: false } });
  await second.ready();
  const away = second.lines.filter((line) => line.event === "snapshots_away");
  expect(away.map((line) => line.instead)).toEqual(Array.from({ length: SHARDS }, () => "replaying the whole log"));
  expect(claims(second)).toEqual(Array.from({ length: SHARDS }, () => "zero"));
  await untilSaid(second, false);
  expect((await readAuctions(second, ids)).map(withoutPlace)).toEqual(before.map((auction) => ({ ...withoutPlace(auction), lot: null })));
  const bob = await bidderOf(second, "bob");
  await bidOnAll(bob, ids, "away", 2_000);

  await server.back();
  await untilSaid(second, true);
  await untilCaughtUp(server, first.dataDir);
  expect(await second.stop()).toBe(0);
  const third = await systemOn(server, { dataDir: first.dataDir }).ready();
  expect(claims(third)).toEqual(Array.from({ length: SHARDS }, () => "checkpoint"));
  expect(await third.stop()).toBe(0);
  const log = await logAtRest(first.dataDir);
  expect(log.verdict.violation).toBeNull();
  expect(checkHistory([...ann.asks, ...bob.asks], log.placed).violations).toEqual([]);
});
