// What every Catalogue must do. An adapter's test hands in a factory; each test works with lots, sellers and words of its own.
import { randomBytes, randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import type { AuctionId } from "../../engine/core/ids.ts";
import type { SnapshotStore } from "../../engine/ports.ts";
import { type Catalogue, type CatalogueEntry, type CataloguePage, InvalidCursor, type ListQuery, type SearchQuery } from "../../gateway/ports.ts";
import { auctionIdOf, checkpointAt, freshShard, snapshotOf } from "./snapshot-store.ts";

export interface CatalogueUnderTest {
  readonly catalogue: Catalogue;
  /** A store whose checkpoints bring the catalogue its columns. */
  readonly snapshots: SnapshotStore;
}

/** A word that no other test uses, of letters only: of the whole alphabet, for two words of six letters' choice are alike often enough
 *  that the search, which forgives a wrong letter, takes one for the other. */
function word(): string {
  return `q${Array.from(randomBytes(13), (byte) => String.fromCharCode(97 + (byte % 26))).join("")}`;
}

interface EntryParts {
  readonly title?: string;
  readonly category?: string | null;
  readonly sellerId?: string;
}

/** An open auction of a lot of its own. */
export function entryOf(more: Partial<CatalogueEntry> = {}, parts: EntryParts = {}): CatalogueEntry {
  const { title = "Brass sextant", category = "instruments", sellerId = `s-${randomUUID()}` } = parts;
  return {
    auctionId: auctionIdOf(),
    lot: {
      lotId: `lot-${randomUUID()}`,
      version: 1,
      title,
      description: "By Hughes, with its case",
      category,
      images: ["https://example.org/1.jpg", "https://example.org/2.jpg"],
      location: { latitude: 53.55, longitude: 9.99 },
      shippingFree: true,
    },
    seller: { sellerId, name: "Harbour Sales", reputation: 4.75 },
    sequence: 1,
    phase: "open",
    outcome: null,
    currency: "USD",
    opening: 100,
    price: null,
    askingPrice: 100,
    totalBids: 0,
    bidders: 0,
    leaderNumber: null,
    reserveMet: null,
    buyNow: 5_000,
    opensAt: 1_795_000_000_000,
    endsAt: 1_795_000_600_000,
    ...more,
  };
}

type Page = (cursor: string | undefined) => Promise<CataloguePage>;

/** All pages, following the cursors. */
async function follow(page: Page): Promise<AuctionId[]> {
  const found: AuctionId[] = [];
  let cursor: string | undefined;
  do {
    const { entries, next } = await page(cursor);
    found.push(...entries.map((entry) => entry.auctionId));
    cursor = next ?? undefined;
  } while (cursor !== undefined);
  return found;
}

const LIST: ListQuery = { sort: "ending_soon", limit: 20 };
const SEARCH: Omit<SearchQuery, "q"> = { phase: "open", sort: "ending_soon", limit: 20 };

/** Registers the tests. */
export function catalogueContract(name: string, open: () => Promise<CatalogueUnderTest>): void {
  entryTests(name, open);
  checkpointTests(name, open);
  listTests(name, open);
  searchTests(name, open);
  cursorTests(name, open);
}

function entryTests(name: string, open: () => Promise<CatalogueUnderTest>): void {
  test(`${name}: add: an entry is found as it was added, and a repeat changes nothing`, async () => {
    const { catalogue } = await open();
    const entry = entryOf();
    await catalogue.add(entry);
    await catalogue.add({ ...entry, sequence: 9, phase: "closed", seller: { ...entry.seller, name: "Somebody else" } });
    expect(await catalogue.entry(entry.auctionId)).toEqual(entry);
    expect(await catalogue.entry(auctionIdOf())).toBeNull();
    expect(catalogue.healthy()).toBe(true);
  });

  test(`${name}: entries: known ones come in the order asked for`, async () => {
    const { catalogue } = await open();
    const [first, second] = [entryOf(), entryOf()];
    for (const entry of [first, second]) await catalogue.add(entry);
    expect(await catalogue.entries([second.auctionId, auctionIdOf(), first.auctionId])).toEqual([second, first]);
    expect(await catalogue.entries([])).toEqual([]);
  });

  test(`${name}: add: text of any kind stays text, and what is absent stays absent`, async () => {
    const { catalogue } = await open();
    const title = `<script>alert("1")</script> ' ; drop table lots; -- \\ $1 % _ É 時計`;
    const bare = entryOf({ price: 0, buyNow: null, opensAt: null, endsAt: null, phase: "draft" }, { title, category: null });
    const lot = bare.lot === null ? null : { ...bare.lot, images: [], location: null, shippingFree: null };
    const entry = { ...bare, lot, seller: { ...bare.seller, reputation: null } };
    await catalogue.add(entry);
    expect(await catalogue.entry(entry.auctionId)).toEqual(entry);
    const without = entryOf({ lot: null });
    await catalogue.add(without);
    expect(await catalogue.entry(without.auctionId)).toEqual(without);
  });
}

function checkpointTests(name: string, open: () => Promise<CatalogueUnderTest>): void {
  test(`${name}: checkpoint: its columns replace older ones and never newer ones; the lot stays`, async () => {
    const { catalogue, snapshots } = await open();
    const entry = entryOf({ sequence: 3 });
    await catalogue.add(entry);
    const shard = freshShard();
    await snapshots.save(checkpointAt(shard, 1), [snapshotOf(entry.auctionId, 2, [], { price: 200 })]);
    expect(await catalogue.entry(entry.auctionId)).toEqual(entry);
    const columns = {
      price: 900,
      totalBids: 7,
      phase: "closed",
      outcome: "sold",
      askingPrice: null,
      lotId: entry.lot?.lotId ?? null,
      sellerId: entry.seller.sellerId,
    };
    await snapshots.save(checkpointAt(shard, 2), [snapshotOf(entry.auctionId, 4, [], columns)]);
    expect(await catalogue.entry(entry.auctionId)).toMatchObject({
      price: 900,
      totalBids: 7,
      phase: "closed",
      outcome: "sold",
      askingPrice: null,
      lot: entry.lot,
      seller: entry.seller,
    });
  });

  test(`${name}: checkpoint: one that comes before the gateway's row shows the auction, and the row then brings lot and seller`, async () => {
    const { catalogue, snapshots } = await open();
    const entry = entryOf();
    const columns = { sellerId: entry.seller.sellerId, lotId: entry.lot?.lotId ?? null };
    await snapshots.save(checkpointAt(freshShard(), 1), [snapshotOf(entry.auctionId, 2, [], columns)]);
    expect(await catalogue.entry(entry.auctionId)).toMatchObject({ lot: null, seller: { name: entry.seller.sellerId, reputation: null }, price: 150 });
    await catalogue.add(entry);
    expect(await catalogue.entry(entry.auctionId)).toMatchObject({ lot: entry.lot, seller: entry.seller, price: 150 });
  });

  test(`${name}: checkpoint: an id that was taken by a rejected create is not listed`, async () => {
    const { catalogue, snapshots } = await open();
    const auctionId = auctionIdOf();
    const none = { phase: null, currency: null, sellerId: null, opening: null, lotId: null };
    await snapshots.save(checkpointAt(freshShard(), 1), [snapshotOf(auctionId, 1, [], none)]);
    expect(await catalogue.entry(auctionId)).toBeNull();
  });

  test(`${name}: checkpoint: lists say as of when they are`, async () => {
    const { catalogue, snapshots } = await open();
    const at = checkpointAt(freshShard(), 900_000 + freshShard());
    await snapshots.save(at, []);
    expect((await catalogue.list(LIST)).asOf).toBe(at.time);
    expect((await catalogue.search({ ...SEARCH, q: word() })).asOf).toBe(at.time);
  });
}

function listTests(name: string, open: () => Promise<CatalogueUnderTest>): void {
  test(`${name}: list: filters hold together, and the time bounds exclude their edge`, async () => {
    const { catalogue } = await open();
    const parts = { sellerId: `s-${word()}`, category: word() };
    const fits = entryOf({ endsAt: 2_000 }, parts);
    const others = [
      entryOf({ endsAt: 2_000, phase: "draft" }, parts),
      entryOf({ endsAt: 2_000, currency: "EUR" }, parts),
      entryOf({ endsAt: 1_000 }, parts),
      entryOf({ endsAt: 3_000 }, parts),
      entryOf({ endsAt: null }, parts),
      entryOf({ endsAt: 2_000 }, { ...parts, category: word() }),
      entryOf({ endsAt: 2_000 }, { ...parts, sellerId: word() }),
    ];
    for (const entry of [fits, ...others]) await catalogue.add(entry);
    const query = { ...LIST, ...parts, phase: "open", currency: "USD", endsAfter: 1_000, endsBefore: 3_000 };
    expect(await catalogue.list(query)).toMatchObject({ entries: [fits], next: null });
  });

  test(`${name}: list: ending soon goes by the end, unknown ends last; newest by arrival; pages neither repeat nor leave out`, async () => {
    const { catalogue } = await open();
    const sellerId = `s-${word()}`;
    const ends = [5_000, null, 1_000, 5_000, 5_000, 9_000, null, 2_000];
    const entries = ends.map((endsAt) => entryOf({ endsAt }, { sellerId }));
    for (const entry of entries) await catalogue.add(entry);
    const query = { ...LIST, sellerId, limit: 3 };
    const soon = await follow((cursor) => catalogue.list({ ...query, cursor }));
    const keyOf = (auctionId: AuctionId): string => {
      const endsAt = entries.find((entry) => entry.auctionId === auctionId)?.endsAt ?? 9_999_999;
      return `${String(endsAt).padStart(9)} ${auctionId}`;
    };
    expect(soon).toEqual(entries.map((entry) => entry.auctionId).sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1)));
    const newest = await follow((cursor) => catalogue.list({ ...query, sort: "newest", cursor }));
    expect(newest).toEqual(entries.map((entry) => entry.auctionId).reverse());
  });

  test(`${name}: list: what is added while somebody pages on shows no entry twice`, async () => {
    const { catalogue } = await open();
    const sellerId = `s-${word()}`;
    const entries = Array.from({ length: 6 }, () => entryOf({}, { sellerId }));
    for (const entry of entries) await catalogue.add(entry);
    const seen = await follow(async (cursor) => {
      const page = await catalogue.list({ ...LIST, sellerId, sort: "newest", limit: 2, cursor });
      await catalogue.add(entryOf({}, { sellerId }));
      return page;
    });
    expect(seen).toEqual(entries.map((entry) => entry.auctionId).reverse());
  });
}

function searchTests(name: string, open: () => Promise<CatalogueUnderTest>): void {
  test(`${name}: search: words of the title in any order and case, and one wrong letter`, async () => {
    const { catalogue } = await open();
    const unique = word();
    const clock = entryOf({}, { title: `Walnut longcase clock ${unique}` });
    await catalogue.add(clock);
    await catalogue.add(entryOf({}, { title: `Silver teapot ${word()}` }));
    for (const q of [unique, `CLOCK ${unique}`, `${unique} walnut`, `${unique.slice(0, 6)}x${unique.slice(7)}`]) {
      const found = await catalogue.search({ ...SEARCH, q });
      expect([q, found.entries.map((entry) => entry.auctionId), found.total]).toEqual([q, [clock.auctionId], 1]);
    }
    expect(await catalogue.search({ ...SEARCH, q: word() })).toMatchObject({ entries: [], total: 0, next: null });
  });

  test(`${name}: search: price bounds include their edge, 0 is a bound, and without a bid the opening price counts`, async () => {
    const { catalogue } = await open();
    const title = `Chart ${word()}`;
    const [free, cheap, dear] = [entryOf({ price: 0 }, { title }), entryOf({ price: null, opening: 300 }, { title }), entryOf({ price: 700 }, { title })];
    for (const entry of [free, cheap, dear]) await catalogue.add(entry);
    const found = async (more: Partial<SearchQuery>): Promise<AuctionId[]> => {
      const { entries } = await catalogue.search({ ...SEARCH, q: title, currency: "USD", sort: "price_asc", ...more });
      return entries.map((entry) => entry.auctionId);
    };
    expect(await found({})).toEqual([free.auctionId, cheap.auctionId, dear.auctionId]);
    expect(await found({ sort: "price_desc" })).toEqual([dear.auctionId, cheap.auctionId, free.auctionId]);
    expect(await found({ priceMin: 0, priceMax: 0 })).toEqual([free.auctionId]);
    expect(await found({ priceMin: 300, priceMax: 700 })).toEqual([cheap.auctionId, dear.auctionId]);
    expect(await found({ currency: "EUR" })).toEqual([]);
  });

  test(`${name}: search: only the phase and the category asked for`, async () => {
    const { catalogue } = await open();
    const title = `Globe ${word()}`;
    const [running, over, elsewhere] = [entryOf({}, { title }), entryOf({ phase: "closed" }, { title }), entryOf({}, { title, category: word() })];
    for (const entry of [running, over, elsewhere]) await catalogue.add(entry);
    const ids = async (more: Partial<SearchQuery>): Promise<AuctionId[]> =>
      (await catalogue.search({ ...SEARCH, q: title, ...more })).entries.map((entry) => entry.auctionId);
    expect(new Set(await ids({}))).toEqual(new Set([running.auctionId, elsewhere.auctionId]));
    expect(await ids({ category: "instruments" })).toEqual([running.auctionId]);
    expect(await ids({ phase: "closed" })).toEqual([over.auctionId]);
  });

  test(`${name}: search: every order pages through all of it, and counts all of it`, async () => {
    const { catalogue } = await open();
    const title = `Barometer ${word()}`;
    const entries = Array.from({ length: 7 }, (_, index) => entryOf({ price: 100 * (index % 3), totalBids: index % 2 }, { title }));
    for (const entry of entries) await catalogue.add(entry);
    for (const sort of ["ending_soon", "price_asc", "price_desc", "popular", "relevance"] as const) {
      const found = await follow(async (cursor) => {
        const page = await catalogue.search({ ...SEARCH, q: title, sort, limit: 2, cursor });
        expect(page.total).toBe(entries.length);
        return page;
      });
      expect([sort, [...found].sort()]).toEqual([sort, entries.map((entry) => entry.auctionId).sort()]);
    }
  });

  test(`${name}: search: hostile text is text`, async () => {
    const { catalogue } = await open();
    for (const q of ["'", "%", "_", "\\", '"', "a' or 1=1 --", ":* & | !", "x".repeat(200), "\u0000", "\ud800", "时计", " "]) {
      const { total } = await catalogue.search({ ...SEARCH, q, sort: "relevance" });
      expect(total).toBeGreaterThanOrEqual(0);
    }
    expect(await catalogue.list({ ...LIST, category: "'; drop table lots; --" })).toMatchObject({ entries: [] });
  });
}

function cursorTests(name: string, open: () => Promise<CatalogueUnderTest>): void {
  test(`${name}: cursor: it belongs to its own question; a forged one is refused`, async () => {
    const { catalogue } = await open();
    const sellerId = `s-${word()}`;
    for (let count = 0; count < 3; count += 1) await catalogue.add(entryOf({}, { sellerId, title: `Compass ${sellerId}` }));
    const { next } = await catalogue.list({ ...LIST, sellerId, limit: 1 });
    const cursor = next ?? "";
    expect((await catalogue.list({ ...LIST, sellerId, limit: 2, cursor })).entries).toHaveLength(2);
    const searched = await catalogue.search({ ...SEARCH, q: sellerId, limit: 1 });
    const refused: (() => Promise<unknown>)[] = [
      () => catalogue.list({ ...LIST, sellerId, sort: "newest", cursor }),
      () => catalogue.list({ ...LIST, sellerId: "s-other", cursor }),
      () => catalogue.list({ ...LIST, cursor }),
      () => catalogue.list({ ...LIST, sellerId, cursor: searched.next ?? "" }),
      () => catalogue.search({ ...SEARCH, q: sellerId, cursor }),
      ...["", "x", "%", `${cursor}A`, cursor.slice(1), "A".repeat(10_000), Buffer.from("[1]").toString("base64url")].map(
        (forged) => () => catalogue.list({ ...LIST, sellerId, cursor: forged }),
      ),
    ];
    for (const ask of refused) await expect(ask()).rejects.toBeInstanceOf(InvalidCursor);
  });
}
