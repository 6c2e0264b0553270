// What MessagePack bytes are made of: a walk that allocates nothing, before any of them is decoded.
//
// The decoder knows more than the protocol: records (for which it compiles code), regular expressions, references that close circles,
// dates. None of it may begin with a stranger's bytes.
//
// L1. No length is believed: what is announced is never more than the bytes that follow, and each value takes one at least.

/** `plain`: one document of nil, booleans, numbers, text, arrays and maps. `foreign`: one document that has something else in it.
 *  `malformed`: none, or more than one. */
export type PackForm = "plain" | "foreign" | "malformed";

/** Bytes of a value behind its head byte, for heads from 0xc0 to 0xdf that are neither counted nor sized. 0: nothing follows. */
const FIXED: ReadonlyMap<number, number> = new Map([
  [0xc0, 0],
  [0xc1, 0],
  [0xc2, 0],
  [0xc3, 0],
  [0xca, 4],
  [0xcb, 8],
  [0xcc, 1],
  [0xcd, 2],
  [0xce, 4],
  [0xcf, 8],
  [0xd0, 1],
  [0xd1, 2],
  [0xd2, 4],
  [0xd3, 8],
  // Extensions of fixed size, with their type.
  [0xd4, 2],
  [0xd5, 3],
  [0xd6, 5],
  [0xd7, 9],
  [0xd8, 17],
]);
/** Width of the length behind the head; text, binaries, and extensions, which have a byte of type as well. */
const SIZED: ReadonlyMap<number, number> = new Map([
  [0xc4, 1],
  [0xc5, 2],
  [0xc6, 4],
  [0xc7, 1],
  [0xc8, 2],
  [0xc9, 4],
  [0xd9, 1],
  [0xda, 2],
  [0xdb, 4],
]);
const EXTENSION_FIRST = 0xc7;
const EXTENSION_LAST = 0xc9;
/** Width of the count behind the head, and values for each that is counted. */
const COUNTED: ReadonlyMap<number, { readonly width: number; readonly values: number }> = new Map([
  [0xdc, { width: 2, values: 1 }],
  [0xdd, { width: 4, values: 1 }],
  [0xde, { width: 2, values: 2 }],
  [0xdf, { width: 4, values: 2 }],
]);

/** The form of these bytes. Never throws. */
export function packForm(bytes: Uint8Array): PackForm {
  const end = bytes.length;
  let at = 0;
  let wanted = 1;
  let isForeign = false;
  while (wanted > 0) {
    if (wanted > end - at) return "malformed";
    const head = bytes[at] ?? 0;
    at += 1;
    wanted -= 1;
    if (head < 0x80 || head >= 0xe0) continue;
    if (head < 0xa0) wanted += (head & 0x0f) * (head < 0x90 ? 2 : 1);
    else if (head < 0xc0) at += head & 0x1f;
    else {
      const counted = COUNTED.get(head);
      isForeign ||= isForeignHead(head);
      if (counted !== undefined) wanted += numberAt(bytes, at, counted.width) * counted.values;
      at += counted?.width ?? lengthBehind(bytes, at, head);
    }
  }
  if (at !== end) return "malformed";
  return isForeign ? "foreign" : "plain";
}

function lengthBehind(bytes: Uint8Array, at: number, head: number): number {
  const width = SIZED.get(head);
  if (width === undefined) return FIXED.get(head) ?? 0;
  const type = head >= EXTENSION_FIRST && head <= EXTENSION_LAST ? 1 : 0;
  return width + type + numberAt(bytes, at, width);
}

/** The byte that means nothing, binaries, and extensions. */
function isForeignHead(head: number): boolean {
  return head === 0xc1 || (head >= 0xc4 && head <= EXTENSION_LAST) || (head >= 0xd4 && head <= 0xd8);
}

/** Big-endian; bytes that are not there count as 0, and the end is then found to be passed. */
function numberAt(bytes: Uint8Array, at: number, width: number): number {
  let number = 0;
  for (let index = 0; index < width; index += 1) number = number * 256 + (bytes[at + index] ?? 0);
  return number;
}
