// What must hold when a course of events has been played and everything has healed. Each check is told as one line.
import { MemorySnapshotStore } from "../../persistence/memory/snapshot-store.ts";
import { ANSWER_BYTES } from "../core/answers.ts";
import { answerChunk, answerOffset, answerRow, apply, dueAt } from "../core/auction.ts";
import type { AuctionState } from "../core/state.ts";
import { publicState } from "../core/view.ts";
import { SNAPSHOT_ROW_BYTES } from "../shard/snapshots.ts";
import { type CourseWorld, SHARDS } from "./course.ts";
import { checkHistory, type Placed } from "./history.ts";
import { OneNode, type OneNodeOptions } from "./one-node.ts";
import { audited, finished } from "./scenes.ts";

/** Everything that is wrong; nothing when all is well. */
export async function courseFaults(world: CourseWorld): Promise<readonly string[]> {
  const faults = [...livenessFaults(world), ...(await restartFaults(world))];
  const { violations, placed } = await audited(world.newest);
  faults.push(...violations.map((violation) => `audit: ${JSON.stringify(violation)}`));
  faults.push(...checkHistory(world.keeper.asks(), placed).violations);
  const replayed = replay(placed);
  faults.push(...wordFaults(world), ...orderFaults(world), ...byteFaults(world, replayed), ...publicFaults(world, replayed));
  return faults;
}

interface Replayed {
  /** Bytes of the answer under auction, issuer and key. */
  readonly answers: ReadonlyMap<string, string>;
  /** The public state at each (auction, sequence). */
  readonly shown: ReadonlyMap<string, string>;
}

function replay(placed: readonly Placed[]): Replayed {
  const states = new Map<string, AuctionState>();
  const answers = new Map<string, string>();
  const shown = new Map<string, string>();
  for (const { decision } of placed) {
    const { auctionId, sequence, command } = decision;
    const state = apply(states.get(auctionId) ?? null, decision);
    states.set(auctionId, state);
    if (state.phase !== null) shown.set(`${auctionId} ${sequence}`, JSON.stringify(publicState(state)));
    if (command.keyDigest === null) continue;
    const row = answerRow(state, command.keyDigest);
    const bytes = answerChunk(state, row).subarray(answerOffset(row), answerOffset(row) + ANSWER_BYTES);
    answers.set(`${auctionId} ${command.issuerId} ${command.key}`, Buffer.from(bytes).toString("hex"));
  }
  return { answers, shown };
}

// Every command and read gets one word, and from a node that was killed at most one.
function wordFaults(world: CourseWorld): string[] {
  const told = [...world.keeper.sent.values(), ...world.keeper.reads.values()];
  return told.flatMap((sent) => {
    const name = "command" in sent ? `${sent.command.body.type} ${sent.command.issuerId} ${sent.command.key}` : `read ${JSON.stringify(sent.read)}`;
    if (sent.words > 1) return [`words: ${name} was told ${sent.words} times`];
    return sent.words === 0 && (!sent.node.dead || world.stopped.has(sent.node)) ? [`words: ${name} was told nothing`] : [];
  });
}

// I25: what one connection asked of one auction was decided in that order. Repeats of a key stand where the first one does.
function orderFaults(world: CourseWorld): string[] {
  const faults: string[] = [];
  const asked = new Set<string>();
  const last = new Map<OneNode, Map<string, number>>();
  for (const { command, node, outcome } of world.keeper.sent.values()) {
    const { auctionId, issuerId, key } = command;
    const name = `${auctionId} ${issuerId} ${key}`;
    const first = !asked.has(name);
    asked.add(name);
    if (!first || outcome?.kind !== "answer") continue;
    const of = last.get(node) ?? new Map<string, number>();
    last.set(node, of);
    if (outcome.sequence <= (of.get(auctionId) ?? 0)) faults.push(`order: ${name} at ${outcome.sequence} was asked after ${of.get(auctionId)}`);
    of.set(auctionId, outcome.sequence);
  }
  return faults;
}

function byteFaults(world: CourseWorld, { answers }: Replayed): string[] {
  return [...world.keeper.sent.values()].flatMap(({ command, outcome }) => {
    if (outcome?.kind !== "answer") return [];
    const logged = answers.get(`${command.auctionId} ${command.issuerId} ${command.key}`);
    return logged === outcome.text ? [] : [`bytes: ${command.auctionId} ${command.issuerId} ${command.key} was told ${outcome.text}, the log says ${logged}`];
  });
}

// What watchers and readers were shown is what the log says at that sequence, and for a watcher of one node it only goes forward.
function publicFaults(world: CourseWorld, { shown }: Replayed): string[] {
  const faults: string[] = [];
  for (const node of world.nodes) {
    const last = new Map<string, number>();
    for (const update of node.sink.updates) {
      const { auctionId, sequence, previousSequence } = update;
      const said = JSON.stringify(update.state);
      if (shown.get(`${auctionId} ${sequence}`) !== said)
        faults.push(`update: ${auctionId} ${sequence} showed ${said}, the log says ${shown.get(`${auctionId} ${sequence}`)}`);
      const before = last.get(auctionId) ?? 0;
      if (sequence <= before || previousSequence < before) faults.push(`update: ${auctionId} went from ${before} to ${previousSequence}..${sequence}`);
      last.set(auctionId, sequence);
    }
  }
  for (const { result } of world.keeper.reads.values()) {
    if (result === null || typeof result === "string" || result.kind !== "view") continue;
    const { auctionId, sequence, state } = result.view;
    if (shown.get(`${auctionId} ${sequence}`) !== JSON.stringify(state)) faults.push(`read: ${auctionId} ${sequence} showed what was never so`);
  }
  return faults;
}

function livenessFaults(world: CourseWorld): string[] {
  const { newest, time } = world;
  return newest.node.all().flatMap((shard) => {
    const faults: string[] = [];
    if (shard.phase !== "serving") faults.push(`liveness: shard ${shard.number} is ${shard.phase}`);
    if (shard.mail !== 0 || shard.heldDecisions !== 0 || shard.orphanCount !== 0) faults.push(`liveness: somebody waits at shard ${shard.number}`);
    for (const { committed, head, auctionId, inFlight, loading } of shard.actors.values()) {
      if (committed !== head || inFlight !== 0 || loading) faults.push(`liveness: ${auctionId} is not at rest`);
      if (committed !== null && dueAt(committed) <= time.now()) faults.push(`liveness: ${auctionId} is overdue`);
    }
    return faults;
  });
}

// Live, recovered from snapshots and tail, recovered from the log alone: each releases its shards with its state hash, and the audit
// compares each with a replay from the first record.
async function restartFaults(world: CourseWorld): Promise<string[]> {
  const { newest } = world;
  await finished(newest, newest.node.stop());
  newest.kill();
  const recovered = await restarted({ before: newest, nodeId: "recovered" });
  const empty = new MemorySnapshotStore({ rowBytes: SNAPSHOT_ROW_BYTES, closedKeptMs: 0 });
  const replayed = await restarted({ before: recovered, nodeId: "replayed", snapshots: empty });
  const from = (node: OneNode, event: string): unknown[] => node.lines.flatMap((line) => (line.event === event ? [line.fields.from ?? line.fields] : []));
  const faults = [...from(recovered, "snapshot_unfit"), ...from(recovered, "shard_stopped"), ...from(replayed, "shard_stopped")].map(
    (fields) => `restart: ${JSON.stringify(fields)}`,
  );
  const ways = [...from(recovered, "shard_claimed"), ...from(replayed, "shard_claimed")].join(" ");
  if (ways !== "checkpoint checkpoint zero zero") faults.push(`restart: recovered from ${ways}`);
  return faults;
}

async function restarted(options: OneNodeOptions): Promise<OneNode> {
  const node = await new OneNode({ shards: SHARDS, ...options }).start();
  await finished(node, node.node.stop());
  node.kill();
  return node;
}
