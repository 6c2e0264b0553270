// Catalogue in memory: for tests and for a system that keeps nothing. With faults to inject.
//
// Search here knows whole words and word beginnings, and is only near to what Postgres finds: the contract holds what both must do.
import type { AuctionId, Instant } from "../../engine/core/ids.ts";
import type { AuctionSnapshot } from "../../engine/ports.ts";
import { type Catalogue, type CatalogueEntry, type CataloguePage, CatalogueUnavailable, type ListQuery, type SearchQuery } from "../../gateway/ports.ts";
import { decodeCursor, encodeCursor } from "../postgres/catalogue-cursor.ts";

/** What a test makes the catalogue do. `away`: every call rejects with CatalogueUnavailable. */
export interface CatalogueFaults {
  away: boolean;
}

/** An entry, its place in the order of arrival, and the lot its columns name. */
interface Row {
  readonly entry: CatalogueEntry;
  readonly added: number;
}

type Key = (row: Row) => number;

const TOTAL_MAX = 10_000;
/** An end that is not known yet comes last. */
const NO_END = Number.MAX_SAFE_INTEGER;

export class MemoryCatalogue implements Catalogue {
  readonly faults: CatalogueFaults = { away: false };
  readonly #now: () => Instant;
  readonly #rows = new Map<AuctionId, Row>();
  #added = 0;
  #checkpointAt: Instant | null = null;

  constructor(now: () => Instant) {
    this.#now = now;
  }

  async add(entry: CatalogueEntry): Promise<void> {
    this.#answer();
    const before = this.#rows.get(entry.auctionId);
    if (before === undefined) this.#put(entry.auctionId, entry);
    else if (before.entry.lot === null) this.#put(entry.auctionId, { ...before.entry, lot: entry.lot, seller: entry.seller });
  }

  async entry(auctionId: AuctionId): Promise<CatalogueEntry | null> {
    this.#answer();
    return this.#rows.get(auctionId)?.entry ?? null;
  }

  async entries(auctionIds: readonly AuctionId[]): Promise<readonly CatalogueEntry[]> {
    this.#answer();
    return auctionIds.flatMap((auctionId) => this.#rows.get(auctionId)?.entry ?? []);
  }

  async list(query: ListQuery): Promise<CataloguePage> {
    this.#answer();
    const { limit, cursor, ...question } = query;
    const { phase, category, sellerId, currency, endsBefore = Number.POSITIVE_INFINITY, endsAfter = Number.NEGATIVE_INFINITY } = query;
    const bounded = query.endsBefore !== undefined || query.endsAfter !== undefined;
    const found = [...this.#rows.values()].filter(({ entry }) => {
      const { endsAt } = entry;
      const inTime = !bounded || (endsAt !== null && endsAt < endsBefore && endsAt > endsAfter);
      return (
        inTime &&
        equals(entry.phase, phase) &&
        equals(entry.lot?.category, category) &&
        equals(entry.seller.sellerId, sellerId) &&
        equals(entry.currency, currency)
      );
    });
    return this.#page(found, query.sort, { limit, cursor, question: { ...question, list: "list" } });
  }

  async search(query: SearchQuery): Promise<CataloguePage & { readonly total: number }> {
    this.#answer();
    const { limit, cursor, ...question } = query;
    const { q, phase, category, currency, priceMin = Number.NEGATIVE_INFINITY, priceMax = Number.POSITIVE_INFINITY } = query;
    const found = [...this.#rows.values()].filter(({ entry }) => {
      const price = priceOf(entry);
      const fits = likeness(q, entry) > 0 && price >= priceMin && price <= priceMax;
      return fits && equals(entry.phase, phase) && equals(entry.lot?.category, category) && equals(entry.currency, currency);
    });
    const sort = query.sort === "relevance" ? (row: Row) => -likeness(q, row.entry) : query.sort;
    const page = this.#page(found, sort, { limit, cursor, question: { ...question, list: "search" } });
    return { ...page, total: Math.min(found.length, TOTAL_MAX) };
  }

  /** The columns that a checkpoint of this time brings (MemorySnapshotStore, onColumns). */
  columns(auctions: readonly AuctionSnapshot[], time: Instant): void {
    this.#checkpointAt = Math.max(this.#checkpointAt ?? time, time);
    for (const { auctionId, sequence, catalogue } of auctions) {
      const { phase, currency, opening, sellerId, lotId: _lotId, ...columns } = catalogue;
      if (phase === null || currency === null || opening === null || sellerId === null) continue;
      const before = this.#rows.get(auctionId)?.entry;
      if (before !== undefined && before.sequence > sequence) continue;
      const seller = before?.seller ?? { sellerId, name: sellerId, reputation: null };
      this.#put(auctionId, { ...columns, auctionId, sequence, phase, currency, opening, seller, lot: before?.lot ?? null });
    }
  }

  healthy(): boolean {
    return !this.faults.away;
  }

  async close(): Promise<void> {}

  #answer(): void {
    if (this.faults.away) throw new CatalogueUnavailable("The catalogue is away");
  }

  #put(auctionId: AuctionId, entry: CatalogueEntry): void {
    this.#added += 1;
    this.#rows.set(auctionId, { entry, added: this.#rows.get(auctionId)?.added ?? this.#added });
  }

  #page(found: readonly Row[], sort: keyof typeof KEYS | Key, request: PageRequest): CataloguePage {
    const key = typeof sort === "string" ? KEYS[sort].key : sort;
    const descending = typeof sort === "string" && KEYS[sort].descending;
    const compare = (a: Place, b: Place): number => (a.key - b.key || (a.auctionId < b.auctionId ? -1 : 1)) * (descending ? -1 : 1);
    const after = request.cursor === undefined ? null : decodeCursor(request.cursor, request.question);
    const places = found
      .map((row) => ({ key: key(row), auctionId: row.entry.auctionId, entry: row.entry }))
      .filter((place) => after === null || (place.auctionId !== after.auctionId && compare(place, after) > 0))
      .sort(compare);
    const page = places.slice(0, request.limit);
    const last = page.at(-1);
    const next = last === undefined || places.length <= request.limit ? null : encodeCursor(last, request.question);
    return { entries: page.map((place) => place.entry), next, asOf: this.#checkpointAt ?? this.#now() };
  }
}

interface PageRequest {
  readonly limit: number;
  readonly cursor: string | undefined;
  readonly question: Readonly<Record<string, unknown>>;
}

interface Place {
  readonly key: number;
  readonly auctionId: AuctionId;
}

const KEYS = {
  ending_soon: { key: ({ entry }: Row): number => entry.endsAt ?? NO_END, descending: false },
  newest: { key: ({ added }: Row): number => added, descending: true },
  price_asc: { key: ({ entry }: Row): number => priceOf(entry), descending: false },
  price_desc: { key: ({ entry }: Row): number => priceOf(entry), descending: true },
  popular: { key: ({ entry }: Row): number => entry.totalBids, descending: true },
} as const;

/** The opening price until there is a bid. */
function priceOf(entry: CatalogueEntry): number {
  return entry.price ?? entry.opening;
}

function equals(value: string | null | undefined, wanted: string | undefined): boolean {
  return wanted === undefined || value === wanted;
}

/** 2 a word found whole, 1 a word whose beginning is found; 0 as soon as one word asked for is not in the title at all. */
function likeness(q: string, { lot }: CatalogueEntry): number {
  const title = (lot?.title ?? "").toLowerCase().split(/\W+/u);
  const marks = q
    .toLowerCase()
    .split(/\W+/u)
    .filter((word) => word !== "")
    .map((word) => (title.includes(word) ? 2 : title.some((other) => other.startsWith(word.slice(0, 3)) && Math.abs(other.length - word.length) < 3) ? 1 : 0));
  return marks.some((mark) => mark === 0) ? 0 : marks.reduce<number>((sum, mark) => sum + mark, 0);
}
