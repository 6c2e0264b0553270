// A gate for calls of a port: they go through at once, or wait until the test lets them go. For tests of races.
import type { AuctionId, Shard } from "../core/ids.ts";
import type { AsleepAuctions, AuctionSnapshot, Checkpoint, DecisionLog, SnapshotStore, StoredAuction } from "../ports.ts";

/** Closed, it keeps who comes; `open` lets all of them go on, and who comes later too. */
export class Gate {
  #waiting: (() => void)[] | null = null;

  close(): void {
    this.#waiting ??= [];
  }

  open(): void {
    const waiting = this.#waiting ?? [];
    this.#waiting = null;
    for (const go of waiting) go();
  }

  /** How many wait. */
  get waiting(): number {
    return this.#waiting?.length ?? 0;
  }

  pass(): Promise<void> {
    const waiting = this.#waiting;
    return waiting === null ? Promise.resolve() : new Promise((resolve) => waiting.push(resolve));
  }
}

/** A snapshot store behind gates. What is saved or fetched is settled when the call goes through. */
export class HeldStore implements SnapshotStore {
  readonly saving = new Gate();
  readonly fetching = new Gate();
  readonly loading = new Gate();
  /** Asked when a call goes through; true makes it fail. */
  fails: (call: "save" | "fetch" | "load") => boolean = () => false;
  readonly #inner: SnapshotStore;

  constructor(inner: SnapshotStore) {
    this.#inner = inner;
  }

  async save(checkpoint: Checkpoint, auctions: readonly AuctionSnapshot[]): Promise<"saved" | "superseded"> {
    await this.saving.pass();
    if (this.fails("save")) throw new Error("the store is away");
    return this.#inner.save(checkpoint, auctions);
  }

  checkpoints(shard: Shard): Promise<readonly Checkpoint[]> {
    return this.#inner.checkpoints(shard);
  }

  async *auctions(checkpoint: Checkpoint, liveOnly: boolean): AsyncGenerator<readonly StoredAuction[]> {
    await this.loading.pass();
    if (this.fails("load")) throw new Error("the store is away");
    yield* this.#inner.auctions(checkpoint, liveOnly);
  }

  asleep(checkpoint: Checkpoint): Promise<AsleepAuctions> {
    return this.#inner.asleep(checkpoint);
  }

  async auction(shard: Shard, auctionId: AuctionId): Promise<StoredAuction | null> {
    const found = await this.#inner.auction(shard, auctionId);
    await this.fetching.pass();
    if (this.fails("fetch")) throw new Error("the store is away");
    return found;
  }

  healthy(): boolean {
    return this.#inner.healthy();
  }

  close(): Promise<void> {
    return this.#inner.close();
  }
}

/** A log whose reads wait at a gate, and which counts its requests. */
export class HeldLog {
  readonly reading = new Gate();
  requests = 0;

  wrap(log: DecisionLog): DecisionLog {
    const { reading } = this;
    const read: DecisionLog["read"] = async function* (shard, from, to) {
      await reading.pass();
      yield* log.read(shard, from, to);
    };
    const append: DecisionLog["append"] = (appends, done) => {
      this.requests += 1;
      log.append(appends, done);
    };
    return {
      durability: log.durability,
      durable: log.durable,
      laneOf: (shard) => log.laneOf(shard),
      append,
      read,
      tail: (shard, from, signal) => log.tail(shard, from, signal),
      ends: (shard) => log.ends(shard),
      trim: (shard, below) => log.trim(shard, below),
      room: () => log.room(),
      close: () => log.close(),
    };
  }
}
