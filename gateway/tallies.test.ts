import { expect, test } from "vitest";
import { GatewayMetrics } from "./metrics.ts";
import { DurationTally, LATENCY_BUCKETS_S } from "./tallies.ts";

test("tallies: a duration counts in the first bucket it is not longer than, and in none when it is longer than all", () => {
  const tally = new DurationTally();
  for (const seconds of [0, 0.0005, 0.00051, 5, 5.01, 60]) tally.add(seconds);
  expect(tally.counts).toEqual([2, 1, ...new Array<number>(LATENCY_BUCKETS_S.length - 3).fill(0), 1, 2]);
  expect(tally.sum).toBeCloseTo(70.01101, 9);
});

test("metrics: durations of bids are shown as buckets that count all that is not longer, each combination by itself", async () => {
  const metrics = new GatewayMetrics({ version: "1", commit: "c", mode: "m" });
  for (const seconds of [0.0004, 0.002, 7]) metrics.socket.bidAnswered("accepted", seconds);
  metrics.http.bidFailed("overloaded", 0.3);
  const shown = (await metrics.text()).split("\n").filter((line) => line.startsWith("bid_placement_duration_seconds"));
  const name = (part: string, labels: string) => `bid_placement_duration_seconds_${part}{${labels}}`;
  expect(shown).toContain(`${name("bucket", 'le="0.001",transport="ws",outcome="accepted"')} 1`);
  expect(shown).toContain(`${name("bucket", 'le="5",transport="ws",outcome="accepted"')} 2`);
  expect(shown).toContain(`${name("bucket", 'le="+Inf",transport="ws",outcome="accepted"')} 3`);
  expect(shown).toContain(`${name("count", 'transport="ws",outcome="accepted"')} 3`);
  expect(shown).toContain(`${name("sum", 'transport="http",outcome="failed"')} 0.3`);
  expect(shown.filter((line) => line.includes("rejected"))).toEqual([]);
});

test("metrics: frames and bytes are told by direction", async () => {
  const metrics = new GatewayMetrics({ version: "1", commit: "c", mode: "m" });
  metrics.socket.received(2, 300);
  metrics.socket.sent(1, 250);
  metrics.socket.sent(1, 250);
  const text = await metrics.text();
  expect(text).toContain('fairwarning_gateway_frames_total{direction="in"} 2');
  expect(text).toContain('fairwarning_gateway_bytes_total{direction="out"} 500');
});
