// Who claims a shard, and when: from the placement and from what the log has shown of it. Pure.
//
// Liveness only. Whatever this says, the log decides who owns: a claim too many costs a pause and never an answer.
//
// W1. Whoever the placement does not name for a shard never claims it.
// W2. A claim of one's own, or of the process that ran under this node's name before, is renewed at once.
// W3. Nobody claimed yet: the first node does, the others wait as if it had fallen silent.
// W4. Released: its target claims at once. Released for nobody (stop, clock): the nodes claim in order, each one step later. Where a
//     target was named and does not come, the others wait as if it had fallen silent. Who released is the last of them.
// W5. Owned by another: it has to be silent for the whole limit. Each node waits one step longer for every node before it, so that two
//     standbys do not duel. The first node of a new placement waits for a RELEASE, and claims without one when it never comes.
// W6. Nodes that only know their own shards (no order) all claim when they start; afterwards they wait for silence like anybody else.
// W7. A standby that has just begun to wait cannot know of silence before: only the first node counts what lies before its start.
import type { ClaimReason, ReleaseReason } from "../ports.ts";

/** What a placement says of one shard to one node. */
export interface Place {
  readonly nodeId: string;
  /** The first owns the shard, the others stand by in this order. null: no order is known, only whether this node is to own it. */
  readonly nodes: readonly string[] | null;
  readonly assigned: boolean;
}

/** What a node has seen of one shard. */
export interface Sighting {
  /** Offset of the effective claim; 0: nobody claimed yet. */
  readonly claim: number;
  /** Node of that claim; null when it is not known. */
  readonly owner: string | null;
  /** Whether that claim was made by this process. */
  readonly own: boolean;
  /** The RELEASE that closed it, or null. */
  readonly release: { readonly reason: ReleaseReason; readonly target: string | null } | null;
  /** Ms since the last record that counts was heard; infinite when none was. */
  readonly silentMs: number;
  /** Ms since this node began to stand by. */
  readonly waitedMs: number;
  /** Ms since a placement made this node the first of the shard while it ran; null when none did. */
  readonly calledMs: number | null;
  /** Whether this process has not tried to claim it yet. */
  readonly first: boolean;
}

export interface ClaimLimits {
  /** Silence after which an owner counts as gone. */
  readonly silenceMs: number;
  /** What each node in the order waits longer than the one before it: longer than a claim takes to be seen. */
  readonly stepMs: number;
  /** How long an owner waits before it gives a shard up to the first node of a new placement. */
  readonly moveWaitMs: number;
}

/** When to claim (in ms from now; 0 or less: now), and what for. */
export interface ClaimPlan {
  readonly inMs: number;
  readonly reason: ClaimReason;
}

/** Place in the order: 0 owns, others stand by, -1 is not named. */
export function rankOf(place: Place): number {
  if (place.nodes === null) return place.assigned ? 0 : -1;
  return place.nodes.indexOf(place.nodeId);
}

/** Null: never, as things are. */
export function claimPlan(place: Place, seen: Sighting, limits: ClaimLimits): ClaimPlan | null {
  const rank = rankOf(place);
  if (rank < 0) return null; // W1
  if (seen.claim === 0) return rank === 0 ? { inMs: 0, reason: "start" } : takeover(place, null, seen, limits); // W3
  if (seen.release !== null) return afterRelease(place, seen, seen.release, limits); // W4
  if (seen.own) return { inMs: 0, reason: "again" }; // W2
  if (seen.first && (place.nodes === null || seen.owner === place.nodeId)) return { inMs: 0, reason: "start" }; // W2, W6
  const silent = takeover(place, seen.owner, seen, limits);
  const called = calledMs(place, seen, rank);
  if (called === null) return silent;
  const calledIn = limits.moveWaitMs + limits.silenceMs - called;
  return calledIn < silent.inMs ? { inMs: calledIn, reason: "move" } : silent; // W5
}

// An owner that the placement does not name is about to give the shard up.
function calledMs({ nodes }: Place, { owner, calledMs: called, waitedMs }: Sighting, rank: number): number | null {
  if (rank !== 0 || nodes === null) return null;
  return called ?? (owner !== null && !nodes.includes(owner) ? waitedMs : null);
}

// Those before this node in the order, without the one that is gone.
function orderOf({ nodeId, nodes }: Place, gone: string | null): number {
  return nodes === null ? 0 : nodes.filter((node) => node !== gone || node === nodeId).indexOf(nodeId);
}

function takeover(place: Place, gone: string | null, seen: Sighting, limits: ClaimLimits): ClaimPlan {
  const silentMs = rankOf(place) === 0 ? seen.silentMs : Math.min(seen.silentMs, seen.waitedMs); // W7
  return { inMs: limits.silenceMs + orderOf(place, gone) * limits.stepMs - silentMs, reason: "takeover" };
}

function afterRelease(place: Place, seen: Sighting, release: NonNullable<Sighting["release"]>, limits: ClaimLimits): ClaimPlan {
  const { nodeId, nodes } = place;
  if (release.target === nodeId) return { inMs: 0, reason: "move" };
  const byThisNode = seen.own || seen.owner === nodeId;
  const comesBack = byThisNode && release.reason === "stop" && rankOf(place) === 0;
  if (nodes === null || comesBack) return { inMs: 0, reason: seen.first ? "start" : byThisNode ? "again" : "takeover" };
  const order = byThisNode ? nodes.length - 1 : orderOf(place, seen.owner);
  const targetComes = release.target !== null && release.target !== seen.owner && nodes.includes(release.target);
  const isOld = rankOf(place) > 0 && seen.silentMs > seen.waitedMs;
  const waitMs = (targetComes || isOld ? limits.silenceMs : 0) + order * limits.stepMs;
  return { inMs: waitMs - (isOld ? seen.waitedMs : seen.silentMs), reason: byThisNode ? "again" : "takeover" };
}
