// Who claims when, as a table: what one node has seen of a shard, and what it does.
import { expect, test } from "vitest";
import type { ReleaseReason } from "../ports.ts";
import { type ClaimLimits, claimPlan, type Sighting } from "./who-claims.ts";

const LIMITS: ClaimLimits = { silenceMs: 3_000, stepMs: 1_000, moveWaitMs: 2_000 };
const LONG = 3_600_000;

const OWNED: Sighting = { claim: 7, owner: "ash", own: false, release: null, silentMs: 0, waitedMs: LONG, calledMs: null, first: false };

function released(reason: ReleaseReason, target: string | null = null): Partial<Sighting> {
  return { release: { reason, target } };
}

type Row = readonly [name: string, nodes: string | null, node: string, seen: Partial<Sighting>, expected: string];

const FRESH: Partial<Sighting> = { claim: 0, owner: null, silentMs: Number.POSITIVE_INFINITY };

const ROWS: readonly Row[] = [
  ["W1: not named: never", "ash,birch", "dora", { silentMs: LONG }, "never"],
  ["W1: not named: never, released for it neither", "ash,birch", "dora", released("move", "dora"), "never"],
  ["W2: its own claim is renewed at once", "ash,birch", "birch", { owner: "birch", own: true }, "now again"],
  ["W2: the claim of the process before it under its name is renewed when it starts", "ash,birch", "ash", { first: true, waitedMs: 0 }, "now start"],
  ["W2: a twin under its name is another node once it has started", "ash,birch", "ash", { owner: "ash" }, "in 3000 takeover"],
  ["W3: nobody claimed yet: the first node does", "ash,birch", "ash", { ...FRESH, waitedMs: 0, first: true }, "now start"],
  ["W3: nobody claimed yet: the second waits", "ash,birch", "birch", { ...FRESH, waitedMs: 0, first: true }, "in 4000 takeover"],
  ["W3: nobody claimed yet: the third waits longer", "ash,birch,cedar", "cedar", { ...FRESH, waitedMs: 500, first: true }, "in 4500 takeover"],
  ["W4: released for it: at once", "ash,birch", "birch", released("move", "birch"), "now move"],
  ["W4: released for another standby: waits for it", "ash,birch,cedar", "cedar", { ...released("move", "birch"), silentMs: 200 }, "in 3800 takeover"],
  ["W4: stopped: the next in order at once", "ash,birch,cedar", "birch", released("stop"), "now takeover"],
  ["W4: stopped: the one after it a step later", "ash,birch,cedar", "cedar", released("stop"), "in 1000 takeover"],
  [
    "W4: stopped before it began to wait: the first node has its chance",
    "ash,birch",
    "birch",
    { ...released("stop"), silentMs: LONG, waitedMs: 0 },
    "in 3000 takeover",
  ],
  ["W4: stopped by its own process before: the first node comes back", "ash,birch", "ash", { ...released("stop"), silentMs: LONG, first: true }, "now start"],
  ["W4: stopped by another: the first node takes it back", "ash,birch", "ash", { ...released("stop"), owner: "birch" }, "now takeover"],
  ["W4: clock: who released is the last", "ash,birch,cedar", "ash", { ...released("clock"), own: true }, "in 2000 again"],
  ["W4: clock: the others claim in order", "ash,birch,cedar", "birch", released("clock"), "now takeover"],
  ["W4: clock: alone it comes back at once", "ash", "ash", { ...released("clock"), own: true }, "now again"],
  ["W5: another lives: waits", "ash,birch", "birch", { silentMs: 900 }, "in 2100 takeover"],
  ["W5: another lives: the first node waits too", "ash,birch", "ash", { owner: "birch", silentMs: 900, first: true, waitedMs: 0 }, "in 2100 takeover"],
  ["W5: silent: the next in order", "ash,birch,cedar", "birch", { silentMs: 3_000 }, "now takeover"],
  ["W5: silent: the one after it a step later", "ash,birch,cedar", "cedar", { silentMs: 3_000 }, "in 1000 takeover"],
  ["W5: silent: the owner does not count in the order", "ash,birch,cedar", "cedar", { owner: "birch", silentMs: 3_000 }, "in 1000 takeover"],
  [
    "W5: silent long before it starts: the first node claims at once",
    "ash,birch",
    "ash",
    { owner: "birch", silentMs: LONG, first: true, waitedMs: 0 },
    "now takeover",
  ],
  ["W7: silent long before it starts: a standby waits all the same", "ash,birch", "birch", { silentMs: LONG, first: true, waitedMs: 0 }, "in 3000 takeover"],
  ["W5: called: waits for the RELEASE", "birch,ash", "birch", { silentMs: 100, calledMs: 1_500 }, "in 2900 takeover"],
  ["W5: called: claims when it never comes", "birch,ash", "birch", { silentMs: 100, calledMs: 5_000 }, "now move"],
  ["W5: owned by a node that is not named: it is given time to release", "birch", "birch", { silentMs: 100, waitedMs: 4_000 }, "in 1000 move"],
  ["W6: no order: all claim when they start", null, "birch", { silentMs: 100, first: true, waitedMs: 0 }, "now start"],
  ["W6: no order: afterwards silence is waited for", null, "birch", { silentMs: 100 }, "in 2900 takeover"],
  ["W6: no order: released: at once", null, "birch", released("stop"), "now takeover"],
];

for (const [name, nodes, nodeId, seen, expected] of ROWS) {
  test(`who claims: ${name}`, () => {
    const plan = claimPlan({ nodeId, nodes: nodes === null ? null : nodes.split(","), assigned: true }, { ...OWNED, ...seen }, LIMITS);
    const said = plan === null ? "never" : plan.inMs <= 0 ? `now ${plan.reason}` : `in ${plan.inMs} ${plan.reason}`;
    expect(said).toBe(expected);
  });
}

test("who claims: of three standbys no two claim within a step of each other, whoever fell silent", () => {
  const nodes = ["ash", "birch", "cedar", "dora"];
  for (const owner of nodes) {
    const waits = nodes.filter((node) => node !== owner).map((nodeId) => claimPlan({ nodeId, nodes, assigned: true }, { ...OWNED, owner }, LIMITS)?.inMs);
    expect(waits).toEqual([3_000, 4_000, 5_000]);
  }
});
