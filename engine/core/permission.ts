// Who may ask what of an auction, and in which phase: two tables, read before any other check.
import type { Command, CommandType, Role } from "./command.ts";
import type { RejectionCode } from "./decision.ts";
import type { Instant } from "./ids.ts";
import type { AuctionState } from "./state.ts";

const SELLS: readonly Role[] = ["operator", "seller"];
const BIDS: readonly Role[] = ["bidder"];
const OPERATES: readonly Role[] = ["operator"];
const ENGINE: readonly Role[] = ["engine"];

const ROLES: { readonly [type in CommandType]: readonly Role[] } = {
  create: SELLS,
  open_auction: SELLS,
  place_bid: BIDS,
  raise_maximum: BIDS,
  buy_now: BIDS,
  retract_bid: BIDS,
  end_early: SELLS,
  void_bid: OPERATES,
  void_bidder: SELLS,
  lower_reserve: SELLS,
  set_bidder: SELLS,
  withdraw: SELLS,
  extend: OPERATES,
  pause: OPERATES,
  resume: OPERATES,
  open_due: ENGINE,
  close_due: ENGINE,
  give_back: ENGINE,
};

/** `not_permitted`, or null. A seller must be the seller of this auction; for `create`, that of the settings. */
export function checkPermission(state: AuctionState | null, command: Command): RejectionCode | null {
  const { role, body } = command;
  if (!ROLES[body.type].includes(role)) return "not_permitted";
  if (role !== "seller") return null;
  const sellerId = body.type === "create" ? body.settings.sellerId : state?.settings?.sellerId;
  if (command.issuerId !== sellerId) return "not_permitted";
  if (body.type === "void_bidder" && state?.settings?.sellerRights.mayVoid !== true) return "not_permitted";
  // A seller may block, but not grant a limit.
  if (body.type === "set_bidder" && body.authorisedLimit !== undefined) return "not_permitted";
  return null;
}

/** null: go on to the further checks. */
type Gate = RejectionCode | null;

interface Gates {
  readonly draft: Gate;
  readonly scheduled: Gate;
  /** Open, and now < endsAt. */
  readonly open: Gate;
  /** Open, and now >= endsAt: the close is due, whether or not it is decided. */
  readonly late: Gate;
  readonly paused: Gate;
  /** "over": `withdrawn` or `ended`, by the outcome. */
  readonly closed: RejectionCode | "over";
}

const BIDDING: Gates = { draft: "not_open", scheduled: "not_open", open: null, late: "ended", paused: "paused", closed: "over" };
const REMOVING: Gates = { draft: "not_open", scheduled: "not_open", open: null, late: "ended", paused: null, closed: "over" };
const ANY_TIME: Gates = { draft: null, scheduled: null, open: null, late: "ended", paused: null, closed: "over" };
const EXISTS = "already_exists";
const OPENED = "already_open";

const GATES: { readonly [type in CommandType]: Gates } = {
  create: { draft: EXISTS, scheduled: EXISTS, open: EXISTS, late: EXISTS, paused: EXISTS, closed: EXISTS },
  open_auction: { draft: null, scheduled: null, open: OPENED, late: OPENED, paused: OPENED, closed: "over" },
  place_bid: BIDDING,
  raise_maximum: BIDDING,
  buy_now: BIDDING,
  retract_bid: BIDDING,
  end_early: BIDDING,
  void_bid: REMOVING,
  void_bidder: REMOVING,
  lower_reserve: { ...ANY_TIME, paused: "paused" },
  set_bidder: ANY_TIME,
  withdraw: ANY_TIME,
  extend: { ...ANY_TIME, draft: "not_open" },
  pause: { ...REMOVING, paused: "already_paused" },
  resume: { draft: "not_paused", scheduled: "not_paused", open: "not_paused", late: "not_paused", paused: null, closed: "over" },
  open_due: { draft: "not_due", scheduled: null, open: "not_due", late: "not_due", paused: "not_due", closed: "not_due" },
  close_due: { draft: "not_due", scheduled: "not_due", open: "not_due", late: null, paused: "not_due", closed: "not_due" },
  give_back: { draft: "not_due", scheduled: null, open: null, late: null, paused: "not_due", closed: "not_due" },
};

/** The code with which the phase turns a command down, or null. */
export function checkPhase(state: AuctionState, command: Command, now: Instant): RejectionCode | null {
  const { phase, endsAt } = state;
  const gates = GATES[command.body.type];
  switch (phase) {
    case null:
      return EXISTS;
    case "open":
      return endsAt !== null && now >= endsAt ? gates.late : gates.open;
    case "scheduled":
      return command.body.type === "open_due" && now < (state.opensAt ?? now) ? "not_due" : gates.scheduled;
    case "closed":
      return gates.closed !== "over" ? gates.closed : state.outcome === "withdrawn" ? "withdrawn" : "ended";
    case "draft":
    case "paused":
      return gates[phase];
  }
}
