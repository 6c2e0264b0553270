// What leaves the sockets at the end of a turn: all frames of one socket together, inside one cork.
//
// Owns: the frames that wait for the end of the turn. Must not: choose them.
//
// O1. Frames of one socket leave in the order in which they were put in.
// O2. A socket's frames of one turn are one write of the transport: two and a half times the answers a second of single sends.
// O3. Bounded by what one turn can ask for: bids in flight, and snapshots, which wait for an empty buffer (watching.ts).

import type { Protocol } from "./client-frames.ts";
import { ENCODINGS, type Payload, payloadBytes } from "./frame-encode.ts";

export class Outbox {
  readonly #protocol: Protocol;
  #frames: Payload[] = [];
  #bytes = 0;
  /** Whether the frames of a turn leave as one array. */
  batch = false;

  constructor(protocol: Protocol) {
    this.#protocol = protocol;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get frames(): number {
    return this.#frames.length;
  }

  /** True when it was empty: the caller sees to it that it is emptied at the end of the turn. */
  put(payload: Payload): boolean {
    this.#bytes += payloadBytes(payload);
    return this.#frames.push(payload) === 1;
  }

  /** Messages to send now, in order; the outbox is then empty. A lone frame needs no array. */
  take(): readonly Payload[] {
    const frames = this.#frames;
    this.#frames = [];
    this.#bytes = 0;
    return this.batch && frames.length > 1 ? [ENCODINGS[this.#protocol].batch(frames)] : frames;
  }
}

/** Sockets with something to send, flushed in one loop at the end of the turn. */
export class Turn<Socket extends { flush(): void }> {
  readonly #soon: (callback: () => void) => void;
  readonly #failed: (socket: Socket, fault: unknown) => void;
  #waiting: Socket[] = [];

  /** `failed`: a socket's flush threw; the others are flushed all the same. */
  constructor(soon: (callback: () => void) => void, failed: (socket: Socket, fault: unknown) => void) {
    this.#soon = soon;
    this.#failed = failed;
  }

  add(socket: Socket): void {
    if (this.#waiting.push(socket) === 1) this.#soon(() => this.flush());
  }

  flush(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const socket of waiting) {
      try {
        socket.flush();
      } catch (fault) {
        this.#failed(socket, fault);
      }
    }
  }
}
