// How many auctions of a shard are in which phase, for metrics and for how often an idle shard logs its time. Counted when a phase
// changes, never per bid.
import type { Phase } from "../core/decision.ts";
import type { Settings } from "../core/settings.ts";

/** What is counted of an auction; a rejected create has no phase and counts for nothing. */
export interface Counted {
  readonly phase: Phase | null;
  readonly settings: Pick<Settings, "outage"> | null;
}

export class PhaseCounts {
  readonly byPhase: Record<Phase, number> = { draft: 0, scheduled: 0, open: 0, paused: 0, closed: 0 };
  /** Open auctions that give lost time back. */
  givingBack = 0;

  /** Counts an auction whose phase was `before` (null: it is new) and is now that of `state`. */
  moved(before: Phase | null, state: Counted): void {
    if (before === state.phase) return;
    const givesBack = state.settings?.outage.policy === "give_back";
    if (before !== null) this.byPhase[before] -= 1;
    if (before === "open" && givesBack) this.givingBack -= 1;
    if (state.phase !== null) this.byPhase[state.phase] += 1;
    if (state.phase === "open" && givesBack) this.givingBack += 1;
  }

  /** Begins anew. `asleep`: closed auctions that are not in memory. */
  recount(states: Iterable<Counted>, asleep: number): void {
    for (const phase of Object.keys(this.byPhase) as Phase[]) this.byPhase[phase] = 0;
    this.givingBack = 0;
    for (const state of states) this.moved(null, state);
    this.byPhase.closed += asleep;
  }
}
