// A gateway as a process: starts by its settings alone, says its ports, is honest about what it cannot reach, stops in order.
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { expect, onTestFinished, test } from "vitest";
import { packageRoot } from "./files.ts";

interface Line {
  readonly event?: string;
  readonly httpPort?: number;
  readonly socketPort?: number;
}

interface Gateway {
  readonly process: ChildProcess;
  readonly url: string;
  readonly dataDir: string;
  readonly lines: readonly string[];
  readonly ended: Promise<number | null>;
}

const NOBODY_LISTENS = "127.0.0.1:9";

function start(environment: Readonly<Record<string, string>>): { child: ChildProcess; dataDir: string; ended: Promise<number | null> } {
  const dataDir = mkdtempSync(join(tmpdir(), "fairwarning-gateway-"));
  writeFileSync(join(dataDir, "link-key"), "0123456789abcdef0123456789abcdef");
  const child = spawn(process.execPath, ["--enable-source-maps", join(packageRoot(), "dist/gateway/main.js")], {
    cwd: dataDir,
    stdio: ["pipe", "pipe", "pipe"],
    env: {
      PATH: process.env.PATH,
      NODE_ENV: "test",
      FAIRWARNING_DATA_DIR: dataDir,
      FAIRWARNING_SNAPSHOTS: "memory",
      FAIRWARNING_LOG_FORMAT: "json",
      FAIRWARNING_GATEWAY_HOST: "127.0.0.1",
      FAIRWARNING_GATEWAY_HTTP_PORT: "0",
      FAIRWARNING_GATEWAY_SOCKET_PORT: "0",
      FAIRWARNING_GATEWAY_ENGINES: NOBODY_LISTENS,
      FAIRWARNING_GATEWAY_HOLD_MS: "200",
      FAIRWARNING_GATEWAY_DRAIN_MS: "100",
      ...environment,
    },
  });
  onTestFinished(() => {
    child.kill("SIGKILL");
    rmSync(dataDir, { recursive: true, force: true });
  });
  return { child, dataDir, ended: new Promise((resolve) => child.once("close", (code) => resolve(code))) };
}

async function ready(environment: Readonly<Record<string, string>> = {}): Promise<Gateway> {
  const { child, dataDir, ended } = start(environment);
  const lines: string[] = [];
  const found = new Promise<Line>((resolve, reject) => {
    if (child.stdout === null) return reject(new Error("no stdout"));
    createInterface({ input: child.stdout }).on("line", (text) => {
      lines.push(text);
      const line = JSON.parse(text) as Line;
      if (line.event === "ready") resolve(line);
    });
    void ended.then((code) => reject(new Error(`ended with ${code} before it was ready: ${lines.join("\n")}`)));
  });
  const { httpPort } = await found;
  return { process: child, url: `http://127.0.0.1:${httpPort}`, dataDir, lines, ended };
}

test("gateway: process: without an engine it lives, is not ready, holds a bid and then refuses it without effect", async () => {
  const gateway = await ready();
  expect((await fetch(`${gateway.url}/health`)).status).toBe(200);
  const answer = await fetch(`${gateway.url}/ready`);
  expect(answer.status).toBe(503);
  expect(await answer.json()).toMatchObject({ ready: false, checks: expect.arrayContaining([expect.objectContaining({ name: "link", ok: false })]) });
  const { token } = (await (await fetch(`${gateway.url}/v1/guests`, { method: "POST" })).json()) as { token: string };
  const bid = await fetch(`${gateway.url}/v1/auctions/3a7c1f0e-6d0a-8a51-8f0e-2d4f8b9f6a10/bids`, {
    method: "POST",
    headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json", "Idempotency-Key": "k" },
    body: '{"amountMinor":100,"currency":"USD"}',
  });
  expect(bid.status).toBe(503);
  expect(((await bid.json()) as { code: string }).code).toMatch(/^(shard_unowned|shard_moving)$/);
});

test("gateway: process: its key is the owner's alone, and neither key nor token is in its log", async () => {
  const gateway = await ready({ FAIRWARNING_LOG_LEVEL: "debug" });
  const { token } = (await (await fetch(`${gateway.url}/v1/guests`, { method: "POST" })).json()) as { token: string };
  await fetch(`${gateway.url}/v1/me`, { headers: { Authorization: `Bearer ${token}` } });
  expect(statSync(join(gateway.dataDir, "identity-key.json")).mode & 0o777).toBe(0o600);
  gateway.process.kill("SIGTERM");
  expect(await gateway.ended).toBe(0);
  const log = gateway.lines.join("\n");
  expect(log).toContain("/v1/me");
  for (const secret of [token, token.split(".")[2] ?? token, "0123456789abcdef"]) expect(log).not.toContain(secret);
});

test("gateway: process: a child ends in order when its supervisor's pipe ends", async () => {
  const gateway = await ready({ FAIRWARNING_CHILD: "1" });
  gateway.process.stdin?.end();
  expect(await gateway.ended).toBe(0);
});

test("gateway: process: wrong settings are told all at once and end it with 2", async () => {
  const { child, ended } = start({ FAIRWARNING_GATEWAY_HTTP_PORT: "http", FAIRWARNING_TIERS: "gold=1", FAIRWARNING_GUESTS: "maybe" });
  let said = "";
  child.stderr?.on("data", (chunk: Buffer) => {
    said += chunk.toString();
  });
  expect(await ended).toBe(2);
  for (const name of ["GATEWAY_HTTP_PORT", "GUESTS"]) expect(said).toContain(`FAIRWARNING_${name}`);
});

test("gateway: process: headers over 16 KiB and a second length are refused, and it lives on", async () => {
  const gateway = await ready();
  const port = Number(new URL(gateway.url).port);
  const raw = async (text: string): Promise<string> =>
    await new Promise((resolve, reject) => {
      const socket = connect({ host: "127.0.0.1", port }, () => socket.end(text));
      let answer = "";
      socket.on("data", (chunk: Buffer) => {
        answer += chunk.toString();
      });
      socket.on("error", reject);
      socket.on("close", () => resolve(answer));
    });
  expect(await raw(`GET /v1/about HTTP/1.1\r\nHost: a\r\nX-Filling: ${"x".repeat(17_000)}\r\n\r\n`)).toMatch(/^HTTP\/1.1 431/);
  expect(await raw("POST /v1/auctions HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}")).toMatch(/^HTTP\/1.1 400/);
  expect(await raw('GET /v1/about HTTP/1.1\r\nHost: "><script>\r\nConnection: close\r\n\r\n')).not.toMatch(/^HTTP\/1.1 5/);
  expect((await fetch(`${gateway.url}/health`)).status).toBe(200);
});

test("gateway: process: a listed proxy's callers are counted each by its own address", async () => {
  const gateway = await ready({ FAIRWARNING_GATEWAY_TRUSTED_PROXIES: "127.0.0.1", FAIRWARNING_RATE_REQUESTS_PER_MINUTE: "1" });
  const about = async (address: string) => (await fetch(`${gateway.url}/v1/about`, { headers: { "X-Forwarded-For": address } })).status;
  expect([await about("1.1.1.1"), await about("1.1.1.1"), await about("1.1.1.2")]).toEqual([200, 429, 200]);
});
