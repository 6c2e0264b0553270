// Who may ask what in which phase: the whole matrix, a line per command.
import { expect, test } from "vitest";
import { apply, decide } from "./auction.ts";
import type { Command, CommandBody, Role } from "./command.ts";
import type { Decision } from "./decision.ts";
import { cellsOf, commandOf, OPENING_AT, settingsOf, TABLE_EPOCH } from "./example-table.ts";
import type { Instant } from "./ids.ts";
import type { AuctionState } from "./state.ts";

const HOUR_MS = 3_600_000;
const ENDS_AT = OPENING_AT + 24 * HOUR_MS;

const BODIES: { readonly [type: string]: CommandBody } = {
  create: { type: "create", settings: settingsOf("") },
  open_auction: { type: "open_auction" },
  place_bid: { type: "place_bid", kind: "maximum", amount: 5_000, currency: "USD" },
  raise_maximum: { type: "raise_maximum", amount: 5_000, currency: "USD" },
  buy_now: { type: "buy_now", amount: 5_000, currency: "USD" },
  retract_bid: { type: "retract_bid", reason: "mistyped_amount" },
  end_early: { type: "end_early", sellBelowReserve: false },
  void_bid: { type: "void_bid", bidId: 3, reason: "test" },
  void_bidder: { type: "void_bidder", bidderId: "A", reason: "test", block: true },
  lower_reserve: { type: "lower_reserve", reserve: 3_000 },
  set_bidder: { type: "set_bidder", bidderId: "A", blocked: true },
  withdraw: { type: "withdraw", reason: "test" },
  extend: { type: "extend", endsAt: ENDS_AT + HOUR_MS, reason: "test" },
  pause: { type: "pause", reason: "test" },
  resume: { type: "resume", leaveAtLeastMs: 0 },
  open_due: { type: "open_due" },
  close_due: { type: "close_due" },
  give_back: { type: "give_back", from: OPENING_AT, to: OPENING_AT + HOUR_MS },
};

const ROLE_OF: { readonly [word: string]: Role } = { bidder: "bidder", operator: "operator", engine: "engine", seller: "seller" };

let fresh = 0;
function commandBy(role: Role, issuerId: string, body: CommandBody): Command {
  fresh += 1;
  return commandOf(role, issuerId, `key-${fresh}`, body);
}

function byFirstRole(type: string, role: string): Command {
  return commandBy(ROLE_OF[role] ?? "bidder", role === "seller" ? "S" : role === "operator" ? "O" : "A", BODIES[type] ?? { type: "open_due" });
}

function take(state: AuctionState | null, command: Command, now: Instant): AuctionState {
  return apply(state, decide(state, command, now, TABLE_EPOCH));
}

const SET_UP = "reserve 9000, buy 9000 first_bid_or_reserve, outage give-back";

function created(draft: boolean): AuctionState {
  const settings = draft ? { ...settingsOf(SET_UP), opensAt: null } : settingsOf(SET_UP);
  return take(null, commandBy("operator", "O", { type: "create", settings }), OPENING_AT - HOUR_MS);
}

function withBid(): AuctionState {
  const open = take(created(false), commandBy("engine", "engine", { type: "open_due" }), OPENING_AT);
  return take(open, commandBy("bidder", "A", { type: "place_bid", kind: "maximum", amount: 2_000, currency: "USD" }), OPENING_AT);
}

/** A state in each phase and the instant at which the command comes. */
const PHASES: { readonly [phase: string]: () => readonly [AuctionState, Instant] } = {
  draft: () => [created(true), OPENING_AT],
  scheduled: () => [created(false), OPENING_AT],
  early: () => [created(false), OPENING_AT - 1],
  open: () => [withBid(), OPENING_AT + 2 * HOUR_MS],
  late: () => [withBid(), ENDS_AT],
  paused: () => [take(withBid(), byFirstRole("pause", "operator"), OPENING_AT + HOUR_MS), OPENING_AT + 2 * HOUR_MS],
  ended: () => [take(withBid(), byFirstRole("close_due", "engine"), ENDS_AT), ENDS_AT],
  withdrawn: () => [take(withBid(), byFirstRole("withdraw", "operator"), OPENING_AT + HOUR_MS), OPENING_AT + 2 * HOUR_MS],
};

const COLUMNS = ["draft", "early", "scheduled", "open", "late", "paused", "ended", "withdrawn"];

// "go" stands for whatever the further checks say, which is never a code of this table.
const MATRIX = `
  create        | operator | already_exists | already_exists | already_exists | already_exists | already_exists | already_exists | already_exists | already_exists
  open_auction  | operator | go             | go             | go             | already_open   | already_open   | already_open   | ended          | withdrawn
  place_bid     | bidder   | not_open       | not_open       | not_open       | go             | ended          | paused         | ended          | withdrawn
  raise_maximum | bidder   | not_open       | not_open       | not_open       | go             | ended          | paused         | ended          | withdrawn
  buy_now       | bidder   | not_open       | not_open       | not_open       | go             | ended          | paused         | ended          | withdrawn
  retract_bid   | bidder   | not_open       | not_open       | not_open       | go             | ended          | paused         | ended          | withdrawn
  end_early     | seller   | not_open       | not_open       | not_open       | go             | ended          | paused         | ended          | withdrawn
  void_bid      | operator | not_open       | not_open       | not_open       | go             | ended          | go             | ended          | withdrawn
  void_bidder   | seller   | not_open       | not_open       | not_open       | go             | ended          | go             | ended          | withdrawn
  lower_reserve | seller   | go             | go             | go             | go             | ended          | paused         | ended          | withdrawn
  set_bidder    | seller   | go             | go             | go             | go             | ended          | go             | ended          | withdrawn
  withdraw      | seller   | go             | go             | go             | go             | ended          | go             | ended          | withdrawn
  extend        | operator | not_open       | go             | go             | go             | ended          | go             | ended          | withdrawn
  pause         | operator | not_open       | not_open       | not_open       | go             | ended          | already_paused | ended          | withdrawn
  resume        | operator | not_paused     | not_paused     | not_paused     | not_paused     | not_paused     | go             | ended          | withdrawn
  open_due      | engine   | not_due        | not_due        | go             | not_due        | not_due        | not_due        | not_due        | not_due
  close_due     | engine   | not_due        | not_due        | not_due        | not_due        | go             | not_due        | not_due        | not_due
  give_back     | engine   | not_due        | go             | go             | go             | go             | not_due        | not_due        | not_due
`;

const GATE_CODES = ["already_exists", "already_open", "not_open", "ended", "withdrawn", "paused", "already_paused", "not_paused", "not_due"];

function seen(decision: Decision): string {
  return GATE_CODES.includes(decision.code) ? decision.code : "go";
}

test("permission: phase: each command is turned down by its phase or goes on, as the matrix says", () => {
  const found = cellsOf(MATRIX).map(([type = "", role = ""]) => {
    const cells = COLUMNS.map((phase) => {
      const [state, now] = (PHASES[phase] as (typeof PHASES)[string])();
      return seen(decide(state, byFirstRole(type, role), now, TABLE_EPOCH));
    });
    return [type, role, ...cells];
  });
  expect(found).toEqual(cellsOf(MATRIX));
});

const ROLES = `
  create        | operator seller
  open_auction  | operator seller
  place_bid     | bidder
  raise_maximum | bidder
  buy_now       | bidder
  retract_bid   | bidder
  end_early     | operator seller
  void_bid      | operator
  void_bidder   | operator seller
  lower_reserve | operator seller
  set_bidder    | operator seller
  withdraw      | operator seller
  extend        | operator
  pause         | operator
  resume        | operator
  open_due      | engine
  close_due     | engine
  give_back     | engine
`;

test("permission: role: only the listed roles get past it, whatever the phase", () => {
  const found = cellsOf(ROLES).map(([type = ""]) => {
    const allowed = ["operator", "seller", "bidder", "engine"].filter(
      (role) => decide(withBid(), byFirstRole(type, role), ENDS_AT, TABLE_EPOCH).code !== "not_permitted",
    );
    return [type, allowed.join(" ")];
  });
  expect(found).toEqual(cellsOf(ROLES));
});

test("permission: seller: another seller is nobody here, at create too", () => {
  const other = (body: CommandBody): string => decide(withBid(), commandBy("seller", "T", body), OPENING_AT + 1, TABLE_EPOCH).code;
  expect(cellsOf(ROLES).map(([type = ""]) => other(BODIES[type] ?? { type: "open_due" }))).toEqual(cellsOf(ROLES).map(() => "not_permitted"));
  const create = commandBy("seller", "T", { type: "create", settings: settingsOf("") });
  expect(decide(null, create, OPENING_AT - 1, TABLE_EPOCH).code).toBe("not_permitted");
  expect(decide(null, { ...create, issuerId: "S" }, OPENING_AT - 1, TABLE_EPOCH).code).toBe("ok");
});

test("permission: seller: may block but not set a limit, and voids a bidder only when the auction lets sellers", () => {
  const limit: CommandBody = { type: "set_bidder", bidderId: "A", blocked: true, authorisedLimit: 500 };
  expect(decide(withBid(), commandBy("seller", "S", limit), OPENING_AT + 1, TABLE_EPOCH).code).toBe("not_permitted");
  expect(decide(withBid(), commandBy("operator", "O", limit), OPENING_AT + 1, TABLE_EPOCH).code).toBe("ok");
  const settings = { ...settingsOf(""), sellerRights: { mayVoid: false } };
  const strict = take(null, commandBy("operator", "O", { type: "create", settings }), OPENING_AT - 1);
  expect(decide(strict, byFirstRole("void_bidder", "seller"), OPENING_AT - 1, TABLE_EPOCH).code).toBe("not_permitted");
});
