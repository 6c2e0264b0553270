import { expect, test } from "vitest";
import { CALM } from "./seeds.ts";
import { SimStore } from "./sim-store.ts";
import { isExcused } from "./stops.ts";

const TRIMMED = "shard 0, asked for 3: the log begins behind it";

test.each([
  ["clock", "any", { clockOffsetMs: 100 }],
  ["clock", "any", { clockSteps: 1 }],
  ["log_trimmed", "any", { trims: 1 }],
  ["recovery", TRIMMED, { trims: 1 }],
] as const)("stops: %s, %s: is excused by the fault that brings it about", (invariant, message, fault) => {
  expect(isExcused({ ...CALM, ...fault }, invariant, message)).toBe(true);
});

test.each([
  ["clock", "any"],
  ["log_trimmed", "any"],
  ["recovery", TRIMMED],
  ["recovery", "the log does not answer"],
  ["recovery", SimStore.AWAY],
  ["recovery", "Cannot read properties of undefined"],
  ["hash_chain", "any"],
  ["invariant", "any"],
] as const)("stops: %s, %s: is an error of the node where that fault is off", (invariant, message) => {
  expect(isExcused(CALM, invariant, message)).toBe(false);
});
