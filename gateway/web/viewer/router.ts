// Two addresses: `/` with its filters, and `/auctions/{id}`. Links are plain links; this only spares the reload.
import { useEffect, useState } from "preact/hooks";

export type Place = { readonly kind: "list"; readonly filters: Filters } | { readonly kind: "auction"; readonly auctionId: string };

export type Shown = "open" | "scheduled" | "closed";

/** The three lists, in the order of the masthead. */
export const LISTS: readonly { readonly phase: Shown; readonly title: string; readonly link: string }[] = [
  { phase: "open", title: "On sale now", link: "On sale" },
  { phase: "scheduled", title: "Coming up", link: "Coming up" },
  { phase: "closed", title: "Results", link: "Results" },
];

export interface Filters {
  readonly phase: Shown;
  readonly category: string;
  readonly text: string;
}

const changed = new Set<() => void>();

/** Goes to an address of this page. `replace` leaves no step to come back to, as for each letter typed into a filter. */
export function go(path: string, replace = false): void {
  if (replace) history.replaceState(null, "", path);
  else history.pushState(null, "", path);
  for (const tell of changed) tell();
}

/** The address of the list with these filters; what is not set is left out. */
export function listPath(filters: Filters): string {
  const query = new URLSearchParams();
  if (filters.phase !== "open") query.set("show", filters.phase);
  if (filters.category !== "") query.set("category", filters.category);
  if (filters.text !== "") query.set("q", filters.text);
  const text = query.toString();
  return text === "" ? "/" : `/?${text}`;
}

/** Where the page is; renders anew when it goes elsewhere. */
export function usePlace(): Place {
  const [place, setPlace] = useState(read);
  useEffect(() => {
    const tell = (): void => setPlace(read());
    changed.add(tell);
    addEventListener("popstate", tell);
    document.addEventListener("click", follow);
    return () => {
      changed.delete(tell);
      removeEventListener("popstate", tell);
      document.removeEventListener("click", follow);
    };
  }, []);
  return place;
}

function read(): Place {
  const auction = /^\/auctions\/([^/]+)\/?$/.exec(location.pathname);
  if (auction?.[1] !== undefined) return { kind: "auction", auctionId: decodeURIComponent(auction[1]) };
  const query = new URLSearchParams(location.search);
  const show = query.get("show");
  return {
    kind: "list",
    filters: {
      phase: show === "scheduled" || show === "closed" ? show : "open",
      category: query.get("category") ?? "",
      text: (query.get("q") ?? "").slice(0, 200),
    },
  };
}

/** A plain press on a link of this page; new tabs and other places go their usual way. */
function follow(event: MouseEvent): void {
  const link = (event.target as Element | null)?.closest("a");
  if (link == null || event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  const { origin, pathname, search } = new URL(link.href);
  if (origin !== location.origin || !(pathname === "/" || pathname.startsWith("/auctions/"))) return;
  event.preventDefault();
  go(pathname + search);
  scrollTo(0, 0);
}
