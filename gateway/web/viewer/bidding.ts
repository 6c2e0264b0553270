// One person's bidding in one auction: what was sent, what came back, what is to be said. Shared by bid box and outbid bar.
//
// A1. One command at a time: while one waits, nothing else can be pressed.
// A2. An unknown outcome is asked again by itself, under its key, until there is an answer; the box says "still asking".
import { useCallback, useEffect, useState } from "preact/hooks";
import { type AuctionView, type BidAnswer, type Client, FairwarningError, OutcomeUnknown } from "../../client/client.ts";
import { ageSeconds, useLive, useTicking } from "./live.ts";
import { answerText, phaseText, refusalText, type Tone } from "./words.ts";

export type Said =
  | { readonly kind: "nothing" }
  | { readonly kind: "sending"; readonly amountMinor: number }
  | { readonly kind: "asking"; readonly amountMinor: number }
  | { readonly kind: "said"; readonly text: string; readonly tone: Tone; readonly askingPriceMinor: number | null };

export interface Bidding {
  readonly said: Said;
  /** Why nothing can be pressed now, or null. */
  readonly off: string | null;
  readonly busy: boolean;
  bid(amountMinor: number): void;
  buy(amountMinor: number): void;
}

/** While polling, a price this old can still be bid on: the rules decide by the state at the owner, not by the page's. */
const POLLED_AGE_MAX_S = 6;

/** Bidding in the auction of a view: what to press, what to say, and why not. */
export function useBidding(view: AuctionView): Bidding {
  const { client, identity } = useLive();
  const [said, setSaid] = useState<Said>({ kind: "nothing" });
  const busy = said.kind === "sending" || said.kind === "asking";
  const off = useTicking(() => whyOff(client, view, identity !== "nobody") ?? "") || null;
  useClearedWhenOutbid(client, view.auctionId, setSaid);

  const run = useCallback(
    (purchase: boolean, amountMinor: number) => {
      const { currency } = view.auction;
      setSaid({ kind: "sending", amountMinor });
      const sent = send(client, view, purchase, amountMinor);
      untilKnown(sent, () => setSaid({ kind: "asking", amountMinor })).then(
        (answer) =>
          setSaid({
            kind: "said",
            ...answerText(answer, { amountMinor, currency, purchase }),
            askingPriceMinor: answer.verdict === "rejected" ? answer.askingPriceMinor : null,
          }),
        (error: unknown) => setSaid({ kind: "said", text: errorText(error), tone: "plain", askingPriceMinor: null }),
      );
    },
    [client, view],
  );
  return {
    said,
    off,
    busy,
    bid: (amountMinor) => !busy && off === null && run(false, amountMinor),
    buy: (amountMinor) => !busy && off === null && run(true, amountMinor),
  };
}

function send(client: Client, view: AuctionView, purchase: boolean, amountMinor: number): Promise<BidAnswer> {
  const { auctionId, auction, you } = view;
  const order = { auctionId, amountMinor, currency: auction.currency };
  if (purchase) return client.buyNow(order);
  if (you?.leading === true) return client.raiseMaximum(order);
  const flatOnly = auction.bidding?.kinds.includes("maximum") === false;
  return client.placeBid({ ...order, kind: flatOnly ? "flat" : "maximum" });
}

async function untilKnown(first: Promise<BidAnswer>, asking: () => void): Promise<BidAnswer> {
  let asked = first;
  for (;;) {
    try {
      return await asked;
    } catch (error) {
      if (!(error instanceof OutcomeUnknown)) throw error;
      asking();
      asked = error.askAgain();
    }
  }
}

function errorText(error: unknown): string {
  if (error instanceof FairwarningError) return refusalText(error.code, error.retryAfterMs);
  return "The page failed to send the bid. Load it again.";
}

function whyOff(client: Client, view: AuctionView, identified: boolean): string | null {
  const phase = phaseText(view);
  if (phase !== null) return phase;
  if (!identified) return "You are watching only. Bidding needs an identity.";
  if (view.you?.blocked === true) return "You may not bid in this auction.";
  const age = ageSeconds(view);
  if (age === 0 || (client.state === "polling" && age <= POLLED_AGE_MAX_S)) return null;
  return "Bidding is off until the price is live again.";
}

/** "You lead" must not stand where the lead was lost meanwhile. */
function useClearedWhenOutbid(client: Client, auctionId: string, setSaid: (said: (before: Said) => Said) => void): void {
  useEffect(
    () => client.on("outbid", (notice) => notice.auctionId === auctionId && setSaid((before) => (before.kind === "said" ? { kind: "nothing" } : before))),
    [client, auctionId, setSaid],
  );
}

/** How one stands: `none` without a live bid of one's own. */
export function standingOf(view: AuctionView): "leading" | "outbid" | "none" {
  const { you } = view;
  if (you === null || (you.highestBidMinor === null && you.maximumMinor === null)) return "none";
  return you.leading ? "leading" : "outbid";
}
