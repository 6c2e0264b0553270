import { expect, test } from "vitest";
import { bandsOf, moneyText, nextAmounts, parseMoney } from "./money.ts";

test.each([
  { typed: "150", currency: "USD", minor: 15_000 },
  { typed: "150.5", currency: "USD", minor: 15_050 },
  { typed: " $1,500.25 ", currency: "USD", minor: 150_025 },
  { typed: "1,500", currency: "USD", minor: 150_000 },
  { typed: "1 500", currency: "USD", minor: 150_000 },
  { typed: "150,50", currency: "USD", minor: 15_050 },
  { typed: "1,234,567.89", currency: "USD", minor: 123_456_789 },
  { typed: "5000", currency: "JPY", minor: 5_000 },
  { typed: "5,000", currency: "JPY", minor: 5_000 },
  { typed: "12.5", currency: "KWD", minor: 12_500 },
  { typed: "12.345", currency: "KWD", minor: 12_345 },
  { typed: "KWD 12.345", currency: "KWD", minor: 12_345 },
])("money: typed $typed in $currency is $minor minor units where the decimal mark is a point", ({ typed, currency, minor }) => {
  expect(parseMoney(typed, currency, ".")).toBe(minor);
});

test.each([
  { typed: "1.500", currency: "EUR", minor: 150_000 },
  { typed: "1.500,25", currency: "EUR", minor: 150_025 },
  { typed: "12,345", currency: "KWD", minor: 12_345 },
  { typed: "12.345", currency: "KWD", minor: 12_345_000 },
])("money: typed $typed in $currency is $minor minor units where the decimal mark is a comma", ({ typed, currency, minor }) => {
  expect(parseMoney(typed, currency, ",")).toBe(minor);
});

test.each(["", "abc", "0", "-5", "1.2.3", "1e5", "100.005", "99999999999999999999", "5.5.5"])("money: typed %j is no amount in USD", (typed) => {
  expect(parseMoney(typed, "USD", ".")).toBeNull();
});

test("money: a fraction of a yen is no amount", () => {
  expect(parseMoney("5.5", "JPY", ".")).toBeNull();
});

test("money: text: digits by ISO 4217, none for the yen, three for the dinar", () => {
  expect(moneyText(10_250, "USD")).toMatch(/102[.,]50/);
  expect(moneyText(5_000, "JPY")).toMatch(/5.?000$/);
  expect(moneyText(12_500, "KWD")).toMatch(/12[.,]500/);
});

const BANDS = [
  { fromMinor: 0, stepMinor: 5 },
  { fromMinor: 100, stepMinor: 25 },
];

test("money: next amounts: the least and two steps, each by the band it stands in", () => {
  expect(nextAmounts(95, BANDS)).toEqual([95, 100, 125]);
  expect(nextAmounts(95, null)).toEqual([95]);
});

test("money: bands: those of the auction, or of the table it names if that is known", () => {
  expect(bandsOf({ bands: BANDS }, new Map())).toBe(BANDS);
  expect(bandsOf("ebay_us", new Map([["ebay_us", BANDS]]))).toBe(BANDS);
  expect(bandsOf("ebay_us", new Map())).toBeNull();
});
