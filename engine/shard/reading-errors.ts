// What can go wrong while a shard is read from log and snapshots, by what has to follow: a person, or another try.
import type { AuctionId } from "../core/ids.ts";
import type { Shard } from "./shard.ts";

/** A log that contradicts itself or its witnesses. Only a person can say what holds. */
export class LogBroken extends Error {
  readonly invariant: string;

  constructor(invariant: string, message: string) {
    super(message);
    this.invariant = invariant;
  }
}

/** The snapshot store did not answer. Nothing is wrong with what it holds. */
export class StoreAway extends Error {}

/** The owner has saved a sleeping auction behind the place that is read: its state here would be of another record than all others. Read
 *  again from the checkpoint that holds it. */
export class StoredAhead extends Error {
  constructor(shard: Shard, auctionId: AuctionId) {
    super(`shard ${shard.number}: auction ${auctionId} is saved behind ${shard.judge.next}, which is read now`);
    this.name = "StoredAhead";
  }
}

/** Whether a log said that it only cannot be reached now: nothing is wrong with what it holds. */
export function isLogAway(error: unknown): boolean {
  return error instanceof Error && "logAway" in error && error.logAway === true;
}

/** Whether nothing is wrong with what log and store hold: it only could not be read now, or not from the place in memory. */
export function mayBeReadAgain(error: unknown): boolean {
  return isLogAway(error) || error instanceof StoreAway || error instanceof StoredAhead;
}

/** Which invariant an error of a reading broke: what it says itself, or that the log holds no longer what is to be read next. null:
 *  neither. */
export async function invariantOf(shard: Shard, error: unknown): Promise<string | null> {
  if (error instanceof LogBroken) return error.invariant;
  const { next } = shard.judge;
  try {
    const { start, end } = await shard.world.log.ends(shard.number);
    if (end < next) return "log_shorter";
    return start > next ? "log_trimmed" : null;
  } catch {
    return null;
  }
}

/** What an error says. */
export function causeOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
