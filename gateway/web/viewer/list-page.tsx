// The catalogue: a grid of lots, ending soon first, live in place over one socket. Filters stand in the address.
import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { Auction } from "../../client/client.ts";
import { Card } from "./card.tsx";
import { type Lots, useLots } from "./lots.ts";
import { type Filters, go, LISTS, listPath } from "./router.ts";
import { counted } from "./words.ts";

/** Typing is over when nothing came for this long. */
const TYPED_MS = 300;

export function ListPage({ filters }: { readonly filters: Filters }): JSX.Element {
  const { lots, showMore, again } = useLots(filters);
  const title = LISTS.find((each) => each.phase === filters.phase)?.title ?? "";
  useEffect(() => {
    document.title = `${title} · Fairwarning`;
  }, [title]);
  return (
    <main class="list" id="content">
      <div class="list-head">
        <h1>{title}</h1>
        <p class="summary" role="status">
          {summaryText(lots, filters)}
        </p>
        <FilterBar filters={filters} lots={lots} />
      </div>
      <LotGrid lots={lots} filters={filters} again={again} />
      {lots.kind === "read" && lots.more && (
        <button type="button" class="secondary more" onClick={showMore}>
          Show more lots
        </button>
      )}
    </main>
  );
}

function summaryText(lots: Lots, filters: Filters): string {
  if (lots.kind !== "read") return lots.kind === "reading" ? "Reading the catalogue" : "";
  if (lots.lots.length === 0) return "";
  const count = lots.more ? `The first ${counted(lots.lots.length, "lot")}` : counted(lots.lots.length, "lot");
  return filters.phase === "closed" ? `${count}, latest first` : `${count}, ending soon first`;
}

function FilterBar({ filters, lots }: { readonly filters: Filters; readonly lots: Lots }): JSX.Element {
  const categories = useCategories(lots, filters.category);
  return (
    <search class="filters">
      <label>
        <span class="unseen">Category</span>
        <select value={filters.category} onChange={(event) => go(listPath({ ...filters, category: event.currentTarget.value }))}>
          <option value="">All categories</option>
          {categories.map((category) => (
            <option key={category} value={category}>
              {category}
            </option>
          ))}
        </select>
      </label>
      <SearchField filters={filters} />
    </search>
  );
}

function SearchField({ filters }: { readonly filters: Filters }): JSX.Element {
  const [text, setText] = useState(filters.text);
  useEffect(() => setText(filters.text), [filters.text]);
  useEffect(() => {
    if (text === filters.text) return;
    const timer = setTimeout(() => go(listPath({ ...filters, text: text.trim() }), true), TYPED_MS);
    return () => clearTimeout(timer);
  }, [text]);
  return (
    <label>
      <span class="unseen">Search</span>
      <input type="search" maxLength={200} placeholder="Search lots" value={text} onInput={(event) => setText(event.currentTarget.value)} />
    </label>
  );
}

/** Every category met so far: the catalogue has no list of them. */
function useCategories(lots: Lots, chosen: string): readonly string[] {
  const met = useRef(new Set<string>());
  if (chosen !== "") met.current.add(chosen);
  if (lots.kind === "read") for (const lot of lots.lots) if (lot.lot?.category) met.current.add(lot.lot.category);
  return [...met.current].sort((a, b) => a.localeCompare(b));
}

function LotGrid({ lots, filters, again }: { readonly lots: Lots; readonly filters: Filters; again(): void }): JSX.Element {
  const grid = useRef<HTMLUListElement>(null);
  const ordered = useSteadyOrder(lots.kind === "read" ? lots.lots : [], grid);
  if (lots.kind === "failed") {
    return (
      <div class="nothing">
        <p>
          {lots.code === "catalogue_unavailable"
            ? "The catalogue cannot be read just now. Auctions go on, and known addresses of lots still work."
            : "The catalogue could not be reached."}
        </p>
        <button type="button" class="secondary" onClick={again}>
          Try again
        </button>
      </div>
    );
  }
  if (lots.kind === "read" && lots.lots.length === 0) return <Nothing filters={filters} />;
  return (
    <ul class="grid" ref={grid} aria-label="Lots" aria-busy={lots.kind === "reading"}>
      {lots.kind === "reading"
        ? Array.from({ length: 8 }, (_, at) => <li key={at} class="card blank" aria-hidden="true" />)
        : ordered.map((lot) => <Card key={lot.auctionId} lot={lot} under={1} />)}
    </ul>
  );
}

function Nothing({ filters }: { readonly filters: Filters }): JSX.Element {
  const filtered = filters.text !== "" || filters.category !== "";
  return (
    <div class="nothing">
      <p>{filtered ? "No lot fits this filter." : filters.phase === "open" ? "No lot is on sale at the moment." : "There is nothing here yet."}</p>
      {filtered ? (
        <a href={listPath({ ...filters, text: "", category: "" })}>Show all lots</a>
      ) : filters.phase === "open" ? (
        <a href="/?show=closed">See the results</a>
      ) : (
        <a href="/">See what is on sale</a>
      )}
    </div>
  );
}

/** A refresh brings new lots and another order. The order on the page changes only while nobody points at the grid, so that no
 *  card moves away under a finger; until then new lots are put at the end. */
function useSteadyOrder(lots: readonly Auction[], grid: { readonly current: HTMLElement | null }): readonly Auction[] {
  const held = useRef<readonly string[]>([]);
  const pointed = grid.current?.matches(":hover, :focus-within") === true;
  const byId = new Map(lots.map((lot) => [lot.auctionId, lot]));
  const stays = pointed ? held.current.filter((id) => byId.has(id)) : [];
  const order = [...stays, ...[...byId.keys()].filter((id) => !stays.includes(id))];
  held.current = order;
  return order.flatMap((id) => byId.get(id) ?? []);
}
