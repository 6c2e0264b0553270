// The HTTP listener over real TCP: what is no request, what comes too slowly, and how many connections one address may have.
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { afterEach, expect, test } from "vitest";
import { createApp } from "./app.ts";
import { type HttpServer, startHttpServer } from "./server.ts";
import { type SystemOptions, type TestSystem, testSystem } from "./test-system.ts";

const opened: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close();
});

async function listening(options: SystemOptions = {}, perAddress = 100): Promise<{ readonly system: TestSystem; readonly server: HttpServer }> {
  const system = await testSystem(options);
  const server = await startHttpServer({ app: createApp(system.parts), parts: system.parts, host: "127.0.0.1", port: 0, perAddress });
  opened.push(() => server.close());
  return { system, server };
}

function connected(port: number): Socket {
  const socket = connect({ host: "127.0.0.1", port });
  socket.on("error", () => undefined);
  opened.push(() => {
    socket.destroy();
  });
  return socket;
}

/** What comes back until the other side closes. */
async function exchange(port: number, text: string): Promise<{ readonly status: number; readonly head: string; readonly body: string }> {
  const socket = connected(port);
  let answer = "";
  socket.on("data", (chunk: Buffer) => {
    answer += chunk.toString();
  });
  socket.write(text);
  await once(socket, "close");
  const [head = "", body = ""] = answer.split("\r\n\r\n", 2);
  return { status: Number(head.split(" ")[1]), head, body };
}

test.each([
  ["no HTTP at all", "hello\r\n\r\n", 400],
  ["headers over 16 KiB", `GET /v1/about HTTP/1.1\r\nHost: a\r\nX-Filling: ${"x".repeat(17_000)}\r\n\r\n`, 431],
  ["two lengths", "POST /v1/auctions HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}", 400],
  ["a length beside chunks", "POST /v1/auctions HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400],
  ["a host that is none", 'GET /v1/about HTTP/1.1\r\nHost: "><script>\r\nConnection: close\r\n\r\n', 400],
  ["an address with a backslash", "GET /v1\\..\\about HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 400],
])("http server: %s gets a problem document with a request id", async (_what, text, status) => {
  const { server } = await listening();
  const answer = await exchange(server.port, text);
  expect(answer.status).toBe(status);
  expect(answer.head.toLowerCase()).toContain("content-type: application/problem+json");
  const body = JSON.parse(answer.body) as { readonly requestId: string };
  expect(body).toMatchObject({ code: "invalid_request", status, type: "/errors/invalid_request" });
  expect(answer.head.toLowerCase()).toContain(`x-request-id: ${body.requestId}`);
  expect(answer.head + answer.body).not.toContain("script");
});

test("http server: a request that HTTP allows gets its answer, whatever came before", async () => {
  const { server } = await listening();
  await exchange(server.port, "nonsense\r\n\r\n");
  const answer = await exchange(server.port, "GET /health HTTP/1.0\r\n\r\n");
  expect([answer.status, answer.body]).toEqual([200, '{"alive":true}']);
});

test.each([
  ["Idempotency-Key", "Idempotency-Key: k1\r\nIdempotency-Key: k2\r\n"],
  ["Authorization", "Authorization: Bearer x\r\nIdempotency-Key: k1\r\n"],
])("http server: the header %s twice is refused", async (_name, lines) => {
  const { system, server } = await listening();
  const body = '{"amountMinor":1,"currency":"USD"}';
  const token = await system.token({ userId: "ann" });
  const head = `Host: a\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\nAuthorization: Bearer ${token}\r\nConnection: close\r\n`;
  const answer = await exchange(server.port, `POST /v1/auctions/3a7c1f0e-6d0a-8a51-8f0e-2d4f8b9f6a10/bids HTTP/1.1\r\n${head}${lines}\r\n${body}`);
  expect([answer.status, JSON.parse(answer.body)]).toEqual([400, expect.objectContaining({ code: "invalid_request" })]);
  expect(system.engine.deadlines).toEqual([]);
});

test("http server: one address has so many connections, and one more is closed unread", async () => {
  const { server } = await listening({}, 2);
  const held = [connected(server.port), connected(server.port)];
  await Promise.all(held.map((socket) => once(socket, "connect")));
  await once(connected(server.port), "close");
  held[0]?.destroy();
  // The other side hears of the end a moment later.
  let status = Number.NaN;
  for (let tries = 0; Number.isNaN(status) && tries < 100; tries += 1) status = (await exchange(server.port, "GET /health HTTP/1.0\r\n\r\n")).status;
  expect(status).toBe(200);
});

test("http server: the connections of a listed proxy are not counted", async () => {
  const { server } = await listening({ proxies: ["127.0.0.0/8"] }, 1);
  const held = connected(server.port);
  await once(held, "connect");
  expect((await exchange(server.port, "GET /health HTTP/1.0\r\n\r\n")).status).toBe(200);
});
