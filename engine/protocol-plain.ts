// Whether bytes are MessagePack that is safe to decode: a walk over the structure that allocates nothing.
//
// msgpackr refuses lengths it cannot meet, but it also decodes what no message of ours holds: dates, record definitions, 64-bit
// integers as BigInt, binaries that alias the buffer. None of them gets past this walk.

/** Settings nest 5 deep, a message adds 4. */
const DEPTH_MAX = 20;

/** Whether the bytes are exactly one MessagePack value of maps with text keys, arrays, text, numbers, booleans and nil. Checked
 *  before decoding: extensions (dates, record definitions), 64-bit integers and binaries never reach the decoder, and no length
 *  is larger than the bytes that follow it. */
export function isPlainPack(bytes: Uint8Array, at: number, end: number): boolean {
  return skipPlain(bytes, at, end, DEPTH_MAX) === end;
}

/** Position after the value at `at`, or -1. */
function skipPlain(bytes: Uint8Array, at: number, end: number, depth: number): number {
  if (at >= end || depth === 0) return -1;
  const head = bytes[at] ?? 0;
  if (head < 0x80 || head >= 0xe0) return at + 1;
  if (head < 0x90) return skipMembers(bytes, at + 1, end, depth, head & 0x0f, true);
  if (head < 0xa0) return skipMembers(bytes, at + 1, end, depth, head & 0x0f, false);
  if (head < 0xc0) return within(at + 1 + (head & 0x1f), end);
  switch (head) {
    case 0xc0:
    case 0xc2:
    case 0xc3:
      return at + 1;
    case 0xcc:
    case 0xd0:
      return within(at + 2, end);
    case 0xcd:
    case 0xd1:
      return within(at + 3, end);
    case 0xca:
    case 0xce:
    case 0xd2:
      return within(at + 5, end);
    case 0xcb:
      return within(at + 9, end);
    case 0xd9:
      return at + 2 > end ? -1 : within(at + 2 + lengthAt(bytes, at + 1, 1), end);
    case 0xda:
      return at + 3 > end ? -1 : within(at + 3 + lengthAt(bytes, at + 1, 2), end);
    case 0xdb:
      return at + 5 > end ? -1 : within(at + 5 + lengthAt(bytes, at + 1, 4), end);
    case 0xdc:
    case 0xde:
      return at + 3 > end ? -1 : skipMembers(bytes, at + 3, end, depth, lengthAt(bytes, at + 1, 2), head === 0xde);
    case 0xdd:
    case 0xdf:
      return at + 5 > end ? -1 : skipMembers(bytes, at + 5, end, depth, lengthAt(bytes, at + 1, 4), head === 0xdf);
    default:
      return -1;
  }
}

function skipMembers(bytes: Uint8Array, at: number, end: number, depth: number, count: number, named: boolean): number {
  let next = at;
  for (let index = 0; index < count && next !== -1; index += 1) {
    if (named) {
      if (!isTextHead(bytes[next] ?? 0)) return -1;
      next = skipPlain(bytes, next, end, depth);
      if (next === -1) return -1;
    }
    next = skipPlain(bytes, next, end, depth - 1);
  }
  return next;
}

function isTextHead(head: number): boolean {
  return (head >= 0xa0 && head < 0xc0) || (head >= 0xd9 && head <= 0xdb);
}

function within(next: number, end: number): number {
  return next <= end ? next : -1;
}

/** Big-endian, as MessagePack has it. */
function lengthAt(bytes: Uint8Array, at: number, size: number): number {
  let length = 0;
  for (let index = 0; index < size; index += 1) length = length * 256 + (bytes[at + index] ?? 0);
  return length;
}
