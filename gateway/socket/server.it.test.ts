import { expect, onTestFinished, test } from "vitest";
import { trialAuctionId } from "./trial-engine.ts";
import { Trial, type TrialOptions } from "./trial-server.ts";

const A = trialAuctionId(1);

async function trial(options: TrialOptions = {}): Promise<Trial> {
  const started = await new Trial().start(options);
  started.engine.open(A);
  onTestFinished(async () => {
    await started.stop();
    expect(started.faults).toEqual([]);
  });
  return started;
}

function bid(id: number, key: string, amountMinor: number) {
  return { type: "place_bid", id, auctionId: A, key, amountMinor, currency: "USD" };
}

test("socket: a bidder signs in, subscribes, bids, and gets answer and update", async () => {
  const stage = await trial();
  const client = await stage.signedIn("u-812");
  client.send({ type: "subscribe", id: 2, auctions: [{ auctionId: A }] });
  expect(await client.next("subscribed")).toEqual({ type: "subscribed", id: 2, results: [{ auctionId: A, recovered: "snapshot" }] });
  const snapshot = await client.next("snapshot");
  expect(snapshot).toMatchObject({ auctionId: A, why: "first", sequence: 1, bids: [], watchers: 1, you: { leading: false } });
  client.send(bid(3, "k1", 500));
  expect(await client.next("bid_answer")).toMatchObject({ id: 3, key: "k1", replayed: false, answer: { code: "leading", sequence: 2 } });
  expect(await client.next("update")).toMatchObject({ previousSequence: 1, sequence: 2, events: ["bid_placed"], state: { currentPriceMinor: 500 } });
  expect(stage.engine.commands[0]?.issuerId).toBe("u-812");
});
