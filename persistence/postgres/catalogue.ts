// Lists and search over Postgres: lots and sellers exactly, an auction's public columns as the newest checkpoint left them.
//
// Owns: the row a gateway writes at `create`, and every question lists and search ask.
// Must not: decide anything, or be asked on the path of a bid. Whoever asks while the database is away gets CatalogueUnavailable.
//
// Q1. What a client sends reaches the database as a parameter, never as text of a statement.
// Q2. Pages go on from the sort key and id of the last entry, so that an entry whose key stands still is seen once, however many
//     come and go before it.
// Q3. Columns of a higher sequence are never overwritten by those of a lower one.
import type { AuctionId, Instant } from "../../engine/core/ids.ts";
import { type Catalogue, type CatalogueEntry, type CataloguePage, CatalogueUnavailable, type ListQuery, type SearchQuery } from "../../gateway/ports.ts";
import { type CursorPlace, decodeCursor, encodeCursor } from "./catalogue-cursor.ts";
import { type Database, PostgresAway, type Queries, type Statement, StatementFailed, TABLE_MISSING, type Value } from "./pool.ts";

/** Search counts no further. */
const TOTAL_MAX = 10_000;
/** From 0 (nothing in common) to 1: how like a stretch of the title must be to what was asked. 0.45 finds one wrong letter in a word
 *  of five and two in one of eight; at the default of 0.6 the first is lost. */
const WORD_SIMILARITY_MIN = 0.45;

const ADD: Statement = {
  name: "add_entry",
  text: `with added as (
      insert into catalogue (auction_id, sequence, phase, outcome, currency, seller_id, lot_id, opening, price, asking_price, total_bids, bidders,
        leader_number, reserve_met, buy_now, opens_at, ends_at)
      values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
      on conflict (auction_id) do nothing returning auction_id),
    renamed as (
      insert into sellers as s (seller_id, name, reputation) values ($6, $18, $19)
      on conflict (seller_id) do update set name = excluded.name, reputation = excluded.reputation where exists (select from added))
    insert into lots (lot_id, version, title, description, category, images, latitude, longitude, shipping_free)
    select $7, l.version, l.title, l.description, l.category, l.images, l.latitude, l.longitude, l."shippingFree"
    from json_to_record($20::json)
      as l(version integer, title text, description text, category text, images text[], latitude float8, longitude float8, "shippingFree" boolean)
    where l.title is not null
    on conflict (lot_id) do nothing`,
};

const ENTRY_COLUMNS = `c.auction_id as "auctionId", c.sequence, c.phase, c.outcome, c.currency, c.seller_id as "sellerId", c.opening, c.price,
  c.asking_price as "askingPrice", c.total_bids as "totalBids", c.bidders, c.leader_number as "leaderNumber", c.reserve_met as "reserveMet",
  c.buy_now as "buyNow", c.opens_at as "opensAt", c.ends_at as "endsAt", s.name as "sellerName", s.reputation,
  l.lot_id as "lotId", l.version, l.title, l.description, l.category, to_json(l.images) as images, l.latitude, l.longitude, l.shipping_free as "shippingFree"`;
const ENTRY_TABLES = "catalogue c left join sellers s on s.seller_id = c.seller_id left join lots l on l.lot_id = c.lot_id";
const SEARCH_TABLES = "lots l join catalogue c on c.lot_id = l.lot_id left join sellers s on s.seller_id = c.seller_id";

const SELECT_ENTRIES: Statement = { name: "select_entries", text: `select ${ENTRY_COLUMNS} from ${ENTRY_TABLES} where c.auction_id = any($1::uuid[])` };

/** The time of the newest checkpoint; the database's own before the first one. */
const SELECT_AS_OF: Statement = {
  name: "select_as_of",
  text: `select coalesce(max(time), (extract(epoch from clock_timestamp()) * 1000)::bigint) as "asOf" from checkpoints`,
};

const SET_SIMILARITY: Statement = {
  name: "set_similarity",
  text: "select set_config('pg_trgm.word_similarity_threshold', $1, true) as threshold",
};

interface EntryRow extends Omit<CatalogueEntry, "lot" | "seller"> {
  readonly key: number;
  readonly sellerId: string;
  readonly sellerName: string | null;
  readonly reputation: number | null;
  readonly lotId: string | null;
  readonly version: number;
  readonly title: string;
  readonly description: string;
  readonly category: string | null;
  readonly images: readonly string[];
  readonly latitude: number | null;
  readonly longitude: number | null;
  readonly shippingFree: boolean | null;
}

/** A sort key as SQL, a number for every row, and its direction. */
interface Sort {
  readonly key: string;
  readonly type: "bigint" | "float8";
  readonly descending: boolean;
}

const SORTS: Readonly<Record<Exclude<ListQuery["sort"] | SearchQuery["sort"], "relevance">, Sort>> = {
  ending_soon: { key: "c.ends_key", type: "bigint", descending: false },
  newest: { key: "c.added", type: "bigint", descending: true },
  price_asc: { key: "c.price_key", type: "bigint", descending: false },
  price_desc: { key: "c.price_key", type: "bigint", descending: true },
  popular: { key: "c.total_bids", type: "bigint", descending: true },
};

/** Catalogue over a database that `migrate` brought up to date. It closes the database with itself. */
export class PostgresCatalogue implements Catalogue {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async add(entry: CatalogueEntry): Promise<void> {
    const { lot, seller } = entry;
    const lotJson = JSON.stringify(lot === null ? {} : { ...lot, ...lot.location });
    await available(
      this.#database.query(ADD, [
        entry.auctionId,
        entry.sequence,
        entry.phase,
        entry.outcome,
        entry.currency,
        seller.sellerId,
        lot?.lotId ?? null,
        entry.opening,
        entry.price,
        entry.askingPrice,
        entry.totalBids,
        entry.bidders,
        entry.leaderNumber,
        entry.reserveMet,
        entry.buyNow,
        entry.opensAt,
        entry.endsAt,
        seller.name,
        seller.reputation,
        lotJson,
      ]),
    );
  }

  async entry(auctionId: AuctionId): Promise<CatalogueEntry | null> {
    const [entry] = await this.entries([auctionId]);
    return entry ?? null;
  }

  /** Those that are known, in the order asked for. */
  async entries(auctionIds: readonly AuctionId[]): Promise<readonly CatalogueEntry[]> {
    const rows = await available(this.#database.query<EntryRow>(SELECT_ENTRIES, [auctionIds]));
    const byId = new Map(rows.map((row) => [row.auctionId, toEntry(row)]));
    return auctionIds.flatMap((auctionId) => byId.get(auctionId) ?? []);
  }

  async list(query: ListQuery): Promise<CataloguePage> {
    const { limit, cursor, ...rest } = query;
    const question = { ...rest, list: "list" };
    const after = placeOf(cursor, question);
    const where = new Conditions();
    where.add("c.phase =", query.phase);
    where.add("l.category =", query.category);
    where.add("c.seller_id =", query.sellerId);
    where.add("c.currency =", query.currency);
    where.add("c.ends_at <", query.endsBefore);
    where.add("c.ends_at >", query.endsAfter);
    return await available(
      this.#database.transaction("read", async (transaction) => ({
        ...(await readPage(transaction, { name: "list", tables: ENTRY_TABLES, where, sort: SORTS[query.sort], limit, after, question })),
        asOf: await readAsOf(transaction),
      })),
    );
  }

  async search(query: SearchQuery): Promise<CataloguePage & { readonly total: number }> {
    const { limit, cursor, ...rest } = query;
    const question = { ...rest, list: "search" };
    const after = placeOf(cursor, question);
    const where = new Conditions();
    const q = where.value(query.q);
    where.raw(`(l.title_words @@ websearch_to_tsquery('english', ${q}) or ${q} <% l.title)`);
    where.add("c.phase =", query.phase);
    where.add("l.category =", query.category);
    where.add("c.price_key >=", query.priceMin);
    where.add("c.price_key <=", query.priceMax);
    where.add("c.currency =", query.currency);
    const sort = query.sort === "relevance" ? relevance(q) : SORTS[query.sort];
    return await available(
      this.#database.transaction("read", async (transaction) => {
        await transaction.query(SET_SIMILARITY, [String(WORD_SIMILARITY_MIN)]);
        const total = await count(transaction, SEARCH_TABLES, where);
        const page = await readPage(transaction, { name: "search", tables: SEARCH_TABLES, where, sort, limit, after, question });
        return { ...page, total, asOf: await readAsOf(transaction) };
      }),
    );
  }

  healthy(): boolean {
    return this.#database.healthy();
  }

  async close(): Promise<void> {
    await this.#database.close();
  }
}

/** Whole words first (by their rank), then likeness. Titles never change, so the key of a title is the same on every page. */
function relevance(q: string): Sort {
  const words = `case when l.title_words @@ websearch_to_tsquery('english', ${q}) then 1 + ts_rank(l.title_words, websearch_to_tsquery('english', ${q})) else 0 end`;
  return { key: `(${words} + word_similarity(${q}, l.title))::float8`, type: "float8", descending: true };
}

/** Conditions joined by `and`, and the values of their parameters (Q1). */
class Conditions {
  readonly #parts: string[] = [];
  readonly #values: Value[] = [];

  /** Nothing if the value is absent. `left` ends with its operator. */
  add(left: string, value: Value | undefined): void {
    if (value !== undefined) this.#parts.push(`${left} ${this.value(value)}`);
  }

  raw(condition: string): void {
    this.#parts.push(condition);
  }

  /** Takes a value and returns the name of its parameter. Postgres holds no text with a zero character, so such a text matches
   *  nothing; it is not an error. */
  value(value: Value): string {
    this.#values.push(typeof value === "string" ? value.replaceAll("\0", "\ufffd") : value);
    return `$${this.#values.length}`;
  }

  copy(): Conditions {
    const copy = new Conditions();
    copy.#parts.push(...this.#parts);
    copy.#values.push(...this.#values);
    return copy;
  }

  get text(): string {
    return this.#parts.length === 0 ? "true" : this.#parts.join(" and ");
  }

  get values(): readonly Value[] {
    return this.#values;
  }
}

interface PageRequest {
  readonly name: string;
  readonly tables: string;
  readonly where: Conditions;
  readonly sort: Sort;
  readonly limit: number;
  readonly after: CursorPlace | null;
  readonly question: Question;
}

/** Which list, and everything that chooses and orders its entries. A cursor of a search is none of a list. */
type Question = Readonly<Record<string, unknown>>;

function placeOf(cursor: string | undefined, question: Question): CursorPlace | null {
  return cursor === undefined ? null : decodeCursor(cursor, question);
}

/** One page and the cursor of the next. */
async function readPage(queries: Queries, request: PageRequest): Promise<Omit<CataloguePage, "asOf">> {
  const { name, tables, sort, limit, after, question } = request;
  const where = request.where.copy();
  if (after !== null) {
    const key = `${where.value(after.key)}::${sort.type}`;
    where.raw(`(${sort.key}, c.auction_id) ${sort.descending ? "<" : ">"} (${key}, ${where.value(after.auctionId)})`);
  }
  const order = sort.descending ? "desc" : "asc";
  const text = `select ${ENTRY_COLUMNS}, ${sort.key} as key from ${tables} where ${where.text}
    order by ${sort.key} ${order}, c.auction_id ${order} limit ${where.value(limit + 1)}`;
  const rows = await queries.query<EntryRow>({ name, text, oneShot: true }, where.values);
  const page = rows.slice(0, limit);
  const last = page.at(-1);
  const next = last === undefined || rows.length <= limit ? null : encodeCursor({ key: last.key, auctionId: last.auctionId }, question);
  return { entries: page.map(toEntry), next };
}

async function count(queries: Queries, tables: string, conditions: Conditions): Promise<number> {
  const where = conditions.copy();
  const text = `select count(*) as total from (select from ${tables} where ${where.text} limit ${where.value(TOTAL_MAX)}) as found`;
  const [row] = await queries.query<{ readonly total: number }>({ name: "search_total", text, oneShot: true }, where.values);
  return row?.total ?? 0;
}

async function readAsOf(queries: Queries): Promise<Instant> {
  const [row] = await queries.query<{ readonly asOf: Instant }>(SELECT_AS_OF, []);
  return row?.asOf ?? 0;
}

async function available<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    // Without its tables the catalogue is as far away as without its server, and comes as soon as the migration ran.
    const away = error instanceof PostgresAway || (error instanceof StatementFailed && error.sqlState === TABLE_MISSING);
    if (away) throw new CatalogueUnavailable("The catalogue is away", { cause: error });
    throw error;
  }
}

/** A seller of whom only the id is known is called by it: a checkpoint may come before the gateway's row. */
function toEntry(row: EntryRow): CatalogueEntry {
  const { lotId, latitude, longitude } = row;
  return {
    auctionId: row.auctionId,
    lot:
      lotId === null
        ? null
        : {
            lotId,
            version: row.version,
            title: row.title,
            description: row.description,
            category: row.category,
            images: row.images,
            location: latitude === null || longitude === null ? null : { latitude, longitude },
            shippingFree: row.shippingFree,
          },
    seller: { sellerId: row.sellerId, name: row.sellerName ?? row.sellerId, reputation: row.reputation },
    sequence: row.sequence,
    phase: row.phase,
    outcome: row.outcome,
    currency: row.currency,
    opening: row.opening,
    price: row.price,
    askingPrice: row.askingPrice,
    totalBids: row.totalBids,
    bidders: row.bidders,
    leaderNumber: row.leaderNumber,
    reserveMet: row.reserveMet,
    buyNow: row.buyNow,
    opensAt: row.opensAt,
    endsAt: row.endsAt,
  };
}
