// A network between clients and one broker that a test can hurt: TCP on loopback, passed on frame by frame.
//
// Owns: connections, what is under way on them, the faults that are on. Must not: change a byte, or put one frame of a connection
// before another: TCP would not. Plain text only: no TLS.
//
// N1. A held request stays on its way although its client gives up, times out or is cut off: that is how a record lands late.
//     What stands behind it on its connection waits too.
// N2. A swallowed request takes its connection's way to the broker with it: nothing sent later arrives, as on a dead line. The
//     client sees no end of the connection.
// N3. A lost answer is dropped only after the broker gave it, so "struck" means: the broker has decided.
import { once } from "node:events";
import { createServer, type Server } from "node:net";
import { Line, type Toll } from "./kafka-proxy-line.ts";
import { PRODUCE, requestHead } from "./kafka-wire.ts";

/** What befalls produce requests (api key 0). */
export type ProduceFault =
  /** Delivered; the answer is dropped, and with "close" its connection as well. */
  | { readonly kind: "lose answer"; readonly connection: "keep" | "close" }
  /** Kept until letGo (N1). */
  | { readonly kind: "hold" }
  /** Never delivered (N2). */
  | { readonly kind: "swallow" };

/** A fault that is on. */
export interface Strike {
  /** Waits until this many requests were struck: held, swallowed, or answered with the answer dropped (N3). */
  struck(count: number): Promise<void>;
  /** Later requests pass. What is held stays held. */
  end(): void;
  /** Ends it, delivers what it holds in order, and waits until the broker has answered all of it. Refuses when it cannot be delivered. */
  letGo(): Promise<void>;
}

export interface KafkaProxy {
  readonly nodeId: number;
  /** Where clients find it: `host:port`. */
  readonly address: string;
  /** Ends all connections now, with a reset. What was under way on them and is not held is lost. */
  cut(): void;
  /** New connections are refused by the system, as where nobody listens. Those that exist stay. */
  refuse(): Promise<void>;
  /** New connections are taken again. */
  admit(): Promise<void>;
  /** From now on every frame takes this much longer, each way, in ms. 0: as fast as it can. */
  delay(ms: number): void;
  /** Strikes the next `count` produce requests, on whatever connection; without a count all until it ends. One strike at a time: it replaces an earlier one. */
  strike(fault: ProduceFault, count?: number): Strike;
  /** Ends everything; what is held is lost. */
  stop(): Promise<void>;
}

/** A proxy at a port of loopback before a broker at another. */
export async function startProxy(options: { readonly nodeId: number; readonly port: number; readonly target: number }): Promise<KafkaProxy> {
  const lines = new Set<Line>();
  let delayMs = 0;
  let strike: OpenStrike | null = null;
  const toll = (frame: Buffer): Toll => {
    if (strike === null || requestHead(frame).apiKey !== PRODUCE) return { kind: "pass" };
    return strike.take() ?? { kind: "pass" };
  };
  const take = (): Server =>
    createServer({ noDelay: true }, (client) => {
      const line = new Line({ client, target: options.target, toll, delayMs: () => delayMs, onEnd: () => lines.delete(line) });
      lines.add(line);
    });
  let server: Server | null = await listening(take(), options.port);
  const address = `127.0.0.1:${options.port}`;
  const refuse = (): Promise<void> => {
    // The end of close() would wait for the connections; the port is free at once.
    server?.close();
    server = null;
    return Promise.resolve();
  };
  return {
    nodeId: options.nodeId,
    address,
    cut: () => {
      for (const line of lines) line.cut();
    },
    refuse,
    admit: async () => {
      server ??= await listening(take(), options.port);
    },
    delay: (ms) => {
      delayMs = ms;
    },
    strike: (fault, count = Number.POSITIVE_INFINITY) => {
      strike = new OpenStrike(fault, count);
      return strike;
    },
    stop: async () => {
      await refuse();
      for (const line of lines) line.drop();
    },
  };
}

async function listening(server: Server, port: number): Promise<Server> {
  server.listen({ host: "127.0.0.1", port, exclusive: true });
  await once(server, "listening");
  return server;
}

class OpenStrike implements Strike {
  private readonly fault: ProduceFault;
  private left: number;
  private struckCount = 0;
  private waiting: { readonly count: number; readonly done: () => void }[] = [];
  private release: () => void = () => undefined;
  private readonly released = new Promise<void>((done) => {
    this.release = done;
  });
  /** Of held requests: settled when the broker has answered. */
  private readonly landings: Promise<void>[] = [];

  constructor(fault: ProduceFault, count: number) {
    this.fault = fault;
    this.left = count;
  }

  /** What to do with a produce request; null: it passes. */
  take(): Toll | null {
    if (this.left <= 0) return null;
    this.left -= 1;
    if (this.fault.kind === "lose answer") return { kind: "lose answer", close: this.fault.connection === "close", lost: () => this.note() };
    this.note();
    if (this.fault.kind === "swallow") return { kind: "swallow" };
    let landed: () => void = () => undefined;
    let failed: (error: Error) => void = () => undefined;
    const landing = new Promise<void>((resolve, reject) => {
      landed = resolve;
      failed = reject;
    });
    // A test that never lets go is not told of a landing that cannot be.
    landing.catch(() => undefined);
    this.landings.push(landing);
    return { kind: "hold", released: this.released, landed, failed };
  }

  struck(count: number): Promise<void> {
    if (this.struckCount >= count) return Promise.resolve();
    return new Promise((done) => this.waiting.push({ count, done }));
  }

  end(): void {
    this.left = 0;
  }

  async letGo(): Promise<void> {
    this.end();
    this.release();
    await Promise.all(this.landings);
  }

  private note(): void {
    this.struckCount += 1;
    for (const { count, done } of this.waiting) if (count <= this.struckCount) done();
    this.waiting = this.waiting.filter(({ count }) => count > this.struckCount);
  }
}
