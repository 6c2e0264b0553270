import { expect, test } from "vitest";
import type { ShardStatus } from "../engine/protocol.ts";
import { NONE, Route } from "./route.ts";

const AUCTION = "0017f0e0-6d0a-8a51-8f0e-2d4f8b9f6a10";

function status(shard: number, state: ShardStatus["state"], epoch: number): ShardStatus {
  return { shard, state, epoch, lsn: 1, offset: 1 };
}

/** Four shards, slot modulo four; two engines. */
function route(): Route {
  const made = new Route(2);
  made.rebuild(
    Uint16Array.from({ length: 4096 }, (_, slot) => slot % 4),
    4,
  );
  return made;
}

test("route: an auction's shard is the one its slot stands in", () => {
  expect(route().shardOf(AUCTION)).toBe(1);
  expect(new Route(1).shardOf(AUCTION)).toBe(NONE);
});

test("route: the engine that serves is the owner, log down or not; any other state is no owner", () => {
  for (const state of ["serving", "log_down", "moving", "unowned", "stopped"] as const) {
    const made = route();
    made.heard(1, status(2, state, 7));
    expect(made.ownerOf(2)).toBe(state === "serving" || state === "log_down" ? 1 : NONE);
    expect(made.stateOf(2)).toBe(state);
  }
});

test("route: two engines that both say they serve: the higher epoch does, whoever spoke last", () => {
  const made = route();
  made.heard(0, status(2, "serving", 9));
  made.heard(1, status(2, "serving", 7));
  expect(made.ownerOf(2)).toBe(0);
  made.heard(1, status(2, "serving", 12));
  expect(made.ownerOf(2)).toBe(1);
});

test("route: an engine out of reach serves nothing, and the next one's word counts", () => {
  const made = route();
  made.heard(0, status(2, "serving", 9));
  made.heard(1, status(2, "unowned", 0));
  made.lost(0);
  expect(made.ownerOf(2)).toBe(NONE);
  expect(made.stateOf(2)).toBe("unowned");
  made.lost(1);
  expect(made.stateOf(2)).toBe("away");
});

test("route: moving says more than the unowned of everybody else", () => {
  const made = route();
  made.heard(0, status(2, "moving", 9));
  made.heard(1, status(2, "unowned", 30));
  expect(made.stateOf(2)).toBe("moving");
});

test("route: a shard beyond the count is not believed", () => {
  const made = route();
  made.heard(0, status(4, "serving", 9));
  expect(made.ownerOf(4)).toBe(NONE);
  expect(made.shardCount()).toBe(4);
});
