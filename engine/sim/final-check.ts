// What must hold of a cluster when its faults have ended: everything comes to rest in time, and then every word that was ever said stands
// in the log.
import { dueAt } from "../core/auction.ts";
import { stateHash } from "../core/state-hash.ts";
import type { Shard } from "../shard/shard.ts";
import type { Cluster } from "./cluster.ts";
import { checkHistory, type Placed } from "./history.ts";

/** A close may be this late while its shard is served. */
const LATE_MS = 1_000;
/** A TIME may be this late: the way of its append, and of one before it. */
const BEAT_LATE_MS = 600;
/** Claims that count, of one shard: of whoever takes it, of its home, and one that was on its way. */
const CLAIMS_MAX = 3;

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

/** What has not come to rest, in words; nothing when all has. */
export function unrest(cluster: Cluster): readonly string[] {
  return [...shardsAtUnrest(cluster), ...auctionsAtUnrest(cluster), ...clientsAtUnrest(cluster)];
}

function ownerOf({ processes }: Cluster, shard: number, claim: number): Shard | undefined {
  const owners = processes.flatMap((process) => process?.node.all()[shard] ?? []).filter(({ phase }) => phase === "serving");
  return owners.find(({ judge }) => judge.claim === claim);
}

/** V1: a shard that is served shows so in the log, by a TIME where there is nothing else. To be asked again and again while it should. */
export class HeartbeatCheck {
  readonly #cluster: Cluster;
  /** Of each shard: the running hash, which every record that counts changes, and since when it is that or nobody serves. */
  readonly #seen: { hash: string; since: number }[];
  /** Until then an append from the time of the faults may be in flight, and its shard waits for the outcome. */
  readonly #from: number;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
    this.#from = cluster.heap.now + cluster.options.appendLimitMs;
    this.#seen = cluster.logs.map(({ place }) => ({ hash: place.hash, since: cluster.heap.now }));
  }

  look(): void {
    const { logs, heap, options, tell } = this.#cluster;
    const silentMsMax = options.timeIdleMs + options.heartbeatMs + BEAT_LATE_MS;
    for (const { shard, place } of logs) {
      const seen = this.#seen[shard] as { hash: string; since: number };
      if (seen.hash !== place.hash || ownerOf(this.#cluster, shard, place.claim) === undefined) {
        seen.hash = place.hash;
        seen.since = heap.now;
      } else if (heap.now - Math.max(seen.since, this.#from) > silentMsMax) {
        tell("liveness", `V1: shard ${shard} is served, and nothing came into its log since ${Math.round(seen.since)}`);
      }
    }
  }
}

function shardsAtUnrest(cluster: Cluster): string[] {
  return cluster.logs.flatMap(({ shard, place }) => {
    const owner = ownerOf(cluster, shard, place.claim);
    if (owner === undefined) return [`V1: shard ${shard} is not served`];
    if (owner.mail + owner.heldDecisions + owner.orphanCount > 0) return [`V4: somebody waits at shard ${shard}`];
    const moving = [...owner.actors.values()].filter(({ committed, head, inFlight, loading }) => committed !== head || inFlight !== 0 || loading);
    return moving.map(({ auctionId }) => `V4: ${auctionId} is not at rest`);
  });
}

function auctionsAtUnrest(cluster: Cluster): string[] {
  const overdue = cluster.logs.flatMap((log) => [...log.states()]).filter((state) => dueAt(state) < cluster.wall() - LATE_MS);
  return overdue.map((state) => `V3: ${state.auctionId} is overdue since ${dueAt(state)}`);
}

function clientsAtUnrest(cluster: Cluster): string[] {
  const open = cluster.clients.open().map(({ issuerId, key }) => `V2: ${issuerId} does not know what became of ${key}`);
  const held = cluster.gateways().flatMap(({ name, pending }) => (pending.held() + pending.inFlight() > 0 ? [`V4: ${name} holds something`] : []));
  return [...open, ...held, ...viewersAtUnrest(cluster)];
}

function viewersAtUnrest(cluster: Cluster): string[] {
  return cluster.gateways().flatMap(({ name, shown }) =>
    cluster.auctions.flatMap((auctionId) => {
      const log = cluster.logOf(auctionId);
      const newest = log.changes.get(auctionId)?.at(-1);
      if (newest === undefined) return [];
      const text = JSON.stringify(shown.get(auctionId)?.state);
      return text === log.shown.get(`${auctionId} ${newest}`)?.text ? [] : [`V5: ${name} does not show ${auctionId} as it is`];
    }),
  );
}

/** V6: behind the offsets at which the faults ended, no shard changes its owner again and again. */
export function checkOwners(cluster: Cluster, before: readonly number[]): void {
  for (const { shard, claimants } of cluster.logs) {
    const since = [...claimants].filter(([offset]) => offset >= (before[shard] ?? 0));
    if (since.length <= CLAIMS_MAX) continue;
    cluster.tell("V6", `shard ${shard} was claimed ${since.length} times after the faults had ended: ${since.map(([, process]) => process).join(" ")}`);
  }
}

/** Everything that was said, held against the log. */
export function checkWords(cluster: Cluster): void {
  const placed = cluster.logs.flatMap((log) => log.placed);
  for (const message of checkHistory(cluster.clients.asks(), placed).violations) cluster.tell("history", `as the clients heard it: ${message}`);
  for (const message of checkHistory(cluster.sendings.asks(), placed).violations) cluster.tell("history", `as the nodes said it: ${message}`);
  checkRefusals(cluster, placed);
  checkOrder(cluster);
  for (const { words, command } of cluster.sendings.all) if (words > 1) cluster.tell("words", `${command.issuerId} ${command.key} was answered ${words} times`);
}

// What a process decided and the log holds, that process did not refuse: each sending that it had.
function checkRefusals(cluster: Cluster, placed: readonly Placed[]): void {
  const had = new Map<string, { refused: number; all: number }>();
  for (const { arrived, command, outcome } of cluster.sendings.all) {
    if (arrived === null) continue;
    const name = `${arrived.process} ${command.auctionId} ${command.issuerId} ${command.key}`;
    const counts = had.get(name) ?? { refused: 0, all: 0 };
    counts.all += 1;
    if (outcome?.kind === "refusal") counts.refused += 1;
    had.set(name, counts);
  }
  for (const { shard, decision } of placed) {
    const { command, auctionId, epoch, sequence } = decision;
    if (command.key === null) continue;
    const process = cluster.logs[shard]?.claimants.get(epoch);
    const counts = had.get(`${process} ${auctionId} ${command.issuerId} ${command.key}`);
    if (counts === undefined) cluster.tell("I9", `${process} decided ${command.issuerId} ${command.key}, which never came to it`);
    else if (counts.refused === counts.all) {
      cluster.tell("refusal", `${process} refused ${command.issuerId} ${command.key} of ${auctionId} each time, and the log has its decision at ${sequence}`);
    }
  }
}

// I25: what one link brought of one auction was decided in that order.
function checkOrder(cluster: Cluster): void {
  const last = new Map<string, number>();
  const arrived = cluster.sendings.all.filter(
    (sending) => sending.arrived !== null && sending.outcome?.kind === "answer" && !sending.replayed && !sending.twin,
  );
  arrived.sort((left, right) => (left.arrived?.order ?? 0) - (right.arrived?.order ?? 0));
  for (const { arrived: place, command, outcome } of arrived) {
    if (outcome?.kind !== "answer") continue;
    const name = `${place?.link} ${command.auctionId}`;
    const before = last.get(name) ?? 0;
    if (outcome.sequence <= before) cluster.tell("I25", `${name}: ${command.issuerId} ${command.key} at ${outcome.sequence} came after ${before}`);
    last.set(name, outcome.sequence);
  }
}

function liveHash(shard: Shard): Uint8Array {
  shard.snapshot.run?.finish();
  for (const { index, committed } of shard.dirty) if (committed !== null) shard.hashes.exchange(index, stateHash(committed, shard.world.codec.hash));
  return shard.hashes.sum;
}

/** Equal states wherever the same prefix was read: on every node, in every checkpoint, and in a replay from the first record (I14). */
export function checkStates(cluster: Cluster): void {
  const claims = cluster.vouched.map(({ checkpoint, by }) => ({ shard: checkpoint.shard, offset: checkpoint.offset, hash: hex(checkpoint.stateHash), by }));
  for (const process of cluster.processes) {
    for (const shard of process?.node.all() ?? []) {
      if (shard.judge.next === 0 || shard.reading !== 0 || process === null) continue;
      claims.push({ shard: shard.number, offset: shard.judge.next, hash: hex(liveHash(shard)), by: process.name });
    }
  }
  for (const log of cluster.logs) {
    const own = claims.filter(({ shard }) => shard === log.shard);
    const hashes = log.hashesBehind(new Set(own.map(({ offset }) => offset)));
    for (const { by, offset, hash } of own) {
      const replayed = hashes.get(offset);
      if (replayed !== hash) cluster.tell("I14", `${by} has shard ${log.shard} at ${offset} as ${hash}, a replay has ${replayed}`);
    }
  }
}
