// One lot a page: the lot on the left, the bidding on the right and always in view; on a phone the bidding at the bottom edge.
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { Auction, AuctionView } from "../../client/client.ts";
import { BidBox, OutbidBar } from "./bid-box.tsx";
import { BidList, useRows } from "./bid-list.tsx";
import { standingOf, useBidding } from "./bidding.ts";
import { PriceChart } from "./chart.tsx";
import { Countdown, SpokenPrice, timeText } from "./countdown.tsx";
import { Ending, SimilarLots } from "./ending.tsx";
import { useAgeSeconds, useAuction, useEveryTick, useLive } from "./live.ts";
import { lotNumber } from "./lots.ts";
import { moneyText } from "./money.ts";
import { paddleIcon } from "./paddle-icon.ts";
import { Pictures } from "./pictures.tsx";
import { Price } from "./price.tsx";
import { Retract } from "./retract.tsx";
import { ageText, bidderText, counted, rulesText } from "./words.ts";

/** Rows with the first snapshot: enough for the list's first sight and the chart's last hour. */
const HISTORY_ROWS = 100;
const DETAILS_WITHIN_MS = 1_000;

export function AuctionPage({ auctionId }: { readonly auctionId: string }): JSX.Element {
  const { client } = useLive();
  const watched = useAuction(client, auctionId, { history: HISTORY_ROWS });
  const details = useDetails(auctionId);
  if (watched.kind === "absent") return <Absent code={watched.code} />;
  if (watched.kind === "waiting" || details === undefined)
    return <main class="auction waiting" id="content" aria-busy="true" aria-label="Reading the auction" />;
  return <Shown view={withDetails(watched.view, details)} />;
}

/** What the socket leaves out, to keep its frames small: the description, the kinds of bid, the opening. undefined: not here yet, and
 *  what is shown below it would move when it comes; null: it could not be had in time, and the auction is shown without. */
function useDetails(auctionId: string): Auction | null | undefined {
  const { client } = useLive();
  const [details, setDetails] = useState<Auction | null>();
  useEffect(() => {
    setDetails(undefined);
    const timer = setTimeout(() => setDetails((before) => before ?? null), DETAILS_WITHIN_MS);
    client.auctions.get(auctionId).then(setDetails, () => setDetails(null));
    return () => clearTimeout(timer);
  }, [client, auctionId]);
  return details;
}

function withDetails(view: AuctionView, details: Auction | null): AuctionView {
  if (details === null) return view;
  const lot = view.auction.lot === null ? details.lot : { ...details.lot, ...view.auction.lot };
  const auction = { ...details, ...view.auction, lot, bidding: details.bidding ?? null, opensAtMs: details.opensAtMs ?? null };
  return Object.create(view, { auction: { value: auction, enumerable: true } }) as AuctionView;
}

function Absent({ code }: { readonly code: string }): JSX.Element {
  return (
    <main class="nothing" id="content">
      <h1>No such lot</h1>
      <p>
        {code === "no_such_auction"
          ? "There is no auction at this address. It may be mistyped."
          : `This auction cannot be shown: ${code.replaceAll("_", " ")}.`}
      </p>
      <a href="/">See what is on sale</a>
    </main>
  );
}

function Shown({ view }: { readonly view: AuctionView }): JSX.Element {
  const lot = view.auction.lot;
  const title = lot?.title ?? "Untitled lot";
  const number = lotNumber(view.auctionId, lot?.lotId);
  const bidding = useBidding(view);
  const rows = useRows(view);
  useTabTitle(view, title, number);
  return (
    <main class="auction" id="content">
      <article class="lot" aria-labelledby="lot-title">
        <header>
          <p class="number">
            <span class="unseen">Lot </span>
            {number}
          </p>
          <h1 id="lot-title" dir="auto">
            {title}
          </h1>
        </header>
        <Pictures lot={lot} title={title} />
        <div class="about">
          {lot?.description !== undefined && lot.description !== "" && <p dir="auto">{lot.description}</p>}
          <p class="rules">{rulesText(view.auction.softClose, view.reserveMet)}</p>
          {view.auction.seller !== null && <p class="seller">Offered by {view.auction.seller.name}</p>}
        </div>
      </article>
      <div class="side">
        <aside class="bidding" aria-label="Bidding">
          <PriceBlock view={view} />
          {view.ending === null ? (
            <>
              <Countdown view={view} />
              <BidBox view={view} bidding={bidding} />
              <OutbidBar view={view} bidding={bidding} />
            </>
          ) : (
            <Ending view={view} ending={view.ending} />
          )}
        </aside>
        {view.ending !== null && <SimilarLots view={view} />}
      </div>
      <div class="history">
        <PriceChart view={view} rows={rows.rows} />
        <BidList view={view} {...rows} takeBack={<Retract view={view} bidding={bidding} />} />
      </div>
    </main>
  );
}

function PriceBlock({ view }: { readonly view: AuctionView }): JSX.Element {
  const age = useAgeSeconds(view);
  const { currency } = view.auction;
  const price = view.ending === null ? view.currentPriceMinor : view.ending.hammerPriceMinor;
  const shown = price ?? view.currentPriceMinor ?? view.auction.openingPriceMinor;
  const label = view.ending?.outcome === "sold" ? "Hammer price" : view.currentPriceMinor === null ? "Opening price" : "Current price";
  return (
    <section class={`price-block${age > 0 ? " old" : ""}`} aria-labelledby="price-label">
      <h2 class="label" id="price-label">
        {label}
        {age > 0 && <span class="as-of">as of {ageText(age * 1_000)} ago</span>}
      </h2>
      <p class="big-price" style={{ "--signs": moneyText(shown, currency).length }}>
        <Price minor={shown} currency={currency} label={label} />
      </p>
      <Leader view={view} />
      <p class="facts">
        {view.askingPriceMinor !== null && <span class="asking">Asking {moneyText(view.askingPriceMinor, currency)}</span>}
        <span>{counted(view.totalBids, "bid")}</span>
        <span>{counted(view.watchers, "viewer")}</span>
        {view.reserveMet !== null && <span>{view.reserveMet ? "Reserve met" : "Reserve not met"}</span>}
      </p>
      <SpokenPrice text={spokenText(view)} />
    </section>
  );
}

function Leader({ view }: { readonly view: AuctionView }): JSX.Element | null {
  if (view.phase === "closed") return null;
  const standing = standingOf(view);
  const maximum = view.you?.maximumMinor;
  if (standing === "leading") {
    return <p class="leader standing leading">You lead{maximum == null ? "" : `, your maximum is ${moneyText(maximum, view.auction.currency)}`}</p>;
  }
  if (view.leaderNumber === null) return <p class="leader">Nobody leads yet</p>;
  const text = `${bidderText(view.leaderNumber, null)} leads`;
  return standing === "outbid" ? <p class="leader standing outbid">You are outbid. {text}</p> : <p class="leader">{text}</p>;
}

function spokenText(view: AuctionView): string {
  if (view.ending !== null) return "";
  const price = view.currentPriceMinor === null ? "No bid yet" : `Current price ${moneyText(view.currentPriceMinor, view.auction.currency)}`;
  const standing = standingOf(view);
  return `${price}. ${standing === "leading" ? "You lead." : standing === "outbid" ? "You are outbid." : ""}`;
}

/** Price and time left in the tab, so that it is of use in the background; the icon carries the number. */
function useTabTitle(view: AuctionView, title: string, number: string): void {
  useEveryTick(() => {
    const price = view.currentPriceMinor ?? view.auction.openingPriceMinor;
    const old = view.stale ? "not live · " : "";
    const text = `${old}${moneyText(price, view.auction.currency)} · ${view.ending === null ? timeText(view) : view.ending.outcome} · ${title}`;
    if (document.title !== text) document.title = text;
  });
  useEffect(() => {
    const icon = document.querySelector<HTMLLinkElement>("link[rel=icon]");
    if (icon !== null) icon.href = paddleIcon(number);
    return () => {
      if (icon !== null) icon.href = paddleIcon("");
    };
  }, [number]);
}
