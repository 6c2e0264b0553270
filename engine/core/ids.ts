// Names of things and positions in things. A flavour keeps an Lsn from being passed where an Offset is meant, while plain
// arithmetic on either still works.

type Flavour<T, Name extends string> = T & { readonly __flavour?: Name };

/** UUID version 8 in lower case, 36 characters. Its first three hexadecimal digits are the auction's slot. */
export type AuctionId = Flavour<string, "AuctionId">;
/** Position of a decision in one auction: 1, 2, 3, ... The sequence of an accepted bid is its bid id. */
export type Sequence = Flavour<number, "Sequence">;
/** Gapless position in one shard: every decision, TIME and RELEASE takes one, beginning at 1. */
export type Lsn = Flavour<number, "Lsn">;
/** Position of a record in a shard's log: 0, 1, 2, ... */
export type Offset = Flavour<number, "Offset">;
/** Offset of the owner's own CLAIM record. */
export type Epoch = Flavour<number, "Epoch">;
/** A shard's number, 0 to the shard count minus one. */
export type Shard = Flavour<number, "Shard">;
/** Milliseconds since the Unix epoch, UTC. */
export type Instant = Flavour<number, "Instant">;
/** Integer minor units of one currency, a safe integer. */
export type Minor = Flavour<number, "Minor">;

/** Slots that auction ids begin with. Three hexadecimal digits, so routing needs no look-up. */
export const SLOT_COUNT = 4096;

const AUCTION_ID = /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** Whether a string from outside has the form of an auction id. */
export function isAuctionId(text: string): boolean {
  return AUCTION_ID.test(text);
}

/** The slot an auction id begins with, 0 to 4,095. The id must have been checked with isAuctionId. */
export function slotOf(auctionId: AuctionId): number {
  return Number.parseInt(auctionId.slice(0, 3), 16);
}
