// The open frame of a shard: decisions are encoded as they are taken, straight into the record that will hold them.
//
// W1. Two buffers alternate. A closed frame stays intact until the frame after next is opened, which with one append in flight
//     is always long enough.
// W2. A frame holds at most frameBytesMax bytes and frameDecisionsMax decisions. Only its first decision may be larger.
import type { Decision } from "../engine/core/decision.ts";
import type { Instant } from "../engine/core/ids.ts";
import type { FrameWriter, RecordPlace } from "../engine/ports.ts";
import { ByteWriter } from "./record-bytes.ts";
import { writeDecision } from "./record-decision.ts";
import { HEADER_BYTES, KIND_NUMBERS, sealRecord, TRAILER_BYTES, writeHeader } from "./record-header.ts";

/** A quarter of a broker's default limit for one record, so a frame is never refused for its size and never split. */
export const frameBytesMax = 262_144;
/** Bounds the work of one release loop. */
export const frameDecisionsMax = 1_024;
/** A decision by itself may be larger than a frame (striking a bidder with 50,000 bids names each of them), up to what a broker
 *  takes by default: 1,048,588 bytes with its own overhead. */
export const recordBytesMax = 1_000_000;
/** A fuller frame grows its buffer once or twice and then never again. */
const CAPACITY_FIRST = 65_536;

export class OpenFrame implements FrameWriter {
  readonly #lifeId: Uint8Array;
  #out = new ByteWriter(CAPACITY_FIRST);
  #other = new ByteWriter(CAPACITY_FIRST);
  #count = 0;
  #timeFirst: Instant = 0;
  #timeLast: Instant = 0;

  /** `lifeId`: 16 bytes. */
  constructor(lifeId: Uint8Array) {
    this.#lifeId = lifeId;
    this.#out.at = HEADER_BYTES;
    this.#other.at = HEADER_BYTES;
  }

  get count(): number {
    return this.#count;
  }

  /** Size of the record if it were closed now. */
  get bytes(): number {
    return this.#out.at + TRAILER_BYTES;
  }

  /** Throws a RangeError for a decision that has no stored form, or that would by itself pass recordBytesMax. */
  add(decision: Decision): boolean {
    const out = this.#out;
    const empty = this.#count === 0;
    if (this.#count === frameDecisionsMax) return false;
    const start = out.at;
    if (empty) this.#timeFirst = decision.at;
    else if (decision.at < this.#timeLast) throw new RangeError(`decision time falls from ${this.#timeLast} to ${decision.at} within a frame`);
    writeDecision(out, decision, this.#timeFirst);
    const bytes = out.at + TRAILER_BYTES;
    if (bytes > frameBytesMax && !this.#roomForLarge(empty, bytes)) {
      out.at = start;
      if (empty) throw new RangeError(`a decision of ${bytes} bytes is over the limit of ${recordBytesMax}`);
      return false;
    }
    this.#timeLast = decision.at;
    this.#count += 1;
    return true;
  }

  #roomForLarge(empty: boolean, bytes: number): boolean {
    return empty && bytes <= recordBytesMax;
  }

  close(place: Omit<RecordPlace, "at">): { readonly bytes: Uint8Array; readonly hash: Uint8Array } {
    if (this.#count === 0) throw new Error("an empty frame cannot be closed");
    const out = this.#out;
    const end = out.at;
    out.at = 0;
    writeHeader(out, {
      kind: KIND_NUMBERS.frame,
      flags: 0,
      lifeId: this.#lifeId,
      shard: place.shard,
      epoch: place.epoch,
      firstLsn: place.firstLsn,
      count: this.#count,
      timeFirst: this.#timeFirst,
      timeLast: this.#timeLast,
      prevHash: place.prevHash,
    });
    out.at = end;
    const sealed = sealRecord(out);
    this.#out = this.#other;
    this.#other = out;
    this.clear();
    return sealed;
  }

  clear(): void {
    this.#out.at = HEADER_BYTES;
    this.#count = 0;
  }
}
