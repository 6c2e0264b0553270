// Recovery of one shard: checkpoint plus tail, or the whole log, judged record by record.
//
// Owns: which checkpoint to begin from, and bringing committed states up to a place in the log.
// Must not: claim, serve, or mend anything: what does not fit is refused, and an earlier checkpoint or the log itself is used.
// R1. A checkpoint is used only if its life id is the log's, it lies within the log, and every state has the hash stored with it.
// R2. A checkpoint ahead of the log's end means that the log got shorter: nobody serves the shard.
import { apply, dueAt } from "../core/auction.ts";
import type { Decision } from "../core/decision.ts";
import type { AuctionId, Offset } from "../core/ids.ts";
import { type AuctionState, discard, restore } from "../core/state.ts";
import { addHash, stateHash, ZERO_HASH } from "../core/state-hash.ts";
import { advance, initialJudge, judge, judgeFromCheckpoint } from "../core/validity.ts";
import type { Checkpoint, RecordCodec, StoredAuction, StoredRecord } from "../ports.ts";
import type { Shard } from "./shard.ts";

/** A log that contradicts itself or its witnesses. Only a person can say what holds. */
export class LogBroken extends Error {
  readonly invariant: string;

  constructor(invariant: string, message: string) {
    super(message);
    this.invariant = invariant;
  }
}

/** Whether two byte strings are equal. */
export function sameBytes(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && left.every((byte, i) => byte === right[i]);
}

/** Brings a shard that holds nothing to the end of its log. Returns where the replay began. */
export async function recover(shard: Shard, checkpoints: readonly Checkpoint[] | null): Promise<"checkpoint" | "zero"> {
  const { log, say } = shard.world;
  const ends = await log.ends(shard.number);
  for (const checkpoint of checkpoints ?? []) {
    if (!sameBytes(checkpoint.lifeId, shard.world.lifeId)) {
      throw new LogBroken(
        "other_life",
        `shard ${shard.number}: the snapshots belong to another log than this one; put the log that belongs to them back, or name another database`,
      );
    }
    if (checkpoint.offset > ends.end) {
      throw new LogBroken("log_shorter", `shard ${shard.number}: a checkpoint stands at ${checkpoint.offset}, the log ends at ${ends.end}`);
    }
    if (checkpoint.offset < ends.start) continue;
    if (await loadCheckpoint(shard, checkpoint)) {
      await catchUp(shard);
      return "checkpoint";
    }
    say("error", "snapshot_unfit", { shard: shard.number, offset: checkpoint.offset });
    clear(shard);
  }
  if (ends.start > 0) throw new LogBroken("log_trimmed", `shard ${shard.number}: the log begins at ${ends.start} and no checkpoint reaches it`);
  clear(shard);
  await catchUp(shard);
  return "zero";
}

function clear(shard: Shard): void {
  for (const actor of [...shard.actors.values()]) shard.removeActor(actor);
  shard.dirty.clear();
  shard.evicted = 0;
  shard.hashes.begin(ZERO_HASH);
  shard.judge = initialJudge(shard.number);
}

// Closed auctions that had left memory stay in the store; the shard's sum of hashes covers them all the same.
async function loadCheckpoint(shard: Shard, checkpoint: Checkpoint): Promise<boolean> {
  const { codec, store } = shard.world;
  let sum = ZERO_HASH;
  let count = 0;
  for await (const list of store.auctions(checkpoint, true)) {
    for (const stored of list) {
      const state = restoreStored(stored, codec);
      const hash = stateHash(state, codec.hash);
      if (!sameBytes(hash, stored.stateHash)) return false;
      sum = addHash(sum, hash);
      count += 1;
      const actor = shard.addActor(stored.auctionId, state);
      actor.saved = { sequence: state.sequence, answers: state.answerCount, bids: state.bidCount, rows: state.rowCount };
      shard.hashes.keep(actor.index, hash);
    }
  }
  if (count > checkpoint.auctions || (count === checkpoint.auctions && !sameBytes(sum, checkpoint.stateHash))) return false;
  shard.evicted = checkpoint.auctions - count;
  shard.hashes.begin(checkpoint.stateHash);
  shard.judge = judgeFromCheckpoint(checkpoint);
  return true;
}

/** A stored auction as a state. Throws when the bytes do not parse. */
export function restoreStored(stored: StoredAuction, codec: RecordCodec): ReturnType<typeof restore> {
  return restore(stored.auctionId, codec.unpackHead(stored.head) as Parameters<typeof restore>[1], stored.segments);
}

/** Judges and applies everything from the shard's place to the end of its log, or up to and excluding `to`. */
export async function catchUp(shard: Shard, to?: Offset): Promise<void> {
  const { log } = shard.world;
  for await (const list of log.read(shard.number, shard.judge.next, to)) {
    for (const stored of list) await takeRecord(shard, stored);
  }
}

async function takeRecord(shard: Shard, stored: StoredRecord): Promise<void> {
  const { codec, counters, say } = shard.world;
  const record = codec.decode(stored, shard.number);
  const verdict = judge(shard.judge, record);
  if (verdict.kind === "broken") {
    throw new LogBroken(verdict.reason, `shard ${shard.number}: the record at offset ${record.offset} is broken: ${verdict.reason}`);
  }
  if (verdict.kind === "void") {
    counters.count("records_void");
    if (verdict.alarm) say("error", "foreign_record", { shard: shard.number, offset: record.offset, reason: verdict.reason });
  } else if (record.kind === "frame") {
    for (const decision of codec.decisions(record)) {
      if (shard.evicted > 0 && !shard.actors.has(decision.auctionId)) await fetchAsleep(shard, decision.auctionId);
      applyLogged(shard, decision);
    }
  }
  advance(shard.judge, record, verdict, codec.hash);
}

/** Brings a closed auction back from the snapshot store; nothing happens when it is not there. Rejects when the store is away. */
export async function fetchAsleep(shard: Shard, auctionId: AuctionId): Promise<AuctionState | null> {
  const { codec, store } = shard.world;
  const stored = await store.auction(shard.number, auctionId);
  if (stored === null) return null;
  const state = restoreStored(stored, codec);
  const hash = stateHash(state, codec.hash);
  if (!sameBytes(hash, stored.stateHash)) throw new LogBroken("snapshot_unfit", `auction ${auctionId}: its snapshot does not match its hash`);
  const actor = shard.actors.get(auctionId) ?? shard.addActor(auctionId, null);
  actor.saved = { sequence: state.sequence, answers: state.answerCount, bids: state.bidCount, rows: state.rowCount };
  actor.committed = state;
  actor.head = state;
  shard.hashes.keep(actor.index, hash);
  shard.evicted -= 1;
  return state;
}

function applyLogged(shard: Shard, decision: Decision): void {
  const actor = shard.actors.get(decision.auctionId) ?? shard.addActor(decision.auctionId, null);
  // Another owner's decision stands where this head went on: the head is void, and its rows go before the others are written.
  if (actor.head !== null && actor.committed !== null && actor.head !== actor.committed) discard(actor.head, actor.committed);
  actor.committed = apply(actor.committed, decision);
  actor.head = actor.committed;
  shard.markChanged(actor);
}

/** Puts every auction's due time into the node's heap. */
export function armDeadlines(shard: Shard): void {
  for (const actor of shard.actors.values()) {
    if (actor.committed === null) continue;
    shard.world.deadlines.set(actor, dueAt(actor.committed));
    if (actor.committed.settings?.outage.policy === "give_back") shard.givesBack = true;
  }
}
