// The English format by worked examples: a table per rule, a row per command (example-table.ts explains the columns).
// Common ground: USD, the US table of eBay, opening price 100, seller S, bidders A to D, operator O, engine E. The auction opens at
// 0 and ends at 24h; its create is sequence 1 and its opening sequence 2, so rows begin at 3.
import { expect, test } from "vitest";
import { decide } from "./auction.ts";
import { cellsOf, commandOf, OPENING_AT, played, settingsOf, TABLE_EPOCH } from "./example-table.ts";

function example(name: string, setUp: string, table: string): void {
  test(name, () => {
    const { written, found } = played(setUp, table);
    expect(found).toEqual(written);
  });
}

example(
  "english: proxy: the first bid opens at the opening price, and one under it is turned down (P1)",
  "",
  `
  1h            | 3    | A max 99                  | below_asking_price         | -      | 100    | - | - | 24h
  2h            | 4    | A max 1000                | leading                    | 100    | 125    | A | - | 24h
`,
);

example(
  "english: proxy: the earlier of two equal maximums leads, and the leader's raise fills the step (P2)",
  "",
  `
  1h            | 3    | A max 1000                | leading                    | 100    | 125    | A | - | 24h
  2h            | 4    | B max 1000                | outbid                     | 1000   | 1050   | A | - | 24h
  3h            | 5    | A raise 1500              | leading                    | 1050   | 1100   | A | - | 24h
`,
);

example(
  "english: proxy: a rival above by less than a step leads at that rival's own maximum (P3)",
  "",
  `
  1h            | 3    | A max 2000                | leading                    | 100    | 125    | A | - | 24h
  2h            | 4    | B max 900                 | outbid                     | 950    | 1000   | A | - | 24h
  3h            | 5    | C max 2001                | leading                    | 2001   | 2051   | C | - | 24h
  4h            | 6    | C raise 2040              | below_asking_price         | 2001   | 2051   | C | - | 24h
  5h            | 7    | C raise 3000              | leading                    | 2050   | 2100   | C | - | 24h
`,
);

example(
  "english: proxy: with ownRaiseMovesPrice off a raise leaves the price until a rival bids (P4)",
  "raise stays",
  `
  1h            | 3    | A max 2000                | leading                    | 100    | 125    | A | - | 24h
  2h            | 4    | C max 2001                | leading                    | 2001   | 2051   | C | - | 24h
  3h            | 5    | C raise 3000              | leading                    | 2001   | 2051   | C | - | 24h
  4h            | 6    | B max 2100                | outbid                     | 2150   | 2200   | C | - | 24h
`,
);

example(
  "english: proxy: with short steps refused a rival must beat the maximum by a whole step (P5)",
  "sub no",
  `
  1h            | 3    | A max 2000                | leading                    | 100    | 125    | A | - | 24h
  2h            | 4    | C max 2001                | outbid                     | 2000   | 2050   | A | - | 24h
  3h            | 5    | C max 2050                | leading                    | 2050   | 2100   | C | - | 24h
`,
);

example(
  "english: proxy: with equal maximums refused the rival is told so and nothing moves (P6)",
  "equal refuse",
  `
  1h            | 3    | A max 1000                | leading                    | 100    | 125    | A | - | 24h
  2h            | 4    | B max 1000                | equals_maximum             | 100    | 125    | A | - | 24h
  3h            | 5    | B max 999                 | outbid                     | 1000   | 1050   | A | - | 24h
`,
);

example(
  "english: proxy: nobody bids against oneself (P7)",
  "",
  `
  1h            | 3    | A max 500                 | leading                    | 100    | 125    | A | - | 24h
  2h            | 4    | A raise 500               | not_above_own_maximum      | 100    | 125    | A | - | 24h
  3h            | 5    | A max 900                 | leading                    | 100    | 125    | A | - | 24h
  4h            | 6    | B max 1200                | leading                    | 950    | 1000   | B | - | 24h
  5h            | 7    | A raise 2000              | not_leading                | 950    | 1000   | B | - | 24h
`,
);

example(
  "english: proxy: the increment is that of the runner-up's maximum (P8)",
  "",
  `
  1h            | 3    | A max 1000                | leading                    | 100    | 125    | A | - | 24h
  2h            | 4    | B max 3000                | leading                    | 1050   | 1100   | B | - | 24h
  3h            | 5    | C max 2000                | outbid                     | 2050   | 2100   | B | - | 24h
  4h            | 6    | D max 5000                | leading                    | 3100   | 3200   | D | - | 24h
`,
);

example(
  "english: flat: a flat bid under or equal to a maximum is outbid, and a leading one stands at its amount (F1)",
  "kinds both",
  `
  1h            | 3    | A max 1000                | leading                    | 100    | 125    | A | - | 24h
  2h            | 4    | B flat 500                | outbid                     | 550    | 600    | A | - | 24h
  3h            | 5    | B flat 1000               | outbid                     | 1000   | 1050   | A | - | 24h
  4h            | 6    | B flat 1100               | leading                    | 1100   | 1150   | B | - | 24h
  5h            | 7    | A max 5000                | leading                    | 1150   | 1200   | A | - | 24h
`,
);

example(
  "english: flat: a flat leader may raise with a maximum and pays the flat amount until a rival bids (F2)",
  "kinds both",
  `
  1h            | 3    | A flat 300                | leading                    | 300    | 325    | A | - | 24h
  2h            | 4    | A flat 400                | already_leading            | 300    | 325    | A | - | 24h
  3h            | 5    | A raise 800               | leading                    | 300    | 325    | A | - | 24h
  4h            | 6    | B max 600                 | outbid                     | 650    | 700    | A | - | 24h
`,
);

example(
  "english: flat: a flat leader may bid again only while the reserve is unmet (F3)",
  "kinds flat, reserve 1000",
  `
  1h            | 3    | A max 500                 | kind_not_allowed           | -      | 100    | - | n | 24h
  2h            | 4    | A flat 500                | leading                    | 500    | 550    | A | n | 24h
  3h            | 5    | A flat 1000               | leading                    | 1000   | 1050   | A | y | 24h
  4h            | 6    | A flat 1200               | already_leading            | 1000   | 1050   | A | y | 24h
`,
);

example(
  "english: increments: the step is that of the band the price is in (B1)",
  "opening 90",
  `
  1h            | 3    | A max 9000000             | leading                    | 90     | 95     | A | - | 24h
  2h            | 4    | B max 99                  | outbid                     | 104    | 129    | A | - | 24h
  3h            | 5    | B max 499                 | outbid                     | 524    | 574    | A | - | 24h
  4h            | 6    | B max 2499                | outbid                     | 2549   | 2649   | A | - | 24h
  5h            | 7    | B max 9999                | outbid                     | 10099  | 10349  | A | - | 24h
  6h            | 8    | B max 499999              | outbid                     | 504999 | 514999 | A | - | 24h
`,
);

example(
  "english: increments: the UK table steps at its own bands (B2)",
  "table uk",
  `
  1h            | 3    | A max 2000                | leading                    | 100    | 120    | A | - | 24h
  2h            | 4    | B max 1499                | outbid                     | 1549   | 1649   | A | - | 24h
  3h            | 5    | C max 2001                | leading                    | 2001   | 2101   | C | - | 24h
`,
);

example(
  "english: increments: steps may fall from band to band (B3)",
  "opening 3000, table 0:100 3000:200 3200:300 3800:200",
  `
  1h            | 3    | A max 9000                | leading                    | 3000   | 3200   | A | - | 24h
  2h            | 4    | B max 3200                | outbid                     | 3500   | 3800   | A | - | 24h
`,
);

example(
  "english: increments: a bid off the step is turned down (B4)",
  "opening 1000, table 0:100, step 100",
  `
  1h            | 3    | A max 1550                | amount_off_step            | -      | 1000   | - | - | 24h
  2h            | 4    | A max 1500                | leading                    | 1000   | 1100   | A | - | 24h
`,
);

example(
  "english: reserve: a bid below the reserve is taken and the lot is passed (R1)",
  "reserve 10000",
  `
  1h            | 3    | A max 9999                | leading                    | 100    | 125    | A | n | 24h
  24h           | 4    | E close                   | PASSED                     | 100    | -      | A | n | 24h
`,
);

example(
  "english: reserve: the price jumps to a reserve that is reached (R2)",
  "reserve 10000",
  `
  1h            | 3    | A max 15000               | leading                    | 10000  | 10250  | A | y | 24h
  90m           | 4    | S lower 9000              | reserve_already_met        | 10000  | 10250  | A | y | 24h
  2h            | 5    | B max 11000               | outbid                     | 11250  | 11500  | A | y | 24h
  24h           | 6    | E close                   | SOLD A 11250               | 11250  | -      | A | y | 24h
`,
);

example(
  "english: reserve: a lowered reserve cuts the leader who would cover it (R3)",
  "reserve 20000",
  `
  1h            | 3    | A max 15000               | leading                    | 100    | 125    | A | n | 24h
  2h            | 4    | S lower 12000             | ok                         | 100    | 125    | A | n | 24h
  3h            | 5    | B max 11950               | leading                    | 11950  | 12200  | B | n | 24h
  4h            | 6    | A max 12200               | leading                    | 12200  | 12450  | A | y | 24h
`,
);

example(
  "english: reserve: a covered reserve may be set to jump (R4)",
  "reserve 20000, covered jump",
  `
  1h            | 3    | A max 15000               | leading                    | 100    | 125    | A | n | 24h
  2h            | 4    | S lower 12000             | ok                         | 12000  | 12250  | A | y | 24h
`,
);

example(
  "english: reserve: a reserve may be lowered to the asking price, up to twelve hours before the end (R5)",
  "reserve 20000",
  `
  1h            | 3    | A max 5000                | leading                    | 100    | 125    | A | n | 24h
  2h            | 4    | B max 4000                | outbid                     | 4100   | 4200   | A | n | 24h
  3h            | 5    | S lower 20000             | reserve_not_lower          | 4100   | 4200   | A | n | 24h
  4h            | 6    | S lower 4199              | reserve_below_asking_price | 4100   | 4200   | A | n | 24h
  12h           | 7    | S lower 15000             | ok                         | 4100   | 4200   | A | n | 24h
  12h0.001s     | 8    | S lower 14000             | too_late_to_lower          | 4100   | 4200   | A | n | 24h
`,
);

example(
  "english: reserve: a cut stops at the current price (R6)",
  "reserve 500",
  `
  1h            | 3    | A max 300                 | leading                    | 100    | 125    | A | n | 24h
  2h            | 4    | S lower 150               | ok                         | 100    | 125    | A | n | 24h
  3h            | 5    | S end-early               | reserve_not_met            | 100    | 125    | A | n | 24h
  4h            | 6    | A raise 200               | leading                    | 150    | 175    | A | y | 24h
`,
);

example(
  "english: buy-now: the first bid ends buy-now when there is no reserve (N1)",
  "buy 5000 first_bid_or_reserve",
  `
  1h            | 3    | A max 6000                | leading                    | 100    | 125    | A | - | 24h
  2h            | 4    | B buy 5000                | buy_now_gone               | 100    | 125    | A | - | 24h
`,
);

example(
  "english: buy-now: the exact price buys at once (N2)",
  "buy 5000 first_bid_or_reserve",
  `
  1h            | 3    | B buy 4999                | buy_now_price_differs      | -      | 100    | - | - | 24h
  2h            | 4    | B buy 5000                | SOLD B 5000                | 5000   | -      | B | - | 2h
`,
);

example(
  "english: buy-now: buy-now stays while the reserve is unmet (N3)",
  "reserve 3000, buy 5000 first_bid_or_reserve",
  `
  1h            | 3    | A max 2999                | leading                    | 100    | 125    | A | n | 24h
  2h            | 4    | B buy 5000                | SOLD B 5000                | 5000   | -      | B | y | 2h
`,
);

example(
  "english: buy-now: buy-now goes when the reserve is met (N4)",
  "reserve 3000, buy 5000 first_bid_or_reserve",
  `
  1h            | 3    | A max 3000                | leading                    | 3000   | 3100   | A | y | 24h
  2h            | 4    | B buy 5000                | buy_now_gone               | 3000   | 3100   | A | y | 24h
`,
);

example(
  "english: buy-now: buy-now may last until its price is reached (N5)",
  "buy 1000 price_reached",
  `
  1h            | 3    | A max 5000                | leading                    | 100    | 125    | A | - | 24h
  2h            | 4    | B max 900                 | outbid                     | 950    | 1000   | A | - | 24h
  3h            | 5    | C buy 1000                | SOLD C 1000                | 1000   | -      | C | - | 3h
`,
);

example(
  "english: buy-now: buy-now once gone stays gone (N6)",
  "buy 5000 first_bid_or_reserve",
  `
  1h            | 3    | A max 500                 | leading                    | 100    | 125    | A | - | 24h
  2h            | 4    | A retract                 | ok                         | -      | 100    | - | - | 24h
  3h            | 5    | B buy 5000                | buy_now_gone               | -      | 100    | - | - | 24h
`,
);

example(
  "english: buy-now: buy-now may be set to return (N7)",
  "buy 5000 first_bid_or_reserve returns",
  `
  1h            | 3    | A max 500                 | leading                    | 100    | 125    | A | - | 24h
  2h            | 4    | A retract                 | ok                         | -      | 100    | - | - | 24h
  3h            | 5    | B buy 5000                | SOLD B 5000                | 5000   | -      | B | - | 3h
`,
);

example(
  "english: soft close: the window includes its edge (S1)",
  "soft 1m 90s end accepted_bid",
  `
  23h58m59.999s | 3    | A max 500                 | leading                    | 100    | 125    | A | - | 24h
  23h59m        | 4    | B max 200                 | outbid ext 4               | 225    | 250    | A | - | 24h1m30s
  24h30s        | 5    | C max 900                 | leading ext 5              | 550    | 600    | C | - | 24h3m
`,
);

example(
  "english: soft close: a rejected bid never extends, and a close before the end is not due (S2)",
  "soft 1m 90s end accepted_bid",
  `
  23h59m30s     | 3    | A max 500                 | leading ext 3              | 100    | 125    | A | - | 24h1m30s
  24h           | 4    | E close                   | not_due                    | 100    | 125    | A | - | 24h1m30s
  24h1m         | 5    | B max 110                 | below_asking_price         | 100    | 125    | A | - | 24h1m30s
  24h1m30s      | 6    | E close                   | SOLD A 100                 | 100    | -      | A | - | 24h1m30s
`,
);

example(
  "english: soft close: with base bid the time left is reset (S3)",
  "soft 2m 2m bid accepted_bid",
  `
  23h59m        | 3    | A max 500                 | leading ext 3              | 100    | 125    | A | - | 24h1m
  24h50s        | 4    | B max 300                 | outbid ext 4               | 325    | 350    | A | - | 24h2m50s
`,
);

example(
  "english: soft close: the end never moves earlier (S4)",
  "soft 5m 1m bid accepted_bid",
  `
  23h56m        | 3    | A max 500                 | leading                    | 100    | 125    | A | - | 24h
  23h59m30s     | 4    | B max 300                 | outbid ext 4               | 325    | 350    | A | - | 24h30s
`,
);

example(
  "english: soft close: a raise of one's own maximum does not extend (S5)",
  "soft 2m 2m bid accepted_bid",
  `
  1h            | 3    | A max 500                 | leading                    | 100    | 125    | A | - | 24h
  23h59m        | 4    | A raise 900               | leading                    | 100    | 125    | A | - | 24h
`,
);

example(
  "english: soft close: a raise that moves the price extends when the trigger is a rise (S6)",
  "soft 5m 5m end price_rise",
  `
  1h            | 3    | A max 2000                | leading                    | 100    | 125    | A | - | 24h
  2h            | 4    | B max 2000                | outbid                     | 2000   | 2050   | A | - | 24h
  23h57m        | 5    | A raise 3000              | leading ext 5              | 2050   | 2100   | A | - | 24h5m
  24h1m         | 6    | A raise 4000              | leading                    | 2050   | 2100   | A | - | 24h5m
`,
);

example(
  "english: soft close: rank 1 extends only when the lead changes (S7)",
  "soft 2m 2m bid rank 1",
  `
  1h            | 3    | A max 1000                | leading                    | 100    | 125    | A | - | 24h
  23h59m        | 4    | B max 500                 | outbid                     | 550    | 600    | A | - | 24h
  23h59m30s     | 5    | C max 2000                | leading ext 5              | 1050   | 1100   | C | - | 24h1m30s
`,
);

example(
  "english: soft close: a cap on the count ends extensions, not bids (S8)",
  "soft 1m 1m end accepted_bid count 2",
  `
  23h59m30s     | 3    | A max 500                 | leading ext 3              | 100    | 125    | A | - | 24h1m
  24h30s        | 4    | B max 200                 | outbid ext 4               | 225    | 250    | A | - | 24h2m
  24h1m30s      | 5    | C max 300                 | outbid                     | 325    | 350    | A | - | 24h2m
`,
);

example(
  "english: soft close: a cap on the total cuts the last extension (S9)",
  "soft 1m 1m end accepted_bid total 90s",
  `
  23h59m30s     | 3    | A max 500                 | leading ext 3              | 100    | 125    | A | - | 24h1m
  24h30s        | 4    | B max 200                 | outbid ext 4               | 225    | 250    | A | - | 24h1m30s
  24h1m         | 5    | C max 300                 | outbid                     | 325    | 350    | A | - | 24h1m30s
`,
);

example(
  "english: soft close: a hard stop after the scheduled close holds (S10)",
  "soft 15m 15m bid accepted_bid stop +10m",
  `
  23h50m        | 3    | A max 500                 | leading ext 3              | 100    | 125    | A | - | 24h5m
  24h4m         | 4    | B max 200                 | outbid ext 4               | 225    | 250    | A | - | 24h10m
  24h9m         | 5    | C max 300                 | outbid                     | 325    | 350    | A | - | 24h10m
`,
);

example(
  "english: soft close: a hard stop at an instant holds (S11)",
  "soft 1m 3m bid accepted_bid stop 24h2m",
  `
  23h59m30s     | 3    | A max 500                 | leading ext 3              | 100    | 125    | A | - | 24h2m
`,
);

example(
  "english: soft close: an extension outlives the bid that caused it (S12)",
  "soft 2m 2m bid accepted_bid",
  `
  1h            | 3    | A max 500                 | leading                    | 100    | 125    | A | - | 24h
  23h59m        | 4    | B max 900                 | leading ext 4              | 550    | 600    | B | - | 24h1m
  23h59m30s     | 5    | O void 4                  | ok                         | 100    | 125    | A | - | 24h1m
  24h1m         | 6    | E close                   | SOLD A 100                 | 100    | -      | A | - | 24h1m
`,
);

example(
  "english: soft close: the window is that of the end in force (S13)",
  "soft 1m 1m end accepted_bid",
  `
  2h            | 3    | O extend 25h              | ok                         | -      | 100    | - | - | 25h
  23h59m30s     | 4    | A max 500                 | leading                    | 100    | 125    | A | - | 25h
  24h59m30s     | 5    | B max 200                 | outbid ext 5               | 225    | 250    | A | - | 25h1m
`,
);

example(
  "english: retraction and void: early, all bids of the bidder go (V1)",
  "",
  `
  1h            | 3    | A max 500                 | leading                    | 100    | 125    | A | - | 24h
  2h            | 4    | B max 300                 | outbid                     | 325    | 350    | A | - | 24h
  3h            | 5    | A raise 900               | leading                    | 325    | 350    | A | - | 24h
  12h           | 6    | A retract                 | ok                         | 100    | 125    | B | - | 24h
`,
);

example(
  "english: retraction and void: late, only the newest goes, within its grace (V2)",
  "",
  `
  1h            | 3    | A max 500                 | leading                    | 100    | 125    | A | - | 24h
  2h            | 4    | B max 800                 | leading                    | 550    | 600    | B | - | 24h
  20h           | 5    | A max 900                 | leading                    | 850    | 900    | A | - | 24h
  21h           | 6    | A retract                 | ok                         | 550    | 600    | B | - | 24h
  21h           | 7    | A retract                 | too_late_to_retract        | 550    | 600    | B | - | 24h
`,
);

example(
  "english: retraction and void: a reason not listed and a bidder without a bid are turned down (V3)",
  "",
  `
  1h            | 3    | A max 500                 | leading                    | 100    | 125    | A | - | 24h
  2h            | 4    | A retract changed_mind    | reason_not_allowed         | 100    | 125    | A | - | 24h
  3h            | 5    | B retract                 | no_such_bid                | 100    | 125    | A | - | 24h
`,
);

example(
  "english: retraction and void: a leader may be kept from retracting (V4)",
  "leader stays",
  `
  1h            | 3    | A max 500                 | leading                    | 100    | 125    | A | - | 24h
  2h            | 4    | A retract                 | leader_may_not_retract     | 100    | 125    | A | - | 24h
`,
);

example(
  "english: retraction and void: a void recomputes leader and price from the remaining bids (V5)",
  "",
  `
  1h            | 3    | A max 1000                | leading                    | 100    | 125    | A | - | 24h
  2h            | 4    | B max 3000                | leading                    | 1050   | 1100   | B | - | 24h
  3h            | 5    | C max 2000                | outbid                     | 2050   | 2100   | B | - | 24h
  4h            | 6    | O void 4                  | ok                         | 1050   | 1100   | C | - | 24h
  5h            | 7    | O void 3                  | ok                         | 100    | 125    | C | - | 24h
  6h            | 8    | O void 4                  | bid_already_removed        | 100    | 125    | C | - | 24h
`,
);

example(
  "english: retraction and void: the reserve may become unmet again, and a blocked bidder waits (V6)",
  "reserve 2000",
  `
  1h            | 3    | A max 500                 | leading                    | 100    | 125    | A | n | 24h
  2h            | 4    | B max 2500                | leading                    | 2000   | 2050   | B | y | 24h
  3h            | 5    | S void-bidder B           | ok                         | 100    | 125    | A | n | 24h
  4h            | 6    | B max 900                 | bidder_blocked             | 100    | 125    | A | n | 24h
  5h            | 7    | O bidder B unblock        | ok                         | 100    | 125    | A | n | 24h
  6h            | 8    | B max 900                 | leading                    | 550    | 600    | B | n | 24h
`,
);

example(
  "english: retraction and void: the earlier of the remaining bids leads (V7)",
  "",
  `
  1h            | 3    | A max 1000                | leading                    | 100    | 125    | A | - | 24h
  2h            | 4    | B max 1000                | outbid                     | 1000   | 1050   | A | - | 24h
  3h            | 5    | O void 3                  | ok                         | 100    | 125    | B | - | 24h
  4h            | 6    | C max 1000                | outbid                     | 1000   | 1050   | B | - | 24h
`,
);

example(
  "english: retraction and void: when only a raise goes the earlier maximum stands again (V8)",
  "",
  `
  1h            | 3    | A max 500                 | leading                    | 100    | 125    | A | - | 24h
  2h            | 4    | A raise 2000              | leading                    | 100    | 125    | A | - | 24h
  3h            | 5    | B max 1000                | outbid                     | 1050   | 1100   | A | - | 24h
  4h            | 6    | O void 4                  | ok                         | 550    | 600    | B | - | 24h
`,
);

example(
  "english: time: the end excludes itself and closed is final (T1)",
  "",
  `
  23h59m59.999s | 3    | A max 500                 | leading                    | 100    | 125    | A | - | 24h
  24h           | 4    | E close                   | SOLD A 100                 | 100    | -      | A | - | 24h
  24h           | 5    | B max 900                 | ended                      | 100    | -      | A | - | 24h
  25h           | 6    | O void 3                  | ended                      | 100    | -      | A | - | 24h
`,
);

example(
  "english: time: no bid before the opening (T2)",
  "unopened",
  `
  -1m           | 2    | A max 500                 | not_open                   | -      | 100    | - | - | 24h
  0s            | 3    | E open                    | ok                         | -      | 100    | - | - | 24h
  0s            | 4    | A max 500                 | leading                    | 100    | 125    | A | - | 24h
`,
);

example(
  "english: time: paused time is given back (T3)",
  "",
  `
  1h            | 3    | A max 500                 | leading                    | 100    | 125    | A | - | 24h
  2h            | 4    | O pause                   | ok                         | 100    | 125    | A | - | 24h
  3h            | 5    | B max 300                 | paused                     | 100    | 125    | A | - | 24h
  25h           | 6    | O resume                  | ok                         | 100    | 125    | A | - | 47h
  46h59m59.999s | 7    | B max 300                 | outbid                     | 325    | 350    | A | - | 47h
  47h           | 8    | E close                   | SOLD A 325                 | 325    | -      | A | - | 47h
`,
);

example(
  "english: time: the window after a pause is that of the new end (T4)",
  "soft 1m 1m end accepted_bid",
  `
  23h59m30s     | 3    | O pause                   | ok                         | -      | 100    | - | - | 24h
  24h30m        | 4    | O resume                  | ok                         | -      | 100    | - | - | 24h30m30s
  24h30m        | 5    | A max 500                 | leading ext 5              | 100    | 125    | A | - | 24h31m30s
`,
);

example(
  "english: time: a seller may withdraw early (T5)",
  "",
  `
  1h            | 3    | A max 500                 | leading                    | 100    | 125    | A | - | 24h
  12h           | 4    | S withdraw                | WITHDRAWN                  | 100    | -      | A | - | 12h
  13h           | 5    | B max 900                 | withdrawn                  | 100    | -      | A | - | 12h
`,
);

example(
  "english: time: removed bids count against a late withdrawal (T6)",
  "",
  `
  1h            | 3    | A max 500                 | leading                    | 100    | 125    | A | - | 24h
  2h            | 4    | A retract                 | ok                         | -      | 100    | - | - | 24h
  13h           | 5    | S withdraw                | too_late_to_withdraw       | -      | 100    | - | - | 24h
  14h           | 6    | S end-early               | no_leader                  | -      | 100    | - | - | 24h
  15h           | 7    | B max 300                 | leading                    | 100    | 125    | B | - | 24h
  16h           | 8    | S end-early               | SOLD B 100                 | 100    | -      | B | - | 16h
`,
);

example(
  "english: time: an outage is given back (T7)",
  "outage give-back",
  `
  1h            | 3    | A max 500                 | leading                    | 100    | 125    | A | - | 24h
  24h30m        | 4    | E give-back 23h50m 24h30m | ok                         | 100    | 125    | A | - | 24h40m
  24h35m        | 5    | B max 300                 | outbid                     | 325    | 350    | A | - | 24h40m
`,
);

example(
  "english: time: an outage below the least is not given back, and above the most not wholly (T8)",
  "outage give-back min 5s max 10m",
  `
  2h            | 3    | E give-back 1h59m57s 2h   | nothing_to_give_back       | -      | 100    | - | - | 24h
  4h            | 4    | E give-back 3h 4h         | ok                         | -      | 100    | - | - | 24h10m
`,
);

example(
  "english: time: without the policy an end inside the outage stands (T9)",
  "",
  `
  24h30m        | 3    | E give-back 23h50m 24h30m | nothing_to_give_back       | -      | 100    | - | - | 24h
  24h30m        | 4    | E close                   | PASSED                     | -      | -      | - | - | 24h
`,
);

example(
  "english: keys: a key belongs to one bidder and one command (K1)",
  "",
  `
  1h            | 3    | A max 500 #k1             | leading                    | 100    | 125    | A | - | 24h
  2h            | 4    | B max 800 #k1             | leading                    | 550    | 600    | B | - | 24h
  3h            | same | A max 500 #k1             | same 3                     | 550    | 600    | B | - | 24h
  4h            | none | A max 600 #k1             | key_reused                 | 550    | 600    | B | - | 24h
`,
);

example(
  "english: keys: a rejection is remembered (K2)",
  "",
  `
  1h            | 3    | A max 500                 | leading                    | 100    | 125    | A | - | 24h
  2h            | 4    | B max 110 #k2             | below_asking_price         | 100    | 125    | A | - | 24h
  3h            | 5    | A retract                 | ok                         | -      | 100    | - | - | 24h
  4h            | same | B max 110 #k2             | same 4                     | -      | 100    | - | - | 24h
  5h            | 6    | B max 110 #k3             | leading                    | 100    | 125    | B | - | 24h
`,
);

example(
  "english: keys: a repeat after the hammer gets the first answer (K3)",
  "",
  `
  1h            | 3    | A max 500 #k1             | leading                    | 100    | 125    | A | - | 24h
  24h           | 4    | E close                   | SOLD A 100                 | 100    | -      | A | - | 24h
  25h           | same | A max 500 #k1             | same 3                     | 100    | -      | A | - | 24h
`,
);

example(
  "english: keys: a repeat of a voided bid gets the first answer (K4)",
  "",
  `
  1h            | 3    | A max 500 #k1             | leading                    | 100    | 125    | A | - | 24h
  2h            | 4    | O void 3                  | ok                         | -      | 100    | - | - | 24h
  3h            | same | A max 500 #k1             | same 3                     | -      | 100    | - | - | 24h
`,
);

example(
  "english: keys: a repeat never extends (K5)",
  "soft 1m 1m end accepted_bid",
  `
  23h59m30s     | 3    | A max 500 #k1             | leading ext 3              | 100    | 125    | A | - | 24h1m
  24h30s        | same | A max 500 #k1             | same 3                     | 100    | 125    | A | - | 24h1m
`,
);

example(
  "english: who: seller, associate, currency, amount and block are checked in order (W1)",
  "associate C, buy 5000 first_bid_or_reserve",
  `
  1h            | 3    | S max 500                 | seller_may_not_bid         | -      | 100    | - | - | 24h
  1h            | 4    | C max 500                 | associate_may_not_bid      | -      | 100    | - | - | 24h
  1h            | 5    | A max 500 EUR             | wrong_currency             | -      | 100    | - | - | 24h
  1h            | 6    | A max 10.5                | amount_invalid             | -      | 100    | - | - | 24h
  1h            | 7    | A max 1000000000001       | amount_invalid             | -      | 100    | - | - | 24h
  2h            | 8    | O bidder A block          | ok                         | -      | 100    | - | - | 24h
  2h            | 9    | A max 500                 | bidder_blocked             | -      | 100    | - | - | 24h
  3h            | 10   | C buy 5000                | SOLD C 5000                | 5000   | -      | C | - | 3h
`,
);

example(
  "english: who: registration and limits hold (W2)",
  "register",
  `
  1h            | 3    | A max 500                 | not_registered             | -      | 100    | - | - | 24h
  2h            | 4    | O bidder A limit 400      | ok                         | -      | 100    | - | - | 24h
  3h            | 5    | A max 401                 | over_authorised_limit      | -      | 100    | - | - | 24h
  4h            | 6    | A max 400                 | leading                    | 100    | 125    | A | - | 24h
  5h            | 7    | O bidder A limit 300      | ok                         | 100    | 125    | A | - | 24h
  6h            | 8    | A raise 450               | over_authorised_limit      | 100    | 125    | A | - | 24h
`,
);

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
