// The one source of chance of a simulated run: a small fast generator (sfc32), so that a run is a function of its seed.

const UINT32 = 0x1_0000_0000;
/** Outputs thrown away at first, so that seeds that lie close together do not begin alike. */
const WARM_UP = 12;

export class Random {
  #a: number;
  #b: number;
  #c = 0x9e37_79b9;
  #counter = 1;

  /** Any safe integer is a seed. `stream`: one seed gives several, of which each goes on however much of another is taken. */
  constructor(seed: number, stream = 0) {
    this.#a = seed >>> 0;
    this.#b = Math.floor(seed / UINT32) >>> 0;
    this.#c ^= stream;
    for (let n = 0; n < WARM_UP; n += 1) this.next();
  }

  /** The next 32 bits, without sign. */
  next(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }

  /** From 0 up to but excluding 1. */
  fraction(): number {
    return this.next() / UINT32;
  }

  /** An integer of both ends and all between. */
  between(least: number, most: number): number {
    return least + Math.floor(this.fraction() * (most - least + 1));
  }

  chance(probability: number): boolean {
    return this.fraction() < probability;
  }

  /** One of a list that is not empty. */
  pick<Choice>(choices: readonly Choice[]): Choice {
    return choices[this.between(0, choices.length - 1)] as Choice;
  }

  bytes(count: number): Uint8Array {
    const bytes = new Uint8Array(count);
    for (let at = 0; at < count; at += 1) bytes[at] = this.next() & 0xff;
    return bytes;
  }
}
