// What the clients of a simulated cluster ask, and when: auctions that end while everything goes wrong, bids near the asking price, and
// now and then something a seller or an operator does.
import type { CommandBody } from "../core/command.ts";
import type { Cluster } from "./cluster.ts";
import { commandOf } from "./one-node.ts";
import type { Random } from "./random.ts";
import { EPOCH } from "./sim-node.ts";

const BIDDERS = ["ann", "bob", "cyn", "dan"] as const;
const REASON = "mistyped_amount";
const OPENING = 100;

function settingsOf(random: Random, now: number, faultsMs: number): Record<string, unknown> {
  const pause = random.chance(0.2) ? 300 : 0;
  return {
    currency: "USD",
    sellerId: "sue",
    opening: OPENING,
    opensAt: EPOCH + now + pause,
    durationMs: random.chance(0.7) ? random.between(300, faultsMs) : 60_000,
    reserve: random.chance(0.3) ? 800 : null,
    buyNow: random.chance(0.2) ? { price: 6_000, until: "price_reached" } : null,
    softClose: random.chance(0.5) ? { windowMs: 1_000, amountMs: 500, base: "end" } : null,
    retraction: { earlyMs: 0, lateGraceMs: 60_000, reasons: [REASON], leaderMay: true },
    outage: random.chance(0.4) ? { policy: "give_back", lostMsMin: random.pick([0, 500]) } : { policy: "none" },
  };
}

/** Puts everything that will be asked into the heap. */
export function scheduleLoad(cluster: Cluster): void {
  const { heap, random, options, auctions } = cluster;
  for (const [n, auctionId] of auctions.entries()) {
    heap.after(random.between(0, 200), null, () => {
      const settings = settingsOf(random, heap.now, options.faultsMs);
      cluster.clients.wish(commandOf("seller", "sue", auctionId, `create-${n}`, { type: "create", settings }));
    });
  }
  for (let bidder = 0; bidder < options.bidders; bidder += 1) {
    for (let n = 0; n < options.asks; n += 1) heap.after(random.between(150, options.faultsMs), null, () => bid(cluster, BIDDERS[bidder] as string, n));
  }
  const others = random.between(0, 3);
  for (let n = 0; n < others; n += 1) heap.after(random.between(300, options.faultsMs), null, () => operate(cluster, n));
  for (let n = 0; n < options.reads; n += 1) heap.after(random.between(150, options.faultsMs), null, () => read(cluster));
}

function bid(cluster: Cluster, bidder: string, n: number): void {
  const { random, options, auctions, clients, count } = cluster;
  const auctionId = random.pick(auctions);
  const state = cluster.logOf(auctionId).stateOf(auctionId);
  const amount = Math.max(1, (state?.price ?? OPENING) + random.pick([-100, 0, 50, 100, 100, 300]));
  const kind = random.chance(0.2) ? "flat" : "maximum";
  const body: CommandBody = { type: "place_bid", kind, amount, currency: "USD" };
  clients.wish(commandOf("bidder", bidder, auctionId, `k${n}`, random.chance(0.05) ? { type: "retract_bid", reason: REASON } : body));
  if (!random.chance(options.keyReused)) return;
  count("key_reused");
  clients.wish(commandOf("bidder", bidder, auctionId, `k${random.between(0, n)}`, { ...body, amount: amount + 1 }));
}

function operate(cluster: Cluster, n: number): void {
  const { random, auctions, clients } = cluster;
  const body: CommandBody = random.pick<CommandBody>([
    { type: "pause", reason: REASON },
    { type: "resume", leaveAtLeastMs: 500 },
    { type: "resume", leaveAtLeastMs: 500 },
    { type: "void_bid", bidId: random.between(2, 6), reason: REASON },
    { type: "withdraw", reason: REASON },
  ]);
  clients.wish(commandOf("operator", "olga", random.pick(auctions), `o${n}`, body));
}

// A fresh read shows at least what was told before it was asked; a plain one shows what once was so.
function read(cluster: Cluster): void {
  const { random, auctions, clients } = cluster;
  const auctionId = random.pick(auctions);
  const fresh = random.chance(0.5);
  const told = clients.told.get(auctionId) ?? 0;
  const gateway = cluster.gateways().at(random.between(0, 1));
  gateway?.read({ kind: "view", auctionId, fresh, history: 5, bidderId: null }, 2_000, (result) => {
    if (result !== null) cluster.checkView(gateway.name, result, fresh ? told : 0);
  });
}
