// A steady load of bids on a cluster that is being hurt, and what it felt of it.
//
// Owns: bidders, their pace, when bids were accepted. Must not: hurt anything.
//
// B1. Each bidder has one bid in flight, made at its planned time or as soon as the last one is answered. Amounts follow the clock, so a
//     bid that waited is no lower than it should be and nearly all are accepted.
// B2. A bid without an answer is asked again under its key until it has one, as the SDK does. One bid in four gives up at its first
//     refusal instead: what was refused and never asked again must not be in the log.
// B3. What is still open when the load ends is asked until it is answered.
import { setMaxListeners } from "node:events";
import type { Shard } from "../../engine/core/ids.ts";
import type { Ask } from "../../engine/sim/history.ts";
import { now, wait } from "../clock.ts";
import { type Bid, TestBidder } from "../standalone/test-bidder.ts";
import type { CrashCluster } from "./cluster.ts";

export interface LoadOptions {
  readonly bidders?: number;
  /** Bids a second of all bidders together. */
  readonly perSecond?: number;
  /** Auctions of each shard. */
  readonly auctionsPerShard?: number;
}

interface Open {
  readonly bidder: TestBidder;
  readonly bid: Bid;
}

const GIVES_UP_EVERY = 4;
const CENTS_PER_MS = 10;
const HOUR_MS = 3_600_000;
const CREATED = 201;
const CREATE_TRIES_MAX = 400;
const LOOK_AGAIN_MS = 20;

export class Load {
  readonly #cluster: CrashCluster;
  readonly #bidders: readonly TestBidder[];
  readonly #periodMs: number;
  readonly #auctions: readonly (readonly string[])[];
  readonly #begun = now();
  readonly #open: Open[] = [];
  readonly #ended = new AbortController();
  readonly #accepted: { readonly shard: Shard; readonly at: number }[] = [];
  readonly #waiting = new Set<() => void>();
  readonly #running: Promise<unknown>;

  private constructor(cluster: CrashCluster, auctions: readonly (readonly string[])[], bidders: readonly TestBidder[], perSecond: number) {
    this.#cluster = cluster;
    this.#auctions = auctions;
    this.#bidders = bidders;
    setMaxListeners(bidders.length, this.#ended.signal);
    this.#periodMs = (bidders.length * 1_000) / perSecond;
    this.#running = Promise.all(bidders.map((bidder, n) => this.#bid(bidder, n)));
  }

  /** Opens auctions in every shard and begins to bid on all of them. */
  static async start(cluster: CrashCluster, { bidders = 24, perSecond = 300, auctionsPerShard = 3 }: LoadOptions = {}): Promise<Load> {
    const auctions = await openAuctions(cluster, auctionsPerShard);
    const made = await Promise.all(
      Array.from({ length: bidders }, async (_, n) => {
        const issuerId = `bidder-${n}`;
        return new TestBidder({ issuerId, url: () => cluster.socketUrl(n), token: await cluster.token(issuerId) });
      }),
    );
    return new Load(cluster, auctions, made, perSecond);
  }

  async #bid(bidder: TestBidder, seed: number): Promise<void> {
    for (let n = 0; !this.#ended.signal.aborted; n += 1) {
      const plannedAt = this.#begun + (n + seed / this.#bidders.length) * this.#periodMs;
      if (plannedAt > now()) await wait(plannedAt - now(), this.#ended.signal);
      if (this.#ended.signal.aborted) return;
      await this.#ask(bidder, this.#made(seed, n), n % GIVES_UP_EVERY === 0);
    }
  }

  #made(seed: number, n: number): Bid {
    const list = this.#auctions[(seed + n) % this.#auctions.length] ?? [];
    const auctionId = list[(seed + n * 7) % list.length] ?? "";
    return { auctionId, key: `b${seed}-${n}`, amountMinor: 100 + Math.round((now() - this.#begun) * CENTS_PER_MS) + (seed % CENTS_PER_MS) };
  }

  async #ask(bidder: TestBidder, bid: Bid, givesUp: boolean): Promise<void> {
    const first = await bidder.ask(bid);
    if (first.kind === "refusal" && givesUp) return;
    if (first.kind !== "answer") {
      try {
        await bidder.insist(bid);
      } catch {
        this.#open.push({ bidder, bid });
        return;
      }
    }
    const last = bidder.asks.at(-1);
    if (last?.outcome.kind !== "answer" || last.outcome.verdict !== "accepted") return;
    this.#accepted.push({ shard: this.#cluster.shardOf(bid.auctionId), at: now() });
    for (const wake of [...this.#waiting]) wake();
  }

  /** Waits until that many more bids were accepted in each of the shards; rejects when that takes too long. */
  async accepts(count: number, shards: readonly Shard[], limitMs = 60_000): Promise<void> {
    const from = this.#accepted.length;
    const late = AbortSignal.timeout(limitMs);
    const isLate = new Promise<void>((resolve) => late.addEventListener("abort", () => resolve(), { once: true }));
    const missing = (): readonly Shard[] => {
      const news = this.#accepted.slice(from);
      return shards.filter((shard) => news.filter((accepted) => accepted.shard === shard).length < count);
    };
    while (missing().length > 0) {
      if (late.aborted)
        throw new Error(
          `waited ${limitMs} ms for ${count} accepted bids in shards ${missing().join(", ")}; heard ${this.refusals()}\n${this.#cluster.lastWords()}`,
        );
      let wake: () => void = () => undefined;
      const heard = new Promise<void>((resolve) => {
        wake = resolve;
        this.#waiting.add(wake);
      });
      await Promise.race([heard, isLate]);
      this.#waiting.delete(wake);
    }
  }

  /** Waits until that many bids were refused with one of the codes; rejects when that takes too long. */
  async refused(count: number, codes: readonly string[], limitMs = 60_000): Promise<void> {
    const from = this.asks.length;
    const late = AbortSignal.timeout(limitMs);
    for (;;) {
      const found = this.asks.slice(from).filter(({ outcome }) => outcome.kind === "refusal" && codes.includes(outcome.code)).length;
      if (found >= count) return;
      if (late.aborted)
        throw new Error(`waited ${limitMs} ms for ${count} bids refused with ${codes.join(" or ")}, heard ${this.refusals()}\n${this.#cluster.lastWords()}`);
      await wait(LOOK_AGAIN_MS, late);
    }
  }

  /** When bids of the shard were accepted, epoch ms, in order. */
  acceptedAt(shard: Shard): readonly number[] {
    return this.#accepted.filter((accepted) => accepted.shard === shard).map(({ at }) => at);
  }

  /** From `from` to the first bid of the shard that was accepted later, ms; infinite when none was. */
  firstAcceptedMs(shard: Shard, from: number): number {
    const first = this.acceptedAt(shard).find((at) => at > from);
    return first === undefined ? Number.POSITIVE_INFINITY : first - from;
  }

  /** The longest time between two accepted bids of a shard of which the second came at `from` or later, ms. */
  longestGapMs(shard: Shard, from: number, to = Number.POSITIVE_INFINITY): number {
    const times = this.acceptedAt(shard);
    let longest = 0;
    for (const [index, at] of times.entries()) {
      const before = times[index - 1];
      if (before !== undefined && at >= from && before <= to) longest = Math.max(longest, at - before);
    }
    return longest;
  }

  /** How often each refusal was told, for people. */
  refusals(): string {
    const counts = new Map<string, number>();
    for (const { outcome } of this.asks) {
      const code = outcome.kind === "refusal" ? outcome.code : outcome.kind;
      counts.set(code, (counts.get(code) ?? 0) + 1);
    }
    return [...counts].map(([code, count]) => `${count} ${code}`).join(", ");
  }

  get asks(): readonly Ask[] {
    return this.#bidders.flatMap((bidder) => bidder.asks);
  }

  /** Ends the load; resolves with everything that was asked and told when each bid has its answer (B3). */
  async end(): Promise<readonly Ask[]> {
    this.#ended.abort();
    await this.#running;
    await Promise.all(this.#open.map(({ bidder, bid }) => bidder.insist(bid)));
    this.close();
    return this.asks;
  }

  /** However it stands. */
  close(): void {
    this.#ended.abort();
    for (const bidder of this.#bidders) bidder.close();
  }
}

// Ids are given by the engine, so auctions are opened until each shard has its share.
async function openAuctions(cluster: CrashCluster, perShard: number): Promise<readonly (readonly string[])[]> {
  const token = await cluster.token("seller-1", ["seller"]);
  const opened = new Map<Shard, string[]>();
  for (let n = 0; n < CREATE_TRIES_MAX; n += 1) {
    const auctionId = await openAuction(cluster, token, n);
    const shard = cluster.shardOf(auctionId);
    opened.set(shard, [...(opened.get(shard) ?? []), auctionId]);
    const lists = [...opened.values()];
    if (lists.length === cluster.shards && lists.every((list) => list.length >= perShard)) return lists.map((list) => list.slice(0, perShard));
  }
  throw new Error(`${CREATE_TRIES_MAX} auctions left a shard with fewer than ${perShard}`);
}

async function openAuction(cluster: CrashCluster, token: string, n: number): Promise<string> {
  const body = {
    lot: { title: `Lot ${n}` },
    currency: "USD",
    openingPriceMinor: 100,
    increments: { bands: [{ fromMinor: 0, stepMinor: 1 }] },
    opensAt: new Date(now()).toISOString(),
    durationMs: HOUR_MS,
  };
  const headers = { "content-type": "application/json", authorization: `Bearer ${token}`, "idempotency-key": `lot-${n}` };
  const response = await fetch(`${cluster.httpUrl(0)}/v1/auctions`, { method: "POST", headers, body: JSON.stringify(body) });
  const text = await response.text();
  if (response.status !== CREATED) throw new Error(`no auction was opened: ${response.status} ${text}`);
  return (JSON.parse(text) as { readonly auctionId: string }).auctionId;
}
