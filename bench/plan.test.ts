// A plan as text, and planned times.
import { expect, test } from "vitest";
import { type LoadPlan, parsePlan, planText } from "./plan.ts";
import { poissonGaps } from "./random.ts";

const PLAN: LoadPlan = {
  host: "127.0.0.1",
  port: 3_000,
  mode: "open",
  inFlight: 8,
  rate: 12_500.5,
  seed: 3,
  warmUpMs: 1_000,
  measureMs: 2_000,
  bids: 0,
  first: 1,
  stride: 2,
  answersFile: "/tmp/a folder/answers",
  tokens: ["t-1", "t-2"],
  auctions: ["3a7c1f0e-6d0a-8a51-8f0e-2d4f8b9f6a10"],
};

test("plan: text: comes back as it was", () => {
  expect(parsePlan(planText(PLAN))).toEqual(PLAN);
});

test("plan: bad text: says what is missing or wrong", () => {
  expect(() => parsePlan(planText(PLAN).replace("port 3000\n", ""))).toThrow("names no port");
  expect(() => parsePlan(planText(PLAN).replace("3000", "many"))).toThrow("port is many");
  expect(() => parsePlan(planText(PLAN).replace("mode open", "mode ajar"))).toThrow("mode is ajar");
});

test("planned times: one seed: are the same again, and their mean is that of the rate", () => {
  const [one, again] = [poissonGaps(1_000, 7), poissonGaps(1_000, 7)];
  const gaps = Array.from({ length: 20_000 }, () => one());
  expect(gaps.slice(0, 50)).toEqual(Array.from({ length: 50 }, () => again()));
  const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length;
  expect(mean).toBeGreaterThan(0.97);
  expect(mean).toBeLessThan(1.03);
});
