// The judge written a second time, from the protocol's page alone and from the bytes of a record: which record of a shard's log counts.
// Shares no code with core/validity.ts or the record codec, so that neither can be wrong unnoticed.
//
// One question is asked of a record of a tenure: is it the very next word of the one writer who counts? Whoever is not that writer, and
// whoever says again what was said, is void. The right writer with a wrong next word means that a record is missing: broken.
import { hash as digestOf } from "node:crypto";
import type { Instant, Lsn, Offset, Shard } from "../core/ids.ts";

const HEADER = 84;
const TRAILER = 20;
const NAMES = ["", "genesis", "claim", "release", "frame", "time"] as const;
const REASON_FIRST = 0;
const REASON_PROBE = 2;

/** What the model reads of a record; byte strings as hex. */
export interface ModelRecord {
  readonly kind: "foreign" | "damaged" | "genesis" | "claim" | "release" | "frame" | "time" | "unknown";
  readonly life: string;
  readonly shard: Shard;
  readonly epoch: number;
  readonly firstLsn: Lsn;
  readonly count: number;
  readonly timeFirst: Instant;
  readonly timeLast: Instant;
  readonly before: string;
  readonly hash: string;
  /** Of a claim: what it replaces, and its nonce. */
  readonly previous: Offset;
  readonly nonce: string;
  /** Of TIME: the number of its reason. */
  readonly reason: number;
}

export type ModelVerdict = "effective" | "void" | "broken";

/** A judge's place behind some record. */
export interface ModelPlace {
  readonly next: Offset;
  readonly claim: Offset;
  readonly nonce: string;
  readonly open: boolean;
  readonly lsn: Lsn;
  readonly hash: string;
  readonly time: Instant;
  /** Where the next outage would be measured from. */
  readonly outageFrom: Instant;
}

const NOTHING = { life: "", shard: 0, epoch: 0, firstLsn: 0, count: 0, timeFirst: 0, timeLast: 0, before: "", hash: "", previous: 0, nonce: "", reason: 0 };
export const ZERO_HEX = "0".repeat(32);

function digest(bytes: Uint8Array): string {
  return digestOf("sha256", bytes, "hex").slice(0, 32);
}

/** Reads a record by the places of its fields. */
export function readModelRecord(bytes: Uint8Array): ModelRecord {
  const at = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (at.length < 4 || at.toString("latin1", 0, 4) !== "FWL1") return { kind: "foreign", ...NOTHING };
  const hashAt = at.length - TRAILER;
  if (hashAt < HEADER || at.readUInt32LE(80) !== hashAt - HEADER) return { kind: "damaged", ...NOTHING };
  const hash = at.toString("hex", hashAt, hashAt + 16);
  if (digest(at.subarray(0, hashAt)) !== hash) return { kind: "damaged", ...NOTHING };
  const kind = NAMES[at[6] as number] || "unknown";
  return {
    kind,
    life: at.toString("hex", 8, 24),
    shard: at.readUInt32LE(24),
    epoch: Number(at.readBigUInt64LE(28)),
    firstLsn: Number(at.readBigUInt64LE(36)),
    count: at.readUInt32LE(44),
    timeFirst: Number(at.readBigUInt64LE(48)),
    timeLast: Number(at.readBigUInt64LE(56)),
    before: at.toString("hex", 64, 80),
    hash,
    previous: kind === "claim" ? Number(at.readBigUInt64LE(HEADER)) : 0,
    nonce: kind === "claim" ? at.toString("hex", HEADER + 8, HEADER + 24) : "",
    reason: kind === "time" ? (at[HEADER] as number) : 0,
  };
}

/** Reads one shard's records in order. */
export class ModelJudge {
  readonly #shard: Shard;
  readonly #life: string;
  #begun = false;
  #passSince: Instant | null = null;
  #place: ModelPlace = { next: 0, claim: 0, nonce: ZERO_HEX, open: false, lsn: 0, hash: ZERO_HEX, time: 0, outageFrom: 0 };

  constructor(shard: Shard, life: string) {
    this.#shard = shard;
    this.#life = life;
  }

  get place(): ModelPlace {
    return this.#place;
  }

  /** The verdict on the next record, and the place behind it. Behind a broken one nobody goes on. */
  take(record: ModelRecord): ModelVerdict {
    const verdict = this.ruling(record);
    if (verdict === "broken") return verdict;
    const next = this.#place.next + 1;
    this.#place = verdict === "void" ? { ...this.#place, next } : { ...this.#place, ...this.#after(record), next };
    if (verdict === "effective") this.#place = { ...this.#place, outageFrom: this.#passSince ?? this.#place.time };
    this.#begun = true;
    return verdict;
  }

  /** The verdict on the next record, if it were this one. Changes nothing. */
  ruling(record: ModelRecord): ModelVerdict {
    if (!this.#begun) return record.kind === "genesis" && record.shard === this.#shard ? "effective" : "broken";
    if (record.kind === "damaged") return "broken";
    if (record.kind === "foreign" || record.life !== this.#life || record.shard !== this.#shard) return "void";
    if (record.kind === "genesis" || record.kind === "unknown") return "void";
    const { claim, open, lsn, hash, time } = this.#place;
    if (record.kind === "claim") return record.previous === claim ? "effective" : "void";
    const isTheWriter = record.epoch === claim && open;
    if (!isTheWriter || record.firstLsn <= lsn) return "void";
    const isTheNextWord = record.firstLsn === lsn + 1 && record.before === hash;
    const isInTime = record.timeFirst >= time && record.timeLast >= record.timeFirst && record.count > 0;
    return isTheNextWord && isInTime ? "effective" : "broken";
  }

  #after(record: ModelRecord): Partial<ModelPlace> {
    const { hash, lsn, next, time } = this.#place;
    if (record.kind === "genesis") return { hash: record.hash };
    if (record.kind === "claim") {
      this.#passSince ??= time;
      const offset = Buffer.alloc(8);
      offset.writeBigUInt64LE(BigInt(next));
      const joined = Buffer.concat([Buffer.from(hash, "hex"), Buffer.from(record.hash, "hex"), offset]);
      return { claim: next, nonce: record.nonce, open: true, hash: digest(joined) };
    }
    if (record.kind === "time" && record.reason === REASON_PROBE) this.#passSince ??= time;
    if (record.kind === "time" && record.reason === REASON_FIRST) this.#passSince = null;
    const open = record.kind !== "release";
    return { open, lsn: lsn + record.count, hash: record.hash, time: record.timeLast };
  }
}
