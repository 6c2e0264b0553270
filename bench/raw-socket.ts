// A WebSocket client as light as Node allows: a TCP socket, one buffer for all reads, frames handed on where they lie.
//
// Owns: the upgrade, the borders of frames, pings, one write per read. Must not: know what a message says.
//
// B1. What is sent while a chunk is being read leaves in one write at its end.
// B2. A message is valid during the call only: it lies in the buffer that the next read fills.
// B3. Anything a gateway does not do (a fragment, a binary message, a refused upgrade) ends the run with its reason.
import { connect, type Socket } from "node:net";

/** One buffer for the reads of all sockets (B2). A read that fills it goes on with the next. */
const READ_BYTES = 65_536;
const READ_BUFFER = Buffer.allocUnsafeSlow(READ_BYTES);
/** Far above a welcome or an answer: what claims to be longer is no frame. */
const FRAME_BYTES_MAX = 1_048_576;

const FIN = 0x80;
const OPCODE = 0x0f;
const TEXT = 1;
const CLOSE = 8;
const PING = 9;
const PONG = 10;
const LENGTH = 0x7f;
const LENGTH_16 = 126;
const LENGTH_64 = 127;
const PONG_HEADER = [FIN | PONG, FIN] as const;
const HEAD_END = Buffer.from("\r\n\r\n");

export interface RawSocketHost {
  /** The upgrade was granted. */
  opened(socket: RawSocket): void;
  /** One text message, at `from` up to and excluding `to`. */
  message(socket: RawSocket, bytes: Buffer, from: number, to: number): void;
  /** The socket is of no more use. */
  failed(socket: RawSocket, why: string): void;
}

export class RawSocket {
  readonly index: number;
  readonly #host: RawSocketHost;
  readonly #socket: Socket;
  #isOpen = false;
  #reading = false;
  /** The beginning of a frame whose end has not come. */
  #rest: Buffer | null = null;
  #waiting: Buffer[] = [];
  #ended = false;

  constructor(index: number, at: { readonly host: string; readonly port: number }, host: RawSocketHost) {
    this.index = index;
    this.#host = host;
    const onread = { buffer: READ_BUFFER, callback: (length: number) => this.#read(length) };
    this.#socket = connect({ host: at.host, port: at.port, noDelay: true, onread });
    this.#socket.on("connect", () => this.#socket.write(upgradeRequest(at)));
    this.#socket.on("error", (error) => this.#fail(error.message));
    this.#socket.on("close", () => this.#fail("the gateway closed the socket"));
  }

  /** A whole frame. It must not change until it is answered. */
  send(frame: Buffer): void {
    if (this.#reading) this.#waiting.push(frame);
    else this.#socket.write(frame);
  }

  close(): void {
    this.#ended = true;
    this.#socket.destroy();
  }

  #fail(why: string): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#socket.destroy();
    this.#host.failed(this, why);
  }

  #read(length: number): boolean {
    this.#reading = true;
    if (this.#rest === null) this.#take(READ_BUFFER, length);
    else {
      const joined = Buffer.concat([this.#rest, READ_BUFFER.subarray(0, length)]);
      this.#rest = null;
      this.#take(joined, joined.length);
    }
    this.#reading = false;
    this.#flush();
    return true;
  }

  #flush(): void {
    const waiting = this.#waiting;
    const first = waiting[0];
    if (first === undefined || this.#ended) return;
    this.#socket.write(waiting.length === 1 ? first : Buffer.concat(waiting));
    waiting.length = 0;
  }

  #take(bytes: Buffer, length: number): void {
    let at = this.#isOpen ? 0 : this.#upgraded(bytes, length);
    while (at < length && !this.#ended) {
      const next = this.#frame(bytes, at, length);
      if (next === at) break;
      at = next;
    }
    // Copied: the buffer is everybody's (B2).
    if (at < length && !this.#ended) this.#rest = Buffer.from(bytes.subarray(at, length));
  }

  #upgraded(bytes: Buffer, length: number): number {
    const end = bytes.subarray(0, length).indexOf(HEAD_END);
    if (end === -1) return 0;
    const head = bytes.toString("latin1", 0, end);
    if (!head.startsWith("HTTP/1.1 101")) {
      this.#fail(`the upgrade was refused: ${head.split("\r\n", 1)[0] ?? ""}`);
      return length;
    }
    this.#isOpen = true;
    this.#host.opened(this);
    return end + HEAD_END.length;
  }

  /** Hands the frame at `at` on and returns where it ends; `at` if its end has not come. */
  #frame(bytes: Buffer, at: number, length: number): number {
    if (length - at < 2) return at;
    const first = bytes[at] as number;
    let size = (bytes[at + 1] as number) & LENGTH;
    let from = at + 2;
    if (size === LENGTH_16) {
      if (length - at < 4) return at;
      size = bytes.readUInt16BE(from);
      from += 2;
    } else if (size === LENGTH_64) {
      if (length - at < 10) return at;
      size = Number(bytes.readBigUInt64BE(from));
      from += 8;
    }
    if (size > FRAME_BYTES_MAX) {
      this.#fail(`a frame of ${size} bytes`);
      return length;
    }
    const to = from + size;
    if (to > length) return at;
    this.#handOn(first, bytes, from, to);
    return to;
  }

  #handOn(first: number, bytes: Buffer, from: number, to: number): void {
    if (first === (FIN | TEXT)) this.#host.message(this, bytes, from, to);
    else if (first === (FIN | PING)) this.send(pong(bytes.subarray(from, to)));
    else if ((first & OPCODE) === CLOSE) this.#fail(closeText(bytes, from, to));
    else if ((first & OPCODE) !== PONG) this.#fail(`a frame that begins with byte ${first}`);
  }
}

function upgradeRequest(at: { readonly host: string; readonly port: number }): string {
  const lines = [
    "GET /v1/socket HTTP/1.1",
    `Host: ${at.host}:${at.port}`,
    "Upgrade: websocket",
    "Connection: Upgrade",
    // The proof that the answer is no cached page; a load generator has no use for a fresh one.
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Protocol: fairwarning.v1.json",
  ];
  return `${lines.join("\r\n")}\r\n\r\n`;
}

/** A pong has at most 125 bytes, so its length is the low bits of the second byte; the mask is zero. */
function pong(payload: Buffer): Buffer {
  return Buffer.concat([Buffer.from([PONG_HEADER[0], PONG_HEADER[1] | payload.length, 0, 0, 0, 0]), payload]);
}

function closeText(bytes: Buffer, from: number, to: number): string {
  return to - from < 2 ? "closed without a code" : `closed with ${bytes.readUInt16BE(from)} ${bytes.toString("utf8", from + 2, to)}`;
}
