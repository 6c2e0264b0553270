// Real decisions in real frames, for the Kafka run: auctions are decided and applied as an engine does, one shard at a time.
import { apply, decide, dueAt, dueCommand } from "../engine/core/auction.ts";
import type { Command } from "../engine/core/command.ts";
import type { AuctionId, Epoch, Instant, Lsn, Shard } from "../engine/core/ids.ts";
import type { AuctionState } from "../engine/core/state.ts";
import type { RecordCodec } from "../engine/ports.ts";
import { inventedAuctionIds } from "./auctions.ts";

const DAY_MS = 86_400_000;
const AUCTIONS = 64;

/** The writer of one shard's frames, behind its claim. */
export class ShardFrames {
  readonly #shard: Shard;
  readonly #epoch: Epoch;
  readonly #writer;
  readonly #ids: readonly AuctionId[];
  readonly #states: (AuctionState | null)[];
  readonly #at: Instant;
  #hash: Uint8Array;
  #lsn: Lsn = 0;
  #count = 0;

  /** `hash`: the running hash behind the claim, which stands at offset `epoch`. */
  constructor(options: { codec: RecordCodec; shard: Shard; epoch: Epoch; hash: Uint8Array; at: Instant }) {
    this.#shard = options.shard;
    this.#epoch = options.epoch;
    this.#writer = options.codec.frameWriter();
    this.#hash = options.hash;
    this.#at = options.at;
    this.#ids = inventedAuctionIds(AUCTIONS);
    this.#states = this.#ids.map(() => null);
  }

  /** The next frame: decisions until it has `bytes`. */
  next(bytes: number): { readonly bytes: Uint8Array; readonly decisions: number } {
    const writer = this.#writer;
    while (writer.bytes < bytes) {
      const place = this.#count % AUCTIONS;
      const state = this.#states[place] ?? null;
      const decision = decide(state, this.#command(state, place), this.#at, this.#epoch);
      if (decision.verdict !== "accepted") throw new Error(`a decision of the run is ${decision.code}`);
      if (!writer.add(decision)) break;
      this.#states[place] = apply(state, decision);
      this.#count += 1;
    }
    const decisions = writer.count;
    const closed = writer.close({ shard: this.#shard, epoch: this.#epoch, firstLsn: this.#lsn + 1, prevHash: this.#hash });
    this.#lsn += decisions;
    this.#hash = closed.hash;
    return { bytes: closed.bytes, decisions };
  }

  #command(state: AuctionState | null, place: number): Command {
    if (state === null) return this.#create(place);
    return dueAt(state) <= this.#at ? dueCommand(state) : this.#bid(place);
  }

  #create(place: number): Command {
    const settings = {
      currency: "USD",
      opening: 100,
      increments: { bands: [{ from: 0, step: 1 }] },
      opensAt: this.#at - 1,
      endsAt: this.#at + DAY_MS,
      sellerId: "seller-1",
    };
    return { ...this.#issued(place, "seller", "seller-1"), body: { type: "create", settings } };
  }

  // Two bidders take the lead from each other in every auction.
  #bid(place: number): Command {
    const bidder = Math.floor(this.#count / AUCTIONS) % 2 === 0 ? "bidder-even" : "bidder-odd";
    return { ...this.#issued(place, "bidder", bidder), body: { type: "place_bid", kind: "maximum", amount: 1_000 + this.#count * 2, currency: "USD" } };
  }

  #issued(place: number, role: "seller" | "bidder", issuerId: string): Omit<Command, "body"> {
    const n = this.#count;
    const spread = Math.imul(n ^ (n >>> 16), 0x45d9f3b) | 0;
    return {
      auctionId: this.#ids[place] as AuctionId,
      role,
      issuerId,
      key: `bench-key-${n}`,
      keyDigest: { a: n, b: spread, c: this.#shard, d: spread ^ n },
      fingerprint: { a: n, b: 7 },
    };
  }
}
