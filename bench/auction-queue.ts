// Which auction the next bid goes to.
//
// Q1. One each: an auction has one bid in flight at most, so whoever bids next on it offers more than everybody whose bid was
//     decided, and every bid is accepted. The auction that waited longest is next, so bidders mix.
// Q2. All at once: for fewer auctions than bids in flight, one hot auction above all, and for planned times, which wait for nobody.
//     Amounts rise in the order of sending; where the way to the engine changes that order, a bid may be below the asking price and be
//     rejected. Reports count those apart.

export class AuctionQueue {
  readonly #ring: Uint32Array;
  readonly #oneEach: boolean;
  #head = 0;
  #free: number;

  constructor(auctions: number, inFlightMax: number) {
    this.#ring = Uint32Array.from({ length: auctions }, (_, index) => index);
    this.#oneEach = inFlightMax <= auctions;
    this.#free = auctions;
  }

  /** Place of the auction; -1 if all have a bid in flight (Q1). */
  take(): number {
    if (this.#free === 0) return -1;
    const auction = this.#ring[this.#head] as number;
    this.#head = this.#head + 1 === this.#ring.length ? 0 : this.#head + 1;
    if (this.#oneEach) this.#free -= 1;
    return auction;
  }

  /** Its bid was answered. */
  give(auction: number): void {
    if (!this.#oneEach) return;
    const tail = this.#head + this.#free;
    this.#ring[tail >= this.#ring.length ? tail - this.#ring.length : tail] = auction;
    this.#free += 1;
  }
}
