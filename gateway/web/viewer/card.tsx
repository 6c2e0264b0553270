// One lot in the grid: drawing, title, price, asking price, time left, bids. Live in place; only the price underlines.
import type { JSX } from "preact";
import type { Auction, AuctionView } from "../../client/client.ts";
import { standingOf } from "./bidding.ts";
import { FAIR_WARNING_MS, timeText } from "./countdown.tsx";
import { LotDrawing } from "./drawings.tsx";
import { ageSeconds, useAuction, useLive, useTicking } from "./live.ts";
import { lotNumber } from "./lots.ts";
import { moneyText } from "./money.ts";
import { PlainPrice } from "./price.tsx";
import { ageText, counted, dateText } from "./words.ts";

/** `under`: the level of the heading above the grid. */
export function Card({ lot, under }: { readonly lot: Auction; readonly under: 1 | 2 }): JSX.Element {
  const { client } = useLive();
  const watched = useAuction(client, lot.auctionId, { history: 0 });
  const view = watched.kind === "known" ? watched.view : null;
  const title = view?.auction.lot?.title ?? lot.lot?.title ?? "Untitled lot";
  const category = view?.auction.lot?.category ?? lot.lot?.category;
  const image = lot.lot?.images?.[0];
  const now = view ?? lot;
  const Heading = under === 1 ? "h2" : "h3";
  return (
    <li class="card">
      <a href={`/auctions/${lot.auctionId}`}>
        <div class="plate">{image === undefined ? <LotDrawing category={category} title={title} /> : <img src={image} alt="" loading="lazy" />}</div>
        <p class="number">{lotNumber(lot.auctionId, lot.lot?.lotId)}</p>
        <Heading class="title" dir="auto">
          {title}
        </Heading>
      </a>
      <CardPrice view={view} lot={lot} />
      <div class="card-foot">
        {view === null ? <span>{lot.endsAtMs === null ? "" : `ends ${dateText(lot.endsAtMs)}`}</span> : <CardTime view={view} />}
        <span>{counted(now.totalBids, "bid")}</span>
      </div>
    </li>
  );
}

function CardPrice({ view, lot }: { readonly view: AuctionView | null; readonly lot: Auction }): JSX.Element {
  const now = view ?? lot;
  const { currency } = lot;
  const age = useTicking(() => (view === null ? -1 : ageSeconds(view)));
  const old = view === null || age > 0;
  const minor = now.currentPriceMinor ?? now.askingPriceMinor ?? lot.openingPriceMinor;
  return (
    <div class={`card-price${old ? " old" : ""}`}>
      <PlainPrice minor={minor} currency={currency} />
      <span class="asking">{priceNote(now, currency, view === null || age === 0 ? null : `as of ${ageText(age * 1_000)} ago`)}</span>
      {view !== null && <CardStanding view={view} />}
    </div>
  );
}

function priceNote(now: Auction | AuctionView, currency: string, old: string | null): string {
  if (now.phase !== "closed" && old !== null) return old;
  if (now.currentPriceMinor === null) return "opening price";
  if (now.phase === "closed") return now.outcome === "sold" ? "hammer price" : "highest bid";
  return now.askingPriceMinor === null ? "" : `asking ${moneyText(now.askingPriceMinor, currency)}`;
}

function CardStanding({ view }: { readonly view: AuctionView }): JSX.Element | null {
  const standing = standingOf(view);
  if (standing === "none" || view.phase === "closed") return null;
  return <span class={`standing ${standing}`}>{standing === "leading" ? "You lead" : "Outbid"}</span>;
}

function CardTime({ view }: { readonly view: AuctionView }): JSX.Element {
  const text = useTicking(() => timeText(view));
  const warning = useTicking(() => view.phase === "open" && view.remainingMs() > 0 && view.remainingMs() <= FAIR_WARNING_MS);
  if (view.phase === "closed")
    return <span>{view.ending?.outcome === "sold" ? `sold to bidder ${view.ending.winnerNumber}` : (view.ending?.outcome ?? "ended")}</span>;
  return (
    <span class={warning ? "warning" : ""}>
      {text}
      {warning ? ", fair warning" : text === "closing" || view.phase !== "open" ? "" : " left"}
    </span>
  );
}
