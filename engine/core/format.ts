// The one interface every format implements. Permission, phases, keys, the order of due commands and the answers are the same
// for all of them and stand in auction.ts; commands that only move an auction through its phases stand in course.ts.
import type { Command } from "./command.ts";
import { type AcceptedCode, type Decision, type Effects, NO_EFFECTS, type RejectionCode } from "./decision.ts";
import type { Instant, Minor } from "./ids.ts";
import type { Settings, SettingsInput } from "./settings.ts";
import type { SettingsCode } from "./settings-check.ts";
import type { AuctionState } from "./state.ts";

/** What a command gets: accepted with its effects, or the code that turns it down. */
export type Ruling = RejectionCode | { readonly code: AcceptedCode; readonly effects: Effects };

export interface Format {
  /** Complete settings, or the code of the first that does not hold. */
  validate(input: SettingsInput, now: Instant): Settings | SettingsCode;
  /** The ruling on a command that permission and phase let through. Never changes the state. */
  decide(settings: Settings, state: AuctionState, command: Command, now: Instant): Ruling;
  /** Applies the effects of an accepted decision; `state.sequence` and `state.lastAt` are already those of the decision. */
  apply(settings: Settings, state: AuctionState, decision: Decision): void;
  /** Least acceptable next bid; null when closed. */
  askingPrice(settings: Settings, state: AuctionState): Minor | null;
  /** null without a reserve. */
  reserveMet(state: AuctionState): boolean | null;
}

/** An accepted ruling on a command other than a bid. */
export function ok(effects: Partial<Effects>): Ruling {
  return { code: "ok", effects: { ...NO_EFFECTS, ...effects } };
}
