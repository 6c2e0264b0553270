// One connection through the proxy: the client's end, the broker's end, and a queue of frames each way.
//
// Owns: order, delay, and what is lost when an end breaks. Must not: choose a fault (kafka-proxy.ts hands out tolls).
//
// State    entered when                        there
// open     the client connected                frames pass, each way in order
// left     the client ended its connection     what it sent is still delivered, as by any network
// cut      cut()                               only what is held is still delivered (N1)
// over     nothing is under way                both ends are closed
//
// A broker that cannot be reached ends the client's connection after it was accepted: the client sees no ECONNREFUSED here.
import { connect, type Socket } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { answerNumber, FrameCutter, requestHead } from "./kafka-wire.ts";

/** What a request has to pay at the proxy. */
export type Toll =
  | { readonly kind: "pass" }
  | { readonly kind: "swallow" }
  | { readonly kind: "lose answer"; readonly close: boolean; readonly lost: () => void }
  | Hold;

interface Hold {
  readonly kind: "hold";
  readonly released: Promise<void>;
  readonly landed: () => void;
  readonly failed: (error: Error) => void;
}

export interface LineOptions {
  readonly client: Socket;
  /** The broker's port on loopback. */
  readonly target: number;
  readonly toll: (request: Buffer) => Toll;
  readonly delayMs: () => number;
  readonly onEnd: () => void;
}

/** 4 MiB of requests under way on one connection: then the client's bytes wait in its own socket, as behind any slow line. */
const UNDER_WAY_BYTES_MAX = 4 * 1024 * 1024;
const WENT_AWAY = "the broker went away before it answered a request that was let go";

/** See the head of this file. */
export class Line {
  private readonly options: LineOptions;
  private readonly broker: Socket;
  private towardsBroker: Promise<void> = Promise.resolve();
  private towardsClient: Promise<void> = Promise.resolve();
  private underWayBytes = 0;
  private state: "open" | "left" | "cut" | "over" = "open";
  private dropped = false;
  private swallowing = false;
  /** By the number of the request: what its answer meets. True: it goes on to the client. */
  private readonly meetings = new Map<number, () => boolean>();
  /** Let go and not yet answered: why the broker's end stays open without a client. */
  private landing = 0;

  constructor(options: LineOptions) {
    this.options = options;
    this.broker = connect({ host: "127.0.0.1", port: options.target, noDelay: true });
    // Every held request listens for the broker's end.
    this.broker.setMaxListeners(0);
    const { client } = options;
    const requests = new FrameCutter();
    const answers = new FrameCutter();
    client.on("data", (chunk: Buffer) => this.inFrames(requests, chunk, (frame) => this.request(frame)));
    this.broker.on("data", (chunk: Buffer) => this.inFrames(answers, chunk, (frame) => this.answer(frame)));
    // An error is followed by close, which is where both ends meet.
    client.on("error", () => undefined);
    this.broker.on("error", () => undefined);
    client.on("close", () => this.leave());
    this.broker.on("close", () => {
      this.towardsClient = this.towardsClient.then(() => void client.destroy());
    });
  }

  /** The connection breaks now, with a reset; what is not held is lost. */
  cut(): void {
    if (this.state === "over") return;
    this.state = "cut";
    this.options.client.resetAndDestroy();
    this.endWhenDone();
  }

  /** As cut, and what is held is lost too. */
  drop(): void {
    this.dropped = true;
    this.cut();
    this.broker.destroy();
  }

  private inFrames(cutter: FrameCutter, chunk: Buffer, each: (frame: Buffer) => void): void {
    try {
      for (const frame of cutter.push(chunk)) each(frame);
    } catch {
      // Bytes that are no frames of Kafka's cannot be passed on in frames.
      this.cut();
    }
  }

  private request(frame: Buffer): void {
    const toll = this.options.toll(frame);
    const dueAt = performance.now() + this.options.delayMs();
    this.underWay(frame.length);
    this.towardsBroker = this.towardsBroker.then(() => this.passOn(frame, toll, dueAt)).finally(() => this.underWay(-frame.length));
  }

  private underWay(bytes: number): void {
    this.underWayBytes += bytes;
    if (this.underWayBytes > UNDER_WAY_BYTES_MAX) this.options.client.pause();
    else if (this.options.client.isPaused()) this.options.client.resume();
  }

  private async passOn(frame: Buffer, toll: Toll, dueAt: number): Promise<void> {
    await until(dueAt);
    if (toll.kind === "swallow") this.swallowing = true;
    if (this.swallowing) return;
    if (toll.kind === "hold") {
      await toll.released;
      this.land(frame, toll);
      return;
    }
    if (this.state === "cut" || this.state === "over") return;
    if (toll.kind === "lose answer") this.meetings.set(requestHead(frame).correlationId, () => this.lose(toll));
    this.broker.write(frame);
  }

  private lose(toll: { readonly close: boolean; readonly lost: () => void }): boolean {
    if (toll.close) this.cut();
    toll.lost();
    return false;
  }

  /** N1. On the connection it came by, or on a new one when that is gone: the broker sees no difference. */
  private land(frame: Buffer, hold: Hold): void {
    if (this.dropped) {
      hold.failed(new Error("the proxy was stopped with this request held"));
      return;
    }
    if (this.broker.destroyed) {
      sendAlone(frame, this.options.target).then(hold.landed, hold.failed);
      return;
    }
    const lost = (): void => hold.failed(new Error(WENT_AWAY));
    this.broker.once("close", lost);
    this.landing += 1;
    this.meetings.set(requestHead(frame).correlationId, () => {
      this.broker.off("close", lost);
      this.landing -= 1;
      hold.landed();
      this.endWhenDone();
      return true;
    });
    this.broker.write(frame);
  }

  private answer(frame: Buffer): void {
    const number = answerNumber(frame);
    const meeting = this.meetings.get(number);
    this.meetings.delete(number);
    if (meeting !== undefined && !meeting()) return;
    const dueAt = performance.now() + this.options.delayMs();
    this.towardsClient = this.towardsClient.then(async () => {
      await until(dueAt);
      if (this.state === "open") this.options.client.write(frame);
    });
  }

  private leave(): void {
    this.towardsBroker = this.towardsBroker.then(() => {
      if (this.state === "open") this.state = "left";
      this.endWhenDone();
    });
  }

  /** When cut, frames that wait in the queue are passed over one by one; the broker's end is needed for held ones alone. */
  private endWhenDone(): void {
    if (this.state === "open" || this.state === "over" || this.landing > 0) return;
    if (this.state === "cut") this.broker.destroy();
    else this.broker.end();
    this.state = "over";
    this.options.onEnd();
  }
}

async function until(dueAt: number): Promise<void> {
  const waitMs = dueAt - performance.now();
  if (waitMs > 0) await pause(waitMs);
}

/** Sends one request on a connection of its own and waits for its answer. */
function sendAlone(frame: Buffer, target: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: "127.0.0.1", port: target, noDelay: true });
    socket.on("connect", () => socket.write(frame));
    socket.once("data", () => {
      resolve();
      socket.destroy();
    });
    socket.on("error", reject);
    socket.on("close", () => reject(new Error(WENT_AWAY)));
  });
}
