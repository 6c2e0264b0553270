// One person's bidding in one auction: what was sent, what came back, what is to be said. Shared by bid box and outbid bar.
//
// A1. One command at a time: while one waits, nothing else can be pressed.
// A2. An unknown outcome is asked again by itself, under its key, until there is an answer; the box says "still asking".
import { useCallback, useEffect, useState } from "preact/hooks";
import { type AuctionView, type BidAnswer, type Client, FairwarningError, OutcomeUnknown, type RetractReason } from "../../client/client.ts";
import { ageSeconds, useLive, useTicking } from "./live.ts";
import { moneyText } from "./money.ts";
import { answerText, notTakenBackText, phaseText, refusalText, retractionText, type Tone } from "./words.ts";

export type Said =
  | { readonly kind: "nothing" }
  | { readonly kind: "waiting"; readonly text: string }
  | { readonly kind: "said"; readonly text: string; readonly tone: Tone; readonly askingPriceMinor: number | null; readonly of: BidAnswer | null };

export interface Bidding {
  readonly said: Said;
  /** Why nothing can be pressed now, or null. */
  readonly off: string | null;
  readonly busy: boolean;
  bid(amountMinor: number): void;
  buy(amountMinor: number): void;
  retract(reason: RetractReason): void;
  /** Server time of the newest bid that was placed from here, a silent raise included; null before the first. */
  readonly newestAtMs: number | null;
}

type Order =
  | { readonly kind: "bid"; readonly amountMinor: number }
  | { readonly kind: "buy"; readonly amountMinor: number }
  | { readonly kind: "retract"; readonly reason: RetractReason };

/** While polling, a price this old can still be bid on: the rules decide by the state at the owner, not by the page's. */
const POLLED_AGE_MAX_S = 6;

/** Bidding in the auction of a view: what to press, what to say, and why not. */
export function useBidding(view: AuctionView): Bidding {
  const { client, identity } = useLive();
  const [said, setSaid] = useState<Said>({ kind: "nothing" });
  const [newestAtMs, setNewestAtMs] = useState<number | null>(null);
  const busy = said.kind === "waiting";
  const off = useTicking(() => whyOff(client, view, identity !== "nobody") ?? "") || null;
  useClearedWhenOutbid(client, view.auctionId, setSaid);

  const run = useCallback(
    (order: Order) => {
      const { currency } = view.auction;
      setSaid({ kind: "waiting", text: sendingText(order, currency) });
      untilKnown(send(client, view, order), () => setSaid({ kind: "waiting", text: askingText(order, currency) })).then(
        (answer) => {
          if (answer.verdict === "accepted") setNewestAtMs(order.kind === "retract" ? null : answer.decidedAtMs);
          setSaid(saidOf(order, answer, currency));
        },
        (error: unknown) => setSaid({ kind: "said", text: errorText(order, error), tone: "plain", askingPriceMinor: null, of: null }),
      );
    },
    [client, view],
  );
  const place = (order: Order): void => {
    if (!busy && off === null) run(order);
  };
  return {
    said: isOvertaken(said, view) ? { kind: "nothing" } : said,
    off,
    busy,
    newestAtMs,
    bid: (amountMinor) => place({ kind: "bid", amountMinor }),
    buy: (amountMinor) => place({ kind: "buy", amountMinor }),
    retract: (reason) => place({ kind: "retract", reason }),
  };
}

function send(client: Client, view: AuctionView, order: Order): Promise<BidAnswer> {
  const { auctionId, auction, you } = view;
  if (order.kind === "retract") return client.retract({ auctionId, reason: order.reason });
  const bid = { auctionId, amountMinor: order.amountMinor, currency: auction.currency };
  if (order.kind === "buy") return client.buyNow(bid);
  if (you?.leading === true) return client.raiseMaximum(bid);
  const flatOnly = auction.bidding?.kinds.includes("maximum") === false;
  return client.placeBid({ ...bid, kind: flatOnly ? "flat" : "maximum" });
}

function sendingText(order: Order, currency: string): string {
  return order.kind === "retract" ? "Taking your bid back" : `Sending your bid of ${moneyText(order.amountMinor, currency)}`;
}

function askingText(order: Order, currency: string): string {
  if (order.kind === "retract") return "Still asking whether your bid was taken back.";
  return `Still asking whether your bid of ${moneyText(order.amountMinor, currency)} was taken. It cannot count twice.`;
}

function saidOf(order: Order, answer: BidAnswer, currency: string): Said {
  const asked = answer.verdict === "rejected" && order.kind === "bid" ? answer.askingPriceMinor : null;
  const words =
    order.kind === "retract"
      ? retractionText(answer, currency)
      : answerText(answer, { amountMinor: order.amountMinor, currency, purchase: order.kind === "buy" });
  return { kind: "said", ...words, askingPriceMinor: asked, of: answer };
}

/** "You lead at 340.00" must not stand beside another price: what is true now stands under the price. */
function isOvertaken(said: Said, view: AuctionView): boolean {
  if (said.kind !== "said" || said.of?.verdict !== "accepted") return false;
  return view.sequence > said.of.sequence && view.currentPriceMinor !== said.of.currentPriceMinor;
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

function errorText(order: Order, error: unknown): string {
  if (!(error instanceof FairwarningError)) return "The page failed to send this. Load it again.";
  return order.kind === "retract" ? notTakenBackText(error.retryAfterMs) : refusalText(error.code, error.retryAfterMs);
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
