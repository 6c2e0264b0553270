import { expect, test } from "vitest";
import { ANSWER_BYTES, codeNumber, isFingerprintAt, isKeyAt, readAnswer, writeAnswer } from "./answers.ts";
import { type Answer, DECISION_CODES } from "./decision.ts";
import { INSTANT_MAX } from "./money.ts";

const KEY = { a: -1, b: 2_147_483_647, c: -2_147_483_648, d: 0 };
const PRINT = { a: -5, b: 6 };
const PLAIN: Answer = {
  verdict: "accepted",
  code: "ok",
  sequence: 1,
  epoch: 0,
  at: 0,
  standing: null,
  price: null,
  askingPrice: null,
  reserveMet: null,
  endsAt: null,
};

test("answers: row: every code, verdict, standing and absent value comes back as written", () => {
  const answers: Answer[] = [
    ...DECISION_CODES.map((code): Answer => ({ ...PLAIN, code, verdict: code === "ok" ? "accepted" : "rejected" })),
    { ...PLAIN, standing: "leading", reserveMet: true, price: 1, askingPrice: 2, endsAt: 3 },
    {
      ...PLAIN,
      standing: "outbid",
      reserveMet: false,
      price: 10 ** 12,
      askingPrice: 2 * 10 ** 12,
      endsAt: INSTANT_MAX,
      at: INSTANT_MAX,
      sequence: 2 ** 40,
      epoch: 2 ** 47,
    },
    { ...PLAIN, price: 0, endsAt: 0 },
  ];
  const rows = new Uint8Array(answers.length * ANSWER_BYTES);
  for (const [row, answer] of answers.entries()) writeAnswer(rows, row * ANSWER_BYTES, KEY, PRINT, answer);
  expect(answers.map((_, row) => readAnswer(rows, row * ANSWER_BYTES))).toEqual(answers);
});

test("answers: row: is found under its key and told apart from any other", () => {
  const rows = new Uint8Array(2 * ANSWER_BYTES);
  writeAnswer(rows, ANSWER_BYTES, KEY, PRINT, PLAIN);
  expect(isKeyAt(rows, ANSWER_BYTES, KEY)).toBe(true);
  for (const part of ["a", "b", "c", "d"] as const) expect(isKeyAt(rows, ANSWER_BYTES, { ...KEY, [part]: 77 })).toBe(false);
  expect(isFingerprintAt(rows, ANSWER_BYTES, PRINT)).toBe(true);
  expect(isFingerprintAt(rows, ANSWER_BYTES, { ...PRINT, b: 7 })).toBe(false);
});

test("answers: code: its number is its place in the list, which only grows", () => {
  expect(["leading", "outbid", "ok", "not_open", "ids_invalid"].map((code) => codeNumber(code as (typeof DECISION_CODES)[number]))).toEqual([
    0,
    1,
    2,
    3,
    DECISION_CODES.length - 1,
  ]);
  expect(new Set(DECISION_CODES).size).toBe(DECISION_CODES.length);
});
