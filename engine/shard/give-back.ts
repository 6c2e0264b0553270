// Time that bidders lost is given back where the auction says so: after an outage, after a log that refused, and for as long as bids
// are refused because little disk space is left.
//
// V1. An outage begins at the last logged time before it; an auction that got some of it back already is given the rest only.
// V2. While bids are refused for want of space, closes are logged; but an auction that gives lost time back does not close on bidders
//     who were turned away: it is given back what they lost so far. Once a second at most, and with a bound on the whole only once.
import { givenBackMs } from "../core/closing.ts";
import { type Command, engineCommand } from "../core/command.ts";
import type { Instant } from "../core/ids.ts";
import type { AuctionState } from "../core/state.ts";
import type { Actor } from "./actor.ts";

/** A close may be logged this late, so that refused time is given back in pieces that are worth a record. */
export const REFUSED_PIECE_MS = 1_000;

/** What is needed of a shard to give time back. */
interface Giving {
  readonly actors: ReadonlyMap<string, Actor>;
  giveBack(command: Command): void;
}

/** Queues a give-back for every auction that gets something of the time from `from` to `to`, in the order of auction ids. */
export function queueGiveBacks(shard: Giving, from: Instant, to: Instant): void {
  const commands = [...shard.actors.values()].flatMap((actor) => {
    if (actor.counted?.settings?.outage.policy !== "give_back") return [];
    const { committed } = actor;
    const command = committed === null ? null : giveBackOf(committed, from, to);
    return command === null ? [] : [command];
  });
  commands.sort((left, right) => (left.auctionId < right.auctionId ? -1 : 1));
  for (const command of commands) shard.giveBack(command);
}

/** The give-back of an auction for an outage, or null when it gives nothing. */
export function giveBackOf(state: AuctionState, from: Instant, to: Instant): Command | null {
  if (state.settings?.outage.policy !== "give_back" || (state.phase !== "open" && state.phase !== "scheduled")) return null;
  const start = Math.max(from, state.givenBackTo ?? 0);
  return givenBackMs(state, start, to) > 0 ? engineCommand(state.auctionId, { type: "give_back", from: start, to }) : null;
}

/** The same for time in which bids are refused since `since`: with a bound on what is given, only once. */
export function refusedTimeOf(state: AuctionState, since: Instant, to: Instant): Command | null {
  const bounded = state.settings !== null && state.settings.outage.givenMsMax !== null;
  return bounded && (state.givenBackTo ?? 0) > since ? null : giveBackOf(state, since, to);
}
