// What makes a run void, and what the report says of it.
import { expect, test } from "vitest";
import { histogramOf } from "./counts.ts";
import { figure, growth, parseFigures } from "./figures.ts";
import { type Measured, measuredSocket, medianOf } from "./measured.ts";
import { noteLines, runsTable } from "./report.ts";
import type { SocketRun } from "./socket-run.ts";

const SOUND = { ok: true, acknowledged: 1_000, logged: 1_000, missing: 0, doubled: 0, different: 0, strangers: 0, outOfOrder: 0, fault: null };
const IDLE = { cpuSeconds: 0.5, gcSeconds: 0.01, loopDelayP99Ms: 1.2, loopDelayMaxMs: 4 };

function runOf(over: { load?: Partial<SocketRun["load"]>; check?: Partial<typeof SOUND>; mode?: "closed" | "open"; fault?: string } = {}): SocketRun {
  const { mode = "closed" } = over;
  return {
    scenario: { name: "steady", engine: "real", mode, auctions: 1_000, sockets: 512, inFlight: 1, rate: 500, seed: 1, warmUpSeconds: 1, seconds: 2 },
    durability: "fdatasync per group commit",
    load: {
      generator: "node",
      seconds: 2,
      planned: 1_000,
      answered: 1_000,
      accepted: 990,
      rejected: { below_asking_price: 10 },
      refused: {},
      notices: 500,
      unanswered: 0,
      latency: histogramOf([
        [
          [1_000, 990],
          [20_000, 10],
        ],
      ]),
      lag: histogramOf([[[10, 1_000]]]),
      busiestShare: 0.5,
      cpuSeconds: 1,
      answers: [],
      sent: 1_000,
      ...over.load,
    },
    engine: IDLE,
    gateway: IDLE,
    decisionsPerFrame: 4,
    check: over.fault === undefined ? SOUND : { ...SOUND, ok: false, fault: over.fault },
  };
}

test("measured run: sound: decisions a second count accepted and rejected, and CPU is told for each bid", () => {
  const run = measuredSocket(runOf());
  expect(run).toMatchObject({ decisionsPerSecond: 500, accepted: 990, void: null, verified: 1_000 });
  expect(run.latency).toMatchObject({ p50: 1, count: 1_000 });
  expect(run.engine?.cpuUsPerBid).toBe(500);
  expect(run.generator).toMatchObject({ cpuUsPerBid: 1_000, bound: false });
});

test("measured run: lost bid: has no figure, in the table and in words", () => {
  const run = measuredSocket(runOf({ fault: "bid 7 was acknowledged and is not in the log" }));
  expect(run.void).toContain("bid 7");
  expect(runsTable([run])).toContain("no figure");
  expect(runsTable([run])).not.toContain("500");
  expect(noteLines([run]).join("\n")).toContain("NO FIGURE   steady: bid 7 was acknowledged");
});

test("measured run: unanswered bids: have no figure", () => {
  expect(measuredSocket(runOf({ load: { unanswered: 3 } })).void).toContain("3 bids were never answered");
});

test("measured run: late generator: an open loop whose lag is over a tenth of its result is void, a closed loop has no lag", () => {
  const late = histogramOf([[[9_000, 1_000]]]);
  expect(measuredSocket(runOf({ mode: "open", load: { lag: late } })).void).toContain("the generator was late");
  expect(measuredSocket(runOf({ mode: "closed", load: { lag: late } })).void).toBeNull();
});

test("measured run: busy generator: is said to be the bound", () => {
  const run = measuredSocket(runOf({ load: { busiestShare: 0.97 } }));
  expect(run.generator?.bound).toBe(true);
  expect(noteLines([run]).join("\n")).toContain("IT WAS THE BOUND");
});

test("report: several runs: shows the median with the lowest and the highest", () => {
  const runs: Measured[] = [400, 800, 600].map((answered) => measuredSocket(runOf({ load: { answered } })));
  expect(runsTable(runs)).toContain("300 (200 to 400, 3 runs)");
  expect(medianOf([3, 1, 2], (value) => value)).toBe(2);
  expect(medianOf([], (value: number) => value)).toBeUndefined();
});

test("figures: text of /metrics: sums over labels, and differences; what is not told is null", () => {
  const before = parseFigures('# HELP x y\nx_sum{kind="a"} 1\nx_sum{kind="b"} 2\ny 5\n');
  const after = parseFigures('x_sum{kind="a"} 4\nx_sum{kind="b"} 2\n');
  expect(figure(before, "x_sum")).toBe(3);
  expect(growth(before, after, "x_sum")).toBe(3);
  expect(growth(before, after, "y")).toBeNull();
});
