import fc from "fast-check";
import { expect, test } from "vitest";
import type { RowSegment } from "../../engine/ports.ts";
import {
  CHUNK_ROWS,
  chunkOf,
  joinParts,
  mergeParts,
  type Part,
  packPieces,
  SnapshotDamaged,
  type StoredPart,
  splitSegments,
  unpackPieces,
} from "./row-pieces.ts";

const ROW_BYTES = { answers: 4, bids: 3, rows: 2 };

/** Writes of some rows each: `back` rows over what is there already, then `count` rows in all. */
const writes = fc.array(fc.record({ back: fc.nat(1_500), count: fc.integer({ min: 1, max: 2_600 }), fill: fc.integer({ min: 1, max: 255 }) }), {
  minLength: 1,
  maxLength: 8,
});

type Write = { readonly back: number; readonly count: number; readonly fill: number };

/** The segments of these writes in order, and the bytes they leave. */
function laidOut(list: readonly Write[]): { readonly segments: RowSegment[]; readonly expected: Buffer } {
  let expected = Buffer.alloc(0);
  const segments = list.map(({ back, count, fill }, index) => {
    const from = Math.max(0, expected.length / ROW_BYTES.answers - back);
    const bytes = new Uint8Array(count * ROW_BYTES.answers).fill(fill ^ index);
    const after = Buffer.alloc(Math.max(expected.length, from * ROW_BYTES.answers + bytes.length));
    after.set(expected);
    after.set(bytes, from * ROW_BYTES.answers);
    expected = after;
    return { kind: "answers" as const, from, bytes };
  });
  return { segments, expected };
}

function stored(parts: readonly Part[], offset: number): StoredPart[] {
  return parts.map((part) => ({ ...part, offset }));
}

/** What the database makes of the pieces of several checkpoints. */
function strung(checkpoints: readonly { readonly offset: number; readonly packed: Uint8Array }[]): Uint8Array {
  return Buffer.concat(
    checkpoints.flatMap(({ offset, packed }) => {
      const head = Buffer.alloc(12);
      head.writeBigInt64BE(BigInt(offset));
      head.writeInt32BE(packed.length, 8);
      return [head, packed];
    }),
  );
}

function joinedBytes(parts: readonly StoredPart[]): Buffer {
  return Buffer.concat(joinParts(parts, ROW_BYTES).map((segment) => segment.bytes));
}

test("row pieces: split, packed, read back and joined they are the rows that were written, the later over the earlier", () => {
  fc.assert(
    fc.property(writes, (list) => {
      const { segments, expected } = laidOut(list);
      const splits = segments.map((segment) => splitSegments([segment], ROW_BYTES));
      const chunks = splits.flatMap((split, offset) => stored(split.chunks, offset));
      const pieces = unpackPieces(strung(splits.map((split, offset) => ({ offset, packed: packPieces(split.pieces) }))));
      expect(joinedBytes([...chunks, ...pieces]).equals(expected)).toBe(true);
    }),
  );
});

test("row pieces: merging up to any checkpoint changes nothing that is read at it or later", () => {
  fc.assert(
    fc.property(writes, fc.nat(7), (list, oldest) => {
      const { segments, expected } = laidOut(list);
      const splits = segments.map((segment) => splitSegments([segment], ROW_BYTES));
      const chunks = splits.flatMap((split, offset) => stored(split.chunks, offset));
      const pieces = splits.flatMap((split, offset) => stored(split.pieces, offset));
      const old = (part: StoredPart): boolean => part.offset <= oldest;
      const { full, rest } = mergeParts(chunks.filter(old), pieces.filter(old), ROW_BYTES);
      expect(full.every((part) => part.bytes.length === CHUNK_ROWS * ROW_BYTES.answers)).toBe(true);
      const kept = chunks.filter((chunk) => !full.some((part) => part.from === chunk.from && chunk.offset <= oldest));
      const after = [...kept, ...stored([...full, ...rest], oldest), ...pieces.filter((part) => !old(part))];
      expect(joinedBytes(after).equals(expected)).toBe(true);
    }),
  );
});

test("row pieces: no part crosses a chunk, and a chunk that becomes full is reported", () => {
  fc.assert(
    fc.property(fc.nat(5_000), fc.integer({ min: 1, max: 5_000 }), (from, count) => {
      const { chunks, pieces, fills } = splitSegments([{ kind: "bids", from, bytes: new Uint8Array(count * ROW_BYTES.bids) }], ROW_BYTES);
      for (const part of [...chunks, ...pieces]) expect(chunkOf(part.from + part.bytes.length / ROW_BYTES.bids - 1)).toBe(chunkOf(part.from));
      expect(fills).toBe(chunkOf(from + count) > chunkOf(from));
    }),
  );
});

test("row pieces: damaged bytes are refused as damaged, whatever they say", () => {
  const whole = strung([{ offset: 3, packed: packPieces([{ kind: "bids", from: 0, bytes: new Uint8Array(30) }]) }]);
  fc.assert(
    fc.property(fc.nat(whole.length - 1), fc.nat(255), (at, value) => {
      for (const bytes of [whole.subarray(0, at), Buffer.from(whole).fill(value, at, at + 1)]) {
        try {
          joinParts(unpackPieces(bytes), ROW_BYTES);
        } catch (error) {
          expect(error).toBeInstanceOf(SnapshotDamaged);
        }
      }
    }),
  );
});

test("row pieces: a gap, and a segment of broken rows, are refused", () => {
  const part = (from: number, rows: number): StoredPart => ({ kind: "rows", from, bytes: new Uint8Array(rows * ROW_BYTES.rows), offset: 1 });
  for (const parts of [[part(1, 3)], [part(0, 3), part(4, 1)], [part(0, 1_023), part(1_024, 1)], [part(1_024, 5)]]) {
    expect(() => joinParts(parts, ROW_BYTES)).toThrow(SnapshotDamaged);
  }
  expect(() => splitSegments([{ kind: "answers", from: 0, bytes: new Uint8Array(7) }], ROW_BYTES)).toThrow(RangeError);
});
