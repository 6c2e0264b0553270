// A sale worth a picture: lots of the demo, bidders who bid against each other, people who watch. All of it goes through the public
// API of a running system; nothing that is seen was not decided by an engine.
import { WebSocket } from "ws";
import { type BidAnswer, type Client, connect } from "../../gateway/client/client.ts";
import { loadOrCreateLocalKey, signToken } from "../../gateway/local-key.ts";
import { now } from "../clock.ts";
import { DEMO_LOTS } from "../standalone/demo-lots.ts";
import type { SpawnedSystem } from "../standalone/spawned-system.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const SELLER = "scene-house";
/** Viewers without an identity, beside the bidders, so that the number of viewers is one of a sale. */
const WATCHERS = 17;
const BIDDERS = ["ada", "bo", "cleo", "dov", "esi", "finn"] as const;

export type BidderName = (typeof BIDDERS)[number];

interface PlannedLot {
  readonly title: string;
  readonly durationMs: number;
  /** Bids before the pictures: who, and the maximum as a multiple of the opening price. */
  readonly early: readonly (readonly [BidderName, number])[];
}

/** Ending soon first, as the list shows them. The first is the one that is fought over. */
const PLAN: readonly PlannedLot[] = [
  { title: "Brass sextant, Heath & Co.", durationMs: 9 * MINUTE, early: [] },
  {
    title: "Violin, Mittenwald school",
    durationMs: 14 * MINUTE,
    early: [
      ["cleo", 1],
      ["dov", 1.4],
      ["esi", 1.3],
      ["cleo", 1.9],
    ],
  },
  {
    title: "Bentwood café chair, No. 14",
    durationMs: 26 * MINUTE,
    early: [
      ["bo", 1.2],
      ["ada", 1.6],
      ["finn", 1.5],
      ["dov", 1.55],
    ],
  },
  {
    title: "Model of the brig Ann, 1:64",
    durationMs: 38 * MINUTE,
    early: [
      ["esi", 1],
      ["finn", 1.7],
      ["ada", 1.5],
    ],
  },
  {
    title: "Longcase clock, eight days",
    durationMs: 52 * MINUTE,
    early: [
      ["dov", 1.1],
      ["bo", 2.9],
      ["cleo", 2.2],
      ["dov", 2.6],
    ],
  },
  {
    title: "Steel road bicycle, 1978",
    durationMs: 95 * MINUTE,
    early: [
      ["finn", 1],
      ["esi", 1.25],
    ],
  },
  {
    title: "Harbour in the morning, oil on board",
    durationMs: 3 * HOUR,
    early: [
      ["cleo", 1.2],
      ["ada", 2],
      ["bo", 1.8],
    ],
  },
  {
    title: "Folding rangefinder camera, 6 x 9",
    durationMs: 7 * HOUR,
    early: [
      ["dov", 1.3],
      ["finn", 1.2],
      ["esi", 1.35],
    ],
  },
  {
    title: "Sea chart of the North Atlantic",
    durationMs: 22 * HOUR,
    early: [
      ["ada", 1.1],
      ["cleo", 1.8],
      ["finn", 1.6],
    ],
  },
  {
    title: "Garnet cluster ring",
    durationMs: 2 * DAY,
    early: [
      ["bo", 1],
      ["dov", 1.15],
    ],
  },
  { title: "A voyage round the coast, two volumes", durationMs: 3 * DAY, early: [["esi", 1.5]] },
  { title: "Banker's desk lamp", durationMs: 5 * DAY, early: [] },
];

/** What the sale is now, and how to go on with it. */
export interface Scene {
  /** Auction id of a lot by its title. Throws when there is none. */
  lot(title: string): string;
  bid(name: BidderName, auctionId: string, amountMinor: number): Promise<BidAnswer>;
  /** The bidder's maximum, so many steps above the asking price of now. */
  raise(name: BidderName, auctionId: string, steps: number): Promise<BidAnswer>;
  /** One more lot, open for `durationMs`. */
  open(title: string, durationMs: number): Promise<string>;
  close(): Promise<void>;
}

/** Opens the sale and lets the early bids be placed. Rejects when the system does not take one of them. */
export async function openScene(system: SpawnedSystem): Promise<Scene> {
  const key = await loadOrCreateLocalKey(system.folder);
  const client = async (userId: string, name: string, roles: readonly string[]): Promise<Client> => {
    const token = await signToken(key, { userId, name, roles, tier: "enterprise" }, { now: now() });
    return connect({ url: system.url, token, webSocket: WebSocket });
  };
  const seller = await client(SELLER, "Harbour & Hall", ["seller"]);
  const bidders = new Map<string, Client>();
  for (const name of BIDDERS) bidders.set(name, await client(`scene-${name}`, name, ["bidder"]));
  const watchers = Array.from({ length: WATCHERS }, () => connect({ url: system.url, webSocket: WebSocket }));
  const scene = new LiveScene(seller, bidders, [...watchers, ...bidders.values()]);
  for (const { title, durationMs } of PLAN) await scene.open(title, durationMs);
  for (const { title, early } of PLAN) await scene.bidEarly(title, early);
  return scene;
}

class LiveScene implements Scene {
  readonly #seller: Client;
  readonly #bidders: ReadonlyMap<string, Client>;
  readonly #watchers: readonly Client[];
  readonly #lots = new Map<string, string>();

  constructor(seller: Client, bidders: ReadonlyMap<string, Client>, watchers: readonly Client[]) {
    this.#seller = seller;
    this.#bidders = bidders;
    this.#watchers = watchers;
  }

  lot(title: string): string {
    const id = this.#lots.get(title);
    if (id === undefined) throw new Error(`no lot "${title}" in the scene`);
    return id;
  }

  async open(title: string, durationMs: number): Promise<string> {
    const { category, description, currency, openingMinor, reserveMinor, buyNowMinor } = lotOf(title);
    const window = durationMs < MINUTE ? 5_000 : 2 * MINUTE;
    const answer = await this.#seller.auctions.create({
      lot: { title, description, category },
      currency,
      openingPriceMinor: openingMinor,
      increments: currency === "GBP" ? "ebay_uk" : "ebay_us",
      ...(reserveMinor === undefined ? {} : { reserveMinor }),
      ...(buyNowMinor === undefined ? {} : { buyNow: { priceMinor: buyNowMinor } }),
      softClose: { windowMs: window, amountMs: window, base: "bid", cap: { count: 5 } },
      opensAtMs: this.#seller.clock.serverNow(),
      durationMs,
    });
    if (answer.verdict !== "accepted") throw new Error(`"${title}" was not opened: ${answer.code}`);
    this.#lots.set(title, answer.auctionId);
    for (const each of this.#watchers) each.watch(answer.auctionId, undefined, { history: 0 });
    return answer.auctionId;
  }

  async bidEarly(title: string, early: PlannedLot["early"]): Promise<void> {
    for (const [name, times] of early) await this.bid(name, this.lot(title), Math.round((lotOf(title).openingMinor * times) / 100) * 100);
  }

  async bid(name: BidderName, auctionId: string, amountMinor: number): Promise<BidAnswer> {
    const { currency } = await this.#seller.auctions.get(auctionId);
    return await this.#bidder(name).placeBid({ auctionId, amountMinor, currency });
  }

  async raise(name: BidderName, auctionId: string, steps: number): Promise<BidAnswer> {
    const { askingPriceMinor, currentPriceMinor, openingPriceMinor } = await this.#seller.auctions.get(auctionId);
    const asking = askingPriceMinor ?? openingPriceMinor;
    const step = Math.max(1, asking - (currentPriceMinor ?? asking));
    return await this.bid(name, auctionId, asking + (steps - 1) * step);
  }

  async close(): Promise<void> {
    await Promise.all([this.#seller, ...this.#watchers].map((each) => each.close()));
  }

  #bidder(name: BidderName): Client {
    const found = this.#bidders.get(name);
    if (found === undefined) throw new Error(`no bidder "${name}" in the scene`);
    return found;
  }
}

function lotOf(title: string): (typeof DEMO_LOTS)[number] {
  const found = DEMO_LOTS.find((lot) => lot.title === title);
  if (found === undefined) throw new Error(`the demo has no lot "${title}"`);
  return found;
}
