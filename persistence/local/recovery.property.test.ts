import fc from "fast-check";
import { expect, test } from "vitest";
import { MemoryFiles } from "../memory/files.ts";
import { appendTo, openImage, openInMemory, SMALL_PAGE, textsOf, threeRounds } from "./log-in-memory.ts";

test("local log: torn tail: the last write with any of its pages missing loses only what was never acknowledged", async () => {
  const { before, last, zeros } = await threeRounds();
  const pages = Math.ceil(last.length / SMALL_PAGE);
  await fc.assert(
    fc.asyncProperty(fc.array(fc.boolean(), { minLength: pages, maxLength: pages }), async (kept) => {
      const torn = Buffer.from(last);
      kept.forEach((isKept, page) => {
        if (!isKept) torn.subarray(page * SMALL_PAGE, (page + 1) * SMALL_PAGE).fill(0);
      });
      const { texts } = await openImage(Buffer.concat([before, torn, Buffer.alloc(zeros)]));
      expect(texts[0]?.slice(0, 2)).toEqual(["alpha", "gamma"]);
      expect(texts[1]?.slice(0, 1)).toEqual(["beta"]);
      if (kept.every(Boolean))
        expect(texts).toEqual([
          ["alpha", "gamma", "epsilon"],
          ["beta", "delta, the longest of them all"],
        ]);
    }),
    { numRuns: 300 },
  );
});

test("local log: power cut: whatever pages of unsynced writes survive, every acknowledged record does", async () => {
  await fc.assert(
    fc.asyncProperty(fc.infiniteStream(fc.boolean()), fc.integer({ min: 0, max: 5 }), async (bits, rounds) => {
      const files = new MemoryFiles({}, SMALL_PAGE);
      const log = await openInMemory(files, { segmentBytes: 600 });
      for (let i = 0; i < rounds; i++) await appendTo(log, [0, `a${i}`], [1, `b${i} with more to say`]);
      const acknowledged = Array.from({ length: rounds }, (_, i) => `a${i}`);
      log.append([{ shard: 0, bytes: Buffer.from("in flight") }], () => undefined);
      const after = files.afterPowerCut(() => bits.next().value);
      const again = await openInMemory(after, { segmentBytes: 600 });
      const texts = await textsOf(again, 0);
      expect(texts.slice(0, rounds)).toEqual(acknowledged);
      expect([[], ["in flight"]]).toContainEqual(texts.slice(rounds));
    }),
    { numRuns: 200 },
  );
});
