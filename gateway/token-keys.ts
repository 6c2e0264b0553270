// Which key checks tokens, and which algorithms go with it. The list belongs to the key; what a token says of itself is never asked.
//
// K1. A public key is never tried as an HMAC secret, because no key of ours has both kinds in its list.
// K2. Keys are fetched from the configured address alone, whatever a token's header names.
import { createPublicKey, createSecretKey, type KeyObject } from "node:crypto";
import { type CryptoKey, createRemoteJWKSet, importJWK, type JWTVerifyGetKey } from "jose";
import type { LocalKey } from "./local-key.ts";

const SECRET_BYTES_MIN = 32;
const RSA_BITS_MIN = 2_048;
/** A key set is kept this long. */
const JWKS_KEPT_MS = 600_000;
/** An unknown key id fetches the set again, at most this often. */
const JWKS_COOLDOWN_MS = 30_000;
const JWKS_TIMEOUT_MS = 5_000;
/** Both names of the same algorithm: the older one is what most issuers write. */
const ED25519 = ["EdDSA", "Ed25519"] as const;

export type KeySource =
  | { readonly kind: "local"; readonly key: LocalKey }
  | { readonly kind: "jwks"; readonly url: string }
  /** PEM, as SPKI or certificate. */
  | { readonly kind: "public_key"; readonly pem: string }
  | { readonly kind: "secret"; readonly secret: string };

/** What a verification needs: the key, or how to find it, and the only algorithms it may be used with. */
export interface TokenKey {
  readonly key: KeyObject | CryptoKey | Uint8Array | JWTVerifyGetKey;
  readonly algorithms: readonly string[];
  /** The only key id a token may name, or null where the key has none of its own. */
  readonly kid: string | null;
}

/** A key that cannot be used, in words for the one who set it. */
export class UnusableKey extends Error {}

/** Resolves a source. `allowed` narrows the algorithms; one that does not fit the key makes it unusable. */
export async function tokenKey(source: KeySource, allowed: readonly string[] | null): Promise<TokenKey> {
  const { key, algorithms, kid } = await resolve(source);
  if (allowed === null) return { key, algorithms, kid };
  const strange = allowed.filter((algorithm) => !algorithms.includes(algorithm));
  if (strange.length > 0 || allowed.length === 0)
    throw new UnusableKey(`this key goes with ${algorithms.join(", ")}, not with ${strange.join(", ") || "nothing"}`);
  return { key, algorithms: [...allowed], kid };
}

async function resolve(source: KeySource): Promise<TokenKey> {
  switch (source.kind) {
    case "local":
      return { key: await importJWK(source.key.publicJwk, "EdDSA"), algorithms: ED25519, kid: source.key.kid };
    case "jwks": {
      const key = createRemoteJWKSet(new URL(source.url), { cacheMaxAge: JWKS_KEPT_MS, cooldownDuration: JWKS_COOLDOWN_MS, timeoutDuration: JWKS_TIMEOUT_MS });
      return { key, algorithms: [...ED25519, "ES256", "RS256"], kid: null };
    }
    case "public_key":
      return publicKey(source.pem);
    case "secret": {
      const bytes = Buffer.from(source.secret, "utf8");
      if (bytes.byteLength < SECRET_BYTES_MIN) throw new UnusableKey(`a secret has ${SECRET_BYTES_MIN} bytes or more`);
      return { key: createSecretKey(bytes), algorithms: ["HS256"], kid: null };
    }
  }
}

function publicKey(pem: string): TokenKey {
  let key: KeyObject;
  try {
    // A setting cannot hold line breaks everywhere; "\n" spelled out is taken as one.
    key = createPublicKey(pem.replaceAll("\\n", "\n"));
  } catch {
    throw new UnusableKey("not a public key in PEM");
  }
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key;
  if (type === "ed25519") return { key, algorithms: ED25519, kid: null };
  if (type === "ec" && details?.namedCurve === "prime256v1") return { key, algorithms: ["ES256"], kid: null };
  if (type === "rsa" && (details?.modulusLength ?? 0) >= RSA_BITS_MIN) return { key, algorithms: ["RS256"], kid: null };
  throw new UnusableKey(`a key of Ed25519, P-256, or RSA with ${RSA_BITS_MIN} bits or more is needed`);
}
