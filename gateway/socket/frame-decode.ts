// Bytes of one message to a plain value, for both sub-protocols. What the value means is frame-check.ts's business.
//
// Must not: throw, or trust a length. The caller has checked the size of the message, fragments together.
import { Unpackr } from "msgpackr";
import type { Protocol } from "./client-frames.ts";

/** Stands for bytes that are no document of the protocol. */
export const MALFORMED: unique symbol = Symbol("malformed");

/** `bytes` are valid during the call only; nothing of them is kept. JSON text is valid UTF-8: the transport has checked it. */
export function decodeMessage(protocol: Protocol, bytes: ArrayBuffer): unknown {
  try {
    return protocol === "json" ? JSON.parse(Buffer.from(bytes).toString()) : unpacker.unpack(Buffer.from(bytes));
  } catch {
    // Anything a decoder throws at strangers' bytes (SyntaxError, RangeError of deep nesting, ends too early) is the sender's fault.
    return MALFORMED;
  }
}

// 64-bit integers come as numbers, and those over 2^53 - 1 are then no safe integers and refused like in JSON. Dates, records and
// other extensions come as instances, which frame-check.ts refuses. `copyBuffers`: a `bin` is refused too, and must not pin the message.
const unpacker = new Unpackr({ useRecords: false, mapsAsObjects: true, int64AsType: "number", copyBuffers: true });
