import { expect, test } from "vitest";
import type { CommandBody } from "../../engine/core/command.ts";
import type { DecisionLog } from "../../engine/ports.ts";
import { auctionIdOf, commandOf, DAY_ONE, OneNode } from "../../engine/sim/one-node.ts";
import { createRecordCodec } from "../../persistence/record.ts";
import { judgementText, recordDocument, recordLines, SECRET, type ShownRecord } from "./log-lines.ts";
import { type LsnRange, shownRecords } from "./log-read.ts";

const AUCTION = auctionIdOf(1);
const SETTINGS = { currency: "USD", opening: 100, opensAt: DAY_ONE, durationMs: 3_600_000, sellerId: "sue", reserve: 5_007 };
const ALL: LsnRange = { from: 0, to: Number.MAX_SAFE_INTEGER };
const codec = createRecordCodec(new Uint8Array(16).fill(7));

function bid(kind: "maximum" | "flat", amount: number): CommandBody {
  return { type: "place_bid", kind, amount, currency: "USD" };
}

/** Ash owns the shard, is stopped; Birch owns it, is stopped; then Ash's last frame lands a second time. */
let made: Promise<DecisionLog> | null = null;

function log(): Promise<DecisionLog> {
  made ??= makeLog();
  return made;
}

async function stop(world: OneNode): Promise<void> {
  const stopped = world.node.stop();
  await world.time.settle();
  await stopped;
}

async function makeLog(): Promise<DecisionLog> {
  const ash = await new OneNode({ nodeId: "ash" }).start();
  await ash.ask(commandOf("seller", "sue", AUCTION, "create", { type: "create", settings: SETTINGS }));
  await ash.ask(commandOf("bidder", "ann", AUCTION, "a1", bid("maximum", 4_153)));
  await ash.ask(commandOf("bidder", "bob", AUCTION, "b1", bid("flat", 150)));
  await stop(ash);
  await stop(await new OneNode({ nodeId: "birch", before: ash }).start());
  const frames = (await shown(ash.log, ALL)).filter(({ record }) => record.kind === "frame");
  for await (const list of ash.log.read(0, frames.at(-1)?.record.offset ?? 0)) {
    ash.records.store(0, list[0]?.bytes ?? new Uint8Array());
    break;
  }
  return ash.log;
}

async function shown(from: DecisionLog, range: LsnRange): Promise<ShownRecord[]> {
  const records: ShownRecord[] = [];
  for await (const record of shownRecords({ log: from, codec, shard: 0, range })) records.push(record);
  return records;
}

test("log read: every record is there with its judgement, from GENESIS on", async () => {
  const records = await shown(await log(), ALL);
  expect(records.map(({ record }) => record.offset)).toEqual(records.map((_, i) => i));
  expect(records[0]?.record.kind).toBe("genesis");
  expect(records.filter(({ record }) => record.kind === "claim" || record.kind === "release").map(({ record }) => record.kind)).toEqual([
    "claim",
    "release",
    "claim",
    "release",
  ]);
  expect(records.slice(0, -1).every(({ verdict }) => verdict?.kind === "effective")).toBe(true);
});

test("log read: a void record is shown with its reason, what the reason means, and what it wanted", async () => {
  const late = (await shown(await log(), ALL)).at(-1) as ShownRecord;
  const [head, ...decisions] = recordLines(late, false);
  expect(head).toContain("void: old_epoch, its writer had lost the shard to a later claim");
  expect(decisions).toHaveLength(1);
  expect(decisions[0]).toMatch(/bob place_bid 150 {2}.*does not count$/);
  expect(recordDocument(late, false)).toMatchObject({ kind: "frame", judgement: "void", why: "old_epoch", alarm: false });
});

test("log read: claims and releases bear their node, reason and time", async () => {
  const lines = (await shown(await log(), ALL)).flatMap((record) => recordLines(record, false));
  expect(lines.find((line) => line.includes("claim (") && line.includes("birch"))).toMatch(/by birch after claim 1 at 2026-\d\d-\d\dT[\d:.]+Z {2}effective$/);
  expect(lines.find((line) => line.includes("release (stop)"))).toMatch(/lsn \d+ epoch 1 2026-/);
});

test("log read: range: both ends are included, what stands between them is too", async () => {
  const all = await shown(await log(), ALL);
  const frame = all.find(({ record }) => record.kind === "frame");
  const at = frame?.lsn ?? 0;
  expect(await shown(await log(), { from: at, to: at })).toEqual([frame]);
  const claim = all.find(({ record }) => record.kind === "claim" && record.offset > 1);
  const between = await shown(await log(), { from: (claim?.lsn ?? 0) + 1, to: Number.MAX_SAFE_INTEGER });
  expect(between[0]).toEqual(claim);
});

test("log read: secrets: a maximum and a reserve are masked, a flat bid is not", async () => {
  const masked = JSON.stringify((await shown(await log(), ALL)).map((record) => recordDocument(record, false)));
  expect(masked).not.toMatch(/4153|5007/);
  expect(masked).toContain('"kind":"flat","amount":150');
  expect(masked).toContain(SECRET);
  const lines = (await shown(await log(), ALL)).flatMap((record) => recordLines(record, false)).join("\n");
  expect(lines).not.toMatch(/4153|5007/);
});

test("log read: secrets: they are there when asked for", async () => {
  const open = JSON.stringify((await shown(await log(), ALL)).map((record) => recordDocument(record, true)));
  expect(open).toMatch(/"amount":4153/);
  expect(open).toMatch(/"reserve":5007/);
  expect(open).not.toContain(SECRET);
});

test("log read: trimmed: what is left is shown, and not called valid", async () => {
  const whole = await log();
  const { end } = await whole.ends(0);
  const records = await shown({ ...whole, read: whole.read.bind(whole), ends: () => Promise.resolve({ start: 3, end }) } as DecisionLog, ALL);
  expect(records.map(({ record }) => record.offset)).toEqual(Array.from({ length: end - 3 }, (_, i) => i + 3));
  expect(records.map(({ verdict }) => judgementText(verdict))).toEqual(records.map(() => "not judged: what stood before it is trimmed away"));
});
