// Head over committed, snapshots and hashes against a plain run of the same commands.
import { createHash } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { answerRow, apply, decide, rule } from "./auction.ts";
import type { Command, CommandBody } from "./command.ts";
import type { Decision } from "./decision.ts";
import { answerBytes, commandOf, digestOf, opened, TABLE_AUCTION, TABLE_EPOCH } from "./example-table.ts";
import { FOLD_ROWS_MAX, type Folded, fold, unfold } from "./fold.ts";
import type { Bidder } from "./people.ts";
import { bookOf } from "./proxy.ts";
import { recompute } from "./recompute.ts";
import { type AuctionState, capture, discard, fork, NOTHING_SAVED, restore, type SavedMarks, type Segment, settle } from "./state.ts";
import { stateHash } from "./state-hash.ts";
import { auctionView, publicRows } from "./view.ts";

const hash = (bytes: Uint8Array): Uint8Array => createHash("sha256").update(bytes).digest().subarray(0, 16);

const BIDDERS = ["A", "B", "C", "D"] as const;
const bidder = fc.constantFrom(...BIDDERS);
const amount = fc.oneof(fc.integer({ min: 90, max: 3_000 }), fc.integer({ min: 90, max: 100_000 }));

interface Step {
  readonly role: "bidder" | "operator" | "seller";
  readonly who: string;
  readonly body: CommandBody;
  readonly laterMs: number;
}

function step(role: Step["role"], who: fc.Arbitrary<string>, body: fc.Arbitrary<CommandBody>): fc.Arbitrary<Step> {
  return fc.record({ role: fc.constant(role), who, body, laterMs: fc.oneof(fc.nat(60_000), fc.nat(3_600_000)) });
}

const kind = fc.constantFrom("maximum" as const, "flat" as const);
const bid = fc.record({ type: fc.constant("place_bid" as const), kind, amount, currency: fc.constant("USD") });
const raise = fc.record({ type: fc.constant("raise_maximum" as const), amount, currency: fc.constant("USD") });
const limit = fc.option(fc.integer({ min: 100, max: 5_000 }), { nil: null });

const aStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 12, arbitrary: step("bidder", bidder, bid) },
  { weight: 2, arbitrary: step("bidder", bidder, raise) },
  { weight: 2, arbitrary: step("bidder", bidder, fc.constant({ type: "retract_bid", reason: "mistyped_amount" })) },
  {
    weight: 2,
    arbitrary: step(
      "operator",
      fc.constant("O"),
      fc.record({ type: fc.constant("void_bid" as const), bidId: fc.integer({ min: 3, max: 40 }), reason: fc.constant("test") }),
    ),
  },
  {
    weight: 1,
    arbitrary: step(
      "seller",
      fc.constant("S"),
      fc.record({ type: fc.constant("void_bidder" as const), bidderId: bidder, reason: fc.constant("test"), block: fc.boolean() }),
    ),
  },
  {
    weight: 1,
    arbitrary: step(
      "operator",
      fc.constant("O"),
      fc.record({ type: fc.constant("set_bidder" as const), bidderId: bidder, blocked: fc.constant(false), authorisedLimit: limit }),
    ),
  },
  {
    weight: 1,
    arbitrary: step("seller", fc.constant("S"), fc.record({ type: fc.constant("lower_reserve" as const), reserve: fc.integer({ min: 100, max: 60_000 }) })),
  },
  {
    weight: 1,
    arbitrary: step("operator", fc.constant("O"), fc.constantFrom<CommandBody>({ type: "pause", reason: "test" }, { type: "resume", leaveAtLeastMs: 5 })),
  },
);

const aSetUp = fc.constantFrom(
  "kinds both",
  "reserve 60000, kinds both, buy 90000 first_bid_or_reserve returns",
  "sub no, raise stays, kinds both",
  "sub no, kinds both",
  "reserve 5000, covered jump, soft 24h 1h end accepted_bid",
  "buy 3000 price_reached returns, soft 24h 2h bid price_rise count 3",
);

function toCommand(step: Step, n: number): Command {
  return commandOf(step.role, step.who, `key-${n}`, step.body);
}

/** Decides and applies on a state, at the step's time. */
function advance(state: AuctionState, step: Step, n: number): { state: AuctionState; decision: Decision } {
  const decision = decide(state, toCommand(step, n), state.lastAt + step.laterMs, TABLE_EPOCH);
  return { state: apply(state, decision), decision };
}

/** Everything that can be told of a state, with what the hash leaves out. */
function told(state: AuctionState): unknown {
  const bidders: Readonly<Bidder>[] = Array.from({ length: state.bidderCount }, (_, index) => ({ ...state.bidder(index), setAt: 0 }));
  const bids = Array.from({ length: state.bidCount }, (_, row) => state.bid(row));
  return {
    view: auctionView(state),
    rows: publicRows(state, 0, state.rowCount),
    answers: answerBytes(state),
    bidders,
    bids,
    hash: Buffer.from(stateHash(state, hash)).toString("hex"),
  };
}

test("recompute: after every decision the book is that of all live bids taken again, unless raises leave the price", () => {
  fc.assert(
    fc.property(aSetUp, fc.array(aStep, { maxLength: 60 }), (setUp, steps) => {
      const state = opened(setUp);
      for (const [n, one] of steps.entries()) {
        advance(state, one, n);
        if (state.settings === null || !state.settings.bidding.ownRaiseMovesPrice) return;
        const { book, totalBids, changed } = recompute(state.settings, state, new Set());
        expect({ ...bookOf(state), totalBids: state.totalBids }).toEqual({ ...book, totalBids });
        for (const [index, bids] of changed) expect(state.bidder(index)).toMatchObject(bids);
      }
    }),
    { numRuns: 150 },
  );
});

test("fold: an unfolded state tells and decides what the one that was folded does", () => {
  fc.assert(
    fc.property(aSetUp, fc.array(aStep, { maxLength: 40 }), fc.array(aStep, { maxLength: 20 }), (setUp, steps, later) => {
      let state = opened(setUp);
      for (const [n, one] of steps.entries()) state = advance(state, one, n).state;
      const folded = fold(state);
      expect(folded).not.toBeNull();
      let unfolded = unfold(state.auctionId, folded as Folded);
      expect(told(unfolded)).toEqual(told(state));
      for (const [n, one] of later.entries()) {
        state = advance(state, one, steps.length + n).state;
        unfolded = advance(unfolded, one, steps.length + n).state;
      }
      expect(told(unfolded)).toEqual(told(state));
      expect(capture(unfolded, NOTHING_SAVED)).toEqual(capture(state, NOTHING_SAVED));
    }),
    { numRuns: 300 },
  );
});

test("fold: an auction with more than 64 answers is left as it is", () => {
  let state = opened("kinds both");
  const placed = (n: number): Step => ({ role: "bidder", who: "A", body: { type: "place_bid", kind: "maximum", amount: 1, currency: "USD" }, laterMs: n });
  for (let n = 0; state.answerCount < FOLD_ROWS_MAX; n += 1) state = advance(state, placed(n), n).state;
  expect(fold(state)).not.toBeNull();
  state = advance(state, placed(1), FOLD_ROWS_MAX).state;
  expect(fold(state)).toBeNull();
});

type Move = { readonly kind: "decide"; readonly step: Step } | { readonly kind: "commit"; readonly count: number } | { readonly kind: "discard" };

const aMove: fc.Arbitrary<Move> = fc.oneof(
  { weight: 8, arbitrary: aStep.map((one): Move => ({ kind: "decide", step: one })) },
  { weight: 4, arbitrary: fc.integer({ min: 1, max: 4 }).map((count): Move => ({ kind: "commit", count })) },
  { weight: 1, arbitrary: fc.constant<Move>({ kind: "discard" }) },
);

/** Runs moves as a shard does: one head at most, decisions in flight, commits from the front. Returns what was committed. */
function runShard(
  setUp: string,
  moves: readonly Move[],
  check: (head: AuctionState, committed: AuctionState) => void,
): { committed: AuctionState; decisions: readonly Decision[] } {
  let committed = opened(setUp);
  let head = committed;
  const flight: Decision[] = [];
  const decisions: Decision[] = [];
  for (const [n, move] of moves.entries()) {
    if (move.kind === "decide") {
      if (head === committed) head = fork(committed);
      const next = advance(head, move.step, n);
      flight.push(next.decision);
    } else if (move.kind === "commit") {
      for (const decision of flight.splice(0, move.count)) {
        committed = apply(committed, decision);
        decisions.push(decision);
        if (head !== committed) settle(head, committed);
      }
      if (flight.length === 0) head = committed;
    } else if (head !== committed) {
      discard(head, committed);
      flight.length = 0;
      head = committed;
    }
    check(head, committed);
  }
  return { committed, decisions };
}

test("state: overlay: committed under a head equals a plain run of what was committed, discards or not", () => {
  fc.assert(
    fc.property(aSetUp, fc.array(aMove, { maxLength: 60 }), (setUp, moves) => {
      const { committed, decisions } = runShard(setUp, moves, () => undefined);
      let plain = opened(setUp);
      for (const decision of decisions) plain = apply(plain, decision);
      expect(told(committed)).toEqual(told(plain));
    }),
    { numRuns: 150 },
  );
});

test("state: overlay: a head at any moment equals a plain run of all it decided", () => {
  fc.assert(
    fc.property(aSetUp, fc.array(aMove, { maxLength: 40 }), (setUp, moves) => {
      let plain = opened(setUp);
      let inFlight: { step: Step; n: number }[] = [];
      let committedSteps: { step: Step; n: number }[] = [];
      let place = 0;
      runShard(setUp, moves, (head) => {
        const move = moves[place];
        if (move?.kind === "decide") {
          inFlight.push({ step: move.step, n: place });
          advance(plain, move.step, place);
        } else if (move?.kind === "commit") committedSteps = [...committedSteps, ...inFlight.splice(0, move.count)];
        else if (inFlight.length > 0) {
          inFlight = [];
          plain = opened(setUp);
          for (const { step: past, n } of committedSteps) advance(plain, past, n);
        }
        place += 1;
        expect(told(head)).toEqual(told(plain));
      });
    }),
    { numRuns: 60 },
  );
});

test("state: overlay: what a head keeps of its own follows what is in flight, not the number of bidders", () => {
  let committed = opened("");
  const head = fork(committed);
  const flight: Decision[] = [];
  for (let n = 0; n < 400; n += 1) {
    const { decision } = advance(
      head,
      { role: "bidder", who: `bidder-${n}`, body: { type: "place_bid", kind: "maximum", amount: 100_000 * (n + 1), currency: "USD" }, laterMs: 1 },
      n,
    );
    flight.push(decision);
    if (flight.length < 4) continue;
    committed = apply(committed, flight.shift() as Decision);
    settle(head, committed);
    expect(head.overlay?.bidders.size).toBeLessThanOrEqual(4);
  }
  expect(head.bidderCount).toBe(400);
});

/** A store that keeps segments row by row, as they come. */
class Kept {
  readonly rows = { answers: new Map<number, Uint8Array>(), bids: new Map<number, Uint8Array>(), rows: new Map<number, Uint8Array>() };
  static readonly width = { answers: 64, bids: 34, rows: 30 };

  put(segments: readonly Segment[]): void {
    for (const { kind, from, bytes } of segments) {
      const width = Kept.width[kind];
      for (let at = 0; at < bytes.length; at += width) this.rows[kind].set(from + at / width, bytes.slice(at, at + width));
    }
  }

  segments(): Segment[] {
    return (["answers", "bids", "rows"] as const).flatMap((kind) => {
      const rows = [...this.rows[kind]].sort(([left], [right]) => left - right);
      return rows.map(([from, bytes]) => ({ kind, from, bytes }));
    });
  }
}

test("state: snapshot: captures in parts, put together, restore to the live state", () => {
  fc.assert(
    fc.property(aSetUp, fc.array(aStep, { maxLength: 50 }), fc.array(fc.nat(50), { maxLength: 4 }), (setUp, steps, captures) => {
      let live = opened(setUp);
      const kept = new Kept();
      let marks: SavedMarks = NOTHING_SAVED;
      const take = (): unknown => {
        const part = capture(live, marks);
        kept.put(part.segments);
        marks = part.marks;
        return JSON.parse(JSON.stringify(part.head));
      };
      for (const [n, one] of steps.entries()) {
        live = advance(live, one, n).state;
        if (captures.includes(n)) take();
      }
      const head = take() as Parameters<typeof restore>[1];
      expect(told(restore(TABLE_AUCTION, head, kept.segments()))).toEqual(told(live));
    }),
    { numRuns: 120 },
  );
});

test("state: snapshot: over many chunks only new rows and changed chunks are captured, and they restore", () => {
  let live = opened("");
  const kept = new Kept();
  for (let n = 0; n < 2_500; n += 1) {
    live = advance(
      live,
      { role: "bidder", who: `b${n % 1_500}`, body: { type: "place_bid", kind: "maximum", amount: 10_000 * (n + 1), currency: "USD" }, laterMs: 1 },
      n,
    ).state;
  }
  const first = capture(live, NOTHING_SAVED);
  kept.put(first.segments);
  expect(first.segments.filter(({ kind }) => kind === "bids").map(({ from }) => from)).toEqual([0, 1_024, 2_048]);
  live = advance(live, { role: "operator", who: "O", body: { type: "void_bid", bidId: 10, reason: "test" }, laterMs: 1 }, 3_000).state;
  live = advance(
    live,
    { role: "bidder", who: "late", body: { type: "place_bid", kind: "maximum", amount: 900_000_000, currency: "USD" }, laterMs: 1 },
    3_001,
  ).state;
  const second = capture(live, first.marks);
  kept.put(second.segments);
  expect(second.segments.map(({ kind, from, bytes }) => [kind, from, bytes.length / Kept.width[kind]])).toEqual([
    ["answers", 2_501, 2],
    ["bids", 0, 1_024],
    ["bids", 2_500, 1],
    ["rows", first.marks.rows, live.rowCount - first.marks.rows],
  ]);
  expect(told(restore(TABLE_AUCTION, second.head, kept.segments()))).toEqual(told(live));
});

test("state: hash: a head with marks in a full chunk, its committed state and a plain run agree at one sequence", () => {
  let committed = opened("");
  for (let n = 0; n < 1_200; n += 1) {
    committed = advance(
      committed,
      { role: "bidder", who: `b${n}`, body: { type: "place_bid", kind: "maximum", amount: 10_000 * (n + 1), currency: "USD" }, laterMs: 1 },
      n,
    ).state;
  }
  const before = stateHash(committed, hash);
  const head = fork(committed);
  const { decision } = advance(head, { role: "operator", who: "O", body: { type: "void_bid", bidId: 500, reason: "test" }, laterMs: 1 }, 2_000);
  const ahead = stateHash(head, hash);
  expect(stateHash(committed, hash)).toEqual(before);
  committed = apply(committed, decision);
  expect(stateHash(committed, hash)).toEqual(ahead);
  expect(ahead).not.toEqual(before);
});

test("answers: index: every key is found and no other, across chunks, segments and discards", () => {
  const bodyOf = (n: number): CommandBody => ({ type: "set_bidder", bidderId: "A", authorisedLimit: n + 1 });
  let committed = opened("");
  const first = committed.answerCount;
  const keyOf = (n: number): string => `k${n}`;
  const commandAt = (n: number): Command => {
    const digest = createHash("sha256").update(keyOf(n)).digest();
    const keyDigest = { a: digest.readInt32LE(0), b: digest.readInt32LE(4), c: digest.readInt32LE(8), d: digest.readInt32LE(12) };
    return { ...commandOf("operator", "O", keyOf(n), bodyOf(n)), keyDigest };
  };
  const TOTAL = 9_500;
  for (let n = 0; n < TOTAL; n += 1) {
    if (n % 500 === 499) {
      // A head writes ten answers and is thrown away.
      const head = fork(committed);
      for (let extra = 0; extra < 10; extra += 1) apply(head, decide(head, commandAt(TOTAL + n + extra), committed.lastAt, TABLE_EPOCH));
      discard(head, committed);
      expect(answerRow(committed, commandAt(TOTAL + n).keyDigest ?? digestOf(""))).toBe(-1);
    }
    committed = apply(committed, decide(committed, commandAt(n), committed.lastAt, TABLE_EPOCH));
  }
  for (let n = 0; n < TOTAL; n += 1) expect(answerRow(committed, commandAt(n).keyDigest ?? digestOf(""))).toBe(first + n);
  for (let n = 0; n < 1_000; n += 1) expect(answerRow(committed, commandAt(TOTAL * 3 + n).keyDigest ?? digestOf(""))).toBe(-1);
});

test("rule: keys: whatever came between, a repeat gets the first bytes and takes no decision", () => {
  fc.assert(
    fc.property(aSetUp, fc.array(aStep, { minLength: 1, maxLength: 30 }), fc.nat(29), (setUp, steps, which) => {
      let state = opened(setUp);
      const commands = steps.map(toCommand);
      for (const [n, command] of commands.entries()) {
        const ruled = rule(state, command, state.lastAt + (steps[n]?.laterMs ?? 0), TABLE_EPOCH);
        state = ruled.state ?? state;
      }
      const repeated = commands[which % commands.length] as Command;
      const before = told(state);
      const ruled = rule(state, repeated, state.lastAt + 3_600_000, TABLE_EPOCH);
      expect(ruled.decisions).toEqual([]);
      expect(ruled.kind === "answer" && ruled.replayed && ruled.answer?.sequence).toBe(answerOf(state, repeated));
      expect(told(state)).toEqual(before);
    }),
    { numRuns: 80 },
  );
});

/** Sequence of the remembered answer, read from the row itself. */
function answerOf(state: AuctionState, command: Command): number {
  const row = answerRow(state, command.keyDigest ?? digestOf(""));
  const bytes = answerBytes(state)[row] ?? [];
  return (bytes[30] ?? 0) + (bytes[31] ?? 0) * 256;
}
