// Which auction is bid on next.
import { expect, test } from "vitest";
import { AuctionQueue } from "./auction-queue.ts";

test("auction queue: as many auctions as bids in flight: none has two bids in flight, and the one that waited longest is next", () => {
  const queue = new AuctionQueue(3, 3);
  expect([queue.take(), queue.take(), queue.take(), queue.take()]).toEqual([0, 1, 2, -1]);
  queue.give(1);
  queue.give(0);
  expect([queue.take(), queue.take(), queue.take()]).toEqual([1, 0, -1]);
});

test("auction queue: more bids in flight than auctions: they take turns", () => {
  const queue = new AuctionQueue(2, 3);
  expect([queue.take(), queue.take(), queue.take()]).toEqual([0, 1, 0]);
});

test("auction queue: rounds: every auction is taken equally often", () => {
  const queue = new AuctionQueue(5, 2);
  const taken = new Map<number, number>();
  const inFlight: number[] = [];
  for (let n = 0; n < 50; n += 1) {
    const auction = queue.take();
    taken.set(auction, (taken.get(auction) ?? 0) + 1);
    inFlight.push(auction);
    if (inFlight.length === 2) queue.give(inFlight.shift() as number);
  }
  expect([...taken.values()]).toEqual([10, 10, 10, 10, 10]);
});
