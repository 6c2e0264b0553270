// Virtual time: one heap of events, and what each of them is bound to. Nothing happens in a simulated world but by an event of it.
//
// Owns: the time, and the order of what happens at one time. Must not: know what an event does.
//
// W1. Events of one instant happen in the order in which they were put in.
// W2. What a process is to do waits while it is frozen, and happens in the old order when it is thawed. What a dead one was to do never
//     happens. What it had sent before takes its course: that is bound to nobody.

/** A process of the simulated world, as the heap sees it. */
export interface Owner {
  readonly name: string;
  dead: boolean;
  /** What it has to do when it is thawed; null while it runs. */
  frozen: HeapEvent[] | null;
}

/** One thing that will happen. `owner` null: it happens whoever lives. */
export interface HeapEvent {
  readonly at: number;
  readonly order: number;
  readonly owner: Owner | null;
  readonly run: () => void;
  cancelled: boolean;
}

function isBefore(left: HeapEvent, right: HeapEvent): boolean {
  return left.at < right.at || (left.at === right.at && left.order < right.order);
}

export class EventHeap {
  /** Virtual ms since the world began. */
  now = 0;
  /** Events taken so far. */
  taken = 0;
  readonly #events: HeapEvent[] = [];
  #order = 0;

  /** Has something happen after a delay; returned, so that it can be cancelled. */
  after(delayMs: number, owner: Owner | null, run: () => void): HeapEvent {
    this.#order += 1;
    const event: HeapEvent = { at: this.now + Math.max(0, delayMs), order: this.#order, owner, run, cancelled: false };
    this.#push(event);
    return event;
  }

  /** The next event that is to be run, at `until` at the latest; undefined when there is none. The time is then its time (or `until`). */
  take(until: number): HeapEvent | undefined {
    for (;;) {
      const top = this.#events[0];
      if (top === undefined || top.at > until) {
        this.now = Math.max(this.now, until);
        return undefined;
      }
      this.#pop();
      if (top.cancelled || top.owner?.dead === true) continue;
      this.now = top.at;
      const held = top.owner?.frozen ?? null;
      if (held !== null) {
        held.push(top);
        continue;
      }
      this.taken += 1;
      return top;
    }
  }

  freeze(owner: Owner): void {
    owner.frozen ??= [];
  }

  thaw(owner: Owner): void {
    const held = owner.frozen ?? [];
    owner.frozen = null;
    for (const event of held) {
      // One of them may cancel another.
      this.after(0, owner, () => {
        if (!event.cancelled) event.run();
      });
    }
  }

  #push(event: HeapEvent): void {
    const events = this.#events;
    let at = events.length;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = events[parent] as HeapEvent;
      if (!isBefore(event, above)) break;
      events[at] = above;
      at = parent;
    }
    events[at] = event;
  }

  #pop(): void {
    const events = this.#events;
    const last = events.pop() as HeapEvent;
    if (events.length === 0) return;
    let at = 0;
    for (;;) {
      let child = at * 2 + 1;
      if (child >= events.length) break;
      if (child + 1 < events.length && isBefore(events[child + 1] as HeapEvent, events[child] as HeapEvent)) child += 1;
      if (isBefore(last, events[child] as HeapEvent)) break;
      events[at] = events[child] as HeapEvent;
      at = child;
    }
    events[at] = last;
  }
}
