// Auctions that nobody asks for are folded into few bytes, and nobody who asks can tell.
import { expect, test } from "vitest";
import { DAY_ONE, OneNode } from "../sim/one-node.ts";
import { AUCTION, audited, bidOf, finished, HOUR, opened, SECOND, said } from "../sim/scenes.ts";
import type { Actor } from "./actor.ts";
import { queueGiveBacks } from "./give-back.ts";
import { armDeadlines } from "./recovery.ts";

function theAuction(world: OneNode): Actor {
  const actor = world.node.all()[0]?.actors.get(AUCTION);
  if (actor === undefined) throw new Error("the auction is in memory");
  return actor;
}

/** One auction with two bids, saved and looked at twice. */
async function idleAuction(): Promise<OneNode> {
  const world = await new OneNode().start();
  await opened(world);
  await world.ask(bidOf("ann", "k1", 500));
  await world.ask(bidOf("ben", "k2", 700));
  await finished(world, world.node.snapshotAll());
  expect(theAuction(world).folded).toBe(false);
  await finished(world, world.node.snapshotAll());
  expect(theAuction(world).folded).toBe(true);
  return world;
}

test("folding: a bid on a folded auction is decided on what stood before, a repeat gets its old answer", async () => {
  const world = await idleAuction();
  expect(said(await world.ask(bidOf("ann", "k1", 500)))).toBe("leading 3 replayed");
  await finished(world, world.node.snapshotAll());
  await finished(world, world.node.snapshotAll());
  expect(theAuction(world).folded).toBe(true);
  expect(said(await world.ask(bidOf("cat", "k3", 600)))).toBe("outbid 5");
  expect((await audited(world)).violations).toEqual([]);
});

test("folding: a folded auction closes at its end", async () => {
  const world = await idleAuction();
  await world.time.pass(HOUR + SECOND);
  expect(theAuction(world).committed?.hammer?.winner).toBe("ben");
});

test("folding: what changed since the last snapshot is not folded", async () => {
  const world = await idleAuction();
  await world.ask(bidOf("cat", "k3", 900));
  expect(theAuction(world).dirty).toBe(true);
  expect([theAuction(world).foldIdle(), theAuction(world).foldIdle()]).toEqual([false, false]);
});

test("folding: a node that starts from snapshots of auctions that were folded has the same state", async () => {
  const world = await idleAuction();
  const before = world.node.all()[0]?.hashes.sum;
  await world.ask(bidOf("cat", "k3", 900));
  await finished(world, world.node.stop());
  const second = await new OneNode({ before: world }).start();
  expect(second.lines.filter((line) => line.event === "snapshot_unfit" || line.event === "shard_stopped")).toEqual([]);
  expect(second.node.all()[0]?.hashes.sum).not.toEqual(before);
  expect(theAuction(second).committed?.bidCount).toBe(3);
  await finished(second, second.node.stop());
  expect((await audited(second)).violations).toEqual([]);
});

test("folding: to be counted, armed and passed over by an outage it is not unfolded", async () => {
  const world = await idleAuction();
  const [shard] = world.node.all();
  if (shard === undefined) throw new Error("one shard");
  const before = [shard.phases.byPhase.open, theAuction(world).due];
  armDeadlines(shard);
  queueGiveBacks(shard, DAY_ONE, DAY_ONE + HOUR);
  expect([theAuction(world).folded, theAuction(world).exists]).toEqual([true, true]);
  expect([shard.phases.byPhase.open, theAuction(world).due]).toEqual(before);
});
