// The key pair that signs tokens on one machine: made on first start, kept in the data folder, used by the gateway for guests and
// by the command line for `token`.
//
// Must not: be used in a cluster, where tokens come from the identity service.
//
// L1. The file is complete or absent: it is written under another name and linked into place, so that two that start together
//     agree on one key. Only its owner may read it.
import { randomBytes } from "node:crypto";
import { link, mkdir, readFile, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { calculateJwkThumbprint, exportJWK, generateKeyPair, importJWK, type JWK, SignJWT } from "jose";
import type { Instant } from "../engine/core/ids.ts";

export const LOCAL_KEY_FILE = "identity-key.json";
export const TOKEN_ISSUER = "auction-api";
export const TOKEN_AUDIENCE = "auction-client";
/** The longest life that a token may have. */
export const TOKEN_LIFETIME_MAX_S = 3_600;
const ALGORITHM = "EdDSA";
const OWNER_ONLY = 0o600;
const NAME_BYTES = 8;

/** `publicJwk` has no private part; `kid` is its thumbprint (RFC 7638). */
export interface LocalKey {
  readonly kid: string;
  readonly publicJwk: JWK;
  readonly privateJwk: JWK;
}

/** What a token says of its bearer. Left out: roles `["bidder"]`, tier `free`. */
export interface TokenClaims {
  readonly userId: string;
  readonly name?: string | null;
  readonly email?: string;
  readonly tier?: string;
  readonly roles?: readonly string[];
  readonly guest?: boolean;
}

/** The data folder's key; made, with the folder, when there is none. Rejects when the file is damaged or cannot be read. */
export async function loadOrCreateLocalKey(dataDir: string): Promise<LocalKey> {
  const path = join(dataDir, LOCAL_KEY_FILE);
  const found = await readKey(path);
  if (found !== null) return found;
  await mkdir(dataDir, { recursive: true });
  const { privateJwk } = await makeLocalKey();
  const draft = `${path}.${randomBytes(NAME_BYTES).toString("hex")}`;
  await writeFile(draft, `${JSON.stringify(privateJwk)}\n`, { mode: OWNER_ONLY });
  try {
    await link(draft, path);
  } catch (error) {
    if (!isCode(error, "EEXIST")) throw error;
  } finally {
    await unlink(draft);
  }
  const key = await readKey(path);
  if (key === null) throw new Error(`${path} vanished while it was being made`);
  return key;
}

/** A new key, kept nowhere. */
export async function makeLocalKey(): Promise<LocalKey> {
  const { privateKey } = await generateKeyPair(ALGORITHM, { crv: "Ed25519", extractable: true });
  const { x, d } = await exportJWK(privateKey);
  return await localKey(x, d);
}

async function localKey(x: string | undefined, d: string | undefined): Promise<LocalKey> {
  if (x === undefined || d === undefined) throw new Error("half a key pair is none");
  const publicJwk = { kty: "OKP", crv: "Ed25519", x };
  return { kid: await calculateJwkThumbprint(publicJwk), publicJwk, privateJwk: { ...publicJwk, d } };
}

async function readKey(path: string): Promise<LocalKey | null> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if (isCode(error, "ENOENT")) return null;
    throw error;
  }
  const { kty, crv, x, d } = parseJwk(text);
  if (kty !== "OKP" || crv !== "Ed25519" || typeof x !== "string" || typeof d !== "string") {
    throw new Error(`${path} is not an Ed25519 key: move it away and a new one is made; tokens of the old one are then refused`);
  }
  return await localKey(x, d);
}

function parseJwk(text: string): JWK {
  try {
    return JSON.parse(text) as JWK;
  } catch {
    return {};
  }
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}

/** A token of the local key. `lifetimeS` at most TOKEN_LIFETIME_MAX_S; `now` is when it begins. */
export async function signToken(
  key: LocalKey,
  claims: TokenClaims,
  options: { readonly now: Instant; readonly lifetimeS?: number; readonly issuer?: string; readonly audience?: string },
): Promise<string> {
  const { userId, name, email, tier = "free", roles = ["bidder"], guest = false } = claims;
  const issuedAt = Math.floor(options.now / 1_000);
  const payload = {
    user_id: userId,
    tier,
    roles: [...roles],
    ...(name === undefined || name === null ? {} : { name }),
    ...(email === undefined ? {} : { email }),
    ...(guest ? { guest: true } : {}),
  };
  return await new SignJWT(payload)
    .setProtectedHeader({ alg: ALGORITHM, kid: key.kid, typ: "JWT" })
    .setIssuer(options.issuer ?? TOKEN_ISSUER)
    .setAudience(options.audience ?? TOKEN_AUDIENCE)
    .setIssuedAt(issuedAt)
    .setExpirationTime(issuedAt + Math.min(options.lifetimeS ?? TOKEN_LIFETIME_MAX_S, TOKEN_LIFETIME_MAX_S))
    .sign(await importJWK(key.privateJwk, ALGORITHM));
}
