// The frame around every record: a fixed header in front, hash and checksum behind, the same for all kinds.
//
//   magic 4 · version 2 · kind 1 · flags 1 · life id 16 · shard 4 · epoch 8 · first lsn 8 · count 4 · time first 8 · time last 8
//   previous hash 16 · payload length 4 · payload · hash 16 · crc 4                                        (little-endian)
//
// R1. Magic, version, kind, life id, shard and the crc at the end keep their places in all versions.
// R2. The hash (SHA-256, first 16 bytes) covers all before it; the crc covers all before it, the hash too.
//
// The crc is that of zlib and Ethernet (CRC-32, IEEE) rather than CRC-32C: Node has it in native code at 4 GB/s, and has no
// CRC-32C. Both notice every burst of up to 32 bits; what a crc can miss, the hash does not.
import { hash as digest } from "node:crypto";
import { crc32 } from "node:zlib";
import type { Epoch, Instant, Lsn, Shard } from "../engine/core/ids.ts";
import type { ByteReader, ByteWriter } from "./record-bytes.ts";

export const RECORD_VERSION = 1;

/** "FWL1", read as a little-endian number. */
export const RECORD_MAGIC = 0x314c_5746;

export const KIND_NUMBERS = { genesis: 1, claim: 2, release: 3, frame: 4, time: 5 } as const;

/** Bytes in front of the payload, and behind it. */
export const HEADER_BYTES = 84;
export const TRAILER_BYTES = 20;
export const HASH_BYTES = 16;
export const LIFE_ID_BYTES = 16;

const PAYLOAD_LENGTH_AT = HEADER_BYTES - 4;

/** The header without magic and version. */
export interface Header {
  readonly kind: number;
  readonly flags: number;
  /** 16 bytes. */
  readonly lifeId: Uint8Array;
  readonly shard: Shard;
  readonly epoch: Epoch;
  readonly firstLsn: Lsn;
  readonly count: number;
  readonly timeFirst: Instant;
  readonly timeLast: Instant;
  /** 16 bytes. */
  readonly prevHash: Uint8Array;
}

/** SHA-256, first 16 bytes, as bytes of its own. */
export function hash16(bytes: Uint8Array): Uint8Array {
  const whole = digest("sha256", bytes, "buffer");
  return new Uint8Array(whole.buffer, whole.byteOffset, HASH_BYTES).slice();
}

/** CRC-32 (IEEE) as a number without sign. */
export function crcOf(bytes: Uint8Array): number {
  return crc32(bytes);
}

/** Writes the header at `out.at`; the payload length is put in by sealRecord. */
export function writeHeader(out: ByteWriter, header: Header): void {
  if (header.lifeId.length !== LIFE_ID_BYTES || header.prevHash.length !== HASH_BYTES) {
    throw new RangeError(`life id and hash have 16 bytes, not ${header.lifeId.length} and ${header.prevHash.length}`);
  }
  out.ensure(HEADER_BYTES);
  out.u32(RECORD_MAGIC);
  out.u16(RECORD_VERSION);
  out.u8(header.kind);
  out.u8(header.flags);
  out.raw(header.lifeId);
  out.u32(header.shard);
  out.integer(header.epoch);
  out.integer(header.firstLsn);
  out.u32(header.count);
  out.integer(header.timeFirst);
  out.integer(header.timeLast);
  out.raw(header.prevHash);
  out.u32(0);
}

/** Closes a record that begins at the writer's first byte: payload length, hash, crc. The bytes are a view. */
export function sealRecord(out: ByteWriter): { readonly bytes: Buffer; readonly hash: Uint8Array } {
  out.view.setUint32(PAYLOAD_LENGTH_AT, out.at - HEADER_BYTES, true);
  const hash = hash16(out.written());
  out.raw(hash);
  const crc = crcOf(out.written());
  out.ensure(4);
  out.u32(crc);
  return { bytes: out.written(), hash };
}

/** The rest of a header whose magic and version were read; the reader then stands before the payload length. The byte fields
 *  are copies, so that a record kept in memory does not keep its whole list alive. Throws if a number is not safe. */
export function readHeader(from: ByteReader): Header {
  const kind = from.u8();
  const flags = from.u8();
  const lifeId = new Uint8Array(from.raw(LIFE_ID_BYTES));
  const shard = from.u32();
  const epoch = from.integer();
  const firstLsn = from.integer();
  const count = from.u32();
  const timeFirst = from.integer();
  const timeLast = from.integer();
  const prevHash = new Uint8Array(from.raw(HASH_BYTES));
  return { kind, flags, lifeId, shard, epoch, firstLsn, count, timeFirst, timeLast, prevHash };
}
