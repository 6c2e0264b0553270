// The hurt network: against a server of a few lines for what it does to frames, and against a real broker for what a client then sees.
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { afterAll, beforeAll, expect, onTestFinished, type TestContext, test } from "vitest";
import { type PlainClient, plainClient, reasonOf } from "./kafka-plain-client.ts";
import { type KafkaProxy, type ProduceFault, startProxy } from "./kafka-proxy.ts";
import { kafkaMissing, startKafka, type TestKafka } from "./kafka-server.ts";
import { FrameCutter, requestHead } from "./kafka-wire.ts";

const FETCH = 1;
const PRODUCE = 0;
const LOSE_AND_CLOSE: ProduceFault = { kind: "lose answer", connection: "close" };
const LOSE_AND_KEEP: ProduceFault = { kind: "lose answer", connection: "keep" };

function request(apiKey: number, correlationId: number): Buffer {
  const frame = Buffer.alloc(12);
  frame.writeInt32BE(8, 0);
  frame.writeInt16BE(apiKey, 4);
  frame.writeInt32BE(correlationId, 8);
  return frame;
}

function answer(correlationId: number): Buffer {
  const frame = Buffer.alloc(8);
  frame.writeInt32BE(4, 0);
  frame.writeInt32BE(correlationId, 4);
  return frame;
}

/** Answers each request with its number and remembers the numbers in order. */
async function answeringServer(): Promise<{ readonly port: number; readonly got: number[] }> {
  const got: number[] = [];
  const server = createServer((socket) => {
    const cutter = new FrameCutter();
    socket.on("error", () => undefined);
    socket.on("data", (chunk: Buffer) => {
      for (const frame of cutter.push(chunk)) {
        const { correlationId } = requestHead(frame);
        got.push(correlationId);
        socket.write(answer(correlationId));
      }
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  return { port: portOf(server.address()), got };
}

function portOf(address: AddressInfo | string | null): number {
  if (address === null || typeof address === "string") throw new Error("not listening on a port");
  return address.port;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const port = portOf(server.address());
  server.close();
  await once(server, "close");
  return port;
}

interface Network {
  readonly proxy: KafkaProxy;
  /** What the server behind has got. */
  readonly got: readonly number[];
  open(): Promise<Client>;
}

/** A client's end, and the numbers of the answers that came to it. */
interface Client {
  readonly socket: Socket;
  readonly answers: number[];
  readonly closed: Promise<void>;
  answered(count: number): Promise<void>;
}

async function network(): Promise<Network> {
  const server = await answeringServer();
  const proxy = await startProxy({ nodeId: 1, port: await freePort(), target: server.port });
  onTestFinished(() => proxy.stop());
  const open: Network["open"] = async () => {
    const socket = connect(Number(proxy.address.split(":")[1]), "127.0.0.1");
    await once(socket, "connect");
    // A reset is an end like others; close follows.
    socket.on("error", () => undefined);
    const closed = new Promise<void>((done) => socket.once("close", () => done()));
    onTestFinished(() => void socket.destroy());
    const answers: number[] = [];
    const cutter = new FrameCutter();
    socket.on("data", (chunk: Buffer) => {
      for (const frame of cutter.push(chunk)) answers.push(frame.readInt32BE(4));
      socket.emit("answers");
    });
    const answered = async (count: number): Promise<void> => {
      while (answers.length < count) await once(socket, "answers");
    };
    return { socket, answers, closed, answered };
  };
  return { proxy, got: server.got, open };
}

test("kafka proxy: frames: requests in pieces and in heaps come through in order", async () => {
  const { open, got } = await network();
  const client = await open();
  const bytes = Buffer.concat([request(FETCH, 1), request(PRODUCE, 2), request(FETCH, 3)]);
  client.socket.write(bytes.subarray(0, 17));
  await client.answered(1);
  client.socket.write(bytes.subarray(17));
  await client.answered(3);
  expect([client.answers, got]).toEqual([
    [1, 2, 3],
    [1, 2, 3],
  ]);
});

test("kafka proxy: frames: bytes that are not Kafka's end the connection", async () => {
  const { open, got } = await network();
  const client = await open();
  client.socket.write("GET / HTTP/1.1\r\n\r\n");
  await client.closed;
  expect(got).toEqual([]);
});

test("kafka proxy: cut: connections end at once and new ones pass", async () => {
  const { proxy, open } = await network();
  const [first, second] = [await open(), await open()];
  first.socket.write(request(FETCH, 1));
  await first.answered(1);
  proxy.cut();
  await Promise.all([first.closed, second.closed]);
  const third = await open();
  third.socket.write(request(FETCH, 2));
  await third.answered(1);
});

test("kafka proxy: refuse: new connections are refused, existing ones pass, and admit takes them again", async () => {
  const { proxy, open } = await network();
  const client = await open();
  client.socket.write(request(FETCH, 1));
  await client.answered(1);
  await proxy.refuse();
  await expect(open()).rejects.toThrow("ECONNREFUSED");
  client.socket.write(request(FETCH, 2));
  await client.answered(2);
  await proxy.admit();
  await open();
});

test("kafka proxy: delay: a request and its answer each take that much longer, in order", async () => {
  const { proxy, open } = await network();
  const client = await open();
  proxy.delay(100);
  const at = performance.now();
  client.socket.write(request(FETCH, 1));
  client.socket.write(request(FETCH, 2));
  await client.answered(2);
  // Timers may fire a millisecond early.
  expect(performance.now() - at).toBeGreaterThanOrEqual(195);
  expect(client.answers).toEqual([1, 2]);
  proxy.delay(0);
  client.socket.write(request(FETCH, 3));
  await client.answered(3);
});

test("kafka proxy: lose answer: delivered, the answer never comes, and the next ones do", async () => {
  const { proxy, open, got } = await network();
  const client = await open();
  const strike = proxy.strike(LOSE_AND_KEEP, 1);
  for (const frame of [request(FETCH, 1), request(PRODUCE, 2), request(PRODUCE, 3)]) client.socket.write(frame);
  await strike.struck(1);
  await client.answered(2);
  expect([client.answers, got]).toEqual([
    [1, 3],
    [1, 2, 3],
  ]);
});

test("kafka proxy: lose answer: the connection is closed afterwards when asked", async () => {
  const { proxy, open, got } = await network();
  const client = await open();
  const strike = proxy.strike(LOSE_AND_CLOSE);
  client.socket.write(request(PRODUCE, 1));
  await Promise.all([client.closed, strike.struck(1)]);
  expect([client.answers, got]).toEqual([[], [1]]);
});

test("kafka proxy: hold: what stands behind it waits, and both come in order when let go", async () => {
  const { proxy, open, got } = await network();
  const [client, other] = [await open(), await open()];
  const strike = proxy.strike({ kind: "hold" }, 1);
  for (const frame of [request(PRODUCE, 1), request(PRODUCE, 2)]) client.socket.write(frame);
  await strike.struck(1);
  other.socket.write(request(PRODUCE, 9));
  await other.answered(1);
  expect(got).toEqual([9]);
  await strike.letGo();
  await client.answered(2);
  expect([client.answers, got]).toEqual([
    [1, 2],
    [9, 1, 2],
  ]);
});

test.each([
  ["left", (client: Socket, _proxy: KafkaProxy): void => void client.end()],
  ["was cut off", (_client: Socket, proxy: KafkaProxy): void => proxy.cut()],
] as const)("kafka proxy: hold: it lands late although its client %s", async (_how, part) => {
  const { proxy, open, got } = await network();
  const client = await open();
  const strike = proxy.strike({ kind: "hold" }, 1);
  client.socket.write(request(PRODUCE, 1));
  await strike.struck(1);
  part(client.socket, proxy);
  await client.closed;
  const next = await open();
  next.socket.write(request(PRODUCE, 2));
  await next.answered(1);
  await strike.letGo();
  expect(got).toEqual([2, 1]);
});

test("kafka proxy: swallow: the request and all behind it never arrive, and another connection is free", async () => {
  const { proxy, open, got } = await network();
  const [client, other] = [await open(), await open()];
  const strike = proxy.strike({ kind: "swallow" }, 1);
  for (const frame of [request(FETCH, 1), request(PRODUCE, 2), request(FETCH, 3)]) client.socket.write(frame);
  await strike.struck(1);
  await client.answered(1);
  other.socket.write(request(PRODUCE, 9));
  await other.answered(1);
  expect([client.answers, got]).toEqual([[1], [1, 9]]);
});

test("kafka proxy: strike: without a count it lasts until it ends", async () => {
  const { proxy, open } = await network();
  const client = await open();
  const strike = proxy.strike(LOSE_AND_KEEP);
  for (const number of [1, 2, 3]) client.socket.write(request(PRODUCE, number));
  await strike.struck(3);
  strike.end();
  client.socket.write(request(PRODUCE, 4));
  await client.answered(1);
  expect(client.answers).toEqual([4]);
});

let kafka: TestKafka | null = null;
beforeAll(async () => {
  kafka = await startKafka({ brokers: 1, proxied: true });
});
afterAll(() => kafka?.stop());

/** A client that knows the proxy alone, and a topic of its own. */
async function realNetwork(context: TestContext, topic: string): Promise<{ readonly proxy: KafkaProxy; readonly client: PlainClient }> {
  const proxy = kafka?.proxies[0];
  if (proxy === undefined) return context.skip(kafkaMissing());
  const client = await plainClient([proxy.address]);
  onTestFinished(() => client.close());
  await client.admin.createTopics({ topics: [{ topic, numPartitions: 1, replicationFactor: 1 }], waitForLeaders: true });
  await client.send(topic, "before");
  return { proxy, client };
}

async function failing(call: Promise<void>): Promise<string> {
  return call.then(
    () => "no error",
    (error: unknown) => reasonOf(error),
  );
}

test("kafka proxy: real broker: a producer hears of a failure with the record stored", async (context) => {
  const { proxy, client } = await realNetwork(context, "lost-answer");
  const strike = proxy.strike(LOSE_AND_CLOSE, 1);
  const failure = failing(client.send("lost-answer", "stored"));
  await strike.struck(1);
  expect(await failure).not.toBe("no error");
  expect(await client.length("lost-answer")).toBe(2);
});

test("kafka proxy: real broker: a request that timed out lands behind the record sent after it", async (context) => {
  const { proxy, client } = await realNetwork(context, "late");
  const strike = proxy.strike({ kind: "hold" }, 1);
  const failure = failing(client.send("late", "late"));
  await strike.struck(1);
  expect(await failure).toContain("timed out");
  const next = await plainClient([proxy.address]);
  onTestFinished(() => next.close());
  await next.send("late", "next");
  expect(await next.length("late")).toBe(2);
  await strike.letGo();
  expect(await next.length("late")).toBe(3);
});

test("kafka proxy: real broker: a swallowed request leaves nothing in the log", async (context) => {
  const { proxy, client } = await realNetwork(context, "swallowed");
  const strike = proxy.strike({ kind: "swallow" }, 1);
  const failure = failing(client.send("swallowed", "never"));
  await strike.struck(1);
  expect(await failure).toContain("timed out");
  expect(await client.length("swallowed")).toBe(1);
});
