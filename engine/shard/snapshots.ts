// Snapshots of one shard: when, and what. Committed state only.
//
// S1. A checkpoint is taken at one lsn. Changed auctions are captured in slices over many turns; one that is about to change
//     before its turn is captured first (copy on write), so all of them stand at that lsn.
// S2. What is written follows what changed: the small head of each changed auction, and its new rows.
// S3. One snapshot of a shard at a time, from its first capture to the word of the store: the next one begins where this one ended, so
//     it must know whether this one is there. A failed one changes nothing, and the next one carries what it had.
// S4. Nothing that a store would not give back leaves memory.
import { ANSWER_BYTES } from "../core/answers.ts";
import type { Offset } from "../core/ids.ts";
import { invariant } from "../core/invariant.ts";
import { BID_BYTES, ROW_BYTES } from "../core/ledger.ts";
import type { AuctionState } from "../core/state.ts";
import { capture, type SavedMarks } from "../core/state.ts";
import { stateHash } from "../core/state-hash.ts";
import { judgeCheckpoint } from "../core/validity.ts";
import { publicState, publicTerms } from "../core/view.ts";
import type { AuctionSnapshot, CatalogueColumns, Checkpoint } from "../ports.ts";
import type { Actor } from "./actor.ts";
import { causeOf } from "./reading-errors.ts";
import type { Shard } from "./shard.ts";
import type { Capturing } from "./shard-state.ts";

/** Bytes of one row of each kind, as a store keeps them. */
export const SNAPSHOT_ROW_BYTES = Object.freeze({ answers: ANSWER_BYTES, bids: BID_BYTES, rows: ROW_BYTES });

const NO_COLUMNS: CatalogueColumns = Object.freeze({
  phase: null,
  outcome: null,
  currency: null,
  sellerId: null,
  lotId: null,
  opening: null,
  price: null,
  askingPrice: null,
  totalBids: 0,
  bidders: 0,
  leaderNumber: null,
  reserveMet: null,
  buyNow: null,
  opensAt: null,
  endsAt: null,
});

/** The public columns that lists and search read. */
export function catalogueColumns(state: AuctionState): CatalogueColumns {
  if (state.phase === null || state.settings === null) return NO_COLUMNS;
  const terms = publicTerms(state);
  const { phase, outcome, price, askingPrice, totalBids, bidders, leaderNumber, reserveMet, buyNow, opensAt, endsAt } = publicState(state);
  return {
    phase,
    outcome,
    currency: terms.currency,
    sellerId: terms.sellerId,
    lotId: terms.lotId,
    opening: terms.opening,
    price,
    askingPrice,
    totalBids,
    bidders,
    leaderNumber,
    reserveMet,
    buyNow,
    opensAt,
    endsAt,
  };
}

interface Captured {
  readonly actor: Actor;
  readonly before: SavedMarks;
  readonly after: SavedMarks;
}

/** One snapshot under way. */
export class SnapshotRun implements Capturing {
  readonly #shard: Shard;
  readonly #captured: Captured[] = [];
  readonly #snapshots: AuctionSnapshot[] = [];
  readonly #wanted: Actor[];
  readonly #judge: ReturnType<typeof judgeCheckpoint>;
  readonly #auctions: number;
  /** Of the shard at the run's lsn; null until all is captured. */
  #sum: Uint8Array | null = null;
  #aborted = false;

  constructor(shard: Shard) {
    this.#shard = shard;
    this.#judge = judgeCheckpoint(shard.judge);
    this.#auctions = countCommitted(shard);
    this.#wanted = [...shard.dirty];
    for (const actor of this.#wanted) {
      actor.captureWanted = actor.committed !== null;
      actor.dirty = false;
    }
    shard.dirty.clear();
  }

  /** Copies one auction as it is now; called before it changes, or in its turn. */
  capture(actor: Actor): void {
    if (!actor.captureWanted || actor.committed === null || this.#aborted) return;
    actor.captureWanted = false;
    const state = actor.committed;
    const { codec } = this.#shard.world;
    const hash = stateHash(state, codec.hash);
    const { head, segments, marks } = capture(state, actor.saved);
    this.#shard.hashes.exchange(actor.index, hash);
    this.#captured.push({ actor, before: actor.saved, after: marks });
    actor.saved = marks;
    this.#snapshots.push({
      auctionId: actor.auctionId,
      sequence: state.sequence,
      stateHash: hash,
      head: codec.packHead(head),
      segments,
      catalogue: catalogueColumns(state),
    });
  }

  /** Captures a slice; true when nothing is left to capture. */
  slice(): boolean {
    for (let n = 0; n < this.#shard.world.limits.snapshotSliceMax; n += 1) if (!this.#next()) return true;
    return false;
  }

  finish(): void {
    while (this.#next());
  }

  // Captures the next one; false when there is none. From then on the sum of hashes is no longer this run's business.
  #next(): boolean {
    const actor = this.#wanted.pop();
    if (actor === undefined) this.#sum ??= this.#shard.hashes.sum;
    else this.capture(actor);
    return actor !== undefined;
  }

  abort(): void {
    this.#aborted = true;
  }

  /** The whole of it, once all slices are done; null when it was aborted. */
  result(): { readonly checkpoint: Checkpoint; readonly snapshots: readonly AuctionSnapshot[] } | null {
    if (this.#aborted || this.#sum === null) return null;
    return { checkpoint: { ...this.#judge, stateHash: this.#sum, auctions: this.#auctions }, snapshots: this.#snapshots };
  }

  /** Puts everything back that a failed save had taken, so that the next snapshot carries it. */
  undo(): void {
    for (const actor of this.#wanted) actor.captureWanted = false;
    for (const { actor, before } of this.#captured) actor.saved = before.sequence < actor.saved.sequence ? before : actor.saved;
    for (const actor of [...this.#wanted, ...this.#captured.map((entry) => entry.actor)]) {
      if (actor.dirty || this.#shard.actors.get(actor.auctionId) !== actor) continue;
      actor.dirty = true;
      this.#shard.dirty.add(actor);
    }
  }
}

function countCommitted(shard: Shard): number {
  let count = shard.evicted;
  for (const actor of shard.actors.values()) if (actor.exists) count += 1;
  return count;
}

/** Takes and saves one snapshot. Returns false when it could not be saved; the auctions then stay marked as changed. */
export async function takeSnapshot(shard: Shard, turn: () => Promise<void>): Promise<boolean> {
  if (shard.judge.lifeId === null) return true;
  invariant(shard.snapshot.run === null, "one snapshot of a shard at a time");
  const { world } = shard;
  const begun = world.clock.monotonic();
  const run = new SnapshotRun(shard);
  shard.snapshot.run = run;
  try {
    const saved = await save(shard, run, turn);
    shard.snapshotAt = world.clock.monotonic();
    shard.savedTo = saved;
    world.counters.count("snapshots");
    world.counters.observe("snapshot_ms", world.clock.monotonic() - begun);
    return true;
  } catch (error) {
    run.undo();
    world.counters.count("snapshot_failures");
    world.say("warn", "snapshot_failed", { shard: shard.number, cause: causeOf(error) });
    return false;
  } finally {
    if (shard.snapshot.run === run) shard.snapshot.run = null;
  }
}

// Resolves with the offset of the checkpoint.
async function save(shard: Shard, run: SnapshotRun, turn: () => Promise<void>): Promise<Offset> {
  while (!run.slice()) await turn();
  const result = run.result();
  if (result === null) throw new Error("the shard was read again meanwhile");
  const word = await shard.world.store.save(result.checkpoint, result.snapshots);
  // What the store has is newer, and not this node's: nothing of this run may count as saved (S4).
  if (word === "superseded") throw new Error("the store has a checkpoint of another owner, or a newer one");
  return result.checkpoint.offset;
}

/** Lets closed auctions leave memory once a checkpoint holds them and they have been closed long enough. */
export function evictClosed(shard: Shard, closedBefore: number): number {
  let evicted = 0;
  for (const actor of shard.actors.values()) {
    if (actor.counted?.phase !== "closed") continue;
    const state = actor.committed;
    if (state === null || actor.dirty || actor.captureWanted || actor.inFlight > 0 || actor.depth > 0 || state.lastAt > closedBefore) continue;
    if (actor.saved.sequence !== state.sequence) continue;
    shard.removeActor(actor);
    shard.evicted += 1;
    evicted += 1;
  }
  return evicted;
}

/** Actors looked at in one turn: a look costs some tens of nanoseconds. */
const FOLD_LOOKS_MAX = 4_096;
/** Actors folded in one turn: ten microseconds each. */
const FOLDS_MAX = 100;

/** Folds the auctions nobody asked for since it last ran, in slices; a standby's too. */
export async function foldIdle(shard: Shard, turn: () => Promise<void>): Promise<number> {
  let [looks, folds, folded] = [0, 0, 0];
  for (const actor of shard.actors.values()) {
    if (actor.folded) continue;
    looks += 1;
    if (actor.foldIdle()) folds += 1;
    if (looks < FOLD_LOOKS_MAX && folds < FOLDS_MAX) continue;
    folded += folds;
    [looks, folds] = [0, 0];
    await turn();
  }
  return folded + folds;
}
