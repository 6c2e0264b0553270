// Lists of lots for the list page and for "similar lots": read over HTTP, kept live by watches of the components that show them.
import { useEffect, useRef, useState } from "preact/hooks";
import type { Auction, Client } from "../../client/client.ts";
import { useLive } from "./live.ts";
import type { Filters } from "./router.ts";

/** Lots of one page of the list. All are watched over the one socket, which takes 500. */
const PAGE_LOTS = 48;
const LOTS_MAX = 480;
/** New lots are looked for this often. */
const REFRESH_MS = 20_000;

export type Lots =
  | { readonly kind: "reading" }
  | { readonly kind: "failed"; readonly code: string }
  | { readonly kind: "read"; readonly lots: readonly Auction[]; readonly more: boolean };

/** The lots that fit the filters, ending soon first (results: newest first), looked for anew every 20 s. */
export function useLots(filters: Filters): { readonly lots: Lots; showMore(): void; again(): void } {
  const { client } = useLive();
  const { phase, category, text } = filters;
  const [lots, setLots] = useState<Lots>({ kind: "reading" });
  const [wanted, setWanted] = useState(PAGE_LOTS);
  const [round, setRound] = useState(0);
  const shownFor = useRef("");
  useEffect(() => {
    const name = [phase, category, text].join(" ");
    if (shownFor.current !== name) setLots({ kind: "reading" });
    shownFor.current = name;
    let over = false;
    readLots(client, filters, wanted).then(
      (read) => !over && setLots(read),
      (error: { readonly code?: string }) =>
        !over && setLots((before) => (before.kind === "read" ? before : { kind: "failed", code: error.code ?? "not_connected" })),
    );
    return () => {
      over = true;
    };
  }, [client, phase, category, text, wanted, round]);
  useEffect(() => {
    const timer = setInterval(() => document.visibilityState === "visible" && setRound((before) => before + 1), REFRESH_MS);
    return () => clearInterval(timer);
  }, []);
  return { lots, showMore: () => setWanted(Math.min(LOTS_MAX, wanted + PAGE_LOTS)), again: () => setRound(round + 1) };
}

async function readLots(client: Client, filters: Filters, wanted: number): Promise<Lots> {
  const { phase, category, text } = filters;
  const narrow = category === "" ? {} : { category };
  const limit = Math.min(100, wanted + 1);
  const found =
    text === ""
      ? client.auctions.list({ phase, sort: phase === "closed" ? "newest" : "ending_soon", limit, ...narrow })
      : client.auctions.search({ q: text, phase, sort: "ending_soon", limit, ...narrow });
  const lots = await take(found, wanted + 1);
  return { kind: "read", lots: lots.slice(0, wanted), more: lots.length > wanted };
}

async function take<T>(source: AsyncIterable<T>, max: number): Promise<readonly T[]> {
  const taken: T[] = [];
  for await (const each of source) {
    taken.push(each);
    if (taken.length >= max) break;
  }
  return taken;
}

const SIMILAR_MAX = 4;

/** Up to four running lots: those of the same category first, then those that end soonest. */
export async function similarLots(
  client: Client,
  than: { readonly auctionId: string; readonly category: string | null | undefined },
): Promise<readonly Auction[]> {
  const soonest = { phase: "open", sort: "ending_soon", limit: 2 * SIMILAR_MAX } as const;
  const alike = than.category == null ? [] : await take(client.auctions.list({ ...soonest, category: than.category }), SIMILAR_MAX + 1);
  const lots = new Map([...alike, ...(await take(client.auctions.list(soonest), 2 * SIMILAR_MAX))].map((lot) => [lot.auctionId, lot]));
  lots.delete(than.auctionId);
  return [...lots.values()].slice(0, SIMILAR_MAX);
}

/** A short number for the catalogue: digits of the lot id where it ends in some, else the slot that the auction id begins with. */
export function lotNumber(auctionId: string, lotId: string | undefined): string {
  const digits = /(?:^|[^0-9a-f])(\d{1,5})$/.exec(lotId ?? "")?.[1];
  return digits ?? String(Number.parseInt(auctionId.slice(0, 3), 16) + 1);
}
