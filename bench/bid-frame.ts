// One bid as bytes on a WebSocket, made once and patched for each sending, and what the server answers, read without a parser.
//
// Must not: know a socket or keep time.
//
// F1. Everything that changes has a fixed width: ids, amounts and numbers of keys never change their count of digits.
// F2. The mask is zero, which is a mask that changes nothing: the bytes behind the header are the text itself.
// F3. Only the one form of answer that the gateway writes is read here. Whatever else comes is told as `other`, and parsed by
//     whoever wants to know. An answer in another form is slower, never wrong.

const HEADER_BYTES = 8;
const TEXT_FRAME = 0x81;
const MASKED_16_BIT = 0xfe;
const DIGIT_ZERO = 48;
const DIGIT_NINE = 57;
const QUOTE = 34;
const COMMA = 44;

/** Ids of open requests begin here, so that they all have seven digits. */
export const ID_FROM = 1_000_000;
/** Amounts have ten digits: from here to ten times as much. */
export const AMOUNT_FROM = 1_000_000_000;
/** So that no bid is below the asking price of an auction with a step of one. */
export const AMOUNT_STEP = 2;
/** Bids of one run at most (F1). */
export const BIDS_MAX = 4_000_000_000;
/** What stands before the number in every key; 24 characters, so that a key looks like a UUID. */
export const KEY_PREFIX = "0197a1c4-55d0-7c3e-9a55-";

const ID_DIGITS = 7;
const AMOUNT_DIGITS = 10;
const KEY_DIGITS = 12;
const AUCTION_ID_LENGTH = 36;
const KEY_LENGTH = KEY_PREFIX.length + KEY_DIGITS;

const TEMPLATE = `{"type":"place_bid","id":${ID_FROM},"auctionId":"${"0".repeat(AUCTION_ID_LENGTH)}","key":"${KEY_PREFIX}${"0".repeat(KEY_DIGITS)}","amountMinor":${AMOUNT_FROM},"currency":"USD"}`;
const ID_AT = HEADER_BYTES + TEMPLATE.indexOf('"id":') + 5;
const AUCTION_AT = HEADER_BYTES + TEMPLATE.indexOf('"auctionId":"') + 13;
const KEY_NUMBER_AT = HEADER_BYTES + TEMPLATE.indexOf('"key":"') + 7 + KEY_PREFIX.length;
const AMOUNT_AT = HEADER_BYTES + TEMPLATE.indexOf('"amountMinor":') + 14;

/** Bytes of one bid on the wire, header included. */
export const BID_FRAME_BYTES = HEADER_BYTES + TEMPLATE.length;

/** The frame of one slot. `id`: of every bid that is sent with it, from ID_FROM on. */
export function makeBidFrame(id: number): Buffer {
  const frame = Buffer.alloc(BID_FRAME_BYTES);
  frame[0] = TEXT_FRAME;
  frame[1] = MASKED_16_BIT;
  frame.writeUInt16BE(TEMPLATE.length, 2);
  frame.write(TEMPLATE, HEADER_BYTES, "latin1");
  writeDigits(frame, ID_AT, ID_DIGITS, id);
  return frame;
}

/** Makes it bid number `n` on this auction. `auctionId`: its 36 characters as bytes. */
export function patchBidFrame(frame: Buffer, auctionId: Buffer, n: number): void {
  for (let i = 0; i < AUCTION_ID_LENGTH; i += 1) frame[AUCTION_AT + i] = auctionId[i] as number;
  writeDigits(frame, KEY_NUMBER_AT, KEY_DIGITS, n);
  writeDigits(frame, AMOUNT_AT, AMOUNT_DIGITS, amountOf(n));
}

/** What bid number `n` offers. Later bids offer more. */
export function amountOf(n: number): number {
  return AMOUNT_FROM + n * AMOUNT_STEP;
}

/** The number in a key of ours, or null for any other key. */
export function keyNumber(key: string): number | null {
  if (key.length !== KEY_LENGTH || !key.startsWith(KEY_PREFIX)) return null;
  const n = Number(key.slice(KEY_PREFIX.length));
  return Number.isInteger(n) ? n : null;
}

/** A whole text message as a client sends it, for what is sent seldom. At most 65,535 bytes. */
export function clientFrame(text: string): Buffer {
  const payload = Buffer.from(text, "utf8");
  const header = Buffer.from([TEXT_FRAME, MASKED_16_BIT, payload.length >>> 8, payload.length & 0xff, 0, 0, 0, 0]);
  return Buffer.concat([header, payload]);
}

function writeDigits(out: Buffer, at: number, count: number, value: number): void {
  let rest = value;
  for (let i = at + count - 1; i >= at; i -= 1) {
    const tenth = Math.floor(rest / 10);
    out[i] = DIGIT_ZERO + (rest - tenth * 10);
    rest = tenth;
  }
}

/** The last answer read. One object for all of them: an answer is used before the next is read. */
export interface ReadAnswer {
  id: number;
  /** Number of the bid, out of its key. */
  n: number;
  accepted: boolean;
  /** A rejected bid's code begins and ends at these bytes. */
  codeFrom: number;
  codeTo: number;
  sequence: number;
  /** -1: no price yet. */
  price: number;
}

const ANSWER_HEAD = Buffer.from('{"type":"bid_answer","id":');
const KEY_HEAD = Buffer.from(`,"key":"${KEY_PREFIX}`);
const NOT_REPLAYED = Buffer.from('","replayed":false,"answer":{"verdict":"');
const ACCEPTED = Buffer.from("accepted");
const REJECTED = Buffer.from("rejected");
const CODE_HEAD = Buffer.from('","code":"');
const AUCTION_HEAD = Buffer.from(',"auctionId":"');
const SEQUENCE_HEAD = Buffer.from('","sequence":');
const EPOCH_HEAD = Buffer.from(',"epoch":');
const TIME_HEAD = Buffer.from(',"decidedAtMs":');
const STANDING_HEAD = Buffer.from(',"standing":');
const PRICE_HEAD = Buffer.from(',"currentPriceMinor":');

/** Reads answers out of a buffer, one after the other. */
export class AnswerReader {
  readonly answer: ReadAnswer = { id: 0, n: 0, accepted: false, codeFrom: 0, codeTo: 0, sequence: 0, price: 0 };
  #bytes: Buffer = Buffer.alloc(0);
  #at = 0;
  #fits = true;

  /** `answer` if the message at `from` is the answer to a first sending of a bid of ours; then `this.answer` holds it. */
  read(bytes: Buffer, from: number): "answer" | "other" {
    this.#bytes = bytes;
    this.#at = from;
    this.#fits = true;
    const { answer } = this;
    this.#skip(ANSWER_HEAD);
    if (!this.#fits) return "other";
    answer.id = this.#number();
    this.#skip(KEY_HEAD);
    answer.n = this.#number();
    this.#skip(NOT_REPLAYED);
    answer.accepted = this.#bytes[this.#at] === ACCEPTED[0];
    this.#skip(answer.accepted ? ACCEPTED : REJECTED);
    this.#skip(CODE_HEAD);
    answer.codeFrom = this.#at;
    this.#past(QUOTE);
    answer.codeTo = this.#at - 1;
    this.#skip(AUCTION_HEAD);
    this.#at += AUCTION_ID_LENGTH;
    this.#skip(SEQUENCE_HEAD);
    answer.sequence = this.#number();
    this.#skip(EPOCH_HEAD);
    this.#number();
    this.#skip(TIME_HEAD);
    this.#number();
    this.#skip(STANDING_HEAD);
    this.#past(COMMA);
    this.#at -= 1;
    this.#skip(PRICE_HEAD);
    answer.price = this.#bytes[this.#at] === DIGIT_N ? -1 : this.#number();
    return this.#fits ? "answer" : "other";
  }

  #skip(words: Buffer): void {
    if (!this.#fits) return;
    const bytes = this.#bytes;
    const at = this.#at;
    for (let i = 0; i < words.length; i += 1) {
      if (bytes[at + i] !== words[i]) {
        this.#fits = false;
        return;
      }
    }
    this.#at = at + words.length;
  }

  #number(): number {
    const bytes = this.#bytes;
    let at = this.#at;
    let value = 0;
    for (let byte = bytes[at] as number; byte >= DIGIT_ZERO && byte <= DIGIT_NINE; byte = bytes[at] as number) {
      value = value * 10 + (byte - DIGIT_ZERO);
      at += 1;
    }
    if (at === this.#at) this.#fits = false;
    this.#at = at;
    return value;
  }

  #past(byte: number): void {
    const found = this.#bytes.indexOf(byte, this.#at);
    if (found === -1) this.#fits = false;
    else this.#at = found + 1;
  }
}

/** Of `null`. */
const DIGIT_N = 110;
