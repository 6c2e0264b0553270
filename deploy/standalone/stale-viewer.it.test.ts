// A viewer while the engine is killed under bidding: the price is called old at once, never wrong, and live again on the same socket.
import { expect, onTestFinished, test } from "vitest";
import { WebSocket } from "ws";
import { type AuctionView, type ConnectionState, connect } from "../../gateway/client/client.ts";
import { SpawnedSystem } from "./spawned-system.ts";
import { createAuction, get } from "./test-auctions.ts";
import { TestBidder } from "./test-bidder.ts";
import { logAtRest } from "./test-log.ts";

interface Seen {
  readonly sequence: number;
  readonly price: number | null;
  readonly stale: boolean;
}

/** A WebSocket that counts how often one was opened. */
function countedSockets(): { readonly Counted: typeof WebSocket; readonly count: () => number } {
  let opened = 0;
  class Counted extends WebSocket {
    constructor(url: string, protocols: string[]) {
      super(url, protocols);
      opened += 1;
    }
  }
  return { Counted: Counted as typeof WebSocket, count: () => opened };
}

/** Bids in turn until told to stop; each is insisted on. */
async function bidInTurn(bidders: readonly TestBidder[], auctionId: string, over: () => boolean): Promise<void> {
  for (let n = 1; !over(); n += 1) {
    const bidder = bidders[n % bidders.length] as TestBidder;
    await bidder.insist({ auctionId, key: `bid-${n}`, amountMinor: n * 1_000 });
  }
}

test("stale viewer: engine killed under bidding: the view turns stale, shows committed prices only, and is live again without a new socket", async () => {
  const system = new SpawnedSystem({ environment: { FAIRWARNING_SNAPSHOTS: "memory" } });
  onTestFinished(() => system.remove());
  await system.ready();
  const auctionId = await createAuction(system);
  const { Counted, count } = countedSockets();
  const viewer = connect({ url: system.url, webSocket: Counted });
  onTestFinished(() => viewer.close());
  const states: ConnectionState[] = [];
  viewer.on("state", ({ now }) => states.push(now));
  const seen: Seen[] = [];
  const waiting = new Set<(view: AuctionView) => void>();
  const watch = viewer.watch(auctionId, (view) => {
    seen.push({ sequence: view.sequence, price: view.currentPriceMinor, stale: view.stale });
    for (const wake of waiting) wake(view);
  });
  const viewThat = (fits: (view: AuctionView) => boolean): Promise<AuctionView> =>
    new Promise((resolve) => {
      const look = (view: AuctionView): void => {
        if (!fits(view)) return;
        waiting.delete(look);
        resolve(view);
      };
      waiting.add(look);
    });

  const names = ["ann", "bob"];
  const bidders = await Promise.all(
    names.map(async (issuerId) => new TestBidder({ issuerId, url: () => system.socketUrl, token: await system.token(issuerId) })),
  );
  onTestFinished(() => bidders.forEach((bidder) => void bidder.close()));
  const live = viewThat((view) => view.totalBids >= 10);
  let over = false;
  const load = bidInTurn(bidders, auctionId, () => over);
  expect((await live).stale).toBe(false);

  const turned = viewThat((view) => view.stale);
  const back = system.kill("engine");
  const old = await turned;
  const recovered = viewThat((view) => !view.stale && view.sequence > old.sequence);
  await back;
  await recovered;
  over = true;
  await load;
  const { body } = await get(`${system.url}/v1/auctions/${auctionId}`);
  const atRest = (view: AuctionView): boolean => view.sequence === body.sequence;
  if (watch.view === null || !atRest(watch.view)) await viewThat(atRest);
  expect(watch.view).toMatchObject({ currentPriceMinor: body.currentPriceMinor, totalBids: body.totalBids, leaderNumber: body.leaderNumber, stale: false });
  await viewer.close();

  expect(await system.stop()).toBe(0);
  const { placed } = await logAtRest(system.dataDir);
  const prices = new Map<number, number | null>();
  for (const { decision } of placed) {
    const before = prices.get(decision.sequence - 1) ?? null;
    prices.set(decision.sequence, decision.effects.standing === null ? before : decision.effects.standing.price);
  }
  expect(seen.filter(({ sequence, price }) => prices.get(sequence) !== price)).toEqual([]);
  expect(seen.map(({ sequence }) => sequence)).toEqual(seen.map(({ sequence }) => sequence).toSorted((left, right) => left - right));
  expect(states.slice(states.indexOf("connected") + 1)).toEqual(["closed"]);
  expect(count()).toBe(1);
});
