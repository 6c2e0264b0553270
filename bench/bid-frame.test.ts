// The bytes of a bid and of its answer, against the gateway's own words.
import { expect, test } from "vitest";
import type { Answer } from "../engine/core/decision.ts";
import { checkFrame } from "../gateway/socket/frame-check.ts";
import { ENCODINGS } from "../gateway/socket/frame-encode.ts";
import { AMOUNT_FROM, AnswerReader, amountOf, BID_FRAME_BYTES, ID_FROM, KEY_PREFIX, keyNumber, makeBidFrame, patchBidFrame } from "./bid-frame.ts";

const AUCTION = "3a7c1f0e-6d0a-8a51-8f0e-2d4f8b9f6a10";
const HEADER_BYTES = 8;
const KEY_OF_7 = `${KEY_PREFIX}000000000007`;
const ANSWER: Answer = {
  verdict: "accepted",
  code: "leading",
  sequence: 1_882,
  epoch: 12,
  at: 1_795_428_000_123,
  standing: "leading",
  price: 15_000,
  askingPrice: 15_001,
  reserveMet: null,
  endsAt: 1_795_428_300_000,
};

function read(text: string, at = 0): ReturnType<AnswerReader["read"]> {
  return new AnswerReader().read(Buffer.from(" ".repeat(at) + text), at);
}

test("bid frame: patched again and again: each is the message of one bid that the gateway takes", () => {
  const frame = makeBidFrame(ID_FROM + 41);
  for (const n of [0, 7, 3_999_999_999]) {
    patchBidFrame(frame, Buffer.from(AUCTION), n);
    const message: unknown = JSON.parse(frame.toString("latin1", HEADER_BYTES));
    expect(message).toEqual({
      type: "place_bid",
      id: ID_FROM + 41,
      auctionId: AUCTION,
      key: `${KEY_PREFIX}${String(n).padStart(12, "0")}`,
      amountMinor: AMOUNT_FROM + 2 * n,
      currency: "USD",
    });
    expect(checkFrame(message)).toMatchObject({ kind: "bid", auctionId: AUCTION, body: { type: "place_bid", amount: amountOf(n) } });
  }
});

test("bid frame: header: a masked final text frame whose mask is zero and whose length is that of the message", () => {
  const frame = makeBidFrame(ID_FROM);
  expect([...frame.subarray(0, HEADER_BYTES)]).toEqual([0x81, 0xfe, 0, BID_FRAME_BYTES - HEADER_BYTES, 0, 0, 0, 0]);
});

test("bid key: number: comes back out of a key of ours and out of no other", () => {
  expect(keyNumber(KEY_OF_7)).toBe(7);
  for (const other of ["7", `${KEY_PREFIX}00000000000x`, `0197a1c4-55d0-7c3e-9a56-000000000007`, `${KEY_OF_7}0`]) expect(keyNumber(other)).toBeNull();
});

test("answer reader: accepted: every member that the check needs, wherever the message lies", () => {
  const text = String(ENCODINGS.json.answer(ID_FROM + 3, KEY_OF_7, AUCTION, ANSWER, false));
  const reader = new AnswerReader();
  expect(reader.read(Buffer.from(`xx${text}`), 2)).toBe("answer");
  expect(reader.answer).toMatchObject({ id: ID_FROM + 3, n: 7, accepted: true, sequence: 1_882, price: 15_000 });
});

test("answer reader: rejected before any bid: the code, and no price", () => {
  const answer: Answer = { ...ANSWER, verdict: "rejected", code: "below_asking_price", standing: null, price: null };
  const bytes = Buffer.from(String(ENCODINGS.json.answer(ID_FROM, KEY_OF_7, AUCTION, answer, false)));
  const reader = new AnswerReader();
  expect(reader.read(bytes, 0)).toBe("answer");
  expect(reader.answer).toMatchObject({ accepted: false, price: -1 });
  expect(bytes.toString("latin1", reader.answer.codeFrom, reader.answer.codeTo)).toBe("below_asking_price");
});

test("answer reader: anything else: a repeat, another frame or a cut message is told as other", () => {
  const text = String(ENCODINGS.json.answer(ID_FROM, KEY_OF_7, AUCTION, ANSWER, false));
  expect(read(String(ENCODINGS.json.answer(ID_FROM, KEY_OF_7, AUCTION, ANSWER, true)))).toBe("other");
  expect(read('{"type":"outbid","auctionId":"a"}')).toBe("other");
  for (let length = 0; length < text.indexOf('"currentPriceMinor":') + 20; length += 1) expect(read(text.slice(0, length))).toBe("other");
});
