import { expect, test } from "vitest";
import type { Command } from "../engine/core/command.ts";
import type { ReadResult } from "../engine/protocol.ts";
import { type Ask, PENDING_MAX, Pending, REPEAT_WINDOW } from "./pending.ts";
import type { ShardState } from "./route.ts";

const AUCTION = "3a7c1f0e-6d0a-8a51-8f0e-2d4f8b9f6a10";
const HOLD_MS = 5_000;
const HELD_MAX = 3_000;
const ROWS: ReadResult = { kind: "rows", rows: [], more: false, sequence: 1 };
const ROW = new Uint8Array(64);

function command(key: string): Command {
  const digest = { a: 1, b: 2, c: 3, d: 4 };
  return { auctionId: AUCTION, role: "bidder", issuerId: "ann", key, keyDigest: digest, fingerprint: { a: 1, b: 2 }, body: { type: "open_auction" } };
}

interface Sent {
  readonly link: number;
  readonly id: number;
  readonly key: string;
  readonly deadlineMs: number;
}

/** One shard; the test says which link serves it, and sees what was sent and heard. */
function desk(start: { readonly link?: number; readonly state?: ShardState } = {}) {
  const world = { link: start.link ?? 0, state: start.state ?? ("serving" as ShardState), now: 0, sayable: true };
  const sent: Sent[] = [];
  const heard: string[] = [];
  const pending = new Pending({
    holdMs: HOLD_MS,
    heldMax: HELD_MAX,
    port: {
      linkFor: () => world.link,
      stateOf: () => world.state,
      send(link, id, deadlineMs, ask) {
        if (world.sayable) sent.push({ link, id, deadlineMs, key: ask.kind === "command" ? (ask.command.key ?? "") : "read" });
        return world.sayable;
      },
      fraction: () => 0.5,
    },
  });
  const ask = (key: string, deadlineMs = 5_000) => {
    const reply = { answer: () => heard.push(`${key} answered`), refused: (code: string) => heard.push(`${key} ${code}`) };
    pending.ask({ kind: "command", command: command(key), reply } satisfies Ask, 0, deadlineMs, world.now);
  };
  const read = (deadlineMs = 5_000) => {
    const done = (outcome: { kind: string; code?: string }) => heard.push(`read ${outcome.code ?? outcome.kind}`);
    pending.ask({ kind: "read", read: { kind: "standing", auctionId: AUCTION, bidderId: "ann" }, done }, 0, deadlineMs, world.now);
  };
  const lastId = (key: string) => sent.findLast((one) => one.key === key)?.id ?? 0;
  const answer = (key: string) => pending.answered(lastId(key), AUCTION, ROW, 0, false, world.now);
  const refuse = (key: string, code: Parameters<Pending["refused"]>[2], link = world.link) => pending.refused(link, lastId(key), code, 7, world.now);
  const pass = (at: number) => {
    world.now = at;
    pending.pass(at);
  };
  return { world, sent, heard, pending, ask, read, answer, refuse, pass, keys: () => sent.map((one) => one.key) };
}

test("pending: a command is sent at once, answered once, and forgotten", () => {
  const { ask, answer, heard, pending, sent } = desk();
  ask("k", 4_000);
  expect(sent).toEqual([{ link: 0, id: 1, key: "k", deadlineMs: 4_000 }]);
  expect(pending.inFlight()).toBe(1);
  answer("k");
  answer("k");
  expect(heard).toEqual(["k answered"]);
  expect(pending.inFlight()).toBe(0);
});

test("pending: deadline: what was sent is unknown, what was never sent says why it waited", () => {
  const rows: readonly [ShardState, string][] = [
    ["moving", "shard_moving"],
    ["unowned", "shard_unowned"],
    ["stopped", "shard_unowned"],
    ["away", "shard_unowned"],
    ["log_down", "log_unavailable"],
  ];
  for (const [state, code] of rows) {
    const { ask, heard, pass } = desk({ link: -1, state });
    ask("k", 1_000);
    pass(999);
    expect(heard).toEqual([]);
    pass(1_000);
    expect(heard).toEqual([`k ${code}`]);
  }
  const { ask, heard, pass } = desk();
  ask("k", 1_000);
  pass(1_000);
  expect(heard).toEqual(["k outcome_unknown"]);
});

test("pending: hold: a deadline beyond the hold time is cut to it", () => {
  const { ask, heard, pass } = desk({ link: -1, state: "moving" });
  ask("k", 30_000);
  pass(HOLD_MS - 1);
  expect(heard).toEqual([]);
  pass(HOLD_MS);
  expect(heard).toEqual(["k shard_moving"]);
});

test("pending: hold: beyond the number held the next is refused at once", () => {
  const { ask, heard, pending } = desk({ link: -1, state: "moving" });
  for (let index = 0; index < HELD_MAX; index += 1) ask(`k${index}`);
  expect(heard).toEqual([]);
  ask("one-more");
  expect(heard).toEqual(["one-more shard_moving"]);
  expect(pending.held()).toBe(HELD_MAX);
});

test("pending: refusals that say nothing about the auction's owner pass at once", () => {
  for (const code of ["auction_busy", "overloaded", "draining", "key_reused", "no_such_auction"] as const) {
    const { ask, refuse, heard, pending } = desk();
    ask("k");
    refuse("k", code);
    expect(heard).toEqual([`k ${code}`]);
    expect(pending.inFlight() + pending.held()).toBe(0);
  }
});

test("pending: refusals of a shard in between owners are repeated under the same key, later each time, until answered", () => {
  for (const code of ["shard_moving", "shard_unowned", "outcome_unknown"] as const) {
    const { ask, refuse, answer, heard, keys, pass } = desk();
    ask("k");
    refuse("k", code);
    expect(keys()).toEqual(["k"]);
    pass(14);
    expect(keys()).toEqual(["k"]);
    pass(15);
    expect(keys()).toEqual(["k", "k"]);
    refuse("k", code);
    pass(44);
    expect(keys()).toHaveLength(2);
    pass(45);
    expect(keys()).toHaveLength(3);
    answer("k");
    expect(heard).toEqual(["k answered"]);
  }
});

test("pending: refused each time: at the deadline the last refusal is told, because nothing had an effect", () => {
  const { ask, refuse, heard, pass, world } = desk();
  ask("k", 1_000);
  refuse("k", "shard_moving");
  world.link = -1;
  pass(1_000);
  expect(heard).toEqual(["k shard_moving"]);
});

test("pending: doubt: once an outcome is unknown, no later refusal makes it known", () => {
  for (const later of ["shard_unowned", "auction_busy", "overloaded", "draining", "log_unavailable", "no_such_auction"] as const) {
    const { ask, refuse, heard, pass, world } = desk();
    ask("k", 1_000);
    refuse("k", "outcome_unknown");
    pass(20);
    world.state = "log_down";
    refuse("k", later);
    expect(heard).toEqual([]);
    world.link = -1;
    pass(1_000);
    expect(heard).toEqual(["k outcome_unknown"]);
  }
});

test("pending: doubt: key_reused ends it, for a key is bound for ever", () => {
  const { ask, refuse, heard, pass } = desk();
  ask("k");
  refuse("k", "outcome_unknown");
  pass(20);
  refuse("k", "key_reused");
  expect(heard).toEqual(["k key_reused"]);
});

test("pending: log down: a bid is refused at once while the shard says so, and asked again while it does not", () => {
  const { ask, refuse, heard, world } = desk();
  world.state = "log_down";
  ask("k");
  refuse("k", "log_unavailable");
  expect(heard).toEqual(["k log_unavailable"]);
});

test("pending: log low: one more try, and then the refusal is told; it slows nobody who asks later", () => {
  const { ask, refuse, heard, keys, pass } = desk();
  for (const [n, key] of ["k", "l"].entries()) {
    ask(key);
    refuse(key, "log_unavailable");
    expect(heard).toHaveLength(n);
    pass(n * 20 + 15);
    refuse(key, "log_unavailable");
    expect(heard[n]).toBe(`${key} log_unavailable`);
  }
  expect(keys()).toEqual(["k", "k", "l", "l"]);
});

test("pending: link lost: what was sent is repeated to the next owner in its old order, ahead of what came later", () => {
  const { ask, keys, pending, world, heard, answer, sent } = desk();
  ask("a");
  ask("b");
  ask("c");
  answer("b");
  world.link = -1;
  pending.linkLost(0, 10);
  ask("d");
  expect(pending.held()).toBe(3);
  world.link = 1;
  pending.ownerChanged(0, 1, 20);
  expect(keys()).toEqual(["a", "b", "c", "a", "c", "d"]);
  expect(sent.slice(3).map((one) => one.link)).toEqual([1, 1, 1]);
  for (const key of ["a", "c", "d"]) answer(key);
  expect(heard).toEqual(["b answered", "a answered", "c answered", "d answered"]);
  expect(pending.inFlight() + pending.held()).toBe(0);
  expect(pending.repeatedTotal()).toBe(2);
});

test("pending: two owners: a refusal of the old one is not heard, its answer is", () => {
  const { ask, pending, world, heard, answer, refuse } = desk();
  ask("a");
  world.link = 1;
  pending.ownerChanged(0, 1, 10);
  refuse("a", "key_reused", 0);
  expect(heard).toEqual([]);
  answer("a");
  expect(heard).toEqual(["a answered"]);
});

test("pending: an answer for another auction than was asked is not believed", () => {
  const { ask, pending, heard } = desk();
  ask("a");
  pending.answered(1, "00000000-0000-8000-8000-000000000000", ROW, 0, false, 0);
  expect(heard).toEqual([]);
});

test("pending: backlog: a new owner gets a window of it, one more for each that is answered, and then all as it comes", () => {
  const { ask, pending, world, answer, sent } = desk({ link: -1, state: "away" });
  const total = REPEAT_WINDOW + 500;
  for (let index = 0; index < total; index += 1) ask(`k${index}`);
  world.link = 0;
  pending.ownerChanged(0, 0, 10);
  expect(sent).toHaveLength(REPEAT_WINDOW);
  ask("late");
  expect(sent).toHaveLength(REPEAT_WINDOW);
  answer("k0");
  expect(sent).toHaveLength(REPEAT_WINDOW + 1);
  for (let index = 1; index < total; index += 1) answer(`k${index}`);
  expect(sent.map((one) => one.key)).toEqual([...Array.from({ length: total }, (_, index) => `k${index}`), "late"]);
  for (let index = 0; index < 2 * REPEAT_WINDOW; index += 1) ask(`fresh${index}`);
  expect(pending.held()).toBe(0);
});

test("pending: a backlog that runs out of time leaves nothing behind", () => {
  const { ask, pass, pending, heard, world, sent } = desk({ link: -1, state: "away" });
  for (let round = 0; round < 20; round += 1) {
    for (let index = 0; index < 500; index += 1) ask(`r${round}-${index}`, 100);
    pass((round + 1) * 100);
  }
  expect(heard).toHaveLength(10_000);
  expect(pending.held()).toBe(0);
  world.link = 0;
  pending.ownerChanged(0, 0, world.now);
  expect(sent).toEqual([]);
});

test("pending: more than can be known at once is refused as overloaded", () => {
  const { ask, heard } = desk();
  for (let index = 0; index < PENDING_MAX; index += 1) ask("k");
  expect(heard).toEqual([]);
  ask("one-more");
  expect(heard).toEqual(["one-more overloaded"]);
});

test("pending: what cannot be said on the link is refused, not held", () => {
  const { ask, heard, pending, world } = desk();
  world.sayable = false;
  ask("k");
  expect(heard).toEqual(["k no_such_auction"]);
  expect(pending.inFlight() + pending.held()).toBe(0);
});

test("pending: before the first welcome everything waits, and finds its shard when the table comes", () => {
  const { ask, pending, world, keys } = desk({ link: -1, state: "away" });
  ask("a");
  pending.reroute(() => 3);
  world.link = 0;
  pending.ownerChanged(0, 0, 10);
  expect(keys()).toEqual([]);
  pending.ownerChanged(3, 0, 10);
  expect(keys()).toEqual(["a"]);
});

test("pending: reads: repeated like commands, and never unknown", () => {
  const { read, heard, pending, pass, sent, world } = desk();
  read(1_000);
  pending.linkLost(0, 5);
  expect(sent).toHaveLength(2);
  pass(1_000);
  expect(heard).toEqual(["read overloaded"]);
  world.link = -1;
  world.state = "away";
  read(1_000);
  pass(2_000);
  expect(heard).toEqual(["read overloaded", "read shard_unowned"]);
  world.link = 0;
  read(1_000);
  pending.resulted(0, sent.at(-1)?.id ?? 0, ROWS, world.now);
  expect(heard.at(-1)).toBe("read ok");
});

test("pending: reads: what an owner says that is one no more is not shown: it may be old", () => {
  const { read, heard, pending, sent, world } = desk();
  read();
  const [{ id } = { id: 0 }] = sent;
  world.link = 1;
  pending.ownerChanged(0, 1, 5);
  pending.resulted(0, id, ROWS, 6);
  expect(heard).toEqual([]);
  pending.resulted(1, id, ROWS, 7);
  expect(heard).toEqual(["read ok"]);
});

test("pending: stop: what was sent is unknown, what was not is draining", () => {
  const { ask, pending, world, heard } = desk();
  ask("sent");
  world.link = -1;
  ask("held");
  pending.stop();
  expect(heard).toEqual(["sent outcome_unknown", "held draining"]);
  expect(pending.inFlight() + pending.held()).toBe(0);
});
