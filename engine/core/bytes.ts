// Fixed-width integers in byte rows, and small parts of bytes cut from a shared slab.
//
// Numbers are little-endian. The slab only saves memory: an array of its own costs about 300 bytes before its first byte, a view
// on a slab about 100, and most auctions hold a handful of rows.

const TWO_TO_32 = 4_294_967_296;
const TWO_TO_24 = 16_777_216;

/** Writes an integer from 0 to 2^48 - 1 into six bytes. */
export function writeUint48(bytes: Uint8Array, at: number, value: number): void {
  const high = (value / TWO_TO_32) | 0;
  const low = value >>> 0;
  bytes[at] = low;
  bytes[at + 1] = low >>> 8;
  bytes[at + 2] = low >>> 16;
  bytes[at + 3] = low >>> 24;
  bytes[at + 4] = high;
  bytes[at + 5] = high >>> 8;
}

/** Reads six bytes. */
export function readUint48(bytes: Uint8Array, at: number): number {
  return readUint32(bytes, at) + ((bytes[at + 4] as number) | ((bytes[at + 5] as number) << 8)) * TWO_TO_32;
}

/** Writes the low 32 bits of an integer, signed or not. */
export function writeUint32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
  bytes[at + 2] = value >>> 16;
  bytes[at + 3] = value >>> 24;
}

/** Reads four bytes as an unsigned integer. */
export function readUint32(bytes: Uint8Array, at: number): number {
  return ((bytes[at] as number) | ((bytes[at + 1] as number) << 8) | ((bytes[at + 2] as number) << 16)) + (bytes[at + 3] as number) * TWO_TO_24;
}

/** Reads four bytes as a signed integer. */
export function readInt32(bytes: Uint8Array, at: number): number {
  return (bytes[at] as number) | ((bytes[at + 1] as number) << 8) | ((bytes[at + 2] as number) << 16) | ((bytes[at + 3] as number) << 24);
}

/** 64 KiB: a slab is garbage once nothing on it is in use, so it must not be large. */
const SLAB_BYTES = 65_536;

/** Above 4 KiB the cost of an array of its own no longer matters, and it can be given back alone. */
export const SLAB_PART_MAX = 4_096;

let slab = new Uint8Array(SLAB_BYTES);
let slabUsed = 0;

/** The slab on which the part that cutPart returned last lies. */
export function currentSlab(): Uint8Array {
  return slab;
}

/** Takes `length` zeroed bytes, at most SLAB_PART_MAX, from a slab and returns where they begin on currentSlab. They are never
 *  given back singly. */
export function cutPart(length: number): number {
  if (slabUsed + length > SLAB_BYTES) {
    slab = new Uint8Array(SLAB_BYTES);
    slabUsed = 0;
  }
  const at = slabUsed;
  slabUsed += length;
  return at;
}
