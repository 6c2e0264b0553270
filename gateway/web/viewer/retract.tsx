// Taking a bid back: a quiet line below the bid box. The first press says what would happen, the second does it.
import type { JSX, TargetedSubmitEvent } from "preact";
import { useState } from "preact/hooks";
import type { AuctionView, RetractReason } from "../../client/client.ts";
import type { Bidding } from "./bidding.ts";
import { takeFocus, useLive, useTicking } from "./live.ts";
import { newestOwnAtMs, type Retractable, retractable } from "./retraction.ts";

const REASONS: readonly { readonly reason: RetractReason; readonly text: string }[] = [
  { reason: "mistyped_amount", text: "I mistyped the amount" },
  { reason: "description_changed", text: "The description has changed" },
];

export function Retract({ view, bidding }: { readonly view: AuctionView; readonly bidding: Bidding }): JSX.Element | null {
  const { client } = useLive();
  const [open, setOpen] = useState(false);
  const newest = Math.max(newestOwnAtMs(view) ?? 0, bidding.newestAtMs ?? 0);
  const which = useTicking<Retractable>(() => retractable(view, newest === 0 ? null : newest, client.clock.serverNow()));
  if (which === "none") return null;
  const submit = (event: TargetedSubmitEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const chosen = new FormData(event.currentTarget).get("reason");
    const reason = REASONS.find((each) => each.reason === chosen)?.reason;
    if (reason === undefined) return;
    bidding.retract(reason);
    setOpen(false);
  };
  return (
    <div class="retract">
      <button type="button" class="quiet" aria-expanded={open} disabled={bidding.busy || bidding.off !== null} onClick={() => setOpen(!open)}>
        Take {which === "all" ? "my bids" : "my bid"} back
      </button>
      {open && <Question which={which} allowed={view.auction.retraction?.reasons ?? []} off={bidding.busy || bidding.off !== null} submit={submit} />}
    </div>
  );
}

function Question({
  which,
  allowed,
  off,
  submit,
}: {
  readonly which: Retractable;
  readonly allowed: readonly string[];
  readonly off: boolean;
  submit(event: TargetedSubmitEvent<HTMLFormElement>): void;
}): JSX.Element {
  return (
    <form onSubmit={submit}>
      <p tabIndex={-1} ref={takeFocus}>
        {which === "all"
          ? "All your bids on this lot are struck out, for everybody to see, and the price falls to what the others have bid."
          : "Your newest bid is struck out, for everybody to see. What you bid before it stands again, and the price falls to match."}
      </p>
      <fieldset>
        <legend>Bids are taken back for a reason</legend>
        {REASONS.filter(({ reason }) => allowed.includes(reason)).map(({ reason, text }) => (
          <label key={reason}>
            <input type="radio" name="reason" value={reason} required />
            {text}
          </label>
        ))}
      </fieldset>
      <button type="submit" class="secondary" disabled={off}>
        Take {which === "all" ? "them" : "it"} back
      </button>
    </form>
  );
}
