// Nothing is lost when any process is killed: real processes under load, kill -9, and then every answer is held against the log.
import { once } from "node:events";
import { expect, onTestFinished, test } from "vitest";
import { WebSocket } from "ws";
import { checkHistory } from "../../engine/sim/history.ts";
import { connect, type Watch, type WebSocketConstructor } from "../../gateway/client/client.ts";
import { SpawnedSystem } from "./spawned-system.ts";
import { type Bid, TestBidder } from "./test-bidder.ts";
import { logAtRest } from "./test-log.ts";

const BIDDERS = 200;
const AUCTIONS = 50;
const SECONDS = 20;
const VIEWERS = 5;
/** Soft-closing auctions that end while everything is being killed. */
const ENDING = 10;

/** Resolves `ms` from now, on the runtime's own timer of signals. */
async function elapsed(ms: number): Promise<void> {
  if (ms <= 0) return;
  const signal = AbortSignal.timeout(Math.ceil(ms));
  await once(signal, "abort");
}

async function createAuctions(system: SpawnedSystem): Promise<readonly string[]> {
  const token = await system.token("seller-1", ["seller"]);
  const ids: string[] = [];
  for (let n = 0; n < AUCTIONS; n += 1) {
    const ending = n < ENDING;
    const body = {
      lot: { title: `Lot ${n}`, description: "A lot.", category: "vase", images: [] },
      currency: "USD",
      openingPriceMinor: 100,
      opensAt: new Date().toISOString(),
      durationMs: ending ? 12_000 + n * 500 : 3_600_000,
      ...(ending ? { softClose: { windowMs: 2_000, amountMs: 2_000, base: "bid", cap: { count: 2, totalMs: null, hardStop: null } } } : {}),
    };
    const response = await fetch(`${system.url}/v1/auctions`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${token}`, "idempotency-key": `lot-${n}` },
      body: JSON.stringify(body),
    });
    expect(response.status, await response.clone().text()).toBe(201);
    ids.push(((await response.json()) as { auctionId: string }).auctionId);
  }
  return ids;
}

// Bids climb so that most are accepted; one in eight repeats an earlier key, one in forty reuses it for another amount.
async function bidUntil(bidder: TestBidder, ids: readonly string[], seed: number, over: () => boolean): Promise<void> {
  const made: Bid[] = [];
  for (let n = 0; !over(); n += 1) {
    const roll = (seed * 7_919 + n * 104_729) % 1_000;
    const earlier = made[roll % Math.max(1, made.length)];
    if (earlier !== undefined && roll < 125) {
      await bidder.ask(earlier);
      continue;
    }
    if (earlier !== undefined && roll < 150) {
      await bidder.ask({ ...earlier, amountMinor: earlier.amountMinor + 1 });
      continue;
    }
    const bid = { auctionId: ids[(seed + n * 13) % ids.length] as string, key: `b${seed}-${n}`, amountMinor: 1_000 + n * 40_000 + seed * 150 };
    made.push(bid);
    await bidder.ask(bid);
  }
}

// Every unknown outcome resolves to one answer, and the same key gives the same bytes.
async function resolveUnknown(bidder: TestBidder, ids: readonly string[]): Promise<void> {
  const unknown = bidder.asks.filter((ask) => ask.outcome.kind === "unknown").map((ask) => ask.key);
  const sample = bidder.asks
    .filter((ask) => ask.outcome.kind === "answer")
    .slice(-2)
    .map((ask) => ask.key);
  for (const key of new Set([...unknown, ...sample])) {
    const [seed, n] = key.slice(1).split("-").map(Number) as [number, number];
    const auctionId = ids[(seed + n * 13) % ids.length] as string;
    const outcome = await bidder.insist({ auctionId, key, amountMinor: 1_000 + n * 40_000 + seed * 150 });
    expect(["answer", "refusal"]).toContain(outcome.kind);
  }
  bidder.close();
}

// At rest every viewer shows what the engine has.
async function expectSameState(system: SpawnedSystem, ids: readonly string[], watches: readonly (readonly Watch[])[]): Promise<void> {
  for (const [n, auctionId] of ids.entries()) {
    const response = await fetch(`${system.url}/v1/auctions/${auctionId}`);
    const auction = (await response.json()) as { sequence: number; currentPriceMinor: number | null; phase: string; totalBids: number };
    for (const watch of watches) {
      const view = (watch[n] as Watch).view;
      expect({ sequence: view?.sequence, price: view?.currentPriceMinor, phase: view?.phase, totalBids: view?.totalBids }).toEqual({
        sequence: auction.sequence,
        price: auction.currentPriceMinor,
        phase: auction.phase,
        totalBids: auction.totalBids,
      });
    }
  }
}

test("kill -9: engine three times, gateway once, Postgres once, under 200 bidders: no acknowledged decision is lost, doubled or reversed", {
  timeout: 170_000,
}, async () => {
  const system = new SpawnedSystem();
  onTestFinished(() => system.remove());
  await system.ready();
  const ids = await createAuctions(system);
  const bidders = await Promise.all(
    Array.from(
      { length: BIDDERS },
      async (_, n) => new TestBidder({ issuerId: `bidder-${n}`, url: () => system.socketUrl, token: await system.token(`bidder-${n}`) }),
    ),
  );
  const viewers = Array.from({ length: VIEWERS }, () => connect({ url: system.url, webSocket: WebSocket as unknown as WebSocketConstructor }));
  onTestFinished(async () => {
    await Promise.all(viewers.map((viewer) => viewer.close()));
  });
  const watches: (readonly Watch[])[] = viewers.map((viewer) => ids.map((id) => viewer.watch(id)));

  let over = false;
  const load = Promise.all(bidders.map((bidder, n) => bidUntil(bidder, ids, n, () => over)));
  const begun = performance.now();
  const pauses: string[] = [];
  const kills = [
    [3, "engine"],
    [7, "engine"],
    [10, "gateway"],
    [13, "postgres"],
    [16, "engine"],
  ] as const;
  for (const [second, part] of kills) {
    await elapsed(begun + second * 1_000 - performance.now());
    pauses.push(`${part} ready again after ${Math.round(await system.kill(part))} ms`);
  }
  await elapsed(begun + SECONDS * 1_000 - performance.now());
  over = true;
  await load;

  for (const bidder of bidders) await resolveUnknown(bidder, ids);
  await expectSameState(system, ids, watches);

  await Promise.all(viewers.map((viewer) => viewer.close()));
  expect(await system.stop()).toBe(0);
  const { placed, verdict } = await logAtRest(system.dataDir);
  const report = checkHistory(
    bidders.flatMap((bidder) => bidder.asks),
    placed,
  );
  console.log(
    `kill test: ${report.asked} asks, ${report.answered} answered, ${report.refused} refused, ${report.unknown} unknown; ${verdict.decisions} decisions in the log; ${pauses.join("; ")}`,
  );
  expect(report.violations).toEqual([]);
  expect(verdict.violation).toBeNull();
  expect(report.answered).toBeGreaterThan(5_000);
  expect(verdict.hammers).toBe(ENDING);
});
