// The English format by worked examples: a table per rule, a row per command (example-table.ts explains the columns).
// Here: proxy and flat bids, increments, reserve, buy-now.
// Common ground: USD, the US table of eBay, opening price 100, seller S, bidders A to D, operator O, engine E. The auction opens at
// 0 and ends at 24h; its create is sequence 1 and its opening sequence 2, so rows begin at 3.
import { expect, test } from "vitest";
import { played } from "./example-table.ts";

function example(name: string, setUp: string): (rows: TemplateStringsArray) => void {
  return ([table = ""]) =>
    test(name, () => {
      const { written, found } = played(setUp, table);
      expect(found).toEqual(written);
    });
}

example("english: proxy: the first bid opens at the opening price, and one under it is turned down (P1)", "")`
  1h        | 3 | A max 99      | below_asking_price         | -      | 100    | - | - | 24h
  2h        | 4 | A max 1000    | leading                    | 100    | 125    | A | - | 24h
`;

example("english: proxy: the earlier of two equal maximums leads, and the leader's raise fills the step (P2)", "")`
  1h        | 3 | A max 1000    | leading                    | 100    | 125    | A | - | 24h
  2h        | 4 | B max 1000    | outbid                     | 1000   | 1050   | A | - | 24h
  3h        | 5 | A raise 1500  | leading                    | 1050   | 1100   | A | - | 24h
`;

example("english: proxy: a rival above by less than a step leads at that rival's own maximum (P3)", "")`
  1h        | 3 | A max 2000    | leading                    | 100    | 125    | A | - | 24h
  2h        | 4 | B max 900     | outbid                     | 950    | 1000   | A | - | 24h
  3h        | 5 | C max 2001    | leading                    | 2001   | 2051   | C | - | 24h
  4h        | 6 | C raise 2040  | below_asking_price         | 2001   | 2051   | C | - | 24h
  5h        | 7 | C raise 3000  | leading                    | 2050   | 2100   | C | - | 24h
`;

example("english: proxy: with ownRaiseMovesPrice off a raise leaves the price until a rival bids (P4)", "raise stays")`
  1h        | 3 | A max 2000    | leading                    | 100    | 125    | A | - | 24h
  2h        | 4 | C max 2001    | leading                    | 2001   | 2051   | C | - | 24h
  3h        | 5 | C raise 3000  | leading                    | 2001   | 2051   | C | - | 24h
  4h        | 6 | B max 2100    | outbid                     | 2150   | 2200   | C | - | 24h
`;

example("english: proxy: with short steps refused a rival must beat the maximum by a whole step (P5)", "sub no")`
  1h        | 3 | A max 2000    | leading                    | 100    | 125    | A | - | 24h
  2h        | 4 | C max 2001    | outbid                     | 2000   | 2050   | A | - | 24h
  3h        | 5 | C max 2050    | leading                    | 2050   | 2100   | C | - | 24h
`;

example("english: proxy: with equal maximums refused the rival is told so and nothing moves (P6)", "equal refuse")`
  1h        | 3 | A max 1000    | leading                    | 100    | 125    | A | - | 24h
  2h        | 4 | B max 1000    | equals_maximum             | 100    | 125    | A | - | 24h
  3h        | 5 | B max 999     | outbid                     | 1000   | 1050   | A | - | 24h
`;

example("english: proxy: nobody bids against oneself (P7)", "")`
  1h        | 3 | A max 500     | leading                    | 100    | 125    | A | - | 24h
  2h        | 4 | A raise 500   | not_above_own_maximum      | 100    | 125    | A | - | 24h
  3h        | 5 | A max 900     | leading                    | 100    | 125    | A | - | 24h
  4h        | 6 | B max 1200    | leading                    | 950    | 1000   | B | - | 24h
  5h        | 7 | A raise 2000  | not_leading                | 950    | 1000   | B | - | 24h
`;

example("english: proxy: the increment is that of the runner-up's maximum (P8)", "")`
  1h        | 3 | A max 1000    | leading                    | 100    | 125    | A | - | 24h
  2h        | 4 | B max 3000    | leading                    | 1050   | 1100   | B | - | 24h
  3h        | 5 | C max 2000    | outbid                     | 2050   | 2100   | B | - | 24h
  4h        | 6 | D max 5000    | leading                    | 3100   | 3200   | D | - | 24h
`;

example("english: flat: a flat bid under or equal to a maximum is outbid, and a leading one stands at its amount (F1)", "kinds both")`
  1h        | 3 | A max 1000    | leading                    | 100    | 125    | A | - | 24h
  2h        | 4 | B flat 500    | outbid                     | 550    | 600    | A | - | 24h
  3h        | 5 | B flat 1000   | outbid                     | 1000   | 1050   | A | - | 24h
  4h        | 6 | B flat 1100   | leading                    | 1100   | 1150   | B | - | 24h
  5h        | 7 | A max 5000    | leading                    | 1150   | 1200   | A | - | 24h
`;

example("english: flat: a flat leader may raise with a maximum and pays the flat amount until a rival bids (F2)", "kinds both")`
  1h        | 3 | A flat 300    | leading                    | 300    | 325    | A | - | 24h
  2h        | 4 | A flat 400    | already_leading            | 300    | 325    | A | - | 24h
  3h        | 5 | A raise 800   | leading                    | 300    | 325    | A | - | 24h
  4h        | 6 | B max 600     | outbid                     | 650    | 700    | A | - | 24h
`;

example("english: flat: a flat leader may bid again only while the reserve is unmet (F3)", "kinds flat, reserve 1000")`
  1h        | 3 | A max 500     | kind_not_allowed           | -      | 100    | - | n | 24h
  2h        | 4 | A flat 500    | leading                    | 500    | 550    | A | n | 24h
  3h        | 5 | A flat 1000   | leading                    | 1000   | 1050   | A | y | 24h
  4h        | 6 | A flat 1200   | already_leading            | 1000   | 1050   | A | y | 24h
`;

example("english: increments: the step is that of the band the price is in (B1)", "opening 90")`
  1h        | 3 | A max 9000000 | leading                    | 90     | 95     | A | - | 24h
  2h        | 4 | B max 99      | outbid                     | 104    | 129    | A | - | 24h
  3h        | 5 | B max 499     | outbid                     | 524    | 574    | A | - | 24h
  4h        | 6 | B max 2499    | outbid                     | 2549   | 2649   | A | - | 24h
  5h        | 7 | B max 9999    | outbid                     | 10099  | 10349  | A | - | 24h
  6h        | 8 | B max 499999  | outbid                     | 504999 | 514999 | A | - | 24h
`;

example("english: increments: the UK table steps at its own bands (B2)", "table uk")`
  1h        | 3 | A max 2000    | leading                    | 100    | 120    | A | - | 24h
  2h        | 4 | B max 1499    | outbid                     | 1549   | 1649   | A | - | 24h
  3h        | 5 | C max 2001    | leading                    | 2001   | 2101   | C | - | 24h
`;

example("english: increments: steps may fall from band to band (B3)", "opening 3000, table 0:100 3000:200 3200:300 3800:200")`
  1h        | 3 | A max 9000    | leading                    | 3000   | 3200   | A | - | 24h
  2h        | 4 | B max 3200    | outbid                     | 3500   | 3800   | A | - | 24h
`;

example("english: increments: a bid off the step is turned down (B4)", "opening 1000, table 0:100, step 100")`
  1h        | 3 | A max 1550    | amount_off_step            | -      | 1000   | - | - | 24h
  2h        | 4 | A max 1500    | leading                    | 1000   | 1100   | A | - | 24h
`;

example("english: reserve: a bid below the reserve is taken and the lot is passed (R1)", "reserve 10000")`
  1h        | 3 | A max 9999    | leading                    | 100    | 125    | A | n | 24h
  24h       | 4 | E close       | PASSED                     | 100    | -      | A | n | 24h
`;

example("english: reserve: the price jumps to a reserve that is reached (R2)", "reserve 10000")`
  1h        | 3 | A max 15000   | leading                    | 10000  | 10250  | A | y | 24h
  90m       | 4 | S lower 9000  | reserve_already_met        | 10000  | 10250  | A | y | 24h
  2h        | 5 | B max 11000   | outbid                     | 11250  | 11500  | A | y | 24h
  24h       | 6 | E close       | SOLD A 11250               | 11250  | -      | A | y | 24h
`;

example("english: reserve: a lowered reserve cuts the leader who would cover it (R3)", "reserve 20000")`
  1h        | 3 | A max 15000   | leading                    | 100    | 125    | A | n | 24h
  2h        | 4 | S lower 12000 | ok                         | 100    | 125    | A | n | 24h
  3h        | 5 | B max 11950   | leading                    | 11950  | 12200  | B | n | 24h
  4h        | 6 | A max 12200   | leading                    | 12200  | 12450  | A | y | 24h
`;

example("english: reserve: a covered reserve may be set to jump (R4)", "reserve 20000, covered jump")`
  1h        | 3 | A max 15000   | leading                    | 100    | 125    | A | n | 24h
  2h        | 4 | S lower 12000 | ok                         | 12000  | 12250  | A | y | 24h
`;

example("english: reserve: a reserve may be lowered to the asking price, up to twelve hours before the end (R5)", "reserve 20000")`
  1h        | 3 | A max 5000    | leading                    | 100    | 125    | A | n | 24h
  2h        | 4 | B max 4000    | outbid                     | 4100   | 4200   | A | n | 24h
  3h        | 5 | S lower 20000 | reserve_not_lower          | 4100   | 4200   | A | n | 24h
  4h        | 6 | S lower 4199  | reserve_below_asking_price | 4100   | 4200   | A | n | 24h
  12h       | 7 | S lower 15000 | ok                         | 4100   | 4200   | A | n | 24h
  12h0.001s | 8 | S lower 14000 | too_late_to_lower          | 4100   | 4200   | A | n | 24h
`;

example("english: reserve: a cut stops at the current price (R6)", "reserve 500")`
  1h        | 3 | A max 300     | leading                    | 100    | 125    | A | n | 24h
  2h        | 4 | S lower 150   | ok                         | 100    | 125    | A | n | 24h
  3h        | 5 | S end-early   | reserve_not_met            | 100    | 125    | A | n | 24h
  4h        | 6 | A raise 200   | leading                    | 150    | 175    | A | y | 24h
`;

example("english: buy-now: the first bid ends buy-now when there is no reserve (N1)", "buy 5000 first_bid_or_reserve")`
  1h        | 3 | A max 6000    | leading                    | 100    | 125    | A | - | 24h
  2h        | 4 | B buy 5000    | buy_now_gone               | 100    | 125    | A | - | 24h
`;

example("english: buy-now: the exact price buys at once (N2)", "buy 5000 first_bid_or_reserve")`
  1h        | 3 | B buy 4999    | buy_now_price_differs      | -      | 100    | - | - | 24h
  2h        | 4 | B buy 5000    | SOLD B 5000                | 5000   | -      | B | - | 2h
`;

example("english: buy-now: buy-now stays while the reserve is unmet (N3)", "reserve 3000, buy 5000 first_bid_or_reserve")`
  1h        | 3 | A max 2999    | leading                    | 100    | 125    | A | n | 24h
  2h        | 4 | B buy 5000    | SOLD B 5000                | 5000   | -      | B | y | 2h
`;

example("english: buy-now: buy-now goes when the reserve is met (N4)", "reserve 3000, buy 5000 first_bid_or_reserve")`
  1h        | 3 | A max 3000    | leading                    | 3000   | 3100   | A | y | 24h
  2h        | 4 | B buy 5000    | buy_now_gone               | 3000   | 3100   | A | y | 24h
`;

example("english: buy-now: buy-now may last until its price is reached (N5)", "buy 1000 price_reached")`
  1h        | 3 | A max 5000    | leading                    | 100    | 125    | A | - | 24h
  2h        | 4 | B max 900     | outbid                     | 950    | 1000   | A | - | 24h
  3h        | 5 | C buy 1000    | SOLD C 1000                | 1000   | -      | C | - | 3h
`;

example("english: buy-now: buy-now once gone stays gone (N6)", "buy 5000 first_bid_or_reserve")`
  1h        | 3 | A max 500     | leading                    | 100    | 125    | A | - | 24h
  2h        | 4 | A retract     | ok                         | -      | 100    | - | - | 24h
  3h        | 5 | B buy 5000    | buy_now_gone               | -      | 100    | - | - | 24h
`;

example("english: buy-now: buy-now may be set to return (N7)", "buy 5000 first_bid_or_reserve returns")`
  1h        | 3 | A max 500     | leading                    | 100    | 125    | A | - | 24h
  2h        | 4 | A retract     | ok                         | -      | 100    | - | - | 24h
  3h        | 5 | B buy 5000    | SOLD B 5000                | 5000   | -      | B | - | 3h
`;
