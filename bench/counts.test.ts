// Counts of durations: what a generator hands on gives the percentiles that its values have.
import { expect, test } from "vitest";
import { DurationCounts, histogramOf } from "./counts.ts";

test("duration counts: any value: comes back at its own size or at most a thousandth larger", () => {
  for (const us of [0, 1, 2_047, 2_048, 2_049, 4_095, 4_096, 123_456, 60_000_000, 3_000_000_000]) {
    const counts = new DurationCounts();
    counts.add(us);
    const [[told, count] = [0, 0]] = counts.pairs();
    expect(count).toBe(1);
    expect(told).toBeGreaterThanOrEqual(us);
    expect(told).toBeLessThanOrEqual(us * 1.001 + (us < 2_048 ? 0 : 1));
  }
});

test("duration counts: negative value: is counted as none", () => {
  const counts = new DurationCounts();
  counts.add(-3);
  expect(counts.pairs()).toEqual([[0, 1]]);
});

test("duration counts: several generators: their histogram is that of all values together", () => {
  const [one, other] = [new DurationCounts(), new DurationCounts()];
  for (let us = 1; us <= 900; us += 1) one.add(us);
  for (let us = 901; us <= 1_000; us += 1) other.add(us);
  const histogram = histogramOf([one.pairs(), other.pairs()]);
  expect(histogram.totalCount).toBe(1_000);
  expect(histogram.getValueAtPercentile(50)).toBe(500);
  expect(histogram.getValueAtPercentile(99)).toBe(990);
  expect(histogram.maxValue).toBe(1_000);
});
