// The snapshot store of a simulated cluster as one process reaches it: late, failing, or away. The rows are the in-memory adapter's.
import type { MemorySnapshotStore } from "../../persistence/memory/snapshot-store.ts";
import type { AuctionId, Offset, Shard } from "../core/ids.ts";
import type { AsleepAuctions, AuctionSnapshot, Checkpoint, SnapshotStore, StoredAuction } from "../ports.ts";
import type { EventHeap, Owner } from "./heap.ts";
import type { SimOptions } from "./options.ts";
import type { PortCheck } from "./port-check.ts";
import type { Random } from "./random.ts";

/** Longer than a shard needs to change its owner and be saved by the new one. */
const LINGER_MS_MAX = 4_000;

export interface SimStoreWorld {
  readonly heap: EventHeap;
  readonly random: Random;
  readonly options: SimOptions;
  readonly faulty: () => boolean;
  /** Promises have to be run before the next event. */
  readonly stir: () => void;
  /** Hears of each checkpoint that was saved. */
  readonly saved: (checkpoint: Checkpoint, owner: Owner) => void;
}

export class SimStore implements SnapshotStore {
  static readonly AWAY = "the snapshot store is away";
  readonly #world: SimStoreWorld;
  readonly #rows: MemorySnapshotStore;
  readonly #owner: Owner;
  readonly #check: PortCheck;
  readonly #awayUntil: () => number;

  constructor(world: SimStoreWorld, rows: MemorySnapshotStore, owner: Owner, check: PortCheck, awayUntil: () => number) {
    this.#world = world;
    this.#rows = rows;
    this.#owner = owner;
    this.#check = check;
    this.#awayUntil = awayUntil;
  }

  // What is asked happens there after a while, whether the asker still lives or not; the answer comes back after another.
  #call<Result>(ask: () => Promise<Result>, thereMs = 0): Promise<Result> {
    const { heap, random, options, faulty, stir } = this.#world;
    return new Promise((resolve, reject) => {
      const lost = faulty() && random.chance(options.storeFails);
      const unheard = lost && random.chance(0.5);
      const backMs = options.storeMsMax * random.fraction();
      const fail = (): void => {
        heap.after(backMs, this.#owner, () => reject(new Error(SimStore.AWAY)));
      };
      heap.after(thereMs + options.storeMsMax * random.fraction(), null, () => {
        if ((lost && !unheard) || this.#awayUntil() > heap.now) {
          fail();
          return;
        }
        stir();
        ask().then(
          (result) => (unheard ? fail() : heap.after(backMs, this.#owner, () => resolve(result))),
          (error: unknown) => heap.after(backMs, this.#owner, () => reject(error)),
        );
      });
    });
  }

  save(checkpoint: Checkpoint, auctions: readonly AuctionSnapshot[]): Promise<"saved" | "superseded"> {
    return this.#call(async () => {
      const word = await this.#rows.save(checkpoint, auctions);
      if (word === "saved") this.#world.saved(checkpoint, this.#owner);
      return word;
    }, this.#lingerMs());
  }

  // A save may stand in a queue for long, and arrive when its owner is none any more.
  #lingerMs(): number {
    const { random, options, faulty } = this.#world;
    return options.storeLingers > 0 && faulty() && random.chance(options.storeLingers) ? LINGER_MS_MAX * random.fraction() : 0;
  }

  async checkpoints(shard: Shard): Promise<readonly Checkpoint[]> {
    return this.#call(() => this.#rows.checkpoints(shard));
  }

  async *auctions(checkpoint: Checkpoint, liveOnly: boolean): AsyncGenerator<readonly StoredAuction[]> {
    const lists = await this.#call(() => gather(this.#rows.auctions(checkpoint, liveOnly)));
    this.#known(checkpoint.shard, checkpoint.offset);
    for (const auction of lists) yield [auction];
  }

  async asleep(checkpoint: Checkpoint): Promise<AsleepAuctions> {
    const asleep = await this.#call(() => this.#rows.asleep(checkpoint));
    this.#known(checkpoint.shard, checkpoint.offset);
    return asleep;
  }

  async auction(shard: Shard, auctionId: AuctionId): Promise<StoredAuction | null> {
    const { auction, newest } = await this.#call(async () => {
      const [checkpoint] = await this.#rows.checkpoints(shard);
      return { auction: await this.#rows.auction(shard, auctionId), newest: checkpoint };
    });
    if (newest !== undefined) this.#known(shard, newest.offset);
    return auction;
  }

  #known(shard: Shard, below: Offset): void {
    this.#check.read(shard, below);
  }

  healthy(): boolean {
    return this.#awayUntil() <= this.#world.heap.now;
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

async function gather(lists: AsyncIterable<readonly StoredAuction[]>): Promise<readonly StoredAuction[]> {
  const all: StoredAuction[] = [];
  for await (const list of lists) all.push(...list);
  return all;
}
