// How the two ends of a link prove that they hold the same link key, before a byte of anything else is read.
//
//   engine  -> gateway   magic, version, engine nonce (32)
//   gateway -> engine    magic, version, gateway nonce (32), HMAC(key, "gateway", engine nonce, gateway nonce)
//   engine  -> gateway   HMAC(key, "engine", gateway nonce, engine nonce), then batches
//
// H1. Both nonces are fresh for each connection, so a recorded handshake proves nothing.
// H2. The two proofs bear different names, so neither end can be made to answer its own challenge.
// H3. Proofs are compared in constant time.
import { createHmac, timingSafeEqual } from "node:crypto";
import { LINK_VERSION } from "./protocol.ts";

export const NONCE_BYTES = 32;
const PROOF_BYTES = 32;
const MAGIC = Buffer.from("FWLK", "latin1");
const VERSION_AT = MAGIC.length;
const NONCE_AT = VERSION_AT + 2;

/** Size of the engine's first message. */
export const CHALLENGE_BYTES = NONCE_AT + NONCE_BYTES;
/** Size of the gateway's only message of the handshake. */
export const REPLY_BYTES = CHALLENGE_BYTES + PROOF_BYTES;
/** Size of the engine's proof, after which batches begin. */
export const ENGINE_PROOF_BYTES = PROOF_BYTES;
/** For either end to finish the handshake. A round trip takes under a second on any network a link should cross. */
export const HANDSHAKE_MS = 3_000;

export type HandshakeFault = "not_a_link" | "other_version" | "wrong_key";

function hello(nonce: Uint8Array): Buffer {
  const bytes = Buffer.alloc(CHALLENGE_BYTES);
  MAGIC.copy(bytes);
  bytes.writeUInt16LE(LINK_VERSION, VERSION_AT);
  bytes.set(nonce, NONCE_AT);
  return bytes;
}

function helloFault(bytes: Buffer): HandshakeFault | null {
  if (!bytes.subarray(0, VERSION_AT).equals(MAGIC)) return "not_a_link";
  return bytes.readUInt16LE(VERSION_AT) === LINK_VERSION ? null : "other_version";
}

function proof(linkKey: string, name: "gateway" | "engine", first: Uint8Array, second: Uint8Array): Buffer {
  return createHmac("sha256", linkKey).update(name).update(first).update(second).digest();
}

function nonceOf(bytes: Buffer): Buffer {
  return bytes.subarray(NONCE_AT, NONCE_AT + NONCE_BYTES);
}

/** What the engine sends first. */
export function challenge(engineNonce: Uint8Array): Buffer {
  return hello(engineNonce);
}

/** What the gateway sends back to a challenge of CHALLENGE_BYTES, or why it does not. */
export function replyTo(received: Buffer, linkKey: string, gatewayNonce: Uint8Array): Buffer | HandshakeFault {
  const fault = helloFault(received);
  if (fault !== null) return fault;
  return Buffer.concat([hello(gatewayNonce), proof(linkKey, "gateway", nonceOf(received), gatewayNonce)]);
}

/** The engine's proof for a reply of REPLY_BYTES, or why the connection is cut. */
export function acceptReply(received: Buffer, linkKey: string, engineNonce: Uint8Array): Buffer | HandshakeFault {
  const fault = helloFault(received);
  if (fault !== null) return fault;
  const gatewayNonce = nonceOf(received);
  if (!timingSafeEqual(received.subarray(CHALLENGE_BYTES, REPLY_BYTES), proof(linkKey, "gateway", engineNonce, gatewayNonce))) return "wrong_key";
  return proof(linkKey, "engine", gatewayNonce, engineNonce);
}

/** Whether the engine holds the key too. */
export function engineProved(received: Buffer, linkKey: string, engineNonce: Uint8Array, gatewayNonce: Uint8Array): boolean {
  return timingSafeEqual(received.subarray(0, ENGINE_PROOF_BYTES), proof(linkKey, "engine", gatewayNonce, engineNonce));
}

/** The nonce in a challenge. */
export function challengeNonce(received: Buffer): Buffer {
  return Buffer.from(nonceOf(received));
}
