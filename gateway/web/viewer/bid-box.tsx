// The bid box: three next amounts, a maximum, the answer, and the bar that says one was outbid.
import type { JSX, TargetedSubmitEvent } from "preact";
import { useState } from "preact/hooks";
import type { AuctionView } from "../../client/client.ts";
import { type Bidding, standingOf } from "./bidding.ts";
import { takeFocus, useLive } from "./live.ts";
import { bandsOf, moneyText, nextAmounts, parseMoney, stepAt } from "./money.ts";

interface Props {
  readonly view: AuctionView;
  readonly bidding: Bidding;
}

export function BidBox({ view, bidding }: Props): JSX.Element {
  const { identity } = useLive();
  const leading = view.you?.leading === true;
  const amounts = useAmounts(view);
  const { currency } = view.auction;
  const verb = leading ? "Raise to" : "Bid";
  return (
    <section class="bid-box" aria-labelledby="bid-box-title">
      <h2 id="bid-box-title" class="unseen">
        {leading ? "Raise your maximum" : "Place a bid"}
      </h2>
      <div class="amounts">
        {amounts.map((minor, at) => (
          <button
            key={at}
            type="button"
            class={at === 0 ? "primary" : "secondary"}
            disabled={bidding.busy || bidding.off !== null}
            aria-describedby="bid-said"
            onClick={() => bidding.bid(minor)}
          >
            {at === 0 ? `${verb} ${moneyText(minor, currency)}` : <Amount verb={verb} text={moneyText(minor, currency)} />}
          </button>
        ))}
      </div>
      <MaximumField view={view} bidding={bidding} leading={leading} />
      {view.buyNowMinor !== null && <BuyNow minor={view.buyNowMinor} currency={currency} bidding={bidding} />}
      <SaidLine view={view} bidding={bidding} />
      {identity === "nobody" && <TokenField />}
    </section>
  );
}

/** A short label for the eye, the whole one for the ear. */
function Amount({ verb, text }: { readonly verb: string; readonly text: string }): JSX.Element {
  return (
    <>
      <span class="unseen">{verb} </span>
      {text}
    </>
  );
}

/** The least one can bid (or raise to) and two steps more. */
function useAmounts(view: AuctionView): readonly number[] {
  const { tables } = useLive();
  const bands = bandsOf(view.auction.increments, tables);
  const asking = view.askingPriceMinor ?? view.auction.openingPriceMinor;
  const own = view.you?.leading === true ? (view.you.maximumMinor ?? view.currentPriceMinor ?? 0) : 0;
  const above = own === 0 ? 0 : own + (bands === null ? 1 : stepAt(own, bands));
  return nextAmounts(Math.max(asking, above), bands);
}

function MaximumField({ view, bidding, leading }: Props & { readonly leading: boolean }): JSX.Element | null {
  const [text, setText] = useState("");
  const { currency, bidding: rules } = view.auction;
  const amount = text === "" ? null : parseMoney(text, currency);
  const flatOnly = rules?.kinds.includes("maximum") === false;
  const unreadable = text !== "" && amount === null;
  // The field itself is read, not the state: Enter may come before the frame in which the last letter is rendered.
  const submit = (event: TargetedSubmitEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const field = event.currentTarget.querySelector("input");
    const typed = field === null ? null : parseMoney(field.value, currency);
    if (typed === null || bidding.busy || bidding.off !== null) return;
    bidding.bid(typed);
    setText("");
  };
  return (
    <form class="maximum" onSubmit={submit} noValidate>
      <label for="maximum">{flatOnly ? "Another amount" : leading ? "Your new maximum" : "Your maximum"}</label>
      <div class="field">
        <input
          id="maximum"
          inputMode="decimal"
          autoComplete="off"
          enterKeyHint="send"
          maxLength={24}
          placeholder={`${leading ? "New maximum" : "Maximum"}, ${currency}`}
          value={text}
          aria-invalid={unreadable}
          aria-describedby="maximum-says"
          onInput={(event) => setText(event.currentTarget.value)}
        />
        <button type="submit" class="secondary" disabled={bidding.busy || bidding.off !== null}>
          {amount === null ? "Bid" : flatOnly ? `Bid ${moneyText(amount, currency)}` : `Bid up to ${moneyText(amount, currency)}`}
        </button>
      </div>
      <p id="maximum-says" class="hint">
        {unreadable
          ? `Type an amount in ${currency}, such as ${plainExample(view)}.`
          : flatOnly
            ? "Your bid becomes the price at once."
            : "Bids for you, the least needed each time, up to this amount. Nobody else sees it."}
      </p>
    </form>
  );
}

function plainExample(view: AuctionView): string {
  return moneyText(view.askingPriceMinor ?? view.auction.openingPriceMinor, view.auction.currency);
}

/** What became of the bid; while it is on its way, that. */
function SaidLine({ view, bidding }: Props): JSX.Element {
  const { said, off } = bidding;
  const { currency } = view.auction;
  return (
    <div class="said" id="bid-said" role="status">
      {said.kind === "waiting" && <p>{said.text}</p>}
      {said.kind === "said" && (
        <p class={`tone-${said.tone}`}>
          {said.text}
          {said.askingPriceMinor !== null && off === null && (
            <button type="button" class="inline" onClick={() => bidding.bid(said.askingPriceMinor ?? 0)}>
              Bid {moneyText(said.askingPriceMinor, currency)}
            </button>
          )}
        </p>
      )}
      {off !== null && view.phase !== "closed" && <p class="off">{off}</p>}
    </div>
  );
}

/** Two presses, as it ends the auction: the first asks, the second buys. */
function BuyNow({ minor, currency, bidding }: { readonly minor: number; readonly currency: string; readonly bidding: Bidding }): JSX.Element {
  const [sure, setSure] = useState(false);
  const disabled = bidding.busy || bidding.off !== null;
  const text = moneyText(minor, currency);
  if (!sure) {
    return (
      <button type="button" class="secondary wide" disabled={disabled} onClick={() => setSure(true)}>
        Buy now for {text}
      </button>
    );
  }
  return (
    <div class="sure">
      <p tabIndex={-1} ref={takeFocus}>
        This ends the auction and the lot is yours for {text}.
      </p>
      <button type="button" class="primary" disabled={disabled} onClick={() => bidding.buy(minor)}>
        Buy for {text}
      </button>
      <button type="button" class="secondary" onClick={() => setSure(false)}>
        Not now
      </button>
    </div>
  );
}

/** For whoever has a token and no guest identity is given. */
function TokenField(): JSX.Element {
  const { restart } = useLive();
  const [text, setText] = useState("");
  const submit = (event: Event): void => {
    event.preventDefault();
    if (text.trim() !== "") restart(text);
  };
  return (
    <form class="token" onSubmit={submit}>
      <label for="token">Your token, to bid</label>
      <div class="field">
        <input id="token" type="password" autoComplete="off" value={text} onInput={(event) => setText(event.currentTarget.value)} />
        <button type="submit" class="secondary">
          Use it
        </button>
      </div>
    </form>
  );
}

/** "Outbid. Now 155.00. Bid 160.00", one press. It is part of the column, so it never lies over the field being typed in. */
export function OutbidBar({ view, bidding }: Props): JSX.Element | null {
  const asking = view.askingPriceMinor;
  if (standingOf(view) !== "outbid" || view.phase !== "open" || asking === null || view.currentPriceMinor === null) return null;
  const { currency } = view.auction;
  return (
    <div class="outbid-bar" role="alert">
      <p>
        <strong>Outbid.</strong> Now {moneyText(view.currentPriceMinor, currency)}.
      </p>
      <button type="button" class="primary" disabled={bidding.busy || bidding.off !== null} onClick={() => bidding.bid(asking)}>
        Bid {moneyText(asking, currency)}
      </button>
    </div>
  );
}
