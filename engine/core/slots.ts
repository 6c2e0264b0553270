// Auction id -> slot -> shard by table look-up. Must not build the table: engine/cluster/ring.ts fills it once.
import { type AuctionId, type Shard, SLOT_COUNT, slotOf } from "./ids.ts";
import { invariant } from "./invariant.ts";

/** 4,096 entries, the shard of each slot. */
export type SlotTable = Uint16Array;

/** The shard that owns an auction. The id must have been checked with isAuctionId. */
export function shardOf(table: SlotTable, auctionId: AuctionId): Shard {
  invariant(table.length === SLOT_COUNT, "a slot table has 4,096 entries");
  return table[slotOf(auctionId)] ?? 0;
}
