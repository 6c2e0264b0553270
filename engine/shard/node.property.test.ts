// Any course of commands, faults, restarts and takeovers: nothing told is lost, doubled or reordered, and everything comes right again.
import fc from "fast-check";
import { expect, test } from "vitest";
import type { CommandBody, Role } from "../core/command.ts";
import { CourseWorld, type FateKind, SHARDS, type Step } from "../sim/course.ts";
import { courseFaults } from "../sim/course-check.ts";
import { SECOND } from "../sim/scenes.ts";

/** Some five seconds. A failing run prints its seed and path; hand both to `assert` to see it again. */
const RUNS = 70;

const bidder = fc.constantFrom("ann", "bob", "cyn");
const AUCTIONS = 6;
const KEYS = 12;
const auction = fc.integer({ min: 0, max: AUCTIONS - 1 });
const key = fc.integer({ min: 0, max: KEYS - 1 });
const amount = fc.integer({ min: 1, max: 40 }).map((n) => n * 100);

const settings = fc.record({
  durationMs: fc.constantFrom(5 * SECOND, 20 * SECOND, 120 * SECOND, 600 * SECOND),
  reserve: fc.constantFrom(null, 800),
  buyNow: fc.constantFrom(null, { price: 3_000, until: "price_reached" }),
  softClose: fc.constantFrom(null, { windowMs: 5 * SECOND, amountMs: 3 * SECOND, base: "end" }),
  retraction: fc.constant({ earlyMs: 0, lateGraceMs: 60 * SECOND, reasons: ["mistyped_amount"], leaderMay: true }),
  outage: fc.constantFrom({ policy: "none" }, { policy: "give_back" }, { policy: "give_back", lostMsMin: 2 * SECOND, givenMsMax: 30 * SECOND }),
});

function asked(role: Role, issuer: fc.Arbitrary<string>, body: fc.Arbitrary<CommandBody>): fc.Arbitrary<Step> {
  return fc.record({ kind: fc.constant("ask" as const), auction, key, role: fc.constant(role), issuer, body });
}

const sue = fc.constant("sue");
const olga = fc.constant("olga");
const reason = fc.constant("mistyped_amount");

const commands = fc.oneof(
  {
    weight: 30,
    arbitrary: asked(
      "bidder",
      bidder,
      fc.record({ type: fc.constant("place_bid"), kind: fc.constant("maximum"), amount, currency: fc.constant("USD") }) as fc.Arbitrary<CommandBody>,
    ),
  },
  { weight: 2, arbitrary: asked("bidder", bidder, fc.record({ type: fc.constant("retract_bid" as const), reason })) },
  {
    weight: 1,
    arbitrary: asked("bidder", bidder, fc.record({ type: fc.constant("buy_now" as const), amount: fc.constant(3_000), currency: fc.constant("USD") })),
  },
  { weight: 2, arbitrary: asked("operator", olga, fc.record({ type: fc.constant("void_bid" as const), bidId: fc.integer({ min: 3, max: 9 }), reason })) },
  {
    weight: 1,
    arbitrary: asked("operator", olga, fc.record({ type: fc.constant("void_bidder" as const), bidderId: bidder, reason, block: fc.boolean() })),
  },
  { weight: 1, arbitrary: asked("operator", olga, fc.record({ type: fc.constant("pause" as const), reason })) },
  { weight: 2, arbitrary: asked("operator", olga, fc.record({ type: fc.constant("resume" as const), leaveAtLeastMs: fc.constant(1_000) })) },
  { weight: 1, arbitrary: asked("seller", sue, fc.record({ type: fc.constant("withdraw" as const), reason })) },
  { weight: 1, arbitrary: asked("seller", sue, fc.record({ type: fc.constant("end_early" as const), sellBelowReserve: fc.boolean() })) },
);

const fate = fc.constantFrom<FateKind>("done", "done", "refused", "answer_lost", "lost", "late");

function createOf(which: fc.Arbitrary<number>): fc.Arbitrary<Step> {
  return fc.record({ kind: fc.constant("create" as const), auction: which, key, settings, opensInMs: fc.constantFrom(-SECOND, 0, 0, 3 * SECOND) });
}

const quiet = fc.constantFrom(true, true, false);

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: createOf(auction) },
  { weight: 45, arbitrary: commands },
  { weight: 10, arbitrary: fc.record({ kind: fc.constant("again" as const), which: fc.nat(50), amount: fc.option(amount, { nil: null, freq: 3 }) }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("read" as const), auction, fresh: fc.boolean() }) },
  { weight: 6, arbitrary: fc.constant({ kind: "turn" as const }) },
  { weight: 25, arbitrary: fc.constant({ kind: "settle" as const }) },
  { weight: 10, arbitrary: fc.record({ kind: fc.constant("pass" as const), ms: fc.constantFrom(1, 40, 400, 1_500, 4_000) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("pass" as const), ms: fc.constantFrom(20_000, 40_000) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("jump" as const), ms: fc.constantFrom(10, 3_000, 25_000) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("step_clock" as const), ms: fc.constantFrom(300, -300, 2_000, 15_000, -2_000) }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("fates" as const), fates: fc.array(fate, { minLength: 1, maxLength: 4 }) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("hold" as const), on: fc.constantFrom(true, false, false) }) },
  { weight: 3, arbitrary: fc.constant({ kind: "late" as const }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("store" as const), away: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("room" as const), low: fc.boolean() }) },
  { weight: 1, arbitrary: fc.constant({ kind: "stranger" as const }) },
  { weight: 6, arbitrary: fc.constant({ kind: "snapshot" as const }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("break" as const), shard: fc.integer({ min: 0, max: SHARDS - 1 }) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("kill" as const), quiet }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("stop" as const), quiet }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("takeover" as const), quiet }) },
);

const creates = fc.tuple(...Array.from({ length: AUCTIONS }, (_, n) => createOf(fc.constant(n))));

/** Any course of some dozens of steps. They begin with a few auctions, in quiet: without one there is little to go wrong. */
const anyCourse: fc.Arbitrary<readonly Step[]> = fc
  .record({ creates, steps: fc.array(step, { minLength: 20, maxLength: 70, size: "max" }) })
  .map(({ creates: first, steps }) => [{ kind: "settle" }, ...first, { kind: "settle" }, ...steps]);

test("shard loop: any course: every answer stands in the log with its bytes, and live, recovered and replayed states are one", async () => {
  await fc.assert(
    fc.asyncProperty(anyCourse, async (course) => {
      const world = new CourseWorld();
      await world.time.settle();
      for (const step of course) await world.play(step);
      await world.heal();
      expect(await courseFaults(world)).toEqual([]);
    }),
    { numRuns: RUNS },
  );
});
