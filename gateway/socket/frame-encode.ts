// Server frames as the text or bytes of one message, in both sub-protocols.
//
// Must not: choose what is told (public-frames.ts, watching.ts) or when (fanout.ts).
//
// W1. A frame has the members of its type in the order of client-frames.ts, so the same frame is the same bytes.
// W2. A frame may be put together from parts encoded earlier: both encodings of a map are those of its members, one after the
//     other. So the large part of a snapshot is encoded once for all who ask.
import { Packr } from "msgpackr";
import type { Answer } from "../../engine/core/decision.ts";
import type { AuctionId, Instant } from "../../engine/core/ids.ts";
import type { Notice } from "../../engine/protocol.ts";
import type { Protocol, ServerFrame } from "./client-frames.ts";
import { noticeFrame, wireAnswer } from "./public-frames.ts";

/** Text of a JSON message, or the bytes of a MessagePack message. Whoever holds one knows its protocol. */
export type Payload = string | Uint8Array;

/** Encoded members of a map, without the map around them. */
export interface Members {
  readonly count: number;
  readonly payload: Payload;
}

export interface FrameEncoding {
  frame(frame: ServerFrame): Payload;
  /** At least one member. */
  members(value: object): Members;
  /** One map of all these members. */
  assemble(parts: readonly Members[]): Payload;
  /** One array of frames that leave together. */
  batch(frames: readonly Payload[]): Payload;
  answer(id: number, key: string, auctionId: AuctionId, answer: Answer, replayed: boolean): Payload;
  notice(notice: Notice, serverTimeMs: Instant): Payload;
}

/** Bytes of a payload on the wire, or close below for text beyond ASCII: used for limits only. */
export function payloadBytes(payload: Payload): number {
  return payload.length;
}

const JSON_ENCODING: FrameEncoding = {
  frame: (frame) => JSON.stringify(frame),
  members: (value) => ({ count: Object.keys(value).length, payload: JSON.stringify(value).slice(1, -1) }),
  assemble: (parts) => `{${parts.map((part) => part.payload).join(",")}}`,
  batch: (frames) => `[${frames.join(",")}]`,
  // On the path of a bid: a fixed text around numbers and words that need no escaping (keys are checked, ids are UUIDs, codes are ours).
  answer: (id, key, auctionId, answer, replayed) =>
    `{"type":"bid_answer","id":${id},"key":"${key}","replayed":${replayed},"answer":{"verdict":"${answer.verdict}","code":"${answer.code}"` +
    `,"auctionId":"${auctionId}","sequence":${answer.sequence},"epoch":${answer.epoch},"decidedAtMs":${answer.at}` +
    `,"standing":${answer.standing === null ? "null" : `"${answer.standing}"`},"currentPriceMinor":${answer.price},"askingPriceMinor":${answer.askingPrice}` +
    `,"reserveMet":${answer.reserveMet},"endsAtMs":${answer.endsAt}}}`,
  // Nearly every bid outbids somebody.
  notice: (notice, serverTimeMs) =>
    `{"type":"${notice.kind}","auctionId":"${notice.auctionId}","epoch":${notice.epoch},"sequence":${notice.sequence},"serverTimeMs":${serverTimeMs}` +
    `,"currentPriceMinor":${notice.price},"askingPriceMinor":${notice.askingPrice},"yourBidMinor":${notice.yourBid},"endsAtMs":${notice.endsAt}` +
    (notice.kind === "leading_again" ? `,"why":"${notice.why ?? "retraction"}"}` : "}"),
};

// Integers above 2^32 become 64-bit floats, which every decoder gives back exactly; 64-bit integers would reach JavaScript as BigInt.
const packr = new Packr({ useRecords: false, variableMapSize: true });

const FIXMAP = 0x80;
const FIXMAP_MAX = 15;
const MAP16 = 0xde;
const MAP16_HEADER = 3;
const FIXARRAY = 0x90;
const FIXARRAY_MAX = 15;
const ARRAY16 = 0xdc;

const MSGPACK_ENCODING: FrameEncoding = {
  frame: (frame) => packr.pack(frame),
  members(value) {
    const bytes = packr.pack(value);
    return { count: Object.keys(value).length, payload: bytes.subarray(bytes[0] === MAP16 ? MAP16_HEADER : 1) };
  },
  assemble(parts) {
    const count = parts.reduce((sum, part) => sum + part.count, 0);
    return Buffer.concat([header(FIXMAP, FIXMAP_MAX, MAP16, count), ...parts.map((part) => bytesOf(part.payload))]);
  },
  batch: (frames) => Buffer.concat([header(FIXARRAY, FIXARRAY_MAX, ARRAY16, frames.length), ...frames.map(bytesOf)]),
  answer: (id, key, auctionId, answer, replayed) => packr.pack({ type: "bid_answer", id, key, replayed, answer: wireAnswer(answer, auctionId) }),
  notice: (notice, serverTimeMs) => packr.pack(noticeFrame(notice, serverTimeMs)),
};

export const ENCODINGS: { readonly [P in Protocol]: FrameEncoding } = { json: JSON_ENCODING, msgpack: MSGPACK_ENCODING };

function header(small: number, smallMax: number, large: number, count: number): Uint8Array {
  return count <= smallMax ? Uint8Array.of(small | count) : Uint8Array.of(large, count >>> 8, count);
}

function bytesOf(payload: Payload): Uint8Array {
  if (typeof payload === "string") throw new TypeError("A text payload in a MessagePack message.");
  return payload;
}

/** A frame encoded at most once per protocol, and only for protocols that somebody speaks. */
export class EncodedOnce {
  readonly #make: (encoding: FrameEncoding) => Payload;
  #json: Payload | null = null;
  #msgpack: Payload | null = null;

  constructor(make: (encoding: FrameEncoding) => Payload) {
    this.#make = make;
  }

  for(protocol: Protocol): Payload {
    if (protocol === "json") {
      this.#json ??= this.#make(ENCODINGS.json);
      return this.#json;
    }
    this.#msgpack ??= this.#make(ENCODINGS.msgpack);
    return this.#msgpack;
  }
}

/** The usual case: a whole frame. */
export function encodedFrame(frame: ServerFrame): EncodedOnce {
  return new EncodedOnce((encoding) => encoding.frame(frame));
}
