// The opening pass: what has to be decided before any bid when a shard is served again, and in which order.
import { expect, test } from "vitest";
import { auctionIdOf, DAY_ONE, OneNode } from "../sim/one-node.ts";
import { audited, bidOf, HOUR, opened, SECOND, said } from "../sim/scenes.ts";

test("opening: auctions whose opening and close fell into an outage open and close, all in the order of due times", async () => {
  const first = await new OneNode().start();
  const [a, b, c] = [auctionIdOf(1), auctionIdOf(2), auctionIdOf(3)];
  await opened(first, { opensAt: DAY_ONE + 10 * SECOND, durationMs: 10 * SECOND }, a);
  await opened(first, { opensAt: DAY_ONE + 5 * SECOND, durationMs: 10 * SECOND }, b);
  await opened(first, { durationMs: 17 * SECOND }, c);
  first.time.jump(HOUR);
  const second = await new OneNode({ before: first }).start();
  const names = new Map([a, b, c].map((auctionId, n) => [auctionId, "abc"[n]]));
  const due = (await audited(second)).placed.map(({ decision }) => `${decision.command.body.type} ${names.get(decision.auctionId)}`);
  expect(due.slice(-5)).toEqual(["open_due b", "open_due a", "close_due b", "close_due c", "close_due a"]);
});

test("opening: a bid for an auction whose opening and close are both due is decided behind them", async () => {
  const world = await new OneNode().start();
  await opened(world, { opensAt: DAY_ONE + 10 * SECOND, durationMs: 10 * SECOND });
  world.time.jump(HOUR);
  expect(said(await world.ask(bidOf("ann", "k1", 500)))).toBe("ended 4");
});

test("opening: the pass of a second owner gives back from the first unfinished one, whatever was decided in it", async () => {
  let refuse = false;
  const first = await new OneNode({ log: { fate: () => (refuse ? { kind: "lost" } : { kind: "done" }) } }).start();
  const opensAt = DAY_ONE + 10 * SECOND;
  await opened(first, { opensAt, durationMs: 60 * SECOND, outage: { policy: "give_back", lostMsMin: 15 * SECOND } });
  await first.time.pass(9 * SECOND);
  refuse = true;
  first.time.jump(11 * SECOND);
  // Claims and opens the auction (10 s late, below lostMsMin), and dies before its pass is over.
  let appends = 0;
  const second = new OneNode({ before: first, log: { fate: () => ({ kind: ++appends <= 2 ? "done" : "lost" }) } });
  void second.node.start();
  await second.time.settle();
  expect((await audited(second)).placed.at(-1)?.decision.command.body.type).toBe("open_due");
  second.time.jump(10 * SECOND);
  const third = await new OneNode({ before: second }).start();
  const given = (await audited(third)).placed.filter(({ decision }) => decision.command.body.type === "give_back");
  expect(given.map(({ decision }) => decision.effects.endMoved)).toMatchObject([{ from: opensAt + 60 * SECOND, to: opensAt + 60 * SECOND + 20 * SECOND }]);
});
