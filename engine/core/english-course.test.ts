// The English format by worked examples: a table per rule, a row per command (example-table.ts explains the columns).
// Here: soft close, retraction and void, time, keys, who may bid, settings.
// Common ground: USD, the US table of eBay, opening price 100, seller S, bidders A to D, operator O, engine E. The auction opens at
// 0 and ends at 24h; its create is sequence 1 and its opening sequence 2, so rows begin at 3.
import { expect, test } from "vitest";
import { decide } from "./auction.ts";
import { cellsOf, commandOf, OPENING_AT, played, settingsOf, TABLE_EPOCH } from "./example-table.ts";

function example(name: string, setUp: string): (rows: TemplateStringsArray) => void {
  return ([table = ""]) =>
    test(name, () => {
      const { written, found } = played(setUp, table);
      expect(found).toEqual(written);
    });
}

example("english: soft close: the window includes its edge (S1)", "soft 1m 90s end accepted_bid")`
  23h58m59.999s | 3    | A max 500                 | leading                | 100  | 125  | A | - | 24h
  23h59m        | 4    | B max 200                 | outbid ext 4           | 225  | 250  | A | - | 24h1m30s
  24h30s        | 5    | C max 900                 | leading ext 5          | 550  | 600  | C | - | 24h3m
`;

example("english: soft close: a rejected bid never extends, and a close before the end is not due (S2)", "soft 1m 90s end accepted_bid")`
  23h59m30s     | 3    | A max 500                 | leading ext 3          | 100  | 125  | A | - | 24h1m30s
  24h           | 4    | E close                   | not_due                | 100  | 125  | A | - | 24h1m30s
  24h1m         | 5    | B max 110                 | below_asking_price     | 100  | 125  | A | - | 24h1m30s
  24h1m30s      | 6    | E close                   | SOLD A 100             | 100  | -    | A | - | 24h1m30s
`;

example("english: soft close: with base bid the time left is reset (S3)", "soft 2m 2m bid accepted_bid")`
  23h59m        | 3    | A max 500                 | leading ext 3          | 100  | 125  | A | - | 24h1m
  24h50s        | 4    | B max 300                 | outbid ext 4           | 325  | 350  | A | - | 24h2m50s
`;

example("english: soft close: the end never moves earlier (S4)", "soft 5m 1m bid accepted_bid")`
  23h56m        | 3    | A max 500                 | leading                | 100  | 125  | A | - | 24h
  23h59m30s     | 4    | B max 300                 | outbid ext 4           | 325  | 350  | A | - | 24h30s
`;

example("english: soft close: a raise of one's own maximum does not extend (S5)", "soft 2m 2m bid accepted_bid")`
  1h            | 3    | A max 500                 | leading                | 100  | 125  | A | - | 24h
  23h59m        | 4    | A raise 900               | leading                | 100  | 125  | A | - | 24h
`;

example("english: soft close: a raise that moves the price extends when the trigger is a rise (S6)", "soft 5m 5m end price_rise")`
  1h            | 3    | A max 2000                | leading                | 100  | 125  | A | - | 24h
  2h            | 4    | B max 2000                | outbid                 | 2000 | 2050 | A | - | 24h
  23h57m        | 5    | A raise 3000              | leading ext 5          | 2050 | 2100 | A | - | 24h5m
  24h1m         | 6    | A raise 4000              | leading                | 2050 | 2100 | A | - | 24h5m
`;

example("english: soft close: rank 1 extends only when the lead changes (S7)", "soft 2m 2m bid rank 1")`
  1h            | 3    | A max 1000                | leading                | 100  | 125  | A | - | 24h
  23h59m        | 4    | B max 500                 | outbid                 | 550  | 600  | A | - | 24h
  23h59m30s     | 5    | C max 2000                | leading ext 5          | 1050 | 1100 | C | - | 24h1m30s
`;

example("english: soft close: a cap on the count ends extensions, not bids (S8)", "soft 1m 1m end accepted_bid count 2")`
  23h59m30s     | 3    | A max 500                 | leading ext 3          | 100  | 125  | A | - | 24h1m
  24h30s        | 4    | B max 200                 | outbid ext 4           | 225  | 250  | A | - | 24h2m
  24h1m30s      | 5    | C max 300                 | outbid                 | 325  | 350  | A | - | 24h2m
`;

example("english: soft close: a cap on the total cuts the last extension (S9)", "soft 1m 1m end accepted_bid total 90s")`
  23h59m30s     | 3    | A max 500                 | leading ext 3          | 100  | 125  | A | - | 24h1m
  24h30s        | 4    | B max 200                 | outbid ext 4           | 225  | 250  | A | - | 24h1m30s
  24h1m         | 5    | C max 300                 | outbid                 | 325  | 350  | A | - | 24h1m30s
`;

example("english: soft close: a hard stop after the scheduled close holds (S10)", "soft 15m 15m bid accepted_bid stop +10m")`
  23h50m        | 3    | A max 500                 | leading ext 3          | 100  | 125  | A | - | 24h5m
  24h4m         | 4    | B max 200                 | outbid ext 4           | 225  | 250  | A | - | 24h10m
  24h9m         | 5    | C max 300                 | outbid                 | 325  | 350  | A | - | 24h10m
`;

example("english: soft close: a hard stop at an instant holds (S11)", "soft 1m 3m bid accepted_bid stop 24h2m")`
  23h59m30s     | 3    | A max 500                 | leading ext 3          | 100  | 125  | A | - | 24h2m
`;

example("english: soft close: an extension outlives the bid that caused it (S12)", "soft 2m 2m bid accepted_bid")`
  1h            | 3    | A max 500                 | leading                | 100  | 125  | A | - | 24h
  23h59m        | 4    | B max 900                 | leading ext 4          | 550  | 600  | B | - | 24h1m
  23h59m30s     | 5    | O void 4                  | ok                     | 100  | 125  | A | - | 24h1m
  24h1m         | 6    | E close                   | SOLD A 100             | 100  | -    | A | - | 24h1m
`;

example("english: soft close: the window is that of the end in force (S13)", "soft 1m 1m end accepted_bid")`
  2h            | 3    | O extend 25h              | ok                     | -    | 100  | - | - | 25h
  23h59m30s     | 4    | A max 500                 | leading                | 100  | 125  | A | - | 25h
  24h59m30s     | 5    | B max 200                 | outbid ext 5           | 225  | 250  | A | - | 25h1m
`;

example("english: retraction and void: early, all bids of the bidder go (V1)", "")`
  1h            | 3    | A max 500                 | leading                | 100  | 125  | A | - | 24h
  2h            | 4    | B max 300                 | outbid                 | 325  | 350  | A | - | 24h
  3h            | 5    | A raise 900               | leading                | 325  | 350  | A | - | 24h
  12h           | 6    | A retract                 | ok                     | 100  | 125  | B | - | 24h
`;

example("english: retraction and void: late, only the newest goes, within its grace (V2)", "")`
  1h            | 3    | A max 500                 | leading                | 100  | 125  | A | - | 24h
  2h            | 4    | B max 800                 | leading                | 550  | 600  | B | - | 24h
  20h           | 5    | A max 900                 | leading                | 850  | 900  | A | - | 24h
  21h           | 6    | A retract                 | ok                     | 550  | 600  | B | - | 24h
  21h           | 7    | A retract                 | too_late_to_retract    | 550  | 600  | B | - | 24h
`;

example("english: retraction and void: a reason not listed and a bidder without a bid are turned down (V3)", "")`
  1h            | 3    | A max 500                 | leading                | 100  | 125  | A | - | 24h
  2h            | 4    | A retract changed_mind    | reason_not_allowed     | 100  | 125  | A | - | 24h
  3h            | 5    | B retract                 | no_such_bid            | 100  | 125  | A | - | 24h
`;

example("english: retraction and void: a leader may be kept from retracting (V4)", "leader stays")`
  1h            | 3    | A max 500                 | leading                | 100  | 125  | A | - | 24h
  2h            | 4    | A retract                 | leader_may_not_retract | 100  | 125  | A | - | 24h
`;

example("english: retraction and void: a void recomputes leader and price from the remaining bids (V5)", "")`
  1h            | 3    | A max 1000                | leading                | 100  | 125  | A | - | 24h
  2h            | 4    | B max 3000                | leading                | 1050 | 1100 | B | - | 24h
  3h            | 5    | C max 2000                | outbid                 | 2050 | 2100 | B | - | 24h
  4h            | 6    | O void 4                  | ok                     | 1050 | 1100 | C | - | 24h
  5h            | 7    | O void 3                  | ok                     | 100  | 125  | C | - | 24h
  6h            | 8    | O void 4                  | bid_already_removed    | 100  | 125  | C | - | 24h
`;

example("english: retraction and void: the reserve may become unmet again, and a blocked bidder waits (V6)", "reserve 2000")`
  1h            | 3    | A max 500                 | leading                | 100  | 125  | A | n | 24h
  2h            | 4    | B max 2500                | leading                | 2000 | 2050 | B | y | 24h
  3h            | 5    | S void-bidder B           | ok                     | 100  | 125  | A | n | 24h
  4h            | 6    | B max 900                 | bidder_blocked         | 100  | 125  | A | n | 24h
  5h            | 7    | O bidder B unblock        | ok                     | 100  | 125  | A | n | 24h
  6h            | 8    | B max 900                 | leading                | 550  | 600  | B | n | 24h
`;

example("english: retraction and void: the earlier of the remaining bids leads (V7)", "")`
  1h            | 3    | A max 1000                | leading                | 100  | 125  | A | - | 24h
  2h            | 4    | B max 1000                | outbid                 | 1000 | 1050 | A | - | 24h
  3h            | 5    | O void 3                  | ok                     | 100  | 125  | B | - | 24h
  4h            | 6    | C max 1000                | outbid                 | 1000 | 1050 | B | - | 24h
`;

example("english: retraction and void: when only a raise goes the earlier maximum stands again (V8)", "")`
  1h            | 3    | A max 500                 | leading                | 100  | 125  | A | - | 24h
  2h            | 4    | A raise 2000              | leading                | 100  | 125  | A | - | 24h
  3h            | 5    | B max 1000                | outbid                 | 1050 | 1100 | A | - | 24h
  4h            | 6    | O void 4                  | ok                     | 550  | 600  | B | - | 24h
`;

example("english: time: the end excludes itself and closed is final (T1)", "")`
  23h59m59.999s | 3    | A max 500                 | leading                | 100  | 125  | A | - | 24h
  24h           | 4    | E close                   | SOLD A 100             | 100  | -    | A | - | 24h
  24h           | 5    | B max 900                 | ended                  | 100  | -    | A | - | 24h
  25h           | 6    | O void 3                  | ended                  | 100  | -    | A | - | 24h
`;

example("english: time: no bid before the opening (T2)", "unopened")`
  -1m           | 2    | A max 500                 | not_open               | -    | 100  | - | - | 24h
  0s            | 3    | E open                    | ok                     | -    | 100  | - | - | 24h
  0s            | 4    | A max 500                 | leading                | 100  | 125  | A | - | 24h
`;

example("english: time: paused time is given back (T3)", "")`
  1h            | 3    | A max 500                 | leading                | 100  | 125  | A | - | 24h
  2h            | 4    | O pause                   | ok                     | 100  | 125  | A | - | 24h
  3h            | 5    | B max 300                 | paused                 | 100  | 125  | A | - | 24h
  25h           | 6    | O resume                  | ok                     | 100  | 125  | A | - | 47h
  46h59m59.999s | 7    | B max 300                 | outbid                 | 325  | 350  | A | - | 47h
  47h           | 8    | E close                   | SOLD A 325             | 325  | -    | A | - | 47h
`;

example("english: time: the window after a pause is that of the new end (T4)", "soft 1m 1m end accepted_bid")`
  23h59m30s     | 3    | O pause                   | ok                     | -    | 100  | - | - | 24h
  24h30m        | 4    | O resume                  | ok                     | -    | 100  | - | - | 24h30m30s
  24h30m        | 5    | A max 500                 | leading ext 5          | 100  | 125  | A | - | 24h31m30s
`;

example("english: time: a seller may withdraw early (T5)", "")`
  1h            | 3    | A max 500                 | leading                | 100  | 125  | A | - | 24h
  12h           | 4    | S withdraw                | WITHDRAWN              | 100  | -    | A | - | 12h
  13h           | 5    | B max 900                 | withdrawn              | 100  | -    | A | - | 12h
`;

example("english: time: removed bids count against a late withdrawal (T6)", "")`
  1h            | 3    | A max 500                 | leading                | 100  | 125  | A | - | 24h
  2h            | 4    | A retract                 | ok                     | -    | 100  | - | - | 24h
  13h           | 5    | S withdraw                | too_late_to_withdraw   | -    | 100  | - | - | 24h
  14h           | 6    | S end-early               | no_leader              | -    | 100  | - | - | 24h
  15h           | 7    | B max 300                 | leading                | 100  | 125  | B | - | 24h
  16h           | 8    | S end-early               | SOLD B 100             | 100  | -    | B | - | 16h
`;

example("english: time: an outage is given back (T7)", "outage give-back")`
  1h            | 3    | A max 500                 | leading                | 100  | 125  | A | - | 24h
  24h30m        | 4    | E give-back 23h50m 24h30m | ok                     | 100  | 125  | A | - | 24h40m
  24h35m        | 5    | B max 300                 | outbid                 | 325  | 350  | A | - | 24h40m
`;

example("english: time: an outage below the least is not given back, and above the most not wholly (T8)", "outage give-back min 5s max 10m")`
  2h            | 3    | E give-back 1h59m57s 2h   | nothing_to_give_back   | -    | 100  | - | - | 24h
  4h            | 4    | E give-back 3h 4h         | ok                     | -    | 100  | - | - | 24h10m
`;

example("english: time: without the policy an end inside the outage stands (T9)", "")`
  24h30m        | 3    | E give-back 23h50m 24h30m | nothing_to_give_back   | -    | 100  | - | - | 24h
  24h30m        | 4    | E close                   | PASSED                 | -    | -    | - | - | 24h
`;

example("english: keys: a key belongs to one bidder and one command (K1)", "")`
  1h            | 3    | A max 500 #k1             | leading                | 100  | 125  | A | - | 24h
  2h            | 4    | B max 800 #k1             | leading                | 550  | 600  | B | - | 24h
  3h            | same | A max 500 #k1             | same 3                 | 550  | 600  | B | - | 24h
  4h            | none | A max 600 #k1             | key_reused             | 550  | 600  | B | - | 24h
`;

example("english: keys: a rejection is remembered (K2)", "")`
  1h            | 3    | A max 500                 | leading                | 100  | 125  | A | - | 24h
  2h            | 4    | B max 110 #k2             | below_asking_price     | 100  | 125  | A | - | 24h
  3h            | 5    | A retract                 | ok                     | -    | 100  | - | - | 24h
  4h            | same | B max 110 #k2             | same 4                 | -    | 100  | - | - | 24h
  5h            | 6    | B max 110 #k3             | leading                | 100  | 125  | B | - | 24h
`;

example("english: keys: a repeat after the hammer gets the first answer (K3)", "")`
  1h            | 3    | A max 500 #k1             | leading                | 100  | 125  | A | - | 24h
  24h           | 4    | E close                   | SOLD A 100             | 100  | -    | A | - | 24h
  25h           | same | A max 500 #k1             | same 3                 | 100  | -    | A | - | 24h
`;

example("english: keys: a repeat of a voided bid gets the first answer (K4)", "")`
  1h            | 3    | A max 500 #k1             | leading                | 100  | 125  | A | - | 24h
  2h            | 4    | O void 3                  | ok                     | -    | 100  | - | - | 24h
  3h            | same | A max 500 #k1             | same 3                 | -    | 100  | - | - | 24h
`;

example("english: keys: a repeat never extends (K5)", "soft 1m 1m end accepted_bid")`
  23h59m30s     | 3    | A max 500 #k1             | leading ext 3          | 100  | 125  | A | - | 24h1m
  24h30s        | same | A max 500 #k1             | same 3                 | 100  | 125  | A | - | 24h1m
`;

example("english: who: seller, associate, currency, amount and block are checked in order (W1)", "associate C, buy 5000 first_bid_or_reserve")`
  1h            | 3    | S max 500                 | seller_may_not_bid     | -    | 100  | - | - | 24h
  1h            | 4    | C max 500                 | associate_may_not_bid  | -    | 100  | - | - | 24h
  1h            | 5    | A max 500 EUR             | wrong_currency         | -    | 100  | - | - | 24h
  1h            | 6    | A max 10.5                | amount_invalid         | -    | 100  | - | - | 24h
  1h            | 7    | A max 1000000000001       | amount_invalid         | -    | 100  | - | - | 24h
  2h            | 8    | O bidder A block          | ok                     | -    | 100  | - | - | 24h
  2h            | 9    | A max 500                 | bidder_blocked         | -    | 100  | - | - | 24h
  3h            | 10   | C buy 5000                | SOLD C 5000            | 5000 | -    | C | - | 3h
`;

example("english: who: registration and limits hold (W2)", "register")`
  1h            | 3    | A max 500                 | not_registered         | -    | 100  | - | - | 24h
  2h            | 4    | O bidder A limit 400      | ok                     | -    | 100  | - | - | 24h
  3h            | 5    | A max 401                 | over_authorised_limit  | -    | 100  | - | - | 24h
  4h            | 6    | A max 400                 | leading                | 100  | 125  | A | - | 24h
  5h            | 7    | O bidder A limit 300      | ok                     | 100  | 125  | A | - | 24h
  6h            | 8    | A raise 450               | over_authorised_limit  | 100  | 125  | A | - | 24h
`;

const CREATED = `
  C1  | opening 1000, buy 1299 first_bid_or_reserve    | buy_now_invalid
  C2  | opening 1000, buy 1300 first_bid_or_reserve    | ok
  C3  | reserve 2000, buy 1999 first_bid_or_reserve    | buy_now_invalid
  C4  | reserve 99                                     | reserve_invalid
  C5  | opening 0, reserve 99                          | opening_invalid
  C6  | table 5:5                                      | increments_invalid
  C7  | table 0:5 100:25 100:50                        | increments_invalid
  C8  | step 100                                       | increments_invalid
  C9  | soft 1m 0s end accepted_bid                    | soft_close_invalid
  C10 | soft 1m 1m end accepted_bid stop 23h           | soft_close_invalid
  C11 | ends 0s                                        | times_invalid
`;

test("english: settings: a create is judged by the table of settings, row by row", () => {
  const found = cellsOf(CREATED).map(([name = "", setUp = ""]) => {
    const create = commandOf("operator", "O", name, { type: "create", settings: settingsOf(setUp) });
    return [name, setUp, decide(null, create, OPENING_AT - 3_600_000, TABLE_EPOCH).code];
  });
  expect(found).toEqual(cellsOf(CREATED));
});
