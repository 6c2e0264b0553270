import { expect, test } from "vitest";
import { askingAbove, EBAY_UK, EBAY_US, increment, parseIncrements } from "./increments.ts";

test("increments: US table: the asking price at each edge", () => {
  const edges = [
    [99, 104],
    [100, 125],
    [499, 524],
    [500, 550],
    [2499, 2549],
    [2500, 2600],
    [9999, 10099],
    [10000, 10250],
    [499999, 504999],
    [500000, 510000],
  ];
  expect(edges.map(([price = 0]) => [price, askingAbove(EBAY_US, 1, price)])).toEqual(edges);
});

test("increments: every band of both named tables begins at its edge and ends below the next", () => {
  for (const { bands, ...table } of [EBAY_US, EBAY_UK]) {
    for (const [index, { from, step }] of bands.entries()) {
      expect(increment({ ...table, bands }, from)).toBe(step);
      if (index > 0) expect(increment({ ...table, bands }, from - 1)).toBe(bands[index - 1]?.step);
    }
  }
});

test("increments: the asking price is the opening price before the first bid, and nothing is rounded to a grid", () => {
  expect(askingAbove(EBAY_US, 777, null)).toBe(777);
  expect(askingAbove(EBAY_US, 100, 2001)).toBe(2051);
  expect(askingAbove(EBAY_US, 100, 99)).toBe(104);
});

test("increments: the 0-2-5-8 ladder of the rooms: steps may fall from band to band", () => {
  const ladder = parseIncrements(
    {
      bands: [
        { from: 0, step: 100 },
        { from: 3000, step: 200 },
        { from: 3200, step: 300 },
        { from: 3800, step: 200 },
      ],
    },
    100,
  );
  if (ladder === null) throw new Error("the ladder holds");
  const rungs = [3000];
  while (rungs.length < 5) rungs.push(askingAbove(ladder, 100, rungs.at(-1) ?? null));
  expect(rungs).toEqual([3000, 3200, 3500, 3800, 4000]);
});
