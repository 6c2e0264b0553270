import { expect, test } from "vitest";
import { ServerClock } from "./clock.ts";

test("clock: offset: the sample with the shortest round trip of the last eight holds", () => {
  const clock = new ServerClock(() => 10_000);
  clock.sample({ sentAtMs: 0, receivedAtMs: 400, serverTimeMs: 5_200 });
  clock.sample({ sentAtMs: 1_000, receivedAtMs: 1_020, serverTimeMs: 6_110 });
  clock.sample({ sentAtMs: 2_000, receivedAtMs: 2_300, serverTimeMs: 7_200 });
  expect(clock.offsetMs).toBe(5_100);
  expect(clock.roundTripMs).toBe(20);
  expect(clock.serverNow()).toBe(15_100);
});

test("clock: offset: a sample is forgotten once eight newer ones came", () => {
  const clock = new ServerClock(() => 0);
  clock.sample({ sentAtMs: 0, receivedAtMs: 2, serverTimeMs: 101 });
  for (let at = 1; at <= 8; at++) clock.sample({ sentAtMs: at * 100, receivedAtMs: at * 100 + 10, serverTimeMs: at * 100 + 145 });
  expect(clock.roundTripMs).toBe(10);
  expect(clock.offsetMs).toBe(140);
});

test("clock: local clock set: samples from before it was set are dropped, however short their round trip", () => {
  const clock = new ServerClock(() => 0);
  clock.sample({ sentAtMs: 0, receivedAtMs: 2, serverTimeMs: 1 });
  clock.sample({ sentAtMs: 7_200_000, receivedAtMs: 7_200_080, serverTimeMs: 60_040 });
  expect(clock.offsetMs).toBe(60_040 - 7_200_040);
});

test("clock: negative round trip: the sample is dropped", () => {
  const clock = new ServerClock(() => 0);
  clock.sample({ sentAtMs: 100, receivedAtMs: 50, serverTimeMs: 9_999 });
  expect(clock.offsetMs).toBe(0);
});
