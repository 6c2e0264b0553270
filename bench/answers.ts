// Every answer a generator was given, as rows of 24 bytes: what is held against the log afterwards.
//
//   number of the bid u32 · place of the auction in the plan u32 · sequence u32 · 1 accepted, 0 rejected u32 · price f64, -1 for none
//   (little-endian)
import { closeSync, openSync, writeFileSync } from "node:fs";

export const ANSWER_ROW_BYTES = 24;
/** Rows that are kept together: 1.5 MiB, so that a long run is some hundred buffers. */
const CHUNK_ROWS = 65_536;

export interface AnswerRow {
  readonly n: number;
  readonly auction: number;
  readonly sequence: number;
  readonly accepted: boolean;
  readonly price: number;
}

/** Collects rows in memory: a generator does not write files while it measures. */
export class AnswerRows {
  readonly #chunks: Buffer[] = [];
  #view: DataView = new DataView(new ArrayBuffer(0));
  #rows = CHUNK_ROWS;
  count = 0;

  add(n: number, auction: number, sequence: number, accepted: boolean, price: number): void {
    if (this.#rows === CHUNK_ROWS) {
      const chunk = Buffer.alloc(CHUNK_ROWS * ANSWER_ROW_BYTES);
      this.#chunks.push(chunk);
      this.#view = new DataView(chunk.buffer, chunk.byteOffset, chunk.length);
      this.#rows = 0;
    }
    const at = this.#rows * ANSWER_ROW_BYTES;
    this.#view.setUint32(at, n, true);
    this.#view.setUint32(at + 4, auction, true);
    this.#view.setUint32(at + 8, sequence, true);
    this.#view.setUint32(at + 12, accepted ? 1 : 0, true);
    this.#view.setFloat64(at + 16, price, true);
    this.#rows += 1;
    this.count += 1;
  }

  write(file: string): void {
    const out = openSync(file, "w");
    this.#chunks.forEach((chunk, index) => {
      const rows = index === this.#chunks.length - 1 ? this.#rows : CHUNK_ROWS;
      writeFileSync(out, chunk.subarray(0, rows * ANSWER_ROW_BYTES));
    });
    closeSync(out);
  }
}

/** The rows in the bytes of such a file. */
export function* readAnswerRows(bytes: Buffer): Generator<AnswerRow> {
  for (let at = 0; at + ANSWER_ROW_BYTES <= bytes.length; at += ANSWER_ROW_BYTES) {
    yield {
      n: bytes.readUInt32LE(at),
      auction: bytes.readUInt32LE(at + 4),
      sequence: bytes.readUInt32LE(at + 8),
      accepted: bytes.readUInt32LE(at + 12) === 1,
      price: bytes.readDoubleLE(at + 16),
    };
  }
}
