// One heap of due times per node: when auctions open and close. The only timer of the shards stands on its top.
//
// Owns: who is due next. Must not: decide, or believe that a timer fired on time: whoever is woken asks the auction again.
// D1. An entry is in the heap exactly while its due time is finite.
// D2. Entries leave in the order of (due time, auction id as bytes), so all readers of the rule agree.
import type { AuctionId, Instant } from "../core/ids.ts";

/** What the heap keeps of an auction. `heapIndex` is the heap's own, -1 while absent. */
export interface Due {
  readonly auctionId: AuctionId;
  due: number;
  heapIndex: number;
}

function before(left: Due, right: Due): boolean {
  return left.due < right.due || (left.due === right.due && left.auctionId < right.auctionId);
}

/** A binary heap that knows where each entry stands, so that moving an end costs a few steps. */
export class Deadlines<Entry extends Due> {
  readonly #heap: Entry[] = [];

  get size(): number {
    return this.#heap.length;
  }

  /** The earliest due time, or Infinity. */
  get top(): Instant {
    const first = this.#heap[0];
    return first === undefined ? Number.POSITIVE_INFINITY : first.due;
  }

  /** Puts, moves or (with Infinity) removes an entry. */
  set(entry: Entry, due: number): void {
    if (entry.heapIndex < 0) {
      entry.due = due;
      if (due === Number.POSITIVE_INFINITY) return;
      entry.heapIndex = this.#heap.length;
      this.#heap.push(entry);
      this.#rise(entry);
      return;
    }
    if (due === Number.POSITIVE_INFINITY) {
      this.#remove(entry);
      entry.due = due;
      return;
    }
    const earlier = due < entry.due;
    entry.due = due;
    if (earlier) this.#rise(entry);
    else this.#sink(entry);
  }

  /** Removes and returns the earliest entry due at or before `now`, or undefined. */
  takeDue(now: Instant): Entry | undefined {
    const first = this.#heap[0];
    if (first === undefined || first.due > now) return undefined;
    this.#remove(first);
    return first;
  }

  /** How many entries due at or before `until` are wanted. Looks at those alone, not at the whole heap. */
  count(until: Instant, wanted: (entry: Entry) => boolean): number {
    let count = 0;
    const places = [0];
    for (let place = places.pop(); place !== undefined; place = places.pop()) {
      const entry = this.#heap[place];
      if (entry === undefined || entry.due > until) continue;
      if (wanted(entry)) count += 1;
      places.push(place * 2 + 1, place * 2 + 2);
    }
    return count;
  }

  #remove(entry: Entry): void {
    const index = entry.heapIndex;
    const last = this.#heap.pop();
    entry.heapIndex = -1;
    if (last === undefined || last === entry) return;
    this.#heap[index] = last;
    last.heapIndex = index;
    this.#rise(last);
    this.#sink(last);
  }

  #rise(entry: Entry): void {
    const heap = this.#heap;
    let index = entry.heapIndex;
    while (index > 0) {
      const above = (index - 1) >> 1;
      const parent = heap[above];
      if (parent === undefined || !before(entry, parent)) break;
      heap[index] = parent;
      parent.heapIndex = index;
      index = above;
    }
    heap[index] = entry;
    entry.heapIndex = index;
  }

  #sink(entry: Entry): void {
    const heap = this.#heap;
    let index = entry.heapIndex;
    for (;;) {
      let below = index * 2 + 1;
      let child = heap[below];
      if (child === undefined) break;
      const right = heap[below + 1];
      if (right !== undefined && before(right, child)) {
        below += 1;
        child = right;
      }
      if (!before(child, entry)) break;
      heap[index] = child;
      child.heapIndex = index;
      index = below;
    }
    heap[index] = entry;
    entry.heapIndex = index;
  }
}
