// How it ended: sold, passed or withdrawn, what that means for whoever looks, and similar lots that still run.
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { Auction, AuctionView, Ending as EndingFacts } from "../../client/client.ts";
import { Card } from "./card.tsx";
import { useLive } from "./live.ts";
import { similarLots } from "./lots.ts";
import { moneyText } from "./money.ts";
import { dateText } from "./words.ts";

export function Ending({ view, ending }: { readonly view: AuctionView; readonly ending: EndingFacts }): JSX.Element {
  const { headline, text, toYou } = endingWords(view, ending);
  return (
    <section class={`ending ${ending.outcome}`} aria-labelledby="ending-title" role="status">
      <h2 id="ending-title">{headline}</h2>
      <p class={toYou ? "standing leading" : ""}>{text}</p>
      {ending.endedAtMs !== null && <p class="ended-at">Ended {dateText(ending.endedAtMs)}</p>}
    </section>
  );
}

/** The ending in words. */
export function endingWords(view: AuctionView, ending: EndingFacts): { readonly headline: string; readonly text: string; readonly toYou: boolean } {
  const { currency } = view.auction;
  const own = view.you?.bidderNumber ?? null;
  if (ending.outcome === "sold" && ending.hammerPriceMinor !== null) {
    const toYou = ending.winnerNumber !== null && ending.winnerNumber === own;
    const price = moneyText(ending.hammerPriceMinor, currency);
    const how = ending.by === "buy_now" ? "Bought" : "Sold";
    return {
      headline: toYou ? `${how}, to you` : how,
      text: toYou ? `The lot is yours for ${price}.` : `To bidder ${ending.winnerNumber}, for ${price}.`,
      toYou,
    };
  }
  if (ending.outcome === "withdrawn") return { headline: "Withdrawn", text: "The lot was withdrawn. No bid on it counts.", toYou: false };
  return {
    headline: "Passed",
    text: view.totalBids === 0 ? "Nobody bid, so the lot was not sold." : "The reserve was not met, so the lot was not sold.",
    toYou: false,
  };
}

/** Below an auction that has ended. */
export function SimilarLots({ view }: { readonly view: AuctionView }): JSX.Element | null {
  const { client } = useLive();
  const [lots, setLots] = useState<readonly Auction[]>([]);
  const { auctionId } = view;
  const category = view.auction.lot?.category;
  useEffect(() => {
    similarLots(client, { auctionId, category }).then(setLots, () => undefined);
  }, [client, auctionId, category]);
  if (lots.length === 0) return null;
  return (
    <section class="similar" aria-labelledby="similar-title">
      <h2 id="similar-title">Still on sale</h2>
      <ul class="grid">
        {lots.map((lot) => (
          <Card key={lot.auctionId} lot={lot} under={2} />
        ))}
      </ul>
    </section>
  );
}
