// The remembered answer of one command as a row of 64 bytes: the key it is found by, the fingerprint that tells a repeat from a
// reused key, and everything an answer says. A repeat is answered from the row alone, so its bytes never change.
//
// bytes 0-15 key digest, 16-23 fingerprint, 24-29 epoch, 30-35 sequence, 36-37 code (place in DECISION_CODES), 38-39 flags,
// 40-45 price, 46-51 asking price, 52-57 decision time, 58-63 end in force. Little-endian. An absent number is zero and flagged.
import { readInt32, readUint48, writeUint32, writeUint48 } from "./bytes.ts";
import type { Fingerprint, KeyDigest } from "./command.ts";
import { type Answer, DECISION_CODES, type DecisionCode } from "./decision.ts";
import { invariant } from "./invariant.ts";

/** Length of one remembered answer. */
export const ANSWER_BYTES = 64;

const FINGERPRINT_AT = 16;
const EPOCH_AT = 24;
const SEQUENCE_AT = 30;
const CODE_AT = 36;
const FLAGS_AT = 38;
const PRICE_AT = 40;
const ASKING_AT = 46;
const TIME_AT = 52;
const ENDS_AT = 58;

const REJECTED = 1;
const LEADING = 2;
const OUTBID = 4;
const RESERVE_KNOWN = 8;
const RESERVE_MET = 16;
const PRICE_NULL = 32;
const ASKING_NULL = 64;
const ENDS_NULL = 128;

const CODE_NUMBERS: ReadonlyMap<DecisionCode, number> = new Map(DECISION_CODES.map((code, number) => [code, number]));

/** The stored number of a code: its place in DECISION_CODES. */
export function codeNumber(code: DecisionCode): number {
  const number = CODE_NUMBERS.get(code);
  invariant(number !== undefined, "every code has a number");
  return number;
}

/** Writes one answer under its key into 64 bytes of `rows` from byte `at` on. */
export function writeAnswer(rows: Uint8Array, at: number, key: KeyDigest, fingerprint: Fingerprint, answer: Answer): void {
  writeUint32(rows, at, key.a);
  writeUint32(rows, at + 4, key.b);
  writeUint32(rows, at + 8, key.c);
  writeUint32(rows, at + 12, key.d);
  writeUint32(rows, at + FINGERPRINT_AT, fingerprint.a);
  writeUint32(rows, at + FINGERPRINT_AT + 4, fingerprint.b);
  writeUint48(rows, at + EPOCH_AT, answer.epoch);
  writeUint48(rows, at + SEQUENCE_AT, answer.sequence);
  const code = codeNumber(answer.code);
  rows[at + CODE_AT] = code;
  rows[at + CODE_AT + 1] = code >>> 8;
  rows[at + FLAGS_AT] = flagsOf(answer);
  rows[at + FLAGS_AT + 1] = 0;
  writeUint48(rows, at + PRICE_AT, answer.price ?? 0);
  writeUint48(rows, at + ASKING_AT, answer.askingPrice ?? 0);
  writeUint48(rows, at + TIME_AT, answer.at);
  writeUint48(rows, at + ENDS_AT, answer.endsAt ?? 0);
}

function flagsOf(answer: Answer): number {
  let flags = answer.verdict === "rejected" ? REJECTED : 0;
  if (answer.standing !== null) flags |= answer.standing === "leading" ? LEADING : OUTBID;
  if (answer.reserveMet !== null) flags |= answer.reserveMet ? RESERVE_KNOWN | RESERVE_MET : RESERVE_KNOWN;
  if (answer.price === null) flags |= PRICE_NULL;
  if (answer.askingPrice === null) flags |= ASKING_NULL;
  if (answer.endsAt === null) flags |= ENDS_NULL;
  return flags;
}

/** Reads the answer that stands in `rows` from byte `at` on. The code of a row of a newer version than this one is unknown here
 *  and breaks an invariant: rows are written and read by one version, or by a later one. */
export function readAnswer(rows: Uint8Array, at: number): Answer {
  const flags = rows[at + FLAGS_AT] as number;
  const code = DECISION_CODES[(rows[at + CODE_AT] as number) | ((rows[at + CODE_AT + 1] as number) << 8)];
  invariant(code !== undefined, "a stored answer bears a known code");
  return {
    verdict: (flags & REJECTED) !== 0 ? "rejected" : "accepted",
    code,
    sequence: readUint48(rows, at + SEQUENCE_AT),
    epoch: readUint48(rows, at + EPOCH_AT),
    at: readUint48(rows, at + TIME_AT),
    standing: (flags & LEADING) !== 0 ? "leading" : (flags & OUTBID) !== 0 ? "outbid" : null,
    price: (flags & PRICE_NULL) !== 0 ? null : readUint48(rows, at + PRICE_AT),
    askingPrice: (flags & ASKING_NULL) !== 0 ? null : readUint48(rows, at + ASKING_AT),
    reserveMet: (flags & RESERVE_KNOWN) === 0 ? null : (flags & RESERVE_MET) !== 0,
    endsAt: (flags & ENDS_NULL) !== 0 ? null : readUint48(rows, at + ENDS_AT),
  };
}

/** Whether the row at byte `at` is remembered under that key. */
export function isKeyAt(rows: Uint8Array, at: number, key: KeyDigest): boolean {
  return (
    readInt32(rows, at) === (key.a | 0) &&
    readInt32(rows, at + 4) === (key.b | 0) &&
    readInt32(rows, at + 8) === (key.c | 0) &&
    readInt32(rows, at + 12) === (key.d | 0)
  );
}

/** Whether the row at byte `at` answers a command of that fingerprint. */
export function isFingerprintAt(rows: Uint8Array, at: number, fingerprint: Fingerprint): boolean {
  return readInt32(rows, at + FINGERPRINT_AT) === (fingerprint.a | 0) && readInt32(rows, at + FINGERPRINT_AT + 4) === (fingerprint.b | 0);
}

/** Sequence of the decision that the row at byte `at` answers. */
export function answerSequence(rows: Uint8Array, at: number): number {
  return readUint48(rows, at + SEQUENCE_AT);
}
