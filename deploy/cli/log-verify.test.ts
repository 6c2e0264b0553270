// `log verify` must notice: a good log is clean, and each deliberate corruption is found, by name and place.
//
// Damage of bytes is the judge's to notice. Everything else is forged with care: the forger encodes the log anew with right
// checksums, hashes and lsns, so that only the rules can tell.
import { expect, test } from "vitest";
import type { CommandBody } from "../../engine/core/command.ts";
import type { Decision, Effects } from "../../engine/core/decision.ts";
import { advance, initialJudge, type JudgedRecord, judge } from "../../engine/core/validity.ts";
import type { StoredRecord } from "../../engine/ports.ts";
import { auctionIdOf, commandOf, DAY_ONE, OneNode } from "../../engine/sim/one-node.ts";
import { MemoryStore } from "../../persistence/memory/decision-log.ts";
import { createRecordCodec } from "../../persistence/record.ts";
import { type LogVerdict, verifyLog } from "./log-verify.ts";

const HOUR = 3_600_000;
const AUCTION = auctionIdOf(1);
const codec = createRecordCodec(new Uint8Array(16).fill(7));

const SOFT = {
  windowMs: 120_000,
  amountMs: 120_000,
  base: "bid",
  trigger: { on: "accepted_bid", rank: 1 },
  scope: "lot",
  cap: { count: null, totalMs: null, hardStop: null },
};
const SETTINGS = { currency: "USD", opening: 100, opensAt: DAY_ONE, durationMs: HOUR, sellerId: "sue", reserve: 5_000, softClose: SOFT };

function bid(amount: number): CommandBody {
  return { type: "place_bid", kind: "maximum", amount, currency: "USD" };
}

/** Bids, a rejection, a void, an extension, a sale, and an orderly stop: a log with a little of everything. */
let made: Promise<readonly StoredRecord[]> | null = null;

function goodLog(): Promise<readonly StoredRecord[]> {
  made ??= makeLog();
  return made;
}

async function makeLog(): Promise<readonly StoredRecord[]> {
  const world = await new OneNode().start();
  const say = (role: "bidder" | "seller" | "operator", who: string, key: string, body: CommandBody) => world.ask(commandOf(role, who, AUCTION, key, body));
  await say("seller", "sue", "create", { type: "create", settings: SETTINGS });
  await say("bidder", "ann", "a1", bid(500));
  await say("bidder", "bob", "b1", bid(900));
  await say("bidder", "cyn", "c1", bid(200));
  await say("bidder", "dan", "d1", bid(8_000));
  await say("operator", "olga", "v1", { type: "void_bid", bidId: 6, reason: "fraud" });
  await say("bidder", "eve", "e1", bid(6_000));
  world.time.jump(HOUR - 60_000);
  await say("bidder", "bob", "b2", bid(5_900));
  world.time.jump(2 * HOUR);
  await world.time.pass(0);
  world.node.turn();
  await world.time.settle();
  const stopped = world.node.stop();
  await world.time.settle();
  await stopped;
  const records: StoredRecord[] = [];
  for await (const list of world.log.read(0, 0)) records.push(...list);
  return records;
}

async function verdictOf(records: readonly Uint8Array[]): Promise<LogVerdict> {
  const store = new MemoryStore(1);
  for (const bytes of records) store.store(0, bytes);
  return await verifyLog({ log: store.connect(), codec, shards: [0], now: () => 0 });
}

type Forge = (decision: Decision) => Decision | readonly Decision[];

/** The log again, each decision as `forge` wants it, everything around it right. */
function forged(records: readonly StoredRecord[], forge: Forge): readonly Uint8Array[] {
  const state = initialJudge(0);
  const out: Uint8Array[] = [];
  for (const stored of records) {
    const bytes = again(codec.decode(stored, 0), stored, state, forge);
    if (bytes === null) continue;
    const record = codec.decode({ offset: state.next, bytes }, 0);
    out.push(Uint8Array.from(bytes));
    const verdict = judge(state, record);
    if (verdict.kind === "broken") break;
    advance(state, record, verdict, codec.hash);
  }
  return out;
}

function again(record: JudgedRecord, stored: StoredRecord, state: ReturnType<typeof initialJudge>, forge: Forge): Uint8Array | null {
  const epoch: number = state.claim;
  const place = { shard: 0, epoch, firstLsn: state.lsn + 1, prevHash: state.hash };
  switch (record.kind) {
    case "frame": {
      const writer = codec.frameWriter();
      for (const decision of codec.decisions(record).flatMap(forge)) writer.add(decision);
      return writer.count === 0 ? null : writer.close(place).bytes;
    }
    case "time":
      return codec.time({ ...place, at: record.timeFirst }, record.reason).bytes;
    case "release":
      return codec.release({ ...place, at: record.timeFirst }, record).bytes;
    default:
      return stored.bytes;
  }
}

function effect(sequence: number, change: (effects: Effects) => Partial<Effects>): Forge {
  return (decision) => (decision.sequence === sequence ? { ...decision, effects: { ...decision.effects, ...change(decision.effects) } } : decision);
}

function change(sequence: number, with_: Partial<Decision>): Forge {
  return (decision) => (decision.sequence === sequence ? { ...decision, ...with_ } : decision);
}

// In the good log: 3 ann leads, 4 bob leads, 5 cyn too low, 6 dan leads over the reserve, 7 void of 6, 8 eve leads, 9 bob extends, 10 hammer.
const FORGERIES: readonly (readonly [string, string, Forge])[] = [
  ["a decision that is gone", "I1", (decision) => (decision.sequence === 4 ? [] : decision)],
  ["a decision that stands twice", "I1", (decision) => (decision.sequence === 4 ? [decision, decision] : decision)],
  ["a low bid that was accepted", "I2", change(5, { verdict: "accepted", code: "outbid" })],
  ["a good bid that was rejected", "I2", change(4, { verdict: "rejected", code: "below_asking_price" })],
  ["another leader", "I3", effect(4, ({ standing }) => ({ standing: standing && { ...standing, leader: "ann" } }))],
  ["another price", "I4", effect(4, ({ standing }) => ({ standing: standing && { ...standing, price: 551 } }))],
  ["a reserve that is not met", "I13", effect(6, ({ standing }) => ({ standing: standing && { ...standing, reserveMet: false } }))],
  ["a bid of another amount than was asked", "I5", effect(3, ({ bidTaken }) => ({ bidTaken: bidTaken && { ...bidTaken, amount: 501 } }))],
  ["a rejection with an effect", "I21", effect(5, () => ({ paused: { at: DAY_ONE } }))],
  ["an extension by another bid", "I12", effect(9, ({ extended }) => ({ extended: extended && { ...extended, bidId: 8 } }))],
  ["an extension that is longer than the rule", "I12", effect(9, ({ extended }) => ({ extended: extended && { ...extended, to: extended.to + 1 } }))],
  ["an extension that was left out", "I12", effect(9, () => ({ extended: null }))],
  ["a hammer price that was not the price", "I13", effect(10, ({ ended }) => ({ ended: ended && { ...ended, hammerPrice: 1 } }))],
  ["another winner", "I13", effect(10, ({ ended }) => ({ ended: ended && { ...ended, winner: "bob" } }))],
  [
    "a lot that was passed although the reserve was met",
    "I13",
    effect(10, ({ ended }) => ({ ended: ended && { ...ended, outcome: "passed", winner: null, hammerPrice: null } })),
  ],
  ["a hammer before the end", "I11", (decision) => (decision.sequence === 10 ? { ...decision, at: DAY_ONE + HOUR } : decision)],
  ["a second hammer", "I11", (decision) => (decision.sequence === 10 ? [decision, { ...decision, sequence: 11 }] : decision)],
  [
    "a key that is decided twice",
    "I9",
    (decision) =>
      decision.sequence === 5
        ? { ...decision, command: { ...decision.command, issuerId: "ann", key: "a1", keyDigest: commandOf("bidder", "ann", AUCTION, "a1", bid(1)).keyDigest } }
        : decision,
  ],
  ["a state that is not the released one", "I14", change(5, { epoch: 1, command: commandOf("bidder", "cyn", AUCTION, "c2", bid(200)) })],
];

test("log verify: a good log is clean, and its counts are told", async () => {
  const records = await goodLog();
  const verdict = await verdictOf(records.map((record) => record.bytes));
  expect(verdict).toMatchObject({ violation: null, decisions: 10, accepted: 9, auctions: 1, hammers: 1, records: records.length, voids: 0 });
});

test("log verify: a log encoded anew without a forgery is clean", async () => {
  expect(await verdictOf(forged(await goodLog(), (decision) => decision))).toMatchObject({ violation: null, decisions: 10 });
});

test.each(FORGERIES)("log verify: %s is found as %s", async (_what, invariant, forge) => {
  const verdict = await verdictOf(forged(await goodLog(), forge));
  expect(verdict.violation).toMatchObject({ invariant, shard: 0 });
});

test("log verify: time that falls is found", async () => {
  const verdict = await verdictOf(forged(await goodLog(), (decision) => (decision.sequence === 9 ? { ...decision, at: DAY_ONE - 1 } : decision)));
  expect(verdict.violation?.invariant).toMatch(/^(I16|malformed)$/);
});

test("log verify: a flipped bit is found in every record, with its offset", async () => {
  const records = await goodLog();
  for (const { offset } of records) {
    const broken = records.map((record) => Uint8Array.from(record.bytes));
    const bytes = broken[offset] as Uint8Array;
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] as number) ^ 4;
    const verdict = await verdictOf(broken);
    expect(verdict.violation).toMatchObject({ offset });
  }
});

test("log verify: a record that is gone is found at the next one", async () => {
  const records = await goodLog();
  const frame = records.find((record) => codec.decode(record, 0).kind === "frame");
  const verdict = await verdictOf(records.filter((record) => record !== frame).map((record) => record.bytes));
  expect(verdict.violation).toMatchObject({ invariant: "lsn_ahead", offset: frame?.offset });
});

test("log verify: a record that stands twice is void and harms nothing", async () => {
  const records = await goodLog();
  const twice = records.flatMap((record) => (codec.decode(record, 0).kind === "frame" ? [record.bytes, record.bytes] : [record.bytes]));
  expect(await verdictOf(twice)).toMatchObject({ violation: null, decisions: 10 });
});

test("log verify: the log of another life is found", async () => {
  const other = createRecordCodec(new Uint8Array(16).fill(9));
  const store = await goodLog();
  const strange = other.time({ shard: 0, epoch: 1, firstLsn: 2, prevHash: new Uint8Array(16), at: DAY_ONE }, "idle").bytes;
  const verdict = await verdictOf([...store.slice(0, 2).map((record) => record.bytes), strange]);
  expect(verdict).toMatchObject({ violation: null, voids: 1 });
});
