import { expect, test } from "vitest";
import {
  acceptReply,
  CHALLENGE_BYTES,
  challenge,
  challengeNonce,
  ENGINE_PROOF_BYTES,
  engineProved,
  NONCE_BYTES,
  REPLY_BYTES,
  replyTo,
} from "./protocol-handshake.ts";

const KEY = "a link key";
const ENGINE_NONCE = Buffer.alloc(NONCE_BYTES, 1);
const GATEWAY_NONCE = Buffer.alloc(NONCE_BYTES, 2);

function bytes(result: Buffer | string): Buffer {
  if (typeof result === "string") throw new Error(result);
  return result;
}

test("handshake: both ends with the key prove it to each other", () => {
  const asked = challenge(ENGINE_NONCE);
  expect(asked).toHaveLength(CHALLENGE_BYTES);
  const reply = bytes(replyTo(asked, KEY, GATEWAY_NONCE));
  expect(reply).toHaveLength(REPLY_BYTES);
  const proof = bytes(acceptReply(reply, KEY, ENGINE_NONCE));
  expect(proof).toHaveLength(ENGINE_PROOF_BYTES);
  expect(engineProved(proof, KEY, challengeNonce(asked), GATEWAY_NONCE)).toBe(true);
});

test("handshake: another key proves nothing, on either side", () => {
  const reply = bytes(replyTo(challenge(ENGINE_NONCE), "another key", GATEWAY_NONCE));
  expect(acceptReply(reply, KEY, ENGINE_NONCE)).toBe("wrong_key");
  const proof = bytes(acceptReply(reply, "another key", ENGINE_NONCE));
  expect(engineProved(proof, KEY, ENGINE_NONCE, GATEWAY_NONCE)).toBe(false);
});

test("handshake: a recorded reply does not fit another challenge", () => {
  const reply = bytes(replyTo(challenge(ENGINE_NONCE), KEY, GATEWAY_NONCE));
  expect(acceptReply(reply, KEY, Buffer.alloc(NONCE_BYTES, 3))).toBe("wrong_key");
});

test("handshake: an engine's own proof is no reply, so it cannot be sent back to it", () => {
  const reply = bytes(replyTo(challenge(ENGINE_NONCE), KEY, GATEWAY_NONCE));
  const proof = bytes(acceptReply(reply, KEY, ENGINE_NONCE));
  const reflected = Buffer.concat([reply.subarray(0, CHALLENGE_BYTES), proof]);
  expect(acceptReply(reflected, KEY, ENGINE_NONCE)).toBe("wrong_key");
});

test("handshake: strangers and other versions are told apart from a wrong key", () => {
  expect(replyTo(Buffer.from("HTTP/1.1 400 Bad Request\r\nServer: x\r\n\r\n"), KEY, GATEWAY_NONCE)).toBe("not_a_link");
  const older = challenge(ENGINE_NONCE);
  older.writeUInt16LE(0, 4);
  expect(replyTo(older, KEY, GATEWAY_NONCE)).toBe("other_version");
});

test("handshake: every bit of the proof counts", () => {
  const reply = bytes(replyTo(challenge(ENGINE_NONCE), KEY, GATEWAY_NONCE));
  for (let bit = CHALLENGE_BYTES * 8; bit < REPLY_BYTES * 8; bit += 7) {
    const damaged = Buffer.from(reply);
    damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    expect(acceptReply(damaged, KEY, ENGINE_NONCE)).toBe("wrong_key");
  }
});
