import { expect, test } from "vitest";
import { amountText, durationText, parseAmount, parseDuration } from "./amounts.ts";

test.each([
  ["12.50", "USD", 1_250],
  ["12.5", "USD", 1_250],
  ["12", "USD", 1_200],
  ["0.01", "USD", 1],
  ["1500", "JPY", 1_500],
  ["1.234", "KWD", 1_234],
])("cli amounts: %s %s is %i minor units", (text, currency, minor) => {
  expect(parseAmount(text, currency)).toBe(minor);
});

test.each([
  ["12.505", "USD"],
  ["1.5", "JPY"],
  ["0", "USD"],
  ["-1", "USD"],
  ["1e3", "USD"],
  ["1,000", "USD"],
  [" 1", "USD"],
  ["", "USD"],
  ["99999999999999999", "USD"],
  ["1", "ZZZ"],
])("cli amounts: %j %s is refused", (text, currency) => {
  expect(parseAmount(text, currency)).toBeNull();
});

test("cli amounts: text: by the currency's digits, absent as a dash", () => {
  expect([amountText(1_250, "USD"), amountText(5, "USD"), amountText(1_500, "JPY"), amountText(null, "USD"), amountText(7, "ZZZ")]).toEqual([
    "12.50 USD",
    "0.05 USD",
    "1500 JPY",
    "-",
    "7 minor units of ZZZ",
  ]);
});

test("cli durations: read: units add up, anything else is refused", () => {
  expect([parseDuration("90s"), parseDuration("10m"), parseDuration("1h30m"), parseDuration("2d"), parseDuration("500ms")]).toEqual([
    90_000, 600_000, 5_400_000, 172_800_000, 500,
  ]);
  for (const text of ["", "10", "m", "1.5h", "-1m", "0s", "10m ", "1w"]) expect(parseDuration(text)).toBeNull();
});

test("cli durations: text: the two largest units", () => {
  expect([durationText(93_000), durationText(59_000), durationText(3_600_000), durationText(90_061_000), durationText(500)]).toEqual([
    "1m 33s",
    "59s",
    "1h",
    "1d 1h",
    "0s",
  ]);
});
