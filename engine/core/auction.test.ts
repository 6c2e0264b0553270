// The rules around the format, and edges that the worked examples leave out.
import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { apply, decide, dueAt, dueCommand, type Ruled, rule } from "./auction.ts";
import { type CommandBody, engineCommand } from "./command.ts";
import { commandOf, OPENING_AT, opened, settingsOf, TABLE_AUCTION, TABLE_EPOCH } from "./example-table.ts";
import { InvariantBroken } from "./invariant.ts";
import { INSTANT_MAX } from "./money.ts";
import type { SettingsInput } from "./settings.ts";
import type { AuctionState } from "./state.ts";
import { addHash, stateHash, subtractHash, ZERO_HASH } from "./state-hash.ts";
import { publicState } from "./view.ts";

const HOUR = 3_600_000;
const hash = (bytes: Uint8Array): Uint8Array => createHash("sha256").update(bytes).digest().subarray(0, 16);

function create(settings: SettingsInput, key = "create"): Ruled {
  return rule(null, commandOf("operator", "O", key, { type: "create", settings }), OPENING_AT - HOUR, TABLE_EPOCH);
}

function made(settings: SettingsInput): AuctionState {
  const { state } = create(settings);
  if (state === null) throw new Error("a create makes a state");
  return state;
}

let fresh = 0;
function ask(state: AuctionState, role: "operator" | "seller" | "bidder", body: CommandBody, now: number): Ruled {
  fresh += 1;
  return rule(state, commandOf(role, role === "operator" ? "O" : role === "seller" ? "S" : "A", `key-${fresh}`, body), now, TABLE_EPOCH);
}

const BID: CommandBody = { type: "place_bid", kind: "maximum", amount: 500, currency: "USD" };

test("auction: create: a rejected one leaves a tombstone that repeats its answer and knows nothing else", () => {
  const settings = settingsOf("opening 0");
  const first = create(settings);
  const tombstone = first.state;
  expect(first).toMatchObject({
    kind: "answer",
    replayed: false,
    answer: { verdict: "rejected", code: "opening_invalid", sequence: 1, price: null, endsAt: null },
  });
  expect([tombstone?.phase, tombstone?.settings, tombstone?.sequence]).toEqual([null, null, 1]);
  const again = rule(tombstone, commandOf("operator", "O", "create", { type: "create", settings }), OPENING_AT, TABLE_EPOCH);
  expect(again).toMatchObject({ kind: "answer", replayed: true, answer: first.kind === "answer" ? first.answer : null });
  const other = rule(tombstone, commandOf("operator", "O", "other", { type: "create", settings: settingsOf("") }), OPENING_AT, TABLE_EPOCH);
  expect(other).toMatchObject({ kind: "refusal", code: "no_such_auction", decisions: [] });
  expect(rule(tombstone, commandOf("bidder", "A", "bid", BID), OPENING_AT, TABLE_EPOCH)).toMatchObject({ kind: "refusal", code: "no_such_auction" });
});

test("auction: unknown: anything but a create is refused, not decided", () => {
  expect(rule(null, commandOf("bidder", "A", "bid", BID), OPENING_AT, TABLE_EPOCH)).toEqual({
    kind: "refusal",
    state: null,
    decisions: [],
    code: "no_such_auction",
  });
});

test("auction: due: what fell due is decided before the command, opening and close at once if both", () => {
  const ruled = ask(made(settingsOf("")), "bidder", BID, OPENING_AT + 30 * HOUR);
  expect(ruled.decisions.map(({ command, sequence, code, at }) => [command.body.type, sequence, code, at - OPENING_AT])).toEqual([
    ["open_due", 2, "ok", 30 * HOUR],
    ["close_due", 3, "ok", 30 * HOUR],
    ["place_bid", 4, "ended", 30 * HOUR],
  ]);
  expect(ruled.state?.hammer).toMatchObject({ endedAt: OPENING_AT + 24 * HOUR, by: "close_due" });
});

test("auction: due: a repeat decides nothing, even when something is due", () => {
  const command = commandOf("bidder", "A", "once", BID);
  const { state } = rule(opened(""), command, OPENING_AT, TABLE_EPOCH);
  const again = rule(state, command, OPENING_AT + 30 * HOUR, TABLE_EPOCH);
  expect(again.decisions).toEqual([]);
  expect(again.state?.phase).toBe("open");
});

test("auction: due: dueAt names the opening, then the end in force, and nothing in a draft, a pause or after the hammer", () => {
  const draft = made({ ...settingsOf(""), opensAt: null });
  expect(dueAt(draft)).toBe(Number.POSITIVE_INFINITY);
  expect(() => dueCommand(draft)).toThrow(InvariantBroken);
  const scheduled = made(settingsOf(""));
  expect([dueAt(scheduled), dueCommand(scheduled).body.type]).toEqual([OPENING_AT, "open_due"]);
  const open = opened("");
  expect([dueAt(open), dueCommand(open).body.type]).toEqual([OPENING_AT + 24 * HOUR, "close_due"]);
  ask(open, "operator", { type: "pause", reason: "test" }, OPENING_AT + HOUR);
  expect(dueAt(open)).toBe(Number.POSITIVE_INFINITY);
  ask(open, "operator", { type: "withdraw", reason: "test" }, OPENING_AT + HOUR);
  expect(dueAt(open)).toBe(Number.POSITIVE_INFINITY);
});

test("auction: draft: a duration runs from the opening, an end that is past may not open", () => {
  const timed = made({ ...settingsOf(""), opensAt: null, endsAt: undefined, durationMs: 2 * HOUR });
  expect(publicState(timed)).toMatchObject({ phase: "draft", opensAt: null, endsAt: null });
  ask(timed, "seller", { type: "open_auction" }, OPENING_AT + HOUR);
  expect(publicState(timed)).toMatchObject({
    phase: "open",
    opensAt: OPENING_AT + HOUR,
    endsAt: OPENING_AT + 3 * HOUR,
    scheduledCloseAt: OPENING_AT + 3 * HOUR,
  });
  const fixed = made({ ...settingsOf(""), opensAt: null });
  expect(ask(fixed, "seller", { type: "open_auction" }, OPENING_AT + 24 * HOUR)).toMatchObject({ answer: { code: "end_in_past" } });
});

test("auction: open_auction: a scheduled auction opened early keeps its published end", () => {
  const state = made({ ...settingsOf(""), endsAt: undefined, durationMs: 24 * HOUR });
  ask(state, "seller", { type: "open_auction" }, OPENING_AT - HOUR / 2);
  expect(publicState(state)).toMatchObject({ phase: "open", opensAt: OPENING_AT - HOUR / 2, endsAt: OPENING_AT + 24 * HOUR });
});

test("auction: time: extend, resume, soft close and outage stop at the end of the year 9999", () => {
  const late = (setUp: string): AuctionState => {
    const state = made({ ...settingsOf(setUp), endsAt: INSTANT_MAX - 1_000 });
    ask(state, "seller", { type: "open_auction" }, OPENING_AT);
    return state;
  };
  const state = late("");
  expect(ask(state, "operator", { type: "extend", endsAt: INSTANT_MAX + 1, reason: "test" }, OPENING_AT)).toMatchObject({ answer: { code: "time_invalid" } });
  expect(ask(state, "operator", { type: "extend", endsAt: 1.5, reason: "test" }, OPENING_AT)).toMatchObject({ answer: { code: "time_invalid" } });
  expect(ask(state, "operator", { type: "extend", endsAt: INSTANT_MAX - 1_000, reason: "test" }, OPENING_AT)).toMatchObject({
    answer: { code: "end_not_later" },
  });
  ask(state, "operator", { type: "pause", reason: "test" }, OPENING_AT);
  expect(ask(state, "operator", { type: "resume", leaveAtLeastMs: 0 }, OPENING_AT + HOUR)).toMatchObject({ answer: { endsAt: INSTANT_MAX } });
  const soft = late("soft 1h 1h end accepted_bid");
  expect(ask(soft, "bidder", BID, INSTANT_MAX - 2_000)).toMatchObject({ answer: { code: "leading", endsAt: INSTANT_MAX } });
  const outage = late("outage give-back");
  const given = decide(outage, engineCommand(TABLE_AUCTION, { type: "give_back", from: OPENING_AT, to: OPENING_AT + HOUR }), OPENING_AT + HOUR, TABLE_EPOCH);
  expect([given.code, apply(outage, given).endsAt, outage.givenBackTo]).toEqual(["ok", INSTANT_MAX, OPENING_AT + HOUR]);
});

test("auction: resume: leaves at least what the operator asks for, and the scheduled close moves with the end", () => {
  const state = opened("");
  ask(state, "operator", { type: "pause", reason: "test" }, OPENING_AT + 23 * HOUR);
  ask(state, "operator", { type: "resume", leaveAtLeastMs: 5 * HOUR }, OPENING_AT + 23 * HOUR + 1_000);
  expect(publicState(state)).toMatchObject({ endsAt: OPENING_AT + 28 * HOUR + 1_000, scheduledCloseAt: OPENING_AT + 28 * HOUR + 1_000, pausedAt: null });
});

test("auction: lower_reserve: with cutBelow 0 the reserve stays unmet, so the lot is not sold under it", () => {
  const state = made({ ...settingsOf("reserve 20000"), reserveLowering: { cutBelow: 0 } });
  ask(state, "bidder", { ...BID, amount: 15_000 }, OPENING_AT);
  ask(state, "seller", { type: "lower_reserve", reserve: 12_000 }, OPENING_AT + HOUR);
  expect([state.maximum, publicState(state).reserveMet]).toEqual([11_999, false]);
});

test("auction: end_early: below the reserve only when it is said", () => {
  const state = opened("reserve 20000");
  ask(state, "bidder", BID, OPENING_AT);
  expect(ask(state, "seller", { type: "end_early", sellBelowReserve: false }, OPENING_AT)).toMatchObject({ answer: { code: "reserve_not_met" } });
  ask(state, "seller", { type: "end_early", sellBelowReserve: true }, OPENING_AT);
  expect(state.hammer).toEqual({ outcome: "sold", hammerPrice: 100, winner: "A", endedAt: OPENING_AT, by: "end_early" });
});

test("auction: void_bidder: a bidder who is not to be blocked may bid again", () => {
  const state = opened("");
  ask(state, "bidder", BID, OPENING_AT);
  ask(state, "operator", { type: "void_bidder", bidderId: "A", reason: "test", block: false }, OPENING_AT);
  expect(ask(state, "bidder", BID, OPENING_AT)).toMatchObject({ answer: { code: "leading" } });
  expect(ask(state, "operator", { type: "void_bidder", bidderId: "B", reason: "test", block: true }, OPENING_AT)).toMatchObject({
    answer: { code: "no_such_bid" },
  });
});

test("auction: decide: changes nothing, whatever it rules", () => {
  const state = opened("kinds both, reserve 900");
  ask(state, "bidder", BID, OPENING_AT);
  const before = stateHash(state, hash);
  for (const body of [BID, { ...BID, amount: 5_000 }, { type: "retract_bid", reason: "mistyped_amount" } as const]) {
    for (const bidder of ["A", "B"]) decide(state, commandOf("bidder", bidder, "x", body), OPENING_AT + HOUR, TABLE_EPOCH);
  }
  expect(stateHash(state, hash)).toEqual(before);
});

test("auction: apply: a decision out of order, one of the past, and one that contradicts the book stop the shard", () => {
  const state = opened("");
  const decision = decide(state, commandOf("bidder", "A", "x", BID), OPENING_AT + 5, TABLE_EPOCH);
  expect(() => apply(state, { ...decision, sequence: 4 })).toThrow(InvariantBroken);
  expect(() => apply(state, { ...decision, at: OPENING_AT - 1 })).toThrow(InvariantBroken);
  const standing = { price: 101, leader: "A", reserveMet: null };
  expect(() => apply(state, { ...decision, effects: { ...decision.effects, standing } })).toThrow(InvariantBroken);
});

test("state hash: differs with every part of what is hashed, and a shard's sum does not depend on the order", () => {
  const hashes = ["", "reserve 500", "opening 90", "sub no", "soft 1m 1m end accepted_bid", "buy 5000 first_bid"].map((setUp) =>
    stateHash(opened(setUp), hash),
  );
  expect(new Set(hashes.map((one) => Buffer.from(one).toString("hex"))).size).toBe(hashes.length);
  const sum = hashes.reduce(addHash, ZERO_HASH);
  expect([...hashes].reverse().reduce(addHash, ZERO_HASH)).toEqual(sum);
  expect(hashes.reduce(subtractHash, sum)).toEqual(ZERO_HASH);
  const most = new Uint8Array(16).fill(255);
  expect(
    addHash(
      most,
      addHash(
        ZERO_HASH,
        Uint8Array.from({ length: 16 }, (_, at) => (at === 0 ? 1 : 0)),
      ),
    ),
  ).toEqual(ZERO_HASH);
});
