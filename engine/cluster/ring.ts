// Consistent hashing: fills the slot table and ranks nodes. The only file that imports hashring; a bid only indexes the table.
//
// R1. The table is a function of the shard count alone. Its digest stands in GENESIS, so another version of the ring cannot
//     send an auction to another log unnoticed.
import { createHash } from "node:crypto";
import HashRing from "hashring";
import { SLOT_COUNT } from "../core/ids.ts";
import type { SlotTable } from "../core/slots.ts";

/** The table auction slot -> shard for a number of shards, 1 to 4,096. 128 shards share the slots as 15 to 52 each. */
export function fillSlots(shards: number): SlotTable {
  if (!Number.isInteger(shards) || shards < 1 || shards > SLOT_COUNT) throw new RangeError(`a log has 1 to ${SLOT_COUNT} shards, not ${shards}`);
  const names = Array.from({ length: shards }, (_, shard) => `shard-${shard}`);
  const ring = new HashRing(names, "md5", { "max cache size": 1 });
  const table = new Uint16Array(SLOT_COUNT);
  for (let slot = 0; slot < SLOT_COUNT; slot += 1) {
    const name = ring.get(`slot-${slot}`);
    table[slot] = Number(name.slice("shard-".length));
  }
  return table;
}

/** SHA-256 of the table as little-endian 16-bit numbers, first 16 bytes. */
export function slotDigest(table: SlotTable): Uint8Array {
  const bytes = new Uint8Array(table.length * 2);
  table.forEach((shard, slot) => {
    bytes[slot * 2] = shard & 0xff;
    bytes[slot * 2 + 1] = shard >> 8;
  });
  return new Uint8Array(createHash("sha256").update(bytes).digest().subarray(0, 16));
}
