// A whole run over real processes, by either generator: its figures add up, and the log holds what bidders were told.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { Decision } from "../engine/core/decision.ts";
import { readAnswerRows } from "./answers.ts";
import { createAuctions } from "./auctions.ts";
import { AnswerCheck, decisionsOf } from "./check.ts";
import { now } from "./clock.ts";
import { benchEnvironment } from "./config.ts";
import { buildNative, type GeneratorKind, type LoadOutcome, runLoad } from "./generator.ts";
import { runSocket, type SocketScenario } from "./socket-run.ts";
import { type Stack, startStack } from "./stack.ts";

const { inherited } = benchEnvironment();
const SCENARIO: SocketScenario = {
  name: "trial",
  engine: "real",
  mode: "closed",
  auctions: 40,
  sockets: 16,
  inFlight: 2,
  rate: 400,
  seed: 1,
  warmUpSeconds: 0.5,
  seconds: 1,
};

function folderOf(): string {
  const folder = mkdtempSync(join(tmpdir(), "fairwarning-bench-test-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

async function measured(generator: GeneratorKind, over: Partial<SocketScenario>, processes = 1) {
  return await runSocket({ ...SCENARIO, ...over }, { folder: folderOf(), inherited, generator, processes });
}

test("bench: closed loop, Node: every bid is accepted, every answer is in the log, and the mean latency fits the rate", async () => {
  const { load, check, engine } = await measured("node", {});
  expect(check).toMatchObject({ ok: true, missing: 0, fault: null });
  expect(check?.acknowledged).toBeGreaterThanOrEqual(load.answered);
  expect(load).toMatchObject({ unanswered: 0, refused: {}, rejected: {} });
  expect(load.accepted).toBe(load.answered);
  expect(load.latency.totalCount).toBe(load.answered);
  // C / throughput is the mean latency of a closed loop.
  const expectedUs = ((SCENARIO.sockets * SCENARIO.inFlight) / (load.answered / load.seconds)) * 1_000_000;
  expect(load.latency.mean / expectedUs).toBeGreaterThan(0.8);
  expect(load.latency.mean / expectedUs).toBeLessThan(1.25);
  expect(engine.gcSeconds).not.toBeNull();
});

test("bench: hot auction, two generators: bids beyond the asking price are counted apart, and all are in the log", async () => {
  const { load, check } = await measured("node", { auctions: 2 }, 2);
  expect(check).toMatchObject({ ok: true, fault: null });
  expect(load.accepted + Object.values(load.rejected).reduce((sum, count) => sum + count, 0)).toBe(load.answered);
});

test("bench: open loop, Node: bids have planned times, and latency is counted from them", async () => {
  const { load, check } = await measured("node", { mode: "open" });
  expect(check).toMatchObject({ ok: true, fault: null });
  expect(load.planned).toBeGreaterThan(SCENARIO.rate * 0.7);
  expect(load.planned).toBeLessThan(SCENARIO.rate * 1.3);
  expect(load.lag.totalCount).toBe(load.planned);
});

test("bench: C generator: counts what the Node one counts, closed and open", async (context) => {
  if (buildNative(folderOf()) === null) context.skip("there is no C compiler here: apt-get install gcc");
  for (const mode of ["closed", "open"] as const) {
    const { load, check } = await measured("c", { mode });
    expect(load.generator).toBe("c");
    expect(check).toMatchObject({ ok: true, missing: 0, fault: null });
    expect(load).toMatchObject({ unanswered: 0, refused: {}, rejected: {} });
    expect(load.accepted).toBe(load.answered);
    expect(load.latency.totalCount).toBe(load.answered);
    expect(load.lag.totalCount).toBe(load.planned);
    expect(load.answered).toBeGreaterThan(SCENARIO.rate * 0.5);
  }
});

test("bench: echo engine: answers through the real gateway and the real link, and keeps nothing", async () => {
  const { load, check, durability } = await measured("node", { engine: "echo" });
  expect(check).toBeNull();
  expect(load.accepted).toBe(load.answered);
  expect(load.answered).toBeGreaterThan(0);
  expect(durability).toContain("NO DURABILITY");
});

async function loadOf(stack: Stack, auctions: readonly string[]): Promise<LoadOutcome> {
  return await runLoad({
    generator: "node",
    processes: 1,
    folder: stack.dataDir,
    inherited,
    mode: "closed",
    port: stack.socketPort,
    inFlight: 1,
    rate: 0,
    seed: 1,
    warmUpMs: 0,
    measureMs: 0,
    bids: 500,
    first: 0,
    tokens: await Promise.all(Array.from({ length: 8 }, (_, n) => stack.token(`bidder-${n}`, ["bidder"]))),
    auctions,
    onPhase: () => undefined,
  });
}

test("bench: lost decision: one decision of a real log left out fails the run, whichever it is", async () => {
  const stack = await startStack({ parent: folderOf(), inherited, engine: "real", postgresUrl: null });
  onTestFinished(() => stack.remove());
  const auctions = await createAuctions({ url: stack.url, sellerToken: await stack.token("seller", ["seller"]), count: 10, now: now() });
  const load = await loadOf(stack, auctions);
  await stack.stop();
  const told = [...readAnswerRows(readFileSync(load.answers[0]?.file ?? ""))];
  expect(told).toHaveLength(500);
  const logged: Decision[] = [];
  for await (const decision of decisionsOf(stack.dataDir)) logged.push(decision);
  const judged = (leftOut: number): boolean => {
    const check = new AnswerCheck({ auctions, sent: load.sent });
    for (const row of told) check.told(row);
    logged.forEach((decision, at) => {
      if (at !== leftOut) check.decided(decision);
    });
    return check.result().ok;
  };
  expect(judged(-1)).toBe(true);
  const bids = logged.flatMap((decision, at) => (decision.command.body.type === "place_bid" ? [at] : []));
  expect(bids).toHaveLength(500);
  for (const at of bids) expect(judged(at)).toBe(false);
});
