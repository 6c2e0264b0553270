// The table of settings: what each member may be, its default, and the order in which codes are given.
import { expect, test } from "vitest";
import { EBAY_UK, EBAY_US } from "./increments.ts";
import { INSTANT_MAX } from "./money.ts";
import type { SettingsInput } from "./settings.ts";
import { checkSettings } from "./settings-check.ts";
import { DEFAULT_BIDDING, DEFAULT_RETRACTION, plainSettings, sharedSettings } from "./settings-share.ts";

const NOW = 1_700_000_000_000;
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

const SOUND: SettingsInput = { currency: "USD", opening: 100, sellerId: "S", opensAt: NOW + HOUR, endsAt: NOW + 2 * HOUR };

function codeOf(change: SettingsInput): string {
  const result = checkSettings({ ...SOUND, ...change }, NOW);
  return typeof result === "string" ? result : "ok";
}

/** Changes that fit and changes that do not, by the code of their row, in the order of the table. */
const ROWS: readonly (readonly [code: string, fits: readonly SettingsInput[], unfit: readonly SettingsInput[]])[] = [
  ["format_invalid", [{ format: "english" }], [{ format: "dutch" }, { format: null }, { format: 1 }]],
  ["currency_invalid", [{ currency: "JPY" }], [{ currency: "usd" }, { currency: "USDX" }, { currency: undefined }, { currency: 840 }]],
  [
    "step_invalid",
    [{ amountStep: 100, increments: { bands: [{ from: 0, step: 100 }] } }],
    [{ amountStep: 0 }, { amountStep: 1.5 }, { amountStep: 1_000_001 }, { amountStep: "1" }],
  ],
  [
    "opening_invalid",
    [{ opening: 1 }, { opening: 10 ** 12 }],
    [{ opening: 0 }, { opening: 10 ** 12 + 1 }, { opening: 99.5 }, { opening: undefined }, { opening: Number.NaN }],
  ],
  [
    "increments_invalid",
    [
      { increments: "ebay_uk" },
      {
        increments: {
          bands: [
            { from: 0, step: 5 },
            { from: 10 ** 12, step: 10 ** 12 },
          ],
        },
      },
      { increments: { bands: EBAY_US.bands, allowSubIncrementOutbid: false } },
    ],
    [
      { increments: "ebay_fr" },
      { increments: null },
      { increments: { bands: [] } },
      { increments: { bands: [{ from: 1, step: 5 }] } },
      { increments: { bands: [{ from: 0, step: 0 }] } },
      {
        increments: {
          bands: [
            { from: 0, step: 5 },
            { from: 10 ** 12 + 1, step: 5 },
          ],
        },
      },
      { increments: { bands: [{ from: 0, step: 5 }], allowSubIncrementOutbid: 1 } },
      { increments: { bands: Array.from({ length: 65 }, (_, n) => ({ from: n, step: 5 })) } },
      { amountStep: 10 },
    ],
  ],
  ["reserve_invalid", [{ reserve: 100 }, { reserve: null }], [{ reserve: 99 }, { reserve: 0 }, { reserve: "100" }]],
  [
    "buy_now_invalid",
    [
      { buyNow: null },
      { buyNow: { price: 130 } },
      { buyNow: { price: 100, minOverOpeningPercent: 0 } },
      { buyNow: { price: 130, until: "price_reached", returns: true } },
    ],
    [
      { buyNow: { price: 129 } },
      { buyNow: {} },
      { buyNow: 130 },
      { buyNow: { price: 130, until: "never" } },
      { buyNow: { price: 130, returns: "no" } },
      { buyNow: { price: 2_000, minOverOpeningPercent: 1_001 } },
      { buyNow: { price: 130 }, reserve: 131 },
    ],
  ],
  [
    "bidding_invalid",
    [
      { bidding: { kinds: ["flat"] } },
      { bidding: { kinds: ["flat", "maximum"] } },
      { bidding: { equalMaximum: "refuse", ownRaiseMovesPrice: false } },
      { bidding: {} },
    ],
    [
      { bidding: null },
      { bidding: { kinds: [] } },
      { bidding: { kinds: ["proxy"] } },
      { bidding: { kinds: ["flat", "flat"] } },
      { bidding: { equalMaximum: "maybe" } },
      { bidding: { ownRaiseMovesPrice: 0 } },
    ],
  ],
  [
    "soft_close_invalid",
    [
      { softClose: null },
      { softClose: { windowMs: 1, amountMs: 1 } },
      { softClose: { windowMs: 1, amountMs: 1, cap: { hardStop: { at: NOW + 2 * HOUR } } } },
      { softClose: { windowMs: 1, amountMs: 1, cap: { hardStop: { afterScheduledMs: 0 } } } },
      { softClose: { windowMs: 1, amountMs: 1, trigger: { on: "rank", rank: 3 } } },
    ],
    [
      { softClose: { windowMs: 0, amountMs: 1 } },
      { softClose: { windowMs: 1 } },
      { softClose: { windowMs: 1, amountMs: 1, base: "now" } },
      { softClose: { windowMs: 1, amountMs: 1, trigger: { on: "view" } } },
      { softClose: { windowMs: 1, amountMs: 1, trigger: { on: "rank", rank: 0 } } },
      { softClose: { windowMs: 1, amountMs: 1, scope: "group" } },
      { softClose: { windowMs: 1, amountMs: 1, scope: "sale" } },
      { softClose: { windowMs: 1, amountMs: 1, scope: "push" } },
      { softClose: { windowMs: 1, amountMs: 1, cap: { count: 0 } } },
      { softClose: { windowMs: 1, amountMs: 1, cap: { totalMs: 0 } } },
      { softClose: { windowMs: 1, amountMs: 1, cap: { hardStop: { at: NOW + 2 * HOUR - 1 } } } },
      { softClose: { windowMs: 1, amountMs: 1, cap: { hardStop: {} } } },
    ],
  ],
  [
    "retraction_invalid",
    [{ retraction: null }, { retraction: { earlyMs: 0, reasons: [] } }],
    [
      { retraction: { earlyMs: -1 } },
      { retraction: { lateGraceMs: 0.5 } },
      { retraction: { reasons: [1] } },
      { retraction: { leaderMay: null } },
      { retraction: true },
    ],
  ],
  [
    "reserve_lowering_invalid",
    [{ reserveLowering: null }, { reserveLowering: { coveredLeader: "jump" } }],
    [{ reserveLowering: { coveredLeader: "keep" } }, { reserveLowering: { cutBelow: -1 } }, { reserveLowering: { leftMsMin: 10 ** 15 + 1 } }],
  ],
  [
    "seller_rights_invalid",
    [{ sellerRights: { freeMs: 0, mayVoid: false } }],
    [{ sellerRights: null }, { sellerRights: { freeMs: "12h" } }, { sellerRights: { mayVoid: 1 } }],
  ],
  [
    "bidder_rules_invalid",
    [{ bidderRules: { registration: "required", defaultLimit: 500 } }],
    [{ bidderRules: { registration: "closed" } }, { bidderRules: { defaultLimit: -1 } }, { bidderRules: { associatesMayBuyNow: 1 } }, { bidderRules: null }],
  ],
  [
    "outage_invalid",
    [{ outage: { policy: "give_back", lostMsMin: 5, givenMsMax: 10 } }],
    [{ outage: { policy: "always" } }, { outage: { lostMsMin: null } }, { outage: { givenMsMax: -1 } }],
  ],
  [
    "times_invalid",
    [{ opensAt: NOW - HOUR }, { opensAt: null }, { opensAt: null, endsAt: undefined, durationMs: 1 }, { endsAt: INSTANT_MAX }],
    [
      { endsAt: undefined },
      { durationMs: HOUR },
      { endsAt: NOW + HOUR },
      { opensAt: null, endsAt: NOW },
      { endsAt: undefined, durationMs: 0 },
      { endsAt: INSTANT_MAX + 1 },
      { opensAt: Number.NaN },
      { opensAt: INSTANT_MAX, endsAt: undefined, durationMs: 1 },
      { opensAt: NOW - HOUR, endsAt: undefined, durationMs: HOUR },
      { opensAt: -1 },
    ],
  ],
  [
    "ids_invalid",
    [
      { lotId: "lot-1", associates: ["A", "B"] },
      { groupId: null, saleId: null },
    ],
    [
      { sellerId: undefined },
      { sellerId: "" },
      { sellerId: 7 },
      { sellerId: "x".repeat(65) },
      { associates: [1] },
      { associates: "A" },
      { lotId: 5 },
      { groupId: "g" },
      { saleId: "s" },
      { associates: Array.from({ length: 101 }, (_, n) => `a${n}`) },
    ],
  ],
];

test("settings: what fits its row is taken", () => {
  for (const [, fits] of ROWS) for (const change of fits) expect([change, codeOf(change)]).toEqual([change, "ok"]);
});

test("settings: what does not fit gets the code of its row", () => {
  for (const [code, , unfit] of ROWS) for (const change of unfit) expect([change, codeOf(change)]).toEqual([change, code]);
});

test("settings: of several faults the first row of the table answers", () => {
  const faults = ROWS.map(([, , unfit]) => unfit[0] ?? {});
  for (const [index, [code]] of ROWS.entries()) {
    // Every fault from this row on, the earlier rows winning where two change one member.
    const all = Object.assign({}, ...faults.slice(index).reverse());
    expect(codeOf(all)).toBe(code);
  }
});

test("settings: absent members have their defaults, and parts of an object too", () => {
  const settings = checkSettings({ ...SOUND, retraction: { earlyMs: 5 }, softClose: { windowMs: 7, amountMs: 9 } }, NOW);
  if (typeof settings === "string") throw new Error(settings);
  expect(plainSettings(settings)).toEqual({
    format: "english",
    currency: "USD",
    amountStep: 1,
    opening: 100,
    increments: EBAY_US,
    reserve: null,
    buyNow: null,
    bidding: { kinds: ["maximum"], equalMaximum: "accept", ownRaiseMovesPrice: true },
    softClose: {
      windowMs: 7,
      amountMs: 9,
      base: "bid",
      trigger: { on: "accepted_bid", rank: 1 },
      scope: "lot",
      cap: { count: null, totalMs: null, hardStop: null },
    },
    retraction: { earlyMs: 5, lateGraceMs: HOUR, reasons: ["mistyped_amount", "description_changed"], leaderMay: true },
    reserveLowering: { leftMsMin: 12 * HOUR, coveredLeader: "cut", cutBelow: 100 },
    sellerRights: { freeMs: 12 * HOUR, mayVoid: true },
    bidderRules: { registration: "open", defaultLimit: null, associatesMayBuyNow: true },
    outage: { policy: "none", lostMsMin: 0, givenMsMax: null },
    opensAt: NOW + HOUR,
    endsAt: NOW + 2 * HOUR,
    durationMs: null,
    sellerId: "S",
    associates: [],
    lotId: null,
    groupId: null,
    saleId: null,
  });
});

test("settings: equal rules are one object in memory, also when written out or read back", () => {
  const settings = ["a", "b"].map((sellerId) =>
    checkSettings({ ...SOUND, sellerId, increments: { bands: EBAY_UK.bands }, softClose: { windowMs: 3, amountMs: 4 } }, NOW),
  );
  const [left, right] = settings;
  if (left === undefined || right === undefined || typeof left === "string" || typeof right === "string") throw new Error("settings hold");
  expect(left.softClose).toBe(right.softClose);
  expect(left.increments).toBe(EBAY_UK);
  expect(left.bidding).toBe(DEFAULT_BIDDING);
  expect(left.retraction).toBe(DEFAULT_RETRACTION);
  const back = sharedSettings(JSON.parse(JSON.stringify(plainSettings(left))));
  expect(back.softClose).toBe(left.softClose);
  expect(plainSettings(back)).toEqual(plainSettings(left));
});

const BASE_END = { base: "end" } as const;
const HOUSES: { readonly [house: string]: SettingsInput | null } = {
  eBay: null,
  Catawiki: { windowMs: MINUTE, amountMs: 90_000, ...BASE_END },
  "Yahoo Japan": { windowMs: 5 * MINUTE, amountMs: 5 * MINUTE, ...BASE_END, trigger: { on: "price_rise" } },
  "Auctionet, Blinto": { windowMs: MINUTE, amountMs: 3 * MINUTE, ...BASE_END },
  "BidSpotter UK, Auction Mobility": { windowMs: 10 * MINUTE, amountMs: 10 * MINUTE, base: "bid" },
  EBTH: { windowMs: 5 * MINUTE, amountMs: 5 * MINUTE, base: "bid" },
  "Vinhammer, Municibid": { windowMs: 2 * MINUTE, amountMs: 2 * MINUTE, base: "bid" },
  Troostwijk: { windowMs: 2 * MINUTE, amountMs: 2 * MINUTE, ...BASE_END },
  Tarisio: { windowMs: 10 * MINUTE, amountMs: 15 * MINUTE, ...BASE_END },
  Noble: { windowMs: 30_000, amountMs: 15_000, ...BASE_END },
  Goldin: { windowMs: 15 * MINUTE, amountMs: 15 * MINUTE, base: "bid" },
  MatchWornShirt: { windowMs: 3 * MINUTE, amountMs: 3 * MINUTE, ...BASE_END },
  ReadySetAuction: { windowMs: 5 * MINUTE, amountMs: 5 * MINUTE, ...BASE_END, cap: { totalMs: HOUR } },
  RhumAuction: { windowMs: MINUTE, amountMs: 3 * MINUTE, base: "bid", cap: { hardStop: { at: NOW + 3 * HOUR } } },
  "auctionsoftware.com": { windowMs: 2 * MINUTE, amountMs: 5 * MINUTE, ...BASE_END, cap: { count: 2 } },
  Cellpoint: { windowMs: 2 * MINUTE, amountMs: 2 * MINUTE, ...BASE_END, cap: { count: 2 } },
  Whatnot: { windowMs: 10_000, amountMs: 7_000, base: "bid" },
  "Oracle Sourcing": { windowMs: MINUTE, amountMs: MINUTE, ...BASE_END, trigger: { on: "rank", rank: 3 }, cap: { count: 5 } },
  fishauctions: { windowMs: 15 * MINUTE, amountMs: 15 * MINUTE, base: "bid", cap: { hardStop: { afterScheduledMs: HOUR } } },
  ".ee auction center": { windowMs: 5 * MINUTE, amountMs: 5 * MINUTE, base: "bid" },
};

test("settings: soft close: the rule of each house on one lot can be written", () => {
  for (const [house, softClose] of Object.entries(HOUSES)) expect([house, codeOf({ softClose })]).toEqual([house, "ok"]);
});

test("settings: soft close: houses that extend a whole sale or group wait for lots in groups", () => {
  for (const scope of ["sale", "group"])
    expect(codeOf({ softClose: { windowMs: MINUTE, amountMs: 90_000, ...BASE_END, scope }, groupId: "g" })).toBe("soft_close_invalid");
});
