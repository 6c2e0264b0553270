// Recovery of one shard: checkpoint plus tail, or the whole log, judged record by record.
//
// Owns: which checkpoint to begin from, and bringing committed states up to a place in the log.
// Must not: claim, serve, or mend anything: what does not fit is refused, and an earlier checkpoint or the log itself is used.
// R1. A checkpoint is used only if its life id is the log's, it lies within the log, every state has the hash stored with it, and all of
//     them together, those left asleep in the store too, are as many and have the sum that the checkpoint says.
// R2. A checkpoint ahead of the log's end means that the log got shorter: nobody serves the shard. One within a log that does not fit it
//     (checkpoint-fit.ts) is a witness: what is read from an older one, or from the beginning, has to come to the same hash at its place.
// R3. A record is taken whole, in one step: whatever it needs from the store is fetched before. So committed states and the judge
//     always stand at the same lsn when anybody else looks.
// R4. One reading at a time moves the shard. One that is overtaken by another ends at its next record, or wherever else it waits: it
//     clears nothing, loads nothing and begins no other.
// R5. Who reads a RELEASE and nothing that counts behind it compares the state it bears with its own: two nodes that read one log and
//     differ must not both go on.
// R6. What this process has seen of the log is a witness: a log that ends before it, or has another record there, got shorter, and is not
//     served from here again before an operator acts.
import { apply } from "../core/auction.ts";
import type { Decision } from "../core/decision.ts";
import type { AuctionId, Instant, Offset } from "../core/ids.ts";
import { type AuctionState, discard, restore } from "../core/state.ts";
import { addHash, stateHash, ZERO_HASH } from "../core/state-hash.ts";
import { advance, type ClaimRecord, initialJudge, type JudgedRecord, judge, judgeFromCheckpoint, type Verdict } from "../core/validity.ts";
import type { AsleepAuctions, Checkpoint, RecordCodec, StoredAuction, StoredRecord } from "../ports.ts";
import type { Actor } from "./actor.ts";
import { fitsLog } from "./checkpoint-fit.ts";
import type { Counted } from "./phase-counts.ts";
import { causeOf, LogBroken, StoreAway, StoredAhead } from "./reading-errors.ts";
import { sameBytes } from "./same-bytes.ts";
import type { Shard } from "./shard.ts";
import type { ShardOwner } from "./shard-state.ts";
import { stateHashNow } from "./state-hash-now.ts";
import { isDoubtful, lookAgain } from "./twice-read.ts";

/** Brings a shard to the end of its log, whatever it held before, from the newest checkpoint that fits or (none, or null: the store is
 *  away) from the log's first record. Returns where the replay began, or null when another reading overtook it. Rejects with StoreAway
 *  or LogBroken. */
export function recover(shard: Shard, checkpoints: readonly Checkpoint[] | null): Promise<"checkpoint" | "zero" | null> {
  return asReading(shard, (reading) => recoverFrom(shard, checkpoints, reading));
}

// One reading of the log into a shard; it overtakes the one before (R4).
async function asReading<Result>(shard: Shard, read: (reading: number) => Promise<Result>): Promise<Result> {
  shard.readings += 1;
  const reading = shard.readings;
  shard.reading = reading;
  try {
    return await read(reading);
  } finally {
    if (shard.reading === reading) shard.reading = 0;
  }
}

async function recoverFrom(shard: Shard, checkpoints: readonly Checkpoint[] | null, reading: number): Promise<"checkpoint" | "zero" | null> {
  const { log, say } = shard.world;
  const ends = await log.ends(shard.number);
  if (shard.readings !== reading) return null;
  const stored = checkpoints ?? [];
  let isMisfit = false;
  for (const [age, checkpoint] of stored.entries()) {
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
    const fits = await fitsLog(shard, checkpoint, stored.slice(age + 1), ends.start);
    if (shard.readings !== reading) return null;
    if (!fits) {
      isMisfit = true;
      say("error", "checkpoint_unfit", { shard: shard.number, offset: checkpoint.offset });
      shard.witnessed(checkpoint.offset, checkpoint.runningHash);
      continue;
    }
    clear(shard);
    // The store gives single auctions as of its newest checkpoint, so behind an older one nothing may be left asleep.
    const isLoaded = await loadCheckpoint(shard, checkpoint, age === 0, reading);
    if (shard.readings !== reading) return null;
    if (isLoaded) return (await readOn(shard, undefined, reading)) ? "checkpoint" : null;
    say("error", "snapshot_unfit", { shard: shard.number, offset: checkpoint.offset });
  }
  if (ends.start > 0) {
    const [invariant, does] = isMisfit ? ["log_shorter", "fits"] : ["log_trimmed", "reaches"];
    throw new LogBroken(invariant, `shard ${shard.number}: the log begins at ${ends.start} and no checkpoint ${does} it`);
  }
  clear(shard);
  return (await readOn(shard, undefined, reading)) ? "zero" : null;
}

/** Forgets everything that is known of a shard, and whatever is being read into it. */
export function abandon(shard: Shard): void {
  shard.readings += 1;
  shard.reading = 0;
  clear(shard);
}

// What is read next is read from the beginning.
function clear(shard: Shard): void {
  shard.snapshot.run?.abort();
  for (const actor of [...shard.actors.values()]) shard.removeActor(actor);
  shard.dirty.clear();
  shard.evicted = 0;
  shard.unfit = false;
  shard.hashes.begin(ZERO_HASH);
  shard.witnessed(shard.judge.next, shard.judge.hash);
  shard.judge = initialJudge(shard.number);
  shard.owner = null;
  shard.released = null;
  shard.heardAt = Number.NEGATIVE_INFINITY;
}

// Closed auctions that had left memory stay in the store; the shard's sum of hashes covers them all the same.
async function loadCheckpoint(shard: Shard, checkpoint: Checkpoint, liveOnly: boolean, reading: number): Promise<boolean> {
  const { codec } = shard.world;
  let sum = ZERO_HASH;
  let count = 0;
  for await (const list of storedAuctions(shard, checkpoint, liveOnly)) {
    if (shard.readings !== reading) return false;
    for (const stored of list) {
      const state = fitting(stored, codec);
      if (state === null) return false;
      sum = addHash(sum, stored.stateHash);
      count += 1;
      wakeAs(shard, shard.addActor(stored.auctionId, null), state, stored.stateHash);
    }
  }
  if (shard.readings !== reading) return false;
  const asleep = liveOnly ? await asleepIn(shard, checkpoint) : { count: 0, hashSum: ZERO_HASH };
  if (shard.readings !== reading) return false;
  if (count + asleep.count !== checkpoint.auctions || !sameBytes(addHash(sum, asleep.hashSum), checkpoint.stateHash)) return false;
  shard.evicted = asleep.count;
  shard.hashes.begin(checkpoint.stateHash);
  shard.judge = judgeFromCheckpoint(checkpoint);
  heard(shard, checkpoint.time);
  return true;
}

async function asleepIn(shard: Shard, checkpoint: Checkpoint): Promise<AsleepAuctions> {
  try {
    return await shard.world.store.asleep(checkpoint);
  } catch (error) {
    throw new StoreAway(causeOf(error));
  }
}

async function* storedAuctions(shard: Shard, checkpoint: Checkpoint, liveOnly: boolean): AsyncGenerator<readonly StoredAuction[]> {
  try {
    yield* shard.world.store.auctions(checkpoint, liveOnly);
  } catch (error) {
    throw new StoreAway(causeOf(error));
  }
}

// A stored auction as a state, or null when its bytes do not parse or have another hash than the one stored with them.
function fitting(stored: StoredAuction, codec: RecordCodec): AuctionState | null {
  try {
    const state = restore(stored.auctionId, codec.unpackHead(stored.head) as Parameters<typeof restore>[1], stored.segments);
    return sameBytes(stateHash(state, codec.hash), stored.stateHash) ? state : null;
  } catch {
    // Whatever is wrong with it, it does not fit: the one before it, or the log itself, is used instead (R1).
    return null;
  }
}

function wakeAs(shard: Shard, actor: Actor, state: AuctionState, hash: Uint8Array): void {
  actor.saved = { sequence: state.sequence, answers: state.answerCount, bids: state.bidCount, rows: state.rowCount };
  actor.committed = state;
  actor.head = state;
  shard.hashes.keep(actor.index, hash);
}

/** Judges and applies everything from the shard's place to the end of its log, or up to and excluding `to`. Returns false when another
 *  reading of this shard began meanwhile and goes on instead (R4). Rejects with StoreAway or LogBroken. */
export function catchUp(shard: Shard, to?: Offset): Promise<boolean> {
  return asReading(shard, (reading) => readOn(shard, to, reading));
}

async function readOn(shard: Shard, to: Offset | undefined, reading: number): Promise<boolean> {
  const { log } = shard.world;
  for await (const list of log.read(shard.number, shard.judge.next, to)) {
    for (const stored of list) {
      if (shard.readings !== reading) return false;
      if (!(await takeRecord(shard, stored, reading))) return false;
    }
  }
  if (shard.readings !== reading) return false;
  const { witness } = shard;
  if (to === undefined && witness !== null && shard.judge.next < witness.next) {
    throw new LogBroken("log_shorter", `shard ${shard.number}: the log ends at ${shard.judge.next}, and was seen up to ${witness.next}`);
  }
  checkRelease(shard);
  return true;
}

/** Told when a list was taken; with the time at which the log stored its last record, where the log has a clock. */
export type Taken = (storedAt: Instant | null) => void;

/** Judges and applies what others append from now on. Resolves when the signal is aborted, another reading begins, or the log is closed.
 *  `taken` is called after each list, between two records. Rejects with LogBroken, StoreAway, or what the log throws. */
export function follow(shard: Shard, signal: AbortSignal, taken: Taken): Promise<void> {
  return asReading(shard, (reading) => followOn(shard, signal, reading, taken));
}

async function followOn(shard: Shard, signal: AbortSignal, reading: number, taken: Taken): Promise<void> {
  const { log, limits } = shard.world;
  let lsn = shard.judge.lsn;
  for await (const list of log.tail(shard.number, shard.judge.next, signal)) {
    for (const stored of list) {
      if (signal.aborted || shard.readings !== reading) return;
      if (!(await takeRecord(shard, stored, reading))) return;
      checkRelease(shard);
      if (shard.judge.lsn - lsn < limits.turnDecisionsMax) continue;
      // Other shards of this node are owned: what is applied here must not keep their turns waiting.
      await turnPassed(shard);
      lsn = shard.judge.lsn;
    }
    taken(list.at(-1)?.storedAt ?? null);
  }
}

function turnPassed(shard: Shard): Promise<void> {
  return new Promise((resolve) => {
    shard.world.timers.soon(resolve);
  });
}

function checkRelease(shard: Shard): void {
  const { released } = shard;
  if (released === null || released.checked) return;
  if (!sameBytes(stateHashNow(shard), released.stateHash)) {
    const { lsn } = shard.judge;
    throw new LogBroken(
      "release_hash",
      `shard ${shard.number}: the state at lsn ${lsn} is not the one its owner released (node ${shard.owner?.nodeId ?? "?"})`,
    );
  }
  shard.released = { ...released, checked: true };
}

async function takeRecord(shard: Shard, stored: StoredRecord, reading: number): Promise<boolean> {
  const { codec } = shard.world;
  const first = codec.decode(stored, shard.number);
  const record = isDoubtful(first) ? await lookAgain(shard, stored) : first;
  if (shard.readings !== reading) return false;
  const verdict = judge(shard.judge, record);
  note(shard, record.offset, verdict);
  const decisions = verdict.kind === "effective" && record.kind === "frame" ? codec.decisions(record) : [];
  if (shard.evicted > 0) {
    for (const decision of decisions) if (isAsleep(shard, decision.auctionId)) await fetchAsleep(shard, decision, reading);
    if (shard.readings !== reading) return false;
  }
  applyAll(shard, decisions);
  advance(shard.judge, record, verdict, codec.hash);
  checkWitness(shard);
  if (verdict.kind === "effective") see(shard, record, stored.storedAt ?? null);
  return true;
}

// A frame counts as a whole: with a part of it applied the state is that of no record.
function applyAll(shard: Shard, decisions: readonly Decision[]): void {
  try {
    for (const decision of decisions) applyLogged(shard, decision);
  } catch (error) {
    shard.spoil();
    throw error;
  }
}

function checkWitness({ judge, number, witness }: Shard): void {
  if (judge.next !== witness?.next || sameBytes(judge.hash, witness.hash)) return;
  throw new LogBroken("log_shorter", `shard ${number}: another record than before stands at ${judge.next - 1}: the log lost records and got others`);
}

// Who owns the shard, and when it was last heard of.
function see(shard: Shard, record: JudgedRecord, storedAt: Instant | null): void {
  switch (record.kind) {
    case "claim":
      shard.owner = ownerOf(record, storedAt);
      shard.released = null;
      heard(shard, record.at);
      break;
    case "release":
      shard.released = { reason: record.reason, target: record.target, stateHash: record.stateHash, checked: false };
      heard(shard, record.timeLast);
      break;
    case "frame":
    case "time":
      heard(shard, record.timeLast);
      break;
    default:
      break;
  }
}

function ownerOf({ nodeId, at }: ClaimRecord, storedAt: Instant | null): ShardOwner {
  return { nodeId, claimedAt: at, storedAt };
}

// How long ago it was written by the two clocks; liveness only.
function heard(shard: Shard, writtenAt: Instant): void {
  const { clock } = shard.world;
  shard.heardAt = Math.max(shard.heardAt, clock.monotonic() - Math.max(0, clock.now() - writtenAt));
}

/** Finds out who made the effective claim, where a checkpoint does not say. Whoever cannot be found out is some other node. */
export async function learnOwner(shard: Shard): Promise<void> {
  const { claim } = shard.judge;
  if (shard.owner !== null || claim === 0) return;
  const { log, codec } = shard.world;
  if (claim < (await log.ends(shard.number)).start) return;
  for await (const list of log.read(shard.number, claim, claim + 1)) {
    for (const stored of list) {
      const record = codec.decode(stored, shard.number);
      if (record.kind !== "claim" || shard.judge.claim !== claim) continue;
      shard.owner = ownerOf(record, stored.storedAt ?? null);
      heard(shard, record.at);
    }
  }
}

function note(shard: Shard, offset: Offset, verdict: Verdict): void {
  const { counters, say } = shard.world;
  if (verdict.kind === "broken") throw new LogBroken(verdict.reason, `shard ${shard.number}: the record at offset ${offset} is broken: ${verdict.reason}`);
  if (verdict.kind === "effective") return;
  counters.count("records_void");
  if (verdict.alarm) say("error", "foreign_record", { shard: shard.number, offset, reason: verdict.reason });
}

// An auction that is being fetched for somebody else has no state yet either.
function isAsleep(shard: Shard, auctionId: AuctionId): boolean {
  const actor = shard.actors.get(auctionId);
  return actor === undefined || actor.loading;
}

async function fetchAsleep(shard: Shard, { auctionId, sequence }: Decision, reading: number): Promise<void> {
  let stored: StoredAuction | null;
  try {
    stored = await shard.world.store.auction(shard.number, auctionId);
  } catch (error) {
    throw new StoreAway(causeOf(error));
  }
  if (stored === null || shard.readings !== reading) return;
  if (stored.sequence >= sequence) throw new StoredAhead(shard, auctionId);
  putBack(shard, shard.actors.get(auctionId) ?? shard.addActor(auctionId, null), stored);
}

/** Puts a closed auction from the snapshot store back into memory, unless it is there by now. Throws LogBroken when the stored state does
 *  not fit its hash. */
export function putBack(shard: Shard, actor: Actor, stored: StoredAuction): void {
  if (actor.committed !== null) return;
  const state = fitting(stored, shard.world.codec);
  if (state === null) throw new LogBroken("snapshot_unfit", `auction ${actor.auctionId}: its snapshot does not match its hash`);
  wakeAs(shard, actor, state, stored.stateHash);
  shard.evicted -= 1;
}

function applyLogged(shard: Shard, decision: Decision): void {
  const actor = shard.actors.get(decision.auctionId) ?? shard.addActor(decision.auctionId, null);
  // A snapshot may be under way, and stands at one lsn.
  if (actor.captureWanted) shard.snapshot.run?.capture(actor);
  // Another owner's decision stands where this head went on: the head is void, and its rows go before the others are written.
  if (actor.head !== null && actor.committed !== null && actor.head !== actor.committed) discard(actor.head, actor.committed);
  actor.committed = apply(actor.committed, decision);
  actor.head = actor.committed;
  shard.markChanged(actor);
}

/** Puts every auction's due time into the node's heap, and counts the auctions by phase. */
export function armDeadlines(shard: Shard): void {
  const counted: Counted[] = [];
  for (const actor of shard.actors.values()) {
    if (actor.counted === null) continue;
    counted.push(actor.counted);
    shard.world.deadlines.set(actor, actor.committedDue);
  }
  shard.phases.recount(counted, shard.evicted);
}
