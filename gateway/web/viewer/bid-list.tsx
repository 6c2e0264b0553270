// The list of bids, newest first. Own rows are marked, removed ones struck through and named so; older ones come on demand.
import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { AuctionView, Bid } from "../../client/client.ts";
import { useLive } from "./live.ts";
import { moneyText } from "./money.ts";
import { bidderText, clockText, counted } from "./words.ts";

const SHOWN_FIRST = 12;
const SHOWN_MORE = 50;
const PAGE_ROWS = 100;

/** All rows this page has: those of the view and those fetched on demand, newest first. */
export function useRows(view: AuctionView): { readonly rows: readonly Bid[]; readonly more: boolean; fetchOlder(): Promise<void> } {
  const { client } = useLive();
  const [older, setOlder] = useState<readonly Bid[]>([]);
  const [ended, setEnded] = useState(false);
  const pages = useRef<AsyncIterator<Bid> | null>(null);
  const { auctionId } = view;
  useEffect(() => {
    pages.current = null;
    setOlder([]);
    setEnded(false);
  }, [client, auctionId]);
  const rows = joined(view.bids, older);
  const fetchOlder = async (): Promise<void> => {
    pages.current ??= client.auctions.bids(auctionId, { limit: PAGE_ROWS })[Symbol.asyncIterator]();
    const fetched: Bid[] = [];
    const oldest = rows.at(-1)?.sequence ?? Number.POSITIVE_INFINITY;
    try {
      for (let news = 0; news < PAGE_ROWS; ) {
        const next = await pages.current.next();
        if (next.done === true) {
          setEnded(true);
          break;
        }
        fetched.push(next.value);
        if (next.value.sequence < oldest) news++;
      }
    } catch {
      pages.current = null;
    }
    setOlder((before) => joined(before, fetched));
  };
  const complete = ended || (rows.at(-1)?.sequence ?? 0) <= 2;
  return {
    rows,
    more: !complete && rows.length < view.totalBids * 2 && view.totalBids > 0 && (older.length > 0 || countBids(rows) < view.totalBids),
    fetchOlder,
  };
}

function countBids(rows: readonly Bid[]): number {
  return new Set(rows.filter((row) => row.gone === null && row.kind !== "recomputed").map((row) => row.bidId)).size;
}

function joined(newer: readonly Bid[], older: readonly Bid[]): readonly Bid[] {
  if (older.length === 0) return newer;
  const held = new Set(newer.map(placeOf));
  return [...newer, ...older.filter((row) => !held.has(placeOf(row)))].sort((a, b) => b.sequence - a.sequence || b.row - a.row);
}

const placeOf = (row: Bid): string => `${row.sequence}.${row.row}`;

export function BidList({
  view,
  rows,
  more,
  fetchOlder,
  takeBack,
}: {
  readonly view: AuctionView;
  readonly rows: readonly Bid[];
  readonly more: boolean;
  fetchOlder(): Promise<void>;
  /** What a bidder can do about an own bid. */
  readonly takeBack: JSX.Element | null;
}): JSX.Element {
  const [shown, setShown] = useState(SHOWN_FIRST);
  const own = view.you?.bidderNumber ?? null;
  const showMore = (): void => {
    setShown(shown + SHOWN_MORE);
    if (rows.length < shown + SHOWN_MORE && more) void fetchOlder();
  };
  return (
    <section class="bid-list" aria-labelledby="bid-list-title">
      <h2 id="bid-list-title">Bids</h2>
      {takeBack}
      {rows.length === 0 ? (
        <p class="empty">No bids yet. The first bid opens at {moneyText(view.auction.openingPriceMinor, view.auction.currency)}.</p>
      ) : (
        <ol aria-label={counted(view.totalBids, "bid")}>
          {rows.slice(0, shown).map((row) => (
            <Row key={placeOf(row)} row={row} own={own} currency={view.auction.currency} />
          ))}
        </ol>
      )}
      {(rows.length > shown || more) && rows.length > 0 && (
        <button type="button" class="secondary" onClick={showMore}>
          Show older bids
        </button>
      )}
    </section>
  );
}

const KINDS = { bid: "", proxy: "by proxy", recomputed: "recomputed" } as const;

function Row({ row, own, currency }: { readonly row: Bid; readonly own: number | null; readonly currency: string }): JSX.Element {
  const mine = row.bidderNumber === own;
  const amount = moneyText(row.amountMinor, currency);
  return (
    <li class={`${mine ? "mine" : ""}${row.gone === null ? "" : " gone"}`}>
      <span class="who">{bidderText(row.bidderNumber, own)}</span>
      <span class="kind">{row.gone ?? KINDS[row.kind]}</span>
      <time dateTime={new Date(row.atMs).toISOString()}>{clockText(row.atMs)}</time>
      <span class="amount">{row.gone === null ? amount : <s>{amount}</s>}</span>
    </li>
  );
}
