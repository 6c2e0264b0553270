// A price that rolls its digits and is underlined when it moves: the one loud thing of the page.
import type { JSX } from "preact";
import { useRef } from "preact/hooks";
import { moneyText } from "./money.ts";

const DIGITS = "0123456789";

/** `minor` null shows a dash. The underline appears when the price moves while it is looked at, not when it is first shown. */
export function Price({ minor, currency, label }: { readonly minor: number | null; readonly currency: string; readonly label: string }): JSX.Element {
  const moves = useMoves(minor);
  const text = minor === null ? "–" : moneyText(minor, currency);
  return (
    <span class="price">
      <span class="unseen">{`${label} ${minor === null ? "none yet" : text}`}</span>
      <span aria-hidden="true" class="reels" dir="ltr">
        {[...text].map((sign, at) => (
          <Reel key={text.length - at} sign={sign} />
        ))}
      </span>
      {moves > 0 && <span key={moves} class="moved" aria-hidden="true" />}
    </span>
  );
}

/** How often the price has moved since it was first seen. */
function useMoves(minor: number | null): number {
  const held = useRef({ minor, moves: 0 });
  if (held.current.minor !== minor) held.current = { minor, moves: held.current.minor === null && held.current.moves === 0 ? 1 : held.current.moves + 1 };
  return held.current.moves;
}

/** One place of the price: a column of ten digits, moved to the one that is shown. */
function Reel({ sign }: { readonly sign: string }): JSX.Element {
  if (!DIGITS.includes(sign)) return <span class="sign">{sign}</span>;
  return (
    <span class="reel">
      <span class={`digits d${sign}`}>
        {[...DIGITS].map((digit) => (
          <span key={digit}>{digit}</span>
        ))}
      </span>
    </span>
  );
}

/** A price that only underlines, for the many cards of a list. */
export function PlainPrice({ minor, currency }: { readonly minor: number | null; readonly currency: string }): JSX.Element {
  const moves = useMoves(minor);
  return (
    <span class="price">
      {minor === null ? "–" : moneyText(minor, currency)}
      {moves > 0 && <span key={moves} class="moved" aria-hidden="true" />}
    </span>
  );
}
