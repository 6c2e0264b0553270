// How the rows of an auction are cut for storing and joined again. Pure.
//
// Owns: the split of segments into full chunks and small pieces, the packed form of pieces, and the join.
// Must not: know what a row means, or talk to a database.
//
// W1. A part never crosses a chunk of 1,024 rows, so each chunk is joined by itself.
// W2. Of two parts that cover one row, the one of the higher offset holds it. Parts of one offset do not overlap.
// W3. The number of rows of a kind never falls: rows are added or overwritten.
// W4. What was stored is checked: a gap, a torn piece or a broken row is SnapshotDamaged, never mended.
import type { Offset } from "../../engine/core/ids.ts";
import type { RowKind, RowSegment } from "../../engine/ports.ts";

/** Rows of a full chunk: 64 KiB of answers. */
export const CHUNK_ROWS = 1_024;

/** Bytes of one row of each kind. */
export type RowBytes = Readonly<Record<RowKind, number>>;

/** In the order of their stored number. Only grows at its end. */
export const ROW_KINDS: readonly RowKind[] = ["answers", "bids", "rows"];

/** What the store holds does not fit together. The checkpoint before may still be whole. */
export class SnapshotDamaged extends Error {
  override readonly name = "SnapshotDamaged";
}

/** Rows of one chunk, beginning with row `from` of the auction. */
export interface Part {
  readonly kind: RowKind;
  readonly from: number;
  readonly bytes: Uint8Array;
}

/** A part with the offset of the checkpoint that wrote it. */
export interface StoredPart extends Part {
  readonly offset: Offset;
}

export interface SplitRows {
  /** Each a whole chunk. */
  readonly chunks: readonly Part[];
  /** Less than a chunk each. */
  readonly pieces: readonly Part[];
  /** Whether a piece ends a chunk, so that the chunk is full and can be merged, or a whole chunk may stand over older parts. */
  readonly fills: boolean;
}

/** Cuts segments at the borders of chunks. Throws a RangeError for bytes that are no whole rows. */
export function splitSegments(segments: readonly RowSegment[], rowBytes: RowBytes): SplitRows {
  const chunks: Part[] = [];
  const pieces: Part[] = [];
  let fills = false;
  for (const { kind, from, bytes } of segments) {
    const width = rowBytes[kind];
    if (bytes.length % width !== 0) throw new RangeError(`A segment of ${kind} has ${bytes.length} bytes, which are no rows of ${width}`);
    const end = from + bytes.length / width;
    for (let at = from; at < end; ) {
      const chunkEnd = (chunkOf(at) + 1) * CHUNK_ROWS;
      const to = Math.min(end, chunkEnd);
      const part = { kind, from: at, bytes: bytes.subarray((at - from) * width, (to - from) * width) };
      if (to - at === CHUNK_ROWS) chunks.push(part);
      else pieces.push(part);
      fills ||= to === chunkEnd;
      at = to;
    }
  }
  return { chunks, pieces, fills };
}

/** The chunk a row stands in. */
export function chunkOf(row: number): number {
  return Math.floor(row / CHUNK_ROWS);
}

/** Kind (1 byte), first row (4), length in bytes (4), little endian, then the bytes. */
const PIECE_HEAD = 9;
/** What the database puts before the pieces of one checkpoint when it strings them together: offset (8), length (4), big endian. */
const STRUNG_HEAD = 12;

/** Rows of several auctions packed for one statement. */
export function packPieces(pieces: readonly Part[]): Uint8Array {
  const packed = Buffer.allocUnsafe(pieces.reduce((sum, piece) => sum + PIECE_HEAD + piece.bytes.length, 0));
  let at = 0;
  for (const { kind, from, bytes } of pieces) {
    packed.writeUInt8(ROW_KINDS.indexOf(kind), at);
    packed.writeUInt32LE(from, at + 1);
    packed.writeUInt32LE(bytes.length, at + 5);
    packed.set(bytes, at + PIECE_HEAD);
    at += PIECE_HEAD + bytes.length;
  }
  return packed;
}

/** The pieces of one auction, oldest checkpoint first, from their strung form. The parts are views of `strung`. */
export function unpackPieces(strung: Uint8Array): StoredPart[] {
  const buffer = Buffer.from(strung.buffer, strung.byteOffset, strung.length);
  const parts: StoredPart[] = [];
  for (let at = 0; at < buffer.length; ) {
    if (at + STRUNG_HEAD > buffer.length) throw new SnapshotDamaged("Pieces end within a head");
    const offset = Number(buffer.readBigInt64BE(at));
    const end = at + STRUNG_HEAD + buffer.readInt32BE(at + 8);
    at += STRUNG_HEAD;
    if (end > buffer.length) throw new SnapshotDamaged("Pieces end before their length");
    while (at < end) {
      if (at + PIECE_HEAD > end) throw new SnapshotDamaged("A piece ends within its head");
      const kind = ROW_KINDS[buffer.readUInt8(at)];
      const from = buffer.readUInt32LE(at + 1);
      const stop = at + PIECE_HEAD + buffer.readUInt32LE(at + 5);
      if (kind === undefined || stop > end) throw new SnapshotDamaged("A piece is torn or of an unknown kind");
      parts.push({ kind, from, bytes: strung.subarray(at + PIECE_HEAD, stop), offset });
      at = stop;
    }
  }
  return parts;
}

/** Joins all parts of one auction to segments as SnapshotStore gives them: per kind in row order, from row 0, without gap or overlap.
 *  Parts come in any order. */
export function joinParts(parts: readonly StoredPart[], rowBytes: RowBytes): RowSegment[] {
  const segments: RowSegment[] = [];
  for (const kind of ROW_KINDS) {
    const own = parts.filter((part) => part.kind === kind);
    if (own.length > 0) segments.push(...joinKind(kind, own, rowBytes[kind]));
  }
  return segments;
}

function joinKind(kind: RowKind, parts: readonly StoredPart[], width: number): RowSegment[] {
  const byChunk = groupByChunk(parts);
  const segments: RowSegment[] = [];
  for (let chunk = 0; chunk < byChunk.length; chunk += 1) {
    const own = byChunk[chunk];
    if (own === undefined) throw new SnapshotDamaged(`Chunk ${chunk} of ${kind} is missing`);
    const bytes = joinChunk(own, chunk, width);
    if (chunk < byChunk.length - 1 && bytes.length !== CHUNK_ROWS * width) throw new SnapshotDamaged(`Chunk ${chunk} of ${kind} has a gap at its end`);
    segments.push({ kind, from: chunk * CHUNK_ROWS, bytes });
  }
  return segments;
}

/** By chunk number; a missing chunk is a hole in the list. */
function groupByChunk(parts: readonly StoredPart[]): (StoredPart[] | undefined)[] {
  const byChunk: (StoredPart[] | undefined)[] = [];
  for (const part of parts) {
    const chunk = chunkOf(part.from);
    const own = byChunk[chunk];
    if (own === undefined) byChunk[chunk] = [part];
    else own.push(part);
  }
  return byChunk;
}

/** The rows of one chunk from its first row on (W2). */
export function joinChunk(parts: readonly StoredPart[], chunk: number, width: number): Uint8Array {
  const first = chunk * CHUNK_ROWS;
  const only = parts[0];
  if (parts.length === 1 && only !== undefined && only.from === first && only.bytes.length % width === 0) return only.bytes;
  let reached = 0;
  for (const part of [...parts].sort((a, b) => a.from - b.from)) {
    const at = (part.from - first) * width;
    if (at > reached || part.bytes.length % width !== 0) throw new SnapshotDamaged(`Rows before row ${part.from} of ${part.kind} are missing or torn`);
    reached = Math.max(reached, at + part.bytes.length);
  }
  if (reached > CHUNK_ROWS * width) throw new SnapshotDamaged("A part reaches beyond its chunk");
  const joined = new Uint8Array(reached);
  for (const part of [...parts].sort((a, b) => a.offset - b.offset)) joined.set(part.bytes, (part.from - first) * width);
  return joined;
}

/** The parts of one auction that all kept checkpoints see, in fewer: chunks that became full or were overwritten, and what is left
 *  as one piece a chunk. Parts that stand as full chunks already and have nothing over them are not returned. */
export function mergeParts(chunks: readonly StoredPart[], pieces: readonly StoredPart[], rowBytes: RowBytes): { readonly full: Part[]; readonly rest: Part[] } {
  const full: Part[] = [];
  const rest: Part[] = [];
  for (const kind of ROW_KINDS) {
    const width = rowBytes[kind];
    const bases = groupByChunk(chunks.filter((part) => part.kind === kind));
    groupByChunk(pieces.filter((part) => part.kind === kind)).forEach((own, chunk) => {
      if (own === undefined) return;
      const bytes = joinChunk([...(bases[chunk] ?? []), ...own], chunk, width);
      const merged = { kind, from: chunk * CHUNK_ROWS, bytes };
      if (bytes.length === CHUNK_ROWS * width) full.push(merged);
      else rest.push(merged);
    });
  }
  return { full, rest };
}
