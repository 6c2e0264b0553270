// Keeps the demo alive: opens auctions as others end, and lets simulated bidders bid in them. Speaks the public API as any program does.
//
// Must not: be needed. When anything fails it says so and tries again later; bidding by people never waits for it.
import type { Auction, AuctionView, Client, Watch } from "../../gateway/client/types.ts";
import { type Bidder, intentOf, thinkMs } from "./demo-bidder.ts";
import { demoAuction, missingDurations } from "./demo-plan.ts";

/** Seller of every demo auction. */
export const DEMO_SELLER = "demo-house";

/** Between looks at what runs. Short auctions last minutes, so this leaves no gap on the page. */
const SWEEP_MS = 5_000;
/** After a failed look: long enough for a gateway to come back. */
const RETRY_MS = 3_000;
/** Numbers tried in one sweep: after a lost place in the numbers each try costs one request, and requests are limited. */
const TRIES_MAX = 40;
/** Auctions one bidder follows: those that end first are the liveliest. */
const FOLLOWED_MAX = 6;

export interface DemoWorld {
  readonly now: () => number;
  readonly wait: (ms: number, signal: AbortSignal) => Promise<void>;
  readonly say: (event: string, detail: Readonly<Record<string, unknown>>) => void;
}

/** Where the next number is kept between starts. Losing it costs a few repeats that open nothing (demo-plan D1). */
export interface NumberStore {
  read(): number;
  write(next: number): void;
}

/** Opens what is missing and returns the demo auctions that run, soonest end first. Rejects when the gateway is away. */
export async function sweep(seller: Client, numbers: NumberStore, world: DemoWorld): Promise<Auction[]> {
  const now = world.now();
  const running = await runningAuctions(seller, now);
  const missing = missingDurations(
    running.map((auction) => (auction.endsAtMs ?? now) - now),
    numbers.read(),
  );
  let tries = 0;
  for (const durationMs of missing) {
    while (tries < TRIES_MAX) {
      tries += 1;
      const number = numbers.read();
      const opened = await openNumber(seller, number, durationMs, world);
      numbers.write(number + 1);
      if (opened) break;
    }
  }
  return missing.length === 0 ? running : runningAuctions(seller, now);
}

/** False when that number was opened by an earlier start. Rejects when nothing is known, so the number is tried again. */
async function openNumber(seller: Client, number: number, durationMs: number, world: DemoWorld): Promise<boolean> {
  const { key, body } = demoAuction(number, durationMs, world.now());
  try {
    const answer = await seller.auctions.create(body, key);
    if (answer.verdict === "rejected") world.say("demo_rejected", { number, code: answer.code });
    return answer.verdict === "accepted" && !answer.replayed;
  } catch (error) {
    if (codeOf(error) === "key_reused") return false;
    throw error;
  }
}

/** Lists are seconds behind: what was just created may stand there as scheduled, what has just ended as open. */
async function runningAuctions(seller: Client, now: number): Promise<Auction[]> {
  const running: Auction[] = [];
  for (const phase of ["open", "scheduled"] as const) {
    for await (const auction of seller.auctions.list({ phase, sellerId: DEMO_SELLER, sort: "ending_soon", limit: 100 })) {
      if (auction.endsAtMs !== null && auction.endsAtMs > now) running.push(auction);
    }
  }
  return running.sort((a, b) => (a.endsAtMs ?? 0) - (b.endsAtMs ?? 0));
}

function codeOf(error: unknown): string | null {
  return error instanceof Error && "code" in error ? String(error.code) : null;
}

/** Sweeps until the signal. `onRunning` hears what runs after each sweep that worked; it is called at least once before the
 *  returned promise's first wait, or an error is said. */
export async function keepOpen(
  seller: Client,
  numbers: NumberStore,
  world: DemoWorld,
  signal: AbortSignal,
  onRunning: (running: readonly Auction[]) => void,
): Promise<void> {
  while (!signal.aborted) {
    let pauseMs = SWEEP_MS;
    try {
      onRunning(await sweep(seller, numbers, world));
    } catch (error) {
      const hint = error instanceof Error && "retryAfterMs" in error ? Number(error.retryAfterMs) : 0;
      pauseMs = Math.max(RETRY_MS, Number.isFinite(hint) ? hint : 0);
      world.say("demo_sweep_failed", { code: codeOf(error), why: error instanceof Error ? error.message : String(error), againInMs: pauseMs });
    }
    await world.wait(pauseMs, signal);
  }
}

/** One bidder at work until the signal: looks at the auctions it follows, thinks, bids. */
export async function bidAlong(bidder: Bidder, client: Client, running: () => readonly Auction[], world: DemoWorld, signal: AbortSignal): Promise<void> {
  const watches = new Map<string, Watch>();
  while (!signal.aborted) {
    follow(bidder, client, running(), watches);
    const views = [...watches.values()].flatMap((watch) => (watch.view === null ? [] : [watch.view]));
    await bidOnce(bidder, client, views, world);
    const nearest = Math.min(...views.filter((view) => view.phase === "open").map((view) => view.remainingMs()), Number.MAX_SAFE_INTEGER);
    await world.wait(thinkMs(bidder, nearest), signal);
  }
  for (const watch of watches.values()) watch.close();
}

/** Follows the auctions that end first, each bidder a little differently, and lets go of those that ended. */
function follow(bidder: Bidder, client: Client, running: readonly Auction[], watches: Map<string, Watch>): void {
  const ids = new Set(running.map((auction) => auction.auctionId));
  for (const [id, watch] of watches) {
    if (ids.has(id)) continue;
    watch.close();
    watches.delete(id);
  }
  for (const auction of running) {
    if (watches.size >= FOLLOWED_MAX) return;
    if (!watches.has(auction.auctionId) && bidder.random() < 0.5) watches.set(auction.auctionId, client.watch(auction.auctionId, undefined, { history: 0 }));
  }
}

async function bidOnce(bidder: Bidder, client: Client, views: readonly AuctionView[], world: DemoWorld): Promise<void> {
  const view = views[Math.floor(bidder.random() * views.length)];
  if (view === undefined) return;
  const intent = intentOf(bidder, {
    auctionId: view.auctionId,
    openingPriceMinor: view.auction.openingPriceMinor,
    askingPriceMinor: view.askingPriceMinor,
    leading: view.you?.leading === true,
    remainingMs: view.remainingMs(),
    phase: view.phase,
    stale: view.stale,
  });
  if (intent === null) return;
  try {
    await client.placeBid({ auctionId: view.auctionId, currency: view.auction.currency, ...intent });
  } catch (error) {
    // A refusal or an unknown outcome: a person would look again in a moment, and so does the next turn.
    world.say("demo_bid_refused", { bidder: bidder.id, code: codeOf(error) });
  }
}
