// Tokens against a key set that is fetched from a real server: what is asked of it, and what its absence says of a token.
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { afterEach, beforeAll, expect, test } from "vitest";
import { KeysUnavailable, TokenIdentities } from "./identity.ts";
import { tokenKey } from "./token-keys.ts";

const NOW = Date.parse("2026-11-23T10:00:00.000Z");
const opened: Server[] = [];
let keys: Awaited<ReturnType<typeof generateKeyPair>>;

beforeAll(async () => {
  keys = await generateKeyPair("ES256", { extractable: true });
});

afterEach(async () => {
  for (const server of opened.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

/** A server that gives out the public key as `k1`, or what it is told; and the gateway's side of it. */
async function stand(answer: { readonly status: number; readonly body: string } | null = null) {
  const asked: string[] = [];
  const body = JSON.stringify({ keys: [{ ...(await exportJWK(keys.publicKey)), kid: "k1", alg: "ES256", use: "sig" }] });
  const server = createServer((request, response) => {
    asked.push(request.url ?? "");
    response.writeHead(answer?.status ?? 200, { "Content-Type": "application/json" }).end(answer?.body ?? body);
  });
  opened.push(server);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return { asked, server, port, identities: await identitiesOf(port) };
}

async function identitiesOf(port: number): Promise<TokenIdentities> {
  const key = await tokenKey({ kind: "jwks", url: `http://127.0.0.1:${port}/keys` }, null);
  return new TokenIdentities({ key, issuer: "auction-api", audience: "auction-client", lifetimeMaxS: 3_600, now: () => NOW, guests: null });
}

async function tokenOf(header: Readonly<Record<string, unknown>>, userId = "ann"): Promise<string> {
  const signing = new SignJWT({ user_id: userId }).setProtectedHeader({ alg: "ES256", ...header });
  return await signing
    .setIssuer("auction-api")
    .setAudience("auction-client")
    .setIssuedAt(NOW / 1_000)
    .setExpirationTime(NOW / 1_000 + 60)
    .sign(keys.privateKey);
}

test("key set: a token of its key holds, and the set is fetched once", async () => {
  const { asked, identities } = await stand();
  expect(await identities.verify(await tokenOf({ kid: "k1" }))).toMatchObject({ userId: "ann" });
  expect(await identities.verify(await tokenOf({ kid: "k1" }, "bob"))).toMatchObject({ userId: "bob" });
  expect(asked).toEqual(["/keys"]);
});

test("key set: tokens of unknown keys are refused, and make nobody fetch it again and again", async () => {
  const { asked, identities } = await stand();
  for (let n = 0; n < 20; n += 1) expect(await identities.verify(await tokenOf({ kid: `none-${n}` }))).toBe("unauthenticated");
  expect(asked).toEqual(["/keys"]);
});

test("key set: an address that a token names is never asked", async () => {
  const { asked, port, identities } = await stand();
  for (const member of ["jku", "x5u"]) {
    expect(await identities.verify(await tokenOf({ kid: "k1", [member]: `http://127.0.0.1:${port}/evil` }))).toBe("unauthenticated");
  }
  expect(asked).toEqual([]);
});

test.each([
  ["answers with an error", { status: 503, body: "{}" }],
  ["answers with no JSON", { status: 200, body: "<html>" }],
  ["answers with no key set", { status: 200, body: '{"keys":7}' }],
])("key set: a server that %s says nothing of a token", async (_what, answer) => {
  const { identities } = await stand(answer);
  await expect(identities.verify(await tokenOf({ kid: "k1" }))).rejects.toThrow(KeysUnavailable);
});

test("key set: a server that is away says nothing of a token, and rubbish is refused all the same", async () => {
  const { server, port } = await stand();
  await new Promise((resolve) => server.close(resolve));
  const identities = await identitiesOf(port);
  await expect(identities.verify(await tokenOf({ kid: "k1" }))).rejects.toThrow(KeysUnavailable);
  expect(await identities.verify("abc")).toBe("unauthenticated");
});
