// The stored form of the five kinds of record: GENESIS, CLAIM, RELEASE, FRAME, TIME.
//
// Owns: what stands in a payload, and the way from bytes to a record the judge can judge. Header and checksums are in
// record-header.ts, decisions in record-decision.ts. Must not: judge, read or append. Not used on a wire.
//
// R3. decode never throws. Whatever is wrong with the bytes is a kind of its own: foreign (no magic), damaged (crc, hash, length or
//     payload), newer (version or flags we do not know), unknown_kind.
// R4. Words are stored as positions in lists that only grow at their end.
import { Packr } from "msgpackr";
import type { Decision } from "../engine/core/decision.ts";
import { type Shard, SLOT_COUNT } from "../engine/core/ids.ts";
import type { FrameRecord, JudgedRecord } from "../engine/core/validity.ts";
import type { ClaimReason, RecordCodec, RecordPlace, ReleaseReason, StoredRecord, TimeReason } from "../engine/ports.ts";
import { OpenFrame } from "./frame-writer.ts";
import { ByteReader, ByteWriter } from "./record-bytes.ts";
import { readDecision } from "./record-decision.ts";
import { oneOf } from "./record-effects.ts";
import {
  crcOf,
  HASH_BYTES,
  HEADER_BYTES,
  type Header,
  hash16,
  KIND_NUMBERS,
  LIFE_ID_BYTES,
  RECORD_MAGIC,
  RECORD_VERSION,
  readHeader,
  sealRecord,
  TRAILER_BYTES,
  writeHeader,
} from "./record-header.ts";

const CLAIM_REASONS: readonly ClaimReason[] = ["start", "takeover", "move", "again"];
const RELEASE_REASONS: readonly ReleaseReason[] = ["move", "drain", "stop", "clock"];
const TIME_REASONS: readonly TimeReason[] = ["first", "idle", "probe", "barrier"];

const ZERO_HASH = new Uint8Array(HASH_BYTES);
const NONCE_BYTES = 16;
/** Fixed fields of the largest small payload; texts and blocks ask for their own room. */
const SMALL_PAYLOAD_BYTES = 64;
const MAGIC_BYTES = 4;

const packr = new Packr({ useRecords: false });

/** The codec of one life of the log: 16 bytes that every record it makes will bear. Decoding needs no life. */
export function createRecordCodec(lifeId: Uint8Array): RecordCodec {
  if (lifeId.length !== LIFE_ID_BYTES) throw new RangeError(`a life id has 16 bytes, not ${lifeId.length}`);
  const life = Uint8Array.from(lifeId);
  return {
    frameWriter: () => new OpenFrame(life),
    genesis: (genesis) => genesisRecord(life, genesis),
    claim: (claim) => claimRecord(life, claim),
    release: (place, release) => releaseRecord(life, place, release),
    time: (place, reason) => timeRecord(life, place, reason),
    decode: decodeRecord,
    decisions: (frame) => frameDecisions(frame),
    hash: hash16,
    packHead: (head) => packr.pack(head),
    unpackHead: (bytes) => packr.unpack(bytes) as unknown,
  };
}

function genesisRecord(lifeId: Uint8Array, genesis: Parameters<RecordCodec["genesis"]>[0]): Uint8Array {
  const out = begin(outside(lifeId, KIND_NUMBERS.genesis, genesis.shard, genesis.madeAt));
  out.u32(genesis.shards);
  out.u32(SLOT_COUNT);
  out.integer(genesis.madeAt);
  out.block(genesis.slotDigest);
  out.text(genesis.version);
  return sealRecord(out).bytes;
}

function claimRecord(lifeId: Uint8Array, claim: Parameters<RecordCodec["claim"]>[0]): Uint8Array {
  if (claim.nonce.length !== NONCE_BYTES) throw new RangeError(`a nonce has 16 bytes, not ${claim.nonce.length}`);
  const out = begin(outside(lifeId, KIND_NUMBERS.claim, claim.shard, claim.at));
  out.integer(claim.previous);
  out.raw(claim.nonce);
  out.u8(CLAIM_REASONS.indexOf(claim.reason));
  out.u32(claim.shards);
  out.text(claim.nodeId);
  out.text(claim.processId);
  return sealRecord(out).bytes;
}

function releaseRecord(lifeId: Uint8Array, place: RecordPlace, release: Parameters<RecordCodec["release"]>[1]): { bytes: Uint8Array; hash: Uint8Array } {
  const out = begin(inTenure(lifeId, KIND_NUMBERS.release, place));
  out.u8(RELEASE_REASONS.indexOf(release.reason));
  out.u8(release.target === null ? 0 : 1);
  out.block(release.stateHash);
  if (release.target !== null) out.text(release.target);
  return sealRecord(out);
}

function timeRecord(lifeId: Uint8Array, place: RecordPlace, reason: TimeReason): { bytes: Uint8Array; hash: Uint8Array } {
  const out = begin(inTenure(lifeId, KIND_NUMBERS.time, place));
  out.u8(TIME_REASONS.indexOf(reason));
  return sealRecord(out);
}

function begin(header: Header): ByteWriter {
  const out = new ByteWriter(256);
  writeHeader(out, header);
  out.ensure(SMALL_PAYLOAD_BYTES);
  return out;
}

// GENESIS and CLAIM stand outside every tenure: no epoch, no lsn, no hash before them.
function outside(lifeId: Uint8Array, kind: number, shard: Shard, at: number): Header {
  return { kind, flags: 0, lifeId, shard, epoch: 0, firstLsn: 0, count: 0, timeFirst: at, timeLast: at, prevHash: ZERO_HASH };
}

function inTenure(lifeId: Uint8Array, kind: number, place: RecordPlace): Header {
  const { shard, epoch, firstLsn, prevHash, at } = place;
  return { kind, flags: 0, lifeId, shard, epoch, firstLsn, count: 1, timeFirst: at, timeLast: at, prevHash };
}

/** One record as the judge wants it. Works before the life of the log is known. Never throws (R3). */
export function decodeRecord(record: StoredRecord, shard: Shard): JudgedRecord {
  const { offset, bytes } = record;
  const reader = new ByteReader().open(bytes);
  if (bytes.length < MAGIC_BYTES || reader.u32() !== RECORD_MAGIC) return { kind: "foreign", offset, shard };
  if (bytes.length < HEADER_BYTES + TRAILER_BYTES) return damaged(offset, shard, `${bytes.length} bytes are too few`);
  const crcAt = bytes.length - 4;
  if (crcOf(bytes.subarray(0, crcAt)) !== reader.view.getUint32(crcAt, true)) return damaged(offset, shard, "crc differs");
  try {
    return decodeChecked(reader, offset, shard);
  } catch (error) {
    return damaged(offset, shard, error instanceof Error ? error.message : String(error));
  }
}

// The crc fits. Only magic, version, kind, life id and shard are where we expect them in every version (R1).
function decodeChecked(reader: ByteReader, offset: number, shard: Shard): JudgedRecord {
  const version = reader.u16();
  if (version !== RECORD_VERSION) return newer(reader, offset, version);
  const header = readHeader(reader);
  const length = reader.u32();
  const hashAt = HEADER_BYTES + length;
  if (hashAt + TRAILER_BYTES !== reader.end) return damaged(offset, shard, `a payload of ${length} bytes does not fit`);
  const hash = hash16(reader.bytes.subarray(0, hashAt));
  if (!reader.bytes.subarray(hashAt, hashAt + HASH_BYTES).equals(hash)) return damaged(offset, shard, "hash differs");
  if (header.flags !== 0) return { kind: "newer", offset, shard: header.shard, lifeId: header.lifeId, version };
  reader.end = hashAt;
  return decodePayload(reader, offset, header, hash);
}

function newer(reader: ByteReader, offset: number, version: number): JudgedRecord {
  reader.at += 2;
  const lifeId = new Uint8Array(reader.raw(LIFE_ID_BYTES));
  return { kind: "newer", offset, lifeId, shard: reader.u32(), version };
}

function decodePayload(reader: ByteReader, offset: number, header: Header, hash: Uint8Array): JudgedRecord {
  const { lifeId, shard, epoch, firstLsn, count, timeFirst, timeLast, prevHash } = header;
  switch (header.kind) {
    case KIND_NUMBERS.genesis:
      return decodeGenesis(reader, offset, header, hash);
    case KIND_NUMBERS.claim:
      return decodeClaim(reader, offset, header, hash);
    case KIND_NUMBERS.release: {
      const reason = oneOf(RELEASE_REASONS, reader.u8());
      const hasTarget = reader.u8() === 1;
      const stateHash = new Uint8Array(reader.block());
      const target = hasTarget ? reader.text() : null;
      return atEnd(reader, { kind: "release", offset, lifeId, shard, epoch, firstLsn, count, timeFirst, timeLast, prevHash, hash, stateHash, reason, target });
    }
    case KIND_NUMBERS.frame: {
      const payload = reader.raw(reader.end - reader.at);
      return { kind: "frame", offset, lifeId, shard, epoch, firstLsn, count, timeFirst, timeLast, prevHash, hash, payload };
    }
    case KIND_NUMBERS.time: {
      const reason = oneOf(TIME_REASONS, reader.u8());
      return atEnd(reader, { kind: "time", offset, lifeId, shard, epoch, firstLsn, count, timeFirst, timeLast, prevHash, hash, reason });
    }
    default:
      return { kind: "unknown_kind", offset, lifeId, shard, recordKind: header.kind };
  }
}

function decodeGenesis(reader: ByteReader, offset: number, header: Header, hash: Uint8Array): JudgedRecord {
  const shards = reader.u32();
  const slots = reader.u32();
  const madeAt = reader.integer();
  const slotDigest = new Uint8Array(reader.block());
  const version = reader.text();
  return atEnd(reader, { kind: "genesis", offset, lifeId: header.lifeId, shard: header.shard, shards, slots, slotDigest, madeAt, version, hash });
}

function decodeClaim(reader: ByteReader, offset: number, header: Header, hash: Uint8Array): JudgedRecord {
  const previous = reader.integer();
  const nonce = new Uint8Array(reader.raw(NONCE_BYTES));
  const reason = oneOf(CLAIM_REASONS, reader.u8());
  const shards = reader.u32();
  const nodeId = reader.text();
  const processId = reader.text();
  const { lifeId, shard, timeFirst: at } = header;
  return atEnd(reader, { kind: "claim", offset, lifeId, shard, previous, nonce, nodeId, processId, reason, shards, at, hash });
}

function atEnd(reader: ByteReader, record: JudgedRecord): JudgedRecord {
  if (reader.at !== reader.end) throw new RangeError(`${reader.end - reader.at} bytes of the payload are left over`);
  return record;
}

function damaged(offset: number, shard: Shard, detail: string): JudgedRecord {
  return { kind: "damaged", offset, shard, detail };
}

/** The decisions of an effective frame, in lsn order. Throws if the record is not a frame, or a checked frame does not parse. */
export function frameDecisions(frame: JudgedRecord): Decision[] {
  if (frame.kind !== "frame") throw new Error(`a record of kind ${frame.kind} holds no decisions`);
  return unpackFrame(frame);
}

const frameReader = new ByteReader();

function unpackFrame(frame: FrameRecord): Decision[] {
  frameReader.open(frame.payload);
  const decisions: Decision[] = [];
  for (let i = 0; i < frame.count; i++) decisions.push(readDecision(frameReader, frame.timeFirst, frame.epoch));
  const left = frameReader.end - frameReader.at;
  frameReader.close();
  if (left !== 0) throw new RangeError(`the frame at offset ${frame.offset} holds ${left} bytes more than its ${frame.count} decisions`);
  return decisions;
}
