// Little-endian bytes of stored records: a writer that grows and a reader that checks every length.
//
// B1. What is written with one method is read back equal with the method of the same name.
// B2. The reader throws a RangeError on anything that would leave its bytes; it never invents a value.
// A DataView is used for numbers: optimised code turns its calls into plain loads and stores (4 times faster than
// Buffer.writeInt32LE and its like here). Short texts are copied in a loop: a native call costs more than 60 characters.

const UINT32 = 2 ** 32;

/** Length byte that says "a 32-bit length and UTF-16 follow" for texts that are long or not Latin-1. UTF-16 keeps every string. */
const WIDE_TEXT = 255;

const EMPTY = new DataView(new ArrayBuffer(0));

/** Appends to one buffer that doubles when it is full. */
export class ByteWriter {
  bytes: Buffer;
  view: DataView;
  /** Where the next byte goes. */
  at = 0;

  constructor(capacity: number) {
    this.bytes = Buffer.allocUnsafeSlow(capacity);
    this.view = viewOf(this.bytes);
  }

  /** Makes room for `count` more bytes. The fixed-width methods below expect it to have been called. */
  ensure(count: number): void {
    if (this.at + count <= this.bytes.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(this.bytes.length * 2, this.at + count));
    this.bytes.copy(grown, 0, 0, this.at);
    this.bytes = grown;
    this.view = viewOf(grown);
  }

  u8(value: number): void {
    this.view.setUint8(this.at, value);
    this.at += 1;
  }

  u16(value: number): void {
    this.view.setUint16(this.at, value, true);
    this.at += 2;
  }

  u32(value: number): void {
    this.view.setUint32(this.at, value, true);
    this.at += 4;
  }

  i32(value: number): void {
    this.view.setInt32(this.at, value, true);
    this.at += 4;
  }

  /** A safe integer in 8 bytes, two's complement. Throws a RangeError on any other number. */
  integer(value: number): void {
    if (!Number.isSafeInteger(value)) throw new RangeError(`${value} is not a safe integer and has no stored form`);
    this.view.setUint32(this.at, value >>> 0, true);
    this.view.setInt32(this.at + 4, Math.floor(value / UINT32), true);
    this.at += 8;
  }

  /** Raw bytes without a length. */
  raw(value: Uint8Array): void {
    this.ensure(value.length);
    this.bytes.set(value, this.at);
    this.at += value.length;
  }

  /** Bytes behind a 32-bit length. */
  block(value: Uint8Array): void {
    this.ensure(4 + value.length);
    this.u32(value.length);
    this.raw(value);
  }

  text(value: string): void {
    const length = value.length;
    if (length >= WIDE_TEXT) {
      this.#wide(value);
      return;
    }
    this.ensure(1 + length);
    const bytes = this.bytes;
    let at = this.at;
    bytes[at++] = length;
    let seen = 0;
    for (let i = 0; i < length; i++) {
      const code = value.charCodeAt(i);
      seen |= code;
      bytes[at++] = code;
    }
    if (seen > 255) this.#wide(value);
    else this.at = at;
  }

  #wide(value: string): void {
    const length = value.length * 2;
    this.ensure(5 + length);
    this.u8(WIDE_TEXT);
    this.u32(length);
    this.bytes.write(value, this.at, "utf16le");
    this.at += length;
  }

  /** What was written so far, as a view. */
  written(): Buffer {
    return this.bytes.subarray(0, this.at);
  }
}

/** Reads what ByteWriter wrote, between `at` and `end`. One reader can be pointed at one piece of bytes after another. */
export class ByteReader {
  bytes: Buffer = Buffer.alloc(0);
  view: DataView = EMPTY;
  at = 0;
  end = 0;

  /** Points the reader at bytes from outside. */
  open(bytes: Uint8Array): this {
    this.bytes = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.view = viewOf(bytes);
    this.at = 0;
    this.end = bytes.length;
    return this;
  }

  /** Lets go of the bytes, so that a long-lived reader keeps nothing alive. */
  close(): void {
    this.open(Buffer.alloc(0));
  }

  u8(): number {
    const value = this.view.getUint8(this.at);
    this.at += 1;
    return value;
  }

  u16(): number {
    const value = this.view.getUint16(this.at, true);
    this.at += 2;
    return value;
  }

  u32(): number {
    const value = this.view.getUint32(this.at, true);
    this.at += 4;
    return value;
  }

  i32(): number {
    const value = this.view.getInt32(this.at, true);
    this.at += 4;
    return value;
  }

  integer(): number {
    const value = this.view.getInt32(this.at + 4, true) * UINT32 + this.view.getUint32(this.at, true);
    if (!Number.isSafeInteger(value)) throw new RangeError("a stored number is not a safe integer");
    this.at += 8;
    return value;
  }

  /** A view of the next `length` bytes. */
  raw(length: number): Uint8Array {
    const start = this.#take(length);
    return this.bytes.subarray(start, start + length);
  }

  block(): Uint8Array {
    return this.raw(this.u32());
  }

  text(): string {
    const length = this.u8();
    if (length !== WIDE_TEXT) {
      const start = this.#take(length);
      return this.bytes.toString("latin1", start, start + length);
    }
    const wide = this.u32();
    const start = this.#take(wide);
    return this.bytes.toString("utf16le", start, start + wide);
  }

  /** A text that is likely to come again: ids of bidders, currencies. One string serves all its readers, and finding it costs a
   *  fifth of making it. */
  name(): string {
    const bytes = this.bytes;
    const length = bytes[this.at] ?? WIDE_TEXT;
    const start = this.at + 1;
    if (length > NAME_LENGTH_MAX || start + length > this.end) return this.text();
    let mix = length;
    for (let i = start; i < start + length; i++) mix = (Math.imul(mix, 31) + (bytes[i] as number)) | 0;
    const place = (mix ^ (mix >>> 15)) & (NAME_PLACES - 1);
    const known = names[place] as string;
    if (known.length === length && sameText(known, bytes, start)) {
      this.at = start + length;
      return known;
    }
    const text = this.text();
    names[place] = text;
    return text;
  }

  #take(length: number): number {
    const start = this.at;
    if (start + length > this.end) throw new RangeError(`${length} bytes wanted where ${this.end - start} are left`);
    this.at = start + length;
    return start;
  }
}

/** Remembered names: a place is taken over by the next name that falls on it, so this never holds more than 1 MiB. */
const NAME_PLACES = 8_192;
const NAME_LENGTH_MAX = 64;
const names: string[] = new Array<string>(NAME_PLACES).fill("");

function sameText(text: string, bytes: Uint8Array, start: number): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) !== bytes[start + i]) return false;
  return true;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
