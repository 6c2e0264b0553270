// Recent updates of one auction, and what a client that comes back with a pair is owed: the rows since, or a snapshot, and why.
//
// Owns: the last updates (256 or 60 s) as a chain of pairs. Must not: encode, send, or read a clock.
//
// V1. The chain has no gap: each update begins at the sequence where the one before ended. An update that begins elsewhere starts
//     the chain anew, so a delta never hides missing rows.
// V2. A pair names one state, whoever sends it. A pair of the chain gets a delta. A sequence inside a merged update (another
//     gateway may have got its parts one by one) gets one too, cut to the rows after it, if its epoch fits between those around it.
// V3. A pair above the newest one is `ahead`: the client knows more than is committed. It gets a snapshot and is counted.
import type { Epoch, Sequence } from "../../engine/core/ids.ts";
import type { PublicPair, PublicRow } from "../../engine/core/view.ts";
import type { Update, UpdateEvent } from "../../engine/protocol.ts";
import type { SnapshotWhy } from "./client-frames.ts";

/** Rows in one update to viewers; the others are counted. */
export const UPDATE_ROWS_MAX = 50;

/** What changed since a pair, newest rows only. */
export interface Delta {
  readonly kind: "delta";
  readonly previousSequence: Sequence;
  readonly events: readonly UpdateEvent[];
  /** Oldest first. */
  readonly rows: readonly PublicRow[];
  readonly rowsOmitted: number;
  readonly removed: readonly Sequence[];
  /** Whether the auction ended since: the client has not seen the hammer. */
  readonly ended: boolean;
}

export type Resumed = Delta | { readonly kind: "snapshot"; readonly why: SnapshotWhy };

interface Entry {
  readonly epoch: Epoch;
  readonly sequence: Sequence;
  /** Monotonic ms. */
  readonly receivedAt: number;
  readonly update: Pick<Update, "events" | "rows" | "rowsOmitted" | "removed">;
}

export class History {
  readonly #updatesMax: number;
  readonly #ageMsMax: number;
  /** The pair at which the first entry begins. */
  #base: PublicPair;
  readonly #entries: Entry[] = [];

  constructor(start: PublicPair, limits: { readonly historyUpdates: number; readonly historyMs: number }) {
    this.#base = { epoch: start.epoch, sequence: start.sequence };
    this.#updatesMax = limits.historyUpdates;
    this.#ageMsMax = limits.historyMs;
  }

  /** The newest pair. */
  get pair(): PublicPair {
    return this.#entries.at(-1) ?? this.#base;
  }

  get updates(): number {
    return this.#entries.length;
  }

  /** Takes an update whose pair is above the newest one. At the limit the oldest goes. */
  add(update: Update, now: number): void {
    if (update.previousSequence !== this.pair.sequence) {
      this.restart(update);
      return;
    }
    this.#entries.push({ epoch: update.epoch, sequence: update.sequence, receivedAt: now, update });
    if (this.#entries.length > this.#updatesMax) this.#dropOldest();
    this.expire(now);
  }

  /** Forgets everything before this pair (V1). */
  restart(pair: PublicPair): void {
    this.#entries.length = 0;
    this.#base = { epoch: pair.epoch, sequence: pair.sequence };
  }

  /** Drops what is too old to serve a resume. */
  expire(now: number): void {
    for (let first = this.#entries[0]; first !== undefined && now - first.receivedAt > this.#ageMsMax; first = this.#entries[0]) this.#dropOldest();
  }

  /** What a client is owed that last applied `pair`; null: it has none. */
  since(pair: PublicPair | null): Resumed {
    if (pair === null) return { kind: "snapshot", why: "first" };
    if (comparePairs(pair, this.pair) > 0) return { kind: "snapshot", why: "ahead" };
    if (comparePairs(pair, this.#base) < 0) return { kind: "snapshot", why: "history_gone" };
    const from = this.#placeOf(pair);
    return from === null ? { kind: "snapshot", why: "history_gone" } : this.#delta(pair.sequence, from);
  }

  /** Index of the first entry that tells something new to a client at `pair`, or null where no such state was (V2). */
  #placeOf(pair: PublicPair): number | null {
    if (comparePairs(pair, this.#base) === 0) return 0;
    let before = this.#base;
    for (let index = 0; index < this.#entries.length; index += 1) {
      const entry = this.#entries[index] as Entry;
      if (comparePairs(pair, entry) === 0) return index + 1;
      if (pair.sequence < entry.sequence) return pair.sequence > before.sequence && pair.epoch >= before.epoch && pair.epoch <= entry.epoch ? index : null;
      before = entry;
    }
    return null;
  }

  #delta(sequence: Sequence, from: number): Delta {
    const gathered: PublicRow[] = [];
    const events = new Set<UpdateEvent>();
    const removed: Sequence[] = [];
    let omitted = 0;
    for (let index = from; index < this.#entries.length; index += 1) {
      const { update } = this.#entries[index] as Entry;
      for (const event of update.events) events.add(event);
      for (const row of update.rows) if (row.sequence > sequence) gathered.push(row);
      omitted += update.rowsOmitted;
      removed.push(...update.removed);
    }
    const rows = newestRows(gathered);
    return {
      kind: "delta",
      previousSequence: sequence,
      events: [...events],
      rows,
      rowsOmitted: omitted + gathered.length - rows.length,
      removed,
      ended: events.has("ended"),
    };
  }

  #dropOldest(): void {
    const first = this.#entries.shift();
    if (first !== undefined) this.#base = { epoch: first.epoch, sequence: first.sequence };
  }
}

/** Below 0, 0 or above 0 as the first pair is older, the same or newer. Epoch first. */
export function comparePairs(one: PublicPair, other: PublicPair): number {
  return one.epoch === other.epoch ? one.sequence - other.sequence : one.epoch - other.epoch;
}

/** The newest 50, oldest first. */
export function newestRows(rows: readonly PublicRow[]): readonly PublicRow[] {
  return rows.length <= UPDATE_ROWS_MAX ? rows : rows.slice(-UPDATE_ROWS_MAX);
}
