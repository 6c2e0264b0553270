// Bytes of one message to a plain value, for both sub-protocols. What the value means is frame-check.ts's business.
//
// Must not: throw, or trust a length. The caller has checked the size of the message, fragments together.
import { Unpackr } from "msgpackr";
import type { Protocol } from "./client-frames.ts";
import { packForm } from "./pack-form.ts";

/** Stands for bytes that are no document of the protocol. */
export const MALFORMED: unique symbol = Symbol("malformed");
/** Stands for a document that holds more than the protocol has: dates, binaries, extensions. */
export const FOREIGN: unique symbol = Symbol("foreign");

/** `bytes` are valid during the call only; nothing of them is kept. JSON text is valid UTF-8: the transport has checked it. */
export function decodeMessage(protocol: Protocol, bytes: ArrayBuffer): unknown {
  try {
    if (protocol === "json") return JSON.parse(Buffer.from(bytes).toString());
    const packed = Buffer.from(bytes);
    const form = packForm(packed);
    return form === "plain" ? unpacker.unpack(packed) : form === "foreign" ? FOREIGN : MALFORMED;
  } catch {
    // Anything a decoder throws at strangers' bytes (SyntaxError, RangeError of deep nesting, ends too early) is the sender's fault.
    return MALFORMED;
  }
}

// 64-bit integers come as numbers, and those over 2^53 - 1 are then no safe integers and refused like in JSON.
const unpacker = new Unpackr({ useRecords: false, mapsAsObjects: true, int64AsType: "number" });
