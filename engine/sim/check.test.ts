// The checkers see: one world in which all is well, and each time one thing is made wrong, which has to be named.
import { expect, test } from "vitest";
import type { StoredRecord } from "../ports.ts";
import { checkRun } from "./check.ts";
import type { Ask } from "./history.ts";
import { OneNode } from "./one-node.ts";
import { AUCTION, bidOf, opened } from "./scenes.ts";
import { askOf } from "./sendings.ts";

interface World {
  readonly asks: readonly Ask[];
  readonly records: readonly StoredRecord[];
}

/** An auction and three bids, one after the other: each in a record of its own. */
async function played(): Promise<World> {
  const world = await new OneNode().start();
  await opened(world);
  const asks: Ask[] = [];
  for (const [n, bidder] of ["ann", "bob", "cyn"].entries()) {
    const command = bidOf(bidder, `k${n}`, 1_000 + n * 1_000);
    const told = await world.ask(command);
    if (told.kind !== "answer") throw new Error("a bid was not answered");
    const { verdict, code, sequence } = told.answer;
    asks.push(askOf(command, n * 10, n * 10 + 5, { kind: "answer", verdict, code, sequence, text: told.bytes }));
  }
  const { end } = world.records.ends(0);
  return { asks, records: world.records.list(0, 0, end) };
}

function wrongs(world: World): readonly string[] {
  const textOf = (row: Uint8Array): string => Buffer.from(row).toString("hex");
  return checkRun({ asks: world.asks, log: [{ shard: 0, records: world.records }], textOf }).map(({ invariant, message }) => `${invariant} ${message}`);
}

function changed(records: readonly StoredRecord[], at: number, change: (bytes: Uint8Array) => void): readonly StoredRecord[] {
  return records.map((record) => {
    if (record.offset !== at) return record;
    const bytes = Uint8Array.from(record.bytes);
    change(bytes);
    return { ...record, bytes };
  });
}

test("checker: a run in which all is well: nothing is told", async () => {
  expect(wrongs(await played())).toEqual([]);
});

test("checker: an acknowledged decision that is not in the log is named", async () => {
  const { asks, records } = await played();
  expect(wrongs({ asks, records: records.slice(0, -1) })).toEqual([expect.stringContaining("I6: ")]);
});

test("checker: a record that is missing between others is broken, and what stands behind it does not count", async () => {
  const { asks, records } = await played();
  const last = records.length - 1;
  const without = [...records.slice(0, last - 1), { ...(records[last] as StoredRecord), offset: last - 1 }];
  expect(wrongs({ asks, records: without })).toEqual([
    expect.stringContaining("broken shard 0"),
    expect.stringContaining("I6: "),
    expect.stringContaining("I6: "),
  ]);
});

test("checker: a list of records with a gap is named", async () => {
  const { records } = await played();
  expect(wrongs({ asks: [], records: records.filter(({ offset }) => offset !== 2) })).toEqual([expect.stringContaining("J1 ")]);
});

test("checker: a flipped bit is broken", async () => {
  const { records } = await played();
  const flipped = changed(records, 4, (bytes) => {
    bytes[90] = (bytes[90] ?? 0) ^ 1;
  });
  expect(wrongs({ asks: [], records: flipped })).toEqual([expect.stringContaining("broken shard 0: the record at 4")]);
});

test("checker: a repeated record and a stranger's are void, and change nothing", async () => {
  const { asks, records } = await played();
  const end = records.length;
  const repeated = { offset: end, bytes: (records[end - 1] as StoredRecord).bytes };
  expect(wrongs({ asks, records: [...records, repeated, { offset: end + 1, bytes: new Uint8Array([1, 2, 3]) }] })).toEqual([]);
});

test("checker: an answer with another text than the log's is named", async () => {
  const { asks, records } = await played();
  const [first, ...others] = asks as readonly [Ask, ...Ask[]];
  if (first.outcome.kind !== "answer") throw new Error("a bid was not answered");
  const lied: Ask = { ...first, outcome: { ...first.outcome, text: first.outcome.text.replace(/^../, "ff") } };
  expect(wrongs({ asks: [lied, ...others], records })).toEqual([expect.stringContaining("I9 ann k0")]);
});

test("checker: a bid told refused that the log has decided is named", async () => {
  const { asks, records } = await played();
  const refused = asks.map((ask): Ask => (ask.key === "k1" ? { ...ask, outcome: { kind: "refusal", code: "log_unavailable" } } : ask));
  expect(wrongs({ asks: refused, records })).toEqual([expect.stringContaining(`refusal: ${AUCTION} bob k1`)]);
});

test("checker: a bid sent after another was answered, and decided before it, is named", async () => {
  const { asks, records } = await played();
  const late = asks.map((ask): Ask => (ask.key === "k0" ? { ...ask, sentAt: 100, answeredAt: 105 } : ask));
  expect(wrongs({ asks: late, records })).toEqual([expect.stringContaining("I24: ")]);
});
