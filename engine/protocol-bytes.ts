// The bytes under the link's messages: the growing buffer they are written into, the stream reader that cuts them apart again, and
// auction ids in sixteen bytes. Knows no message (protocol-codec.ts does).
//
// A stream is batches. A batch is a length (u32, of what follows) and messages; a message is one u32 with its kind in the low byte
// and the length of its body in the three others, then the body. All numbers are little-endian.
//
// B1. No length is believed: each is checked against its limit and against what encloses it before it is used, and memory grows
//     with the bytes that came, not with the bytes announced.
// B2. A fault is a value. After one the reader takes nothing more, and the link is cut.
import { type AuctionId, isAuctionId } from "./core/ids.ts";

/** The outbox is cut at the same size, so a batch never has to be larger. */
export const BATCH_BYTES_MAX = 8 * 1024 * 1024;
/** The largest message is a view with 100 rows and a full increment table, about 40 KB; a watch of 10,000 auctions is 380 KB. */
export const MESSAGE_BYTES_MAX = 1024 * 1024;

const LENGTH_BYTES = 4;
const KIND_BITS = 8;
const KIND_MASK = 0xff;
/** A busy turn writes about 50 KB; a buffer grown beyond this by a burst is given back. */
const KEPT_BYTES_MAX = 256 * 1024;
const FIRST_BYTES = 16 * 1024;

/** Messages of one turn, written one after the other into one buffer. `bytes` and `view` change when it grows: read them after
 *  `begin`, never keep them. */
export class BatchBuffer {
  bytes: Buffer = Buffer.allocUnsafeSlow(FIRST_BYTES);
  view: DataView = viewOf(this.bytes);
  #end = 0;
  #batchAt = 0;

  /** Bytes waiting to be taken. */
  get length(): number {
    return this.#end;
  }

  /** Makes room for a body of at most `bodyBytesMax` and returns where it begins. */
  begin(bodyBytesMax: number): number {
    const most = LENGTH_BYTES + bodyBytesMax;
    if (this.#end > 0 && this.#end + most - this.#batchAt - LENGTH_BYTES > BATCH_BYTES_MAX) this.#closeBatch();
    if (this.#end === this.#batchAt) this.#end += LENGTH_BYTES;
    const needed = this.#end + most;
    if (needed > this.bytes.length) this.#grow(needed);
    return this.#end + LENGTH_BYTES;
  }

  /** The body that began at `at` ends before `end`. */
  commit(kind: number, at: number, end: number): void {
    this.view.setUint32(at - LENGTH_BYTES, ((end - at) << KIND_BITS) | kind, true);
    this.#end = end;
  }

  /** Adds whole messages that another buffer's takeMessages gave. */
  append(messages: Uint8Array): void {
    const at = this.begin(messages.length) - LENGTH_BYTES;
    this.bytes.set(messages, at);
    this.#end = at + messages.length;
  }

  /** What waits, as closed batches in bytes of their own, or null. The buffer is then empty. */
  take(): Buffer | null {
    return this.#take(0);
  }

  /** The same without the batch around it, to append to other buffers. For one message at a time. */
  takeMessages(): Buffer | null {
    return this.#take(LENGTH_BYTES);
  }

  #take(from: number): Buffer | null {
    if (this.#end <= this.#batchAt + LENGTH_BYTES && this.#batchAt === 0) return this.#reset(null);
    this.#closeBatch();
    return this.#reset(Buffer.from(this.bytes.subarray(from, this.#end)));
  }

  #reset(taken: Buffer | null): Buffer | null {
    this.#end = 0;
    this.#batchAt = 0;
    if (this.bytes.length > KEPT_BYTES_MAX) {
      this.bytes = Buffer.allocUnsafeSlow(FIRST_BYTES);
      this.view = viewOf(this.bytes);
    }
    return taken;
  }

  #closeBatch(): void {
    if (this.#end <= this.#batchAt + LENGTH_BYTES) {
      this.#end = this.#batchAt;
      return;
    }
    this.view.setUint32(this.#batchAt, this.#end - this.#batchAt - LENGTH_BYTES, true);
    this.#batchAt = this.#end;
  }

  #grow(needed: number): void {
    let size = this.bytes.length * 2;
    while (size < needed) size *= 2;
    const grown = Buffer.allocUnsafeSlow(size);
    this.bytes.copy(grown, 0, 0, this.#end);
    this.bytes = grown;
    this.view = viewOf(grown);
  }
}

/** Why a stream is no stream of ours. */
export type LinkFault = "empty_batch" | "batch_too_large" | "message_too_large" | "unknown_kind" | "malformed_message";

/** Takes one message's body; a fault ends the stream. */
export type TakeMessage = (kind: number, bytes: Buffer, view: DataView, at: number, end: number) => LinkFault | null;

/** Cuts a stream of chunks into messages and hands each over as soon as it is whole. A message inside one chunk is read in place. */
export class BatchReader {
  readonly #take: TakeMessage;
  #fault: LinkFault | null = null;
  /** Bytes of the batch that have not been handed over; 0 = a batch length comes next. */
  #batchLeft = 0;
  /** Beginning of a length or message whose end has not come. */
  #carry: Buffer = Buffer.alloc(0);
  #carried = 0;

  constructor(take: TakeMessage) {
    this.#take = take;
  }

  /** Returns the fault that ended the stream, now or before, or null. */
  feed(chunk: Buffer): LinkFault | null {
    let at = 0;
    while (this.#fault === null && this.#carried > 0) {
      const missing = this.#missing();
      const given = Math.min(missing, chunk.length - at);
      this.#keep(chunk, at, at + given);
      at += given;
      if (given < missing) return this.#fault;
      const whole = this.#carry.subarray(0, this.#carried);
      this.#carried -= this.#consume(whole, viewOf(whole), 0);
    }
    if (this.#fault !== null || at === chunk.length) return this.#fault;
    const view = viewOf(chunk);
    let used = this.#consume(chunk, view, at);
    while (used > 0 && this.#fault === null) {
      at += used;
      used = this.#consume(chunk, view, at);
    }
    if (this.#fault === null) this.#keep(chunk, at, chunk.length);
    return this.#fault;
  }

  /** Takes nothing more, not even the rest of the chunk in hand. */
  stop(fault: LinkFault): void {
    this.#fault ??= fault;
  }

  /** Bytes that the length or message in the carry still lacks; 0 when `#consume` can go on. */
  #missing(): number {
    if (this.#carried < LENGTH_BYTES) return LENGTH_BYTES - this.#carried;
    if (this.#batchLeft === 0) return 0;
    const length = this.#carry.readUInt32LE(0) >>> KIND_BITS;
    if (length > MESSAGE_BYTES_MAX) return 0;
    return LENGTH_BYTES + length - this.#carried;
  }

  #keep(chunk: Buffer, from: number, to: number): void {
    const needed = this.#carried + to - from;
    if (needed > this.#carry.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(needed, Math.min(2 * this.#carry.length, MESSAGE_BYTES_MAX + LENGTH_BYTES), LENGTH_BYTES));
      this.#carry.copy(grown, 0, 0, this.#carried);
      this.#carry = grown;
    }
    chunk.copy(this.#carry, this.#carried, from, to);
    this.#carried = needed;
  }

  /** Takes one length or message at `at`; returns its bytes, 0 if it is not whole. */
  #consume(bytes: Buffer, view: DataView, at: number): number {
    if (bytes.length - at < LENGTH_BYTES) return 0;
    const word = view.getUint32(at, true);
    if (this.#batchLeft === 0) {
      if (word === 0) this.#fault = "empty_batch";
      else if (word > BATCH_BYTES_MAX) this.#fault = "batch_too_large";
      this.#batchLeft = word;
      return LENGTH_BYTES;
    }
    const length = LENGTH_BYTES + (word >>> KIND_BITS);
    if (length > MESSAGE_BYTES_MAX + LENGTH_BYTES || length > this.#batchLeft) {
      this.#fault = "message_too_large";
      return LENGTH_BYTES;
    }
    if (bytes.length - at < length) return 0;
    this.#batchLeft -= length;
    const fault = this.#take(word & KIND_MASK, bytes, view, at + LENGTH_BYTES, at + length);
    if (fault !== null) this.#fault ??= fault;
    return length;
  }
}

/** A DataView over the same bytes, for reading numbers without copies. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

// auction ids: 36 characters in 16 bytes

export const ID_BYTES = 16;
const ID_CHARACTERS = 36;
const DASH = 45;
const NO_DIGIT = 0xff;
const ASCII = 128;
const DIGITS = hexDigits();

function hexDigits(): Uint8Array {
  const digits = new Uint8Array(ASCII).fill(NO_DIGIT);
  for (let value = 0; value < 16; value += 1) digits[value.toString(16).charCodeAt(0)] = value;
  return digits;
}

/** Writes an auction id; false (and nothing of use written) if it is not of the form isAuctionId asks for. */
export function writeAuctionId(bytes: Buffer, at: number, id: AuctionId): boolean {
  if (id.length !== ID_CHARACTERS) return false;
  let to = at;
  for (let from = 0; from < ID_CHARACTERS; from += 2) {
    if (from === 8 || from === 13 || from === 18 || from === 23) {
      if (id.charCodeAt(from) !== DASH) return false;
      from += 1;
    }
    const high = DIGITS[id.charCodeAt(from)] ?? NO_DIGIT;
    const low = DIGITS[id.charCodeAt(from + 1)] ?? NO_DIGIT;
    if ((high | low) > 0x0f) return false;
    bytes[to] = (high << 4) | low;
    to += 1;
  }
  return hasIdBits(bytes, at);
}

/** Version 8 and the variant of RFC 9562. */
function hasIdBits(bytes: Buffer, at: number): boolean {
  return ((bytes[at + 6] ?? 0) & 0xf0) === 0x80 && ((bytes[at + 8] ?? 0) & 0xc0) === 0x80;
}

/** 2^32 by the golden ratio: the high bits of a product with it depend on all bits. */
const SPREAD = 0x9e3779b1;

/** 4,096 strings are about 250 KB a link, and hot auctions are few. */
const IDS_KEPT_BITS = 12;
const IDS_KEPT = 2 ** IDS_KEPT_BITS;

/** Auction ids read lately. The same id is the same string again, so its hash is known and no 36 characters are made per message. */
export class AuctionIds {
  readonly #words = new Int32Array(IDS_KEPT * 4);
  readonly #ids: (AuctionId | null)[] = new Array<AuctionId | null>(IDS_KEPT).fill(null);

  /** null: sixteen bytes that are no auction id. */
  read(bytes: Buffer, view: DataView, at: number): AuctionId | null {
    const a = view.getInt32(at, true);
    const b = view.getInt32(at + 4, true);
    const c = view.getInt32(at + 8, true);
    const d = view.getInt32(at + 12, true);
    const place = Math.imul(a ^ b ^ c ^ d, SPREAD) >>> (32 - IDS_KEPT_BITS);
    const words = this.#words;
    const word = place * 4;
    const kept = this.#ids[place];
    if (kept && words[word] === a && words[word + 1] === b && words[word + 2] === c && words[word + 3] === d) return kept;
    const id = idText(bytes, at);
    if (!isAuctionId(id)) return null;
    words[word] = a;
    words[word + 1] = b;
    words[word + 2] = c;
    words[word + 3] = d;
    this.#ids[place] = id;
    return id;
  }
}

function idText(bytes: Buffer, at: number): string {
  const hex = bytes.toString("hex", at, at + ID_BYTES);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
