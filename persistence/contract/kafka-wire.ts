// As much of Kafka's protocol as tests need: frames of four length bytes, the head of a request, and who is in the cluster.
//
// Must not: know records or topics. All integers are big-endian. Source: Kafka's protocol guide.
import { connect } from "node:net";

export const LENGTH_BYTES = 4;
/** 100 MiB: Kafka's own socket.request.max.bytes. A longer frame is not Kafka's. */
export const FRAME_BYTES_MAX = 100 * 1024 * 1024;
export const PRODUCE = 0;
const METADATA = 3;
/** Version 1: the oldest that says who the brokers are without topics, and brokers still answer it. */
const METADATA_VERSION = 1;
const CORRELATION = 7;

/** Bytes that are no frames of Kafka's. */
export class NotKafka extends Error {}

/** The head of a request: what it asks, and the number its answer bears. */
export interface RequestHead {
  readonly apiKey: number;
  readonly correlationId: number;
}

/** The head of a whole frame, length bytes included. Refuses a frame too short to hold one. */
export function requestHead(frame: Buffer): RequestHead {
  if (frame.length < LENGTH_BYTES + 8) throw new NotKafka(`a request of ${frame.length} bytes has no head`);
  return { apiKey: frame.readInt16BE(LENGTH_BYTES), correlationId: frame.readInt32BE(LENGTH_BYTES + 4) };
}

/** The number that an answer's frame bears. Refuses a frame too short to hold one. */
export function answerNumber(frame: Buffer): number {
  if (frame.length < LENGTH_BYTES + 4) throw new NotKafka(`an answer of ${frame.length} bytes has no number`);
  return frame.readInt32BE(LENGTH_BYTES);
}

/** Cuts a stream of bytes into whole frames, length bytes included. Holds at most one frame that is not whole. */
export class FrameCutter {
  private rest: Buffer = Buffer.alloc(0);

  /** Frames that `chunk` completes, in order. Refuses a length that Kafka would refuse. */
  push(chunk: Buffer): Buffer[] {
    this.rest = this.rest.length === 0 ? chunk : Buffer.concat([this.rest, chunk]);
    const frames: Buffer[] = [];
    while (this.rest.length >= LENGTH_BYTES) {
      const length = this.rest.readInt32BE(0);
      if (length < 0 || length > FRAME_BYTES_MAX) throw new NotKafka(`a frame of ${length} bytes`);
      if (this.rest.length < LENGTH_BYTES + length) break;
      frames.push(this.rest.subarray(0, LENGTH_BYTES + length));
      this.rest = this.rest.subarray(LENGTH_BYTES + length);
    }
    return frames;
  }
}

/** Node ids that the broker at this port of loopback believes alive; null when it does not answer within `limitMs`. */
export function liveNodes(port: number, limitMs: number): Promise<readonly number[] | null> {
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port, timeout: limitMs });
    const cutter = new FrameCutter();
    const end = (answer: readonly number[] | null): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.on("connect", () => socket.write(metadataRequest()));
    socket.on("data", (chunk: Buffer) => {
      const [frame] = cutter.push(chunk);
      if (frame !== undefined) end(brokersOf(frame));
    });
    for (const event of ["timeout", "error", "close"] as const) socket.on(event, () => end(null));
  });
}

function metadataRequest(): Buffer {
  const frame = Buffer.alloc(LENGTH_BYTES + 14);
  frame.writeInt32BE(14, 0);
  frame.writeInt16BE(METADATA, 4);
  frame.writeInt16BE(METADATA_VERSION, 6);
  frame.writeInt32BE(CORRELATION, 8);
  // No client id, no topics.
  frame.writeInt16BE(-1, 12);
  frame.writeInt32BE(0, 14);
  return frame;
}

function brokersOf(frame: Buffer): number[] {
  let at = LENGTH_BYTES + 4;
  const count = frame.readInt32BE(at);
  at += 4;
  const nodes: number[] = [];
  for (let index = 0; index < count; index += 1) {
    nodes.push(frame.readInt32BE(at));
    at += 4;
    at += 2 + Math.max(0, frame.readInt16BE(at));
    at += 4;
    at += 2 + Math.max(0, frame.readInt16BE(at));
  }
  return nodes;
}
