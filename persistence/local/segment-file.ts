// How bytes stand in a segment: the header and the entries. Pure; no file is touched here.
//
//   segment  "FWS1" 4 · version 2 · zero 2 · life id 16 · first position 8 · shards 4 · next offset of each shard 8 each · crc 4
//   entry    magic 4 · length 4 · shard 4 · durable to 8 · header crc 4 · record · crc 4                     (little-endian)
//
// A position is a byte's place in the whole stream of segments. A segment's first byte stands at the position in its name, and its
// first position is where the one before it ends.
//
// L1. An entry's offset is the number of earlier entries of its shard. It is counted, not stored.
// L3. `durable to` is the position known durable when the entry was written, so never above the entry's own.
// G1. Both crcs start from the life id, so that bytes which only look like an entry (in a text somebody sent, in a file of another
//     log) are none.
// G2. A mark is an entry without a record or shard. It tells readers in other processes what is durable while nothing is
//     appended, and counts for no offset.
import { crc32 } from "node:zlib";

const SEGMENT_MAGIC = 0x3153_5746;
const SEGMENT_VERSION = 1;
const SEGMENT_FIXED_BYTES = 36;

const ENTRY_MAGIC = 0x3145_5746;
/** "FWE1", to be searched for. */
export const ENTRY_MAGIC_BYTES = Buffer.from([0x46, 0x57, 0x45, 0x31]);
export const ENTRY_HEADER_BYTES = 24;
const ENTRY_CRC_AT = 20;
/** What an entry adds to its record. */
export const ENTRY_OVERHEAD_BYTES = ENTRY_HEADER_BYTES + 4;
/** Longest record: far above any that is made, so a length beyond it is damage. */
export const ENTRY_RECORD_BYTES_MAX = 8 * 1024 * 1024;

/** The shard number of a mark. */
export const MARK = 0xffff_ffff;

const UINT32 = 2 ** 32;
const NAME = /^segment-(\d{16})\.log$/;

export interface SegmentHeader {
  readonly lifeId: Uint8Array;
  /** Position of the segment's first byte. */
  readonly first: number;
  /** Offset of the next record of each shard, at the segment's start. */
  readonly next: readonly number[];
}

export interface EntryHeader {
  /** MARK, or the shard of the record. */
  readonly shard: number;
  /** Bytes of the record. */
  readonly length: number;
  readonly durableTo: number;
}

/** The file name of the segment that begins at a position: 16 digits, so that names sort as positions do. */
export function segmentName(first: number): string {
  return `segment-${String(first).padStart(16, "0")}.log`;
}

/** The first position a file name tells, or null if it names no segment. */
export function segmentPosition(name: string): number | null {
  const digits = NAME.exec(name)?.[1];
  return digits === undefined ? null : Number(digits);
}

/** Bytes of a segment's header. */
export function segmentHeaderBytes(shards: number): number {
  return SEGMENT_FIXED_BYTES + shards * 8 + 4;
}

/** A header as it stands at a segment's first byte; its length follows from the number of shards. */
export function encodeSegmentHeader(header: SegmentHeader): Buffer {
  const bytes = Buffer.alloc(segmentHeaderBytes(header.next.length));
  bytes.writeUInt32LE(SEGMENT_MAGIC, 0);
  bytes.writeUInt16LE(SEGMENT_VERSION, 4);
  bytes.set(header.lifeId, 8);
  writePosition(bytes, header.first, 24);
  bytes.writeUInt32LE(header.next.length, 32);
  header.next.forEach((offset, shard) => {
    writePosition(bytes, offset, SEGMENT_FIXED_BYTES + shard * 8);
  });
  bytes.writeUInt32LE(crc32(bytes.subarray(0, bytes.length - 4)), bytes.length - 4);
  return bytes;
}

/** What is wrong with a header. `torn`: it may never have been written to its end. */
export interface BadHeader {
  readonly wrong: string;
  readonly torn: boolean;
}

/** The header at the beginning of a segment's bytes, or what is wrong with it. */
export function decodeSegmentHeader(bytes: Buffer): SegmentHeader | BadHeader {
  if (bytes.length < SEGMENT_FIXED_BYTES) return { wrong: `${bytes.length} bytes are no header`, torn: true };
  if (bytes.readUInt32LE(0) !== SEGMENT_MAGIC) return { wrong: "it does not begin with FWS1", torn: true };
  const shards = bytes.readUInt32LE(32);
  const length = segmentHeaderBytes(shards);
  if (length > bytes.length) return { wrong: "the header is cut short", torn: true };
  if (bytes.readUInt32LE(length - 4) !== crc32(bytes.subarray(0, length - 4))) return { wrong: "the crc of the header differs", torn: true };
  const version = bytes.readUInt16LE(4);
  if (version !== SEGMENT_VERSION) return { wrong: `segment version ${version} is not known to this program`, torn: false };
  const next = Array.from({ length: shards }, (_, shard) => readPosition(bytes, SEGMENT_FIXED_BYTES + shard * 8));
  return { lifeId: Uint8Array.from(bytes.subarray(8, 24)), first: readPosition(bytes, 24), next };
}

/** Where the crcs of a life's entries start from (G1). */
export function entrySeed(lifeId: Uint8Array): number {
  return crc32(lifeId);
}

/** Writes an entry into `out` at `at` and returns where it ends. The room must be there. */
export function writeEntry(out: Buffer, at: number, entry: { shard: number; record: Uint8Array; durableTo: number; seed: number }): number {
  const { record } = entry;
  out.writeUInt32LE(ENTRY_MAGIC, at);
  out.writeUInt32LE(record.length, at + 4);
  out.writeUInt32LE(entry.shard, at + 8);
  writePosition(out, entry.durableTo, at + 12);
  out.writeUInt32LE(crc32(out.subarray(at, at + ENTRY_CRC_AT), entry.seed), at + ENTRY_CRC_AT);
  const start = at + ENTRY_HEADER_BYTES;
  out.set(record, start);
  const end = start + record.length;
  out.writeUInt32LE(crc32(record, entry.seed), end);
  return end + 4;
}

/** The header of the entry at `at`, where ENTRY_HEADER_BYTES must be; null if there is none. */
export function readEntryHeader(bytes: Buffer, at: number, seed: number): EntryHeader | null {
  if (bytes.readUInt32LE(at) !== ENTRY_MAGIC) return null;
  if (bytes.readUInt32LE(at + ENTRY_CRC_AT) !== crc32(bytes.subarray(at, at + ENTRY_CRC_AT), seed)) return null;
  const length = bytes.readUInt32LE(at + 4);
  const shard = bytes.readUInt32LE(at + 8);
  if (length > ENTRY_RECORD_BYTES_MAX || (shard === MARK && length !== 0)) return null;
  return { shard, length, durableTo: readPosition(bytes, at + 12) };
}

/** Whether the record of the entry at `at`, all of which must be there, is as it was written. */
export function recordFits(bytes: Buffer, at: number, length: number, seed: number): boolean {
  const start = at + ENTRY_HEADER_BYTES;
  return bytes.readUInt32LE(start + length) === crc32(bytes.subarray(start, start + length), seed);
}

function writePosition(out: Buffer, value: number, at: number): void {
  out.writeUInt32LE(value % UINT32, at);
  out.writeUInt32LE(Math.floor(value / UINT32), at + 4);
}

function readPosition(bytes: Buffer, at: number): number {
  return bytes.readUInt32LE(at + 4) * UINT32 + bytes.readUInt32LE(at);
}
