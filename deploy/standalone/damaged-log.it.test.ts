// A log that was damaged while nothing ran: what was durable is never believed half, and an unfinished last write costs nothing.
import { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { checkHistory } from "../../engine/sim/history.ts";
import { SpawnedSystem } from "./spawned-system.ts";
import { createAuction, eventually, type PublicAuction, readAuctions } from "./test-auctions.ts";
import { TestBidder } from "./test-bidder.ts";
import { logAtRest } from "./test-log.ts";

const BIDS = 30;
const TORN_BYTES = 3;

function dataFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "fairwarning-damage-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function systemIn(dataDir: string): SpawnedSystem {
  const system = new SpawnedSystem({ dataDir, environment: { FAIRWARNING_SNAPSHOTS: "memory" } });
  onTestFinished(() => system.remove());
  return system;
}

/** One auction and a row of bids, each answered. */
async function bidOn(system: SpawnedSystem): Promise<{ readonly auctionId: string; readonly bidder: TestBidder }> {
  const auctionId = await createAuction(system);
  const bidder = new TestBidder({ issuerId: "ann", url: () => system.socketUrl, token: await system.token("ann") });
  onTestFinished(() => bidder.close());
  for (let n = 1; n <= BIDS; n += 1) await bidder.ask({ auctionId, key: `bid-${n}`, amountMinor: n * 1_000 });
  expect(bidder.asks.filter((ask) => ask.outcome.kind !== "answer")).toEqual([]);
  return { auctionId, bidder };
}

/** The only segment of a short log. */
function segmentOf(dataDir: string): { readonly name: string; readonly path: string } {
  const [name, ...more] = readdirSync(join(dataDir, "log")).filter((file) => file.startsWith("segment-"));
  expect(more).toEqual([]);
  return { name: String(name), path: join(dataDir, "log", String(name)) };
}

/** Where the written part of a segment ends: zeros made ahead stand behind it. */
function writtenEnd(bytes: Buffer): number {
  return bytes.findLastIndex((byte) => byte !== 0) + 1;
}

/** An auction as read, without the epoch, which is another after each start, and without the lot: the log does not hold its text. */
function ruled({ epoch: _epoch, lot: _lot, ...auction }: PublicAuction): object {
  return auction;
}

test("damaged log: a byte flipped in what was durable: the start is refused with segment, position and what to do, and the file is left as it is", async () => {
  const first = await systemIn(dataFolder()).ready();
  const { dataDir } = first;
  await bidOn(first);
  expect(await first.stop()).toBe(0);
  const { name, path } = segmentOf(dataDir);
  const bytes = readFileSync(path);
  const flipped = Math.floor(writtenEnd(bytes) / 2);
  bytes.writeUInt8((bytes[flipped] ?? 0) ^ 0x10, flipped);
  writeFileSync(path, bytes);

  const second = systemIn(dataDir);
  const { msg } = await second.line("the refusal", (line) => line.process === "supervisor" && line.event === "refused");
  // Another try would only say the same.
  expect(second.lines.filter((line) => line.event === "part_starting" && line.part === "engine")).toHaveLength(1);
  const [, position] = /at position (\d+)/.exec(String(msg)) ?? [];
  expect(msg).toContain(`the log is damaged in ${name} at position ${position}`);
  expect(msg).toContain("Nothing was changed. Copy the folder away first");
  expect(Number(position)).toBeLessThanOrEqual(flipped);
  expect(await second.ended).not.toBe(0);
  expect(second.lines.filter((line) => line.event === "part_ready")).toEqual([]);
  expect(readFileSync(path).equals(bytes)).toBe(true);

  bytes.writeUInt8((bytes[flipped] ?? 0) ^ 0x10, flipped);
  writeFileSync(path, bytes);
  const third = await systemIn(dataDir).ready();
  expect(await third.stop()).toBe(0);
});

test("damaged log: the last write torn: it is cut off, said so, and nothing that was answered is lost", async () => {
  const first = await systemIn(dataFolder()).ready();
  const { dataDir } = first;
  const { auctionId, bidder } = await bidOn(first);
  const [before] = await readAuctions(first, [auctionId]);
  // Readers in other processes see what a later write calls durable. Once they see all of it, the last write holds no decision.
  await eventually("a write behind the last bid", async () => {
    const { placed } = await logAtRest(dataDir);
    return placed.some(({ decision }) => decision.command.key === `bid-${BIDS}`) ? true : null;
  });
  process.kill(first.pid("engine"), "SIGKILL");
  await first.killSupervisor();
  const { name, path } = segmentOf(dataDir);
  const bytes = readFileSync(path);
  const end = writtenEnd(bytes) - TORN_BYTES;
  truncateSync(path, end);

  const second = await systemIn(dataDir).ready();
  const cut = second.lines.find((line) => line.event === "log_tail_cut");
  expect(cut).toMatchObject({ segment: name });
  expect(Number(cut?.position) + Number(cut?.bytes)).toBe(end);
  const [after] = await readAuctions(second, [auctionId]);
  expect(after && ruled(after)).toEqual(before && ruled(before));
  expect(await second.stop()).toBe(0);
  const log = await logAtRest(dataDir);
  expect(log.verdict.violation).toBeNull();
  expect(checkHistory(bidder.asks, log.placed).violations).toEqual([]);
});
