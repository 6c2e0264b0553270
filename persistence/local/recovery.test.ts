import { expect, test } from "vitest";
import { MemoryFiles } from "../memory/files.ts";
import { LogDamaged } from "./errors.ts";
import { appendTo, endOf, FIRST_SEGMENT, LIFE_ID, LOG_FOLDER, openImage, openInMemory, SMALL_PAGE, textsOf, threeRounds } from "./log-in-memory.ts";
import { encodeSegmentHeader, entrySeed, segmentName, writeEntry } from "./segment-file.ts";

test("local log: torn tail: the last write cut at every byte loses only what was never acknowledged", async () => {
  const { before, last, zeros } = await threeRounds();
  const firstEntry = 28 + "delta, the longest of them all".length;
  for (let kept = 0; kept <= last.length; kept++) {
    for (const tail of [0, zeros, last.length - kept]) {
      const { texts, cut } = await openImage(Buffer.concat([before, last.subarray(0, kept), Buffer.alloc(tail)]));
      expect(texts[0]).toEqual(kept === last.length ? ["alpha", "gamma", "epsilon"] : ["alpha", "gamma"]);
      expect(texts[1]).toEqual(kept >= firstEntry ? ["beta", "delta, the longest of them all"] : ["beta"]);
      const whole = kept === 0 || kept === firstEntry || kept === last.length;
      if (whole) expect(cut).toBeNull();
      else expect(cut).toMatchObject({ position: before.length + (kept > firstEntry ? firstEntry : 0) });
    }
  }
});

test("local log: torn tail: each single page of the last write missing is cut, and the rest stays", async () => {
  const { before, last, zeros } = await threeRounds();
  for (let page = 0; page * SMALL_PAGE < last.length; page++) {
    const torn = Buffer.from(last);
    torn.subarray(page * SMALL_PAGE, (page + 1) * SMALL_PAGE).fill(0);
    const { texts, cut } = await openImage(Buffer.concat([before, torn, Buffer.alloc(zeros)]));
    expect(texts[0]).toEqual(["alpha", "gamma"]);
    expect(cut).not.toBeNull();
  }
});

test("local log: damage: each byte flipped before the last write refuses the start and leaves the file as it is", async () => {
  const { before, last, zeros } = await threeRounds();
  for (let at = 0; at < before.length; at++) {
    const image = Buffer.concat([before, last, Buffer.alloc(zeros)]);
    image[at] = (image[at] as number) ^ (1 << (at & 7));
    const files = new MemoryFiles();
    files.put(FIRST_SEGMENT, image);
    await expect(openInMemory(files), `byte ${at}`).rejects.toThrow(LogDamaged);
    expect(files.bytes(FIRST_SEGMENT).equals(image), `byte ${at}`).toBe(true);
  }
});

test("local log: damage: the error names segment and position", async () => {
  const { before, last } = await threeRounds();
  const image = Buffer.concat([before, last]);
  image[before.length - 5] = (image[before.length - 5] as number) ^ 1;
  const files = new MemoryFiles();
  files.put(FIRST_SEGMENT, image);
  const error = await openInMemory(files).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ segment: segmentName(0), position: before.length - 28 - "gamma".length });
});

test("local log: damage: after an orderly stop a flipped byte of the last write is damage too", async () => {
  const files = new MemoryFiles();
  const log = await openInMemory(files);
  await appendTo(log, [0, "alpha"]);
  const end = endOf(files.bytes(FIRST_SEGMENT));
  await log.close();
  const image = Buffer.from(files.bytes(FIRST_SEGMENT));
  image[end - 6] = (image[end - 6] as number) ^ 1;
  files.put(FIRST_SEGMENT, image);
  await expect(openInMemory(files)).rejects.toThrow(LogDamaged);
});

test("local log: damage: a text that looks like an entry proves nothing, for its crc does not start from the life id", async () => {
  const { before } = await threeRounds();
  const torn = (seed: number): Buffer => {
    const forged = Buffer.alloc(60);
    writeEntry(forged, 0, { shard: 0, record: Buffer.from("forged"), durableTo: before.length + 30, seed });
    const round = Buffer.alloc(400);
    const end = writeEntry(round, 0, {
      shard: 0,
      record: Buffer.concat([Buffer.alloc(40, "x"), forged, Buffer.alloc(40, "x")]),
      durableTo: before.length,
      seed: entrySeed(LIFE_ID),
    });
    return Buffer.concat([before, round.subarray(0, end - 1)]);
  };
  const { cut } = await openImage(torn(0));
  expect(cut).toMatchObject({ position: before.length });
  await expect(openImage(torn(entrySeed(LIFE_ID)))).rejects.toThrow(LogDamaged);
});

test("local log: power cut: a log that was being made is made anew or completed", async () => {
  const made = new MemoryFiles();
  await openInMemory(made);
  const image = endOf(made.bytes(FIRST_SEGMENT));
  for (let kept = 0; kept <= image; kept++) {
    const files = new MemoryFiles();
    files.put(FIRST_SEGMENT, made.bytes(FIRST_SEGMENT).subarray(0, kept));
    const log = await openInMemory(files);
    expect(log.lifeId).toEqual(LIFE_ID);
    expect([await log.ends(0), await log.ends(1)]).toEqual([
      { start: 0, end: 1 },
      { start: 0, end: 1 },
    ]);
  }
});

test("local log: rotation: a segment that got no entry and no whole header is removed", async () => {
  const { before, last } = await threeRounds();
  const whole = Buffer.concat([before, last]);
  const header = encodeSegmentHeader({ lifeId: LIFE_ID, first: whole.length, next: [4, 3] });
  const second = `${LOG_FOLDER}/${segmentName(whole.length)}`;
  for (let kept = 0; kept < header.length; kept++) {
    const files = new MemoryFiles();
    files.put(FIRST_SEGMENT, whole);
    files.put(second, header.subarray(0, kept));
    const log = await openInMemory(files);
    expect(await textsOf(log, 0)).toEqual(["alpha", "gamma", "epsilon"]);
    expect(files.stored.has(second)).toBe(false);
  }
});

test("local log: rotation: damage before a later segment is never cut", async () => {
  const { before, last } = await threeRounds();
  const whole = Buffer.concat([before, last]);
  const second = `${LOG_FOLDER}/${segmentName(whole.length)}`;
  const image = Buffer.from(whole);
  image[whole.length - 1] = (image[whole.length - 1] as number) ^ 1;
  const files = new MemoryFiles();
  files.put(FIRST_SEGMENT, image);
  files.put(second, Buffer.alloc(0));
  await expect(openInMemory(files)).rejects.toThrow(LogDamaged);
  expect(files.bytes(FIRST_SEGMENT).equals(image)).toBe(true);
  expect(files.stored.has(second)).toBe(true);
});

test("local log: rotation: a segment missing between two others is damage", async () => {
  const files = new MemoryFiles();
  const log = await openInMemory(files, { segmentBytes: 300 });
  for (let i = 0; i < 8; i++) await appendTo(log, [0, "a record of some length, to fill segments"]);
  await log.close();
  const names = [...files.stored.keys()].sort();
  expect(names.length).toBeGreaterThan(3);
  files.stored.delete(names[1] as string);
  await expect(openInMemory(files, { segmentBytes: 300 })).rejects.toThrow(LogDamaged);
});
