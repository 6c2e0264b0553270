// Who a token makes of its bearer, and everything that makes nobody of it.
import { createHmac, generateKeyPairSync, sign } from "node:crypto";
import { expect, test } from "vitest";
import { TokenIdentities } from "./identity.ts";
import { type LocalKey, makeLocalKey, signToken } from "./local-key.ts";
import type { AddressFamily, Identity } from "./ports.ts";
import { type KeySource, tokenKey, UnusableKey } from "./token-keys.ts";

const NOW = Date.parse("2026-11-23T10:00:00Z");
const NOW_S = NOW / 1_000;
const SECRET = "a secret of more than thirty-two bytes";
const rsa = generateKeyPairSync("rsa", { modulusLength: 2_048 });
const ec = generateKeyPairSync("ec", { namedCurve: "P-256" });
const ed = generateKeyPairSync("ed25519");
const pemOf = (key: typeof rsa.publicKey) => key.export({ type: "spki", format: "pem" }).toString();
const RSA_PEM = pemOf(rsa.publicKey);

const base64url = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
const CLAIMS = { user_id: "ann", tier: "premium", iss: "auction-api", aud: "auction-client", iat: NOW_S, exp: NOW_S + 3_600 };

/** A token of the secret, with a header and claims of one's own. */
function hmacToken(claims: object, header: object = { alg: "HS256" }, secret: string | Buffer = SECRET): string {
  const body = `${base64url(header)}.${base64url(claims)}`;
  return `${body}.${createHmac("sha256", secret).update(body).digest("base64url")}`;
}

async function identities(
  source: KeySource,
  over: { readonly now?: () => number; readonly algorithms?: readonly string[] | null } = {},
): Promise<TokenIdentities> {
  return new TokenIdentities({
    key: await tokenKey(source, over.algorithms ?? null),
    issuer: "auction-api",
    audience: "auction-client",
    lifetimeMaxS: 3_600,
    now: over.now ?? (() => NOW),
    guests: null,
  });
}

const bySecret = async () => await identities({ kind: "secret", secret: SECRET });

test("identity: claims: user, tier, roles and end of a good token", async () => {
  const found = await (await bySecret()).verify(hmacToken({ ...CLAIMS, name: "Ann", email: "ann@example.com", roles: ["seller", "auditor"] }));
  expect(found).toEqual({ userId: "ann", name: "Ann", tier: "premium", roles: ["seller", "auditor"], guest: false, expiresAt: NOW + 3_600_000 });
});

test.each<[string, object, Partial<Identity>]>([
  ["an unknown tier is free", { tier: "gold" }, { tier: "free" }],
  ["a tier of another type is free", { tier: 3 }, { tier: "free" }],
  ["no roles are those of a bidder", { roles: undefined }, { roles: ["bidder"] }],
  ["an unknown role is ignored", { roles: ["king", "bidder"] }, { roles: ["bidder"] }],
  ["a name is shown without controls and direction overrides", { name: "A\u202En\u0000n" }, { name: "Ann" }],
  ["a name of controls alone is none", { name: "\u0007" }, { name: null }],
  ["an audience among several", { aud: ["other", "auction-client"] }, { userId: "ann" }],
  ["begun within the tolerance", { nbf: NOW_S + 4 }, { userId: "ann" }],
  ["ended within the tolerance", { iat: NOW_S - 3_604, exp: NOW_S - 4 }, { userId: "ann" }],
  ["of 64 characters", { user_id: "u".repeat(64) }, { userId: "u".repeat(64) }],
])("identity: claims: %s", async (_what, claims, expected) => {
  expect(await (await bySecret()).verify(hmacToken({ ...CLAIMS, ...claims }))).toMatchObject(expected);
});

test.each<[string, object, string?]>([
  ["another issuer", { iss: "somebody" }],
  ["no issuer", { iss: undefined }],
  ["another audience", { aud: "another" }],
  ["no audience", { aud: undefined }],
  ["no end", { exp: undefined }],
  ["no begin", { iat: undefined }],
  ["a life over an hour", { exp: NOW_S + 3_601 }],
  ["issued in the future", { iat: NOW_S + 60, exp: NOW_S + 120 }],
  ["not valid yet", { nbf: NOW_S + 6 }],
  ["an end that is text", { exp: String(NOW_S + 60) }],
  ["over", { iat: NOW_S - 3_606, exp: NOW_S - 6 }, "token_expired"],
  ["no user", { user_id: undefined }],
  ["a user that is a number", { user_id: 7 }],
  ["an empty user", { user_id: "" }],
  ["a user of 65 characters", { user_id: "u".repeat(65) }],
  ["a user with a space", { user_id: "a b" }],
  ["a user beyond ASCII", { user_id: "\u00e4nn" }],
  ["a user with NUL", { user_id: "a\u0000b" }],
  ["roles that are text", { roles: "operator" }],
])("identity: refused: a token with %s", async (_what, claims, fault = "unauthenticated") => {
  expect(await (await bySecret()).verify(hmacToken({ ...CLAIMS, ...claims }))).toBe(fault);
});

test.each<[string, object]>([
  ["alg none", { alg: "none" }],
  ["alg None", { alg: "None" }],
  ["another HMAC", { alg: "HS512" }],
  ["no alg", {}],
  ["a key of its own", { alg: "HS256", jwk: { kty: "oct", k: "AAAA" } }],
  ["an address for keys", { alg: "HS256", jku: "https://evil.example/keys" }],
  ["an address for a certificate", { alg: "HS256", x5u: "https://evil.example/cert" }],
  ["an extension it demands", { alg: "HS256", crit: ["b64"], b64: true }],
])("identity: refused: a header with %s", async (_what, header) => {
  expect(await (await bySecret()).verify(hmacToken(CLAIMS, header))).toBe("unauthenticated");
});

test("identity: refused: alg none without a signature", async () => {
  expect(await (await bySecret()).verify(`${base64url({ alg: "none" })}.${base64url(CLAIMS)}.`)).toBe("unauthenticated");
});

test("identity: refused: HS256 with the public key as its secret", async () => {
  const byKey = await identities({ kind: "public_key", pem: RSA_PEM });
  for (const secret of [RSA_PEM, RSA_PEM.trim(), rsa.publicKey.export({ type: "spki", format: "der" })]) {
    expect(await byKey.verify(hmacToken(CLAIMS, { alg: "HS256" }, secret))).toBe("unauthenticated");
  }
});

test.each([
  ["RS256", rsa.privateKey, rsa.publicKey, "sha256"],
  ["ES256", ec.privateKey, ec.publicKey, "sha256"],
  ["EdDSA", ed.privateKey, ed.publicKey, null],
  ["Ed25519", ed.privateKey, ed.publicKey, null],
] as const)("identity: public key: %s is checked with the key it belongs to, and with no other", async (alg, key, publicKey, digest) => {
  const body = `${base64url({ alg })}.${base64url(CLAIMS)}`;
  const token = `${body}.${sign(digest, Buffer.from(body), { key, dsaEncoding: "ieee-p1363" }).toString("base64url")}`;
  expect(await (await identities({ kind: "public_key", pem: pemOf(publicKey) })).verify(token)).toMatchObject({ userId: "ann" });
  const other = pemOf(generateKeyPairSync("ed25519").publicKey);
  expect(await (await identities({ kind: "public_key", pem: other })).verify(token)).toBe("unauthenticated");
});

test("identity: public key: a list narrows the algorithms and cannot widen them", async () => {
  const only = await identities({ kind: "public_key", pem: pemOf(ed.publicKey) }, { algorithms: ["EdDSA"] });
  const body = `${base64url({ alg: "Ed25519" })}.${base64url(CLAIMS)}`;
  expect(await only.verify(`${body}.${sign(null, Buffer.from(body), ed.privateKey).toString("base64url")}`)).toBe("unauthenticated");
  await expect(tokenKey({ kind: "public_key", pem: RSA_PEM }, ["HS256"])).rejects.toThrow(UnusableKey);
});

test.each<[string, KeySource]>([
  ["a secret of 31 bytes", { kind: "secret", secret: "x".repeat(31) }],
  ["no PEM", { kind: "public_key", pem: "rubbish" }],
  ["an RSA key of 1,024 bits", { kind: "public_key", pem: pemOf(generateKeyPairSync("rsa", { modulusLength: 1_024 }).publicKey) }],
  ["a curve that is not P-256", { kind: "public_key", pem: pemOf(generateKeyPairSync("ec", { namedCurve: "P-384" }).publicKey) }],
])("identity: unusable: %s is refused at start", async (_what, source) => {
  await expect(tokenKey(source, null)).rejects.toThrow(UnusableKey);
});

test("identity: local key: signs what it checks; another machine's token and an unknown key id are refused", async () => {
  const key = await makeLocalKey();
  const local = await identities({ kind: "local", key });
  const token = await signToken(key, { userId: "ann", roles: ["seller"] }, { now: NOW });
  expect(await local.verify(token)).toMatchObject({ userId: "ann", roles: ["seller"], tier: "free", expiresAt: NOW + 3_600_000 });
  expect(await local.verify(await signToken(await makeLocalKey(), { userId: "ann" }, { now: NOW }))).toBe("unauthenticated");
  const renamed: LocalKey = { ...key, kid: "another" };
  expect(await local.verify(await signToken(renamed, { userId: "ann" }, { now: NOW }))).toBe("unauthenticated");
});

test("identity: size: a token of 1 MB is refused unread, rubbish of any kind too", async () => {
  const local = await bySecret();
  for (const token of ["x".repeat(1_048_576), "", ".", "..", "a.b.c", `${base64url(null)}.${base64url(CLAIMS)}.x`, "\u0000", "e30.e30.e30.e30.e30"]) {
    expect(await local.verify(token)).toBe("unauthenticated");
  }
});

test("identity: remembered: a token that was checked still ends at its end", async () => {
  let now = NOW;
  const local = await identities({ kind: "secret", secret: SECRET }, { now: () => now });
  const token = hmacToken({ ...CLAIMS, exp: NOW_S + 60 });
  expect(await local.verify(token)).toMatchObject({ userId: "ann" });
  now += 64_000;
  expect(await local.verify(token)).toMatchObject({ userId: "ann" });
  now += 1_000;
  expect(await local.verify(token)).toBe("token_expired");
  now += 700_000;
  expect(await local.verify(token)).toBe("token_expired");
});

test("identity: tickets: one is good from addresses of its family only, and spent by whoever shows it", async () => {
  const local = await identities({ kind: "secret", secret: SECRET }, {});
  const ann: Identity = { userId: "ann", name: null, tier: "free", roles: ["bidder"], guest: false, expiresAt: NOW + 600_000 };
  const spend = (issuedTo: AddressFamily | null, ...shownBy: (AddressFamily | null)[]) => {
    const { ticket } = local.issueTicket(ann, issuedTo);
    return shownBy.map((family) => local.spendTicket(ticket, family)?.userId ?? null);
  };
  expect(spend("ipv4", "ipv4", "ipv4")).toEqual(["ann", null]);
  expect(spend("ipv4", "ipv6", "ipv4")).toEqual([null, null]);
  expect(spend(null, "ipv6")).toEqual(["ann"]);
  expect(spend("ipv6", null)).toEqual(["ann"]);
});

test("identity: tickets: the oldest goes when there are too many, and none outlives its identity", async () => {
  let now = NOW;
  const local = await identities({ kind: "secret", secret: SECRET }, { now: () => now });
  const ann: Identity = { userId: "ann", name: null, tier: "free", roles: ["bidder"], guest: false, expiresAt: NOW + 10_000 };
  const first = local.issueTicket(ann).ticket;
  for (let count = 0; count < 50_000; count += 1) local.issueTicket(ann);
  expect(local.spendTicket(first)).toBeNull();
  const last = local.issueTicket(ann).ticket;
  now += 10_000;
  expect(local.spendTicket(last)).toBeNull();
});
